//! Text to statements (2.2), as lenient as public pipelines need it, and with every error of a file
//! at once: after each one, reading goes on where the next statement begins. Knows no attribute.

mod attributes;

use std::rc::Rc;

use base::{Diagnostic, StageId};

use crate::limits::{DEPTH_MAX, SYNTAX_ERRORS_MAX};
use crate::report::Report;
use crate::scanner::Scanner;
use crate::syntax::{Attribute, Name, Statement, Syntax};
use crate::text::Text;

/// Reads a document; `false` beside it when there were errors and nothing may be concluded from what
/// is missing.
pub(crate) fn parse_syntax<'s>(text: &'s Text, report: &mut Report) -> (Syntax<'s>, bool) {
    let mut parser = Parser {
        text,
        scan: Scanner::new(text.source()),
        report,
        errors: 0,
        depth: 0,
        separators: Repeated::default(),
        escapes: Repeated::default(),
        unquoted: Repeated::default(),
    };
    let syntax = parser.document();
    parser.report_repeated();
    (syntax, parser.errors == 0)
}

/// Words that name no stage, not even in quotes: most DOT tools would misread the graph.
const KEYWORDS: [&str; 6] = ["digraph", "edge", "graph", "node", "strict", "subgraph"];

struct Parser<'s, 'r> {
    text: &'s Text,
    scan: Scanner<'s>,
    report: &'r mut Report,
    errors: usize,
    depth: usize,
    separators: Repeated,
    escapes: Repeated,
    unquoted: Repeated,
}

/// A habit of whoever wrote the file: told once, with how often.
#[derive(Default)]
struct Repeated {
    first: Option<usize>,
    count: usize,
}

impl Repeated {
    fn add(&mut self, at: usize) {
        self.first.get_or_insert(at);
        self.count += 1;
    }
}

/// An error has been reported, and the scanner stands where reading may go on.
struct Reported;

type Parse<T> = Result<T, Reported>;

