//! What an honest program gets: its arguments, input, mounts, toolchains, and its own exit code.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use common::{command, in_each, run, shell, text};
use sandbox::{Access, Cancel, Exit, Mount, SandboxError};

fn mount(host: &Path, inside: &str, access: Access) -> Mount {
    Mount { host: host.to_owned(), inside: inside.into(), access }
}

#[test]
fn output_and_exit_code_come_back() {
    in_each(|sandbox| {
        let finished = run(sandbox, &shell("echo out; echo err >&2; exit 3"));
        assert_eq!(finished.exit, Exit::Code(3));
        assert_eq!(text(&finished.stdout), "out\n");
        assert_eq!(text(&finished.stderr), "err\n");
    });
}

#[test]
fn death_by_a_signal_is_told() {
    in_each(|sandbox| {
        let finished = run(sandbox, &shell("kill -SEGV $$"));
        assert_eq!(finished.exit, Exit::Signal(libc::SIGSEGV));
    });
}

#[test]
fn arguments_arrive_as_they_are() {
    in_each(|sandbox| {
        let arguments = ["", "a b", "naïve 日本 🦀", "--flag=\n", "$HOME", "'\""];
        let mut print = command(&["printf", "%s|"]);
        print.argv.extend(arguments.map(str::to_owned));
        let finished = run(sandbox, &print);
        assert_eq!(text(&finished.stdout), arguments.map(|a| format!("{a}|")).concat());
    });
}

#[test]
fn input_larger_than_every_pipe_goes_through() {
    in_each(|sandbox| {
        let mut cat = command(&["cat"]);
        cat.stdin = (0..900_000u32).map(|i| i as u8).collect();
        let finished = run(sandbox, &cat);
        assert_eq!(finished.exit, Exit::Code(0));
        assert!(finished.stdout == cat.stdin, "input and output differ");
    });
}

#[test]
fn input_that_nobody_reads_blocks_nobody() {
    in_each(|sandbox| {
        let mut idle = shell("exec 0<&-; echo done");
        idle.stdin = vec![b'x'; 1 << 20];
        let finished = run(sandbox, &idle);
        assert_eq!((finished.exit, text(&finished.stdout)), (Exit::Code(0), "done\n".into()));
    });
}

#[test]
fn the_environment_is_what_was_given_and_nothing_more() {
    in_each(|sandbox| {
        let mut env = command(&["env", "-0"]);
        env.env = BTreeMap::from([("GIVEN".to_owned(), "a=b\nc".to_owned())]);
        let finished = run(sandbox, &env);
        let names: Vec<String> = text(&finished.stdout)
            .split_terminator('\0')
            .map(|pair| pair.split('=').next().unwrap_or_default().to_owned())
            // `PWD` is bubblewrap's own: the working directory, which the program knows anyway.
            .filter(|name| name != "PWD")
            .collect();
        let mut sorted = names.clone();
        sorted.sort();
        assert_eq!(sorted, ["GIVEN", "HOME", "LANG", "PATH", "TMPDIR"]);
        assert!(text(&finished.stdout).contains("GIVEN=a=b\nc\0"));
    });
}

#[test]
fn a_program_that_is_missing_ends_as_in_a_shell() {
    in_each(|sandbox| {
        let finished = run(sandbox, &command(&["no-such-program"]));
        assert_eq!(finished.exit, Exit::Code(127));
        assert_eq!(text(&finished.stderr), "no-such-program: not found\n");
        let finished = run(sandbox, &command(&["/etc/passwd"]));
        assert_eq!(finished.exit, Exit::Code(126));
        let finished = run(sandbox, &command(&["/tmp/none"]));
        assert_eq!(finished.exit, Exit::Code(127));
    });
}

