//! The connections that read, shared by everybody.

use std::sync::Arc;
use std::time::Duration;

use diesel::r2d2::ManageConnection;

use super::StoreError;
use super::connection::{Connect, Connection};

/// Most connections that read at once.
const SIZE: u32 = 8;
/// How long a reader waits for one.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) struct Pool {
    connect: Arc<Connect>,
    readers: diesel::r2d2::Pool<Readers>,
}

pub(super) type Pooled = diesel::r2d2::PooledConnection<Readers>;

impl Pool {
    pub(super) fn new(connect: Connect) -> Result<Self, StoreError> {
        let connect = Arc::new(connect);
        let readers = diesel::r2d2::Pool::builder()
            .max_size(SIZE)
            .min_idle(Some(1))
            .connection_timeout(PATIENCE)
            .build(Readers(connect.clone()))
            .map_err(|error| StoreError::Open(error.to_string()))?;
        Ok(Self { connect, readers })
    }

    pub(super) fn get(&self) -> Result<Pooled, StoreError> {
        self.readers.get().map_err(|error| StoreError::Busy(error.to_string()))
    }

    pub(super) fn connect(&self) -> &Arc<Connect> {
        &self.connect
    }
}

pub(super) struct Readers(Arc<Connect>);

/// A pooled connection; one that failed to end a transaction is not used again.
pub(super) struct Reader {
    pub(super) connection: Connection,
    pub(super) broken: bool,
    _connect: Arc<Connect>,
}

impl ManageConnection for Readers {
    type Connection = Reader;
    type Error = StoreError;

    fn connect(&self) -> Result<Reader, StoreError> {
        Ok(Reader {
            connection: self.0.establish_reader()?,
            broken: false,
            _connect: self.0.clone(),
        })
    }

    fn is_valid(&self, reader: &mut Reader) -> Result<(), StoreError> {
        reader.connection.ping()
    }

    fn has_broken(&self, reader: &mut Reader) -> bool {
        reader.broken
    }
}
