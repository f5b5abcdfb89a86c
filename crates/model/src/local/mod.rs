//! The local model: Qwen2.5-Coder in this process, on the processor.
//!
//! One prompt is read once, and all candidates grow from it together: each step is one pass over the
//! weights for all that are still growing. It refuses to know where the file came from (`store`), and
//! waits its turn when several threads ask.

mod answer;
mod network;
mod sampling;
mod tokens;
mod vector;

use std::fs::File;
use std::io::BufReader;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use base::{MicroUsd, Spend, Tokens as TokenCount};
use candle_core::quantized::gguf_file::Content;

use crate::{Model, ModelError, ModelErrorKind, Progress, Reply, Request, Role, StopReason};
use answer::Answer;
use network::{Cache, Network};
use sampling::Sampler;
use tokens::Tokens;

/// The most tokens of a prompt and one answer together. The model was trained for 32,768, but keys and
/// values take 57 kB a token, and this much is what a machine of 8 GB has beside the weights.
pub const CONTEXT_TOKENS_MAX: usize = 8192;

/// How long a call may stay silent: the trait promises a progress report a second.
const REPORT_EVERY: Duration = Duration::from_millis(500);

/// The local model; its file is opened at the first call and stays in memory until this is dropped.
pub struct Local {
    path: PathBuf,
    turn: Turn,
    loaded: Mutex<Option<Loaded>>,
}

struct Loaded {
    network: Network,
    tokens: Tokens,
}

impl Local {
    /// The model whose GGUF file is `path`. Nothing is read yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), turn: Turn::default(), loaded: Mutex::new(None) }
    }

    fn load(&self) -> Result<Loaded, ModelError> {
        load(&self.path).map_err(|error| {
            let reason = format!(
                "{}: {}; fetch it again with `dark model pull`",
                self.path.display(),
                said(&error)
            );
            failed(ModelErrorKind::NotInstalled, reason)
        })
    }
}

impl Model for Local {
    fn name(&self) -> &str {
        "local"
    }

    fn family(&self) -> &str {
        "qwen"
    }

    fn complete(
        &self,
        request: &Request,
        progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<Reply, ModelError> {
        crate::checked(request).map_err(|reason| failed(ModelErrorKind::Rejected, reason))?;
        let started = Instant::now();
        let Some(_turn) = self.turn.wait(progress) else { return Ok(cancelled(request)) };
        let mut loaded = lock(&self.loaded);
        let loaded = match &mut *loaded {
            Some(loaded) => loaded,
            empty => empty.insert(self.load()?),
        };
        let mut call = Call::new(loaded, request, progress)?;
        call.run().map_err(|error| {
            failed(ModelErrorKind::Rejected, format!("the network failed: {}", said(&error)))
        })?;
        Ok(call.reply(started.elapsed()))
    }
}

fn load(path: &Path) -> candle_core::Result<Loaded> {
    let content = Content::read(&mut BufReader::new(File::open(path)?))?;
    let tokens = Tokens::load(&content)?;
    let network = Network::load(&content, path, CONTEXT_TOKENS_MAX)?;
    Ok(Loaded { network, tokens })
}

/// One request on its way.
struct Call<'a> {
    loaded: &'a Loaded,
    request: &'a Request,
    progress: &'a mut dyn FnMut(Progress) -> ControlFlow<()>,
    reported: Instant,
    prompt: Vec<u32>,
    prompt_read: usize,
    tokens_out: u64,
    candidates: Vec<Candidate>,
}

struct Candidate {
    sampler: Sampler,
    cache: Cache,
    answer: Answer,
    /// The token that was chosen last and is not yet in `cache`.
    token: u32,
}

impl<'a> Call<'a> {
    fn new(
        loaded: &'a Loaded,
        request: &'a Request,
        progress: &'a mut dyn FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<Self, ModelError> {
        let prompt = chat(request, &loaded.tokens).map_err(|error| {
            failed(
                ModelErrorKind::Rejected,
                format!("the messages cannot be encoded: {}", said(&error)),
            )
        })?;
        let needed = prompt.len() + request.tokens_max as usize;
        if needed > CONTEXT_TOKENS_MAX {
            let reason = format!(
                "the prompt's {} tokens and {} for an answer are more than the {CONTEXT_TOKENS_MAX} that fit; \
                 shorten the prompt or ask for less",
                prompt.len(),
                request.tokens_max,
            );
            return Err(failed(ModelErrorKind::Rejected, reason));
        }
        let candidates = (0..request.candidates)
            .map(|index| Candidate {
                sampler: Sampler::new(request.temperature, request.top_p, request.seed, index),
                cache: loaded.network.cache(),
                answer: Answer::new(),
                token: 0,
            })
            .collect();
        Ok(Self {
            loaded,
            request,
            progress,
            reported: Instant::now(),
            prompt,
            prompt_read: 0,
            tokens_out: 0,
            candidates,
        })
    }

