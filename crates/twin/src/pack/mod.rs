//! A pack: everything particular to one service, as data and small scripts, read and checked as a whole.
//!
//! It refuses to know where its files come from: they are handed over by name.

mod builtin;
mod manifest;

use std::collections::BTreeMap;
use std::sync::Arc;

use base::{Diagnostic, Place, Timestamp};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

pub use manifest::Manifest;
pub(crate) use manifest::{
    Kind, OperationData, Rate, Refusals, SeedKind, SeedShape, WebhookPolicy,
};

use crate::route::{Found, Routes};
use crate::script::{Program, ScriptError, Work};
use crate::universe::Twin;
use crate::{Request, State, TableShape};

/// Tables of one pack: indexed by a byte in places, and no service has as many kinds of things.
const TABLES_MAX: usize = 200;

/// The file that every pack has.
const MANIFEST: &str = "pack.toml";

/// A service that can be part of a universe.
#[derive(Debug)]
pub struct Pack {
    manifest: Manifest,
    tables: Vec<TableShape>,
    operations: Vec<Operation>,
    routes: Routes,
    program: Program,
    /// Of all answers.
    headers: HeaderMap,
}

/// An operation with everything looked up.
#[derive(Debug)]
pub(crate) struct Operation {
    pub(crate) name: String,
    pub(crate) handler: String,
    pub(crate) args: Vec<Argument>,
    pub(crate) rate: Option<(String, Rate)>,
    pub(crate) data: OperationData,
    /// `name`, `scopes` and `more`, as scripts see them.
    pub(crate) shown: Arc<Value>,
}

#[derive(Debug)]
pub(crate) struct Argument {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) optional: bool,
}

/// Why a pack cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// Everything that is wrong with its files.
    #[error("the pack has {} mistakes: {}", .0.len(), told(.0))]
    Mistakes(Vec<Diagnostic>),
    #[error("no pack is called `{name}`; there are {}", .known.join(", "))]
    Unknown { name: String, known: Vec<String> },
    #[error("the pack has no function `{0}`")]
    NoFunction(String),
    #[error("the service refused: {code}{}", if .detail.is_empty() { String::new() } else { format!(" ({})", .detail) })]
    Refused { code: String, detail: String },
    #[error(transparent)]
    Script(#[from] ScriptError),
}

fn told(found: &[Diagnostic]) -> String {
    let told: Vec<String> = found.iter().map(ToString::to_string).collect();
    told.join("; ")
}

