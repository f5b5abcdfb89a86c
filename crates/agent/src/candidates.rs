//! The agent for a weak model: many answers, picked by the visible checks and by their agreement.
//!
//! Where the intent fits a frame (one command, one file, a known language), the model is asked for its
//! two functions apart, and the good ones are paired; otherwise, or when that yields nothing, for whole
//! files. What passes every visible check is compared on generated calls, and the behaviour that
//! most share wins. Near misses get one turn of repair. Every step is bounded by [`Strategy`].
//! This module refuses to know what the program should do beyond what its visible checks say.

use std::collections::{BTreeMap, BTreeSet};

use base::{RequirementId, Spend};
use intent::Interface;
use model::{CANDIDATES_MAX, Message, Request, StopReason};

use crate::agreement::{Agreement, Voter};
use crate::frame::{Frame, Part};
use crate::pool::{Pool, Program};
use crate::probe::{Probe, probes};
use crate::{
    AgentBackend, Batch, Behaviour, Files, Host, HostError, Report, Shape, Strategy, Task, prompt,
    read_answer,
};

/// Builds by many candidates; see the module.
#[derive(Debug, Clone, Default)]
pub struct Candidates {
    strategy: Strategy,
}

impl Candidates {
    /// An agent that keeps to `strategy`; [`Candidates::default`] suits a small local model.
    pub fn new(strategy: Strategy) -> Self {
        Self { strategy }
    }

    /// An agent for what an interface declares: a service, or commands.
    pub fn for_interface(interface: &Interface) -> Self {
        match interface.service {
            Some(_) => Self::new(Strategy::service()),
            None => Self::default(),
        }
    }
}

impl AgentBackend for Candidates {
    fn name(&self) -> &str {
        "candidates"
    }

    fn work(&self, task: &Task<'_>, host: &mut dyn Host) -> Result<Report, HostError> {
        let rejected = rejected(task);
        let mut build = Build {
            strategy: &self.strategy,
            task,
            host,
            frame: Frame::of(task.intent),
            pool: Pool::new(task.intent, &rejected),
            probes: probes(task.intent, task.seed, self.strategy.probes_max),
            behaviours: BTreeMap::new(),
            rejected_behaviours: None,
            rejected: &rejected,
            spend: Spend::default(),
            calls: 0,
        };
        build.run()
    }
}

/// The most passing programs that are compared, each on every probe: past eight, one more says little new.
const VOTERS_MAX: usize = 8;

/// Seeds of one build are neighbours, those of two builds are far apart.
const SEED_STRIDE: u64 = 1_000_003;

/// More calls than any strategy makes in one visit.
const CALLS_MAX: u64 = 101;

/// Canonical JSON carries whole numbers exactly below 2^53 (RFC 8785 section 3.2.2.3).
pub(crate) const SEED_MAX: u64 = (1 << 53) - 1;

/// The build that stands in the product when disclosures say that it failed.
fn rejected(task: &Task<'_>) -> Files {
    if task.disclosures.is_empty() {
        return Files::new();
    }
    let ours = |path: &str| crate::paths::allowed(path, &task.intent.interface.files);
    let files = task.files.iter().filter(|(path, _)| ours(path));
    files.map(|(path, text)| (path.clone(), text.clone())).collect()
}

struct Build<'a, 'h> {
    strategy: &'a Strategy,
    task: &'a Task<'a>,
    host: &'h mut dyn Host,
    frame: Option<Frame>,
    pool: Pool<'a>,
    probes: Vec<Probe>,
    /// What programs of the pool did on each probe.
    behaviours: BTreeMap<usize, Vec<Behaviour>>,
    rejected_behaviours: Option<Vec<Behaviour>>,
    rejected: &'a Files,
    spend: Spend,
    /// Calls of the model so far; each has its own seed.
    calls: u64,
}

