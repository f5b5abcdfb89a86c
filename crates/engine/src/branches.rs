//! Parallel stages (4.8) and fan-ins (4.9): how branches open, when they have met, and which of them
//! is taken.
//!
//! A branch is a part of the state like any other, so that a run which dies inside one goes on inside
//! it. Where all branches are waited for, the order in which they end changes nothing: what they came
//! to is told in the order of the stage's edges.

use std::collections::BTreeMap;

use base::{Branch, Fork, StageId, Timestamp};
use pipeline::{Join, OnFailure};
use serde::{Deserialize, Serialize};

use crate::draft::Draft;
use crate::guard::{BUILD, CONTEXT_VALUE_BYTES_MAX, shorten};
use crate::lane::{Lane, Recent, STEER, Stand, is_recorded};
use crate::plan::Role;
use crate::state::State;
use crate::{Event, Outcome, Status};

/// Branches that a run may have open at once: far more than machines work at, and a bound on what a
/// state holds.
pub const BRANCHES_MAX: usize = 1_000;

/// Where the results of a parallel stage stand, as JSON: a list of [`Candidate`]s.
pub const RESULTS: &str = "parallel.results";
/// The candidate that a fan-in took: its id.
pub const BEST: &str = "parallel.fan_in.best_id";

/// Bytes of a branch's note among the results: a line for a person.
const NOTE_BYTES_MAX: usize = 300;

/// Bytes of what a fan-in takes over from one branch.
const CARRIED_BYTES_MAX: usize = 4 * 1024;

/// What a branch leaves to whoever takes it: the build that it made, and work items (5.1). All else
/// that it wrote stays in it.
fn is_carried(key: &str) -> bool {
    key == BUILD || key.starts_with("work.")
}

/// What one branch came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// The stage that it began with, and its number behind that where another began with the same.
    pub id: String,
    pub index: u32,
    pub outcome: Status,
    pub notes: String,
    /// What the branch wrote as `score`; the higher the better.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
    /// What a fan-in takes over.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub context: BTreeMap<String, String>,
}

impl Candidate {
    /// The candidates that a parallel stage left.
    pub fn list(results: Option<&str>) -> Vec<Self> {
        results.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
    }

    /// By outcome, then by score, then by id (4.9).
    fn is_better_than(&self, other: &Self) -> bool {
        let rank = |status| match status {
            Status::Success => 0,
            Status::PartialSuccess => 1,
            Status::Retry | Status::Skipped => 2,
            Status::Fail => 3,
        };
        let (mine, theirs) = (rank(self.outcome), rank(other.outcome));
        let (score, other_score) = (self.score.unwrap_or(0.0), other.score.unwrap_or(0.0));
        mine.cmp(&theirs)
            .then(other_score.total_cmp(&score))
            .then_with(|| (&self.id, self.index).cmp(&(&other.id, other.index)))
            .is_lt()
    }
}

impl State {
    /// Branches with copies of their parent's context; a manager's child has its own graph's
    /// attributes besides.
    pub(crate) fn open(
        &mut self,
        branch: &Branch,
        visit: u32,
        attempt: u32,
        to: &[StageId],
        at: Timestamp,
    ) {
        let parent = &self.lanes[branch];
        let step = parent.step();
        let child = step.watch.as_ref().map(|watch| &watch.child);
        let mut first = Lane::new(child.unwrap_or(&parent.plan).clone(), Stand::Queued);
        first.context = parent.context.clone();
        first.last.clone_from(&parent.last);
        first.recent = parent.recent.clone();
        first.since = at;
        if let Some(plan) = child {
            first.recent = Recent::default();
            for (key, value) in plan.initial.iter() {
                first.context.set(key, value);
            }
        } else {
            first.came = Some((parent.at, None));
        }
        let stage = step.id.clone();
        for (index, start) in (0..).zip(to) {
            let mut lane = first.clone();
            lane.at = lane.plan.number(start).expect("a branch starts at a stage of its graph");
            let fork = Fork { stage: stage.clone(), visit, attempt, index };
            let name = branch.fork(fork).expect("the depth was looked at before they were opened");
            self.lanes.insert(name, lane);
        }
        self.fill(branch);
    }

