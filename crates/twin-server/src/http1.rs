//! HTTP/1.1 between a socket and the universe, with every bound that a hostile client makes necessary.

use std::io;
use std::net::TcpStream as StdStream;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use twin::{Reply, Request, Response};

use crate::{BODY_BYTES_MAX, CONNECTIONS_MAX, Shared, control, socket};

/// How long a client may take to send the head of a request, or to agree on TLS.
pub(crate) const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a client may take to send a body.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// Headers of one request.
const HEADERS_MAX: usize = 128;

/// Bytes of a request's head: hyper reads into one buffer of this size.
const HEAD_BYTES_MAX: usize = 64 << 10;

/// The longest that a planted delay is really waited for; the logical clock has moved by all of it.
const DELAY_MAX: Duration = Duration::from_secs(60);

/// Takes connections for one service.
pub(crate) async fn listen(
    shared: Arc<Shared>,
    service: Arc<str>,
    listener: tokio::net::TcpListener,
) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of file descriptors, most likely: others will be closed meanwhile.
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        let Some((stream, hold)) = prepared(&shared, stream) else { continue };
        let door = Door { service: service.clone(), scheme: "http", hold };
        tokio::task::spawn_local(converse(shared.clone(), door, stream));
    }
}

/// A connection's place among those that there may be at once, given up when the last that serves it ends:
/// a socket that it became, and a tunnel through the proxy, keep it.
pub(crate) struct Hold {
    shared: Arc<Shared>,
    /// The socket itself, for faults that reset it.
    socket: Option<StdStream>,
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.shared.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A fresh connection with its place; `None` where there are too many already.
pub(crate) fn prepared(
    shared: &Arc<Shared>,
    stream: tokio::net::TcpStream,
) -> Option<(tokio::net::TcpStream, Arc<Hold>)> {
    if shared.connections.load(Ordering::Relaxed) >= CONNECTIONS_MAX {
        return None;
    }
    let _ = stream.set_nodelay(true);
    let stream = stream.into_std().ok()?;
    let socket = stream.try_clone().ok();
    let stream = tokio::net::TcpStream::from_std(stream).ok()?;
    shared.connections.fetch_add(1, Ordering::Relaxed);
    Some((stream, Arc::new(Hold { shared: shared.clone(), socket })))
}

/// Where a connection came in.
#[derive(Clone)]
pub(crate) struct Door {
    pub(crate) service: Arc<str>,
    pub(crate) scheme: &'static str,
    pub(crate) hold: Arc<Hold>,
}

/// Serves one connection to its end.
pub(crate) async fn converse<S>(shared: Arc<Shared>, door: Door, stream: S)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request| answer(shared.clone(), door.clone(), request));
    // What ends a connection early is the client's doing, or a planted fault.
    let _ = protocol().serve_connection(TokioIo::new(stream), service).with_upgrades().await;
}

/// HTTP/1.1 with our bounds.
pub(crate) fn protocol() -> hyper::server::conn::http1::Builder {
    let mut protocol = hyper::server::conn::http1::Builder::new();
    protocol
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_headers(HEADERS_MAX)
        .max_buf_size(HEAD_BYTES_MAX);
    protocol
}

/// Takes one request to its answer. An error ends the connection without one.
pub(crate) async fn answer(
    shared: Arc<Shared>,
    door: Door,
    request: hyper::Request<Incoming>,
) -> Result<hyper::Response<Sent>, Broken> {
    if socket::is_upgrade(&request) {
        return Ok(socket::upgrade(shared, door, request).map(Sent::whole));
    }
    let request = match collect(request).await {
        Ok(request) => request,
        Err(refusal) => return Ok(refusal.map(Sent::whole)),
    };
    if shared.control && control::is_ours(request.uri().path()) {
        return Ok(control::answer(&shared, &door.service, &request).map(Sent::whole));
    }
    let reply = step(&shared, &door, request);
    if !reply.delay.is_zero() {
        tokio::time::sleep(reply.delay.min(DELAY_MAX)).await;
    }
    let Some(response) = reply.response else {
        return Err(break_off(&door));
    };
    Ok(response.map(|body| Sent { body: Some(body), cut: reply.cut, flushed: false }))
}

