//! What would go unnoticed in a small service: each expectation that is taken away lets a sabotage pass.

mod desk;

use intent::Scenario;
use sandbox::Choice;
use scenario::{Observation, PlaySettings, Player, ServiceStrength, unplayed_faults};

use crate::desk::Desk;

const INTENT: &str = "+++\nid = \"t\"\ntitle = \"T\"\nline = \"t\"\nowner = \"a@example.com\"\nlevel = 0\n\
    budget = { usd = 1.0, tokens = 1, wall = \"1m\" }\nsatisfaction = 0.5\n+++\n\n## Goal\nG.\n\n\
    ## Requirements\n- R1: It works.\n\n## Interface\n\
    - service: `bot` = `python3 $PRODUCT/bot.py`, on port `8080`, ready when `GET /up` answers\n\
    - twins: `desk` as `DESK_URL`, `DESK_TOKEN`\n- files: `bot.py`\n";

/// Opens a ticket for each `POST /open`, and gives up when the desk refuses.
const BOT: &str = r#"
import json, os, time, urllib.request, urllib.error
from http.server import BaseHTTPRequestHandler, HTTPServer

def open_ticket(text):
    headers = {"authorization": "Bearer " + os.environ["DESK_TOKEN"], "content-type": "application/json"}
    data = json.dumps({"text": text}).encode()
    request = urllib.request.Request(os.environ["DESK_URL"] + "/tickets", data, headers)
    with urllib.request.urlopen(request, timeout=5) as response:
        return json.load(response)

