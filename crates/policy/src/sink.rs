//! Where data leaves a session, and what a session must be to open it (L2, L3, L4, L9).

use std::collections::BTreeSet;

use serde::Serialize;

use crate::{Compartment, Compartments, Integrity, Label};

/// A refusal by policy: it goes onto the ledger with the rule's name (L10).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("denied by rule {rule}: {why}")]
pub struct Denied {
    pub rule: &'static str,
    /// A lower-case fragment without a full stop.
    pub why: String,
}

impl Denied {
    pub(crate) fn new(rule: &'static str, why: impl Into<String>) -> Self {
        Self { rule, why: why.into() }
    }
}

/// A way for data out of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sink<'a> {
    /// A command in the sandbox, without network; cleared for what the stage may hold.
    Run {
        stage: &'a Compartments,
    },
    /// A write inside the intent's write-set.
    WriteSource,
    /// A write to CI, hooks, build scripts or lockfiles.
    WriteBuild,
    /// A write to tests of record, gates, policy or intents (L9).
    WriteOfRecord,
    /// A dependency, by name and hash; `locked` when both stand in a lockfile.
    Fetch {
        locked: bool,
    },
    /// Any other host; `named` are those that a signed intent names.
    Network {
        host: &'a str,
        named: &'a BTreeSet<String>,
    },
    /// A model: an outside reader.
    CallModel,
    /// A model that judges what a scenario could not be told by a rule; `named` is the integrity of
    /// whoever chose it. One answer of two values comes back (L6), and nothing else of it is kept where
    /// a builder could read it.
    AskJudge {
        named: Integrity,
    },
    Merge,
    Release,
    /// Signing: for the harness alone, never for a session.
    Sign,
}

/// A use of a sink that stands in the plan committed before the session first read anything from
/// outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Planned {
    /// The lowest provenance of the arguments that select the sink's target.
    pub target: Integrity,
    /// Whether the plan declares this payload's way from its source to this sink.
    pub payload: bool,
}

/// Whether a session may send `data` into `sink`.
///
/// # Errors
/// [`Denied`], with the rule that forbids it.
pub fn open(
    sink: Sink<'_>,
    session: &Label,
    data: &Label,
    planned: Option<Planned>,
) -> Result<(), Denied> {
    check_target(sink)?;
    let clearance = clearance(sink);
    if !data.compartments.within(&clearance) {
        let why = format!("{} is not cleared for {:?}", name(sink), data.compartments);
        return Err(Denied::new("L2", why));
    }
    let minimum = minimum(sink);
    let release = matches!(sink, Sink::Release | Sink::Sign);
    let by_plan = planned.is_some_and(|plan| plan.target >= Integrity::P) && !release;
    if session.integrity < minimum && !by_plan {
        let rule = if matches!(sink, Sink::WriteOfRecord) { "L9" } else { "L2" };
        let (what, has) = (name(sink), session.integrity);
        return Err(Denied::new(
            rule,
            format!("{what} needs {minimum:?}, the session has {has:?}"),
        ));
    }
    let declared = planned.is_some_and(|plan| plan.payload);
    if is_final(sink) && data.integrity < Integrity::P && !declared {
        let (what, has) = (name(sink), data.integrity);
        return Err(Denied::new("L3", format!("{what} takes what is verified; this is {has:?}")));
    }
    Ok(())
}

/// What a stage's sessions can get at, from the stage's declaration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Holdings {
    pub reads_private: bool,
    pub reads_untrusted: bool,
    /// It has a sink that reaches outside of the factory.
    pub has_outward_sink: bool,
}

/// Whether a stage keeps the three apart (L4); asked when a pipeline is loaded.
///
/// # Errors
/// [`Denied`] when it holds all three.
pub fn keep_apart(stage: &str, holdings: Holdings) -> Result<(), Denied> {
    if holdings.reads_private && holdings.reads_untrusted && holdings.has_outward_sink {
        let why = format!(
            "stage `{stage}` holds private data, untrusted content and a way out together: \
             take one away, or split the stage"
        );
        return Err(Denied::new("L4", why));
    }
    Ok(())
}

