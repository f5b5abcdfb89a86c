//! One candidate's answer while it grows: bytes, stop texts, and why it ended.

use crate::{Completion, StopReason};

/// The bytes so far. Tokens may end inside a character, so text is made only at the end.
pub(super) struct Answer {
    bytes: Vec<u8>,
    tokens: u32,
    stop: Option<StopReason>,
}

impl Answer {
    pub(super) fn new() -> Self {
        Self { bytes: Vec::new(), tokens: 0, stop: None }
    }

    /// Whether more tokens are wanted.
    pub(super) fn live(&self) -> bool {
        self.stop.is_none()
    }

    /// The model said that it was done.
    pub(super) fn end(&mut self) {
        self.stop = Some(StopReason::Ended);
    }

    /// Adds a token's bytes; a stop text that is now complete ends the answer before it.
    pub(super) fn push(&mut self, bytes: &[u8], stops: &[String], tokens_max: u32) {
        let before = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        self.tokens += 1;
        let found = stops.iter().filter_map(|stop| {
            let stop = stop.as_bytes();
            let from = before.saturating_sub(stop.len().saturating_sub(1));
            let at =
                self.bytes[from..].windows(stop.len().max(1)).position(|window| window == stop);
            at.map(|at| from + at)
        });
        if let Some(at) = found.min() {
            self.bytes.truncate(at);
            self.stop = Some(StopReason::Ended);
        } else if self.tokens >= tokens_max {
            self.stop = Some(StopReason::TokensMax);
        }
    }

    /// What there is; an answer that was still growing was cancelled. The part of a character that a cut
    /// leaves at the end goes.
    pub(super) fn finish(mut self) -> Completion {
        if let Err(error) = std::str::from_utf8(&self.bytes)
            && error.error_len().is_none()
        {
            self.bytes.truncate(error.valid_up_to());
        }
        Completion {
            text: String::from_utf8_lossy(&self.bytes).into_owned(),
            stop: self.stop.unwrap_or(StopReason::Cancelled),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grow(pieces: &[&[u8]], stops: &[&str], tokens_max: u32) -> (usize, Completion) {
        let stops: Vec<String> = stops.iter().map(|stop| (*stop).to_owned()).collect();
        let mut answer = Answer::new();
        let mut taken = 0;
        for piece in pieces {
            if !answer.live() {
                break;
            }
            answer.push(piece, &stops, tokens_max);
            taken += 1;
        }
        (taken, answer.finish())
    }

    #[test]
    fn a_stop_text_is_found_across_tokens_and_left_out() {
        let (taken, completion) = grow(&[b"a\n`", b"``b", b"`c"], &["```", "\n``"], 9);
        assert_eq!((taken, completion.text.as_str()), (2, "a"));
        assert_eq!(completion.stop, StopReason::Ended);
    }

    #[test]
    fn a_character_may_come_in_parts_and_half_of_one_goes() {
        let (_, whole) = grow(&[b"\xC3", b"\xA9"], &[], 2);
        assert_eq!((whole.text.as_str(), whole.stop), ("é", StopReason::TokensMax));
        let (_, half) = grow(&[b"ok\xE2\x82"], &[], 2);
        assert_eq!((half.text.as_str(), half.stop), ("ok", StopReason::Cancelled));
    }

    #[test]
    fn an_empty_stop_text_stops_nothing() {
        let (taken, _) = grow(&[b"a", b"b"], &[""], 9);
        assert_eq!(taken, 2);
    }
}
