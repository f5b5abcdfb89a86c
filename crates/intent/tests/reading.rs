//! Golden texts: a document in, what is read or found out.
//!
//! Each test writes its cases below one another: what was changed, then what came of it.

use std::fmt::Write as _;

use base::Diagnostic;
use intent::{CheckMode, Intent, Scenario, StepForm, parse_feature, step_forms};

const ROMAN: &str = include_str!("roman.md");
const FEATURE: &str = include_str!("roman.feature");
const DOCS: &str = include_str!("../../../docs/intent-format.md");

/// The findings as a person sees them. None is shown whose rule the documentation does not explain.
fn findings(found: &[Diagnostic]) -> String {
    let text = found.iter().map(|finding| {
        let rule = format!("`{}`", finding.rule);
        let severity = format!("{:?}", finding.severity).to_lowercase();
        let row = DOCS.lines().find(|line| {
            let cells: Vec<&str> = line.split(" | ").collect();
            cells[0].contains(&rule) && cells.get(1).is_some_and(|cell| cell.contains(&severity))
        });
        assert!(row.is_some(), "{rule} of severity {severity} is not documented");
        format!("{finding}\n")
    });
    text.collect()
}

fn roman() -> Intent {
    Intent::parse("intent.md", ROMAN).expect("the example is an intent").0
}

/// The findings of an intent document.
fn check(source: &str) -> String {
    match Intent::parse("intent.md", source) {
        Ok((_, warnings)) => format!("read\n{}", findings(&warnings)),
        Err(errors) => findings(&errors),
    }
}

/// The findings of the example with some text replaced.
fn check_with(from: &str, to: &str) -> String {
    assert!(ROMAN.contains(from), "`{from}` is not in the example");
    check(&ROMAN.replacen(from, to, 1))
}

fn show(scenarios: &[Scenario]) -> String {
    let mut text = String::new();
    for scenario in scenarios {
        let _ = writeln!(text, "{} {:?} {:?}", scenario.id, scenario.requirements, scenario.name);
        for step in &scenario.steps {
            let _ = writeln!(text, "  {} {}: {:?}", step.place, step.text, step.kind);
        }
    }
    text
}

/// The scenarios of a feature, or its findings.
fn check_feature(source: &str) -> String {
    check_feature_of(&roman(), source)
}

fn check_feature_of(intent: &Intent, source: &str) -> String {
    match parse_feature("scenarios/f.feature", source, &intent.interface) {
        Ok(scenarios) => show(&scenarios),
        Err(errors) => findings(&errors),
    }
}

/// The same for steps alone, from line 3 on.
fn check_steps(steps: &str) -> String {
    check_feature(&format!("Feature: f\n  Scenario: s\n{steps}"))
}

/// Cases below one another.
fn report<'a>(cases: impl IntoIterator<Item = (&'a str, String)>) -> String {
    cases
        .into_iter()
        .fold(String::new(), |text, (name, result)| text + "== " + name + "\n" + &result + "\n")
}

#[test]
fn the_example_is_read() {
    let (intent, warnings) = Intent::parse("intent.md", ROMAN).unwrap();
    insta::assert_debug_snapshot!(intent);
    assert_eq!(warnings, []);
}

#[test]
fn a_builder_sees_no_more_than_it_must() {
    insta::assert_snapshot!(roman().builder_view());
}

#[test]
fn the_feature_is_read() {
    insta::assert_snapshot!(check_feature(FEATURE));
}

#[test]
fn line_endings_and_a_byte_order_mark_change_nothing() {
    let (windows, _) =
        Intent::parse("intent.md", &format!("\u{feff}{}", ROMAN.replace('\n', "\r\n"))).unwrap();
    assert_eq!(windows, roman());
    assert_eq!(check_feature(&FEATURE.replace('\n', "\r\n")), check_feature(FEATURE));
}