fn check_target(sink: Sink<'_>) -> Result<(), Denied> {
    match sink {
        Sink::Sign => Err(Denied::new("L2", "only the harness signs")),
        Sink::Fetch { locked: false } => {
            Err(Denied::new("L2", "a dependency needs its name and hash in a lockfile"))
        }
        Sink::AskJudge { named } if named < Integrity::H => {
            Err(Denied::new("L2", "a judge reads what is held out: a person must have named it"))
        }
        Sink::Network { host, named } if !named.contains(host) => {
            Err(Denied::new("L2", format!("host `{host}` is named in no signed intent")))
        }
        _ => Ok(()),
    }
}

fn minimum(sink: Sink<'_>) -> Integrity {
    match sink {
        Sink::Run { .. }
        | Sink::WriteSource
        | Sink::Network { .. }
        | Sink::CallModel
        | Sink::AskJudge { .. } => Integrity::U,
        Sink::WriteBuild | Sink::Fetch { .. } | Sink::Merge | Sink::Release | Sink::Sign => {
            Integrity::P
        }
        Sink::WriteOfRecord => Integrity::H,
    }
}

fn clearance(sink: Sink<'_>) -> Compartments {
    match sink {
        Sink::Run { stage } => stage.clone(),
        Sink::Fetch { .. } | Sink::Network { .. } => Compartments::public(),
        Sink::Sign => Compartments::of([Compartment::Sign]),
        Sink::AskJudge { .. } => Compartments::of([Compartment::Project, Compartment::Holdout]),
        Sink::WriteSource
        | Sink::WriteBuild
        | Sink::WriteOfRecord
        | Sink::CallModel
        | Sink::Merge
        | Sink::Release => Compartments::of([Compartment::Project]),
    }
}

/// External or irreversible: what goes in cannot be taken back. A model call is neither kept nor
/// acted upon outside, and its prompts are made of what is not verified; its clearance bounds it.
fn is_final(sink: Sink<'_>) -> bool {
    matches!(sink, Sink::Network { .. } | Sink::Fetch { .. } | Sink::Merge | Sink::Release)
}

