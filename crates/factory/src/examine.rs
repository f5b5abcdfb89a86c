//! Is an intent strong enough to build with the lights off? Everything that can be known before a
//! build: its findings, its strength, its signature, and the level that this supports.

use std::path::Path;

use base::{Diagnostic, IntentId, LineId, Place, RequirementId};
use intent::CheckMode;
use policy::{Evidence, Level, LevelDecision, decide_level};
use scenario::strength;
use serde::Serialize;

use crate::config::Config;
use crate::intents::{self, IntentError, Loaded};
use crate::layout::Layout;
use crate::twins;

/// What an intent was found to be.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Examined {
    pub intent: IntentId,
    pub requirements: usize,
    pub scenarios: usize,
    /// Worst first.
    pub diagnostics: Vec<Diagnostic>,
    /// Degenerate programs that the scenarios were played against, and how many of them failed.
    pub degenerates: u32,
    pub caught: u32,
    /// In words: by whom it is signed, or what is missing.
    pub signature: String,
    pub level_asked: u8,
    pub decision: LevelDecision,
}

impl Examined {
    /// Whether it can be built at all.
    pub fn is_fit(&self) -> bool {
        !self.diagnostics.iter().any(Diagnostic::is_error)
    }
}

/// Examines the intent at `path`; `start` is where to look for its factory.
///
/// # Errors
/// When it cannot be read at all.
pub fn examine(path: &Path, start: &Path) -> Result<Examined, IntentError> {
    let dir = intents::directory(path);
    let loaded = intents::load(&dir)?;
    let mut diagnostics = loaded.warnings.clone();
    diagnostics.extend(intent::check(&loaded.intent, &loaded.scenarios, CheckMode::Build));
    let factory = dir.canonicalize().ok().and_then(|dir| Layout::find(&dir));
    let factory = factory.or_else(|| Layout::find(start));
    let interface = &loaded.intent.interface;
    let own = factory.as_ref().map(|factory| twins::own(interface, factory.root()));
    let own = own.transpose()?.unwrap_or_default();
    let packs = crate::packs(interface, factory.as_ref().map(Layout::root))?;
    diagnostics.extend(scenario::unknown_words(interface, &loaded.scenarios, &packs));
    diagnostics.extend(scenario::slips(&loaded.scenarios));
    diagnostics.extend(unknown_line(&dir, &loaded, factory.as_ref()));
    let strength = strength(&loaded.intent, &loaded.scenarios, &packs);
    diagnostics.extend(strength.diagnostics(&loaded.scenarios));
    diagnostics.extend(scenario::unplayed_faults(&loaded.intent, &loaded.scenarios));
    diagnostics.extend(no_judge(&loaded, factory.as_ref()));
    diagnostics.sort_by_key(|found| std::cmp::Reverse(found.severity));
    let (caught, total) = strength.caught();
    let (caught, total) = (narrow(caught), narrow(total));
    let evidence = Evidence {
        requirements_total: narrow(loaded.intent.requirements.len() as u64),
        requirements_covered: covered(&loaded),
        degenerates_total: total,
        degenerates_caught: caught,
        sabotaged_total: 0,
        sabotaged_caught: 0,
        satisfaction: None,
        satisfaction_wanted: loaded.intent.satisfaction,
        twins: twins::fidelity(interface, &own),
    };
    let asked = level(loaded.intent.level);
    let allowed = level(factory.as_ref().and_then(|layout| allowed(layout, &loaded)).unwrap_or(0));
    Ok(Examined {
        intent: loaded.intent.id.clone(),
        requirements: loaded.intent.requirements.len(),
        scenarios: loaded.scenarios.len(),
        diagnostics,
        degenerates: total,
        caught,
        signature: signature(&dir, &loaded, factory.as_ref()),
        level_asked: loaded.intent.level,
        decision: decide_level(asked, allowed, &evidence),
    })
}

/// Sentences that nobody is named to judge: a run would find out at the end of its proof.
fn no_judge(loaded: &Loaded, factory: Option<&Layout>) -> Option<Diagnostic> {
    let config = factory.and_then(config);
    if config.is_some_and(|config| config.model.judge.is_some()) {
        return None;
    }
    let judged = loaded.scenarios.iter().find_map(|scenario| scenario.judgements().next());
    let (place, _) = judged?;
    let found = Diagnostic::warning("no-judge", "no model is named to judge this sentence");
    let help = "set `judge` in [model] of factory.toml, or give --judge, to a model of another family than the \
                builder's; until then its plays are undecided";
    Some(found.help(help).at(place.clone()))
}

/// A line that the factory does not have: no run of it can begin.
fn unknown_line(dir: &Path, loaded: &Loaded, factory: Option<&Layout>) -> Option<Diagnostic> {
    let layout = factory?;
    let lines = config(layout)?.lines;
    let line = &loaded.intent.line;
    if lines.contains_key(line) {
        return None;
    }
    let shown = layout.config().display().to_string();
    let known: Vec<&str> = lines.keys().map(LineId::as_str).collect();
    let help = match base::nearest(line.as_str(), known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => format!("write `[lines.{line}]` there"),
        None => format!("it has {}; or write `[lines.{line}]` there", known.join(", ")),
    };
    let found =
        Diagnostic::error("unknown-line", format!("{shown} has no line `{line}`")).help(help);
    let text = String::from_utf8_lossy(loaded.files.get("intent.md")?);
    let names_it = |one: &str| {
        one.trim_start().strip_prefix("line").is_some_and(|rest| rest.trim_start().starts_with('='))
    };
    let at = text.lines().position(names_it).unwrap_or(0);
    let file = dir.join("intent.md").display().to_string();
    Some(found.at(Place::line(&file, u32::try_from(at + 1).unwrap_or(u32::MAX))))
}

/// How many requirements at least one scenario is tagged with.
pub(crate) fn covered(loaded: &Loaded) -> u32 {
    let tagged = |id: &RequirementId| {
        loaded.scenarios.iter().any(|scenario| scenario.requirements.contains(id))
    };
    let covered = loaded.intent.requirements.iter().filter(|one| tagged(&one.id)).count();
    narrow(covered as u64)
}

/// A level that was checked when it was read.
pub(crate) fn level(number: u8) -> Level {
    Level::new(number).unwrap_or(Level::MANUAL)
}

fn allowed(layout: &Layout, loaded: &Loaded) -> Option<u8> {
    Some(config(layout)?.lines.get(&loaded.intent.line)?.level_max)
}

fn config(layout: &Layout) -> Option<Config> {
    let path = layout.config();
    let text = std::fs::read_to_string(&path).ok()?;
    Config::parse(&path.display().to_string(), &text).ok()
}

fn signature(dir: &Path, loaded: &Loaded, factory: Option<&Layout>) -> String {
    let Some(layout) = factory else {
        return "not checked: this intent is in no factory".to_owned();
    };
    match intents::verify(dir, loaded, &layout.people()) {
        Ok(_) => format!("signed by {}", loaded.intent.owner),
        Err(error) => error.to_string(),
    }
}

fn narrow(count: u64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