#[test]
fn front_matter_findings() {
    let cases = [
        ("id = \"roman\"", "id = \"Roman\""),
        ("id = \"roman\"\n", ""),
        ("owner = \"ada@example.com\"", "ownr = \"ada@example.com\""),
        ("owner = \"ada@example.com\"", "owner = \"ada\""),
        ("title = \"Roman numerals on the command line\"", "title = \"  \""),
        ("level = 5", "level = 6"),
        ("level = 5", "level = \"5\""),
        ("level = 5", "level = 5 5"),
        ("level = 5", "colour = true"),
        ("satisfaction = 0.9", "satisfaction = 1.0"),
        ("satisfaction = 0.9", "satisfaction = nan"),
        ("usd = 1.0", "usd = 0"),
        ("usd = 1.0", "usd = -1.0"),
        ("usd = 1.0", "usd = inf"),
        ("usd = 1.0, ", ""),
        ("tokens = 200000", "tokens = 0"),
        ("wall = \"20m\"", "wall = \"20\""),
        ("wall = \"20m\"", "wall = 20, wal = 1"),
        ("budget = { usd = 1.0, tokens = 200000, wall = \"20m\" }", "budget = 5"),
        ("+++\n\n## Goal", "\n## Goal"),
        ("+++\nid", "---\nid"),
    ];
    let cases = cases.map(|(from, to)| (to, check_with(from, to)));
    insta::assert_snapshot!(report(cases));
}

#[test]
fn section_findings() {
    let cases = [
        ("## Goal", "Some prose.\nMore.\n\n## Gaol"),
        ("## Constraints", "## Goal\nAgain.\n\n## Constraints"),
        ("A command that writes numbers as the Romans did.\n", ""),
        ("## Interface\n", ""),
        ("- R2: With", "- R4: With"),
        ("- R2: With", "- R1: With"),
        ("- R2: With", "- R2 With"),
        ("- R2: With", "- C2: With"),
        ("- R2: With", "Prose in between.\n\nOf all kinds.\n- R2: With"),
        ("- C1: Only Python's standard library.", "- Only Python's standard library."),
        ("- C1: Only Python's standard library.", "- C1:"),
        ("`roman 14` prints `XIV`", "`roman 14` shows `XIV`"),
        ("`roman 14` prints `XIV`", "roman 14 prints XIV"),
        ("`roman 14` prints `XIV`", "`roman 14`"),
        ("`roman 14` prints `XIV`", "`roman 14` prints `XIV` on stdout"),
        ("`roman 14` prints `XIV`", "`roman 14` prints `X\\IV`"),
        ("`roman 14` prints `XIV`", "`roman '14` prints `XIV`"),
        ("`roman 14` prints `XIV`", "`roman 14` prints `XIV"),
        ("`roman 14` prints `XIV`", "`romn 14` prints `XIV`"),
        ("`roman 14` prints `XIV`", "`roman 14` exits 256"),
        ("`roman 14` prints `XIV`", "`roman 14` prints nothing and\n    writes `no` on stderr"),
        ("- command: `roman` = `python3 $PRODUCT/roman.py`", "- comand: `roman` = `x`"),
        ("- command: `roman` = `python3 $PRODUCT/roman.py`", "- command: `roman` is `x`"),
        ("- command: `roman` = `python3 $PRODUCT/roman.py`", "- command: `ro man` = `x`"),
        ("- command: `roman` = `python3 $PRODUCT/roman.py`", "- command: `roman` = `x 'y`"),
        ("- command: `roman` = `python3 $PRODUCT/roman.py`", "- command: `roman` = ` `"),
        ("- files: `roman.py`", "- command: `roman` = `x`\n- files: `../roman.py`"),
        ("- files: `roman.py`, `tests/*`", "- files: roman.py"),
        ("- files: `roman.py`, `tests/*`", "- note: free"),
        ("- files: `roman.py`", "- build: `make`\n- build: `make again`\n- files: `roman.py`"),
    ];
    let cases = cases.map(|(from, to)| (to, check_with(from, to)));
    let more = [
        ("too large", check(&" ".repeat(intent::INTENT_BYTES_MAX + 1))),
        ("(nothing)", check("")),
        ("+++ alone", check("+++\n+++\n")),
    ];
    insta::assert_snapshot!(report(cases.into_iter().chain(more)));
}

#[test]
fn every_form_of_the_library_is_read() {
    let intent = served();
    let cases = step_forms().iter().map(|form| {
        let source = format!("Feature: f\n  Scenario: s\n{}", instance(form));
        (form.pattern, check_feature_of(&intent, &source))
    });
    insta::assert_snapshot!(report(cases));
}

