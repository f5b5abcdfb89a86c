//! Errors as one line.

use std::error::Error;

/// An error and its causes, each once: many repeat what they were caused by.
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let told = cause.to_string();
        if !text.ends_with(&told) {
            text.push_str(": ");
            text.push_str(&told);
        }
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("failed to read {0}")]
    struct Read(&'static str, #[source] std::io::Error);

    #[derive(Debug, thiserror::Error)]
    #[error(transparent)]
    struct Through(#[from] Read);

    #[test]
    fn every_cause_is_told_once() {
        let error = Through(Read("x.toml", std::io::Error::other("no such file")));
        assert_eq!(chain(&error), "failed to read x.toml: no such file");
    }
}
