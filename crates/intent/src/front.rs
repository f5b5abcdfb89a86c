//! The front matter of an intent: TOML between two lines of `+++`.
//!
//! Keys are walked by hand rather than by serde, so that every finding has its place and all come
//! at once. It refuses to know the Markdown below.

use std::time::Duration;

use base::{Diagnostic, IdError, IntentId, LineId, MicroUsd, Tokens};
use toml::de::{DeTable, DeValue};

use crate::Budget;
use crate::text::{Doc, did_you_mean, duration};

/// What the front matter says.
pub(crate) struct Front {
    pub(crate) id: IntentId,
    pub(crate) title: String,
    pub(crate) line: LineId,
    pub(crate) owner: String,
    pub(crate) level: u8,
    pub(crate) budget: Budget,
    pub(crate) satisfaction: f64,
}

/// Each key with a line that shows it.
const KEYS: [(&str, &str); 7] = [
    ("id", "id = \"roman\""),
    ("title", "title = \"Roman numerals on the command line\""),
    ("line", "line = \"tools\""),
    ("owner", "owner = \"ada@example.com\""),
    ("level", "level = 5"),
    ("budget", BUDGET),
    ("satisfaction", "satisfaction = 0.9"),
];
const BUDGET: &str = "budget = { usd = 1.0, tokens = 200000, wall = \"20m\" }";
const BUDGET_KEYS: [&str; 3] = ["usd", "tokens", "wall"];
const WALL_UNITS: [(&str, u64); 3] = [("s", 1_000), ("m", 60_000), ("h", 3_600_000)];

/// A budget of more than a thousand million dollars is a slip, and MicroUsd holds it with room.
const USD_MAX: f64 = 1e9;

/// Reads the front matter, the bytes `start..end` of the document.
pub(crate) fn read(
    doc: Doc<'_>,
    start: usize,
    end: usize,
    found: &mut Vec<Diagnostic>,
) -> Option<Front> {
    let text = &doc.source[start..end];
    let mut table = match DeTable::parse(text) {
        Ok(table) => table.into_inner(),
        Err(_) => {
            syntax_errors(doc, start, text, found);
            return None;
        }
    };
    let meant = unknown_keys(doc, start, &table, KEYS.map(|(key, _)| key), found);
    let mut reader = Reader { doc, start, end, meant, found };
    let id = reader.id(&mut table, "id", IntentId::new);
    let title = reader.text(&mut table, "title", "a text that is not empty", |title| {
        (!title.trim().is_empty()).then(|| title.trim().to_owned())
    });
    let line = reader.id(&mut table, "line", LineId::new);
    let owner = reader.text(&mut table, "owner", "an e-mail address", |owner| {
        is_address(owner).then(|| owner.to_owned())
    });
    let level = reader.value(&mut table, "level", "a whole number from 0 to 5", |value| {
        integer(value).and_then(|level| u8::try_from(level).ok()).filter(|level| *level <= 5)
    });
    let budget = reader.budget(&mut table);
    let satisfaction =
        reader.value(&mut table, "satisfaction", "a number above 0 and below 1", |value| {
            number(value).filter(|share| *share > 0.0 && *share < 1.0)
        });
    Some(Front {
        id: id?,
        title: title?,
        line: line?,
        owner: owner?,
        level: level?,
        budget: budget?,
        satisfaction: satisfaction?,
    })
}

/// All of the front matter's keys as an example, for a document that has none of it.
pub(crate) fn example() -> String {
    let lines: Vec<&str> = KEYS.iter().map(|(_, line)| *line).collect();
    format!("begin the file with\n+++\n{}\n+++", lines.join("\n"))
}

fn syntax_errors(doc: Doc<'_>, start: usize, text: &str, found: &mut Vec<Diagnostic>) {
    let (_, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        let offset = error.span().map_or(0, |span| span.start);
        let message = error.message().trim().replace('\n', "; ");
        let diagnostic = doc.error(start + offset, "bad-toml", message);
        found.push(diagnostic.help("front matter is TOML: `key = value`, one to a line"));
    }
}

/// Tells the unknown keys, and returns those that were probably meant: they are not missing too.
fn unknown_keys<const N: usize>(
    doc: Doc<'_>,
    start: usize,
    table: &DeTable<'_>,
    known: [&'static str; N],
    found: &mut Vec<Diagnostic>,
) -> Vec<&'static str> {
    let mut meant = Vec::new();
    let unknown = table.keys().filter(|key| !known.contains(&key.get_ref().as_ref()));
    for key in unknown {
        let name = key.get_ref();
        let diagnostic =
            doc.error(start + key.span().start, "unknown-key", format!("unknown key `{name}`"));
        found.push(diagnostic.help(did_you_mean(name, known)));
        meant.extend(
            base::nearest(name, known).and_then(|near| known.into_iter().find(|key| *key == near)),
        );
    }
    meant
}

struct Reader<'a, 'f> {
    doc: Doc<'a>,
    start: usize,
    end: usize,
    /// Keys that are there under a misspelt name.
    meant: Vec<&'static str>,
    found: &'f mut Vec<Diagnostic>,
}

