//! Tries every way out that we know of, and says which held.
//!
//! Each attempt is made twice by the same program: inside, where it must fail, and outside, where
//! it should succeed, so that "held" says something about the walls and not about the attempt. It
//! refuses to take a setting for a proof.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::{TcpListener, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::Path;
use std::process;
use std::time::Duration;

use crate::{Access, Cancel, Command, Exit, Finished, Limits, Mount, Sandbox};

/// The program that makes the attempts; see `probe/main.rs`.
const PROBE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/probe"));

/// Long enough for the slowest machine; a probe that works ends in milliseconds.
const WALL: Duration = Duration::from_secs(10);

/// Processes allowed to the probe that forks 40.
const PROCESSES: u64 = 16;

/// One way out, tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Escape {
    /// What was tried: `read the host's environment`, …
    pub name: String,
    /// Whether the sandbox kept it from succeeding.
    pub held: bool,
    /// Whether the same attempt succeeds outside, on this machine, for this user. Where it does not,
    /// that it failed inside proves little.
    pub shown: bool,
    /// What the attempt met inside; and outside, where it failed there too.
    pub detail: String,
}

/// Makes all attempts. Takes a few sandbox starts: well under a second.
pub(crate) fn run(sandbox: &Sandbox) -> Vec<Escape> {
    let attempts = Host::prepare().and_then(|host| {
        let mut escapes = host.attempts(sandbox)?;
        escapes.push(host.forks(sandbox)?);
        escapes.push(host.daemon(sandbox)?);
        Ok(escapes)
    });
    attempts.unwrap_or_else(|error| {
        vec![Escape {
            name: "make the attempts".to_owned(),
            held: false,
            shown: false,
            detail: format!("the self-test cannot run: {error}"),
        }]
    })
}

/// What there is to reach on the host, opened for this test alone.
struct Host {
    directory: tempfile::TempDir,
    tcp: TcpListener,
    udp: UdpSocket,
    abstract_name: String,
    _abstract: UnixListener,
}

/// What the probe said of each attempt: whether it succeeded, and why.
type Said = Vec<(String, bool, String)>;

impl Host {
    fn prepare() -> io::Result<Self> {
        let directory = tempfile::tempdir()?;
        fs::create_dir(directory.path().join("mounted"))?;
        fs::create_dir(directory.path().join("writable"))?;
        fs::write(directory.path().join("canary"), "seen")?;
        let probe = directory.path().join("mounted/probe");
        fs::write(&probe, PROBE)?;
        fs::set_permissions(&probe, fs::Permissions::from_mode(0o755))?;
        let udp = UdpSocket::bind(("127.0.0.1", 0))?;
        udp.set_nonblocking(true)?;
        let abstract_name = format!("sandbox-self-test{}", directory.path().display());
        let address = SocketAddr::from_abstract_name(&abstract_name)?;
        Ok(Self {
            tcp: TcpListener::bind(("127.0.0.1", 0))?,
            udp,
            _abstract: UnixListener::bind_addr(&address)?,
            abstract_name,
            directory,
        })
    }

    fn path(&self, name: &str) -> String {
        self.directory.path().join(name).to_string_lossy().into_owned()
    }

    /// The probe's arguments; `token` is what its datagram carries.
    fn targets(&self, token: &str, readonly: &str) -> io::Result<Vec<String>> {
        let pairs = [
            ("process", own_identity()?),
            ("secret", own_secret()?),
            ("inside", if token == "inside" { "yes" } else { "no" }.to_owned()),
            ("token", token.to_owned()),
            ("canary", self.path("canary")),
            ("outside", self.path(&format!("made-{token}"))),
            ("readonly", format!("{readonly}/made")),
            ("tcp", self.tcp.local_addr()?.port().to_string()),
            ("udp", self.udp.local_addr()?.port().to_string()),
            ("abstract", self.abstract_name.clone()),
        ];
        Ok(pairs.map(|(name, value)| format!("{name}={value}")).to_vec())
    }

    fn attempts(&self, sandbox: &Sandbox) -> io::Result<Vec<Escape>> {
        let outside = self.targets("outside", &self.path("mounted"))?;
        let outside = parse(&self.control(&outside)?, &self.arrived()?);
        let inside = self.inside(sandbox, self.targets("inside", "/probe")?, Limits::default())?;
        let said = String::from_utf8_lossy(&inside.stdout).into_owned();
        let inside_said = parse(&said, &self.arrived()?);
        if inside.exit != Exit::Code(0) || inside_said.len() < outside.len() {
            let stderr = String::from_utf8_lossy(&inside.stderr);
            let why = format!("the probe ended inside with {:?}: {stderr}", inside.exit);
            return Err(io::Error::other(why));
        }
        let control: BTreeMap<String, (bool, String)> =
            outside.into_iter().map(|(name, out, why)| (name, (out, why))).collect();
        let judged = inside_said.into_iter().map(|(name, out, why)| {
            let (shown, outside) = control.get(&name).cloned().unwrap_or_default();
            let detail = if shown { why } else { format!("{why}; outside: {outside}") };
            Escape { name, held: !out, shown, detail }
        });
        Ok(judged.collect())
    }

    /// More processes than allowed: either refused, or the end of the program.
    fn forks(&self, sandbox: &Sandbox) -> io::Result<Escape> {
        let mode = vec!["mode=forks".to_owned()];
        let outside: u64 = self.control(&mode)?.trim().parse().unwrap_or(0);
        let limits = Limits { processes: PROCESSES, ..Limits::default() };
        let finished = self.inside(sandbox, mode, limits)?;
        let said = String::from_utf8_lossy(&finished.stdout);
        let count: Option<u64> = said.trim().parse().ok();
        let killed = finished.exit == Exit::Signal(libc::SIGKILL);
        Ok(Escape {
            name: "run more processes than allowed".to_owned(),
            held: killed || count.is_some_and(|count| count <= PROCESSES),
            shown: outside > PROCESSES,
            detail: match count {
                Some(count) => {
                    format!("{count} of {outside} forks succeeded, {PROCESSES} were allowed")
                }
                None => format!("it ended with {:?}", finished.exit),
            },
        })
    }

