//! Which operation a method and a path mean. Literal segments win over parameters, and parameters over
//! the rest of a path.

use std::collections::HashMap;

/// Segments of a path that are looked at: no API nests deeper, and a path of a megabyte of slashes is
/// somebody's attack.
const SEGMENTS_MAX: usize = 64;

/// Why a route cannot be added.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RouteError {
    #[error("route `{0}` is not `METHOD /path`")]
    Form(String),
    #[error("route `{route}` is that of `{other}` already")]
    Taken { route: String, other: String },
}

/// All routes of a pack; an operation is a number.
#[derive(Debug, Default)]
pub(crate) struct Routes {
    root: Node,
}

#[derive(Debug, Default)]
struct Node {
    literal: HashMap<String, Node>,
    parameter: Option<Box<Node>>,
    /// `{name...}`: everything that is left of the path.
    rest: Option<Box<Node>>,
    ends: Vec<End>,
}

#[derive(Debug)]
struct End {
    method: String,
    operation: usize,
    /// The names of the parameters, in the order of the path.
    names: Vec<String>,
}

/// What a path was found to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found<'a> {
    Operation {
        operation: usize,
        parameters: Vec<(&'a str, String)>,
    },
    /// The path is known, but not with this method.
    WrongMethod,
    Nothing,
}

impl Routes {
    /// Adds `METHOD /a/{b}/{rest...}` for an operation; `METHOD` may be `GET|POST`.
    ///
    /// # Errors
    /// A route of another form, or one that is taken; `name_of` names the operation that has it.
    pub(crate) fn add(
        &mut self,
        route: &str,
        operation: usize,
        name_of: impl Fn(usize) -> String,
    ) -> Result<(), RouteError> {
        let form = || RouteError::Form(route.to_owned());
        let (methods, path) = route.split_once(' ').ok_or_else(form)?;
        let path = path.strip_prefix('/').ok_or_else(form)?;
        let mut node = &mut self.root;
        let mut names = Vec::new();
        for segment in path.split('/') {
            let parameter = segment.strip_prefix('{').and_then(|name| name.strip_suffix('}'));
            node = match parameter {
                None => node.literal.entry(segment.to_owned()).or_default(),
                Some(name) => match name.strip_suffix("...") {
                    Some(name) => {
                        names.push(name.to_owned());
                        node.rest.get_or_insert_default()
                    }
                    None => {
                        names.push(name.to_owned());
                        node.parameter.get_or_insert_default()
                    }
                },
            };
        }
        for method in methods.split('|') {
            if method.is_empty() || !method.chars().all(|c| c.is_ascii_uppercase()) {
                return Err(form());
            }
            if let Some(end) = node.ends.iter().find(|end| end.method == method) {
                let other = name_of(end.operation);
                return Err(RouteError::Taken { route: route.to_owned(), other });
            }
            let (method, names) = (method.to_owned(), names.clone());
            node.ends.push(End { method, operation, names });
        }
        Ok(())
    }

    /// The operation for a request; `path` as it stands in the request, without its query.
    pub(crate) fn find(&self, method: &str, path: &str) -> Found<'_> {
        let path = path.strip_prefix('/').unwrap_or(path);
        let segments: Vec<&str> = path.split('/').take(SEGMENTS_MAX + 1).collect();
        if segments.len() > SEGMENTS_MAX {
            return Found::Nothing;
        }
        let mut wrong_method = false;
        let mut values = Vec::new();
        match self.root.find(&segments, method, &mut values, &mut wrong_method) {
            Some(end) => {
                let names = end.names.iter().map(String::as_str);
                let parameters = names.zip(values).collect();
                Found::Operation { operation: end.operation, parameters }
            }
            None if wrong_method => Found::WrongMethod,
            None => Found::Nothing,
        }
    }
}

impl Node {
    fn find(
        &self,
        segments: &[&str],
        method: &str,
        values: &mut Vec<String>,
        wrong_method: &mut bool,
    ) -> Option<&End> {
        let Some((segment, left)) = segments.split_first() else {
            let end = self.ends.iter().find(|end| end.method == method);
            *wrong_method |= end.is_none() && !self.ends.is_empty();
            return end;
        };
        if let Some(node) = self.literal.get(*segment)
            && let Some(end) = node.find(left, method, values, wrong_method)
        {
            return Some(end);
        }
        let before = values.len();
        if let Some(node) = &self.parameter
            && !segment.is_empty()
        {
            values.push(decoded(segment));
            if let Some(end) = node.find(left, method, values, wrong_method) {
                return Some(end);
            }
            values.truncate(before);
        }
        let node = self.rest.as_ref()?;
        values.push(decoded(&segments.join("/")));
        let end = node.find(&[], method, values, wrong_method);
        if end.is_none() {
            values.truncate(before);
        }
        end
    }
}

/// `text` without its percent escapes; bytes that are no UTF-8 are replaced.
fn decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(request: &str, expected: &str) {
        let mut routes = Routes::default();
        let all = [
            "GET /users",
            "GET|PUT /users/{id}",
            "GET /users/me",
            "GET /repos/{owner}/{repo}/contents/{path...}",
            "POST /users/{id}/lifecycle/{action}",
        ];
        for (operation, route) in all.iter().enumerate() {
            routes.add(route, operation, |n| all[n].to_owned()).unwrap();
        }
        let (method, path) = request.split_once(' ').unwrap();
        let found = match routes.find(method, path) {
            Found::Operation { operation, parameters } => {
                let parameters: Vec<String> =
                    parameters.iter().map(|(name, value)| format!(" {name}={value}")).collect();
                format!("{}{}", all[operation], parameters.concat())
            }
            other => format!("{other:?}"),
        };
        assert_eq!(found, expected);
    }

    #[test]
    fn literal_segments_win_over_parameters_and_those_over_the_rest() {
        check("GET /users/me", "GET /users/me");
        check("PUT /users/me", "GET|PUT /users/{id} id=me");
        check("GET /users/a%20b", "GET|PUT /users/{id} id=a b");
        let contents = "GET /repos/{owner}/{repo}/contents/{path...}";
        check("GET /repos/o/r/contents/a/b.rs", &format!("{contents} owner=o repo=r path=a/b.rs"));
    }

    #[test]
    fn what_is_not_there_is_told_from_what_takes_another_method() {
        check("DELETE /users", "WrongMethod");
        check("GET /users/", "Nothing");
        check("GET /", "Nothing");
        check(&format!("GET {}", "/x".repeat(100_000)), "Nothing");
    }

    #[test]
    fn two_operations_on_one_route_are_refused() {
        let mut routes = Routes::default();
        routes.add("GET /a/{b}", 0, |_| String::new()).unwrap();
        let error = routes.add("GET|POST /a/{c}", 1, |_| "first".to_owned()).unwrap_err();
        assert_eq!(error.to_string(), "route `GET|POST /a/{c}` is that of `first` already");
        for form in ["/a", "get /a", "GET a", ""] {
            assert!(routes.add(form, 2, |_| String::new()).is_err(), "{form}");
        }
    }
}
