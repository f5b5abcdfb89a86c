//! Bytes from an address, from where the file stands on.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use reqwest::StatusCode;
use reqwest::header::RANGE;

use super::partial::Partial;
use super::{FetchError, PullError};

/// A host that is not reachable must not keep anybody waiting: there is another source.
const CONNECT_WAIT: Duration = Duration::from_secs(5);
/// A connection over which nothing comes for so long is dead.
const READ_WAIT: Duration = Duration::from_secs(30);
const REPORT_EVERY: Duration = Duration::from_millis(200);

/// Appends what `address` serves until the file is complete.
pub(super) fn fetch(
    address: &str,
    partial: &mut Partial<'_>,
    report: &mut dyn FnMut(u64) -> ControlFlow<()>,
) -> Result<(), FetchError> {
    let runtime = crate::net::runtime().map_err(FetchError::Source)?;
    runtime.block_on(fetch_async(address, partial, report))
}

async fn fetch_async(
    address: &str,
    partial: &mut Partial<'_>,
    report: &mut dyn FnMut(u64) -> ControlFlow<()>,
) -> Result<(), FetchError> {
    let stopped = |flow: ControlFlow<()>| match flow {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(FetchError::Stop(PullError::Cancelled)),
    };
    stopped(report(partial.bytes()))?;
    let client = crate::net::client(CONNECT_WAIT).map_err(FetchError::Source)?;
    let from = partial.bytes();
    let request = client.get(address).header(RANGE, format!("bytes={from}-"));
    let answer = tokio::time::timeout(READ_WAIT, request.send())
        .await
        .map_err(|_| FetchError::Source("no answer came".to_owned()))?
        .map_err(failed)?;
    let skip = match answer.status() {
        StatusCode::PARTIAL_CONTENT => 0,
        // A server that knows no ranges sends everything again: what is here is passed over.
        StatusCode::OK => from,
        status => return Err(FetchError::Source(format!("the server said {status}"))),
    };
    append(answer, skip, partial, &mut |bytes| stopped(report(bytes))).await
}

async fn append(
    mut answer: reqwest::Response,
    mut skip: u64,
    partial: &mut Partial<'_>,
    report: &mut dyn FnMut(u64) -> Result<(), FetchError>,
) -> Result<(), FetchError> {
    let mut reported = Instant::now();
    // Bounded by the file's size: `append` takes no more, and a silent server is given up.
    while !partial.complete() {
        let chunk = tokio::time::timeout(READ_WAIT, answer.chunk())
            .await
            .map_err(|_| FetchError::Source("the connection went silent".to_owned()))?
            .map_err(failed)?;
        let Some(chunk) = chunk else {
            let bytes = partial.bytes();
            return Err(FetchError::Source(format!("the server stopped after {bytes} bytes")));
        };
        let passed = usize::try_from(skip).unwrap_or(usize::MAX).min(chunk.len());
        skip -= passed as u64;
        if let Err(wrong) = partial.append(&chunk[passed..])? {
            let reason = format!("what it serves is another file (piece {})", wrong.index + 1);
            return Err(FetchError::Source(reason));
        }
        if reported.elapsed() >= REPORT_EVERY || partial.complete() {
            reported = Instant::now();
            report(partial.bytes())?;
        }
    }
    Ok(())
}

fn failed(error: reqwest::Error) -> FetchError {
    // Whoever reads this is told the address already.
    FetchError::Source(crate::net::reason(&error.without_url()))
}
