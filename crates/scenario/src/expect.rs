//! Whether one expectation holds of what was observed.

use intent::{Expect, FileExpect, StepKind, Stream};
use policy::FailureKind;
use sandbox::{Exit, Finished};

use crate::play::Miss;

/// What is wrong with a run by the light of one step; `None` when nothing is, or when the step
/// expects nothing of a run.
pub(crate) fn run(step: &StepKind, finished: &Finished) -> Option<Miss> {
    let miss = |kind, expected: String, actual: String| Some(Miss { kind, expected, actual });
    match step {
        StepKind::ExitIs { code } if finished.exit != Exit::Code(*code) => {
            miss(FailureKind::WrongExit, format!("exit code {code}"), told(finished.exit))
        }
        StepKind::ExitIsFailure if finished.exit == Exit::Code(0) => {
            miss(FailureKind::WrongExit, "a failing exit code".to_owned(), told(finished.exit))
        }
        StepKind::Output { stream, expect } => {
            let (name, bytes, kind) = match stream {
                Stream::Stdout => ("stdout", &finished.stdout, FailureKind::WrongStdout),
                Stream::Stderr => ("stderr", &finished.stderr, FailureKind::WrongStderr),
            };
            let text = String::from_utf8_lossy(bytes);
            unmet(expect, &text)
                .and_then(|expected| miss(kind, format!("{name} {expected}"), format!("{text:?}")))
        }
        StepKind::Within { limit } if finished.wall > *limit => miss(
            FailureKind::TimedOut,
            format!("an end within {} ms", limit.as_millis()),
            format!("{} ms", finished.wall.as_millis()),
        ),
        _ => None,
    }
}

/// What is wrong with a file; `content` is `None` when there is no such regular file.
pub(crate) fn file(path: &str, expect: &FileExpect, content: Option<&[u8]>) -> Option<Miss> {
    let (expected, actual) = match (expect, content) {
        (FileExpect::Exists, Some(_)) | (FileExpect::Missing, None) => return None,
        (FileExpect::Exists | FileExpect::Content(_), None) => {
            (format!("a file `{path}`"), "no such file".to_owned())
        }
        (FileExpect::Missing, Some(_)) => (format!("no file `{path}`"), "it exists".to_owned()),
        (FileExpect::Content(expect), Some(content)) => {
            let text = String::from_utf8_lossy(content);
            (format!("file `{path}` {}", unmet(expect, &text)?), format!("{text:?}"))
        }
    };
    Some(Miss { kind: FailureKind::WrongFile, expected, actual })
}

/// What was expected of `text`, when it does not hold.
fn unmet(expect: &Expect, text: &str) -> Option<String> {
    let (holds, told) = match expect {
        Expect::Is { text: wanted } => {
            (without_newline(text) == without_newline(wanted), format!("is {wanted:?}"))
        }
        Expect::Contains { text: part } => (text.contains(part), format!("contains {part:?}")),
        Expect::Lacks { text: part } => (!text.contains(part), format!("lacks {part:?}")),
        Expect::Matches { pattern } => {
            // Patterns are checked when a scenario is read; one that slipped through matches nothing.
            let found = regex::Regex::new(pattern).is_ok_and(|pattern| pattern.is_match(text));
            (found, format!("matches /{pattern}/"))
        }
        Expect::Empty => (text.is_empty(), "is empty".to_owned()),
        Expect::NotEmpty => (!text.is_empty(), "is not empty".to_owned()),
    };
    (!holds).then_some(told)
}

fn without_newline(text: &str) -> &str {
    text.strip_suffix('\n').unwrap_or(text)
}

fn told(exit: Exit) -> String {
    match exit {
        Exit::Code(code) => format!("exit code {code}"),
        other => format!("{other:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_trailing_newline_on_either_side_does_not_matter_and_a_second_does() {
        let is = |wanted: &str, text: &str| {
            unmet(&Expect::Is { text: wanted.to_owned() }, text).is_none()
        };
        assert!(is("a", "a\n") && is("a\n", "a") && is("a\n", "a\n") && is("", "\n"));
        assert!(!is("a", "a\n\n") && !is("a", " a") && !is("a", "a\r\n"));
    }

    #[test]
    fn the_other_expectations_look_at_the_text_as_it_is() {
        let holds = |expect: Expect, text: &str| unmet(&expect, text).is_none();
        let text = |text: &str| text.to_owned();
        assert!(holds(Expect::Contains { text: text("b\n") }, "ab\n"));
        assert!(!holds(Expect::Lacks { text: text("b") }, "ab"));
        assert!(holds(Expect::Matches { pattern: text("^[a-c]+\\n$") }, "ab\n"));
        assert!(!holds(Expect::Matches { pattern: text("(") }, "("));
        assert!(!holds(Expect::Empty, "\n") && holds(Expect::NotEmpty, "\n"));
    }

    #[test]
    fn a_missing_file_has_no_content_to_match() {
        let content = FileExpect::Content(Expect::Empty);
        assert!(file("f", &content, None).is_some());
        assert!(file("f", &content, Some(b"")).is_none());
        assert!(file("f", &FileExpect::Missing, Some(b"")).is_some());
    }
}
