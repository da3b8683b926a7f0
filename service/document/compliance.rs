//! The compliance report: every deployment attempt of an environment in a period, tested against every check.
//!
//! It says what the ledger shows and does not show evidence for, never that something is compliant: that is for people
//! to judge. It states its population so that it can be counted again, and its limits.

mod sentences;

use std::collections::BTreeMap;

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::assurance::{CheckRow, checks};
use super::rows::DeploymentRow;
use super::{Generated, Links, Request};
use crate::check::{self, CATALOGUE, CheckResult, Parameters};
use crate::domain::deployment::Deployment;
use crate::domain::extension::DeploymentKind;
use crate::domain::facts::Facts;
use crate::domain::words::span;
use crate::domain::{EnvironmentName, Outcome, Period, ServiceName};

/// Name of the built-in template.
pub const TEMPLATE: &str = "compliance-report.md";

/// What a compliance report is composed from.
#[derive(Debug, Clone, Copy)]
pub struct ComplianceInput<'a> {
    /// What was asked, of which state of the ledger.
    pub request: Request<'a>,
    /// The environment.
    pub environment: &'a EnvironmentName,
    /// Only this service; all where none is given.
    pub service: Option<&'a ServiceName>,
    /// The period.
    pub period: Period,
    /// Facts: of the services in all environments, the evidence that speaks of them, the incidents of the environment.
    pub facts: &'a Facts,
    /// Numbers of the checks.
    pub parameters: &'a Parameters,
}

/// The context of a compliance report.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ComplianceReport {
    /// See [`super::CONTEXT_VERSION`].
    pub context_version: u32,
    /// `compliance_report`.
    pub document: &'static str,
    /// What it was made from.
    pub generated: Generated,
    /// One line.
    pub title: String,
    /// The environment.
    pub environment: EnvironmentName,
    /// The service, where it speaks of one.
    pub service: Option<ServiceName>,
    /// The period.
    pub period: Period,
    /// Sentences that say the main things.
    pub summary: Vec<String>,
    /// What was looked at.
    pub population: Population,
    /// One row a check.
    pub results: Vec<ResultRow>,
    /// Deployments that failed a check, each with all its failures.
    pub exceptions: Vec<ExceptionRow>,
    /// What could not be evaluated, by check and reason.
    pub not_evaluable: Vec<GapRow>,
    /// All emergency changes and hotfixes.
    pub emergencies: Vec<EmergencyRow>,
    /// Deployments that were recorded late.
    pub late: Vec<LateRow>,
    /// The checks.
    pub method: Vec<MethodRow>,
    /// The numbers that they use.
    pub parameters: Vec<ParameterRow>,
    /// What the report does not show.
    pub limits: Vec<String>,
}

/// The deployments that a report speaks of.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Population {
    /// The rule by which they were chosen.
    pub rule: String,
    /// How many.
    pub count: usize,
    /// Index of the first entry about any of them.
    pub first_index: Option<u64>,
    /// Index of the last entry about any of them.
    pub last_index: Option<u64>,
    /// SHA-256 of their ids, sorted by bytes, each followed by a line feed.
    pub ids_sha256: String,
    /// By service.
    pub services: Vec<ServiceRow>,
    /// By kind.
    pub kinds: Vec<KindRow>,
    /// How many have records that came over a shared secret.
    pub over_shared_secret: usize,
    /// All of them, by start.
    pub deployments: Vec<DeploymentRow>,
}

/// The population of a service, by how it ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ServiceRow {
    /// The service.
    pub service: ServiceName,
    /// All attempts.
    pub attempts: usize,
    /// Those that succeeded.
    pub succeeded: usize,
    /// Those that failed or could not run.
    pub failed: usize,
    /// Those that were cancelled.
    pub cancelled: usize,
    /// Those without a recorded end.
    pub unfinished: usize,
}

/// How many are of a kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KindRow {
    /// The kind.
    pub kind: &'static str,
    /// How many.
    pub count: usize,
    /// Of how many of them no producer said it.
    pub derived: usize,
}

/// The results of a check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ResultRow {
    /// Id of the check.
    pub id: &'static str,
    /// What it asks for.
    pub title: &'static str,
    /// Passed, failed or excepted.
    pub tested: usize,
    /// Five counts, which add up to the population.
    pub pass: usize,
    /// See above.
    pub fail: usize,
    /// See above.
    pub excepted: usize,
    /// See above.
    pub not_applicable: usize,
    /// See above.
    pub not_evaluable: usize,
    /// What that comes to, in words.
    pub conclusion: String,
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
    /// The first entries of these deployments.
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

