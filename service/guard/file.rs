//! The guard as a file of the data directory, replaced whole: temporary file, fsync, rename, fsync of the directory.
//!
//! Processes of one host take turns by a lock on a file beside it.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::GuardError;

/// How long another process may hold the lock: it holds it for the time of two fsyncs.
const PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(5);

/// A file that holds one note.
#[derive(Debug)]
pub(super) struct GuardFile {
    path: PathBuf,
}

impl GuardFile {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn read(&self) -> Result<Option<String>, GuardError> {
        match fs::read_to_string(&self.path) {
            Ok(note) => Ok(Some(note)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.failed(&self.path, error)),
        }
    }

    /// Replaces exactly `from` (nothing, for a new file). False if something else is there.
    pub(super) fn swap(&self, from: Option<&str>, to: &str) -> Result<bool, GuardError> {
        let _lock = self.lock()?;
        if self.read()?.as_deref() != from {
            return Ok(false);
        }
        let new = self.path.with_extension("new");
        let written = File::create(&new).and_then(|mut file| {
            file.write_all(to.as_bytes())?;
            file.sync_all()
        });
        written
            .and_then(|()| fs::rename(&new, &self.path))
            .and_then(|()| sync_directory(&self.path))
            .map_err(|error| self.failed(&new, error))?;
        Ok(true)
    }

    fn lock(&self) -> Result<File, GuardError> {
        let path = self.path.with_extension("lock");
        let lock = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(|error| self.failed(&path, error))?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            match lock.try_lock() {
                Ok(()) => return Ok(lock),
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => std::thread::sleep(PAUSE),
                Err(TryLockError::WouldBlock) => return Err(GuardError::Locked(path)),
                Err(TryLockError::Error(error)) => return Err(self.failed(&path, error)),
            }
        }
    }

    fn failed(&self, path: &Path, error: std::io::Error) -> GuardError {
        GuardError::File {
            path: path.to_owned(),
            error,
        }
    }
}

/// Makes a rename durable. Windows has no such thing as opening a directory for it.
fn sync_directory(path: &Path) -> std::io::Result<()> {
    match path.parent() {
        Some(directory) if cfg!(unix) => File::open(directory)?.sync_all(),
        Some(_) | None => Ok(()),
    }
}
