//! The guard's table in a database of its own: the newest published checkpoint of each log, moved by compare-and-swap.
//!
//! It must not lie in the log's own database: what is restored together guards nothing.

use diesel::connection::SimpleConnection;
use diesel::prelude::*;

use super::StoreError;
use super::connection::{Connect, Connection, each};

diesel::table! {
    shipslog_guard (log_key) {
        log_key -> Text,
        tree_size -> BigInt,
        note -> Text,
    }
}

const CREATE: &str = "CREATE TABLE IF NOT EXISTS shipslog_guard \
    (log_key TEXT PRIMARY KEY, tree_size BIGINT NOT NULL CHECK (tree_size >= 0), note TEXT NOT NULL)";

/// The table, by a connection that is opened when it is needed and dropped when it fails.
pub struct GuardTable {
    connect: Connect,
    connection: Option<Connection>,
}

impl GuardTable {
    /// Names the database; nothing is opened yet.
    pub fn new(connect: Connect) -> Self {
        Self {
            connect,
            connection: None,
        }
    }

    /// The database, for messages.
    pub fn describe(&self) -> String {
        self.connect.url.describe()
    }

    /// The note that is kept for a log.
    pub fn read(&mut self, log_key: &str) -> Result<Option<String>, StoreError> {
        self.with(|connection| {
            let query = shipslog_guard::table.find(log_key).select(shipslog_guard::note);
            Ok(each!(connection, c => query.first(c).optional())?)
        })
    }

    /// Begins to keep a log's note. False if one is there already.
    pub fn create(&mut self, log_key: &str, size: u64, note: &str) -> Result<bool, StoreError> {
        let row = (
            shipslog_guard::log_key.eq(log_key),
            shipslog_guard::tree_size.eq(size as i64),
            shipslog_guard::note.eq(note),
        );
        self.with(|connection| {
            let insert = diesel::insert_into(shipslog_guard::table)
                .values(row)
                .on_conflict_do_nothing();
            Ok(each!(connection, c => insert.execute(c))? == 1)
        })
    }

    /// Replaces exactly the note `from` by a later one. False if another is there.
    pub fn swap(&mut self, log_key: &str, from: &str, size: u64, to: &str) -> Result<bool, StoreError> {
        let target = shipslog_guard::table.find(log_key).filter(
            shipslog_guard::note
                .eq(from)
                .and(shipslog_guard::tree_size.lt(size as i64)),
        );
        let values = (shipslog_guard::tree_size.eq(size as i64), shipslog_guard::note.eq(to));
        self.with(|connection| Ok(each!(connection, c => diesel::update(target).set(values).execute(c))? == 1))
    }

    fn with<T>(&mut self, work: impl FnOnce(&mut Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => {
                let mut connection = self.connect.establish_writer()?;
                if holds_a_log(&mut connection)? {
                    return Err(StoreError::HoldsLog(self.describe()));
                }
                each!(&mut connection, c => c.batch_execute(CREATE))?;
                connection
            }
        };
        let result = work(&mut connection)?;
        self.connection = Some(connection);
        Ok(result)
    }
}

#[derive(QueryableByName)]
struct Found {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    tables: i64,
}

/// Whether a database is that of a log, this one's or another's, by the table of its head.
fn holds_a_log(connection: &mut Connection) -> Result<bool, StoreError> {
    const SQLITE: &str = "SELECT count(*) AS tables FROM sqlite_master WHERE type = 'table' AND name = 'head'";
    const POSTGRES: &str = "SELECT count(to_regclass('head')) AS tables";
    let found: Found = match connection {
        Connection::Sqlite(sqlite) => diesel::sql_query(SQLITE).get_result(sqlite)?,
        Connection::Postgres(postgres) => diesel::sql_query(POSTGRES).get_result(postgres)?,
    };
    Ok(found.tables > 0)
}
