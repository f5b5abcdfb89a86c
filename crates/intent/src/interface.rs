//! The `## Interface` section: how the software is started, what a builder may write, what must run
//! once before.
//!
//! It refuses to know whether any of the commands exists.

use std::collections::BTreeMap;

use base::Diagnostic;

use crate::Interface;
use crate::markdown::{Joined, Piece, Section, items, pieces};
use crate::text::{Doc, check_path, words};

/// Each item that is read, with a line that shows it. Other items are prose.
const ITEMS: [(&str, &str); 3] = [
    ("command", "- command: `roman` = `python3 $PRODUCT/roman.py`"),
    ("files", "- files: `roman.py`, `tests/*`"),
    ("build", "- build: `make`"),
];

/// An interface that declares nothing.
pub(crate) fn none() -> Interface {
    Interface { commands: BTreeMap::new(), files: Vec::new(), build: None, text: String::new() }
}

/// Reads the section. Both `command` and `files` must be there.
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
            _ => build(doc, text, &body, &mut interface, seen[index]),
        };
        seen[index] = true;
        found.extend(read.err());
    }
    for (name, form) in ITEMS.iter().zip(seen).filter(|(_, seen)| !seen).map(|(item, _)| item) {
        if *name != "build" {
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
    let [(at, Piece::Code(name)), (_, Piece::Mark('=')), (start, Piece::Code(line))] = body[..]
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
    if interface.commands.insert(name.to_owned(), started).is_some() {
        let twice = doc.error(text.source(at), "duplicate-id", format!("a second `{name}`"));
        return Err(twice.help("give each command its own name"));
    }
    Ok(())
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
