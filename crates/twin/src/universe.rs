//! A universe: the twins of one trajectory with their clock, chance, timers, faults and journal.
//!
//! It is a value. [`Universe::step`] takes one request to one answer; nothing else moves it but
//! [`Universe::advance_to`] (time passes) and reports of what became of webhooks. A clone is a snapshot or a fork:
//! a few reference counts, whatever it holds. It refuses to know who carries requests and webhooks to
//! and fro, and what time it is outside.

mod faults;
mod waiting;

use std::sync::Arc;
use std::time::Duration;

use base::Timestamp;
use imbl::{OrdMap, Vector};
use serde_json::Value;

use self::faults::{WebhookFaults, strike};
pub(crate) use self::waiting::address;
use self::waiting::{Due, Timer, WAITING_MAX};
use crate::delivery::Delivery;
use crate::fault::{Call, Effect, FAULTS_MAX, Fault};
use crate::journal::{Exchange, JOURNAL_BYTES_MAX, JOURNAL_MAX};
use crate::pack::{Pack, PackError};
use crate::random::Draws;
use crate::rate::Buckets;
use crate::script::{Answer, Performance, Wish, Work};
use crate::{Request, Response, State};

/// When a universe begins, unless it is told otherwise: 2026-01-05T09:00:00Z, a Monday morning.
pub const EPOCH: Timestamp = Timestamp(1_767_603_600_000);

/// Each request moves the clock by this much, so that no two things happen at the same time.
pub const TICK: Duration = Duration::from_millis(1);

/// See the module.
#[derive(Debug, Clone)]
pub struct Universe {
    twins: Vec<Twin>,
    seed: u64,
    clock: Timestamp,
    timers: OrdMap<(Timestamp, u64), Timer>,
    named: u64,
    /// Webhooks that are due, for the shell to carry out.
    outbox: Vector<Delivery>,
    /// Webhooks that the shell was given and has not reported on.
    under_way: OrdMap<u64, Delivery>,
    faults: Arc<Vec<Fault>>,
    /// How many calls matched each fault.
    struck: OrdMap<usize, u64>,
    journal: Vector<Arc<Exchange>>,
    /// Of all bodies in it.
    journal_bytes: usize,
    exchanges: u64,
    rates_enforced: bool,
}

/// One service of a universe.
#[derive(Debug, Clone)]
pub(crate) struct Twin {
    pub(crate) pack: Arc<Pack>,
    pub(crate) state: State,
    pub(crate) draws: Draws,
    pub(crate) buckets: Buckets,
    /// Where it is reached, without a slash at the end: `https://slack.com`.
    pub(crate) base: Arc<str>,
}

/// What a universe answers to a request.
#[derive(Debug, Clone)]
pub struct Reply {
    /// `None`: the connection is reset without an answer.
    pub response: Option<Response>,
    /// The answer breaks off after so many bytes of its body.
    pub cut: Option<usize>,
    /// The answer comes so much later. The logical clock has moved by as much already.
    pub delay: Duration,
}

/// Why a universe cannot be made or asked.
#[derive(Debug, thiserror::Error)]
pub enum UniverseError {
    #[error("no service `{0}` is part of this universe")]
    UnknownService(String),
    #[error("no operation `{operation}` is known{near}")]
    UnknownOperation { operation: String, near: String },
    #[error("{count} faults are more than the {FAULTS_MAX} that a universe takes")]
    TooManyFaults { count: usize },
    #[error("the {service} twin could not take its seed")]
    Seed { service: String, source: PackError },
    #[error("the {service} twin could not do `{function}`")]
    Call { service: String, function: String, source: PackError },
}

impl Universe {
    /// A universe of these services, without records but those that each pack starts with.
    ///
    /// # Errors
    /// When a pack's own `seeded` fails.
    pub fn new(packs: &[Arc<Pack>], seed: u64) -> Result<Self, UniverseError> {
        let twins = packs.iter().map(|pack| Twin {
            pack: pack.clone(),
            state: pack.empty_state(),
            draws: Draws::new(seed, pack.service()),
            buckets: Buckets::default(),
            base: format!("https://{}", pack.host()).into(),
        });
        Ok(Self {
            twins: twins.collect(),
            seed,
            clock: EPOCH,
            timers: OrdMap::new(),
            named: 0,
            outbox: Vector::new(),
            under_way: OrdMap::new(),
            faults: Arc::default(),
            struck: OrdMap::new(),
            journal: Vector::new(),
            journal_bytes: 0,
            exchanges: 0,
            rates_enforced: true,
        })
    }

    /// Gives a service its records: its section of a seed file, checked by [`crate::seed`].
    ///
    /// # Errors
    /// An unknown service, and whatever the pack's `seeded` finds wrong.
    pub fn seed_service(&mut self, service: &str, data: Value) -> Result<(), UniverseError> {
        let twin = self.twin(service)?;
        let failed = |source| UniverseError::Seed { service: service.to_owned(), source };
        self.perform(twin, |twin, index, work, now| twin.pack.seed(twin, index, work, now, data))
            .map_err(failed)?;
        self.advance_to(self.clock);
        Ok(())
    }

