//! `dark twin score`

use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Arc;

use fidelity::suite::{Expectation, LANGUAGES, SUITES, Suite};
use fidelity::{EMULATE, Rival, Score, Stub, table};
use twin::Universe;
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
    /// Do not list the expectations that did not hold
    #[arg(long)]
    quiet: bool,
}

type Found = Vec<(&'static str, Expectation)>;

pub(super) fn run(globals: &Globals, args: Args) -> Result<Answer, Failure> {
    let suites = chosen(&args)?;
    let cache = cache_dir(args.cache.as_deref())?;
    let mut rows = Vec::new();
    let mut all_well = true;
    for suite in suites {
        rows.push(one(globals, &args, suite, &cache)?);
        all_well &= rows.last().is_some_and(|scored| scored.well());
    }
    if !globals.json {
        for scored in &rows {
            println!("\n### {}\n\n{}", scored.service, table(&scored.rows, scored.floor.as_ref()));
        }
    }
    Ok(if all_well { Answer::Fine } else { Answer::Wanting })
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

fn one(
    globals: &Globals,
    args: &Args,
    suite: &'static Suite,
    cache: &std::path::Path,
) -> Result<Scored, Failure> {
    let service = suite.service;
    let mut tell = |what: &str| eprintln!("{what}");
    let installed = suite.install(cache, &mut tell).map_err(|error| Failure::of(&error))?;
    let against = |name: &str, url: &str, control: Option<&str>| -> Result<Score, Failure> {
        let mut found: Found = Vec::new();
        for language in LANGUAGES {
            eprintln!("{service}: the {language} suite against {name}");
            let run = installed.run(language, url, control).map_err(|error| Failure::of(&error))?;
            found.extend(run.into_iter().map(|one| (language, one)));
        }
        for (language, one) in &found {
            if globals.json {
                print_json(&serde_json::json!({
                    "service": service, "server": name, "language": language, "expectation": one,
                }));
            } else if !one.ok && !args.quiet && name == "ours" {
                let source = one.source.name();
                let line = format!(
                    "  {} {}: {} ({source}, {language})",
                    one.operation, one.check, one.detail
                );
                println!("{}", base::printable(&line));
            }
        }
        Ok(Score::of(found.iter().map(|(language, one)| (*language, one))))
    };
    if let Some(url) = &args.url {
        let rows = vec![(url.clone(), against(url, url.trim_end_matches('/'), None)?)];
        return Ok(Scored { service, rows, floor: None });
    }
    let served = serve(globals, suite, None)?;
    let url = base_url(&served, service);
    let mut rows = vec![("ours".to_owned(), against("ours", &url, Some(&format!("{url}/_twin")))?)];
    let canned = Stub::of(&served.stop());
    if args.beside_emulate {
        let rival = Rival::start(cache, service, suite.seed, &mut tell)
            .map_err(|error| Failure::of(&error))?;
        rows.push((format!("emulate {EMULATE}"), against("emulate", rival.url(), None)?));
    }
    let stub = serve(globals, suite, Some(canned))?;
    let floor = against("the stateless stub", &base_url(&stub, service), None)?;
    rows.push(("stateless stub".to_owned(), floor.clone()));
    Ok(Scored { service, rows, floor: Some(floor) })
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
