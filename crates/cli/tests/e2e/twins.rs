//! `dark twin` as a person uses it: served, recorded, replayed, stopped, and told what is wrong.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

const DARK: &str = env!("CARGO_BIN_EXE_dark");

/// Nothing here takes as long; only a fault of ours would make it wait.
const PATIENCE: Duration = Duration::from_secs(60);

/// A `dark twin` that runs until it is interrupted; what it prints has somewhere to go.
struct Running(Child, #[expect(dead_code, reason = "it is held open")] BufReader<Box<dyn Read>>);

impl Running {
    /// Starts it and reads the first address that it prints on stdout or stderr.
    fn start(directory: &Path, args: &[&str]) -> (Self, String) {
        let records = args[0] == "record";
        let mut child = Command::new(DARK)
            .current_dir(directory)
            .arg("twin")
            .args(args)
            .stdin(Stdio::null())
            .stdout(if records { Stdio::inherit() } else { Stdio::piped() })
            .stderr(if records { Stdio::piped() } else { Stdio::inherit() })
            .spawn()
            .unwrap();
        let pipe: Box<dyn Read> = match (child.stdout.take(), child.stderr.take()) {
            (Some(out), _) => Box::new(out),
            (_, Some(err)) => Box::new(err),
            _ => unreachable!("one of them is a pipe"),
        };
        let (mut line, mut reader) = (String::new(), BufReader::new(pipe));
        reader.read_line(&mut line).unwrap();
        let address = line.rsplit_once("http://").expect(&line).1;
        let address = address.split([';', ' ', '\n']).next().unwrap().to_owned();
        (Self(child, reader), address)
    }

    /// Ctrl-C; its exit code.
    fn interrupt(mut self) -> i32 {
        let id = self.0.id().to_string();
        assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
        self.0.wait().unwrap().code().unwrap_or(-1)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn get(address: &str, path: &str, authorization: &str) -> Value {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: {authorization}\r\nconnection: close\r\n\r\n"
    )
    .unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    serde_json::from_str(text.split_once("\r\n\r\n").unwrap().1).unwrap()
}

fn twin(directory: &Path, args: &[&str]) -> (i32, String, String) {
    let output = Command::new(DARK).current_dir(directory).arg("twin").args(args).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn a_twin_is_served_recorded_and_compared_with_its_own_recording() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    fs::write(at.join("seed.yaml"), "slack:\n  channels:\n  - {name: access}\n").unwrap();
    let serve = ["serve", "--service", "slack", "--port", "0", "--seed", "seed.yaml"];
    let (served, slack) = Running::start(at, &serve);
    let upstream = format!("http://{slack}");
    let record = ["record", &upstream, "--port", "0", "--out", "slack.har"];
    let (recording, recorder) = Running::start(at, &record);
    let listed = get(&recorder, "/api/conversations.list", "Bearer xoxb-twin");
    let names: Vec<&str> = listed["channels"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|one| one["name"].as_str())
        .collect();
    assert!(names.contains(&"access"), "{names:?}");
    assert_eq!(get(&recorder, "/api/auth.test", "Bearer wrong")["error"], "invalid_auth");
    assert_eq!(recording.interrupt(), 0);
    assert_eq!(served.interrupt(), 130);
    let har = fs::read_to_string(at.join("slack.har")).unwrap();
    assert!(har.contains("conversations.list") && !har.contains("xoxb-twin"));
    let (code, out, _) = twin(at, &["import", "--service", "slack", "slack.har", "--json"]);
    let first: Value = serde_json::from_str(out.lines().next().unwrap()).unwrap();
    assert_eq!((code, first["verdict"].as_str()), (1, Some("same")), "{out}");
}

#[test]
fn what_is_wrong_is_told_with_its_place_and_what_to_do() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    fs::write(at.join("seed.yaml"), "slack:\n  chanels: []\n").unwrap();
    fs::write(at.join("bad.har"), "{\"log\":{\"entries\":[{}]}}").unwrap();
    let pack = at.join("mine");
    fs::create_dir(&pack).unwrap();
    fs::write(pack.join("pack.toml"), "service = \"mine\"\ntitel = \"Mine\"\n").unwrap();
    for (args, code, part) in [
        (&["serve", "--service", "slak"][..], 2, "no pack is called `slak`"),
        (&["serve", "--service", "slack", "--seed", "seed.yaml"], 1, "seed.yaml:2:12"),
        (&["serve", "--service", "slack", "--seed", "none.yaml"], 2, "none.yaml"),
        (&["serve", "--pack", "mine"], 1, "mine/pack.toml:2:1"),
        (&["import", "--service", "slack", "bad.har"], 2, "`/request/method` is missing"),
        (&["import", "--service", "slack", "none"], 2, "none"),
        (&["score", "nothing"], 2, "no suite for `nothing`"),
        (&["record", "slack.com", "--port", "0"], 3, "https://slack.com"),
    ] {
        let (found, _, told) = twin(at, args);
        assert_eq!(found, code, "{args:?}: {told}");
        assert!(told.contains(part), "{args:?}: {told}");
    }
}

#[test]
fn a_factory_serves_its_own_twins_by_name() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let init = Command::new(DARK).current_dir(at).args(["init", "acme"]).output().unwrap();
    assert!(init.status.success(), "{}", String::from_utf8_lossy(&init.stderr));
    let pack = at.join("acme/twins/echo");
    fs::create_dir_all(&pack).unwrap();
    let builtin = Path::new(env!("CARGO_MANIFEST_DIR")).join("../twin/packs/echo");
    for file in ["pack.toml", "echo.star"] {
        let text = fs::read_to_string(builtin.join(file)).unwrap();
        let text = text.replace("return {\"up\": True}", "return {\"ours\": True}");
        fs::write(pack.join(file), text).unwrap();
    }
    let (_, listed, _) = twin(&at.join("acme"), &["list"]);
    assert!(listed.lines().next().unwrap().contains("acme/twins/echo"), "{listed}");
    let serve = ["serve", "--service", "echo", "--port", "0"];
    let (served, address) = Running::start(&at.join("acme"), &serve);
    assert_eq!(get(&address, "/health", "")["ours"], true);
    assert_eq!(served.interrupt(), 130);

    // Under another name it would be passed over, and the one that is built in taken in its place.
    fs::rename(&pack, at.join("acme/twins/eco")).unwrap();
    let says =
        "twins/eco/pack.toml:3:1: error[misnamed-pack]: the folder `eco` holds the pack of `echo`";
    for (args, code) in
        [(&["list"][..], 1), (&serve, 1), (&["import", "--service", "echo", "har"], 1)]
    {
        let (found, _, told) = twin(&at.join("acme"), args);
        assert_eq!(found, code, "{args:?}: {told}");
        assert!(told.contains(says), "{args:?}: {told}");
    }
    let (served, _) =
        Running::start(&at.join("acme"), &["serve", "--service", "slack", "--port", "0"]);
    assert_eq!(served.interrupt(), 130);
}
