//! What goes wrong on purpose: rules on (service, operation, actor, nth call).
//!
//! A rule sees only what the twin knows of a call, never the wall clock, so that a universe goes wrong
//! in the same way each time it is played.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Rules in one universe: a file of more is a mistake, and every call looks at each.
pub const FAULTS_MAX: usize = 256;

/// A rule. Fields that are left out match every call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// An operation's name; a `*` at its end stands for any rest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// The id or name of whoever calls, as the pack's `authenticate` says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// The first call that it strikes, counted from 1 among those that match.
    #[serde(default = "first")]
    pub nth: u64,
    /// How many calls it strikes from there on; 0 for all.
    #[serde(default = "once")]
    pub times: u64,
    #[serde(flatten)]
    pub effect: Effect,
}

fn first() -> u64 {
    1
}

fn once() -> u64 {
    1
}

/// What a rule does to a call, or to a webhook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fault", rename_all = "snake_case")]
pub enum Effect {
    /// The answer comes so much later; the logical clock moves by as much.
    Latency { ms: u64 },
    /// The service's own refusal for too many calls; the call does nothing.
    RateLimited {
        #[serde(default = "half_a_minute")]
        retry_after: u64,
    },
    /// An error of the server's before it did anything.
    ServerError {
        #[serde(default = "unavailable")]
        status: u16,
    },
    /// The connection is reset before the call did anything.
    Reset,
    /// The call is done, and the connection reset before the answer: whether it was done is not told.
    LostResponse,
    /// The call is done, and its answer breaks off after so many bytes of its body.
    Truncated {
        #[serde(default)]
        bytes: usize,
    },
    /// Webhooks that this operation sets off arrive twice.
    DuplicateWebhook,
    /// Webhooks that this operation sets off arrive so much later, behind those that follow.
    DelayedWebhook { ms: u64 },
    /// The clock jumps when the call is done: forward, or back (a negative number).
    ClockJump { ms: i64 },
}

fn half_a_minute() -> u64 {
    30
}

fn unavailable() -> u16 {
    503
}

/// A call as rules see it.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    pub service: &'a str,
    pub operation: &'a str,
    pub actor: Option<&'a str>,
}

/// What is wrong with a rule.
#[derive(Debug, thiserror::Error)]
pub enum FaultError {
    #[error("this is no fault: {0}")]
    Form(#[from] serde_json::Error),
    #[error("calls are counted from 1: `nth: 0` would strike none")]
    Nth,
    #[error("a fault `{fault}` has no `{key}`; it has {}", .known.join(", "))]
    UnknownKey { fault: String, key: String, known: Vec<String> },
}

impl Fault {
    /// Reads one rule. What it does not know it refuses: a misspelt condition would strike every call.
    ///
    /// # Errors
    /// An unknown effect or key, a value of the wrong type.
    pub fn read(rule: Value) -> Result<Self, FaultError> {
        let written = rule.as_object().cloned().unwrap_or_default();
        let fault: Self = serde_json::from_value(rule)?;
        if fault.nth == 0 {
            return Err(FaultError::Nth);
        }
        let name = written["fault"].as_str().unwrap_or_default().to_owned();
        let effect = serde_json::to_value(&fault.effect)?;
        let conditions = ["service", "operation", "actor", "nth", "times"];
        let known = conditions.map(str::to_owned).into_iter();
        let known: Vec<String> = known
            .chain(effect.as_object().into_iter().flatten().map(|(key, _)| key.clone()))
            .collect();
        match written.keys().find(|key| !known.contains(key)) {
            Some(key) => Err(FaultError::UnknownKey { fault: name, key: key.clone(), known }),
            None => Ok(fault),
        }
    }

    /// Whether the rule is about this call, whichever in the row it is.
    pub fn matches(&self, call: Call<'_>) -> bool {
        let service = self.service.as_deref().is_none_or(|service| service == call.service);
        let operation =
            self.operation.as_deref().is_none_or(|pattern| match pattern.strip_suffix('*') {
                Some(start) => call.operation.starts_with(start),
                None => pattern == call.operation,
            });
        let actor = self.actor.as_deref().is_none_or(|actor| call.actor == Some(actor));
        service && operation && actor
    }

    /// Whether it strikes the `count`th matching call, counted from 1.
    pub fn strikes(&self, count: u64) -> bool {
        count >= self.nth && (self.times == 0 || count - self.nth < self.times)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(text: &str) -> Fault {
        serde_json::from_str(text).expect(text)
    }

    #[test]
    fn a_rule_strikes_the_calls_that_it_names() {
        let call = |operation| Call { service: "slack", operation, actor: Some("U1") };
        let fault =
            rule(r#"{"service":"slack","operation":"chat.*","nth":2,"times":2,"fault":"reset"}"#);
        assert!(fault.matches(call("chat.postMessage")) && !fault.matches(call("auth.test")));
        let struck: Vec<bool> = (1..=4).map(|count| fault.strikes(count)).collect();
        assert_eq!(struck, [false, true, true, false]);
        let fault = rule(r#"{"actor":"U2","times":0,"fault":"rate_limited","retry_after":3}"#);
        assert!(!fault.matches(call("auth.test")));
        assert!(fault.strikes(1) && fault.strikes(1_000_000));
        assert_eq!(fault.effect, Effect::RateLimited { retry_after: 3 });
    }

    #[test]
    fn a_rule_with_an_unknown_effect_is_refused() {
        let check = |rule: &str, part: &str| {
            let error = Fault::read(serde_json::from_str(rule).unwrap()).unwrap_err();
            assert!(error.to_string().contains(part), "{error}");
        };
        check(r#"{"fault":"explode"}"#, "latency");
        check(r#"{"fault":"reset","operaton":"x"}"#, "no `operaton`; it has service, operation");
        check(r#"{"fault":"latency","ms":"long"}"#, "u64");
        check(r#"{"fault":"reset","nth":0}"#, "counted from 1");
        check("[]", "no fault");
    }
}
