//! The service report: what was delivered to an environment in a period, how well, and what waits for a decision. For
//! managers: words and numbers first, each with the entries behind it, and charts that say nothing else.
//!
//! Numbers are those of [`metrics`]; nothing is counted here in a second way. No number is of a person, nor are people
//! ranked. What is not known is said to be, and never 0.

mod backlog;
mod chart;
mod glance;
mod sentences;
mod shipped;
mod stability;

use std::collections::BTreeSet;

use serde::Serialize;

use super::assurance::checks;
use super::changes::first_line;
use super::rows::{DeploymentRow, shared_ids};
use super::{Generated, Links, Request};
use crate::check::{self, CheckResult, Parameters};
use crate::domain::deployment::{Deployment, Role, Status};
use crate::domain::extension::DeploymentKind;
use crate::domain::facts::Facts;
use crate::domain::{EnvironmentName, Instant, Period, ServiceName};
use crate::metrics::{
    self, ApprovalLeadTime, Bucket, Frequency, Input, LeadTime, Link, MATURITY_HOURS, MetricsError, Performance, Query,
};

pub use backlog::Backlog;
pub use chart::{Chart, Series};
pub use glance::{Glance, at_a_glance};
pub use shipped::{Shipped, ShippedRow, TextRow};
pub use stability::{Failed, Stability};

/// Name of the built-in template.
pub const TEMPLATE: &str = "service-report.md";

/// How long after the period what is announced may begin and still be told.
pub const NEXT_MS: i64 = 31 * 24 * 3_600_000;

/// What a service report is composed from.
#[derive(Debug, Clone, Copy)]
pub struct ServiceReportInput<'a> {
    /// What was asked, of which state of the ledger.
    pub request: Request<'a>,
    /// The environment.
    pub environment: &'a EnvironmentName,
    /// Only these services; all where none is named.
    pub services: &'a BTreeSet<ServiceName>,
    /// Only what this team owned when it happened; all where none is named.
    pub team: Option<&'a str>,
    /// The period.
    pub period: Period,
    /// When the first entry was recorded; none in an empty log.
    pub recorded_from: Option<Instant>,
    /// When the newest entry below the tree size was recorded; none in an empty log.
    pub recorded_until: Option<Instant>,
    /// Facts: of the services in all environments, the evidence that speaks of them, the incidents of the environment.
    pub facts: &'a Facts,
    /// Suggestions about incidents of before the previous period; counted apart, so that the facts need not hold them.
    pub earlier_backlog: &'a Backlog,
    /// Numbers of the checks.
    pub parameters: &'a Parameters,
}

/// The context of a service report.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ServiceReport {
    /// See [`super::CONTEXT_VERSION`].
    pub context_version: u32,
    /// `service_report`.
    pub document: &'static str,
    /// What it was made from.
    pub generated: Generated,
    /// One line.
    pub title: String,
    /// The environment.
    pub environment: EnvironmentName,
    /// The services that it is limited to; empty for all.
    pub services: BTreeSet<ServiceName>,
    /// The team that it is limited to: what it owned when it happened.
    pub team: Option<String>,
    /// The period.
    pub period: Period,
    /// The period before, which it is compared with.
    pub previous_period: Period,
    /// The time that it speaks as of: the end of the period, or of the ledger if that is earlier.
    pub as_of: Option<Instant>,
    /// Sentences that say the main things.
    pub summary: Vec<String>,
    /// The main numbers, each beside that of the period before.
    pub at_a_glance: Vec<Glance>,
    /// What was brought to users.
    pub shipped: Shipped,
    /// What went wrong, and what is not explained.
    pub stability: Stability,
    /// Suggested links that wait for a person at the end of the period, whenever their incidents began.
    pub review_backlog: Backlog,
    /// How often, day by day, week by week or month by month, and how fast.
    pub flow: Flow,
    /// How well deployments were controlled.
    pub control: Control,
    /// What waits for somebody to decide or to do it.
    pub decisions: Vec<Decision>,
    /// Deployments that were announced for the period or soon after it, and have not ended.
    pub next: Vec<DeploymentRow>,
    /// What the reader should know about the data.
    pub data_notes: Vec<String>,
    /// Charts, which the HTML form draws.
    pub charts: Vec<Chart>,
    /// All numbers of the period, as `GET /v1/delivery-performance` has them.
    pub performance: Performance,
    /// All numbers of the period before.
    pub previous_performance: Performance,
}

