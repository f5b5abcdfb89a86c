//! YAML as JSON, with the place of every node: for seeds and cassettes, whose mistakes are told by line.

use std::collections::BTreeMap;

use base::{Diagnostic, Place};
use saphyr::{LoadableYamlNode, MarkedYaml, Scalar, YamlData};
use serde_json::{Map, Value};

/// How deep a document may nest.
const DEPTH_MAX: usize = 64;

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

fn value_of(scalar: &Scalar<'_>) -> Value {
    match scalar {
        Scalar::Null => Value::Null,
        Scalar::Boolean(truth) => (*truth).into(),
        Scalar::Integer(number) => (*number).into(),
        Scalar::FloatingPoint(number) => number.into_inner().into(),
        Scalar::String(text) => text.to_string().into(),
    }
}
