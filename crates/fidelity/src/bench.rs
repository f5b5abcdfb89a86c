//! What a server costs as its users pay for it: CPU time of its whole process for each request, memory when
//! idle, and how long it takes to start. The same client and the same requests for every server.

use std::fs;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde::Serialize;

/// Requests before anything is counted: run-times that compile while they run need some.
const WARM_UP: usize = 2_000;

/// Rounds, of which the median counts.
const ROUNDS: usize = 5;

/// Requests of one round. emulate refuses a token after 5,000: each round brings its own.
const REQUESTS: usize = 4_000;

/// Connections of a crowd: what a test suite that runs in parallel opens.
const CROWD: usize = 8;

/// How long one answer may take.
const ANSWER_MAX: Duration = Duration::from_secs(10);

/// The largest answer that is read, in bytes.
const ANSWER_BYTES_MAX: usize = 4 << 20;

/// What is asked again and again.
#[derive(Debug, Clone)]
pub struct Question {
    pub service: &'static str,
    pub name: &'static str,
    pub method: &'static str,
    pub path: &'static str,
    /// The credential that the seed knows.
    pub authorization: &'static str,
}

/// The questions for which figures are published.
pub const QUESTIONS: [Question; 4] = [
    Question {
        service: "slack",
        name: "auth.test",
        method: "POST",
        path: "/api/auth.test",
        authorization: "Bearer xoxp-bench",
    },
    Question {
        service: "slack",
        name: "conversations.list",
        method: "POST",
        path: "/api/conversations.list",
        authorization: "Bearer xoxp-bench",
    },
    Question {
        service: "okta",
        name: "GET /users",
        method: "GET",
        path: "/api/v1/users",
        authorization: "SSWS bench",
    },
    Question {
        service: "github",
        name: "GET /repos/…",
        method: "GET",
        path: "/repos/octocat/hello-world",
        authorization: "Bearer gho_bench",
    },
];

/// What both begin with, in emulate's format: as many records for one as for the other.
pub const SEED: &str = include_str!("../suites/bench.yaml");

/// How a server is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Manner {
    /// By [`CROWD`] connections at once, server and client on one core: what the server itself does, since it is
    /// never woken from another core.
    OneCore,
    /// By so many connections at once, wherever the kernel puts server and client.
    Crowd,
    /// By one client that waits for each answer: every request pays for waking the server up.
    Alone,
}

/// All of them.
pub const MANNERS: [Manner; 3] = [Manner::OneCore, Manner::Crowd, Manner::Alone];

impl Manner {
    /// For the head of a column.
    pub fn name(self) -> &'static str {
        match self {
            Self::OneCore => "8 connections, one core",
            Self::Crowd => "8 connections",
            Self::Alone => "one that waits",
        }
    }

    fn connections(self) -> usize {
        match self {
            Self::OneCore | Self::Crowd => CROWD,
            Self::Alone => 1,
        }
    }
}

/// What a question cost one server.
#[derive(Debug, Clone, Serialize)]
pub struct Cost {
    pub manner: Manner,
    /// CPU time of the server's process, in microseconds a request: median of the rounds.
    pub cpu_us: f64,
    /// Real time, in microseconds a request.
    pub wall_us: f64,
    pub answer_bytes: usize,
}

/// Why nothing could be measured.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    #[error("the server at port {port} did not answer")]
    Io { port: u16, source: io::Error },
    #[error("`{path}` was answered with {status}")]
    Status { path: String, status: u16 },
}

