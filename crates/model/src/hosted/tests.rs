//! Hosted models against scripted servers on loopback: what is sent, read, counted and refused.

use super::*;
use crate::Message;
use crate::net::server::{response, serve};

fn model(api: Api, base_url: &str) -> Hosted {
    Hosted::new(Target {
        name: "test/m".to_owned(),
        family: "test".to_owned(),
        api,
        model: "m".to_owned(),
        base_url: Some(base_url.to_owned()),
        key: Key::Given("k-123".to_owned()),
        price: Some(Price {
            per_million_in: MicroUsd(1_000_000),
            per_million_out: MicroUsd(2_000_000),
        }),
    })
    .unwrap()
}

fn request(candidates: u32) -> Request {
    let message = |role, text: &str| Message { role, text: text.to_owned() };
    Request {
        messages: vec![message(Role::System, "be brief"), message(Role::User, "hello")],
        candidates,
        temperature: 0.5,
        top_p: 0.9,
        tokens_max: 64,
        seed: 1,
        stop: vec!["END".to_owned()],
    }
}

fn json(body: &str) -> Vec<u8> {
    response("200 OK", "application/json", body.as_bytes())
}

fn ask(model: &Hosted, candidates: u32) -> Result<Reply, ModelError> {
    model.complete(&request(candidates), &mut |_| ControlFlow::Continue(()))
}

const OPENAI: &str = r#"{"id":"1","object":"chat.completion","model":"m","choices":[{"index":0,
    "message":{"role":"assistant","content":"hi"},"finish_reason":"length"}],
    "usage":{"prompt_tokens":10,"completion_tokens":3,"total_tokens":13}}"#;
const ANTHROPIC: &str = r#"{"id":"1","type":"message","role":"assistant","model":"m",
    "content":[{"type":"text","text":"hi"}],"stop_reason":"end_turn",
    "usage":{"input_tokens":10,"output_tokens":3}}"#;
const GEMINI: &str = r#"{"candidates":[{"content":{"parts":[{"text":"hi"}],"role":"model"},
    "finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":10,"candidatesTokenCount":3,
    "totalTokenCount":13},"modelVersion":"m"}"#;

#[test]
fn every_api_is_spoken_and_its_use_counted() {
    for (api, body, stop, key) in [
        (Api::OpenAi, OPENAI, StopReason::TokensMax, "authorization: Bearer k-123"),
        (Api::Anthropic, ANTHROPIC, StopReason::Ended, "x-api-key: k-123"),
        (Api::Gemini, GEMINI, StopReason::Ended, "x-goog-api-key: k-123"),
    ] {
        let server = serve(vec![json(body)]);
        let reply = ask(&model(api, &server.url), 1).unwrap();
        assert_eq!(reply.completions, [Completion { text: "hi".to_owned(), stop }], "{api:?}");
        assert_eq!(
            (reply.spend.tokens_in, reply.spend.tokens_out),
            (Tokens(10), Tokens(3)),
            "{api:?}"
        );
        assert_eq!(reply.spend.cost, MicroUsd(10 + 2 * 3), "{api:?}");
        let sent = server.requests().remove(0);
        for part in [key, "be brief", "hello", "END"] {
            assert!(sent.contains(part), "{api:?} sent no `{part}`:\n{sent}");
        }
    }
}

#[test]
fn candidates_are_calls_of_their_own() {
    let server = serve(vec![json(OPENAI); 6]);
    let mut last = None;
    let reply = model(Api::OpenAi, &server.url)
        .complete(&request(6), &mut |progress| {
            last = Some(progress);
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(reply.completions.len(), 6);
    assert_eq!(reply.spend.tokens_out, Tokens(18));
    assert_eq!(last, Some(Progress { tokens_in: 60, tokens_out: 18, finished: 6 }));
    assert_eq!(server.requests().len(), 6);
}

#[test]
fn breaking_off_leaves_what_is_there() {
    let server = serve(vec![json(OPENAI)]);
    let mut breaking = |_| ControlFlow::Break(());
    let reply = model(Api::OpenAi, &server.url).complete(&request(1), &mut breaking).unwrap();
    assert_eq!(reply.completions[0].text, "hi");
}

#[test]
fn errors_say_what_to_do_about_them() {
    for (status, kind) in [
        ("401 Unauthorized", ModelErrorKind::Unauthorised),
        ("429 Too Many Requests", ModelErrorKind::Transient),
        ("529 Overloaded", ModelErrorKind::Transient),
        ("404 Not Found", ModelErrorKind::Rejected),
    ] {
        let body = br#"{"error":{"message":"because"}}"#;
        let server = serve(vec![response(status, "application/json", body)]);
        let error = ask(&model(Api::OpenAi, &server.url), 1).unwrap_err();
        assert_eq!(error.kind, kind, "{error}");
        assert!(error.reason.contains("because") && !error.reason.contains("k-123"), "{error}");
    }
}

#[test]
fn a_server_that_is_not_there_is_worth_another_try() {
    // A port that was free a moment ago and that nobody listens on.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/v1/", listener.local_addr().unwrap());
    drop(listener);
    assert_eq!(ask(&model(Api::OpenAi, &url), 1).unwrap_err().kind, ModelErrorKind::Transient);
}

#[test]
fn without_a_key_nothing_is_sent() {
    let mut model = model(Api::OpenAi, "http://127.0.0.1:1/v1/");
    model.target.key = Key::Missing("SOME_KEY".to_owned());
    let error = ask(&model, 1).unwrap_err();
    assert_eq!(error.kind, ModelErrorKind::Unauthorised);
    assert!(error.reason.contains("SOME_KEY"), "{error}");
}

#[test]
fn reasoning_models_are_sent_no_temperature() {
    for (name, takes) in [("gpt-4o", true), ("gpt-5-mini", false), ("o3", false), ("oracle", true)]
    {
        let options = options(Api::OpenAi, name, &request(1));
        assert_eq!(options.temperature.is_some(), takes, "{name}");
    }
    assert!(super::options(Api::Anthropic, "claude", &request(1)).top_p.is_none());
}
