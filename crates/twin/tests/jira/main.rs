//! The Jira pack: what a program that lives by issues, their workflow and queries depends on.

mod hooks;
mod queries;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Value, json};
use twin::{Fault, Pack, Universe};

const ADA: &str = "ada@example.com:ada";
const BOB: &str = "bob@example.com:bob";
const EVE: &str = "eve@example.com:eve";
const GATEWAY: &str = "/ex/jira/cloud-1/rest/api/3";

fn universe() -> Universe {
    let mut universe = Universe::new(&[Pack::builtin("jira").unwrap()], 1).unwrap();
    universe.reach("jira", "http://jira.test").unwrap();
    let seed = json!({
        "site": { "cloud_id": "cloud-1" },
        "users": [
            { "email": "ada@example.com", "name": "Ada", "account_id": "ada-1", "admin": true },
            { "email": "bob@example.com", "name": "Bob", "account_id": "bob-1" },
            { "email": "eve@example.com", "name": "Eve", "account_id": "eve-1" },
        ],
        "projects": [
            { "key": "OPEN", "components": ["Backend"] },
            { "key": "SEC", "access": "private", "roles": { "bob@example.com": "viewer" }, "issues": [{ "summary": "Hidden" }] },
        ],
        "tokens": {
            "ada": { "user": "ada@example.com" }, "bob": { "user": "bob@example.com" }, "eve": { "user": "eve@example.com" },
            "app": { "user": "ada@example.com", "kind": "oauth", "scopes": ["manage:jira-webhook", "read:jira-user"] },
        },
    });
    universe.seed_service("jira", seed).unwrap();
    universe
}

fn send(universe: &mut Universe, line: &str, authorization: &str, body: &Value) -> twin::Response {
    let (method, path) = line.split_once(' ').unwrap();
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let request = http::Request::builder()
        .method(method)
        .uri(path)
        .header("authorization", authorization)
        .header("accept", "application/json")
        .header("content-type", "application/json")
        .body(Bytes::from(body))
        .unwrap();
    universe.step("jira", request).unwrap().response.unwrap()
}

/// Asks as the owner of an API token: the status and the body.
fn ask(universe: &mut Universe, pair: &str, line: &str, body: Value) -> (u16, Value) {
    let response = send(universe, line, &format!("Basic {}", STANDARD.encode(pair)), &body);
    let json = serde_json::from_slice(response.body()).unwrap_or(Value::Null);
    (response.status().as_u16(), json)
}

fn get(universe: &mut Universe, pair: &str, path: &str) -> Value {
    let (status, body) = ask(universe, pair, &format!("GET {path}"), Value::Null);
    assert_eq!(status, 200, "{path}: {body}");
    body
}

/// A task in OPEN by Ada, with these further fields; its key.
fn task(universe: &mut Universe, more: Value) -> String {
    let mut fields = json!({ "project": { "key": "OPEN" }, "issuetype": { "name": "Task" }, "summary": "A task" });
    fields.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let (status, body) = ask(universe, ADA, "POST /rest/api/2/issue", json!({ "fields": fields }));
    assert_eq!(status, 201, "{body}");
    body["key"].as_str().unwrap().to_owned()
}

/// The keys that a query finds for Ada, or what is wrong with it.
fn found(universe: &mut Universe, jql: &str) -> Result<Vec<String>, String> {
    let asked = json!({ "jql": jql, "fields": ["key"] });
    let (status, body) = ask(universe, ADA, "POST /rest/api/3/search/jql", asked);
    if status == 400 {
        return Err(body["errorMessages"][0].as_str().unwrap().to_owned());
    }
    let issues = body["issues"].as_array().unwrap();
    Ok(issues.iter().map(|issue| issue["key"].as_str().unwrap().to_owned()).collect())
}

