//! The DSSE envelope: a payload, its type, and signatures over both.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use ed25519_dalek::{Signature, VerifyingKey};
use serde::{Deserialize, Serialize};

use super::{AttestError, Statement};
use crate::LedgerKey;

/// The payload type of in-toto statements.
pub const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

/// As with notes: more signatures than this are somebody wasting our time.
const SIGNATURES_MAX: usize = 64;

/// A signed statement, as it is stored and sent: one JSON object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Envelope {
    /// The statement's bytes in base64.
    pub payload: String,
    pub payload_type: String,
    pub signatures: Vec<EnvelopeSignature>,
}

/// One signature on an envelope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnvelopeSignature {
    /// A hint which key it is ([`key_id`]); it is not signed and proves nothing.
    #[serde(default)]
    pub keyid: String,
    /// 64 bytes in base64.
    pub sig: String,
}

impl Envelope {
    /// Signs a statement's canonical form.
    ///
    /// # Errors
    /// When the statement has no canonical form.
    pub fn sign(statement: &Statement, key: &LedgerKey) -> Result<Self, AttestError> {
        let payload = base::canonical(statement)?;
        let sig = STANDARD.encode(key.sign(&pre_authentication(PAYLOAD_TYPE, &payload)));
        let signatures = vec![EnvelopeSignature { keyid: key_id(&key.public()), sig }];
        let (payload, payload_type) = (STANDARD.encode(payload), PAYLOAD_TYPE.to_owned());
        Ok(Self { payload, payload_type, signatures })
    }

    /// The envelope that `bytes` spell. Nothing about it is verified.
    ///
    /// # Errors
    /// When they are no DSSE envelope.
    pub fn parse(bytes: &[u8]) -> Result<Self, AttestError> {
        serde_json::from_slice(bytes).map_err(AttestError::Envelope)
    }

    /// The envelope as canonical JSON.
    pub fn to_json(&self) -> Vec<u8> {
        base::canonical(self).expect("strings always have a canonical form")
    }

    /// The statement, once at least one of the trusted keys is found to have signed it.
    ///
    /// # Errors
    /// When none did, or what was signed is no in-toto statement.
    pub fn verify(&self, trusted: &[VerifyingKey]) -> Result<Statement, AttestError> {
        if self.payload_type != PAYLOAD_TYPE {
            return Err(AttestError::PayloadType(self.payload_type.clone()));
        }
        let payload = decode(&self.payload).ok_or(AttestError::Base64("payload"))?;
        let signed = pre_authentication(&self.payload_type, &payload);
        let holds = |signature: &EnvelopeSignature| {
            let bytes = decode(&signature.sig).and_then(|bytes| <[u8; 64]>::try_from(bytes).ok());
            let signature = bytes.map(|bytes| Signature::from_bytes(&bytes));
            let by = |key: &VerifyingKey| {
                signature.is_some_and(|signature| key.verify_strict(&signed, &signature).is_ok())
            };
            trusted.iter().any(by)
        };
        if !self.signatures.iter().take(SIGNATURES_MAX).any(holds) {
            return Err(AttestError::Untrusted);
        }
        Statement::parse(&payload)
    }
}

/// A key's id as securesystemslib computes it: the SHA-256, in hex, of the key's canonical JSON.
pub fn key_id(key: &VerifyingKey) -> String {
    let public = base::Digest::from_bytes(*key.as_bytes()).hex();
    let object = serde_json::json!({
        "keytype": "ed25519",
        "keyval": { "public": public },
        "scheme": "ed25519",
    });
    base::Digest::of_value(&object).expect("strings always have a canonical form").hex()
}

/// DSSE's pre-authentication encoding: what is signed is the payload bound to its type.
fn pre_authentication(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut bytes =
        format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len()).into_bytes();
    bytes.extend_from_slice(payload);
    bytes
}

/// Verifiers accept both alphabets (DSSE, envelope).
fn decode(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).or_else(|_| URL_SAFE.decode(text)).ok()
}

#[cfg(test)]
mod tests {
    use base::Digest;
    use proptest::prelude::*;
    use serde_json::Map;

    use super::*;
    use crate::attest::{
        BuildDefinition, Builder, Provenance, ResourceDescriptor, RunDetails, TestOutcome,
        TestResult, VerificationResult, Verifier,
    };

    fn key() -> LedgerKey {
        LedgerKey::generate("example.com/factory", [7; 32]).unwrap()
    }

