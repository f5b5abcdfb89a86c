//! `cargo xtask conformance`: which test ticks which box of the specification's Definition of Done, as a
//! table. A test says so in its documentation: `/// Definition of Done 11.3: <how the box begins>.`

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::tidy::sources;

/// The boxes, from the repository's root.
const BOXES: &str = "xtask/definition-of-done.md";
/// The table, from the repository's root.
pub(crate) const TABLE: &str = "docs/attractor-conformance.md";

const MARKER: &str = "Definition of Done ";

/// Tests that only run when somebody asks for them by name (`test = false` in their manifest).
const BY_HAND: &[&str] = &["crates/conformance/tests/live.rs"];

/// The table, and what is wrong with the ticks.
pub(crate) struct Checked {
    pub(crate) table: String,
    pub(crate) found: Vec<String>,
}

struct Section {
    number: String,
    title: String,
    boxes: Vec<Tick>,
}

/// A box and what ticks it.
struct Tick {
    text: String,
    departs: Option<String>,
    remark: Option<String>,
    not_implemented: Option<String>,
    tests: Vec<Test>,
}

#[derive(Clone)]
struct Test {
    name: String,
    file: String,
}

/// What a test says that it ticks.
struct Marker {
    section: String,
    text: String,
    /// None where it stands before something that is no test.
    test: Option<Test>,
    place: String,
}

/// Looks through the workspace at `root`.
pub(crate) fn check(root: &Path) -> Checked {
    let mut found = Vec::new();
    let text = fs::read_to_string(root.join(BOXES)).unwrap_or_default();
    let mut sections = boxes(&text, &mut found);
    for file in sources(&root.join("crates")) {
        let text = fs::read_to_string(&file).unwrap_or_default();
        let shown = file.strip_prefix(root).unwrap_or(&file).display().to_string();
        for marker in markers(&shown, &text) {
            tick(&mut sections, &marker, &mut found);
        }
    }
    for section in &sections {
        for tick in &section.boxes {
            let by_itself = tick.tests.iter().any(|test| !BY_HAND.contains(&test.file.as_str()));
            if by_itself == tick.not_implemented.is_some() {
                let what =
                    if by_itself { "is not implemented, and has a test" } else { "has no test" };
                found.push(format!("{BOXES}: {}: `{}` {what}", section.number, tick.text));
            }
        }
    }
    Checked { table: table(&sections), found }
}

/// [`check`], and that the table which is there says the same.
pub(crate) fn verify(root: &Path) -> Vec<String> {
    let checked = check(root);
    let mut found = checked.found;
    if fs::read_to_string(root.join(TABLE)).unwrap_or_default() != checked.table {
        found.push(format!("{TABLE}: out of date; write it anew with `cargo xtask conformance`"));
    }
    found
}

fn boxes(text: &str, found: &mut Vec<String>) -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        if let Some(heading) = line.strip_prefix("## ") {
            let (number, title) = heading.split_once(' ').unwrap_or((heading, ""));
            let (number, title) = (number.to_owned(), title.to_owned());
            sections.push(Section { number, title, boxes: Vec::new() });
            continue;
        }
        let Some(section) = sections.last_mut() else { continue };
        if let Some(text) = line.strip_prefix("* ") {
            section.boxes.push(Tick {
                text: text.to_owned(),
                departs: None,
                remark: None,
                not_implemented: None,
                tests: Vec::new(),
            });
            continue;
        }
        let Some((kind, text)) = line.trim().split_once(": ") else { continue };
        let last = section.boxes.last_mut();
        let said = last.and_then(|tick| match kind {
            "departs" => Some(&mut tick.departs),
            "remark" => Some(&mut tick.remark),
            "not implemented" => Some(&mut tick.not_implemented),
            _ => None,
        });
        match said {
            Some(said) => *said = Some(text.to_owned()),
            None => found.push(format!("{BOXES}:{}: `{line}` is about no box", number + 1)),
        }
    }
    sections
}

/// The markers in a file's documentation comments, each with the test behind it.
fn markers(file: &str, text: &str) -> Vec<Marker> {
    let mut all = Vec::new();
    let mut open: Vec<Marker> = Vec::new();
    let (mut is_inside, mut is_test) = (false, false);
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if let Some(said) = line.strip_prefix("///").map(str::trim) {
            if let Some(marked) = said.strip_prefix(MARKER) {
                let (section, text) = marked.split_once(':').unwrap_or((marked, ""));
                let (section, text) = (section.to_owned(), text.trim().to_owned());
                let place = format!("{file}:{}", number + 1);
                open.push(Marker { section, text, test: None, place });
                is_inside = true;
            } else if is_inside && !said.is_empty() {
                let last = open.last_mut().expect("inside is behind one");
                last.text = format!("{} {said}", last.text);
            } else {
                is_inside = false;
            }
            continue;
        }
        is_inside = false;
        if line.starts_with("#[") {
            is_test |= line == "#[test]";
            continue;
        }
        let name = line.strip_prefix("fn ").and_then(|rest| rest.split_once('('));
        let test = name.filter(|_| is_test).map(|(name, _)| {
            let (name, file) = (name.to_owned(), file.to_owned());
            Test { name, file }
        });
        all.extend(open.drain(..).map(|marker| Marker { test: test.clone(), ..marker }));
        is_test = false;
    }
    all.append(&mut open);
    all
}

