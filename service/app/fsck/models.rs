//! The read models of entries, computed from what was signed and compared with what is stored.

use std::collections::BTreeSet;

use super::Check;
use super::slice::Slice;
use crate::audit::Kind;
use crate::domain::Recorded;
use crate::sequencer::batch::{event_row, reference_rows};
use crate::store::{BUCKETS, Database, EventRow, Merge, RUN, ReferenceRow, RunHashes, StoreError};

/// What the read models must say of an entry.
pub(super) enum Expected {
    /// What its event says.
    Recorded(Box<Recorded>),
    /// Nothing but where it stood and when it was recorded.
    Erased { recorded_ms: i64 },
    /// That cannot be told: its content is not what was signed, which is a finding already.
    Unknown,
}

impl Expected {
    fn row(&self, index: u64) -> Option<EventRow> {
        match self {
            Self::Recorded(recorded) => Some(event_row(
                index,
                recorded.recorded_at.as_millis(),
                recorded.producer.as_str(),
                &recorded.event,
            )),
            Self::Erased { recorded_ms } => Some(EventRow::erased(index as i64, *recorded_ms)),
            Self::Unknown => None,
        }
    }

    fn references(&self, index: u64) -> BTreeSet<ReferenceRow> {
        match self {
            Self::Recorded(recorded) => reference_rows(index, &recorded.event).collect(),
            Self::Erased { .. } | Self::Unknown => BTreeSet::new(),
        }
    }
}

/// The references of runs that were not compared yet.
#[derive(Default)]
pub(super) struct Runs {
    /// Of the run whose entries are being read.
    open: Run,
    /// Of the run before it, while it is not complete in the database.
    closed: Option<(u64, Run)>,
}

/// What a run must hold.
#[derive(Default)]
struct Run {
    rows: BTreeSet<ReferenceRow>,
    /// Entries whose content is not what was signed: nothing is expected of them.
    unknown: BTreeSet<i64>,
}

impl Runs {
    /// Takes in the next entry.
    pub(super) fn add(&mut self, index: u64, expected: &Expected) {
        if matches!(expected, Expected::Unknown) {
            self.open.unknown.insert(index as i64);
        }
        self.open.rows.extend(expected.references(index));
        self.open
            .rows
            .extend(expected.row(index).as_ref().and_then(ReferenceRow::place));
    }
}

