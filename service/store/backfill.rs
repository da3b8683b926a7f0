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
/// How long it waits after a failure.
const RETRY: Duration = Duration::from_secs(1);

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
        let connect = connect.clone();
        let (running, ended) = channel();
        std::thread::Builder::new()
            .name("backfill".into())
            .spawn(move || run(connection, &connect, &ended))
            .map_err(|error| StoreError::Open(error.to_string()))?;
        Ok(Some(Self { _running: running }))
    }
}

/// The writer does the same when the log is long, so nothing is lost while this fails; but somebody should know, once.
fn run(connection: Connection, connect: &Connect, ended: &Receiver<()>) {
    let mut working = Some(connection);
    let mut failed = false;
    while let Err(RecvTimeoutError::Timeout) = ended.recv_timeout(if failed { RETRY } else { INTERVAL }) {
        // Never again through a connection that failed: the system may have forgotten what it did not write.
        let connection = match working.take() {
            Some(connection) => Ok(connection),
            None => connect.establish_writer(),
        };
        let result = connection.and_then(|mut connection| {
            if let Connection::Sqlite(sqlite) = &mut connection {
                sqlite.batch_execute("PRAGMA wal_checkpoint(PASSIVE)")?;
            }
            Ok(connection)
        });
        match result {
            Ok(connection) => {
                if failed {
                    tracing::info!("the write-ahead log is backfilled again");
                }
                (working, failed) = (Some(connection), false);
            }
            Err(error) => {
                if !failed {
                    tracing::warn!(%error, "the write-ahead log could not be backfilled; trying again");
                }
                failed = true;
            }
        }
    }
}