    /// Gives free places to the branches that wait for one, in their order.
    pub(crate) fn fill(&mut self, parent: &Branch) {
        let Some(lane) = self.lanes.get(parent) else { return };
        let places = lane.step().fork.as_ref().map_or(1, |fork| fork.branches_max);
        let is_active = |lane: &Lane| !matches!(lane.stand, Stand::Queued | Stand::Over(_));
        let active = self.children(parent).filter(|(_, lane)| is_active(lane)).count();
        let queued = self.children(parent).filter(|(_, lane)| lane.stand == Stand::Queued);
        let next: Vec<Branch> =
            queued.take(places.saturating_sub(active)).map(|(branch, _)| branch.clone()).collect();
        for branch in next {
            self.lane_mut(&branch).stand = Stand::Entering;
        }
    }

    /// A stage has ended, and with it the branches that it opened. What they came to at goal gates is
    /// remembered if it counts: where several went through the same gate, the worst.
    pub(crate) fn close(&mut self, branch: &Branch, counts: bool) {
        let lane = &self.lanes[branch];
        if !matches!(lane.stand, Stand::Forked { .. } | Stand::Watching { .. }) {
            return;
        }
        let met = self.meeting(branch);
        if counts && lane.role() == Role::Parallel {
            let worst = lane.plan.gates.iter().filter_map(|gate| {
                let over = self.children(branch).filter(|(_, lane)| lane.is_over());
                let outcomes = over.filter_map(|(_, lane)| lane.outcome(*gate));
                Some((*gate, outcomes.min_by_key(|outcome| outcome.status.passes())?.clone()))
            });
            let worst: Vec<_> = worst.collect();
            let lane = self.lane_mut(branch);
            for (gate, outcome) in worst {
                lane.records.entry(gate).or_default().outcome = Some(outcome);
            }
        }
        self.lane_mut(branch).met = met;
        self.lanes.retain(|other, _| !other.is_inside(branch));
    }

    /// Where a parallel stage leads: where its branches meet, else where they came to; the first that
    /// passed leads.
    fn meeting(&self, branch: &Branch) -> Option<usize> {
        let arrived = |passed: bool| {
            self.children(branch).find_map(|(_, lane)| match &lane.stand {
                Stand::Over(ended) if passed == (ended.status != Status::Fail) => ended.arrived,
                _ => None,
            })
        };
        let fork = self.lanes[branch].step().fork.as_ref()?;
        fork.meets.or_else(|| arrived(true)).or_else(|| arrived(false))
    }

    pub(crate) fn steer(&mut self, manager: &Branch, text: &str) {
        for (_, lane) in self.lanes.iter_mut().filter(|(other, _)| other.is_inside(manager)) {
            lane.context.set(STEER, text);
        }
    }

    /// Whether the branches of a parallel stage have come to what its policies want, and to what.
    pub(crate) fn joined(&self, parent: &Branch) -> Option<(Status, String)> {
        let fork = self.lanes[parent].step().fork.as_ref()?;
        let (mut all, mut passed, mut failed) = (0_u32, 0, 0);
        let mut first_failure = "";
        for (_, lane) in self.children(parent) {
            all += 1;
            let Stand::Over(ended) = &lane.stand else { continue };
            if ended.status == Status::Fail {
                first_failure = if failed == 0 { &ended.note } else { first_failure };
                failed += 1;
            } else {
                passed += 1;
            }
        }
        let open = all - passed - failed;
        if failed > 0 && fork.on_failure == OnFailure::FailFast {
            return Some((Status::Fail, format!("a branch failed: {first_failure}")));
        }
        let wanted = match fork.join {
            Join::WaitAll => {
                let ignored = fork.on_failure == OnFailure::Ignore;
                let whole = failed == 0 || ignored;
                let status = if whole { Status::Success } else { Status::PartialSuccess };
                return (open == 0).then(|| (status, format!("{passed} of {all} branches passed")));
            }
            Join::FirstSuccess => 1,
            Join::KOfN(wanted) => wanted.clamp(1, all.max(1)),
            Join::Quorum(percent) => all.saturating_mul(percent).div_ceil(100).clamp(1, all.max(1)),
        };
        if passed >= wanted {
            Some((Status::Success, format!("{passed} of {all} branches passed, {wanted} wanted")))
        } else if passed + open < wanted {
            let note =
                format!("{failed} of {all} branches failed, {wanted} wanted: {first_failure}");
            Some((Status::Fail, note))
        } else {
            None
        }
    }

