//! The `## Interface` section: how the software is started, what a builder may write, what must run
//! once before.
//!
//! It refuses to know whether any of the commands exists.

use std::collections::BTreeMap;

use std::ops::RangeInclusive;

use base::Diagnostic;

use crate::markdown::{Joined, Piece, Section, items, pieces};
use crate::text::{Doc, check_path, words};
use crate::{Interface, Service};

/// Each item that is read, with a line that shows it. Other items are prose.
const ITEMS: [(&str, &str); 5] = [
    ("command", "- command: `roman` = `python3 $PRODUCT/roman.py`"),
    ("files", "- files: `roman.py`, `tests/*`"),
    ("build", "- build: `make`"),
    (
        "service",
        "- service: `bot` = `python3 $PRODUCT/bot.py`, on port `8080`, ready when `GET /healthz` answers",
    ),
    ("twins", "- twins: `okta` as `OKTA_URL`, `OKTA_TOKEN`; `slack`"),
];

/// Ports below are not for everybody; twins listen above.
const PORTS: RangeInclusive<u16> = 1024..=39_999;

/// Services that one intent may use: each is a listener inside the sandbox.
const TWINS_MAX: usize = 32;

/// An interface that declares nothing.
pub(crate) fn none() -> Interface {
    Interface {
        commands: BTreeMap::new(),
        files: Vec::new(),
        build: None,
        service: None,
        twins: BTreeMap::new(),
        text: String::new(),
    }
}

/// Reads the section. A `command` or the `service`, and `files`, must be there.
pub(crate) fn read(doc: Doc<'_>, section: &Section<'_>, found: &mut Vec<Diagnostic>) -> Interface {
    let mut interface = Interface { text: section.text(), ..none() };
    let (items, _) = items(section);
    let mut seen = [false; ITEMS.len()];
    for item in &items {
        let text = &item.text;
        let Some((name, _)) = text.text.split_once(':') else { continue };
        let Some(index) = ITEMS.iter().position(|(known, _)| *known == name) else {
            if let Some(index) = misspelt(doc, text, name, found) {
                seen[index] = true;
            }
            continue;
        };
        let form = ITEMS[index].1;
        let Some(body) = codes(text, name.len() + 1) else {
            found.push(bad(doc, text.start(), "expected texts in backticks", form));
            continue;
        };
        let read = match name {
            "command" => command(doc, text, &body, &mut interface),
            "files" => files(doc, text, &body, &mut interface),
            "build" => build(doc, text, &body, &mut interface, seen[index]),
            "service" => service(doc, text, &body, &mut interface),
            _ => twins(doc, text, &body, &mut interface),
        };
        seen[index] = true;
        found.extend(read.err());
    }
    let [command, files, _, service, _] = seen;
    for ((name, form), there) in ITEMS.iter().zip([command || service, files]) {
        if !there {
            let message = format!("the interface has no `- {name}:`");
            let missing = doc.error(section.offset, "missing-interface", message);
            found.push(missing.help(format!("add a line such as: {form}")));
        }
    }
    interface
}

type Codes<'a> = Vec<(usize, Piece<'a>)>;

/// What follows the item's name.
fn codes(text: &Joined, from: usize) -> Option<Codes<'_>> {
    let pieces = pieces(&text.text[from..]).ok()?;
    Some(pieces.into_iter().map(|(offset, piece)| (offset + from, piece)).collect())
}

fn bad(doc: Doc<'_>, offset: usize, message: impl Into<String>, form: &str) -> Diagnostic {
    doc.error(offset, "bad-interface", message).help(format!("as in: {form}"))
}

/// `- comand: …` is a slip, and the item that was meant is returned; `- note: …` is prose.
fn misspelt(doc: Doc<'_>, text: &Joined, name: &str, found: &mut Vec<Diagnostic>) -> Option<usize> {
    let known = base::nearest(name, ITEMS.map(|(known, _)| known))?;
    let unknown = doc.error(text.start(), "bad-interface", format!("unknown item `{name}`"));
    found.push(unknown.help(format!("did you mean `{known}`?")));
    ITEMS.iter().position(|(item, _)| *item == known)
}

fn command(
    doc: Doc<'_>,
    text: &Joined,
    body: &Codes<'_>,
    interface: &mut Interface,
) -> Result<(), Diagnostic> {
    let form = ITEMS[0].1;
    let [name, is, line] = body[..] else {
        return Err(bad(doc, text.start(), "expected a name, `=` and what starts it", form));
    };
    let (at, name, started) = started(doc, text, [name, is, line], form)?;
    if interface.commands.insert(name.to_owned(), started).is_some() {
        let twice = doc.error(text.source(at), "duplicate-id", format!("a second `{name}`"));
        return Err(twice.help("give each command its own name"));
    }
    Ok(())
}

