//! The Okta pack: what a program that lives by users and their states depends on.

use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use twin::delivery::{Attempted, To};
use twin::{Fault, Pack, Universe};

const TOKEN: &str = "00admin";

fn universe() -> Universe {
    let mut universe = Universe::new(&[Pack::builtin("okta").unwrap()], 1).unwrap();
    universe.reach("okta", "http://okta.test").unwrap();
    let seed = json!({
        "users": [
            { "okta_id": "00uada", "login": "ada@example.com", "first_name": "Ada", "last_name": "Min", "password": "Wint3rIsComing" },
            { "okta_id": "00ubob", "login": "bob@example.com", "first_name": "Bob", "last_name": "Roe", "password": "Summ3rIsComing", "department": "Sales" },
        ],
        "groups": [{ "okta_id": "00gsales", "name": "Sales" }],
        "tokens": { "SSWS 00admin": { "login": "ada@example.com", "scopes": [] } },
    });
    universe.seed_service("okta", seed).unwrap();
    universe
}

fn send(universe: &mut Universe, line: &str, authorization: &str, body: &str) -> twin::Response {
    let (method, path) = line.split_once(' ').unwrap();
    let form = path.ends_with("/token");
    let kind = if form { "application/x-www-form-urlencoded" } else { "application/json" };
    let request = http::Request::builder()
        .method(method)
        .uri(path)
        .header("authorization", authorization)
        .header("content-type", kind)
        .body(Bytes::copy_from_slice(body.as_bytes()))
        .unwrap();
    universe.step("okta", request).unwrap().response.unwrap()
}

fn ask(universe: &mut Universe, line: &str, body: Value) -> (u16, Value) {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let response = send(universe, line, &format!("SSWS {TOKEN}"), &body);
    let json = serde_json::from_slice(response.body()).unwrap_or(Value::Null);
    (response.status().as_u16(), json)
}

fn status(universe: &mut Universe, user: &str) -> String {
    let (_, user) = ask(universe, &format!("GET /api/v1/users/{user}"), Value::Null);
    user["status"].as_str().unwrap().to_owned()
}

fn sign_in(universe: &mut Universe, login: &str, password: &str) -> (u16, Value) {
    ask(universe, "POST /api/v1/authn", json!({ "username": login, "password": password }))
}

#[test]
fn every_credential_but_a_right_one_is_refused() {
    let mut universe = universe();
    for (authorization, expected) in [
        ("SSWS 00admin", 200),
        ("SSWS00admin", 200),
        ("SSWS 00admin2", 401),
        ("SSWS ", 401),
        ("Bearer 00admin", 401),
        ("00admin", 401),
    ] {
        let answer = send(&mut universe, "GET /api/v1/users/me", authorization, "");
        assert_eq!(answer.status().as_u16(), expected, "{authorization}");
    }
    // The token is no better than its owner.
    ask(&mut universe, "POST /api/v1/users/00uada/lifecycle/suspend", Value::Null);
    assert_eq!(ask(&mut universe, "GET /api/v1/users/me", Value::Null).0, 401);
}

#[test]
fn a_user_goes_through_its_states_and_no_others() {
    let mut universe = universe();
    let profile = json!({ "login": "eve@example.com", "email": "eve@example.com", "firstName": "Eve", "lastName": "Poe" });
    let (_, eve) =
        ask(&mut universe, "POST /api/v1/users?activate=false", json!({ "profile": profile }));
    let id = eve["id"].as_str().unwrap().to_owned();
    for (action, code, state) in [
        ("suspend", 400, "STAGED"),
        ("activate", 200, "PROVISIONED"),
        ("reactivate", 200, "PROVISIONED"),
        ("unlock", 403, "PROVISIONED"),
        ("deactivate", 200, "DEPROVISIONED"),
        ("expire_password", 403, "DEPROVISIONED"),
        ("activate", 200, "PROVISIONED"),
    ] {
        let line = format!("POST /api/v1/users/{id}/lifecycle/{action}");
        assert_eq!(ask(&mut universe, &line, Value::Null).0, code, "{action}");
        assert_eq!(status(&mut universe, &id), state, "{action}");
    }
    let line = format!("DELETE /api/v1/users/{id}");
    assert_eq!(ask(&mut universe, &line, Value::Null).0, 204);
    assert_eq!(status(&mut universe, &id), "DEPROVISIONED");
    assert_eq!(ask(&mut universe, &line, Value::Null).0, 204);
    assert_eq!(ask(&mut universe, &line, Value::Null).0, 404);
}

