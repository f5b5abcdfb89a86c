//! Bytes as scripts see them: opaque, shared, with the few views that an API needs.

use std::fmt;

use allocative::Allocative;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use sha1::{Digest as _, Sha1};
use sha2::Sha256;
use starlark::environment::{Methods, MethodsBuilder, MethodsStatic};
use starlark::starlark_module;
use starlark::starlark_simple_value;
use starlark::values::{
    NoSerialize, ProvidesStaticType, StarlarkPagable, StarlarkValue, Value, starlark_value,
};

use super::error;

/// Content of a file, of a git object, of a request.
#[derive(ProvidesStaticType, Allocative, StarlarkPagable, NoSerialize)]
#[allocative(skip)]
pub(crate) struct Blob {
    #[starlark_pagable(skip = "super::unpaged()")]
    bytes: Bytes,
}

starlark_simple_value!(Blob);

impl Blob {
    pub(crate) fn new(bytes: Bytes) -> Self {
        Self { bytes }
    }

    pub(crate) fn of<'v>(value: Value<'v>) -> Option<&'v Blob> {
        Blob::from_value(value)
    }

    pub(crate) fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The bytes of a blob, or of a text.
    pub(crate) fn read(value: Value<'_>) -> starlark::Result<Bytes> {
        match (Blob::of(value), value.unpack_str()) {
            (Some(blob), _) => Ok(blob.bytes.clone()),
            (_, Some(text)) => Ok(Bytes::copy_from_slice(text.as_bytes())),
            _ => Err(error(format!("a blob or a string is wanted, not a {}", value.get_type()))),
        }
    }
}

impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{} bytes>", self.bytes.len())
    }
}

#[starlark_value(type = "blob")]
impl<'v> StarlarkValue<'v> for Blob {
    fn get_methods() -> Option<&'static Methods> {
        static METHODS: MethodsStatic = MethodsStatic::new("blob", methods);
        Some(METHODS.methods())
    }

    fn length(&self) -> starlark::Result<i32> {
        Ok(i32::try_from(self.bytes.len()).unwrap_or(i32::MAX))
    }

    fn to_bool(&self) -> bool {
        !self.bytes.is_empty()
    }
}

fn bytes(this: Value<'_>) -> starlark::Result<&Bytes> {
    Blob::of(this).map(Blob::bytes).ok_or_else(|| error("not a blob"))
}

#[starlark_module]
fn methods(builder: &mut MethodsBuilder) {
    /// The bytes as text; what is no UTF-8 is replaced.
    fn text(this: Value<'_>) -> starlark::Result<String> {
        Ok(String::from_utf8_lossy(bytes(this)?).into_owned())
    }

    /// Whether the bytes are UTF-8.
    fn is_text(this: Value<'_>) -> starlark::Result<bool> {
        Ok(std::str::from_utf8(bytes(this)?).is_ok())
    }

    /// The bytes in base64, with padding.
    fn base64(this: Value<'_>) -> starlark::Result<String> {
        Ok(STANDARD.encode(bytes(this)?))
    }

    /// SHA-1, in hex.
    fn sha1(this: Value<'_>) -> starlark::Result<String> {
        Ok(hex::encode(Sha1::digest(bytes(this)?)))
    }

    /// SHA-256, in hex.
    fn sha256(this: Value<'_>) -> starlark::Result<String> {
        Ok(hex::encode(Sha256::digest(bytes(this)?)))
    }
}