/// A record that came late.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LateRow {
    /// The deployment.
    pub deployment: DeploymentRow,
    /// What DL-POP-4 found.
    pub found: String,
}

/// A check as it was run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MethodRow {
    /// Its id.
    pub id: &'static str,
    /// Its version.
    pub version: u32,
    /// What it asks for.
    pub title: &'static str,
    /// When it passes.
    pub definition: &'static str,
    /// When it does not apply, and when it cannot be evaluated.
    pub limits: &'static str,
}

/// A number that checks use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ParameterRow {
    /// The check.
    pub check: &'static str,
    /// What it sets.
    pub name: &'static str,
    /// Its value in words.
    pub value: String,
}

/// A deployment with the verdicts of all checks.
struct Tested<'a> {
    deployment: &'a Deployment,
    checks: Vec<CheckRow>,
}

/// Composes a compliance report.
pub fn compose(input: &ComplianceInput<'_>) -> ComplianceReport {
    let period = input.period;
    let mut population: Vec<&Deployment> = input
        .facts
        .deployments
        .iter()
        .filter(|d| d.environment == *input.environment && input.service.is_none_or(|service| d.service == *service))
        .filter(|d| period.contains(d.start_at()))
        .collect();
    population.sort_by_key(|d| (d.start_at(), d.index));
    let links = Links::of(input.facts);
    let tested: Vec<Tested<'_>> = population
        .iter()
        .map(|deployment| Tested {
            deployment,
            checks: checks(deployment, input.facts, &links, input.parameters),
        })
        .collect();
    let results = results(&tested);
    let population = Population::of(&population, input);
    let emergencies = emergencies(&tested, input.facts);
    let subject = input
        .service
        .map_or_else(|| "all services".to_owned(), ToString::to_string);
    ComplianceReport {
        context_version: super::CONTEXT_VERSION,
        document: "compliance_report",
        generated: input.request.generated(),
        title: format!("Deployment controls: {subject} in {}", input.environment),
        environment: input.environment.clone(),
        service: input.service.cloned(),
        period,
        summary: sentences::summary(&population, &results, &tested, &emergencies),
        exceptions: exceptions(&tested),
        not_evaluable: gaps(&tested),
        late: late(&tested),
        limits: [sentences::limits(&population), input.request.ledger.erased_notes()].concat(),
        emergencies,
        results,
        population,
        method: CATALOGUE
            .iter()
            .map(|check| MethodRow {
                id: check.id,
                version: check.version,
                title: check.title,
                definition: check.definition,
                limits: check.limits,
            })
            .collect(),
        parameters: sentences::parameters(input.parameters),
    }
}

impl Population {
    fn of(population: &[&Deployment], input: &ComplianceInput<'_>) -> Self {
        let mut ids: Vec<&str> = population.iter().map(|d| d.id.as_str()).collect();
        ids.sort_unstable();
        let mut hash = Sha256::new();
        for id in ids {
            hash.update(id.as_bytes());
            hash.update(b"\n");
        }
        let mut services: BTreeMap<&ServiceName, ServiceRow> = BTreeMap::new();
        let mut kinds: BTreeMap<&'static str, KindRow> = BTreeMap::new();
        for deployment in population {
            let row = services
                .entry(&deployment.service)
                .or_insert_with(|| ServiceRow::empty(&deployment.service));
            row.attempts += 1;
            match deployment.outcome() {
                Some(Outcome::Success) => row.succeeded += 1,
                Some(Outcome::Failure | Outcome::Error) => row.failed += 1,
                Some(Outcome::Cancel) => row.cancelled += 1,
                None => row.unfinished += 1,
            }
            let kind = deployment.kind.kind.as_str();
            let row = kinds.entry(kind).or_insert(KindRow {
                kind,
                count: 0,
                derived: 0,
            });
            row.count += 1;
            row.derived += usize::from(deployment.kind.said_at.is_none());
        }
        let indexes = || population.iter().flat_map(|d| d.indexes());
        let service = input.service.map_or_else(|| "any".to_owned(), |s| format!("'{s}'"));
        Self {
            rule: format!(
                "deployment attempts where environment = '{}' and service = {service} and claimed start >= {} and \
                 claimed start < {} and entry index < {}",
                input.environment, input.period.from, input.period.to, input.request.ledger.tree_size,
            ),
            count: population.len(),
            first_index: indexes().min(),
            last_index: indexes().max(),
            ids_sha256: hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect(),
            services: services.into_values().collect(),
            kinds: kinds.into_values().collect(),
            over_shared_secret: population.iter().filter(|d| d.over_shared_secret()).count(),
            deployments: population.iter().map(|d| DeploymentRow::of(d)).collect(),
        }
    }
}