/// The example, as a service that uses a twin.
fn served() -> Intent {
    let command = "- command: `roman` = `python3 $PRODUCT/roman.py`\n";
    let items = "- service: `romand` = `python3 $PRODUCT/d.py 'a b'`, on port `8080`, ready when `GET /up` answers\n\
        - twins: `okta` as `OKTA_URL`, `OKTA_TOKEN`; `google-drive`\n";
    let source = ROMAN.replace(command, &format!("{command}{items}"));
    let (intent, warnings) = Intent::parse("intent.md", &source).expect("a service");
    assert_eq!(warnings, []);
    intent
}

#[test]
fn a_service_and_its_twins_are_read() {
    let interface = served().interface;
    insta::assert_debug_snapshot!((interface.service, interface.twins));
}

#[test]
fn service_findings() {
    let good =
        "- service: `d` = `d`, on port `8080`, ready when `GET /up` answers\n- twins: `okta`";
    let cases = [
        (good, good),
        ("on port `8080`", "on port `80`"),
        ("on port `8080`", "at `8080`"),
        ("`GET /up`", "`POST /up`"),
        ("ready when `GET /up` answers", "ready"),
        ("`d` = `d`", "`d`"),
        ("- twins: `okta`", "- service: `e` = `e`, on port `8081`, ready when `GET /` answers"),
        ("`okta`", "`Okta`"),
        ("`okta`", "`okta`, `okta`"),
        ("`okta`", "`okta` as `SLACK_TOKEN`"),
        ("`okta`", "okta"),
        ("- twins", "- twin"),
    ];
    let cases = cases.map(|(from, to)| {
        let items = good.replacen(from, to, 1);
        (to, check_with("- command: `roman` = `python3 $PRODUCT/roman.py`", &items))
    });
    insta::assert_snapshot!(report(cases));
}

#[test]
fn service_step_findings() {
    let started = "    Given the service is running\n";
    let asked = "    Given the service is running\n    When I GET \"/\"\n";
    let cases = [
        ("", "    When I GET \"/\""),
        (started, "    When I GET \"up\""),
        (started, "    When I GET \"/a b\""),
        (started, "    Then the status is 200"),
        (asked, "    Then the status is 99"),
        (asked, "    Then the status are 200"),
        (asked, "    Then the JSON at \"a.b\" is 1"),
        (asked, "    Then the JSON at \"$.a\" is one"),
        (asked, "    Then the JSON at \"$.a\" is:\n      \"\"\"\n      {\n      \"\"\""),
        (asked, "    Then within 2s, the status is 200"),
        (asked, "    Then within 2, okta has 1 user"),
        (asked, "    Then within 2s, okta had 1 user"),
        (asked, "    Then slack has 1 message"),
        (asked, "    Then the header \"X Y\" is \"1\""),
        (asked, "    Then a judge agrees about the response that \"it is polite\":"),
        (asked, "    Then a judge agrees about the response that \"it is polite\""),
        (asked, "    Then a judge agrees about the respons that \"it is polite\":"),
        (
            asked,
            "    Then a judge agrees about stdout that \"x\":\n      | answer | verdict |\n      | a | yes |",
        ),
        (
            started,
            "    Then a judge agrees about the response that \"x\":\n      | answer | verdict |\n      | a | yes |",
        ),
        (
            asked,
            "    Then a judge agrees about the messages of slack that \"x\":\n      | answer | verdict |\n      | a | yes |",
        ),
        (
            asked,
            "    Then a judge agrees about the response that \"x\":\n      | answer | verdict |\n      | a | perhaps |",
        ),
        ("", "    Given okta has the users:"),
        ("", "    Given okta has the users:\n      | a | a |\n      | 1 | 2 |"),
        ("", "    Given oktaa has the users:\n      | a |\n      | 1 |"),
    ];
    let intent = served();
    let cases = cases.map(|(before, steps)| {
        (steps, check_feature_of(&intent, &format!("Feature: f\n  Scenario: s\n{before}{steps}\n")))
    });
    insta::assert_snapshot!(report(cases));
}

