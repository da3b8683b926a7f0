//! The log over a period, read for reports: where it stood before and after, the proof between, who could write in it.

use ledger::{Hash, ProofPlan};

use super::declared::control_indexes;
use super::documents::ComplianceQuery;
use super::log::{LogError, assemble, root};
use super::metrics::recorded_until;
use crate::check::Kept;
use crate::document::compliance::LogPeriod;
use crate::domain::keyring::Keyring;
use crate::domain::{Instant, Recorded, ServiceName};
use crate::store::{EventRow, Rare, ReadTx, StoreError};

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
    questions: Vec<Recorded>,
    questions_elsewhere: usize,
}

impl LogReading {
    /// Reads it for a report, below a tree size.
    pub(super) fn of(tx: &mut ReadTx<'_>, query: &ComplianceQuery, size: u64) -> Result<Self, LogError> {
        let period = &query.period;
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
        let (questions, questions_elsewhere) = questions(tx, query, old, new)?;
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
            questions,
            questions_elsewhere,
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
            questions: &self.questions,
            questions_elsewhere: self.questions_elsewhere,
        }
    }
}

/// What auditors asked about the place of a report, recorded between two tree sizes, and how many asked anything else. Only what is of the
/// place is read: the rest is for those who may read of theirs.
fn questions(
    tx: &mut ReadTx<'_>,
    query: &ComplianceQuery,
    old: u64,
    new: u64,
) -> Result<(Vec<Recorded>, usize), StoreError> {
    let mut asked = tx.rare(Rare::Question, &[], new, i64::MAX)?;
    asked.retain(|row| row.idx >= old as i64);
    let (here, elsewhere) = asked.into_iter().partition::<Vec<_>, _>(|row| {
        let (environment, service) = (row.environment.as_deref(), row.service.as_deref());
        let named = query.service.as_ref().map(ServiceName::as_str);
        environment == Some(query.environment.as_str()) && (named.is_none() || named == service)
    });
    Ok((tx.recorded_rows(&here)?, elsewhere.len()))
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
