//! Ed25519 keys: made from given randomness, kept as PKCS#8 PEM, shown as PEM and as C2SP verifier keys.
//!
//! A key knows its name (the log's origin, or a witness's name), because signed notes bind the two.
//! This module refuses to know where randomness comes from and what is signed.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{
    DecodePrivateKey as _, EncodePrivateKey as _, EncodePublicKey as _, KeypairBytes,
};
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use sha2::{Digest as _, Sha256};

/// A key file holds one key; ten times the size of one leaves room for comments.
const KEY_FILE_BYTES_MAX: u64 = 2048;

/// Why a key cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    #[error("failed to {what} the key {}", path.display())]
    Io {
        what: &'static str,
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("the key {} can be read by others (mode {mode:o}): run `chmod 600` on it", path.display())]
    Exposed { path: PathBuf, mode: u32 },
    #[error("{} is no Ed25519 private key in PKCS#8 PEM form", path.display())]
    Pem {
        path: PathBuf,
        #[source]
        source: ed25519_dalek::pkcs8::Error,
    },
    #[error(
        "`{0}` is no name for a key: at least one character, no white space, no control character, no `+`"
    )]
    Name(String),
    #[error("`{text}` is no verifier key, {why}: expected `name+8 hex digits+base64`")]
    Verifier { text: String, why: &'static str },
}

/// What a key's signature on a note means: the signature types of C2SP signed-note.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyRole {
    /// 0x01: the log itself signs the note's text.
    Log,
    /// 0x04: a witness saw this checkpoint, at a time (C2SP tlog-cosignature).
    Witness,
}

impl KeyRole {
    const fn byte(self) -> u8 {
        match self {
            Self::Log => 1,
            Self::Witness => 4,
        }
    }
}

/// A private key and the name that it signs under. Its debug form shows no secret.
#[derive(Clone)]
pub struct LedgerKey {
    name: String,
    signing: SigningKey,
}

impl LedgerKey {
    /// The key that these 32 random bytes make. `name` is the origin of the log that it signs, or the
    /// witness's name: a URL without schema, such as `example.com/factory`.
    ///
    /// # Errors
    /// When the name is empty or has white space, control characters or a plus sign.
    pub fn generate(name: &str, random: [u8; 32]) -> Result<Self, KeyError> {
        Ok(Self { name: checked_name(name)?, signing: SigningKey::from_bytes(&random) })
    }

    /// Reads the private key in `path`, PKCS#8 PEM, as `openssl genpkey -algorithm ed25519` writes it.
    ///
    /// # Errors
    /// When the file is not there, can be read by others than its owner, or is no Ed25519 key; when
    /// the name is not fit.
    pub fn load(path: &Path, name: &str) -> Result<Self, KeyError> {
        let name = checked_name(name)?;
        let failed = |what| move |source| KeyError::Io { what, path: path.to_owned(), source };
        let file = File::open(path).map_err(failed("open"))?;
        let mode = file.metadata().map_err(failed("read"))?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(KeyError::Exposed { path: path.to_owned(), mode });
        }
        let mut pem = String::new();
        file.take(KEY_FILE_BYTES_MAX).read_to_string(&mut pem).map_err(failed("read"))?;
        let signing = SigningKey::from_pkcs8_pem(&pem)
            .map_err(|source| KeyError::Pem { path: path.to_owned(), source })?;
        Ok(Self { name, signing })
    }

    /// Writes the private key to a new file that only its owner can read (mode 0600), durably.
    ///
    /// # Errors
    /// When the file exists already or cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), KeyError> {
        let failed = |what| move |source| KeyError::Io { what, path: path.to_owned(), source };
        // Version 1 of PKCS#8, without the public key: openssl does not read version 2.
        let bytes = KeypairBytes { secret_key: self.signing.to_bytes(), public_key: None };
        let pem = bytes.to_pkcs8_pem(LineEnding::LF).expect("32 bytes always have a PEM form");
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .map_err(failed("create"))?;
        file.write_all(pem.as_bytes()).map_err(failed("write"))?;
        file.sync_all().map_err(failed("write"))?;
        let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty());
        let dir = File::open(dir.unwrap_or(Path::new("."))).map_err(failed("write"))?;
        dir.sync_all().map_err(failed("write"))
    }

    /// The name that it signs under: the log's origin.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The public key, for whoever verifies.
    pub fn public(&self) -> VerifyingKey {
        self.signing.verifying_key()
    }

    /// The public key in SPKI PEM form, as `openssl pkey -pubout` writes it.
    pub fn public_pem(&self) -> String {
        public_pem(&self.public())
    }

    /// What a verifier of this log's notes must know and trust.
    pub fn verifier(&self) -> VerifierKey {
        VerifierKey { name: self.name.clone(), role: KeyRole::Log, key: self.public() }
    }

    /// What a verifier must know to trust this key as a witness of other logs.
    pub fn witness_verifier(&self) -> VerifierKey {
        VerifierKey { role: KeyRole::Witness, ..self.verifier() }
    }

    /// The 64 bytes of the Ed25519 signature (RFC 8032) over `message`.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.signing.sign(message).to_bytes()
    }
}

