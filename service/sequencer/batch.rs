//! What one batch would do to the log. Pure: the writer commits it.

use std::collections::HashMap;
use std::sync::Arc;

use ledger::{Entry, FullTile, Hash, leaf_hash};

use super::state::State;
use super::{Record, SubmitError};
use crate::domain::event::{Body, Event, Phase, RunPhase};
use crate::domain::producer::Administration;
use crate::domain::{Instant, Outcome};
use crate::store::{ErasureRow, EventRow, Known, ReferenceRow};

/// What becomes of one record of the batch.
pub(super) enum Decision {
    /// It is appended; the position is its place among the new entries.
    Append { position: usize },
    /// Its identity has an entry already.
    Known { index: u64 },
    /// It may not enter.
    Refused(SubmitError),
}

/// All that the transaction will write.
pub(super) struct Plan {
    pub(super) decisions: Vec<Decision>,
    pub(super) leaves: Vec<Vec<u8>>,
    /// What the new entries can be found by.
    pub(super) references: Vec<ReferenceRow>,
    /// Where they belong.
    pub(super) places: Vec<ReferenceRow>,
    pub(super) tiles: Vec<FullTile>,
    /// What is destroyed with it.
    pub(super) erasures: Vec<ErasureRow>,
    /// The log once the batch is committed.
    pub(super) after: State,
}

/// The entries that some records are in already.
pub(super) struct Indexes<'k>(HashMap<(&'k str, &'k str, &'k str), u64>);

impl<'k> Indexes<'k> {
    pub(super) fn new(known: &'k [Known]) -> Self {
        let named = |(id, source, producer, index): &'k Known| {
            ((id.as_str(), source.as_str(), producer.as_str()), *index as u64)
        };
        Self(known.iter().map(named).collect())
    }

    /// The entry with the identity of a record: no producer can take another's ids.
    pub(super) fn of(&self, record: &Record) -> Option<u64> {
        let event = &record.event;
        let identity = (event.id.as_str(), event.source.as_str(), record.producer.as_str());
        self.0.get(&identity).copied()
    }
}

/// Decides each record in the order of the queue, and completes the rows of those that are appended.
pub(super) fn plan(before: &State, records: &mut [Box<Record>], known: &Indexes<'_>, now: Instant) -> Plan {
    let first = before.size();
    let time_ms = now.as_millis().max(before.time_ms);
    let mut after = State {
        time_ms,
        ..before.clone()
    };
    let mut decisions = Vec::with_capacity(records.len());
    let mut leaves = Vec::with_capacity(records.len());
    let mut references = Vec::with_capacity(records.len() * 4);
    let mut places = Vec::with_capacity(records.len());
    let mut tiles = Vec::new();
    let mut erasures = Vec::new();
    let mut batch: HashMap<Hash, u64> = HashMap::with_capacity(records.len());
    for record in records.iter_mut() {
        let again = || batch.get(&record.identity).copied();
        let erased = || after.keyring.erasures().identified(&record.identity);
        if let Some(index) = known.of(record).or_else(again).or_else(erased) {
            decisions.push(Decision::Known { index });
            continue;
        }
        let position = leaves.len();
        let index = first + position as u64;
        let (payload_type, signers) = (record.verified.payload_type(), record.verified.signers());
        let leaf = match Entry::new(time_ms as u64, record.commitment, payload_type, signers) {
            Ok(entry) => entry.encode(),
            Err(error) => {
                decisions.push(Decision::Refused(SubmitError::Entry(error)));
                continue;
            }
        };
        if let Err(error) = admit(&mut after, record, index) {
            decisions.push(Decision::Refused(error));
            continue;
        }
        after.edge.append(leaf_hash(&leaf), &mut tiles);
        leaves.push(leaf);
        erasures.extend(erasure_row(index, &record.event));
        record.envelope.idx = index as i64;
        record.row.idx = index as i64;
        record.row.recorded_ms = time_ms;
        let at = |row| ReferenceRow {
            idx: index as i64,
            ..row
        };
        references.extend(std::mem::take(&mut record.references).into_iter().map(at));
        places.extend(record.place.take().map(at));
        decisions.push(Decision::Append { position });
        batch.insert(record.identity, index);
    }
    for record in records {
        record.envelope.tree_size = after.edge.size() as i64;
    }
    after.root = after.edge.root();
    Plan {
        decisions,
        leaves,
        references,
        places,
        tiles,
        erasures,
        after,
    }
}

