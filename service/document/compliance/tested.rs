//! The verdicts of all checks over a population, kept as small as a report needs them: of each deployment the bare results, in full
//! only what failed, what could not be evaluated, and what is listed in any case.

use std::collections::HashMap;

use serde::Serialize;

use super::super::Links;
use super::super::assurance::{CheckRow, checks};
use super::super::rows::DeploymentRow;
use super::sentences;
use crate::check::{CheckResult, Parameters, of_deployments};
use crate::domain::deployment::Deployment;
use crate::domain::extension::DeploymentKind;
use crate::domain::facts::Facts;
use crate::domain::words::span;
use crate::metrics::MIN_PERCENTAGE;
use crate::parallel;

/// Deployments whose verdicts are held in full at once.
const AT_ONCE: usize = 2048;
/// Most deployments that are named for one reason why a check could not be evaluated.
const NAMED: usize = 1000;

/// The results of a check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ResultRow {
    /// Id of the check.
    pub id: &'static str,
    /// What it asks for.
    pub title: &'static str,
    /// How often it came out how.
    #[serde(flatten)]
    pub counts: Counts,
    /// What that comes to, in words.
    pub conclusion: String,
}

/// How often something came out how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Passed, failed or excepted.
    pub tested: usize,
    /// Five counts, which add up to what was looked at.
    pub pass: usize,
    /// See above.
    pub fail: usize,
    /// See above.
    pub excepted: usize,
    /// See above.
    pub not_applicable: usize,
    /// See above.
    pub not_evaluable: usize,
}

impl Counts {
    pub(super) fn add(&mut self, result: CheckResult) {
        let (count, tested) = match result {
            CheckResult::Pass => (&mut self.pass, 1),
            CheckResult::Fail => (&mut self.fail, 1),
            CheckResult::Excepted => (&mut self.excepted, 1),
            CheckResult::NotApplicable => (&mut self.not_applicable, 0),
            CheckResult::NotEvaluable => (&mut self.not_evaluable, 0),
        };
        *count += 1;
        self.tested += tested;
    }
}

/// A deployment that failed checks.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ExceptionRow {
    /// The deployment.
    pub deployment: DeploymentRow,
    /// What it failed.
    pub failures: Vec<CheckRow>,
}

/// Why a check could not be evaluated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GapRow {
    /// Id of the check.
    pub id: &'static str,
    /// What is missing.
    pub reason: String,
    /// Of how many deployments.
    pub count: usize,
    /// The first entries of these deployments, at most the first thousand.
    pub indexes: Vec<u64>,
}

/// An emergency change.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EmergencyRow {
    /// The deployment.
    pub deployment: DeploymentRow,
    /// What it repairs.
    pub remediates: Option<String>,
    /// Who approved, and when, before or after.
    pub approvals: Vec<String>,
    /// The verdict of DL-EMG-1, in words; hotfixes that are no emergencies need none.
    pub justified: &'static str,
    /// What that rests on.
    pub found: String,
    /// Indexes of the entries.
    pub evidence: Vec<u64>,
}

/// How many deployments are emergency changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EmergencyShare {
    /// How many.
    pub count: usize,
    /// Out of how many.
    pub of: usize,
    /// Above this many percent it is a warning sign.
    pub max_percent: usize,
    /// Whether it is above; none where there are too few to speak of a share.
    pub above: Option<bool>,
}

impl EmergencyShare {
    pub(super) fn of(population: &[&Deployment], max_percent: usize) -> Self {
        let emergencies = population
            .iter()
            .filter(|found| found.kind.kind == DeploymentKind::Emergency);
        let (count, of) = (emergencies.count(), population.len());
        Self {
            count,
            of,
            max_percent,
            above: (of >= MIN_PERCENTAGE).then(|| count * 100 > of * max_percent),
        }
    }
}

/// A record that came late.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LateRow {
    /// The deployment.
    pub deployment: DeploymentRow,
    /// What DL-POP-4 found.
    pub found: String,
}

/// A deployment with the bare results of all checks.
pub(super) struct Results<'a> {
    pub(super) deployment: &'a Deployment,
    /// In the order of [`of_deployments`].
    results: Vec<CheckResult>,
}

impl Results<'_> {
    /// Where the result of a check stands, if it is one of deployments.
    pub(super) fn place(id: &str) -> Option<usize> {
        of_deployments().position(|check| check.id == id)
    }

    /// The result at a place.
    pub(super) fn at(&self, place: usize) -> Option<CheckResult> {
        self.results.get(place).copied()
    }

    pub(super) fn any(&self, wanted: CheckResult) -> bool {
        self.results.contains(&wanted)
    }

    /// Each check with its result.
    pub(super) fn each(&self) -> impl Iterator<Item = (&'static str, CheckResult)> {
        of_deployments().map(|check| check.id).zip(self.results.iter().copied())
    }
}

