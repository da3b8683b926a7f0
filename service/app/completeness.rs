//! Completeness: gathers what was deployed, what was seen running and what sources numbered, and has them held against each other.

use std::collections::BTreeSet;

use super::deployments::DEPLOYMENT_SUBJECTS;
use super::metrics::recorded_until;
use super::read::{ReadError, tree_size};
use super::{Accepted, App, RecordError};
use crate::domain::sequence::{Numbered, values_of};
use crate::domain::{EnvironmentName, deployment, snapshot};
use crate::reconcile::{Completeness, Finding, Input, Query, reconcile};
use crate::store::{EventFilter, ReadTx, StoreError};

/// Snapshots before a new one that tell whether what it shows is new.
const BEFORE: i64 = 50;

/// Why completeness cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum CompletenessError {
    /// The tree size cannot be spoken of.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Nothing is recorded of the environment.
    #[error("there is no environment {0}")]
    Environment(EnvironmentName),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a snapshot changed.
#[derive(Debug)]
pub struct SnapshotEffect {
    /// Findings that it is the first to show.
    pub opened: Vec<Finding>,
    /// Findings that it puts an end to.
    pub closed: Vec<Finding>,
}

impl App {
    /// What is not in the ledger although it should be. The same tree size gives the same answer.
    pub fn completeness(&self, query: &Query, asked: Option<u64>) -> Result<Completeness, CompletenessError> {
        self.database.read(|tx| {
            let tree_size = tree_size(tx, asked)?;
            let known = tx.environments(tree_size)?;
            if !known.iter().any(|name| name == query.environment.as_str()) {
                return Err(CompletenessError::Environment(query.environment.clone()));
            }
            Ok(told(tx, query, tree_size, i64::MAX)?)
        })
    }

    /// Takes in a runtime snapshot, as [`App::record`] would, and tells what it changes. A finding that was opened before the
    /// fifty snapshots that came last counts as new.
    pub async fn record_snapshot(&self, envelope: Vec<u8>) -> Result<(Accepted, SnapshotEffect), RecordError> {
        let (accepted, environment) = self.record_only_snapshot(envelope).await?;
        let (index, database) = (accepted.index, self.database.clone());
        let looking = tokio::task::spawn_blocking(move || {
            let query = Query {
                environment,
                service: None,
                from: None,
                to: None,
            };
            database.read(|tx| told(tx, &query, index + 1, BEFORE + 1))
        });
        let told = looking.await.map_err(|_| crate::sequencer::SubmitError::Stopped)??;
        let (mut opened, mut closed) = (told.findings.clone(), told.findings);
        opened.retain(|finding| finding.opened.index == index);
        closed.retain(|finding| finding.closed.is_some_and(|closed| closed.index == index));
        Ok((accepted, SnapshotEffect { opened, closed }))
    }
}

/// The answer, of the newest snapshots.
fn told(tx: &mut ReadTx<'_>, query: &Query, tree_size: u64, snapshots: i64) -> Result<Completeness, StoreError> {
    let filter = EventFilter {
        environment: Some(query.environment.as_str().to_owned()),
        subjects: DEPLOYMENT_SUBJECTS,
        ..EventFilter::default()
    };
    let mut rows = tx.events(&filter, tree_size, i64::MAX)?;
    rows.extend(tx.snapshots(query.environment.as_str(), tree_size, snapshots)?);
    rows.sort_unstable_by_key(|row| row.idx);
    let records = tx.recorded_rows(&rows)?;
    let sources: BTreeSet<&str> = records.iter().map(|record| record.event.source.as_str()).collect();
    let mut numbered = Vec::new();
    for source in sources {
        let values = tx.numbered(&values_of(source), tree_size)?;
        numbered.extend(
            values
                .iter()
                .filter_map(|(value, index)| Numbered::parse(value, *index as u64)),
        );
    }
    let input = Input {
        tree_size,
        recorded_until: recorded_until(tx, tree_size)?,
        deployments: &deployment::fold(&records),
        snapshots: &snapshot::fold(&records),
        records: &records,
        numbered: &numbered,
    };
    Ok(reconcile(query, &input))
}
