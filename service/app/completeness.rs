//! Completeness: gathers what was deployed, what was seen running and what sources numbered, and has them held against each other.

use std::collections::BTreeSet;

use super::deployed::Deployed;
use super::metrics::recorded_until;
use super::read::{ReadError, tree_size};
use super::sightings::of_time;
use super::{Accepted, App, RecordError};
use crate::domain::sequence::{Numbered, values_of};
use crate::domain::{EnvironmentName, deployment, snapshot};
use crate::reconcile::{Completeness, Finding, Input, Query, reconcile};
use crate::store::{ReadTx, StoreError, end_of};

/// The newest snapshots that tell whether one shows something new: itself and fifty before it.
const NEWEST_SNAPSHOTS: i64 = 51;
/// The newest statements about deployments that tell the same: more than a thousand deployments.
const NEWEST_STATEMENTS: usize = 4000;

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
            Ok(completeness(tx, query, tree_size)?)
        })
    }

    /// Takes in a runtime snapshot, as [`App::record`] would, and tells what it changes, as far as the newest fifty snapshots
    /// and four thousand statements about deployments can tell.
    pub async fn record_snapshot(&self, envelope: Vec<u8>) -> Result<(Accepted, SnapshotEffect), RecordError> {
        let (accepted, environment) = self.record_only_snapshot(envelope).await?;
        let (index, database) = (accepted.index, self.database.clone());
        let looking = tokio::task::spawn_blocking(move || database.read(|tx| newest(tx, environment, index + 1)));
        let told = looking.await.map_err(|_| crate::sequencer::SubmitError::Stopped)??;
        let (mut opened, mut closed) = (told.findings.clone(), told.findings);
        opened.retain(|finding| finding.opened.index == index);
        closed.retain(|finding| finding.closed.is_some_and(|closed| closed.index == index));
        Ok((accepted, SnapshotEffect { opened, closed }))
    }
}

/// The answer to a question: from the time that it is about, or from everything.
pub(super) fn completeness(tx: &mut ReadTx<'_>, query: &Query, tree_size: u64) -> Result<Completeness, StoreError> {
    match query.from {
        Some(from) => of_time(tx, query, from, tree_size),
        None => whole(tx, query, tree_size),
    }
}

/// The answer from all that was ever said about the environment.
fn whole(tx: &mut ReadTx<'_>, query: &Query, tree_size: u64) -> Result<Completeness, StoreError> {
    let environment = query.environment.as_str();
    let said = tx.said_before(None, Some(environment), tree_size, usize::MAX)?;
    let mut records = tx.recorded_rows(&said)?;
    let snapshots = tx.snapshots(environment, tree_size, i64::MAX)?;
    records.extend(tx.recorded_rows(&snapshots)?);
    records.sort_unstable_by_key(|record| record.index);
    let heard = query.heard(&records);
    let sources: BTreeSet<&str> = heard.iter().map(|heard| heard.source.as_str()).collect();
    let mut numbered = Vec::new();
    for source in sources {
        let first = values_of(source);
        numbered.extend(numbers(tx, &first, &end_of(&first), tree_size)?);
    }
    let input = Input {
        tree_size,
        recorded_until: recorded_until(tx, tree_size)?,
        deployments: &deployment::fold(&records),
        snapshots: &snapshot::fold(&records),
        heard: &heard,
        heard_before: &[],
        numbered: &numbered,
    };
    Ok(reconcile(query, &input))
}

/// What the newest snapshots and deployments of an environment show, below a tree size.
fn newest(tx: &mut ReadTx<'_>, environment: EnvironmentName, tree_size: u64) -> Result<Completeness, StoreError> {
    let said = tx.said_before(None, Some(environment.as_str()), tree_size, NEWEST_STATEMENTS)?;
    let snapshots = tx.snapshots(environment.as_str(), tree_size, NEWEST_SNAPSHOTS)?;
    let snapshots = snapshot::fold(&tx.recorded_rows(&snapshots)?);
    let recorded_until = recorded_until(tx, tree_size)?;
    // Of the oldest, something may be missing.
    let mut deployed = Deployed::new(tx, tree_size);
    deployed.add(said)?;
    let input = Input {
        tree_size,
        recorded_until,
        deployments: &deployed.fold(),
        snapshots: &snapshots,
        heard: &[],
        heard_before: &[],
        numbered: &[],
    };
    let query = Query {
        environment,
        service: None,
        from: None,
        to: None,
    };
    Ok(reconcile(&query, &input))
}

/// Numbers between two values, both included.
pub(super) fn numbers(
    tx: &mut ReadTx<'_>,
    first: &str,
    last: &str,
    tree_size: u64,
) -> Result<Vec<Numbered>, StoreError> {
    let values = tx.numbered(first, last, tree_size)?.into_iter();
    Ok(values
        .filter_map(|(value, index)| Numbered::parse(&value, index as u64))
        .collect())
}
