//! What a path is for, by the conventions of the field.

/// Whether a path is a test: what judged the product before this build.
pub(crate) fn is_test(path: &str) -> bool {
    let (directories, name) = path.rsplit_once('/').unwrap_or(("", path));
    let in_tests = directories
        .split('/')
        .any(|part| ["tests", "test", "spec", "__tests__", "testdata"].contains(&part));
    let stem = name.split('.').next().unwrap_or(name);
    in_tests
        || name.starts_with("test_")
        || stem.ends_with("_test")
        || name.contains(".test.")
        || name.contains(".spec.")
        || name == "conftest.py"
}

/// Whether a path decides how the product is built, checked or released.
pub(crate) fn is_build_or_ci(path: &str) -> bool {
    const NAMES: &[&str] = &[
        "Makefile",
        "makefile",
        "GNUmakefile",
        "justfile",
        "build.rs",
        "setup.py",
        "setup.cfg",
        "pyproject.toml",
        "tox.ini",
        "pytest.ini",
        "noxfile.py",
        "package.json",
        "CMakeLists.txt",
        "build.gradle",
        "build.gradle.kts",
        "pom.xml",
        "Cargo.toml",
        "go.mod",
        "go.sum",
        "package-lock.json",
        "pnpm-lock.yaml",
        "Dockerfile",
        "Jenkinsfile",
        ".gitlab-ci.yml",
        ".pre-commit-config.yaml",
        ".gitattributes",
        ".gitmodules",
        ".npmrc",
        ".envrc",
    ];
    const DIRECTORIES: &[&str] =
        &[".github", ".gitlab", ".ci", ".circleci", ".husky", ".githooks", ".git", ".cargo"];
    let name = path.rsplit('/').next().unwrap_or(path);
    NAMES.contains(&name)
        || name.ends_with(".lock")
        || (name.starts_with("requirements") && name.ends_with(".txt"))
        || path.split('/').any(|part| DIRECTORIES.contains(&part))
}

/// Whether an interpreter or a test runner loads a path without being asked to.
pub(crate) fn is_plugin(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    ["sitecustomize.py", "usercustomize.py", "conftest.py", ".pythonrc"].contains(&name)
        || name.ends_with(".pth")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_path_is_what_it_is_for() {
        for path in
            ["tests/a.py", "a/test/b.js", "test_a.py", "a_test.go", "b.spec.ts", "conftest.py"]
        {
            assert!(is_test(path), "{path}");
        }
        for path in ["contest.py", "testing.py", "src/latest.rs", "attest_a.py"] {
            assert!(!is_test(path), "{path}");
        }
        for path in
            ["a/Makefile", "Cargo.lock", ".github/x", "requirements-dev.txt", "a/.git/hooks/x"]
        {
            assert!(is_build_or_ci(path), "{path}");
        }
        assert!(!is_build_or_ci("make.py") && is_plugin("a/x.pth") && !is_plugin("custom.py"));
    }
}