#[test]
fn a_credential_that_is_not_right_opens_nothing() {
    let mut universe = universe();
    for pair in ["ada@example.com:wrong", "bob@example.com:ada", "ada@example.com:", "x"] {
        let header = format!("Basic {}", STANDARD.encode(pair));
        let told = send(&mut universe, "GET /rest/api/3/myself", &header, &Value::Null);
        assert_eq!(told.status(), 401, "{pair}");
        let says = "Client must be authenticated to access this resource.";
        assert!(std::str::from_utf8(told.body()).unwrap().contains(says));
        // Whoever is nobody sees what everybody may see: nothing here.
        let (status, body) =
            ask(&mut universe, pair, "GET /rest/api/3/project/search", Value::Null);
        assert_eq!((status, &body["total"]), (200, &json!(0)), "{pair}");
        let line = "GET /rest/api/3/issue/SEC-1";
        assert_eq!(ask(&mut universe, pair, line, Value::Null).0, 404, "{pair}");
        let fields = json!({ "fields": { "project": { "key": "OPEN" }, "issuetype": { "name": "Task" }, "summary": "x" } });
        assert_eq!(ask(&mut universe, pair, "POST /rest/api/3/issue", fields).0, 400, "{pair}");
    }
    let failed = format!("Basic {}", STANDARD.encode("ada@example.com:wrong"));
    let told = send(&mut universe, "GET /rest/api/3/field", &failed, &Value::Null);
    assert_eq!(told.headers()["x-seraph-loginreason"], "AUTHENTICATED_FAILED");
    let told = send(&mut universe, "GET /rest/api/3/field", "Bearer ada", &Value::Null);
    assert_eq!(told.status(), 403);
}

#[test]
fn the_gateway_takes_oauth_tokens_for_what_they_are_good_for() {
    let mut universe = universe();
    let mut status = |line: &str, header: &str| {
        send(&mut universe, line, header, &Value::Null).status().as_u16()
    };
    let myself = format!("GET {GATEWAY}/myself");
    assert_eq!(status(&myself, "Bearer app"), 200);
    assert_eq!(status(&myself, "Bearer ada"), 401);
    assert_eq!(status(&myself, "Bearer nobody"), 401);
    assert_eq!(status(&format!("GET {GATEWAY}/issue/SEC-1"), "Bearer app"), 401);
    assert_eq!(status("GET /ex/jira/other/rest/api/3/myself", "Bearer app"), 404);
}

#[test]
fn a_new_issue_is_refused_field_by_field() {
    let mut universe = universe();
    let refused = |universe: &mut Universe, fields: Value| {
        let body = json!({ "fields": fields });
        let (status, body) = ask(universe, ADA, "POST /rest/api/3/issue", body);
        assert_eq!(status, 400, "{body}");
        assert_eq!(body["errorMessages"], json!([]));
        body["errors"].clone()
    };
    for (fields, expected) in [
        (json!({ "summary": "x" }), json!({ "project": "Specify a valid project ID or key" })),
        (json!({ "project": { "key": "OPEN" } }), json!({ "issuetype": "Specify an issue type" })),
        (
            json!({ "project": { "key": "OPEN" }, "issuetype": { "name": "Task" }, "shoe": 3, "labels": ["a b"], "description": "x" }),
            json!({
                "summary": "You must specify a summary of the issue.",
                "shoe": "Field 'shoe' cannot be set. It is not on the appropriate screen, or unknown.",
                "labels": "The label 'a b' contains spaces which is invalid.",
                "description": "Operation value must be an Atlassian Document (see the Atlassian Document Format)",
            }),
        ),
        (
            json!({ "project": { "key": "OPEN" }, "issuetype": { "name": "Sub-task" }, "summary": "x\ny", "components": [{ "name": "No" }] }),
            json!({
                "summary": "The summary is invalid because it contains newline characters.",
                "components": "Component name 'No' is not valid",
                "parent": "Issue type is a sub-task but parent issue key or id not specified.",
            }),
        ),
    ] {
        assert_eq!(refused(&mut universe, fields), expected);
    }
    assert_eq!(found(&mut universe, "project = OPEN").unwrap(), Vec::<String>::new());
}

