//! Events read back from the bytes that were signed: the read models only say where to look.

use std::collections::BTreeSet;

use ledger::Envelope;

use super::{EnvelopeRow, EventRow, ReadTx, StoreError};
use crate::domain::{Instant, ProducerName, Recorded, parse};
use crate::parallel;

/// Envelopes that are held at once.
const AT_ONCE: usize = 4096;

impl ReadTx<'_> {
    /// The entries whose events were read in this transaction so far: what is made in it is made from these.
    pub fn contents(&self) -> &BTreeSet<i64> {
        &self.contents
    }

    /// Counts these among what was read: who sent them, and when, makes a difference too.
    pub fn count_as_read(&mut self, rows: &[EventRow]) {
        self.contents.extend(rows.iter().map(|row| row.idx));
    }

    /// The events of these entries, in order of index. Erased ones are left out.
    pub fn recorded(&mut self, indexes: &BTreeSet<i64>) -> Result<Vec<Recorded>, StoreError> {
        let rows = self.events_of(indexes)?;
        self.recorded_rows(&rows)
    }

    /// The events behind these rows, in order of index. Erased ones are left out.
    pub fn recorded_rows(&mut self, rows: &[EventRow]) -> Result<Vec<Recorded>, StoreError> {
        let mut rows: Vec<&EventRow> = rows.iter().collect();
        rows.sort_unstable_by_key(|row| row.idx);
        let mut recorded = Vec::with_capacity(rows.len());
        for some in rows.chunks(AT_ONCE) {
            let indexes: Vec<i64> = some.iter().map(|row| row.idx).collect();
            self.contents.extend(&indexes);
            let mut envelopes = self.envelopes_of(&indexes)?.into_iter().peekable();
            let mut pairs = Vec::with_capacity(some.len());
            for row in some {
                let envelope = envelopes.next_if(|envelope| envelope.idx == row.idx);
                pairs.push((
                    *row,
                    envelope.ok_or_else(|| damaged(row.idx, "its envelope is missing"))?,
                ));
            }
            for event in parallel::map(&pairs, |(row, envelope)| recorded_event(row, envelope)) {
                recorded.extend(event?);
            }
        }
        Ok(recorded)
    }
}

fn recorded_event(row: &EventRow, envelope: &EnvelopeRow) -> Result<Option<Recorded>, StoreError> {
    let Some(bytes) = &envelope.bytes else { return Ok(None) };
    let envelope = Envelope::parse(bytes).map_err(|error| damaged(row.idx, &error.to_string()))?;
    let event = parse::parse(&envelope.payload_type, &envelope.payload)
        .map_err(|error| damaged(row.idx, &error.to_string()))?;
    let producer: ProducerName = row
        .producer
        .parse()
        .map_err(|_| damaged(row.idx, "its producer has no name"))?;
    Ok(Some(Recorded {
        index: row.idx as u64,
        recorded_at: Instant::from_millis(row.recorded_ms),
        producer,
        event,
    }))
}

fn damaged(idx: i64, what: &str) -> StoreError {
    StoreError::Damaged(format!("entry {idx}: {what}"))
}
