//! What a person sees of a run: a live line on a terminal, plain lines elsewhere, and the ledger's
//! own entries with `--json`.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use base::{ActionId, Branch, MicroUsd, Spend, StageId};
use engine::{Ending, Event, Status};
use factory::{Notice, Watcher};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use ledger::Entry;
use pipeline::Stage;

/// How often the live line is drawn again while nothing happens: often enough to look alive.
const TICK: Duration = Duration::from_millis(200);

/// How often plain lines tell of tokens: a log of a long call stays readable.
pub(crate) const PLAIN_EVERY: Duration = Duration::from_secs(10);

/// Stages whose work the live line tells at once; of more it tells the number.
const LIVE_STAGES_MAX: usize = 3;

/// Shows a run.
pub(crate) struct Terminal {
    json: bool,
    live: Option<ProgressBar>,
    /// What goes on, by attempt.
    now: Mutex<BTreeMap<String, Now>>,
    /// Questions that a person is typing answers to: the live line must not write over them.
    asking: AtomicUsize,
}

/// One attempt that goes on.
struct Now {
    /// The stage, with its branch, visit and attempt where they are not the first.
    stage: String,
    since: Instant,
    tokens: String,
    /// When the current model call began to be seen, and the tokens it had then.
    call: Option<(Instant, u64)>,
    told: Instant,
}

impl Now {
    fn new(stage: String) -> Self {
        let now = Instant::now();
        Self { stage, since: now, tokens: String::new(), call: None, told: now }
    }

    /// The live part of this attempt.
    fn message(&self) -> String {
        let elapsed = seconds(self.since.elapsed());
        format!("{:<12} {elapsed:>6}  {}", self.stage, self.tokens)
    }
}

/// What an attempt is called: `stage`, and `fan[2]/stage (3) try 2` for the third branch, the third
/// visit and the second try.
fn name(branch: &Branch, stage: &StageId, visit: u32, attempt: u32) -> String {
    let mut name = String::new();
    for fork in branch.forks() {
        name.push_str(&format!("{}[{}]/", fork.stage, fork.index));
    }
    name.push_str(stage.as_str());
    if visit > 1 {
        name.push_str(&format!(" ({visit})"));
    }
    if attempt > 1 {
        name.push_str(&format!(" try {attempt}"));
    }
    name
}

fn key(branch: &Branch, stage: &StageId, visit: u32, attempt: u32) -> String {
    format!("{branch}/{stage}/{visit}/{attempt}")
}

impl Terminal {
    /// For standard output as it is.
    pub(crate) fn new(json: bool) -> Self {
        let live = (!json && std::io::stderr().is_terminal()).then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            let style = ProgressStyle::with_template("  {spinner} {msg}");
            bar.set_style(style.expect("the template is fixed"));
            bar.enable_steady_tick(TICK);
            bar
        });
        Self { json, live, now: Mutex::new(BTreeMap::new()), asking: AtomicUsize::new(0) }
    }

    /// Takes the live line away: what is printed next stands for itself.
    pub(crate) fn finish(&self) {
        if let Some(bar) = &self.live {
            bar.finish_and_clear();
        }
    }

    fn line(&self, text: &str) {
        let text = base::printable(text);
        match &self.live {
            Some(bar) => bar.suspend(|| println!("{text}")),
            None => println!("{text}"),
        }
        let _ = std::io::stdout().flush();
    }

    /// Keeps the live line away while a person is asked.
    pub(crate) fn ask<T>(&self, ask: impl FnOnce() -> T) -> T {
        self.asking.fetch_add(1, Ordering::SeqCst);
        if let Some(bar) = &self.live {
            bar.set_draw_target(ProgressDrawTarget::hidden());
            // What was drawn last stays on the line otherwise.
            eprint!("\r\x1b[2K");
        }
        let answer = ask();
        if self.asking.fetch_sub(1, Ordering::SeqCst) == 1
            && let Some(bar) = &self.live
        {
            bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        answer
    }

    fn redraw(&self, now: &BTreeMap<String, Now>) {
        if let Some(bar) = &self.live {
            let shown: Vec<String> = now.values().take(LIVE_STAGES_MAX).map(Now::message).collect();
            let more = now.len().saturating_sub(LIVE_STAGES_MAX);
            let more = if more > 0 { format!("  and {more} more") } else { String::new() };
            bar.set_message(format!("{}{more}", shown.join(" | ")));
        }
    }

    fn event(&self, event: &Event) {
        let mut now = self.now.lock().expect("no watcher panics");
        match event {
            Event::StageFinished { branch, stage, visit, attempt, outcome, refused, .. } => {
                let gone = now.remove(&key(branch, stage, *visit, *attempt));
                // Stages that the engine passes through by itself have nothing to say.
                if !outcome.note.is_empty() {
                    let mark = match outcome.status {
                        Status::Success => "ok",
                        Status::PartialSuccess => "partly",
                        Status::Retry => "again",
                        Status::Fail => "found wanting",
                        Status::Skipped => "skipped",
                    };
                    let cost = spent(&outcome.spend);
                    let elapsed = seconds(Duration::from_millis(outcome.spend.wall_ms));
                    let named = || name(branch, stage, *visit, *attempt);
                    let stage = gone.map_or_else(named, |gone| gone.stage);
                    let note = first_line(&outcome.note);
                    self.line(&format!("  {stage:<12} {elapsed:>6}  {mark}: {note}{cost}"));
                }
                if !refused.is_empty() {
                    let keys = refused.join(", ");
                    self.line(&format!("  {stage:<12} {:>6}  may not write {keys}", ""));
                }
            }
            Event::QuestionAsked { question, .. } => {
                self.line(&format!("  {:<12} {:>6}  {}", "waiting", "", question.text));
            }
            Event::BranchesOpened { to, .. } if to.len() > 1 => {
                let to: Vec<&str> = to.iter().map(StageId::as_str).collect();
                self.line(&format!("  {:<12} {:>6}  {}", "side by side", "", to.join(", ")));
            }
            Event::RunEnded { ending, .. } => {
                now.clear();
                if let Ending::Held { reason } = ending {
                    self.line(&format!("  {:<12} {:>6}  {reason}", "held", ""));
                }
            }
            _ => {}
        }
        self.redraw(&now);
    }
}

