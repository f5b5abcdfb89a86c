//! Words that leave open what correct looks like, and numbers that leave open of what.
//!
//! It reads prose outside of backticks and refuses to understand it: a table and a few patterns,
//! kept so narrow that a hit is worth a person's time.

/// One vague word, and what to write in its place.
#[derive(Debug, Clone, Copy, serde::Serialize)]
pub struct VagueWord {
    pub word: &'static str,
    pub instead: &'static str,
}

const MEASURE: &str = "give a number and a unit, such as `within 2s`";
const SAY_WHAT: &str = "say what it does, with the input and the output";
const LIST_ALL: &str = "list all of them";
const STATE: &str = "state it as a fact: `prints`, `exits 2`";

/// Every word that is told, in lower case; several words are matched as a phrase.
pub const VAGUE_WORDS: &[VagueWord] = &[
    vague("fast", MEASURE),
    vague("quick", MEASURE),
    vague("quickly", MEASURE),
    vague("slow", MEASURE),
    vague("efficient", MEASURE),
    vague("efficiently", MEASURE),
    vague("performant", MEASURE),
    vague("scalable", MEASURE),
    vague("responsive", MEASURE),
    vague("easy", SAY_WHAT),
    vague("easily", SAY_WHAT),
    vague("simple", SAY_WHAT),
    vague("intuitive", SAY_WHAT),
    vague("user-friendly", SAY_WHAT),
    vague("friendly", SAY_WHAT),
    vague("nice", SAY_WHAT),
    vague("nicely", SAY_WHAT),
    vague("pretty", SAY_WHAT),
    vague("robust", "name the inputs that it must survive, and what it does with each"),
    vague("reliable", "name the failures that it must survive, and what it does in each"),
    vague("secure", "name what must not happen, and to what"),
    vague("flexible", LIST_ALL),
    vague("appropriate", SAY_WHAT),
    vague("appropriately", SAY_WHAT),
    vague("suitable", SAY_WHAT),
    vague("reasonable", SAY_WHAT),
    vague("sensible", SAY_WHAT),
    vague("meaningful", "say what the text contains"),
    vague("helpful", "say what the text contains"),
    vague("properly", SAY_WHAT),
    vague("correctly", SAY_WHAT),
    vague("gracefully", "say what it prints and with which code it exits"),
    vague("handle", SAY_WHAT),
    vague("handles", SAY_WHAT),
    vague("support", SAY_WHAT),
    vague("supports", SAY_WHAT),
    vague("should", STATE),
    vague("might", STATE),
    vague("could", STATE),
    vague("ideally", STATE),
    vague("preferably", STATE),
    vague("if possible", STATE),
    vague("as needed", SAY_WHAT),
    vague("some", "say which ones, or how many"),
    vague("several", "say how many"),
    vague("various", LIST_ALL),
    vague("few", "say how many"),
    vague("usually", "say when it does and when it does not"),
    vague("normally", "say when it does and when it does not"),
    vague("mostly", "say when it does and when it does not"),
    vague("often", "say when it does and when it does not"),
    vague("etc", LIST_ALL),
    vague("and so on", LIST_ALL),
    vague("and/or", "say which: `a`, `b`, or both"),
    vague("tbd", "decide it, or leave it out"),
    vague("todo", "decide it, or leave it out"),
];

const fn vague(word: &'static str, instead: &'static str) -> VagueWord {
    VagueWord { word, instead }
}

/// The vague words of a sentence, in the order of the sentence, each once.
pub(crate) fn vague_words(text: &str) -> Vec<VagueWord> {
    let prose = prose(text);
    let mut hits: Vec<(usize, VagueWord)> =
        VAGUE_WORDS.iter().filter_map(|vague| Some((find(&prose, vague.word)?, *vague))).collect();
    // "user-friendly" holds "friendly": of two at one place, the longer says it.
    let spans: Vec<(usize, usize)> = hits.iter().map(|(at, v)| (*at, at + v.word.len())).collect();
    hits.retain(|(at, vague)| {
        let end = at + vague.word.len();
        !spans.iter().any(|(from, to)| from <= at && end <= *to && to - from > end - at)
    });
    hits.sort_by_key(|(at, _)| *at);
    hits.into_iter().map(|(_, vague)| vague).collect()
}

/// Phrases before a number that is a quantity, whatever else the sentence says.
const ALWAYS: [&str; 2] = ["within", "every"];
/// Phrases before a number that may also just bound a number that the program reads.
const BOUNDS: [&str; 6] =
    ["at most", "at least", "no more than", "fewer than", "less than", "more than"];
/// Words that tell that the sentence is about a number itself, which needs no unit.
const NUMBERS: [&str; 9] =
    ["number", "numbers", "integer", "integers", "value", "values", "digit", "count", "n"];

/// A quantity without a unit, as written: `within 5` before a full stop.
pub(crate) fn bare_number(text: &str) -> Option<String> {
    let prose = prose(text);
    let about_numbers = NUMBERS.iter().any(|word| find(&prose, word).is_some());
    let bounds = BOUNDS.iter().filter(|_| !about_numbers);
    for phrase in ALWAYS.iter().chain(bounds) {
        let Some(at) = find(&prose, phrase) else { continue };
        let rest = prose[at + phrase.len()..].trim_start();
        let digits = rest.bytes().take_while(|b| b.is_ascii_digit()).count();
        let after = &rest[digits..];
        // A decimal point goes on with a digit; the end of a sentence does not.
        let ends = after.is_empty()
            || (after.starts_with(['.', ',', ';', ')'])
                && !after[1..].starts_with(|c: char| c.is_ascii_digit()));
        if digits > 0 && ends {
            return Some(format!("{phrase} {}", &rest[..digits]));
        }
    }
    None
}

/// The text in lower case, code spans blanked out.
fn prose(text: &str) -> String {
    let mut code = false;
    let chars = text.chars().map(|c| {
        code ^= c == '`';
        if code || c == '`' { '`' } else { c.to_ascii_lowercase() }
    });
    chars.collect()
}

/// Where `word` stands as a word of its own.
fn find(prose: &str, word: &str) -> Option<usize> {
    let inside = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '`');
    prose.match_indices(word).map(|(at, _)| at).find(|at| {
        let before = prose[..*at].chars().next_back();
        let after = prose[at + word.len()..].chars().next();
        !before.is_some_and(inside) && !after.is_some_and(inside)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vague_words_are_found_as_words_and_outside_of_code() {
        let words = |text| vague_words(text).iter().map(|v| v.word).collect::<Vec<_>>();
        assert_eq!(words("It should be Fast, etc."), ["should", "fast", "etc"]);
        assert_eq!(words("A user-friendly list"), ["user-friendly"]);
        assert_eq!(words("`should` prints something, handset, breakfast"), [""; 0]);
        assert_eq!(words("it is fast-forwarded"), [""; 0]);
    }

    #[test]
    fn only_a_quantity_without_a_unit_is_told() {
        let bare = |text| bare_number(text);
        assert_eq!(bare("It answers within 5."), Some("within 5".into()));
        assert_eq!(bare("It keeps at most 10, then stops."), Some("at most 10".into()));
        for fine in [
            "It answers within 5 seconds.",
            "It answers within 2s.",
            "N is a whole number of at most 10.",
            "At most 10 lines are printed.",
            "at most 1.5 MB",
            "It exits with `within 5`.",
            "From 1 to 3999.",
        ] {
            assert_eq!(bare(fine), None, "{fine}");
        }
    }
}
