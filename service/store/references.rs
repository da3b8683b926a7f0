//! What events can be found by.
//!
//! A lookup by value wants an index over values, and values such as digests are random: each would be written at a random
//! place of a tree as large as the log. So they are written twice in order instead: by index, and, a little later, sorted
//! by value within runs of [`RUN`] entries. A lookup takes one step for each complete run and reads what is after the last.

use std::collections::BTreeSet;

use diesel::prelude::*;

use super::append::{RunRow, append};
use super::connection::each;
use super::schema::{reference, reference_run};
use super::{EventRow, ReadTx, StoreError, WriteTx};

/// Entries of one run.
pub const RUN: u64 = 4096;
/// Values that one query looks up.
const VALUES_AT_ONCE: usize = 200;

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
        let runs = self.runs()?;
        let list: Vec<&str> = values.iter().map(String::as_str).collect();
        let mut found = BTreeSet::new();
        for some in list.chunks(VALUES_AT_ONCE) {
            let sorted = reference_run::table
                .filter(reference_run::run.eq_any(&runs))
                .filter(reference_run::value.eq_any(some).and(reference_run::kind.eq_any(kinds)))
                .filter(reference_run::idx.lt(tree_size as i64))
                .select(reference_run::idx);
            let indexes: Vec<i64> = each!(self.connection, c => sorted.load(c))?;
            found.extend(indexes);
        }
        // What is in no run yet is read once, however many values there are.
        let rest = reference::table
            .filter(reference::idx.ge(after(&runs)).and(reference::idx.lt(tree_size as i64)))
            .filter(reference::kind.eq_any(kinds));
        if list.len() <= VALUES_AT_ONCE {
            let rest = rest.filter(reference::value.eq_any(&list)).select(reference::idx);
            let indexes: Vec<i64> = each!(self.connection, c => rest.load(c))?;
            found.extend(indexes);
        } else {
            let rest = rest.select((reference::value, reference::idx));
            let rows: Vec<(String, i64)> = each!(self.connection, c => rest.load(c))?;
            let rows = rows.into_iter().filter(|(value, _)| values.contains(value));
            found.extend(rows.map(|(_, idx)| idx));
        }
        Ok(found)
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
