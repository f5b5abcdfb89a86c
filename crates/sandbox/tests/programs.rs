//! What an honest program gets: its arguments, input, mounts, toolchains, and its own exit code.

mod common;

use common::{in_each, run, shell, text};
use sandbox::Exit;

#[test]
fn output_and_exit_code_come_back() {
    in_each(|sandbox| {
        let finished = run(sandbox, &shell("echo out; echo err >&2; exit 3"));
        assert_eq!(finished.exit, Exit::Code(3));
        assert_eq!(text(&finished.stdout), "out\n");
        assert_eq!(text(&finished.stderr), "err\n");
    });
}