fn tick(sections: &mut [Section], marker: &Marker, found: &mut Vec<String>) {
    let section = sections.iter_mut().find(|section| section.number == marker.section);
    let wanted = plain(&marker.text);
    let boxes = section.into_iter().flat_map(|section| &mut section.boxes);
    let mut fits: Vec<&mut Tick> =
        boxes.filter(|tick| plain(&tick.text).starts_with(&wanted)).collect();
    let exact = fits.iter().position(|tick| plain(&tick.text) == wanted);
    let place = &marker.place;
    match (exact, fits.len(), &marker.test) {
        (_, _, None) => found.push(format!("{place}: `{MARKER}…` stands before no test")),
        (_, 0, _) => {
            found.push(format!("{place}: {} has no box `{}`", marker.section, marker.text));
        }
        (Some(at), _, Some(test)) => fits[at].tests.push(test.clone()),
        (None, 1, Some(test)) => fits[0].tests.push(test.clone()),
        _ => found.push(format!("{place}: `{}` is the beginning of several boxes", marker.text)),
    }
}

/// A text without its markup and its full stop.
fn plain(text: &str) -> String {
    let plain: String = text.chars().filter(|c| !matches!(c, '`' | '*')).collect();
    plain.trim().trim_end_matches('.').to_owned()
}

fn table(sections: &[Section]) -> String {
    let all = || sections.iter().flat_map(|section| &section.boxes);
    let count = |state: &str| all().filter(|tick| tick.state() == state).count();
    let mut told = format!(
        "# Conformance with the Attractor specification\n\n\
         Written by `cargo xtask conformance` from the tests; `cargo xtask tidy` and the tests fail where it is out\n\
         of date. Every box of the Definition of Done (section 11 of\n\
         [attractor-spec](https://github.com/strongdm/attractor/blob/main/attractor-spec.md)), and the tests that tick\n\
         it. *met* is to the letter; *departs* is met in substance, and the remark says how we do otherwise and why.\n\n\
         {} boxes: {} met, {} depart, {} not implemented.\n",
        all().count(),
        count("met"),
        count("departs"),
        count("not implemented"),
    );
    for section in sections {
        let _ = write!(told, "\n## {} {}\n\n", section.number, section.title);
        told.push_str("| box | tests | file | status | remarks |\n|---|---|---|---|---|\n");
        for tick in &section.boxes {
            let _ = writeln!(told, "{}", tick.row());
        }
    }
    told
}

impl Tick {
    fn state(&self) -> &'static str {
        match (&self.not_implemented, &self.departs) {
            (Some(_), _) => "not implemented",
            (None, Some(_)) => "departs",
            (None, None) => "met",
        }
    }

    fn row(&self) -> String {
        let mut files: Vec<&str> = self.tests.iter().map(|test| test.file.as_str()).collect();
        files.dedup();
        let names: Vec<String> = self.tests.iter().map(|test| format!("`{}`", test.name)).collect();
        let links: Vec<String> = files
            .iter()
            .map(|file| {
                let by_hand = if BY_HAND.contains(file) { " (by hand)" } else { "" };
                let short = file.strip_prefix("crates/").unwrap_or(file);
                format!("[{short}](../{file}){by_hand}")
            })
            .collect();
        let said = [&self.departs, &self.not_implemented, &self.remark];
        let remarks: Vec<&str> = said.into_iter().flatten().map(String::as_str).collect();
        let cells = [
            self.text.clone(),
            names.join("<br>"),
            links.join("<br>"),
            self.state().to_owned(),
            remarks.join("; "),
        ];
        format!("| {} |", cells.map(|cell| cell.replace('|', "\\|")).join(" | "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_box_is_ticked_and_the_table_is_up_to_date() {
        let found = verify(crate::root());
        assert!(found.is_empty(), "\n{}", found.join("\n"));
    }

    /// What is found, and the tests that tick the two boxes of 11.1.
    fn checked(source: &str) -> (Vec<String>, Vec<String>) {
        let mut found = Vec::new();
        let text = "## 11.1 Parsing\n\n* Edges (`A -> B`) work\n* Edges\n  remark: both\n";
        let mut sections = boxes(text, &mut found);
        // Spelled in two halves, so that no marker of this file is taken for one.
        let source = source.replace("DONE", MARKER.trim_end());
        for marker in markers("f.rs", &source) {
            tick(&mut sections, &marker, &mut found);
        }
        let boxes = sections[0].boxes.iter();
        let names = |tick: &Tick| -> Vec<String> {
            tick.tests.iter().map(|test| test.name.clone()).collect()
        };
        (found, boxes.map(|tick| names(tick).join(" ")).collect())
    }

    #[test]
    fn a_test_ticks_what_its_documentation_names() {
        let source = "/// DONE 11.1: Edges (A -> B)\n/// work.\n/// DONE 11.1: Edges.\n\
                      #[test]\nfn both() {\n}\n/// DONE 11.1: Edges (.\n#[test]\nfn one() {";
        assert_eq!(checked(source), (vec![], vec!["both one".to_owned(), "both".to_owned()]));
    }

    #[test]
    fn a_marker_that_ticks_nothing_is_told() {
        let told = |source| checked(source).0;
        assert_eq!(
            told("/// DONE 11.1: Nodes.\n#[test]\nfn a() {"),
            ["f.rs:1: 11.1 has no box `Nodes.`"]
        );
        let before = "`Definition of Done …` stands before no test".to_owned();
        assert_eq!(told("/// DONE 11.1: Edges.\nfn a() {"), [format!("f.rs:1: {before}")]);
        assert_eq!(
            told("/// DONE 11.1: E.\n#[test]\nfn a() {"),
            ["f.rs:1: `E.` is the beginning of several boxes"]
        );
    }
}
