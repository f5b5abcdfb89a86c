//! What scripts compute with beyond Starlark's own: time, chance, digests, encodings, patterns, tokens.

use std::sync::Arc;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use hmac::{Hmac, Mac};
use serde_json::{Map, Value as Json};
use sha1::{Digest as _, Sha1};
use sha2::Sha256;
use starlark::environment::GlobalsBuilder;
use starlark::eval::Evaluator;
use starlark::starlark_module;
use starlark::values::none::NoneOr;
use starlark::values::{Heap, Value};

use super::blob::Blob;
use super::doc::{alloc_json, to_fields, to_json};
use super::error;
use super::work::frame;
use crate::jwt;

/// Characters of a drawn text.
const DRAWN_MAX: i32 = 4096;

/// What a pattern may compile to, in bytes.
const PATTERN_BYTES_MAX: usize = 1 << 20;

/// Takes base64 of either alphabet's padding habits.
const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);

#[starlark_module]
fn time(builder: &mut GlobalsBuilder) {
    /// Now, in milliseconds since 1970.
    fn ms(eval: &mut Evaluator<'_, '_, '_>) -> starlark::Result<i64> {
        Ok(i64::try_from(frame(eval)?.now.0).unwrap_or(i64::MAX))
    }

    /// Now, in whole seconds since 1970.
    fn seconds(eval: &mut Evaluator<'_, '_, '_>) -> starlark::Result<i64> {
        Ok(i64::try_from(frame(eval)?.now.seconds()).unwrap_or(i64::MAX))
    }

    /// A time (now, by default) as RFC 3339 in UTC, with milliseconds: `2026-01-05T09:00:00.000Z`.
    fn iso(
        #[starlark(require = pos)] ms: Option<i64>,
        eval: &mut Evaluator<'_, '_, '_>,
    ) -> starlark::Result<String> {
        shown(ms, "%Y-%m-%dT%H:%M:%S%.3fZ", eval)
    }

    /// A time (now, by default) as RFC 3339 in UTC, without fractions: `2026-01-05T09:00:00Z`.
    fn iso_seconds(
        #[starlark(require = pos)] ms: Option<i64>,
        eval: &mut Evaluator<'_, '_, '_>,
    ) -> starlark::Result<String> {
        shown(ms, "%Y-%m-%dT%H:%M:%SZ", eval)
    }

    /// A time (now, by default) by a pattern of strftime's.
    fn format(
        #[starlark(require = pos)] pattern: &str,
        #[starlark(require = pos)] ms: Option<i64>,
        eval: &mut Evaluator<'_, '_, '_>,
    ) -> starlark::Result<String> {
        shown(ms, pattern, eval)
    }

    /// RFC 3339 as milliseconds since 1970, or `None`.
    fn parse(#[starlark(require = pos)] text: &str) -> starlark::Result<NoneOr<i64>> {
        let read = text.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_millisecond);
        let day = || {
            let midnight = format!("{text}T00:00:00Z");
            midnight.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_millisecond)
        };
        Ok(NoneOr::from_option(read.or_else(day)))
    }
}

fn shown(ms: Option<i64>, pattern: &str, eval: &Evaluator<'_, '_, '_>) -> starlark::Result<String> {
    let now = i64::try_from(frame(eval)?.now.0).unwrap_or(i64::MAX);
    let time = jiff::Timestamp::from_millisecond(ms.unwrap_or(now))
        .map_err(|cause| error(cause.to_string()))?;
    jiff::fmt::strtime::format(pattern, time).map_err(|cause| error(cause.to_string()))
}