/// Asks a server one question many times. `token` gives the credential of each round.
///
/// # Errors
/// When the server does not answer, or answers anything but 200.
pub fn ask(
    pid: u32,
    port: u16,
    question: &Question,
    manner: Manner,
    token: &dyn Fn(usize) -> String,
) -> Result<Cost, BenchError> {
    let failed = |source| BenchError::Io { port, source };
    let _confined = (manner == Manner::OneCore).then(|| Confined::to_one_core(pid));
    let clients = (0..manner.connections()).map(|_| Client::new(port));
    let mut clients = clients.collect::<io::Result<Vec<_>>>().map_err(failed)?;
    let mut rounds = Vec::new();
    let mut answer_bytes = 0;
    for round in 0..=ROUNDS {
        let authorization = token(round);
        let (method, path) = (question.method, question.path);
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nauthorization: {authorization}\r\naccept: */*\r\n\
             content-length: 0\r\n\r\n"
        );
        let count = if round == 0 { WARM_UP } else { REQUESTS };
        let (cpu, start) = (cpu_time(pid), std::time::Instant::now());
        for _ in 0..count / clients.len() {
            for client in &mut clients {
                client.stream.write_all(request.as_bytes()).map_err(failed)?;
            }
            for client in &mut clients {
                let (status, length) = client.answer().map_err(failed)?;
                if status != 200 {
                    return Err(BenchError::Status { path: path.to_owned(), status });
                }
                answer_bytes = length;
            }
        }
        let each = |time: Duration| time.as_secs_f64() * 1e6 / count as f64;
        if round > 0 {
            rounds.push((each(cpu_time(pid).saturating_sub(cpu)), each(start.elapsed())));
        }
    }
    let median = |mut values: Vec<f64>| {
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    Ok(Cost {
        manner,
        cpu_us: median(rounds.iter().map(|(cpu, _)| *cpu).collect()),
        wall_us: median(rounds.iter().map(|(_, wall)| *wall).collect()),
        answer_bytes,
    })
}

/// CPU time of all threads of a process, to the nanosecond where the kernel counts so finely.
fn cpu_time(pid: u32) -> Duration {
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else { return Duration::ZERO };
    let each = tasks.flatten().filter_map(|task| {
        let text = fs::read_to_string(task.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(each.sum())
}

/// This thread and a server on one core, until it is dropped.
struct Confined {
    pid: u32,
    /// Where they may run otherwise.
    free: libc::cpu_set_t,
}

impl Confined {
    fn to_one_core(pid: u32) -> Self {
        // SAFETY: a set of cores is plain bits, and the kernel writes no more than its size.
        let (free, core) = unsafe {
            let mut free: libc::cpu_set_t = std::mem::zeroed();
            libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &raw mut free);
            let first = (0..libc::CPU_SETSIZE as usize).rfind(|core| libc::CPU_ISSET(*core, &free));
            let mut core: libc::cpu_set_t = std::mem::zeroed();
            libc::CPU_SET(first.unwrap_or(0), &mut core);
            (free, core)
        };
        confine(pid, &core);
        Self { pid, free }
    }
}

impl Drop for Confined {
    fn drop(&mut self) {
        confine(self.pid, &self.free);
    }
}

fn confine(pid: u32, cores: &libc::cpu_set_t) {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let tasks = tasks.filter_map(|task| task.file_name().to_str()?.parse().ok());
    for task in tasks.chain([0]) {
        // SAFETY: a set of this size is read, and nothing written. Where it fails, nothing is confined.
        unsafe { libc::sched_setaffinity(task, size_of::<libc::cpu_set_t>(), cores) };
    }
}

/// Resident memory of a process, in bytes.
pub fn resident_bytes(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap_or_default();
    let kib = line.split_whitespace().nth(1).and_then(|number| number.parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}

/// A client of one connection, as lean as it can be: what it costs is not the server's.
struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Client {
    fn new(port: u16) -> io::Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(ANSWER_MAX))?;
        Ok(Self { stream, buffer: vec![0; 64 << 10] })
    }

    /// Status and length of the body of the answer to what was sent.
    fn answer(&mut self) -> io::Result<(u16, usize)> {
        let broken = || io::Error::from(io::ErrorKind::InvalidData);
        let mut filled = 0;
        let head = loop {
            filled += self.read(filled)?;
            let found = self.buffer[..filled].windows(4).position(|four| four == b"\r\n\r\n");
            if let Some(end) = found {
                break end;
            }
        };
        let text = String::from_utf8_lossy(&self.buffer[..head]).to_ascii_lowercase();
        let status = text.get(9..12).and_then(|code| code.parse().ok()).ok_or_else(broken)?;
        let header = |name: &str| text.lines().find_map(|line| line.strip_prefix(name));
        let body = head + 4;
        let Some(length) = header("content-length:") else {
            // Chunked: the last chunk is empty.
            while !self.buffer[body..filled].ends_with(b"0\r\n\r\n") {
                filled += self.read(filled)?;
            }
            return Ok((status, filled - body));
        };
        let length: usize = length.trim().parse().map_err(|_| broken())?;
        while filled < body + length {
            filled += self.read(filled)?;
        }
        Ok((status, length))
    }

    fn read(&mut self, at: usize) -> io::Result<usize> {
        if at == self.buffer.len() {
            if at >= ANSWER_BYTES_MAX {
                return Err(io::ErrorKind::FileTooLarge.into());
            }
            self.buffer.resize(at * 2, 0);
        }
        match self.stream.read(&mut self.buffer[at..])? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            length => Ok(length),
        }
    }
}
