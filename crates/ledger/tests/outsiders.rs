//! Programs that others wrote accept what we sign, and reject it with one digit changed.
//!
//! `openssl` is asked when it is there. The Python packages come from PyPI, once, into the target
//! directory; without `DARK_TESTS_PYPI=1` that part says that it did not run.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use base::Digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use common::key;
use ledger::attest::{
    BuildDefinition, BuildMetadata, Builder, Envelope, PAYLOAD_TYPE, Provenance,
    ResourceDescriptor, RunDetails, Statement, TestOutcome, TestResult, VerificationResult,
    Verifier,
};
use ledger::{LedgerKey, public_pem};
use serde_json::{Map, json};

/// What is installed, to the version: a test must not change when somebody else publishes.
const PACKAGES: [&str; 2] = ["securesystemslib[crypto]==1.6.0", "in-toto-attestation==0.9.3"];

#[test]
fn openssl_reads_our_keys_and_verifies_our_signatures() {
    if Command::new("openssl").arg("version").output().is_err() {
        eprintln!("NOT RUN: there is no `openssl` program on this machine");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let (private, public) = (dir.path().join("key.pem"), dir.path().join("public.pem"));
    key().save(&private).unwrap();
    fs::write(&public, key().public_pem()).unwrap();
    let derived = run(Command::new("openssl").args(["pkey", "-pubout", "-in"]).arg(&private));
    assert_eq!(String::from_utf8(derived.stdout).unwrap(), key().public_pem());

    // What DSSE signs, as its specification says, made without our own code.
    let envelope = Envelope::sign(&provenance(), &key()).unwrap();
    let payload = STANDARD.decode(&envelope.payload).unwrap();
    let mut signed =
        format!("DSSEv1 {} {PAYLOAD_TYPE} {} ", PAYLOAD_TYPE.len(), payload.len()).into_bytes();
    signed.extend_from_slice(&payload);
    let signature = STANDARD.decode(&envelope.signatures[0].sig).unwrap();
    let accepts = |message: &[u8]| {
        let (file, sig) = (dir.path().join("message"), dir.path().join("signature"));
        fs::write(&file, message).unwrap();
        fs::write(&sig, &signature).unwrap();
        let mut openssl = Command::new("openssl");
        openssl.args(["pkeyutl", "-verify", "-rawin", "-pubin", "-inkey"]).arg(&public);
        openssl.arg("-in").arg(file).arg("-sigfile").arg(sig);
        openssl.output().unwrap().status.success()
    };
    assert!(accepts(&signed));
    assert!(!accepts(&one_digit_changed(&signed)));

    // A key that openssl made is one of ours.
    let made = dir.path().join("made.pem");
    run(Command::new("openssl").args(["genpkey", "-algorithm", "ed25519", "-out"]).arg(&made));
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    fs::set_permissions(&made, mode).unwrap();
    let derived = run(Command::new("openssl").args(["pkey", "-pubout", "-in"]).arg(&made));
    let loaded = LedgerKey::load(&made, "example.com/factory").unwrap();
    assert_eq!(public_pem(&loaded.public()), String::from_utf8(derived.stdout).unwrap());
}

#[test]
fn securesystemslib_and_in_toto_accept_our_envelopes() {
    if std::env::var("DARK_TESTS_PYPI").as_deref() != Ok("1") {
        eprintln!("NOT RUN: set DARK_TESTS_PYPI=1 to install {PACKAGES:?} and ask them");
        return;
    }
    let python = python();
    let dir = tempfile::tempdir().unwrap();
    let public = dir.path().join("public.pem");
    fs::write(&public, key().public_pem()).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/outsiders.py");
    let ask = |envelope: &[u8]| {
        let file = dir.path().join("envelope.json");
        fs::write(&file, envelope).unwrap();
        Command::new(&python).arg(&script).arg(&public).arg(file).output().unwrap()
    };
    for statement in [provenance(), test_result(), verification_result()] {
        let honest = Envelope::sign(&statement, &key()).unwrap();
        let output = ask(&honest.to_json());
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.trim() == "accepted", "{output:?}");

        let payload = one_digit_changed(&STANDARD.decode(&honest.payload).unwrap());
        let altered = Envelope { payload: STANDARD.encode(payload), ..honest };
        let said = String::from_utf8(ask(&altered.to_json()).stdout).unwrap();
        assert_eq!(said.trim(), "rejected: the signature");
    }
}

/// The last digit of a text, one higher.
fn one_digit_changed(text: &[u8]) -> Vec<u8> {
    let mut text = text.to_vec();
    let at = text.iter().rposition(u8::is_ascii_digit).unwrap();
    text[at] = b'0' + (text[at] - b'0' + 1) % 10;
    text
}

fn subject() -> Vec<ResourceDescriptor> {
    vec![ResourceDescriptor::git_commit("product", &"a1".repeat(20))]
}

fn provenance() -> Statement {
    let intent = ResourceDescriptor::sha256("intent.md", &Digest::of("an intent"));
    let provenance = Provenance {
        build_definition: BuildDefinition {
            build_type: "https://example.com/factory/build/v1".to_owned(),
            external_parameters: Map::from_iter([("intent".to_owned(), json!(intent))]),
            internal_parameters: Map::from_iter([("seed".to_owned(), json!("42"))]),
            resolved_dependencies: vec![intent],
        },
        run_details: RunDetails {
            builder: Builder {
                id: "https://example.com/factory".to_owned(),
                version: Map::from_iter([("dark".to_owned(), json!("0.1.0"))]),
                builder_dependencies: Vec::new(),
            },
            metadata: Some(BuildMetadata {
                invocation_id: Some("slug-1".to_owned()),
                started_on: Some(base::Timestamp(1_700_000_000_250).to_string()),
                finished_on: Some(base::Timestamp(1_700_000_060_250).to_string()),
            }),
            byproducts: vec![ResourceDescriptor::sha256("checkpoint", &Digest::of("a note"))],
        },
    };
    Statement::new(subject(), &provenance).unwrap()
}

fn test_result() -> Statement {
    let result = TestResult {
        result: TestOutcome::Passed,
        configuration: vec![ResourceDescriptor::sha256("scenarios", &Digest::of("scenarios"))],
        url: None,
        passed_tests: vec!["bad-input:12".to_owned()],
        warned_tests: Vec::new(),
        failed_tests: Vec::new(),
    };
    Statement::new(subject(), &result).unwrap()
}

fn verification_result() -> Statement {
    let result = VerificationResult {
        verifier: Verifier { id: "https://example.com/factory".to_owned(), policies: Vec::new() },
        time_created: base::Timestamp(1_700_000_060_250).to_string(),
        properties: vec!["DARK_LEVEL_5".to_owned()],
    };
    Statement::new(subject(), &result).unwrap()
}

/// The interpreter of a virtual environment that has the packages; made once per set of versions.
fn python() -> PathBuf {
    let name = format!("outsiders-{}", Digest::of(PACKAGES.join(" ")).short());
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let python = dir.join("bin/python");
    // Written last: an installation that was interrupted is made again.
    let done = dir.join("complete");
    if !done.exists() {
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&dir));
        let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
        run(Command::new(&python).args(install).args(PACKAGES));
        fs::write(done, "").unwrap();
    }
    python
}

#[track_caller]
fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {output:?}");
    output
}
