//! The manager loop (4.11): a child pipeline runs as a branch of its own, and the manager looks at it
//! from time to time. Looking costs no model call, and a child that has ended is seen at once.

use std::collections::BTreeMap;

use base::Branch;

use crate::advance::exact;
use crate::branches::carried;
use crate::draft::Draft;
use crate::lane::{Lane, Stand};
use crate::plan::Role;
use crate::{Event, Outcome, Status};

impl Draft {
    /// The child has ended, and its manager with it.
    pub(crate) fn child_over(&mut self, branch: &Branch) {
        let children = self.state.children(branch);
        let over = children.filter_map(|(_, lane)| match &lane.stand {
            Stand::Over(ended) => Some((lane, ended)),
            _ => None,
        });
        let (child, ended) = over.last().expect("the caller looked");
        let passed = ended.status != Status::Fail;
        let status = if passed { ended.status } else { Status::Fail };
        let note = match (passed, ended.note.as_str()) {
            (true, "") => "child completed".to_owned(),
            (true, note) => format!("child completed: {note}"),
            (false, note) => format!("child failed: {note}"),
        };
        let mut outcome = Outcome::new(status, note);
        if passed {
            outcome.context = carried(child);
        }
        let word = if passed { "completed" } else { "failed" };
        outcome.context.extend(telemetry(child, word, if passed { "success" } else { "fail" }));
        self.finish(branch, outcome, Vec::new());
    }

    /// One cycle: observe, steer, and see whether it is enough.
    pub(crate) fn look(&mut self, branch: &Branch) {
        let lane = self.lane(branch);
        let Stand::Watching { cycle, until, steered, .. } = lane.stand else {
            unreachable!("the caller looked")
        };
        let watch = lane.step().watch.as_ref().expect("a manager has a child");
        // While people are asked and nothing else can go on, no patience is lost.
        let counts = u32::from(self.state.totals.paused_since.is_none());
        let (cycle, cycles_max) = (cycle + counts, watch.cycles_max);
        let child = self.state.children(branch).next().map(|(_, child)| child);
        let context: BTreeMap<String, String> = match child.filter(|_| watch.observe) {
            Some(child) => telemetry(child, "running", "").collect(),
            None => BTreeMap::new(),
        };
        let cool = steered.is_none_or(|at| self.now >= at + watch.cooldown);
        let steer = watch.steer.clone().filter(|_| cool);
        let observed = Event::ChildObserved {
            branch: branch.clone(),
            stage: lane.step().id.clone(),
            visit: lane.visit,
            attempt: lane.attempt,
            cycle,
            context,
            steer,
            // Looks that were missed while nobody was there are not made up for.
            until: exact(self.now.max(until) + watch.poll),
            at: self.now,
        };
        self.push(observed);
        let lane = self.lane(branch);
        let watch = lane.step().watch.as_ref().expect("a manager has a child");
        let holds =
            watch.stop.as_ref().is_some_and(|stop| stop.evaluate(|key| lane.context.get(key)));
        let outcome = if holds {
            Outcome::new(Status::Success, "stop condition satisfied")
        } else if cycle >= cycles_max {
            let mut outcome =
                Outcome::new(Status::Fail, format!("{cycles_max} cycles have passed"));
            outcome.permanent = true;
            outcome
        } else {
            return;
        };
        self.finish(branch, outcome, Vec::new());
    }
}

/// What a manager's context takes over of its child: where it stands, as 4.11 names it.
fn telemetry(
    child: &Lane,
    status: &str,
    outcome: &str,
) -> impl Iterator<Item = (String, String)> + use<> {
    let done = child.records.values().filter(|record| record.outcome.is_some()).count();
    let steps = &child.plan.steps;
    let all = steps.iter().filter(|step| !matches!(step.role, Role::Start | Role::Exit)).count();
    let told = [
        ("status", status.to_owned()),
        ("outcome", outcome.to_owned()),
        ("current_stage", child.step().id.to_string()),
        ("last_outcome", child.last.as_ref().map_or_else(String::new, |o| o.word().to_owned())),
        ("attempt", child.attempt.to_string()),
        ("stages_done", done.to_string()),
        ("stages", all.to_string()),
    ];
    told.into_iter().map(|(key, value)| (format!("stack.child.{key}"), value))
}
