//! The engine as a whole, on the smallest pack: requests, time, faults, webhooks, copies.

use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use twin::delivery::{Attempted, To};
use twin::{Fault, Pack, Reply, Universe};

fn universe(seed: u64) -> Universe {
    let mut universe = Universe::new(&[Pack::builtin("echo").unwrap()], seed).unwrap();
    let users = json!({ "users": [
        { "name": "ada", "token": "t-ada", "hook": "http://127.0.0.1:1/hook" },
        { "name": "bob", "token": "t-bob", "scopes": ["read"] },
    ]});
    universe.seed_service("echo", users).unwrap();
    universe
}

fn request(method: &str, path: &str, token: &str, body: &str) -> twin::Request {
    http::Request::builder()
        .method(method)
        .uri(path)
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", "application/json")
        .body(Bytes::copy_from_slice(body.as_bytes()))
        .unwrap()
}

fn send(universe: &mut Universe, line: &str, token: &str, body: &str) -> Reply {
    let (method, path) = line.split_once(' ').unwrap();
    universe.step("echo", request(method, path, token, body)).unwrap()
}

/// Status and body of an answer; a reset connection is told as such.
fn ask(universe: &mut Universe, line: &str, token: &str, body: &str) -> (u16, Value) {
    match send(universe, line, token, body).response {
        Some(response) => {
            let body = response.body();
            let body = serde_json::from_slice(body).unwrap_or(Value::Null);
            (response.status().as_u16(), body)
        }
        None => (0, json!("reset")),
    }
}

fn faults(universe: &mut Universe, rules: Value) {
    universe.set_faults(serde_json::from_value::<Vec<Fault>>(rules).unwrap()).unwrap();
}

const NOTE: &str = r#"{"text":"hello"}"#;

#[test]
fn what_is_written_is_read_back_by_its_owner_alone() {
    let mut universe = universe(1);
    let (status, note) = ask(&mut universe, "POST /notes", "t-ada", NOTE);
    assert_eq!((status, &note["text"], &note["number"]), (201, &json!("hello"), &json!(1)));
    assert_eq!(note["created"], "2026-01-05T09:00:00.001Z");
    let path = format!("GET /notes/{}", note["id"].as_str().unwrap());
    assert_eq!(ask(&mut universe, &path, "t-ada", ""), (200, note));
    assert_eq!(ask(&mut universe, &path, "t-bob", "").0, 404);
    assert_eq!(ask(&mut universe, &path, "t-eve", "").0, 401);
    assert_eq!(ask(&mut universe, "GET /health", "", "").0, 200);
}

