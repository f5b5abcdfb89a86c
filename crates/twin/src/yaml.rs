//! YAML as JSON, with the place of every node: for seeds and cassettes, whose mistakes are told by line.

use std::collections::BTreeMap;

use base::{Diagnostic, Place};
use saphyr::{LoadableYamlNode, MarkedYaml, Scalar, YamlData};
use saphyr_parser::{Event, Parser};
use serde_json::{Map, Value};

/// How deep a document may nest.
const DEPTH_MAX: usize = 64;

/// Parts of a document with every alias written out: a few lines of aliases can stand for more than any
/// machine holds.
const PARTS_MAX: u64 = 4_000_000;

/// The largest document, in bytes: a cassette of a long session is a tenth of it.
const BYTES_MAX: usize = 64 << 20;

/// A document and where its parts stand.
#[derive(Debug)]
pub struct Yaml {
    pub value: Value,
    /// By JSON pointer (RFC 6901).
    places: BTreeMap<String, Place>,
    file: String,
}

impl Yaml {
    /// Reads the first document of a text; an empty one is `null`.
    ///
    /// # Errors
    /// What is no YAML, with its line.
    pub fn read(file: &str, text: &str) -> Result<Self, Diagnostic> {
        if text.len() > BYTES_MAX {
            let message = format!("{} bytes are more than {BYTES_MAX}", text.len());
            return Err(Diagnostic::error("too-large", message).at(Place::line(file, 1)));
        }
        bounded(file, text)?;
        let documents = MarkedYaml::load_from_str(text).map_err(|cause| {
            let line = u32::try_from(cause.marker().line()).unwrap_or(1);
            let column = u32::try_from(cause.marker().col() + 1).unwrap_or(1);
            let place = Place { file: file.to_owned(), line, column };
            Diagnostic::error("bad-yaml", cause.info().to_owned()).at(place)
        })?;
        let mut yaml = Self { value: Value::Null, places: BTreeMap::new(), file: file.to_owned() };
        if let Some(document) = documents.first() {
            yaml.value = yaml.convert(document, &mut String::new(), 0)?;
        }
        Ok(yaml)
    }

    /// Where a part stands, by its JSON pointer; the nearest part around it where it has no place.
    pub fn place(&self, pointer: &str) -> Place {
        let mut pointer = pointer;
        loop {
            if let Some(place) = self.places.get(pointer) {
                return place.clone();
            }
            match pointer.rfind('/') {
                Some(cut) => pointer = &pointer[..cut],
                None => return Place::line(&self.file, 1),
            }
        }
    }

    fn convert(
        &mut self,
        node: &MarkedYaml<'_>,
        pointer: &mut String,
        depth: usize,
    ) -> Result<Value, Diagnostic> {
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let (line, column) = (number(node.span.start.line()), number(node.span.start.col() + 1));
        let place = Place { file: self.file.clone(), line, column };
        if depth > DEPTH_MAX {
            let message = format!("nested deeper than {DEPTH_MAX}");
            return Err(Diagnostic::error("too-deep", message).at(place));
        }
        self.places.insert(pointer.clone(), place.clone());
        let length = pointer.len();
        Ok(match &node.data {
            YamlData::Sequence(items) => {
                let mut list = Vec::with_capacity(items.len());
                for (index, item) in items.iter().enumerate() {
                    pointer.push_str(&format!("/{index}"));
                    list.push(self.convert(item, pointer, depth + 1)?);
                    pointer.truncate(length);
                }
                Value::Array(list)
            }
            YamlData::Mapping(fields) => {
                let mut map = Map::new();
                for (name, item) in fields {
                    let name = match self.convert(name, &mut String::from("?"), depth + 1)? {
                        Value::String(name) => name,
                        other => other.to_string(),
                    };
                    pointer.push('/');
                    pointer.push_str(&name.replace('~', "~0").replace('/', "~1"));
                    let value = self.convert(item, pointer, depth + 1)?;
                    pointer.truncate(length);
                    map.insert(name, value);
                }
                Value::Object(map)
            }
            YamlData::Value(scalar) => value_of(scalar),
            YamlData::Representation(text, ..) => Value::String(text.to_string()),
            YamlData::Tagged(_, inner) => self.convert(inner, pointer, depth + 1)?,
            YamlData::Alias(_) | YamlData::BadValue => {
                let found = Diagnostic::error("bad-yaml", "a value that cannot be read");
                return Err(found.at(place));
            }
        })
    }
}

/// Refuses a document that would not fit into memory once its aliases are written out. What is no YAML is
/// for the reader to tell.
fn bounded(file: &str, text: &str) -> Result<(), Diagnostic> {
    // What each anchor stands for, and the anchors and sizes of what is still open.
    let mut sizes: BTreeMap<usize, u64> = BTreeMap::new();
    let mut open: Vec<(usize, u64)> = Vec::new();
    let mut all = 0u64;
    for event in Parser::new_from_str(text) {
        let Ok((event, span)) = event else { return Ok(()) };
        let size = match event {
            Event::SequenceStart(anchor, _) | Event::MappingStart(anchor, _) => {
                open.push((anchor, 1));
                1
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let (anchor, size) = open.pop().unwrap_or_default();
                sizes.insert(anchor, size);
                if let Some((_, around)) = open.last_mut() {
                    *around = around.saturating_add(size);
                }
                continue;
            }
            Event::Scalar(_, _, anchor, _) => {
                sizes.insert(anchor, 1);
                1
            }
            Event::Alias(anchor) => sizes.get(&anchor).copied().unwrap_or(1),
            _ => continue,
        };
        let opened = matches!(event, Event::SequenceStart(..) | Event::MappingStart(..));
        if let (Some((_, around)), false) = (open.last_mut(), opened) {
            *around = around.saturating_add(size);
        }
        all = all.saturating_add(size);
        if all > PARTS_MAX {
            let message = format!("more than {PARTS_MAX} parts, its aliases written out");
            let line = u32::try_from(span.start.line()).unwrap_or(1);
            return Err(Diagnostic::error("too-large", message).at(Place::line(file, line)));
        }
    }
    Ok(())
}

fn value_of(scalar: &Scalar<'_>) -> Value {
    match scalar {
        Scalar::Null => Value::Null,
        Scalar::Boolean(truth) => (*truth).into(),
        Scalar::Integer(number) => (*number).into(),
        Scalar::FloatingPoint(number) => number.into_inner().into(),
        Scalar::String(text) => text.to_string().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_lines_that_stand_for_too_much_are_refused_unread() {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..10 {
            let below = vec![format!("*a{}", level - 1); 9].join(", ");
            text.push_str(&format!("a{level}: &a{level} [{below}]\n"));
        }
        let told = Yaml::read("bomb.yaml", &text).unwrap_err().to_string();
        assert!(told.starts_with("bomb.yaml:7:1: error[too-large]"), "{told}");
        let read = Yaml::read("fine.yaml", "a: &a [1, 2]\nb: [*a, *a]\n").unwrap();
        assert_eq!(read.value["b"][1][1], 2);
    }
}
