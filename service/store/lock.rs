//! Keeps a second service from one SQLite file: its writer would be correct, but each would wait for the other's lock.
//!
//! The lock lies on a file beside the database and ends with the process, however that ends.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::PathBuf;

use super::StoreError;
use super::connection::DatabaseUrl;

/// Held for as long as the service runs.
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes it, where the database is a file.
    pub(super) fn take(url: &DatabaseUrl) -> Result<Option<Self>, StoreError> {
        let DatabaseUrl::Sqlite(database) = url else {
            return Ok(None);
        };
        let mut path = database.clone().into_os_string();
        path.push(".lock");
        let path = PathBuf::from(path);
        let open = |error: std::io::Error| StoreError::Open(format!("{}: {error}", path.display()));
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(open)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(TryLockError::WouldBlock) => Err(StoreError::InUse(database.display().to_string())),
            Err(TryLockError::Error(error)) => Err(open(error)),
        }
    }
}
