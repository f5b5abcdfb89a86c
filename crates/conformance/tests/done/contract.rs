//! The program, as attractorbench starts it: what it prints and how it exits.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

const BRANCHING: &str = "// This is a comment
digraph conditional {
    graph [goal=\"Test conditional routing\", label=\"Routing\"]
    node [shape=box]
    start [shape=Mdiamond]
    check [prompt=\"Check something for: $goal\", max_retries=2, timeout=15m]
    subgraph cluster_paths { label=\"The paths\" path_a [prompt=\"Path A\"] path_b [prompt=\"Path B\"] }
    done [shape=Msquare]
    start -> check [label=\"go\", weight=10]
    check -> path_a [condition=\"outcome=success\"]
    check -> path_b [condition=\"outcome=fail\"]
    path_a -> done
    path_b -> done
}";

/// Runs the program in a folder with `pipeline.dot`; exit code, and standard output as JSON.
fn start(dir: &Path, source: &str, arguments: &[&str], env: &[(&str, &str)]) -> (i32, Value) {
    std::fs::write(dir.join("pipeline.dot"), source).expect("it can be written");
    let mut command = Command::new(env!("CARGO_BIN_EXE_attractor-conformance"));
    for name in ["ATTRACTOR_MODEL", "ATTRACTOR_LOGS_ROOT", "ANTHROPIC_BASE_URL", "OPENAI_BASE_URL"]
    {
        command.env_remove(name);
    }
    command.args(arguments).current_dir(dir).env("TMPDIR", dir).envs(env.iter().copied());
    let done = command.output().expect("the program starts");
    let told = String::from_utf8(done.stdout).expect("it prints text");
    let told = serde_json::from_str(&told).unwrap_or_else(|error| panic!("{error}: {told}"));
    (done.status.code().expect("it exits"), told)
}

fn tell(source: &str, arguments: &[&str]) -> (i32, Value) {
    start(crate::folder().path(), source, arguments, &[])
}

#[test]
fn parse_tells_nodes_edges_and_attributes() {
    let (code, told) = tell(BRANCHING, &["parse", "pipeline.dot"]);
    assert_eq!(code, 0);
    assert_eq!(told["name"], "conditional");
    assert_eq!(told["goal"], "Test conditional routing");
    assert_eq!(told["graph_attrs"]["label"], "Routing");
    let nodes = told["nodes"].as_array().unwrap();
    let check = nodes.iter().find(|node| node["id"] == "check").unwrap();
    assert_eq!(
        check,
        &json!({
            "id": "check", "label": "check", "shape": "box", "type": "codergen",
            "attributes": {
                "prompt": "Check something for: $goal", "max_retries": 2, "timeout": "15m",
                "shape": "box",
            },
        })
    );
    let ids: Vec<&str> = nodes.iter().filter_map(|node| node["id"].as_str()).collect();
    assert_eq!(ids, ["check", "done", "path_a", "path_b", "start"]);
    assert_eq!(
        told["edges"][0],
        json!({ "from": "start", "to": "check", "label": "go", "weight": 10,
            "attributes": { "label": "go", "weight": 10 } })
    );
    assert_eq!(told["edges"][2]["condition"], "outcome=fail");
    assert_eq!(told["edges"].as_array().map(Vec::len), Some(5));
    assert!(!told.to_string().contains("This is a comment"));
}

#[test]
fn parse_refuses_what_is_no_pipeline_and_nothing_else() {
    let (code, told) = tell("digraph g { a -- b }", &["parse", "pipeline.dot"]);
    assert_eq!((code, &told["diagnostics"][0]["rule"]), (1, &json!("syntax")));
    assert!(
        told["error"].as_str().is_some_and(|error| error.contains("pipeline.dot:1:")),
        "{told}"
    );
    assert_eq!(tell("digraph g { a }", &["parse", "pipeline.dot"]).0, 0, "a graph, if no pipeline");
}

#[test]
fn validate_tells_diagnostics_in_the_words_of_the_specification() {
    let (code, told) = tell(BRANCHING, &["validate", "pipeline.dot"]);
    assert_eq!((code, told), (0, json!({ "valid": true, "diagnostics": [] })));
    let broken = BRANCHING.replace("start [shape=Mdiamond]", "start -> orphan orphan [prompt=p]");
    let (code, told) = tell(&broken.replace("start -> ", ""), &["validate", "pipeline.dot"]);
    assert_eq!((code, &told["valid"]), (1, &json!(false)));
    let found = told["diagnostics"].as_array().unwrap();
    let orphan = found.iter().find(|one| one["node_id"] == "orphan").unwrap();
    for field in ["rule", "severity", "message", "fix", "line"] {
        assert!(!orphan[field].is_null(), "{field} of {orphan}");
    }
    assert!(
        found.iter().any(|one| one["rule"] == "start_node" && one["severity"] == "error"),
        "{told}"
    );
    let back = BRANCHING.replace("path_b -> done", "path_b -> done done -> check");
    let (_, told) = tell(&back, &["validate", "pipeline.dot"]);
    let edge = &told["diagnostics"][0];
    assert_eq!(
        (&edge["rule"], &edge["edge"]),
        (&json!("exit_no_outgoing"), &json!(["done", "check"]))
    );
}

#[test]
fn run_takes_one_branch_and_writes_its_folder() {
    let folder = crate::folder();
    let arguments = ["run", "pipeline.dot", "--logs-root", "logs"];
    let (code, told) = start(folder.path(), BRANCHING, &arguments, &[]);
    assert_eq!((code, &told["status"]), (0, &json!("success")));
    assert_eq!(told["completed_nodes"], json!(["start", "check", "path_a"]));
    assert_eq!(told["outcome"], json!({ "status": "success", "notes": "pipeline completed" }));
    assert_eq!(told["nodes"][1]["retry_count"], 0);
    assert_eq!(told["context"]["last_stage"], "path_a");
    assert!(!told.to_string().contains("path_b"));
    let prompt = folder.path().join("logs/check/prompt.md");
    let prompt = std::fs::read_to_string(prompt).expect("it is there");
    assert!(prompt.ends_with("Check something for: Test conditional routing"), "{prompt}");
    let (_, told) = start(folder.path(), BRANCHING, &["run", "pipeline.dot"], &[]);
    let checkpoint = std::fs::read_to_string(told["checkpoint"].as_str().unwrap());
    assert!(checkpoint.expect("it is written").contains("\"current_node\": \"done\""));
    let (code, told) = start(folder.path(), BRANCHING, &arguments, &[]);
    assert_eq!(code, 1, "a folder with something in it is not written over: {told}");
}

#[test]
fn run_performs_tools_and_asks_nobody() {
    let source = "digraph { start [shape=Mdiamond] gate [shape=hexagon, label=\"Go?\"]
        make [shape=parallelogram, tool_command=\"echo made > it; cat it\"]
        never [shape=parallelogram, tool_command=false] e [shape=Msquare]
        start -> gate gate -> make [label=\"[G] Go\"] gate -> never [label=\"[S] Stop\"]
        make -> e never -> e }";
    let folder = crate::folder();
    let (code, told) = start(folder.path(), source, &["run", "pipeline.dot"], &[]);
    assert_eq!((code, &told["context"]["tool.output"]), (0, &json!("made")), "{told}");
    assert_eq!(told["context"]["human.gate.selected"], "G");
    assert!(folder.path().join("it").is_file(), "tools work where the program was started");
    let (code, told) = tell(&source.replace("cat it", "exit 3"), &["run", "pipeline.dot"]);
    assert_eq!((code, &told["status"]), (1, &json!("fail")));
    assert!(told["outcome"]["failure_reason"].as_str().is_some_and(|why| why.contains("make")));
    let last = told["nodes"].as_array().and_then(|nodes| nodes.last()).unwrap();
    assert_eq!((&last["id"], &last["status"]), (&json!("make"), &json!("fail")));
}

/// Answers every request with one reply of the mock that attractorbench runs, and tells their paths.
fn mock(requests: usize) -> (String, std::thread::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a port");
    let url = format!("http://{}", listener.local_addr().expect("it is bound"));
    let body = json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": "m",
        "content": [{ "type": "text", "text": "a reply of the mock" }], "stop_reason": "end_turn",
        "usage": { "input_tokens": 10, "output_tokens": 15 },
    })
    .to_string();
    let serve = move || -> Vec<String> {
        let answer = |_| {
            let (mut stream, _) = listener.accept().expect("somebody asks");
            let (mut read, mut buffer) = (Vec::new(), [0; 4096]);
            // The request is whole when the body has as many bytes as its head says.
            while !is_whole(&read) {
                let count = stream.read(&mut buffer).expect("it is sent");
                assert!(count > 0, "a request that ends before its end");
                read.extend_from_slice(&buffer[..count]);
            }
            let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close";
            let reply = format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
            stream.write_all(reply.as_bytes()).expect("it is read");
            let text = String::from_utf8_lossy(&read).into_owned();
            text.lines().next().unwrap_or_default().to_owned()
        };
        (0..requests).map(answer).collect()
    };
    (url, std::thread::spawn(serve))
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    body.len() >= length.unwrap_or(0)
}

#[test]
fn run_asks_the_mock_that_the_environment_names() {
    let (url, served) = mock(2);
    let env = [("ANTHROPIC_BASE_URL", url.as_str()), ("ANTHROPIC_API_KEY", "test-key")];
    let folder = crate::folder();
    let (code, told) = start(folder.path(), BRANCHING, &["run", "pipeline.dot"], &env);
    assert_eq!(code, 0, "{told}");
    assert_eq!(told["context"]["last_response"], "a reply of the mock");
    assert_eq!(served.join().expect("it has served"), ["POST /v1/messages HTTP/1.1"; 2]);
}

#[test]
fn list_handlers_tells_the_types_of_the_specification() {
    let (code, told) = tell("", &["list-handlers"]);
    assert_eq!(code, 0);
    let types: Vec<&str> = told.as_array().unwrap().iter().filter_map(Value::as_str).collect();
    for name in [
        "start",
        "exit",
        "codergen",
        "wait.human",
        "conditional",
        "parallel",
        "parallel.fan_in",
        "tool",
        "stack.manager_loop",
    ] {
        assert!(types.contains(&name), "{name}");
    }
}

#[test]
fn what_is_wrong_with_the_command_is_told_as_json_too() {
    let wrong: [&[&str]; 6] = [
        &[],
        &["parse"],
        &["validate", "a", "b"],
        &["run", "pipeline.dot", "--fast"],
        &["run", "pipeline.dot", "--logs-root"],
        &["list"],
    ];
    for arguments in wrong {
        let (code, told) = tell("", arguments);
        assert_eq!(code, 2, "{arguments:?}");
        assert!(told["error"].as_str().is_some_and(|error| error.contains("usage: ")), "{told}");
    }
    for command in ["parse", "validate", "run"] {
        assert_eq!(tell("", &[command, "nothing.dot"]).0, 1);
        assert_eq!(tell("digraph {", &[command, "pipeline.dot"]).0, 1);
    }
}