/// How often and how fast.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Flow {
    /// What the series counts in: day, week or month.
    pub bucket: Bucket,
    /// The series.
    pub frequency: Frequency,
    /// The times from commit to users.
    pub lead_time: LeadTime,
    /// The commits that took longest to reach users, the longest first.
    pub longest: Vec<LongChange>,
    /// The times from the request for an approval to the start.
    pub approval_lead_time: ApprovalLeadTime,
    /// The median of the commits that each deployment brought, of those that brought any; the first known of a service aside, with which
    /// all that had been written before is told. Interpolated like the other medians.
    pub median_commits: Option<f64>,
}

/// A commit that took long to reach users.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LongChange {
    /// From commit to the end of the deployment.
    pub lead_time_ms: i64,
    /// The service.
    pub service: ServiceName,
    /// The first line of its message.
    pub title: String,
    /// Its id.
    pub commit: String,
    /// The deployment that brought it.
    pub index: u64,
}

/// The results of the checks over the attempts of the period.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Control {
    /// Attempts that were checked.
    pub attempts: usize,
    /// Results by check.
    pub results: Vec<ControlRow>,
    /// Passes over all checks and attempts.
    pub passed: usize,
    /// Failures that an accepted exception covers.
    pub excepted: usize,
    /// Passes and failures, excepted or not.
    pub tested: usize,
    /// What could not be told.
    pub not_evaluable: usize,
    /// Attempts that were recorded late, by DL-POP-4.
    pub late: Vec<u64>,
    /// Emergency changes.
    pub emergencies: Vec<u64>,
}

/// The results of one check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ControlRow {
    /// Id of the check.
    pub id: &'static str,
    /// What it asks for.
    pub title: &'static str,
    /// Attempts that passed.
    pub pass: usize,
    /// The attempts that failed, by their first entry.
    pub failed: Vec<u64>,
    /// Attempts whose failure an accepted exception covers.
    pub excepted: usize,
    /// Attempts of which it could not be told.
    pub not_evaluable: usize,
}

/// Something that waits for somebody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Decision {
    /// What.
    pub text: String,
    /// The entries that it is about.
    pub indexes: Vec<u64>,
}

/// Composes a service report.
pub fn compose(input: &ServiceReportInput<'_>) -> Result<ServiceReport, MetricsError> {
    let period = input.period;
    let previous_period = period.previous();
    let linked = metrics::linked(input.facts);
    let facts = measurable(input, &linked);
    let report = metrics::measure(&query(input, period), &facts)?;
    let (performance, as_of) = (report.whole, report.as_of);
    let previous = metrics::measure(&query(input, previous_period), &facts)?.whole;
    let standing = metrics::standing(&query(input, period), &facts);
    let links = Links::of(input.facts);
    let here = |d: &&Deployment| is_here(input, d);
    let attempts: Vec<&Deployment> = input
        .facts
        .deployments
        .iter()
        .filter(here)
        .filter(|d| period.contains(d.start_at()))
        .collect();
    let ended = |d: &&Deployment| d.finished_at().is_some_and(|at| period.contains(at));
    let ended: Vec<&Deployment> = input.facts.deployments.iter().filter(here).filter(ended).collect();
    let control = control(&attempts, input, &links);
    let shipped = Shipped::of(&ended, input.facts);
    let stability = Stability::of(&ended, input, &links, (&performance, &standing), as_of);
    let (waiting, waited) = (
        &performance.incidents.review_backlog,
        &previous.incidents.review_backlog,
    );
    let review_backlog = input.earlier_backlog.clone().with_earlier(waited).with(waiting);
    let next = input.facts.deployments.iter().filter(here);
    let next: Vec<DeploymentRow> = next
        .filter(|d| d.status() != Status::Finished && d.start_at() >= period.from)
        .filter(|d| d.start_at() < period.to.plus_millis(NEXT_MS))
        .map(DeploymentRow::of)
        .collect();
    let flow = Flow {
        bucket: bucket(period),
        frequency: performance.deployment_frequency.clone(),
        lead_time: performance.change_lead_time.clone(),
        longest: longest(&performance.change_lead_time, &input.facts.deployments),
        approval_lead_time: performance.approval_lead_time.clone(),
        median_commits: median_commits(&ended),
    };
    Ok(ServiceReport {
        context_version: super::CONTEXT_VERSION,
        document: "service_report",
        generated: input.request.generated(),
        title: sentences::title(input),
        environment: input.environment.clone(),
        services: input.services.clone(),
        team: input.team.map(str::to_owned),
        period,
        previous_period,
        as_of,
        summary: sentences::summary(input, (&performance, &previous), &stability, &ended),
        at_a_glance: at_a_glance(&performance, &previous),
        decisions: sentences::decisions(&stability, &control, &review_backlog, &next),
        data_notes: [
            sentences::data_notes(input, &performance),
            shared_ids(stability.incidents()),
            input.request.ledger.erased_notes(),
        ]
        .concat(),
        charts: chart::charts(&flow),
        shipped,
        stability,
        review_backlog,
        flow,
        control,
        next,
        performance,
        previous_performance: previous,
    })
}

