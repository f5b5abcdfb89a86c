//! Text from elsewhere, as a terminal may see it.

use std::borrow::Cow;

/// The text with its control characters spelled out, so that what a tool or a model wrote cannot move
/// a terminal's cursor, colour it or clear it. Line ends and tabs stay.
pub fn printable(text: &str) -> Cow<'_, str> {
    let plain = |c: char| !c.is_control() || c == '\n' || c == '\t';
    if text.chars().all(plain) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if plain(c) {
            shown.push(c);
        } else {
            shown.extend(c.escape_default());
        }
    }
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_shown_and_not_obeyed() {
        assert_eq!(printable("plain\ttext é\n"), "plain\ttext é\n");
        assert_eq!(printable("\u{1b}[2Jgone\u{7}\r\u{9b}x"), "\\u{1b}[2Jgone\\u{7}\\r\\u{9b}x");
    }
}
