//! Webhooks: who is told of what, and for how long.

use std::time::Duration;

use serde_json::{Value, json};
use twin::delivery::{Attempted, To};

use crate::{ADA, BOB, GATEWAY, ask, send, task, universe};

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
