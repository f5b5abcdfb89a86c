//! GraphQL requests, read and made plain: variables put in, fragments and directives resolved. What a field
//! means is a pack's business.

use std::collections::BTreeMap;

use graphql_parser::query::{
    Definition, Directive, Document, FragmentDefinition, OperationDefinition, Selection,
    SelectionSet, TypeCondition, Value, VariableDefinition, parse_query,
};
use serde_json::{Map, Value as Json, json};

/// Bytes of one query: the crate that reads it recurses.
const QUERY_BYTES_MAX: usize = 64 << 10;

/// How deep fields and fragments may nest: what scripts can walk down.
const DEPTH_MAX: usize = 24;

/// Brackets that may be open at once in a query's text: its reader recurses on each.
const BRACKETS_MAX: usize = 100;

/// Fields after fragments have been put in.
const FIELDS_MAX: usize = 5_000;

/// An operation that can be carried out, as JSON: `{"kind": "query", "fields": [{"key", "name", "args", "on",
/// "fields"}]}`. `on` is the type of the fragment that a field stood in.
///
/// # Errors
/// What is wrong with the query, in a sentence.
pub(crate) fn plan(query: &str, variables: &Json, operation: Option<&str>) -> Result<Json, String> {
    if query.len() > QUERY_BYTES_MAX || too_deep(query) {
        return Err("the query is too long or nests too deeply".to_owned());
    }
    let document = parse_query::<String>(query).map_err(|cause| cause.to_string())?;
    let (kind, set, defined) = chosen(&document, operation)?;
    let fragments = document.definitions.iter().filter_map(|definition| match definition {
        Definition::Fragment(fragment) => Some((fragment.name.as_str(), fragment)),
        Definition::Operation(_) => None,
    });
    let mut variables = variables.as_object().cloned().unwrap_or_default();
    for variable in defined {
        if !variables.contains_key(&variable.name) {
            match &variable.default_value {
                Some(value) => {
                    variables.insert(variable.name.clone(), json_of(value, &Map::new())?);
                }
                None if variable.var_type.to_string().ends_with('!') => {
                    let (name, wanted) = (&variable.name, &variable.var_type);
                    return Err(format!(
                        "Variable ${name} of type {wanted} was provided invalid value"
                    ));
                }
                None => drop(variables.insert(variable.name.clone(), Json::Null)),
            }
        }
    }
    let mut planner = Planner { fragments: fragments.collect(), variables, fields: 0 };
    let fields = planner.fields(set, None, 0)?;
    Ok(json!({ "kind": kind, "fields": fields }))
}

/// Whether more brackets are open at once than any real query has; strings may make it guess too high.
fn too_deep(query: &str) -> bool {
    let mut open = 0usize;
    query.bytes().any(|byte| {
        match byte {
            b'{' | b'[' | b'(' => open += 1,
            b'}' | b']' | b')' => open = open.saturating_sub(1),
            _ => {}
        }
        open > BRACKETS_MAX
    })
}

type Chosen<'a> =
    (&'static str, &'a SelectionSet<'a, String>, &'a [VariableDefinition<'a, String>]);

/// The operation of this name, or the only one.
fn chosen<'a>(
    document: &'a Document<'a, String>,
    name: Option<&str>,
) -> Result<Chosen<'a>, String> {
    let operations: Vec<&OperationDefinition<'a, String>> = document
        .definitions
        .iter()
        .filter_map(|definition| match definition {
            Definition::Operation(operation) => Some(operation),
            Definition::Fragment(_) => None,
        })
        .collect();
    let called = |operation: &OperationDefinition<'a, String>| match operation {
        OperationDefinition::SelectionSet(_) => None,
        OperationDefinition::Query(one) => one.name.clone(),
        OperationDefinition::Mutation(one) => one.name.clone(),
        OperationDefinition::Subscription(one) => one.name.clone(),
    };
    let found = match (name, operations.as_slice()) {
        (Some(name), all) => all.iter().find(|one| called(one).as_deref() == Some(name)).copied(),
        (None, [only]) => Some(*only),
        (None, _) => return Err("An operation name is required".to_owned()),
    };
    Ok(match found {
        Some(OperationDefinition::SelectionSet(set)) => ("query", set, &[]),
        Some(OperationDefinition::Query(one)) => {
            ("query", &one.selection_set, &one.variable_definitions)
        }
        Some(OperationDefinition::Mutation(one)) => {
            ("mutation", &one.selection_set, &one.variable_definitions)
        }
        Some(OperationDefinition::Subscription(one)) => {
            ("subscription", &one.selection_set, &one.variable_definitions)
        }
        None => return Err(format!("No operation named \"{}\"", name.unwrap_or_default())),
    })
}

struct Planner<'a> {
    fragments: BTreeMap<&'a str, &'a FragmentDefinition<'a, String>>,
    variables: Map<String, Json>,
    fields: usize,
}

