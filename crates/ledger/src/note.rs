//! Signed notes (<https://c2sp.org/signed-note>): a text and the signatures under it.
//!
//! Written here rather than taken from `signed_note`, which brings second versions of `base64`,
//! `thiserror` and `rand_core` for what is one split and one signature; the specification's and Go's
//! own examples are the tests. This module refuses to know what the text says.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::{KeyRole, LedgerKey, VerifierKey};

/// At least 16 must be accepted (signed-note, Format); beyond 64 somebody is wasting our time.
const SIGNATURES_MAX: usize = 64;

/// A checkpoint is some hundred bytes, a post-quantum signature 5 kB.
const NOTE_BYTES_MAX: usize = 1 << 20;

/// Why a note, or the checkpoint in it, cannot be relied on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum NoteError {
    #[error("it is no signed note: {0}")]
    Malformed(&'static str),
    #[error("the signature of `{0}` does not verify")]
    Signature(String),
    #[error("no trusted key signed it")]
    Untrusted,
    #[error("its text is no checkpoint: {0}")]
    NotACheckpoint(&'static str),
}

/// One line under a note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteSignature {
    pub name: String,
    /// Names the key together with `name`; it proves nothing.
    pub id: [u8; 4],
    /// What the signature type makes of it: 64 bytes for a log, a time and 64 bytes for a witness.
    pub bytes: Vec<u8>,
}

/// A text with signatures, none of them verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Ends in a newline. Private, for the signatures are over it.
    text: String,
    signatures: Vec<NoteSignature>,
}

impl Note {
    /// A text without signatures.
    ///
    /// # Errors
    /// When the text does not end in a newline or has other control characters.
    pub fn new(text: String) -> Result<Self, NoteError> {
        if !text.ends_with('\n') {
            return Err(NoteError::Malformed("its text does not end in a newline"));
        }
        if text.bytes().any(|b| b < 0x20 && b != b'\n') {
            return Err(NoteError::Malformed("it has control characters"));
        }
        Ok(Self { text, signatures: Vec::new() })
    }

    /// What is signed, with its final newline.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The lines under the text.
    pub fn signatures(&self) -> &[NoteSignature] {
        &self.signatures
    }

    /// A log's own signature over this text (type 0x01), as the line that is added to the note.
    pub fn signature(&self, key: &LedgerKey) -> NoteSignature {
        let bytes = key.sign(self.text.as_bytes()).to_vec();
        let verifier = key.verifier();
        NoteSignature { id: verifier.id(), name: verifier.name, bytes }
    }

    /// A witness's signature over this text at a time (type 0x04, C2SP tlog-cosignature), as the
    /// line that is added to the note. `seconds` count from 1970.
    pub fn cosignature(&self, key: &LedgerKey, seconds: u64) -> NoteSignature {
        let mut bytes = seconds.to_be_bytes().to_vec();
        bytes.extend_from_slice(&key.sign(cosigned(&self.text, seconds).as_bytes()));
        let verifier = key.witness_verifier();
        NoteSignature { id: verifier.id(), name: verifier.name, bytes }
    }

    /// Adds a signature line, unless it is there already.
    ///
    /// # Errors
    /// When the note has as many as a note may have.
    pub fn add(&mut self, signature: NoteSignature) -> Result<(), NoteError> {
        if self.signatures.contains(&signature) {
            return Ok(());
        }
        if self.signatures.len() == SIGNATURES_MAX {
            return Err(NoteError::Malformed("it has too many signatures"));
        }
        self.signatures.push(signature);
        Ok(())
    }

    /// The trusted keys that signed this text. Signatures of unknown keys are passed over, as the
    /// specification demands; a wrong signature of a known key spoils the note.
    ///
    /// # Errors
    /// When no trusted key signed, or a trusted key's signature is wrong.
    pub fn verify<'k>(
        &self,
        trusted: &'k [VerifierKey],
    ) -> Result<Vec<&'k VerifierKey>, NoteError> {
        let mut signers = Vec::new();
        for signature in &self.signatures {
            let known = |key: &&VerifierKey| key.name == signature.name && key.id() == signature.id;
            for key in trusted.iter().filter(known) {
                if !signature.holds(&self.text, key) {
                    return Err(NoteError::Signature(signature.name.clone()));
                }
                signers.push(key);
            }
        }
        if signers.is_empty() { Err(NoteError::Untrusted) } else { Ok(signers) }
    }
}

impl NoteSignature {
    fn holds(&self, text: &str, key: &VerifierKey) -> bool {
        match key.role {
            KeyRole::Log => <&[u8; 64]>::try_from(&self.bytes[..])
                .is_ok_and(|signature| key.accepts(text.as_bytes(), signature)),
            KeyRole::Witness => self.bytes.split_first_chunk::<8>().is_some_and(|(time, rest)| {
                let message = cosigned(text, u64::from_be_bytes(*time));
                <&[u8; 64]>::try_from(rest).is_ok_and(|s| key.accepts(message.as_bytes(), s))
            }),
        }
    }
}

/// What a witness signs (C2SP tlog-cosignature, Ed25519 signed message).
fn cosigned(text: &str, seconds: u64) -> String {
    format!("cosignature/v1\ntime {seconds}\n{text}")
}

