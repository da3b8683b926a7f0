//! Samples of deployments: the population is read, ranked, and only what is drawn is read whole.

use std::collections::BTreeMap;

use ledger::{Hash, leaf_hash};

use super::documents::{Documents, DocumentsError, at_size, ledger_view};
use super::facts::sample_facts;
use super::log::{LogError, inclusion};
use super::metrics::recorded_until;
use super::read::{demand_known, tree_size};
use crate::document::Request;
use crate::document::sample::{self, Plan, Sample, SampleInput};
use crate::domain::deployment::Deployment;
use crate::domain::{EnvironmentName, Period, ServiceName};
use crate::store::{ReadTx, StoreError};

/// Which sample is wanted.
#[derive(Debug, Clone)]
pub struct SampleQuery {
    /// The environment.
    pub environment: EnvironmentName,
    /// Only this service.
    pub service: Option<ServiceName>,
    /// The period.
    pub period: Period,
    /// How it is drawn.
    pub plan: Plan,
    /// The question in words, for the document to print.
    pub words: String,
}

impl Documents<'_> {
    pub(super) fn sample(&self, query: &SampleQuery, asked: Option<u64>) -> Result<Sample, DocumentsError> {
        self.database.read(|tx| {
            let size = tree_size(tx, asked)?;
            let ledger = ledger_view(tx, size)?;
            let services = query.service.iter().cloned().collect();
            demand_known::<DocumentsError>(tx, &services, Some(&query.environment), size)?;
            let mut leaves = BTreeMap::new();
            let (mut drawn, mut counted_elsewhere) = (Vec::new(), Vec::new());
            let facts = sample_facts(
                tx,
                &services,
                &query.environment,
                query.period,
                size,
                query.plan.asks_for_history(),
                |tx, population, elsewhere| {
                    counted_elsewhere = elsewhere.iter().map(|found| found.index).collect();
                    leaves = leaves_of(tx, population)?;
                    drawn = sample::draw(population, &leaves, &query.plan)?;
                    Ok::<_, DocumentsError>(drawn.iter().map(|drawn| drawn.index).collect())
                },
            )?;
            let deployments = drawn.iter().filter_map(|drawn| facts.deployment(drawn.index));
            let mut proofs = BTreeMap::new();
            for index in sample::entries(deployments, &facts) {
                let leaf = tx.leaves(index, 1)?.pop().ok_or(LogError::NoEntry { index })?;
                proofs.insert(index, (leaf_hash(&leaf), inclusion(tx, index, size)?));
            }
            Ok(sample::compose(&SampleInput {
                request: Request {
                    ledger: &ledger,
                    query: &at_size(&query.words, &ledger),
                    time_zone: query.period.zone,
                    template: sample::TEMPLATE,
                    template_sha256: &self.templates.digest(sample::TEMPLATE)?,
                    catalogue_sha256: self.catalogue.sha256(),
                },
                environment: &query.environment,
                service: query.service.as_ref(),
                period: query.period,
                recorded_until: recorded_until(tx, size)?,
                plan: &query.plan,
                counted_elsewhere: &counted_elsewhere,
                leaves: &leaves,
                drawn: &drawn,
                facts: &facts,
                proofs: &proofs,
                parameters: &self.catalogue.parameters,
            })?)
        })
    }
}

/// The hash of the first leaf of each deployment.
fn leaves_of(tx: &mut ReadTx<'_>, population: &[&Deployment]) -> Result<BTreeMap<u64, Hash>, StoreError> {
    let indexes: Vec<i64> = population.iter().map(|deployment| deployment.index as i64).collect();
    let leaves = tx.leaves_of(&indexes)?.into_iter();
    Ok(leaves.map(|(index, leaf)| (index as u64, leaf_hash(&leaf))).collect())
}
