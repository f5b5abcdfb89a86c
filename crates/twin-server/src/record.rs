//! Records what a program and a real service say to each other: a proxy on loopback that passes requests on and
//! keeps both sides as HAR 1.2. Credentials are left out of what is kept.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use std::{fs, io};

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::http1::protocol;
use crate::{BODY_BYTES_MAX, lock};

/// Exchanges of one recording: the whole of it is written again and again.
const EXCHANGES_MAX: usize = 2_000;

/// How often the file is brought up to date.
const WRITE_EVERY: Duration = Duration::from_secs(1);

/// How long the service may take to answer.
const ANSWER_MAX: Duration = Duration::from_secs(60);

/// Headers that are kept without their value.
const SECRET_HEADERS: [&str; 5] =
    ["authorization", "cookie", "set-cookie", "x-api-key", "proxy-authorization"];

/// Ends of the names of headers and fields (of queries, forms and JSON) that are kept without their value,
/// in small letters and without `-` and `_`: services spell `access_token` and `sessionToken`.
const SECRET_ENDS: [&str; 8] = [
    "token",
    "secret",
    "password",
    "assertion",
    "apikey",
    "privatekey",
    "codeverifier",
    "passcode",
];

/// Names that end so and hold no secret: where a list goes on.
const NO_SECRETS: [&str; 2] = ["pagetoken", "synctoken"];

/// What stands in place of a secret.
const REDACTED: &str = "REDACTED";

/// Why nothing can be recorded.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    #[error("`{0}` is no address of a service, such as https://slack.com")]
    Upstream(String),
    #[error("failed to set up the client")]
    Client(#[source] reqwest::Error),
    #[error("failed to write {}", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("failed to set up the server")]
    Io(#[from] io::Error),
}

/// A recording under way; it ends when this is dropped.
pub struct Recorder {
    shared: Arc<Shared>,
    address: SocketAddr,
    stop: watch::Sender<bool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

struct Shared {
    upstream: String,
    file: PathBuf,
    client: reqwest::Client,
    tape: Mutex<Tape>,
}

#[derive(Default)]
struct Tape {
    entries: Vec<Value>,
    written: Option<Instant>,
}

impl Recorder {
    /// Passes what comes to `listener` on to `upstream` and writes it to `file`.
    ///
    /// # Errors
    /// An address that is none, a file that cannot be written.
    pub fn start(
        listener: TcpListener,
        upstream: &str,
        file: PathBuf,
    ) -> Result<Self, RecordError> {
        let upstream = upstream.trim_end_matches('/').to_owned();
        if !upstream.starts_with("https://") && !upstream.starts_with("http://") {
            return Err(RecordError::Upstream(upstream));
        }
        // Another part of the program may have chosen the same one before.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(ANSWER_MAX)
            .build()
            .map_err(RecordError::Client)?;
        let shared = Arc::new(Shared { upstream, file, client, tape: Mutex::default() });
        shared.write()?;
        let address = listener.local_addr()?;
        listener.set_nonblocking(true)?;
        let (stop, stopped) = watch::channel(false);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let inner = shared.clone();
        let thread = std::thread::Builder::new().name("recorder".into()).spawn(move || {
            let local = tokio::task::LocalSet::new();
            local.block_on(&runtime, serve(inner, listener, stopped));
        })?;
        Ok(Self { shared, address, stop, thread: Some(thread) })
    }

    /// Where programs find the service now.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many exchanges were recorded.
    pub fn count(&self) -> usize {
        lock(&self.shared.tape).entries.len()
    }

    /// Ends the recording and writes the last of it.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn finish(mut self) -> Result<usize, RecordError> {
        self.end();
        self.shared.write()?;
        Ok(self.count())
    }

    fn end(&mut self) {
        let _ = self.stop.send(true);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.end();
        let _ = self.shared.write();
    }
}

async fn serve(shared: Arc<Shared>, listener: TcpListener, mut stopped: watch::Receiver<bool>) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
    let accept = async {
        loop {
            let Ok((stream, _)) = listener.accept().await else {
                tokio::time::sleep(Duration::from_millis(10)).await;
                continue;
            };
            let shared = shared.clone();
            tokio::task::spawn_local(async move {
                let service = service_fn(move |request| pass_on(shared.clone(), request));
                let _ = protocol().serve_connection(TokioIo::new(stream), service).await;
            });
        }
    };
    tokio::select! {
        () = accept => {}
        _ = stopped.wait_for(|stopped| *stopped) => {}
    }
}

type Answered = hyper::Response<Full<Bytes>>;