fn is_here(input: &ServiceReportInput<'_>, deployment: &Deployment) -> bool {
    let named = input.services.is_empty() || input.services.contains(&deployment.service);
    let owners = &input.facts.services;
    let owned = owners.is_of(input.team, &deployment.service, deployment.start_at());
    deployment.environment == *input.environment && named && owned
}

/// What a series of a period counts in, so that it can be read at a glance.
fn bucket(period: Period) -> Bucket {
    match (period.day(period.to) - period.day(period.from)).num_days() {
        ..=21 => Bucket::Day,
        22..=200 => Bucket::Week,
        _ => Bucket::Month,
    }
}

fn query(input: &ServiceReportInput<'_>, period: Period) -> Query {
    Query {
        services: input.services.clone(),
        team: input.team.map(str::to_owned),
        environment: Some(input.environment.clone()),
        period,
        bucket: bucket(period),
        maturity_hours: MATURITY_HOURS,
        by_service: false,
        bands: None,
    }
}

fn measurable<'a>(input: &ServiceReportInput<'a>, (links, no_deployment): &'a (Vec<Link>, BTreeSet<u64>)) -> Input<'a> {
    Input {
        tree_size: input.request.ledger.tree_size,
        recorded_until: input.recorded_until,
        deployments: &input.facts.deployments,
        incidents: &input.facts.incidents,
        evidence: &input.facts.evidence,
        aliases: &input.facts.aliases,
        tiers: &input.facts.tiers,
        owners: &input.facts.services,
        links,
        no_deployment,
    }
}

fn control(attempts: &[&Deployment], input: &ServiceReportInput<'_>, links: &Links<'_>) -> Control {
    let mut results: Vec<ControlRow> = check::of_deployments()
        .map(|check| ControlRow {
            id: check.id,
            title: check.title,
            pass: 0,
            failed: Vec::new(),
            excepted: 0,
            not_evaluable: 0,
        })
        .collect();
    for deployment in attempts {
        for (row, check) in results
            .iter_mut()
            .zip(checks(deployment, input.facts, links, input.parameters))
        {
            match check.result {
                CheckResult::Pass => row.pass += 1,
                CheckResult::Excepted => row.excepted += 1,
                CheckResult::Fail => row.failed.push(deployment.index),
                CheckResult::NotEvaluable => row.not_evaluable += 1,
                CheckResult::NotApplicable => {}
            }
        }
    }
    let passed: usize = results.iter().map(|row| row.pass).sum();
    let excepted: usize = results.iter().map(|row| row.excepted).sum();
    let failed: usize = results.iter().map(|row| row.failed.len()).sum();
    let late = results.iter().find(|row| row.id == "DL-POP-4");
    let emergencies = attempts.iter().filter(|d| d.kind.kind == DeploymentKind::Emergency);
    Control {
        attempts: attempts.len(),
        passed,
        excepted,
        tested: passed + excepted + failed,
        not_evaluable: results.iter().map(|row| row.not_evaluable).sum(),
        late: late.map(|row| row.failed.clone()).unwrap_or_default(),
        emergencies: emergencies.map(|d| d.index).collect(),
        results,
    }
}

fn longest(lead_time: &LeadTime, deployments: &[Deployment]) -> Vec<LongChange> {
    let told = lead_time.longest.iter().filter_map(|long| {
        let deployment = deployments.iter().find(|d| d.index == long.deployment)?;
        let commit = deployment.commits.iter().find(|said| said.value.id == long.commit)?;
        Some(LongChange {
            lead_time_ms: long.lead_time_ms,
            service: deployment.service.clone(),
            title: first_line(&commit.value.message).to_owned(),
            commit: long.commit.clone(),
            index: long.deployment,
        })
    });
    told.collect()
}

fn median_commits(ended: &[&Deployment]) -> Option<f64> {
    let brings = |d: &&&Deployment| d.succeeded() && d.lineage.role != Role::First;
    // Merges bring nothing of their own.
    let own = |d: &Deployment| d.commits.iter().filter(|said| said.value.merge != Some(true)).count();
    let counts = ended.iter().filter(brings).map(|d| own(d) as i64);
    metrics::median(counts.filter(|count| *count > 0).collect())
}
