//! Whether docs/intent-format.md lists the findings of `dark check`: every rule that the source names as one, and none
//! that it does not know.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::tidy::sources;

/// The tables, from the repository's root.
const DOCUMENT: &str = "docs/intent-format.md";

/// Where the findings come from.
const SOURCES: &[&str] = &[
    "crates/intent/src",
    "crates/scenario/src",
    "crates/factory/src/examine.rs",
    "crates/factory/src/intents.rs",
];

/// What stands right before a rule's name.
const MAKERS: &[&str] = &["Diagnostic::error(", "Diagnostic::warning(", ".absent("];

/// Looks through the workspace at `root`.
pub(crate) fn check(root: &Path) -> Vec<String> {
    let files = SOURCES.iter().flat_map(|path| {
        let path = root.join(path);
        if path.is_dir() { sources(&path) } else { vec![path] }
    });
    let code: Vec<String> = files
        .map(|file| fs::read_to_string(file).unwrap_or_default())
        .map(|text| text.split("#[cfg(test)]").next().unwrap_or_default().to_owned())
        .collect();
    let listed = listed(&fs::read_to_string(root.join(DOCUMENT)).unwrap_or_default());
    let named: BTreeSet<&str> = code.iter().flat_map(|text| named(text)).collect();
    let missing = named.iter().filter(|rule| !listed.contains(**rule));
    let missing = missing.map(|rule| format!("{DOCUMENT}: the finding `{rule}` is not listed"));
    let known = |rule: &str| code.iter().any(|text| text.contains(&format!("\"{rule}\"")));
    let stale = listed.iter().filter(|rule| !known(rule));
    let stale = stale.map(|rule| format!("{DOCUMENT}: nothing finds `{rule}`"));
    missing.chain(stale).collect()
}

/// The rules in the first cells of the tables below "## Findings".
fn listed(text: &str) -> BTreeSet<String> {
    let (_, findings) = text.split_once("\n## Findings\n").unwrap_or_default();
    let rows = findings.lines().filter_map(|line| line.strip_prefix("| `")?.split(" | ").next());
    let rules = rows.flat_map(|cell| cell.split([',', '`', ' ']));
    rules.filter(|rule| !rule.is_empty()).map(str::to_owned).collect()
}

/// The rules that findings are made with.
fn named(text: &str) -> Vec<&str> {
    let makers = MAKERS.iter().flat_map(|maker| text.split(maker).skip(1));
    let rules = makers.filter_map(|rest| rest.trim_start().strip_prefix('"')?.split('"').next());
    rules.filter(|rule| !rule.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_findings_are_those_of_the_source() {
        let found = check(crate::root());
        assert!(found.is_empty(), "\n{}", found.join("\n"));
    }

    #[test]
    fn rules_are_found_in_tables_and_in_code() {
        let text =
            "| `no` | x |\n## Findings\n\n| rule | severity |\n|---|---|\n| `a-b`, `c` | error |\n";
        assert_eq!(listed(&format!("\n{text}")), ["a-b", "c"].map(str::to_owned).into());
        let code =
            "Diagnostic::error(\n    \"a-b\",\n) mode.absent(\"c\", x) Diagnostic::warning(rule)";
        assert_eq!(named(code), ["a-b", "c"]);
    }
}
