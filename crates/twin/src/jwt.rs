//! JSON Web Tokens (RFC 7519): signed by the twins' own RSA key or by a shared secret, and verified by those
//! or by a PEM. Which claims mean what is a pack's business.

use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::hmac;
use ring::rand::SystemRandom;
use ring::signature::{
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair, RsaPublicKeyComponents,
    UnparsedPublicKey,
};
use serde_json::{Map, Value, json};

/// Longer texts are no tokens: 64 KiB is more than any server's header takes.
const TOKEN_BYTES_MAX: usize = 64 << 10;

/// By whom a token must be signed.
pub(crate) enum Key<'a> {
    Ours,
    Secret(&'a str),
    /// A public key (`PUBLIC KEY`), or the private one that it belongs to.
    Pem(&'a str),
    /// An RSA key by its JSON Web Key (RFC 7517).
    Jwk(&'a Value),
}

/// Why a token could not be signed.
#[derive(Debug, thiserror::Error)]
#[error("the token could not be signed")]
pub(crate) struct SignError;

fn ours() -> &'static RsaKeyPair {
    static OURS: OnceLock<RsaKeyPair> = OnceLock::new();
    OURS.get_or_init(|| {
        RsaKeyPair::from_der(include_bytes!("../keys/twin.der"))
            .expect("the key in the source is a key")
    })
}

/// The name of our key: the start of its modulus's digest.
fn ours_id() -> String {
    let components: RsaPublicKeyComponents<Vec<u8>> = ours().public().into();
    base::Digest::of(components.n).hex()[..16].to_owned()
}

/// Our public key (RFC 7517).
pub(crate) fn jwk() -> Value {
    let components: RsaPublicKeyComponents<Vec<u8>> = ours().public().into();
    json!({
        "kty": "RSA", "alg": "RS256", "use": "sig", "kid": ours_id(),
        "n": URL_SAFE_NO_PAD.encode(components.n), "e": URL_SAFE_NO_PAD.encode(components.e),
    })
}

/// A token of these claims. PKCS #1 v1.5 signatures hold no chance: the same claims give the same token.
pub(crate) fn sign(
    claims: Map<String, Value>,
    mut header: Map<String, Value>,
    secret: Option<&str>,
) -> Result<String, SignError> {
    header.entry("typ").or_insert_with(|| "JWT".into());
    header.insert("alg".into(), if secret.is_some() { "HS256" } else { "RS256" }.into());
    if secret.is_none() {
        header.entry("kid").or_insert_with(|| ours_id().into());
    }
    let part = |map: Map<String, Value>| URL_SAFE_NO_PAD.encode(Value::Object(map).to_string());
    let signed = format!("{}.{}", part(header), part(claims));
    let signature = match secret {
        Some(secret) => {
            let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
            hmac::sign(&key, signed.as_bytes()).as_ref().to_vec()
        }
        None => {
            let mut signature = vec![0; ours().public().modulus_len()];
            ours()
                .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature)
                .map_err(|_| SignError)?;
            signature
        }
    };
    Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

/// The claims of a token, if `key` signed it.
pub(crate) fn verify(token: &str, key: &Key<'_>) -> Option<Map<String, Value>> {
    let (signed, signature) = token.rsplit_once('.')?;
    let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
    let read = peek(token)?;
    let algorithm = read["header"]["alg"].as_str()?;
    let valid = match (key, algorithm) {
        (Key::Secret(secret), "HS256") => {
            let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
            hmac::verify(&key, signed.as_bytes(), &signature).is_ok()
        }
        (Key::Ours, "RS256") => {
            let components: RsaPublicKeyComponents<Vec<u8>> = ours().public().into();
            by_components(&components, signed, &signature)
        }
        (Key::Pem(pem), "RS256") => by_pem(pem, signed, &signature)?,
        (Key::Jwk(jwk), "RS256") => {
            let part = |name: &str| URL_SAFE_NO_PAD.decode(jwk.get(name)?.as_str()?).ok();
            let components = RsaPublicKeyComponents { n: part("n")?, e: part("e")? };
            by_components(&components, signed, &signature)
        }
        _ => false,
    };
    match read["claims"].clone() {
        Value::Object(claims) if valid => Some(claims),
        _ => None,
    }
}

/// What a token says of itself, unverified.
pub(crate) fn peek(token: &str) -> Option<Value> {
    if token.len() > TOKEN_BYTES_MAX {
        return None;
    }
    let mut parts = token.split('.');
    let mut part = || {
        let bytes = URL_SAFE_NO_PAD.decode(parts.next()?).ok()?;
        serde_json::from_slice::<Value>(&bytes).ok().filter(Value::is_object)
    };
    let (header, claims) = (part()?, part()?);
    Some(json!({ "header": header, "claims": claims }))
}

fn by_components(
    components: &RsaPublicKeyComponents<Vec<u8>>,
    signed: &str,
    signature: &[u8],
) -> bool {
    components.verify(&RSA_PKCS1_2048_8192_SHA256, signed.as_bytes(), signature).is_ok()
}

fn by_pem(pem: &str, signed: &str, signature: &[u8]) -> Option<bool> {
    let body: String =
        pem.lines().filter(|line| !line.starts_with("-----")).map(str::trim).collect();
    let der = STANDARD.decode(body).ok()?;
    if pem.contains("PRIVATE KEY") {
        let pair = RsaKeyPair::from_pkcs8(&der).or_else(|_| RsaKeyPair::from_der(&der)).ok()?;
        let components: RsaPublicKeyComponents<Vec<u8>> = pair.public().into();
        return Some(by_components(&components, signed, signature));
    }
    // SubjectPublicKeyInfo holds the key that `ring` wants as a bit string behind the algorithm's name.
    let name = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];
    let inner = match der.windows(name.len()).position(|window| window == name) {
        Some(at) => {
            let rest = &der[at + name.len()..];
            let start = rest.iter().skip(1).position(|byte| *byte == 0x30)? + 1;
            &rest[start..]
        }
        None => &der[..],
    };
    let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, inner);
    Some(key.verify(signed.as_bytes(), signature).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims() -> Map<String, Value> {
        json!({ "sub": "u1", "exp": 1 }).as_object().unwrap().clone()
    }

    #[test]
    fn tokens_are_verified_by_the_key_that_signed_them_and_no_other() {
        let ours = sign(claims(), Map::new(), None).unwrap();
        assert_eq!(ours, sign(claims(), Map::new(), None).unwrap());
        assert_eq!(verify(&ours, &Key::Ours), Some(claims()));
        assert_eq!(verify(&ours, &Key::Jwk(&jwk())), Some(claims()));
        assert_eq!(verify(&ours, &Key::Jwk(&json!({ "n": "AQAB", "e": "AQAB" }))), None);
        assert_eq!(verify(&ours, &Key::Secret("s")), None);
        let shared = sign(claims(), Map::new(), Some("s")).unwrap();
        assert_eq!(verify(&shared, &Key::Secret("s")), Some(claims()));
        assert_eq!(verify(&shared, &Key::Secret("t")), None);
        assert_eq!(verify(&shared, &Key::Ours), None);
    }

    #[test]
    fn a_changed_token_and_one_without_a_signature_are_refused() {
        let token = sign(claims(), Map::new(), None).unwrap();
        let none = URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#);
        let (_, rest) = token.split_once('.').unwrap();
        for bad in [
            format!("{none}.{rest}"),
            format!("{none}.e30."),
            token.replace('.', ""),
            String::new(),
        ] {
            assert_eq!(verify(&bad, &Key::Ours), None, "{bad}");
        }
        assert_eq!(jwk()["kid"], peek(&token).unwrap()["header"]["kid"]);
    }
}
