//! Any bytes as the condition of an edge: an error has an offset in the text, and a condition holds
//! under the values that its clauses ask for, until one of them differs.

#![no_main]

use std::collections::BTreeMap;

use libfuzzer_sys::fuzz_target;
use pipeline::{Comparison, Condition, Test};

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    let condition = match Condition::parse(&text) {
        Ok(condition) => condition,
        Err(error) => {
            assert!(text.is_char_boundary(error.offset), "{error:?} in {text:?}");
            return;
        }
    };
    let mut values = BTreeMap::new();
    for clause in condition.clauses() {
        let (meets, breaks) = match &clause.test {
            Test::Equals(value) => (value.clone(), format!("{value}x")),
            Test::Differs(value) => (format!("{value}x"), value.clone()),
            Test::Compares(Comparison::AtLeast | Comparison::AtMost, bound) => {
                (bound.to_string(), String::new())
            }
            Test::Compares(Comparison::Above, bound) if *bound < f64::MAX => {
                (f64::MAX.to_string(), bound.to_string())
            }
            Test::Compares(Comparison::Below, bound) if *bound > f64::MIN => {
                (f64::MIN.to_string(), bound.to_string())
            }
            Test::Compares(..) => return, // Nothing is beyond that.
            Test::Truthy => ("yes".to_owned(), "false".to_owned()),
        };
        values.insert(clause.key.to_string(), (meets, breaks));
    }
    // No value at all is as good as any.
    condition.evaluate(|_| None);
    if values.len() < condition.clauses().len() {
        return; // Two clauses about one key may contradict each other.
    }
    assert!(condition.evaluate(|key| values.get(key).map(|value| value.0.as_str())), "{text:?}");
    for broken in values.keys() {
        let holds = condition.evaluate(|key| {
            values
                .get(key)
                .map(|(meets, breaks)| (if key == broken { breaks } else { meets }).as_str())
        });
        assert!(!holds, "{text:?} with another `{broken}`");
    }
});
