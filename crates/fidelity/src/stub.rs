//! The floor: a stateless stub that has one good answer for each operation and remembers nothing. What it
//! passes proves nothing of a twin.

use bytes::Bytes;
use http::{HeaderValue, header};
use twin::{Response, Universe};
use twin_server::Canned;

/// Makes a stub of what a twin answered.
pub struct Stub;

impl Stub {
    /// For each operation the first answer in the universe's journal that was no refusal.
    pub fn of(universe: &Universe) -> Canned {
        let mut canned = Canned::new();
        for exchange in universe.journal() {
            let status = exchange.status.unwrap_or(0);
            let good = (200..300).contains(&status) && exchange.refused.is_none();
            if !good || exchange.operation.is_empty() || canned.contains_key(&exchange.operation) {
                continue;
            }
            let mut response = Response::new(exchange.response.clone());
            *response.status_mut() = http::StatusCode::from_u16(status).unwrap_or_default();
            if is_json(&exchange.response) {
                let kind = HeaderValue::from_static("application/json");
                response.headers_mut().insert(header::CONTENT_TYPE, kind);
            }
            canned.insert(exchange.operation.clone(), response);
        }
        canned
    }
}

fn is_json(body: &Bytes) -> bool {
    matches!(body.first(), Some(b'{' | b'['))
}
