//! Completeness: gathers what was deployed, what was seen running and what sources numbered, and has them held against each other.

use std::collections::BTreeSet;

use super::deployed::Deployed;
use super::metrics::recorded_until;
use super::read::{ReadError, tree_size};
use super::{Accepted, App, RecordError};
use crate::domain::sequence::{Numbered, values_of};
use crate::domain::{EnvironmentName, Period, ServiceName, deployment, snapshot};
use crate::reconcile::{Completeness, Finding, Input, Query, reconcile};
use crate::store::{ReadTx, StoreError};

/// How much of an environment is read.
struct Reach {
    /// The newest snapshots.
    snapshots: i64,
    /// The newest statements about deployments.
    statements: usize,
    /// Whether numbers are.
    numbers: bool,
}

/// All of it.
const WHOLE: Reach = Reach {
    snapshots: i64::MAX,
    statements: usize::MAX,
    numbers: true,
};
/// What tells whether a new snapshot shows something new: itself and fifty before it, with more than a thousand deployments.
const NEWEST: Reach = Reach {
    snapshots: 51,
    statements: 4000,
    numbers: false,
};

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
            Ok(told(tx, query, tree_size, &WHOLE)?)
        })
    }

    /// Takes in a runtime snapshot, as [`App::record`] would, and tells what it changes, as far as the newest fifty snapshots
    /// and four thousand statements about deployments can tell.
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
            database.read(|tx| told(tx, &query, index + 1, &NEWEST))
        });
        let told = looking.await.map_err(|_| crate::sequencer::SubmitError::Stopped)??;
        let (mut opened, mut closed) = (told.findings.clone(), told.findings);
        opened.retain(|finding| finding.opened.index == index);
        closed.retain(|finding| finding.closed.is_some_and(|closed| closed.index == index));
        Ok((accepted, SnapshotEffect { opened, closed }))
    }
}

/// What a report of an environment and a period says of it.
pub(super) fn completeness_of(
    tx: &mut ReadTx<'_>,
    environment: &EnvironmentName,
    service: Option<&ServiceName>,
    period: Period,
    tree_size: u64,
) -> Result<Completeness, StoreError> {
    let query = Query {
        environment: environment.clone(),
        service: service.cloned(),
        from: Some(period.from),
        to: Some(period.to),
    };
    told(tx, &query, tree_size, &WHOLE)
}

/// The answer from so much of the environment.
fn told(tx: &mut ReadTx<'_>, query: &Query, tree_size: u64, reach: &Reach) -> Result<Completeness, StoreError> {
    let environment = query.environment.as_str();
    let said = tx.said_before(None, Some(environment), tree_size, reach.statements)?;
    let cut = said.len() == reach.statements;
    let mut records = if cut {
        // Of the oldest, something may be missing.
        let mut deployed = Deployed::new(tx, tree_size);
        deployed.add(said)?;
        deployed.into_records()
    } else {
        tx.recorded_rows(&said)?
    };
    let snapshots = tx.snapshots(environment, tree_size, reach.snapshots)?;
    records.extend(tx.recorded_rows(&snapshots)?);
    records.sort_unstable_by_key(|record| record.index);
    let mut numbered = Vec::new();
    if reach.numbers {
        let sources: BTreeSet<&str> = records.iter().map(|record| record.event.source.as_str()).collect();
        for source in sources {
            let values = tx.numbered(&values_of(source), tree_size)?;
            numbered.extend(
                values
                    .iter()
                    .filter_map(|(value, index)| Numbered::parse(value, *index as u64)),
            );
        }
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
