//! 11.13 with the local model: by hand, for it takes minutes and needs the model's file.
//!
//! `DARK_MODELS=DIRECTORY cargo test -p conformance --test live`, with the directory that `dark model
//! pull` filled.

#[path = "done/smoke_run.rs"]
mod smoke_run;

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;

use model::{Model, ModelError, Progress, Reply, Request};

/// Tokens of an answer: what a small model says beyond this only takes time.
const TOKENS_MAX: u32 = 160;

/// A model that is brief.
struct Brief(Box<dyn Model>);

impl Model for Brief {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn family(&self) -> &str {
        self.0.family()
    }

    fn complete(
        &self,
        request: &Request,
        progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<Reply, ModelError> {
        let request = Request { tokens_max: TOKENS_MAX, ..request.clone() };
        let reply = self.0.complete(&request, progress)?;
        for completion in &reply.completions {
            println!("--- {:?}\n{}", request.messages.last().map(|one| &one.text), completion.text);
        }
        Ok(reply)
    }
}

/// Definition of Done 11.13: Execute with LLM callback.
#[test]
fn the_smoke_test_with_the_local_model() {
    let models = std::env::var_os("DARK_MODELS").map(PathBuf::from);
    let models = models.expect("DARK_MODELS names the directory with the local model");
    let options = model::Options { models, ..model::Options::default() };
    let local = model::open("local", &options).expect("the local model is there");
    smoke_run::check(Arc::new(Brief(local)));
}
