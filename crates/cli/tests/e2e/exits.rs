//! Exit codes: one rule over all commands.

use crate::common::{RIGHT, World};

/// What a person names on the command line and is not there is a matter of usage, whichever command it is for.
#[test]
fn whatever_is_named_and_not_there_is_usage() {
    let world = World::new(RIGHT, 5);
    world.write("lone.dot", "digraph g { a [shape=Mdiamond]; z [shape=Msquare]; a -> z }\n");
    world.write("har/empty.har", "{}");
    let double = "intents/double";
    for args in [
        &["check", "nope"][..],
        &["-C", "nope", "check", double],
        &["-C", "nope", "runs"],
        &["sign", "nope", "--key", "ada"],
        &["sign", double, "--key", "nope"],
        &["run", "nope"],
        &["run", double, "--build", "nope"],
        &["run", double, "--pipeline", "nope.dot", "--model", "scripted:script.toml"],
        &["run", double, "--model", "scripted:nope.toml"],
        &["run", double, "--model", "nobody"],
        &["resume", "nope-1"],
        &["answer", "nope-1", "approve", "--key", "ada"],
        &["answer", "nope-1", "approve", "--key", "nope"],
        &["cancel", "nope-1"],
        &["show", "nope-1"],
        &["trace", "nope:1"],
        &["trace", "nope.sh:1", "--product", "nope"],
        &["verify", "nope"],
        &["verify", ".", "--trust", "nope"],
        &["replay", "nope.json"],
        &["lights", "nope"],
        &["pipeline", "parse", "nope.dot"],
        &["pipeline", "lint", "nope.dot"],
        &["pipeline", "graph", "nope.dot"],
        &["pipeline", "graph", "--run", "nope-1"],
        &["pipeline", "graph", "--dir", "nope"],
        &["pipeline", "graph", "lone.dot", "--output", "nope/drawing.svg"],
        &["pipeline", "run", "nope.dot"],
        &["pipeline", "run", "--resume", "--dir", "nope"],
        &["pipeline", "run", "lone.dot", "--workdir", "nope"],
        &["scenario", "run", "nope", "."],
        &["scenario", "run", "nope.feature", "."],
        &["scenario", "run", double, "nope"],
        &["init", "other", "--owner", "ada@example.com", "--key", "nope.pub"],
        &["twin", "list", "nope"],
        &["twin", "serve", "--service", "nope"],
        &["twin", "serve", "--pack", "nope"],
        &["twin", "serve", "--service", "slack", "--seed", "nope"],
        &["twin", "import", "--service", "slack", "nope"],
        &["twin", "import", "--service", "nope", "har"],
        &["twin", "import", "--pack", "nope", "har"],
        &["twin", "record", "http://127.0.0.1:9", "--out", "nope/recording.har"],
        &["twin", "score", "nope"],
    ] {
        let told = world.exits(args, 2);
        assert!(told.contains("nope") || told.contains("nobody"), "dark {args:?}: {told}");
        assert!(
            !told.contains("Usage:"),
            "the arguments themselves are right: dark {args:?}: {told}"
        );
    }
}
