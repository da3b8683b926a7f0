//! Results by requirement: the checks that a framework's requirements are supported by, taken together for each deployment and then over
//! those that the framework concerns.

use serde::Serialize;

use super::super::assurance::CheckRow;
use super::attested::{self, ManualRow};
use super::tested::{Counts, ResultRow, Results, Tested};
use super::{ComplianceInput, sentences};
use crate::catalogue::framework::{Coverage, Framework, Requirement, Support};
use crate::catalogue::scope::Scope;
use crate::check::CheckResult;
use crate::domain::{EnvironmentName, Instant, ServiceName};

/// What the ledger shows for a framework.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FrameworkResult {
    /// Its id.
    pub id: String,
    /// The edition that was mapped.
    pub version: String,
    /// Its name.
    pub title: String,
    /// Who publishes it.
    pub publisher: String,
    /// Where its controls can be had as an OSCAL catalogue.
    pub control_source: Option<String>,
    /// What it concerns, as the organisation declared; empty where it concerns everything.
    pub scopes: Vec<Scope>,
    /// How many deployments of the population it concerns.
    pub in_scope: usize,
    /// How many it does not.
    pub out_of_scope: usize,
    /// How many it concerns of those that meet the period and count in another.
    pub in_scope_elsewhere: usize,
    /// The results of the checks over those that it concerns.
    pub results: Vec<ResultRow>,
    /// Its requirements.
    pub requirements: Vec<RequirementRow>,
}

/// What the ledger shows for a requirement.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RequirementRow {
    /// Its number in the framework.
    pub id: String,
    /// A paraphrase.
    pub title: String,
    /// Its id as a token of OSCAL.
    pub control: String,
    /// Which checks support it, in words.
    pub supported_by: Option<String>,
    /// Their ids.
    pub checks: Vec<&'static str>,
    /// How far they reach.
    pub coverage: Coverage,
    /// How often they came out how, taken together; of a requirement that only checks of the period support, these.
    #[serde(flatten)]
    pub counts: Counts,
    /// The same over what meets the period and counts in another: no part of the numbers, nor of the conclusion.
    pub elsewhere: Counts,
    /// What that comes to.
    pub conclusion: Conclusion,
    /// The same in words.
    pub says: String,
    /// What people must attest beside it, with what they did.
    pub manual: Vec<ManualRow>,
    /// What the checks leave open.
    pub note: Option<String>,
}

/// What the results come to for a requirement, within its tolerance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Conclusion {
    /// The ledger shows evidence for it.
    Shown,
    /// The ledger shows that more failed than is tolerated.
    NotShown,
    /// The ledger holds too little to tell.
    Insufficient,
    /// It concerned no deployment.
    NotApplicable,
    /// No check speaks to it, only people can.
    Manual,
}

/// The deployments that are judged.
struct Judged<'j, 'a> {
    /// Of the population.
    here: Vec<&'j Results<'a>>,
    /// Of those that meet the period and count in another.
    elsewhere: Vec<&'j Results<'a>>,
}

/// What the ledger shows for the frameworks that are asked for: of the population, and beside it of what counts in another period.
pub(super) fn results(
    input: &ComplianceInput<'_>,
    tested: &Tested<'_>,
    beside: &Tested<'_>,
    period: &[CheckRow],
) -> Vec<FrameworkResult> {
    let rows = input.frameworks.iter().map(|framework| {
        let scopes: Vec<Scope> = input.catalogue.scopes_of(&framework.id).cloned().collect();
        let concerns =
            |results: &&Results<'_>| scopes.is_empty() || scopes.iter().any(|scope| scope.covers(results.deployment));
        let judged = Judged {
            here: tested.results.iter().filter(concerns).collect(),
            elsewhere: beside.results.iter().filter(concerns).collect(),
        };
        FrameworkResult {
            id: framework.id.clone(),
            version: framework.version.clone(),
            title: framework.title.clone(),
            publisher: framework.publisher.clone(),
            control_source: framework.control_source.clone(),
            in_scope: judged.here.len(),
            out_of_scope: tested.results.len() - judged.here.len(),
            in_scope_elsewhere: judged.elsewhere.len(),
            results: ResultRow::all(&judged.here),
            requirements: framework
                .requirements
                .iter()
                .map(|requirement| RequirementRow::of(requirement, framework, input, &judged, period))
                .collect(),
            scopes,
        }
    });
    rows.collect()
}

impl FrameworkResult {
    /// Whether what is of a place at a time concerns it.
    pub(super) fn concerns(&self, service: &ServiceName, environment: &EnvironmentName, at: Instant) -> bool {
        let mut scopes = self.scopes.iter();
        self.scopes.is_empty() || scopes.any(|scope| scope.covers_at(service, environment, at))
    }
}

