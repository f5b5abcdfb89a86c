//! A universe: the twins of one trajectory with their clock, chance, timers, faults and journal.
//!
//! It is a value. [`Universe::step`] takes one request to one answer; nothing else moves it but
//! [`Universe::advance_to`] (time passes) and reports of what became of webhooks. A clone is a snapshot or a fork:
//! a few reference counts, whatever it holds. It refuses to know who carries requests and webhooks to
//! and fro, and what time it is outside.

use std::sync::Arc;
use std::time::Duration;

use base::Timestamp;
use imbl::{OrdMap, Vector};
use serde_json::Value;

use crate::delivery::{Attempted, Delivery, To};
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

/// Timers that may fire in one advance: a script that sets a timer for now from a timer would never end.
pub(crate) const FIRED_MAX: usize = 100_000;

/// Timers and webhooks that may wait in one universe.
pub(crate) const WAITING_MAX: usize = 100_000;

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

#[derive(Debug, Clone)]
struct Timer {
    twin: usize,
    due: Due,
}

#[derive(Debug, Clone)]
enum Due {
    /// A script function and what it is called with.
    Script {
        function: Arc<str>,
        data: Arc<Value>,
    },
    Delivery(Delivery),
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

    /// The rules of what goes wrong from now on; their counts begin anew.
    ///
    /// # Errors
    /// More rules than [`FAULTS_MAX`], and rules on services and operations that there are not.
    pub fn set_faults(&mut self, faults: Vec<Fault>) -> Result<(), UniverseError> {
        if faults.len() > FAULTS_MAX {
            return Err(UniverseError::TooManyFaults { count: faults.len() });
        }
        self.check_faults(&faults)?;
        (self.faults, self.struck) = (faults.into(), OrdMap::new());
        Ok(())
    }

    /// More rules beside those that there are, whose counts go on.
    ///
    /// # Errors
    /// More rules than [`FAULTS_MAX`] in all.
    pub fn add_faults(&mut self, faults: Vec<Fault>) -> Result<(), UniverseError> {
        let count = self.faults.len() + faults.len();
        if count > FAULTS_MAX {
            return Err(UniverseError::TooManyFaults { count });
        }
        self.check_faults(&faults)?;
        self.faults = self.faults.iter().cloned().chain(faults).collect::<Vec<_>>().into();
        Ok(())
    }

    /// Refuses rules that can never strike: a slip in a name would make a test of nothing.
    fn check_faults(&self, faults: &[Fault]) -> Result<(), UniverseError> {
        for fault in faults {
            if let Some(service) = &fault.service {
                self.twin(service)?;
            }
            let Some(operation) = &fault.operation else { continue };
            let (start, any_rest) = match operation.strip_suffix('*') {
                Some(start) => (start, true),
                None => (operation.as_str(), false),
            };
            let packs = self.twins.iter().map(|twin| &twin.pack);
            let meant = packs.filter(|pack| {
                fault.service.as_deref().is_none_or(|service| service == pack.service())
            });
            let names: Vec<&str> = meant.flat_map(|pack| pack.operations()).collect();
            let fits =
                |name: &&str| if any_rest { name.starts_with(start) } else { *name == start };
            if !names.iter().any(fits) {
                let near =
                    base::nearest(start, names).map(|near| format!("; did you mean `{near}`?"));
                let (operation, near) = (operation.clone(), near.unwrap_or_default());
                return Err(UniverseError::UnknownOperation { operation, near });
            }
        }
        Ok(())
    }

