//! Brings a database's schema up to date. The migrations of both databases are part of the binary.

use diesel::connection::SimpleConnection;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::StoreError;
use super::connection::Connection;

const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");
const WITNESS: EmbeddedMigrations = embed_migrations!("migrations/witness");
const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");

pub(super) fn run(connection: &mut Connection) -> Result<(), StoreError> {
    let applied = match connection {
        Connection::Sqlite(sqlite) => sqlite.run_pending_migrations(SQLITE).map(|versions| versions.len()),
        Connection::Postgres(postgres) => {
            // A migration takes as long as it takes.
            postgres.batch_execute("SET statement_timeout = 0; SET lock_timeout = 0")?;
            postgres.run_pending_migrations(POSTGRES).map(|versions| versions.len())
        }
    };
    report(applied)
}

/// The same for the database of a witness.
pub(super) fn run_witness(connection: &mut Connection) -> Result<(), StoreError> {
    match connection {
        Connection::Sqlite(sqlite) => report(sqlite.run_pending_migrations(WITNESS).map(|versions| versions.len())),
        Connection::Postgres(_) => Err(StoreError::Migrate("a witness keeps its state in SQLite".into())),
    }
}

fn report(applied: diesel::migration::Result<usize>) -> Result<(), StoreError> {
    let applied = applied.map_err(|error| StoreError::Migrate(error.to_string()))?;
    if applied > 0 {
        tracing::info!(applied, "database schema brought up to date");
    }
    Ok(())
}

/// Whether the schema is the one that this program was written for. Changes nothing.
pub(super) fn check(connection: &mut Connection) -> Result<(), StoreError> {
    let pending = match connection {
        Connection::Sqlite(sqlite) => sqlite.has_pending_migration(SQLITE),
        Connection::Postgres(postgres) => postgres.has_pending_migration(POSTGRES),
    };
    match pending {
        Ok(false) => Ok(()),
        Ok(true) => Err(StoreError::Migrate(
            "the schema is older than this program; start the service once to bring it up to date".into(),
        )),
        Err(error) => Err(StoreError::Migrate(error.to_string())),
    }
}