impl Check<'_> {
    /// Compares what is stored of an entry with what must be.
    pub(super) fn models(&mut self, index: u64, expected: &Expected, slice: &Slice) {
        let stored = slice.events.get(&index);
        let wanted = expected.row(index);
        if wanted.is_some() && stored != wanted.as_ref() {
            let message = match stored {
                Some(row) => format!(
                    "its columns are not what was signed: {}",
                    differing(row, wanted.as_ref()).join(", ")
                ),
                None => "its columns are missing".to_owned(),
            };
            self.audit.find(Kind::ReadModel, Some(index), message);
        }
        if let Some(row) = stored {
            let same = slice.known.iter().filter(|(id, source, producer, _)| {
                *id == row.event_id && *source == row.source && *producer == row.producer
            });
            let found: Vec<i64> = same.map(|(.., idx)| *idx).collect();
            if found != [index as i64] {
                let message = format!("its producer, source and id are those of the entries {found:?}");
                self.audit.find(Kind::Identity, Some(index), message);
            }
        }
        if wanted.is_some() {
            let wanted = expected.references(index);
            let stored: BTreeSet<_> = slice.references.get(&index).into_iter().flatten().cloned().collect();
            if stored != wanted {
                self.audit
                    .find(Kind::Reference, Some(index), difference(&stored, &wanted));
            }
        }
    }

    /// At the end of a run: what is stored of it must be its references, no more and no less.
    pub(super) fn run(&mut self, database: &Database, size: u64) -> Result<(), StoreError> {
        if !size.is_multiple_of(RUN) {
            return Ok(());
        }
        // By the time that a run is full, the one before it is complete.
        self.pending_run(database, false)?;
        self.runs.closed = Some((size / RUN - 1, std::mem::take(&mut self.runs.open)));
        self.pending_run(database, true)
    }

    /// What was merged into longer runs when these entries were added must be what was merged.
    pub(super) fn merges(&mut self, database: &Database, before: u64, after: u64) -> Result<(), StoreError> {
        for merge in Merge::due(before, after) {
            let first = merge.run() * merge.level().entries();
            let merged = self.ask(Some(first), database.read(|tx| tx.is_merged(merge)))?;
            if merged == Some(false) {
                let (level, run) = (merge.level().number(), merge.run());
                let message = format!("run {run} of level {level}: the hashes are not those of the runs below");
                self.audit.find(Kind::Run, Some(first), message);
            }
        }
        Ok(())
    }

    /// Compares the run that is full, if it was not yet. It may be written still: then it holds its first rows.
    pub(super) fn pending_run(&mut self, database: &Database, may_be_open: bool) -> Result<(), StoreError> {
        let Some((run, expected)) = self.runs.closed.take() else {
            return Ok(());
        };
        let loaded = database.read(|tx| {
            let (size, complete) = tx.head()?.map_or((0, 0), |head| (head.tree_size, head.runs));
            let erased = tx.erasures(run * RUN, RUN)?;
            let last = erased.iter().map(|row| row.erased_by).max();
            // What the newest batch erased may have been all that was missing of it.
            let just_erased = match last {
                Some(by) => tx
                    .checkpoints(by as u64, 1)?
                    .first()
                    .is_none_or(|(next, _)| *next as u64 == size),
                None => false,
            };
            Ok((complete, erased, just_erased, tx.run(run)?, tx.run_hashes(run)?))
        });
        let Some((complete, erased, just_erased, stored, hashes)) = self.ask(Some(run * RUN), loaded)? else {
            return Ok(());
        };
        let ignored = |row: &ReferenceRow| expected.unknown.contains(&row.idx);
        let stored: BTreeSet<ReferenceRow> = stored.into_iter().filter(|row| !ignored(row)).collect();
        // What was erased since it was read is gone from here as well.
        let gone: BTreeSet<i64> = erased.iter().map(|row| row.idx).collect();
        let wanted: BTreeSet<ReferenceRow> = expected
            .rows
            .iter()
            .filter(|row| !gone.contains(&row.idx))
            .cloned()
            .collect();
        let all_hashed = hashes.len() == BUCKETS;
        let wrong_rows = if run < complete || !may_be_open {
            stored != wanted || run >= complete || !all_hashed
        } else {
            // The rows that are there must be the first ones, and some must be missing, or it would be complete.
            let begun: BTreeSet<_> = wanted.iter().take(stored.len()).cloned().collect();
            let whole = stored.len() == wanted.len() && all_hashed;
            stored != begun || whole && !just_erased && expected.unknown.is_empty()
        };
        let wrong = wrong_rows || !RunHashes::of(&wanted).begin_with(&hashes, &expected.unknown);
        if wrong {
            let first = stored.symmetric_difference(&wanted).map(|row| row.idx).min();
            let first = first.map_or(run * RUN, |idx| idx as u64);
            let what = if wrong_rows {
                difference(&stored, &wanted)
            } else {
                "the hashes are not those of its references".to_owned()
            };
            let message = format!("run {run}: {what}");
            self.audit.find(Kind::Run, Some(first), message);
        } else if run >= complete {
            self.runs.closed = Some((run, expected));
        }
        Ok(())
    }
}

/// In words without what is stored: findings are read by people who may not be meant to read the events.
fn difference(stored: &BTreeSet<ReferenceRow>, wanted: &BTreeSet<ReferenceRow>) -> String {
    format!(
        "{} references of the event are missing, {} are too many",
        wanted.difference(stored).count(),
        stored.difference(wanted).count()
    )
}

/// Names of the columns in which two rows differ.
fn differing(stored: &EventRow, wanted: Option<&EventRow>) -> Vec<&'static str> {
    let Some(wanted) = wanted else { return Vec::new() };
    let columns = [
        ("event_id", stored.event_id == wanted.event_id),
        ("source", stored.source == wanted.source),
        ("producer", stored.producer == wanted.producer),
        ("event_type", stored.event_type == wanted.event_type),
        ("subject", stored.subject == wanted.subject),
        ("predicate", stored.predicate == wanted.predicate),
        ("subject_id", stored.subject_id == wanted.subject_id),
        ("service", stored.service == wanted.service),
        ("environment", stored.environment == wanted.environment),
        ("about", stored.about == wanted.about),
        ("chain", stored.chain == wanted.chain),
        ("names", stored.names == wanted.names),
        ("outcome", stored.outcome == wanted.outcome),
        ("occurred_ms", stored.occurred_ms == wanted.occurred_ms),
        ("recorded_ms", stored.recorded_ms == wanted.recorded_ms),
        ("administrative", stored.administrative == wanted.administrative),
    ];
    columns
        .into_iter()
        .filter(|(_, same)| !same)
        .map(|(name, _)| name)
        .collect()
}
