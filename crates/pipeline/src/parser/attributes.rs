//! Attribute blocks: `[key=value, …]`, their values and what separates them.

use std::rc::Rc;

use super::{Parse, Parser, Reported};
use crate::Value;
use crate::limits::ATTRIBUTES_MAX;
use crate::syntax::{Attribute, Attributes};

impl<'s> Parser<'s, '_> {
    /// The attribute blocks that stand here: none, one, or as in Graphviz several.
    pub(super) fn blocks(&mut self) -> Attributes<'s> {
        let mut attributes = Vec::new();
        loop {
            self.trivia();
            let opening = self.scan.at;
            if !self.scan.eat("[") {
                return attributes;
            }
            if self.block(opening, &mut attributes).is_err() {
                return attributes;
            }
        }
    }

    /// The inside of a block, and its `]`.
    fn block(&mut self, opening: usize, attributes: &mut Attributes<'s>) -> Parse<()> {
        loop {
            self.trivia();
            if self.scan.eat("]") {
                return Ok(());
            }
            if self.scan.is_at_end() || self.scan.looks_at("}") {
                let help = "add a `]` after the last attribute";
                return Err(self.error(opening, "these attributes are never closed", help));
            }
            if !attributes.is_empty() && self.scan.begins_statement() {
                let help = "add a `]` after the last attribute";
                return Err(self.error(opening, "these attributes are never closed", help));
            }
            let attribute = match self.attribute() {
                Ok(attribute) => attribute,
                Err(Reported) if self.ends_attribute() && !self.is_lost() => {
                    self.separator();
                    continue;
                }
                Err(Reported) => {
                    self.scan.skip_block();
                    return Err(Reported);
                }
            };
            if attributes.len() == ATTRIBUTES_MAX {
                self.scan.skip_block();
                let message = format!("more than {ATTRIBUTES_MAX} attributes in one place");
                return Err(self.error(opening, message, "move data into files or the context"));
            }
            attributes.push(Rc::new(attribute));
            if self.scan.follows_quote() {
                let at = self.scan.at;
                self.scan.skip_block();
                let help = "a quote inside a text is written `\\\"`";
                return Err(self.error(at, "expected `,` or `]` after the text", help));
            }
            self.separator();
        }
    }

    /// Whether an attribute, however wrong, is over here.
    fn ends_attribute(&mut self) -> bool {
        self.trivia();
        [",", ";", "]"].iter().any(|end| self.scan.looks_at(end))
    }

    /// What stands between two attributes: a comma; a `;` or nothing is told and taken.
    fn separator(&mut self) {
        let after = self.scan.at;
        self.trivia();
        if self.scan.eat(",") || self.scan.looks_at("]") || self.scan.is_at_end() {
            return;
        }
        if self.scan.looks_at(";") {
            let at = self.scan.at;
            self.scan.bump();
            self.separators.add(at);
        } else if !self.scan.looks_at("}") && !self.scan.begins_statement() {
            self.separators.add(after);
        }
    }

    fn attribute(&mut self) -> Parse<Attribute<'s>> {
        let key_at = self.scan.at;
        let word =
            if self.scan.looks_at("\"") { self.string()? } else { self.scan.word().to_owned() };
        if word.is_empty() {
            let found = self.describe(key_at);
            let help = "an attribute is `key=value`; `]` ends them";
            return Err(self.error(key_at, format!("expected an attribute, found {found}"), help));
        }
        let key = self.key(key_at, &word);
        self.trivia();
        let at = self.scan.at;
        if !self.scan.eat("=") {
            let found = self.describe(at);
            let message = format!("expected `=` after `{key}`, found {found}");
            return Err(self.error(at, message, "every attribute has a value: `key=value`"));
        }
        let (value, value_at) = self.value()?;
        Ok(Attribute { key, key_at, value, value_at })
    }

    pub(super) fn value(&mut self) -> Parse<(Value, usize)> {
        self.trivia();
        let at = self.scan.at;
        match self.scan.peek() {
            Some('"') => return self.string().map(|text| (Value::String(text), at)),
            Some('<') => {
                self.scan.skip_nested('<', '>');
                let help = "write the text in double quotes";
                return Err(self.error(at, "HTML text is not in the dialect", help));
            }
            _ => {}
        }
        let bare = self.scan.bare();
        if bare.is_empty() {
            let found = self.describe(at);
            let help = "a value is \"text\", a number, `true`, `false`, a duration such as `15m`, \
                        or a word";
            return Err(self.error(at, format!("expected a value, found {found}"), help));
        }
        match Value::from_bare(bare) {
            Ok((value, wants_quotes)) => {
                if wants_quotes {
                    self.unquoted.add(at);
                }
                Ok((value, at))
            }
            Err(error) => Err(self.error(at, format!("`{bare}` {error}"), error.help())),
        }
    }

    /// The string that opens here.
    pub(super) fn string(&mut self) -> Parse<String> {
        let at = self.scan.at;
        match self.scan.quoted() {
            Ok(quoted) => {
                if let Some(escape_at) = quoted.escape_unknown {
                    self.escapes.add(escape_at);
                }
                Ok(quoted.text)
            }
            Err(()) => {
                let help = "add the closing `\"`; a quote inside is written `\\\"`";
                Err(self.error(at, "this text is never closed", help))
            }
        }
    }

    /// The key that a word at an offset spells, told about when it is none.
    pub(super) fn key(&mut self, at: usize, word: &str) -> &'s str {
        let identifier = |part: &str| {
            part.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
                && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        };
        if !word.split('.').all(identifier) {
            let help = "a key is letters, digits and underscores, with dots between the parts";
            self.error(at, format!("`{word}` is no key"), help);
        }
        // A key has no escapes, so that it stands in the source as it is.
        let written = &self.text.source()[at..];
        let written = written.strip_prefix('"').unwrap_or(written);
        written.get(..word.len()).unwrap_or("")
    }
}