fn name(sink: Sink<'_>) -> &'static str {
    match sink {
        Sink::Run { .. } => "running a command",
        Sink::WriteSource => "writing source",
        Sink::WriteBuild => "writing build files",
        Sink::WriteOfRecord => "writing what judges",
        Sink::Fetch { .. } => "fetching a dependency",
        Sink::Network { .. } => "using the network",
        Sink::CallModel => "calling a model",
        Sink::AskJudge { .. } => "asking a judge",
        Sink::Merge => "merging",
        Sink::Release => "releasing",
        Sink::Sign => "signing",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Integrity::{A, H, P, U};

    const PLANNED: Option<Planned> = Some(Planned { target: P, payload: true });

    fn rule(sink: Sink<'_>, session: Integrity, data: Label, planned: Option<Planned>) -> &str {
        let session = Label { integrity: session, ..Label::worst() };
        open(sink, &session, &data, planned).map_or_else(|denied| denied.rule, |()| "open")
    }

    fn project(integrity: Integrity) -> Label {
        Label::new(integrity, [Compartment::Project])
    }

    #[test]
    fn each_sink_opens_at_its_minimum_and_not_below() {
        let lowest = |sink| {
            [U, A, P, H].into_iter().find(|at| rule(sink, *at, Label::best(), None) == "open")
        };
        let named = BTreeSet::from(["crates.io".to_owned()]);
        let stage = Compartments::public();
        for (sink, minimum) in [
            (Sink::Run { stage: &stage }, Some(U)),
            (Sink::WriteSource, Some(U)),
            (Sink::WriteBuild, Some(P)),
            (Sink::WriteOfRecord, Some(H)),
            (Sink::Fetch { locked: true }, Some(P)),
            (Sink::Fetch { locked: false }, None),
            (Sink::Network { host: "crates.io", named: &named }, Some(U)),
            (Sink::Network { host: "evil.example", named: &named }, None),
            (Sink::CallModel, Some(U)),
            (Sink::AskJudge { named: H }, Some(U)),
            (Sink::AskJudge { named: P }, None),
            (Sink::Merge, Some(P)),
            (Sink::Release, Some(P)),
            (Sink::Sign, None),
        ] {
            assert_eq!(lowest(sink), minimum, "{sink:?}");
        }
    }

    #[test]
    fn data_stays_within_a_sinks_clearance() {
        let holdout = || Label::new(H, [Compartment::Project, Compartment::Holdout]);
        let secret = || Label::new(H, [Compartment::Secret("token".into())]);
        for sink in [Sink::CallModel, Sink::WriteSource, Sink::Merge, Sink::Release] {
            assert_eq!(rule(sink, H, project(H), None), "open", "{sink:?}");
            for data in [holdout(), secret(), Label::worst()] {
                assert_eq!(rule(sink, H, data, PLANNED), "L2", "{sink:?}");
            }
        }
        let named = BTreeSet::from(["crates.io".to_owned()]);
        let network = Sink::Network { host: "crates.io", named: &named };
        assert_eq!(rule(network, H, project(H), PLANNED), "L2");
        let cleared = Compartments::of([Compartment::Holdout, Compartment::Project]);
        assert_eq!(rule(Sink::Run { stage: &cleared }, U, holdout(), None), "open");
    }

    #[test]
    fn what_is_held_out_is_read_by_a_judge_that_a_person_named_and_by_no_other_model() {
        let held = || Label::new(U, [Compartment::Project, Compartment::Holdout]);
        let judge = |named| Sink::AskJudge { named };
        assert_eq!(rule(judge(H), U, held(), None), "open");
        for named in [P, A, U] {
            assert_eq!(rule(judge(named), H, held(), PLANNED), "L2", "{named:?}");
        }
        assert_eq!(rule(judge(H), H, Label::worst(), None), "L2", "no secrets");
        assert_eq!(rule(Sink::CallModel, U, held(), None), "L2");
    }

    #[test]
    fn a_plan_opens_what_a_low_session_cannot_but_never_a_release() {
        assert_eq!(rule(Sink::Merge, U, project(P), None), "L2");
        assert_eq!(rule(Sink::Merge, U, project(P), PLANNED), "open");
        let chosen_by_agent = Some(Planned { target: A, payload: true });
        assert_eq!(rule(Sink::Merge, U, project(P), chosen_by_agent), "L2");
        assert_eq!(rule(Sink::Release, U, project(P), PLANNED), "L2");
        assert_eq!(rule(Sink::Sign, H, Label::best(), PLANNED), "L2");
    }

    #[test]
    fn what_cannot_be_taken_back_takes_only_what_is_verified() {
        assert_eq!(rule(Sink::Merge, P, project(A), None), "L3");
        assert_eq!(rule(Sink::Release, H, project(U), None), "L3");
        let undeclared = Some(Planned { target: P, payload: false });
        assert_eq!(rule(Sink::Merge, U, project(A), undeclared), "L3");
        assert_eq!(rule(Sink::Merge, U, project(A), PLANNED), "open");
    }

    #[test]
    fn what_judges_is_written_by_people() {
        assert_eq!(rule(Sink::WriteOfRecord, P, project(P), None), "L9");
    }

    #[test]
    fn no_stage_holds_all_three() {
        for bits in 0..8_u8 {
            let holdings = Holdings {
                reads_private: bits & 1 != 0,
                reads_untrusted: bits & 2 != 0,
                has_outward_sink: bits & 4 != 0,
            };
            assert_eq!(keep_apart("build", holdings).is_err(), bits == 7, "{holdings:?}");
        }
    }
}
