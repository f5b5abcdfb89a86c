//! What a killed program leaves behind in the temporary directory, and who removes it.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const DARK: &str = env!("CARGO_BIN_EXE_dark");

#[test]
fn what_a_killed_program_left_behind_goes_with_the_next_start_and_what_lives_stays() {
    let tmp = tempfile::tempdir().unwrap();
    let serve = || {
        let mut child = Command::new(DARK)
            .args(["twin", "serve", "--service", "echo", "--port", "0"])
            .env("TMPDIR", tmp.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (mut line, mut told) = (String::new(), BufReader::new(child.stdout.take().unwrap()));
        told.read_line(&mut line).unwrap();
        assert!(line.contains("127.0.0.1"), "{line}");
        // Held open: it ends when nobody reads on.
        (child, told)
    };
    let of = |id: u32| {
        directories(tmp.path()).into_iter().find(|path| named(path).starts_with(&format!("{id}-")))
    };
    let ((mut killed, _first), (mut living, _second)) = (serve(), serve());
    let (left, kept) = (of(killed.id()).unwrap(), of(living.id()).unwrap());
    fs::create_dir_all(left.join("dark-stage/deep")).unwrap();
    killed.kill().unwrap();
    killed.wait().unwrap();
    assert!(left.is_dir());
    let listed =
        Command::new(DARK).args(["twin", "list"]).env("TMPDIR", tmp.path()).output().unwrap();
    assert!(listed.status.success());
    assert_eq!(directories(tmp.path()), [kept]);
    living.kill().unwrap();
    living.wait().unwrap();
}

fn named(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}

/// Those below the one directory that is for all.
fn directories(tmp: &Path) -> Vec<PathBuf> {
    let inside = |path: &Path| -> Vec<PathBuf> {
        fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect()
    };
    let parents = inside(tmp);
    assert!(parents.len() == 1 && named(&parents[0]).starts_with("dark-factory-"), "{parents:?}");
    inside(&parents[0])
}
