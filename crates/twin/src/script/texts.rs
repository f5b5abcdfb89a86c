//! The JSON text of records, kept by those that are written again and again.
//!
//! A record never changes: what takes its place is another one. So its text is made once, with the places noted
//! where a link begins by a mark, and copied from then on. What is kept belongs to a thread and never decides what
//! is written: only how fast.

use std::cell::RefCell;
use std::ops::Range;

use serde_json::{Map, Value as Json};

use super::doc::Node;
use super::text;

/// Texts that a thread keeps: a page of the longest lists that APIs give, several times.
const KEPT_MAX: usize = 512;

/// The longest text that is kept, in bytes. With [`KEPT_MAX`] it bounds what a thread holds to 8 MiB and the records.
const TEXT_BYTES_MAX: usize = 16 << 10;

/// Fields or elements below which looking for a text costs what writing it does.
const SMALL: usize = 4;

/// What links begin with by their marks.
pub(super) type Roots = Vec<(String, String)>;

/// Appends a record's text.
///
/// # Errors
/// As [`text::write`].
pub(super) fn write(record: &Node, out: &mut Vec<u8>) -> serde_json::Result<()> {
    let json = record.json();
    let length = json.as_object().map(Map::len).or(json.as_array().map(Vec::len));
    if length.is_none_or(|length| length < SMALL) {
        return text::write(json, out);
    }
    let kept = KEPT.with_borrow_mut(|kept| {
        kept.with(record, &[], |text| text.copy(0..text.bytes.len(), &[], out))
    });
    if kept { Ok(()) } else { text::write(json, out) }
}

/// Appends a record's text with each text in a field `href` or `…url` that begins with a mark having the mark's root
/// in its place, and `more` in the place of the record's own fields of these names.
///
/// # Errors
/// As [`text::write`].
pub(super) fn write_rooted(
    record: &Node,
    roots: &Roots,
    more: &Map<String, Json>,
    out: &mut Vec<u8>,
) -> serde_json::Result<()> {
    let kept = KEPT.with_borrow_mut(|kept| {
        let mut written = Ok(());
        kept.with(record, roots, |text| written = text.write(roots, more, out)).then_some(written)
    });
    match kept {
        Some(written) => written,
        None => Text::of(record.json(), roots)?.write(roots, more, out),
    }
}

/// A record's text, and what must be known to write it with other links and fields.
#[derive(Default)]
struct Text {
    bytes: Vec<u8>,
    /// The fields of an object: their names, and where each stands with its name.
    fields: Vec<(String, Range<usize>)>,
    /// In the order in which they stand.
    links: Vec<Link>,
}

/// A text that begins with a mark.
struct Link {
    /// Where the mark stands.
    mark: Range<usize>,
    /// Which of the roots takes its place.
    root: usize,
}

impl Text {
    fn of(record: &Json, roots: &[(String, String)]) -> serde_json::Result<Self> {
        let mut text = Self::default();
        let Json::Object(fields) = record else {
            text.value("", record, roots)?;
            return Ok(text);
        };
        text.bytes.push(b'{');
        for (index, (name, value)) in fields.iter().enumerate() {
            if index > 0 {
                text.bytes.push(b',');
            }
            let from = text.bytes.len();
            text.field(name, value, roots)?;
            text.fields.push((name.clone(), from..text.bytes.len()));
        }
        text.bytes.push(b'}');
        Ok(text)
    }

    fn field(
        &mut self,
        name: &str,
        value: &Json,
        roots: &[(String, String)],
    ) -> serde_json::Result<()> {
        text::write_str(name, &mut self.bytes)?;
        self.bytes.push(b':');
        self.value(name, value, roots)
    }

