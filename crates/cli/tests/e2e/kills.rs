//! `dark pipeline run` killed with SIGKILL at random moments and resumed, until it ends: over branches
//! in branches, retries, a manager's child, a person's answer, pauses and timeouts, with real tools in
//! the real sandbox. Each story ends as it does undisturbed, and tells the same in every branch.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use base::ActionId;
use engine::{Action, State};
use ledger::{Entry, Ledger, LedgerKey};
use runner::Solo;
use serde_json::Value;

use crate::pipeline::{Desk, RESUME, START, last_line};

/// Kills in all where `DARK_KILLS` does not say: what fits into the time of the other tests.
const KILLS: usize = 20;

/// How long a process may live: every third one at most as long as it takes to begin, the others a
/// quarter of an undisturbed run, so that each story is interrupted several times and comes to its end.
const LIVES_MS_MAX: [u64; 2] = [30, 250];

/// More lives than any story has needed by far; one that needs them makes no progress.
const LIVES_MAX: usize = 200;

/// Every tool writes down that it was run, before it comes to what becomes of it.
const TELL: &str = "echo $DARK_BRANCH/$DARK_STAGE/$DARK_VISIT/$DARK_ATTEMPT >> told";

const STORY: &str = r#"digraph story {
    graph [goal="survive"]
    start [shape=Mdiamond]
    exit [shape=Msquare]
    first [shape=parallelogram, tool_command="TELL"]
    fan [shape=component, max_parallel=5]
    one [shape=parallelogram, tool_command="TELL"]
    two [shape=parallelogram, tool_command="TELL; sleep 0.1"]
    flaky [shape=parallelogram, tool_command="TELL; test $DARK_ATTEMPT -gt 1", retry_policy=standard]
    inner [shape=component]
    left [shape=parallelogram, tool_command="TELL; sleep 0.05"]
    right [shape=parallelogram, tool_command="TELL; echo right"]
    inner_met [shape=tripleoctagon]
    pause [shape=insulator, duration=150ms]
    slow [shape=parallelogram, tool_command="TELL; sleep 60", timeout=150ms]
    late [shape=parallelogram, tool_command="TELL"]
    manager [shape=house, "stack.child_dotfile"="child.dot", "manager.poll_interval"=50ms]
    met [shape=tripleoctagon]
    gate [shape=hexagon, label="Ship it?"]
    ship [shape=parallelogram, tool_command="TELL"]
    rest [shape=insulator, duration=100ms]

    start -> first -> fan
    fan -> one -> two -> met
    fan -> flaky -> met
    fan -> inner
    inner -> left -> inner_met
    inner -> right -> inner_met
    inner_met -> met
    fan -> pause -> slow
    slow -> late [condition="outcome=fail"]
    slow -> exit [condition="outcome=success"]
    late -> met
    fan -> manager -> met
    met -> gate
    gate -> ship [label="Ship"]
    gate -> first [label="Again"]
    ship -> rest -> exit
}
"#;

const CHILD: &str = r#"digraph child {
    start [shape=Mdiamond]
    exit [shape=Msquare]
    c_one [shape=parallelogram, tool_command="TELL"]
    c_pause [shape=insulator, duration=100ms]
    c_two [shape=parallelogram, tool_command="TELL"]
    start -> c_one -> c_pause -> c_two -> exit
}
"#;

/// How often each action was run, by what the tools wrote.
type Told = BTreeMap<String, usize>;

/// What became of a story.
struct Story {
    state: Value,
    branches: BTreeMap<String, Vec<Value>>,
    told: Told,
}

#[derive(Default)]
struct Kills {
    count: usize,
    /// Those that hit while a tool was under way.
    under_way: usize,
    /// Those that hit before there was a run.
    early: usize,
}

