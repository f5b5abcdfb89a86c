//! Models behind an API: OpenAI, Anthropic, Gemini, and whatever speaks OpenAI's language.
//!
//! `genai` knows the wire formats; it breaks often, so nothing of it shows outside this file. Calls are
//! made once: whoever asks decides whether to ask again, by the kind of the error.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use base::{MicroUsd, Spend, Tokens};
use genai::adapter::AdapterKind;
use genai::chat::{ChatMessage, ChatOptions, ChatRequest, ChatResponse};
use genai::resolver::{AuthData, Endpoint as GenaiEndpoint, ServiceTargetResolver};
use genai::{Client, ModelIden, ServiceTarget};
use tokio::task::JoinSet;

use crate::{
    Completion, Model, ModelError, ModelErrorKind, Price, Progress, Reply, Request, Role,
    StopReason,
};

/// Calls that are under way at once for one request: rate limits count them, and four hide the latency.
const CALLS_MAX: usize = 4;
const CONNECT_WAIT: Duration = Duration::from_secs(10);
/// The longest answers of slow models take minutes; past this the connection is dead.
const CALL_WAIT: Duration = Duration::from_secs(600);
const REPORT_EVERY: Duration = Duration::from_millis(500);
/// A provider's error text is worth reading to about here.
const REASON_CHARS_MAX: usize = 400;

/// Which API is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Api {
    OpenAi,
    Anthropic,
    Gemini,
}

/// How to reach a hosted model.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    /// As `--model` takes it.
    pub name: String,
    pub family: String,
    pub api: Api,
    /// What the provider calls it.
    pub model: String,
    /// Ends with a slash.
    pub base_url: Option<String>,
    pub key: Key,
    pub price: Option<Price>,
}

/// What a provider knows the caller by. It has no text form, so that no message can show it.
#[derive(Clone)]
pub(crate) enum Key {
    Given(String),
    /// The environment variable of this name is not set.
    Missing(String),
    /// None is needed.
    None,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key")
    }
}

/// A hosted model.
pub(crate) struct Hosted {
    target: Target,
    client: Client,
}

impl Hosted {
    /// Prepares calls; nothing is sent yet.
    pub(crate) fn new(target: Target) -> Result<Self, ModelError> {
        let rejected = |reason| ModelError {
            model: target.name.clone(),
            kind: ModelErrorKind::Rejected,
            reason,
        };
        let web = crate::net::client(CONNECT_WAIT).map_err(rejected)?;
        let resolver = ServiceTargetResolver::from_resolver_fn({
            let target = target.clone();
            move |default: ServiceTarget| {
                let endpoint = match &target.base_url {
                    Some(url) => GenaiEndpoint::from_owned(url.clone()),
                    None => default.endpoint,
                };
                let key = match &target.key {
                    Key::Given(key) => key.clone(),
                    Key::Missing(_) | Key::None => String::new(),
                };
                let model = ModelIden::new(target.api.adapter(), target.model.clone());
                Ok(ServiceTarget { endpoint, auth: AuthData::from_single(key), model })
            }
        });
        let client = Client::builder()
            .with_reqwest(web)
            .with_adapter_kind(target.api.adapter())
            .with_service_target_resolver(resolver)
            .build()
            .map_err(|error| rejected(error.to_string()))?;
        Ok(Self { target, client })
    }

    fn failed(&self, kind: ModelErrorKind, reason: impl Into<String>) -> ModelError {
        ModelError { model: self.target.name.clone(), kind, reason: reason.into() }
    }

    async fn call_all(
        &self,
        request: &Request,
        progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<(Vec<Completion>, Progress), ModelError> {
        let chat = chat(request);
        let options = options(self.target.api, &self.target.model, request);
        let count = request.candidates as usize;
        let cancelled = Completion { text: String::new(), stop: StopReason::Cancelled };
        let mut completions = vec![cancelled; count];
        let mut done = Progress { tokens_in: 0, tokens_out: 0, finished: 0 };
        let mut calls = JoinSet::new();
        let mut next = 0;
        // Each turn starts calls, takes an answer, or waits for the next report.
        loop {
            while next < count && calls.len() < CALLS_MAX {
                let (client, chat, options) = (self.client.clone(), chat.clone(), options.clone());
                let (index, model) = (next, self.target.model.clone());
                calls.spawn(async move {
                    let call = client.exec_chat(model.as_str(), chat, Some(&options));
                    (index, tokio::time::timeout(CALL_WAIT, call).await)
                });
                next += 1;
            }
            let ended = tokio::select! {
                ended = calls.join_next() => ended,
                () = tokio::time::sleep(REPORT_EVERY) => {
                    if progress(done).is_break() {
                        return Ok((completions, done));
                    }
                    continue;
                }
            };
            let Some(ended) = ended else { return Ok((completions, done)) };
            let (index, answered) =
                ended.map_err(|error| self.failed(ModelErrorKind::Transient, error.to_string()))?;
            let response = answered
                .map_err(|_| self.failed(ModelErrorKind::Transient, "no answer in ten minutes"))?
                .map_err(|error| self.classified(&error))?;
            let used = |tokens: Option<i32>| u64::try_from(tokens.unwrap_or(0)).unwrap_or(0);
            done.tokens_in += used(response.usage.prompt_tokens);
            done.tokens_out += used(response.usage.completion_tokens);
            done.finished += 1;
            completions[index] = self.completion(&response)?;
            if progress(done).is_break() {
                return Ok((completions, done));
            }
        }
    }

    fn completion(&self, response: &ChatResponse) -> Result<Completion, ModelError> {
        use genai::chat::StopReason as Their;
        let stop = match &response.stop_reason {
            Some(Their::MaxTokens(_)) => StopReason::TokensMax,
            Some(Their::ContentFilter(reason)) => {
                let reason = format!("the provider withheld the answer ({reason})");
                return Err(self.failed(ModelErrorKind::Rejected, reason));
            }
            _ => StopReason::Ended,
        };
        let text = response.content.texts().concat();
        Ok(Completion { text, stop })
    }

    fn classified(&self, error: &genai::Error) -> ModelError {
        let status = error.status().map(|status| status.as_u16());
        let kind = match status {
            Some(401 | 403) => ModelErrorKind::Unauthorised,
            Some(408 | 409 | 425 | 429 | 500..=599) => ModelErrorKind::Transient,
            Some(_) => ModelErrorKind::Rejected,
            None if sent(error) => ModelErrorKind::Transient,
            None => ModelErrorKind::Rejected,
        };
        let said = said(error);
        let next = match kind {
            ModelErrorKind::Unauthorised => "; check the key",
            _ => "",
        };
        let reason = match status {
            Some(status) => format!("the provider answered {status}: {said}{next}"),
            None => said,
        };
        self.failed(kind, reason)
    }
}

impl Model for Hosted {
    fn name(&self) -> &str {
        &self.target.name
    }

