//! What went wrong in a period: deployments that failed, how that is known and how long it took; incidents that nothing
//! explains.

use std::collections::BTreeSet;

use serde::Serialize;

use super::super::Links;
use super::super::rows::{DeploymentRow, IncidentRow};
use super::{ServiceReportInput, is_here};
use crate::domain::deployment::{Deployment, Role};
use crate::domain::extension::DeploymentKind;
use crate::domain::incident::Incident;
use crate::domain::{Instant, ServiceName};
use crate::metrics::{Performance, StandingFailure, went_on};

/// What went wrong.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Stability {
    /// Deployments of the period that failed in front of users, for certain or as it seems, in ledger order.
    pub failed: Vec<Failed>,
    /// Deployments that ended before the period and whose failure was not over when it ended, the oldest first; of their incidents
    /// those that went on.
    pub still_failing: Vec<Failed>,
    /// Attempts that did not come to run.
    pub attempts: Vec<DeploymentRow>,
    /// Deployments that went back.
    pub rollbacks: Vec<DeploymentRow>,
    /// Deployments that repaired something in a hurry.
    pub hotfixes: Vec<DeploymentRow>,
    /// Incidents that began in the period and that no deployment is linked to, and nobody has explained.
    pub unattributed: Vec<IncidentRow>,
    /// The other incidents that began in the period and are named with none of the deployments above: those that an earlier deployment
    /// is linked to, and those that somebody explained otherwise.
    pub other_incidents: Vec<IncidentRow>,
    /// Incidents that began before the period, went on when it ended, and are named with none of the deployments above.
    pub earlier_incidents: Vec<IncidentRow>,
}

/// A deployment that failed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Failed {
    /// The deployment.
    pub deployment: DeploymentRow,
    /// Whether it counts in the change fail rate once it is old enough: attempts without success, rollbacks and redeploys do not.
    pub in_rate: bool,
    /// Whether it failed for certain; else it is only suspected, and nobody has looked yet.
    pub certain: bool,
    /// The incidents that are linked to it, with how.
    pub incidents: Vec<IncidentRow>,
    /// How long it took until it was over.
    pub recovery_ms: Option<i64>,
    /// How long it has gone on, where it is not over.
    pub open_for_ms: Option<i64>,
}