    /// Where a service is reached from now on, without a slash at the end. What its answers say of
    /// themselves (links, issuers, upload URLs) begins so.
    ///
    /// # Errors
    /// An unknown service.
    pub fn reach(&mut self, service: &str, base: &str) -> Result<(), UniverseError> {
        let twin = self.twin(service)?;
        self.twins[twin].base = base.trim_end_matches('/').into();
        Ok(())
    }

    /// Whether services refuse calls that come too fast by the logical clock. They do by default.
    pub fn enforce_rates(&mut self, enforce: bool) {
        self.rates_enforced = enforce;
    }

    pub fn seed(&self) -> u64 {
        self.seed
    }

    pub fn now(&self) -> Timestamp {
        self.clock
    }

    /// Sets the clock without letting anything fire in between: for a beginning at a given time.
    pub fn set_clock(&mut self, now: Timestamp) {
        self.clock = now;
    }

    pub fn services(&self) -> impl Iterator<Item = &str> {
        self.twins.iter().map(|twin| twin.pack.service())
    }

    pub fn pack(&self, service: &str) -> Option<&Arc<Pack>> {
        self.twins.iter().map(|twin| &twin.pack).find(|pack| pack.service() == service)
    }

    /// The service that answers for a real hostname.
    pub fn service_at(&self, host: &str) -> Option<&str> {
        self.twins.iter().find(|twin| twin.pack.answers_for(host)).map(|twin| twin.pack.service())
    }

    /// What a service remembers.
    pub fn state(&self, service: &str) -> Option<&State> {
        self.twins.iter().find(|twin| twin.pack.service() == service).map(|twin| &twin.state)
    }

    /// What a service remembers, as JSON: see [`State::to_json`].
    pub fn state_json(&self, service: &str) -> Option<Value> {
        let twin = self.twins.iter().find(|twin| twin.pack.service() == service)?;
        Some(twin.state.to_json(twin.pack.tables()))
    }

    /// What was asked and answered so far, oldest first; the last [`JOURNAL_MAX`] of it.
    pub fn journal(&self) -> impl DoubleEndedIterator<Item = &Arc<Exchange>> {
        self.journal.iter()
    }

    /// A digest of everything that happened and is remembered: equal for two plays of one seed.
    pub fn digest(&self) -> base::Digest {
        let mut text = String::new();
        for twin in &self.twins {
            text.push_str(twin.pack.service());
            text.push_str(&twin.state.to_json(twin.pack.tables()).to_string());
        }
        for exchange in &self.journal {
            text.push_str(&exchange.to_json().to_string());
        }
        text.push_str(&self.clock.to_string());
        base::Digest::of(text)
    }

    /// Takes a request to its answer.
    ///
    /// # Errors
    /// An unknown service. Whatever is wrong with the request is an answer of the service's.
    pub fn step(&mut self, service: &str, request: Request) -> Result<Reply, UniverseError> {
        let index = self.twin(service)?;
        self.advance_to(self.clock + TICK);
        let work = Work::new(&self.twins[index], self.named);
        // A second owner would have the buckets copied when a call is taken out of one.
        drop(std::mem::take(&mut self.twins[index].buckets));
        let twin = &self.twins[index];
        let (faults, mut struck) = (self.faults.clone(), std::mem::take(&mut self.struck));
        let service = twin.pack.service();
        let mut strike = |operation: &str, actor: Option<&str>| {
            strike(&faults, &mut struck, Call { service, operation, actor })
        };
        let Performance { answer, work, exchange, effects } = crate::script::perform(
            twin,
            index,
            work,
            self.clock,
            self.rates_enforced,
            request,
            &mut strike,
        );
        self.struck = struck;
        let mut reply = Reply { response: None, cut: None, delay: Duration::ZERO };
        let mut webhooks = WebhookFaults::default();
        for effect in &effects {
            match effect {
                Effect::Latency { ms } => reply.delay += Duration::from_millis(*ms),
                Effect::Truncated { bytes } => reply.cut = Some(*bytes),
                Effect::DuplicateWebhook => webhooks.twice = true,
                Effect::DelayedWebhook { ms } => webhooks.later += Duration::from_millis(*ms),
                Effect::ClockJump { .. }
                | Effect::RateLimited { .. }
                | Effect::ServerError { .. }
                | Effect::Reset
                | Effect::LostResponse => {}
            }
        }
        reply.response = match answer {
            Answer::Response(response) => Some(response),
            Answer::Reset => None,
        };
        self.commit(index, work, &webhooks);
        self.record(exchange);
        // Only now: timers that fall due work on what the call left behind.
        self.advance_to(self.clock + reply.delay);
        for effect in &effects {
            if let Effect::ClockJump { ms } = effect {
                self.jump(*ms);
            }
        }
        Ok(reply)
    }

