//! What a hostile program can do to us: end early, at most.

mod common;

use std::fs;
use std::path::Path;
use std::process;
use std::time::Duration;

use common::{NEVER, command, in_each, run, shell, text};
use sandbox::{Access, Backend, Cancel, Command, Exit, Mount};

/// Long enough for a shell to start; only programs that never end are given it.
const SOON: Duration = Duration::from_millis(300);

fn soon(mut command: Command) -> Command {
    command.limits.wall = SOON;
    command
}

fn writable(command: &mut Command, host: &Path) {
    command.mounts.push(Mount {
        host: host.to_owned(),
        inside: "/work".into(),
        access: Access::Writable,
    });
}

/// Whether somebody still holds the lock that [`HOLD`] took.
fn held(lock: &Path) -> bool {
    let file = fs::File::options().write(true).open(lock).expect("the lock file was made");
    file.try_lock().is_err()
}

/// In the background, holds a lock on `/work/lock` and the standard pipes, for ever.
const HOLD: &str = "trap '' TERM HUP INT; exec 9>/work/lock; flock 9; \
                    (trap '' TERM HUP INT; while :; do sleep 1000; done) & echo held";

#[test]
fn one_that_hangs_is_ended_in_time() {
    in_each(|sandbox| {
        let finished = run(
            sandbox,
            &soon(shell("trap '' TERM INT HUP; echo started; while :; do sleep 1000; done")),
        );
        assert_eq!((finished.exit, text(&finished.stdout)), (Exit::TimedOut, "started\n".into()));
        let finished = run(sandbox, &soon(shell("while :; do :; done")));
        assert_eq!(finished.exit, Exit::TimedOut);
        // Without a word on any pipe, which are all closed.
        let finished = run(sandbox, &soon(shell("exec <&- >&- 2>&-; sleep 1000")));
        assert_eq!(finished.exit, Exit::TimedOut);
        // Stopped, not running.
        let finished = run(sandbox, &soon(shell("kill -STOP $$")));
        assert_eq!(finished.exit, Exit::TimedOut);
    });
}

#[test]
fn one_that_burns_its_processor_time_is_ended() {
    in_each(|sandbox| {
        let mut burn = shell("while :; do :; done");
        burn.limits.cpu = Duration::from_secs(1);
        assert_eq!(run(sandbox, &burn).exit, Exit::Signal(libc::SIGXCPU));
    });
}

#[test]
fn one_that_forks_without_end_is_bounded() {
    in_each(|sandbox| {
        // Doubles nine times and no more, so that a failure of this test does not take the machine
        // down; it says so when all of it came to be.
        let mut bomb = shell(
            "b() { [ $1 -ge 9 ] && { touch /tmp/$2; sleep 1000; }; \
               b $(($1+1)) ${2}0 & b $(($1+1)) ${2}1 & wait; }; \
             b 0 n & while set -- /tmp/*; [ $# -lt 256 ]; do :; done; echo boom",
        );
        bomb.limits.processes = 40;
        bomb.limits.wall = Duration::from_secs(2);
        let finished = run(sandbox, &bomb);
        assert_eq!(text(&finished.stdout), "", "the bomb went off undisturbed");
    });
}

#[test]
fn more_processes_than_allowed_never_run() {
    in_each(|sandbox| {
        let exit = |allowed, wall| {
            let mut sleepers = shell(
                "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 1000 & done; while :; do wait; done",
            );
            sleepers.limits.processes = allowed;
            sleepers.limits.wall = wall;
            run(sandbox, &sleepers).exit
        };
        assert_eq!(exit(30, SOON), Exit::TimedOut);
        // Either the shell gives up because it cannot fork, or the kernel does not stop it and we do.
        assert_ne!(exit(8, NEVER), Exit::TimedOut);
    });
}

#[test]
fn one_that_floods_its_output_is_ended() {
    in_each(|sandbox| {
        for script in ["yes", "yes >&2", "yes & yes >&2"] {
            let mut flood = shell(script);
            flood.limits.output_bytes = 10_000;
            let finished = run(sandbox, &flood);
            assert_eq!(finished.exit, Exit::OutputFlood, "{script}");
            assert_eq!(finished.stdout.len().max(finished.stderr.len()), 10_000);
        }
        // To the byte, whether or not it ends before we have read it all.
        let mut exact = shell("head -c 5000 /dev/zero");
        exact.limits.output_bytes = 5000;
        assert_eq!(run(sandbox, &exact).exit, Exit::Code(0));
        exact.limits.output_bytes = 4999;
        assert_eq!(run(sandbox, &exact).exit, Exit::OutputFlood);
    });
}

