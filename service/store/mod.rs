//! The database: SQLite or PostgreSQL behind one set of queries. The only user of diesel.
//!
//! Reading happens in a [`ReadTx`], one snapshot; writing in a [`WriteTx`], which only a [`Writer`] opens and only the
//! sequencer holds. Nothing here decides anything: it stores what it is given and returns what it stored.

mod append;
mod backfill;
mod closing;
mod connection;
mod cosignatures;
mod erasure;
mod events;
mod guard;
mod hashes;
mod history;
mod inspect;
mod levels;
mod lock;
mod log;
mod migrate;
mod page;
mod places;
mod pool;
mod references;
mod schema;
mod snapshots;
mod spans;
mod tree;
mod witnessed;

use std::collections::BTreeSet;
use std::sync::Arc;

pub use closing::Connections;
pub use connection::{Connect, DatabaseUrl};
pub use cosignatures::{AlarmRow, CosignatureRow};
pub use erasure::{ErasureRow, Purged};
pub use events::{EventFilter, EventRow, Known, end_of};
pub use guard::GuardTable;
pub use hashes::{BUCKETS, RunHashes};
pub use inspect::Stray;
pub use levels::{Level, Merge};
pub use log::{EnvelopeRow, HeadRow, LogRow};
pub use page::{Cursor, CursorError};
pub use places::{Place, Rare};
pub use references::{RUN, ReferenceRow};
pub use spans::{Named, Span};
pub use tree::Nodes;
pub use witnessed::{WitnessDatabase, WitnessedRow};

use backfill::Backfill;
use connection::Connection;
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use lock::Lock;
use pool::Pool;

/// Why the database did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The URL is none that we know.
    #[error("database URL: {0}")]
    Url(String),
    /// It could not be reached or opened.
    #[error("cannot open the database: {0}")]
    Open(String),
    /// A setting of it would lose what was acknowledged.
    #[error("the database setting {name} is {found}, but {needed} is needed: acknowledged records could be lost")]
    Unsafe {
        /// Name of the setting.
        name: &'static str,
        /// What it is.
        found: String,
        /// What it must be.
        needed: &'static str,
    },
    /// A guard is to be kept where a log is.
    #[error(
        "{0} holds a log: a guard must be in a database of its own, since what is restored together guards nothing"
    )]
    HoldsLog(String),
    /// A migration failed.
    #[error("migration failed: {0}")]
    Migrate(String),
    /// All connections were busy for too long.
    #[error("no database connection became free: {0}")]
    Busy(String),
    /// Another process serves this file.
    #[error(
        "another process serves {0}: one SQLite file takes one service. End the other one, or use PostgreSQL, which takes several"
    )]
    InUse(String),
    /// The connection broke.
    #[error("the connection to the database broke: {0}")]
    Lost(String),
    /// The database, or the disk it is on, has no room; nothing was written.
    #[error("there is no room: {0}")]
    Full(String),
    /// A query failed.
    #[error("database: {0}")]
    Query(#[source] DieselError),
    /// COMMIT failed: whether the transaction happened is not known.
    #[error("the outcome of a commit is not known: {0}")]
    Unconfirmed(String),
    /// What is stored contradicts itself.
    #[error("the database is damaged: {0}")]
    Damaged(String),
    /// The head was moved by somebody else.
    #[error("the head of the log moved while a batch was written")]
    HeadMoved,
}

impl StoreError {
    /// Whether it says that the stored bytes themselves are wrong, and not that they could not be asked for.
    pub fn is_damage(&self) -> bool {
        match self {
            Self::Damaged(_) | Self::Query(DieselError::DeserializationError(_)) => true,
            Self::Query(DieselError::DatabaseError(_, information)) => {
                DAMAGE.iter().any(|words| information.message().contains(words))
            }
            _ => false,
        }
    }
}

/// How SQLite and PostgreSQL say that what they hold is damaged.
const DAMAGE: [&str; 10] = [
    "malformed",
    "is not a database",
    "corrupt",
    "invalid page",
    "could not read block",
    "could not open file",
    "missing chunk",
    "unexpected chunk",
    "does not exist",
    "no such",
];

impl From<DieselError> for StoreError {
    fn from(error: DieselError) -> Self {
        match &error {
            DieselError::DatabaseError(kind, information) => {
                let message = information.message();
                match kind {
                    DatabaseErrorKind::ClosedConnection | DatabaseErrorKind::UnableToSendCommand => {
                        Self::Lost(message.to_owned())
                    }
                    // SQLite's words for SQLITE_FULL, and the system's for ENOSPC, which PostgreSQL passes on.
                    _ if message.contains("disk is full") || message.contains("No space left on device") => {
                        Self::Full(message.to_owned())
                    }
                    _ => Self::Query(error),
                }
            }
            _ => Self::Query(error),
        }
    }
}