    fn value(
        &mut self,
        name: &str,
        value: &Json,
        roots: &[(String, String)],
    ) -> serde_json::Result<()> {
        match value {
            Json::Object(fields) => {
                self.bytes.push(b'{');
                for (index, (name, value)) in fields.iter().enumerate() {
                    if index > 0 {
                        self.bytes.push(b',');
                    }
                    self.field(name, value, roots)?;
                }
                self.bytes.push(b'}');
            }
            Json::Array(list) => {
                self.bytes.push(b'[');
                for (index, one) in list.iter().enumerate() {
                    if index > 0 {
                        self.bytes.push(b',');
                    }
                    self.value(name, one, roots)?;
                }
                self.bytes.push(b']');
            }
            Json::String(known) => {
                if let Some((root, mark)) = root_of(name, known, roots) {
                    let from = self.bytes.len() + 1;
                    self.links.push(Link { mark: from..from + mark, root });
                }
                text::write_str(known, &mut self.bytes)?;
            }
            other => text::write(other, &mut self.bytes)?,
        }
        Ok(())
    }

    fn write(
        &self,
        roots: &[(String, String)],
        more: &Map<String, Json>,
        out: &mut Vec<u8>,
    ) -> serde_json::Result<()> {
        if roots.iter().all(|(_, root)| text::is_plain(root)) {
            return self.write_with(roots, more, out);
        }
        self.write_with(&escaped(roots), more, out)
    }

    fn write_with(
        &self,
        roots: &[(String, String)],
        more: &Map<String, Json>,
        out: &mut Vec<u8>,
    ) -> serde_json::Result<()> {
        if more.is_empty() || self.fields.is_empty() {
            self.copy(0..self.bytes.len(), roots, out);
            return Ok(());
        }
        out.push(b'{');
        let begin = out.len();
        // Fields that stand side by side are copied at once.
        for run in self.fields.split(|(name, _)| more.contains_key(name)) {
            let (Some((_, first)), Some((_, last))) = (run.first(), run.last()) else { continue };
            separate(begin, out);
            self.copy(first.start..last.end, roots, out);
        }
        for (name, value) in more {
            separate(begin, out);
            // Values that a script gives are rooted as the record's own are.
            let mut text = Self::default();
            text.field(name, value, roots)?;
            text.copy(0..text.bytes.len(), roots, out);
        }
        out.push(b'}');
        Ok(())
    }

    /// A part of it, with the roots put in as they are.
    fn copy(&self, part: Range<usize>, roots: &[(String, String)], out: &mut Vec<u8>) {
        let first = self.links.partition_point(|link| link.mark.start < part.start);
        let mut from = part.start;
        for link in &self.links[first..] {
            if link.mark.start >= part.end {
                break;
            }
            out.extend_from_slice(&self.bytes[from..link.mark.start]);
            out.extend_from_slice(roots[link.root].1.as_bytes());
            from = link.mark.end;
        }
        out.extend_from_slice(&self.bytes[from..part.end]);
    }
}

/// Roots as they stand inside a JSON string.
fn escaped(roots: &[(String, String)]) -> Roots {
    let inside = |root: &str| {
        let quoted = Json::from(root).to_string();
        quoted[1..quoted.len() - 1].to_owned()
    };
    roots.iter().map(|(mark, root)| (mark.clone(), inside(root))).collect()
}

fn separate(begin: usize, out: &mut Vec<u8>) {
    if out.len() > begin {
        out.push(b',');
    }
}

/// Which root a link is to have, and how long its mark is. A mark that JSON escapes is no mark.
fn root_of(name: &str, known: &str, roots: &[(String, String)]) -> Option<(usize, usize)> {
    if !name.ends_with("url") && name != "href" {
        return None;
    }
    let root = roots.iter().position(|(mark, _)| known.starts_with(mark.as_str()))?;
    let mark = &roots[root].0;
    text::is_plain(mark).then_some((root, mark.len()))
}

thread_local! {
    static KEPT: RefCell<Kept> = RefCell::default();
}

/// The texts of a thread, each at the place that its record's address gives it.
#[derive(Default)]
struct Kept {
    places: Vec<Place>,
}

#[derive(Default)]
struct Place {
    /// The address of what was last written here: what is written a second time is kept.
    seen: usize,
    kept: Option<Box<Keeping>>,
}

struct Keeping {
    /// Keeps the record where it is, so that its address means no other.
    record: Node,
    marks: Vec<String>,
    text: Text,
}