#[test]
fn each_refusal_is_the_services_own_and_changes_nothing() {
    let mut universe = universe(1);
    let before = universe.state_json("echo");
    for (line, token, body, status, code) in [
        ("POST /notes", "t-ada", "{", 400, "bad_body"),
        ("POST /notes", "t-ada", "{}", 422, "bad_argument"),
        ("POST /notes", "t-ada", r#"{"text":"a","remind_ms":"soon"}"#, 422, "bad_argument"),
        ("POST /notes", "t-bob", NOTE, 403, "forbidden"),
        ("PUT /notes", "t-ada", "", 404, "no_operation"),
        ("GET /nowhere", "t-ada", "", 404, "no_operation"),
    ] {
        let (found, body) = ask(&mut universe, line, token, body);
        assert_eq!((found, &body["error"]), (status, &json!(code)), "{line}");
    }
    assert_eq!(universe.state_json("echo"), before);
    let uncovered = universe.journal().filter(|exchange| !exchange.covered).count();
    assert_eq!(uncovered, 2);
}

#[test]
fn two_plays_of_a_seed_are_equal_and_of_two_seeds_differ() {
    let play = |seed| {
        let mut universe = universe(seed);
        for _ in 0..20 {
            ask(&mut universe, "POST /notes", "t-ada", NOTE);
            ask(&mut universe, "GET /notes?limit=3", "t-ada", "");
        }
        universe.digest()
    };
    assert_eq!(play(7), play(7));
    assert_ne!(play(7), play(8));
}

#[test]
fn a_fork_goes_its_own_way() {
    let mut first = universe(1);
    ask(&mut first, "POST /notes", "t-ada", NOTE);
    let mut second = first.clone();
    let before = first.digest();
    ask(&mut second, "POST /notes", "t-ada", NOTE);
    assert_eq!(first.digest(), before);
    ask(&mut first, "POST /notes", "t-ada", NOTE);
    assert_eq!(first.digest(), second.digest());
}

#[test]
fn pages_end_and_a_foreign_cursor_is_refused() {
    let mut universe = universe(1);
    for _ in 0..5 {
        ask(&mut universe, "POST /notes", "t-ada", NOTE);
    }
    let (mut seen, mut cursor) = (0, String::new());
    for _ in 0..3 {
        let line = format!("GET /notes?limit=2&cursor={}", cursor.replace('=', "%3D"));
        let (_, page) = ask(&mut universe, &line, "t-ada", "");
        seen += page["notes"].as_array().unwrap().len();
        cursor = page["next"].as_str().unwrap().to_owned();
    }
    assert_eq!((seen, cursor.as_str()), (5, ""));
    assert_eq!(ask(&mut universe, "GET /notes?cursor=zzz", "t-ada", "").0, 422);
}

#[test]
fn time_passes_only_when_it_is_told_to_and_timers_fire_in_it() {
    let mut universe = universe(1);
    let (_, note) = ask(&mut universe, "POST /notes", "t-ada", r#"{"text":"a","remind_ms":5000}"#);
    let path = format!("GET /notes/{}", note["id"].as_str().unwrap());
    universe.advance_to(universe.now() + Duration::from_millis(4_999 - 1));
    assert_eq!(ask(&mut universe, &path, "t-ada", "").1["reminded"], Value::Null);
    universe.advance_to(universe.now() + Duration::from_millis(1));
    assert_eq!(ask(&mut universe, &path, "t-ada", "").1["reminded"], "2026-01-05T09:00:05.001Z");
}

#[test]
fn each_fault_strikes_as_it_says() {
    let mut universe = universe(1);
    faults(
        &mut universe,
        json!([
            { "operation": "notes.create", "nth": 1, "fault": "server_error", "status": 502 },
            { "operation": "notes.create", "nth": 2, "fault": "rate_limited", "retry_after": 7 },
            { "operation": "notes.create", "nth": 3, "fault": "reset" },
            { "operation": "notes.create", "nth": 4, "fault": "lost_response" },
            { "operation": "notes.create", "nth": 5, "fault": "truncated", "bytes": 5 },
            { "operation": "notes.create", "nth": 6, "fault": "latency", "ms": 3000 },
            { "operation": "notes.create", "nth": 7, "fault": "clock_jump", "ms": -3600000 },
        ]),
    );
    let count = |universe: &mut Universe| universe.state("echo").unwrap().table(0).len();
    assert_eq!(ask(&mut universe, "POST /notes", "t-ada", NOTE).0, 502);
    let limited = send(&mut universe, "POST /notes", "t-ada", NOTE).response.unwrap();
    assert_eq!(
        (limited.status().as_u16(), &limited.headers()["retry-after"]),
        (429, &"7".parse().unwrap())
    );
    assert_eq!(ask(&mut universe, "POST /notes", "t-ada", NOTE).0, 0);
    assert_eq!(count(&mut universe), 0);
    assert_eq!(ask(&mut universe, "POST /notes", "t-ada", NOTE).0, 0);
    assert_eq!(count(&mut universe), 1);
    assert_eq!(send(&mut universe, "POST /notes", "t-ada", NOTE).cut, Some(5));
    let before = universe.now();
    assert_eq!(send(&mut universe, "POST /notes", "t-ada", NOTE).delay, Duration::from_secs(3));
    assert!(universe.now().since(before) >= Duration::from_secs(3));
    let before = universe.now();
    ask(&mut universe, "POST /notes", "t-ada", NOTE);
    assert!(universe.now() < before);
    assert_eq!(ask(&mut universe, "POST /notes", "t-ada", NOTE).0, 201);
}

#[test]
fn a_clock_that_jumps_forward_undoes_neither_the_call_nor_the_timers_that_it_fires() {
    let mut universe = universe(1);
    let jump =
        json!([{ "operation": "notes.create", "nth": 2, "fault": "clock_jump", "ms": 10_000 }]);
    faults(&mut universe, jump);
    let (_, first) = ask(&mut universe, "POST /notes", "t-ada", r#"{"text":"a","remind_ms":5000}"#);
    let (status, _) = ask(&mut universe, "POST /notes", "t-ada", NOTE);
    assert_eq!((status, universe.state("echo").unwrap().table(0).len()), (201, 2));
    let path = format!("GET /notes/{}", first["id"].as_str().unwrap());
    assert_eq!(ask(&mut universe, &path, "t-ada", "").1["reminded"], "2026-01-05T09:00:05.001Z");
}

#[test]
fn a_timer_for_now_fires_when_its_call_is_done_and_holds_up_no_webhook() {
    let mut universe = universe(1);
    let (_, note) = ask(&mut universe, "POST /notes", "t-ada", r#"{"text":"a","remind_ms":0}"#);
    assert_eq!(universe.take_due().len(), 1);
    let state = universe.state("echo").unwrap();
    let kept = state.table(0).get(note["id"].as_str().unwrap()).unwrap();
    assert_eq!(kept["reminded"], "2026-01-05T09:00:00.001Z");
}

#[test]
fn a_webhook_is_signed_retried_and_given_up() {
    let mut universe = universe(1);
    ask(&mut universe, "POST /notes", "t-ada", NOTE);
    let failed = Attempted::Failed { reason: "connection_failed".into() };
    let mut waits = Vec::new();
    for _ in 0..3 {
        let due = universe.take_due();
        assert_eq!(due.len(), 1);
        assert_eq!(due[0].to, To::Url("http://127.0.0.1:1/hook".into()));
        assert!(
            due[0].headers.iter().any(|(name, value)| name == "x-signature" && value.len() == 64)
        );
        universe.report(due[0].id, &failed);
        assert!(universe.take_due().is_empty());
        let Some(next) = universe.next_timer() else { break };
        waits.push(next.since(universe.now()).as_millis());
        universe.advance_to(next);
    }
    assert_eq!(waits, [1_000, 60_000]);
    assert_eq!(universe.journal().filter(|exchange| exchange.operation == "webhook").count(), 3);
}

#[test]
fn a_webhook_that_cannot_be_signed_is_told_in_the_journal() {
    let script = include_str!("../packs/echo/echo.star");
    let script = script.replace("digest.hmac_sha256(about.about.key, about.body)", "about.nothing");
    let files = [("pack.toml", include_str!("../packs/echo/pack.toml")), ("echo.star", &script)];
    let files = files.map(|(name, text)| (name.to_owned(), text.to_owned()));
    let pack = Pack::read(&files.into()).unwrap();
    let mut universe = Universe::new(&[pack.into()], 1).unwrap();
    let users =
        json!({ "users": [{ "name": "ada", "token": "t-ada", "hook": "http://127.0.0.1:1/" }] });
    universe.seed_service("echo", users).unwrap();
    ask(&mut universe, "POST /notes", "t-ada", NOTE);
    assert_eq!(universe.take_due().len(), 1);
    let last = universe.journal().last().unwrap();
    assert_eq!(last.operation, "sign");
    assert!(last.broken.as_ref().unwrap().contains("nothing"), "{last:?}");
}

#[test]
fn faults_double_and_delay_webhooks() {
    let mut universe = universe(1);
    faults(
        &mut universe,
        json!([
            { "operation": "notes.create", "nth": 1, "fault": "delayed_webhook", "ms": 5000 },
            { "operation": "notes.create", "nth": 2, "fault": "duplicate_webhook" },
        ]),
    );
    ask(&mut universe, "POST /notes", "t-ada", NOTE);
    let (_, second) = ask(&mut universe, "POST /notes", "t-ada", NOTE);
    let mut due = universe.take_due();
    assert_eq!(due.len(), 2);
    assert_ne!(due[0].id, due[1].id);
    assert_eq!(due[0].body, due[1].body);
    assert!(String::from_utf8_lossy(&due[0].body).contains(second["id"].as_str().unwrap()));
    universe.advance_to(universe.now() + Duration::from_secs(5));
    due.extend(universe.take_due());
    assert_eq!(due.len(), 3);
}

#[test]
fn an_answer_that_is_known_is_not_sent_again() {
    let mut universe = universe(1);
    let first = send(&mut universe, "GET /notes", "t-ada", "").response.unwrap();
    let mut again = request("GET", "/notes", "t-ada", "");
    again.headers_mut().insert("if-none-match", first.headers()["etag"].clone());
    let second = universe.step("echo", again).unwrap().response.unwrap();
    assert_eq!((second.status().as_u16(), second.body().len()), (304, 0));
}

#[test]
fn calls_that_come_too_fast_are_refused_until_the_window_is_over() {
    let mut universe = universe(1);
    let statuses = |universe: &mut Universe| {
        let ask = |universe: &mut Universe| ask(universe, "GET /notes", "t-bob", "").0;
        (0..101).map(|_| ask(universe)).filter(|status| *status == 429).count()
    };
    assert_eq!(statuses(&mut universe), 1);
    universe.advance_to(universe.now() + Duration::from_secs(60));
    universe.enforce_rates(false);
    assert_eq!(statuses(&mut universe), 0);
}

/// A pack like echo, but foreign, with this in the place of what answers `GET /health`.
fn echoing(body: &str) -> Universe {
    let script = include_str!("../packs/echo/echo.star");
    let script = script.replace("    return {\"up\": True}", body);
    let files = [("pack.toml", include_str!("../packs/echo/pack.toml")), ("echo.star", &script)];
    let files = files.map(|(name, text)| (name.to_owned(), text.to_owned()));
    let pack = Pack::read(&files.into()).unwrap();
    let mut universe = Universe::new(&[pack.into()], 1).unwrap();
    universe.seed_service("echo", json!({})).unwrap();
    universe
}

/// Such a script is stopped, told by these parts, and has changed nothing.
fn stopped(body: &str, parts: &[&str]) {
    let mut universe = echoing(body);
    let before = universe.state_json("echo");
    assert_eq!(ask(&mut universe, "GET /health", "", "").0, 500, "{body}");
    let broken = universe.journal().last().unwrap().broken.clone().unwrap_or_default();
    assert!(parts.iter().all(|part| broken.contains(part)), "{broken}");
    assert_eq!(universe.state_json("echo"), before);
    assert_eq!(ask(&mut universe, "POST /notes", "t-admin", NOTE).0, 201);
}

#[test]
fn a_script_that_runs_away_is_stopped_and_the_universe_lives_on() {
    let check = |body: &str, part: &str| stopped(body, &[part]);
    check(
        "    for i in range(1000000):\n        for j in range(1000000):\n            pass\n",
        "tick",
    );
    check("    for i in range(2000000):\n        pass\n", "at most 1000000 steps");
    check("    return health(req)\n", "stack");
    check(
        "    x = \"ab\"\n    for i in range(60):\n        x = x + x\n    return x\n",
        "bytes allocated",
    );
    check(
        "    x = [1]\n    for i in range(60):\n        x = x + x\n    return x\n",
        "bytes allocated",
    );
    check("    db.notes.put({\"id\": \"a\"})\n    return req.nothing\n", "nothing");
}

#[test]
fn one_expression_that_would_allocate_without_end_is_stopped_where_it_stands() {
    let check = |expression: &str| {
        let body = format!(
            "    big = \"a\" * (8 << 20)\n    items = [big] * 1000\n    return {expression}\n"
        );
        stopped(&body, &["bytes allocated", "echo.star:", expression]);
    };
    check("\"a\" * 2000000000");
    check("2000000000 * [0]");
    check("(0,) * 2000000000");
    check("big * 1000 * 1000");
    check("[big + big for _ in range(1000000)]");
    check("\"%s\" % items");
    check("\"%s %r\" % (1, items)");
    // Without an operator, the heap is looked at once in a thousand turns.
    let turns = "    small = \"a\" * (128 << 10)\n    return [small[1:] for _ in range(1000000)]\n";
    stopped(turns, &["Heap memory limit"]);
    // What is within the bounds is what it was.
    let fine = "    return {\"a\": [1, 2] * 2 + 2 * [3], \"b\": \"%s-%d\" % (\"x\", 7) + \"y\" * -1, \"c\": 7 % 4 * 3 + 1, \"d\": 1.5 + 2}\n";
    let mut universe = echoing(fine);
    let (status, body) = ask(&mut universe, "GET /health", "", "");
    let expected = json!({ "a": [1, 2, 1, 2, 3, 3], "b": "x-7", "c": 10, "d": 3.5 });
    assert_eq!((status, body), (200, expected));
}

#[test]
fn the_journal_lets_go_of_the_oldest_bodies_when_they_are_too_many() {
    let mut universe = universe(1);
    let body = format!("{{\"text\":\"{}\"}}", "a".repeat(20 << 20));
    for _ in 0..10 {
        ask(&mut universe, "POST /notes", "t-eve", &body);
    }
    assert_eq!(universe.journal().count(), 10);
    for _ in 0..10 {
        ask(&mut universe, "POST /notes", "t-eve", &body);
    }
    assert!(universe.journal().count() < 14);
    assert_eq!(universe.journal().last().unwrap().number, 20);
}

#[test]
fn a_rule_that_can_never_strike_is_refused() {
    let mut universe = universe(1);
    let mut check = |rule: Value, expected: &str| {
        let rule = Fault::read(rule).unwrap();
        assert_eq!(universe.set_faults(vec![rule]).unwrap_err().to_string(), expected);
    };
    let reset = "reset";
    check(
        json!({ "operation": "notes.creat", "fault": reset }),
        "no operation `notes.creat` is known; did you mean `notes.create`?",
    );
    check(json!({ "operation": "chat.*", "fault": reset }), "no operation `chat.*` is known");
    check(
        json!({ "service": "nope", "fault": reset }),
        "no service `nope` is part of this universe",
    );
}