impl Pack {
    /// The names of the packs that come with the program.
    pub fn builtin_names() -> Vec<&'static str> {
        builtin::PACKS.iter().map(|(name, _)| *name).collect()
    }

    /// The files of a pack that comes with the program: `(name, text)`.
    pub fn builtin_files(name: &str) -> Option<&'static [(&'static str, &'static str)]> {
        builtin::PACKS.iter().find(|(known, _)| *known == name).map(|(_, files)| *files)
    }

    /// A pack that comes with the program.
    ///
    /// # Errors
    /// A name that none has.
    pub fn builtin(name: &str) -> Result<Arc<Self>, PackError> {
        let Some(files) = Self::builtin_files(name) else {
            let known = Self::builtin_names().into_iter().map(str::to_owned).collect();
            return Err(PackError::Unknown { name: name.to_owned(), known });
        };
        let text = files.iter().find(|(name, _)| *name == MANIFEST).map(|(_, text)| *text);
        let scripts = files.iter().filter(|(name, _)| *name != MANIFEST).copied();
        Self::with(text, |_| Ok(Program::ours(scripts))).map(Arc::new)
    }

    /// Reads a pack: `pack.toml` and any number of `*.star`, by file name.
    ///
    /// # Errors
    /// Every mistake that can be found without running an operation, with file and line.
    pub fn read(files: &BTreeMap<String, String>) -> Result<Self, PackError> {
        let scripts = files.iter().filter(|(name, _)| name.ends_with(".star"));
        Self::with(files.get(MANIFEST).map(String::as_str), |mistake| {
            Program::load(scripts).map_err(mistake)
        })
    }

    fn with(
        manifest: Option<&str>,
        program: impl FnOnce(fn(Diagnostic) -> PackError) -> Result<Program, PackError>,
    ) -> Result<Self, PackError> {
        let mistake = |found| PackError::Mistakes(vec![found]);
        let text = manifest.ok_or_else(|| {
            mistake(
                Diagnostic::error("missing-manifest", "there is no `pack.toml`")
                    .help("a pack is a folder with `pack.toml` and scripts `*.star`"),
            )
        })?;
        let manifest: Manifest = toml::from_str(text).map_err(|error| {
            let offset = error.span().map_or(0, |span| span.start);
            let found = Diagnostic::error("bad-manifest", error.message().to_owned());
            mistake(found.at(Place::at("pack.toml", text, offset)))
        })?;
        let program = program(mistake)?;
        let mut found = Vec::new();
        let pack = Self::assemble(manifest, program, text, &mut found);
        if found.is_empty() { Ok(pack) } else { Err(PackError::Mistakes(found)) }
    }

    fn assemble(
        manifest: Manifest,
        program: Program,
        text: &str,
        found: &mut Vec<Diagnostic>,
    ) -> Self {
        let mut wrong = |near: &str, message: String| {
            let offset = text.find(near).unwrap_or(0);
            let place = Place::at("pack.toml", text, offset);
            found.push(Diagnostic::error("bad-manifest", message).at(place));
        };
        let tables: Vec<TableShape> = manifest
            .tables
            .iter()
            .map(|(name, data)| TableShape {
                name: name.clone(),
                key: data.key.clone(),
                index: data.index.clone(),
            })
            .collect();
        if tables.len() > TABLES_MAX {
            wrong("[tables", format!("{} tables are more than {TABLES_MAX}", tables.len()));
        }
        for code in manifest.refusals.all() {
            if !manifest.errors.contains_key(code) {
                wrong(code, format!("`{code}` is not among the errors"));
            }
        }
        let mut routes = Routes::default();
        let mut operations: Vec<Operation> = Vec::with_capacity(manifest.operations.len());
        for (name, data) in &manifest.operations {
            let handler = data.handler.clone().unwrap_or_else(|| handler_of(name));
            if !program.has(&handler) {
                let near = program.nearest(&handler);
                let near = near.map_or(String::new(), |near| format!("; did you mean `{near}`?"));
                wrong(name, format!("no script has a function `{handler}` for `{name}`{near}"));
            }
            let mut args = Vec::new();
            for (argument, kind) in &data.args {
                match Kind::read(kind) {
                    Some((kind, optional)) => {
                        args.push(Argument { name: argument.clone(), kind, optional });
                    }
                    None => wrong(name, format!("`{kind}` of `{argument}` is no type")),
                }
            }
            let rate = data.rate.as_ref().and_then(|rate| {
                let known = manifest.rates.get(rate).map(|known| (rate.clone(), *known));
                if known.is_none() {
                    wrong(name, format!("`{rate}` is not among the rates"));
                }
                known
            });
            for route in data.route.iter() {
                let name_of = |other: usize| operations[other].name.clone();
                let this = operations.len();
                if let Err(error) =
                    routes.add(route, this, |n| if n == this { name.clone() } else { name_of(n) })
                {
                    wrong(name, error.to_string());
                }
            }
            let shown =
                serde_json::json!({ "name": name, "scopes": data.scopes, "more": data.more });
            let (name, data) = (name.clone(), data.clone());
            operations.push(Operation { name, handler, args, rate, data, shown: Arc::new(shown) });
        }
        let headers = manifest.headers.iter().filter_map(|(name, value)| {
            Some((HeaderName::try_from(name).ok()?, HeaderValue::try_from(value).ok()?))
        });
        let headers = headers.collect();
        Self { manifest, tables, operations, routes, program, headers }
    }

    pub fn service(&self) -> &str {
        &self.manifest.service
    }

    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The first of its real hostnames, or its name.
    pub fn host(&self) -> &str {
        self.manifest.hosts.first().unwrap_or(&self.manifest.service)
    }

    /// Whether a real hostname is this service's.
    pub fn answers_for(&self, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        self.manifest.hosts.iter().any(|known| match known.strip_prefix("*.") {
            Some(rest) => host.split_once('.').is_some_and(|(_, parent)| parent == rest),
            None => *known == host,
        })
    }

    pub fn tables(&self) -> &[TableShape] {
        &self.tables
    }

    /// The names of its operations, in order.
    pub fn operations(&self) -> impl Iterator<Item = &str> {
        self.operations.iter().map(|operation| operation.name.as_str())
    }

    /// The words that steps of scenarios may use of this service, in order: `X` for each function `step_X`
    /// but `step_credentials`, which steps never name.
    pub fn step_words(&self) -> impl Iterator<Item = &str> {
        let named = self.program.names().filter_map(|name| name.strip_prefix("step_"));
        let mut words: Vec<&str> = named.filter(|word| *word != "credentials").collect();
        words.sort_unstable();
        words.into_iter()
    }

    /// The name of the operation that a request means.
    pub fn operation_of(&self, request: &Request) -> Option<&str> {
        match self.routes.find(request.method().as_str(), request.uri().path()) {
            Found::Operation { operation, .. } => Some(&self.operations[operation].name),
            Found::WrongMethod | Found::Nothing => None,
        }
    }

    pub(crate) fn operation(&self, index: usize) -> &Operation {
        &self.operations[index]
    }

    pub(crate) fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    pub(crate) fn routes(&self) -> &Routes {
        &self.routes
    }

    pub(crate) fn program(&self) -> &Program {
        &self.program
    }

    pub(crate) fn table(&self, name: &str) -> Option<usize> {
        self.tables.binary_search_by(|shape| shape.name.as_str().cmp(name)).ok()
    }

    pub(crate) fn webhook(&self, policy: &str) -> Option<&WebhookPolicy> {
        self.manifest.webhooks.get(policy)
    }

    pub(crate) fn empty_state(&self) -> State {
        State::new(self.tables.len())
    }

    /// Hands the service's section of a seed file to the pack's `seeded`.
    pub(crate) fn seed(
        &self,
        twin: &Twin,
        index: usize,
        work: &mut Work,
        now: Timestamp,
        data: Value,
    ) -> Result<(), PackError> {
        self.call(twin, index, work, now, "seeded", data).map(|_| ())
    }

    /// Calls a function of the pack with one argument.
    pub(crate) fn call(
        &self,
        twin: &Twin,
        index: usize,
        work: &mut Work,
        now: Timestamp,
        function: &str,
        data: Value,
    ) -> Result<Value, PackError> {
        if !self.program.has(function) {
            return Err(PackError::NoFunction(function.to_owned()));
        }
        crate::script::call(twin, index, work, now, function, data)
    }
}