impl Watcher for Terminal {
    fn entry(&self, entry: &Entry) {
        if self.json {
            self.line(&serde_json::to_string(entry).expect("an entry has a JSON form"));
            return;
        }
        let stored = &entry.record.event;
        if let (factory::RUN_OPENED, Some(run)) = (stored.name.as_str(), &entry.record.run) {
            let text = |key: &str| stored.body[key].as_str().unwrap_or_default();
            self.line(&format!("run {run} of {} with {}", text("intent_id"), text("model")));
        }
        if let Ok(event) = Event::from_body(&stored.name, stored.version, &stored.body) {
            self.event(&event);
        }
    }

    fn notice(&self, notice: &Notice<'_>) {
        if self.json {
            return;
        }
        let mut all = self.now.lock().expect("no watcher panics");
        let (Notice::Began { action, .. }
        | Notice::Tokens { action, .. }
        | Notice::Line { action, .. }
        | Notice::Step { action, .. }) = notice;
        let ActionId { branch, stage, visit, attempt, .. } = action;
        let now = all
            .entry(key(branch, stage, *visit, *attempt))
            .or_insert_with(|| Now::new(name(branch, stage, *visit, *attempt)));
        match notice {
            Notice::Began { action, visits_max } => {
                if action.visit > 1 && *visits_max != Stage::VISITS_UNLIMITED {
                    now.stage = format!("{} {} of {visits_max}", action.stage, action.visit);
                }
            }
            Notice::Tokens { progress, .. } => {
                let out = progress.tokens_out;
                // A call's speed is that of its answers: the clock starts with their first token.
                let call = now.call.filter(|(_, before)| out > 0 && *before <= out);
                now.tokens = match call {
                    Some((began, before)) => {
                        let rate = (out - before) as f64 / began.elapsed().as_secs_f64().max(0.001);
                        format!("{out} tokens at {rate:.0}/s, {} answers done", progress.finished)
                    }
                    None => format!("reading {} tokens", progress.tokens_in),
                };
                now.call = call.or_else(|| (out > 0).then(|| (Instant::now(), out)));
                if self.live.is_none() && now.told.elapsed() >= PLAIN_EVERY {
                    now.told = Instant::now();
                    self.line(&format!("  {}", now.message()));
                }
            }
            Notice::Line { text, .. } => {
                let elapsed = seconds(now.since.elapsed());
                self.line(&format!("  {:<12} {elapsed:>6}  {text}", now.stage));
            }
            Notice::Step { what, done, total, .. } => {
                now.tokens = format!("{what} {done} of {total}")
            }
        }
        self.redraw(&all);
    }
}

/// What fits beside a stage's name; the rest is on the ledger.
fn first_line(note: &str) -> String {
    const SHOWN_CHARS_MAX: usize = 120;
    let line = note.lines().next().unwrap_or_default();
    let cut: String = line.chars().take(SHOWN_CHARS_MAX).collect();
    if cut.len() < note.trim_end().len() { format!("{cut} …") } else { cut }
}

/// A duration for a person: `0.4s`, `12s`, `3m05s`.
pub(crate) fn seconds(duration: Duration) -> String {
    let all = duration.as_secs();
    match all {
        0..10 => format!("{:.1}s", duration.as_secs_f64()),
        10..60 => format!("{all}s"),
        _ => format!("{}m{:02}s", all / 60, all % 60),
    }
}

/// What something cost, if it cost anything but time.
pub(crate) fn spent(spend: &Spend) -> String {
    let (read, written) = (spend.tokens_in.0, spend.tokens_out.0);
    if read + written == 0 {
        return String::new();
    }
    let cost = if spend.cost == MicroUsd(0) { String::new() } else { format!(", {}", spend.cost) };
    format!(" ({read} tokens in, {written} out{cost})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_short() {
        let shown = |ms| seconds(Duration::from_millis(ms));
        assert_eq!([shown(400), shown(12_900), shown(185_000)], ["0.4s", "12s", "3m05s"]);
    }
}
