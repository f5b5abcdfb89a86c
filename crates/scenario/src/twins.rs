//! The twins of one play: a universe, at rest or served to the program under test.
//!
//! It refuses to know services: what can be done to a twin, and looked at, its pack says.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use base::Timestamp;
use intent::{Interface, Query, Row};
use serde_json::{Map, Value, json};
use twin::{Exchange, Fault, Pack, PackError, Universe, UniverseError};
use twin_server::{Between, Clock, Dial, Options, Served};

use crate::{Played, WorldError};

/// Where the first twin listens, inside the sandbox; the others follow. Above all that an interface may
/// take for its own.
const PORT_FIRST: u16 = 41_000;

/// How long receivers of webhooks may take, in all, before a step goes on without them.
const DELIVERY_PATIENCE: Duration = Duration::from_secs(10);

/// The packs of the services that an intent declares, by name: what universes are made of.
#[derive(Debug, Default)]
pub struct Packs {
    packs: BTreeMap<String, Arc<Pack>>,
    /// The beginning that plays with its seed fork.
    beginning: Mutex<Option<Beginning>>,
}

#[derive(Debug)]
struct Beginning {
    universe: Universe,
    made: Instant,
}

/// How old a beginning may be that a play forks: what it holds was there for no longer when the play began.
const BEGINNING_AGE_MAX: Duration = Duration::from_secs(10);

impl Packs {
    pub(crate) const fn none() -> Self {
        Self { packs: BTreeMap::new(), beginning: Mutex::new(None) }
    }

    /// The packs for an interface: those that are given, else those that come with the program.
    ///
    /// # Errors
    /// A service that there is no pack for.
    pub fn of(interface: &Interface, own: &BTreeMap<String, Arc<Pack>>) -> Result<Self, PackError> {
        let found = interface.twins.keys().map(|name| {
            let pack = own.get(name).cloned().map_or_else(|| Pack::builtin(name), Ok)?;
            Ok((name.clone(), pack))
        });
        found.collect::<Result<_, PackError>>().map(Self::made_of)
    }

    pub(crate) fn made_of(packs: BTreeMap<String, Arc<Pack>>) -> Self {
        Self { packs, beginning: Mutex::default() }
    }

    /// A universe with the records that each pack begins with. Their ids are the seed's, as all that is drawn: a
    /// program that has learnt those of one seed by heart fails with the next. Its clock shows the machine's time, since the program under test knows no other.
    fn universe(&self, seed: u64) -> Result<Universe, WorldError> {
        // A panic elsewhere has been told already; a beginning is whole or not there.
        let mut kept = self.beginning.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = |kept: &Beginning| {
            kept.universe.seed() == seed && kept.made.elapsed() < BEGINNING_AGE_MAX
        };
        let beginning = match kept.take().filter(fits) {
            Some(beginning) => beginning,
            None => Beginning { universe: self.begin(seed)?, made: Instant::now() },
        };
        let mut universe = kept.insert(beginning).universe.clone();
        drop(kept);
        universe.advance_to(now());
        Ok(universe)
    }

    fn begin(&self, seed: u64) -> Result<Universe, WorldError> {
        let packs: Vec<Arc<Pack>> = self.packs.values().cloned().collect();
        let mut universe = Universe::new(&packs, seed).map_err(WorldError::Twin)?;
        universe.set_clock(now());
        for pack in &packs {
            let seeded = universe.seed_service(pack.service(), json!({}));
            seeded.map_err(WorldError::Twin)?;
        }
        Ok(universe)
    }

    pub(crate) fn pack(&self, service: &str) -> Option<&Pack> {
        self.packs.get(service).map(Arc::as_ref)
    }

    /// The port of each service's twin, inside the sandbox.
    pub(crate) fn ports(&self) -> impl Iterator<Item = (&str, u16)> {
        self.packs.keys().map(String::as_str).zip(PORT_FIRST..)
    }
}

