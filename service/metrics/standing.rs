//! What goes on when a period ends although it began before: failures of earlier deployments that were not over by then. They are in
//! the numbers of their own period, and must not be counted in those of another; a report must not be silent about them either.

use std::collections::BTreeSet;

use super::failure::Failures;
use super::population::{Ended, Population, Scope, indexes};
use super::{Input, Query, environments};
use crate::domain::incident::Incident;
use crate::domain::{Instant, Period};

/// A failure of a deployment that ended before the period, by an incident that was not over when the period ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StandingFailure {
    /// The deployment.
    pub deployment: u64,
    /// Whether it counts in the change fail rate of its own period.
    pub in_rate: bool,
    /// The incidents that it is known to have caused and that went on.
    pub incidents: BTreeSet<u64>,
    /// How long it had gone on when the period ended, or since when the ledger is silent.
    pub age_ms: i64,
    /// How long it took in the end, where it is over by now.
    pub recovery_ms: Option<i64>,
}

/// The failures of deployments that ended before the period, the oldest first.
pub fn standing(query: &Query, input: &Input<'_>) -> Vec<StandingFailure> {
    let environments = environments(query, input);
    let failures = Failures::of(input, &environments);
    let period = query.period;
    let before = Query {
        period: Period {
            from: Instant::from_millis(i64::MIN),
            to: period.from,
            ..period
        },
        ..query.clone()
    };
    let scope = Scope {
        input,
        query: &before,
        environments: &environments,
        failures: &failures,
        spans: &[],
        as_of: input.recorded_until.map(|until| until.min(period.to)),
    };
    let population = Population::of(&scope, None);
    let changes = indexes(population.changes());
    let went_on: BTreeSet<u64> = input
        .incidents
        .iter()
        .filter(|incident| went_on(incident, period.to))
        .map(|incident| incident.index)
        .collect();
    let failed = population.ended.iter().filter_map(|Ended { deployment, at }| {
        let index = deployment.index;
        let incidents: BTreeSet<u64> = failures.incidents(index).intersection(&went_on).copied().collect();
        let in_rate = changes.contains(&index);
        // What the rate leaves out goes on as long as an incident that it caused.
        let repaired = failures.repaired_at(index, *at).filter(|_| in_rate);
        if incidents.is_empty() || repaired.is_some_and(|repaired| repaired < period.to) {
            return None;
        }
        let over = [repaired, failures.over_at(&incidents)].into_iter().flatten().min();
        Some(StandingFailure {
            deployment: index,
            in_rate,
            incidents,
            age_ms: scope.as_of.map_or(0, |as_of| as_of.millis_since(*at).max(0)),
            recovery_ms: over.map(|over| over.millis_since(*at)),
        })
    });
    failed.collect()
}

/// Whether an incident had begun by then, and was not over.
pub fn went_on(incident: &Incident, at: Instant) -> bool {
    let over = incident.resolved().map(|end| end.occurred_at);
    incident.began().0 < at && over.is_none_or(|over| at <= over)
}
