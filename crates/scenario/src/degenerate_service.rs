//! Services that are wrong on purpose: each gives one answer to everything, and speaks to nobody.
//!
//! They live in memory, beside real twins that nobody asks. What a set of scenarios lets pass here, it
//! would let pass in a build.

use std::collections::BTreeMap;
use std::time::Duration;

use base::Diagnostic;
use intent::{Interface, Scenario};
use sandbox::Finished;

use crate::degenerate::kinds;
use crate::http::{HttpRequest, HttpResponse};
use crate::services::{Ending, Mishap, Services};
use crate::strength::Judged;
use crate::twins::{Packs, Twins};
use crate::{Played, World, WorldError, play};

struct Constant {
    name: &'static str,
    description: &'static str,
    advice: &'static str,
    status: u16,
    body: &'static str,
}

const SERVICES: [Constant; 5] = [
    Constant {
        name: "service-silent",
        description: "answers every request with 200 and nothing",
        advice: "say what a response holds, or what a twin has afterwards",
        status: 200,
        body: "",
    },
    Constant {
        name: "service-ok",
        description: "answers every request with 200 and `{\"ok\":true}`",
        advice: "say what a response holds, or what a twin has afterwards",
        status: 200,
        body: "{\"ok\":true}",
    },
    Constant {
        name: "service-empty-list",
        description: "answers every request with 200 and an empty list",
        advice: "ask for something that is there",
        status: 200,
        body: "[]",
    },
    Constant {
        name: "service-refuses",
        description: "refuses every request with 401",
        advice: "ask for something that must succeed",
        status: 401,
        body: "",
    },
    Constant {
        name: "service-broken",
        description: "answers every request with 500",
        advice: "ask for something that must succeed",
        status: 500,
        body: "",
    },
];

/// What becomes of each in these scenarios; none where there are no scenarios.
pub(crate) fn judged(scenarios: &[Scenario], packs: &Packs) -> Vec<Judged> {
    let services = SERVICES.iter().filter(|_| !scenarios.is_empty());
    services.map(|constant| judge(constant, scenarios, packs)).collect()
}

/// Scenarios with a step that their twins cannot do: whatever is built, its plays are undecided.
pub(crate) fn undecided(
    interface: &Interface,
    scenarios: &[Scenario],
    packs: &Packs,
) -> Vec<Diagnostic> {
    let mut found: Vec<Diagnostic> = Vec::new();
    for scenario in scenarios {
        let told = Some(interface);
        let mut world =
            MemoryService { constant: &SERVICES[0], packs, told, twins: None, running: false };
        let Played::Undecided { reason } = play(kinds(scenario), &mut world) else { continue };
        // The steps of a background break in every scenario alike.
        if found.iter().all(|one| one.message != reason) {
            let help = "no play of it could be decided, whatever is built";
            let one = Diagnostic::error("undecided-scenario", reason).help(help);
            found.push(one.at(scenario.place.clone()));
        }
    }
    found
}

fn judge(constant: &'static Constant, scenarios: &[Scenario], packs: &Packs) -> Judged {
    let caught = scenarios.iter().find(|scenario| {
        let mut world = MemoryService { constant, packs, told: None, twins: None, running: false };
        matches!(play(kinds(scenario), &mut world), Played::Failed(_))
    });
    let ids = || scenarios.iter().map(|scenario| scenario.id.clone());
    Judged {
        name: constant.name.to_owned(),
        description: constant.description.to_owned(),
        caught_by: caught.map(|scenario| scenario.id.clone()),
        should_have_caught: if caught.is_some() { Vec::new() } else { ids().collect() },
        advice: constant.advice.to_owned(),
    }
}

struct MemoryService<'a> {
    constant: &'static Constant,
    packs: &'a Packs,
    /// Where it is told credentials, as a real one: by which variables.
    told: Option<&'a Interface>,
    twins: Option<Twins>,
    running: bool,
}

impl World for MemoryService<'_> {
    fn write_file(&mut self, _path: &str, _content: &[u8]) -> Result<(), WorldError> {
        Ok(())
    }

    fn run(
        &mut self,
        words: &[String],
        _stdin: &[u8],
        _env: &BTreeMap<String, String>,
    ) -> Result<Finished, WorldError> {
        Err(WorldError::UnknownCommand { name: words.first().cloned().unwrap_or_default() })
    }

    fn read_file(&mut self, _path: &str) -> Result<Option<Vec<u8>>, WorldError> {
        Ok(None)
    }

    fn services(&mut self) -> Result<&mut dyn Services, WorldError> {
        if self.twins.is_none() {
            self.twins = Some(Twins::new(self.packs, 0)?);
        }
        Ok(self)
    }
}

impl Services for MemoryService<'_> {
    fn twins(&mut self) -> &mut Twins {
        self.twins.as_mut().expect("whoever hands services out has made them")
    }

    fn is_running(&mut self) -> bool {
        self.running
    }

    fn start(&mut self, _: &BTreeMap<String, String>) -> Result<Result<(), Mishap>, WorldError> {
        let told = self.told;
        for (service, variables) in told.iter().flat_map(|interface| &interface.twins) {
            self.twins().credential_variables(service, variables)?;
        }
        self.running = true;
        Ok(Ok(()))
    }

    fn end(&mut self, _how: Ending) -> Result<(), WorldError> {
        self.running = false;
        Ok(())
    }

    fn request(&mut self, _: &HttpRequest) -> Result<Result<HttpResponse, Mishap>, WorldError> {
        let Constant { status, body, .. } = self.constant;
        let body = body.as_bytes().to_vec();
        Ok(Ok(HttpResponse { status: *status, headers: Vec::new(), body }))
    }

    fn stands_still(&self) -> bool {
        true
    }

    fn wait(&mut self, _time: Duration) -> Result<(), WorldError> {
        Ok(())
    }
}
