//! Autonomy is earned: the lowest of what is asked, what is allowed, and what the evidence supports.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How alone a line works, 0 to 5; 5 is lights off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Level(u8);

/// A number that is no level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} is no level: expected a number from 0 to 5")]
pub struct LevelError(u8);

/// What is known of a build, and of the proof that it passed. Shares are of 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    pub requirements_total: u32,
    /// Requirements that at least one scenario proves.
    pub requirements_covered: u32,
    /// Degenerate programs (empty, constant, echo, …) that the scenarios were played against.
    pub degenerates_total: u32,
    /// Those that failed at least one scenario, as they should.
    pub degenerates_caught: u32,
    /// Sabotaged copies of this build that were proved in the same way.
    pub sabotaged_total: u32,
    /// Those that did not pass.
    pub sabotaged_caught: u32,
    /// None where no trajectory was played.
    pub satisfaction: Option<Satisfaction>,
    /// What the intent wants the interval's lower bound to reach.
    pub satisfaction_wanted: f64,
    /// The twins that the build was proved on, by service.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub twins: Vec<TwinFidelity>,
}

/// How like the real service a twin was measured to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TwinFidelity {
    pub service: String,
    /// What the twin did as the service does, of what was looked at.
    pub passed: u64,
    /// 0 where nothing was measured, or the twin was changed since.
    pub of: u64,
}

/// The share of trajectories that satisfy the user, with its 95% interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Satisfaction {
    pub point: f64,
    pub lower: f64,
    pub upper: f64,
    /// Trajectories played.
    pub n: u32,
}

/// One thing that bounds a level.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Term {
    pub name: TermName,
    /// The highest level that it allows.
    pub level: Level,
    /// What was found, for a person.
    pub value: String,
    /// What would raise it; none where it allows 5.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// The terms, in the order in which they are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TermName {
    /// By the intent.
    Asked,
    /// By the factory's policy for the line.
    Allowed,
    /// Requirements covered by scenarios.
    Coverage,
    /// Degenerate programs caught.
    Degenerates,
    /// Sabotaged builds caught.
    Sabotage,
    Satisfaction,
    /// How like the real services the twins are; only where there are twins.
    Fidelity,
}

/// A level and all that it rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LevelDecision {
    pub level: Level,
    pub terms: Vec<Term>,
    /// The terms that allow no more than this level.
    pub binding: Vec<TermName>,
}

/// Below it, a proof lets one of five harmful changes pass: too many where nobody looks.
pub const SABOTAGED_SHARE_LEVEL_5: f64 = 0.8;

/// Below it, a proof lets nearly every second harmful change pass: its case does not spare reading.
pub const SABOTAGED_SHARE_LEVEL_4: f64 = 0.6;

/// Below it, one of twenty answers that a build was proved on is not what the service would say.
pub const FIDELITY_LEVEL_5: f64 = 0.95;

/// Below it, one of five is: passing on such a twin shows little, and a person reads the change.
pub const FIDELITY_LEVEL_4: f64 = 0.8;

/// Fewer sabotaged builds show luck rather than strength: three caught of three may still be a proof
/// that catches half, in one of eight cases.
pub const SABOTAGED_MIN: u32 = 3;

/// The square of the normal distribution's 97.5% point, as in Wilson's 95% interval.
const Z_SQUARED: f64 = 1.959_963_985 * 1.959_963_985;

impl Level {
    /// People write the code.
    pub const MANUAL: Self = Self(0);
    /// Nobody looks before shipping.
    pub const LIGHTS_OFF: Self = Self(5);

    /// The level of this number.
    ///
    /// # Errors
    /// When it is above 5.
    pub const fn new(number: u8) -> Result<Self, LevelError> {
        if number <= 5 { Ok(Self(number)) } else { Err(LevelError(number)) }
    }

    /// The number, 0 to 5.
    pub const fn number(self) -> u8 {
        self.0
    }
}

impl TryFrom<u8> for Level {
    type Error = LevelError;