async fn pass_on(
    shared: Arc<Shared>,
    request: hyper::Request<Incoming>,
) -> Result<Answered, std::convert::Infallible> {
    let (head, body) = request.into_parts();
    let told = |status, text: String| {
        let mut response = hyper::Response::new(Full::new(Bytes::from(text)));
        *response.status_mut() = status;
        response
    };
    let Ok(body) = Limited::new(body, BODY_BYTES_MAX).collect().await else {
        return Ok(told(StatusCode::PAYLOAD_TOO_LARGE, String::new()));
    };
    let body = body.to_bytes();
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    let url = format!("{}{path}", shared.upstream);
    let kept_url = without_secrets(&url);
    let mut headers = head.headers.clone();
    for hop in ["host", "connection", "content-length", "accept-encoding", "transfer-encoding"] {
        headers.remove(hop);
    }
    let sent = shared.client.request(head.method.clone(), &url).headers(headers).body(body.clone());
    let (status, answered, answer) = match fetched(sent).await {
        Ok(fetched) => fetched,
        Err(error) => return Ok(told(StatusCode::BAD_GATEWAY, base::chain(&error))),
    };
    shared.keep(json!({
        "startedDateTime": written_at(),
        "time": 0,
        "request": {
            "method": head.method.as_str(), "url": kept_url, "httpVersion": "HTTP/1.1",
            "headers": kept_headers(&head.headers), "queryString": [], "cookies": [],
            "headersSize": -1, "bodySize": body.len(),
            "postData": { "mimeType": kind_of(&head.headers), "text": kept(&body, &kind_of(&head.headers)) },
        },
        "response": {
            "status": status.as_u16(), "statusText": status.canonical_reason().unwrap_or_default(),
            "httpVersion": "HTTP/1.1", "headers": kept_headers(&answered), "cookies": [],
            "content": {
                "size": answer.len(), "mimeType": kind_of(&answered),
                "text": kept(&answer, &kind_of(&answered)),
            },
            "redirectURL": "", "headersSize": -1, "bodySize": answer.len(),
        },
        "cache": {}, "timings": { "send": 0, "wait": 0, "receive": 0 },
    }));
    let mut response = told(status, String::new());
    *response.body_mut() = Full::new(answer);
    *response.headers_mut() = answered;
    for hop in ["connection", "content-length", "transfer-encoding", "content-encoding"] {
        response.headers_mut().remove(hop);
    }
    Ok(response)
}

async fn fetched(
    request: reqwest::RequestBuilder,
) -> Result<(StatusCode, HeaderMap, Bytes), reqwest::Error> {
    let response = request.send().await?;
    let (status, headers) = (response.status(), response.headers().clone());
    Ok((status, headers, response.bytes().await?))
}

/// The time outside: a recording says when it was made.
fn written_at() -> String {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let ms = since.map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(0));
    base::Timestamp(ms).to_string()
}

fn kind_of(headers: &HeaderMap) -> String {
    let kind = headers.get("content-type").and_then(|kind| kind.to_str().ok());
    kind.unwrap_or_default().to_owned()
}

fn kept_headers(headers: &HeaderMap) -> Value {
    let header = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        let secret = SECRET_HEADERS.contains(&name.as_str()) || is_secret(name.as_str());
        let value = if secret { REDACTED } else { value.to_str().unwrap_or_default() };
        json!({ "name": name.as_str(), "value": without_secrets(value) })
    };
    headers.iter().map(header).collect()
}

/// Whether a field or header of this name holds a credential.
fn is_secret(name: &str) -> bool {
    let name: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    let name = name.to_ascii_lowercase();
    let ends = |ends: &[&str]| ends.iter().any(|end| name.ends_with(end));
    ends(&SECRET_ENDS) && !ends(&NO_SECRETS)
}

/// An address with its query's secrets left out; any other text as it is.
fn without_secrets(url: &str) -> String {
    let Some((path, query)) = url.split_once('?') else { return url.to_owned() };
    let secret = form_urlencoded::parse(query.as_bytes()).any(|(name, _)| is_secret(&name));
    if secret { format!("{path}?{}", kept_form(query.as_bytes())) } else { url.to_owned() }
}

/// A body as it is kept: without secrets, and as text.
fn kept(body: &Bytes, kind: &str) -> String {
    let text = String::from_utf8_lossy(body).into_owned();
    if let Some(json) = kept_json(&text) {
        return json;
    }
    let boundary = kind.split("boundary=").nth(1).map(|text| text.trim_matches('"'));
    match boundary {
        _ if kind.starts_with("application/x-www-form-urlencoded") => kept_form(body),
        Some(boundary) if kind.starts_with("multipart/") => kept_parts(&text, boundary),
        _ => text,
    }
}

