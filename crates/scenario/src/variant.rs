//! Calls near the ones that scenarios make: on which two builds may differ though every scenario
//! passes on both.

use std::collections::BTreeSet;

use base::{Digest, RequirementId, ScenarioId};
use intent::{Intent, Scenario, StepKind};
use serde::{Deserialize, Serialize};

/// One call of a declared command, with all that it may depend on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Call {
    /// The scenario that it was derived from; `None`: an example of the intent.
    pub scenario: Option<ScenarioId>,
    /// What that scenario or example is about.
    pub requirements: Vec<RequirementId>,
    pub words: Vec<String>,
    pub stdin: String,
    pub files: Vec<(String, String)>,
    pub env: Vec<(String, String)>,
}

impl Call {
    /// The call as steps that expect nothing.
    pub fn steps(&self) -> Vec<StepKind> {
        let files = self.files.iter().map(|(path, content)| StepKind::GivenFile {
            path: path.clone(),
            content: content.clone(),
        });
        let env = self
            .env
            .iter()
            .map(|(name, value)| StepKind::GivenEnv { name: name.clone(), value: value.clone() });
        let stdin = StepKind::GivenStdin { content: self.stdin.clone() };
        let run = StepKind::Run { words: self.words.clone() };
        files.chain(env).chain([stdin, run]).collect()
    }

    /// What a program can tell this call from another by.
    fn asked(&self) -> impl Ord + use<> {
        (self.words.clone(), self.stdin.clone(), self.files.clone(), self.env.clone())
    }
}

/// The most variants that are worth a process each.
pub const VARIANTS_MAX: usize = 256;

/// What is made of one text or number; enough for each kind of slip that people make at edges.
const CHANGES_MAX: usize = 16;

/// At most `max` calls (and at most [`VARIANTS_MAX`]) near those of the scenarios and the intent's
/// examples, no two alike, chosen by `seed`: numbers moved by one, to zero, below it and far up;
/// texts emptied, cut, doubled, in other case, with blanks; arguments dropped and repeated.
pub fn variants(intent: &Intent, scenarios: &[Scenario], seed: u64, max: usize) -> Vec<Call> {
    let originals = calls(intent, scenarios);
    let mut seen: BTreeSet<_> = originals.iter().map(Call::asked).collect();
    let mut found = Vec::new();
    for original in &originals {
        for variant in near(original) {
            if seen.insert(variant.asked()) {
                let order = Digest::of_value(&(seed, &variant)).expect("a call is plain JSON");
                found.push((order, variant));
            }
        }
    }
    found.sort();
    found.truncate(max.min(VARIANTS_MAX));
    found.into_iter().map(|(_, variant)| variant).collect()
}

/// Every call that scenarios and examples make, as they make it.
fn calls(intent: &Intent, scenarios: &[Scenario]) -> Vec<Call> {
    let mut found = Vec::new();
    for scenario in scenarios {
        let steps = scenario.steps.iter().map(|step| &step.kind);
        collect(steps, Some(&scenario.id), &scenario.requirements, &mut found);
    }
    for requirement in intent.requirements.iter().chain(&intent.constraints) {
        for example in &requirement.examples {
            collect(&example.steps, None, std::slice::from_ref(&requirement.id), &mut found);
        }
    }
    found
}

fn collect<'a>(
    steps: impl IntoIterator<Item = &'a StepKind>,
    scenario: Option<&ScenarioId>,
    requirements: &[RequirementId],
    found: &mut Vec<Call>,
) {
    let mut call = Call {
        scenario: scenario.cloned(),
        requirements: requirements.to_vec(),
        words: Vec::new(),
        stdin: String::new(),
        files: Vec::new(),
        env: Vec::new(),
    };
    for step in steps {
        match step {
            StepKind::GivenFile { path, content } => {
                call.files.push((path.clone(), content.clone()))
            }
            StepKind::GivenStdin { content } => call.stdin.clone_from(content),
            StepKind::GivenEnv { name, value } => call.env.push((name.clone(), value.clone())),
            StepKind::Run { words } => {
                call.words.clone_from(words);
                found.push(call.clone());
                call.stdin.clear();
            }
            _ => {}
        }
    }
}