impl Reader<'_, '_> {
    /// The value of `key` as `read` understands it; a finding otherwise.
    fn value<'t, T>(
        &mut self,
        table: &mut DeTable<'t>,
        key: &str,
        expected: &str,
        read: impl FnOnce(&DeValue<'t>) -> Option<T>,
    ) -> Option<T> {
        let Some(value) = table.remove(key) else {
            if self.meant.contains(&key) {
                return None;
            }
            let missing =
                self.doc.error(self.end, "missing-key", format!("the key `{key}` is missing"));
            self.found.push(missing.help(format!("add a line such as `{}`", example_of(key))));
            return None;
        };
        let read = read(value.get_ref());
        if read.is_none() {
            let message = format!("`{key}` must be {expected}");
            self.wrong(value.span().start, message, format!("as in `{}`", example_of(key)));
        }
        read
    }

    fn text<T>(
        &mut self,
        table: &mut DeTable<'_>,
        key: &str,
        expected: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        self.value(table, key, expected, |value| value.as_str().and_then(read))
    }

    fn id<T>(
        &mut self,
        table: &mut DeTable<'_>,
        key: &str,
        new: fn(&str) -> Result<T, IdError>,
    ) -> Option<T> {
        let rule = "lower-case letters, digits and hyphens, a letter first, at most 100 bytes";
        self.text(table, key, rule, |text| new(text).ok())
    }

    fn budget(&mut self, table: &mut DeTable<'_>) -> Option<Budget> {
        let offset = table.get("budget").map_or(self.end, |value| self.start + value.span().start);
        let mut budget =
            self.value(table, "budget", "a table of usd, tokens and wall", |value| {
                value.as_table().cloned()
            })?;
        let meant = unknown_keys(self.doc, self.start, &budget, BUDGET_KEYS, self.found);
        self.meant.extend(meant);
        let cost = self.limit(&mut budget, offset, "usd", "a number of dollars above 0", |value| {
            number(value).and_then(micro_usd)
        });
        let tokens = self.limit(&mut budget, offset, "tokens", "a whole number above 0", |value| {
            integer(value).and_then(|count| u64::try_from(count).ok()).filter(|count| *count > 0)
        });
        let expected = "a duration such as \"90s\", \"20m\" or \"2h\"";
        let wall = self.limit(&mut budget, offset, "wall", expected, |value| {
            value.as_str().and_then(|text| duration(text, &WALL_UNITS))
        });
        let (cost, tokens, wall): (MicroUsd, u64, Duration) = (cost?, tokens?, wall?);
        Some(Budget { cost, tokens: Tokens(tokens), wall })
    }

    /// One limit of the budget, whose table stands at `offset` of the document.
    fn limit<'t, T>(
        &mut self,
        budget: &mut DeTable<'t>,
        offset: usize,
        key: &str,
        expected: &str,
        read: impl FnOnce(&DeValue<'t>) -> Option<T>,
    ) -> Option<T> {
        let Some(value) = budget.remove(key) else {
            if self.meant.contains(&key) {
                return None;
            }
            let message = format!("the budget lacks `{key}`");
            let missing = self.doc.error(offset, "missing-key", message);
            self.found.push(missing.help(format!("as in `{BUDGET}`")));
            return None;
        };
        let read = read(value.get_ref());
        if read.is_none() {
            let message = format!("the budget's `{key}` must be {expected}");
            self.wrong(value.span().start, message, format!("as in `{BUDGET}`"));
        }
        read
    }

    fn wrong(&mut self, offset: usize, message: String, help: String) {
        self.found.push(self.doc.error(self.start + offset, "bad-value", message).help(help));
    }
}

fn example_of(key: &str) -> &'static str {
    KEYS.iter().find(|(name, _)| *name == key).map_or("", |(_, line)| line)
}

fn integer(value: &DeValue<'_>) -> Option<i64> {
    let integer = value.as_integer()?;
    i64::from_str_radix(integer.as_str(), integer.radix()).ok()
}

fn number(value: &DeValue<'_>) -> Option<f64> {
    let float = value.as_float().and_then(|float| float.as_str().parse().ok());
    #[expect(clippy::cast_precision_loss, reason = "limits and shares are far below 2^53")]
    float.or_else(|| integer(value).map(|whole| whole as f64)).filter(|number| number.is_finite())
}

/// Dollars as whole millionths; None when that is less than one or more than can be meant.
fn micro_usd(usd: f64) -> Option<MicroUsd> {
    let micros = (usd * 1e6).round();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "1 ..= 1e15")]
    (micros >= 1.0 && usd <= USD_MAX).then_some(MicroUsd(micros as u64))
}

fn is_address(text: &str) -> bool {
    let sides = text.split_once('@');
    let sides = sides.is_some_and(|(name, host)| !name.is_empty() && !host.is_empty());
    sides
        && !text.contains(|c: char| c.is_whitespace() || c.is_control() || c == ',')
        && text.matches('@').count() == 1
}
