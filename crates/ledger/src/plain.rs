//! Whether bytes can be seen to be canonical JSON (RFC 8785), in one pass and without memory.
//!
//! Nearly all that is written and read can. What has rarer things in it (fractions, escaped control
//! characters, keys outside ASCII) is left to the slow way, which this module refuses to know.

use crate::EVENT_DEPTH_MAX;

/// Whether these bytes, being UTF-8, are for certain one JSON value in the form of RFC 8785. No says
/// nothing: the value may have what this pass does not look into.
pub(crate) fn plainly_canonical(text: &[u8]) -> bool {
    value(text, 0).is_some_and(<[u8]>::is_empty)
}

/// What follows the value that `text` begins with.
fn value(text: &[u8], depth: usize) -> Option<&[u8]> {
    // An event's body lies two levels deep in its entry.
    if depth > EVENT_DEPTH_MAX + 2 {
        return None;
    }
    match text.first()? {
        b'"' => string(text).map(|(_, rest)| rest),
        b'{' => object(&text[1..], depth),
        b'[' => array(&text[1..], depth),
        b't' => text.strip_prefix(b"true"),
        b'f' => text.strip_prefix(b"false"),
        b'n' => text.strip_prefix(b"null"),
        _ => integer(text),
    }
}

fn object(mut text: &[u8], depth: usize) -> Option<&[u8]> {
    if let Some(rest) = text.strip_prefix(b"}") {
        return Some(rest);
    }
    let mut before: Option<&[u8]> = None;
    loop {
        let (key, rest) = string(text)?;
        // Of plain ASCII, bytes sort as UTF-16 code units do.
        let plain = key.is_ascii() && !key.contains(&b'\\');
        if !plain || before.is_some_and(|before| before >= key) {
            return None;
        }
        before = Some(key);
        text = value(rest.strip_prefix(b":")?, depth + 1)?;
        match text.split_first()? {
            (b',', rest) => text = rest,
            (b'}', rest) => return Some(rest),
            _ => return None,
        }
    }
}

fn array(mut text: &[u8], depth: usize) -> Option<&[u8]> {
    if let Some(rest) = text.strip_prefix(b"]") {
        return Some(rest);
    }
    loop {
        text = value(text, depth + 1)?;
        match text.split_first()? {
            (b',', rest) => text = rest,
            (b']', rest) => return Some(rest),
            _ => return None,
        }
    }
}

/// What stands between the quotation marks, and what follows.
fn string(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let text = text.strip_prefix(b"\"")?;
    let mut at = 0;
    loop {
        match text.get(at)? {
            b'"' => return Some((&text[..at], &text[at + 1..])),
            // The short escapes are the only form of these characters.
            b'\\' => match text.get(at + 1)? {
                b'"' | b'\\' | b'b' | b'f' | b'n' | b'r' | b't' => at += 2,
                _ => return None,
            },
            0..0x20 => return None,
            _ => at += 1,
        }
    }
}

/// Fifteen digits are exact; a fraction or an exponent makes the caller stumble over what follows.
fn integer(text: &[u8]) -> Option<&[u8]> {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let count = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let zero = digits.first() == Some(&b'0');
    let plain = (1..=15).contains(&count) && (!zero || (count == 1 && digits.len() == text.len()));
    plain.then(|| &digits[count..])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;
    use crate::record::tests::value as any_value;

    #[test]
    fn what_is_common_is_seen_at_once() {
        for text in
            ["{}", "[]", "[1,-2,0]", "{\"a\":\"x\\n\\\"é\",\"b\":{\"c\":[true,false,null]}}"]
        {
            assert!(plainly_canonical(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn what_is_not_canonical_is_never_plainly_so() {
        for text in [
            "",
            "{",
            "[1,]",
            "[,1]",
            "{\"a\"}",
            "{\"a\":1,}",
            "{\"b\":1,\"a\":1}",
            "{\"a\":1,\"a\":1}",
            "[1 ]",
            " 1",
            "01",
            "-0",
            "1.0",
            "1e3",
            "-",
            "9007199254740993",
            "\"\\u0041\"",
            "\"\\/\"",
            "\"\n\"",
            "\"\\u001F\"",
            "tru",
            "nulll",
            "1 2",
            "\"a",
            "{\"\\u0061\":1}",
        ] {
            assert!(!plainly_canonical(text.as_bytes()), "{text}");
        }
    }

    proptest! {
        #[test]
        fn plainly_canonical_is_canonical(value in any_value(), at: prop::sample::Index, byte: u8) {
            let mut text = base::canonical(&value).unwrap();
            let at = at.index(text.len());
            text[at] = byte;
            prop_assume!(std::str::from_utf8(&text).is_ok());
            if plainly_canonical(&text) {
                let value: Value = serde_json::from_slice(&text).unwrap();
                prop_assert_eq!(base::canonical(&value).unwrap(), text);
            }
        }
    }
}