impl Build<'_, '_> {
    fn run(&mut self) -> Result<Report, HostError> {
        let mut choice = None;
        for batch in &self.strategy.batches {
            match (batch.shape, self.frame.clone()) {
                (Shape::Parts, Some(frame)) => self.parts(&frame, *batch)?,
                (Shape::Parts, None) => continue,
                // Whole files are what is left when no two parts go together.
                (_, Some(_)) if choice.is_some() => break,
                (_, _) => self.wholes(*batch)?,
            }
            choice = self.choose()?;
            self.tell(choice.as_ref());
            if choice.as_ref().is_some_and(|(_, one)| one.is_strong(self.strategy.votes_enough)) {
                break;
            }
        }
        if choice.is_none() {
            self.repair()?;
            choice = self.choose()?;
            self.tell(choice.as_ref());
        }
        Ok(self.report(choice))
    }

    /// One call for each function of which there are not yet enough good ones.
    fn parts(&mut self, frame: &Frame, batch: Batch) -> Result<(), HostError> {
        for part in [Part::Valid, Part::Answer] {
            if self.pool.has_enough(part, self.strategy.votes_enough) {
                continue;
            }
            let messages = prompt::part(self.task, frame, part, self.strategy.notes);
            let tokens_max = self.strategy.part_tokens_max;
            for answer in self.ask(messages, batch, tokens_max)? {
                let block = answer.and_then(|files| files.into_values().next());
                match block.and_then(|block| frame.part(part, &block)) {
                    Some(text) => self.pool.add_part(frame, part, text, self.host)?,
                    None => self.pool.skip(),
                }
            }
        }
        self.pool.pair(frame, self.host)
    }

    fn wholes(&mut self, batch: Batch) -> Result<(), HostError> {
        let messages = prompt::build(self.task, batch.shape, self.strategy.notes);
        self.whole_answers(messages, batch)
    }

    /// One turn for each of the nearest misses, in a conversation of its own.
    fn repair(&mut self) -> Result<(), HostError> {
        let nearest = self.pool.nearest(self.strategy.repairs_max);
        let conversations: Vec<Vec<Message>> =
            nearest.iter().map(|one| prompt::repair(self.task, &one.files, &one.tried)).collect();
        for messages in conversations {
            self.whole_answers(messages, self.strategy.repair)?;
            if !self.pool.passing().is_empty() {
                break;
            }
        }
        Ok(())
    }

    fn whole_answers(&mut self, messages: Vec<Message>, batch: Batch) -> Result<(), HostError> {
        for answer in self.ask(messages, batch, self.strategy.tokens_max)? {
            match answer {
                Some(files) => self.pool.add_whole(files, self.host)?,
                None => self.pool.skip(),
            }
        }
        Ok(())
    }

    /// What the model answers, as files; `None` for an answer that holds none.
    fn ask(
        &mut self,
        messages: Vec<Message>,
        batch: Batch,
        tokens_max: u32,
    ) -> Result<Vec<Option<Files>>, HostError> {
        // Later visits see more disclosures; their answers should not be the same again.
        let visit = self.task.disclosures.len() + self.task.feedback.len();
        let own = visit as u64 * CALLS_MAX + self.calls;
        let seed = self.task.seed.wrapping_mul(SEED_STRIDE).wrapping_add(own) & SEED_MAX;
        self.calls += 1;
        let reply = self.host.complete(&Request {
            messages,
            candidates: batch.candidates.clamp(1, CANDIDATES_MAX),
            temperature: batch.temperature,
            top_p: self.strategy.top_p,
            tokens_max,
            seed,
            stop: Vec::new(),
        })?;
        self.spend += reply.spend;
        let write_set = &self.task.intent.interface.files;
        let files = |completion: &model::Completion| match completion.stop {
            StopReason::Cancelled => None,
            _ => read_answer(&completion.text, write_set).ok(),
        };
        Ok(reply.completions.iter().map(files).collect())
    }

