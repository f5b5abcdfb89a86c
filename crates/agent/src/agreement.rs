//! Which of several candidates to trust: the one whose behaviour most others share.
//!
//! Wrong programs are wrong in different ways, right ones alike (CodeT, AlphaCode). It refuses to
//! know why a behaviour is shared.

use std::collections::BTreeMap;

use crate::Behaviour;
use crate::pool::Half;

/// A candidate as a voter.
pub(crate) struct Voter {
    /// Which answers of the model it was made of. Programs that share a half are one opinion on it.
    pub halves: [Half; 2],
    /// How often the model gave each half.
    pub votes: [u32; 2],
    /// What it did on each probe, in their order.
    pub behaviours: Vec<Behaviour>,
    /// It does what a rejected build did wherever that may have been the fault.
    pub discredited: bool,
}

/// What the voters came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Agreement {
    /// Its index among the voters.
    pub winner: usize,
    /// Independent answers behind programs that behave as the winner does on every probe: of its two
    /// halves' the fewer.
    pub agreeing: u32,
    /// The same of all voters.
    pub votes: u32,
}

impl Agreement {
    /// `None` without voters. Of equals the first wins.
    pub(crate) fn of(voters: &[Voter]) -> Option<Self> {
        let standing: Vec<usize> = match voters.iter().all(|voter| voter.discredited) {
            true => (0..voters.len()).collect(),
            false => (0..voters.len()).filter(|at| !voters[*at].discredited).collect(),
        };
        // Votes on each probe count alone, so that one odd probe does not split what is alike elsewhere.
        let mut shares: Vec<BTreeMap<&Behaviour, u64>> = Vec::new();
        for at in &standing {
            let voter = &voters[*at];
            shares.resize_with(shares.len().max(voter.behaviours.len()), BTreeMap::new);
            for (share, behaviour) in shares.iter_mut().zip(&voter.behaviours) {
                *share.entry(behaviour).or_default() += weight(voter);
            }
        }
        let score = |at: usize| -> u64 {
            voters[at]
                .behaviours
                .iter()
                .zip(&shares)
                .filter_map(|(one, share)| share.get(one))
                .sum()
        };
        let winner = standing.iter().copied().rev().max_by_key(|at| score(*at))?;
        let alike = |at: &usize| voters[*at].behaviours == voters[winner].behaviours;
        let agreeing = opinions(standing.iter().filter(|at| alike(at)).map(|at| &voters[*at]));
        let votes = opinions(standing.iter().map(|at| &voters[*at]));
        Some(Self { winner, agreeing, votes })
    }

    /// Whether more candidates would hardly change it.
    pub(crate) fn is_strong(self, enough: u32) -> bool {
        self.agreeing >= enough && self.agreeing * 2 > self.votes
    }
}

fn weight(voter: &Voter) -> u64 {
    u64::from(voter.votes[0].min(voter.votes[1]))
}

/// How many independent answers stand behind the voters, each half counted once.
fn opinions<'v>(voters: impl Iterator<Item = &'v Voter> + Clone) -> u32 {
    let behind = |side: usize| -> u32 {
        let halves: BTreeMap<Half, u32> =
            voters.clone().map(|voter| (voter.halves[side], voter.votes[side])).collect();
        halves.values().sum()
    };
    behind(0).min(behind(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A whole program that so many answers came to.
    fn voter(entry: usize, votes: u32, outputs: &[&str]) -> Voter {
        let behaviour =
            |stdout: &&str| Behaviour { exit: 0, stdout: (*stdout).to_owned(), stderr_empty: true };
        Voter {
            halves: [Half::Whole(entry); 2],
            votes: [votes; 2],
            behaviours: outputs.iter().map(behaviour).collect(),
            discredited: false,
        }
    }

    #[test]
    fn the_largest_group_wins_and_its_votes_are_counted() {
        let voters = [voter(0, 1, &["a", "x"]), voter(1, 2, &["a", "b"]), voter(2, 1, &["a", "b"])];
        let agreement = Agreement::of(&voters).unwrap();
        assert_eq!(agreement, Agreement { winner: 1, agreeing: 3, votes: 4 });
        assert!(agreement.is_strong(3) && !agreement.is_strong(4));
    }

    #[test]
    fn what_is_shared_probe_by_probe_wins_over_a_small_group() {
        // No two of the last three agree on all; each differs from the others on one probe alone.
        let voters = [
            voter(0, 1, &["q", "q", "q"]),
            voter(1, 1, &["q", "q", "q"]),
            voter(2, 1, &["x", "b", "c"]),
            voter(3, 1, &["a", "b", "c"]),
            voter(4, 1, &["a", "b", "x"]),
            voter(5, 1, &["a", "y", "c"]),
        ];
        assert_eq!(Agreement::of(&voters).unwrap().winner, 3);
    }

    #[test]
    fn a_minority_is_not_strong() {
        let voters = [voter(6, 3, &["a"]), voter(7, 2, &["b"]), voter(8, 1, &["c"])];
        assert!(!Agreement::of(&voters).unwrap().is_strong(3));
    }

    #[test]
    fn a_discredited_majority_loses_unless_nothing_else_is_left() {
        let wrong = || Voter { discredited: true, ..voter(9, 9, &["a"]) };
        let agreement = Agreement::of(&[wrong(), voter(10, 1, &["b"])]).unwrap();
        assert_eq!(agreement, Agreement { winner: 1, agreeing: 1, votes: 1 });
        assert_eq!(Agreement::of(&[wrong()]).unwrap().winner, 0);
        assert_eq!(Agreement::of(&[]), None);
    }

    #[test]
    fn programs_that_share_a_half_are_one_opinion_on_it() {
        let pair = |valid, answer| Voter {
            halves: [Half::Part(valid), Half::Part(answer)],
            ..voter(0, 1, &["a"])
        };
        let voters = [pair(0, 0), pair(0, 1), pair(0, 2)];
        assert_eq!(Agreement::of(&voters).unwrap().agreeing, 1);
        let voters = [pair(0, 0), pair(1, 1), pair(2, 2), pair(0, 1)];
        assert_eq!(Agreement::of(&voters).unwrap().agreeing, 3);
    }
}
