//! The GitHub twin: what a program does that lives by it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Value, json};
use twin::{Pack, Response, Universe};

const OCTOCAT: &str = "token t-octocat";
const HUBOT: &str = "token t-hubot";
const NOBODY: &str = "";
const REPO: &str = "/repos/octocat/hello";

fn universe(seed: u64) -> Universe {
    let mut universe = Universe::new(&[Pack::builtin("github").unwrap()], seed).unwrap();
    let data = json!({
        "tokens": { "t-octocat": { "login": "octocat" }, "t-hubot": { "login": "hubot" } },
        "users": [{ "login": "octocat", "email": "octocat@github.com" }, { "login": "hubot" }],
        "repos": [
            { "owner": "octocat", "name": "hello", "auto_init": true },
            { "owner": "octocat", "name": "secret", "private": true },
        ],
    });
    universe.seed_service("github", data).unwrap();
    universe
}

fn send(universe: &mut Universe, line: &str, auth: &str, body: &Value) -> Response {
    let (method, path) = line.split_once(' ').unwrap();
    let mut request = http::Request::builder().method(method).uri(path);
    if !auth.is_empty() {
        request = request.header("authorization", auth);
    }
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let request = request.header("content-type", "application/json").body(Bytes::from(body));
    universe.step("github", request.unwrap()).unwrap().response.unwrap()
}

/// Sends a request, looks at its status, and gives its body.
fn check(universe: &mut Universe, line: &str, auth: &str, body: Value, status: u16) -> Value {
    let response = send(universe, line, auth, &body);
    let shown = String::from_utf8_lossy(response.body()).into_owned();
    assert_eq!(response.status().as_u16(), status, "{line}: {shown}");
    serde_json::from_str(&shown).unwrap_or(Value::Null)
}

fn write(universe: &mut Universe, path: &str, text: &str, branch: &str) {
    let body = json!({ "message": path, "content": STANDARD.encode(text), "branch": branch });
    check(universe, &format!("PUT {REPO}/contents/{path}"), OCTOCAT, body, 201);
}

fn branch(universe: &mut Universe, name: &str) {
    let main =
        check(universe, &format!("GET {REPO}/git/ref/heads/main"), OCTOCAT, Value::Null, 200);
    let body = json!({ "ref": format!("refs/heads/{name}"), "sha": main["object"]["sha"] });
    check(universe, &format!("POST {REPO}/git/refs"), OCTOCAT, body, 201);
}

fn pull(universe: &mut Universe) {
    branch(universe, "topic");
    write(universe, "new.txt", "new\n", "topic");
    let body = json!({ "title": "Add it", "head": "topic", "base": "main" });
    check(universe, &format!("POST {REPO}/pulls"), OCTOCAT, body, 201);
}

#[test]
fn public_is_for_all_private_for_few_and_a_wrong_token_for_nothing() {
    let mut universe = universe(1);
    for (line, auth, status) in [
        ("GET /repos/octocat/hello", NOBODY, 200),
        ("GET /repos/OctoCat/Hello", HUBOT, 200),
        ("GET /repos/octocat/hello", "token wrong", 401),
        ("GET /repos/octocat/secret", NOBODY, 404),
        ("GET /repos/octocat/secret", HUBOT, 404),
        ("GET /repos/octocat/secret", OCTOCAT, 200),
        ("GET /user", NOBODY, 401),
        ("DELETE /repos/octocat/hello", HUBOT, 403),
    ] {
        check(&mut universe, line, auth, Value::Null, status);
    }
}

#[test]
fn files_are_git_objects_and_guarded_by_their_sha() {
    let mut universe = universe(1);
    let line = format!("PUT {REPO}/contents/a/b.txt");
    let body = json!({ "message": "m", "content": STANDARD.encode("hello\n") });
    let made = check(&mut universe, &line, OCTOCAT, body.clone(), 201);
    // As `git hash-object` names it.
    assert_eq!(made["content"]["sha"], "ce013625030ba8dba906f756967f9e9ca394464a");
    check(&mut universe, &line, OCTOCAT, body.clone(), 422);
    let mut stale = body;
    stale["sha"] = "0000000000000000000000000000000000000000".into();
    check(&mut universe, &line, OCTOCAT, stale, 409);
    let commits = check(&mut universe, &format!("GET {REPO}/commits"), NOBODY, Value::Null, 200);
    assert_eq!(commits.as_array().unwrap().len(), 2);
    assert_eq!(commits[0]["author"]["login"], "octocat");
}

