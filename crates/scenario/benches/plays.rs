//! How many plays of a service an hour, and whose CPU time they take: 20 requests to a program in the
//! sandbox, each of which makes it ask a twin: 40 calls.
//!
//! `cargo bench -p scenario --bench plays [-- PLAYS]`

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;
use std::time::Instant;

use intent::{Intent, parse_feature};
use sandbox::{Cancel, Choice, Sandbox};
use scenario::{Packs, PlaySettings, Player};
use twin::Pack;

const INTENT: &str = "+++\nid = \"t\"\ntitle = \"T\"\nline = \"t\"\nowner = \"a@example.com\"\nlevel = 0\n\
    budget = { usd = 1.0, tokens = 1, wall = \"1m\" }\nsatisfaction = 0.5\n+++\n\n## Goal\nG.\n\n\
    ## Requirements\n- R1: It works.\n\n## Interface\n\
    - service: `bot` = `sh $PRODUCT/run.sh`, on port `8080`, ready when `GET /up` answers\n\
    - twins: `desk` as `DESK_TOKEN`\n- files: `run.sh`\n";

/// Asks the twin once for each `POST`, over one connection.
const PYTHON: &str = r#"exec python3 -S -c '
import http.client, os
from http.server import BaseHTTPRequestHandler, HTTPServer
desk = http.client.HTTPConnection(os.environ["DESK_URL"][7:])
head = {"authorization": "Bearer " + os.environ["DESK_TOKEN"], "content-type": "application/json"}
class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers()
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        desk.request("POST", "/tickets", body, head)
        answer = desk.getresponse().read()
        self.send_response(201); self.end_headers(); self.wfile.write(answer)
    def log_message(self, *_): pass
HTTPServer(("127.0.0.1", 8080), Handler).serve_forever()
'"#;

const NODE: &str = r#"exec node -e '
const http = require("http"), agent = new http.Agent({ keepAlive: true });
const headers = { authorization: "Bearer " + process.env.DESK_TOKEN, "content-type": "application/json" };
http.createServer((request, response) => {
  if (request.method === "GET") return response.end();
  request.pipe(http.request(process.env.DESK_URL + "/tickets", { method: "POST", headers, agent }, (answer) => {
    response.writeHead(201, { connection: "close" });
    answer.pipe(response);
  }));
}).listen(8080, "127.0.0.1");
'"#;

fn main() {
    let plays = std::env::args().skip(1).find_map(|text| text.parse().ok()).unwrap_or(400);
    for (name, program) in [("python", PYTHON), ("node", NODE)] {
        measure(name, program, plays);
    }
}

fn measure(name: &str, program: &str, plays: u64) {
    let files = [
        ("pack.toml", include_str!("../tests/desk/pack.toml")),
        ("desk.star", include_str!("../tests/desk/desk.star")),
    ];
    let files = files.map(|(name, text)| (name.to_owned(), text.to_owned()));
    let pack = Arc::new(Pack::read(&BTreeMap::from(files)).expect("the pack of the tests"));
    let intent = Intent::parse("intent.md", INTENT).expect("an intent").0;
    let own = BTreeMap::from([("desk".to_owned(), pack)]);
    let packs = Packs::of(&intent.interface, &own).expect("its pack");
    let mut feature =
        "@R1\nFeature: f\n  Scenario: s\n    Given the service is running\n".to_owned();
    for number in 0..20 {
        feature += &format!(
            "    When I POST \"/x\" with the JSON:\n      \"\"\"\n      {{\"text\": \"{number}\"}}\n      \"\"\"\n    Then the status is 201\n"
        );
    }
    feature += "    And desk has 20 tickets\n";
    let scenarios = parse_feature("f.feature", &feature, &intent.interface).expect("a scenario");
    let product = tempfile::tempdir().expect("a directory");
    fs::write(product.path().join("run.sh"), program).expect("a program");
    let sandbox = Sandbox::open(Choice::Auto).expect("a sandbox");
    let settings = PlaySettings::default();
    let player = Player {
        sandbox: &sandbox,
        cancel: &Cancel::default(),
        product: product.path(),
        interface: &intent.interface,
        packs: &packs,
        settings: &settings,
    };
    let seeds: Vec<u64> = (0..plays).collect();
    let (started, before) = (Instant::now(), used());
    let played = player.play_all(&scenarios, &seeds, &mut |_| ());
    let seconds = started.elapsed().as_secs_f64();
    let after = used();
    let satisfied = played.iter().filter(|one| one.played.is_satisfied()).count();
    let each = |at: usize| (after[at] - before[at]) * 1000.0 / plays as f64;
    let (ours, theirs) = (each(0), each(1));
    println!(
        "{name}: {satisfied} of {plays} satisfied in {seconds:.1} s on {} threads: {:.0} plays an hour; CPU of each: \
         {ours:.2} ms this process ({:.1}%), {theirs:.2} ms the sandbox and the program in it",
        settings.threads,
        plays as f64 * 3600.0 / seconds,
        ours * 100.0 / (ours + theirs),
    );
}

/// CPU seconds of this process, and of those that it waited for.
fn used() -> [f64; 2] {
    [libc::RUSAGE_SELF, libc::RUSAGE_CHILDREN].map(|of| {
        // SAFETY: all-zero is a `rusage`, and the call writes one.
        let usage = unsafe {
            let mut usage: libc::rusage = std::mem::zeroed();
            libc::getrusage(of, &mut usage);
            usage
        };
        let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
        seconds(usage.ru_utime) + seconds(usage.ru_stime)
    })
}