    /// What the branches that have ended came to, in their order.
    fn candidates(&self, parent: &Branch) -> Vec<Candidate> {
        let lane = &self.lanes[parent];
        let starts: Vec<&StageId> =
            lane.step().ways.iter().map(|way| &lane.plan.steps[way.to].id).collect();
        let mut candidates = Vec::new();
        for (branch, lane) in self.children(parent) {
            let Stand::Over(ended) = &lane.stand else { continue };
            let index = branch.forks().last().map_or(0, |fork| fork.index);
            let start = starts[index as usize];
            let twice = starts.iter().filter(|other| **other == start).count() > 1;
            candidates.push(Candidate {
                id: if twice { format!("{start}.{index}") } else { start.to_string() },
                index,
                outcome: ended.status,
                notes: shorten(&ended.note, NOTE_BYTES_MAX).to_owned(),
                score: lane.context.get("score").and_then(|score| score.parse().ok()),
                context: carried(lane),
            });
        }
        candidates
    }
}

/// What a fan-in or a manager takes over from a branch, as far as it fits.
pub(crate) fn carried(lane: &Lane) -> BTreeMap<String, String> {
    let mut room = CARRIED_BYTES_MAX;
    let mut carried = BTreeMap::new();
    for (key, value) in lane.context.iter().filter(|(key, _)| is_carried(key)) {
        let bytes = key.len() + value.len();
        if bytes <= room {
            room -= bytes;
            carried.insert(key.to_owned(), value.to_owned());
        }
    }
    carried
}

impl Draft {
    /// Opens the branches of a parallel stage that has started, or the child of a manager.
    pub(crate) fn fork(&mut self, branch: &Branch) {
        let lane = self.lane(branch);
        let step = lane.step();
        let stage = step.id.clone();
        let to: Vec<StageId> = match &step.watch {
            Some(watch) => vec![watch.child.steps[watch.child.start].id.clone()],
            None => step.ways.iter().map(|way| lane.plan.steps[way.to].id.clone()).collect(),
        };
        let (visit, attempt, at) = (lane.visit, lane.attempt, self.now);
        let fork = Fork { stage: stage.clone(), visit, attempt, index: 0 };
        let refusal = if to.is_empty() {
            "no way out that a branch could take".to_owned()
        } else if branch.fork(fork).is_none() {
            format!("branches may be {} inside each other", branch.forks().len())
        } else if self.state.lanes.len() + to.len() > BRANCHES_MAX {
            format!("a run may have {BRANCHES_MAX} branches at once")
        } else {
            let branch = branch.clone();
            return self.push(Event::BranchesOpened { branch, stage, visit, attempt, to, at });
        };
        let mut outcome = Outcome::new(Status::Fail, refusal);
        outcome.permanent = true;
        if step.role == Role::Parallel {
            outcome.context = self.results(branch);
        }
        self.finish(branch, outcome, Vec::new());
    }

    /// Ends a parallel stage whose branches have met.
    pub(crate) fn join(&mut self, branch: &Branch, (status, note): (Status, String)) {
        let mut outcome = Outcome::new(status, note);
        // What the branches were asked for is decided: trying again is for timeouts.
        outcome.permanent = true;
        outcome.context = self.results(branch);
        if status != Status::Fail && self.meets_with_others(branch) {
            // No stage of this branch will choose: where it ends, only it is a candidate.
            let candidates = self.state.candidates(branch);
            let best = best(&candidates).filter(|best| best.outcome != Status::Fail);
            outcome.context.extend(best.into_iter().flat_map(|best| best.context.clone()));
        }
        self.finish(branch, outcome, Vec::new());
    }

    /// Whether the branches of a parallel stage meet where its own branch meets others.
    fn meets_with_others(&self, branch: &Branch) -> bool {
        let meets = |branch: &Branch| self.step(branch).fork.as_ref()?.meets;
        let outer = branch.parent().and_then(|parent| meets(&parent));
        outer.is_some() && outer == meets(branch)
    }

    /// What a parallel stage writes of its branches: of those that have ended, what they came to.
    pub(crate) fn results(&self, branch: &Branch) -> BTreeMap<String, String> {
        let candidates = self.state.candidates(branch);
        let count = |wanted: fn(Status) -> bool| {
            candidates.iter().filter(|candidate| wanted(candidate.outcome)).count().to_string()
        };
        let counts = [
            ("parallel.branch_count", self.state.children(branch).count().to_string()),
            ("parallel.success_count", count(|status| status != Status::Fail)),
            ("parallel.fail_count", count(|status| status == Status::Fail)),
        ];
        let counts = counts.map(|(key, value)| (key.to_owned(), value));
        counts.into_iter().chain([(RESULTS.to_owned(), as_json(candidates))]).collect()
    }

