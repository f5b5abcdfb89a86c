//! Model stylesheets (section 8): which model each stage gets. Knows no graph: it is asked about a
//! shape, classes and an id.

use std::collections::HashMap;

use base::nearest;

/// Properties in the order of 8.4.
pub(crate) const PROPERTIES: [&str; 3] = ["llm_model", "llm_provider", "reasoning_effort"];

/// A stylesheet, indexed by selector: the work for a stage does not grow with the rules.
#[derive(Debug, Default)]
pub(crate) struct Stylesheet {
    rules: HashMap<Selector, [Option<Declared>; PROPERTIES.len()]>,
}

/// A stylesheet that does not parse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StylesheetError {
    /// Byte offset in the stylesheet's text.
    pub(crate) offset: usize,
    pub(crate) message: String,
    pub(crate) help: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Selector {
    Any,
    Shape(String),
    Class(String),
    Id(String),
}

/// A value and the number of the rule that gave it: later rules win among equals.
#[derive(Debug, Clone)]
struct Declared {
    rule: usize,
    value: String,
}

impl Stylesheet {
    pub(crate) fn parse(text: &str) -> Result<Self, StylesheetError> {
        let mut parser = Parser { text, at: 0 };
        let mut sheet = Self::default();
        let mut rule = 0;
        parser.space()?;
        while parser.at < text.len() {
            let selector = parser.selector()?;
            let declarations = sheet.rules.entry(selector).or_default();
            parser.declarations(|property, value| {
                declarations[property] = Some(Declared { rule, value });
            })?;
            rule += 1;
            parser.space()?;
        }
        Ok(sheet)
    }

    /// The stages that rules name.
    pub(crate) fn ids(&self) -> impl Iterator<Item = &str> {
        self.rules.keys().filter_map(|selector| match selector {
            Selector::Id(id) => Some(id.as_str()),
            _ => None,
        })
    }

    /// The classes that rules name.
    pub(crate) fn classes(&self) -> impl Iterator<Item = &str> {
        self.rules.keys().filter_map(|selector| match selector {
            Selector::Class(class) => Some(class.as_str()),
            _ => None,
        })
    }

    /// What the rules say about a stage, property by property as in [`PROPERTIES`]: the most
    /// specific selector wins, id over class over shape over `*` (8.3).
    pub(crate) fn resolve(
        &self,
        id: &str,
        classes: &[String],
        shape: &str,
    ) -> [Option<&str>; PROPERTIES.len()] {
        if self.rules.is_empty() {
            return [None; PROPERTIES.len()];
        }
        let find = |selector: Selector| self.rules.get(&selector);
        let by_id = find(Selector::Id(id.to_owned()));
        let by_class: Vec<_> =
            classes.iter().filter_map(|class| find(Selector::Class(class.clone()))).collect();
        let by_shape = find(Selector::Shape(shape.to_owned()));
        let by_any = find(Selector::Any);
        std::array::from_fn(|property| {
            let class = by_class
                .iter()
                .filter_map(|rule| rule[property].as_ref())
                .max_by_key(|declared| declared.rule);
            by_id
                .and_then(|rule| rule[property].as_ref())
                .or(class)
                .or_else(|| by_shape.and_then(|rule| rule[property].as_ref()))
                .or_else(|| by_any.and_then(|rule| rule[property].as_ref()))
                .map(|declared| declared.value.as_str())
        })
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// Steps over white space and, as in CSS, comments.
    fn space(&mut self) -> Result<(), StylesheetError> {
        loop {
            let rest = self.rest();
            self.at += rest.len() - rest.trim_start().len();
            if !self.rest().starts_with("/*") {
                return Ok(());
            }
            let Some(length) = self.rest().find("*/") else {
                return Err(self.wrong("this comment is never closed", "add `*/`"));
            };
            self.at += length + 2;
        }
    }

    fn word(&mut self) -> &'a str {
        let rest = self.rest();
        let end = rest
            .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-'))
            .unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    fn selector(&mut self) -> Result<Selector, StylesheetError> {
        let help = "a selector is `*`, a shape, `.class` or `#stage`";
        if self.rest().starts_with('*') {
            self.at += 1;
            return Ok(Selector::Any);
        }
        let sign = self.rest().chars().next().filter(|c| matches!(c, '.' | '#'));
        self.at += usize::from(sign.is_some());
        let name = self.word().to_owned();
        if name.is_empty() {
            return Err(self.wrong("expected a selector", help));
        }
        Ok(match sign {
            Some('.') => Selector::Class(name),
            Some(_) => Selector::Id(name),
            None => Selector::Shape(name),
        })
    }

    /// `{ property: value; .. }`.
    fn declarations(&mut self, mut add: impl FnMut(usize, String)) -> Result<(), StylesheetError> {
        self.space()?;
        if !self.rest().starts_with('{') {
            return Err(self.wrong("expected `{` after the selector", "`* { llm_model: name; }`"));
        }
        self.at += 1;
        loop {
            self.space()?;
            if self.rest().starts_with('}') {
                self.at += 1;
                return Ok(());
            }
            let property = self.property()?;
            self.space()?;
            if !self.rest().starts_with(':') {
                let help = "a declaration is `property: value`";
                return Err(self.wrong("expected `:` after the property", help));
            }
            self.at += 1;
            self.space()?;
            add(property, self.value()?);
            self.space()?;
            if self.rest().starts_with(';') {
                self.at += 1;
            } else if !self.rest().starts_with('}') {
                let help = "declarations are separated by `;`, and `}` ends the rule";
                return Err(self.wrong("expected `;` or `}`", help));
            }
        }
    }

    fn property(&mut self) -> Result<usize, StylesheetError> {
        let start = self.at;
        let name = self.word();
        // Fabro's names are without `llm_`.
        let is_meant = |known: &str| known == name || known.strip_prefix("llm_") == Some(name);
        PROPERTIES.iter().position(|known| is_meant(known)).ok_or_else(|| {
            self.at = start;
            let help = match nearest(name, PROPERTIES) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("the properties are {}", PROPERTIES.join(", ")),
            };
            let message = match name {
                "" => "expected a property".to_owned(),
                name => format!("`{name}` is no property"),
            };
            self.wrong(message, help)
        })
    }

