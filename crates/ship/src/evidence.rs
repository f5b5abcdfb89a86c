//! The evidence that ships with a commit: signed statements in an annotated tag on it, so that a
//! plain clone carries everything that a third party needs to verify it offline.

use std::collections::BTreeMap;

use base::{Digest, RequirementId, RunId, Timestamp};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ledger::LedgerKey;
use ledger::attest::{
    AttestError, BuildDefinition, BuildMetadata, Builder, Envelope, Provenance, ResourceDescriptor,
    RunDetails, Statement, TestOutcome, TestResult, VerificationResult, Verifier,
};
use serde_json::{Map, Value, json};

use crate::git::ObjectId;

/// How to read the parameters of our provenance: docs/build-type.md of this version.
pub const BUILD_TYPE: &str =
    "https://github.com/dark-factory/dark-factory/blob/v1/docs/build-type.md";
/// What runs the builds.
const BUILDER: &str = "https://github.com/dark-factory/dark-factory";
/// Where a run's evidence is found in a clone.
const TAG_PREFIX: &str = "dark/";

/// The name of the tag that carries a run's evidence.
pub fn tag_name(run: &RunId) -> String {
    format!("{TAG_PREFIX}{run}")
}

/// What is stated about one shipped commit.
#[derive(Debug, Clone)]
pub struct Facts {
    pub run: RunId,
    pub factory: String,
    pub version: String,
    pub line: String,
    pub intent_id: String,
    /// Of the seal.
    pub intent: Digest,
    pub owner: String,
    /// The seal's text and its owner's signature: the sentence that a person wrote, and that it was
    /// they who wrote it, travel with the software.
    pub seal: String,
    pub signature: String,
    pub requirements: Vec<RequirementId>,
    pub pipeline: Digest,
    pub model: String,
    pub remote: String,
    pub base: Option<ObjectId>,
    pub commit: ObjectId,
    pub tree: ObjectId,
    /// Every file that the build wrote.
    pub files: BTreeMap<String, Digest>,
    pub level: u8,
    /// Who said yes, where the level asked for it.
    pub approved_by: Option<String>,
    pub gates: Vec<String>,
    /// Scenarios by id; what they say stays held out.
    pub scenarios: Vec<String>,
    pub proof: Digest,
    pub case: Digest,
    /// The ledger's signed head, from before the ship.
    pub checkpoint: String,
    pub started: Timestamp,
    pub finished: Timestamp,
}

/// The signed statements about one commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    pub envelopes: Vec<Envelope>,
}

impl Evidence {
    /// States `facts` and signs each statement.
    ///
    /// # Errors
    /// When a statement has no canonical form.
    pub fn of(facts: &Facts, key: &LedgerKey) -> Result<Self, AttestError> {
        let subject = subjects(facts);
        let statements = [
            Statement::new(subject.clone(), &provenance(facts))?,
            Statement::new(subject.clone(), &test_result(facts))?,
            Statement::new(subject, &verification(facts))?,
        ];
        let signed: Result<_, _> =
            statements.iter().map(|statement| Envelope::sign(statement, key)).collect();
        Ok(Self { envelopes: signed? })
    }

    /// One envelope a line: an in-toto bundle.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        for envelope in &self.envelopes {
            text.push_str(&String::from_utf8_lossy(&envelope.to_json()));
            text.push('\n');
        }
        text
    }

    /// The bundle that `text` spells; nothing about it is verified.
    ///
    /// # Errors
    /// When a line is no envelope.
    pub fn parse(text: &str) -> Result<Self, AttestError> {
        let lines = text.lines().filter(|line| line.starts_with('{'));
        let envelopes: Result<_, _> = lines.map(|line| Envelope::parse(line.as_bytes())).collect();
        Ok(Self { envelopes: envelopes? })
    }
}

fn subjects(facts: &Facts) -> Vec<ResourceDescriptor> {
    let commit = ResourceDescriptor::git_commit("commit", facts.commit.as_str());
    let tree = ResourceDescriptor::with_digest("tree", "gitTree", facts.tree.as_str());
    let files = facts.files.iter().map(|(path, digest)| ResourceDescriptor::sha256(path, digest));
    [commit, tree].into_iter().chain(files).collect()
}

fn provenance(facts: &Facts) -> Provenance {
    let external = json!({
        "intent": { "id": facts.intent_id, "digest": facts.intent, "owner": facts.owner },
        "requirements": facts.requirements,
        "line": facts.line,
    });
    let internal = json!({
        "pipeline": facts.pipeline, "model": facts.model, "level": facts.level,
        "approvedBy": facts.approved_by,
    });
    let base = facts.base.as_ref().map(|base| ResourceDescriptor {
        uri: Some(format!("git+{}", facts.remote)),
        ..ResourceDescriptor::git_commit("base", base.as_str())
    });
    let whole = |name: &str, content: &str| ResourceDescriptor {
        content: Some(STANDARD.encode(content)),
        ..ResourceDescriptor::sha256(name, &Digest::of(content))
    };
    Provenance {
        build_definition: BuildDefinition {
            build_type: BUILD_TYPE.to_owned(),
            external_parameters: object(external),
            internal_parameters: object(internal),
            resolved_dependencies: base.into_iter().collect(),
        },
        run_details: RunDetails {
            builder: Builder {
                id: BUILDER.to_owned(),
                version: object(json!({ "dark-factory": facts.version })),
                builder_dependencies: Vec::new(),
            },
            metadata: Some(BuildMetadata {
                invocation_id: Some(facts.run.to_string()),
                started_on: Some(facts.started.to_string()),
                finished_on: Some(facts.finished.to_string()),
            }),
            byproducts: vec![
                whole("ledger-checkpoint", &facts.checkpoint),
                whole("intent.seal", &facts.seal),
                whole("intent.seal.sig", &facts.signature),
                ResourceDescriptor::sha256("case", &facts.case),
                ResourceDescriptor::sha256("proof", &facts.proof),
            ],
        },
    }
}

fn test_result(facts: &Facts) -> TestResult {
    TestResult {
        // Only what passed whole ships, so that there is no other result to state.
        result: TestOutcome::Passed,
        configuration: vec![ResourceDescriptor::sha256("intent.seal", &facts.intent)],
        url: None,
        passed_tests: facts.scenarios.clone(),
        warned_tests: Vec::new(),
        failed_tests: Vec::new(),
    }
}

fn verification(facts: &Facts) -> VerificationResult {
    let gates = facts.gates.iter().map(|gate| format!("DARK_GATE_{}", gate.to_uppercase()));
    let level = format!("DARK_LEVEL_{}", facts.level);
    VerificationResult {
        verifier: Verifier {
            id: BUILDER.to_owned(),
            policies: vec![ResourceDescriptor::sha256("intent.seal", &facts.intent)],
        },
        time_created: facts.finished.to_string(),
        properties: std::iter::once(level).chain(gates).collect(),
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => unreachable!("`{other}` is written as an object above"),
    }
}
