//! Showing events: lists, one event, search.

use std::collections::{BTreeMap, BTreeSet};

use ledger::Envelope;
use serde::Serialize;
use utoipa::ToSchema;

use super::App;
use super::erasure::tombstone;
use super::read::{MAX_PAGE, Page, Paging, ReadError, start};
use crate::domain::Instant;
use crate::store::{Cursor, EventFilter, EventRow, ReadTx, StoreError, end_of};

/// What destroyed the content of an event.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ErasedBy {
    /// Index of the entry that records it.
    pub index: u64,
    /// Why, from a closed list.
    pub reason: String,
}

/// An event, as lists show it. Of an erased one nothing is left but its place and when it was recorded; its texts are empty.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct EventSummary {
    /// Index of its entry.
    pub index: u64,
    /// What erased it, if anything did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub erased: Option<ErasedBy>,
    /// `context.type`.
    #[serde(rename = "type")]
    pub event_type: String,
    /// `context.id`.
    pub id: String,
    /// `context.source`.
    pub source: String,
    /// Who signed it.
    pub producer: String,
    /// `subject.id`.
    pub subject_id: String,
    /// The service it is about.
    pub service: Option<String>,
    /// The environment it is about.
    pub environment: Option<String>,
    /// How it ended, for what ends.
    pub outcome: Option<String>,
    /// When it happened, as its producer claims.
    #[schema(value_type = String, format = DateTime)]
    pub occurred_at: Instant,
    /// When it entered the log.
    #[schema(value_type = String, format = DateTime)]
    pub recorded_at: Instant,
}

/// An event in full.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct EventView {
    /// As lists show it.
    #[serde(flatten)]
    pub summary: EventSummary,
    /// `signature`: signed by the producer. `shared-secret`: the service signed what it received over a shared secret.
    pub attestation: &'static str,
    /// Payload type of the envelope.
    pub payload_type: String,
    /// The payload, parsed. The bytes that were signed are at `/v1/events/{index}/envelope`.
    #[schema(value_type = Object)]
    pub payload: serde_json::Value,
}

/// Something that a search found.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Found {
    /// What kind of value it is: commit, digest, version, deployment, …
    pub kind: String,
    /// The whole value.
    pub value: String,
    /// The events that hold it, oldest first.
    pub events: Vec<EventSummary>,
}

impl From<EventRow> for EventSummary {
    fn from(row: EventRow) -> Self {
        Self {
            index: row.idx as u64,
            erased: None,
            event_type: row.event_type,
            id: row.event_id,
            source: row.source,
            producer: row.producer,
            subject_id: row.subject_id,
            service: row.service,
            environment: row.environment,
            outcome: row.outcome,
            occurred_at: Instant::from_millis(row.occurred_ms),
            recorded_at: Instant::from_millis(row.recorded_ms),
        }
    }
}

impl App {
    /// Events, newest first.
    pub fn events(&self, filter: &EventFilter, paging: Paging) -> Result<Page<EventSummary>, ReadError> {
        self.database.read(|tx| {
            let (tree_size, before) = start(tx, paging)?;
            let limit = paging.limit.clamp(1, MAX_PAGE);
            // One more than asked for tells whether there is another page.
            let mut rows = tx.events(filter, before, i64::from(limit) + 1)?;
            let more = rows.len() > usize::from(limit);
            rows.truncate(limit.into());
            let next = rows.last().filter(|_| more).map(|row| {
                Cursor {
                    tree_size,
                    before: row.idx as u64,
                }
                .to_string()
            });
            Ok(Page {
                tree_size,
                items: summaries(tx, rows)?,
                next,
            })
        })
    }

    /// One event in full.
    pub fn event(&self, index: u64) -> Result<EventView, ReadError> {
        self.database.read(|tx| {
            let row = tx.event_range(index, 1)?.pop().ok_or(ReadError::NotFound {
                what: "event",
                name: index.to_string(),
            })?;
            let bytes = envelope(tx, index)?;
            let damaged = |what: String| StoreError::Damaged(format!("entry {index}: {what}"));
            let envelope = Envelope::parse(&bytes).map_err(|error| damaged(error.to_string()))?;
            let payload = ledger::json::parse(&envelope.payload).map_err(|error| damaged(error.to_string()))?;
            let received = payload.pointer("/customData/shipslog/received").is_some();
            Ok(EventView {
                summary: row.into(),
                attestation: if received { "shared-secret" } else { "signature" },
                payload_type: envelope.payload_type,
                payload,
            })
        })
    }

    /// The bytes of an envelope as received.
    pub fn envelope(&self, index: u64) -> Result<Vec<u8>, ReadError> {
        self.database.read(|tx| envelope(tx, index))
    }

    /// What holds a value that begins like this: commits, digests, versions, ids.
    pub fn search(&self, prefix: &str, tree_size: Option<u64>) -> Result<Page<Found>, ReadError> {
        self.database.read(|tx| {
            let tree_size = super::read::tree_size(tx, tree_size)?;
            let last = end_of(prefix);
            let hits = tx.references_between(prefix, &last, tree_size, i64::from(MAX_PAGE))?;
            let mut indexes: BTreeSet<i64> = hits.iter().map(|hit| hit.idx).collect();
            let named = tx.named_events(prefix, &last, tree_size)?;
            indexes.extend(&named);
            let rows: BTreeMap<i64, EventRow> = tx.events_of(&indexes)?.into_iter().map(|row| (row.idx, row)).collect();
            let mut found: BTreeMap<(String, String), Vec<EventSummary>> = BTreeMap::new();
            for hit in hits {
                let events = found.entry((hit.value, hit.kind)).or_default();
                events.extend(rows.get(&hit.idx).cloned().map(EventSummary::from));
            }
            for row in named.iter().filter_map(|index| rows.get(index)) {
                let events = found.entry((row.event_id.clone(), "event".into())).or_default();
                events.push(row.clone().into());
            }
            let items = found
                .into_iter()
                .map(|((value, kind), events)| Found { kind, value, events })
                .collect();
            Ok(Page {
                tree_size,
                items,
                next: None,
            })
        })
    }
}

/// Rows as lists show them, with what erased those that were.
fn summaries(tx: &mut ReadTx<'_>, rows: Vec<EventRow>) -> Result<Vec<EventSummary>, StoreError> {
    let erased: Vec<i64> = rows.iter().filter(|row| row.is_erased()).map(|row| row.idx).collect();
    let erasures = tx.erasures_of(&erased)?;
    let by = |index: u64| erasures.iter().find(|row| row.idx as u64 == index);
    let mut summaries: Vec<EventSummary> = rows.into_iter().map(Into::into).collect();
    for summary in &mut summaries {
        summary.erased = by(summary.index).map(|row| ErasedBy {
            index: row.erased_by as u64,
            reason: row.reason.clone(),
        });
    }
    Ok(summaries)
}

fn envelope(tx: &mut ReadTx<'_>, index: u64) -> Result<Vec<u8>, ReadError> {
    let row = tx.envelopes(index, 1)?.pop();
    let row = row.ok_or(ReadError::NotFound {
        what: "event",
        name: index.to_string(),
    })?;
    match row.bytes {
        Some(bytes) => Ok(bytes),
        None => Err(ReadError::Erased(Box::new(tombstone(tx, index)?))),
    }
}