    /// A process that leaves its parents behind, and holds a lock for as long as it lives.
    fn daemon(&self, sandbox: &Sandbox) -> io::Result<Escape> {
        let lock = self.path("writable/outside");
        let said = self.control(&["mode=daemon".to_owned(), format!("lock={lock}")])?;
        let shown = is_locked(Path::new(&lock))?;
        if let (true, Ok(pid)) = (shown, said.trim().parse::<libc::pid_t>()) {
            // SAFETY: integer arguments. The lock shows that this very process is still alive.
            unsafe { libc::kill(pid, libc::SIGKILL) };
        }
        let arguments = vec!["mode=daemon".to_owned(), "lock=/writable/inside".to_owned()];
        let finished = self.inside(sandbox, arguments, Limits::default())?;
        let survived = is_locked(&self.directory.path().join("writable/inside"))?;
        Ok(Escape {
            name: "outlive the program".to_owned(),
            held: !survived,
            shown,
            detail: format!("the program ended with {:?}", finished.exit),
        })
    }

    fn inside(
        &self,
        sandbox: &Sandbox,
        arguments: Vec<String>,
        limits: Limits,
    ) -> io::Result<Finished> {
        let mount = |name: &str, inside: &str, access| Mount {
            host: self.directory.path().join(name),
            inside: inside.into(),
            access,
        };
        let command = Command {
            argv: ["/probe/probe".to_owned()].into_iter().chain(arguments).collect(),
            cwd: "/probe".into(),
            env: BTreeMap::new(),
            stdin: Vec::new(),
            mounts: vec![
                mount("mounted", "/probe", Access::ReadOnly),
                mount("writable", "/writable", Access::Writable),
            ],
            limits: Limits { wall: WALL, ..limits },
        };
        let finished = sandbox.run(&command, &Cancel::default());
        finished.map_err(io::Error::other)
    }

    /// The same program outside. What it prints comes by way of a file, since a daemon of it would
    /// hold a pipe open.
    fn control(&self, arguments: &[String]) -> io::Result<String> {
        let said = self.directory.path().join("said");
        let mut child = busy_retried(|| {
            process::Command::new(self.directory.path().join("mounted/probe"))
                .args(arguments)
                .env_clear()
                .stdin(process::Stdio::null())
                .stdout(fs::File::create(&said)?)
                .spawn()
        })?;
        child.wait()?;
        fs::read_to_string(&said)
    }

    /// The tokens of all datagrams that came.
    fn arrived(&self) -> io::Result<Vec<String>> {
        let mut tokens = Vec::new();
        let mut buffer = [0; 64];
        loop {
            match self.udp.recv(&mut buffer) {
                Ok(count) => tokens.push(String::from_utf8_lossy(&buffer[..count]).into_owned()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(tokens),
                Err(error) => return Err(error),
            }
        }
    }
}

/// Our name and time of start, as the probe reads them of any process.
fn own_identity() -> io::Result<String> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let (before, after) = stat.rsplit_once(')').unwrap_or_default();
    let (_, name) = before.split_once('(').unwrap_or_default();
    let start = after.split_whitespace().nth(19).unwrap_or_default();
    Ok(format!("{name} {start}"))
}

/// The longest variable of our environment, the least likely to be anybody else's too, but none
/// that programs inside are given anyway.
fn own_secret() -> io::Result<String> {
    const GIVEN: [&str; 5] = ["PATH=", "HOME=", "LANG=", "TMPDIR=", "PWD="];
    let environment = fs::read("/proc/self/environ")?;
    let pairs = environment.split(|byte| *byte == 0).filter_map(|pair| str::from_utf8(pair).ok());
    let ours = pairs.filter(|pair| !GIVEN.iter().any(|given| pair.starts_with(given)));
    Ok(ours.max_by_key(|pair| pair.len()).unwrap_or_default().to_owned())
}

/// The probe's lines. Of its datagram, only we know whether it came.
fn parse(said: &str, arrived: &[String]) -> Said {
    said.lines()
        .filter_map(|line| {
            let mut fields = line.splitn(3, '\t');
            let name = fields.next()?.to_owned();
            let (succeeded, why) = (fields.next()? == "yes", fields.next()?.to_owned());
            if name == "send a datagram to the host" {
                let came = !arrived.is_empty();
                return Some((name, came, if came { "it came" } else { "none came" }.to_owned()));
            }
            Some((name, succeeded, why))
        })
        .collect()
}

fn is_locked(path: &Path) -> io::Result<bool> {
    let file = fs::File::options().write(true).open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(false),
        Err(fs::TryLockError::WouldBlock) => Ok(true),
        Err(fs::TryLockError::Error(error)) => Err(error),
    }
}

/// Starts a program that was just written: another thread's fork may still hold it open for
/// writing, until that child has executed its own.
fn busy_retried<T>(mut start: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    /// A fork becomes an exec within a millisecond; a second is a hundred times the worst case.
    const TRIES: u32 = 100;
    const PAUSE: Duration = Duration::from_millis(10);
    for _ in 1..TRIES {
        match start() {
            Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy => {
                std::thread::sleep(PAUSE);
            }
            other => return other,
        }
    }
    start()
}