#[test]
fn every_form_is_documented() {
    for form in step_forms() {
        let line = format!("- `{}`: {}", form.pattern, form.doc);
        assert!(DOCS.lines().any(|doc| doc.starts_with(&line)), "not in the documentation: {line}");
    }
    for form in intent::EXAMPLE_FORMS {
        assert!(DOCS.contains(&format!("| {form} |")), "not in the documentation: {form}");
    }
}

#[test]
fn the_documented_example_is_strong() {
    let block = |language: &str| {
        let (_, rest) = DOCS.split_once(&format!("```{language}\n")).expect("a fenced block");
        rest.split_once("```\n").expect("its end").0
    };
    let (intent, warnings) = Intent::parse("intent.md", block("markdown")).unwrap();
    assert_eq!(findings(&warnings), "");
    let scenarios = parse_feature("f.feature", block("gherkin"), &intent.interface).unwrap();
    let found = intent::check(&intent, &scenarios, CheckMode::Build);
    insta::assert_snapshot!(findings(&found));
}

/// Those come after all others.
fn is_of_services(form: &StepForm) -> bool {
    let at = |pattern: &str| step_forms().iter().position(|form| form.pattern == pattern);
    at(form.pattern) >= at("the service is running")
}

/// A scenario that uses the form once.
fn instance(form: &StepForm) -> String {
    let holes = [
        ("\"PATH\"", "\"a/b.txt\""),
        ("\"TEXT\"", r#""one\n\"two\"""#),
        ("\"NAME\"", "\"LANG\""),
        ("\"COMMAND\"", "\"roman 'a b'\""),
        ("\"REGEX\"", r#""^\d \"x\"$""#),
        ("stdout|stderr", "stderr"),
        (" N", " 3"),
        ("TIME", "500 ms"),
        ("\"TARGET\"", "\"/a?b=c\""),
        ("\"HEADER\"", "\"X-Test\""),
        ("\"JSONPATH\"", "\"$.a[0]\""),
        ("\"OPERATION\"", "\"listUsers\""),
        ("\"WHERE\"", "\"#here\""),
        ("\"SENTENCE\"", "\"it is polite\""),
        ("GET|POST|PUT|PATCH|DELETE", "DELETE"),
        ("POST|PUT|PATCH|DELETE", "PUT"),
        ("SERVICE", "okta"),
        ("KIND", "users"),
        ("COUNT", "2"),
        ("STATUS", "503"),
        ("VALUE", "-1.5"),
        ("starts|stops|restarts", "restarts"),
        ("has|gets", "gets"),
        ("in|for", "in"),
    ];
    let step =
        holes.iter().fold(form.pattern.to_owned(), |step, (hole, value)| step.replace(hole, value));
    let mut text = format!("    When I run \"roman\"\n    {:?} {step}\n", form.keyword);
    let serving = "    Given the service is running\n    When I GET \"/\"\n";
    if is_of_services(form) {
        text = format!("{serving}{text}");
    }
    if form.keyword == intent::StepKeyword::Given {
        text = format!("    Given {step}\n");
    }
    if let Some([first, second]) = form.table {
        let rows = if second == "verdict" { ["Please.", "No."] } else { ["A", "B"] };
        let cells = if second == "verdict" { ["yes", "no"] } else { ["x y", ""] };
        text += &format!("      | {first} | {second} |\n");
        for (row, cell) in rows.iter().zip(cells) {
            text += &format!("      | {row} | {cell} |\n");
        }
    } else if form.columns {
        text += "      | a | b |\n      | 1 | x y |\n      | [2] | |\n";
    } else if form.pattern.contains("JSON") && form.pattern.ends_with(':') {
        text += "      \"\"\"\n      { \"a\": [1] }\n      \"\"\"\n";
    } else if form.pattern == "I run:" {
        text += "      ```\n      roman \"a b\"\n      ```\n";
    } else if form.pattern.ends_with(':') {
        text += "      \"\"\"\n      one\n        two\n      \"\"\"\n";
    }
    text
}

#[test]
fn step_findings() {
    let cases = [
        "    When I runn \"roman\"",
        "    When I run \"roman",
        "    When I run \"romn 1\"",
        "    When I run \"\"",
        "    When I run 'roman 1'",
        "    When I run \"roman 'a\"",
        "    When I run \"roman\"\n    Then the output is \"x\"",
        "    When I run \"roman\"\n    Then standard output is \"x\"",
        "    When I run \"roman\"\n    Then it explodes",
        "    When I run \"roman\"\n    Then stdout is \"\\q\"",
        "    When I run \"roman\"\n    Then stdout is",
        "    When I run \"roman\"\n    Then stdout is:",
        "    When I run \"roman\"\n    Then it fails\n      \"\"\"\n      x\n      \"\"\"",
        "    When I run \"roman\"\n    Then stdout matches \"(\"",
        "    When I run \"roman\"\n    Then it exits with two",
        "    When I run \"roman\"\n    Then it exits with 300",
        "    When I run \"roman\"\n    Then it finishes within 2",
        "    When I run \"roman\"\n    Then it finishes within 0 ms",
        "    When I run \"roman\"\n    Then the file \"/etc/passwd\" exists",
        "    Given a file \"../a\" containing \"x\"",
        "    Given the environment variable \"A B\" is \"x\"",
        "    Given the files:\n      | file | content |\n      | a | b |",
        "    Given the files:\n      | path | content |\n      | ../a | b |",
        "    Given it fails",
        "    Then I run \"roman\"",
        "    Then it fails",
        "    When I run \"roman\"\n    And a file \"a\" containing \"x\"",
        "    Givne standard input \"x\"\n    When I run \"roman\"",
        "    standard input \"x\"\n    When I run \"roman\"",
        "    A description of any kind: fine.\n    When I run \"roman\"\n    Then it succeeds",
        "    When I run \"roman\"\n    Thn it succeeds",
        "    When I run \"roman\"\n    then it succeeds",
        "    When I run \"roman\"\n    Then stdout is:\n      \"\"\"\n      never closed",
        "",
    ];
    insta::assert_snapshot!(report(cases.map(|steps| (steps, check_steps(&format!("{steps}\n"))))));
}

#[test]
fn feature_findings() {
    let outline = "Feature: f\n  Scenario Outline: o\n    When I run \"roman <n>\"\n    Then stdout is \"<out>\"\n";
    let with = |rest: &str| check_feature(&format!("{outline}{rest}"));
    let cases = [
        ("(nothing)", check_feature("")),
        ("too many lines", check_feature(&"\n".repeat(intent::FEATURE_LINES_MAX + 1))),
        ("no feature", check_feature("Scenario: s\n  When I run \"roman\"\n")),
        ("no scenario", check_feature("Feature: f\n")),
        (
            "misspelt scenario",
            check_feature("Feature: f\n  Senario: s\n    When I run \"roman\"\n"),
        ),
        (
            "lost step",
            check_feature(
                "Feature: f\n  Given an empty file \"a\"\n  Scenario: s\n    When I run \"roman\"\n",
            ),
        ),
        (
            "bad tags",
            check_feature(
                "@r1\nFeature: f\n  @smoke @R01\n  Scenario: s\n    When I run \"roman\"\n",
            ),
        ),
        ("language", check_feature("# language: de\nFunktionalität: f\n")),
        (
            "a bad name",
            parse_feature(
                ".feature",
                "Feature: f\n Scenario: s\n  When I run \"roman\"\n",
                &roman().interface,
            )
            .map_or_else(|found| findings(&found), |read| show(&read)),
        ),
        ("no examples", with("")),
        ("no rows", with("    Examples:\n      | n | out |\n")),
        ("a cell too many", with("    Examples:\n      | n | out |\n      | 1 | I | x |\n")),
        ("a cell too few", with("    Examples:\n      | n | out |\n      | 1 |\n")),
        ("a bad escape", with("    Examples:\n      | n | out |\n      | 1 | a\\tb |\n")),
        (
            "no such column",
            check_feature(
                "Feature: f\n  Scenario Outline: o\n    When I run \"roman <numbr>\"\n    Examples:\n      | number | out |\n      | 1 | I |\n",
            ),
        ),
        (
            "quotes and bars in cells",
            with(
                "    @R2\n    Examples:\n      | n | out |\n      | 'a b' | say \"a\\|b\" \\\\n\\nc |\n",
            ),
        ),
        (
            "an unread row",
            with("    Examples:\n      | n | out |\n      | 'a | x |\n      | 2 | II |\n"),
        ),
        ("html is text", check_steps("    When I run \"roman\"\n    Then stdout is \"<html>\"\n")),
    ];
    insta::assert_snapshot!(report(cases));
}

/// The findings of an intent with these requirements and these scenarios.
fn check_both(requirements: &str, scenarios: &str, mode: CheckMode) -> String {
    let start = ROMAN.find("- R1").unwrap();
    let end = ROMAN.find("## Constraints").unwrap();
    let source = format!("{}{requirements}\n{}", &ROMAN[..start], &ROMAN[end..]);
    let (intent, _) = Intent::parse("intent.md", &source).expect("the requirements are read");
    let feature = format!("Feature: f\n{scenarios}");
    let scenarios = parse_feature("f.feature", &feature, &intent.interface);
    findings(&intent::check(&intent, &scenarios.expect("the scenarios are read"), mode))
}

#[test]
fn weaknesses() {
    let bad = "- R9: Anything else exits 2.";
    let one = format!("- R1: It prints N.\n  - `roman 1` prints `I`\n{bad}\n");
    let proved =
        "  @R9 @C1\n  Scenario: bad\n    When I run \"roman x\"\n    Then it exits with 2\n";
    let run = |tag: &str, steps: &str| {
        format!("{proved}  {tag}\n  Scenario: s\n    {}\n", steps.replace("; ", "\n    "))
    };
    let build =
        |requirements: &str, scenarios: &str| check_both(requirements, scenarios, CheckMode::Build);
    let two = |first: &str, second: &str| {
        build(&one, &(run("@R1", first) + &run("@R1", second).replace(proved, "")))
    };
    let cases = [
        ("strong", build(&one, &run("@R1", "When I run \"roman 2\"; Then stdout is \"II\""))),
        (
            "uncovered",
            build(&one, "  @R9\n  Scenario: bad\n    When I run \"roman x\"\n    Then it fails\n"),
        ),
        (
            "uncovered draft",
            check_both(
                &one,
                "  @R9\n  Scenario: bad\n    When I run \"roman x\"\n    Then it fails\n",
                CheckMode::Draft,
            ),
        ),
        ("untagged", build(&one, &run("@slow", "When I run \"roman 2\"; Then stdout is \"II\""))),
        (
            "unknown tag",
            build(&one, &run("@R1 @R7", "When I run \"roman 2\"; Then stdout is \"II\"")),
        ),
        ("no expectation", build(&one, &run("@R1", "When I run \"roman 2\""))),
        (
            "repeats the example",
            build(
                &one,
                &run("@R1", "When I run \"roman 1\"; Then stdout is \"I\"; Then it succeeds"),
            ),
        ),
        (
            "contradicts the example",
            build(&one, &run("@R1", "When I run \"roman 1\"; Then stdout is \"II\"")),
        ),
        (
            "other input, no contradiction",
            two(
                "When I run \"roman -\" with standard input \"1\"; Then stdout is \"I\"",
                "When I run \"roman -\" with standard input \"2\"; Then stdout is \"II\"",
            ),
        ),
        (
            "other environment, no contradiction",
            two(
                "Given the environment variable \"A\" is \"1\"; When I run \"roman 3\"; Then it fails",
                "When I run \"roman 3\"; Then it succeeds",
            ),
        ),
        (
            "exit codes",
            two(
                "When I run \"roman 3\"; Then it exits with 2",
                "When I run \"roman 3\"; Then it exits with 3",
            ),
        ),
        (
            "exit and fails",
            two(
                "When I run \"roman 3\"; Then it fails",
                "When I run \"roman  '3'\"; Then it succeeds",
            ),
        ),
        (
            "outputs",
            two(
                "Given a file \"a\" containing \"x\"; When I run \"roman -\"; Then stdout contains \"x\"",
                "Given a file \"a\" containing \"x\"; When I run \"roman -\"; Then stdout is \"a\"",
            ),
        ),
        (
            "files",
            two(
                "When I run \"roman 3\"; Then the file \"a\" is \"x\"",
                "When I run \"roman 3\"; Then the file \"a\" does not exist",
            ),
        ),
        (
            "within one scenario",
            build(
                &one,
                &run(
                    "@R1",
                    "When I run \"roman 3\"; Then stderr is empty; Then stderr contains \"x\"",
                ),
            ),
        ),
        (
            "after other runs, no contradiction",
            two(
                "When I run \"roman 3\"; Then it succeeds; When I run \"roman 3\"; Then it fails",
                "When I run \"roman 3\"; Then it succeeds",
            ),
        ),
        (
            "no bad input",
            build(
                "- R1: It prints N.\n",
                "  @R1 @C1\n  Scenario: s\n    When I run \"roman 2\"\n    Then it succeeds\n",
            ),
        ),
        (
            "wording",
            build(
                &one.replace("It prints N.", "It should handle files robustly and fast, within 5."),
                &run("@R1", "When I run \"roman 2\"; Then stdout is \"II\""),
            ),
        ),
    ];
    insta::assert_snapshot!(report(cases));
}

#[test]
fn two_files_of_one_name() {
    let intent = roman();
    let read = |file: &str| {
        let source = "Feature: f\n  @R1 @R2 @R3 @C1\n  Scenario: s\n    When I run \"roman x\"\n    Then it fails\n";
        parse_feature(file, source, &intent.interface).unwrap()
    };
    let both = [read("scenarios/a/f.feature"), read("scenarios/b/f.feature")].concat();
    insta::assert_snapshot!(findings(&intent::check(&intent, &both, CheckMode::Build)));
}

mod never_panics {
    use super::*;
    use proptest::prelude::*;

    /// A valid text with a part cut out and another put in.
    fn mutated(text: &'static str) -> impl Strategy<Value = String> {
        let count = text.chars().count();
        let parts = prop_oneof![
            "[-+`\"|<>@:#\\\\ \n\ta-zR0-9é]{0,6}",
            Just("\"\"\"\n".to_owned()),
            Just("```".to_owned()),
            Just("  Examples:\n".to_owned()),
            Just("\r\n".to_owned()),
        ];
        (0..count, 0..20_usize, parts).prop_map(move |(at, cut, part)| {
            let before: String = text.chars().take(at).collect();
            let after: String = text.chars().skip(at + cut).collect();
            before + &part + &after
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]

        #[test]
        fn an_intent_of_any_text(text: String) {
            let _ = check(&text);
        }

        #[test]
        fn a_mutated_intent(text in mutated(ROMAN)) {
            let _ = check(&text);
        }

        #[test]
        fn a_feature_of_any_text(text: String) {
            let _ = check_feature(&text);
            let _ = check_feature(&format!("Feature: f\n Scenario: s\n{text}"));
        }

        #[test]
        fn a_mutated_feature(text in mutated(FEATURE)) {
            let interface = roman().interface;
            if let Ok(scenarios) = parse_feature("f.feature", &text, &interface) {
                intent::check(&roman(), &scenarios, CheckMode::Build);
            }
        }

        #[test]
        fn any_step(text in "(When I run|Then stdout|Given a file|Then) [-\"'<a-z:\\\\ é]{0,30}") {
            let _ = check_steps(&format!("    {text}\n"));
        }
    }
}

#[test]
fn a_judged_sentence_is_calibrated_and_never_alone() {
    let judged = |before: &str, rows: &str| {
        let source = format!(
            "@R1 @R2 @R3\nFeature: f\n  Scenario: s\n    When I run \"roman 7\"\n{before}    Then a judge \
             agrees about stdout that \"it is a numeral\":\n      | answer | verdict |\n{rows}"
        );
        let intent = Intent::parse("intent.md", ROMAN).unwrap().0;
        let scenarios = parse_feature("f.feature", &source, &intent.interface).unwrap();
        let found = intent::check(&intent, &scenarios, CheckMode::Build);
        found.into_iter().filter(|one| one.is_error()).map(|one| one.rule).collect::<Vec<_>>()
    };
    let (yes, no) = ("      | VI | yes |\n", "      | six | no |\n");
    let checked = "    Then it succeeds\n";
    assert_eq!(judged(checked, &format!("{yes}{no}")), [""; 0]);
    assert_eq!(judged(checked, yes), ["uncalibrated-judge"]);
    assert_eq!(judged(checked, ""), ["uncalibrated-judge"]);
    assert_eq!(judged("", &format!("{yes}{no}")), ["no-expectation"]);
}
