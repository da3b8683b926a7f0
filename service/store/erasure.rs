//! Destroying content: the one thing that is ever taken out of the tables, and making sure that it leaves the disk as well.
//!
//! The rows change in the transaction that records why; [`Database::purge`] afterwards takes the old bytes out of the files as
//! far as the database lets a client do that. What it leaves to the operator is in [`Purged`].

use diesel::connection::SimpleConnection;
use diesel::prelude::*;

use super::connection::{Connection, PATIENCE, each};
use super::schema::{envelope, erasure, event, reference, reference_run};
use super::{Database, EventRow, ROWS_PER_INSERT, ReadTx, StoreError, WriteTx};

/// That the content of an entry was destroyed.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Insertable, Selectable)]
#[diesel(table_name = erasure, treat_none_as_default_value = false)]
pub struct ErasureRow {
    /// Index of the entry.
    pub idx: i64,
    /// Index of the entry that records the erasure.
    pub erased_by: i64,
    /// Why, from the closed list.
    pub reason: String,
}

/// How far the old bytes are out of the database's files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purged {
    /// SQLite: overwritten in the database file, and the write-ahead log is empty.
    Done,
    /// SQLite: overwritten in the database file, but a reader still needs the write-ahead log.
    Reading,
    /// PostgreSQL: no query finds them and `VACUUM` has run; free space of pages, write-ahead log, replicas and backups are
    /// the operator's.
    Vacuumed,
}

/// The tables that hold what events say.
const TOUCHED: [&str; 5] = ["envelope", "event", "reference", "reference_run", "reference_hash"];

#[derive(QueryableByName)]
struct Checkpointed {
    #[diesel(sql_type = diesel::sql_types::Integer)]
    busy: i32,
}

impl EventRow {
    /// What is left of an erased event: its place and when it was recorded, both of which are in its entry.
    pub fn erased(idx: i64, recorded_ms: i64) -> Self {
        Self {
            idx,
            // Unique, and with no producer nobody's identity.
            event_id: idx.to_string(),
            occurred_ms: recorded_ms,
            recorded_ms,
            ..Self::default()
        }
    }

    /// Whether this is all that is left of an event.
    pub fn is_erased(&self) -> bool {
        self.producer.is_empty()
    }
}

impl ReadTx<'_> {
    /// The erasures of these entries, in order of index.
    pub fn erasures_of(&mut self, indexes: &[i64]) -> Result<Vec<ErasureRow>, StoreError> {
        let mut rows = Vec::new();
        for some in indexes.chunks(ROWS_PER_INSERT) {
            let query = erasure::table.filter(erasure::idx.eq_any(some)).order(erasure::idx);
            let part: Vec<ErasureRow> = each!(self.connection, c => query.select(ErasureRow::as_select()).load(c))?;
            rows.extend(part);
        }
        Ok(rows)
    }

    /// The erasures of entries from `start`, in order of index, at most `count` entries further.
    pub fn erasures(&mut self, start: u64, count: u64) -> Result<Vec<ErasureRow>, StoreError> {
        let end = start.saturating_add(count).min(i64::MAX as u64) as i64;
        let query = erasure::table
            .filter(erasure::idx.ge(start as i64).and(erasure::idx.lt(end)))
            .order(erasure::idx);
        Ok(each!(self.connection, c => query.select(ErasureRow::as_select()).load(c))?)
    }
}

impl WriteTx<'_> {
    /// Destroys what is kept of an entry beside its leaf. The entry that records it must be there already.
    pub fn erase(&mut self, row: &ErasureRow) -> Result<(), StoreError> {
        let idx = row.idx;
        each!(&mut *self.connection, c => diesel::insert_into(erasure::table).values(row).execute(c))?;
        let gone = (envelope::salt.eq(None::<Vec<u8>>), envelope::bytes.eq(None::<Vec<u8>>));
        let envelopes =
            each!(&mut *self.connection, c => diesel::update(envelope::table.find(idx)).set(gone).execute(c))?;
        let blank = (
            event::event_id.eq(idx.to_string()),
            event::source.eq(""),
            event::producer.eq(""),
            event::event_type.eq(""),
            event::subject.eq(""),
            event::predicate.eq(""),
            event::subject_id.eq(""),
            event::about.eq(None::<String>),
            event::chain.eq(None::<String>),
            event::names.eq(None::<String>),
            event::service.eq(None::<String>),
            event::environment.eq(None::<String>),
            event::outcome.eq(None::<String>),
            event::occurred_ms.eq(event::recorded_ms),
            event::administrative.eq(false),
        );
        let events = each!(&mut *self.connection, c => diesel::update(event::table.find(idx)).set(blank).execute(c))?;
        if (envelopes, events) != (1, 1) {
            return Err(StoreError::Damaged(format!(
                "entry {idx} has no envelope or no event to erase"
            )));
        }
        let run = idx / super::RUN as i64;
        let found = reference::table.filter(reference::idx.eq(idx));
        let values: Vec<String> = each!(&mut *self.connection, c => found.select(reference::value).load(c))?;
        let sorted = reference_run::table.filter(reference_run::run.eq(run).and(reference_run::idx.eq(idx)));
        each!(&mut *self.connection, c => diesel::delete(found).execute(c))?;
        each!(&mut *self.connection, c => diesel::delete(sorted).execute(c))?;
        self.erase_hashes(idx, &values.into_iter().collect())
    }
}

impl Database {
    /// Takes what was erased out of the files, as far as a client of the database can.
    ///
    /// SQLite overwrites what is deleted (`secure_delete`); what the write-ahead log still holds of before goes when that is
    /// emptied. PostgreSQL keeps dead rows until `VACUUM`.
    pub fn purge(&self) -> Result<Purged, StoreError> {
        if let Some(backfill) = &*self.backfill {
            return Ok(if backfill.empty() {
                Purged::Done
            } else {
                Purged::Reading
            });
        }
        let mut connection = self.pool.connect().establish_writer()?;
        if let Connection::Postgres(postgres) = &mut connection {
            // The statistics hold samples of the rows: new ones are taken, and the old ones go as other dead rows do. Whoever owns
            // the database may clean its statistics; others are warned, not refused.
            for table in TOUCHED {
                postgres.batch_execute(&format!("VACUUM (ANALYZE) {table}"))?;
            }
            postgres.batch_execute("VACUUM pg_catalog.pg_statistic")?;
        }
        Ok(Purged::Vacuumed)
    }
}

/// Moves all of SQLite's write-ahead log into the database file and cuts it to nothing; false while somebody still reads it, or
/// does the same. It does not wait for them: the writer would have to wait as well.
/// Source: <https://www.sqlite.org/pragma.html#pragma_wal_checkpoint>.
pub(super) fn empty_log(sqlite: &mut SqliteConnection) -> Result<bool, StoreError> {
    sqlite.batch_execute("PRAGMA busy_timeout = 0")?;
    let result: Checkpointed = diesel::sql_query("PRAGMA wal_checkpoint(TRUNCATE)").get_result(sqlite)?;
    sqlite.batch_execute(&format!("PRAGMA busy_timeout = {}", PATIENCE.as_millis()))?;
    Ok(result.busy == 0)
}
