//! What completeness is judged by: the runtime snapshots of an environment, and the numbers that sources give their records.

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Bool;

use super::connection::each;
use super::places::IS_OF_DEPLOYMENT;
use super::references::{SEQUENCE, after};
use super::schema::{event, reference, reference_run};
use super::{EventRow, ROWS_PER_INSERT, ReadTx, StoreError};

/// Whether an event is a runtime snapshot, as the index over them has it.
const IS_SNAPSHOT: &str = "event.subject = 'shipslog-snapshot'";
impl ReadTx<'_> {
    /// Runtime snapshots of an environment below `before`, newest first, at most `limit`.
    pub fn snapshots(&mut self, environment: &str, before: u64, limit: i64) -> Result<Vec<EventRow>, StoreError> {
        let query = event::table
            .filter(event::environment.eq(environment))
            .filter(sql::<Bool>(IS_SNAPSHOT))
            .filter(event::idx.lt(before as i64))
            .order(event::idx.desc())
            .limit(limit);
        Ok(each!(self.connection, c => query.select(EventRow::as_select()).load(c))?)
    }

    /// Those taken in a time, in order of it.
    pub fn snapshots_between(
        &mut self,
        environment: &str,
        (from_ms, to_ms): (i64, i64),
        tree_size: u64,
    ) -> Result<Vec<EventRow>, StoreError> {
        let query = event::table
            .filter(event::environment.eq(environment))
            .filter(sql::<Bool>(IS_SNAPSHOT))
            .filter(event::occurred_ms.ge(from_ms).and(event::occurred_ms.lt(to_ms)))
            .filter(event::idx.lt(tree_size as i64))
            .order((event::occurred_ms, event::idx));
        Ok(each!(self.connection, c => query.select(EventRow::as_select()).load(c))?)
    }

    /// The last that were taken before a time, the last first, at most `limit`; and all that were taken when the first of these was.
    pub fn snapshots_before(
        &mut self,
        environment: &str,
        before_ms: i64,
        tree_size: u64,
        limit: i64,
    ) -> Result<Vec<EventRow>, StoreError> {
        let taken = || {
            let there = event::table.filter(event::environment.eq(environment));
            let there = there.filter(sql::<Bool>(IS_SNAPSHOT));
            there.filter(event::idx.lt(tree_size as i64).and(event::occurred_ms.lt(before_ms)))
        };
        let last = taken().order((event::occurred_ms.desc(), event::idx.desc()));
        let last = last.offset(limit - 1).select(event::occurred_ms);
        let first: Option<i64> = each!(self.connection, c => last.first(c).optional())?;
        self.snapshots_between(environment, (first.unwrap_or(i64::MIN), before_ms), tree_size)
    }

    /// The first that were taken from a time on, in order of it, at most `limit`; and all that were taken when the last of these was.
    pub fn snapshots_from(
        &mut self,
        environment: &str,
        from_ms: i64,
        tree_size: u64,
        limit: i64,
    ) -> Result<Vec<EventRow>, StoreError> {
        let taken = event::table
            .filter(event::environment.eq(environment))
            .filter(sql::<Bool>(IS_SNAPSHOT))
            .filter(event::idx.lt(tree_size as i64).and(event::occurred_ms.ge(from_ms)));
        let first = taken.order((event::occurred_ms, event::idx));
        let first = first.offset(limit - 1).select(event::occurred_ms);
        let last: Option<i64> = each!(self.connection, c => first.first(c).optional())?;
        let end = last.map_or(i64::MAX, |last| last + 1);
        self.snapshots_between(environment, (from_ms, end), tree_size)
    }

    /// Whether anything was ever said about a deployment to an environment; or a snapshot was taken of it, of which the same held.
    pub fn is_deployed_to(&mut self, environment: &str) -> Result<bool, StoreError> {
        let query = event::table
            .filter(event::environment.eq(environment))
            .filter(sql::<Bool>(IS_OF_DEPLOYMENT).or(sql::<Bool>(IS_SNAPSHOT)))
            .select(event::idx)
            .limit(1);
        let found: Option<i64> = each!(self.connection, c => query.first(c).optional())?;
        Ok(found.is_some())
    }

    /// The numbers that these entries bear, as values, each with its entry.
    pub fn numbers_of(&mut self, indexes: &[i64]) -> Result<Vec<(String, i64)>, StoreError> {
        let mut rows = Vec::new();
        for some in indexes.chunks(ROWS_PER_INSERT) {
            let query = reference::table
                .filter(reference::idx.eq_any(some).and(reference::kind.eq(SEQUENCE)))
                .select((reference::value, reference::idx));
            let part: Vec<(String, i64)> = each!(self.connection, c => query.load(c))?;
            rows.extend(part);
        }
        Ok(rows)
    }

    /// The values of numbers below `tree_size` between these, both included, in order, each with its entry.
    pub fn numbered(&mut self, first: &str, last: &str, tree_size: u64) -> Result<Vec<(String, i64)>, StoreError> {
        let (runs, size) = (self.runs()?, tree_size as i64);
        let sorted = reference_run::table
            .filter(reference_run::run.eq_any(&runs))
            .filter(reference_run::value.ge(first).and(reference_run::value.le(last)))
            .filter(reference_run::kind.eq(SEQUENCE).and(reference_run::idx.lt(size)))
            .select((reference_run::value, reference_run::idx));
        let rest = reference::table
            .filter(reference::idx.ge(after(&runs)).and(reference::idx.lt(size)))
            .filter(reference::value.ge(first).and(reference::value.le(last)))
            .filter(reference::kind.eq(SEQUENCE))
            .select((reference::value, reference::idx));
        let mut rows: Vec<(String, i64)> = each!(self.connection, c => sorted.load(c))?;
        let newest: Vec<(String, i64)> = each!(self.connection, c => rest.load(c))?;
        rows.extend(newest);
        rows.sort_unstable();
        // A number is content, and its entry may be read for nothing else.
        self.contents.extend(rows.iter().map(|(_, idx)| *idx));
        Ok(rows)
    }
}