/// What all checks said of a population.
#[derive(Default)]
pub(super) struct Tested<'a> {
    pub(super) results: Vec<Results<'a>>,
    pub(super) exceptions: Vec<ExceptionRow>,
    pub(super) gaps: Vec<GapRow>,
    pub(super) emergencies: Vec<EmergencyRow>,
    pub(super) late: Vec<LateRow>,
    /// Where the reason of a check stands among the gaps.
    known: HashMap<(&'static str, String), usize>,
}

impl<'a> Tested<'a> {
    pub(super) fn of(population: &[&'a Deployment], facts: &Facts, parameters: &Parameters) -> Self {
        let links = Links::of(facts);
        let mut tested = Self::default();
        let check = |deployment: &&'a Deployment| checks(deployment, facts, &links, parameters);
        for some in population.chunks(AT_ONCE) {
            for (deployment, rows) in some.iter().zip(parallel::map(some, check)) {
                tested.add(deployment, rows, facts);
            }
        }
        let order = |gap: &GapRow| of_deployments().position(|check| check.id == gap.id);
        tested.gaps.sort_by_key(order);
        tested
    }

    /// One row a check.
    pub(super) fn rows(&self) -> Vec<ResultRow> {
        let rows = of_deployments().enumerate().map(|(at, check)| {
            let mut counts = Counts::default();
            for results in &self.results {
                counts.add(results.results[at]);
            }
            ResultRow {
                id: check.id,
                title: check.title,
                conclusion: sentences::conclusion(&counts),
                counts,
            }
        });
        rows.collect()
    }

    fn add(&mut self, deployment: &'a Deployment, checks: Vec<CheckRow>, facts: &Facts) {
        self.results.push(Results {
            deployment,
            results: checks.iter().map(|row| row.result).collect(),
        });
        if matches!(deployment.kind.kind, DeploymentKind::Emergency | DeploymentKind::Hotfix) {
            self.emergencies.push(emergency(deployment, &checks, facts));
        }
        let mut failures = Vec::new();
        for row in checks {
            match row.result {
                CheckResult::Fail => {
                    if row.id == "DL-POP-4" {
                        self.late.push(LateRow {
                            deployment: DeploymentRow::of(deployment),
                            found: row.found.clone(),
                        });
                    }
                    failures.push(row);
                }
                CheckResult::NotEvaluable => self.gap(deployment, row),
                CheckResult::Pass | CheckResult::Excepted | CheckResult::NotApplicable => {}
            }
        }
        if !failures.is_empty() {
            self.exceptions.push(ExceptionRow {
                deployment: DeploymentRow::of(deployment),
                failures,
            });
        }
    }

    fn gap(&mut self, deployment: &Deployment, row: CheckRow) {
        let next = self.gaps.len();
        let at = *self.known.entry((row.id, row.found.clone())).or_insert(next);
        if at == next {
            self.gaps.push(GapRow {
                id: row.id,
                reason: row.found,
                count: 0,
                indexes: Vec::new(),
            });
        }
        let gap = &mut self.gaps[at];
        gap.count += 1;
        if gap.indexes.len() < NAMED {
            gap.indexes.push(deployment.index);
        }
    }
}

fn emergency(deployment: &Deployment, checks: &[CheckRow], facts: &Facts) -> EmergencyRow {
    let verdict = checks.iter().find(|row| row.id == "DL-EMG-1");
    let approvals = facts
        .evidence
        .approvals_of(deployment)
        .into_iter()
        .map(|(approval, _)| {
            let person = approval.person.as_deref().unwrap_or("nobody named");
            let early = approval.origin.occurred_at < deployment.start_at();
            let side = if early { "before" } else { "after" };
            let distance = span(approval.origin.occurred_at.millis_since(deployment.start_at()));
            format!("{} by {person} {distance} {side} the start", approval.answer.as_str())
        });
    EmergencyRow {
        deployment: DeploymentRow::of(deployment),
        remediates: deployment.remediates.as_ref().map(|r| r.value.clone()),
        approvals: approvals.collect(),
        justified: verdict.map_or("not evaluable", |row| row.result_words),
        found: verdict.map(|row| row.found.clone()).unwrap_or_default(),
        evidence: verdict.map(|row| row.evidence.clone()).unwrap_or_default(),
    }
}
