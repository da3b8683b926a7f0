//! The log over a period, read for reports: where it stood before and after, the proof between, who could write in it.

use ledger::{Hash, ProofPlan};

use super::declared::control_indexes;
use super::log::{LogError, assemble, root};
use super::metrics::recorded_until;
use crate::check::Kept;
use crate::document::compliance::LogPeriod;
use crate::domain::keyring::Keyring;
use crate::domain::{Instant, Period, Recorded};
use crate::store::{EventRow, ReadTx, StoreError};

/// What was read of a log over a period.
pub(super) struct LogReading {
    recorded_until: Instant,
    before: (u64, Hash),
    after: (u64, Hash),
    consistency: Vec<Hash>,
    oldest: Option<Kept>,
    erased: Vec<Kept>,
    administrative: Vec<Recorded>,
    keyring: Keyring,
}

impl LogReading {
    /// Reads it, below a tree size.
    pub(super) fn of(tx: &mut ReadTx<'_>, period: &Period, size: u64) -> Result<Self, LogError> {
        let old = recorded_before(tx, period.from, size)?;
        let new = recorded_before(tx, period.to, size)?;
        let consistency = match ProofPlan::consistency(old, new) {
            Some(plan) => assemble(tx, &plan)?,
            None => Vec::new(),
        };
        let mut administrative = control_indexes(tx, size)?;
        administrative.extend(tx.administrative(0)?.into_iter().filter(|index| (*index as u64) < size));
        let administrative = tx.recorded(&administrative)?;
        let mut keyring = Keyring::default();
        for record in &administrative {
            if let Some(decided) = &record.event.extension.administration {
                let applied = keyring.apply(record.index, record.recorded_at, decided);
                applied.map_err(|error| StoreError::Damaged(format!("entry {}: {error}", record.index)))?;
            }
        }
        let erased = tx.erasures(0, size)?.into_iter().map(|row| row.idx).collect();
        Ok(Self {
            recorded_until: recorded_until(tx, size)?.unwrap_or(Instant::from_millis(0)),
            oldest: tx.event_range(0, 1.min(size))?.first().map(kept),
            erased: tx.events_of(&erased)?.iter().map(kept).collect(),
            before: (old, root(tx, old)?),
            after: (new, root(tx, new)?),
            consistency,
            administrative,
            keyring,
        })
    }

    pub(super) fn period(&self) -> LogPeriod<'_> {
        LogPeriod {
            recorded_until: self.recorded_until,
            before: self.before,
            after: self.after,
            consistency: self.consistency.clone(),
            oldest: self.oldest,
            erased: &self.erased,
            administrative: &self.administrative,
            keyring: &self.keyring,
        }
    }
}

fn kept(row: &EventRow) -> Kept {
    Kept {
        index: row.idx as u64,
        recorded_at: Instant::from_millis(row.recorded_ms),
    }
}

/// How many entries below a tree size were recorded before an instant: their times never go back.
fn recorded_before(tx: &mut ReadTx<'_>, at: Instant, size: u64) -> Result<u64, StoreError> {
    let (mut low, mut high) = (0, size);
    while low < high {
        let middle = low + (high - low) / 2;
        let row = tx.event_range(middle, 1)?.pop();
        if row.is_some_and(|row| row.recorded_ms < at.as_millis()) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    Ok(low)
}
