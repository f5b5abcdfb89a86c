//! Services, right and wrong, in the real sandbox with twins on their loopback.

mod desk;

use std::sync::{Arc, Mutex};

use intent::{Judgement, Scenario};
use policy::FailureKind;
use sandbox::Choice;
use scenario::{Heard, Judge, PlaySettings, Played, Watched, strength};

use crate::desk::Desk;

const INTENT: &str = "+++\nid = \"t\"\ntitle = \"T\"\nline = \"t\"\nowner = \"a@example.com\"\nlevel = 0\n\
    budget = { usd = 1.0, tokens = 1, wall = \"1m\" }\nsatisfaction = 0.5\n+++\n\n## Goal\nG.\n\n\
    ## Requirements\n- R1: It works.\n\n## Interface\n\
    - service: `bot` = `python3 $PRODUCT/bot.py`, on port `8080`, ready when `GET /up` answers\n\
    - twins: `desk` as `DESK_URL`, `DESK_TOKEN`, `DESK_DOOR_CODE`\n- files: `bot.py`\n";

/// Opens a ticket for each `POST /open`, twice where the first answer is lost, unless it finds it.
const BOT: &str = r#"
import json, os, sys, time, urllib.request, urllib.error
from http.server import BaseHTTPRequestHandler, HTTPServer

URL, TOKEN = os.environ["DESK_URL"], os.environ["DESK_TOKEN"]

