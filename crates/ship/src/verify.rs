//! What anybody can verify about a clone, offline: with the factory's public keys and the list of
//! people who may sign, and without the factory.

use std::path::{Path, PathBuf};

use base::Digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use intent::{SIGNATURE_NAMESPACE, Seal};
use ledger::attest::{Provenance, Statement, TestOutcome, TestResult, VerificationResult};
use ledger::{KeyError, SignedCheckpoint, VerifierKey};
use serde::Serialize;

use crate::evidence::Evidence;
use crate::git::{Git, GitError, ObjectId};
use crate::ssh;

/// Whom the verifier trusts: a directory with public keys only, as a factory publishes it.
#[derive(Debug, Clone)]
pub struct Trust {
    /// `people`: who may sign intents and answers (ALLOWED SIGNERS of `ssh-keygen`).
    pub people: PathBuf,
    /// `shippers`: which keys may sign shipped commits.
    pub shippers: PathBuf,
    /// `evidence.vkey`: the key of attestations and of the ledger's heads (a C2SP verifier key;
    /// `evidence.pem` beside it is the same key for other tools).
    pub evidence: VerifierKey,
}

/// The verification could not even begin.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    #[error("failed to read {file} of the trust directory: {reason}")]
    Trust { file: String, reason: String },
    #[error("{0} is no git repository")]
    NoRepository(String),
    #[error(transparent)]
    Git(#[from] GitError),
}

impl Trust {
    /// Reads a trust directory.
    ///
    /// # Errors
    /// When a file is missing or no key.
    pub fn load(dir: &Path) -> Result<Self, VerifyError> {
        // Git reads the keys from within the clone, where a relative path would mean something else.
        let dir = dir.canonicalize().map_err(|error| wrong(dir, &error.to_string()))?;
        let read = |name: &str| {
            let file = dir.join(name);
            let text = std::fs::read_to_string(&file);
            text.map_err(|error| wrong(&file, &error.to_string()))
        };
        let (people, shippers) = (dir.join("people"), dir.join("shippers"));
        read("people")?;
        read("shippers")?;
        let evidence = read("evidence.vkey")?.trim().parse();
        let evidence = evidence
            .map_err(|error: KeyError| wrong(&dir.join("evidence.vkey"), &error.to_string()))?;
        Ok(Self { people, shippers, evidence })
    }
}

fn wrong(file: &Path, reason: &str) -> VerifyError {
    VerifyError::Trust { file: file.display().to_string(), reason: reason.to_owned() }
}

/// One thing that was verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    pub name: &'static str,
    pub holds: bool,
    /// What was found.
    pub detail: String,
}

/// All that was verified about one commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Shipped {
    pub commit: ObjectId,
    pub checks: Vec<Check>,
}

impl Shipped {
    /// Whether everything holds.
    pub fn holds(&self) -> bool {
        self.checks.iter().all(|check| check.holds)
    }
}

/// Verifies the commit that `revision` names in the clone at `dir`.
///
/// # Errors
/// When there is no such clone or commit; what does not hold is in the result.
pub fn verify_shipped(dir: &Path, revision: &str, trust: &Trust) -> Result<Shipped, VerifyError> {
    let git = Git::new(dir);
    if !dir.is_dir() || !git.try_run(&["rev-parse", "--git-dir"])?.ok {
        return Err(VerifyError::NoRepository(dir.display().to_string()));
    }
    let commit: ObjectId =
        git.line(&["rev-parse", "--verify", &format!("{revision}^{{commit}}")])?.parse()?;
    let mut verifier = Verifier { git, trust, commit: commit.clone(), checks: Vec::new() };
    verifier.verify()?;
    Ok(Shipped { commit, checks: verifier.checks })
}

struct Verifier<'a> {
    git: Git,
    trust: &'a Trust,
    commit: ObjectId,
    checks: Vec<Check>,
}

