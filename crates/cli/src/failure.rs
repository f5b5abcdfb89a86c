//! How a command ended, as an exit code and, where it failed, as words.

use std::fmt;

use base::Diagnostic;
use factory::{DriveError, FactoryError, IntentError};

/// A command did what it is for; this is what it found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Shipped, or fine.
    Fine,
    /// Held, waiting for a person, or found wanting.
    Wanting,
    /// Stopped by Ctrl-C or cancelled.
    Interrupted,
}

impl Answer {
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Fine => 0,
            Self::Wanting => 1,
            Self::Interrupted => 130,
        }
    }
}

/// A command could not do what it is for.
#[derive(Debug)]
pub(crate) struct Failure {
    kind: Kind,
    message: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A document or an artefact is not good enough.
    Wanting,
    Usage,
    /// The machine, a program, a file or the network.
    Environment,
    /// Something that this factory does not allow.
    Policy,
}

impl Failure {
    /// What was asked for makes no sense.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self { kind: Kind::Usage, message: message.into() }
    }

    /// The machine or a file is not fit.
    pub(crate) fn environment(message: impl Into<String>) -> Self {
        Self { kind: Kind::Environment, message: message.into() }
    }

    /// The factory does not allow it.
    pub(crate) fn policy(message: impl Into<String>) -> Self {
        Self { kind: Kind::Policy, message: message.into() }
    }

    /// Documents are wrong in these ways.
    pub(crate) fn wanting(diagnostics: &[Diagnostic]) -> Self {
        let listed: Vec<_> = diagnostics.iter().map(ToString::to_string).collect();
        Self { kind: Kind::Wanting, message: listed.join("\n") }
    }

    /// With one more line, which says what follows from it.
    pub(crate) fn and_then(mut self, line: &str) -> Self {
        self.message = format!("{}\n{line}", self.message);
        self
    }

    /// An error of the environment with all its causes.
    pub(crate) fn of(error: &dyn std::error::Error) -> Self {
        Self::environment(base::chain(error))
    }

    pub(crate) fn code(&self) -> u8 {
        match self.kind {
            Kind::Wanting => 1,
            Kind::Usage => 2,
            Kind::Environment => 3,
            Kind::Policy => 4,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl From<FactoryError> for Failure {
    fn from(error: FactoryError) -> Self {
        let kind = match &error {
            FactoryError::NoFactory(_)
            | FactoryError::NoRun { .. }
            | FactoryError::NoLine { .. }
            | FactoryError::Given { .. } => Kind::Usage,
            FactoryError::Malformed(_) => Kind::Wanting,
            FactoryError::Intent(intent) => intent_kind(intent),
            FactoryError::Drive(DriveError::Refused(_)) => Kind::Policy,
            _ => Kind::Environment,
        };
        Self { kind, message: base::chain(&error) }
    }
}

impl From<DriveError> for Failure {
    fn from(error: DriveError) -> Self {
        FactoryError::Drive(error).into()
    }
}

impl From<IntentError> for Failure {
    fn from(error: IntentError) -> Self {
        Self { kind: intent_kind(&error), message: base::chain(&error) }
    }
}

fn intent_kind(error: &IntentError) -> Kind {
    match error {
        IntentError::Missing { .. } => Kind::Usage,
        IntentError::Malformed(_) => Kind::Wanting,
        IntentError::Unsigned { .. }
        | IntentError::Altered { .. }
        | IntentError::Untrusted { .. } => Kind::Policy,
        _ => Kind::Environment,
    }
}

impl From<factory::ReplayError> for Failure {
    fn from(error: factory::ReplayError) -> Self {
        Self::of(&error)
    }
}

impl From<ledger::LedgerError> for Failure {
    fn from(error: ledger::LedgerError) -> Self {
        Self::of(&error)
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::of(&error)
    }
}