#[test]
fn mounts_are_writable_or_not_as_asked() {
    in_each(|sandbox| {
        let host = tempfile::tempdir().expect("a temporary directory");
        fs::create_dir(host.path().join("part")).expect("a directory");
        fs::write(host.path().join("part/file"), "kept").expect("a file");
        let mut write = shell(
            "echo new > made; cat part/file; \
             echo bad > part/file; rm -f part/file; mv part away; exit 0",
        );
        write.cwd = "/work".into();
        write.mounts = vec![
            // Given innermost first: the order is the sandbox's business.
            mount(&host.path().join("part"), "/work/part", Access::ReadOnly),
            mount(host.path(), "/work", Access::Writable),
        ];
        let finished = run(sandbox, &write);
        assert_eq!(text(&finished.stdout), "kept", "{}", text(&finished.stderr));
        let read = |name| fs::read_to_string(host.path().join(name)).unwrap_or_default();
        assert_eq!((read("made").as_str(), read("part/file").as_str()), ("new\n", "kept"));
    });
}

#[test]
fn nothing_outside_the_mounts_is_writable_but_the_private_places() {
    in_each(|sandbox| {
        let finished = run(
            sandbox,
            &shell(
                "for d in / /usr /etc /home /run /dev /proc/sys /var /opt; do \
                   touch $d/x 2>/dev/null && echo $d; done; \
                 touch /tmp/x $HOME/x /dev/shm/x && echo private; cd /tmp && pwd",
            ),
        );
        assert_eq!(text(&finished.stdout), "private\n/tmp\n");
    });
}

#[test]
fn nothing_of_one_run_is_there_in_the_next() {
    in_each(|sandbox| {
        run(sandbox, &shell("echo x > /tmp/left; echo x > $HOME/left"));
        let finished = run(sandbox, &shell("ls -A /tmp $HOME /dev/shm"));
        assert_eq!(text(&finished.stdout), "/dev/shm:\n\n/home/sandbox:\n\n/tmp:\n");
    });
}

#[test]
fn what_cannot_be_mounted_is_refused_by_name() {
    in_each(|sandbox| {
        let refusal = |host: &str, inside: &str| {
            let mut command = command(&["true"]);
            command.mounts = vec![mount(Path::new(host), inside, Access::ReadOnly)];
            sandbox.run(&command, &Cancel::default()).expect_err("a refusal")
        };
        let error = refusal("/no/such/place", "/work");
        assert!(matches!(error, SandboxError::MountMissing { .. }), "{error}");
        for inside in ["/", "/usr", "/proc/x", "/dev/shm/x", "relative", "/a/../usr"] {
            let error = refusal("/usr", inside);
            assert!(matches!(error, SandboxError::MountPoint(_)), "{inside}: {error}");
        }
    });
}

#[test]
fn what_no_program_can_be_given_is_refused() {
    in_each(|sandbox| {
        let refused = |argv: &[&str], cwd: &str| {
            let mut command = command(argv);
            command.cwd = cwd.into();
            sandbox.run(&command, &Cancel::default()).expect_err("a refusal")
        };
        assert!(matches!(refused(&[], "/tmp"), SandboxError::NoProgram));
        assert!(matches!(refused(&["true", "a\0b"], "/tmp"), SandboxError::Text { .. }));
        let error = refused(&["true"], "/nowhere");
        assert!(matches!(error, SandboxError::Cwd { .. }), "{error}");
    });
}

#[test]
fn loopback_works_and_leads_nowhere() {
    in_each(|sandbox| {
        let finished = run(
            sandbox,
            &shell(
                "cat /proc/net/dev | tail -n +3 | cut -d: -f1; cat /proc/net/route | tail -n +2",
            ),
        );
        assert_eq!(text(&finished.stdout).trim(), "lo");
    });
}

#[test]
fn the_toolchains_of_the_path_work_inside() {
    in_each(|sandbox| {
        for toolchain in &sandbox.toolchains().found {
            let list = command(&["ls", &toolchain.bin.to_string_lossy()]);
            assert_eq!(run(sandbox, &list).exit, Exit::Code(0), "{toolchain:?}");
        }
        let mut rust =
            shell("echo 'fn main() { println!(\"built inside\") }' > m.rs && rustc m.rs && ./m");
        rust.cwd = "/tmp".into();
        let finished = run(sandbox, &rust);
        assert_eq!(text(&finished.stdout), "built inside\n", "{}", text(&finished.stderr));
    });
}
