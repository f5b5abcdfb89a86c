//! A service as a real process in the sandbox, with its twins on its own loopback.
//!
//! It refuses to know what is asked of either.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use intent::Service;
use policy::FailureKind;
use sandbox::{Command, Door, Exit, Finished, Limits, Running};

use crate::WorldError;
use crate::http::{HttpRequest, HttpResponse, exchange};
use crate::line::{Line, SOCKETS};
use crate::play::last_line;
use crate::services::{Ending, Mishap, Services};
use crate::twins::Twins;
use crate::world::SandboxWorld;

/// A program that needs longer to start makes its users wait, and every play.
const READY_PATIENCE: Duration = Duration::from_secs(10);

/// How long a service may think about one request.
const ANSWER_PATIENCE: Duration = Duration::from_secs(15);

/// From SIGTERM to SIGKILL.
const GRACE: Duration = Duration::from_secs(2);

/// From the end of its connections to the end of a program.
const DYING: Duration = Duration::from_millis(100);

/// Between two looks whether it is ready.
const LOOK: Duration = Duration::from_millis(2);

/// How many times the limits of a run hold for a service, which lives as long as its scenario.
pub(crate) const LONGER: u32 = 12;

/// A service that was started.
pub(crate) struct Live {
    running: Running,
    line: Arc<Line>,
}

impl SandboxWorld<'_> {
    fn declared(&self) -> Result<&Service, WorldError> {
        self.interface.service.as_ref().ok_or(WorldError::NoService)
    }

    /// The command that starts it, and everything that it is told by.
    fn service_command(&mut self, env: &BTreeMap<String, String>) -> Result<Command, WorldError> {
        let service = self.declared()?.clone();
        let mut all = BTreeMap::from([("PORT".to_owned(), service.port.to_string())]);
        let interface = self.interface;
        let ports: Vec<(String, u16)> =
            self.packs.ports().map(|(name, port)| (name.to_owned(), port)).collect();
        for (name, port) in ports {
            let variables = interface.twins.get(&name).map(Vec::as_slice).unwrap_or_default();
            let Some(url) = variables.first() else { continue };
            all.insert(url.clone(), format!("http://127.0.0.1:{port}"));
            all.extend(self.twins().credential_variables(&name, variables)?);
        }
        all.extend(env.clone());
        let argv = service.start.iter().map(|word| word.replace("$PRODUCT", crate::world::PRODUCT));
        let mut command = self.command(argv.collect(), &[], &all);
        let Limits { wall, cpu, .. } = &mut command.limits;
        (*wall, *cpu) = (*wall * LONGER, *cpu * LONGER);
        Ok(command)
    }

    /// Why it does not answer, if that is because it has ended.
    fn end_of_its_own(&mut self, patience: Duration) -> Result<Option<Mishap>, WorldError> {
        if !self.live.as_mut().is_some_and(|live| live.running.ends_within(patience)) {
            return Ok(None);
        }
        let Some(live) = self.live.take() else { return Ok(None) };
        let finished = live.running.kill().map_err(WorldError::Sandbox)?;
        Ok(Some(ended(&finished)))
    }

    fn await_ready(&mut self) -> Result<Result<(), Mishap>, WorldError> {
        let ready = HttpRequest {
            method: "GET".to_owned(),
            target: self.declared()?.ready.clone(),
            headers: Vec::new(),
            body: Vec::new(),
        };
        let deadline = Instant::now() + READY_PATIENCE;
        loop {
            let Some(live) = &self.live else { return Err(WorldError::NoService) };
            let last = match self.converse(&live.line, &ready, READY_PATIENCE) {
                Ok(response) if response.status < 500 => return Ok(Ok(())),
                Ok(response) => format!("status {}", response.status),
                Err(error) => error.to_string(),
            };
            if let Some(mishap) = self.end_of_its_own(Duration::ZERO)? {
                return Ok(Err(mishap));
            }
            if Instant::now() >= deadline {
                let actual = format!("not ready after {} s: {last}", READY_PATIENCE.as_secs());
                return Ok(Err(Mishap { kind: FailureKind::TimedOut, actual }));
            }
            self.wait(LOOK)?;
        }
    }

    fn converse(
        &self,
        line: &Line,
        request: &HttpRequest,
        patience: Duration,
    ) -> std::io::Result<HttpResponse> {
        let mut stream = line.connect()?;
        let port = self.interface.service.as_ref().map_or(0, |service| service.port);
        let answer = exchange(&mut stream, &format!("127.0.0.1:{port}"), request, patience);
        line.give_back(stream);
        answer
    }
}

