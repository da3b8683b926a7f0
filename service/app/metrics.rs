//! Delivery metrics: gathers the facts and the links between them, and has them measured.

use super::App;
use super::declared::all_declared_indexes;
use super::facts::environment_indexes;
use super::links::correlation_indexes;
use super::read::{ReadError, tree_size};
use super::suspects::facts_with_tests;
use crate::domain::{EnvironmentName, Instant, ServiceName};
use crate::metrics::{self, Input, MetricsError, Query, Report};
use crate::store::{EventFilter, ReadTx, StoreError};

/// Why there are no metrics.
#[derive(Debug, thiserror::Error)]
pub enum PerformanceError {
    /// The tree size cannot be spoken of.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The query has no answer.
    #[error(transparent)]
    Metrics(#[from] MetricsError),
    /// Nothing is recorded of the service.
    #[error("there is no service {0}")]
    Service(ServiceName),
    /// No service was ever declared to be of the team.
    #[error("there is no team {0}")]
    Team(String),
    /// Nothing is recorded of the environment.
    #[error("there is no environment {0}")]
    Environment(EnvironmentName),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl App {
    /// How software was delivered in a period. The same tree size gives the same answer.
    pub fn delivery_performance(&self, query: &Query, asked: Option<u64>) -> Result<Report, PerformanceError> {
        self.database.read(|tx| {
            let tree_size = tree_size(tx, asked)?;
            if !query.services.is_empty() {
                let known = tx.services(tree_size)?;
                let is_known = |service: &ServiceName| known.iter().any(|name| name == service.as_str());
                if let Some(unknown) = query.services.iter().find(|service| !is_known(service)) {
                    return Err(PerformanceError::Service(unknown.clone()));
                }
            }
            if let Some(environment) = &query.environment {
                let known = tx.environments(tree_size)?;
                if !known.iter().any(|name| name == environment.as_str()) {
                    return Err(PerformanceError::Environment(environment.clone()));
                }
            }
            let mut indexes = correlation_indexes(tx, None, tree_size)?;
            indexes.extend(environment_indexes(tx, tree_size)?);
            indexes.extend(all_declared_indexes(tx, tree_size)?);
            let records = tx.recorded(&indexes)?;
            let facts = facts_with_tests(tx, records, tree_size)?;
            if let Some(team) = query.team.as_ref().filter(|team| !facts.services.has_team(team)) {
                return Err(PerformanceError::Team(team.clone()));
            }
            let (links, no_deployment) = metrics::linked(&facts);
            let report = metrics::measure(
                query,
                &Input {
                    tree_size,
                    recorded_until: recorded_until(tx, tree_size)?,
                    deployments: &facts.deployments,
                    incidents: &facts.incidents,
                    tiers: &facts.tiers,
                    owners: &facts.services,
                    links: &links,
                    no_deployment: &no_deployment,
                },
            )?;
            Ok(report)
        })
    }
}

/// When the newest entry below a tree size was recorded; none in an empty log.
pub(super) fn recorded_until(tx: &mut ReadTx<'_>, tree_size: u64) -> Result<Option<Instant>, StoreError> {
    let newest = tx.events(&EventFilter::default(), tree_size, 1)?;
    Ok(newest.first().map(|row| Instant::from_millis(row.recorded_ms)))
}