fn kept_json(text: &str) -> Option<String> {
    let mut json = serde_json::from_str::<Value>(text).ok()?;
    redact(&mut json);
    Some(json.to_string())
}

fn kept_form(form: &[u8]) -> String {
    let mut kept = form_urlencoded::Serializer::new(String::new());
    for (name, value) in form_urlencoded::parse(form) {
        // Services send JSON in fields of forms.
        let inner = Some(&*value).filter(|value| value.starts_with('{')).and_then(kept_json);
        let value = inner.as_deref().unwrap_or(&value);
        kept.append_pair(&name, if is_secret(&name) { REDACTED } else { value });
    }
    kept.finish()
}

/// The parts of a multipart body, those that are secret without their content.
fn kept_parts(text: &str, boundary: &str) -> String {
    let mark = format!("--{boundary}");
    let part = |part: &str| match part.split_once("\r\n\r\n") {
        Some((head, _)) if head.split([';', '\r']).any(named_secret) => {
            format!("{head}\r\n\r\n{REDACTED}\r\n")
        }
        _ => part.to_owned(),
    };
    text.split(&mark).map(part).collect::<Vec<_>>().join(&mark)
}

/// Whether this piece of a part's head is the name of a secret field: `name="token"`.
fn named_secret(piece: &str) -> bool {
    let name = piece.trim().strip_prefix("name=");
    name.is_some_and(|name| is_secret(name.trim_matches('"')))
}

fn redact(json: &mut Value) {
    match json {
        Value::Object(fields) => {
            for (name, value) in fields {
                if value.is_string() && is_secret(name) {
                    *value = REDACTED.into();
                } else {
                    redact(value);
                }
            }
        }
        Value::Array(list) => list.iter_mut().for_each(redact),
        _ => {}
    }
}

impl Shared {
    fn keep(&self, entry: Value) {
        let due = {
            let mut tape = lock(&self.tape);
            if tape.entries.len() < EXCHANGES_MAX {
                tape.entries.push(entry);
            }
            tape.written.is_none_or(|written| written.elapsed() >= WRITE_EVERY)
        };
        if due {
            // Told at the end, when there is somebody to tell.
            let _ = self.write();
        }
    }

    fn write(&self) -> Result<(), RecordError> {
        let mut tape = lock(&self.tape);
        tape.written = Some(Instant::now());
        let log = json!({ "log": {
            "version": "1.2", "creator": { "name": "dark", "version": env!("CARGO_PKG_VERSION") },
            "entries": tape.entries,
        }});
        let failed = |source| RecordError::Write { path: self.file.clone(), source };
        let half = self.file.with_extension("har.part");
        fs::write(&half, format!("{log:#}\n")).map_err(failed)?;
        fs::rename(&half, &self.file).map_err(failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(kind: &str, body: &str, expected: &str) {
        assert_eq!(kept(&Bytes::from(body.to_owned()), kind), expected);
    }

    #[test]
    fn credentials_are_left_out_of_every_kind_of_body() {
        check(
            "",
            r#"{"a":[{"sessionToken":"x"}],"b":"y"}"#,
            r#"{"a":[{"sessionToken":"REDACTED"}],"b":"y"}"#,
        );
        let form = "application/x-www-form-urlencoded";
        check(form, "token=x&text=y&next_page_token=3", "token=REDACTED&text=y&next_page_token=3");
        check(
            form,
            "payload=%7B%22token%22%3A%22x%22%7D",
            "payload=%7B%22token%22%3A%22REDACTED%22%7D",
        );
        let body = "--B\r\nContent-Disposition: form-data; name=\"token\"\r\n\r\nx\r\n--B\r\n\
            Content-Disposition: form-data; name=\"text\"\r\n\r\ny\r\n--B--";
        check(
            "multipart/form-data; boundary=B",
            body,
            &body.replace("\r\nx\r\n", "\r\nREDACTED\r\n"),
        );
        check("text/plain", "token=x", "token=x");
    }

    #[test]
    fn credentials_are_left_out_of_addresses() {
        let check = |url: &str, expected: &str| assert_eq!(without_secrets(url), expected);
        check(
            "https://slack.com/api/auth.test?token=x&a=b",
            "https://slack.com/api/auth.test?token=REDACTED&a=b",
        );
        check("https://h/a%20b?q=a%20b", "https://h/a%20b?q=a%20b");
        check("max-age=1", "max-age=1");
    }
}