    pub fn faults(&self) -> &[Fault] {
        &self.faults
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

    /// Lets time pass until `then`: timers that fall due fire in order, each at its time. A time that
    /// has passed already changes nothing.
    pub fn advance_to(&mut self, then: Timestamp) {
        for _ in 0..FIRED_MAX {
            let Some(key) = self.timers.get_min().map(|(key, _)| *key) else { break };
            if key.0 > then {
                break;
            }
            let timer = self.timers.remove(&key).expect("it was just looked up");
            self.clock = self.clock.max(key.0);
            match timer.due {
                Due::Delivery(delivery) => self.outbox.push_back(delivery),
                Due::Script { function, data } => self.fire(timer.twin, &function, &data),
            }
        }
        self.clock = self.clock.max(then);
    }

    /// When the next timer falls due.
    pub fn next_timer(&self) -> Option<Timestamp> {
        self.timers.get_min().map(|((at, _), _)| *at)
    }

    /// Whether webhooks are due that nobody has taken.
    pub fn has_due(&self) -> bool {
        !self.outbox.is_empty()
    }

    /// The webhooks that are due, each to be tried once and reported on.
    pub fn take_due(&mut self) -> Vec<Delivery> {
        let due: Vec<Delivery> = std::mem::take(&mut self.outbox).into_iter().collect();
        let mut signed = Vec::with_capacity(due.len());
        for mut delivery in due {
            let twin = &self.twins[delivery.twin];
            let work = Work::new(twin, self.named);
            let signed_well = crate::script::sign(twin, work, self.clock, &mut delivery);
            if let Err(error) = signed_well {
                self.break_down(delivery.twin, "sign", &error);
            }
            self.under_way.insert(delivery.id, delivery.clone());
            signed.push(delivery);
        }
        signed
    }

    /// What became of a webhook's attempt. One that failed is tried again as its policy says, on the
    /// logical clock; a report on nothing that is under way changes nothing.
    pub fn report(&mut self, delivery: u64, attempted: &Attempted) {
        let Some(delivery) = self.under_way.remove(&delivery) else { return };
        let index = delivery.twin;
        self.record(Exchange::of_delivery(
            self.twins[index].pack.service(),
            self.clock,
            &delivery,
            attempted,
        ));
        self.follow(index, delivery, attempted);
        self.advance_to(self.clock);
    }

    /// Counts every webhook that is under way as failed: whoever carried them has stopped.
    pub fn lose_under_way(&mut self) {
        let under_way: Vec<u64> = self.under_way.keys().copied().collect();
        let failed = Attempted::Failed { reason: "connection_failed".to_owned() };
        for delivery in under_way {
            self.report(delivery, &failed);
        }
    }

    /// What a webhook's attempt leads to: the pack's function that is told of it, or another attempt.
    fn follow(&mut self, index: usize, mut delivery: Delivery, attempted: &Attempted) {
        if let (Some(then), true) = (&delivery.then, attempted.answered()) {
            let (then, data) = (then.clone(), delivery.reported(attempted));
            self.fire(index, &then, &data);
            return;
        }
        if attempted.is_ok() {
            return;
        }
        let retries =
            self.twins[index].pack.webhook(&delivery.policy).map(|policy| &policy.retries_ms);
        let wait = retries.and_then(|waits| waits.get(usize::try_from(delivery.attempt).ok()?));
        if let Some(wait) = wait.copied() {
            delivery.attempt += 1;
            delivery.last = Some(attempted.reason().to_owned());
            self.schedule(index, self.clock + Duration::from_millis(wait), Due::Delivery(delivery));
        } else if let Some(then) = delivery.then.clone() {
            let data = delivery.reported(attempted);
            self.fire(index, &then, &data);
        }
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

    /// A timer's script: what it refuses or fails at is in the journal, and changes nothing.
    fn fire(&mut self, index: usize, function: &str, data: &Arc<Value>) {
        let twin = &self.twins[index];
        let mut work = Work::new(twin, self.named);
        match twin.pack.call(twin, index, &mut work, self.clock, function, Value::clone(data)) {
            Ok(_) => self.commit(index, work, &WebhookFaults::default()),
            Err(error) => self.break_down(index, function, &error),
        }
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

    fn schedule(&mut self, twin: usize, at: Timestamp, due: Due) {
        if self.timers.len() < WAITING_MAX {
            self.named += 1;
            self.timers.insert((at, self.named), Timer { twin, due });
        }
    }

    fn jump(&mut self, ms: i64) {
        if let Ok(forward) = u64::try_from(ms) {
            self.advance_to(Timestamp(self.clock.0.saturating_add(forward)));
        } else {
            self.clock = Timestamp(self.clock.0.saturating_sub(ms.unsigned_abs()));
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

#[derive(Debug, Default)]
struct WebhookFaults {
    twice: bool,
    later: Duration,
}

/// What strikes a call; counts are kept in `struck`.
fn strike(faults: &[Fault], struck: &mut OrdMap<usize, u64>, call: Call<'_>) -> Vec<Effect> {
    let mut effects = Vec::new();
    for (index, fault) in faults.iter().enumerate() {
        if fault.matches(call) {
            let count = struck.get(&index).copied().unwrap_or(0) + 1;
            struck.insert(index, count);
            if fault.strikes(count) {
                effects.push(fault.effect.clone());
            }
        }
    }
    effects
}

/// An address of a webhook that a pack wrote.
pub(crate) fn address(text: &str) -> To {
    match text.strip_prefix("socket:") {
        Some(name) => To::Socket(name.to_owned()),
        None => To::Url(text.to_owned()),
    }
}