/// An open database. Cheap to clone.
#[derive(Clone)]
pub struct Database {
    pool: Arc<Pool>,
    backfill: Arc<Option<Backfill>>,
    _lock: Option<Arc<Lock>>,
}

impl Database {
    /// Opens it, checks that it keeps what it commits, and brings its schema up to date.
    pub fn open(connect: Connect) -> Result<Self, StoreError> {
        Self::open_with(connect, None)
    }

    /// The same for a service, which a SQLite file takes only one of: a second one is refused until the first has ended.
    pub fn serve(connect: Connect) -> Result<Self, StoreError> {
        let lock = Lock::take(&connect.url)?;
        Self::open_with(connect, lock)
    }

    fn open_with(connect: Connect, lock: Option<Lock>) -> Result<Self, StoreError> {
        let mut connection = connect.establish_writer()?;
        migrate::run(&mut connection)?;
        if let Connection::Sqlite(sqlite) = &mut connection {
            // A process that ended between an erasure and the end of its purge has left that to the next one.
            erasure::empty_log(sqlite)?;
        }
        let pool = Pool::new(connect)?;
        let backfill = Backfill::start(pool.connect())?;
        Ok(Self {
            pool: Arc::new(pool),
            backfill: Arc::new(backfill),
            _lock: lock.map(Arc::new),
        })
    }

    /// Opens one that is there already, to look at it: nothing is written, and its schema must be the one of this program.
    pub fn inspect(connect: Connect) -> Result<Self, StoreError> {
        if let DatabaseUrl::Sqlite(path) = &connect.url
            && !path.exists()
        {
            return Err(StoreError::Open(format!("there is no database {}", path.display())));
        }
        migrate::check(&mut connect.establish_reader()?)?;
        Ok(Self {
            pool: Arc::new(Pool::new(connect)?),
            backfill: Arc::new(None),
            _lock: None,
        })
    }

    /// Runs a closure in one snapshot of the database.
    pub fn read<T, E: From<StoreError>>(&self, work: impl FnOnce(&mut ReadTx<'_>) -> Result<T, E>) -> Result<T, E> {
        let mut reader = self.pool.get()?;
        reader.broken = true; // until the transaction has ended as it should
        reader.connection.begin_read()?;
        let result = work(&mut ReadTx {
            connection: &mut reader.connection,
            contents: BTreeSet::new(),
        });
        reader.connection.end_read()?;
        reader.broken = false;
        result
    }

    /// Opens the connection of the single writer.
    pub fn writer(&self) -> Result<Writer, StoreError> {
        let connect = self.pool.connect().clone();
        Ok(Writer {
            connection: connect.establish_writer()?,
            _connect: connect,
        })
    }

    /// Every connection that this or a clone of it has opened, to wait for the last one.
    pub fn connections(&self) -> Connections {
        Connections(Arc::downgrade(self.pool.connect()))
    }

    /// A name for messages: the scheme and what follows, without credentials.
    pub fn describe(&self) -> String {
        self.pool.connect().url.describe()
    }
}

/// A read transaction: everything asked of it sees the same state.
pub struct ReadTx<'a> {
    connection: &'a mut Connection,
    /// Entries whose content was read.
    contents: BTreeSet<i64>,
}

/// The connection that writes.
pub struct Writer {
    connection: Connection,
    _connect: Arc<Connect>,
}

impl Writer {
    /// Runs a closure in one write transaction and commits it. [`StoreError::Unconfirmed`] means that the commit was
    /// sent and its outcome is not known; with any other error nothing was written.
    pub fn transaction<T, E: From<StoreError>>(
        &mut self,
        work: impl FnOnce(&mut WriteTx<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        self.connection.begin_write()?;
        match work(&mut WriteTx {
            connection: &mut self.connection,
        }) {
            Ok(value) => {
                self.connection.commit()?;
                Ok(value)
            }
            Err(error) => {
                // Whoever failed to write may fail to say so, and drops this connection, which undoes the transaction.
                if let Err(rollback) = self.connection.rollback() {
                    tracing::debug!(error = %rollback, "a failed transaction could not be rolled back");
                }
                Err(error)
            }
        }
    }
}

/// A write transaction. Only a [`Writer`] makes one.
pub struct WriteTx<'a> {
    connection: &'a mut Connection,
}

impl WriteTx<'_> {
    /// The same transaction, for reading.
    pub fn reading(&mut self) -> ReadTx<'_> {
        ReadTx {
            connection: self.connection,
            contents: BTreeSet::new(),
        }
    }
}

/// Rows of one INSERT. Both databases bound the number of parameters of a statement; this is far below.
const ROWS_PER_INSERT: usize = 500;
