//! Labels: how far a value can be trusted, and who may not see it. They form a lattice in which
//! joining only ever makes worse.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// Where a value comes from, lowest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Integrity {
    /// From outside: issues, repository text, dependencies, the web, tool output.
    U,
    /// Made by an agent.
    A,
    /// Factory policy and verified results.
    P,
    /// A person's signed intent.
    H,
}

/// A set of readers that a value is kept from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Compartment {
    /// A product's repository and intents.
    Project,
    /// Scenarios, which a builder must never see.
    Holdout,
    /// One secret.
    Secret(String),
    /// Signing keys.
    Sign,
}

/// Compartments that a value belongs to; none is public.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Compartments {
    These(BTreeSet<Compartment>),
    /// Every compartment, those not yet thought of too.
    All,
}

/// What the harness knows of a value from its source (L1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Label {
    pub integrity: Integrity,
    pub compartments: Compartments,
}

impl Compartments {
    /// No compartment.
    pub const fn public() -> Self {
        Self::These(BTreeSet::new())
    }

    /// These compartments.
    pub fn of(compartments: impl IntoIterator<Item = Compartment>) -> Self {
        Self::These(compartments.into_iter().collect())
    }

    /// Whether every compartment here is in `clearance` too.
    pub fn within(&self, clearance: &Self) -> bool {
        match (self, clearance) {
            (_, Self::All) => true,
            (Self::All, Self::These(_)) => false,
            (Self::These(these), Self::These(cleared)) => these.is_subset(cleared),
        }
    }

    fn join(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::These(a), Self::These(b)) => Self::These(a.union(b).cloned().collect()),
            _ => Self::All,
        }
    }
}

impl Label {
    /// The label of what has none (L1): from outside, and in every compartment.
    pub const fn worst() -> Self {
        Self { integrity: Integrity::U, compartments: Compartments::All }
    }

    /// The label of a session that has read nothing: joining it changes nothing.
    pub const fn best() -> Self {
        Self { integrity: Integrity::H, compartments: Compartments::public() }
    }

    /// A label.
    pub fn new(integrity: Integrity, compartments: impl IntoIterator<Item = Compartment>) -> Self {
        Self { integrity, compartments: Compartments::of(compartments) }
    }

    /// The label of what was made from both.
    #[must_use]
    pub fn join(&self, other: &Self) -> Self {
        Self {
            integrity: self.integrity.min(other.integrity),
            compartments: self.compartments.join(&other.compartments),
        }
    }

    /// Whether this is no worse than `other`: as much integrity, no other compartments (L5).
    pub fn no_worse_than(&self, other: &Self) -> bool {
        self.integrity >= other.integrity && self.compartments.within(&other.compartments)
    }
}

/// Unlabelled is worst.
impl Default for Label {
    fn default() -> Self {
        Self::worst()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn label() -> impl Strategy<Value = Label> {
        let compartment = prop_oneof![
            Just(Compartment::Project),
            Just(Compartment::Holdout),
            Just(Compartment::Sign),
            "[ab]".prop_map(Compartment::Secret),
        ];
        let compartments = prop_oneof![
            1 => Just(Compartments::All),
            9 => prop::collection::btree_set(compartment, 0..5).prop_map(Compartments::These),
        ];
        let integrity =
            prop::sample::select(vec![Integrity::U, Integrity::A, Integrity::P, Integrity::H]);
        (integrity, compartments)
            .prop_map(|(integrity, compartments)| Label { integrity, compartments })
    }

    proptest! {
        #[test]
        fn join_is_a_least_upper_bound(a in label(), b in label(), c in label()) {
            let joined = a.join(&b);
            prop_assert_eq!(&joined, &b.join(&a));
            prop_assert_eq!(&joined.join(&c), &a.join(&b.join(&c)));
            prop_assert_eq!(&a.join(&a), &a);
            prop_assert!(a.no_worse_than(&joined) && b.no_worse_than(&joined));
            if a.no_worse_than(&c) && b.no_worse_than(&c) {
                prop_assert!(joined.no_worse_than(&c));
            }
        }

        #[test]
        fn the_order_is_partial_and_has_both_ends(a in label(), b in label()) {
            prop_assert!(a.no_worse_than(&a));
            prop_assert!(Label::best().no_worse_than(&a) && a.no_worse_than(&Label::worst()));
            prop_assert_eq!(a.no_worse_than(&b) && b.no_worse_than(&a), a == b);
            prop_assert_eq!(&a.join(&Label::best()), &a);
            prop_assert_eq!(a.join(&Label::default()), Label::worst());
        }
    }
}
