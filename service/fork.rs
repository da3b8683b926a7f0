//! Evidence that a log has forked: two checkpoints signed by its key that cannot both be true, kept as files.
//!
//! | file | holds |
//! |---|---|
//! | `held.txt` | the checkpoint that was believed before |
//! | `offered.txt` | the one that does not continue it |
//! | `root.txt` | the root that the larger tree had at the smaller size, where that is known |
//! | `request.txt` | the larger with a proof from the size of the smaller, as a C2SP `add-checkpoint` request, where there is one |
//!
//! At equal sizes the two notes speak for themselves. At different sizes the proof does: it leads from `root.txt` to the
//! larger root, and the smaller checkpoint names another. Without them the log has failed to show that the one continues
//! the other, which it owes to everybody.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use ledger::{AddCheckpoint, Checkpoint, Hash, SignedNote};

use crate::data::{DataError, write_new};

/// Pieces of evidence in one folder. A log that forks more often has been convicted already.
const MOST: usize = 100;

/// Why evidence is not kept.
#[derive(Debug, thiserror::Error)]
pub enum ForkError {
    /// One of the notes is no checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] ledger::CheckpointError),
    /// It cannot be written.
    #[error(transparent)]
    Data(#[from] DataError),
    /// It cannot be written.
    #[error("{path}: {error}", path = path.display())]
    Io {
        /// What.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// There is enough of it.
    #[error("{} holds as much evidence as is kept of one log", .0.display())]
    Full(PathBuf),
}

/// What shows that the larger of two trees does not continue the smaller.
#[derive(Debug, Clone)]
pub struct Proof {
    /// The larger checkpoint, with a consistency proof from the smaller size.
    pub request: AddCheckpoint,
    /// The root from which that proof leads.
    pub root: Hash,
}

/// Writes the evidence below a folder, whole or not at all, and says where. What is there already stays as it is.
pub fn keep(
    folder: &Path,
    held: &SignedNote,
    offered: &SignedNote,
    proof: Option<&Proof>,
) -> Result<PathBuf, ForkError> {
    let (before, after) = (Checkpoint::parse(held.text())?, Checkpoint::parse(offered.text())?);
    let name = format!(
        "{}-{}-{}-{}",
        before.size,
        &before.root.to_hex()[..8],
        after.size,
        &after.root.to_hex()[..8]
    );
    let (place, partial) = (folder.join(&name), folder.join(format!("{name}.partial")));
    if place.exists() {
        return Ok(place);
    }
    let io = |path: &Path, error: std::io::Error| ForkError::Io {
        path: path.to_owned(),
        error,
    };
    fs::create_dir_all(folder).map_err(|error| io(folder, error))?;
    let count = fs::read_dir(folder).map_err(|error| io(folder, error))?.count();
    if count >= MOST {
        return Err(ForkError::Full(folder.to_owned()));
    }
    // Left by a process that was stopped while it wrote.
    match fs::remove_dir_all(&partial) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(io(&partial, error)),
        Ok(()) | Err(_) => {}
    }
    fs::create_dir(&partial).map_err(|error| io(&partial, error))?;
    write_new(&partial.join("held.txt"), held.to_string().as_bytes(), 0o644)?;
    write_new(&partial.join("offered.txt"), offered.to_string().as_bytes(), 0o644)?;
    if let Some(Proof { request, root }) = proof {
        write_new(&partial.join("request.txt"), request.to_string().as_bytes(), 0o644)?;
        write_new(
            &partial.join("root.txt"),
            format!("{}\n", root.to_base64()).as_bytes(),
            0o644,
        )?;
    }
    fs::rename(&partial, &place).map_err(|error| io(&place, error))?;
    Ok(place)
}
