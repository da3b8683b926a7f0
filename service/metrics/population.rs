//! The deployments and incidents that a set of numbers is about: those of production, in the period, of one service or
//! of all that were asked for. Numbers over several services must be computed from such a population, never from the
//! numbers of its parts.

use std::collections::BTreeSet;

use super::bucket::Span;
use super::failure::Failures;
use super::{Input, Query};
use crate::domain::deployment::{Deployment, Effect, Role};
use crate::domain::incident::Incident;
use crate::domain::{EnvironmentName, Instant, ServiceName};

/// What all populations of a report have in common.
#[derive(Clone, Copy)]
pub(super) struct Scope<'a> {
    pub(super) input: &'a Input<'a>,
    pub(super) query: &'a Query,
    /// What counts as production.
    pub(super) environments: &'a BTreeSet<&'a EnvironmentName>,
    pub(super) failures: &'a Failures<'a>,
    /// The buckets of the series.
    pub(super) spans: &'a [Span],
    /// What the report speaks as of.
    pub(super) as_of: Option<Instant>,
}

impl<'a> Scope<'a> {
    /// Whether a deployment put something into production. Taking a service away is no delivery.
    pub(super) fn is_here(&self, deployment: &Deployment) -> bool {
        self.environments.contains(&deployment.environment) && deployment.effect == Effect::Runs
    }

    /// Whether a service was owned by the team that was asked for, if one was.
    pub(super) fn is_owned(&self, service: &ServiceName, at: Instant) -> bool {
        self.input.owners.is_of(self.query.team.as_deref(), service, at)
    }

    /// The incidents that began in the period. One that names no place may have been anywhere that was not excluded.
    pub(super) fn incidents(&self) -> impl Iterator<Item = &'a Incident> {
        let Self {
            input,
            query,
            environments,
            ..
        } = *self;
        input.incidents.iter().filter(move |incident| {
            let place = match &incident.environment {
                Some(environment) => environments.contains(environment),
                None => query.environment.is_none(),
            };
            let service = input.owners.are_hurt(&query.services, query.team.as_deref(), incident);
            place && service && query.period.contains(incident.began().0)
        })
    }
}

/// The raw items of a set of numbers.
pub(super) struct Population<'a> {
    pub(super) scope: Scope<'a>,
    /// Every success, whenever it was, in ledger order: what reached production earlier is not new.
    pub(super) history: Vec<&'a Deployment>,
    /// Those that ended in the period, however they ended, by their end.
    pub(super) ended: Vec<Ended<'a>>,
    /// Incidents that began in the period.
    pub(super) incidents: Vec<&'a Incident>,
}

/// A deployment that ended.
#[derive(Clone, Copy)]
pub(super) struct Ended<'a> {
    pub(super) deployment: &'a Deployment,
    /// When, by claim: the record may have come later.
    pub(super) at: Instant,
}

impl<'a> Population<'a> {
    /// Of one service, or of all that were asked for.
    pub(super) fn of(scope: &Scope<'a>, service: Option<&ServiceName>) -> Self {
        let ours = |name: &ServiceName| service.map_or_else(|| asked(scope.query, name), |service| service == name);
        let here = || {
            let all = scope.input.deployments.iter();
            all.filter(|d| scope.is_here(d) && ours(&d.service))
        };
        let mut history: Vec<&Deployment> = here().filter(|d| d.succeeded()).collect();
        history.sort_by_cached_key(|d| d.order());
        let ended = here().filter_map(|deployment| Some((deployment, deployment.finished_at()?)));
        let mut ended: Vec<Ended<'_>> = ended
            .filter(|(_, at)| scope.query.period.contains(*at))
            // What others brought before is still not new.
            .filter(|(deployment, _)| scope.is_owned(&deployment.service, deployment.start_at()))
            .map(|(deployment, at)| Ended { deployment, at })
            .collect();
        ended.sort_by_key(|ended| (ended.at, ended.deployment.index));
        let incidents = scope.incidents();
        Self {
            scope: *scope,
            history,
            ended,
            incidents: incidents
                .filter(|incident| service.is_none() || incident.service.as_ref() == service)
                .collect(),
        }
    }

    /// The successes of the period, by their end.
    pub(super) fn succeeded(&self) -> impl Iterator<Item = Ended<'a>> {
        self.ended.iter().copied().filter(|ended| ended.deployment.succeeded())
    }

    /// The successes that could have broken something new: going back and doing the same again bring no change.
    pub(super) fn changes(&self) -> impl Iterator<Item = Ended<'a>> {
        self.succeeded()
            .filter(|ended| brings_change(ended.deployment.lineage.role))
    }
}

/// Whether a deployment of this role can fail as a change.
const fn brings_change(role: Role) -> bool {
    match role {
        Role::First | Role::Forward => true,
        Role::Back | Role::Again => false,
    }
}

/// The indexes of deployments.
pub(super) fn indexes<'a>(ended: impl Iterator<Item = Ended<'a>>) -> BTreeSet<u64> {
    ended.map(|ended| ended.deployment.index).collect()
}

fn asked(query: &Query, service: &ServiceName) -> bool {
    query.services.is_empty() || query.services.contains(service)
}
