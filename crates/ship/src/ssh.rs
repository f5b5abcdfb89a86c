//! SSH signatures (sshsig) through the `ssh-keygen` program, so that a person's key may live in an
//! agent or on a hardware token, and anybody can verify with a tool that they already have.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// A signature could not be made or does not hold.
#[derive(Debug, thiserror::Error)]
pub enum SshError {
    #[error("failed to run ssh-keygen: install OpenSSH's client programs")]
    NotInstalled(#[source] std::io::Error),
    #[error("failed to sign with {key}: {reason}")]
    Sign { key: String, reason: String },
    #[error("failed to make the key {key}: {reason}")]
    Generate { key: String, reason: String },
    #[error("the signature is not {principal}'s: {reason}")]
    Verify { principal: String, reason: String },
    #[error("failed to hand data to ssh-keygen")]
    Io(#[from] std::io::Error),
}

/// Makes an Ed25519 key pair at `path` and `path.pub`, without a passphrase.
///
/// # Errors
/// When the file exists already or `ssh-keygen` is not there.
pub fn generate(path: &Path, comment: &str) -> Result<(), SshError> {
    let mut command = Command::new("ssh-keygen");
    command.args(["-q", "-t", "ed25519", "-N", "", "-C", comment, "-f"]).arg(path);
    let (ok, reason) = feed(command, b"")?;
    if ok { Ok(()) } else { Err(SshError::Generate { key: path.display().to_string(), reason }) }
}

/// Signs `message` under `namespace` with the private key at `key` (or the public key of one that an
/// SSH agent holds) and gives the armoured signature.
///
/// # Errors
/// When the key cannot be used; the reason is `ssh-keygen`'s own.
pub fn sign(key: &Path, namespace: &str, message: &[u8]) -> Result<String, SshError> {
    // Signing a file instead of standard input would leave `FILE.sig` behind; `-` prints it.
    let mut command = Command::new("ssh-keygen");
    command.args(["-Y", "sign", "-q", "-n", namespace, "-f"]).arg(key);
    let (ok, text) = feed(command, message)?;
    if ok { Ok(text) } else { Err(SshError::Sign { key: key.display().to_string(), reason: text }) }
}

/// Whether `signature` over `message` under `namespace` is by a key that `allowed_signers` (an
/// `ssh-keygen(1)` ALLOWED SIGNERS file) gives to `principal`.
///
/// # Errors
/// [`SshError::Verify`] when it is not.
pub fn verify(
    allowed_signers: &Path,
    principal: &str,
    namespace: &str,
    message: &[u8],
    signature: &str,
) -> Result<(), SshError> {
    let file = tempfile::NamedTempFile::new()?;
    std::fs::write(file.path(), signature)?;
    let mut command = Command::new("ssh-keygen");
    command.args(["-Y", "verify", "-q", "-I", principal, "-n", namespace, "-f"]);
    command.arg(allowed_signers).arg("-s").arg(file.path());
    let (ok, reason) = feed(command, message)?;
    if ok { Ok(()) } else { Err(SshError::Verify { principal: principal.to_owned(), reason }) }
}

/// The public key at `path`, without its comment: `ssh-ed25519 AAAA…`.
///
/// # Errors
/// When the file cannot be read.
pub fn public_key(path: &Path) -> std::io::Result<String> {
    let line = std::fs::read_to_string(path)?;
    Ok(line.split_whitespace().take(2).collect::<Vec<_>>().join(" "))
}

/// Runs `command` on `input`; its stdout when it succeeds, its complaint when it does not.
fn feed(mut command: Command, input: &[u8]) -> Result<(bool, String), SshError> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(SshError::NotInstalled)?;
    let mut stdin = child.stdin.take().expect("stdin is piped");
    // A child that stops reading has its reason on stderr; the broken pipe itself says nothing.
    let _ = stdin.write_all(input);
    drop(stdin);
    let output = child.wait_with_output()?;
    let ok = output.status.success();
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    if !ok {
        text.push_str(&String::from_utf8_lossy(&output.stderr));
        text = text.trim().replace('\n', "; ");
    }
    Ok((ok, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_holds_for_its_message_its_signer_and_its_namespace_alone() {
        let dir = tempfile::tempdir().unwrap();
        let key = dir.path().join("ada");
        generate(&key, "ada@example.com").unwrap();
        let signers = dir.path().join("allowed_signers");
        let public = public_key(&dir.path().join("ada.pub")).unwrap();
        std::fs::write(&signers, format!("ada@example.com {public}\n")).unwrap();

        let signature = sign(&key, "dark-factory.intent", b"seal").unwrap();
        let holds = |who, namespace, message: &[u8]| {
            verify(&signers, who, namespace, message, &signature).is_ok()
        };
        assert!(holds("ada@example.com", "dark-factory.intent", b"seal"));
        assert!(!holds("ada@example.com", "dark-factory.intent", b"seam"));
        assert!(!holds("eve@example.com", "dark-factory.intent", b"seal"));
        assert!(!holds("ada@example.com", "git", b"seal"));
    }

    #[test]
    fn a_missing_key_is_named() {
        let error = sign(Path::new("/nowhere/key"), "git", b"x").unwrap_err();
        assert!(error.to_string().contains("/nowhere/key"), "{error}");
    }
}