impl ServiceRow {
    fn empty(service: &ServiceName) -> Self {
        Self {
            service: service.clone(),
            attempts: 0,
            succeeded: 0,
            failed: 0,
            cancelled: 0,
            unfinished: 0,
        }
    }
}

fn results(tested: &[Tested<'_>]) -> Vec<ResultRow> {
    let rows = check::of_deployments().map(|check| {
        let verdicts = || tested.iter().flat_map(|t| &t.checks).filter(|row| row.id == check.id);
        let count = |result| verdicts().filter(|row| row.result == result).count();
        let (pass, fail, excepted) = (
            count(CheckResult::Pass),
            count(CheckResult::Fail),
            count(CheckResult::Excepted),
        );
        let not_evaluable = count(CheckResult::NotEvaluable);
        ResultRow {
            id: check.id,
            title: check.title,
            tested: pass + fail + excepted,
            pass,
            fail,
            excepted,
            not_applicable: count(CheckResult::NotApplicable),
            not_evaluable,
            conclusion: sentences::conclusion(pass, fail, excepted, not_evaluable),
        }
    });
    rows.collect()
}

fn exceptions(tested: &[Tested<'_>]) -> Vec<ExceptionRow> {
    let rows = tested.iter().filter_map(|t| {
        let failures: Vec<CheckRow> = t
            .checks
            .iter()
            .filter(|row| row.result == CheckResult::Fail)
            .cloned()
            .collect();
        (!failures.is_empty()).then(|| ExceptionRow {
            deployment: DeploymentRow::of(t.deployment),
            failures,
        })
    });
    rows.collect()
}

fn gaps(tested: &[Tested<'_>]) -> Vec<GapRow> {
    let mut gaps: Vec<GapRow> = Vec::new();
    for check in check::of_deployments() {
        for t in tested {
            let row = t
                .checks
                .iter()
                .find(|row| row.id == check.id && row.result == CheckResult::NotEvaluable);
            let Some(row) = row else { continue };
            let index = t.deployment.index;
            match gaps.iter_mut().find(|gap| gap.id == row.id && gap.reason == row.found) {
                Some(gap) => {
                    gap.count += 1;
                    gap.indexes.push(index);
                }
                None => gaps.push(GapRow {
                    id: row.id,
                    reason: row.found.clone(),
                    count: 1,
                    indexes: vec![index],
                }),
            }
        }
    }
    gaps
}

fn emergencies(tested: &[Tested<'_>], facts: &Facts) -> Vec<EmergencyRow> {
    let urgent = |d: &Deployment| matches!(d.kind.kind, DeploymentKind::Emergency | DeploymentKind::Hotfix);
    let rows = tested.iter().filter(|t| urgent(t.deployment)).map(|t| {
        let verdict = t.checks.iter().find(|row| row.id == "DL-EMG-1");
        let approvals = facts
            .evidence
            .approvals_of(t.deployment)
            .into_iter()
            .map(|(approval, _)| {
                let person = approval.person.as_deref().unwrap_or("nobody named");
                let early = approval.origin.occurred_at < t.deployment.start_at();
                let side = if early { "before" } else { "after" };
                let distance = span(approval.origin.occurred_at.millis_since(t.deployment.start_at()));
                format!("{} by {person} {distance} {side} the start", approval.answer.as_str())
            });
        EmergencyRow {
            deployment: DeploymentRow::of(t.deployment),
            remediates: t.deployment.remediates.as_ref().map(|r| r.value.clone()),
            approvals: approvals.collect(),
            justified: verdict.map_or("not evaluable", |row| row.result_words),
            found: verdict.map(|row| row.found.clone()).unwrap_or_default(),
            evidence: verdict.map(|row| row.evidence.clone()).unwrap_or_default(),
        }
    });
    rows.collect()
}

fn late(tested: &[Tested<'_>]) -> Vec<LateRow> {
    let rows = tested.iter().filter_map(|t| {
        let row = t
            .checks
            .iter()
            .find(|row| row.id == "DL-POP-4" && row.result == CheckResult::Fail)?;
        Some(LateRow {
            deployment: DeploymentRow::of(t.deployment),
            found: row.found.clone(),
        })
    });
    rows.collect()
}
