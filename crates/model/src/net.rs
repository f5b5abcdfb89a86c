//! What every network call of this crate shares: a runtime on the calling thread, a client, and readable
//! reasons. It refuses to know what is asked of whom.

use std::error::Error;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

/// A runtime that lives on the calling thread and ends with the call.
pub(crate) fn runtime() -> Result<Runtime, String> {
    Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("no async runtime: {error}"))
}

/// A client that trusts what the system trusts and honours its proxies. Connections are not kept: each call
/// has a runtime of its own, and a connection cannot outlive its runtime.
pub(crate) fn client(connect_wait: Duration) -> Result<reqwest::Client, String> {
    // Fails only when a provider was chosen before, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .connect_timeout(connect_wait)
        .pool_max_idle_per_host(0)
        .build()
        .map_err(|error| format!("no HTTP client: {}", reason(&error)))
}

/// The error and what lies under it, which `reqwest` leaves out of its own text.
pub(crate) fn reason(error: &dyn Error) -> String {
    let mut reason = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        reason = format!("{reason}: {inner}");
        source = inner.source();
    }
    reason
}

#[cfg(test)]
pub(crate) mod server;