#[starlark_module]
fn draw(builder: &mut GlobalsBuilder) {
    /// So many characters of an alphabet, by the universe's seed.
    fn text(
        #[starlark(require = pos)] alphabet: &str,
        #[starlark(require = pos)] length: i32,
        eval: &mut Evaluator<'_, '_, '_>,
    ) -> starlark::Result<String> {
        if !alphabet.is_ascii() || !(0..=DRAWN_MAX).contains(&length) {
            return Err(error(format!(
                "an ASCII alphabet and 0 to {DRAWN_MAX} characters are wanted"
            )));
        }
        let length = usize::try_from(length).unwrap_or(0);
        Ok(frame(eval)?.work.borrow_mut().draws.text(alphabet, length))
    }

    /// So many lower-case hexadecimal digits.
    fn hex(
        #[starlark(require = pos)] length: i32,
        eval: &mut Evaluator<'_, '_, '_>,
    ) -> starlark::Result<String> {
        let length = usize::try_from(length.clamp(0, DRAWN_MAX)).unwrap_or(0);
        Ok(frame(eval)?.work.borrow_mut().draws.text("0123456789abcdef", length))
    }

    /// A whole number from `low` up to `high`, without `high`.
    fn number(
        #[starlark(require = pos)] low: i64,
        #[starlark(require = pos)] high: i64,
        eval: &mut Evaluator<'_, '_, '_>,
    ) -> starlark::Result<i64> {
        let width = high.checked_sub(low).and_then(|width| u64::try_from(width).ok());
        let width = width.ok_or_else(|| error("`low` must not be above `high`"))?;
        let drawn = frame(eval)?.work.borrow_mut().draws.below(width);
        Ok(low.saturating_add(i64::try_from(drawn).unwrap_or(0)))
    }

    /// A version 4 UUID.
    fn uuid(eval: &mut Evaluator<'_, '_, '_>) -> starlark::Result<String> {
        let mut bytes: [u8; 16] = frame(eval)?.work.borrow_mut().draws.bytes()[..16]
            .try_into()
            .map_err(|_| error("no bytes"))?;
        bytes[6] = bytes[6] & 0x0f | 0x40;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        let hex = hex::encode(bytes);
        let parts = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]];
        Ok(parts.join("-"))
    }
}

#[starlark_module]
fn digest(builder: &mut GlobalsBuilder) {
    /// SHA-1 of a text or blob, in hex.
    fn sha1(#[starlark(require = pos)] content: Value<'_>) -> starlark::Result<String> {
        Ok(hex::encode(Sha1::digest(Blob::read(content)?)))
    }

    /// SHA-256 of a text or blob, in hex.
    fn sha256(#[starlark(require = pos)] content: Value<'_>) -> starlark::Result<String> {
        Ok(hex::encode(Sha256::digest(Blob::read(content)?)))
    }

    /// SHA-256 of a text or blob, in base64 for URLs: what PKCE calls `S256`.
    fn s256(#[starlark(require = pos)] content: Value<'_>) -> starlark::Result<String> {
        Ok(URL_SAFE_NO_PAD.encode(Sha256::digest(Blob::read(content)?)))
    }

    /// HMAC with SHA-256, in hex.
    fn hmac_sha256(
        #[starlark(require = pos)] key: &str,
        #[starlark(require = pos)] content: Value<'_>,
    ) -> starlark::Result<String> {
        let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes())
            .map_err(|cause| error(cause.to_string()))?;
        mac.update(&Blob::read(content)?);
        Ok(hex::encode(mac.finalize().into_bytes()))
    }

    /// HMAC with SHA-1, in hex.
    fn hmac_sha1(
        #[starlark(require = pos)] key: &str,
        #[starlark(require = pos)] content: Value<'_>,
    ) -> starlark::Result<String> {
        let mut mac = Hmac::<Sha1>::new_from_slice(key.as_bytes())
            .map_err(|cause| error(cause.to_string()))?;
        mac.update(&Blob::read(content)?);
        Ok(hex::encode(mac.finalize().into_bytes()))
    }
}

