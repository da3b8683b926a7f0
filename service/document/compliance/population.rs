//! The population of a compliance report: which deployments, by which rule, and how a reader can count them again.

use std::collections::BTreeMap;

use ledger::sha256;
use serde::Serialize;

use super::super::rows::DeploymentRow;
use super::ComplianceInput;
use crate::domain::deployment::Deployment;
use crate::domain::{Outcome, ServiceName};

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
    /// SHA-256 of the same population as a table, with the result of every check, and of what counts in another period: the form `csv`
    /// of this report.
    pub csv_sha256: String,
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

impl Population {
    pub(super) fn of(population: &[&Deployment], csv_sha256: String, input: &ComplianceInput<'_>) -> Self {
        let mut ids: Vec<&str> = population.iter().map(|d| d.id.as_str()).collect();
        ids.sort_unstable();
        let ids: String = ids.iter().flat_map(|id| [id, "\n"]).collect();
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
            ids_sha256: sha256(ids.as_bytes()).to_string(),
            csv_sha256,
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