    fn tests() -> TestResult {
        TestResult {
            result: TestOutcome::Passed,
            configuration: vec![ResourceDescriptor::sha256("scenarios", &Digest::of("s"))],
            url: None,
            passed_tests: vec!["bad-input:12".to_owned()],
            warned_tests: Vec::new(),
            failed_tests: Vec::new(),
        }
    }

    fn signed() -> Envelope {
        let subject = vec![ResourceDescriptor::git_commit("product", &"a1".repeat(20))];
        Envelope::sign(&Statement::new(subject, &tests()).unwrap(), &key()).unwrap()
    }

    #[test]
    fn the_encoding_is_that_of_the_protocol() {
        let encoded = pre_authentication("http://example.com/HelloWorld", b"hello world");
        assert_eq!(encoded, b"DSSEv1 29 http://example.com/HelloWorld 11 hello world");
    }

    #[test]
    fn the_key_id_is_the_one_that_securesystemslib_computes() {
        // `SSlibKey.from_crypto` of the key whose private bytes are 32 times 7.
        let id = "bfe1a83869e5bf574e3ff3acbb83f840de84a990d10059f3096f0bf4f2b90c10";
        assert_eq!(key_id(&key().public()), id);
    }

    #[test]
    fn a_statement_comes_back_from_its_envelope() {
        let envelope = Envelope::parse(&signed().to_json()).unwrap();
        let statement = envelope.verify(&[key().public()]).unwrap();
        assert_eq!(statement.predicate::<TestResult>().unwrap(), tests());
        assert_eq!(statement.subject[0].digest["gitCommit"], "a1".repeat(20));
        let other = statement.predicate::<VerificationResult>();
        assert!(matches!(other, Err(AttestError::PredicateType { .. })));
        let stranger = LedgerKey::generate("a", [8; 32]).unwrap().public();
        assert!(matches!(envelope.verify(&[stranger]), Err(AttestError::Untrusted)));
        assert!(matches!(envelope.verify(&[]), Err(AttestError::Untrusted)));
    }

    #[test]
    fn predicates_have_the_names_of_their_specifications() {
        let provenance = Provenance {
            build_definition: BuildDefinition {
                build_type: "https://example.com/build/v1".to_owned(),
                external_parameters: Map::from_iter([("intent".to_owned(), "sha256:00".into())]),
                ..BuildDefinition::default()
            },
            run_details: RunDetails {
                builder: Builder {
                    id: "https://example.com/factory".to_owned(),
                    ..Builder::default()
                },
                ..RunDetails::default()
            },
        };
        let statement = Statement::new(Vec::new(), &provenance).unwrap();
        assert_eq!(
            String::from_utf8(base::canonical(&statement).unwrap()).unwrap(),
            "{\"_type\":\"https://in-toto.io/Statement/v1\",\"predicate\":{\"buildDefinition\":{\
             \"buildType\":\"https://example.com/build/v1\",\"externalParameters\":{\"intent\":\
             \"sha256:00\"}},\"runDetails\":{\"builder\":{\"id\":\"https://example.com/factory\"}}},\
             \"predicateType\":\"https://slsa.dev/provenance/v1\",\"subject\":[]}"
        );
        let result = VerificationResult {
            verifier: Verifier { id: "https://example.com/v".to_owned(), policies: Vec::new() },
            time_created: "2026-01-01T00:00:00.000Z".to_owned(),
            properties: vec!["DARK_LEVEL_5".to_owned()],
        };
        assert_eq!(
            serde_json::to_string(&result).unwrap(),
            "{\"verifier\":{\"id\":\"https://example.com/v\",\"policies\":[]},\
             \"timeCreated\":\"2026-01-01T00:00:00.000Z\",\"properties\":[\"DARK_LEVEL_5\"]}"
        );
        let tests = serde_json::to_string(&tests()).unwrap();
        assert!(tests.starts_with("{\"result\":\"PASSED\",\"configuration\":[{"), "{tests}");
    }

    proptest! {
        #[test]
        fn one_changed_byte_is_noticed(at: usize, bit in 0..7u32) {
            let honest = signed().to_json();
            let mut altered = honest.clone();
            let at = at % honest.len();
            altered[at] ^= 1 << bit;
            let kept = |bytes: &[u8]| {
                Envelope::parse(bytes).and_then(|envelope| envelope.verify(&[key().public()])).ok()
            };
            let hint = String::from_utf8_lossy(&honest).find("keyid").unwrap();
            // The hint (`"keyid":"<64 digits>"`) is not signed, and must not matter.
            prop_assume!(!(hint..hint + 5 + 3 + 64).contains(&at));
            prop_assert_eq!(kept(&altered), None, "byte {} of {}", at, String::from_utf8_lossy(&altered));
        }
    }
}
