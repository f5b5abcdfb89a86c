//! `dark scenario run|steps`

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use ::intent::Scenario;
use ::scenario::{
    CONFIDENCE, DECISION_ERROR, Decision, PlaySettings, Played, Player, SatisfactionReport,
    Sequential, ServiceStrength, Trajectory, Watched, flakes, side_by_side,
};
use factory::{Factory, FactoryError, Layout};
use sandbox::{Choice, Sandbox};

use super::{open_judge, print_json};
use crate::Globals;
use crate::failure::{Answer, Failure};
use crate::stop;

#[derive(clap::Subcommand)]
pub(crate) enum Sub {
    /// Play an intent's scenarios on a directory that holds the product
    Run(Wanted),
    /// List the steps that scenarios may use
    Steps,
}

pub(crate) fn run(globals: &Globals, sub: Sub) -> Result<Answer, Failure> {
    match sub {
        Sub::Run(wanted) => play(globals, &wanted),
        Sub::Steps => {
            for form in intent::step_forms() {
                if globals.json {
                    print_json(form);
                } else {
                    println!(
                        "{:<5} {}\n        {}",
                        format!("{:?}", form.keyword),
                        form.pattern,
                        form.doc
                    );
                }
            }
            Ok(Answer::Fine)
        }
    }
}

#[derive(clap::Args)]
pub(crate) struct Wanted {
    /// The intent (its directory or its intent.md), or one of its scenario files
    intent: PathBuf,
    /// The product, built
    product: PathBuf,
    /// Seeds for each scenario, from 0
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    seeds: u64,
    /// Play with this seed alone
    #[arg(long, conflicts_with = "seeds")]
    seed: Option<u64>,
    /// Only scenarios whose id (FILE:LINE) or title holds this text
    #[arg(long)]
    only: Option<String>,
    /// Print each step, and each call between the service and its twins, as they happen
    #[arg(long)]
    watch: bool,
    /// Play until it is decided whether satisfaction reaches what the intent wants, with an error
    /// of 5% at the most; at most 64 seeds
    #[arg(long, conflicts_with_all = ["seeds", "seed", "watch"])]
    decide: bool,
    /// Make what the service answers and does wrong, one thing at a time, and tell what no scenario
    /// notices and which faults none plays
    #[arg(long, conflicts_with_all = ["seeds", "watch", "decide"])]
    strength: bool,
    /// Print how many plays an hour that was, and whose CPU time it took
    #[arg(long)]
    time: bool,
    /// Plays at once [default: one for each core]
    #[arg(long)]
    threads: Option<usize>,
    /// Who judges what the scenarios leave to a judge [default: factory.toml's]
    #[arg(long, value_name = "MODEL")]
    judge: Option<String>,
}

impl Wanted {
    fn seeds(&self) -> Vec<u64> {
        let seeds = if self.strength { 1 } else { self.seeds };
        self.seed.map_or_else(|| (0..seeds).collect(), |seed| vec![seed])
    }
}

fn play(globals: &Globals, wanted: &Wanted) -> Result<Answer, Failure> {
    let cancel = stop::on_signal();
    let (directory, file) = intent_of(&wanted.intent);
    if file.is_some() {
        super::named("scenario file", &wanted.intent)?;
    }
    let loaded = factory::load_intent(&directory)?;
    let product = wanted.product.canonicalize().ok().filter(|path| path.is_dir());
    let product = product.ok_or_else(|| {
        let shown = wanted.product.display();
        Failure::usage(format!("{shown} is no folder: name the one that the built product lies in"))
    })?;
    let factory = Factory::open_read_only(&globals.start).ok();
    let sandbox = match &factory {
        Some(factory) => factory.sandbox()?,
        None => Sandbox::open(Choice::Auto).map_err(FactoryError::from)?,
    };
    let mut settings = PlaySettings::default();
    settings.threads = wanted.threads.unwrap_or(settings.threads);
    let config = factory.as_ref().map(|factory| &factory.config);
    let judge = open_judge(wanted.judge.as_deref(), &loaded.scenarios, config)?;
    settings.judge = judge.map(factory::judge_by_hand);
    let interface = &loaded.intent.interface;
    let root = directory.canonicalize().ok().and_then(|dir| Layout::find(&dir));
    let packs = factory::packs(interface, root.as_ref().map(Layout::root))?;
    let player = Player {
        sandbox: &sandbox,
        cancel: &cancel,
        product: &product,
        interface,
        packs: &packs,
        settings: &settings,
    };
    let mut scenarios = loaded.scenarios;
    let known: Vec<String> = scenarios.iter().map(named).collect();
    scenarios.retain(|scenario| {
        let of_file = file.as_ref().is_none_or(|stem| {
            scenario.id.as_str().rsplit_once(':').is_some_and(|(name, _)| name == stem)
        });
        let named =
            |text: &String| scenario.id.as_str().contains(text) || scenario.name.contains(text);
        of_file && wanted.only.as_ref().is_none_or(named)
    });
    if scenarios.is_empty() {
        let known = known.join("\n  ");
        return Err(Failure::usage(format!("no scenario of that name; there are:\n  {known}")));
    }
    if wanted.strength && interface.service.is_none() {
        return Err(Failure::usage(
            "--strength is for services: `dark check INTENT` tells what scenarios about commands catch",
        ));
    }
    let (started, before) = (Instant::now(), Used::now());
    let Plays { mut trajectories, decided, strength } =
        played(&player, wanted, globals.json, &scenarios, loaded.intent.satisfaction);
    let used = Used::now().since(&before);
    trajectories.retain(|one| !one.was_cancelled());
    report(globals, wanted, &trajectories);
    if let Some((decision, test)) = &decided {
        told(globals, *decision, test, trajectories.len());
    }
    if !globals.json {
        steady_failures(&trajectories).iter().for_each(|line| println!("{line}"));
    }
    if wanted.time && !globals.json {
        used.print(trajectories.len(), started.elapsed().as_secs_f64());
    }
    if cancel.is_pulled() {
        return Ok(Answer::Interrupted);
    }
    let strong = strength.is_none_or(|found| {
        print_strength(globals, &found);
        found.survivors().next().is_none()
    });
    let all = trajectories.iter().filter(|one| one.played.is_satisfied()).count();
    Ok(if strong && all == trajectories.len() { Answer::Fine } else { Answer::Wanting })
}