#[test]
fn wrong_passwords_lock_a_user_out_and_the_log_tells() {
    let mut universe = universe();
    for _ in 0..9 {
        assert_eq!(sign_in(&mut universe, "bob@example.com", "wrong").0, 401);
    }
    assert_eq!(status(&mut universe, "00ubob"), "ACTIVE");
    sign_in(&mut universe, "bob@example.com", "wrong");
    assert_eq!(status(&mut universe, "00ubob"), "LOCKED_OUT");
    assert_eq!(sign_in(&mut universe, "bob@example.com", "Summ3rIsComing").0, 401);
    let line = "GET /api/v1/logs?filter=eventType%20eq%20%22user.account.lock%22";
    let (_, events) = ask(&mut universe, line, Value::Null);
    assert_eq!(events[0]["target"][0]["alternateId"], "bob@example.com");
    ask(&mut universe, "POST /api/v1/users/00ubob/lifecycle/unlock", Value::Null);
    assert_eq!(sign_in(&mut universe, "bob@example.com", "Summ3rIsComing").1["status"], "SUCCESS");
}

#[test]
fn a_policy_lets_a_locked_user_in_again_when_its_time_is_over() {
    let mut universe = universe();
    let (_, policies) = ask(&mut universe, "GET /api/v1/policies?type=PASSWORD", Value::Null);
    let mut policy = policies[0].clone();
    policy["settings"]["password"]["lockout"] =
        json!({ "maxAttempts": 2, "autoUnlockMinutes": 30 });
    let line = format!("PUT /api/v1/policies/{}", policy["id"].as_str().unwrap());
    assert_eq!(ask(&mut universe, &line, policy).0, 200);
    sign_in(&mut universe, "bob@example.com", "wrong");
    sign_in(&mut universe, "bob@example.com", "wrong");
    assert_eq!(status(&mut universe, "00ubob"), "LOCKED_OUT");
    universe.advance_to(universe.now() + Duration::from_secs(29 * 60));
    assert_eq!(status(&mut universe, "00ubob"), "LOCKED_OUT");
    universe.advance_to(universe.now() + Duration::from_secs(60));
    assert_eq!(status(&mut universe, "00ubob"), "ACTIVE");
    assert_eq!(sign_in(&mut universe, "bob@example.com", "Summ3rIsComing").0, 200);
}

#[test]
fn pages_of_users_are_walked_by_their_links() {
    let mut universe = universe();
    for number in 0..7 {
        let data = json!({ "login": format!("u{number}@example.com") });
        universe.call("okta", "step_user", data).unwrap();
    }
    let (mut seen, mut next) = (0, Some("/api/v1/users?limit=3".to_owned()));
    while let Some(path) = next {
        let answer = send(&mut universe, &format!("GET {path}"), "SSWS 00admin", "");
        seen += serde_json::from_slice::<Vec<Value>>(answer.body()).unwrap().len();
        let links = answer.headers().get_all("link").iter().map(|link| link.to_str().unwrap());
        next = links.filter(|link| link.ends_with("rel=\"next\"")).find_map(|link| {
            let url = link.strip_prefix("<http://okta.test")?;
            Some(url.split_once('>')?.0.to_owned())
        });
    }
    // With the two of the seed and the one that every org has.
    assert_eq!(seen, 10);
}

#[test]
fn an_active_rule_moves_users_as_their_profiles_change() {
    let mut universe = universe();
    let rule = json!({
        "type": "group_rule", "name": "sales",
        "conditions": { "expression": { "value": "user.department==\"Sales\" AND !isMemberOfGroupName(\"None\")" } },
        "actions": { "assignUserToGroups": { "groupIds": ["00gsales"] } },
    });
    let (_, rule) = ask(&mut universe, "POST /api/v1/groups/rules", rule);
    let members = |universe: &mut Universe| {
        let (_, users) = ask(universe, "GET /api/v1/groups/00gsales/users", Value::Null);
        users.as_array().unwrap().iter().map(|user| user["id"].clone()).collect::<Vec<_>>()
    };
    assert!(members(&mut universe).is_empty());
    let id = rule["id"].as_str().unwrap();
    ask(&mut universe, &format!("POST /api/v1/groups/rules/{id}/lifecycle/activate"), Value::Null);
    assert_eq!(members(&mut universe), ["00ubob"]);
    let change = |department: &str| json!({ "profile": { "department": department } });
    ask(&mut universe, "POST /api/v1/users/00uada", change("Sales"));
    ask(&mut universe, "POST /api/v1/users/00ubob", change("Law"));
    assert_eq!(members(&mut universe), ["00uada"]);
}

