//! Examples: one call and what it does, in a small fixed English.
//!
//! `` `CALL` [with stdin `TEXT`] CLAUSE [, | and CLAUSE]… ``. It refuses to guess: a sentence outside
//! the grammar is an error that shows the forms.

use crate::markdown::{Piece, pieces};
use crate::text::{Slip, did_you_mean, unescape, words};
use crate::{Expect, Interface, StepKind, Stream};

/// What an example may say after its call, for help texts and documentation.
pub const EXAMPLE_FORMS: [&str; 8] = [
    "prints `TEXT`",
    "prints nothing",
    "exits N",
    "fails",
    "succeeds",
    "writes `TEXT` to stderr",
    "writes to stderr",
    "writes nothing to stderr",
];

/// The steps that an example's text spells.
pub(crate) fn read(text: &str, interface: &Interface) -> Result<Vec<StepKind>, Slip> {
    let pieces = pieces(text).map_err(|offset| {
        let help = "close it with as many backticks as opened it";
        Slip::new(offset, "open-quote", "this backtick is never closed", help)
    })?;
    let mut cursor = Cursor { pieces: &pieces, at: 0, end: text.trim_end().len() };
    let (offset, call) = cursor.code("an example begins with its call in backticks")?;
    let run = call_words(offset, call, interface)?;
    let mut steps = Vec::new();
    if cursor.words(&["with", "stdin"]) || cursor.words(&["with", "standard", "input"]) {
        let (offset, text) = cursor.code("`with stdin` is followed by a text in backticks")?;
        let content = unescape(text).map_err(|slip| slip.moved(offset))?;
        steps.push(StepKind::GivenStdin { content });
    }
    steps.push(StepKind::Run { words: run });
    loop {
        steps.push(clause(&mut cursor)?);
        let comma = cursor.mark(',') || cursor.mark(';');
        let joined = cursor.words(&["and"]) || comma;
        if !joined {
            break;
        }
    }
    cursor.mark('.');
    if cursor.at < pieces.len() {
        return Err(cursor.unexpected("clauses are joined by a comma or `and`"));
    }
    Ok(steps)
}

fn call_words(offset: usize, call: &str, interface: &Interface) -> Result<Vec<String>, Slip> {
    let words = words(call).map_err(|slip| slip.moved(offset))?;
    let Some(command) = words.first() else {
        return Err(Slip::new(offset, "bad-example", "the call is empty", forms()));
    };
    // Without any command the interface has its own finding; one for each example adds nothing.
    if !interface.commands.is_empty() && !interface.commands.contains_key(command) {
        return Err(unknown_command(offset, command, interface));
    }
    Ok(words)
}

/// A call of a command that the interface does not declare.
pub(crate) fn unknown_command(offset: usize, command: &str, interface: &Interface) -> Slip {
    let message = format!("the interface declares no command `{command}`");
    let known = interface.commands.keys().map(String::as_str);
    Slip::new(offset, "unknown-command", message, did_you_mean(command, known))
}

fn clause(cursor: &mut Cursor<'_, '_>) -> Result<StepKind, Slip> {
    let output = |stream, expect| Ok(StepKind::Output { stream, expect });
    if cursor.words(&["prints"]) {
        if cursor.words(&["nothing"]) {
            return output(Stream::Stdout, Expect::Empty);
        }
        let (offset, text) = cursor.code("`prints` is followed by a text in backticks")?;
        let text = unescape(text).map_err(|slip| slip.moved(offset))?;
        return output(Stream::Stdout, Expect::Is { text });
    }
    if cursor.words(&["exits"]) {
        cursor.words(&["with"]);
        return cursor.code_number();
    }
    if cursor.words(&["fails"]) {
        return Ok(StepKind::ExitIsFailure);
    }
    if cursor.words(&["succeeds"]) {
        return Ok(StepKind::ExitIs { code: 0 });
    }
    if !cursor.words(&["writes"]) {
        return Err(cursor.unexpected("a clause was expected here"));
    }
    let expect = if cursor.words(&["nothing"]) {
        Expect::Empty
    } else if let Some((offset, text)) = cursor.next_code() {
        Expect::Contains { text: unescape(text).map_err(|slip| slip.moved(offset))? }
    } else {
        Expect::NotEmpty
    };
    if !cursor.words(&["to", "stderr"]) {
        return Err(cursor.unexpected("`to stderr` was expected here"));
    }
    output(Stream::Stderr, expect)
}

fn forms() -> String {
    let clauses = EXAMPLE_FORMS.join(" | ");
    format!("write `CALL` [with stdin `TEXT`] and then, joined by `,` or `and`: {clauses}")
}

struct Cursor<'p, 't> {
    pieces: &'p [(usize, Piece<'t>)],
    at: usize,
    /// The length of the text: where a missing piece is missed.
    end: usize,
}

impl<'t> Cursor<'_, 't> {
    /// Goes past `expected` if all of it comes next.
    fn words(&mut self, expected: &[&str]) -> bool {
        let next = self.pieces[self.at..].iter().map(|(_, piece)| *piece);
        let same = next.take(expected.len()).eq(expected.iter().map(|word| Piece::Word(word)));
        if same {
            self.at += expected.len();
        }
        same
    }

    fn mark(&mut self, mark: char) -> bool {
        let same = matches!(self.pieces.get(self.at), Some((_, Piece::Mark(c))) if *c == mark);
        self.at += usize::from(same);
        same
    }

    fn next_code(&mut self) -> Option<(usize, &'t str)> {
        let Some((offset, Piece::Code(code))) = self.pieces.get(self.at) else { return None };
        self.at += 1;
        Some((*offset, code))
    }

    fn code(&mut self, expected: &str) -> Result<(usize, &'t str), Slip> {
        self.next_code().ok_or_else(|| self.unexpected(expected))
    }

    /// An exit code, in backticks or not.
    fn code_number(&mut self) -> Result<StepKind, Slip> {
        let text = match self.pieces.get(self.at) {
            Some((_, Piece::Word(text) | Piece::Code(text))) => text,
            _ => "",
        };
        let code = text.parse::<u8>();
        let code = code.map_err(|_| self.unexpected("`exits` is followed by a code, 0 to 255"))?;
        self.at += 1;
        Ok(StepKind::ExitIs { code: i32::from(code) })
    }

    fn unexpected(&self, message: &str) -> Slip {
        let offset = self.pieces.get(self.at).map_or(self.end, |(offset, _)| *offset);
        Slip::new(offset, "bad-example", message, forms())
    }
}
