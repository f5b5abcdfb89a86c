//! WebSockets (RFC 6455), for services that push to programs without an address of their own.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};
use twin::delivery::Attempted;
use twin::{Opened, Response};

use crate::Shared;
use crate::http1::Door;

/// Texts that wait for a slow reader; past this its socket counts as closed.
const BACKLOG_MAX: usize = 1_024;

/// The longest message that is taken, in bytes.
const MESSAGE_BYTES_MAX: usize = 1 << 20;

/// The open sockets by name.
#[derive(Debug, Default)]
pub(crate) struct Sockets {
    open: Mutex<BTreeMap<String, Vec<mpsc::Sender<String>>>>,
}

impl Sockets {
    /// Sends a text to the socket of this name that waited longest for one.
    pub(crate) fn send(&self, name: &str, body: &Bytes) -> Attempted {
        let text = String::from_utf8_lossy(body).into_owned();
        let mut open = crate::lock(&self.open);
        let sockets = open.entry(name.to_owned()).or_default();
        sockets.retain(|socket| !socket.is_closed());
        if !sockets.is_empty() {
            sockets.rotate_left(1);
        }
        match sockets.last().map(|socket| socket.try_send(text)) {
            Some(Ok(())) => Attempted::Answered { status: 200, body: Bytes::new() },
            Some(Err(_)) | None => Attempted::Failed { reason: "no_socket".to_owned() },
        }
    }

    fn add(&self, name: &str) -> mpsc::Receiver<String> {
        let (sender, receiver) = mpsc::channel(BACKLOG_MAX);
        crate::lock(&self.open).entry(name.to_owned()).or_default().push(sender);
        receiver
    }
}

/// Whether a request asks for a WebSocket.
pub(crate) fn is_upgrade(request: &hyper::Request<Incoming>) -> bool {
    let wanted = request.headers().get(header::UPGRADE).and_then(|value| value.to_str().ok());
    wanted.is_some_and(|wanted| wanted.eq_ignore_ascii_case("websocket"))
}

/// Answers such a request: 101, or the service's refusal.
pub(crate) fn upgrade(
    shared: Arc<Shared>,
    door: Door,
    mut request: hyper::Request<Incoming>,
) -> Response {
    let refused = |status| {
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = status;
        response
    };
    let Some(key) = request.headers().get(header::SEC_WEBSOCKET_KEY).cloned() else {
        return refused(StatusCode::BAD_REQUEST);
    };
    let upgraded = hyper::upgrade::on(&mut request);
    let (head, _) = request.into_parts();
    let asked = http::Request::from_parts(head, Bytes::new());
    let opened = shared.universe().open_socket(&door.service, asked);
    let opened = match opened {
        Ok(Ok(opened)) => opened,
        Ok(Err(response)) => return response,
        Err(_) => return refused(StatusCode::NOT_FOUND),
    };
    tokio::task::spawn_local(async move {
        if let Ok(upgraded) = upgraded.await {
            let config = WebSocketConfig::default().max_message_size(Some(MESSAGE_BYTES_MAX));
            let stream = TokioIo::new(upgraded);
            let stream = WebSocketStream::from_raw_socket(stream, Role::Server, Some(config)).await;
            // A socket that breaks is closed; the other side says so, or is gone.
            let _ = talk(shared, door, opened, stream).await;
        }
    });
    let mut response = refused(StatusCode::SWITCHING_PROTOCOLS);
    let headers = response.headers_mut();
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    if let Ok(accept) = HeaderValue::try_from(derive_accept_key(key.as_bytes())) {
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    }
    response
}

async fn talk<S>(
    shared: Arc<Shared>,
    door: Door,
    opened: Opened,
    mut stream: WebSocketStream<S>,
) -> Result<(), Error>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    use futures_util::{SinkExt, StreamExt};
    for text in opened.greeting {
        stream.send(Message::text(text)).await?;
    }
    let mut pushed = shared.sockets.add(&opened.name);
    // What waited for a socket may leave now.
    shared.bell.notify_one();
    loop {
        tokio::select! {
            text = pushed.recv() => match text {
                Some(text) => stream.send(Message::text(text)).await?,
                None => return Ok(()),
            },
            message = stream.next() => match message {
                None => return Ok(()),
                Some(message) => match message? {
                    Message::Text(text) => {
                        let answers = shared.universe().socket_received(&door.service, &opened.name, &text);
                        for answer in answers.unwrap_or_default() {
                            stream.send(Message::text(answer)).await?;
                        }
                        shared.bell.notify_one();
                    }
                    Message::Close(_) => return stream.close(None).await,
                    // Pings are answered by the library.
                    _ => {}
                },
            },
        }
    }
}
