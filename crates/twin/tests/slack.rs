//! The Slack twin, by what programs rely on most: who may do what, what is read back, what is sent and when.

use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use twin::delivery::{Attempted, Delivery, To};
use twin::{Pack, Universe};

const APP: &str = "http://127.0.0.1:1/slack";

/// The default workspace, where the default app listens to what is said.
fn universe() -> Universe {
    let mut universe = Universe::new(&[Pack::builtin("slack").unwrap()], 1).unwrap();
    let seed = json!({
        "users": [{ "name": "ada", "email": "ada@example.com" }, { "name": "bob" }],
        "channels": [
            { "name": "ops", "members": ["ada"] },
            { "name": "secret", "is_private": true, "members": ["bob"] },
        ],
        "oauth_apps": [{
            "app_id": "A1", "client_id": "1.1", "client_secret": "secret", "name": "App",
            "bot_id": "B1", "bot_user_id": "U0APPUSER", "signing_secret": "shh", "request_url": APP,
            "redirect_uris": ["http://localhost/cb"], "events": ["message.channels", "app_mention"],
        }],
        "tokens": [
            { "token": "xoxb-app", "user": "U0APPUSER", "app_id": "A1" },
            { "token": "xoxp-ada", "user": "ada", "app_id": "A1" },
            { "token": "xoxb-few", "user": "U0APPUSER", "app_id": "A1", "scopes": ["users:read"] },
        ],
    });
    universe.seed_service("slack", seed).unwrap();
    let ops = channel(&mut universe, "ops");
    call(&mut universe, "xoxb-app", "conversations.join", &[("channel", &ops)]);
    universe.take_due();
    universe
}

/// An answer's status and body.
fn send(universe: &mut Universe, request: twin::Request) -> (u16, Value) {
    let response = universe.step("slack", request).unwrap().response.unwrap();
    let body = serde_json::from_slice(response.body()).unwrap_or(Value::Null);
    (response.status().as_u16(), body)
}

/// Calls a method with arguments in a form.
fn call(universe: &mut Universe, token: &str, method: &str, args: &[(&str, &str)]) -> Value {
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(args).finish();
    let request = http::Request::builder()
        .method("POST")
        .uri(format!("/api/{method}"))
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Bytes::from(body))
        .unwrap();
    let (_, body) = send(universe, request);
    body
}

fn channel(universe: &mut Universe, name: &str) -> String {
    let found = universe.call("slack", "step_channel", json!({ "name": name })).unwrap();
    found["id"].as_str().unwrap().to_owned()
}

fn said(universe: &mut Universe, name: &str) -> Vec<String> {
    let all = universe.call("slack", "step_messages", json!({ "channel": name })).unwrap();
    let text = |one: &Value| one["text"].as_str().unwrap().to_owned();
    all.as_array().unwrap().iter().map(text).collect()
}

/// What an answer refuses with; empty where it is none.
fn refusal(answer: &Value) -> &str {
    assert_eq!(answer["ok"], answer["error"].is_null(), "{answer}");
    answer["error"].as_str().unwrap_or_default()
}

fn header<'a>(delivery: &'a Delivery, name: &str) -> &'a str {
    let found = delivery.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
    found.map_or("", |(_, value)| value)
}

#[test]
fn no_credential_works_that_was_not_given_out() {
    let mut universe = universe();
    for (token, method, error) in [
        ("xoxb-wrong", "auth.test", "invalid_auth"),
        ("", "auth.test", "not_authed"),
        ("xoxb-few", "chat.postMessage", "missing_scope"),
        ("xoxb-app", "users.identity", "not_allowed_token_type"),
        ("xoxb-app", "no.such.method", "unknown_method"),
    ] {
        assert_eq!(refusal(&call(&mut universe, token, method, &[])), error, "{method}");
    }
    let revoked = call(&mut universe, "xoxp-ada", "auth.revoke", &[]);
    assert_eq!(revoked["revoked"], true);
    assert_eq!(refusal(&call(&mut universe, "xoxp-ada", "auth.test", &[])), "token_revoked");
    let uncovered = universe.journal().filter(|exchange| !exchange.covered).count();
    assert_eq!(uncovered, 1);
}

#[test]
fn a_message_is_read_back_and_told_to_those_who_listen() {
    let mut universe = universe();
    let ops = channel(&mut universe, "ops");
    let said = json!({ "user": "ada", "channel": "ops", "text": "<@U0APPUSER> is 1 < 2?" });
    universe.call("slack", "step_say", said).unwrap();
    let due = universe.take_due();
    let kinds: Vec<Value> = due
        .iter()
        .map(|one| serde_json::from_slice::<Value>(&one.body).unwrap()["event"]["type"].clone())
        .collect();
    assert_eq!(kinds, ["message", "app_mention"]);
    assert!(due.iter().all(|one| one.to == To::Url(APP.into())));
    assert!(header(&due[0], "x-slack-signature").starts_with("v0="));
    let history = call(&mut universe, "xoxb-app", "conversations.history", &[("channel", &ops)]);
    assert_eq!(history["messages"][0]["text"], "<@U0APPUSER> is 1 &lt; 2?");
}

#[test]
fn an_event_that_nobody_takes_is_sent_four_times_and_says_why() {
    let mut universe = universe();
    let said = json!({ "user": "ada", "channel": "ops", "text": "hello" });
    universe.call("slack", "step_say", said).unwrap();
    let failed = Attempted::Failed { reason: "http_timeout".into() };
    let mut told = Vec::new();
    for _ in 0..4 {
        let due = universe.take_due();
        assert_eq!(due.len(), 1);
        told.push((
            header(&due[0], "x-slack-retry-num").to_owned(),
            header(&due[0], "x-slack-retry-reason").to_owned(),
        ));
        universe.report(due[0].id, &failed);
        universe.advance_to(universe.now() + Duration::from_secs(300));
    }
    let expected = [("", ""), ("1", "http_timeout"), ("2", "http_timeout"), ("3", "http_timeout")];
    assert_eq!(told, expected.map(|(number, reason)| (number.to_owned(), reason.to_owned())));
    assert!(universe.take_due().is_empty() && universe.next_timer().is_none());
}