#[starlark_module]
fn encode(builder: &mut GlobalsBuilder) {
    /// A text or blob in base64, with padding.
    fn base64(#[starlark(require = pos)] content: Value<'_>) -> starlark::Result<String> {
        Ok(STANDARD.encode(Blob::read(content)?))
    }

    /// Base64 of either alphabet as a blob, or `None` where it is none. Line breaks are passed over.
    fn from_base64<'v>(
        #[starlark(require = pos)] text: &str,
        heap: Heap<'v>,
    ) -> starlark::Result<Value<'v>> {
        let plain: String = text
            .chars()
            .filter(|c| !c.is_ascii_whitespace())
            .map(|c| match c {
                '-' => '+',
                '_' => '/',
                c => c,
            })
            .collect();
        let decoded = GeneralPurpose::new(&alphabet::STANDARD, LENIENT).decode(plain);
        Ok(match decoded {
            Ok(bytes) => heap.alloc(Blob::new(bytes.into())),
            Err(_) => Value::new_none(),
        })
    }

    /// A text or blob in base64 for URLs, without padding.
    fn base64url(#[starlark(require = pos)] content: Value<'_>) -> starlark::Result<String> {
        Ok(URL_SAFE_NO_PAD.encode(Blob::read(content)?))
    }

    /// A text as part of a URL.
    fn url(#[starlark(require = pos)] text: &str) -> starlark::Result<String> {
        const KEEP: &percent_encoding::AsciiSet =
            &percent_encoding::NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
        Ok(percent_encoding::utf8_percent_encode(text, KEEP).to_string())
    }

    /// Fields as the query of a URL or the body of a form; those that are `None` are left out.
    fn form(#[starlark(require = pos)] fields: Value<'_>) -> starlark::Result<String> {
        let mut form = form_urlencoded::Serializer::new(String::new());
        for (name, value) in to_fields(fields)? {
            let values = match value {
                Json::Array(values) => values,
                value => vec![value],
            };
            for value in values {
                match value {
                    Json::Null => {}
                    Json::String(text) => drop(form.append_pair(&name, &text)),
                    other => drop(form.append_pair(&name, &other.to_string())),
                }
            }
        }
        Ok(form.finish())
    }

    /// A form or query as a record of its fields.
    fn from_form<'v>(
        #[starlark(require = pos)] text: &str,
        heap: Heap<'v>,
    ) -> starlark::Result<Value<'v>> {
        let fields: Map<String, Json> = form_urlencoded::parse(text.as_bytes())
            .map(|(name, value)| (name.into_owned(), Json::from(value.into_owned())))
            .collect();
        Ok(alloc_json(Arc::new(Json::Object(fields)), heap))
    }

    /// A value as JSON text.
    fn json(#[starlark(require = pos)] value: Value<'_>) -> starlark::Result<String> {
        Ok(to_json(value)?.to_string())
    }

    /// JSON text as a value, or `default` where it is none.
    fn from_json<'v>(
        #[starlark(require = pos)] text: &str,
        #[starlark(require = pos, default = NoneOr::None)] default: NoneOr<Value<'v>>,
        heap: Heap<'v>,
    ) -> starlark::Result<Value<'v>> {
        Ok(match serde_json::from_str(text) {
            Ok(json) => alloc_json(Arc::new(json), heap),
            Err(_) => default.into_option().unwrap_or_else(Value::new_none),
        })
    }

    /// A text as a blob.
    fn blob<'v>(
        #[starlark(require = pos)] text: &str,
        heap: Heap<'v>,
    ) -> starlark::Result<Value<'v>> {
        Ok(heap.alloc(Blob::new(Bytes::copy_from_slice(text.as_bytes()))))
    }
}

#[starlark_module]
fn pattern(builder: &mut GlobalsBuilder) {
    /// Whether the pattern (crate `regex`) is found in the text.
    fn found(
        #[starlark(require = pos)] pattern: &str,
        #[starlark(require = pos)] text: &str,
    ) -> starlark::Result<bool> {
        Ok(compiled(pattern)?.is_match(text))
    }

    /// What the pattern's groups hold, the whole match first; `None` where it is not found.
    fn groups<'v>(
        #[starlark(require = pos)] pattern: &str,
        #[starlark(require = pos)] text: &str,
        heap: Heap<'v>,
    ) -> starlark::Result<Value<'v>> {
        let pattern = compiled(pattern)?;
        let Some(found) = pattern.captures(text) else { return Ok(Value::new_none()) };
        let groups = found.iter().map(|group| match group {
            Some(group) => heap.alloc(group.as_str()),
            None => Value::new_none(),
        });
        Ok(heap.alloc(groups.collect::<Vec<_>>()))
    }

    /// Everything that the pattern finds: the first group where it has one, or the whole.
    fn all(
        #[starlark(require = pos)] pattern: &str,
        #[starlark(require = pos)] text: &str,
    ) -> starlark::Result<Vec<String>> {
        let pattern = compiled(pattern)?;
        let wanted = usize::from(pattern.captures_len() > 1);
        let found = pattern.captures_iter(text).filter_map(|found| found.get(wanted));
        Ok(found.map(|group| group.as_str().to_owned()).collect())
    }

    /// The text with what the pattern finds replaced; `$1` stands for a group.
    fn replace(
        #[starlark(require = pos)] pattern: &str,
        #[starlark(require = pos)] text: &str,
        #[starlark(require = pos)] by: &str,
    ) -> starlark::Result<String> {
        Ok(compiled(pattern)?.replace_all(text, by).into_owned())
    }
}

