//! What a person sees of a run: a live line on a terminal, plain lines elsewhere, and the ledger's
//! own entries with `--json`.

use std::io::{IsTerminal, Write};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use base::{MicroUsd, Spend, StageId};
use engine::{Ending, Event, Status};
use factory::{Notice, Watcher};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use ledger::Entry;
use pipeline::Stage;

/// How often the live line is drawn again while nothing happens: often enough to look alive.
const TICK: Duration = Duration::from_millis(200);

/// How often plain lines tell of tokens: a log of a long call stays readable.
pub(crate) const PLAIN_EVERY: Duration = Duration::from_secs(10);

/// Shows a run.
pub(crate) struct Terminal {
    json: bool,
    live: Option<ProgressBar>,
    now: Mutex<Now>,
}

/// What is going on.
struct Now {
    /// Stage, visit and attempt: what is shown starts anew with each.
    attempt: String,
    /// The stage, with its visit.
    stage: String,
    since: Instant,
    tokens: String,
    /// When the current model call began to be seen, and the tokens it had then.
    call: Option<(Instant, u64)>,
    told: Instant,
}

impl Now {
    /// The stage that is at work, which a resumed run only tells by its notices.
    fn at(&mut self, stage: &StageId, visit: u32, attempt: u32) {
        let mut name = stage.to_string();
        if visit > 1 {
            name = format!("{name} ({visit})");
        }
        if attempt > 1 {
            name = format!("{name} try {attempt}");
        }
        let attempt = format!("{stage}/{visit}/{attempt}");
        if attempt != self.attempt {
            *self = Self { attempt, stage: name, ..Self::idle() };
        }
    }

    fn idle() -> Self {
        let now = Instant::now();
        let (attempt, stage) = (String::new(), String::new());
        Self { attempt, stage, since: now, tokens: String::new(), call: None, told: now }
    }
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
        Self { json, live, now: Mutex::new(Now::idle()) }
    }

    /// Takes the live line away: what is printed next stands for itself.
    pub(crate) fn finish(&self) {
        if let Some(bar) = &self.live {
            bar.finish_and_clear();
        }
    }

    fn line(&self, text: &str) {
        match &self.live {
            Some(bar) => bar.suspend(|| println!("{text}")),
            None => println!("{text}"),
        }
        let _ = std::io::stdout().flush();
    }

    fn redraw(&self, now: &Now) {
        if let Some(bar) = &self.live {
            let elapsed = seconds(now.since.elapsed());
            bar.set_message(format!("{:<12} {elapsed:>6}  {}", now.stage, now.tokens));
        }
    }

    fn event(&self, event: &Event) {
        let mut now = self.now.lock().expect("no watcher panics");
        match event {
            Event::StageStarted { stage, visit, attempt, .. } => now.at(stage, *visit, *attempt),
            // Stages that the engine passes through by itself have nothing to say.
            Event::StageFinished { outcome, .. } if outcome.note.is_empty() => {}
            Event::StageFinished { outcome, .. } => {
                let mark = match outcome.status {
                    Status::Success => "ok",
                    Status::PartialSuccess => "partly",
                    Status::Retry => "again",
                    Status::Fail => "found wanting",
                    Status::Skipped => "skipped",
                };
                let cost = spent(&outcome.spend);
                let elapsed = seconds(Duration::from_millis(outcome.spend.wall_ms));
                let stage = now.stage.clone();
                let note = first_line(&outcome.note);
                self.line(&format!("  {stage:<12} {elapsed:>6}  {mark}: {note}{cost}"));
            }
            Event::QuestionAsked { question, .. } => {
                self.line(&format!("  {:<12} {:>6}  {}", "waiting", "", question.text));
            }
            Event::RunEnded { ending: Ending::Held { reason }, .. } => {
                self.line(&format!("  {:<12} {:>6}  {reason}", "held", ""));
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
        let mut now = self.now.lock().expect("no watcher panics");
        let (Notice::Began { action, .. }
        | Notice::Tokens { action, .. }
        | Notice::Line { action, .. }
        | Notice::Step { action, .. }) = notice;
        now.at(&action.stage, action.visit, action.attempt);
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
                    self.line(&format!(
                        "  {:<12} {:>6}  {}",
                        now.stage,
                        seconds(now.since.elapsed()),
                        now.tokens
                    ));
                }
            }
            Notice::Line { text, .. } => {
                let stage = now.stage.clone();
                self.line(&format!("  {stage:<12} {:>6}  {text}", seconds(now.since.elapsed())));
            }
            Notice::Step { what, done, total, .. } => {
                now.tokens = format!("{what} {done} of {total}")
            }
        }
        self.redraw(&now);
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