#[test]
fn an_issue_carries_labels_that_change_with_them() {
    let mut universe = universe(1);
    let issues = format!("{REPO}/issues");
    let body = json!({ "title": "Broken", "labels": ["bug"] });
    let made = check(&mut universe, &format!("POST {issues}"), OCTOCAT, body, 201);
    assert_eq!((&made["number"], &made["labels"][0]["name"]), (&json!(1), &json!("bug")));
    let body = json!({ "new_name": "defect" });
    check(&mut universe, &format!("PATCH {REPO}/labels/bug"), OCTOCAT, body, 200);
    let found = check(&mut universe, &format!("GET {issues}/1"), NOBODY, Value::Null, 200);
    assert_eq!(found["labels"][0]["name"], "defect");
    let refusal =
        check(&mut universe, &format!("POST {issues}"), OCTOCAT, json!({ "title": "" }), 422);
    let error = json!({ "resource": "Issue", "field": "title", "code": "missing_field" });
    assert_eq!((&refusal["message"], &refusal["errors"][0]), (&json!("Validation Failed"), &error));
}

#[test]
fn a_protected_branch_takes_what_was_approved_and_checked() {
    let mut universe = universe(1);
    pull(&mut universe);
    let rules = json!({
        "required_status_checks": { "strict": false, "contexts": ["ci"] }, "enforce_admins": true,
        "required_pull_request_reviews": { "required_approving_review_count": 1 }, "restrictions": null,
    });
    let collaborator = format!("PUT {REPO}/collaborators/hubot");
    check(&mut universe, &collaborator, OCTOCAT, json!({ "permission": "push" }), 201);
    check(&mut universe, &format!("PUT {REPO}/branches/main/protection"), OCTOCAT, rules, 200);
    let merge = format!("PUT {REPO}/pulls/1/merge");
    check(&mut universe, &merge, OCTOCAT, json!({}), 405);
    let reviews = format!("POST {REPO}/pulls/1/reviews");
    check(&mut universe, &reviews, OCTOCAT, json!({ "event": "APPROVE" }), 422);
    check(&mut universe, &reviews, HUBOT, json!({ "event": "APPROVE" }), 200);
    let refusal = check(&mut universe, &merge, OCTOCAT, json!({}), 405);
    assert_eq!(refusal["message"], "Required status check \"ci\" is expected.");
    let found = check(&mut universe, &format!("GET {REPO}/pulls/1"), OCTOCAT, Value::Null, 200);
    let status = format!("POST {REPO}/statuses/{}", found["head"]["sha"].as_str().unwrap());
    check(&mut universe, &status, OCTOCAT, json!({ "state": "success", "context": "ci" }), 201);
    check(&mut universe, &merge, OCTOCAT, json!({ "merge_method": "squash" }), 200);
    check(&mut universe, &merge, OCTOCAT, json!({}), 405);
    check(&mut universe, &format!("GET {REPO}/contents/new.txt"), NOBODY, Value::Null, 200);
}

#[test]
fn changes_of_one_line_on_both_sides_conflict_and_of_two_merge() {
    let mut universe = universe(1);
    let lines = |first: &str, last: &str| format!("{first}\nb\nc\nd\n{last}\n");
    write(&mut universe, "f", &lines("a", "e"), "main");
    for (name, text) in
        [("near", lines("A", "e")), ("far", lines("a", "E")), ("same", lines("X", "e"))]
    {
        branch(&mut universe, name);
        let line = format!("GET {REPO}/contents/f?ref={name}");
        let sha = check(&mut universe, &line, OCTOCAT, Value::Null, 200)["sha"].clone();
        let body = json!({ "message": name, "content": STANDARD.encode(text), "sha": sha, "branch": name });
        check(&mut universe, &format!("PUT {REPO}/contents/f"), OCTOCAT, body, 200);
    }
    let merge = |universe: &mut Universe, head: &str, status| {
        let body = json!({ "base": "main", "head": head });
        check(universe, &format!("POST {REPO}/merges"), OCTOCAT, body, status)
    };
    merge(&mut universe, "near", 201);
    merge(&mut universe, "far", 201);
    merge(&mut universe, "far", 204);
    merge(&mut universe, "same", 409);
    let found = check(&mut universe, &format!("GET {REPO}/contents/f"), NOBODY, Value::Null, 200);
    let content = found["content"].as_str().unwrap().replace('\n', "");
    assert_eq!(STANDARD.decode(content).unwrap(), lines("A", "E").into_bytes());
}

#[test]
fn the_rate_is_told_counted_and_refused() {
    let mut universe = universe(1);
    let left = |response: &Response| response.headers()["x-ratelimit-remaining"].clone();
    let first = send(&mut universe, "GET /repos/octocat/hello", NOBODY, &Value::Null);
    assert_eq!(left(&first), "59");
    for _ in 0..59 {
        send(&mut universe, "GET /repos/octocat/hello", NOBODY, &Value::Null);
    }
    let last = send(&mut universe, "GET /repos/octocat/hello", NOBODY, &Value::Null);
    assert_eq!((last.status().as_u16(), left(&last)), (403, "0".parse().unwrap()));
    let other = send(&mut universe, "GET /repos/octocat/hello", OCTOCAT, &Value::Null);
    assert_eq!(left(&other), "4999");
}

