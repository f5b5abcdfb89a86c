//! Two plays of one seed are equal to the byte, whatever the thread: shown for a thousand seeds on all
//! services at once, with faults.

use std::sync::Arc;
use std::time::Duration;

use base::Digest;
use bytes::Bytes;
use serde_json::{Value, json};
use twin::{Fault, Pack, Universe};

const SEEDS: u64 = 1_000;

/// A request for each service: method, path, body.
const REQUESTS: [(&str, &str, &str, &str); 12] = [
    ("slack", "POST", "/api/conversations.create", r#"{"name":"alerts"}"#),
    ("slack", "POST", "/api/chat.postMessage", r##"{"channel":"C000000001","text":"hello"}"##),
    ("slack", "GET", "/api/conversations.list", ""),
    (
        "okta",
        "POST",
        "/api/v1/users",
        r#"{"profile":{"firstName":"A","lastName":"B","email":"ab@example.com","login":"ab@example.com"}}"#,
    ),
    ("okta", "GET", "/api/v1/users", ""),
    ("okta", "GET", "/api/v1/logs", ""),
    ("github", "POST", "/user/repos", r#"{"name":"tool","auto_init":true}"#),
    ("github", "GET", "/user/repos", ""),
    (
        "jira",
        "POST",
        "/rest/api/2/issue",
        r#"{"fields":{"project":{"key":"TEST"},"issuetype":{"name":"Task"},"summary":"a"}}"#,
    ),
    (
        "jira",
        "GET",
        "/rest/api/3/search/jql?jql=project%3DTEST%20order%20by%20key&fields=summary,status",
        "",
    ),
    ("echo", "POST", "/notes", r#"{"text":"a","remind_ms":5}"#),
    ("echo", "GET", "/notes", ""),
];

fn faults(seed: u64) -> Vec<Fault> {
    let rules = json!([
        { "service": "slack", "nth": seed % 3 + 1, "fault": "lost_response" },
        { "service": "okta", "nth": seed % 3 + 1, "fault": "server_error" },
        { "service": "echo", "fault": "latency", "ms": seed % 7 },
    ]);
    serde_json::from_value(rules).unwrap()
}

/// Plays every request twice over, and tells what came of it.
fn play(packs: &[Arc<Pack>], seed: u64) -> Digest {
    let mut universe = Universe::new(packs, seed).unwrap();
    for pack in packs {
        universe.seed_service(pack.service(), Value::Object(Default::default())).unwrap();
    }
    universe.set_faults(faults(seed)).unwrap();
    let mut answers = String::new();
    for (service, method, path, body) in REQUESTS.iter().chain(&REQUESTS) {
        let Some(pack) = universe.pack(service).cloned() else { continue };
        let credential = pack.manifest().credential.clone().unwrap_or_default();
        let request = http::Request::builder()
            .method(*method)
            .uri(*path)
            .header("authorization", credential)
            .header("content-type", "application/json")
            .body(Bytes::from_static(body.as_bytes()))
            .unwrap();
        let reply = universe.step(service, request).unwrap();
        answers.push_str(&format!("{reply:?}"));
        let then = universe.now() + Duration::from_millis(seed % 5);
        universe.advance_to(then);
    }
    answers.push_str(&universe.digest().to_string());
    Digest::of(answers)
}

#[test]
fn a_thousand_seeds_play_the_same_in_one_thread_and_in_several() {
    let packs: Vec<Arc<Pack>> =
        Pack::builtin_names().into_iter().map(|name| Pack::builtin(name).unwrap()).collect();
    let alone: Vec<Digest> = (0..SEEDS).map(|seed| play(&packs, seed)).collect();
    let mut distinct = alone.clone();
    distinct.sort();
    distinct.dedup();
    assert_eq!(distinct.len(), alone.len(), "two seeds played the same");
    std::thread::scope(|scope| {
        for part in 0..4 {
            let (packs, alone) = (&packs, &alone);
            scope.spawn(move || {
                for seed in (part..SEEDS).step_by(4) {
                    let index = usize::try_from(seed).unwrap();
                    assert_eq!(play(packs, seed), alone[index], "seed {seed}");
                }
            });
        }
    });
}