#[test]
fn a_run_that_is_killed_again_and_again_ends_as_if_it_never_was() {
    let wanted = std::env::var("DARK_KILLS").ok().and_then(|kills| kills.parse().ok());
    let wanted = wanted.unwrap_or(KILLS);
    let began = Instant::now();
    let undisturbed = tell(None, &mut Kills::default());
    assert_eq!(undisturbed.state["ending"], "completed");
    assert!(undisturbed.told.values().all(|count| *count == 1), "{:?}", undisturbed.told);
    let mut kills = Kills::default();
    let mut seed = 1;
    while kills.count < wanted {
        let story = tell(Some(seed), &mut kills);
        assert_eq!(story.state, undisturbed.state, "seed {seed}");
        assert_eq!(story.branches, undisturbed.branches, "seed {seed}");
        // `slow` may have run out of time before it first ran, while nobody lived.
        let certain = |told: &Told| -> BTreeSet<String> {
            told.keys().filter(|action| !action.contains("/slow/")).cloned().collect()
        };
        assert_eq!(certain(&story.told), certain(&undisturbed.told), "seed {seed}");
        seed += 1;
    }
    let Kills { count, under_way, early } = kills;
    println!(
        "{count} kills in {} stories, {under_way} while a tool was under way, {early} before there \
         was a run, {:.1?}",
        seed - 1,
        began.elapsed()
    );
}

/// Takes a story to its end, with kills as the seed has them.
fn tell(seed: Option<u64>, kills: &mut Kills) -> Story {
    let desk = Desk::new(&STORY.replace("TELL", TELL));
    desk.write("child.dot", &CHILD.replace("TELL", TELL));
    let mut random = Random(seed.unwrap_or(0));
    let (mut finished, mut interrupted) = (Told::new(), Told::new());
    for life in 0..LIVES_MAX {
        let answered = seed.is_none() || random.below(2) == 0;
        let most = LIVES_MS_MAX[usize::from(random.below(3) > 0)];
        let patience = seed.map(|_| Duration::from_micros(random.below(most * 1_000)));
        let (status, printed) = live(&desk, life, answered, patience);
        let run = desk.path("run");
        let (state, entries) = match Solo::look(&run) {
            Ok(found) => found,
            // It was killed before it had begun.
            Err(error) if status.is_none() => {
                assert!(!has_run(&run), "seed {seed:?}, life {life}: {error}");
                (kills.count, kills.early) = (kills.count + 1, kills.early + 1);
                continue;
            }
            Err(error) => panic!("seed {seed:?}, life {life}: {error}\n{printed}"),
        };
        verify(&run, &format!("seed {seed:?}, life {life}"));
        let told = told(&desk);
        let started: BTreeSet<String> = actions(&entries, "stage.started").into_iter().collect();
        for (action, count) in &told {
            assert!(started.contains(action), "seed {seed:?}: the ledger knows of no `{action}`");
            let most = 1 + interrupted.get(action).copied().unwrap_or(0);
            assert!(*count <= most, "seed {seed:?}: `{action}` ran {count} times, {most} at most");
        }
        for action in actions(&entries, "stage.finished") {
            let count = told.get(&action).copied().unwrap_or(0);
            let known = *finished.entry(action.clone()).or_insert(count);
            assert_eq!(known, count, "seed {seed:?}: `{action}` ran again after it had finished");
        }
        let code = status.map(|status| status.code());
        if code.is_none() {
            kills.count += 1;
            let under_way = under_way(&state);
            kills.under_way += usize::from(!under_way.is_empty());
            for action in under_way {
                *interrupted.entry(action).or_default() += 1;
            }
        }
        // A kill may hit between a run's end and the telling of it.
        if state.ending().is_some() && matches!(code, None | Some(Some(0))) {
            let found = serde_json::to_value(&state).unwrap();
            assert!(code.is_none() || last_line(&printed) == found, "{printed}");
            let state = without_times(found);
            return Story { state, branches: by_branch(&entries), told };
        }
        match code {
            None => {}
            // It waits for the answer that this life was not given.
            Some(Some(1)) if !answered => {}
            other => panic!("seed {seed:?}, life {life} ended with {other:?}:\n{printed}"),
        }
    }
    panic!("seed {seed:?}: no end after {LIVES_MAX} lives");
}