    /// Until every candidate has ended or the callback breaks off.
    fn run(&mut self) -> candle_core::Result<()> {
        let network = &self.loaded.network;
        let mut prompt = network.cache();
        let mut logits = Vec::new();
        while self.prompt_read < self.prompt.len() {
            if self.report_now().is_break() {
                return Ok(());
            }
            let (taken, row) = network.read(&self.prompt[self.prompt_read..], &mut prompt)?;
            self.prompt_read += taken;
            logits = row;
        }
        for index in 0..self.candidates.len() {
            self.choose(index, &logits);
        }
        if self.report_now().is_break() {
            return Ok(());
        }
        // Bounded by `tokens_max`: each pass adds a token to every candidate that is live.
        loop {
            let live: Vec<usize> = (0..self.candidates.len())
                .filter(|index| self.candidates[*index].answer.live())
                .collect();
            if live.is_empty() {
                // All is done: nothing is left to break off.
                let _ = self.report_now();
                return Ok(());
            }
            if self.report().is_break() {
                return Ok(());
            }
            let tokens: Vec<u32> = live.iter().map(|index| self.candidates[*index].token).collect();
            let branches: Vec<&mut Cache> = self
                .candidates
                .iter_mut()
                .filter(|candidate| candidate.answer.live())
                .map(|candidate| &mut candidate.cache)
                .collect();
            let logits = network.step(&tokens, &prompt, branches)?;
            for (index, row) in live.into_iter().zip(logits.chunks_exact(network.vocabulary())) {
                self.choose(index, row);
            }
        }
    }

    fn choose(&mut self, index: usize, logits: &[f32]) {
        let Self { loaded, request, candidates, .. } = self;
        let candidate = &mut candidates[index];
        let token = candidate.sampler.choose(logits);
        candidate.token = token;
        self.tokens_out += 1;
        if token == loaded.tokens.end || token == loaded.tokens.text_end {
            candidate.answer.end();
        } else {
            let bytes = loaded.tokens.bytes(token);
            candidate.answer.push(bytes, &request.stop, request.tokens_max);
        }
        if !candidate.answer.live() {
            // What it kept for later tokens is not needed any more.
            candidate.cache = loaded.network.cache();
        }
    }

    /// Reports, if the last report is a while ago.
    fn report(&mut self) -> ControlFlow<()> {
        if self.reported.elapsed() < REPORT_EVERY {
            return ControlFlow::Continue(());
        }
        self.report_now()
    }

    fn report_now(&mut self) -> ControlFlow<()> {
        self.reported = Instant::now();
        let ended = |candidate: &&Candidate| !candidate.answer.live();
        (self.progress)(Progress {
            tokens_in: self.prompt_read as u64,
            tokens_out: self.tokens_out,
            finished: self.candidates.iter().filter(ended).count() as u32,
        })
    }

    fn reply(self, wall: Duration) -> Reply {
        Reply {
            completions: self.candidates.into_iter().map(|it| it.answer.finish()).collect(),
            spend: Spend {
                tokens_in: TokenCount(self.prompt_read as u64),
                tokens_out: TokenCount(self.tokens_out),
                cost: MicroUsd(0),
                wall_ms: u64::try_from(wall.as_millis()).unwrap_or(u64::MAX),
            },
        }
    }
}

/// The messages in Qwen's ChatML form, ready for the assistant's answer.
fn chat(request: &Request, tokens: &Tokens) -> candle_core::Result<Vec<u32>> {
    let mut out = Vec::new();
    for message in &request.messages {
        let role = match message.role {
            Role::System => "system",
            Role::User => "user",
            Role::Assistant => "assistant",
        };
        out.push(tokens.start);
        tokens.encode(&format!("{role}\n{}", message.text), &mut out)?;
        out.push(tokens.end);
        tokens.encode("\n", &mut out)?;
    }
    out.push(tokens.start);
    tokens.encode("assistant\n", &mut out)?;
    Ok(out)
}

/// Lets one call run and the others wait, each still reporting and able to break off.
#[derive(Default)]
struct Turn {
    taken: Mutex<bool>,
    free: Condvar,
}

impl Turn {
    /// `None` when the callback broke off the wait.
    fn wait(&self, progress: &mut dyn FnMut(Progress) -> ControlFlow<()>) -> Option<TurnGuard<'_>> {
        let mut taken = lock(&self.taken);
        while *taken {
            let waited = self.free.wait_timeout(taken, REPORT_EVERY);
            taken = waited.unwrap_or_else(PoisonError::into_inner).0;
            if *taken && progress(Progress { tokens_in: 0, tokens_out: 0, finished: 0 }).is_break()
            {
                return None;
            }
        }
        *taken = true;
        Some(TurnGuard(self))
    }
}

struct TurnGuard<'a>(&'a Turn);

impl Drop for TurnGuard<'_> {
    fn drop(&mut self) {
        *lock(&self.0.taken) = false;
        self.0.free.notify_one();
    }
}

/// A panic of another caller leaves nothing half-changed behind these locks.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn cancelled(request: &Request) -> Reply {
    let completion = crate::Completion { text: String::new(), stop: StopReason::Cancelled };
    Reply { completions: vec![completion; request.candidates as usize], spend: Spend::default() }
}

/// The error without the trace that candle appends to its text when traces are asked for.
fn said(error: &candle_core::Error) -> String {
    error.to_string().lines().next().unwrap_or_default().to_owned()
}

fn failed(kind: ModelErrorKind, reason: String) -> ModelError {
    ModelError { model: "local".to_owned(), kind, reason }
}

#[cfg(test)]
mod tests;
