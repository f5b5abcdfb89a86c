//! Programs that go on: their doors, their ends, and that nothing of them is left.

mod common;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use common::{command, in_each, text};
use sandbox::{Door, Exit, Running};

/// Answers each connection at port 8080 with what the one at port 4100 says, in capitals.
const RELAY: &str = "import os, socket, sys, signal
def end(*_):
    print('ended'); sys.exit(7)
signal.signal(signal.SIGTERM, end)
def kinds():
    return [os.readlink(f'/proc/self/fd/{n}').split(':')[0] for n in range(3, 9) if os.path.islink(f'/proc/self/fd/{n}')]
own = socket.create_server(('127.0.0.1', 8080))
print('up', sys.stdin.read(), kinds(), flush=True)
while True:
    peer, _ = own.accept()
    with peer, socket.create_connection(('127.0.0.1', 4100)) as twin:
        peer.sendall(twin.recv(100).upper())
";

fn relay(sandbox: &sandbox::Sandbox) -> Running {
    let door = Door { listen: vec![4100], sockets: 3 };
    sandbox.spawn(&command(&["python3", "-c", RELAY]), &door).unwrap()
}

/// Connects a socket of the door to a port of the program's, as soon as somebody listens there.
fn connect(socket: OwnedFd, port: u16) -> TcpStream {
    let address = libc::sockaddr_in {
        sin_family: libc::AF_INET as u16,
        sin_port: port.to_be(),
        sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes([127, 0, 0, 1]) },
        sin_zero: [0; 8],
    };
    let until = Instant::now() + common::NEVER;
    loop {
        let size = size_of_val(&address) as u32;
        // SAFETY: an address of this size.
        if unsafe { libc::connect(socket.as_raw_fd(), (&raw const address).cast(), size) } == 0 {
            return socket.into();
        }
        assert!(Instant::now() < until, "{}", std::io::Error::last_os_error());
        std::thread::yield_now();
    }
}

#[test]
fn a_service_reaches_the_host_and_is_reached_by_it_and_by_nobody_else() {
    in_each(|sandbox| {
        let mut running = relay(sandbox);
        let listener: TcpListener = running.take_listeners().remove(0);
        let mut sockets = running.take_sockets();
        assert_eq!(sockets.len(), 3);
        for said in ["one", "two"] {
            let mut stream = connect(sockets.remove(0), 8080);
            listener.accept().unwrap().0.write_all(said.as_bytes()).unwrap();
            let mut heard = String::new();
            stream.read_to_string(&mut heard).unwrap();
            assert_eq!(heard, said.to_uppercase());
        }
        // The port is the program's own: on the host there is nothing of it.
        assert!(!running.has_ended());
        let finished = running.stop(common::NEVER).unwrap();
        assert_eq!((finished.exit, text(&finished.stderr).as_str()), (Exit::Code(7), ""));
        // Its own socket, and nothing of the door's.
        assert_eq!(text(&finished.stdout), "up  ['socket']\nended\n");
    });
}

#[test]
fn a_service_is_killed_with_all_that_it_started() {
    in_each(|sandbox| {
        let script = "sleep 1000 & sleep 1000 & wait";
        let door = Door { listen: Vec::new(), sockets: 0 };
        let deaf = "import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
time.sleep(1000)";
        let running = sandbox.spawn(&command(&["python3", "-c", deaf]), &door).unwrap();
        // Whether or not it got to shut its ears: it does not outlive its grace.
        let finished = running.stop(Duration::from_millis(50)).unwrap();
        assert!(matches!(finished.exit, Exit::Signal(_)), "{:?}", finished.exit);
        let running = sandbox.spawn(&command(&["sh", "-c", script]), &door).unwrap();
        assert_eq!(running.kill().unwrap().exit, Exit::Signal(libc::SIGKILL));
        drop(sandbox.spawn(&command(&["sleep", "1000"]), &door).unwrap());
    });
}

#[test]
fn a_service_that_ends_by_itself_or_never_starts_is_told() {
    in_each(|sandbox| {
        let door = Door { listen: vec![4100, 4101], sockets: 1 };
        let ends = |argv: &[&str]| {
            let mut running = sandbox.spawn(&command(argv), &door).unwrap();
            let until = Instant::now() + common::NEVER;
            while !running.has_ended() {
                assert!(Instant::now() < until);
                std::thread::yield_now();
            }
            running.kill().unwrap()
        };
        assert_eq!(ends(&["sh", "-c", "exit 3"]).exit, Exit::Code(3));
        let missing = ends(&["no-such-program"]);
        assert_eq!(missing.exit, Exit::Code(127));
        assert_eq!(text(&missing.stderr), "no-such-program: not found\n");
    });
}