#[test]
fn one_that_fills_the_disk_is_stopped() {
    in_each(|sandbox| {
        let host = tempfile::tempdir().expect("a temporary directory");
        let fill = |script: &str| {
            let mut fill = shell(script);
            fill.limits.file_bytes = 1 << 20;
            writable(&mut fill, host.path());
            run(sandbox, &fill)
        };
        let one_file = fill("exec dd if=/dev/zero of=/work/big bs=64k 2>/dev/null");
        assert_eq!(one_file.exit, Exit::Signal(libc::SIGXFSZ));
        assert_eq!(fs::metadata(host.path().join("big")).expect("the file").len(), 1 << 20);

        let private = fill(
            "for i in 1 2 3 4 5 6 7 8; do head -c 1000000 /dev/zero > /tmp/$i || exit 9; done",
        );
        assert_eq!(private.exit, Exit::Code(9), "{}", text(&private.stderr));

        let files = fill("i=0; while :; do i=$((i+1)); head -c 1000000 /dev/zero > /work/$i; done");
        assert_eq!(files.exit, Exit::Signal(libc::SIGXFSZ));
    });
}

#[test]
fn one_that_kills_all_it_can_reach_harms_itself_alone() {
    in_each(|sandbox| {
        // Process 1 cannot be killed from inside, and answers for the rest.
        let finished = run(sandbox, &shell("kill -9 1; kill -STOP 1; kill -9 $PPID; echo alive"));
        assert_eq!((finished.exit, text(&finished.stdout)), (Exit::Code(0), "alive\n".into()));
        let finished = run(sandbox, &shell("trap '' TERM; kill -9 -1; exit 0"));
        assert!(matches!(finished.exit, Exit::Code(_) | Exit::Signal(libc::SIGKILL)));
    });
}

#[test]
fn nothing_outlives_the_program_nor_keeps_us_waiting() {
    in_each(|sandbox| {
        let host = tempfile::tempdir().expect("a temporary directory");
        let lock = host.path().join("lock");
        for (script, exit) in [
            (format!("{HOLD}; exit 0"), Exit::Code(0)),
            // Twice removed and in a session of its own.
            (
                format!("(setsid sh -c \"{HOLD}\" &); while ! [ -s /work/lock.ready ]; do :; done"),
                Exit::TimedOut,
            ),
            (format!("{HOLD}; while :; do sleep 1000; done"), Exit::TimedOut),
        ] {
            let mut daemon = shell(&script);
            if exit == Exit::TimedOut {
                daemon = soon(daemon);
            }
            writable(&mut daemon, host.path());
            let finished = run(sandbox, &daemon);
            assert_eq!(
                (finished.exit, text(&finished.stdout)),
                (exit, "held\n".into()),
                "{script}"
            );
            assert!(!held(&lock), "{script}: a process survived");
        }
    });
}

#[test]
fn a_pulled_cord_ends_it() {
    in_each(|sandbox| {
        let host = tempfile::tempdir().expect("a temporary directory");
        let lock = host.path().join("lock");
        let mut hang = shell(&format!("{HOLD}; cat /work/fifo"));
        writable(&mut hang, host.path());
        let fifo = host.path().join("fifo");
        let made = process::Command::new("mkfifo").arg(&fifo).status().expect("mkfifo runs");
        assert!(made.success());
        let cancel = Cancel::default();
        std::thread::scope(|scope| {
            let running = scope.spawn(|| sandbox.run(&hang, &cancel));
            // Opens once the program has opened it too: it is running now, and reads for ever.
            let _open = fs::File::options().write(true).open(&fifo).expect("the fifo opens");
            cancel.pull();
            let finished = running.join().expect("no panic").expect("it ran");
            assert_eq!(finished.exit, Exit::Cancelled);
        });
        assert!(!held(&lock));
        fs::remove_file(&fifo).expect("the fifo can be removed");
        // A cord pulled before the start ends even what would never end.
        let finished = sandbox.run(&command(&["sleep", "1000"]), &cancel).expect("it ran");
        assert_eq!(finished.exit, Exit::Cancelled);
    });
}

#[test]
fn one_that_wants_all_memory_gets_what_was_allowed() {
    in_each(|sandbox| {
        let mut greedy = command(&["tail", "/dev/zero"]);
        greedy.limits.memory_bytes = Some(256 << 20);
        let finished = run(sandbox, &greedy);
        assert_ne!(finished.exit, Exit::Code(0));
        assert!(finished.wall < NEVER);
    });
}

/// Beneath the count that is kept from outside, the kernel's own ceiling: see `kernel::bound_pids`.
#[test]
fn a_bomb_cannot_outrun_the_count() {
    // SAFETY: this call cannot fail.
    let root = unsafe { libc::geteuid() } == 0;
    in_each(|sandbox| {
        let script = "ulimit -p 2>/dev/null || ulimit -u; cat /proc/sys/kernel/pid_max; id -u";
        let finished = run(sandbox, &shell(script));
        let lines: Vec<String> = text(&finished.stdout).lines().map(str::to_owned).collect();
        let [processes, pids, user] = &lines[..] else { panic!("{lines:?}") };
        assert_eq!((processes.as_str(), user.as_str()), ("65", "1000"));
        if root && sandbox.backend() == Backend::Bubblewrap {
            assert_eq!(pids, "400");
        }
    });
}
