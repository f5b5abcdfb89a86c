//! The check's hand: what the builder may see, played once more by the factory, in a clean export of
//! the very tree that would ship.

use engine::{Outcome, Status};
use serde_json::json;

use super::overlay::try_product;
use super::{HandError, Hands, Job, outcome};
use runner::Observation;

/// The entry of a build's visible checks.
const BUILD_CHECKED: &str = "build.checked";

/// Failed checks that a builder is told of: more than this is noise in a prompt.
const FEEDBACK_MAX: usize = 8;

impl Hands {
    pub(super) fn check(&self, job: &Job<'_>) -> Result<Outcome, HandError> {
        let tree = job.tree()?;
        let dir = self.fresh_dir()?;
        self.repository.export(&tree, dir.path())?;
        let (total, failures) = match self.build(job, dir.path())? {
            Some(complaint) => (1, vec![format!("the build failed: {complaint}")]),
            None => {
                let tried = try_product(self, job, dir.path())?;
                let failed = tried.iter().filter(|tried| !tried.passed);
                let failures = failed.map(|tried| format!("{}: {}", tried.check, tried.detail));
                (tried.len(), failures.collect::<Vec<_>>())
            }
        };
        self.recorder.observe(Observation {
            actor: "hand:check".to_owned(),
            name: BUILD_CHECKED,
            body: json!({ "action": job.id, "tree": tree, "checks": total, "failures": failures }),
            bodies: Vec::new(),
        })?;
        let passed = total - failures.len();
        let status = if failures.is_empty() { Status::Success } else { Status::Fail };
        let mut done = outcome(status, format!("{passed} of {total} visible checks pass"));
        let told: Vec<&String> = failures.iter().take(FEEDBACK_MAX).collect();
        let told = serde_json::to_string(&told).expect("strings have a JSON form");
        done.context.insert("factory.feedback".to_owned(), told);
        Ok(done)
    }
}