impl Verifier<'_> {
    fn verify(&mut self) -> Result<(), VerifyError> {
        self.commit_signature()?;
        let message = self.git.line(&["log", "-1", "--format=%B", self.commit.as_str()])?;
        let trailer = |name: &str| {
            let prefix = format!("{name}: ");
            message.lines().find_map(|line| line.strip_prefix(&prefix)).map(str::to_owned)
        };
        let (Some(run), Some(intent)) = (trailer("Dark-Run"), trailer("Dark-Intent")) else {
            self.note("trailers", Err("the commit names no Dark-Run and Dark-Intent".to_owned()));
            return Ok(());
        };
        self.note("trailers", Ok(format!("run {run}, intent {intent}")));
        let Some(statements) = self.statements(&run)? else { return Ok(()) };
        self.subjects(&statements)?;
        self.test_result(&statements);
        self.verification(&statements);
        self.provenance(&statements, &run, &intent);
        Ok(())
    }

    fn note(&mut self, name: &'static str, found: Result<String, String>) {
        let holds = found.is_ok();
        let (Ok(detail) | Err(detail)) = found;
        self.checks.push(Check { name, holds, detail });
    }

    fn commit_signature(&mut self) -> Result<(), VerifyError> {
        let signers = format!("gpg.ssh.allowedSignersFile={}", self.trust.shippers.display());
        let args = ["-c", "gpg.format=ssh", "-c", &signers, "verify-commit", self.commit.as_str()];
        let ran = self.git.try_run(&args)?;
        let first = ran.stderr.trim().lines().next().unwrap_or("no signature").to_owned();
        self.note("commit signature", if ran.ok { Ok(first) } else { Err(first) });
        Ok(())
    }

    /// The statements of the run's tag, if every one of them is signed by the trusted key.
    fn statements(&mut self, run: &str) -> Result<Option<Vec<Statement>>, VerifyError> {
        let tag = format!("refs/tags/dark/{run}");
        let ran = self.git.try_run(&["cat-file", "tag", &tag])?;
        if !ran.ok {
            let reason = format!("there is no tag dark/{run}: fetch with --tags");
            self.note("attestations", Err(reason));
            return Ok(None);
        }
        let parsed = Evidence::parse(&String::from_utf8_lossy(&ran.stdout)).and_then(|evidence| {
            let keys = [self.trust.evidence.key];
            evidence.envelopes.iter().map(|envelope| envelope.verify(&keys)).collect()
        });
        let statements: Option<Vec<Statement>> = match parsed {
            Ok(statements) => Some(statements),
            Err(error) => {
                self.note("attestations", Err(error.to_string()));
                None
            }
        };
        if let Some(statements) = &statements {
            let count = statements.len();
            self.note("attestations", Ok(format!("{count} statements, signed by the factory")));
        }
        Ok(statements)
    }

    fn subjects(&mut self, statements: &[Statement]) -> Result<(), VerifyError> {
        let tree = self.git.line(&["rev-parse", &format!("{}^{{tree}}", self.commit)])?;
        let mut wrong = Vec::new();
        let mut files = 0;
        for statement in statements {
            let has = |algorithm: &str, value: &str| {
                let digest = |subject: &ledger::attest::ResourceDescriptor| {
                    subject.digest.get(algorithm).is_some_and(|found| found == value)
                };
                statement.subject.iter().any(digest)
            };
            if !has("gitCommit", self.commit.as_str()) || !has("gitTree", &tree) {
                wrong.push(format!("{} is about another commit", statement.predicate_type));
            }
            for subject in &statement.subject {
                let (Some(path), Some(digest)) = (&subject.name, subject.digest.get("sha256"))
                else {
                    continue;
                };
                files += 1;
                let object = format!("{}:{path}", self.commit);
                let content = self.git.try_run(&["cat-file", "blob", &object])?;
                if !content.ok || Digest::of(&content.stdout).hex() != *digest {
                    wrong.push(format!("{path} is not what was attested"));
                }
            }
        }
        let found = if wrong.is_empty() && !statements.is_empty() {
            Ok(format!("this commit, its tree, and {files} file digests"))
        } else {
            wrong.sort();
            wrong.dedup();
            Err(if wrong.is_empty() { "no statement".to_owned() } else { wrong.join("; ") })
        };
        self.note("subjects", found);
        Ok(())
    }

    fn test_result(&mut self, statements: &[Statement]) {
        let results: Vec<TestResult> =
            statements.iter().filter_map(|statement| statement.predicate().ok()).collect();
        let found = match &results[..] {
            [result] if result.result == TestOutcome::Passed && result.failed_tests.is_empty() => {
                Ok(format!("{} held-out scenarios passed", result.passed_tests.len()))
            }
            [_] => Err("the scenarios did not pass".to_owned()),
            _ => Err(format!("{} test results where one was expected", results.len())),
        };
        self.note("scenarios", found);
    }

    fn verification(&mut self, statements: &[Statement]) {
        let result: Option<VerificationResult> =
            statements.iter().find_map(|statement| statement.predicate().ok());
        let found = match result {
            Some(result) if !result.properties.is_empty() => Ok(result.properties.join(", ")),
            _ => Err("no verification summary".to_owned()),
        };
        self.note("gates", found);
    }

    fn provenance(&mut self, statements: &[Statement], run: &str, intent: &str) {
        let Some(provenance) =
            statements.iter().find_map(|statement| statement.predicate::<Provenance>().ok())
        else {
            self.note("provenance", Err("no SLSA provenance".to_owned()));
            return;
        };
        let stated = &provenance.build_definition.external_parameters["intent"];
        let text = |key: &str| stated[key].as_str().unwrap_or_default().to_owned();
        let named = format!("{}@{}", text("id"), text("digest"));
        let invocation =
            provenance.run_details.metadata.as_ref().and_then(|m| m.invocation_id.clone());
        let agrees = named == intent && invocation.as_deref() == Some(run);
        let detail = format!("made by run {} from {named}", invocation.unwrap_or_default());
        self.note("provenance", if agrees { Ok(detail) } else { Err(detail) });

        let byproduct = |name: &str| {
            let all = &provenance.run_details.byproducts;
            let found = all.iter().find(|byproduct| byproduct.name.as_deref() == Some(name))?;
            let bytes = STANDARD.decode(found.content.as_ref()?).ok()?;
            String::from_utf8(bytes).ok()
        };
        let signed = self.intent_signature(
            &text("owner"),
            &text("digest"),
            byproduct("intent.seal"),
            byproduct("intent.seal.sig"),
        );
        self.note("intent signature", signed);
        let checkpoint = byproduct("ledger-checkpoint").unwrap_or_default();
        let head = checkpoint.parse::<SignedCheckpoint>().and_then(|checkpoint| {
            checkpoint.verify(std::slice::from_ref(&self.trust.evidence))?;
            let head = checkpoint.checkpoint();
            Ok(format!("{} entries under {}", head.size, head.origin))
        });
        self.note("ledger head", head.map_err(|error| error.to_string()));
    }

    fn intent_signature(
        &self,
        owner: &str,
        digest: &str,
        seal: Option<String>,
        signature: Option<String>,
    ) -> Result<String, String> {
        let (Some(seal), Some(signature)) = (seal, signature) else {
            return Err("the provenance carries no sealed intent".to_owned());
        };
        let parsed = Seal::parse(&seal).map_err(|error| error.to_string())?;
        if parsed.digest().to_string() != digest || Digest::of(&seal).to_string() != digest {
            return Err("the sealed intent is another than the one named".to_owned());
        }
        let people = &self.trust.people;
        ssh::verify(people, owner, SIGNATURE_NAMESPACE, seal.as_bytes(), &signature)
            .map_err(|error| error.to_string())?;
        Ok(format!("signed by {owner}"))
    }
}
