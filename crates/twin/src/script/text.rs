//! JSON text of JSON values: what `serde_json` writes, with texts that need no escapes copied as they are.

use serde_json::Value as Json;

/// Appends a value.
///
/// # Errors
/// As `serde_json` for strings and numbers: none, where the memory lasts.
pub(super) fn write(json: &Json, out: &mut Vec<u8>) -> serde_json::Result<()> {
    match json {
        Json::Null => out.extend_from_slice(b"null"),
        Json::Bool(true) => out.extend_from_slice(b"true"),
        Json::Bool(false) => out.extend_from_slice(b"false"),
        Json::Number(number) => return serde_json::to_writer(out, number),
        Json::String(text) => return write_str(text, out),
        Json::Array(list) => {
            out.push(b'[');
            for (index, one) in list.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write(one, out)?;
            }
            out.push(b']');
        }
        Json::Object(fields) => {
            out.push(b'{');
            for (index, (name, value)) in fields.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write_str(name, out)?;
                out.push(b':');
                write(value, out)?;
            }
            out.push(b'}');
        }
    }
    Ok(())
}

/// Appends a string.
///
/// # Errors
/// See [`write`].
pub(super) fn write_str(text: &str, out: &mut Vec<u8>) -> serde_json::Result<()> {
    if !is_plain(text) {
        return serde_json::to_writer(out, text);
    }
    out.push(b'"');
    out.extend_from_slice(text.as_bytes());
    out.push(b'"');
    Ok(())
}

/// Whether nothing of it needs an escape. Looks at all of it, so that it looks at many bytes at a time.
pub(super) fn is_plain(text: &str) -> bool {
    let escaped = |byte: u8| byte < 0x20 || byte == b'"' || byte == b'\\';
    !text.bytes().fold(false, |found, byte| found | escaped(byte))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_text_is_that_of_serde_json() {
        for text in
            ["", "plain ü", "a\"b", "a\\b", "a\nb", "\u{1f}", "\u{7f}", "\u{fdd0}/x", "</script>"]
        {
            let value =
                json!({ text: [text, 1, -1.5, u64::MAX, 1e300, true, false, null, {}, []] });
            let mut out = Vec::new();
            write(&value, &mut out).unwrap();
            assert_eq!(String::from_utf8(out).unwrap(), value.to_string());
        }
    }
}