    /// The passing program that most others agree with.
    fn choose(&mut self) -> Result<Option<(usize, Agreement)>, HostError> {
        let chosen = voters(&self.pool);
        if chosen.len() > 1 || !self.rejected.is_empty() {
            for at in &chosen {
                self.observe(*at)?;
            }
        }
        let suspects = self.suspects()?;
        let voters: Vec<Voter> = chosen
            .iter()
            .map(|at| {
                let behaviours = self.behaviours.get(at).cloned().unwrap_or_default();
                let made_of = self.pool.programs[*at].made_of;
                Voter {
                    halves: made_of.halves(),
                    votes: self.pool.votes(made_of),
                    discredited: self.repeats_rejected(&behaviours, &suspects),
                    behaviours,
                }
            })
            .collect();
        Ok(Agreement::of(&voters).map(|one| (chosen[one.winner], one)))
    }

    fn observe(&mut self, at: usize) -> Result<(), HostError> {
        if !self.behaviours.contains_key(&at) {
            let files = &self.pool.programs[at].files;
            let seen = observe_all(self.host, files, &self.probes)?;
            self.behaviours.insert(at, seen);
        }
        Ok(())
    }

    /// The probes on which the rejected build may have failed; empty when none was rejected.
    fn suspects(&mut self) -> Result<Vec<usize>, HostError> {
        if self.rejected.is_empty() {
            return Ok(Vec::new());
        }
        if self.rejected_behaviours.is_none() {
            let seen = observe_all(self.host, self.rejected, &self.probes)?;
            self.rejected_behaviours = Some(seen);
        }
        let wrong: BTreeSet<&RequirementId> =
            self.task.disclosures.iter().map(|found| &found.requirement).collect();
        let is_suspect = |at: &usize| wrong.contains(&self.probes[*at].requirement);
        Ok((0..self.probes.len()).filter(is_suspect).collect())
    }

    fn repeats_rejected(&self, behaviours: &[Behaviour], suspects: &[usize]) -> bool {
        let Some(rejected) = &self.rejected_behaviours else { return false };
        !suspects.is_empty() && suspects.iter().all(|at| behaviours.get(*at) == rejected.get(*at))
    }

    fn tell(&mut self, choice: Option<&(usize, Agreement)>) {
        let line = self.summary(choice.map(|(_, agreement)| *agreement));
        self.host.say(&line);
    }

    fn summary(&self, agreement: Option<Agreement>) -> String {
        let passing = self.pool.passing().len();
        let tried = self.pool.programs.len();
        let mut line =
            format!("{} answers, {passing} of {tried} programs pass", self.pool.answered);
        if self.pool.unusable > 0 {
            line += &format!(", {} answers unusable", self.pool.unusable);
        }
        if let Some(one) = agreement {
            line += &format!(", {} of {} votes agree", one.agreeing, one.votes);
        }
        line
    }

    fn report(&self, choice: Option<(usize, Agreement)>) -> Report {
        let best: Option<&Program> = match choice {
            Some((at, _)) => Some(&self.pool.programs[at]),
            None => self.pool.nearest(1).first().copied(),
        };
        Report {
            files: best.map(|program| program.files.clone()).unwrap_or_default(),
            tried: best.map(|program| program.tried.clone()).unwrap_or_default(),
            note: self.summary(choice.map(|(_, agreement)| agreement)),
            spend: self.spend,
        }
    }
}

/// Passing programs to compare, by index: first those that bring a half that none before them has.
fn voters(pool: &Pool<'_>) -> Vec<usize> {
    let passing: Vec<usize> =
        (0..pool.programs.len()).filter(|at| pool.programs[*at].passes()).collect();
    let mut seen = BTreeSet::new();
    let (new, known): (Vec<usize>, Vec<usize>) = passing.into_iter().partition(|at| {
        let [valid, answer] = pool.programs[*at].made_of.halves();
        let new_valid = seen.insert((Part::Valid, valid));
        seen.insert((Part::Answer, answer)) || new_valid
    });
    new.into_iter().chain(known).take(VOTERS_MAX).collect()
}

fn observe_all(
    host: &mut dyn Host,
    files: &Files,
    probes: &[Probe],
) -> Result<Vec<Behaviour>, HostError> {
    probes.iter().map(|probe| host.observe(files, &probe.words, &probe.stdin)).collect()
}