/// A compiled pattern, kept by each thread: packs use few, and the same ones in each request.
fn compiled(pattern: &str) -> starlark::Result<regex::Regex> {
    use std::cell::RefCell;
    use std::collections::HashMap;
    /// Patterns that a thread keeps; past this it begins anew.
    const KEPT_MAX: usize = 512;
    thread_local! {
        static KEPT: RefCell<HashMap<String, regex::Regex>> = RefCell::default();
    }
    KEPT.with_borrow_mut(|kept| {
        if let Some(known) = kept.get(pattern) {
            return Ok(known.clone());
        }
        let new = regex::RegexBuilder::new(pattern)
            .size_limit(PATTERN_BYTES_MAX)
            .build()
            .map_err(|cause| error(cause.to_string()))?;
        if kept.len() >= KEPT_MAX {
            kept.clear();
        }
        kept.insert(pattern.to_owned(), new.clone());
        Ok(new)
    })
}

#[starlark_module]
fn token(builder: &mut GlobalsBuilder) {
    /// A JSON Web Token of these claims: RS256 by the twins' key, or HS256 where a `secret` is given.
    fn sign(
        #[starlark(require = pos)] claims: Value<'_>,
        #[starlark(require = named)] header: Option<Value<'_>>,
        #[starlark(require = named)] secret: Option<&str>,
    ) -> starlark::Result<String> {
        let header = header.map(to_fields).transpose()?.unwrap_or_default();
        jwt::sign(to_fields(claims)?, header, secret).map_err(|cause| error(cause.to_string()))
    }

    /// The claims of a token that is signed by the twins' key, by `secret`, by the key of a PEM (public or
    /// private) or of a JSON Web Key; `None` for any other. Times are not looked at.
    fn verify<'v>(
        #[starlark(require = pos)] text: &str,
        #[starlark(require = named)] secret: Option<&str>,
        #[starlark(require = named)] pem: Option<&str>,
        #[starlark(require = named)] jwk: Option<Value<'v>>,
        heap: Heap<'v>,
    ) -> starlark::Result<Value<'v>> {
        let claims = match (secret, pem, jwk) {
            (Some(secret), ..) => jwt::verify(text, &jwt::Key::Secret(secret)),
            (_, Some(pem), _) => jwt::verify(text, &jwt::Key::Pem(pem)),
            (.., Some(jwk)) => jwt::verify(text, &jwt::Key::Jwk(&to_json(jwk)?)),
            _ => jwt::verify(text, &jwt::Key::Ours),
        };
        Ok(claims.map_or_else(Value::new_none, |claims| {
            alloc_json(Arc::new(Json::Object(claims)), heap)
        }))
    }

    /// What a token says, whoever signed it: `{"header": …, "claims": …}`, or `None`.
    fn peek<'v>(
        #[starlark(require = pos)] text: &str,
        heap: Heap<'v>,
    ) -> starlark::Result<Value<'v>> {
        Ok(jwt::peek(text).map_or_else(Value::new_none, |token| alloc_json(Arc::new(token), heap)))
    }

    /// The twins' public key as a JSON Web Key.
    fn jwk<'v>(heap: Heap<'v>) -> starlark::Result<Value<'v>> {
        Ok(alloc_json(Arc::new(jwt::jwk()), heap))
    }
}

pub(super) fn natives(builder: &mut GlobalsBuilder) {
    builder.namespace("time", time);
    builder.namespace("draw", draw);
    builder.namespace("digest", digest);
    builder.namespace("encode", encode);
    builder.namespace("pattern", pattern);
    builder.namespace("token", token);
}
