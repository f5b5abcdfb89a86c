//! What single handlers want to know: branches, children, pauses, questions (4.6, 4.8, 4.11).

use std::rc::Rc;
use std::time::Duration;

use base::{Diagnostic, StageId, nearest};

use super::{GraphDefaults, Resolver, excerpt, find};
use crate::limits::{CYCLES_DEFAULT, CYCLES_MAX, PARALLEL_DEFAULT, PARALLEL_MAX, POLL_DEFAULT};
use crate::syntax::Attribute;
use crate::{Ask, FanOut, Gate, Graph, Handler, Join, Manager, OnFailure};

/// What a stage has beside what every stage has, by its handler.
#[derive(Default)]
pub(super) struct Particulars {
    pub(super) fan_out: Option<FanOut>,
    pub(super) manager: Option<Box<Manager>>,
    pub(super) pause: Option<Duration>,
    pub(super) gate: Option<Gate>,
}

/// How `join_policy` is written.
const JOINS: [&str; 4] = ["wait_all", "first_success", "k_of_n", "quorum"];

const ON_FAILURE: [(&str, OnFailure); 3] = [
    ("continue", OnFailure::Continue),
    ("fail_fast", OnFailure::FailFast),
    ("ignore", OnFailure::Ignore),
];

const QUESTIONS: [(&str, Ask); 4] = [
    ("yes_no", Ask::YesNo),
    ("multiple_choice", Ask::MultipleChoice),
    ("freeform", Ask::Freeform),
    ("confirmation", Ask::Confirmation),
];

/// What a manager may do at every look; it always waits for the next.
const ACTIONS: [&str; 3] = ["observe", "steer", "wait"];

/// Where a manager's child is written, the nearest first; all but the last name a file.
pub(crate) const CHILD_KEYS: [&str; 3] =
    ["stack.child_dotfile", "stack.child_workflow", "stack.child_dot_source"];

/// More than half, rounded up, where the pipeline does not say.
const QUORUM_DEFAULT: u32 = 50;

/// A child as an attribute names it.
pub(super) struct Child {
    key: &'static str,
    text: String,
    at: usize,
}

