//! The seal: what a person signs, so that an intent and its scenarios cannot be altered afterwards.
//!
//! Its text is what `sha256sum` writes and `sha256sum -c` checks. It refuses to know keys,
//! signatures and files: bytes come in, and somebody else signs what comes out.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use base::Digest;
use serde::{Deserialize, Serialize};

use crate::Seal;
use crate::text::check_path;

/// The namespace under which a seal's text is signed (`ssh-keygen -Y sign -n …`), so that the
/// signature can never be passed off as one on something else.
pub const SIGNATURE_NAMESPACE: &str = "dark-factory.intent";

/// A line of a seal's text that does not say which bytes a file has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line} of the seal {what}: expected `<64 hex digits>  <path>`, sorted by path")]
pub struct SealError {
    line: usize,
    what: &'static str,
}

/// One difference between what was sealed and what is there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SealBreak {
    pub path: String,
    pub kind: SealBreakKind,
}

/// In which way a file is not what was sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SealBreakKind {
    /// Other bytes than those that were sealed.
    Altered,
    /// Sealed, and no longer there.
    Missing,
    /// There, and never sealed.
    Added,
}

impl Seal {
    /// The seal of these files: path relative to the intent's directory, and bytes.
    pub fn of<P, B>(files: impl IntoIterator<Item = (P, B)>) -> Self
    where
        P: Into<String>,
        B: AsRef<[u8]>,
    {
        let files = files.into_iter().map(|(path, bytes)| (path.into(), Digest::of(bytes)));
        Self { files: files.collect() }
    }

    /// The seal as text: a line `<hex>  <path>` for each file, sorted by path. A path with a
    /// backslash or a line break is written as `sha256sum` does: escaped, and a backslash in front.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        for (path, digest) in &self.files {
            let escaped = escape(path);
            let mark = if escaped == *path { "" } else { "\\" };
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{mark}{}  {escaped}", digest.hex());
        }
        text
    }

    /// Reads what [`Seal::to_text`] writes, and nothing else: a seal has one text, since that is
    /// what is signed and what its digest is of. Paths are relative and stay inside.
    ///
    /// # Errors
    /// The first line that is written otherwise.
    pub fn parse(text: &str) -> Result<Self, SealError> {
        let mut files = BTreeMap::new();
        let mut last: Option<String> = None;
        for (index, raw) in text.split_inclusive('\n').enumerate() {
            let wrong = |what| SealError { line: index + 1, what };
            let line = raw.strip_suffix('\n').ok_or(wrong("has no end"))?;
            let (path, digest) = parse_line(line).map_err(wrong)?;
            if last.as_ref().is_some_and(|last| *last >= path) {
                return Err(wrong("is out of order"));
            }
            last = Some(path.clone());
            files.insert(path, digest);
        }
        Ok(Self { files })
    }

    /// The digest of the seal's text: the intent's digest, by which everything later names it.
    pub fn digest(&self) -> Digest {
        Digest::of(self.to_text())
    }

    /// Where `actual` is not what was sealed, sorted by path; empty when nothing changed.
    pub fn compare(&self, actual: &Self) -> Vec<SealBreak> {
        let sealed = self.files.iter().filter_map(|(path, digest)| {
            let kind = match actual.files.get(path) {
                None => SealBreakKind::Missing,
                Some(other) if other != digest => SealBreakKind::Altered,
                Some(_) => return None,
            };
            Some(SealBreak { path: path.clone(), kind })
        });
        let added = actual.files.keys().filter(|path| !self.files.contains_key(*path));
        let added = added.map(|path| SealBreak { path: path.clone(), kind: SealBreakKind::Added });
        let mut breaks: Vec<SealBreak> = sealed.chain(added).collect();
        breaks.sort();
        breaks
    }
}

/// The hex digits of a SHA-256.
const HEX_LENGTH: usize = 64;