    fn try_from(number: u8) -> Result<Self, LevelError> {
        Self::new(number)
    }
}

impl From<Level> for u8 {
    fn from(level: Level) -> Self {
        level.0
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl fmt::Display for TermName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Asked => "asked",
            Self::Allowed => "allowed",
            Self::Coverage => "coverage",
            Self::Degenerates => "degenerates",
            Self::Sabotage => "sabotage",
            Self::Satisfaction => "satisfaction",
            Self::Fidelity => "fidelity",
        })
    }
}

/// The level at which a run may ship this build.
pub fn decide_level(asked: Level, allowed: Level, evidence: &Evidence) -> LevelDecision {
    let given = |name, level: Level, whose, next: &str| {
        let next = (level < Level::LIGHTS_OFF).then(|| next.to_owned());
        Term { name, level, value: format!("level {level} by {whose}"), next }
    };
    let mut terms = vec![
        given(TermName::Asked, asked, "the intent", "ask for more in the intent's `level`"),
        given(TermName::Allowed, allowed, "the factory's policy", "allow the line more"),
        coverage(evidence),
        degenerates(evidence),
        sabotage(evidence),
        satisfaction(evidence),
    ];
    terms.extend(fidelity(evidence));
    let level = terms.iter().map(|term| term.level).min().unwrap_or(Level::MANUAL);
    let binding = terms.iter().filter(|term| term.level == level).map(|term| term.name).collect();
    LevelDecision { level, terms, binding }
}

fn term(name: TermName, level: u8, value: String, next: String) -> Term {
    let next = (level < 5).then_some(next);
    Term { name, level: Level(level), value, next }
}

/// What no scenario proves, a person must read (3); without any requirement there is nothing to
/// prove, and the plan itself must be approved (2).
fn coverage(evidence: &Evidence) -> Term {
    let (covered, total) = (evidence.requirements_covered, evidence.requirements_total);
    let level = match (covered, total) {
        (_, 0) => 2,
        (covered, total) if covered < total => 3,
        _ => 5,
    };
    let next = match total {
        0 => "state at least one requirement".to_owned(),
        _ => {
            format!("write scenarios for {} more", count(total - covered.min(total), "requirement"))
        }
    };
    let value = format!("{covered} of {} covered by scenarios", count(total, "requirement"));
    term(TermName::Coverage, level, value, next)
}

/// Scenarios that a program without any sense passes prove nothing of a program with some (2).
fn degenerates(evidence: &Evidence) -> Term {
    let (caught, total) = (evidence.degenerates_caught, evidence.degenerates_total);
    let level = if total > 0 && caught >= total { 5 } else { 2 };
    let next = match total {
        0 => "play the scenarios against degenerate programs".to_owned(),
        _ => {
            let survivors = count(total - caught.min(total), "degenerate program");
            format!("write scenarios that catch {survivors} more")
        }
    };
    let value = format!("{caught} of {} caught", count(total, "degenerate program"));
    term(TermName::Degenerates, level, value, next)
}

fn sabotage(evidence: &Evidence) -> Term {
    let (caught, total) = (evidence.sabotaged_caught, evidence.sabotaged_total);
    let reaches = |share: f64| total > 0 && f64::from(caught) >= share * f64::from(total);
    let level = match () {
        () if reaches(SABOTAGED_SHARE_LEVEL_5) && total >= SABOTAGED_MIN => 5,
        () if reaches(SABOTAGED_SHARE_LEVEL_4) => 4,
        () => 3,
    };
    let wanted = if level == 4 { SABOTAGED_SHARE_LEVEL_5 } else { SABOTAGED_SHARE_LEVEL_4 };
    let next = match total {
        0 => "prove sabotaged copies of the build too".to_owned(),
        _ if reaches(wanted) => format!("prove at least {SABOTAGED_MIN} sabotaged builds"),
        _ => {
            let needed = (wanted * f64::from(total)).ceil() as u32;
            format!("write scenarios or checks that catch {needed} of {total}")
        }
    };
    let value = format!("{caught} of {} caught", count(total, "sabotaged build"));
    term(TermName::Sabotage, level, value, next)
}