    fn family(&self) -> &str {
        &self.target.family
    }

    fn price(&self) -> Option<Price> {
        self.target.price
    }

    fn complete(
        &self,
        request: &Request,
        progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<Reply, ModelError> {
        crate::checked(request).map_err(|reason| self.failed(ModelErrorKind::Rejected, reason))?;
        if let Key::Missing(variable) = &self.target.key {
            let reason = format!("no key: set the environment variable {variable}");
            return Err(self.failed(ModelErrorKind::Unauthorised, reason));
        }
        let started = Instant::now();
        let runtime = crate::net::runtime()
            .map_err(|reason| self.failed(ModelErrorKind::Transient, reason))?;
        let (completions, used) = runtime.block_on(self.call_all(request, progress))?;
        let (tokens_in, tokens_out) = (Tokens(used.tokens_in), Tokens(used.tokens_out));
        let cost = self.target.price.map_or(MicroUsd(0), |price| price.of(tokens_in, tokens_out));
        let wall_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        Ok(Reply { completions, spend: Spend { tokens_in, tokens_out, cost, wall_ms } })
    }
}

impl Api {
    fn adapter(self) -> AdapterKind {
        match self {
            Self::OpenAi => AdapterKind::OpenAI,
            Self::Anthropic => AdapterKind::Anthropic,
            Self::Gemini => AdapterKind::Gemini,
        }
    }
}

fn chat(request: &Request) -> ChatRequest {
    let messages = request.messages.iter().map(|message| match message.role {
        Role::System => ChatMessage::system(message.text.clone()),
        Role::User => ChatMessage::user(message.text.clone()),
        Role::Assistant => ChatMessage::assistant(message.text.clone()),
    });
    ChatRequest::from_messages(messages.collect())
}

fn options(api: Api, model: &str, request: &Request) -> ChatOptions {
    let mut options = ChatOptions::default().with_max_tokens(request.tokens_max);
    if !request.stop.is_empty() {
        options = options.with_stop_sequences(request.stop.clone());
    }
    if api == Api::OpenAi && reasons(model) {
        return options;
    }
    options = options.with_temperature(request.temperature);
    // Anthropic refuses a request that sets both.
    if request.top_p < 1.0 && api != Api::Anthropic {
        options = options.with_top_p(request.top_p);
    }
    options
}

/// OpenAI's reasoning models (`o3`, `gpt-5…`) refuse any temperature.
fn reasons(model: &str) -> bool {
    model.starts_with("gpt-5")
        || model
            .strip_prefix('o')
            .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

/// Whether the request went out, or would have if the network had been there.
fn sent(error: &genai::Error) -> bool {
    use genai::Error as E;
    let web =
        matches!(error, E::WebModelCall { .. } | E::WebAdapterCall { .. } | E::WebStream { .. });
    let answered = matches!(
        error,
        E::NoChatResponse { .. }
            | E::ChatResponse { .. }
            | E::ChatResponseGeneration { .. }
            | E::InvalidJsonResponseElement { .. }
    );
    web || answered
}

/// What went wrong, in one line that is short enough to read. `genai`'s own text of a bad response repeats
/// the whole request.
fn said(error: &genai::Error) -> String {
    use genai::Error as E;
    use genai::webc::Error as Web;
    let text = match error {
        E::WebModelCall { webc_error, .. } | E::WebAdapterCall { webc_error, .. } => {
            match webc_error {
                Web::Reqwest(error) => crate::net::reason(error),
                Web::ResponseFailedStatus { body, .. } => body.clone(),
                other => other.to_string(),
            }
        }
        E::ChatResponseGeneration { cause, .. } => cause.clone(),
        other => other.to_string(),
    };
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().take(REASON_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests;
