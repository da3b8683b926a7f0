//! The file systems that the service writes to: how much is free, and whether they take a byte.
//!
//! A disk that fills up stops the log while there is still room to end what was begun. Nothing here decides what then
//! happens, and nothing here is part of the log.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Free space below which nothing more is recorded, unless a twentieth of the file system is less.
const LOW: u64 = 256 << 20;
const LOW_SHARE: u64 = 20;
/// File that is written to find out whether anything can be.
const PROBE: &str = "shipslog.probe";
const PROBE_BYTES: usize = 64 << 10;

/// The directories that must have room.
#[derive(Debug, Clone)]
pub struct Disk {
    directories: Vec<PathBuf>,
    min_free: Option<u64>,
}

/// Why nothing more should be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DiskError {
    /// Little is left.
    #[error("{path} has {free} MiB free, and {needed} MiB must stay free (--min-free-mib)", path = path.display(), free = free >> 20, needed = needed >> 20)]
    Low {
        /// Where.
        path: PathBuf,
        /// Bytes that are free.
        free: u64,
        /// Bytes that must be.
        needed: u64,
    },
    /// It takes nothing.
    #[error("{path}: {error}", path = path.display())]
    Failed {
        /// Where.
        path: PathBuf,
        /// What the system said.
        error: String,
    },
}

impl Disk {
    /// Looks after these directories. Without `min_free` (bytes), 256 MiB or a twentieth of the file system must stay
    /// free, whichever is less.
    pub fn new(directories: Vec<PathBuf>, min_free: Option<u64>) -> Self {
        Self { directories, min_free }
    }

    /// Whether there is room. One system call a directory.
    pub fn check(&self) -> Result<(), DiskError> {
        for path in &self.directories {
            let space = fs4::statvfs(path).map_err(|error| failed(path, &error))?;
            let needed = self
                .min_free
                .unwrap_or_else(|| LOW.min(space.total_space() / LOW_SHARE));
            let free = space.available_space();
            if free < needed {
                let path = path.clone();
                return Err(DiskError::Low { path, free, needed });
            }
        }
        Ok(())
    }

    /// Whether they take bytes and keep them: after a failure, the way to learn that it is over without another record
    /// having to fail.
    pub fn probe(&self) -> Result<(), DiskError> {
        self.check()?;
        for directory in &self.directories {
            let path = directory.join(PROBE);
            let written = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .open(&path)
                .and_then(|mut file| file.write_all(&[0; PROBE_BYTES]).and_then(|()| file.sync_all()));
            let removed = if path.exists() { fs::remove_file(&path) } else { Ok(()) };
            written.and(removed).map_err(|error| failed(&path, &error))?;
        }
        Ok(())
    }
}

fn failed(path: &Path, error: &std::io::Error) -> DiskError {
    DiskError::Failed {
        path: path.to_owned(),
        error: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_what_the_file_system_says() {
        let folder = tempfile::tempdir().unwrap();
        let disk = |min_free| Disk::new(vec![folder.path().to_owned()], min_free);
        assert_eq!(disk(Some(0)).check(), Ok(()));
        let error = disk(Some(u64::MAX)).check().unwrap_err();
        assert!(matches!(&error, DiskError::Low { needed: u64::MAX, .. }), "{error}");
        assert!(error.to_string().contains("--min-free-mib"), "{error}");
        assert_eq!(disk(Some(0)).probe(), Ok(()));
        assert_eq!(
            fs::read_dir(folder.path()).unwrap().count(),
            0,
            "nothing is left behind"
        );
    }

    #[test]
    fn a_directory_that_is_not_there_has_no_room() {
        let folder = tempfile::tempdir().unwrap();
        let gone = Disk::new(vec![folder.path().join("gone")], Some(0));
        assert!(matches!(gone.check(), Err(DiskError::Failed { .. })));
        assert!(matches!(gone.probe(), Err(DiskError::Failed { .. })));
    }
}