/// Lights off needs the interval's lower bound (5); where only chance is not yet ruled out, a person
/// says the last yes (4); where a trajectory failed, they read the change (3); without any
/// trajectory there is no proof (2).
fn satisfaction(evidence: &Evidence) -> Term {
    let wanted = evidence.satisfaction_wanted;
    let Some(found) = evidence.satisfaction else {
        let next = "play the scenarios against the build".to_owned();
        return term(TermName::Satisfaction, 2, "no trajectory was played".to_owned(), next);
    };
    let level = match () {
        // Not a number reaches nothing.
        () if found.lower >= wanted => 5,
        () if found.point >= 1.0 => 4,
        () => 3,
    };
    let next = if found.point < 1.0 {
        "satisfy every trajectory".to_owned()
    } else if wanted < 1.0 {
        // With all n satisfied, Wilson's lower bound is n / (n + z²).
        let needed = (Z_SQUARED * wanted / (1.0 - wanted)).ceil() as u64;
        format!("play at least {needed} trajectories, all of them satisfied")
    } else {
        "want less than 1 in the intent's `satisfaction`: no number of trajectories shows 1".into()
    };
    let value = format!(
        "{:.3} (95% interval {:.3} to {:.3}, n = {}), wanted lower bound {wanted:.3}",
        found.point, found.lower, found.upper, found.n
    );
    term(TermName::Satisfaction, level, value, next)
}

/// The twin that is least like its service decides; where nobody measured one, a person says the last yes (4).
fn fidelity(evidence: &Evidence) -> Option<Term> {
    let share = |twin: &TwinFidelity| twin.passed as f64 / twin.of as f64;
    // One exchange that is alike shows nothing: what counts is what the share is at the least.
    let least = |twin: &TwinFidelity| wilson_lower(twin.passed, twin.of);
    let level = |twin: &TwinFidelity| match twin.of {
        0 => 4,
        _ if least(twin) >= FIDELITY_LEVEL_5 => 5,
        _ if share(twin) >= FIDELITY_LEVEL_4 => 4,
        _ => 3,
    };
    let lowest = evidence.twins.iter().min_by_key(|twin| level(twin))?;
    let told = evidence.twins.iter().map(|twin| match twin.of {
        0 => format!("{} not measured", twin.service),
        of => format!(
            "{} {:.1}% of {of}, at least {:.1}%",
            twin.service,
            share(twin) * 100.0,
            least(twin) * 100.0
        ),
    });
    let service = &lowest.service;
    let next = match lowest.of {
        0 => format!(
            "measure {service}'s twin: dark twin import --service {service} RECORDINGS --save"
        ),
        _ if share(lowest) >= FIDELITY_LEVEL_5 => {
            format!("measure {service}'s twin by more recordings")
        }
        _ => format!("make {service}'s twin more like the service"),
    };
    let value = format!("twins: {}", told.collect::<Vec<_>>().join(", "));
    Some(term(TermName::Fidelity, level(lowest), value, next))
}

/// The lower end of Wilson's 95% interval for `passed` of `of`, which is above 0.
fn wilson_lower(passed: u64, of: u64) -> f64 {
    let (n, share) = (of as f64, passed as f64 / of as f64);
    let centre = share + Z_SQUARED / (2.0 * n);
    let half = (Z_SQUARED * (share * (1.0 - share) / n + Z_SQUARED / (4.0 * n * n))).sqrt();
    (centre - half) / (1.0 + Z_SQUARED / n)
}

