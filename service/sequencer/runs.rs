//! Which references are still to be written into sorted runs, and how many of them with the next batch.
//!
//! Work is spread evenly: a run is written while the entries of the next one arrive, so that no batch waits for a whole run.

use std::collections::BTreeSet;
use std::ops::Range;

use crate::store::{BUCKETS, RUN, ReadTx, ReferenceRow, RunHashes, StoreError, WriteTx};

/// References that are in no complete run yet.
pub(super) struct Runs {
    /// Runs that are complete.
    complete: u64,
    /// Run `complete`, once all its entries are there.
    closed: Option<Closed>,
    /// References of entries after that.
    open: Vec<ReferenceRow>,
}

/// A run that can be written.
struct Closed {
    /// Its rows, in order.
    rows: Vec<ReferenceRow>,
    hashes: RunHashes,
    /// How many of its rows are written.
    written: usize,
    /// How many of its buckets are.
    hashed: usize,
}

/// What the next batch writes.
#[derive(Default)]
pub(super) struct Slice {
    /// The run.
    pub(super) run: u64,
    /// Its rows, by their places in the run.
    rows: Range<usize>,
    /// Its buckets of hashes.
    buckets: Range<usize>,
    /// Complete runs once they are written.
    pub(super) complete: u64,
}

impl Runs {
    /// Loads what is missing from the database.
    pub(super) fn load(tx: &mut ReadTx<'_>, tree_size: u64, complete: u64) -> Result<Self, StoreError> {
        let start = complete * RUN;
        let count = tree_size.saturating_sub(start);
        let mut open = tx.references_at(start, count)?;
        open.extend(tx.event_range(start, count)?.iter().filter_map(ReferenceRow::place));
        let mut runs = Self {
            complete,
            closed: None,
            open,
        };
        runs.close(tree_size);
        let (rows, hashes) = (tx.run(complete)?, tx.run_hashes(complete)?);
        match &mut runs.closed {
            Some(closed) if closed.begins_with(&rows, &hashes) => {
                (closed.written, closed.hashed) = (rows.len(), hashes.len());
            }
            None if rows.is_empty() && hashes.is_empty() => {}
            _ => {
                let message = format!("run {complete} of references is not what the events say");
                return Err(StoreError::Damaged(message));
            }
        }
        Ok(runs)
    }

    /// What to write with a batch of `entries`: enough to be done long before the next run is full.
    pub(super) fn slice(&self, entries: usize) -> Slice {
        let Some(closed) = &self.closed else {
            return Slice {
                run: self.complete,
                complete: self.complete,
                ..Slice::default()
            };
        };
        let share = |total: usize| (total * entries * 2).div_ceil(RUN as usize);
        let next = |written: usize, total: usize| written..(written + share(total)).min(total);
        let rows = next(closed.written, closed.rows.len());
        let buckets = next(closed.hashed, BUCKETS);
        let done = rows.end == closed.rows.len() && buckets.end == BUCKETS;
        Slice {
            run: self.complete,
            rows,
            buckets,
            complete: self.complete + u64::from(done),
        }
    }

    /// Writes a slice.
    pub(super) fn write(&self, tx: &mut WriteTx<'_>, slice: &Slice) -> Result<(), StoreError> {
        let Some(closed) = &self.closed else { return Ok(()) };
        let rows = closed.rows.get(slice.rows.clone()).unwrap_or_default();
        tx.append_run(slice.run, rows)?;
        let buckets = closed.hashes.buckets().get(slice.buckets.clone());
        tx.append_hashes(slice.run, slice.buckets.start, buckets.unwrap_or_default())
    }

    /// After the commit: the slice is written, and these references are new.
    pub(super) fn advance(&mut self, slice: &Slice, new: impl Iterator<Item = ReferenceRow>, tree_size: u64) {
        if let Some(closed) = &mut self.closed {
            (closed.written, closed.hashed) = (slice.rows.end, slice.buckets.end);
        }
        self.open.extend(new);
        if slice.complete > self.complete {
            self.complete = slice.complete;
            self.closed = None;
        }
        self.close(tree_size);
    }

    /// Begins to write the next run once all its entries are there and the one before it is complete.
    fn close(&mut self, tree_size: u64) {
        let end = (self.complete + 1) * RUN;
        if self.closed.is_none() && tree_size >= end {
            let open = std::mem::take(&mut self.open);
            let (mut rows, later) = open.into_iter().partition::<Vec<_>, _>(|row| (row.idx as u64) < end);
            self.open = later;
            rows.sort_unstable();
            self.closed = Some(Closed {
                hashes: RunHashes::of(&rows),
                rows,
                written: 0,
                hashed: 0,
            });
        }
    }
}

impl Closed {
    /// Whether this is what is written first.
    fn begins_with(&self, rows: &[ReferenceRow], hashes: &[(i32, Vec<u8>)]) -> bool {
        self.rows.starts_with(rows) && self.hashes.begin_with(hashes, &BTreeSet::new())
    }
}