#[test]
fn an_issue_goes_through_its_workflow_and_keeps_its_history() {
    let mut universe = universe();
    let key = task(&mut universe, json!({ "description": "one\n\ntwo" }));
    let at = format!("/rest/api/3/issue/{key}");
    let go = |id: &str| json!({ "transition": { "id": id } });
    let (status, body) = ask(&mut universe, ADA, &format!("POST {at}/transitions"), go("99"));
    assert_eq!(
        (status, &body["errorMessages"][0]),
        (400, &json!("Transition id '99' is not valid for this issue."))
    );
    assert_eq!(ask(&mut universe, ADA, &format!("POST {at}/transitions"), go("31")).0, 204);
    let fields = get(&mut universe, ADA, &at)["fields"].clone();
    assert_eq!(
        (&fields["status"]["name"], &fields["resolution"]["name"]),
        (&json!("Done"), &json!("Done"))
    );
    assert!(fields["resolutiondate"].is_string());
    assert_eq!(fields["description"]["content"][1]["content"][0]["text"], "two");
    assert_eq!(ask(&mut universe, ADA, &format!("POST {at}/transitions"), go("21")).0, 204);
    let fields = get(&mut universe, ADA, &at)["fields"].clone();
    assert_eq!((&fields["resolution"], &fields["resolutiondate"]), (&Value::Null, &Value::Null));
    let edit = json!({ "update": { "labels": [{ "add": "b" }, { "add": "a" }] }, "fields": { "priority": { "name": "High" } } });
    assert_eq!(ask(&mut universe, ADA, &format!("PUT {at}"), edit).0, 204);
    let log = get(&mut universe, ADA, &format!("{at}/changelog"));
    let told: Vec<String> = log["values"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|entry| entry["items"].as_array().unwrap())
        .map(|item| {
            format!(
                "{}: {} > {}",
                item["field"].as_str().unwrap(),
                item["fromString"],
                item["toString"]
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            "status: \"To Do\" > \"Done\"",
            "resolution: null > \"Done\"",
            "status: \"Done\" > \"In Progress\"",
            "resolution: \"Done\" > null",
            "priority: \"Medium\" > \"High\"",
            "labels: \"\" > \"a b\"",
        ]
    );
}

#[test]
fn whoever_may_not_see_a_project_is_told_that_there_is_none() {
    let mut universe = universe();
    for line in [
        "GET /rest/api/3/issue/SEC-1",
        "GET /rest/api/3/issue/SEC-1/comment",
        "GET /rest/api/3/project/SEC",
        "GET /rest/api/3/issue/10000/changelog",
    ] {
        assert_eq!(ask(&mut universe, EVE, line, Value::Null).0, 404, "{line}");
        assert_eq!(ask(&mut universe, BOB, line, Value::Null).0, 200, "{line}");
    }
    let asked = |jql: &str| json!({ "jql": jql });
    let (status, body) =
        ask(&mut universe, EVE, "POST /rest/api/3/search/jql", asked("project = SEC"));
    assert_eq!(
        (status, &body["errorMessages"][0]),
        (400, &json!("The value 'SEC' does not exist for the field 'project'."))
    );
    let (_, body) =
        ask(&mut universe, EVE, "POST /rest/api/3/search/jql", asked("summary ~ hidden"));
    assert_eq!(body["issues"], json!([]));
    // A viewer sees, and does nothing.
    for (line, body) in [
        ("PUT /rest/api/2/issue/SEC-1", json!({ "fields": { "summary": "x" } })),
        ("POST /rest/api/2/issue/SEC-1/comment", json!({ "body": "x" })),
        ("POST /rest/api/2/issue/SEC-1/transitions", json!({ "transition": { "id": "31" } })),
    ] {
        assert_eq!(ask(&mut universe, BOB, line, body).0, 400, "{line}");
    }
    assert_eq!(ask(&mut universe, BOB, "DELETE /rest/api/2/issue/SEC-1", Value::Null).0, 403);
    assert_eq!(get(&mut universe, ADA, "/rest/api/3/issue/SEC-1")["fields"]["summary"], "Hidden");
}

#[test]
fn too_many_calls_are_told_when_to_come_again() {
    let mut universe = universe();
    let rules = json!([{ "service": "jira", "operation": "getIssue", "fault": "rate_limited", "retry_after": 7 }]);
    universe.set_faults(serde_json::from_value::<Vec<Fault>>(rules).unwrap()).unwrap();
    let header = format!("Basic {}", STANDARD.encode(BOB));
    let told = send(&mut universe, "GET /rest/api/3/issue/SEC-1", &header, &Value::Null);
    assert_eq!(
        (told.status().as_u16(), &told.headers()["retry-after"]),
        (429, &http::HeaderValue::from_static("7"))
    );
    assert!(told.headers().contains_key("x-ratelimit-reset"));
    let told = send(&mut universe, "GET /rest/api/3/issue/SEC-1", &header, &Value::Null);
    assert_eq!(told.headers()["x-ratelimit-limit"], "65000");
}

#[test]
fn what_is_of_the_wrong_form_is_refused_and_breaks_nothing() {
    let mut universe = universe();
    let key = task(&mut universe, json!({}));
    let deep = (0..40).fold(
        json!({ "type": "text", "text": "x" }),
        |inner, _| json!({ "type": "panel", "content": [inner] }),
    );
    for (line, body) in [
        ("POST /rest/api/3/issue", json!({ "fields": "x" })),
        (
            "POST /rest/api/3/issue",
            json!({ "fields": { "project": "OPEN", "issuetype": 1, "summary": {} } }),
        ),
        ("PUT /rest/api/3/issue/KEY", json!({ "update": { "labels": { "add": "x" } } })),
        (
            "PUT /rest/api/3/issue/KEY",
            json!({ "fields": { "labels": [1], "components": "x", "assignee": 3, "parent": [] } }),
        ),
        (
            "POST /rest/api/3/issue/KEY/comment",
            json!({ "body": { "type": "doc", "version": 1, "content": [1] } }),
        ),
        (
            "POST /rest/api/3/issue/KEY/comment",
            json!({ "body": { "type": "doc", "version": 1, "content": [deep] } }),
        ),
        ("POST /rest/api/3/issue/KEY/transitions", json!({ "transition": [] })),
        ("POST /rest/api/3/issue/KEY/worklog", json!({ "timeSpentSeconds": "soon" })),
        ("POST /rest/api/3/issueLink", json!({ "type": "Blocks" })),
        ("POST /rest/api/3/search/jql", json!({ "jql": ["x"] })),
        ("POST /rest/api/3/search/jql", json!({ "jql": "created > currentUser()" })),
        ("POST /rest/api/3/search/jql", json!({ "jql": "status in Done" })),
        ("POST /rest/api/3/jql/parse", json!({ "queries": {} })),
        ("POST /rest/webhooks/1.0/webhook", json!({ "name": [], "url": {} })),
        ("POST /rest/agile/1.0/sprint", json!({ "name": [], "originBoardId": 1 })),
    ] {
        let line = line.replace("KEY", &key);
        let (status, told) = ask(&mut universe, ADA, &line, body.clone());
        assert_eq!(status, 400, "{line} {body}: {told}");
    }
    assert!(universe.journal().all(|exchange| exchange.broken.is_none()));
    assert_eq!(get(&mut universe, ADA, &format!("/rest/api/3/issue/{key}/changelog"))["total"], 0);
}

#[test]
fn a_sprint_holds_issues_until_it_ends() {
    let mut universe = universe();
    let (done, left) = (task(&mut universe, json!({})), task(&mut universe, json!({})));
    let (_, sprint) = ask(
        &mut universe,
        ADA,
        "POST /rest/agile/1.0/sprint",
        json!({ "name": "One", "originBoardId": 1 }),
    );
    let at = format!("/rest/agile/1.0/sprint/{}", sprint["id"]);
    assert_eq!(ask(&mut universe, BOB, &format!("POST {at}"), json!({ "name": "Mine" })).0, 403);
    assert_eq!(
        ask(&mut universe, ADA, &format!("POST {at}/issue"), json!({ "issues": [done, left] })).0,
        204
    );
    let begin = json!({ "state": "active", "startDate": "2026-01-05T09:00:00.000Z", "endDate": "2026-01-19T09:00:00.000Z" });
    assert_eq!(ask(&mut universe, ADA, &format!("POST {at}"), begin).1["state"], "active");
    assert_eq!(
        found(&mut universe, "sprint in openSprints() order by key"),
        Ok(vec![done.clone(), left])
    );
    ask(
        &mut universe,
        ADA,
        &format!("POST /rest/api/3/issue/{done}/transitions"),
        json!({ "transition": { "id": "31" } }),
    );
    assert_eq!(ask(&mut universe, ADA, &format!("POST {at}"), json!({ "state": "closed" })).0, 200);
    assert_eq!(found(&mut universe, "sprint = One"), Ok(vec![done]));
    assert_eq!(ask(&mut universe, ADA, &format!("POST {at}"), json!({ "state": "active" })).0, 400);
}

#[test]
fn steps_make_and_tell_issues() {
    let mut universe = universe();
    let made = universe.call("jira", "step_issue", json!({ "project": "OPEN", "summary": "From outside", "type": "Bug", "assignee": "bob@example.com", "labels": "b, a" })).unwrap();
    let key = made["key"].as_str().unwrap();
    universe
        .call(
            "jira",
            "step_comment",
            json!({ "issue": key, "text": "look", "user": "bob@example.com" }),
        )
        .unwrap();
    universe.call("jira", "step_transition", json!({ "issue": key, "to": "Done" })).unwrap();
    let issues = universe.call("jira", "step_issues", json!({ "channel": "OPEN" })).unwrap();
    assert_eq!(
        (&issues[0]["status"], &issues[0]["labels"], &issues[0]["comments"]),
        (&json!("Done"), &json!(["a", "b"]), &json!(1))
    );
    assert_eq!(
        universe.call("jira", "step_comments", json!({ "issue": key })).unwrap(),
        json!([{ "user": "bob@example.com", "text": "look" }])
    );
    assert_eq!(universe.call("jira", "step_credentials", json!({})).unwrap()["token"], "ada");
    assert!(
        universe.call("jira", "step_transition", json!({ "issue": key, "to": "Nowhere" })).is_err()
    );
}