impl fmt::Debug for LedgerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LedgerKey({})", self.verifier())
    }
}

/// A public key in SPKI PEM form.
pub fn public_pem(key: &VerifyingKey) -> String {
    key.to_public_key_pem(LineEnding::LF).expect("32 bytes always have a PEM form")
}

/// A public key that is trusted under a name and for one role. Written as C2SP verifier keys are:
/// `name+key id in hex+base64`.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifierKey {
    pub name: String,
    pub role: KeyRole,
    pub key: VerifyingKey,
}

impl VerifierKey {
    /// The first four bytes of `SHA-256(name || 0x0A || type || key)` (C2SP signed-note).
    pub fn id(&self) -> [u8; 4] {
        let hash = Sha256::new()
            .chain_update(&self.name)
            .chain_update([b'\n', self.role.byte()])
            .chain_update(self.key.as_bytes())
            .finalize();
        [hash[0], hash[1], hash[2], hash[3]]
    }

    /// Whether `signature` is this key's over `message`, by the strict rules that leave no second form.
    pub(crate) fn accepts(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        self.key.verify_strict(message, &Signature::from_bytes(signature)).is_ok()
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut material = vec![self.role.byte()];
        material.extend_from_slice(self.key.as_bytes());
        write!(f, "{}+{:08x}+{}", self.name, u32::from_be_bytes(self.id()), BASE64.encode(material))
    }
}

impl fmt::Debug for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for VerifierKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let wrong = |why| KeyError::Verifier { text: text.to_owned(), why };
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(id), Some(material)) = (parts.next(), parts.next(), parts.next())
        else {
            return Err(wrong("it has no three parts"));
        };
        let material = BASE64.decode(material).map_err(|_| wrong("its last part is no base64"))?;
        let (role, key) = match material.split_first() {
            Some((1, key)) => (KeyRole::Log, key),
            Some((4, key)) => (KeyRole::Witness, key),
            _ => return Err(wrong("its key is no Ed25519 key")),
        };
        let key: [u8; 32] = key.try_into().map_err(|_| wrong("its key has not 32 bytes"))?;
        let key = VerifyingKey::from_bytes(&key).map_err(|_| wrong("its key is no Ed25519 key"))?;
        let verifier = Self { name: checked_name(name)?, role, key };
        if format!("{:08x}", u32::from_be_bytes(verifier.id())) != id {
            return Err(wrong("its key id is not that of its name and key"));
        }
        Ok(verifier)
    }
}

/// C2SP signed-note: key names are not empty and have no Unicode spaces and no plus.
fn checked_name(name: &str) -> Result<String, KeyError> {
    let wrong = |c: char| c.is_whitespace() || c.is_control() || c == '+';
    if name.is_empty() || name.contains(wrong) {
        return Err(KeyError::Name(name.to_owned()));
    }
    Ok(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_saved_key_is_private_and_reads_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key.pem");
        let key = LedgerKey::generate("example.com/factory", [7; 32]).unwrap();
        key.save(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let again = LedgerKey::load(&path, "example.com/factory").unwrap();
        assert_eq!(again.public(), key.public());
        assert!(matches!(key.save(&path), Err(KeyError::Io { what: "create", .. })));
    }

    #[test]
    fn a_key_that_others_can_read_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key.pem");
        LedgerKey::generate("a", [7; 32]).unwrap().save(&path).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        let error = LedgerKey::load(&path, "a").unwrap_err().to_string();
        assert!(error.contains("640") && error.contains("chmod 600"), "{error}");
    }

    #[test]
    fn something_else_than_a_key_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key.pem");
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).unwrap();
        assert!(matches!(LedgerKey::load(&path, "a"), Err(KeyError::Pem { .. })));
        assert!(matches!(LedgerKey::load(&dir.path().join("no"), "a"), Err(KeyError::Io { .. })));
        for name in ["", "a b", "a+b", "a\n"] {
            assert!(
                matches!(LedgerKey::generate(name, [0; 32]), Err(KeyError::Name(_))),
                "{name:?}"
            );
        }
    }

    #[test]
    fn the_debug_form_shows_no_secret() {
        let key = LedgerKey::generate("example.com/factory", [7; 32]).unwrap();
        assert_eq!(format!("{key:?}"), format!("LedgerKey({})", key.verifier()));
    }

    #[test]
    fn the_verifier_key_of_the_specification_is_read_and_written() {
        let text = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
        let key: VerifierKey = text.parse().unwrap();
        assert_eq!((key.name.as_str(), key.role), ("example.com/foo", KeyRole::Log));
        assert_eq!(key.to_string(), text);
        for wrong in [
            "example.com/foo",
            "example.com/bar+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
            "example.com/foo+530D903A+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
            "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U0=",
            "example.com/foo+530d903a+A!",
        ] {
            assert!(wrong.parse::<VerifierKey>().is_err(), "{wrong}");
        }
    }
}
