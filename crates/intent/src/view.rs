//! What a builder may read of an intent, and check itself by.
//!
//! The text is stable: the same intent gives the same bytes, so that prompts can be compared and
//! cached. It refuses to know scenarios; there is no way to hand them in.

use std::fmt::Write as _;

use crate::{Intent, Requirement, ServiceStep, StepKind};

/// A check that a builder may see and repeat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VisibleCheck {
    /// In the words of the intent.
    pub text: String,
    pub steps: Vec<StepKind>,
}

impl Intent {
    /// Title, goal, requirements with their public examples, constraints and interface, as Markdown.
    /// Neither budget nor level nor owner: they are no business of a builder.
    pub fn builder_view(&self) -> String {
        let mut view =
            format!("# {}\n\n## Goal\n\n{}\n\n## Requirements\n\n", self.title, self.goal);
        write_items(&mut view, &self.requirements);
        if !self.constraints.is_empty() {
            view.push_str("\n## Constraints\n\n");
            write_items(&mut view, &self.constraints);
        }
        let _ = write!(view, "\n## Interface\n\n{}\n", self.interface.text);
        view
    }

    /// What every build is checked by before it is proved: that its service starts, if it is one, and
    /// each example of each requirement and constraint.
    pub fn visible_checks(&self) -> Vec<VisibleCheck> {
        let ready = self.interface.service.iter().map(|service| VisibleCheck {
            text: format!("`{}` starts, and `GET {}` answers", service.name, service.ready),
            steps: vec![StepKind::Service(ServiceStep::Running)],
        });
        let stated = self.requirements.iter().chain(&self.constraints);
        let examples = stated.flat_map(|stated| &stated.examples).map(|example| VisibleCheck {
            text: example.text.clone(),
            steps: example.steps.clone(),
        });
        ready.chain(examples).collect()
    }
}

fn write_items(view: &mut String, items: &[Requirement]) {
    // Writing to a String cannot fail.
    for item in items {
        let _ = writeln!(view, "- {}: {}", item.id, item.text);
        for example in &item.examples {
            let _ = writeln!(view, "  - {}", example.text);
        }
    }
}
