//! A universe behind real sockets: what clients see of answers, faults, bounds, webhooks and control.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use twin::{Pack, Universe};
use twin_server::{Authority, Clock, Loopback, Options, Proxy, Served};

/// Nothing here takes as long; only a fault of ours would make it wait.
const PATIENCE: Duration = Duration::from_secs(20);

fn served(hook: Option<SocketAddr>) -> Served {
    let mut universe = Universe::new(&[Pack::builtin("echo").unwrap()], 1).unwrap();
    let hook = hook.map(|hook| format!("http://{hook}/hook"));
    let users = json!({ "users": [{ "name": "ada", "token": "t-ada", "hook": hook }] });
    universe.seed_service("echo", users).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let listeners = vec![("echo".to_owned(), listener)];
    let options = Options {
        listeners,
        clock: Clock::Logical,
        dial: Arc::new(Loopback),
        proxy: None,
        canned: None,
        control: true,
    };
    Served::start(universe, options).unwrap()
}

fn connect(served: &Served) -> TcpStream {
    let stream = TcpStream::connect(served.address("echo").unwrap()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Sends these bytes and reads until the other side closes: what came, and whether it ended by a reset.
fn exchange(served: &Served, bytes: &[u8]) -> (String, bool) {
    let mut stream = connect(served);
    // A server that has seen enough may close before it has read all.
    let _ = stream.write_all(bytes);
    let mut text = Vec::new();
    let reset = stream.read_to_end(&mut text).is_err();
    (String::from_utf8_lossy(&text).into_owned(), reset)
}

fn request(method: &str, path: &str, body: &str) -> String {
    format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer t-ada\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn ask(served: &Served, method: &str, path: &str, body: &str) -> (u16, Value) {
    let (text, _) = exchange(served, request(method, path, body).as_bytes());
    let status = text.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    (status, serde_json::from_str(body).unwrap_or(Value::Null))
}

const NOTE: &str = r#"{"text":"hello"}"#;

#[test]
fn links_lead_to_the_host_that_was_asked() {
    let served = served(None);
    let (text, _) = exchange(&served, request("POST", "/notes", NOTE).as_bytes());
    assert!(text.contains("location: http://localhost/notes/n"), "{text}");
}

#[test]
fn faults_are_seen_on_the_wire() {
    let served = served(None);
    let set = |rules: Value| {
        assert_eq!(ask(&served, "PUT", "/_twin/faults", &rules.to_string()).0, 200);
    };
    set(json!([{ "fault": "lost_response", "operation": "notes.create" }]));
    let (text, reset) = exchange(&served, request("POST", "/notes", NOTE).as_bytes());
    assert_eq!((text.as_str(), reset), ("", true));
    let (_, notes) = ask(&served, "GET", "/notes", "");
    assert_eq!(notes["notes"].as_array().unwrap().len(), 1);
    set(json!([{ "fault": "truncated", "bytes": 4, "operation": "notes.list" }]));
    let (text, _) = exchange(&served, request("GET", "/notes", "").as_bytes());
    assert!(text.ends_with("\r\n\r\n{\"no"), "{text}");
    assert!(!text.contains("content-length: 4"), "{text}");
}

#[test]
fn what_is_too_much_is_refused_and_the_universe_lives_on() {
    let served = served(None);
    let head = "POST /notes HTTP/1.1\r\nhost: localhost\r\ncontent-length: 104857600\r\n\r\n";
    let (text, _) = exchange(&served, head.as_bytes());
    assert!(text.starts_with("HTTP/1.1 413 "), "{text}");
    let flood: String = (0..1_000).map(|n| format!("x-{n}: y\r\n")).collect();
    let (text, _) = exchange(&served, format!("GET /health HTTP/1.1\r\n{flood}\r\n").as_bytes());
    assert!(text.starts_with("HTTP/1.1 431 "), "{text}");
    let long = format!("GET /health HTTP/1.1\r\nx: {}\r\n\r\n", "y".repeat(200_000));
    let (text, _) = exchange(&served, long.as_bytes());
    assert!(text.is_empty() || text.starts_with("HTTP/1.1 4"), "{text}");
    let (status, _) = ask(&served, "POST", "/notes", "{\"text\":\"\u{0}");
    assert_eq!(status, 400);
    let mut invalid = request("POST", "/notes", "12").into_bytes();
    let end = invalid.len();
    invalid[end - 2..].copy_from_slice(&[0xff, 0xfe]);
    assert!(exchange(&served, &invalid).0.starts_with("HTTP/1.1 400 "));
    assert!(
        exchange(&served, b"\x16\x03\x01\x02\x00nonsense\r\n\r\n").0.starts_with("HTTP/1.1 400 ")
    );
    // One that never finishes its request holds nobody else up.
    let mut slow = connect(&served);
    slow.write_all(b"GET /health HT").unwrap();
    assert_eq!(ask(&served, "GET", "/health", "").0, 200);
}

#[test]
fn a_webhook_leaves_at_once_and_its_retries_with_the_clock() {
    let receiver = TcpListener::bind("127.0.0.1:0").unwrap();
    let served = served(Some(receiver.local_addr().unwrap()));
    let receive = std::thread::spawn(move || {
        let mut bodies = Vec::new();
        for status in ["503 Busy", "200 OK"] {
            let (mut stream, _) = receiver.accept().unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            let (mut text, mut chunk) = (Vec::new(), [0; 4096]);
            while !String::from_utf8_lossy(&text).contains("{\"created\":\"") {
                let length = stream.read(&mut chunk).unwrap();
                text.extend_from_slice(&chunk[..length]);
            }
            write!(stream, "HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n").unwrap();
            bodies.push(String::from_utf8_lossy(&text).into_owned());
        }
        bodies
    });
    assert_eq!(ask(&served, "POST", "/notes", NOTE).0, 201);
    assert!(served.settle(PATIENCE));
    let failed = served.universe().journal().last().unwrap().clone();
    assert_eq!((failed.operation.as_str(), failed.status), ("webhook", Some(503)));
    assert!(served.advance(Duration::from_secs(1), PATIENCE));
    let bodies = receive.join().unwrap();
    assert!(
        bodies[0].contains("x-signature: ") && bodies[0].starts_with("POST /hook "),
        "{}",
        bodies[0]
    );
    assert_eq!(served.universe().journal().last().unwrap().status, Some(200));
}

#[test]
fn a_webhook_that_is_under_way_when_serving_stops_is_tried_again() {
    let receiver = TcpListener::bind("127.0.0.1:0").unwrap();
    let served = served(Some(receiver.local_addr().unwrap()));
    assert_eq!(ask(&served, "POST", "/notes", NOTE).0, 201);
    let _held = receiver.accept().unwrap();
    let universe = served.stop();
    assert_eq!(universe.journal().last().unwrap().refused.as_deref(), Some("connection_failed"));
    assert!(universe.next_timer().is_some());
}

#[test]
fn webhooks_go_nowhere_but_to_this_machine() {
    let mut universe = Universe::new(&[Pack::builtin("echo").unwrap()], 1).unwrap();
    let users =
        json!({ "users": [{ "name": "ada", "token": "t-ada", "hook": "http://192.0.2.1/x" }] });
    universe.seed_service("echo", users).unwrap();
    let listeners = vec![("echo".to_owned(), TcpListener::bind("127.0.0.1:0").unwrap())];
    let options = Options {
        listeners,
        clock: Clock::Logical,
        dial: Arc::new(Loopback),
        proxy: None,
        canned: None,
        control: true,
    };
    let served = Served::start(universe, options).unwrap();
    assert_eq!(ask(&served, "POST", "/notes", NOTE).0, 201);
    assert!(served.settle(PATIENCE));
    let last = served.universe().journal().last().unwrap().clone();
    assert_eq!(last.refused.as_deref(), Some("connection_failed"));
}

#[test]
fn a_webhook_from_before_a_reset_reports_to_nobody_after_it() {
    let receiver = TcpListener::bind("127.0.0.1:0").unwrap();
    let served = served(Some(receiver.local_addr().unwrap()));
    assert_eq!(ask(&served, "POST", "/notes", NOTE).0, 201);
    let (held, _) = receiver.accept().unwrap();
    assert_eq!(ask(&served, "POST", "/_twin/reset", "").0, 200);
    // The same note again, and so a webhook of the same number, of which nothing is known yet.
    assert_eq!(ask(&served, "POST", "/notes", NOTE).0, 201);
    let (mut second, _) = receiver.accept().unwrap();
    drop(held);
    second.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").unwrap();
    assert!(served.settle(PATIENCE));
    let universe = served.universe();
    let webhooks = universe.journal().filter(|exchange| exchange.operation == "webhook");
    assert_eq!(webhooks.map(|exchange| exchange.status).collect::<Vec<_>>(), [Some(200)]);
    assert_eq!(universe.next_timer(), None);
}

#[test]
fn the_control_api_looks_winds_back_and_moves_the_clock() {
    let served = served(None);
    ask(&served, "POST", "/notes", NOTE);
    let (_, taken) = ask(&served, "POST", "/_twin/snapshot", "");
    ask(&served, "POST", "/notes", NOTE);
    let count = |served: &Served| {
        let (_, state) = ask(served, "GET", "/_twin/state", "");
        state["tables"]["notes"].as_object().unwrap().len()
    };
    assert_eq!(count(&served), 2);
    ask(&served, "POST", "/_twin/reset", &taken.to_string());
    assert_eq!(count(&served), 1);
    ask(&served, "POST", "/_twin/reset", "");
    assert_eq!(count(&served), 0);
    let (_, clock) = ask(&served, "POST", "/_twin/clock", r#"{"advance_ms":60000}"#);
    assert_eq!(clock["now"], "2026-01-05T09:01:00.000Z");
    for (path, body, part) in [
        ("/_twin/clock", r#"{"to":"2020-01-01T00:00:00Z"}"#, "already"),
        ("/_twin/clock", r#"{"advance":1}"#, "advance_ms"),
        ("/_twin/reset", r#"{"snapshot":9}"#, "no snapshot 9"),
        ("/_twin/call", r#"{"function":"seeded"}"#, "step_"),
        ("/_twin/nix", "", "there are"),
    ] {
        let (status, answer) = ask(&served, "POST", path, body);
        let told = answer["error"].as_str().unwrap_or_default();
        assert!(status >= 400 && told.contains(part), "{path} {status} {told}");
    }
    let universe = served.stop();
    assert_eq!(universe.journal().count(), 0);
}

#[test]
fn real_hostnames_are_served_over_tls_by_a_proxy_that_knows_no_others() {
    let mut universe = Universe::new(&[Pack::builtin("echo").unwrap()], 1).unwrap();
    universe.seed_service("echo", json!({})).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let authority = Arc::new(Authority::new().unwrap());
    let proxy = Some(Proxy { listener, authority: authority.clone() });
    let options = Options {
        listeners: Vec::new(),
        clock: Clock::Logical,
        dial: Arc::new(Loopback),
        proxy,
        canned: None,
        control: true,
    };
    let _served = Served::start(universe, options).unwrap();
    let connect = |host: &str| {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(stream, "CONNECT {host}:443 HTTP/1.1\r\nhost: {host}:443\r\n\r\n").unwrap();
        let (mut head, mut byte) = (Vec::new(), [0]);
        while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap() == 1 {
            head.push(byte[0]);
        }
        (stream, String::from_utf8(head).unwrap())
    };
    let (_, refused) = connect("example.com");
    assert!(refused.starts_with("HTTP/1.1 502 "), "{refused}");
    let (stream, accepted) = connect("eu.echo.test");
    assert!(accepted.starts_with("HTTP/1.1 200 "), "{accepted}");
    let mut roots = rustls::RootCertStore::empty();
    let pem = authority.pem();
    let der = rustls::pki_types::pem::PemObject::from_pem_slice(pem.as_bytes()).unwrap();
    roots.add(der).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = "eu.echo.test".try_into().unwrap();
    let client = rustls::ClientConnection::new(Arc::new(config), name).unwrap();
    let mut tls = rustls::StreamOwned::new(client, stream);
    let request = "POST /notes HTTP/1.1\r\nhost: eu.echo.test\r\nauthorization: Bearer t-admin\r\n\
        content-type: application/json\r\ncontent-length: 12\r\nconnection: close\r\n\r\n{\"text\":\"a\"}";
    tls.write_all(request.as_bytes()).unwrap();
    let mut text = String::new();
    let _ = tls.read_to_string(&mut text);
    assert!(text.contains("location: https://eu.echo.test/notes/"), "{text}");
}

#[test]
fn a_program_under_test_cannot_reach_the_control_api() {
    let mut universe = Universe::new(&[Pack::builtin("echo").unwrap()], 1).unwrap();
    universe.seed_service("echo", json!({})).unwrap();
    let listeners = vec![("echo".to_owned(), TcpListener::bind("127.0.0.1:0").unwrap())];
    let options = Options {
        listeners,
        clock: Clock::Logical,
        dial: Arc::new(Loopback),
        proxy: None,
        canned: None,
        control: false,
    };
    let served = Served::start(universe, options).unwrap();
    for (method, path) in [("GET", "/_twin"), ("PUT", "/_twin/faults"), ("POST", "/_twin/reset")] {
        let (status, answer) = ask(&served, method, path, "[]");
        assert_eq!((status, &answer["error"]), (404, &json!("no_operation")), "{path}");
    }
    // What a scenario that saw this decides: nothing.
    assert_eq!(served.universe().journal().filter(|exchange| !exchange.covered).count(), 3);
}
