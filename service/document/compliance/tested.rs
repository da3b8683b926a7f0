//! The verdicts of all checks over a population, kept as small as a report needs them: of each deployment the bare results, in full
//! only what failed, what could not be evaluated, and what is listed in any case.

use std::collections::HashMap;

use serde::Serialize;

use super::super::Links;
use super::super::assurance::{CheckRow, checks};
use super::super::rows::DeploymentRow;
use super::emergencies::EmergencyRow;
use super::sentences;
use crate::check::{Applied, CheckResult, Parameters, of_deployments};
use crate::domain::deployment::Deployment;
use crate::domain::extension::DeploymentKind;
use crate::domain::facts::Facts;
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

impl ResultRow {
    /// One row a check, over these deployments.
    pub(super) fn all(of: &[&Results<'_>]) -> Vec<Self> {
        let rows = of_deployments().enumerate().map(|(at, check)| {
            let mut counts = Counts::default();
            of.iter()
                .filter_map(|results| results.at(at))
                .for_each(|result| counts.add(result));
            Self {
                id: check.id,
                title: check.title,
                conclusion: sentences::conclusion(&counts),
                counts,
            }
        });
        rows.collect()
    }
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

/// A deployment that exceptions excused.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ExceptedRow {
    /// The deployment.
    pub deployment: DeploymentRow,
    /// What it would have failed, each with the exception that allowed it.
    pub checks: Vec<CheckRow>,
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
    /// The exceptions that were applied, each with the check that it excused.
    pub(super) applied: Vec<(&'static str, Applied)>,
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
    pub(super) excepted: Vec<ExceptedRow>,
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

    fn add(&mut self, deployment: &'a Deployment, checks: Vec<CheckRow>, facts: &Facts) {
        self.results.push(Results {
            deployment,
            results: checks.iter().map(|row| row.result).collect(),
            applied: checks
                .iter()
                .filter_map(|row| Some((row.id, row.exception.clone()?)))
                .collect(),
        });
        if matches!(deployment.kind.kind, DeploymentKind::Emergency | DeploymentKind::Hotfix) {
            self.emergencies.push(EmergencyRow::of(deployment, &checks, facts));
        }
        let (mut failures, mut excepted) = (Vec::new(), Vec::new());
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
                CheckResult::Excepted => excepted.push(row),
                CheckResult::Pass | CheckResult::NotApplicable => {}
            }
        }
        if !excepted.is_empty() {
            self.excepted.push(ExceptedRow {
                deployment: DeploymentRow::of(deployment),
                checks: excepted,
            });
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
