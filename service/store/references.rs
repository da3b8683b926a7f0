//! What events can be found by.
//!
//! A lookup by value wants an index over values, and values such as digests are random: each would be written at a random
//! place of a tree as large as the log. So they are written twice in order instead: by index, and, a little later, sorted
//! by value within runs of [`RUN`] entries. What values begin with is looked up with one step for each complete run, whole values
//! by their hashes (`hashes.rs`); what is after the last run is read.

use std::collections::BTreeSet;

use diesel::prelude::*;

use super::append::{RunRow, append};
use super::connection::each;
use super::schema::{reference, reference_run};
use super::{EventRow, ROWS_PER_INSERT, ReadTx, StoreError, WriteTx};

/// Entries of one run.
pub const RUN: u64 = 4096;
/// Values that the database picks among what is in no run yet; of more, all is read.
const FEW: usize = 200;

/// A value that an event can be found by. In the order of a run.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Queryable, Insertable, Selectable)]
#[diesel(table_name = reference, treat_none_as_default_value = false)]
pub struct ReferenceRow {
    /// The value.
    pub value: String,
    /// What kind of value it is.
    pub kind: String,
    /// Index of the event's entry.
    pub idx: i64,
}

/// The kind of rows that say where an event belongs. They are in runs alone: before, the event's own columns say it.
pub(super) const PLACE: &str = "place";
/// The kind of rows that hold a number of a source. They are for finding what is missing, and nobody searches for them.
pub(super) const SEQUENCE: &str = "sequence";

impl ReferenceRow {
    /// Where an event belongs, as a row of its run: so that the events of a place are found without an index that each
    /// event is written to at a random place.
    pub fn place(event: &EventRow) -> Option<Self> {
        event.environment.as_ref().map(|environment| Self {
            value: place(environment, event.service.as_deref().unwrap_or_default()),
            kind: PLACE.to_owned(),
            idx: event.idx,
        })
    }
}

/// No name holds the separator.
pub(super) fn place(environment: &str, service: &str) -> String {
    format!("{environment}\u{1f}{service}")
}