impl Stability {
    pub(super) fn of(
        ended: &[&Deployment],
        input: &ServiceReportInput<'_>,
        links: &Links<'_>,
        (performance, standing): (&Performance, &[StandingFailure]),
        as_of: Option<Instant>,
    ) -> Self {
        let (fail, recovery) = (
            &performance.change_fail_rate,
            &performance.failed_deployment_recovery_time,
        );
        let recovered = |index| {
            recovery
                .recoveries
                .iter()
                .find(|r| r.deployment == index)
                .map(|r| r.recovery_ms)
        };
        let open = |index| {
            recovery
                .open
                .iter()
                .find(|open| open.deployment == index)
                .map(|open| open.age_ms)
        };
        // What the rate leaves out goes on as long as an incident that it caused.
        let harms = |deployment: &Deployment| {
            let mut linked = links.of_deployment(deployment.index);
            linked.any(|(incident, candidate)| candidate.state.is_established() && incident.open())
        };
        let age = |deployment: &Deployment| {
            let age = as_of?.millis_since(deployment.finished_at()?);
            harms(deployment).then_some(age.max(0))
        };
        let failed = ended.iter().filter_map(|deployment| {
            let index = deployment.index;
            let outside = fail.outside.contains(&index);
            let (recovery_ms, open_for_ms) = (
                recovered(index),
                open(index).or_else(|| age(deployment).filter(|_| outside)),
            );
            let certain = outside
                || recovery_ms.is_some()
                || open_for_ms.is_some()
                || fail.lower.deployments.contains(&index)
                || recovery.over_before_end.contains(&index);
            let incidents = links
                .of_deployment(index)
                .filter(|(_, candidate)| !candidate.state.is_dismissed());
            (certain || fail.upper.deployments.contains(&index)).then(|| Failed {
                deployment: DeploymentRow::of(deployment),
                in_rate: !outside,
                certain,
                incidents: incidents
                    .map(|(incident, candidate)| IncidentRow::of(incident, Some((deployment, candidate))))
                    .collect(),
                recovery_ms,
                open_for_ms,
            })
        });
        let succeeded = || ended.iter().filter(|d| d.succeeded());
        let counts = &performance.incidents;
        let unattributed = input.facts.incidents.iter();
        let failed: Vec<Failed> = failed.collect();
        let still_failing = standing.iter().filter_map(|one| Failed::standing(one, input, links));
        let still_failing: Vec<Failed> = still_failing.collect();
        let incidents = failed.iter().chain(&still_failing).flat_map(|row| &row.incidents);
        let named: BTreeSet<u64> = incidents.flat_map(|row| row.indexes.iter().copied()).collect();
        let others = input.facts.incidents.iter().filter(|incident| {
            let index = incident.index;
            counts.incidents.contains(&index) && !counts.unattributed.contains(&index) && !named.contains(&index)
        });
        let linked = |incident: &Incident| {
            let candidate = links.best_of_incident(incident.index)?;
            Some((input.facts.deployment(candidate.index)?, candidate))
        };
        let row = |incident| IncidentRow::of(incident, linked(incident));
        let earlier = input.facts.incidents.iter().filter(|incident| {
            let (from, to) = (input.period.from, input.period.to);
            is_ours(input, incident)
                && incident.began().0 < from
                && went_on(incident, to)
                && !named.contains(&incident.index)
        });
        Self {
            other_incidents: others.map(row).collect(),
            earlier_incidents: earlier.map(row).collect(),
            failed,
            still_failing,
            attempts: ended
                .iter()
                .filter(|d| !d.succeeded())
                .map(|d| DeploymentRow::of(d))
                .collect(),
            rollbacks: succeeded()
                .filter(|d| d.lineage.role == Role::Back)
                .map(|d| DeploymentRow::of(d))
                .collect(),
            hotfixes: succeeded()
                .filter(|d| d.kind.kind == DeploymentKind::Hotfix)
                .map(|d| DeploymentRow::of(d))
                .collect(),
            unattributed: unattributed
                .filter(|incident| counts.unattributed.contains(&incident.index))
                .map(|incident| IncidentRow::of(incident, None))
                .collect(),
        }
    }

    /// All incidents that are named.
    pub(super) fn incidents(&self) -> impl Iterator<Item = &IncidentRow> {
        let failed = self
            .failed
            .iter()
            .chain(&self.still_failing)
            .flat_map(|row| &row.incidents);
        let others = self.other_incidents.iter().chain(&self.earlier_incidents);
        failed.chain(others).chain(&self.unattributed)
    }
}

impl Failed {
    fn standing(standing: &StandingFailure, input: &ServiceReportInput<'_>, links: &Links<'_>) -> Option<Self> {
        let deployment = input.facts.deployment(standing.deployment)?;
        let incidents = links
            .of_deployment(standing.deployment)
            .filter(|(incident, _)| standing.incidents.contains(&incident.index));
        Some(Self {
            deployment: DeploymentRow::of(deployment),
            in_rate: standing.in_rate,
            certain: true,
            incidents: incidents
                .map(|(incident, candidate)| IncidentRow::of(incident, Some((deployment, candidate))))
                .collect(),
            recovery_ms: standing.recovery_ms,
            open_for_ms: standing.recovery_ms.is_none().then_some(standing.age_ms),
        })
    }
}

/// Whether an incident hurt what the report is about.
fn is_ours(input: &ServiceReportInput<'_>, incident: &Incident) -> bool {
    let services = &input.facts.services;
    services.are_hurt(input.services, input.team, incident) && incident.environment.as_ref() == Some(input.environment)
}

/// Services of the place that have no incident at all in the ledger: their silence may mean that nobody reports.
pub(super) fn without_incidents(input: &ServiceReportInput<'_>) -> Vec<String> {
    let incidents = input.facts.incidents.iter();
    let hurt: BTreeSet<&ServiceName> = incidents.filter_map(|i| i.service.as_ref()).collect();
    let mut services: Vec<String> = input
        .facts
        .deployments
        .iter()
        .filter(|d| is_here(input, d))
        .filter(|d| !hurt.contains(&d.service))
        .map(|d| d.service.to_string())
        .collect();
    services.sort_unstable();
    services.dedup();
    services
}