fn parse_line(line: &str) -> Result<(String, Digest), &'static str> {
    let (line, escaped) = match line.strip_prefix('\\') {
        Some(rest) => (rest, true),
        None => (line, false),
    };
    let (hex, rest) = line.split_at_checked(HEX_LENGTH).ok_or("is too short")?;
    let digest = format!("sha256:{hex}").parse().map_err(|_| "has no digest")?;
    let written = rest.strip_prefix("  ").ok_or("has not two spaces after its digest")?;
    let path = if escaped { unescape(written).ok_or("has a bad escape")? } else { written.into() };
    if (escape(&path) != path) != escaped {
        return Err("is escaped otherwise than it must be");
    }
    // Backslashes and line breaks are what the escapes are for; the rest of the rule holds.
    check_path(&path.replace(['\\', '\n'], "_"))
        .map_err(|_| "has a path that leaves the intent")?;
    Ok((path, digest))
}

fn escape(path: &str) -> String {
    path.replace('\\', "\\\\").replace('\n', "\\n").replace('\r', "\\r")
}

fn unescape(written: &str) -> Option<String> {
    let mut path = String::new();
    let mut chars = written.chars();
    while let Some(c) = chars.next() {
        path.push(match c {
            '\\' => match chars.next()? {
                'n' => '\n',
                'r' => '\r',
                '\\' => '\\',
                _ => return None,
            },
            _ => c,
        });
    }
    Some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seal(files: &[(&str, &str)]) -> Seal {
        Seal::of(files.iter().copied())
    }

    #[test]
    fn the_text_is_what_sha256sum_writes() {
        let text = seal(&[("scenarios/b.feature", "b\n"), ("intent.md", ""), ("a\\b", "")]);
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let b = "0263829989b6fd954f72baaf2fc64bc2e2f01d692d4de72986ea808f6e99813f";
        let expected = format!("\\{empty}  a\\\\b\n{empty}  intent.md\n{b}  scenarios/b.feature\n");
        assert_eq!(text.to_text(), expected);
        assert_eq!(Seal::parse(&expected), Ok(text));
    }

    #[test]
    fn a_seal_has_one_text() {
        let text = seal(&[("a", "1"), ("b", "2")]).to_text();
        let lines: Vec<&str> = text.lines().collect();
        let others = [
            format!("{}\n{}\n", lines[1], lines[0]),
            format!("{}\n{}\n", lines[0], lines[0]),
            text.trim_end().to_owned(),
            text.to_uppercase(),
            text.replace("  ", " *"),
            text.replace("  a", "  ../a"),
            text.replace("  a", "  /a"),
            format!("\\{text}"),
            format!("{text}\n"),
            format!("# a comment\n{text}"),
        ];
        for other in others {
            assert!(Seal::parse(&other).is_err(), "{other}");
        }
    }

    #[test]
    fn every_difference_is_named() {
        let sealed = seal(&[("same", "1"), ("altered", "2"), ("missing", "3")]);
        let actual = seal(&[("same", "1"), ("altered", "!"), ("added", "4")]);
        let breaks = sealed.compare(&actual);
        let kinds: Vec<_> = breaks.iter().map(|found| (found.path.as_str(), found.kind)).collect();
        use SealBreakKind::{Added, Altered, Missing};
        assert_eq!(kinds, [("added", Added), ("altered", Altered), ("missing", Missing)]);
        assert_eq!(sealed.compare(&sealed), []);
        assert_ne!(sealed.digest(), actual.digest());
    }

    proptest::proptest! {
        #[test]
        fn a_seal_reads_back(
            files in proptest::collection::btree_map("[a-z\\\\ \n\ré*-]{1,8}(/[a-z]{1,3})?", ".*", 0..5),
        ) {
            let seal = Seal::of(&files);
            proptest::prop_assert_eq!(Seal::parse(&seal.to_text()), Ok(seal));
        }

        #[test]
        fn no_text_makes_it_panic_and_what_it_takes_is_canonical(text in "[\\\\0-9a-f]{60,66} {0,3}.*\n?") {
            if let Ok(seal) = Seal::parse(&text) {
                proptest::prop_assert_eq!(seal.to_text(), text);
            }
        }
    }
}
