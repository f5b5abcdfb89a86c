//! When an expectation on a text holds, and when two of them can never hold together.
//!
//! The meaning of [`Expect`] is here alone, for whoever plays scenarios and for the check that looks
//! for contradictions. It refuses to know where the text came from.

use regex::Regex;

use crate::Expect;

impl Expect {
    /// Whether `actual` is as expected. A pattern that is no regular expression never holds; reading
    /// a scenario has refused it already.
    pub fn holds(&self, actual: &str) -> bool {
        match self {
            Self::Is { text } => trimmed(text) == trimmed(actual),
            Self::Contains { text } => actual.contains(text.as_str()),
            Self::Lacks { text } => !actual.contains(text.as_str()),
            Self::Matches { pattern } => {
                Regex::new(pattern).is_ok_and(|regex| regex.is_match(actual))
            }
            Self::Empty => actual.is_empty(),
            Self::NotEmpty => !actual.is_empty(),
        }
    }

    /// Whether no text at all satisfies both. Errs on the side of `false`: two patterns may exclude
    /// each other unseen.
    pub fn contradicts(&self, other: &Self) -> bool {
        if let Some(texts) = self.only() {
            return !texts.iter().any(|text| other.holds(text));
        }
        if let Some(texts) = other.only() {
            return !texts.iter().any(|text| self.holds(text));
        }
        match (self, other) {
            (Self::Contains { text }, Self::Lacks { text: lacked })
            | (Self::Lacks { text: lacked }, Self::Contains { text }) => text.contains(lacked),
            _ => false,
        }
    }

    /// The few texts that satisfy it, if they are few.
    fn only(&self) -> Option<Vec<String>> {
        match self {
            Self::Is { text } => {
                Some(vec![trimmed(text).to_owned(), format!("{}\n", trimmed(text))])
            }
            Self::Empty => Some(vec![String::new()]),
            _ => None,
        }
    }
}

/// Without one newline at the end.
fn trimmed(text: &str) -> &str {
    text.strip_suffix('\n').unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is(text: &str) -> Expect {
        Expect::Is { text: text.into() }
    }
    fn contains(text: &str) -> Expect {
        Expect::Contains { text: text.into() }
    }
    fn lacks(text: &str) -> Expect {
        Expect::Lacks { text: text.into() }
    }
    fn matches(pattern: &str) -> Expect {
        Expect::Matches { pattern: pattern.into() }
    }

    #[test]
    fn only_one_newline_is_forgiven_and_only_by_is() {
        assert!(is("a").holds("a\n") && is("a\n").holds("a") && is("a\n").holds("a\n"));
        assert!(!is("a").holds("a\n\n") && !is("a").holds(" a") && !is("a").holds("a\r\n"));
        assert!(!Expect::Empty.holds("\n") && Expect::NotEmpty.holds("\n"));
        assert!(contains("b\n").holds("ab\n") && !contains("b\n").holds("ab"));
        assert!(lacks("c").holds("ab") && !lacks("b").holds("ab"));
        assert!(
            matches("^b").holds("b") && !matches("^b").holds("a\nb") && !matches("(").holds("(")
        );
    }

    #[test]
    fn contradictions_are_seen_from_both_sides() {
        let pairs = [
            (is("a"), is("b")),
            (is("ab"), contains("c")),
            (is("ab"), lacks("b")),
            (is("ab"), matches("^b")),
            (is("ab"), Expect::Empty),
            (Expect::Empty, Expect::NotEmpty),
            (Expect::Empty, contains("a")),
            (contains("abc"), lacks("b")),
        ];
        for (a, b) in pairs {
            assert!(a.contradicts(&b) && b.contradicts(&a), "{a:?} {b:?}");
        }
    }

    #[test]
    fn what_can_hold_together_is_no_contradiction() {
        let pairs = [
            (is("a"), is("a\n")),
            (is("a"), contains("a\n")),
            (is(""), Expect::Empty),
            (is("a"), Expect::NotEmpty),
            (contains("a"), contains("b")),
            (contains("a"), lacks("ab")),
            (matches("a"), lacks("a")),
        ];
        for (a, b) in pairs {
            assert!(!a.contradicts(&b) && !b.contradicts(&a), "{a:?} {b:?}");
        }
    }
}
