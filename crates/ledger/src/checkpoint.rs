//! Checkpoints (<https://c2sp.org/tlog-checkpoint>): what a log claims to be at one size, signed.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::tree::Hash;
use crate::{LedgerKey, Note, NoteError, NoteSignature, VerifierKey};

/// The head of a log: these leaves, under this root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log.
    pub origin: String,
    /// How many leaves.
    pub size: u64,
    /// The RFC 6962 root of the first `size` leaves.
    pub root: Hash,
}

/// A checkpoint and the signatures under it. Whether they are to be trusted, [`SignedCheckpoint::verify`] says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedCheckpoint {
    checkpoint: Checkpoint,
    note: Note,
}

impl SignedCheckpoint {
    /// Signs `checkpoint` with the key of its log.
    ///
    /// # Errors
    /// When the origin has control characters.
    pub fn sign(checkpoint: Checkpoint, key: &LedgerKey) -> Result<Self, NoteError> {
        let mut note = Note::new(checkpoint.to_string())?;
        note.add(note.signature(key))?;
        Ok(Self { checkpoint, note })
    }

    /// Signs it once more, under a further key of its log.
    ///
    /// # Errors
    /// When the note has as many signatures as a note may have.
    pub fn countersign(&mut self, key: &LedgerKey) -> Result<(), NoteError> {
        self.note.add(self.note.signature(key))
    }

    /// What the log claims.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The signed note; `to_string` gives the text that is stored and sent.
    pub fn note(&self) -> &Note {
        &self.note
    }

    /// Adds a signature line: a witness's, or the log's under a further key.
    ///
    /// # Errors
    /// When the note has as many as a note may have.
    pub fn add(&mut self, signature: NoteSignature) -> Result<(), NoteError> {
        self.note.add(signature)
    }

    /// The trusted keys that signed it.
    ///
    /// # Errors
    /// As [`Note::verify`].
    pub fn verify<'k>(
        &self,
        trusted: &'k [VerifierKey],
    ) -> Result<Vec<&'k VerifierKey>, NoteError> {
        self.note.verify(trusted)
    }
}

impl fmt::Display for SignedCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.note, f)
    }
}

impl FromStr for SignedCheckpoint {
    type Err = NoteError;

    fn from_str(whole: &str) -> Result<Self, NoteError> {
        let note: Note = whole.parse()?;
        Ok(Self { checkpoint: note.text().parse()?, note })
    }
}

impl fmt::Display for Checkpoint {
    /// The text that is signed: three lines.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n{}\n{}", self.origin, self.size, BASE64.encode(self.root))
    }
}

impl FromStr for Checkpoint {
    type Err = NoteError;

    /// Extension lines are refused: our logs write none, and nothing could audit them.
    fn from_str(text: &str) -> Result<Self, NoteError> {
        let wrong = NoteError::NotACheckpoint;
        let lines: Vec<&str> = text.strip_suffix('\n').unwrap_or(text).split('\n').collect();
        let [origin, size_text, root] = lines[..] else {
            return Err(wrong("it has not three lines"));
        };
        if origin.is_empty() {
            return Err(wrong("its origin is empty"));
        }
        let size: u64 = size_text.parse().map_err(|_| wrong("its size is no number"))?;
        if size.to_string() != size_text {
            return Err(wrong("its size has leading zeroes"));
        }
        let root = BASE64.decode(root).ok().and_then(|bytes| Hash::try_from(bytes).ok());
        let root = root.ok_or(wrong("its root is not the base64 of 32 bytes"))?;
        Ok(Self { origin: origin.to_owned(), size, root })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPECIFIED: &str = "example.com/behind-the-sofa\n20852163\n\
        CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n\
        — example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv\
        2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n\
        — witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2\
        oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n";

    #[test]
    fn the_checkpoint_of_the_specification_is_read_and_written() {
        let signed: SignedCheckpoint = SPECIFIED.parse().unwrap();
        assert_eq!(signed.checkpoint().origin, "example.com/behind-the-sofa");
        assert_eq!(signed.checkpoint().size, 20_852_163);
        assert_eq!(signed.to_string(), SPECIFIED);
        let witness = &signed.note().signatures()[1];
        assert_eq!(witness.bytes[..8], 1_679_315_147u64.to_be_bytes());
    }

    #[test]
    fn what_is_no_checkpoint_is_refused() {
        let root = BASE64.encode([0; 32]);
        for wrong in [
            format!("o\n1\n{root}\nextension\n"),
            format!("o\n01\n{root}\n"),
            format!("o\n+1\n{root}\n"),
            format!("\n1\n{root}\n"),
            "o\n1\nAAAA\n".to_owned(),
            "o\n1\n".to_owned(),
        ] {
            assert!(wrong.parse::<Checkpoint>().is_err(), "{wrong:?}");
        }
        assert!(format!("o\n0\n{root}\n").parse::<Checkpoint>().is_ok());
    }
}
