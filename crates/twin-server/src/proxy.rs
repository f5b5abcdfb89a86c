//! An HTTP proxy (RFC 9110, 9.3.6) behind which each service has its real hostnames, over TLS. Any other
//! hostname is refused: what a program under test says to the world ends here.

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, StatusCode, Uri};
use hyper::Response;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio_rustls::TlsAcceptor;

use crate::http1::{Door, HEAD_TIMEOUT, Hold, Sent, answer, converse, prepared, protocol};
use crate::{Authority, Shared};

/// Takes connections of clients that were told of the proxy.
pub(crate) async fn listen(
    shared: Arc<Shared>,
    authority: Arc<Authority>,
    listener: tokio::net::TcpListener,
) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            continue;
        };
        let Some((stream, hold)) = prepared(&shared, stream) else { continue };
        let (shared, authority) = (shared.clone(), authority.clone());
        tokio::task::spawn_local(async move {
            let service = service_fn(move |request| {
                proxied(shared.clone(), authority.clone(), hold.clone(), request)
            });
            let _ =
                protocol().serve_connection(TokioIo::new(stream), service).with_upgrades().await;
        });
    }
}

async fn proxied(
    shared: Arc<Shared>,
    authority: Arc<Authority>,
    hold: Arc<Hold>,
    mut request: hyper::Request<Incoming>,
) -> Result<Response<Sent>, crate::http1::Broken> {
    let host = request.uri().host().unwrap_or_default().to_owned();
    let service = shared.universe().service_at(&host).map(str::to_owned);
    let Some(service) = service else {
        let text =
            format!("no twin answers for `{host}`: add its service, or leave the host alone\n");
        return Ok(told(StatusCode::BAD_GATEWAY, text));
    };
    if request.method() != Method::CONNECT {
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        let Ok(path) = path.parse::<Uri>() else {
            return Ok(told(StatusCode::BAD_REQUEST, "no path\n".to_owned()));
        };
        *request.uri_mut() = path;
        let door = Door { service: service.into(), scheme: "http", hold };
        return answer(shared, door, request).await;
    }
    let config = match authority.speak_for(&host) {
        Ok(config) => config,
        Err(error) => {
            return Ok(told(StatusCode::INTERNAL_SERVER_ERROR, base::chain(&error)));
        }
    };
    tokio::task::spawn_local(async move {
        let Ok(upgraded) = hyper::upgrade::on(&mut request).await else { return };
        // A client that does not trust us hangs up: it is told so by its own TLS.
        let accepted = TlsAcceptor::from(config).accept(TokioIo::new(upgraded));
        if let Ok(Ok(stream)) = tokio::time::timeout(HEAD_TIMEOUT, accepted).await {
            let door = Door { service: service.into(), scheme: "https", hold };
            converse(shared, door, stream).await;
        }
    });
    Ok(told(StatusCode::OK, String::new()))
}

fn told(status: StatusCode, text: String) -> Response<Sent> {
    let mut response = Response::new(Sent::whole(Bytes::from(text)));
    *response.status_mut() = status;
    response
}
