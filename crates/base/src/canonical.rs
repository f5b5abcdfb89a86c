//! Canonical JSON (RFC 8785): the one form in which anything is hashed or signed.

use serde::Serialize;

/// A value that has no canonical form: a map with keys that are not strings, or a number that
/// JSON cannot carry.
#[derive(Debug, thiserror::Error)]
#[error("no canonical JSON form")]
pub struct CanonicalError(#[source] serde_json::Error);

/// The RFC 8785 bytes of `value`: keys sorted by UTF-16 code unit, no white space, shortest numbers.
///
/// # Errors
/// When the value cannot be expressed in JSON.
pub fn canonical<T: Serialize>(value: &T) -> Result<Vec<u8>, CanonicalError> {
    serde_json_canonicalizer::to_vec(value).map_err(CanonicalError)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_sorted_and_white_space_is_gone() {
        let value = serde_json::json!({ "b": 1.0, "a": [true, null, "é\n"] });
        let bytes = canonical(&value).unwrap();
        assert_eq!(String::from_utf8(bytes).unwrap(), r#"{"a":[true,null,"é\n"],"b":1}"#);
    }
}