/// See the module.
pub struct Twins {
    state: State,
    /// Of the exchanges that were handed out already, the last.
    told: u64,
    /// Who stands between the program under test and the universe, if anybody does.
    pub(crate) between: Option<Arc<dyn Between>>,
}

enum State {
    Still(Box<Universe>),
    Served(Served),
    /// Only while it changes from one to the other.
    Between,
}

impl Twins {
    /// A fresh universe.
    pub(crate) fn new(packs: &Packs, seed: u64) -> Result<Self, WorldError> {
        let universe = Box::new(packs.universe(seed)?);
        Ok(Self { state: State::Still(universe), told: 0, between: None })
    }

    /// Looks at the universe, or changes it; the program's requests wait meanwhile.
    pub fn with<T>(&mut self, act: impl FnOnce(&mut Universe) -> T) -> T {
        match &mut self.state {
            State::Still(universe) => act(universe),
            State::Served(served) => act(&mut served.universe()),
            State::Between => unreachable!("it is put back before anybody looks"),
        }
    }

    /// Serves the universe at these sockets, and no longer at those before.
    pub(crate) fn serve(
        &mut self,
        listeners: Vec<(String, TcpListener)>,
        dial: Arc<dyn Dial>,
    ) -> Result<(), WorldError> {
        let mut universe = self.rest();
        // While nobody was served, real time went on.
        universe.advance_to(now().max(universe.now()));
        let clock = Clock::Flowing;
        let options = Options { listeners, clock, dial, proxy: None, canned: None, control: false };
        let served = Served::start_behind(universe, options, self.between.clone());
        self.state = State::Served(served.map_err(WorldError::Serve)?);
        Ok(())
    }

    fn rest(&mut self) -> Universe {
        match std::mem::replace(&mut self.state, State::Between) {
            State::Still(universe) => *universe,
            State::Served(served) => served.stop(),
            State::Between => unreachable!("it is put back before anybody looks"),
        }
    }

    /// Lets webhooks that are due arrive.
    pub(crate) fn settle(&mut self) {
        if let State::Served(served) = &self.state {
            // Those that take longer arrive later; what is expected of them says whether that is fine.
            served.settle(DELIVERY_PATIENCE);
        }
    }

    /// Moves the clock.
    pub(crate) fn pass(&mut self, time: Duration) {
        match &mut self.state {
            State::Served(served) => {
                served.advance(time, DELIVERY_PATIENCE);
            }
            _ => self.with(|universe| universe.advance_to(universe.now() + time)),
        }
    }

    /// What a twin says under `step_credentials`, else the token that its pack names.
    fn credentials(&mut self, service: &str) -> Result<Map<String, Value>, WorldError> {
        let told =
            self.with(|universe| match universe.call(service, "step_credentials", json!({})) {
                Err(error) if is_no_function(&error) => {
                    let pack =
                        universe.pack(service).and_then(|pack| pack.manifest().credential.clone());
                    let token = pack.map(|header| match header.split_once(' ') {
                        Some((_, token)) => token.to_owned(),
                        None => header,
                    });
                    Ok(token.map_or(json!({}), |token| json!({ "token": token })))
                }
                told => told,
            });
        match told.map_err(WorldError::Twin)? {
            Value::Object(told) => Ok(told),
            _ => Ok(Map::new()),
        }
    }

    /// The variables by which a program is told a twin's credentials. The first of `variables` tells where the twin
    /// is, and with what the others begin.
    pub(crate) fn credential_variables(
        &mut self,
        service: &str,
        variables: &[String],
    ) -> Result<BTreeMap<String, String>, WorldError> {
        let Some((url, credentials)) = variables.split_first() else { return Ok(BTreeMap::new()) };
        if credentials.iter().all(|variable| variable == url) {
            return Ok(BTreeMap::new());
        }
        let told = self.credentials(service)?;
        let start = url.len() - "URL".len();
        let credentials = credentials.iter().filter(|variable| *variable != url);
        let found = credentials.map(|variable| {
            let field = variable[start..].to_ascii_lowercase();
            let Some(value) = told.get(&field).and_then(|value| value.as_str()) else {
                let known = told.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
                let (variable, service) = (variable.clone(), service.to_owned());
                return Err(WorldError::NoCredential { variable, service, known });
            };
            Ok((variable.clone(), value.to_owned()))
        });
        found.collect()
    }

