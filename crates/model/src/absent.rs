//! No model at all: for runs whose build was handed in. It never answers, so that a pipeline which asks
//! all the same fails with the reason instead of building something else.

use std::ops::ControlFlow;

use crate::{Model, ModelError, ModelErrorKind, Progress, Reply, Request};

/// The model called `none`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Absent;

impl Absent {
    /// What `--model` and an opening call it.
    pub const NAME: &str = "none";
}

impl Model for Absent {
    fn name(&self) -> &str {
        Self::NAME
    }

    fn family(&self) -> &str {
        Self::NAME
    }

    fn complete(
        &self,
        _request: &Request,
        _progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<Reply, ModelError> {
        Err(ModelError {
            model: Self::NAME.to_owned(),
            kind: ModelErrorKind::Rejected,
            reason: "this run has no model: take stages that ask one out of its pipeline, or name one with --model"
                .to_owned(),
        })
    }
}