    fn value(&mut self) -> Result<String, StylesheetError> {
        if let Some(quoted) = self.rest().strip_prefix('"') {
            let Some(length) = quoted.find('"') else {
                return Err(self.wrong("this text is never closed", "add the closing quote"));
            };
            self.at += length + 2;
            return Ok(quoted[..length].to_owned());
        }
        let rest = self.rest();
        let end = rest.find([';', '{', '}', '\n']).unwrap_or(rest.len());
        let value = rest[..end].trim();
        if value.is_empty() {
            return Err(self.wrong("expected a value", "a declaration is `property: value`"));
        }
        self.at += end;
        Ok(value.to_owned())
    }

    fn wrong(&self, message: impl Into<String>, help: impl Into<String>) -> StylesheetError {
        StylesheetError { offset: self.at, message: message.into(), help: help.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_specific_rule_wins_and_then_the_last() {
        let sheet = Stylesheet::parse(
            "#a { reasoning_effort: low } \
             .fast { llm_model: \"quick\"; } /* later of equals */ .cheap { llm_model: cheap }\
             box { llm_model: boxed; llm_provider: p1 } * { llm_model: any; llm_provider: p0; }",
        )
        .unwrap();
        let classes = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
        let both = classes(&["cheap", "fast"]);
        assert_eq!(sheet.resolve("a", &both, "box"), [Some("cheap"), Some("p1"), Some("low")]);
        assert_eq!(sheet.resolve("b", &classes(&["fast"]), "x"), [Some("quick"), Some("p0"), None]);
        assert_eq!(sheet.resolve("b", &[], "box"), [Some("boxed"), Some("p1"), None]);
    }

    #[test]
    fn errors_say_where_and_what_instead() {
        let cases = [
            ("* { llm_modle: x }", 4, "`llm_modle` is no property", "did you mean `llm_model`?"),
            ("* llm_model: x", 2, "expected `{` after the selector", "`* {"),
            ("{ }", 0, "expected a selector", "a selector is"),
            ("* { llm_model x }", 14, "expected `:` after the property", "a decl"),
            ("* { llm_model: ; }", 15, "expected a value", "a decl"),
            ("* { llm_model: x", 16, "expected `;` or `}`", "declarations"),
            ("* { llm_model: \"x }", 15, "this text is never closed", "add"),
        ];
        for (text, offset, message, help) in cases {
            let error = Stylesheet::parse(text).unwrap_err();
            assert_eq!((error.offset, error.message.as_str()), (offset, message), "{text}");
            assert!(error.help.starts_with(help), "{text}: {}", error.help);
        }
    }
}