fn count(n: u32, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn strong() -> Evidence {
        Evidence {
            requirements_total: 3,
            requirements_covered: 3,
            degenerates_total: 9,
            degenerates_caught: 9,
            sabotaged_total: 10,
            sabotaged_caught: 9,
            satisfaction: Some(Satisfaction { point: 1.0, lower: 0.912, upper: 1.0, n: 40 }),
            satisfaction_wanted: 0.9,
            twins: Vec::new(),
        }
    }

    fn check(asked: u8, allowed: u8, evidence: &Evidence, wanted: &str) {
        let decision = decide_level(Level(asked), Level(allowed), evidence);
        let lines = decision.terms.iter().map(|term| {
            let binds = if decision.binding.contains(&term.name) { '*' } else { ' ' };
            let next = term.next.as_ref().map_or_else(String::new, |next| format!(" -> {next}"));
            format!("{binds}{} {}: {}{next}\n", term.level, term.name, term.value)
        });
        let found = format!("level {}\n{}", decision.level, lines.collect::<String>());
        assert_eq!(found, wanted, "\n{found}");
    }

    #[test]
    fn strong_evidence_turns_the_lights_off() {
        check(
            5,
            5,
            &strong(),
            "level 5\n\
             *5 asked: level 5 by the intent\n\
             *5 allowed: level 5 by the factory's policy\n\
             *5 coverage: 3 of 3 requirements covered by scenarios\n\
             *5 degenerates: 9 of 9 degenerate programs caught\n\
             *5 sabotage: 9 of 10 sabotaged builds caught\n\
             *5 satisfaction: 1.000 (95% interval 0.912 to 1.000, n = 40), wanted lower bound 0.900\n",
        );
    }

    #[test]
    fn every_weakness_is_named_with_what_would_mend_it() {
        let evidence = Evidence {
            requirements_covered: 2,
            degenerates_caught: 8,
            sabotaged_caught: 7,
            satisfaction: Some(Satisfaction { point: 1.0, lower: 0.722, upper: 1.0, n: 10 }),
            ..strong()
        };
        check(
            5,
            4,
            &evidence,
            "level 2\n \
             5 asked: level 5 by the intent\n \
             4 allowed: level 4 by the factory's policy -> allow the line more\n \
             3 coverage: 2 of 3 requirements covered by scenarios \
             -> write scenarios for 1 requirement more\n\
             *2 degenerates: 8 of 9 degenerate programs caught \
             -> write scenarios that catch 1 degenerate program more\n \
             4 sabotage: 7 of 10 sabotaged builds caught \
             -> write scenarios or checks that catch 8 of 10\n \
             4 satisfaction: 1.000 (95% interval 0.722 to 1.000, n = 10), \
             wanted lower bound 0.900 -> play at least 35 trajectories, all of them satisfied\n",
        );
    }

    #[test]
    fn the_twin_that_is_least_like_its_service_decides() {
        let decided = |twins: &[(&str, u64, u64)]| {
            let twins = twins.iter().map(|(service, passed, of)| TwinFidelity {
                service: (*service).to_owned(),
                passed: *passed,
                of: *of,
            });
            let evidence = Evidence { twins: twins.collect(), ..strong() };
            let decision = decide_level(Level(5), Level(5), &evidence);
            let term = decision.terms.into_iter().find(|term| term.name == TermName::Fidelity);
            let said =
                term.map(|term| format!("{}; {}", term.value, term.next.unwrap_or_default()));
            (decision.level.number(), said.unwrap_or_default())
        };
        assert_eq!(decided(&[]), (5, String::new()));
        let good =
            "twins: okta 100.0% of 275, at least 98.6%, slack 98.9% of 450, at least 97.4%; ";
        assert_eq!(decided(&[("okta", 275, 275), ("slack", 445, 450)]), (5, good.to_owned()));
        let few = "twins: hr 100.0% of 9, at least 70.1%; measure hr's twin by more recordings";
        assert_eq!(decided(&[("hr", 9, 9)]), (4, few.to_owned()));
        let unmeasured = "twins: hr not measured, okta 100.0% of 99, at least 96.3%; \
                          measure hr's twin: dark twin import --service hr RECORDINGS --save";
        assert_eq!(decided(&[("hr", 0, 0), ("okta", 99, 99)]), (4, unmeasured.to_owned()));
        let poor = "twins: hr not measured, okta 79.0% of 100, at least 70.0%; make okta's twin more like the service";
        assert_eq!(decided(&[("hr", 0, 0), ("okta", 79, 100)]), (3, poor.to_owned()));
    }

    #[test]
    fn nothing_tried_is_nothing_shown() {
        let evidence = Evidence {
            requirements_total: 0,
            requirements_covered: 0,
            degenerates_total: 0,
            degenerates_caught: 0,
            sabotaged_total: 0,
            sabotaged_caught: 0,
            satisfaction: None,
            satisfaction_wanted: 0.9,
            twins: Vec::new(),
        };
        check(
            3,
            5,
            &evidence,
            "level 2\n \
             3 asked: level 3 by the intent -> ask for more in the intent's `level`\n \
             5 allowed: level 5 by the factory's policy\n\
             *2 coverage: 0 of 0 requirements covered by scenarios \
             -> state at least one requirement\n\
             *2 degenerates: 0 of 0 degenerate programs caught \
             -> play the scenarios against degenerate programs\n \
             3 sabotage: 0 of 0 sabotaged builds caught \
             -> prove sabotaged copies of the build too\n\
             *2 satisfaction: no trajectory was played -> play the scenarios against the build\n",
        );
    }

    #[test]
    fn thresholds_lie_where_they_are_said_to_lie() {
        let sabotage = |caught, total| {
            let evidence =
                Evidence { sabotaged_caught: caught, sabotaged_total: total, ..strong() };
            decide_level(Level(5), Level(5), &evidence).level.number()
        };
        assert_eq!([sabotage(8, 10), sabotage(6, 10), sabotage(5, 10)], [5, 4, 3]);
        assert_eq!([sabotage(3, 3), sabotage(2, 2), sabotage(0, 1)], [5, 4, 3]);
        let satisfaction = |point, lower| {
            let found = Satisfaction { point, lower, upper: 1.0, n: 9 };
            let evidence = Evidence { satisfaction: Some(found), ..strong() };
            decide_level(Level(5), Level(5), &evidence).level.number()
        };
        assert_eq!([satisfaction(0.99, 0.9), satisfaction(1.0, 0.89)], [5, 4]);
        assert_eq!([satisfaction(0.99, 0.89), satisfaction(f64::NAN, f64::NAN)], [3, 3]);
    }

    #[test]
    fn the_number_of_trajectories_named_is_enough_and_one_less_is_not() {
        let lower = |n: f64| n / (n + Z_SQUARED);
        assert!(lower(35.0) >= 0.9 && lower(34.0) < 0.9);
    }

    #[test]
    fn decisions_and_evidence_are_read_as_they_are_written() {
        let decision = decide_level(Level(4), Level(5), &strong());
        let text = serde_json::to_string(&decision).unwrap();
        assert_eq!(serde_json::from_str::<LevelDecision>(&text).unwrap(), decision);
        let text = serde_json::to_string(&strong()).unwrap();
        assert_eq!(serde_json::from_str::<Evidence>(&text).unwrap(), strong());
        assert!(serde_json::from_str::<Level>("6").is_err());
    }

    proptest! {
        #[test]
        fn the_level_is_the_lowest_term_and_more_caught_never_lowers_it(
            asked in 0_u8..6, allowed in 0_u8..6, total in 0_u32..20, caught in 0_u32..20,
        ) {
            let with = |caught: u32| Evidence {
                degenerates_total: total,
                degenerates_caught: caught.min(total),
                sabotaged_total: total,
                sabotaged_caught: caught.min(total),
                ..strong()
            };
            let less = decide_level(Level(asked), Level(allowed), &with(caught));
            let more = decide_level(Level(asked), Level(allowed), &with(caught + 1));
            prop_assert!(less.level <= more.level);
            prop_assert!(less.level <= Level(asked.min(allowed)));
            for term in &less.terms {
                prop_assert_eq!(term.level == less.level, less.binding.contains(&term.name));
                prop_assert_eq!(term.next.is_none(), term.level == Level::LIGHTS_OFF);
            }
        }
    }
}