    /// Asks a service whether a socket may be opened by this request (`GET` with `Upgrade`). The name of
    /// the socket, to which webhooks may be addressed, and what to send first; or the refusal.
    ///
    /// # Errors
    /// An unknown service.
    pub fn open_socket(
        &mut self,
        service: &str,
        request: Request,
    ) -> Result<Result<Opened, Response>, UniverseError> {
        let index = self.twin(service)?;
        self.advance_to(self.clock + TICK);
        let twin = &self.twins[index];
        let work = Work::new(twin, self.named);
        let (opened, work) = crate::script::open_socket(twin, index, work, self.clock, request);
        self.commit(index, work, &WebhookFaults::default());
        self.advance_to(self.clock);
        Ok(opened)
    }

    /// Hands a socket's message to its service; what it answers.
    ///
    /// # Errors
    /// An unknown service.
    pub fn socket_received(
        &mut self,
        service: &str,
        socket: &str,
        text: &str,
    ) -> Result<Vec<String>, UniverseError> {
        let index = self.twin(service)?;
        self.advance_to(self.clock + TICK);
        let twin = &self.twins[index];
        let work = Work::new(twin, self.named);
        match crate::script::socket_received(twin, index, work, self.clock, socket, text) {
            Ok((answers, work)) => {
                self.commit(index, work, &WebhookFaults::default());
                self.advance_to(self.clock);
                Ok(answers)
            }
            Err(error) => {
                self.break_down(index, "socket_received", &error);
                Ok(Vec::new())
            }
        }
    }

    /// Calls a function of a pack that is no operation: what a scenario's step asks of a service
    /// (`step_…` functions). What it returns, as JSON.
    ///
    /// # Errors
    /// An unknown service or function, and whatever the function refuses.
    pub fn call(
        &mut self,
        service: &str,
        function: &str,
        data: Value,
    ) -> Result<Value, UniverseError> {
        let index = self.twin(service)?;
        let failed = |source| {
            let (service, function) = (service.to_owned(), function.to_owned());
            UniverseError::Call { service, function, source }
        };
        let (twin, now) = (&self.twins[index], self.clock);
        let mut work = Work::new(twin, self.named);
        let value = twin.pack.call(twin, index, &mut work, now, function, data).map_err(failed)?;
        self.commit(index, work, &WebhookFaults::default());
        self.advance_to(self.clock);
        Ok(value)
    }

    fn twin(&self, service: &str) -> Result<usize, UniverseError> {
        let index = self.twins.iter().position(|twin| twin.pack.service() == service);
        index.ok_or_else(|| UniverseError::UnknownService(service.to_owned()))
    }

    fn perform<E>(
        &mut self,
        index: usize,
        act: impl FnOnce(&Twin, usize, &mut Work, Timestamp) -> Result<(), E>,
    ) -> Result<(), E> {
        let twin = &self.twins[index];
        let mut work = Work::new(twin, self.named);
        act(twin, index, &mut work, self.clock)?;
        self.commit(index, work, &WebhookFaults::default());
        Ok(())
    }

    /// Tells in the journal that a function of a pack failed that no request waits for.
    fn break_down(&mut self, index: usize, function: &str, error: &PackError) {
        let service = self.twins[index].pack.service();
        let failed = Exchange::of_timer(service, self.clock, function, error);
        self.record(failed);
    }

    /// Makes what a script did so. What is due at once leaves, or fires, when the time is next looked at.
    fn commit(&mut self, index: usize, work: Work, faults: &WebhookFaults) {
        let twin = &mut self.twins[index];
        (twin.state, twin.draws, twin.buckets) = (work.state, work.draws, work.buckets);
        self.named = work.named;
        for wish in work.wishes {
            match wish {
                Wish::Timer { id, at, function, data } => {
                    if self.timers.len() < WAITING_MAX {
                        let due = Due::Script { function, data };
                        self.timers.insert((at, id), Timer { twin: index, due });
                    }
                }
                Wish::Cancel { id } => {
                    let found = self.timers.keys().find(|(_, timer)| *timer == id).copied();
                    found.map(|key| self.timers.remove(&key));
                }
                Wish::Deliver { delivery, delay } => {
                    let at = self.clock + delay + faults.later;
                    for copy in 0..=u64::from(faults.twice) {
                        let mut delivery = delivery.clone();
                        if copy > 0 {
                            self.named += 1;
                            delivery.id = self.named;
                        }
                        self.schedule(index, at, Due::Delivery(delivery));
                    }
                }
            }
        }
    }

    fn record(&mut self, mut exchange: Exchange) {
        self.exchanges += 1;
        exchange.number = self.exchanges;
        self.journal_bytes += exchange.body_bytes();
        while self.journal.len() >= JOURNAL_MAX || self.journal_bytes > JOURNAL_BYTES_MAX {
            let Some(oldest) = self.journal.pop_front() else { break };
            self.journal_bytes -= oldest.body_bytes();
        }
        self.journal.push_back(Arc::new(exchange));
    }
}

/// A socket that a service lets open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// What deliveries to it name: several sockets may have one name.
    pub name: String,
    /// Texts to send at once.
    pub greeting: Vec<String>,
}
