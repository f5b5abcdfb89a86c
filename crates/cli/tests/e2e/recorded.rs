//! The recorded run that comes with the examples: it still leads to the same software.

use crate::common::{RIGHT, World};

#[test]
fn the_recorded_demo_replays_and_says_that_it_is_a_recording() {
    let world = World::new(RIGHT, 5);
    let told = world.ok(&["demo", "--recorded"]);
    assert!(told.contains("this is a recording"), "{told}");
    assert!(told.trim_end().ends_with("the same"), "{told}");
}

#[test]
fn an_altered_recording_is_refused() {
    let world = World::new(RIGHT, 5);
    assert!(world.build().status.success());
    world.ok(&["show", "double-1", "--recording", "recording.json"]);
    let text = std::fs::read_to_string(world.path("recording.json")).unwrap();
    // The last: entries name bodies, too.
    let at = text.rfind("\"bodies\"").unwrap();
    let digit = text[at..].find(": \"").unwrap() + at + 3;
    let altered = format!(
        "{}{}{}",
        &text[..digit],
        if &text[digit..=digit] == "A" { "B" } else { "A" },
        &text[digit + 1..]
    );
    world.write("recording.json", &altered);
    assert!(world.exits(&["replay", "recording.json"], 2).contains("was altered"));
}