def desk(method, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    headers = {"authorization": "Bearer " + TOKEN, "content-type": "application/json"}
    request = urllib.request.Request(URL + path, data, headers, method=method)
    with urllib.request.urlopen(request, timeout=5) as response:
        return json.load(response)

def open_ticket(text):
    for _ in range(5):
        try:
            return desk("POST", "/tickets", {"text": text})
        except urllib.error.HTTPError as error:
            if error.code < 429:
                raise
            time.sleep(0.01)
        except OSError:
            for ticket in desk("GET", "/tickets")["tickets"]:
                if ticket["text"] == text:
                    return ticket

class Handler(BaseHTTPRequestHandler):
    def answer(self, status, value, **headers):
        body = value.encode() if isinstance(value, str) else json.dumps(value).encode()
        self.send_response(status)
        for name, text in headers.items():
            self.send_header(name.replace("_", "-"), text)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def body(self):
        return self.rfile.read(int(self.headers.get("content-length") or 0)).decode()

    def do_GET(self):
        if self.path == "/up":
            return self.answer(200, "up")
        if self.path == "/rings":
            text = open("rings").read() if os.path.exists("rings") else ""
            return self.answer(200, text)
        self.answer(200, {"path": self.path, "code": os.environ["DESK_DOOR_CODE"],
            "x": self.headers.get("X-Test"), "list": [1, 2.5, None]}, X_Path=self.path)

    def do_POST(self):
        if self.path == "/exit":
            os._exit(3)
        if self.path == "/unknown":
            try: desk("GET", "/nowhere")
            except urllib.error.HTTPError: pass
        if self.path == "/break":
            try: desk("POST", "/break")
            except urllib.error.HTTPError: pass
        if self.path == "/ring":
            open("rings", "a").write(json.loads(self.body())["ring"] + "\n")
            return self.answer(200, "")
        if self.path == "/open":
            return self.answer(201, open_ticket(json.loads(self.body())["text"]))
        self.answer(200, self.body())

    def log_message(self, *_):
        pass

HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"#;

struct Setting {
    desk: Desk,
    judge: Option<Arc<dyn Judge>>,
}

fn setting() -> Setting {
    Setting { desk: Desk::of(INTENT), judge: None }
}

impl Setting {
    fn scenario(&self, steps: &str) -> Scenario {
        let lines: String =
            steps.trim().lines().map(|line| format!("    {}\n", line.trim())).collect();
        let feature = format!("@R1\nFeature: f\n  Scenario: s\n{lines}");
        self.desk.scenarios(&feature).remove(0)
    }

    fn play(&self, choice: Choice, bot: &str, steps: &str, seed: u64) -> (Played, Vec<String>) {
        let settings = PlaySettings { judge: self.judge.clone(), ..PlaySettings::default() };
        let scenario = self.scenario(steps);
        self.desk.with(choice, &settings, bot, |player| {
            let mut seen = Vec::new();
            let played = player.watched(&scenario, seed, &mut |news| match news {
                Watched::Step(step) => seen.push(step.text.clone()),
                Watched::Exchange(one) => seen.push(format!("{} {:?}", one.operation, one.status)),
            });
            (played.played, seen)
        })
    }
}

fn play(steps: &str) -> Played {
    setting().play(Choice::Auto, BOT, steps, 0).0
}

#[track_caller]
fn satisfied(steps: &str) {
    assert_eq!(play(steps), Played::Satisfied);
}

#[track_caller]
fn failed(steps: &str, kind: FailureKind, actual: &str) {
    match play(steps) {
        Played::Failed(failure) => {
            assert_eq!(failure.kind, kind, "{failure:?}");
            assert!(failure.actual.contains(actual), "{failure:?}");
        }
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn undecided(steps: &str, why: &str) {
    match play(steps) {
        Played::Undecided { reason } => assert!(reason.contains(why), "{reason}"),
        other => panic!("{other:?}"),
    }
}

const UP: &str = "Given the service is running\n";

#[test]
fn requests_are_made_and_answers_looked_at_in_each_backend() {
    let steps = format!(
        "{UP}Given the request header \"X-Test\" is \"one\"
        When I GET \"/a?b=c\"
        Then the status is 200
        And the header \"x-path\" is \"/a?b=c\"
        And the header \"X-Path\" contains \"b=\"
        And the JSON at \"$.path\" is \"/a?b=c\"
        And the JSON at \"$.code\" is \"4711\"
        And the JSON at \"$.x\" is \"one\"
        And the JSON at \"$.list\" has 3 items
        And the JSON at \"$.list[1]\" is 2.5
        And the JSON at \"$.list[-1]\" is null
        And the JSON at \"$.list[2]\" exists
        And the JSON at \"$.list[3]\" does not exist
        And I keep the header \"X-Path\" as \"WHERE\"
        When I POST \"/echo\" with the form:
          | field | value   |
          | a b   | {{WHERE}} |
        Then the response is \"a+b=%2Fa%3Fb%3Dc\"
        When I POST \"/echo\" with the text:
          \"\"\"
          {{WHERE}} {{OTHER}}
          \"\"\"
        Then the response is \"/a?b=c {{OTHER}}\"
        When I GET \"/x\"
        Then the JSON at \"$.x\" is null
        And the service is running"
    );
    for choice in [Choice::Namespaces, Choice::Bubblewrap] {
        let (played, _) = setting().play(choice, BOT, &steps, 3);
        assert_eq!(played, Played::Satisfied, "{choice:?}");
    }
}

#[test]
fn twins_are_prepared_asked_and_watched() {
    let steps = format!(
        "Given desk has the tickets:\n| text | by  |\n| old  | ada |\n| new  |     |
        {UP}When I POST \"/open\" with the JSON:\n\"\"\"\n{{\"text\": \"mine\"}}\n\"\"\"
        Then the status is 201
        And I keep the JSON at \"$.id\" as \"ID\"
        And desk has 3 tickets
        And desk has 1 ticket for \"ada\"
        And desk has no tickets for \"bob\"
        And desk has 1 ticket containing \"mine\"
        And the tickets of desk are:\n| id | text |\n| t1 | old |\n| t2 | new |\n| {{ID}} | mine |
        And desk was asked for \"tickets.open\" 1 times
        And desk was asked for \"tickets.open\" at least 1 times
        And desk was not asked for \"tickets.list\""
    );
    let (played, seen) = setting().play(Choice::Auto, BOT, &steps, 0);
    assert_eq!(played, Played::Satisfied);
    let asked = seen.iter().position(|line| line == "tickets.open Some(200)").unwrap();
    assert!(seen[asked - 1].contains("POST"), "{seen:?}");
}

#[test]
fn faults_strike_as_they_are_ordered() {
    let open = "When I POST \"/open\" with the JSON:\n\"\"\"\n{\"text\": \"mine\"}\n\"\"\"\n";
    satisfied(&format!(
        "Given desk answers the first 2 \"tickets.open\" with 429\n{UP}{open}
        Then the status is 201\nAnd desk was asked for \"tickets.open\" 3 times\nAnd desk has 1 ticket"
    ));
    satisfied(&format!(
        "Given desk loses the response to \"tickets.open\" number 1\n{UP}{open}
        Then the status is 201\nAnd desk has 1 ticket\nAnd desk was asked for \"tickets.list\" 1 times"
    ));
    satisfied(&format!(
        "Given desk has the faults:\n| operation | fault | nth | status |\n| tickets.* | server_error | 1 | 503 |
        And desk resets the connection of \"tickets.open\" number 2\n{UP}{open}
        Then the status is 201\nAnd desk has 1 ticket"
    ));
    undecided("Given desk has the faults:\n| fault |\n| explode |", "explode");
}

#[test]
fn webhooks_arrive_at_once_or_when_time_has_passed() {
    satisfied(&format!(
        "{UP}When desk gets the ring:\n| url | text |\n| http://127.0.0.1:8080/ring | now |
        And desk gets the late_ring:\n| url |\n| http://127.0.0.1:8080/ring |
        And I GET \"/rings\"\nThen the response is \"now\"
        When 59m passes\nAnd I GET \"/rings\"\nThen the response is \"now\"
        When 1m passes\nAnd I GET \"/rings\"\nThen the response is \"now\\nlate\""
    ));
}

#[test]
fn what_a_service_wrote_outlives_it() {
    satisfied(&format!(
        "{UP}When desk gets the ring:\n| url | text |\n| http://127.0.0.1:8080/ring | a |
        And the service restarts
        And desk gets the ring:\n| url | text |\n| http://127.0.0.1:8080/ring | b |
        And the service is killed
        And desk gets the ring:\n| url | text |\n| http://127.0.0.1:8080/ring | lost |
        And the service starts
        And I GET \"/rings\"
        Then the response is \"a\\nb\"
        When 2s passes
        And I GET \"/rings\"
        Then the response is \"a\\nb\\nlost\"
        And the file \"rings\" contains \"lost\""
    ));
}

#[test]
fn each_way_to_fail_has_its_kind() {
    failed(
        &format!("{UP}When I GET \"/x\"\nThen the status is 201"),
        FailureKind::WrongResponse,
        "status 200",
    );
    failed(
        &format!("{UP}When I GET \"/up\"\nThen the JSON at \"$.a\" is 1"),
        FailureKind::WrongResponse,
        "up",
    );
    failed(&format!("{UP}Then within 20 ms, desk has 1 ticket"), FailureKind::WrongEffect, "0:");
    failed(&format!("{UP}When I POST \"/exit\""), FailureKind::Crashed, "Code(3)");
    failed(
        &format!("{UP}When the service is killed\nAnd I GET \"/x\""),
        FailureKind::WrongResponse,
        "does not run",
    );
}

#[test]
fn a_service_that_does_not_start_has_failed() {
    let (played, _) = setting().play(Choice::Auto, "raise ValueError('bad')", UP, 0);
    let Played::Failed(failure) = played else { panic!("{played:?}") };
    assert_eq!(failure.kind, FailureKind::Crashed);
    assert!(failure.actual.contains("ValueError: bad"), "{failure:?}");
}

#[test]
fn what_a_twin_does_not_know_decides_nothing() {
    let call = "GET /nowhere (desk)".to_owned();
    assert_eq!(play(&format!("{UP}When I POST \"/unknown\"")), Played::Uncovered { call });
    undecided(
        &format!("{UP}When I POST \"/break\"\nThen the status is 500"),
        "the desk twin broke",
    );
    undecided("Given desk has the people:\n| name |\n| ada |", "step_people");
}

#[test]
fn the_seed_is_the_twins() {
    let steps = format!(
        "{UP}When I POST \"/open\" with the JSON:\n\"\"\"\n{{\"text\": \"mine\"}}\n\"\"\"
        Then the JSON at \"$.hex\" is \"?\""
    );
    let drawn = |seed| match setting().play(Choice::Auto, BOT, &steps, seed).0 {
        Played::Failed(failure) => failure.actual,
        other => panic!("{other:?}"),
    };
    assert_eq!(drawn(1), drawn(1));
    assert_ne!(drawn(1), drawn(2));
}

#[test]
fn services_that_answer_all_alike_are_caught_or_told() {
    let Desk { intent, packs } = setting().desk;
    let of = |steps: &str| {
        let scenarios = [setting().scenario(steps)];
        let found = strength(&intent, &scenarios, &packs);
        found.survivors().map(|one| one.name.clone()).collect::<Vec<_>>()
    };
    let lax = format!("{UP}When I GET \"/x\"\nThen the status is 200");
    assert_eq!(of(&lax), ["service-silent", "service-ok", "service-empty-list"]);
    assert!(of(&format!("{lax}\nAnd within 1h, desk has 1 ticket")).is_empty());
}

/// Agrees with everything, and remembers what it was asked about.
#[derive(Debug, Default)]
struct Agrees(Mutex<Vec<String>>);

impl Judge for Agrees {
    fn agrees(&self, judgement: &Judgement, text: &str) -> Result<bool, String> {
        self.0.lock().unwrap().push(format!("{}: {text}", judgement.sentence));
        Ok(true)
    }

    fn heard(&self, _: &Judgement) -> Option<Heard> {
        None
    }
}

#[test]
fn a_judge_reads_responses_their_values_and_what_twins_tell() {
    let judge = Arc::new(Agrees::default());
    let setting = Setting { judge: Some(judge.clone()), ..setting() };
    let table = "| answer | verdict |\n| a | yes |\n| b | no |\n";
    let steps = format!(
        "Given the service is running\nWhen I POST \"/open\" with the JSON:\n\"\"\"\n{{\"text\": \
         \"mine\"}}\n\"\"\"\nAnd I keep the JSON at \"$.text\" as \"TEXT\"\nThen the status is 201\n\
         And a judge agrees about the response that \"it is {{TEXT}}\":\n{table}\
         And a judge agrees about the JSON at \"$.text\" that \"it is short\":\n{table}\
         And a judge agrees about the tickets of desk that \"one is left\":\n{table}"
    );
    let (played, _) = setting.play(Choice::Auto, BOT, &steps, 0);
    assert_eq!(played, Played::Satisfied);
    let asked = judge.0.lock().unwrap();
    assert!(asked[0].starts_with("it is {TEXT}: {"), "the sentence is as signed: {}", asked[0]);
    assert_eq!(asked[1], "it is short: mine");
    let lines: Vec<&str> = asked[2].lines().collect();
    assert!(lines.len() == 1 && lines[0].contains("\"mine\""), "{lines:?}");
    drop(asked);

    let missing = steps.replace("$.text\" that", "$.gone\" that");
    let (played, _) = setting.play(Choice::Auto, BOT, &missing, 0);
    assert!(matches!(played, Played::Failed(one) if one.kind == FailureKind::WrongResponse));
    assert_eq!(setting.play(Choice::Auto, BOT, &steps, 0).0, Played::Satisfied);
    let words = setting.scenario(&steps.replace("tickets of desk", "tickts of desk"));
    let found =
        scenario::unknown_words(&setting.desk.intent.interface, &[words], &setting.desk.packs);
    assert!(found[0].to_string().contains("tickts"), "{}", found[0]);
}