#[test]
fn a_verified_hook_hears_of_what_a_scenario_does() {
    let mut universe = universe();
    let hook = json!({
        "name": "h", "events": { "type": "EVENT_TYPE", "items": ["user.account.lock"] },
        "channel": { "config": { "uri": "http://127.0.0.1:1/hook" } },
    });
    let (_, hook) = ask(&mut universe, "POST /api/v1/eventHooks", hook);
    let own = format!("/api/v1/eventHooks/{}", hook["id"].as_str().unwrap());
    let lock = json!({ "login": "bob@example.com", "status": "LOCKED_OUT" });
    universe.call("okta", "step_status", lock.clone()).unwrap();
    assert!(universe.take_due().is_empty());
    ask(&mut universe, &format!("POST {own}/lifecycle/verify"), Value::Null);
    let due = universe.take_due().remove(0);
    let header =
        |name: &str| due.headers.iter().find(|(known, _)| known == name).unwrap().1.clone();
    let body = json!({ "verification": header("x-okta-verification-challenge") }).to_string();
    let answer = Attempted::Answered { status: 200, body: body.into_bytes().into() };
    universe.report(due.id, &answer);
    assert_eq!(
        ask(&mut universe, &format!("GET {own}"), Value::Null).1["verificationStatus"],
        "VERIFIED"
    );
    universe.call("okta", "step_status", lock).unwrap();
    let due = universe.take_due().remove(0);
    assert_eq!(due.to, To::Url("http://127.0.0.1:1/hook".into()));
    let body: Value = serde_json::from_slice(&due.body).unwrap();
    assert_eq!(body["source"], format!("http://okta.test{own}"));
    assert_eq!(body["data"]["events"][0]["eventType"], "user.account.lock");
}

#[test]
fn a_code_gives_tokens_once_and_to_its_verifier_alone() {
    let mut universe = universe();
    let (_, signed) = sign_in(&mut universe, "bob@example.com", "Summ3rIsComing");
    let session = signed["sessionToken"].as_str().unwrap();
    let line = format!(
        "GET /oauth2/default/v1/authorize?client_id=okta-test-app&response_type=code&scope=openid&state=s&\
         redirect_uri=http%3A%2F%2Flocalhost%3A3000%2Fcallback&sessionToken={session}&\
         code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256"
    );
    let answer = send(&mut universe, &line, "", "");
    let to = answer.headers()["location"].to_str().unwrap().to_owned();
    let code = to.split_once("code=").unwrap().1.split('&').next().unwrap();
    let form = |verifier: &str| {
        format!(
            "grant_type=authorization_code&client_id=okta-test-app&code={code}&code_verifier={verifier}&\
             redirect_uri=http%3A%2F%2Flocalhost%3A3000%2Fcallback"
        )
    };
    let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    for (verifier, expected) in [("wrong", 400), (verifier, 200), (verifier, 400)] {
        let answer = send(&mut universe, "POST /oauth2/default/v1/token", "", &form(verifier));
        assert_eq!(answer.status().as_u16(), expected, "{verifier}");
    }
}

#[test]
fn a_planted_429_tells_when_to_come_again() {
    let mut universe = universe();
    let fault =
        json!({ "operation": "listUsers", "nth": 1, "fault": "rate_limited", "retry_after": 7 });
    universe.set_faults(vec![Fault::read(fault).unwrap()]).unwrap();
    let answer = send(&mut universe, "GET /api/v1/users", "SSWS 00admin", "");
    let body: Value = serde_json::from_slice(answer.body()).unwrap();
    assert_eq!((answer.status().as_u16(), &body["errorCode"]), (429, &json!("E0000047")));
    let reset = (universe.now().seconds() + 7).to_string();
    assert_eq!(answer.headers()["x-rate-limit-reset"], reset.as_str());
    assert_eq!(answer.headers()["x-rate-limit-remaining"], "0");
}

#[test]
fn two_plays_of_a_seed_are_equal() {
    let play = || {
        let mut universe = universe();
        sign_in(&mut universe, "bob@example.com", "Summ3rIsComing");
        ask(&mut universe, "POST /api/v1/groups", json!({ "profile": { "name": "g" } }));
        ask(&mut universe, "GET /api/v1/users/nobody", Value::Null);
        universe.digest()
    };
    assert_eq!(play(), play());
}
