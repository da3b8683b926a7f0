//! The compliance report: every deployment attempt of an environment in a period, tested against every check.
//!
//! It says what the ledger shows and does not show evidence for, never that something is compliant: that is for people
//! to judge. It states its population so that it can be counted again, and its limits.

mod attested;
mod csv;
mod duties;
mod elsewhere;
mod emergencies;
mod gates;
mod integrity;
pub mod oscal;
mod people;
mod population;
mod requirements;
mod samples;
mod sentences;
mod tested;

use std::collections::BTreeSet;

use ledger::sha256;
use serde::Serialize;

pub use self::attested::{AttestationRow, ManualRow, ManualState};
pub use self::duties::DutyRow;
pub use self::elsewhere::ElsewhereRow;
pub use self::emergencies::{AfterwardsRow, EmergencyRow, EmergencyShare};
pub use self::gates::FollowedRow;
pub use self::integrity::{Integrity, LogPeriod};
pub use self::people::DeclaredRow;
pub use self::population::Population;
pub use self::requirements::{Conclusion, FrameworkResult, RequirementRow};
pub use self::samples::{SampleItemRow, SampleRow};
pub use self::tested::{ExceptedRow, ExceptionRow, GapRow, LateRow, ResultRow};

use self::tested::Tested;
use super::assurance::CheckRow;
use super::{DocumentError, Generated, Request, open_period};
use crate::catalogue::Catalogue;
use crate::catalogue::framework::Framework;
use crate::check::{CATALOGUE, ParameterValue};
use crate::domain::attestation::Attestation;
use crate::domain::conclusion::Concluded;
use crate::domain::deployment::Deployment;
use crate::domain::exception::Exception;
use crate::domain::facts::Facts;
use crate::domain::gate::Decided;
use crate::domain::{EnvironmentName, Period, ServiceName};
use crate::reconcile::Completeness;

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
    /// The frameworks whose requirements are reported on.
    pub frameworks: &'a [&'a Framework],
    /// What frameworks concern, and the numbers of the checks.
    pub catalogue: &'a Catalogue,
    /// Facts: of the services in all environments, the evidence that speaks of them, the incidents of the environment.
    pub facts: &'a Facts,
    /// What ran in the period and what sources numbered, held against what was recorded.
    pub completeness: &'a Completeness,
    /// The log before and after the period.
    pub log: &'a LogPeriod<'a>,
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
    /// Attempts that meet the period and count in another.
    pub counted_elsewhere: Vec<ElsewhereRow>,
    /// What is not in the ledger although it should be.
    pub completeness: Completeness,
    /// Results by the requirements of frameworks.
    pub frameworks: Vec<FrameworkResult>,
    /// What people attest for what the report is about, and no requirement asks for.
    pub unasked_attestations: Vec<Attestation>,
    /// One row a check.
    pub results: Vec<ResultRow>,
    /// The verdicts of the checks of the ledger in the period.
    pub period_checks: Vec<CheckRow>,
    /// Deployments that failed a check, each with all its failures.
    pub exceptions: Vec<ExceptionRow>,
    /// Deployments that exceptions excused, each with all that it would have failed.
    pub excepted: Vec<ExceptedRow>,
    /// Exceptions that were in force in the period, or ran out in it.
    pub granted: Vec<Exception>,
    /// The samples that were issued, with what auditors concluded.
    pub samples: Vec<SampleRow>,
    /// Conclusions that name no sample that was issued before them, of those that may be about this.
    pub conclusions_without_sample: Vec<Concluded>,
    /// How many others name no such sample, and cannot be about this.
    pub conclusions_elsewhere: usize,
    /// Answers of the gate that were overridden.
    pub overrides: Vec<Decided>,
    /// Deployments that began although the gate had not allowed it, overridden or not.
    pub against_gate: Vec<FollowedRow>,
    /// What could not be evaluated, by check and reason.
    pub not_evaluable: Vec<GapRow>,
    /// How many are emergency changes, and whether that is a warning sign.
    pub emergency_share: EmergencyShare,
    /// All emergency changes and hotfixes.
    pub emergencies: Vec<EmergencyRow>,
    /// Deployments that were recorded late.
    pub late: Vec<LateRow>,
    /// People by the parts that they had.
    pub duties: Vec<DutyRow>,
    /// What is declared about the names and roles of these people, and of those who asked for or approved exceptions.
    pub aliases: Vec<DeclaredRow>,
    /// The log over the period.
    pub integrity: Integrity,
    /// The checks.
    pub method: Vec<MethodRow>,
    /// The numbers that they use.
    pub parameters: Vec<ParameterValue>,
    /// What the report does not show.
    pub limits: Vec<String>,
    /// The population as a table, and after it what counts in another period.
    #[serde(skip)]
    pub csv: String,
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