impl Refusals {
    fn all(&self) -> impl Iterator<Item = &str> {
        let always = [
            &self.unknown_operation,
            &self.missing_argument,
            &self.invalid_argument,
            &self.malformed_body,
            &self.rate_limited,
            &self.server_error,
        ];
        always.into_iter().chain(&self.wrong_method).chain(&self.missing_scope).map(String::as_str)
    }
}

/// `conversations.list` is performed by `conversations_list`.
fn handler_of(operation: &str) -> String {
    operation.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What [`Program::ours`] rests on.
    #[test]
    fn our_own_packs_pass_every_check_that_a_foreign_one_must() {
        for (name, files) in builtin::PACKS {
            let files = files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
            let read = Pack::read(&files.collect()).map_err(|error| error.to_string()).unwrap();
            assert_eq!(read.service(), *name);
            // What is read when it is first called is known by the same names before.
            let ours = Pack::builtin(name).unwrap();
            let names = |pack: &Pack| -> std::collections::BTreeSet<String> {
                pack.program.names().map(str::to_owned).collect()
            };
            assert_eq!(names(&ours), names(&read));
            for function in read.program.names() {
                assert!(ours.program.function(function).is_some());
            }
        }
    }

    fn check(script: &str, expected: &str) {
        let mut files: BTreeMap<String, String> = builtin::PACKS
            .iter()
            .find(|(name, _)| *name == "echo")
            .into_iter()
            .flat_map(|(_, files)| files.iter())
            .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
            .collect();
        files.insert("more.star".to_owned(), script.to_owned());
        let told =
            Pack::read(&files).map(|_| "fine".to_owned()).unwrap_or_else(|error| error.to_string());
        assert!(told.contains(expected), "{told}");
    }

    #[test]
    fn a_slip_in_a_script_is_told_with_file_and_line_when_the_pack_is_read() {
        check("def a():\n    return 1\n", "fine");
        check("def a(:\n", "more.star:1:7");
        check("def a():\n    return refus()\n", "more.star:2:12");
        check("def a():\n    return refuse(3)\n", "more.star:2:");
        check("def health(req):\n    return 1\n", "a second function `health`");
        check("load(\"none.star\", \"x\")\n", "no script `none.star` to load from");
        check("load(\"more.star\", \"x\")\n", "in a circle");
        check("def a():\n    return 1 + \"a\"\n", "more.star:2:12");
        check("def a(x: str) -> int:\n    return x\n", "more.star:2:");
        check(
            "load(\"echo.star\", \"health\")\ndef a():\n    return health(1, 2)\n",
            "more.star:3:",
        );
        check("def a(n):\n    n *= 2\n    return n\n", "more.star:2:5");
        check("A = \"a\" * 2000000000\n", "more.star:1:5: error[bad-script]: more than");
    }
}