impl fmt::Display for NoteSignature {
    /// The line without its newline.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "— {} {}", self.name, BASE64.encode([&self.id[..], &self.bytes].concat()))
    }
}

impl FromStr for NoteSignature {
    type Err = NoteError;

    fn from_str(line: &str) -> Result<Self, NoteError> {
        let wrong = NoteError::Malformed("a signature line is not `— name base64`");
        let parts = line.strip_prefix("— ").and_then(|rest| rest.split_once(' '));
        let Some((name, base64)) = parts else { return Err(wrong) };
        if name.is_empty() || name.contains(|c: char| c.is_whitespace() || c == '+') {
            return Err(wrong);
        }
        let bytes = BASE64.decode(base64).map_err(|_| wrong.clone())?;
        let Some((id, bytes)) = bytes.split_first_chunk::<4>() else { return Err(wrong) };
        if bytes.is_empty() {
            return Err(wrong);
        }
        Ok(Self { name: name.to_owned(), id: *id, bytes: bytes.to_vec() })
    }
}

impl fmt::Display for Note {
    /// The whole note as it is stored and sent.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures.iter().try_for_each(|signature| writeln!(f, "{signature}"))
    }
}

impl FromStr for Note {
    type Err = NoteError;

    fn from_str(whole: &str) -> Result<Self, NoteError> {
        if whole.len() > NOTE_BYTES_MAX {
            return Err(NoteError::Malformed("it is too long"));
        }
        let split = whole.rfind("\n\n").ok_or(NoteError::Malformed("it has no empty line"))?;
        let (text, rest) = (&whole[..=split], &whole[split + 2..]);
        let lines = rest.strip_suffix('\n').filter(|lines| !lines.is_empty());
        let lines = lines.ok_or(NoteError::Malformed("its last line is no signature line"))?;
        let mut note = Self::new(text.to_owned())?;
        for line in lines.split('\n') {
            note.add(line.parse()?)?;
        }
        Ok(note)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(whole: &str, key: &str, text: &str) {
        let note: Note = whole.parse().unwrap();
        let key: VerifierKey = key.parse().unwrap();
        assert_eq!(note.text(), text);
        assert_eq!(note.to_string(), whole);
        assert_eq!(note.verify(std::slice::from_ref(&key)), Ok(vec![&key]));
        let altered: Note = whole.replacen("is", "was", 1).parse().unwrap();
        let refused = altered.verify(std::slice::from_ref(&key));
        assert_eq!(refused, Err(NoteError::Signature(key.name.clone())));
        assert_eq!(note.verify(&[]), Err(NoteError::Untrusted));
    }

    #[test]
    fn the_note_of_the_specification_verifies() {
        check(
            "This is an example message.\n\n— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXpp\
             zi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n",
            "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
            "This is an example message.\n",
        );
    }

    #[test]
    fn the_note_of_go_sumdb_verifies() {
        check(
            "If you think cryptography is the answer to your problem,\nthen you don't know what your \
             problem is.\n\n— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2p\
             ZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n",
            "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
            "If you think cryptography is the answer to your problem,\nthen you don't know what your \
             problem is.\n",
        );
    }

    /// Go's example gives the private key too, so that what we sign can be compared byte by byte.
    #[test]
    fn our_signature_is_the_one_that_go_makes() {
        let secret = BASE64.decode("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz").unwrap();
        let key = LedgerKey::generate("PeterNeumann", secret[1..].try_into().unwrap()).unwrap();
        let text = "If you think cryptography is the answer to your problem,\nthen you don't know \
                    what your problem is.\n";
        let mut note = Note::new(text.to_owned()).unwrap();
        note.add(note.signature(&key)).unwrap();
        let line = "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXg\
                    KvqfqdngotpRZb6KE6RyyBwJnAM=";
        assert_eq!(note.signatures()[0].to_string(), line);
    }

    #[test]
    fn a_witness_signs_the_text_and_the_time() {
        let log = LedgerKey::generate("example.com/log", [1; 32]).unwrap();
        let witness = LedgerKey::generate("witness.example.com", [2; 32]).unwrap();
        let mut note = Note::new("example.com/log\n0\nAA==\n".to_owned()).unwrap();
        note.add(note.signature(&log)).unwrap();
        note.add(note.cosignature(&witness, 1_679_315_147)).unwrap();
        let trusted = [log.verifier(), witness.witness_verifier()];
        assert_eq!(note.verify(&trusted).unwrap().len(), 2);
        // As a log's key it is another key, which the note does not know.
        assert_eq!(note.verify(&[witness.verifier()]), Err(NoteError::Untrusted));
        note.signatures[1].bytes[7] ^= 1;
        assert!(matches!(note.verify(&trusted), Err(NoteError::Signature(_))));
    }

    #[test]
    fn what_is_no_note_is_refused() {
        for wrong in [
            "",
            "text\n",
            "text\n\n",
            "text\n\n— a AAAAAAA=",
            "text\n\n- a AAAAAAA=\n",
            "text\n\n— a b AAAAAAA=\n",
            "text\n\n— a AAAAAA==\n",
            "te\txt\n\n— a AAAAAAA=\n",
            "text\n\n— a AAAAAAA=\n\n",
        ] {
            assert!(wrong.parse::<Note>().is_err(), "{wrong:?}");
        }
        assert!("text\n\n— a AAAAAAA=\n".parse::<Note>().is_ok());
    }
}
