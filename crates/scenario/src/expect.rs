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
pub(crate) fn unmet(expect: &Expect, text: &str) -> Option<String> {
    (!expect.holds(text)).then(|| match expect {
        Expect::Is { text } => format!("is {text:?}"),
        Expect::Contains { text } => format!("contains {text:?}"),
        Expect::Lacks { text } => format!("lacks {text:?}"),
        Expect::Matches { pattern } => format!("matches /{pattern}/"),
        Expect::Empty => "is empty".to_owned(),
        Expect::NotEmpty => "is not empty".to_owned(),
    })
}

/// A run that was ended from outside satisfies nobody, whatever it printed before.
pub(crate) fn unnatural_end(finished: &Finished) -> Option<Miss> {
    let (kind, actual) = match finished.exit {
        Exit::Code(_) | Exit::Cancelled => return None,
        Exit::TimedOut => (FailureKind::TimedOut, "still running when time was up".to_owned()),
        Exit::OutputFlood => (FailureKind::Runaway, "flooded its output".to_owned()),
        Exit::Signal(libc::SIGXCPU) => (FailureKind::TimedOut, "used up its CPU time".to_owned()),
        Exit::Signal(signal @ (libc::SIGXFSZ | libc::SIGKILL)) => {
            (FailureKind::Runaway, format!("killed by signal {signal} at a limit"))
        }
        Exit::Signal(signal) => (FailureKind::Crashed, format!("killed by signal {signal}")),
    };
    Some(Miss { kind, expected: "an exit of its own".to_owned(), actual })
}

/// The marks that run-times leave when an exception or panic goes uncaught, with their exit code.
const CRASHES: [(i32, &[u8]); 5] = [
    (1, b"Traceback (most recent call last)"), // Python
    (1, b"\n    at "),                         // Node
    (1, b"Exception in thread \""),            // Java
    (2, b"\ngoroutine "),                      // Go
    (101, b"panicked at "),                    // Rust
];

pub(crate) fn crashed(finished: &Finished) -> bool {
    CRASHES.iter().any(|(code, mark)| {
        finished.exit == Exit::Code(*code)
            && finished.stderr.windows(mark.len()).any(|window| window == *mark)
    })
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
    fn a_missing_file_has_no_content_to_match() {
        let content = FileExpect::Content(Expect::Empty);
        assert!(file("f", &content, None).is_some());
        assert!(file("f", &content, Some(b"")).is_none());
        assert!(file("f", &FileExpect::Missing, Some(b"")).is_some());
    }
}
