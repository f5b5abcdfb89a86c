//! A run's context (5.1): a map that a branch can take a copy of for nothing.

use std::sync::Arc;

use imbl::OrdMap;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

/// Keys and values, by key. Cloning takes the same time whatever its size; a clone and its original
/// do not see each other's changes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Context(OrdMap<Arc<str>, Arc<str>>);

impl Context {
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(AsRef::as_ref)
    }

    /// By key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_ref(), value.as_ref()))
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn contains_key(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }

    pub(crate) fn set(&mut self, key: &str, value: impl Into<Arc<str>>) {
        // A key that is there already keeps its own text: most are written at every stage.
        match self.0.get_mut(key) {
            Some(old) => *old = value.into(),
            None => drop(self.0.insert(key.into(), value.into())),
        }
    }

    pub(crate) fn remove(&mut self, key: &str) {
        if self.0.contains_key(key) {
            self.0.remove(key);
        }
    }
}

impl std::ops::Index<&str> for Context {
    type Output = str;

    /// # Panics
    /// When there is no such key.
    fn index(&self, key: &str) -> &str {
        self.get(key).expect("the key is in the context")
    }
}

impl<K: AsRef<str>, V: AsRef<str>> FromIterator<(K, V)> for Context {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        let shared = |text: &str| -> Arc<str> { text.into() };
        let pairs = pairs.into_iter();
        Self(pairs.map(|(key, value)| (shared(key.as_ref()), shared(value.as_ref()))).collect())
    }
}

impl Serialize for Context {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.len()))?;
        for (key, value) in self.iter() {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}
