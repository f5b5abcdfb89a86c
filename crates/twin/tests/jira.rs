//! The Jira pack: what a program that lives by issues, their workflow and queries depends on.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Value, json};
use twin::delivery::{Attempted, To};
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

#[test]
fn a_webhook_is_told_of_what_its_query_finds_signed_and_again_when_it_fails() {
    let mut universe = universe();
    let hook = json!({ "name": "h", "url": "http://127.0.0.1:1/hook", "events": ["jira:issue_updated"], "secret": "s3", "filters": { "issue-related-events-section": "status = Done" } });
    assert_eq!(ask(&mut universe, BOB, "POST /rest/webhooks/1.0/webhook", hook.clone()).0, 403);
    assert_eq!(ask(&mut universe, ADA, "POST /rest/webhooks/1.0/webhook", hook).0, 201);
    let key = task(&mut universe, json!({}));
    let line = format!("POST /rest/api/2/issue/{key}/transitions");
    ask(&mut universe, ADA, &line, json!({ "transition": { "id": "21" } }));
    assert!(universe.take_due().is_empty());
    ask(&mut universe, ADA, &line, json!({ "transition": { "id": "31" } }));
    let due = universe.take_due();
    assert_eq!((due.len(), &due[0].to), (1, &To::Url("http://127.0.0.1:1/hook".into())));
    let header = |due: &twin::delivery::Delivery, name: &str| {
        due.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
    };
    let id = header(&due[0], "x-atlassian-webhook-identifier").unwrap();
    assert!(header(&due[0], "x-hub-signature").unwrap().starts_with("sha256="));
    let body: Value = serde_json::from_slice(&due[0].body).unwrap();
    assert_eq!(
        (&body["webhookEvent"], &body["issue"]["key"]),
        (&json!("jira:issue_updated"), &json!(key))
    );
    assert_eq!(body["changelog"]["items"][0]["toString"], "Done");
    assert_eq!(
        body["issue"]["self"],
        format!("http://jira.test/rest/api/2/issue/{}", body["issue"]["id"].as_str().unwrap())
    );
    universe.report(due[0].id, &Attempted::Failed { reason: "connection_failed".into() });
    universe.advance_to(universe.now() + Duration::from_secs(300));
    let again = universe.take_due();
    assert_eq!(header(&again[0], "x-atlassian-webhook-identifier"), Some(id));
    assert_eq!(header(&again[0], "x-atlassian-webhook-retry").as_deref(), Some("1"));
}

#[test]
fn an_apps_webhooks_are_its_own_and_end() {
    let mut universe = universe();
    let register = json!({ "url": "http://127.0.0.1:1/app", "webhooks": [
        { "jqlFilter": "project = OPEN", "events": ["jira:issue_created", "comment_created"] },
        { "jqlFilter": "project = NOPE", "events": ["jira:issue_created"] },
        { "jqlFilter": "summary ~ x", "events": ["jira:issue_created"] },
    ] });
    assert_eq!(ask(&mut universe, ADA, "POST /rest/api/3/webhook", register.clone()).0, 403);
    let line = format!("POST {GATEWAY}/webhook");
    let told = send(&mut universe, &line, "Bearer app", &register);
    let results: Value = serde_json::from_slice(told.body()).unwrap();
    assert_eq!(
        results["webhookRegistrationResult"],
        json!([
            { "createdWebhookId": 1 },
            { "errors": ["The value 'NOPE' does not exist for the field 'project'."] },
            { "errors": ["The clause summary is unsupported"] },
        ])
    );
    let key = task(&mut universe, json!({}));
    let due = universe.take_due();
    let body: Value = serde_json::from_slice(&due[0].body).unwrap();
    assert_eq!(
        (&body["webhookEvent"], &body["matchedWebhookIds"]),
        (&json!("jira:issue_created"), &json!([1]))
    );
    universe.advance_to(universe.now() + Duration::from_secs(31 * 24 * 3600));
    universe.take_due();
    ask(
        &mut universe,
        ADA,
        &format!("POST /rest/api/2/issue/{key}/comment"),
        json!({ "body": "late" }),
    );
    assert!(universe.take_due().is_empty());
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