/// Composes a compliance report.
pub fn compose(input: &ComplianceInput<'_>) -> Result<ComplianceReport, DocumentError> {
    let period = input.period;
    let deployments = chosen(input, |found| period.contains(found.start_at()));
    let elsewhere = chosen(input, |found| found.counts_elsewhere(&period));
    let parameters = &input.catalogue.parameters;
    let tested = Tested::of(&deployments, input.facts, parameters);
    let results = ResultRow::all(&tested.results.iter().collect::<Vec<_>>());
    let beside = Tested::of(&elsewhere, input.facts, parameters);
    let counted_elsewhere = beside.results.iter().map(|results| ElsewhereRow::of(results, &period));
    let counted_elsewhere: Vec<ElsewhereRow> = counted_elsewhere.collect();
    let period_checks = input.log.checks(input, &counted_elsewhere).into_iter();
    let period_checks: Vec<CheckRow> = period_checks.map(CheckRow::of).collect();
    let frameworks = requirements::results(input, &tested, &beside, &period_checks);
    let against_gate = gates::followed(&deployments, input);
    let followed = [&against_gate[..], &gates::followed(&elsewhere, input)].concat();
    let csv = csv::table(&tested.results, &beside.results, &followed, input.facts)?;
    let population = Population::of(&deployments, sha256(csv.as_bytes()).to_string(), input);
    let (conclusions_without_sample, conclusions_elsewhere) = samples::without_sample(input, &deployments);
    let granted = granted(&tested, &period_checks, input);
    let aliases = people::declared(&deployments, &granted, input);
    let emergency_share = EmergencyShare::of(&deployments, parameters.max_emergency_percent);
    let subject = input
        .service
        .map_or_else(|| "all services".to_owned(), ToString::to_string);
    let mut summary = sentences::summary(
        &population,
        &results,
        &tested,
        &period_checks,
        &frameworks,
        &emergency_share,
        &against_gate,
    );
    let of_the_population = [
        open_period(&period, Some(input.log.recorded_until)),
        sentences::elsewhere(&counted_elsewhere),
    ];
    summary.splice(1..1, of_the_population.into_iter().flatten());
    Ok(ComplianceReport {
        context_version: super::CONTEXT_VERSION,
        document: "compliance_report",
        generated: input.request.generated(),
        title: format!("Deployment controls: {subject} in {}", input.environment),
        environment: input.environment.clone(),
        service: input.service.cloned(),
        period,
        summary,
        limits: [sentences::limits(&population), input.request.ledger.erased_notes()].concat(),
        population,
        counted_elsewhere,
        completeness: input.completeness.clone(),
        unasked_attestations: match input.frameworks {
            [] => Vec::new(),
            _ => attested::unasked(input),
        },
        frameworks,
        results,
        period_checks,
        exceptions: tested.exceptions,
        excepted: tested.excepted,
        granted,
        samples: samples::rows(input),
        conclusions_without_sample,
        conclusions_elsewhere,
        overrides: gates::overrides(input),
        against_gate,
        not_evaluable: tested.gaps,
        emergency_share,
        emergencies: tested.emergencies,
        late: tested.late,
        duties: duties::matrix(&deployments, input.facts),
        aliases,
        integrity: Integrity::of(input.log, &period),
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
        parameters: parameters.rows(),
        csv,
    })
}

/// The attempts that the report is about and that are wanted, by claimed start.
fn chosen<'a>(input: &ComplianceInput<'a>, wanted: impl Fn(&Deployment) -> bool) -> Vec<&'a Deployment> {
    let here = |found: &&Deployment| {
        found.environment == *input.environment && input.service.is_none_or(|service| found.service == *service)
    };
    let mut chosen: Vec<&Deployment> = input.facts.deployments.iter().filter(here).collect();
    chosen.retain(|found| wanted(found));
    chosen.sort_by_key(|found| (found.start_at(), found.index));
    chosen
}

/// The exceptions that held at any time of the period, of what the report is about, and all that were applied.
fn granted(tested: &Tested<'_>, period_checks: &[CheckRow], input: &ComplianceInput<'_>) -> Vec<Exception> {
    let period = input.period;
    let of_deployments = tested.results.iter().flat_map(|results| &results.applied);
    let of_period = period_checks
        .iter()
        .flat_map(|row| row.parts.iter().map(|part| &part.exception).chain([&row.exception]));
    let applied = of_deployments
        .map(|(_, exception)| exception)
        .chain(of_period.flatten());
    let applied: BTreeSet<u64> = applied.map(|exception| exception.index).collect();
    let concerns = |exception: &Exception| {
        let scope = &exception.grant.scope;
        (scope.environments.is_empty() || scope.environments.contains(input.environment))
            && input
                .service
                .is_none_or(|service| scope.services.is_empty() || scope.services.contains(service))
    };
    let in_period = |exception: &Exception| {
        exception.valid_from() < period.to && exception.grant.expires_at >= period.from && concerns(exception)
    };
    let shown = |exception: &&Exception| in_period(exception) || applied.contains(&exception.index);
    let found = input.facts.exceptions.iter().filter(shown);
    found.cloned().collect()
}
