//! Which paths a builder may hand in: relative, inside the product, in the intent's write-set.
//!
//! It refuses to know the file system; links are the sandbox's affair.

/// Whether `path` is in the write-set. In an entry `*` stands for any characters but `/`, and `**` for
/// any at all.
pub(crate) fn allowed(path: &str, write_set: &[String]) -> bool {
    let inside = !path.is_empty()
        && !path.contains('\\')
        && path.split('/').all(|part| !matches!(part, "" | "." | ".."));
    inside && write_set.iter().any(|entry| matches(entry.as_bytes(), path.as_bytes()))
}

/// The one file of a write-set that names exactly one.
pub(crate) fn only(write_set: &[String]) -> Option<&str> {
    match write_set {
        [path] if !path.contains('*') => Some(path),
        _ => None,
    }
}

fn matches(pattern: &[u8], path: &[u8]) -> bool {
    match pattern {
        [] => path.is_empty(),
        [b'*', b'*', rest @ ..] => (0..=path.len()).any(|at| matches(rest, &path[at..])),
        [b'*', rest @ ..] => {
            let segment = path.iter().position(|byte| *byte == b'/').unwrap_or(path.len());
            (0..=segment).any(|at| matches(rest, &path[at..]))
        }
        [first, rest @ ..] => path.first() == Some(first) && matches(rest, &path[1..]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_write_set_is_allowed() {
        let set = ["span.py".to_owned(), "lib/*.py".to_owned(), "docs/**".to_owned()];
        for path in ["span.py", "lib/a.py", "docs/a/b.md"] {
            assert!(allowed(path, &set), "{path}");
        }
        for path in
            ["", "x.py", "/span.py", "./span.py", "lib/a/b.py", "docs/../span.py", "lib/a.sh"]
        {
            assert!(!allowed(path, &set), "{path}");
        }
    }

    #[test]
    fn a_pattern_names_no_single_file() {
        assert_eq!(only(&["a.py".to_owned()]), Some("a.py"));
        assert_eq!(only(&["*.py".to_owned()]), None);
        assert_eq!(only(&["a".to_owned(), "b".to_owned()]), None);
    }
}
