//! Text that somebody else wrote, made fit to stand in a drawing: cleaned, measured, wrapped,
//! shortened, escaped. Fonts are not known here; widths are those of a wide one.

/// Widths of the printable characters of ASCII in DejaVu Sans Bold, in thousandths of the size.
/// The fonts that browsers take for `sans-serif` are narrower, so that text stays in its box.
const WIDTHS: [u16; 95] = [
    348, 456, 521, 838, 696, 1002, 872, 306, 457, 457, 523, 838, 380, 415, 380, 365, 696, 696, 696,
    696, 696, 696, 696, 696, 696, 696, 400, 400, 838, 838, 838, 580, 1000, 774, 762, 734, 830, 683,
    683, 821, 837, 372, 372, 775, 637, 995, 837, 850, 733, 850, 770, 720, 682, 812, 774, 1103, 771,
    724, 725, 457, 365, 457, 838, 500, 500, 675, 716, 593, 716, 678, 435, 716, 712, 343, 343, 665,
    343, 1042, 712, 687, 716, 716, 493, 595, 478, 712, 652, 924, 645, 652, 582, 712, 365, 712, 838,
];

/// Of characters outside ASCII: letters of most scripts, and those that take a full square.
const WIDTH_OTHER: u16 = 850;
const WIDTH_SQUARE: u16 = 1_150;
const SQUARE_FROM: char = '\u{1100}';

/// A font as far as room is concerned.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Font {
    /// In pixels, as is all that follows from it.
    pub(crate) size: f64,
    /// Thousandths of the width of the bold one.
    pub(crate) stretch: f64,
    /// All characters are equally wide.
    pub(crate) is_mono: bool,
}

impl Font {
    pub(crate) fn line(self) -> f64 {
        self.size * 1.3
    }

    pub(crate) fn width(self, text: &str) -> f64 {
        let sum: u32 = text.chars().map(|c| u32::from(self.width_of(c))).sum();
        f64::from(sum) * self.size * self.stretch / 1_000.0
    }

    fn width_of(self, c: char) -> u16 {
        let ascii = u32::from(c).checked_sub(32).and_then(|n| WIDTHS.get(n as usize));
        match ascii {
            Some(_) if self.is_mono => 620,
            Some(width) => *width,
            None if c < SQUARE_FROM => WIDTH_OTHER,
            None => WIDTH_SQUARE,
        }
    }

    /// At most `lines_max` lines of at most `width_max`, broken between words where possible; what
    /// does not fit is left out, and the last line says so with an ellipsis.
    pub(crate) fn wrap(self, text: &str, width_max: f64, lines_max: usize) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        let mut line = String::new();
        for word in text.split(' ').filter(|word| !word.is_empty()) {
            let space = if line.is_empty() { "" } else { " " };
            if self.width(&line) + self.width(space) + self.width(word) <= width_max {
                line.push_str(space);
                line.push_str(word);
                continue;
            }
            if !line.is_empty() {
                lines.push(std::mem::take(&mut line));
            }
            for part in self.parts(word, width_max) {
                if !line.is_empty() {
                    lines.push(std::mem::take(&mut line));
                }
                line = part;
            }
            if lines.len() > lines_max {
                break;
            }
        }
        if !line.is_empty() {
            lines.push(line);
        }
        if lines.len() > lines_max {
            lines.truncate(lines_max);
            if let Some(last) = lines.last_mut() {
                while !last.is_empty() && self.width(last) + self.width("…") > width_max {
                    last.pop();
                }
                last.truncate(last.trim_end().len());
                last.push('…');
            }
        }
        lines
    }

    /// A word in parts that fit, broken after a joint of its own where there is one.
    fn parts(self, word: &str, width_max: f64) -> Vec<String> {
        let mut parts = Vec::new();
        let mut part = String::new();
        for c in word.chars() {
            if !part.is_empty()
                && self.width(&part) + self.width(c.encode_utf8(&mut [0; 4])) > width_max
            {
                let joint = part.rfind(['_', '-', '.', '/', '=', ':', '&']).map(|at| at + 1);
                let rest = joint.filter(|at| *at < part.len() && *at * 2 > part.len());
                let rest = rest.map(|at| part.split_off(at)).unwrap_or_default();
                parts.push(std::mem::replace(&mut part, rest));
            }
            part.push(c);
        }
        parts.push(part);
        parts
    }
}

/// Text without what is not to be seen: control characters and line breaks become spaces, and
/// what turns the direction of text or has no width is dropped, so that it cannot pass for other text.
pub(crate) fn clean(text: &str) -> String {
    let shown: String = text.chars().filter(|c| !is_invisible(*c)).collect();
    let words: Vec<&str> = shown.split_whitespace().collect();
    words.join(" ")
}

fn is_invisible(c: char) -> bool {
    let is_control = c.is_control() && !c.is_whitespace();
    is_control
        || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}')
        || matches!(c, '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
        || matches!(c, '\u{fffe}' | '\u{ffff}' | '\u{e0000}'..='\u{e007f}')
}

/// At most so many characters of a cleaned text.
pub(crate) fn excerpt(text: &str, characters_max: usize) -> String {
    // Only what can be shown is cleaned: a prompt may have megabytes.
    let end = text.char_indices().nth(characters_max * 4).map_or(text.len(), |(at, _)| at);
    let clean = clean(&text[..end]);
    match clean.char_indices().nth(characters_max) {
        None if end == text.len() => clean,
        None => clean + "…",
        Some((at, _)) => format!("{}…", clean[..at].trim_end()),
    }
}

/// Text that XML takes for text, in content and in attributes.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            _ => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    const FONT: Font = Font { size: 10.0, stretch: 1.0, is_mono: true };

    #[test]
    fn wraps_between_words_and_says_what_it_left_out() {
        assert_eq!(FONT.wrap("one two three four", 50.0, 3), ["one two", "three", "four"]);
        assert_eq!(FONT.wrap("one two three four", 50.0, 2), ["one two", "three…"]);
        assert_eq!(FONT.wrap("", 50.0, 2), [""; 0]);
    }

    #[test]
    fn breaks_a_long_word_at_its_joints() {
        assert_eq!(FONT.wrap("outcome_ab=fail", 75.0, 3), ["outcome_ab=", "fail"]);
        assert_eq!(FONT.wrap("abcdefgh", 20.0, 2), ["abc", "d…"]);
    }

    #[test]
    fn drops_what_is_not_to_be_seen() {
        assert_eq!(clean("a\u{0}b\r\n\tc \u{202e}d\u{200b}"), "ab c d");
        assert_eq!(excerpt("a  bc def", 4), "a bc…");
        assert_eq!(escape("<a href='x'>&\""), "&lt;a href=&#39;x&#39;&gt;&amp;&quot;");
    }
}
