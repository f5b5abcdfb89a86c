//! Sabotage: copies of a build with one small thing made wrong, as slips and cheats make it.
//!
//! The changes are made to text, in any language, by looking for tokens outside comments and strings;
//! some copies will not even start. This crate refuses to know which are caught.

mod operators;
mod tokens;

use std::collections::{BTreeMap, BTreeSet};

use base::Digest;
use serde::{Deserialize, Serialize};

use operators::Edit;
use tokens::Language;

/// A sabotaged copy of one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mutant {
    /// Path relative to the product.
    pub file: String,
    /// From 1.
    pub line: u32,
    /// What was done: `flipped a comparison`.
    pub what: String,
    /// The line as it was, trimmed.
    pub before: String,
    /// The line as it is now, trimmed; empty when it was deleted.
    pub after: String,
    /// The whole file with the change.
    #[serde(skip)]
    pub content: String,
}

/// Each mutant is a build and some dozen processes: more than this makes a proof slow and says no
/// more about it.
pub const MUTANTS_MAX: usize = 64;

/// Files longer than this are data or were generated.
const FILE_BYTES_MAX: usize = 256 * 1024;

/// Sabotaged copies of `files` (path -> content), at most `max` and at most [`MUTANTS_MAX`], chosen by
/// `seed` so that every kind of change and every part of a file has its turn.
pub fn mutants(files: &BTreeMap<String, String>, seed: u64, max: usize) -> Vec<Mutant> {
    let mut by_kind: BTreeMap<&'static str, Vec<(Digest, Mutant)>> = BTreeMap::new();
    for (path, content) in files {
        let Some(language) = Language::of(path, content) else { continue };
        if content.len() > FILE_BYTES_MAX {
            continue;
        }
        for edit in operators::edits(language, content) {
            let mutant = apply(path, content, &edit);
            let order = Digest::of(format!("{seed}\0{path}\0{}\0{}", edit.start, edit.text));
            by_kind.entry(edit.what).or_default().push((order, mutant));
        }
    }
    for of_kind in by_kind.values_mut() {
        // The last is dealt first; which one that is, the seed decides.
        of_kind.sort_by_key(|(order, _)| *order);
    }
    deal(by_kind, max.min(MUTANTS_MAX))
}

/// One of each kind in turn, and no line twice while there are others.
fn deal(mut by_kind: BTreeMap<&'static str, Vec<(Digest, Mutant)>>, max: usize) -> Vec<Mutant> {
    let (mut chosen, mut spare) = (Vec::new(), Vec::new());
    let mut lines = BTreeSet::new();
    // Every round takes one from each kind that has any left, so that it ends.
    while chosen.len() < max && by_kind.values().any(|of_kind| !of_kind.is_empty()) {
        for of_kind in by_kind.values_mut() {
            let Some((_, mutant)) = of_kind.pop() else { continue };
            if chosen.len() < max && lines.insert((mutant.file.clone(), mutant.line)) {
                chosen.push(mutant);
            } else {
                spare.push(mutant);
            }
        }
    }
    let missing = max - chosen.len();
    chosen.extend(spare.into_iter().take(missing));
    chosen
}

fn apply(path: &str, content: &str, edit: &Edit) -> Mutant {
    let line_start = content[..edit.start].rfind('\n').map_or(0, |at| at + 1);
    let line_end = content[edit.end..].find('\n').map_or(content.len(), |at| edit.end + at);
    let mutated = format!("{}{}{}", &content[..edit.start], edit.text, &content[edit.end..]);
    let after = format!(
        "{}{}{}",
        &content[line_start..edit.start],
        edit.text,
        &content[edit.end..line_end]
    );
    let line = content[..edit.start].matches('\n').count() + 1;
    Mutant {
        file: path.to_owned(),
        line: u32::try_from(line).unwrap_or(u32::MAX),
        what: edit.what.to_owned(),
        before: content[line_start..line_end].trim().to_owned(),
        after: after.trim().to_owned(),
        content: mutated,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PYTHON: &str = r#"#!/usr/bin/env python3
"""Counts words: not == a comparison."""
import sys

# if a == b and c: a comment
def count(text, limit=10):
    total = 0
    for word in text.split()[1:limit]:
        if word == "x" and total < 3:
            total += 1
    return total

if __name__ == "__main__":
    print(count(sys.argv[1]))
"#;

    fn all(path: &str, content: &str) -> Vec<Mutant> {
        mutants(&BTreeMap::from([(path.to_owned(), content.to_owned())]), 1, MUTANTS_MAX)
    }

    fn shown(path: &str, content: &str) -> String {
        let mut lines: Vec<String> = all(path, content)
            .iter()
            .map(|m| format!("{:>2} {}: {} -> {}", m.line, m.what, m.before, m.after))
            .collect();
        lines.sort();
        lines.join("\n")
    }

    #[test]
    fn python() {
        insta::assert_snapshot!(shown("count.py", PYTHON));
    }

    #[test]
    fn shell() {
        let source = "#!/bin/sh\n# a -eq b\nif [ \"$1\" -lt 3 ] && [ -n \"$2\" ]; then\n  \
                      echo \"too few\" >&2\n  exit 2\nfi\nprintf '%s\\n' $(($1 + 1))\n";
        insta::assert_snapshot!(shown("bin/tool", source));
    }

    #[test]
    fn javascript_and_rust() {
        let js = "import x from \"y\";\n/* a == b */\nfunction f(a) {\n  if (a >= 2 && !x) return a - 1;\n  \
                  log(\"hi\");\n  return true; // x == y\n}\n";
        insta::assert_snapshot!("javascript", shown("f.js", js));
        let rust = "use std::io;\nfn f<'a>(v: &'a [u8], n: usize) -> usize {\n    \
                    if n == 0 || v.len() > n {\n        return n + 1;\n    }\n    n - 1\n}\n";
        insta::assert_snapshot!("rust", shown("src/f.rs", rust));
    }

    #[test]
    fn the_choice_is_bounded_spread_and_repeatable() {
        let files = BTreeMap::from([("count.py".to_owned(), PYTHON.to_owned())]);
        let few = mutants(&files, 7, 5);
        assert_eq!(few.len(), 5);
        assert_eq!(few, mutants(&files, 7, 5));
        assert_ne!(few, mutants(&files, 8, 5));
        let kinds: BTreeSet<&str> = few.iter().map(|mutant| mutant.what.as_str()).collect();
        assert!(kinds.len() >= 4, "{kinds:?}");
    }

    #[test]
    fn every_mutant_differs_from_the_original_in_one_place() {
        for mutant in all("count.py", PYTHON) {
            assert_ne!(mutant.content, PYTHON);
            let changed = mutant.content.lines().zip(PYTHON.lines()).filter(|(a, b)| a != b);
            assert_eq!(changed.count(), 1, "{mutant:?}");
        }
    }

    #[test]
    fn what_is_no_program_is_left_alone() {
        assert!(all("README.md", "a == b and 3\n").is_empty());
        assert!(all("data.json", "{\"a\": 1}\n").is_empty());
    }
}
