//! Factories that earlier versions left: this one goes on with them.

use std::path::Path;
use std::process::Command;

use crate::common::World;

/// A factory of the first version whose run waits for a person, as that version's program left it.
const WAITING: &str = "tests/e2e/fixtures/waiting.tar.gz";

#[test]
fn a_run_that_waited_under_the_first_version_ships_under_this_one() {
    let world = World { dir: tempfile::tempdir().unwrap() };
    let archive = Path::new(env!("CARGO_MANIFEST_DIR")).join(WAITING);
    let unpacked = Command::new("tar")
        .arg("xzf")
        .arg(&archive)
        .arg("-C")
        .arg(world.dir.path())
        .status()
        .unwrap();
    assert!(unpacked.success());
    assert!(world.ok(&["show", "double-1"]).contains("waiting"));
    let told = world.ok(&["answer", "double-1", "approve", "--key", "ada"]);
    assert!(told.contains("shipped"), "{told}");
    assert_eq!(world.shipped(), 1);
    world.ok(&["verify", "."]);
    assert_eq!(world.json(&["--json", "replay", "double-1"])["same"], true);
}
