//! Carries one webhook to its receiver and reports what came of it.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Uri, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::rt::TokioIo;
use twin::delivery::{ANSWER_BYTES_MAX, Attempted, Delivery, To};

use crate::Shared;

/// One attempt, to its report to the universe that it left.
pub(crate) async fn deliver(shared: Arc<Shared>, delivery: Delivery, wind: usize) {
    let attempted = match &delivery.to {
        To::Socket(name) => shared.sockets.send(name, &delivery.body),
        To::Url(url) => {
            let timeout = Duration::from_millis(delivery.timeout_ms);
            match tokio::time::timeout(timeout, attempt(&shared, url, &delivery)).await {
                Ok(attempted) => attempted,
                Err(_) => failed("http_timeout"),
            }
        }
    };
    let attempted = match &shared.between {
        Some(between) => between.attempted(&delivery, attempted),
        None => attempted,
    };
    shared.report(wind, delivery.id, &attempted);
    shared.bell.notify_one();
    shared.arrived();
}

fn failed(reason: &str) -> Attempted {
    Attempted::Failed { reason: reason.to_owned() }
}

async fn attempt(shared: &Arc<Shared>, url: &str, delivery: &Delivery) -> Attempted {
    let Ok(uri) = url.parse::<Uri>() else { return failed("connection_failed") };
    let Some(request) = request(&uri, delivery) else { return failed("connection_failed") };
    let host = uri.host().unwrap_or_default().to_owned();
    // A service may well call another of its universe.
    let other = shared.universe().service_at(&host).map(str::to_owned);
    if let Some(service) = other {
        return within(shared, &service, request);
    }
    if uri.scheme_str() != Some("http") {
        return failed("ssl_error");
    }
    match send(shared, &host, uri.port_u16().unwrap_or(80), request).await {
        Ok((status, body)) => Attempted::Answered { status, body },
        Err(_) => failed("connection_failed"),
    }
}

fn request(uri: &Uri, delivery: &Delivery) -> Option<Request<Bytes>> {
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let mut request = Request::builder()
        .method(delivery.method.as_str())
        .uri(path)
        .header(header::HOST, uri.authority()?.as_str())
        .body(delivery.body.clone())
        .ok()?;
    for (name, value) in &delivery.headers {
        let (name, value) = (HeaderName::try_from(name), HeaderValue::try_from(value));
        if let (Ok(name), Ok(value)) = (name, value) {
            request.headers_mut().insert(name, value);
        }
    }
    Some(request)
}

fn within(shared: &Shared, service: &str, request: Request<Bytes>) -> Attempted {
    match shared.step(service, request).and_then(|reply| reply.response) {
        Some(response) => {
            Attempted::Answered { status: response.status().as_u16(), body: response.into_body() }
        }
        None => failed("connection_failed"),
    }
}

async fn send(
    shared: &Arc<Shared>,
    host: &str,
    port: u16,
    request: Request<Bytes>,
) -> Result<(u16, Bytes), Box<dyn std::error::Error + Send + Sync>> {
    let (dial, host) = (shared.dial.clone(), host.to_owned());
    let stream = tokio::task::spawn_blocking(move || dial.dial(&host, port)).await??;
    stream.set_nonblocking(true)?;
    let stream = tokio::net::TcpStream::from_std(stream)?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::task::spawn_local(connection);
    let response = sender.send_request(request.map(Full::new)).await?;
    let status = response.status().as_u16();
    let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
    let body = body.map_err(|cause| io::Error::other(cause.to_string()))?;
    Ok((status, body.to_bytes()))
}
