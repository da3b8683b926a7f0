//! Moves what SQLite's write-ahead log holds into the database file, beside the writer instead of in its way.
//!
//! The writer still does it itself once the log is long, which then is little work, and begins the log anew.
//! Source: <https://www.sqlite.org/wal.html>, "Checkpointing".

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use diesel::connection::SimpleConnection;

use super::StoreError;
use super::closing::PAUSE;
use super::connection::{Connect, Connection, DatabaseUrl};
use super::erasure::empty_log;

/// How often it looks.
const INTERVAL: Duration = Duration::from_millis(100);
/// How long it waits after a failure.
const RETRY: Duration = Duration::from_secs(1);

/// How often it tries to empty the log before it says that somebody still reads it.
const TRIES: u32 = 10;

/// Ends the thread when dropped; its connection is the last that is closed.
pub(super) struct Backfill {
    requests: Sender<Request>,
}

/// A wish for an empty write-ahead log, not only one that may be written over; the answer is whether it is.
struct Request {
    reply: Sender<bool>,
    tries: u32,
}

impl Backfill {
    /// Starts it, where the database is SQLite.
    pub(super) fn start(connect: &Arc<Connect>) -> Result<Option<Self>, StoreError> {
        let DatabaseUrl::Sqlite(_) = &connect.url else {
            return Ok(None);
        };
        let connection = connect.establish_writer()?;
        let connect = connect.clone();
        let (requests, asked) = channel();
        std::thread::Builder::new()
            .name("backfill".into())
            .spawn(move || {
                let last = run(connection, &connect, &asked);
                // Two connections that close at once may each leave it to the other to remove the log.
                while Arc::strong_count(&connect) > 1 {
                    std::thread::sleep(PAUSE);
                }
                drop(last);
            })
            .map_err(|error| StoreError::Open(error.to_string()))?;
        Ok(Some(Self { requests }))
    }

    /// Empties the write-ahead log. False while somebody still needs it: then it is emptied as soon as they let it.
    pub(super) fn empty(&self) -> bool {
        let (reply, answer) = channel();
        // A thread that has ended leaves it to the next start, which empties the log first of all.
        self.requests.send(Request { reply, tries: 0 }).is_ok() && answer.recv().unwrap_or(false)
    }
}

/// The writer does the same when the log is long, so nothing is lost while this fails; but somebody should know, once.
/// In the end the connection is left, if it still works.
fn run(connection: Connection, connect: &Connect, asked: &Receiver<Request>) -> Option<Connection> {
    let mut working = Some(connection);
    let mut failed = false;
    let mut waiting: Vec<Request> = Vec::new();
    let mut wanted = false;
    loop {
        match asked.recv_timeout(if failed { RETRY } else { INTERVAL }) {
            Ok(request) => {
                waiting.push(request);
                wanted = true;
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return working,
        }
        // Never again through a connection that failed: the system may have forgotten what it did not write.
        let connection = match working.take() {
            Some(connection) => Ok(connection),
            None => connect.establish_writer(),
        };
        let result = connection.and_then(|mut connection| {
            let empty = step(&mut connection, wanted)?;
            Ok((connection, empty))
        });
        let empty = match result {
            Ok((connection, empty)) => {
                if failed {
                    tracing::info!("the write-ahead log is backfilled again");
                }
                (working, failed) = (Some(connection), false);
                empty
            }
            Err(error) => {
                if !failed {
                    tracing::warn!(%error, "the write-ahead log could not be backfilled; trying again");
                }
                failed = true;
                false
            }
        };
        wanted &= !empty;
        waiting.retain_mut(|request| {
            request.tries += 1;
            let answer = empty || request.tries >= TRIES;
            if answer {
                // Nobody may be waiting any more.
                let _ = request.reply.send(empty);
            }
            !answer
        });
    }
}

/// Moves what can be moved, or all of it; whether the log is empty now.
fn step(connection: &mut Connection, wanted: bool) -> Result<bool, StoreError> {
    match connection {
        Connection::Sqlite(sqlite) if wanted => empty_log(sqlite),
        Connection::Sqlite(sqlite) => {
            sqlite.batch_execute("PRAGMA wal_checkpoint(PASSIVE)")?;
            Ok(false)
        }
        Connection::Postgres(_) => Ok(true),
    }
}
