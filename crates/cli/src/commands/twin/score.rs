//! `dark twin score`

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fidelity::measured::{Measure, Measured, digest};
use fidelity::suite::{Expectation, LANGUAGES, SUITES, Suite};
use fidelity::{EMULATE, Rival, Score, Stub, table};
use twin::{Pack, Universe};
use twin_server::{Canned, Clock, Loopback, Options, Served};

use super::{cache_dir, pack};
use crate::Globals;
use crate::commands::print_json;
use crate::failure::{Answer, Failure};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The services [default: all that have a suite]
    services: Vec<String>,
    /// Run the same suites against vercel-labs/emulate too
    #[arg(long)]
    beside_emulate: bool,
    /// Score whatever answers at this URL instead of our twin; for one service
    #[arg(long, value_name = "URL", conflicts_with = "beside_emulate")]
    url: Option<String>,
    /// Where SDKs are installed [default: the user's cache directory]
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
    /// Keep our scores in this file, beside those of other services
    #[arg(long, value_name = "FILE", conflicts_with = "url")]
    save: Option<PathBuf>,
    /// Do not list the expectations that did not hold
    #[arg(long)]
    quiet: bool,
}

/// What our twin is called among servers.
const OURS: &str = "ours";

type Found = Vec<(&'static str, Expectation)>;

pub(super) fn run(globals: &Globals, args: Args) -> Result<Answer, Failure> {
    let suites = chosen(&args)?;
    let cache = cache_dir(args.cache.as_deref())?;
    let mut rows = Vec::new();
    // What was scored before one that cannot be is shown and kept all the same.
    let mut failed = None;
    for suite in suites {
        match one(globals, &args, suite, &cache) {
            Ok(scored) => rows.push(scored),
            Err(failure) => {
                failed = Some(failure);
                break;
            }
        }
    }
    if !globals.json {
        for scored in &rows {
            println!("\n### {}\n\n{}", scored.service, table(&scored.rows, scored.floor.as_ref()));
        }
    }
    if let Some(file) = &args.save {
        save(file, &rows)?;
    }
    match failed {
        Some(failure) => Err(failure),
        None if rows.iter().all(Scored::well) => Ok(Answer::Fine),
        None => Ok(Answer::Wanting),
    }
}

/// What a service's servers scored.
struct Scored {
    service: &'static str,
    rows: Vec<(String, Score)>,
    floor: Option<Score>,
}

impl Scored {
    /// Whether the first server, ours, passed everything that counts.
    fn well(&self) -> bool {
        self.rows.first().is_some_and(|(_, score)| score.headline.passed == score.headline.of)
    }
}

/// Keeps the scores with the digests of the packs that they are of.
fn save(file: &Path, rows: &[Scored]) -> Result<(), Failure> {
    let mut kept: BTreeMap<String, Measured> = match fs::read_to_string(file) {
        Ok(text) => serde_json::from_str(&text).map_err(|error| {
            Failure::usage(format!("{} holds no scores: {error}", file.display()))
        })?,
        Err(_) => BTreeMap::new(),
    };
    for scored in rows {
        // Suites are of the services that have a pack of ours; a factory's own is measured by recordings.
        let files = Pack::builtin_files(scored.service).unwrap_or_default();
        let Some((_, ours)) = scored.rows.first() else { continue };
        let measured = Measured {
            pack: digest(files.iter().copied()),
            by: Measure::Suites,
            held: ours.headline,
            floor: scored.floor.as_ref().map(|floor| floor.headline),
        };
        kept.insert(scored.service.to_owned(), measured);
    }
    let text = serde_json::to_string_pretty(&kept).expect("scores have a JSON form");
    fs::write(file, text + "\n")
        .map_err(|error| Failure::usage(format!("failed to write {}: {error}", file.display())))
}

fn one(
    globals: &Globals,
    args: &Args,
    suite: &'static Suite,
    cache: &Path,
) -> Result<Scored, Failure> {
    let service = suite.service;
    let mut tell = |what: &str| eprintln!("{what}");
    let installed = suite.install(cache, &mut tell).map_err(|error| Failure::of(&error))?;
    let against = |name: &str, language, url: &str, control: Option<&str>| {
        eprintln!("{service}: the {language} suite against {name}");
        let found = installed.run(language, url, control).map_err(|error| Failure::of(&error))?;
        show(globals, args, service, name, language, &found);
        Ok::<Found, Failure>(found.into_iter().map(|one| (language, one)).collect())
    };
    if let Some(url) = &args.url {
        let mut found = Found::new();
        for language in LANGUAGES {
            found.extend(against(url, language, url.trim_end_matches('/'), None)?);
        }
        return Ok(Scored { service, rows: vec![(url.clone(), score(&found))], floor: None });
    }
    // A fresh server for each language: what one suite leaves behind is not the other's business.
    let (mut ours, mut rivals, mut floor) = (Found::new(), Found::new(), Found::new());
    let mut canned = Canned::new();
    for language in LANGUAGES {
        let served = serve(globals, suite, None)?;
        let url = base_url(&served, service);
        ours.extend(against(OURS, language, &url, Some(&format!("{url}/_twin")))?);
        for (operation, answer) in Stub::of(&served.stop()) {
            canned.entry(operation).or_insert(answer);
        }
    }
    let mut rows = vec![(OURS.to_owned(), score(&ours))];
    if args.beside_emulate && !Rival::has(service) {
        eprintln!("{service}: emulate {EMULATE} has no such service");
    } else if args.beside_emulate {
        for language in LANGUAGES {
            let rival = Rival::start(cache, service, suite.seed, &mut tell)
                .map_err(|error| Failure::of(&error))?;
            rivals.extend(against("emulate", language, rival.url(), None)?);
        }
        rows.push((format!("emulate {EMULATE}"), score(&rivals)));
    }
    let stub = serve(globals, suite, Some(canned))?;
    for language in LANGUAGES {
        floor.extend(against("the stateless stub", language, &base_url(&stub, service), None)?);
    }
    let floor = score(&floor);
    rows.push(("stateless stub".to_owned(), floor.clone()));
    Ok(Scored { service, rows, floor: Some(floor) })
}

fn score(found: &Found) -> Score {
    Score::of(found.iter().map(|(language, one)| (*language, one)))
}

/// Everything as JSON; for a person, what our twin does not.
fn show(
    globals: &Globals,
    args: &Args,
    service: &str,
    server: &str,
    language: &str,
    found: &[Expectation],
) {
    for one in found {
        if globals.json {
            print_json(&serde_json::json!({
                "service": service, "server": server, "language": language, "expectation": one,
            }));
        } else if !one.ok && !args.quiet && server == OURS {
            let (operation, check, detail) = (&one.operation, &one.check, &one.detail);
            let source = one.source.name();
            let line = format!("  {operation} {check}: {detail} ({source}, {language})");
            println!("{}", base::printable(&line));
        }
    }
}

fn chosen(args: &Args) -> Result<Vec<&'static Suite>, Failure> {
    let known: Vec<&str> = SUITES.iter().map(|suite| suite.service).collect();
    if args.services.is_empty() {
        return Ok(SUITES.iter().collect());
    }
    if args.url.is_some() && args.services.len() != 1 {
        return Err(Failure::usage("name the one service that answers at --url"));
    }
    let find = |name: &String| {
        SUITES.iter().find(|suite| suite.service == name).ok_or_else(|| {
            Failure::usage(format!(
                "there is no suite for `{name}`; there are {}",
                known.join(", ")
            ))
        })
    };
    args.services.iter().map(find).collect()
}

fn serve(globals: &Globals, suite: &Suite, canned: Option<Canned>) -> Result<Served, Failure> {
    let packs = [pack(globals, suite.service)?];
    let seed = twin::seed::read("seed.yaml", suite.seed, &packs)
        .map_err(|found| Failure::wanting(&found))?;
    let universe: Universe = seed.universe(&packs, 1).map_err(|error| Failure::of(&error))?;
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let listeners = vec![(suite.service.to_owned(), listener)];
    let options = Options {
        listeners,
        clock: Clock::Flowing,
        dial: Arc::new(Loopback),
        proxy: None,
        canned,
        control: true,
    };
    Served::start(universe, options).map_err(|error| Failure::of(&error))
}

fn base_url(served: &Served, service: &str) -> String {
    served.address(service).map(|address| format!("http://{address}")).unwrap_or_default()
}
