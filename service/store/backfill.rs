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

/// How often it tries to empty the log before it says that somebody still reads it.
const TRIES: u32 = 10;

/// Ends the thread when dropped.
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
        let (requests, asked) = channel();
        std::thread::Builder::new()
            .name("backfill".into())
            .spawn(move || run(connection, &asked))
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

fn run(mut connection: Connection, asked: &Receiver<Request>) {
    let mut waiting: Vec<Request> = Vec::new();
    let mut wanted = false;
    loop {
        match asked.recv_timeout(INTERVAL) {
            Ok(request) => {
                waiting.push(request);
                wanted = true;
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        let Connection::Sqlite(sqlite) = &mut connection else {
            return;
        };
        let empty = match wanted {
            true => empty_log(sqlite),
            false => sqlite
                .batch_execute("PRAGMA wal_checkpoint(PASSIVE)")
                .map(|()| false)
                .map_err(Into::into),
        };
        let empty = empty.unwrap_or_else(|error| {
            // The writer does the same when the log is long; nothing is lost, but somebody should know.
            tracing::warn!(%error, "the write-ahead log could not be backfilled");
            false
        });
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
