//! What completeness is judged by: the runtime snapshots of an environment, and the numbers that sources give their records.

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Bool;

use super::connection::each;
use super::places::IS_OF_DEPLOYMENT;
use super::references::{SEQUENCE, after};
use super::schema::{event, reference, reference_run};
use super::{EventRow, ReadTx, StoreError, end_of};

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

    /// The values of numbers below `tree_size` that begin like this, in order, each with its entry.
    pub fn numbered(&mut self, prefix: &str, tree_size: u64) -> Result<Vec<(String, i64)>, StoreError> {
        let (runs, last, size) = (self.runs()?, end_of(prefix), tree_size as i64);
        let sorted = reference_run::table
            .filter(reference_run::run.eq_any(&runs))
            .filter(reference_run::value.ge(prefix).and(reference_run::value.le(&last)))
            .filter(reference_run::kind.eq(SEQUENCE).and(reference_run::idx.lt(size)))
            .select((reference_run::value, reference_run::idx));
        let rest = reference::table
            .filter(reference::idx.ge(after(&runs)).and(reference::idx.lt(size)))
            .filter(reference::value.ge(prefix).and(reference::value.le(&last)))
            .filter(reference::kind.eq(SEQUENCE))
            .select((reference::value, reference::idx));
        let mut rows: Vec<(String, i64)> = each!(self.connection, c => sorted.load(c))?;
        let newest: Vec<(String, i64)> = each!(self.connection, c => rest.load(c))?;
        rows.extend(newest);
        rows.sort_unstable();
        Ok(rows)
    }
}