impl Kept {
    /// Has `write` use the text of a record, where it is kept or worth keeping; whether it was used.
    fn with(
        &mut self,
        record: &Node,
        roots: &[(String, String)],
        write: impl FnOnce(&Text),
    ) -> bool {
        if self.places.is_empty() {
            self.places.resize_with(KEPT_MAX, Place::default);
        }
        let address = std::ptr::from_ref(record.json()).addr();
        let place = &mut self.places[place_of(address)];
        if let Some(kept) = &place.kept
            && std::ptr::eq(kept.record.json(), record.json())
            && kept.marks.iter().eq(roots.iter().map(|(mark, _)| mark))
        {
            write(&kept.text);
            return true;
        }
        if std::mem::replace(&mut place.seen, address) != address {
            return false;
        }
        let Ok(text) = Text::of(record.json(), roots) else { return false };
        if text.bytes.len() > TEXT_BYTES_MAX {
            return false;
        }
        write(&text);
        let marks = roots.iter().map(|(mark, _)| mark.clone()).collect();
        place.kept = Some(Box::new(Keeping { record: record.clone(), marks, text }));
        true
    }
}

/// Addresses of JSON values are multiples of eight; a multiplication spreads them (Knuth, TAOCP 6.4).
fn place_of(address: usize) -> usize {
    let spread = (address as u64 >> 3).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    usize::try_from(spread >> 32).unwrap_or(0) % KEPT_MAX
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;

    /// What is written of a record the first, second and third time.
    fn written(record: &Node, roots: &Roots, more: &Json) -> [Json; 3] {
        let more = more.as_object().unwrap();
        [(); 3].map(|()| {
            let mut out = b"before".to_vec();
            write_rooted(record, roots, more, &mut out).unwrap();
            serde_json::from_slice(&out[6..]).unwrap()
        })
    }

    fn roots(site: &str) -> Roots {
        vec![("~".to_owned(), site.to_owned()), ("/".to_owned(), "http://api/".to_owned())]
    }

    #[test]
    fn links_and_fields_are_put_in_however_often_a_record_was_written() {
        let record = Node::new(Arc::new(json!({
            "a": "/no link", "html_url": "~/x\"y", "last": [1, {"href": "/deep"}], "url": "/u", "z": null,
        })));
        for site in ["http://site", "http://other", "odd \"site\""] {
            let whole = json!({
                "a": "/no link", "html_url": format!("{site}/x\"y"), "last": [1, {"href": "http://api/deep"}],
                "url": "http://api/u", "z": null,
            });
            assert_eq!(written(&record, &roots(site), &json!({})), [(); 3].map(|()| whole.clone()));
            for name in ["a", "last", "z", "new"] {
                let mut more = whole.clone();
                more[name] = json!({ "url": "http://api/m" });
                let given = json!({ name: { "url": "/m" } });
                assert_eq!(written(&record, &roots(site), &given), [(); 3].map(|()| more.clone()));
            }
        }
        let all = json!({ "a": 1, "html_url": 2, "last": 3, "url": 4, "z": 5 });
        assert_eq!(written(&record, &roots("s"), &all), [(); 3].map(|()| all.clone()));
    }

    #[test]
    fn a_record_that_takes_the_place_of_another_has_its_own_text() {
        // Freed and made anew, records come to lie where others lay.
        for number in 0..10_000 {
            let json = json!({ "a": number, "b": 1, "c": 2, "d": [1, 2, 3, number] });
            let record = Node::new(Arc::new(json.clone()));
            for _ in 0..3 {
                let mut out = Vec::new();
                write(&record, &mut out).unwrap();
                assert_eq!(String::from_utf8(out).unwrap(), json.to_string());
            }
        }
    }

    #[test]
    fn long_texts_are_written_and_not_kept() {
        let json = json!({ "a": "x".repeat(TEXT_BYTES_MAX), "b": 1, "c": 2, "d": 3 });
        let record = Node::new(Arc::new(json.clone()));
        for _ in 0..3 {
            let mut out = Vec::new();
            write(&record, &mut out).unwrap();
            assert_eq!(String::from_utf8(out).unwrap(), json.to_string());
        }
        let places =
            KEPT.with_borrow(|kept| kept.places.iter().filter(|p| p.kept.is_some()).count());
        assert_eq!(places, 0);
    }
}
