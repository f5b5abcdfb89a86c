//! A model that answers from a file: for tests, which need the same answers every time and at once.
//!
//! ```toml
//! family = "other"               # without it, `scripted`
//!
//! [[answer]]
//! when = "write the program"     # a part of the last user message; without it, any message
//! texts = ["first", "second"]    # one for each candidate, from the start again when they run out
//! repeat = true                  # may answer again; without it, once
//!
//! [[answer]]
//! error = "transient"            # or unauthorised, rejected
//! ```
//!
//! The first entry that fits and is not used up answers. Uses are counted in memory: a process that starts
//! anew starts the script anew, so a test that kills and resumes wants `when` and `repeat`.

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use base::{MicroUsd, Spend, Tokens};
use serde::Deserialize;

use crate::{
    Completion, Model, ModelError, ModelErrorKind, Progress, Reply, Request, Role, StopReason,
};

/// A model that answers from a script.
pub struct Scripted {
    name: String,
    family: String,
    entries: Vec<Entry>,
    used: Mutex<Vec<bool>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Script {
    family: Option<String>,
    #[serde(default)]
    answer: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    when: Option<String>,
    #[serde(default)]
    texts: Vec<String>,
    #[serde(default)]
    repeat: bool,
    error: Option<Failure>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Failure {
    Transient,
    Unauthorised,
    Rejected,
}

impl Scripted {
    /// Reads the script in `path`; the model's name is `scripted:PATH`.
    ///
    /// # Errors
    /// When the file cannot be read or is no script.
    pub fn open(path: &Path) -> Result<Self, ModelError> {
        let name = format!("scripted:{}", path.display());
        let text = fs::read_to_string(path).map_err(|error| ModelError {
            model: name.clone(),
            kind: ModelErrorKind::Rejected,
            reason: format!("the script cannot be read: {error}"),
        })?;
        Self::parse(&name, &text)
    }

    /// A model called `name` with the script in `text`.
    ///
    /// # Errors
    /// When the text is no script.
    pub fn parse(name: &str, text: &str) -> Result<Self, ModelError> {
        let rejected =
            |reason| ModelError { model: name.to_owned(), kind: ModelErrorKind::Rejected, reason };
        let script: Script = toml::from_str(text).map_err(|error| {
            rejected(format!("the script is malformed: {}", error.to_string().trim()))
        })?;
        for (index, entry) in script.answer.iter().enumerate() {
            if entry.texts.is_empty() == entry.error.is_none() {
                let reason = format!("answer {} of the script needs `texts` or `error`", index + 1);
                return Err(rejected(reason));
            }
        }
        let used = Mutex::new(vec![false; script.answer.len()]);
        let family = script.family.unwrap_or_else(|| "scripted".to_owned());
        Ok(Self { name: name.to_owned(), family, entries: script.answer, used })
    }

    /// The entry that answers to `message`, which is then used.
    fn take(&self, message: &str) -> Option<&Entry> {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = |entry: &Entry| entry.when.as_ref().is_none_or(|part| message.contains(part));
        let found =
            self.entries.iter().zip(used.iter_mut()).find(|(entry, used)| !**used && fits(entry));
        found.map(|(entry, used)| {
            *used = !entry.repeat;
            entry
        })
    }
}

impl Model for Scripted {
    fn name(&self) -> &str {
        &self.name
    }

    fn family(&self) -> &str {
        &self.family
    }

    fn complete(
        &self,
        request: &Request,
        progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<Reply, ModelError> {
        let failed = |kind, reason| ModelError { model: self.name.clone(), kind, reason };
        crate::checked(request).map_err(|reason| failed(ModelErrorKind::Rejected, reason))?;
        let asked = request.messages.iter().rfind(|message| message.role == Role::User);
        let asked = asked.map_or("", |message| message.text.as_str());
        let Some(entry) = self.take(asked) else {
            let start: String = asked.chars().take(80).collect();
            let reason = format!("no answer is left for the message `{start}`");
            return Err(failed(ModelErrorKind::NotScripted, reason));
        };
        if let Some(failure) = entry.error {
            let kind = match failure {
                Failure::Transient => ModelErrorKind::Transient,
                Failure::Unauthorised => ModelErrorKind::Unauthorised,
                Failure::Rejected => ModelErrorKind::Rejected,
            };
            return Err(failed(kind, "as the script says".to_owned()));
        }
        let completions: Vec<Completion> = (0..request.candidates as usize)
            .map(|index| answer(&entry.texts[index % entry.texts.len()], &request.stop))
            .collect();
        let spend = spend(request, &completions);
        // A script is over before anybody could break it off.
        let _ = progress(Progress {
            tokens_in: spend.tokens_in.0,
            tokens_out: spend.tokens_out.0,
            finished: request.candidates,
        });
        Ok(Reply { completions, spend })
    }
}

fn answer(text: &str, stops: &[String]) -> Completion {
    let found =
        stops.iter().filter(|stop| !stop.is_empty()).filter_map(|stop| text.find(stop.as_str()));
    let end = found.min().unwrap_or(text.len());
    Completion { text: text[..end].to_owned(), stop: StopReason::Ended }
}

/// Four bytes to a token, which is near the truth for English and code. Time is zero: it is not measured.
fn spend(request: &Request, completions: &[Completion]) -> Spend {
    let tokens = |bytes: usize| Tokens(bytes.div_ceil(4) as u64);
    Spend {
        tokens_in: tokens(request.messages.iter().map(|message| message.text.len()).sum()),
        tokens_out: tokens(completions.iter().map(|completion| completion.text.len()).sum()),
        cost: MicroUsd(0),
        wall_ms: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Message;

    fn ask(model: &Scripted, text: &str, candidates: u32) -> Result<Vec<String>, ModelErrorKind> {
        let request = Request {
            messages: vec![Message { role: Role::User, text: text.to_owned() }],
            candidates,
            temperature: 0.0,
            top_p: 1.0,
            tokens_max: 9,
            seed: 0,
            stop: vec!["END".to_owned()],
        };
        model
            .complete(&request, &mut |_| ControlFlow::Continue(()))
            .map(|reply| reply.completions.into_iter().map(|it| it.text).collect())
            .map_err(|error| error.kind)
    }

    fn script(text: &str) -> Scripted {
        Scripted::parse("scripted:test", text).unwrap()
    }

    #[test]
    fn entries_answer_in_order_and_once() {
        let model = script(
            "[[answer]]\ntexts = ['one']\n[[answer]]\nerror = 'transient'\n[[answer]]\ntexts = ['two END x']",
        );
        assert_eq!(ask(&model, "?", 1), Ok(vec!["one".to_owned()]));
        assert_eq!(ask(&model, "?", 1), Err(ModelErrorKind::Transient));
        assert_eq!(ask(&model, "?", 1), Ok(vec!["two ".to_owned()]));
        assert_eq!(ask(&model, "?", 1), Err(ModelErrorKind::NotScripted));
    }

    #[test]
    fn a_part_of_the_message_selects_and_candidates_take_turns() {
        let model = script(
            "[[answer]]\nwhen = 'plan'\ntexts = ['a', 'b']\nrepeat = true\n[[answer]]\ntexts = ['c']",
        );
        assert_eq!(ask(&model, "plan it", 3).unwrap(), ["a", "b", "a"]);
        assert_eq!(ask(&model, "write it", 2).unwrap(), ["c", "c"]);
        assert_eq!(ask(&model, "plan it", 1).unwrap(), ["a"]);
        assert_eq!(ask(&model, "write it", 1), Err(ModelErrorKind::NotScripted));
    }

    #[test]
    fn a_script_is_of_the_family_that_it_names() {
        assert_eq!(script("").family(), "scripted");
        assert_eq!(script("family = 'other'").family(), "other");
    }

    #[test]
    fn a_script_with_a_slip_is_refused_with_its_place() {
        for (text, part) in [
            ("[[answer]]\nwhen = 'x'", "answer 1"),
            ("[[answer]]\ntext = 'x'", "unknown field `text`"),
            ("[[answer]]\nerror = 'busy'", "line 2"),
        ] {
            let error = Scripted::parse("scripted:test", text).err().expect(text);
            assert!(error.reason.contains(part), "{}", error.reason);
        }
    }
}
