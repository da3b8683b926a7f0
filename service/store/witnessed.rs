//! The database of a witness: for each log, the largest checkpoint that it cosigned.
//!
//! Checking a new checkpoint against the held one and taking its place happen in one write transaction, which SQLite
//! allows only one of at a time: nothing can be rolled back by requests that overtake each other.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use diesel::prelude::*;

use super::connection::{Connect, Connection, DatabaseUrl, each};
use super::schema::witnessed;
use super::{StoreError, migrate};

/// The largest checkpoint cosigned for a log.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Insertable, AsChangeset, Selectable)]
#[diesel(table_name = witnessed)]
pub struct WitnessedRow {
    /// Which log.
    pub origin: String,
    /// The size of its tree.
    pub tree_size: i64,
    /// The checkpoint with the signatures of the log and of the witness.
    pub note: String,
    /// The time of the cosignature, Unix seconds.
    pub time_s: i64,
}

/// What a witness remembers. One connection: whoever asks waits his turn.
pub struct WitnessDatabase {
    connection: Mutex<Connection>,
}

impl WitnessDatabase {
    /// Opens or makes the SQLite file, and checks that it keeps what it commits.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let connect = Connect::new(DatabaseUrl::Sqlite(path.to_owned()), None)?;
        let mut connection = connect.establish_writer()?;
        migrate::run_witness(&mut connection)?;
        Ok(Self {
            connection: Mutex::new(connection),
        })
    }

    /// What is held of a log.
    pub fn held(&self, origin: &str) -> Result<Option<WitnessedRow>, StoreError> {
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        load(&mut connection, origin)
    }

    /// Shows what is held of a log, and durably puts in its place what comes back. The answer is given only after that.
    pub fn replace<E: From<StoreError>>(
        &self,
        origin: &str,
        judge: impl FnOnce(Option<&WitnessedRow>) -> Result<WitnessedRow, E>,
    ) -> Result<WitnessedRow, E> {
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        connection.begin_write()?;
        let judged = load(&mut connection, origin)
            .map_err(E::from)
            .and_then(|held| judge(held.as_ref()))
            .and_then(|row| save(&mut connection, &row).map(|()| row).map_err(E::from));
        match judged {
            Ok(row) => {
                if let Err(error) = connection.commit() {
                    // A commit that failed may leave its transaction open.
                    let _ = connection.rollback();
                    return Err(error.into());
                }
                Ok(row)
            }
            Err(error) => {
                connection.rollback()?;
                Err(error)
            }
        }
    }
}

fn load(connection: &mut Connection, origin: &str) -> Result<Option<WitnessedRow>, StoreError> {
    let query = witnessed::table.find(origin);
    Ok(each!(connection, c => query.select(WitnessedRow::as_select()).first(c).optional())?)
}

fn save(connection: &mut Connection, row: &WitnessedRow) -> Result<(), StoreError> {
    each!(connection, c => {
        diesel::insert_into(witnessed::table)
            .values(row)
            .on_conflict(witnessed::origin)
            .do_update()
            .set(row)
            .execute(c)
    })?;
    Ok(())
}
