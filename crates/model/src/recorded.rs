//! A model played back: the same request gets the reply that it got when it was recorded.
//!
//! It refuses to know where a recording comes from, and never invents an answer.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use base::Digest;

use crate::{Model, ModelError, ModelErrorKind, Progress, Reply, Request};

/// A model that answers from a recording.
#[derive(Debug, Clone)]
pub struct Recorded {
    name: String,
    family: String,
    replies: BTreeMap<Digest, Reply>,
}

impl Recorded {
    /// Replies by the digest of their request ([`Recorded::key`]). The model's name and family are
    /// `recorded`; [`Recorded::of`] sets those of the model that was recorded.
    pub fn new(replies: BTreeMap<Digest, Reply>) -> Self {
        Self { name: "recorded".to_owned(), family: "recorded".to_owned(), replies }
    }

    /// The same recording under the name and family of the model that gave the replies.
    #[must_use]
    pub fn of(mut self, name: &str, family: &str) -> Self {
        name.clone_into(&mut self.name);
        family.clone_into(&mut self.family);
        self
    }

    /// What a request is looked up by: the digest of its canonical JSON.
    ///
    /// # Errors
    /// When a number of the request is not finite and so has no JSON form.
    pub fn key(request: &Request) -> Result<Digest, base::CanonicalError> {
        Digest::of_value(request)
    }
}

impl Model for Recorded {
    fn name(&self) -> &str {
        &self.name
    }

    fn family(&self) -> &str {
        &self.family
    }

    fn complete(
        &self,
        request: &Request,
        progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<Reply, ModelError> {
        let failed = |kind, reason| ModelError { model: self.name.clone(), kind, reason };
        let key = Self::key(request).map_err(|error| {
            failed(ModelErrorKind::Rejected, format!("the request has {error}"))
        })?;
        let reply = self.replies.get(&key).ok_or_else(|| {
            let reason = format!(
                "the recording has no reply to request {key}; it was made by another version"
            );
            failed(ModelErrorKind::NotScripted, reason)
        })?;
        // What is known already cannot be broken off.
        let _ = progress(Progress {
            tokens_in: reply.spend.tokens_in.0,
            tokens_out: reply.spend.tokens_out.0,
            finished: request.candidates,
        });
        Ok(reply.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Completion, Message, Role, StopReason};

    #[test]
    fn only_the_very_same_request_is_answered() {
        let request = Request {
            messages: vec![Message { role: Role::User, text: "é".to_owned() }],
            candidates: 1,
            temperature: 0.8,
            top_p: 0.95,
            tokens_max: 10,
            seed: 42,
            stop: vec![],
        };
        let completion = Completion { text: "yes".to_owned(), stop: StopReason::Ended };
        let reply = Reply { completions: vec![completion], spend: base::Spend::default() };
        let key = Recorded::key(&request).unwrap();
        let model = Recorded::new(BTreeMap::from([(key, reply.clone())])).of("local", "qwen");
        let ask = |request: &Request| model.complete(request, &mut |_| ControlFlow::Continue(()));
        assert_eq!(ask(&request).unwrap(), reply);
        let other = Request { seed: 43, ..request };
        assert_eq!(ask(&other).unwrap_err().kind, ModelErrorKind::NotScripted);
    }
}