    /// A fan-in without a prompt: the best by outcome, score and id (4.9).
    pub(crate) fn choose(&mut self, branch: &Branch) {
        let outcome = self.refused(branch).unwrap_or_else(|| {
            let candidates = Candidate::list(self.lane(branch).context.get(RESULTS));
            taken(best(&candidates), &candidates)
        });
        self.finish(branch, outcome, Vec::new());
    }

    /// What a fan-in comes to whose parallel stage failed: the same, whichever branches had passed by
    /// then, so that its edges can ask for it.
    fn refused(&self, branch: &Branch) -> Option<Outcome> {
        let lane = self.lane(branch);
        let (from, _) = lane.came?;
        let last = lane.last.as_ref().filter(|last| last.status == Status::Fail)?;
        let mut outcome = Outcome::new(Status::Fail, last.note.clone());
        outcome.permanent = true;
        (lane.plan.steps[from].role == Role::Parallel).then_some(outcome)
    }

    /// A judged fan-in: the candidate that the judge named, if it is one that a judge may name. A
    /// judgement never overrides a failure.
    pub(crate) fn judged(&self, branch: &Branch, outcome: &Outcome) -> Outcome {
        if let Some(mut refused) = self.refused(branch) {
            refused.spend = outcome.spend;
            return refused;
        }
        if !outcome.status.passes() {
            return outcome.clone();
        }
        let candidates = Candidate::list(self.lane(branch).context.get(RESULTS));
        let named = outcome.context.get(BEST).map_or("", String::as_str);
        let best = candidates.iter().find(|candidate| candidate.id == named);
        let mut decided = match best {
            None if !candidates.is_empty() => Outcome::new(
                Status::Fail,
                format!("the judge named `{named}`, which is no candidate"),
            ),
            best => taken(best, &candidates),
        };
        decided.spend = outcome.spend;
        if decided.status.passes() {
            decided.note = format!("{}: {}", decided.note, outcome.note);
        }
        decided
    }

    /// Ends a branch, at the stage where it meets the others or before it.
    pub(crate) fn end_branch(&mut self, branch: &Branch, arrived: Option<usize>) {
        let lane = self.lane(branch);
        // A branch that went through no stage has nothing to tell but that it came.
        let last = lane.last.as_ref().filter(|_| !lane.records.is_empty());
        let status = last.map_or(Status::Success, |last| last.status);
        let note = last.map_or_else(String::new, |last| last.note.clone());
        let status = if is_recorded(status) { status } else { Status::Success };
        let arrived = arrived.map(|step| lane.plan.steps[step].id.clone());
        let (branch, at) = (branch.clone(), self.now);
        self.push(Event::BranchEnded { branch, status, note, arrived, at });
    }
}

/// The best by outcome, score and id (4.9).
fn best(candidates: &[Candidate]) -> Option<&Candidate> {
    candidates.iter().reduce(|best, other| if other.is_better_than(best) { other } else { best })
}

/// The outcome of a fan-in that takes `best`.
fn taken(best: Option<&Candidate>, candidates: &[Candidate]) -> Outcome {
    let all_failed = candidates.iter().all(|candidate| candidate.outcome == Status::Fail);
    let best = match best {
        Some(best) if best.outcome != Status::Fail => best,
        best => {
            let note = match (candidates.is_empty(), all_failed, best) {
                (true, ..) => "no parallel results to evaluate".to_owned(),
                (_, true, _) => format!("all {} candidates failed", candidates.len()),
                (.., best) => {
                    let id = best.map_or("", |best| best.id.as_str());
                    format!("`{id}` failed, and others did not")
                }
            };
            let mut outcome = Outcome::new(Status::Fail, note);
            outcome.permanent = true;
            return outcome;
        }
    };
    let mut outcome = Outcome::new(Status::Success, format!("selected `{}`", best.id));
    outcome.context = best.context.clone();
    outcome.context.insert(BEST.to_owned(), best.id.clone());
    let status = best.outcome.as_str().to_owned();
    outcome.context.insert("parallel.fan_in.best_outcome".to_owned(), status);
    outcome
}

/// The results as they stand in the context, with as much of each as fits.
fn as_json(mut candidates: Vec<Candidate>) -> String {
    let text = |candidates: &[Candidate]| {
        serde_json::to_string(candidates).expect("candidates hold only text keys and numbers")
    };
    let whole = text(&candidates);
    if whole.len() <= CONTEXT_VALUE_BYTES_MAX {
        return whole;
    }
    // Only builds and verdicts are worth their room then.
    for candidate in &mut candidates {
        candidate.notes.clear();
        candidate.context.retain(|key, _| !key.starts_with("work."));
    }
    text(&candidates)
}