    /// Hands each row to the twin's step function for one of `kind`.
    pub(crate) fn tell(
        &mut self,
        service: &str,
        kind: &str,
        rows: &[Row],
    ) -> Result<(), WorldError> {
        let function = format!("step_{}", singular(kind));
        for row in rows {
            let data = row.iter().map(|(name, cell)| (name.clone(), value(cell)));
            let data = Value::Object(data.collect());
            self.with(|universe| universe.call(service, &function, data))
                .map_err(WorldError::Twin)?;
            self.settle();
        }
        Ok(())
    }

    /// The records that a twin shows.
    pub(crate) fn ask(&mut self, query: &Query) -> Result<Vec<Value>, WorldError> {
        let function = format!("step_{}", plural(&query.kind));
        let mut data = Map::new();
        if let Some((preposition, place)) = &query.place {
            let name = if preposition == "in" { "channel" } else { "user" };
            data.insert(name.to_owned(), json!(place));
        }
        let told = self.with(|universe| universe.call(&query.service, &function, data.into()));
        match told.map_err(WorldError::Twin)? {
            Value::Array(records) => Ok(records),
            other => Err(WorldError::NoList { function, got: other.to_string() }),
        }
    }

    pub(crate) fn fail(&mut self, service: &str, rules: &[Row]) -> Result<(), WorldError> {
        let rules: Result<Vec<Fault>, _> = rules.iter().map(|row| fault(service, row)).collect();
        self.with(|universe| universe.add_faults(rules?).map_err(WorldError::Twin))
    }

    /// How many calls of an operation there were.
    pub(crate) fn asked(&mut self, service: &str, operation: &str) -> usize {
        self.with(|universe| {
            let own = |one: &&Arc<Exchange>| one.service == service && one.operation == operation;
            universe.journal().filter(own).count()
        })
    }

    /// The exchanges since the last time that this was asked.
    pub fn news(&mut self) -> Vec<Arc<Exchange>> {
        let told = self.told;
        let news: Vec<Arc<Exchange>> = self.with(|universe| {
            let new = universe.journal().rev().take_while(|one| one.number > told);
            let mut new: Vec<_> = new.cloned().collect();
            new.reverse();
            new
        });
        self.told = news.last().map_or(told, |one| one.number);
        news
    }