impl ReadTx<'_> {
    /// Entries below `tree_size` that hold exactly this value, as any of these kinds, in order.
    pub fn referring(&mut self, value: &str, kinds: &[&str], tree_size: u64) -> Result<Vec<i64>, StoreError> {
        let found = self.referring_to_any(&BTreeSet::from([value.to_owned()]), kinds, tree_size)?;
        Ok(found.into_iter().collect())
    }

    /// The same of any of these values.
    pub fn referring_to_any(
        &mut self,
        values: &BTreeSet<String>,
        kinds: &[&str],
        tree_size: u64,
    ) -> Result<BTreeSet<i64>, StoreError> {
        self.referring_to(&[(values, kinds)], tree_size, &BTreeSet::new())
    }

    /// The same of any of several lists of values, each as any of its kinds: looked up together. Entries that are `known` are not
    /// looked at, and left out.
    pub fn referring_to(
        &mut self,
        lists: &[(&BTreeSet<String>, &[&str])],
        tree_size: u64,
        known: &BTreeSet<i64>,
    ) -> Result<BTreeSet<i64>, StoreError> {
        let values = || lists.iter().flat_map(|(values, _)| values.iter().map(String::as_str));
        if values().next().is_none() {
            return Ok(BTreeSet::new());
        }
        let Some(head) = self.head()? else {
            return Ok(BTreeSet::new());
        };
        let mut hashed = self.hashed(values(), &head)?;
        hashed.retain(|idx| *idx < tree_size as i64 && !known.contains(idx));
        let hashed: Vec<i64> = hashed.into_iter().collect();
        let kinds: BTreeSet<&str> = lists.iter().flat_map(|(_, kinds)| kinds.iter().copied()).collect();
        let of_kinds = || {
            let named = reference::table.select((reference::value, reference::kind, reference::idx));
            named.filter(reference::kind.eq_any(&kinds))
        };
        let mut rows: Vec<(String, String, i64)> = Vec::new();
        for some in hashed.chunks(ROWS_PER_INSERT) {
            let named = of_kinds().filter(reference::idx.eq_any(some));
            let some: Vec<(String, String, i64)> = each!(self.connection, c => named.load(c))?;
            rows.extend(some);
        }
        // What is in no run yet.
        let rest = of_kinds().filter(
            reference::idx
                .ge((head.runs * RUN) as i64)
                .and(reference::idx.lt(tree_size as i64)),
        );
        let few: Vec<&str> = values().take(FEW + 1).collect();
        let rest: Vec<(String, String, i64)> = if few.len() <= FEW {
            let rest = rest.filter(reference::value.eq_any(few));
            each!(self.connection, c => rest.load(c))?
        } else {
            each!(self.connection, c => rest.load(c))?
        };
        rows.extend(rest);
        let is_sought = |value: &String, kind: &str| {
            lists
                .iter()
                .any(|(values, kinds)| kinds.contains(&kind) && values.contains(value))
        };
        let found = rows.into_iter().filter(|(value, kind, _)| is_sought(value, kind));
        Ok(found.map(|(.., idx)| idx).filter(|idx| !known.contains(idx)).collect())
    }

    /// References below `tree_size` whose value lies in this range, both ends included, in order of value, at most `limit`.
    pub fn references_between(
        &mut self,
        first: &str,
        last: &str,
        tree_size: u64,
        limit: i64,
    ) -> Result<Vec<ReferenceRow>, StoreError> {
        let runs = self.runs()?;
        let sorted = reference_run::table
            .filter(reference_run::run.eq_any(&runs))
            .filter(reference_run::value.ge(first).and(reference_run::value.le(last)))
            .filter(reference_run::kind.ne_all([PLACE, SEQUENCE]))
            .filter(reference_run::idx.lt(tree_size as i64))
            .order((reference_run::value, reference_run::kind, reference_run::idx))
            .limit(limit)
            .select((reference_run::value, reference_run::kind, reference_run::idx));
        let rest = reference::table
            .filter(reference::idx.ge(after(&runs)).and(reference::idx.lt(tree_size as i64)))
            .filter(reference::value.ge(first).and(reference::value.le(last)))
            .filter(reference::kind.ne(SEQUENCE))
            .order((reference::value, reference::kind, reference::idx))
            .limit(limit);
        let mut rows: Vec<ReferenceRow> = each!(self.connection, c => sorted.load(c))?;
        let newest: Vec<ReferenceRow> = each!(self.connection, c => rest.select(ReferenceRow::as_select()).load(c))?;
        rows.extend(newest);
        rows.sort_unstable();
        rows.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(rows)
    }

    /// All references of some entries, in order of index.
    pub fn references_at(&mut self, start: u64, count: u64) -> Result<Vec<ReferenceRow>, StoreError> {
        let query = reference::table
            .filter(reference::idx.ge(start as i64))
            .filter(reference::idx.lt(start.saturating_add(count) as i64))
            .order((reference::idx, reference::value, reference::kind));
        Ok(each!(self.connection, c => query.select(ReferenceRow::as_select()).load(c))?)
    }

    /// What is stored of a run, in its order.
    pub fn run(&mut self, run: u64) -> Result<Vec<ReferenceRow>, StoreError> {
        let query = reference_run::table
            .filter(reference_run::run.eq(run as i64))
            .order((reference_run::value, reference_run::kind, reference_run::idx))
            .select((reference_run::value, reference_run::kind, reference_run::idx));
        Ok(each!(self.connection, c => query.load(c))?)
    }

    /// The complete runs, oldest first.
    pub(super) fn runs(&mut self) -> Result<Vec<i64>, StoreError> {
        Ok((0..self.head()?.map_or(0, |head| head.runs as i64)).collect())
    }
}

impl WriteTx<'_> {
    /// Adds references, in any order.
    pub fn append_references(&mut self, rows: &[ReferenceRow]) -> Result<(), StoreError> {
        append::<ReferenceRow, _>(self.connection, rows)
    }

    /// Adds the next rows of a run.
    pub fn append_run(&mut self, run: u64, rows: &[ReferenceRow]) -> Result<(), StoreError> {
        let run = run as i64;
        let rows: Vec<RunRow<'_>> = rows.iter().map(|reference| RunRow { run, reference }).collect();
        append::<RunRow<'_>, _>(self.connection, &rows)
    }
}

/// Index of the first entry after complete runs.
pub(super) fn after(runs: &[i64]) -> i64 {
    runs.len() as i64 * RUN as i64
}