/// One process, killed when `patience` is over; what it printed. No status: it was killed.
fn live(
    desk: &Desk,
    life: usize,
    answered: bool,
    patience: Option<Duration>,
) -> (Option<ExitStatus>, String) {
    let args = if has_run(&desk.path("run")) { RESUME } else { START };
    let out = desk.path(&format!("out-{life}"));
    let file = File::create(&out).unwrap();
    let mut command = desk.command(args);
    if answered {
        command.args(["--answer", "ship"]);
    }
    command.stdout(Stdio::from(file.try_clone().unwrap())).stderr(Stdio::from(file));
    let mut child = command.spawn().unwrap();
    let began = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break Some(status);
        }
        if patience.is_some_and(|patience| began.elapsed() >= patience) {
            // By the handle that we hold: nothing else is touched.
            child.kill().unwrap();
            child.wait().unwrap();
            break None;
        }
        std::thread::sleep(Duration::from_millis(1));
    };
    (status, std::fs::read_to_string(out).unwrap())
}

/// Whether a run was opened in the folder: until then, starting again is right.
fn has_run(run: &Path) -> bool {
    let ledger = Ledger::open_read_only(&run.join("ledger"));
    ledger.is_ok_and(|ledger| !ledger.is_empty().unwrap())
}

fn verify(run: &Path, when: &str) {
    let key = LedgerKey::load(&run.join("ledger.key"), "dark-pipeline").unwrap();
    let ledger = Ledger::open_read_only(&run.join("ledger")).unwrap();
    let verified = ledger.verify(&[key.verifier()], |_| {});
    assert!(verified.is_ok(), "{when}: {}", verified.unwrap_err());
}

/// The tools that have begun and not ended, named as they name themselves.
fn under_way(state: &State) -> Vec<String> {
    let name = |id: &ActionId| format!("{}/{}/{}/{}", id.branch, id.stage, id.visit, id.attempt);
    let pending = engine::pending(state);
    let performed = pending.iter().filter_map(|action| match action {
        Action::Perform { id, .. } => Some(name(id)),
        _ => None,
    });
    performed.collect()
}

fn told(desk: &Desk) -> Told {
    let text = std::fs::read_to_string(desk.path("work/told")).unwrap_or_default();
    let mut told = Told::new();
    for line in text.lines() {
        *told.entry(line.to_owned()).or_default() += 1;
    }
    told
}

/// The attempts of which there is such an event, each once, named as tools name themselves.
fn actions(entries: &[Entry], event: &str) -> Vec<String> {
    let mut actions = Vec::new();
    for body in bodies(entries, event) {
        let branch = body["branch"].as_str().unwrap_or_default();
        let stage = body["stage"].as_str().unwrap();
        let action = format!("{branch}/{stage}/{}/{}", body["visit"], body["attempt"]);
        assert!(!actions.contains(&action), "there are two `{event}` of `{action}`");
        actions.push(action);
    }
    actions
}

fn bodies<'a>(entries: &'a [Entry], name: &'a str) -> impl Iterator<Item = &'a Value> {
    let events = entries.iter().map(|entry| &entry.record.event);
    events.filter(move |event| event.name == name).map(|event| &event.body)
}

/// What happened in each branch, in its order. How often a manager looked and how often somebody was
/// away is not the story's.
fn by_branch(entries: &[Entry]) -> BTreeMap<String, Vec<Value>> {
    let mut branches: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for entry in entries.iter().filter(|entry| entry.record.actor == "engine") {
        let event = &entry.record.event;
        if ["run.resumed", "child.observed"].contains(&event.name.as_str()) {
            continue;
        }
        let branch = event.body["branch"].as_str().unwrap_or_default().to_owned();
        let body = without_times(event.body.clone());
        branches.entry(branch).or_default().push(serde_json::json!([event.name, body]));
    }
    branches
}

/// The same without what depends on the clock.
fn without_times(mut value: Value) -> Value {
    match &mut value {
        Value::Object(fields) => {
            for key in ["at", "since", "until", "deadline", "latest", "spend"] {
                fields.remove(key);
            }
            for field in fields.values_mut() {
                *field = without_times(field.take());
            }
        }
        Value::Array(items) => {
            for item in items {
                *item = without_times(item.take());
            }
        }
        _ => {}
    }
    value
}

/// SplitMix64 (Steele, Lea, Flood 2014): moments that a seed gives again.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    }
}
