//! The guard: the newest published checkpoint, kept outside the log's database and moved by compare-and-swap.
//!
//! A database that does not continue the checkpoint in its guard is an older or another copy, and growing it would fork
//! the log. The guard moves before a checkpoint is served and after its entries are durable, so that it is never ahead
//! of a sound database. It is never made in silence where a log was published. The reasons are in decision 0016.

mod file;

use std::path::PathBuf;

use ledger::{Checkpoint, Hash, NoteKey, SignedNote};

use crate::store::{Connect, GuardTable, ReadTx, StoreError};

use file::GuardFile;

/// Why the guard cannot be asked or moved.
#[derive(Debug, thiserror::Error)]
pub enum GuardError {
    /// The file, or a file beside it.
    #[error("the guard {path}: {error}", path = path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// Another process has held the lock for seconds.
    #[error("another process holds {path}", path = .0.display())]
    Locked(PathBuf),
    /// The guard's database.
    #[error("the guard's database: {0}")]
    Store(#[from] StoreError),
    /// What it holds is no checkpoint of this log.
    #[error("{place} holds no checkpoint of this log: {what}")]
    Foreign {
        /// Where.
        place: String,
        /// What is wrong with it.
        what: String,
    },
    /// Others move it faster than this process can.
    #[error("{0} moved at every attempt")]
    Contended(String),
    /// One is there already.
    #[error("{0} exists already")]
    Exists(String),
}

/// How a database fails to continue what was published.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Divergence {
    /// It ends too early.
    #[error(
        "the database holds {size} entries, but the log had {known} ({whence}): it is an older copy. Restore the newest copy; if that \
         is lost, begin a new log that names this one as its predecessor: serve --data NEW-DIRECTORY --origin NEW-NAME \
         --predecessor CHECKPOINT --predecessor-key LOG.VKEY"
    )]
    Behind {
        /// What the database holds.
        size: u64,
        /// What is known.
        known: u64,
        /// From where.
        whence: String,
    },
    /// It holds another history.
    #[error(
        "the first {known} entries in the database are not those of the log ({whence}): it is a copy that went its own way. Restore \
         the right copy; if that is lost, begin a new log that names this one as its predecessor: serve --data NEW-DIRECTORY \
         --origin NEW-NAME --predecessor CHECKPOINT --predecessor-key LOG.VKEY"
    )]
    Beside {
        /// How many entries were compared.
        known: u64,
        /// What they were compared with.
        whence: String,
    },
    /// There is no guard for a log that was published.
    #[error(
        "{0} is missing, although this log was published: whether the database is its newest copy cannot be told. Bring the guard \
         back; if it is lost and the database is known to be the newest copy, say so: guard accept --reason TEXT"
    )]
    Missing(String),
}

/// A tree that the database must continue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Its size.
    pub size: u64,
    /// Its root.
    pub root: Hash,
    /// From where it is known.
    pub whence: String,
}

impl Known {
    /// Whether the database continues it. What is known must have been known before the transaction began.
    pub fn compare(&self, tx: &mut ReadTx<'_>) -> Result<Result<(), Divergence>, StoreError> {
        let (known, whence) = (self.size, self.whence.clone());
        let size = tx.head()?.map_or(0, |head| head.tree_size);
        if size < known {
            return Ok(Err(Divergence::Behind { size, known, whence }));
        }
        if tx.root(known)? != self.root {
            return Ok(Err(Divergence::Beside { known, whence }));
        }
        Ok(Ok(()))
    }
}

/// The checkpoint that a guard holds, as it was published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The signed note.
    pub note: String,
    /// What it says.
    pub checkpoint: Checkpoint,
}

/// Where the newest published checkpoint of a log is kept.
pub struct Guard {
    place: Place,
    log_key: NoteKey,
}

enum Place {
    File(GuardFile),
    Table(Box<GuardTable>),
}

impl Guard {
    /// Keeps it in a file: for one host. Of several replicas each then knows a lower bound.
    pub fn file(path: PathBuf, log_key: NoteKey) -> Self {
        let place = Place::File(GuardFile::new(path));
        Self { place, log_key }
    }

    /// Keeps it in a table of another database: for several replicas, and for copies of whole hosts.
    pub fn database(connect: Connect, log_key: NoteKey) -> Self {
        let place = Place::Table(Box::new(GuardTable::new(connect)));
        Self { place, log_key }
    }

    /// Where it is, for messages.
    pub fn describe(&self) -> String {
        match &self.place {
            Place::File(file) => format!("the guard {}", file.path().display()),
            Place::Table(table) => format!("the guard in {}", table.describe()),
        }
    }

    /// What it holds, once it was made.
    pub fn read(&mut self) -> Result<Option<Held>, GuardError> {
        let key = self.log_key.to_string();
        let note = match &mut self.place {
            Place::File(file) => file.read()?,
            Place::Table(table) => table.read(&key)?,
        };
        note.map(|note| self.open(note)).transpose()
    }

    /// Makes it. Only for a new log, or by an operator's word.
    pub fn create(&mut self, note: &SignedNote) -> Result<(), GuardError> {
        let (key, held) = (self.log_key.to_string(), self.open(note.to_string())?);
        let created = match &mut self.place {
            Place::File(file) => file.swap(None, &held.note)?,
            Place::Table(table) => table.create(&key, held.checkpoint.size, &held.note)?,
        };
        if created {
            Ok(())
        } else {
            Err(GuardError::Exists(self.describe()))
        }
    }

    /// Moves it from exactly what was read to a later checkpoint. False if something else is there by now.
    pub fn swap(&mut self, from: &Held, to: &str) -> Result<bool, GuardError> {
        let (key, to) = (self.log_key.to_string(), self.open(to.to_owned())?);
        if to.checkpoint.size <= from.checkpoint.size {
            return Ok(false);
        }
        match &mut self.place {
            Place::File(file) => file.swap(Some(&from.note), &to.note),
            Place::Table(table) => Ok(table.swap(&key, &from.note, to.checkpoint.size, &to.note)?),
        }
    }

    fn open(&self, note: String) -> Result<Held, GuardError> {
        let foreign = |what: String| GuardError::Foreign {
            place: self.describe(),
            what,
        };
        let signed = SignedNote::parse(&note).map_err(|error| foreign(error.to_string()))?;
        let checkpoint = Checkpoint::open(&signed, &self.log_key).map_err(|error| foreign(error.to_string()))?;
        Ok(Held { note, checkpoint })
    }

    /// What the database must continue, by what the guard holds.
    pub fn known(&self, held: &Held) -> Known {
        Known {
            size: held.checkpoint.size,
            root: held.checkpoint.root,
            whence: self.describe(),
        }
    }
}

#[cfg(test)]
mod tests;
