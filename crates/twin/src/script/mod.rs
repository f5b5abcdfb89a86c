//! The scripts of a pack: Starlark, read and checked once, then called for each request.
//!
//! A script is a pure function of what it is given: it has no files, no clock and no chance but those
//! of its universe. It may loop, call and allocate within bounds.

mod answers;
mod blob;
mod bounded;
mod db;
mod doc;
mod effects;
mod filter;
mod git;
mod graphql;
mod jql;
mod page;
mod perform;
mod request;
mod rooted;
mod text;
mod texts;
mod values;
mod work;

use std::collections::{BTreeMap, HashMap};
use std::sync::OnceLock;

use base::{Diagnostic, Place};
use starlark::codemap::{FileSpan, FileSpanRef};
use starlark::environment::{FrozenModule, Globals, GlobalsBuilder, Module};
use starlark::eval::{BeforeStmtFunc, BeforeStmtFuncDyn, Evaluator, ReturnFileLoader};
use starlark::syntax::{AstModule, Dialect, DialectTypes};
use starlark::typing::{AstModuleTypecheck, Interface};
use starlark::values::OwnedFrozenValue;

pub(crate) use perform::{Answer, Performance, call, open_socket, perform, sign, socket_received};
pub(crate) use work::{Wish, Work};

/// Function calls and turns of loops in one call of a script: some milliseconds.
const TICKS_MAX: u64 = 1_000_000;

/// How deep functions may call each other.
const CALLS_MAX: usize = 64;

/// What one call of a script may allocate, in bytes; looked at after each statement.
const HEAP_BYTES_MAX: usize = 64 << 20;

/// Elements of a `range`.
const RANGE_MAX: i32 = 1_000_000;

/// Bytes of one script file: more is no small script.
const FILE_BYTES_MAX: usize = 1 << 20;

/// A script that failed: a mistake of the pack's, never of whoever sent the request.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the pack's script failed: {0}")]
pub struct ScriptError(pub String);

/// All scripts of a pack, ready to be called. Those of ours are read when one of their functions is first called: a
/// twin pays for what is asked of it.
pub(crate) struct Program {
    files: BTreeMap<String, File>,
    functions: HashMap<String, Function>,
    trust: Trust,
}

struct File {
    /// Of a file that is not read yet.
    text: &'static str,
    module: OnceLock<FrozenModule>,
}

struct Function {
    /// Where it is defined.
    file: String,
    value: OnceLock<OwnedFrozenValue>,
}

/// How far a pack is trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trust {
    /// One of ours: its types were checked when the program was tested, and it does not run away with the memory.
    Ours,
    Foreign,
}

impl std::fmt::Debug for Program {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} functions", self.functions.len())
    }
}

impl Program {
    /// Scripts of ours, which a test has read as [`Program::load`] does.
    pub(crate) fn ours(files: impl Iterator<Item = (&'static str, &'static str)>) -> Self {
        let mut functions = HashMap::new();
        let mut known = BTreeMap::new();
        for (file, text) in files {
            for name in defined(text) {
                let function = Function { file: file.to_owned(), value: OnceLock::new() };
                functions.insert(name.to_owned(), function);
            }
            known.insert(file.to_owned(), File { text, module: OnceLock::new() });
        }
        Self { files: known, functions, trust: Trust::Ours }
    }

