//! Which references are still to be written into sorted runs, and how many of them with the next batch.
//!
//! Work is spread evenly: a run is written while the entries of the next one arrive, so that no batch waits for a whole run.

use std::ops::Range;

use crate::store::{RUN, ReadTx, ReferenceRow, StoreError};

/// References that are in no complete run yet.
pub(super) struct Runs {
    /// Runs that are complete.
    complete: u64,
    /// Run `complete`, in its order, once all its entries are there.
    closed: Option<Vec<ReferenceRow>>,
    /// How much of it is written.
    written: usize,
    /// References of entries after that.
    open: Vec<ReferenceRow>,
}

/// What the next batch writes.
pub(super) struct Slice {
    /// The run.
    pub(super) run: u64,
    /// Its rows, by their places in the run.
    rows: Range<usize>,
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
            written: 0,
            open,
        };
        runs.close(tree_size);
        let stored = tx.run(complete)?;
        if !runs.closed.as_deref().unwrap_or_default().starts_with(&stored) {
            return Err(StoreError::Damaged(format!(
                "run {complete} of references is not what the events say"
            )));
        }
        runs.written = stored.len();
        Ok(runs)
    }

    /// What to write with a batch of `entries`: enough to be done long before the next run is full.
    pub(super) fn slice(&self, entries: usize) -> Slice {
        let total = self.closed.as_ref().map_or(0, Vec::len);
        let share = (total * entries * 2).div_ceil(RUN as usize);
        let end = (self.written + share).min(total);
        let done = self.closed.is_some() && end == total;
        Slice {
            run: self.complete,
            rows: self.written..end,
            complete: self.complete + u64::from(done),
        }
    }

    /// The rows of a slice.
    pub(super) fn rows(&self, slice: &Slice) -> &[ReferenceRow] {
        let run = self.closed.as_deref().unwrap_or_default();
        run.get(slice.rows.clone()).unwrap_or_default()
    }

    /// After the commit: the slice is written, and these references are new.
    pub(super) fn advance(&mut self, slice: &Slice, new: impl Iterator<Item = ReferenceRow>, tree_size: u64) {
        self.written = slice.rows.end;
        self.open.extend(new);
        if slice.complete > self.complete {
            self.complete = slice.complete;
            self.closed = None;
            self.written = 0;
        }
        self.close(tree_size);
    }

    /// Begins to write the next run once all its entries are there and the one before it is complete.
    fn close(&mut self, tree_size: u64) {
        let end = (self.complete + 1) * RUN;
        if self.closed.is_none() && tree_size >= end {
            let open = std::mem::take(&mut self.open);
            let (mut run, later) = open.into_iter().partition::<Vec<_>, _>(|row| (row.idx as u64) < end);
            self.open = later;
            run.sort_unstable();
            self.closed = Some(run);
        }
    }
}