impl Child {
    pub(super) fn find(written: &[Rc<Attribute<'_>>]) -> Option<Self> {
        CHILD_KEYS.into_iter().find_map(|key| {
            let attribute = find(written, key)?;
            let text = attribute.value.to_string();
            (!text.is_empty()).then_some(Self { key, text, at: attribute.value_at })
        })
    }
}

impl Resolver<'_> {
    pub(super) fn particulars(
        &mut self,
        id: &StageId,
        handler: &Handler,
        written: &[Rc<Attribute<'_>>],
        defaults: &GraphDefaults,
    ) -> Particulars {
        let mut particulars = Particulars::default();
        match handler {
            Handler::Parallel => particulars.fan_out = Some(self.fan_out(written)),
            Handler::ManagerLoop => particulars.manager = self.manager(id, written, defaults),
            Handler::Wait => particulars.pause = self.duration(written, "duration"),
            Handler::Human => particulars.gate = Some(self.gate(written)),
            _ => {}
        }
        particulars
    }

    fn fan_out(&mut self, written: &[Rc<Attribute<'_>>]) -> FanOut {
        let branches_max = self.count(written, "max_parallel", 1..=PARALLEL_MAX);
        let k = ["k", "join_k"].map(|key| self.count(written, key, 1..=PARALLEL_MAX));
        let quorum = self.quorum(written);
        let join = match self.word(written, "join_policy", &JOINS).unwrap_or(0) {
            0 => Join::WaitAll,
            1 => Join::FirstSuccess,
            2 => Join::KOfN(k[0].or(k[1]).unwrap_or(1)),
            _ => Join::Quorum(quorum.unwrap_or(QUORUM_DEFAULT)),
        };
        let on_failure = self.word(written, "error_policy", &ON_FAILURE.map(|(name, _)| name));
        FanOut {
            join,
            on_failure: ON_FAILURE[on_failure.unwrap_or(0)].1,
            branches_max: branches_max.unwrap_or(PARALLEL_DEFAULT),
            meets: None,
        }
    }

    /// `quorum_fraction=0.5` or `quorum=50`, as so many in a hundred.
    fn quorum(&mut self, written: &[Rc<Attribute<'_>>]) -> Option<u32> {
        let percent = self.count(written, "quorum", 1..=100);
        let Some(attribute) = find(written, "quorum_fraction") else { return percent };
        let fraction = attribute.value.number().filter(|part| *part > 0.0 && *part <= 1.0);
        if fraction.is_none() {
            let found = excerpt(&attribute.value);
            let message = format!("`quorum_fraction` is a part of all, found `{found}`");
            self.wrong(attribute, message, "write a number above 0 and up to 1, such as `0.5`");
        }
        // From 1 to 100, whole; 0.07 times 100 is a little more than 7.
        fraction.map(|part| (part * 100.0 - 1e-9).ceil().clamp(1.0, 100.0) as u32).or(percent)
    }

    fn gate(&mut self, written: &[Rc<Attribute<'_>>]) -> Gate {
        let names = QUESTIONS.map(|(name, _)| name);
        let kind = ["human.type", "question_type"]
            .into_iter()
            .find_map(|key| self.word(written, key, &names))
            .map_or_else(Ask::default, |at| QUESTIONS[at].1);
        let default_choice = find(written, "human.default_choice")
            .map(|attribute| attribute.value.to_string())
            .filter(|choice| !choice.is_empty());
        Gate { kind, default_choice }
    }

    /// None without a child, or with one that cannot be used; the latter is told.
    fn manager(
        &mut self,
        id: &StageId,
        written: &[Rc<Attribute<'_>>],
        defaults: &GraphDefaults,
    ) -> Option<Box<Manager>> {
        let poll = self.duration(written, "manager.poll_interval").unwrap_or(POLL_DEFAULT);
        let steer_cooldown = self.duration(written, "manager.steer_cooldown").unwrap_or(poll);
        let cycles_max = self.count(written, "manager.max_cycles", 1..=CYCLES_MAX);
        let stop = find(written, "manager.stop_condition").map(|a| a.value.to_string());
        let [observe, steer] = self.actions(written);
        let own = Child::find(written);
        let child = self.child(id, own.as_ref().or(defaults.child.as_ref())?)?;
        Some(Box::new(Manager {
            child,
            poll,
            cycles_max: cycles_max.unwrap_or(CYCLES_DEFAULT),
            stop: stop.unwrap_or_default(),
            observe,
            steer,
            steer_cooldown,
        }))
    }

    /// Whether a manager observes, and whether it steers.
    fn actions(&mut self, written: &[Rc<Attribute<'_>>]) -> [bool; 2] {
        let Some(attribute) = find(written, "manager.actions") else { return [true, false] };
        let text = attribute.value.to_string();
        let actions = || text.split([',', ' ']).filter(|action| !action.is_empty());
        if let Some(wrong) = actions().find(|action| !ACTIONS.contains(action)) {
            let help = meant(wrong, &ACTIONS, "the actions are");
            self.wrong(attribute, format!("`{wrong}` is no action of a manager"), help);
        }
        ["observe", "steer"].map(|wanted| actions().any(|action| action == wanted))
    }

    fn child(&mut self, id: &StageId, child: &Child) -> Option<Graph> {
        let is_inline = child.key == "stack.child_dot_source";
        let source = if is_inline {
            Ok((format!("{}#{id}", self.text.file()), child.text.clone()))
        } else {
            (self.reading.options.files)(&child.text)
                .map_err(|reason| format!("cannot read `{}`: {reason}", child.text))
        };
        let read = source.and_then(|(file, source)| self.reading.child(&file, &source));
        read.map_err(|reason| {
            let message = format!("the child pipeline of `{id}` cannot be used: {reason}");
            let error = Diagnostic::error("manager-child", message);
            let error =
                error.help("`dark pipeline lint` of the child tells all that is wrong with it");
            self.note(error, child.at);
        })
        .ok()
    }

    /// Which of some words an attribute is.
    fn word(&mut self, written: &[Rc<Attribute<'_>>], key: &str, words: &[&str]) -> Option<usize> {
        let attribute = find(written, key)?;
        let found = attribute.value.to_string();
        let at = words.iter().position(|word| *word == found.to_ascii_lowercase());
        if at.is_none() && !found.is_empty() {
            let help = meant(&found, words, "write one of");
            let found = excerpt(&attribute.value);
            self.wrong(attribute, format!("`{key}` cannot be `{found}`"), help);
        }
        at
    }
}

fn meant(found: &str, words: &[&str], otherwise: &str) -> String {
    match nearest(found, words.iter().copied()) {
        Some(word) => format!("did you mean `{word}`?"),
        None => format!("{otherwise} {}", words.join(", ")),
    }
}