    /// Why nothing that happened here decides anything: a call that a twin does not know, or that
    /// broke it.
    pub(crate) fn doubt(&mut self) -> Option<Played> {
        self.with(|universe| {
            let bad = |one: &&Arc<Exchange>| !one.covered || one.broken.is_some();
            universe.journal().find(bad).map(|one| match &one.broken {
                Some(broken) => Played::Undecided {
                    reason: format!("the {} twin broke: {broken}", one.service),
                },
                None => Played::Uncovered {
                    call: format!("{} {} ({})", one.method, one.target, one.service),
                },
            })
        })
    }
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

fn is_no_function(error: &UniverseError) -> bool {
    matches!(error, UniverseError::Call { source: PackError::NoFunction(_), .. })
}

/// A cell as a pack gets it: lists, objects, `true` and `false` as such, all else as text.
fn value(cell: &str) -> Value {
    let structured = cell.starts_with(['[', '{']) || matches!(cell, "true" | "false");
    let read = structured.then(|| serde_json::from_str(cell).ok()).flatten();
    read.unwrap_or_else(|| json!(cell))
}

/// A rule from its row: numbers where a rule has numbers.
pub(crate) fn fault(service: &str, row: &Row) -> Result<Fault, WorldError> {
    let field = |(name, cell): (&String, &String)| {
        let text = matches!(name.as_str(), "operation" | "actor" | "fault");
        let number = (!text).then(|| cell.parse::<i64>().ok()).flatten();
        (name.clone(), number.map_or_else(|| json!(cell), |number| json!(number)))
    };
    let mut rule: Map<String, Value> = row.iter().map(field).collect();
    rule.insert("service".to_owned(), json!(service));
    Fault::read(Value::Object(rule)).map_err(|cause| WorldError::Fault { cause: cause.to_string() })
}

/// `users` is `user`, `statuses` and `status` are `status`, `replies` is `reply`.
pub(crate) fn singular(kind: &str) -> String {
    if let Some(stem) = kind.strip_suffix("ies") {
        return format!("{stem}y");
    }
    for ending in ["sses", "uses", "xes", "ches", "shes"] {
        if kind.ends_with(ending) {
            return kind[..kind.len() - 2].to_owned();
        }
    }
    match kind.strip_suffix('s') {
        Some(stem) if !stem.ends_with(['s', 'u']) => stem.to_owned(),
        _ => kind.to_owned(),
    }
}

pub(crate) fn plural(kind: &str) -> String {
    if singular(kind) != kind {
        return kind.to_owned();
    }
    match kind.strip_suffix('y').filter(|stem| !stem.ends_with(['a', 'e', 'o', 'u'])) {
        Some(stem) => format!("{stem}ies"),
        None if kind.ends_with(['s', 'x']) || kind.ends_with("ch") || kind.ends_with("sh") => {
            format!("{kind}es")
        }
        None => format!("{kind}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_play_begins_with_is_named_by_its_seed() {
        let packs =
            Packs::made_of(BTreeMap::from([("okta".to_owned(), Pack::builtin("okta").unwrap())]));
        let ids = |seed| -> Vec<String> {
            let state = packs.universe(seed).unwrap().state_json("okta").unwrap();
            let tables = state["tables"].as_object().unwrap().values();
            tables.flat_map(|table| table.as_object().unwrap().keys().cloned()).collect()
        };
        let first = ids(1);
        assert_eq!(first, ids(1), "forked");
        assert_ne!(first, ids(2));
        assert_eq!(first, ids(1), "made anew");
    }

    #[test]
    fn kinds_have_a_singular_and_a_plural() {
        for (one, many) in [
            ("user", "users"),
            ("status", "statuses"),
            ("command_reply", "command_replies"),
            ("box", "boxes"),
            ("key", "keys"),
            ("access", "accesses"),
        ] {
            assert_eq!((singular(many).as_str(), singular(one).as_str()), (one, one));
            assert_eq!((plural(one).as_str(), plural(many).as_str()), (many, many));
        }
    }

    #[test]
    fn cells_are_text_but_where_they_cannot_be_meant_so() {
        assert_eq!(value("12"), json!("12"));
        assert_eq!(value("[1]"), json!([1]));
        assert_eq!(value("true"), json!(true));
        assert_eq!(value("{no"), json!("{no"));
    }

    #[test]
    fn a_rule_is_read_from_its_row_or_refused() {
        let row = |cells: &[(&str, &str)]| -> Row {
            cells.iter().map(|(name, cell)| ((*name).to_owned(), (*cell).to_owned())).collect()
        };
        let read =
            fault("s", &row(&[("operation", "a.b"), ("fault", "reset"), ("nth", "2")])).unwrap();
        assert_eq!((read.service.as_deref(), read.nth), (Some("s"), 2));
        let wrong = fault("s", &row(&[("fault", "explode")])).unwrap_err();
        assert!(base::chain(&wrong).contains("explode"), "{}", base::chain(&wrong));
    }
}