    /// Reads scripts by file name. A file gives another's names to its own by `load("other.star", "name")`.
    pub(crate) fn load<'a>(
        files: impl Iterator<Item = (&'a String, &'a String)>,
    ) -> Result<Self, Diagnostic> {
        let trust = Trust::Foreign;
        let mut left = BTreeMap::new();
        for (name, text) in files {
            left.insert(name.as_str(), parsed(name, text)?);
        }
        let mut modules: BTreeMap<String, FrozenModule> = BTreeMap::new();
        let mut interfaces = HashMap::new();
        while !left.is_empty() {
            // Those whose loads are all there; in each turn at least one, or they load in a circle.
            let ready = left.iter().find_map(|(name, ast)| {
                let loads = ast.loads();
                loads.iter().all(|load| modules.contains_key(load.module_id)).then_some(*name)
            });
            let Some(name) = ready else { return Err(unloadable(&left)) };
            let mut ast = left.remove(name).expect("it was just found there");
            interfaces.insert(name.to_owned(), typed(name, &ast, &interfaces)?);
            bounded::bind(&mut ast)?;
            let module = frozen(ast, &modules, trust).map_err(|cause| told(name, &cause))?;
            modules.insert(name.to_owned(), module);
        }
        let mut functions = HashMap::new();
        for (file, module) in &modules {
            for name in module.names() {
                let Ok(value) = module.get(name.as_str()) else { continue };
                if value.value().get_type() != "function" {
                    continue;
                }
                let function = Function { file: file.clone(), value: OnceLock::from(value) };
                if functions.insert(name.as_str().to_owned(), function).is_some() {
                    let message = format!("a second function `{}`", name.as_str());
                    let help = "functions of all files of a pack share their names; a name that begins with `_` is its file's own";
                    let found = Diagnostic::error("duplicate-function", message).help(help);
                    return Err(found.at(Place::line(file, 1)));
                }
            }
        }
        let read = |module| File { text: "", module: OnceLock::from(module) };
        let files = modules.into_iter().map(|(name, module)| (name, read(module))).collect();
        Ok(Self { files, functions, trust })
    }

    /// A file of ours with those that it loads; none loads itself, however many lie between.
    fn module(&self, name: &str) -> &FrozenModule {
        const TESTED: &str = "our scripts were read when the program was tested";
        let file = self.files.get(name).expect(TESTED);
        file.module.get_or_init(|| {
            let ast = parsed(name, file.text).expect(TESTED);
            let loads = ast.loads().into_iter().map(|load| load.module_id.to_owned());
            let modules = loads.map(|load| (load.clone(), self.module(&load).clone())).collect();
            frozen(ast, &modules, self.trust).expect(TESTED)
        })
    }

    /// Puts the bounds of one call in place.
    pub(crate) fn bound(&self, eval: &mut Evaluator<'_, '_, '_>) -> starlark::Result<()> {
        bound(eval, self.trust)
    }

    /// The names of its functions, in no order.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.functions.keys().map(String::as_str)
    }

    pub(crate) fn has(&self, function: &str) -> bool {
        self.functions.contains_key(function)
    }

    pub(crate) fn function(&self, name: &str) -> Option<&OwnedFrozenValue> {
        let function = self.functions.get(name)?;
        Some(function.value.get_or_init(|| {
            let found = self.module(&function.file).get(name);
            found.expect("it is defined where it was found")
        }))
    }

    pub(crate) fn nearest(&self, function: &str) -> Option<&str> {
        base::nearest(function, self.functions.keys().map(String::as_str))
    }
}

/// The functions of a script that others may call.
fn defined(text: &'static str) -> impl Iterator<Item = &'static str> {
    let names = text.lines().filter_map(|line| line.strip_prefix("def ")?.split('(').next());
    names.filter(|name| !name.starts_with('_'))
}

/// What every script has besides Starlark's own functions.
fn globals() -> &'static Globals {
    static GLOBALS: OnceLock<Globals> = OnceLock::new();
    GLOBALS.get_or_init(|| {
        GlobalsBuilder::standard()
            .with(capped)
            .with(bounded::natives)
            .with(db::natives)
            .with(effects::natives)
            .with(values::natives)
            .with(page::natives)
            .with(git::natives)
            .with(graphql::natives)
            .with(jql::natives)
            .with(rooted::natives)
            .with(filter::natives)
            .build()
    })
}

fn dialect() -> Dialect {
    Dialect {
        enable_load: true,
        enable_top_level_stmt: false,
        enable_types: DialectTypes::Enable,
        enable_f_strings: true,
        // What a file loads is not its own: other files load it from where it is.
        enable_load_reexport: false,
        ..Dialect::Standard
    }
}

fn parsed(name: &str, text: &str) -> Result<AstModule, Diagnostic> {
    if text.len() > FILE_BYTES_MAX {
        let message = format!("{} bytes are more than a script may have", text.len());
        return Err(Diagnostic::error("long-script", message).at(Place::line(name, 1)));
    }
    AstModule::parse(name, text.to_owned(), &dialect()).map_err(|cause| told(name, &cause))
}

/// Looks at the types of a script as it was written, and gives what it offers to others.
fn typed(
    name: &str,
    ast: &AstModule,
    loads: &HashMap<String, Interface>,
) -> Result<Interface, Diagnostic> {
    let (wrong, _, interface, _) = ast.clone().typecheck(globals(), loads);
    wrong.first().map_or(Ok(interface), |cause| Err(told(name, cause)))
}

