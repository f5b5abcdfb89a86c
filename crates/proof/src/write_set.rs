//! Which paths an intent lets a builder write.

/// Whether a pattern of the write-set covers `path`, both relative to the product.
///
/// `*` stands for any part of one name, `?` for one character of it, `**` for any part of a path;
/// everything else for itself. A directory's name does not cover what is in it: `src/**` does.
pub fn in_write_set(pattern: &str, path: &str) -> bool {
    // Quadratic at the worst in short texts, thanks to one row of memory for each byte of the path.
    let (pattern, path) = (pattern.as_bytes(), path.as_bytes());
    let mut reached = vec![false; path.len() + 1];
    reached[0] = true;
    let mut at = 0;
    while at < pattern.len() {
        let (star, crosses) = match (pattern[at], pattern.get(at + 1)) {
            (b'*', Some(b'*')) => (true, true),
            (b'*', _) => (true, false),
            _ => (false, false),
        };
        if star {
            for n in 0..path.len() {
                reached[n + 1] |= reached[n] && (crosses || path[n] != b'/');
            }
        } else {
            for n in (0..path.len()).rev() {
                let same = pattern[at] == path[n] || (pattern[at] == b'?' && path[n] != b'/');
                reached[n + 1] = reached[n] && same;
            }
            reached[0] = false;
        }
        at += if crosses { 2 } else { 1 };
    }
    reached[path.len()]
}

#[cfg(test)]
mod tests {
    use super::in_write_set;

    #[test]
    fn names_stars_and_what_they_do_not_cover() {
        for (pattern, path) in [
            ("roman.py", "roman.py"),
            ("tests/*", "tests/test_a.py"),
            ("src/**", "src/a/b.rs"),
            ("**/*.py", "a/b/c.py"),
            ("?.txt", "a.txt"),
            ("a*b*c", "aXbYc"),
        ] {
            assert!(in_write_set(pattern, path), "{pattern} {path}");
        }
        for (pattern, path) in [
            ("roman.py", "roman.pyc"),
            ("roman.py", "a/roman.py"),
            ("tests/*", "tests/a/b.py"),
            ("tests/*", "tests"),
            ("src", "src/a"),
            ("?", "/"),
            ("", "a"),
            ("*.py", "a/b.py"),
        ] {
            assert!(!in_write_set(pattern, path), "{pattern} {path}");
        }
    }
}