/// What was played, and what was made of it.
struct Plays {
    trajectories: Vec<Trajectory>,
    decided: Option<(Option<Decision>, Sequential)>,
    strength: Option<ServiceStrength>,
}

fn played(
    player: &Player<'_>,
    wanted: &Wanted,
    json: bool,
    scenarios: &[Scenario],
    reach: f64,
) -> Plays {
    let seeds = wanted.seeds();
    let (mut decided, mut strength) = (None, None);
    let trajectories = if wanted.watch {
        let pairs = scenarios.iter().flat_map(|one| seeds.iter().map(move |seed| (one, *seed)));
        pairs
            .map(|(scenario, seed)| {
                if json {
                    return player.trajectory(scenario, seed);
                }
                println!("{} seed {seed}: {}", scenario.id, scenario.name);
                let trajectory = player.watched(scenario, seed, &mut |news| print_news(&news));
                report_one(&trajectory);
                trajectory
            })
            .collect()
    } else if wanted.decide {
        let test = Sequential { wanted: reach, error: DECISION_ERROR };
        let (trajectories, decision) = player.play_until(scenarios, 0, &test, &mut |_| {});
        decided = Some((decision, test));
        trajectories
    } else if wanted.strength {
        let seed = seeds[0];
        let observe = |index: usize| player.observed(&scenarios[index], seed);
        let seen = side_by_side(scenarios.len(), player.settings.threads, &observe, &mut |_| {});
        strength = Some(player.service_strength(scenarios, seed, &seen, &mut |_, _| {}));
        seen.into_iter().map(|one| one.trajectory).collect()
    } else {
        player.play_all(scenarios, &seeds, &mut |_| {})
    };
    Plays { trajectories, decided, strength }
}

/// Scenarios that failed whenever they were played: no share of the others makes up for one.
fn steady_failures(trajectories: &[Trajectory]) -> Vec<String> {
    let mut plays: BTreeMap<String, (usize, usize, String)> = BTreeMap::new();
    for one in trajectories {
        let tags: Vec<String> = one.requirements.iter().map(ToString::to_string).collect();
        let entry = plays.entry(one.scenario.to_string()).or_insert((0, 0, tags.join(", ")));
        entry.0 += usize::from(matches!(one.played, Played::Failed(_)));
        entry.1 += 1;
    }
    let steady = plays.iter().filter(|(_, (failed, all, _))| failed == all);
    steady
        .map(|(scenario, (failed, _, tags))| {
            format!("{scenario} ({tags}) failed in each of its {failed} plays: that is no chance")
        })
        .collect()
}

/// Says whether it was decided that satisfaction reaches what is wanted, and what.
fn told(globals: &Globals, decision: Option<Decision>, test: &Sequential, plays: usize) {
    let Sequential { wanted, error } = test;
    if globals.json {
        let reached = decision.map(|decision| decision == Decision::Reached);
        let told = serde_json::json!({ "decided": decision.is_some(), "reached": reached,
            "wanted": wanted, "error": error, "plays": plays });
        print_json(&told);
        return;
    }
    let what = match decision {
        Some(Decision::Reached) => format!("satisfaction is {wanted} or more"),
        Some(Decision::Missed) => format!("satisfaction is less than {wanted}"),
        None => {
            println!("not decided after {plays} plays: whether satisfaction is {wanted} or more");
            return;
        }
    };
    println!(
        "decided after {plays} plays: {what} (wrong in at most {:.0}% of such decisions)",
        error * 100.0
    );
}