fn frozen(
    ast: AstModule,
    modules: &BTreeMap<String, FrozenModule>,
    trust: Trust,
) -> starlark::Result<FrozenModule> {
    let known = modules.iter().map(|(name, module)| (name.as_str(), module)).collect();
    let loader = ReturnFileLoader { modules: &known };
    Module::with_temp_heap(|module| {
        {
            let mut eval = Evaluator::new(&module);
            bound(&mut eval, trust)?;
            eval.set_loader(&loader);
            eval.eval_module(ast, globals())?;
        }
        Ok(module.freeze()?)
    })
}

/// What is wrong where loads cannot be satisfied.
fn unloadable(left: &BTreeMap<&str, AstModule>) -> Diagnostic {
    let missing = left.iter().find_map(|(name, ast)| {
        let load = ast.loads().into_iter().find(|load| !left.contains_key(load.module_id))?;
        Some((*name, load.module_id.to_owned()))
    });
    let (file, message) = match missing {
        Some((file, wanted)) => (file, format!("there is no script `{wanted}` to load from")),
        None => {
            let names: Vec<&str> = left.keys().copied().collect();
            (names[0], format!("scripts load each other in a circle: {}", names.join(", ")))
        }
    };
    Diagnostic::error("bad-load", message).at(Place::line(file, 1))
}

/// A Starlark error as a finding with its place.
fn told(name: &str, cause: &starlark::Error) -> Diagnostic {
    let place = cause.span().map(place_of);
    let message = cause.without_diagnostic().to_string();
    Diagnostic::error("bad-script", message).at(place.unwrap_or_else(|| Place::line(name, 1)))
}

fn place_of(span: &FileSpan) -> Place {
    let begin = span.resolve_span().begin;
    let count = |n: usize| u32::try_from(n + 1).unwrap_or(u32::MAX);
    let file = span.filename().to_owned();
    Place { file, line: count(begin.line), column: count(begin.column) }
}

fn bound(eval: &mut Evaluator<'_, '_, '_>, trust: Trust) -> starlark::Result<()> {
    let wrong = |cause: anyhow::Error| error(cause.to_string());
    eval.set_max_callstack_size(CALLS_MAX).map_err(wrong)?;
    eval.set_max_tick_count(TICKS_MAX).map_err(wrong)?;
    eval.set_max_heap_size(HEAP_BYTES_MAX).map_err(wrong)?;
    if trust == Trust::Foreign {
        eval.before_stmt_for_dap(BeforeStmtFunc::from_dyn(Box::new(HeapWatch)));
    }
    Ok(())
}

/// Looks at the heap at every statement: Starlark's own limit is looked at too rarely to catch a text that
/// doubles in a loop.
struct HeapWatch;

impl<'e> BeforeStmtFuncDyn<'e> for HeapWatch {
    fn call<'v>(
        &mut self,
        _: FileSpanRef<'_>,
        _: bool,
        eval: &mut Evaluator<'v, '_, 'e>,
    ) -> starlark::Result<()> {
        if eval.heap().peak_allocated_bytes() > HEAP_BYTES_MAX {
            return Err(too_much());
        }
        Ok(())
    }
}

fn too_much() -> starlark::Error {
    error(format!("more than {HEAP_BYTES_MAX} bytes allocated"))
}

/// What a value of ours would be when Starlark read it back from a page of a heap: it writes none.
fn unpaged<T>() -> T {
    unreachable!("heaps are not paged")
}

/// An error of a script's own doing.
fn error(message: impl Into<String>) -> starlark::Error {
    starlark::Error::new_value(anyhow::Error::msg(message.into()))
}

#[starlark::starlark_module]
fn capped(builder: &mut GlobalsBuilder) {
    /// The whole numbers from `a` (or 0) up to `b`, without `b`.
    fn range(
        #[starlark(require = pos)] a: i32,
        #[starlark(require = pos)] b: Option<i32>,
        #[starlark(require = pos, default = 1)] step: i32,
    ) -> starlark::Result<Vec<i32>> {
        let (from, to) = b.map_or((0, a), |b| (a, b));
        if step == 0 || from.abs_diff(to) / step.unsigned_abs() > RANGE_MAX.unsigned_abs() {
            return Err(error(format!("a range takes at most {RANGE_MAX} steps")));
        }
        let mut numbers = Vec::new();
        let mut at = from;
        while (step > 0 && at < to) || (step < 0 && at > to) {
            numbers.push(at);
            at = at.saturating_add(step);
        }
        Ok(numbers)
    }
}
