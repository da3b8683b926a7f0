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
use super::erasure::empty_log;

/// How often it looks.
const INTERVAL: Duration = Duration::from_millis(100);

/// Ends the thread when dropped.
pub(super) struct Backfill {
    requests: Sender<Request>,
}

/// What the thread can be asked for.
enum Request {
    /// Once nobody needs it any more, make the write-ahead log empty, not only ready to be written over.
    Empty,
}

impl Backfill {
    /// Starts it, where the database is SQLite.
    pub(super) fn start(connect: &Arc<Connect>) -> Result<Option<Self>, StoreError> {
        let DatabaseUrl::Sqlite(_) = &connect.url else {
            return Ok(None);
        };
        let connection = connect.establish_writer()?;
        let (requests, asked) = channel();
        std::thread::Builder::new()
            .name("backfill".into())
            .spawn(move || run(connection, &asked))
            .map_err(|error| StoreError::Open(error.to_string()))?;
        Ok(Some(Self { requests }))
    }

    /// Asks that the write-ahead log be emptied as soon as its readers let it.
    pub(super) fn empty_later(&self) {
        // A thread that has ended leaves it to the next start, which empties the log first of all.
        drop(self.requests.send(Request::Empty));
    }
}

fn run(mut connection: Connection, asked: &Receiver<Request>) {
    let mut empty = false;
    loop {
        match asked.recv_timeout(INTERVAL) {
            Ok(Request::Empty) => empty = true,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        let Connection::Sqlite(sqlite) = &mut connection else { return };
        let done = if empty {
            // Without waiting for readers: the writer would have to wait as well.
            sqlite
                .batch_execute("PRAGMA busy_timeout = 0")
                .map_err(StoreError::from)
                .and_then(|()| empty_log(sqlite))
        } else {
            sqlite
                .batch_execute("PRAGMA wal_checkpoint(PASSIVE)")
                .map_err(StoreError::from)
                .map(|()| true)
        };
        match done {
            Ok(done) => empty = !done,
            // The writer does the same when the log is long; nothing is lost, but somebody should know.
            Err(error) => tracing::warn!(%error, "the write-ahead log could not be backfilled"),
        }
    }
}
