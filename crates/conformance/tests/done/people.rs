//! 11.8: human-in-the-loop. What single interviewers do is tested where they are made.

use std::sync::Mutex;

use base::ActionId;
use engine::{Ending, Question};
use pipeline::Ask;
use runner::{AutoApprove, Interviewer, Reply};
use sandbox::Cancel;

use crate::play::{Asked, With};

fn gate(attributes: &str, edges: &str) -> String {
    format!(
        "digraph {{ start [shape=Mdiamond] gate [shape=hexagon, label=\"Ship?\"{attributes}]
            a [label=l] b [label=l] e [shape=Msquare] start -> gate {edges} a -> e b -> e }}"
    )
}

const BINARY: &str = "gate -> a [label=\"No\"] gate -> b [label=\"Yes\"]";

/// An interviewer of one's own, which says no first and yes to what it was not understood with.
struct Mumbler(Mutex<u32>);

impl Interviewer for Mumbler {
    fn ask(&self, id: &ActionId, question: &Question, closed: &Cancel) -> Reply {
        assert_eq!((id.stage.as_str(), question.text.as_str()), ("gate", "Ship?"));
        assert!(!closed.is_pulled());
        let mut asked = self.0.lock().unwrap();
        *asked += 1;
        let choice = if *asked == 1 { "perhaps" } else { "yes" };
        Reply::Choice { choice: choice.to_owned(), by: "mumbler".to_owned() }
    }
}

/// Definition of Done 11.8: Interviewer interface works: `ask(question) -> Answer`.
#[test]
fn whoever_can_be_asked_answers() {
    let mumbler = Mumbler(Mutex::new(0));
    let solo = With::default().run(&gate("", BINARY), &mumbler);
    assert_eq!(*mumbler.0.lock().unwrap(), 2, "an answer that fits nothing is asked for again");
    assert_eq!(solo.state.ending(), Some(&Ending::Completed));
    assert_eq!(solo.state.visits(&"b".parse().unwrap()), 1);
}

/// Definition of Done 11.8: Question supports types: YES_NO, MULTIPLE_CHOICE, FREEFORM, CONFIRMATION.
#[test]
fn there_are_four_kinds_of_questions() {
    let free = "gate -> a [label=\"Say why\", freeform=true]";
    for (attributes, edges, kind, said, stage) in [
        ("", BINARY, Ask::MultipleChoice, "No", "a"),
        (", human.type=yes_no", BINARY, Ask::YesNo, "y", "b"),
        (", human.type=confirmation", BINARY, Ask::Confirmation, "n", "a"),
        ("", free, Ask::Freeform, "because it is late", "a"),
    ] {
        let kinds = Mutex::new(Vec::new());
        let people = Asked(|question: &Question| {
            kinds.lock().unwrap().push(question.kind);
            said.to_owned()
        });
        let source = if edges == free {
            gate(attributes, edges).replace("b [label=l]", "").replace("b -> e", "")
        } else {
            gate(attributes, edges)
        };
        let solo = With::default().run(&source, &people);
        assert_eq!(*kinds.lock().unwrap(), [kind]);
        assert_eq!(solo.state.visits(&stage.parse().unwrap()), 1, "{kind:?}");
        let text = solo.state.context().get("human.gate.text");
        assert_eq!(text, (kind == Ask::Freeform).then_some(said));
    }
}

/// 6.4: a yes where the question has one, and the first option otherwise.
#[test]
fn auto_approval_brings_a_run_to_its_end() {
    let visits = |attributes: &str, stage: &str| {
        let solo = With::default().run(&gate(attributes, BINARY), &AutoApprove);
        solo.state.visits(&stage.parse().unwrap())
    };
    assert_eq!(visits("", "a"), 1);
    assert_eq!(visits(", human.type=yes_no", "b"), 1);
}
