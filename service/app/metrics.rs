//! Delivery metrics: gathers the facts and the links between them, and has them measured.

use std::collections::BTreeSet;

use super::App;
use super::declared::{all_declared_indexes, environment_indexes};
use super::period::{Asked, gather, places, services};
use super::read::{ReadError, Unknown, demand_known, tree_size};
use crate::document::service_report::{Glance, at_a_glance};
use crate::domain::deployment::{Deployment, Effect};
use crate::domain::extension::Tier;
use crate::domain::facts::{Facts, usual_tier};
use crate::domain::service::Services;
use crate::domain::{EnvironmentName, Instant};
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
    /// The ledger does not know what is asked about.
    #[error(transparent)]
    Unknown(#[from] Unknown),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl App {
    /// How software was delivered in a period. The same tree size gives the same answer.
    pub fn delivery_performance(&self, query: &Query, asked: Option<u64>) -> Result<Report, PerformanceError> {
        self.database.read(|tx| {
            let tree_size = tree_size(tx, asked)?;
            demand_known::<PerformanceError>(tx, &query.services, query.environment.as_ref(), tree_size)?;
            let facts = facts(tx, query, tree_size)?;
            if let Some(team) = query.team.as_ref().filter(|team| !facts.services.has_team(team)) {
                return Err(Unknown::Team(team.clone()).into());
            }
            let (links, no_deployment) = metrics::linked(&facts);
            let report = metrics::measure(
                query,
                &Input {
                    tree_size,
                    recorded_until: recorded_until(tx, tree_size)?,
                    deployments: &facts.deployments,
                    incidents: &facts.incidents,
                    evidence: &facts.evidence,
                    aliases: &facts.aliases,
                    tiers: &facts.tiers,
                    owners: &facts.services,
                    links: &links,
                    no_deployment: &no_deployment,
                },
            )?;
            Ok(report)
        })
    }

    /// The same with the main numbers in words, each beside that of the period before.
    pub fn delivery_at_a_glance(
        &self,
        query: &Query,
        tree_size: u64,
    ) -> Result<(Report, Vec<Glance>), PerformanceError> {
        let now = self.delivery_performance(query, Some(tree_size))?;
        let previous = Query {
            period: query.period.previous(),
            ..query.clone()
        };
        let before = self.delivery_performance(&previous, Some(tree_size))?;
        let rows = at_a_glance(&now.whole, &before.whole);
        Ok((now, rows))
    }
}

/// All that the numbers may speak of.
fn facts(tx: &mut ReadTx<'_>, query: &Query, size: u64) -> Result<Facts, StoreError> {
    let asked = Asked {
        services: &query.services,
        environments: match &query.environment {
            Some(environment) => BTreeSet::from([environment.clone()]),
            None => production(tx, size)?,
        },
        from: query.period.from,
        to: query.period.to,
        recorded: false,
    };
    let services = services(tx, &asked, size)?;
    let everywhere = tx.services(size)?;
    let declared = all_declared_indexes(tx, size)?;
    let owners = Services::fold(&tx.recorded(&declared)?);
    let mut gathered = gather(tx, &asked, size)?;
    gathered.add_origins_of_commits(&asked)?;
    gathered.add_approvals()?;
    if query.by_service && query.services.is_empty() {
        // There is a row for each service that was ever there.
        let team = query.team.as_deref();
        let here = places(&services, &asked.environments);
        let here = here.filter(|place| owners.was_of(team, place.service)).collect();
        gathered.add_one_of_each(here, |found| {
            found.effect == Effect::Runs && owners.is_of(team, &found.service, found.start_at())
        })?;
    }
    if query.environment.is_none() {
        // An environment is one that something was deployed to.
        for environment in &asked.environments {
            let there = |found: &Deployment| found.environment == *environment;
            if !gathered.deployed.fold().iter().any(there) {
                let here = BTreeSet::from([environment.clone()]);
                gathered.add_one_of_each(places(&everywhere, &here).collect(), |_| true)?;
            }
        }
    }
    gathered.facts()
}

/// The environments that users depend on: as recorded, or as their names say.
fn production(tx: &mut ReadTx<'_>, size: u64) -> Result<BTreeSet<EnvironmentName>, StoreError> {
    let indexes = environment_indexes(tx, size)?;
    let mut tiers = Facts::fold(&tx.recorded(&indexes)?).tiers;
    for name in tx.environments(size)? {
        let name: EnvironmentName = name
            .parse()
            .map_err(|_| StoreError::Damaged(format!("{name} is no name of an environment")))?;
        if let Some(tier) = usual_tier(name.as_str()) {
            tiers.entry(name).or_insert(tier);
        }
    }
    let production = tiers.into_iter().filter(|(_, tier)| *tier == Tier::Production);
    Ok(production.map(|(name, _)| name).collect())
}

/// When the first entry was recorded, and the newest below a tree size; none in an empty log.
pub(super) fn recorded(tx: &mut ReadTx<'_>, tree_size: u64) -> Result<[Option<Instant>; 2], StoreError> {
    let first = tx.event_range(0, tree_size.min(1))?;
    let first = first.first().map(|row| Instant::from_millis(row.recorded_ms));
    Ok([first, recorded_until(tx, tree_size)?])
}

/// When the newest entry below a tree size was recorded; none in an empty log.
pub(super) fn recorded_until(tx: &mut ReadTx<'_>, tree_size: u64) -> Result<Option<Instant>, StoreError> {
    let newest = tx.events(&EventFilter::default(), tree_size, 1)?;
    Ok(newest.first().map(|row| Instant::from_millis(row.recorded_ms)))
}
