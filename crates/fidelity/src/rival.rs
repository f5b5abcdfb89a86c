//! vercel-labs/emulate, the rival: installed from npm and started beside ours, so that one table shows both.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use crate::suite::{SuiteError, node, npm_install};

/// The version that is compared. npm's `latest` is another program of that name.
pub const EMULATE: &str = "0.12.2";

/// The services of ours that it has, too.
const SERVICES: [&str; 3] = ["github", "okta", "slack"];

/// How long it may take to start.
const START_MAX: Duration = Duration::from_secs(30);

/// A running emulator; it ends when this is dropped.
#[derive(Debug)]
pub struct Rival {
    child: Child,
    url: String,
}

/// Why the rival could not be started.
#[derive(Debug, thiserror::Error)]
pub enum RivalError {
    #[error(transparent)]
    Install(#[from] SuiteError),
    #[error("emulate {EMULATE} did not start: {0}")]
    Start(String),
}

impl Rival {
    /// Whether it has such a service.
    pub fn has(service: &str) -> bool {
        SERVICES.contains(&service)
    }

    /// Installs emulate under `cache`, where it is not yet, and starts one service of it.
    ///
    /// # Errors
    /// When npm fails, or it does not come up.
    pub fn start(
        cache: &Path,
        service: &str,
        seed: &str,
        tell: &mut dyn FnMut(&str),
    ) -> Result<Self, RivalError> {
        let directory = cache.join(format!("emulate-{EMULATE}"));
        let failed = |cause: std::io::Error| RivalError::Start(cause.to_string());
        fs::create_dir_all(&directory).map_err(failed)?;
        let entry = directory.join("node_modules/emulate/dist/index.js");
        if !entry.exists() {
            tell("installing vercel-labs/emulate from npm");
            npm_install(&directory, &format!("emulate@{EMULATE}"))?;
        }
        let seed_file = directory.join(format!("{service}.yaml"));
        fs::write(&seed_file, seed).map_err(failed)?;
        // A port that was free a moment ago: it cannot be told to choose one.
        let free = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
        let port = free.map_err(failed)?.port();
        let url = format!("http://127.0.0.1:{port}");
        let mut child = Command::new(node(cache, tell)?)
            .arg(&entry)
            .args(["start", "--service", service, "--port", &port.to_string()])
            .args(["--base-url", &url, "--seed"])
            .arg(&seed_file)
            .current_dir(&directory)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(failed)?;
        let ready = wait_until_ready(&mut child);
        let rival = Self { child, url };
        if ready {
            Ok(rival)
        } else {
            Err(RivalError::Start("it never said that it is ready".into()))
        }
    }

    /// Where it listens.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }
}

fn wait_until_ready(child: &mut Child) -> bool {
    let Some(pipe) = child.stdout.take() else { return false };
    let (sender, ready) = mpsc::channel();
    // Reads on to the end, so that it never writes into a closed pipe.
    std::thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            if line.contains("Ready") {
                let _ = sender.send(());
            }
        }
    });
    ready.recv_timeout(START_MAX).is_ok()
}

impl Drop for Rival {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