#[test]
fn what_others_do_not_see_is_not_there_and_rules_hold() {
    let mut universe = universe();
    let (ops, secret) = (channel(&mut universe, "ops"), channel(&mut universe, "secret"));
    let (long, none) = ("x".repeat(251), "C0NOSUCH");
    for (method, args, error) in [
        ("conversations.info", vec![("channel", secret.as_str())], "channel_not_found"),
        (
            "chat.postMessage",
            vec![("channel", secret.as_str()), ("text", "x")],
            "channel_not_found",
        ),
        ("chat.postMessage", vec![("channel", none), ("text", "x")], "channel_not_found"),
        ("chat.postMessage", vec![("channel", ops.as_str())], "no_text"),
        ("conversations.setTopic", vec![("channel", ops.as_str()), ("topic", &long)], "too_long"),
        ("conversations.create", vec![("name", "ops")], "name_taken"),
        ("conversations.list", vec![("cursor", "nonsense")], "invalid_cursor"),
        (
            "reactions.add",
            vec![("channel", ops.as_str()), ("name", "eyes"), ("timestamp", "1")],
            "bad_timestamp",
        ),
        ("views.open", vec![("trigger_id", "1.2.3"), ("view", "{}")], "invalid_arguments"),
    ] {
        let before = universe.state_json("slack");
        assert_eq!(refusal(&call(&mut universe, "xoxb-app", method, &args)), error, "{method}");
        assert_eq!(universe.state_json("slack"), before, "{method}");
    }
}

#[test]
fn a_scheduled_message_comes_when_it_is_due_and_not_before() {
    let mut universe = universe();
    let ops = channel(&mut universe, "ops");
    let at = (universe.now().seconds() + 60).to_string();
    let args = [("channel", ops.as_str()), ("text", "later"), ("post_at", &at)];
    assert_eq!(refusal(&call(&mut universe, "xoxb-app", "chat.scheduleMessage", &args)), "");
    universe.advance_to(universe.now() + Duration::from_secs(58));
    assert_eq!(said(&mut universe, "ops"), [""; 0]);
    universe.advance_to(universe.now() + Duration::from_secs(2));
    assert_eq!(said(&mut universe, "ops"), ["later"]);
}

#[test]
fn a_command_is_answered_in_its_response_and_at_its_address() {
    let mut universe = universe();
    let typed =
        json!({ "user": "ada", "channel": "ops", "command": "/locked", "text": "now", "url": APP });
    universe.call("slack", "step_command", typed).unwrap();
    let due = universe.take_due();
    let form: Vec<(String, String)> = form_urlencoded::parse(&due[0].body).into_owned().collect();
    let field = |name: &str| form.iter().find(|(known, _)| known == name).unwrap().1.clone();
    assert_eq!(
        (field("command"), field("text"), field("user_name")),
        ("/locked".into(), "now".into(), "ada".into())
    );
    let body = Bytes::from_static(br#"{"text":"nobody"}"#);
    universe.report(due[0].id, &Attempted::Answered { status: 200, body });
    let answer = field("response_url");
    let path = answer.strip_prefix("https://slack.com").unwrap();
    let request = http::Request::builder()
        .method("POST")
        .uri(path)
        .header("content-type", "application/json")
        .body(Bytes::from_static(br#"{"text":"for all","response_type":"in_channel"}"#))
        .unwrap();
    assert_eq!(send(&mut universe, request).0, 200);
    let replies = universe.call("slack", "step_command_replies", json!({ "user": "ada" })).unwrap();
    let kinds: Vec<&Value> =
        replies.as_array().unwrap().iter().map(|one| &one["response_type"]).collect();
    assert_eq!(kinds, [&json!("ephemeral"), &json!("in_channel")]);
    assert_eq!(said(&mut universe, "ops"), ["for all"]);
}

#[test]
fn an_answer_to_a_command_that_slack_would_refuse_breaks_nothing_and_is_not_shown() {
    let mut universe = universe();
    let typed = json!({ "user": "ada", "channel": "ops", "command": "/locked", "url": APP });
    universe.call("slack", "step_command", typed).unwrap();
    let due = universe.take_due();
    let body = Bytes::from_static(br#"{"response_type":"in_channel"}"#);
    universe.report(due[0].id, &Attempted::Answered { status: 200, body });
    let last = universe.journal().next_back().unwrap();
    assert_eq!((last.refused.as_deref(), last.broken.as_deref()), (Some("no_text"), None));
    let replies = universe.call("slack", "step_command_replies", json!({ "user": "ada" })).unwrap();
    assert_eq!(replies, json!([]));
}

#[test]
fn calls_of_one_method_that_come_too_fast_wait_a_minute() {
    let mut universe = universe();
    let list = |universe: &mut Universe| {
        let answer = call(universe, "xoxb-app", "conversations.list", &[]);
        refusal(&answer).to_owned()
    };
    let refused = (0..21).filter(|_| list(&mut universe) == "ratelimited").count();
    assert_eq!(refused, 1);
    assert_eq!(refusal(&call(&mut universe, "xoxb-app", "auth.test", &[])), "");
    universe.advance_to(universe.now() + Duration::from_secs(60));
    assert_eq!(list(&mut universe), "");
}