#[test]
fn hooks_are_signed_by_their_secret() {
    let mut universe = universe(1);
    let body = json!({ "config": { "url": "http://127.0.0.1:1/h", "secret": "s", "content_type": "json" }, "events": ["issues"] });
    check(&mut universe, &format!("POST {REPO}/hooks"), OCTOCAT, body, 201);
    check(&mut universe, &format!("POST {REPO}/issues"), HUBOT, json!({ "title": "x" }), 201);
    write(&mut universe, "f", "not told", "main");
    let due = universe.take_due();
    let header = |at: usize, wanted: &str| {
        let found = due[at].headers.iter().find(|(name, _)| name == wanted);
        found.map(|(_, value)| value.clone()).unwrap_or_default()
    };
    assert_eq!(due.len(), 2);
    assert_eq!(
        (header(0, "x-github-event"), header(1, "x-github-event")),
        ("ping".into(), "issues".into())
    );
    assert_eq!(header(1, "x-hub-signature-256").len(), "sha256=".len() + 64);
}

#[test]
fn graphql_pages_through_issues() {
    let mut universe = universe(1);
    for title in ["a", "b", "c"] {
        check(
            &mut universe,
            &format!("POST {REPO}/issues"),
            OCTOCAT,
            json!({ "title": title }),
            201,
        );
    }
    let query = r#"query($n: Int!) { viewer { login } repository(owner: "octocat", name: "hello") {
        issues(first: $n) { totalCount nodes { title } pageInfo { hasNextPage } } } }"#;
    let body = json!({ "query": query, "variables": { "n": 2 } });
    let found = check(&mut universe, "POST /graphql", OCTOCAT, body, 200);
    let issues = json!({ "totalCount": 3, "nodes": [{ "title": "a" }, { "title": "b" }], "pageInfo": { "hasNextPage": true } });
    assert_eq!(
        found,
        json!({ "data": { "viewer": { "login": "octocat" }, "repository": { "issues": issues } } })
    );
}

#[test]
fn malformed_fetches_and_pushes_change_nothing() {
    let mut universe = universe(1);
    let before = universe.state_json("github");
    for body in ["", "0000", "zzzz", "0009done\n", "ffff", "0032want nothing\n0000"] {
        for service in ["git-upload-pack", "git-receive-pack"] {
            let auth = format!("Basic {}", STANDARD.encode("x:t-octocat"));
            let request = http::Request::post(format!("/octocat/hello.git/{service}"))
                .header("authorization", auth)
                .body(Bytes::from(body));
            let reply = universe.step("github", request.unwrap()).unwrap().response.unwrap();
            assert!(reply.status().as_u16() < 500, "{body:?} to {service}");
        }
    }
    assert_eq!(universe.state_json("github"), before);
}

#[test]
fn two_plays_of_a_seed_are_equal() {
    let play = |seed| {
        let mut universe = universe(seed);
        pull(&mut universe);
        check(&mut universe, &format!("PUT {REPO}/pulls/1/merge"), OCTOCAT, json!({}), 200);
        universe.digest()
    };
    assert_eq!(play(3), play(3));
}

#[test]
fn scenarios_give_repositories_and_take_issues() {
    let mut universe = universe(1);
    let mut play = |step: &str, data: Value| universe.call("github", step, data).unwrap();
    let made = play(
        "step_repository",
        json!({ "owner": "hubot", "name": "tool", "files": { "a/b": "x" } }),
    );
    assert_eq!(made["full_name"], "hubot/tool");
    play("step_issue", json!({ "repository": "hubot/tool", "title": "Broken", "labels": ["bug"] }));
    let change = json!({ "a/b": null, "c": "y" });
    play(
        "step_push",
        json!({ "repository": "hubot/tool", "branch": "side", "files": change, "message": "m", "user": "octocat" }),
    );
    let issues = play("step_issues", json!({ "repository": "hubot/tool" }));
    assert_eq!(
        (&issues[0]["title"], &issues[0]["user"], &issues[0]["labels"]),
        (&json!("Broken"), &json!("hubot"), &json!(["bug"]))
    );
    let line = "GET /repos/hubot/tool/contents?ref=side";
    let files = check(&mut universe, line, NOBODY, Value::Null, 200);
    assert_eq!(files.as_array().unwrap().len(), 1);
    assert_eq!(files[0]["name"], "c");
}