class Handler(BaseHTTPRequestHandler):
    def answer(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.answer(200, {})

    def do_POST(self):
        text = json.loads(self.rfile.read(int(self.headers["content-length"])))["text"]
        try:
            self.answer(200, {"ticket": open_ticket(text)["id"], "at": time.time()})
        except OSError:
            self.answer(503, {})

    def log_message(self, *_):
        pass

HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"#;

const WHEN: &str = r#"
    Given the service is running
    And desk has the tickets:
      | text    |
      | another |
    When I POST "/open" with the JSON:
      """
      {"text": "the printer is on fire"}
      """
"#;
const STATUS: &str = "    Then the status is 200\n";
const ANSWER: &str = "    Then the JSON at \"$.ticket\" is \"t2\"\n";
const COUNT: &str = "    Then desk has 2 tickets\n";
const TEXT: &str = "    Then desk has 1 ticket containing \"is on fire\"\n";

struct Bench(Desk);

impl Bench {
    fn new() -> Self {
        Self(Desk::of(INTENT))
    }

    fn scenarios(&self, all: &[&str]) -> Vec<Scenario> {
        let mut feature = "@R1\nFeature: f\n".to_owned();
        for steps in all {
            feature += &format!("  Scenario: s\n{steps}\n");
        }
        self.0.scenarios(&feature)
    }

    fn with<T>(&self, bot: &str, act: impl FnOnce(&Player<'_>) -> T) -> T {
        self.0.with(Choice::Auto, &PlaySettings::default(), bot, act)
    }

    fn observed(&self, bot: &str, scenario: &Scenario) -> Observation {
        self.with(bot, |player| player.observed(scenario, 0))
    }

    fn strength(&self, all: &[&str]) -> ServiceStrength {
        let scenarios = self.scenarios(all);
        self.with(BOT, |player| {
            let seen: Vec<_> = scenarios.iter().map(|one| player.observed(one, 0)).collect();
            for one in &seen {
                assert!(one.trajectory.played.is_satisfied(), "{:?}", one.trajectory);
            }
            player.service_strength(&scenarios, 0, &seen, &mut |_, _| ())
        })
    }
}

/// What nobody notices where these are the expectations.
fn unnoticed(expectations: &[&str]) -> Vec<String> {
    let found = Bench::new().strength(&[&format!("{WHEN}{}", expectations.concat())]);
    for survivor in found.survivors() {
        assert_eq!(survivor.unnoticed_in.len(), 1);
        assert_eq!(survivor.requirements, ["R1".parse().unwrap()]);
    }
    found.survivors().map(|one| one.sabotage.to_string()).collect()
}

#[test]
fn an_expectation_that_is_there_catches_what_passes_without_it() {
    let ignored = "the answer to POST /open: its field `/at` dropped";
    assert_eq!(unnoticed(&[STATUS, ANSWER, COUNT, TEXT]), [ignored]);
    assert_eq!(
        unnoticed(&[ANSWER, COUNT, TEXT]),
        ["the answer to POST /open: success told as status 500", ignored]
    );
    assert_eq!(unnoticed(&[STATUS, COUNT, TEXT]), ["the answer to POST /open: its body emptied"]);
    assert_eq!(
        unnoticed(&[STATUS, ANSWER, COUNT]),
        [ignored, "desk tickets.open: done with `text` emptied"]
    );
    assert_eq!(
        unnoticed(&[STATUS, ANSWER]),
        [
            ignored,
            "desk tickets.open: not done, though answered as done",
            "desk tickets.open: done twice",
            "desk tickets.open: done with `text` emptied",
        ]
    );
}

#[test]
fn a_sabotage_that_one_scenario_overlooks_another_may_catch() {
    let (blind, sharp) = (WHEN.to_owned() + STATUS, format!("{WHEN}{STATUS}{ANSWER}{COUNT}{TEXT}"));
    let found = Bench::new().strength(&[&blind, &sharp]);
    let survivors: Vec<String> = found.survivors().map(|one| one.sabotage.to_string()).collect();
    assert_eq!(survivors, ["the answer to POST /open: its field `/at` dropped"]);
    let stored = serde_json::to_string(&found).unwrap();
    assert_eq!(serde_json::from_str::<ServiceStrength>(&stored).unwrap(), found);
}

#[test]
fn faults_are_played_or_tried_and_what_they_do_is_told() {
    let reset = "    Given desk resets the connection of \"tickets.open\" number 1\n";
    let rest = "    Then desk has 1 ticket\n";
    let steps = [format!("{WHEN}{STATUS}{COUNT}"), format!("{reset}{WHEN}{rest}")];
    let found = Bench::new().strength(&[&steps[0], &steps[1]]);
    let told: Vec<String> = found
        .faults
        .iter()
        .map(|one| {
            let played = one.played_by.as_ref().map(|id| format!(" played by {id}"));
            let tried = one.tried.as_ref().map(|trial| match trial.failed {
                Some(kind) => format!(" fails: {kind}"),
                None => " stood".to_owned(),
            });
            format!("{one}{}{}", played.unwrap_or_default(), tried.unwrap_or_default())
        })
        .collect();
    assert_eq!(
        told,
        [
            "desk tickets.open: a refusal for too many calls (429) fails: wrong response",
            "desk tickets.open: an error of the server's (5xx) fails: wrong response",
            "desk tickets.open: a reset connection played by f:16",
            "desk tickets.open: a lost response fails: wrong response",
            "desk tickets.open: an answer that breaks off fails: wrong response",
            "desk tickets.open: a late answer stood",
        ]
    );
    assert_eq!(found.unplayed().count(), 5);
}

#[test]
fn faults_that_scenarios_never_speak_of_are_told_without_playing() {
    let bench = Bench::new();
    let faults = "    Given desk has the faults:\n      | operation | fault |\n      | tickets.open | latency |\n      | tickets.list | truncated |\n";
    let scenarios = bench.scenarios(&[&format!("{faults}{WHEN}{STATUS}")]);
    let found = unplayed_faults(&bench.0.intent, &scenarios);
    assert_eq!(found.len(), 1);
    assert_eq!(
        found[0].message,
        "no scenario plays these faults of desk: a refusal for too many calls (429), \
         an error of the server's (5xx), a reset connection, a lost response"
    );
}

#[test]
fn builds_are_told_apart_by_what_they_ask_answer_and_keep_and_not_by_the_time() {
    let bench = Bench::new();
    let scenario = &bench.scenarios(&[&format!("{WHEN}{STATUS}")])[0];
    let right = bench.observed(BOT, scenario);
    let steady = right.steadiness(&bench.observed(BOT, scenario));
    assert!(!steady.is_none());
    for (from, to, difference) in [
        ("timeout=5", "timeout=6", None),
        ("{\"text\": text}", "{\"text\": text + \"!\"}", Some("what it asks of its twins")),
        ("\"ticket\": open", "\"Ticket\": open", Some("what it answers")),
        ("text = json", "text = open('f', 'w') and json", Some("what it keeps")),
    ] {
        assert!(BOT.contains(from), "{from}");
        let other = bench.observed(&BOT.replace(from, to), scenario);
        assert!(other.trajectory.played.is_satisfied(), "{:?}", other.trajectory);
        assert_eq!(other.difference(&steady), difference, "{to}");
    }
}