impl<'s> Parser<'s, '_> {
    fn document(&mut self) -> Syntax<'s> {
        let mut syntax = Syntax::default();
        self.scan.eat("\u{feff}");
        self.trivia();
        syntax.at = self.scan.at;
        let Ok(name) = self.header() else { return syntax };
        syntax.name = name;
        let opening = self.scan.at;
        self.scan.bump();
        syntax.statements = self.statements();
        if self.scan.eat("}") {
            self.after_graph();
        } else if !self.is_lost() {
            self.error(opening, "this graph is never closed", "add a `}` at its end");
        }
        syntax
    }

    /// `digraph name`, up to the brace.
    fn header(&mut self) -> Parse<String> {
        let mut at = self.scan.at;
        let mut word = self.scan.word();
        if word.eq_ignore_ascii_case("strict") {
            self.error(at, "`strict` is not in the dialect", "remove `strict`");
            self.trivia();
            at = self.scan.at;
            word = self.scan.word();
        }
        if word.eq_ignore_ascii_case("graph") {
            self.error(at, "a pipeline is a directed graph", "write `digraph` instead of `graph`");
        } else if !word.eq_ignore_ascii_case("digraph") {
            let found = self.describe(at);
            let help = "a pipeline begins with `digraph name {`";
            return Err(self.error(at, format!("expected `digraph`, found {found}"), help));
        }
        self.trivia();
        at = self.scan.at;
        let name =
            if self.scan.looks_at("\"") { self.string()? } else { self.scan.word().to_owned() };
        if name.is_empty() {
            let warning = Diagnostic::warning("graph-name", "the pipeline has no name");
            let help = "name it: `digraph name {`";
            self.report.push(warning.help(help).at(self.text.place(at)));
        }
        self.trivia();
        if self.scan.looks_at("{") {
            return Ok(name);
        }
        let found = self.describe(self.scan.at);
        Err(self.error(self.scan.at, format!("expected `{{`, found {found}"), "open the graph"))
    }

    fn after_graph(&mut self) {
        self.trivia();
        if !self.scan.is_at_end() {
            let at = self.scan.at;
            let found = self.describe(at);
            let help = "one file holds one graph: move the rest to a file of its own";
            self.error(at, format!("expected the end of the file, found {found}"), help);
        }
    }

    /// Statements up to a closing brace, which is left, or the end.
    fn statements(&mut self) -> Vec<Statement<'s>> {
        let mut statements = Vec::new();
        loop {
            self.trivia();
            if self.scan.is_at_end() || self.scan.looks_at("}") || self.is_lost() {
                return statements;
            }
            let before = self.scan.at;
            if self.scan.eat(";") || self.scan.eat(",") {
                continue;
            }
            match self.statement() {
                Ok(statement) => statements.push(statement),
                Err(Reported) if self.scan.at == before => self.scan.bump(),
                Err(Reported) => {}
            }
        }
    }

    fn statement(&mut self) -> Parse<Statement<'s>> {
        let at = self.scan.at;
        match self.scan.peek() {
            Some('{') => {
                let warning = Diagnostic::warning("anonymous-group", "a group without `subgraph`");
                let help = "write `subgraph {`";
                self.report.push(warning.help(help).at(self.text.place(at)));
                self.subgraph(at)
            }
            Some('"') => {
                let word = self.string()?;
                self.after_word(at, &word)
            }
            Some('[') => {
                self.scan.skip_block();
                let help = "attributes follow a stage, an edge, or `graph`, `node`, `edge`";
                Err(self.error(at, "attributes of nothing", help))
            }
            _ => match self.scan.word() {
                "" => {
                    let found = self.describe(at);
                    self.scan.skip_statement();
                    let help = "a statement is `stage [..]`, `a -> b [..]`, `key = value`, \
                                `graph|node|edge [..]` or `subgraph name { .. }`";
                    Err(self.error(at, format!("expected a statement, found {found}"), help))
                }
                "subgraph" => {
                    self.trivia();
                    if self.scan.looks_at("\"") {
                        self.string()?;
                    } else {
                        self.scan.word();
                    }
                    self.trivia();
                    self.subgraph(at)
                }
                word => {
                    let word = word.to_owned();
                    self.trivia();
                    if self.scan.looks_at("[") {
                        match word.as_str() {
                            "graph" => return Ok(Statement::Graph(self.blocks())),
                            "node" => return Ok(Statement::NodeDefaults(self.blocks())),
                            "edge" => return Ok(Statement::EdgeDefaults(self.blocks())),
                            _ => {}
                        }
                    }
                    self.after_word(at, &word)
                }
            },
        }
    }

    /// What a statement that begins with a name is: an attribute of the graph, an edge or a stage.
    fn after_word(&mut self, at: usize, word: &str) -> Parse<Statement<'s>> {
        self.trivia();
        if self.scan.looks_at("=") {
            let key = self.key(at, word);
            self.scan.bump();
            let attribute = self.value().map(|(value, value_at)| {
                Statement::Graph(vec![Rc::new(Attribute { key, key_at: at, value, value_at })])
            });
            if attribute.is_err() {
                self.scan.skip_statement();
            }
            return attribute;
        }
        let name = self.name(at, word);
        if !(self.scan.looks_at("->") || self.scan.looks_at("--")) {
            let attributes = self.blocks();
            return Ok(Statement::Stage { name: name?, attributes });
        }
        let mut names = vec![name];
        while let Some(next) = self.arrow() {
            names.push(next);
        }
        let attributes = self.blocks();
        let names = names.into_iter().collect::<Parse<Vec<Name>>>()?;
        Ok(Statement::Path { names, attributes })
    }

    /// `-> name`, if there is one.
    fn arrow(&mut self) -> Option<Parse<Name>> {
        self.trivia();
        if self.is_lost() {
            return None;
        }
        let arrow_at = self.scan.at;
        if self.scan.eat("--") {
            self.scan.eat(">");
            self.error(arrow_at, "`--` is no edge here", "edges are directed: write `->`");
        } else if !self.scan.eat("->") {
            return None;
        }
        self.trivia();
        let at = self.scan.at;
        if self.scan.looks_at("{") {
            self.scan.skip_nested('{', '}');
            let help = "write one edge for each stage of the group";
            return Some(Err(self.error(at, "an edge cannot lead to a group", help)));
        }
        let word = if self.scan.looks_at("\"") {
            match self.string() {
                Ok(word) => word,
                Err(reported) => return Some(Err(reported)),
            }
        } else {
            self.scan.word().to_owned()
        };
        if word.is_empty() {
            let found = self.describe(at);
            let message = format!("expected a stage after `->`, found {found}");
            return Some(Err(self.error(at, message, "name the stage that the edge leads to")));
        }
        let name = self.name(at, &word);
        self.trivia();
        Some(name)
    }

    fn subgraph(&mut self, at: usize) -> Parse<Statement<'s>> {
        let opening = self.scan.at;
        if !self.scan.looks_at("{") {
            let found = self.describe(opening);
            self.scan.skip_statement();
            let help = "a subgraph is `subgraph name { .. }`";
            return Err(self.error(opening, format!("expected `{{`, found {found}"), help));
        }
        if self.depth == DEPTH_MAX {
            self.scan.skip_nested('{', '}');
            let message = format!("subgraphs are nested more than {DEPTH_MAX} deep");
            return Err(self.error(at, message, "flatten them"));
        }
        self.scan.bump();
        self.depth += 1;
        let statements = self.statements();
        self.depth -= 1;
        if !self.scan.eat("}") && !self.is_lost() {
            return Err(self.error(opening, "this subgraph is never closed", "add a `}`"));
        }
        Ok(Statement::Subgraph(statements))
    }

    /// The stage id that a word spells; an error names the id that would do.
    fn name(&mut self, at: usize, word: &str) -> Parse<Name> {
        let message = match StageId::new(word) {
            Ok(_) if KEYWORDS.contains(&word) => format!("`{word}` is a keyword, not a stage"),
            Ok(id) => return Ok(Name { id, at }),
            Err(error) => error.to_string(),
        };
        let help = match word.split_once(':') {
            Some((stage, _)) if StageId::new(stage).is_ok() => {
                format!("ports are not in the dialect: write `{stage}`")
            }
            _ if KEYWORDS.contains(&word) => format!("write `{word}_`"),
            _ => format!("write `{} [label={}]`", slug(word), crate::value::quote(word)),
        };
        Err(self.error(at, message, help))
    }

    fn trivia(&mut self) {
        if let Err(at) = self.scan.trivia() {
            self.error(at, "this comment is never closed", "add `*/`");
        }
    }

    fn is_lost(&self) -> bool {
        self.errors >= SYNTAX_ERRORS_MAX
    }

    fn error(
        &mut self,
        at: usize,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Reported {
        self.errors += 1;
        if self.errors <= SYNTAX_ERRORS_MAX {
            let error = Diagnostic::error("syntax", message).help(help);
            self.report.push(error.at(self.text.place(at)));
        }
        Reported
    }

    /// What stands at an offset, in a person's words.
    fn describe(&self, at: usize) -> String {
        let rest = &self.text.source()[at..];
        let Some(first) = rest.chars().next() else { return "the end of the file".to_owned() };
        if let Some(arrow) = ["->", "--"].into_iter().find(|arrow| rest.starts_with(arrow)) {
            return format!("`{arrow}`");
        }
        let word_length_max = 20;
        let word: String =
            rest.chars().take_while(|c| c.is_alphanumeric()).take(word_length_max).collect();
        if word.is_empty() { format!("`{first}`") } else { format!("`{word}`") }
    }

    fn report_repeated(&mut self) {
        let habits = [
            (&self.separators, "separator", "no comma between attributes", "separate them by `,`"),
            (
                &self.escapes,
                "escape",
                "an escape that the dialect does not have",
                "it is kept as written; a backslash itself is `\\\\`",
            ),
            (
                &self.unquoted,
                "unquoted-value",
                "a value that needs quotes",
                "it is read as text; put it in double quotes",
            ),
        ];
        for (habit, rule, message, help) in habits {
            let Some(first) = habit.first else { continue };
            let message = match habit.count {
                1 => message.to_owned(),
                count => format!("{message} ({count} places, of which this is the first)"),
            };
            let warning = Diagnostic::warning(rule, message).help(help);
            self.report.push(warning.at(self.text.place(first)));
        }
    }
}

/// The nearest thing to `text` that is a stage's id.
fn slug(text: &str) -> String {
    let length_max = 40;
    let mut slug: String = text
        .chars()
        .take(length_max)
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .collect();
    if !slug.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
        slug.insert(0, 'n');
    }
    slug
}