impl Services for SandboxWorld<'_> {
    fn twins(&mut self) -> &mut Twins {
        self.twins.as_mut().expect("whoever hands services out has made them")
    }

    fn is_running(&mut self) -> bool {
        self.live.as_mut().is_some_and(|live| !live.running.has_ended())
    }

    fn start(&mut self, env: &BTreeMap<String, String>) -> Result<Result<(), Mishap>, WorldError> {
        if self.is_running() {
            return Ok(Ok(()));
        }
        let command = self.service_command(env)?;
        let ports: Vec<(String, u16)> =
            self.packs.ports().map(|(name, port)| (name.to_owned(), port)).collect();
        let door = Door { listen: ports.iter().map(|(_, port)| *port).collect(), sockets: SOCKETS };
        let mut running = self.sandbox.spawn(&command, &door).map_err(WorldError::Sandbox)?;
        let listeners = running.take_listeners();
        let line = Arc::new(Line::new(self.declared()?.port, running.take_sockets()));
        let named = ports.into_iter().map(|(name, _)| name).zip(listeners).collect();
        self.twins().serve(named, line.clone())?;
        self.live = Some(Live { running, line });
        self.await_ready()
    }

    fn end(&mut self, how: Ending) -> Result<(), WorldError> {
        let Some(live) = self.live.take() else { return Ok(()) };
        let ended = match how {
            Ending::Stop => live.running.stop(GRACE),
            Ending::Kill => live.running.kill(),
        };
        ended.map(|_| ()).map_err(WorldError::Sandbox)
    }

    fn request(
        &mut self,
        request: &HttpRequest,
    ) -> Result<Result<HttpResponse, Mishap>, WorldError> {
        if self.cancel.is_pulled() {
            return Err(WorldError::Cancelled);
        }
        let Some(live) = &self.live else {
            let actual = "the service does not run".to_owned();
            return Ok(Err(Mishap { kind: FailureKind::WrongResponse, actual }));
        };
        let error = match self.converse(&live.line, request, ANSWER_PATIENCE) {
            Ok(response) => return Ok(Ok(response)),
            Err(error) => error,
        };
        if live.line.was_exhausted() {
            return Err(WorldError::Exhausted);
        }
        let kind = match error.kind() {
            std::io::ErrorKind::TimedOut => FailureKind::TimedOut,
            _ => FailureKind::WrongResponse,
        };
        let mishap = Mishap { kind, actual: error.to_string() };
        // A program that dies hangs up a moment before it is gone.
        Ok(Err(self.end_of_its_own(DYING)?.unwrap_or(mishap)))
    }

    fn wait(&mut self, time: Duration) -> Result<(), WorldError> {
        /// How long a pulled cord may go unnoticed.
        const TICK: Duration = Duration::from_millis(50);
        let until = Instant::now() + time;
        loop {
            if self.cancel.is_pulled() {
                return Err(WorldError::Cancelled);
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            std::thread::sleep(left.min(TICK));
        }
    }
}

impl SandboxWorld<'_> {
    /// Whether a connection was missing, so that what failed may not be the program's doing.
    pub(crate) fn was_exhausted(&self) -> bool {
        self.live.as_ref().is_some_and(|live| live.line.was_exhausted())
    }
}

fn ended(finished: &Finished) -> Mishap {
    let said = last_line(&finished.stderr);
    let kind = match finished.exit {
        Exit::TimedOut => FailureKind::TimedOut,
        Exit::OutputFlood => FailureKind::Runaway,
        _ => FailureKind::Crashed,
    };
    Mishap { kind, actual: format!("it ended with {:?}: {said}", finished.exit) }
}