impl RequirementRow {
    fn of(
        requirement: &Requirement,
        framework: &Framework,
        input: &ComplianceInput<'_>,
        judged: &Judged<'_, '_>,
        period: &[CheckRow],
    ) -> Self {
        let checks = requirement
            .supported_by
            .as_ref()
            .map(Support::checks)
            .unwrap_or_default();
        let of_period = period.iter().filter(|row| checks.contains(&row.id));
        let mut of_period: Vec<(&str, CheckResult)> = of_period.map(|row| (row.id, row.result)).collect();
        let results: Vec<CheckResult> = of_period.iter().map(|(_, result)| *result).collect();
        // Those of the period have no result for a deployment, and are taken together beside.
        let alone = results.len() == checks.len();
        let whole = requirement.supported_by.as_ref().filter(|_| !results.is_empty());
        let whole = whole.map(|support| together(support, results.iter().map(|result| Some(*result))));
        let (mut counts, mut elsewhere) = (Counts::default(), Counts::default());
        match &requirement.supported_by {
            Some(_) if alone => of_period.drain(..).for_each(|(_, result)| counts.add(result)),
            Some(support) => {
                let places: Vec<usize> = support.checks().iter().filter_map(|id| Results::place(id)).collect();
                let of = |results: &&Results<'_>| together(support, places.iter().map(|place| results.at(*place)));
                judged.here.iter().map(of).for_each(|result| counts.add(result));
                judged.elsewhere.iter().map(of).for_each(|result| elsewhere.add(result));
            }
            None => {}
        }
        let conclusion = conclude(requirement, &counts, alone, whole);
        Self {
            id: requirement.id.clone(),
            title: requirement.title.clone(),
            control: requirement.control.clone(),
            supported_by: requirement.supported_by.as_ref().map(Support::words),
            checks: requirement
                .supported_by
                .as_ref()
                .map(|support| support.checks().to_vec())
                .unwrap_or_default(),
            coverage: requirement.coverage,
            counts,
            elsewhere,
            conclusion,
            says: sentences::requirement(conclusion, &counts, &of_period, &elsewhere),
            manual: requirement
                .manual
                .iter()
                .map(|asked| attested::row(asked, framework, input))
                .collect(),
            note: requirement.note.clone(),
        }
    }
}

/// The results of several checks, of one deployment or of the period, as one.
fn together(support: &Support, results: impl Iterator<Item = Option<CheckResult>>) -> CheckResult {
    let (mut all, mut pass, mut excepted, mut not_applicable, mut not_evaluable) = (0, 0, 0, 0, 0);
    for result in results {
        all += 1;
        match result {
            Some(CheckResult::Pass) => pass += 1,
            Some(CheckResult::Excepted) => excepted += 1,
            Some(CheckResult::NotApplicable) => not_applicable += 1,
            Some(CheckResult::NotEvaluable) => not_evaluable += 1,
            Some(CheckResult::Fail) | None => {}
        }
    }
    let needed = match support {
        Support::All(_) => all - not_applicable,
        Support::Any(_) => 1,
        // What does not apply cannot be asked for.
        Support::NOf { n, .. } => (*n).min(all - not_applicable),
    };
    if not_applicable == all {
        CheckResult::NotApplicable
    } else if pass >= needed {
        CheckResult::Pass
    } else if pass + excepted >= needed {
        CheckResult::Excepted
    } else if pass + excepted + not_evaluable >= needed {
        CheckResult::NotEvaluable
    } else {
        CheckResult::Fail
    }
}

/// What the results come to: of checks of the period `alone`, what these come to as a `whole`; else of the deployments, where what
/// failed of the period fails them all.
fn conclude(requirement: &Requirement, counts: &Counts, alone: bool, whole: Option<CheckResult>) -> Conclusion {
    let share = |part: usize, of: usize| part as f64 / of as f64;
    let applicable = counts.tested + counts.not_evaluable;
    if requirement.supported_by.is_none() {
        return Conclusion::Manual;
    }
    match whole {
        Some(CheckResult::Fail) => return Conclusion::NotShown,
        Some(CheckResult::NotEvaluable) if alone || applicable == 0 => return Conclusion::Insufficient,
        Some(CheckResult::Pass) if alone => return Conclusion::Shown,
        Some(_) | None => {}
    }
    if applicable == 0 {
        Conclusion::NotApplicable
    } else if counts.tested > 0 && share(counts.fail, counts.tested) > requirement.tolerance.max_fail_rate {
        Conclusion::NotShown
    } else if share(counts.tested, applicable) < requirement.tolerance.min_evaluable
        // What was only excepted shows that it was allowed, not that it was done.
        || counts.pass == 0
        || whole == Some(CheckResult::NotEvaluable)
    {
        Conclusion::Insufficient
    } else {
        Conclusion::Shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::framework::Tolerance;
    use crate::check::CheckResult::{Excepted, Fail, NotApplicable, NotEvaluable, Pass};

    #[test]
    fn what_does_not_apply_is_not_asked_for_and_any_needs_one() {
        let of =
            |support: &Support, results: &[CheckResult]| together(support, results.iter().map(|result| Some(*result)));
        let two = Support::NOf { n: 2, of: Vec::new() };
        assert_eq!(of(&two, &[NotApplicable, NotApplicable, Pass]), Pass);
        assert_eq!(of(&two, &[NotApplicable, Fail, Pass]), Fail);
        assert_eq!(of(&two, &[NotApplicable, NotApplicable]), NotApplicable);
        assert_eq!(of(&Support::Any(Vec::new()), &[Pass, NotEvaluable]), Pass);
        assert_eq!(of(&Support::All(Vec::new()), &[Pass, NotEvaluable]), NotEvaluable);
    }

    #[test]
    fn exceptions_alone_are_no_evidence_and_the_period_counts_without_deployments() {
        let requirement = Requirement {
            id: "R".to_owned(),
            title: String::new(),
            control: String::new(),
            supported_by: Some(Support::All(Vec::new())),
            coverage: Coverage::Partial,
            tolerance: Tolerance::default(),
            manual: Vec::new(),
            note: None,
        };
        let of = |results: &[CheckResult], whole| {
            let mut counts = Counts::default();
            results.iter().for_each(|result| counts.add(*result));
            conclude(&requirement, &counts, false, whole)
        };
        assert_eq!(of(&[Pass, Excepted], None), Conclusion::Shown);
        assert_eq!(of(&[Excepted, Excepted], None), Conclusion::Insufficient);
        assert_eq!(of(&[], Some(Fail)), Conclusion::NotShown);
        assert_eq!(of(&[], Some(NotEvaluable)), Conclusion::Insufficient);
        assert_eq!(of(&[], Some(Pass)), Conclusion::NotApplicable);
    }
}