fn print_strength(globals: &Globals, found: &ServiceStrength) {
    if globals.json {
        print_json(found);
        return;
    }
    let (caught, all) = found.caught();
    println!("{caught} of {all} sabotages were noticed");
    for survivor in found.survivors() {
        let about: Vec<&str> = survivor.requirements.iter().map(|id| id.as_str()).collect();
        let scenarios: Vec<&str> = survivor.unnoticed_in.iter().map(|id| id.as_str()).collect();
        let (about, scenarios) = (about.join(", "), scenarios.join(", "));
        println!("nobody noticed {} ({about}) in {scenarios}", survivor.sabotage);
    }
    let unplayed = found.unplayed().count();
    println!("{} of {} faults are played", found.faults.len() - unplayed, found.faults.len());
    for fault in found.unplayed() {
        let became = match (&fault.tried, fault.falls()) {
            (None, _) => String::new(),
            (_, None) => "; the product stood it".to_owned(),
            (_, Some((kind, scenario))) => format!("; with it {scenario} fails: {kind}"),
        };
        println!("no scenario plays {fault}{became}");
    }
}

/// The directory of an intent, and the stem of the scenario file where one was named.
fn intent_of(path: &Path) -> (PathBuf, Option<String>) {
    if path.extension().is_some_and(|extension| extension == "feature") {
        let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        let directory = path.ancestors().nth(2).unwrap_or(Path::new("."));
        let directory = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
        return (directory.to_owned(), stem);
    }
    (factory::intent_directory(path), None)
}

fn named(scenario: &Scenario) -> String {
    format!("{}: {}", scenario.id, scenario.name)
}

fn print_news(news: &Watched<'_>) {
    match news {
        Watched::Step(step) => println!("  {}", step.text),
        Watched::Exchange(one) => {
            let status =
                one.status.map_or_else(|| "no answer".to_owned(), |status| status.to_string());
            let mut line =
                format!("      {} {} {} -> {status}", one.service, one.method, one.target);
            if !one.operation.is_empty() {
                line += &format!(" ({})", one.operation);
            }
            if !one.faults.is_empty() {
                line += &format!(" fault: {}", one.faults.join(", "));
            }
            println!("{}", base::printable(&line));
        }
    }
}

fn report_one(trajectory: &Trajectory) {
    let (id, seed) = (&trajectory.scenario, trajectory.seed);
    let line = match &trajectory.played {
        Played::Satisfied => return,
        Played::Failed(failure) => format!(
            "{id} seed {seed}: {}: expected {}, got {}",
            failure.kind, failure.expected, failure.actual
        ),
        Played::Uncovered { call } => {
            format!("{id} seed {seed}: undecided: not covered by the twin: {call}")
        }
        Played::Undecided { reason } => format!("{id} seed {seed}: undecided: {reason}"),
    };
    println!("{}", base::printable(&line));
}

fn report(globals: &Globals, wanted: &Wanted, trajectories: &[Trajectory]) {
    if globals.json {
        trajectories.iter().for_each(print_json);
        return;
    }
    if !wanted.watch {
        trajectories.iter().for_each(report_one);
    }
    for flake in flakes(trajectories) {
        let seeds: Vec<String> = flake.failed.iter().take(5).map(u64::to_string).collect();
        println!(
            "{} is flaky: it failed with {} of {} seeds; play it again with --only {} --seed {} --watch",
            flake.scenario,
            flake.failed.len(),
            flake.failed.len() + flake.satisfied.len(),
            flake.scenario,
            seeds.join(", ")
        );
    }
    let report = SatisfactionReport::of(trajectories, CONFIDENCE);
    for (requirement, satisfaction) in &report.requirements {
        println!("{requirement}: {satisfaction}");
    }
    let all = trajectories.iter().filter(|one| one.played.is_satisfied()).count();
    println!("{all} of {} trajectories satisfied: {}", trajectories.len(), report.overall);
}

/// CPU seconds of this process, and of all that it started and that has ended.
struct Used {
    ours: f64,
    theirs: f64,
}

impl Used {
    fn now() -> Self {
        let of = |stat: &[&str], at: usize| stat.get(at).and_then(|text| text.parse::<f64>().ok());
        let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
        // The name in parentheses may hold anything; the numbers come after it (proc_pid_stat(5)).
        let rest = text.rsplit_once(')').map_or("", |(_, rest)| rest);
        let stat: Vec<&str> = rest.split_whitespace().collect();
        let sum = |from: usize| {
            let ticks = of(&stat, from).unwrap_or(0.0) + of(&stat, from + 1).unwrap_or(0.0);
            ticks / TICKS_PER_SECOND
        };
        Self { ours: sum(11), theirs: sum(13) }
    }

    fn since(&self, before: &Self) -> Self {
        Self { ours: self.ours - before.ours, theirs: self.theirs - before.theirs }
    }

    fn print(&self, plays: usize, seconds: f64) {
        let all = (self.ours + self.theirs).max(f64::MIN_POSITIVE);
        let each = |cpu: f64| cpu * 1000.0 / plays.max(1) as f64;
        println!(
            "{plays} plays in {seconds:.1} s: {:.0} an hour; CPU of each: {:.1} ms ours ({:.1}%), {:.1} ms the sandboxed programs'",
            plays as f64 * 3600.0 / seconds,
            each(self.ours),
            self.ours * 100.0 / all,
            each(self.theirs)
        );
    }
}

/// `USER_HZ`: 100 on every architecture that this builds for.
const TICKS_PER_SECOND: f64 = 100.0;
