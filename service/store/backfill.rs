//! Moves what SQLite's write-ahead log holds into the database file, beside the writer instead of in its way.
//!
//! The writer still does it itself once the log is long, which then is little work, and begins the log anew.
//! Source: <https://www.sqlite.org/wal.html>, "Checkpointing".

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use diesel::connection::SimpleConnection;

use super::StoreError;
use super::connection::{Connect, Connection, DatabaseUrl};

/// How often it looks.
const INTERVAL: Duration = Duration::from_millis(100);

/// Ends the thread when dropped.
pub(super) struct Backfill {
    _running: Sender<()>,
}

impl Backfill {
    /// Starts it, where the database is SQLite.
    pub(super) fn start(connect: &Arc<Connect>) -> Result<Option<Self>, StoreError> {
        let DatabaseUrl::Sqlite(_) = &connect.url else {
            return Ok(None);
        };
        let connection = connect.establish_writer()?;
        let (running, ended) = channel();
        std::thread::Builder::new()
            .name("backfill".into())
            .spawn(move || run(connection, &ended))
            .map_err(|error| StoreError::Open(error.to_string()))?;
        Ok(Some(Self { _running: running }))
    }
}

fn run(mut connection: Connection, ended: &Receiver<()>) {
    while let Err(RecvTimeoutError::Timeout) = ended.recv_timeout(INTERVAL) {
        if let Connection::Sqlite(sqlite) = &mut connection
            && let Err(error) = sqlite.batch_execute("PRAGMA wal_checkpoint(PASSIVE)")
        {
            // The writer does the same when the log is long; nothing is lost, but somebody should know.
            tracing::warn!(%error, "the write-ahead log could not be backfilled");
        }
    }
}
