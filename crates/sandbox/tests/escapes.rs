//! Every way out that we know of holds, in each backend, and the attempts are real.

mod common;

use common::in_each;

#[test]
fn every_wall_holds() {
    in_each(|sandbox| {
        let escapes = sandbox.self_test();
        for escape in &escapes {
            println!("{}: {escape:?}", sandbox.backend());
        }
        let open: Vec<_> = escapes.iter().filter(|escape| !escape.held).collect();
        assert!(open.is_empty(), "{}: {open:#?}", sandbox.backend());
        // The control run must succeed wherever it needs nothing but an ordinary user.
        for name in [
            "read the host's environment",
            "read a file outside the mounts",
            "write outside the mounts",
            "write to a read-only mount",
            "reach a TCP port of the host",
            "send a datagram to the host",
            "reach an abstract socket of the host",
            "open a netlink socket",
            "see or signal a process of the host",
            "trace a process",
            "run more processes than allowed",
            "outlive the program",
        ] {
            let shown = escapes.iter().any(|escape| escape.name == name && escape.shown);
            assert!(shown, "`{name}` fails outside too, so it proves nothing: {escapes:#?}");
        }
    });
}