impl<'a> Planner<'a> {
    fn fields(
        &mut self,
        set: &SelectionSet<'a, String>,
        on: Option<&str>,
        depth: usize,
    ) -> Result<Vec<Json>, String> {
        if depth > DEPTH_MAX {
            return Err(format!("the query nests deeper than {DEPTH_MAX}"));
        }
        let mut planned: Vec<Json> = Vec::new();
        for selection in &set.items {
            match selection {
                Selection::Field(field) => {
                    if !self.included(&field.directives)? {
                        continue;
                    }
                    self.fields += 1;
                    if self.fields > FIELDS_MAX {
                        return Err(format!("the query has more than {FIELDS_MAX} fields"));
                    }
                    let mut args = Map::new();
                    for (name, value) in &field.arguments {
                        args.insert(name.clone(), json_of(value, &self.variables)?);
                    }
                    let key = field.alias.as_ref().unwrap_or(&field.name);
                    let fields = self.fields(&field.selection_set, None, depth + 1)?;
                    planned.push(json!({
                        "key": key, "name": field.name, "args": args, "on": on, "fields": fields,
                    }));
                }
                Selection::FragmentSpread(spread) => {
                    if self.included(&spread.directives)? {
                        let name = &spread.fragment_name;
                        let fragment = *self
                            .fragments
                            .get(name.as_str())
                            .ok_or_else(|| format!("Fragment {name} was used, but not defined"))?;
                        let TypeCondition::On(on) = &fragment.type_condition;
                        planned.extend(self.fields(
                            &fragment.selection_set,
                            Some(on),
                            depth + 1,
                        )?);
                    }
                }
                Selection::InlineFragment(inline) => {
                    if self.included(&inline.directives)? {
                        let on = match &inline.type_condition {
                            Some(TypeCondition::On(on)) => Some(on.as_str()),
                            None => on,
                        };
                        planned.extend(self.fields(&inline.selection_set, on, depth + 1)?);
                    }
                }
            }
        }
        Ok(merged(planned))
    }

    /// `@include` and `@skip`.
    fn included(&self, directives: &[Directive<'a, String>]) -> Result<bool, String> {
        for directive in directives {
            let wanted = directive.arguments.iter().find(|(name, _)| name == "if");
            let Some((_, value)) = wanted else { continue };
            let truth = json_of(value, &self.variables)? == Json::Bool(true);
            match directive.name.as_str() {
                "include" if !truth => return Ok(false),
                "skip" if truth => return Ok(false),
                _ => {}
            }
        }
        Ok(true)
    }
}

/// Fields of one key made one, with what each selects below it.
fn merged(planned: Vec<Json>) -> Vec<Json> {
    let mut kept: Vec<Json> = Vec::new();
    for field in planned {
        let same = |one: &&mut Json| one["key"] == field["key"] && one["on"] == field["on"];
        match (kept.iter_mut().find(same), &field["fields"]) {
            (Some(known), Json::Array(more)) => {
                if let Some(fields) = known["fields"].as_array_mut() {
                    fields.extend(more.iter().cloned());
                    *fields = merged(std::mem::take(fields));
                }
            }
            _ => kept.push(field),
        }
    }
    kept
}

fn json_of(value: &Value<'_, String>, variables: &Map<String, Json>) -> Result<Json, String> {
    Ok(match value {
        Value::Variable(name) => {
            let found = variables.get(name).cloned();
            found.ok_or_else(|| format!("Variable ${name} is used but not declared"))?
        }
        Value::Int(number) => json!(number.as_i64()),
        Value::Float(number) => json!(number),
        Value::String(text) => json!(text),
        Value::Boolean(truth) => json!(truth),
        Value::Null => Json::Null,
        Value::Enum(name) => json!(name),
        Value::List(list) => {
            list.iter().map(|one| json_of(one, variables)).collect::<Result<Vec<_>, _>>()?.into()
        }
        Value::Object(fields) => {
            let pair = |(name, value): (&String, &Value<'_, String>)| {
                Ok::<_, String>((name.clone(), json_of(value, variables)?))
            };
            Json::Object(fields.iter().map(pair).collect::<Result<_, _>>()?)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(query: &str, variables: Json, expected: &str) {
        let found = match plan(query, &variables, None) {
            Ok(plan) => shown(&plan["fields"]),
            Err(cause) => format!("! {cause}"),
        };
        assert_eq!(found, expected);
    }

    fn shown(fields: &Json) -> String {
        let one = |field: &Json| {
            let on = field["on"].as_str().map_or(String::new(), |on| format!("<{on}>"));
            let below = shown(&field["fields"]);
            let below = if below.is_empty() { below } else { format!("{{{below}}}") };
            let key = field["key"].as_str().unwrap();
            format!("{key}={}{on}{}{below}", field["name"].as_str().unwrap(), field["args"])
        };
        let all: Vec<String> = fields.as_array().unwrap().iter().map(one).collect();
        all.join(" ")
    }

    #[test]
    fn variables_fragments_and_directives_are_resolved() {
        check(
            "query($n: Int = 2, $no: Boolean!) { a: x(first: $n) { y ...f z @skip(if: $no) } } fragment f on T { y { w } q }",
            json!({ "no": true }),
            r#"a=x{"first":2}{y=y{} y=y<T>{}{w=w{}} q=q<T>{}}"#,
        );
        check("{ a { b } a { c } }", json!({}), "a=a{}{b=b{} c=c{}}");
    }

    #[test]
    fn what_is_wrong_is_told() {
        check("{ a(x: $n) }", json!({}), "! Variable $n is used but not declared");
        check("{ ...f }", json!({}), "! Fragment f was used, but not defined");
        let circle = "{ ...f } fragment f on T { a { ...f } }";
        check(circle, json!({}), &format!("! the query nests deeper than {DEPTH_MAX}"));
        check(&"{a".repeat(5000), json!({}), "! the query is too long or nests too deeply");
        assert!(plan("{", &json!({}), None).is_err());
    }
}