/// A name, `=`, and the words that start it.
fn started<'a>(
    doc: Doc<'_>,
    text: &Joined,
    pieces: [(usize, Piece<'a>); 3],
    form: &str,
) -> Result<(usize, &'a str, Vec<String>), Diagnostic> {
    let [(at, Piece::Code(name)), (_, Piece::Mark('=')), (start, Piece::Code(line))] = pieces
    else {
        return Err(bad(doc, text.start(), "expected a name, `=` and what starts it", form));
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '+');
    if name.is_empty() || name.starts_with(['-', '.']) || !name.chars().all(plain) {
        let message = format!("`{name}` is no command name: letters, digits, `-`, `_`, `.`, `+`");
        return Err(bad(doc, text.source(at), message, form));
    }
    let started = words(line).map_err(|slip| {
        let offset = text.source(start + slip.offset);
        doc.error(offset, slip.rule, slip.message).help(slip.help)
    })?;
    if started.is_empty() {
        return Err(bad(doc, text.source(start), format!("`{name}` is started by nothing"), form));
    }
    Ok((at, name, started))
}

fn service(
    doc: Doc<'_>,
    text: &Joined,
    body: &Codes<'_>,
    interface: &mut Interface,
) -> Result<(), Diagnostic> {
    let form = ITEMS[3].1;
    let wrong = |offset: usize, message: String| Err(bad(doc, text.source(offset), message, form));
    if interface.service.is_some() {
        return Err(bad(doc, text.start(), "a second service: an intent is of one", form));
    }
    let [name, is, line, rest @ ..] = &body[..] else {
        return Err(bad(doc, text.start(), "expected a name, `=` and what starts it", form));
    };
    let (_, name, start) = started(doc, text, [*name, *is, *line], form)?;
    let mut codes = rest.iter().filter_map(|(offset, piece)| match piece {
        Piece::Code(code) => Some((*offset, *code)),
        _ => None,
    });
    let words: Vec<&str> = rest
        .iter()
        .filter_map(|(_, piece)| if let Piece::Word(word) = piece { Some(*word) } else { None })
        .collect();
    let (Some((port_at, port)), Some((ready_at, ready)), None) =
        (codes.next(), codes.next(), codes.next())
    else {
        return Err(bad(
            doc,
            text.start(),
            "expected a port and what answers when it is ready",
            form,
        ));
    };
    if words != ["on", "port", "ready", "when", "answers"] {
        return Err(bad(doc, text.start(), "the item is written otherwise", form));
    }
    let Some(port) = port.parse().ok().filter(|port| PORTS.contains(port)) else {
        let (low, high) = (PORTS.start(), PORTS.end());
        return wrong(port_at, format!("`{port}` is no port from {low} to {high}"));
    };
    let path =
        ready.strip_prefix("GET ").filter(|path| path.starts_with('/') && !path.contains(' '));
    let Some(path) = path else {
        return wrong(ready_at, format!("`{ready}` is no `GET` and a path"));
    };
    let (name, ready) = (name.to_owned(), path.to_owned());
    interface.service = Some(Service { name, start, port, ready });
    Ok(())
}

/// `` `okta`, `slack` `` or `` `okta` as `OKTA_URL`, `OKTA_TOKEN`; `slack` ``.
fn twins(
    doc: Doc<'_>,
    text: &Joined,
    body: &Codes<'_>,
    interface: &mut Interface,
) -> Result<(), Diagnostic> {
    let form = ITEMS[4].1;
    let mut last: Option<String> = None;
    for (offset, piece) in body {
        match piece {
            Piece::Code(name) if is_service(name) => {
                let variables = vec![format!("{}_URL", shouted(name))];
                if interface.twins.insert((*name).to_owned(), variables).is_some() {
                    let twice = format!("a second `{name}`");
                    return Err(doc
                        .error(text.source(*offset), "duplicate-id", twice)
                        .help("name it once"));
                }
                last = Some((*name).to_owned());
            }
            Piece::Code(variable) => {
                let own = last.as_ref().filter(|name| {
                    let start = format!("{}_", shouted(name));
                    variable.len() > start.len() && variable.starts_with(&start)
                });
                let Some(name) = own.filter(|_| is_variable(variable)) else {
                    let message = format!(
                        "`{variable}` is neither a service nor a variable of the one before it"
                    );
                    return Err(bad(doc, text.source(*offset), message, form));
                };
                let known = interface.twins.get_mut(name).expect("it was put in before");
                if !known.iter().any(|known| known == variable) {
                    known.push((*variable).to_owned());
                }
            }
            Piece::Mark(',' | '.' | ';') | Piece::Word("and" | "as") => {}
            _ => {
                return Err(bad(doc, text.source(*offset), "expected services in backticks", form));
            }
        }
    }
    if last.is_none() || interface.twins.len() > TWINS_MAX {
        let message = format!("expected one to {TWINS_MAX} services in backticks");
        return Err(bad(doc, text.start(), message, form));
    }
    Ok(())
}

/// A service's name in a variable's: `google-drive` is `GOOGLE_DRIVE`.
fn shouted(name: &str) -> String {
    name.to_ascii_uppercase().replace('-', "_")
}

fn is_service(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

fn is_variable(name: &str) -> bool {
    name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
}

fn files(
    doc: Doc<'_>,
    text: &Joined,
    body: &Codes<'_>,
    interface: &mut Interface,
) -> Result<(), Diagnostic> {
    let form = ITEMS[1].1;
    if !body.iter().any(|(_, piece)| matches!(piece, Piece::Code(_))) {
        return Err(bad(doc, text.start(), "no file is named", form));
    }
    for (offset, piece) in body {
        match piece {
            Piece::Code(path) => {
                check_path(path).map_err(|why| bad(doc, text.source(*offset), why, form))?;
                interface.files.push((*path).to_owned());
            }
            Piece::Mark(',' | '.') | Piece::Word("and") => {}
            _ => return Err(bad(doc, text.source(*offset), "expected paths in backticks", form)),
        }
    }
    Ok(())
}

fn build(
    doc: Doc<'_>,
    text: &Joined,
    body: &Codes<'_>,
    interface: &mut Interface,
    again: bool,
) -> Result<(), Diagnostic> {
    let form = ITEMS[2].1;
    match body[..] {
        _ if again => Err(bad(doc, text.start(), "a second `build`: join them by `&&`", form)),
        [(_, Piece::Code(line))] if !line.trim().is_empty() => {
            interface.build = Some(line.to_owned());
            Ok(())
        }
        _ => Err(bad(doc, text.start(), "expected one command line in backticks", form)),
    }
}
