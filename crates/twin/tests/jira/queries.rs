//! Queries of issues: what they find, what is wrong with them, page after page.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{ADA, ask, found, task, universe};

#[test]
fn queries_find_what_they_say_and_mistakes_are_jiras() {
    let mut universe = universe();
    let one = task(
        &mut universe,
        json!({ "summary": "Login breaks", "labels": ["red"], "priority": { "name": "High" }, "assignee": { "accountId": "bob-1" } }),
    );
    universe.advance_to(universe.now() + Duration::from_secs(3 * 24 * 3600));
    let two = task(
        &mut universe,
        json!({ "summary": "Build a tool", "components": [{ "name": "Backend" }], "duedate": "2026-02-01" }),
    );
    ask(
        &mut universe,
        ADA,
        &format!("POST /rest/api/3/issue/{two}/transitions"),
        json!({ "transition": { "id": "31" } }),
    );
    for (jql, expected) in [
        ("project = OPEN", vec![&two, &one]),
        ("project = open order by key", vec![&one, &two]),
        ("project = OPEN and status = Done", vec![&two]),
        ("project = OPEN and status != Done", vec![&one]),
        ("assignee = bob-1", vec![&one]),
        ("assignee in (\"Bob\", currentUser())", vec![&one]),
        // Who has no assignee is not unequal to one.
        ("assignee != bob-1", vec![]),
        ("project = OPEN and assignee is EMPTY", vec![&two]),
        ("labels in (red, blue) or component = Backend order by created", vec![&one, &two]),
        ("project = OPEN and not labels = red", vec![&two]),
        ("summary ~ \"break login\"", vec![&one]),
        ("summary ~ tools", vec![&two]),
        ("text ~ \"\\\"a tool\\\"\"", vec![&two]),
        ("project = OPEN and created < -1d", vec![&one]),
        ("due <= 2026-02-01", vec![&two]),
        ("due < \"2026/02/01\"", vec![]),
        ("resolution = Unresolved and project = OPEN", vec![&one]),
        ("priority > Medium", vec![&one]),
        ("project = OPEN order by priority DESC", vec![&one, &two]),
        ("key in (OPEN-1, OPEN-2) and statusCategory = \"To Do\"", vec![&one]),
        ("status was \"To Do\" and status = Done", vec![&two]),
    ] {
        let expected: Vec<String> = expected.into_iter().cloned().collect();
        assert_eq!(found(&mut universe, jql), Ok(expected), "{jql}");
    }
    for (jql, expected) in [
        ("project = NOPE", "The value 'NOPE' does not exist for the field 'project'."),
        ("shoe = 3", "Field 'shoe' does not exist or you do not have permission to view it."),
        ("summary = x", "The operator '=' is not supported by the 'summary' field."),
        ("project ~ OPEN", "The operator '~' is not supported by the 'project' field."),
        ("created > soon", "Date value 'soon' for field 'created' is invalid."),
        ("key = OPEN-9", "An issue with key 'OPEN-9' does not exist for field 'key'."),
        ("assignee = nobody()", "Unable to find JQL function 'nobody()'."),
        ("order by key", "Unbounded JQL queries are not allowed here."),
        ("project = OPEN order by shoe", "Field 'shoe' does not exist"),
        ("project OPEN", "Error in the JQL Query: Expecting operator but got 'OPEN'."),
    ] {
        let told = found(&mut universe, jql).unwrap_err();
        assert!(told.starts_with(expected), "{jql}: {told}");
    }
}

#[test]
fn pages_follow_one_another_and_tokens_are_of_their_query() {
    let mut universe = universe();
    let keys: Vec<String> = (0..5).map(|_| task(&mut universe, json!({}))).collect();
    let (mut seen, mut token) = (Vec::new(), Value::Null);
    for _ in 0..3 {
        let mut body =
            json!({ "jql": "project = OPEN order by key", "maxResults": 2, "fields": ["key"] });
        if token.is_string() {
            body["nextPageToken"] = token;
        }
        let (_, page) = ask(&mut universe, ADA, "POST /rest/api/3/search/jql", body);
        seen.extend(
            page["issues"]
                .as_array()
                .unwrap()
                .iter()
                .map(|issue| issue["key"].as_str().unwrap().to_owned()),
        );
        token = page["nextPageToken"].clone();
        assert_eq!(page["isLast"], !token.is_string());
    }
    assert_eq!((seen, token), (keys, Value::Null));
    let (_, page) = ask(
        &mut universe,
        ADA,
        "POST /rest/api/3/search/jql",
        json!({ "jql": "project = OPEN", "maxResults": 2 }),
    );
    let other = json!({ "jql": "project = SEC", "nextPageToken": page["nextPageToken"] });
    assert_eq!(ask(&mut universe, ADA, "POST /rest/api/3/search/jql", other).0, 400);
    assert_eq!(
        ask(&mut universe, ADA, "GET /rest/api/3/search?jql=project%3DOPEN", Value::Null).0,
        410
    );
}
