//! Which references are still to be written into sorted runs, and how many of them with the next batch.
//!
//! Work is spread evenly: a run is written while the entries of the next one arrive, so that no batch waits for a whole run.

use std::collections::BTreeSet;

use crate::store::{RUN, ReadTx, ReferenceRow, StoreError};

/// References that are in no complete run yet, sorted.
pub(super) struct Runs {
    /// Runs that are complete.
    complete: u64,
    /// What is missing of run `complete`.
    pending: BTreeSet<ReferenceRow>,
    /// How many rows that run has, once all its entries are there.
    closed: Option<usize>,
    /// References of entries after that run.
    open: BTreeSet<ReferenceRow>,
}

/// What the next batch writes.
pub(super) struct Slice {
    /// The run.
    pub(super) run: u64,
    /// How many rows, from the beginning of what is pending.
    rows: usize,
    /// Complete runs once they are written.
    pub(super) complete: u64,
}

impl Runs {
    /// Loads what is missing from the database.
    pub(super) fn load(tx: &mut ReadTx<'_>, tree_size: u64, complete: u64) -> Result<Self, StoreError> {
        let start = complete * RUN;
        let open = tx
            .references_at(start, tree_size.saturating_sub(start))?
            .into_iter()
            .collect();
        let mut runs = Self {
            complete,
            pending: BTreeSet::new(),
            closed: None,
            open,
        };
        runs.close(tree_size);
        for row in tx.run(complete)? {
            if !runs.pending.remove(&row) {
                return Err(StoreError::Damaged(format!(
                    "run {complete} of references holds what no event says"
                )));
            }
        }
        Ok(runs)
    }

    /// What to write with a batch of `entries`: enough to be done long before the next run is full.
    pub(super) fn slice(&self, entries: usize) -> Slice {
        let Some(total) = self.closed else {
            return Slice {
                run: self.complete,
                rows: 0,
                complete: self.complete,
            };
        };
        let share = (total * entries * 2).div_ceil(RUN as usize);
        let rows = share.min(self.pending.len());
        let done = rows == self.pending.len();
        Slice {
            run: self.complete,
            rows,
            complete: self.complete + u64::from(done),
        }
    }

    /// The rows of a slice.
    pub(super) fn rows(&self, slice: &Slice) -> Vec<&ReferenceRow> {
        self.pending.iter().take(slice.rows).collect()
    }

    /// After the commit: the slice is written, and these references are new.
    pub(super) fn advance(&mut self, slice: &Slice, new: Vec<ReferenceRow>, tree_size: u64) {
        for _ in 0..slice.rows {
            self.pending.pop_first();
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
            (self.pending, self.open) = open.into_iter().partition(|row| (row.idx as u64) < end);
            self.closed = Some(self.pending.len());
        }
    }
}