/// Whether the key may sign at this index, and what the record changes about keys. The record was checked against the
/// newest keys before it queued; what is ahead of it in the log decides.
fn admit(state: &mut State, record: &Record, index: u64) -> Result<(), SubmitError> {
    let at = Instant::from_millis(state.time_ms);
    // The service's key is introduced by the entry that it signs.
    if state.keyring.origin().is_some() {
        state.keyring.admit(record.verified.signers(), &record.event, at)?;
    }
    if let Some(administration) = &record.event.extension.administration {
        Arc::make_mut(&mut state.keyring).apply(index, at, administration)?;
    }
    Ok(())
}

/// What an event says, in columns: a function of the entry and its envelope, so that it can be checked and made again.
pub fn event_row(index: u64, recorded_ms: i64, producer: &str, event: &Event) -> EventRow {
    EventRow {
        idx: index as i64,
        event_id: event.id.clone(),
        source: event.source.clone(),
        producer: producer.to_owned(),
        event_type: event.event_type.text.clone(),
        subject: event.event_type.subject.clone(),
        predicate: event.event_type.predicate.clone(),
        subject_id: event.subject_id.clone(),
        about: event.about().map(str::to_owned),
        chain: event.chain_id.clone().filter(|_| event.is_of_deployment()),
        names: event.names(),
        service: event.service.as_ref().map(|name| name.as_str().to_owned()),
        environment: event.environment.as_ref().map(|name| name.as_str().to_owned()),
        outcome: outcome(&event.body).map(|outcome| outcome.as_str().to_owned()),
        occurred_ms: event.occurred_at.as_millis(),
        recorded_ms,
        administrative: event.extension.administration.is_some(),
    }
}

/// What an event can be found by.
pub fn reference_rows(index: u64, event: &Event) -> impl Iterator<Item = ReferenceRow> {
    event.references().into_iter().map(move |(kind, value)| ReferenceRow {
        value,
        kind: kind.as_str().to_owned(),
        idx: index as i64,
    })
}

/// What an event destroys, if it does.
pub fn erasure_row(index: u64, event: &Event) -> Option<ErasureRow> {
    match event.extension.administration.as_deref() {
        Some(Administration::EventErased {
            index: erased, reason, ..
        }) => Some(ErasureRow {
            idx: *erased as i64,
            erased_by: index as i64,
            reason: reason.as_str().to_owned(),
        }),
        _ => None,
    }
}

fn outcome(body: &Body) -> Option<Outcome> {
    match body {
        Body::Deployment {
            phase: Phase::Finished(outcome),
            ..
        } => Some(*outcome),
        Body::Build {
            phase: RunPhase::Finished(outcome),
            ..
        }
        | Body::PipelineRun {
            phase: RunPhase::Finished(outcome),
            ..
        } => *outcome,
        Body::TestRun(run) => match run.phase {
            RunPhase::Finished(outcome) => outcome,
            RunPhase::Queued | RunPhase::Started | RunPhase::Skipped => None,
        },
        Body::Deployment { .. }
        | Body::Service { .. }
        | Body::Change { .. }
        | Body::Artifact { .. }
        | Body::Build { .. }
        | Body::PipelineRun { .. }
        | Body::Approval(_)
        | Body::Incident { .. }
        | Body::Ticket(_)
        | Body::Environment { .. }
        | Body::Push(_)
        | Body::Other => None,
    }
}