fn near(call: &Call) -> Vec<Call> {
    let mut found = Vec::new();
    let mut push = |change: &dyn Fn(&mut Call)| {
        let mut variant = call.clone();
        change(&mut variant);
        found.push(variant);
    };
    for at in 1..call.words.len() {
        for text in changes(&call.words[at]) {
            push(&|variant| variant.words[at].clone_from(&text));
        }
        push(&|variant| drop(variant.words.remove(at)));
        push(&|variant| variant.words.insert(at, variant.words[at].clone()));
    }
    for text in changes(&call.stdin) {
        push(&|variant| variant.stdin.clone_from(&text));
    }
    for at in 0..call.files.len() {
        for text in changes(&call.files[at].1) {
            push(&|variant| variant.files[at].1.clone_from(&text));
        }
    }
    found
}

/// Texts near `text`; none for the empty text, of which nothing can be taken.
fn changes(text: &str) -> Vec<String> {
    if text.is_empty() {
        return Vec::new();
    }
    let mut found = Vec::new();
    if let Ok(number) = text.trim().parse::<i64>() {
        let moved = [number.saturating_add(1), number.saturating_sub(1), number.saturating_mul(10)];
        found.extend(moved.iter().chain(&[-number.saturating_abs(), 0, 1]).map(i64::to_string));
        found.push(format!("{number}.5"));
    } else {
        found.extend(numbers_moved(text));
        let characters: Vec<char> = text.chars().collect();
        found.push(characters[1..].iter().collect());
        found.push(characters[..characters.len() - 1].iter().collect());
        found.push(characters.iter().rev().collect());
        found.push(text.to_uppercase());
        found.push(text.to_lowercase());
    }
    found.push(String::new());
    found.push(format!("{text}{text}"));
    found.push(format!(" {text}"));
    found.push(format!("{text}x"));
    found.retain(|variant| variant != text);
    found.truncate(CHANGES_MAX);
    found
}

/// The text with its first number one up, and with its last number one down.
fn numbers_moved(text: &str) -> Vec<String> {
    let is_digit = |c: char| c.is_ascii_digit();
    let mut spans = Vec::new();
    let mut from = 0;
    while let Some(start) = text[from..].find(is_digit).map(|at| from + at) {
        let end = text[start..].find(|c| !is_digit(c)).map_or(text.len(), |length| start + length);
        spans.push((start, end));
        from = end;
    }
    let moved = |span: Option<&(usize, usize)>, by: i64| {
        let (start, end) = *span?;
        let number: i64 = text[start..end].parse().ok()?;
        Some(format!("{}{}{}", &text[..start], number.checked_add(by)?, &text[end..]))
    };
    [moved(spans.first(), 1), moved(spans.last(), -1)].into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(words: &[&str], stdin: &str) -> Call {
        Call {
            scenario: None,
            requirements: Vec::new(),
            words: words.iter().map(|word| (*word).to_owned()).collect(),
            stdin: stdin.to_owned(),
            files: Vec::new(),
            env: Vec::new(),
        }
    }

    #[test]
    fn numbers_move_to_their_edges() {
        let texts = changes("3");
        for wanted in ["4", "2", "30", "-3", "0", "1", "3.5", "", "33"] {
            assert!(texts.iter().any(|text| text == wanted), "{wanted} in {texts:?}");
        }
        assert_eq!(numbers_moved("a1b22"), ["a2b22", "a1b21"]);
        assert!(numbers_moved("99999999999999999999").is_empty());
    }

    #[test]
    fn no_variant_is_the_call_itself_and_the_command_stays() {
        let original = call(&["tool", "Ab", "7"], "x y\n");
        let found = near(&original);
        assert!(found.len() > 20);
        assert!(found.iter().all(|variant| variant != &original && variant.words[0] == "tool"));
        assert!(found.iter().any(|variant| variant.words.len() == 2));
        assert!(found.iter().any(|variant| variant.stdin.is_empty()));
    }
}