fn step(shared: &Shared, door: &Door, mut request: Request) -> Reply {
    request.extensions_mut().insert(twin::Scheme(door.scheme));
    if let Some(canned) = &shared.canned {
        let universe = shared.universe();
        let operation = universe.pack(&door.service).and_then(|pack| pack.operation_of(&request));
        let response = operation.and_then(|operation| canned.get(operation)).cloned();
        let response = response.unwrap_or_else(|| refusal(StatusCode::NOT_FOUND));
        return Reply { response: Some(response), cut: None, delay: Duration::ZERO };
    }
    // The doors are those of the universe's own services.
    shared.step(&door.service, request).unwrap_or(Reply {
        response: None,
        cut: None,
        delay: Duration::ZERO,
    })
}

/// Closes the connection with a reset, as a load balancer does that lost its backend.
fn break_off(door: &Door) -> Broken {
    if let Some(socket) = &door.hold.socket {
        let _ = socket2::SockRef::from(socket).set_linger(Some(Duration::ZERO));
    }
    Broken
}

/// The whole of a request, within bounds; or what to say to whoever sends more.
async fn collect(request: hyper::Request<Incoming>) -> Result<Request, Response> {
    let (head, body) = request.into_parts();
    if body.size_hint().lower() > BODY_BYTES_MAX as u64 {
        return Err(refusal(StatusCode::PAYLOAD_TOO_LARGE));
    }
    if body.is_end_stream() {
        return Ok(Request::from_parts(head, Bytes::new()));
    }
    let collected = Limited::new(body, BODY_BYTES_MAX).collect();
    match tokio::time::timeout(BODY_TIMEOUT, collected).await {
        Ok(Ok(body)) => Ok(Request::from_parts(head, body.to_bytes())),
        Ok(Err(cause)) if cause.is::<LengthLimitError>() => {
            Err(refusal(StatusCode::PAYLOAD_TOO_LARGE))
        }
        Ok(Err(_)) => Err(refusal(StatusCode::BAD_REQUEST)),
        Err(_) => Err(refusal(StatusCode::REQUEST_TIMEOUT)),
    }
}

fn refusal(status: StatusCode) -> Response {
    let text = status.canonical_reason().unwrap_or_default();
    let mut response = Response::new(Bytes::from_static(text.as_bytes()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

/// A connection that ends without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the connection is broken off")]
pub(crate) struct Broken;

/// A body to send: whole, or breaking off.
pub(crate) struct Sent {
    body: Option<Bytes>,
    cut: Option<usize>,
    /// Whether what was sent before the break had its turn to leave.
    flushed: bool,
}

impl Sent {
    pub(crate) fn whole(body: Bytes) -> Self {
        Self { body: Some(body), cut: None, flushed: false }
    }
}

impl Body for Sent {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let broken = || Poll::Ready(Some(Err(io::ErrorKind::ConnectionReset.into())));
        match (self.body.take(), self.cut) {
            (Some(body), None) if body.is_empty() => Poll::Ready(None),
            (Some(body), None) => Poll::Ready(Some(Ok(Frame::data(body)))),
            (Some(body), Some(cut)) if cut > 0 => {
                Poll::Ready(Some(Ok(Frame::data(body.slice(..cut.min(body.len()))))))
            }
            // hyper writes out what it holds when a body has nothing ready.
            (_, Some(_)) if !self.flushed => {
                self.flushed = true;
                context.waker().wake_by_ref();
                Poll::Pending
            }
            (_, Some(_)) => broken(),
            (None, None) => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.cut.is_none() && self.body.as_ref().is_none_or(Bytes::is_empty)
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.body.as_ref().map_or(0, Bytes::len) as u64)
    }
}
