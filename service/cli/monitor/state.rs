//! What a monitor remembers of a log: the last checkpoint it believed, and as much of the tree as going on from it needs.
//!
//! A file for each origin, replaced as a whole. It is read as distrustfully as what comes from the network.

use std::path::{Path, PathBuf};

use base64ct::{Base64, Encoding};
use ledger::{Checkpoint, Edge, SignedNote, sha256};
use serde::{Deserialize, Serialize};

use super::follow::Halt;
use crate::cli::trust::Trust;
use crate::data;

const FORMAT: &str = "shipslog-monitor/v1";

/// What is remembered of a log.
#[derive(Debug, Clone)]
pub struct State {
    /// The checkpoint as it was signed.
    pub note: SignedNote,
    /// What it says.
    pub checkpoint: Checkpoint,
    /// The right edge of its tree.
    pub edge: Edge,
    /// Time of its last entry, Unix ms.
    pub time: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    format: String,
    checkpoint: String,
    edge: String,
    time: u64,
}

/// Where the things of one log are kept.
#[derive(Debug, Clone)]
pub struct Place(PathBuf);

impl Place {
    /// Below the state directory, by the hash of the origin: an origin may hold anything.
    pub fn of(state: &Path, origin: &str) -> Self {
        Self(state.join(sha256(origin.as_bytes()).to_hex()))
    }

    /// Where evidence of forks goes.
    pub fn evidence(&self) -> PathBuf {
        self.0.join("evidence")
    }

    fn file(&self) -> PathBuf {
        self.0.join("state.json")
    }
}

impl State {
    /// What is remembered, if anything. A state that contradicts itself is never gone on from.
    pub fn load(place: &Place, trust: &Trust) -> Result<Option<Self>, Halt> {
        let path = place.file();
        let unclear = |what: String| Halt::Unclear(format!("{}: {what}; move it away to begin anew", path.display()));
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Halt::Unclear(format!("{}: {error}", path.display()))),
        };
        let stored: Stored = serde_json::from_slice(&bytes).map_err(|error| unclear(error.to_string()))?;
        if stored.format != FORMAT {
            return Err(unclear(format!("its format is not {FORMAT}")));
        }
        let checkpoint = trust.open(&stored.checkpoint).map_err(unclear)?.checkpoint;
        let note = SignedNote::parse(&stored.checkpoint).map_err(|error| unclear(error.to_string()))?;
        let edge = Base64::decode_vec(&stored.edge).map_err(|error| unclear(error.to_string()))?;
        let edge = Edge::decode(checkpoint.size, &edge).map_err(|error| unclear(error.to_string()))?;
        if edge.root() != checkpoint.root {
            return Err(unclear("its tree is not that of its checkpoint".to_owned()));
        }
        Ok(Some(Self {
            note,
            checkpoint,
            edge,
            time: stored.time,
        }))
    }

    /// Remembers this from now on.
    pub fn save(&self, place: &Place) -> Result<(), Halt> {
        let stored = Stored {
            format: FORMAT.to_owned(),
            checkpoint: self.note.to_string(),
            edge: Base64::encode_string(&self.edge.encode()),
            time: self.time,
        };
        let unclear = |error: &dyn std::fmt::Display| Halt::Unclear(format!("{}: {error}", place.file().display()));
        let bytes = serde_json::to_vec(&stored).map_err(|error| unclear(&error))?;
        std::fs::create_dir_all(&place.0).map_err(|error| unclear(&error))?;
        data::replace(&place.file(), &bytes).map_err(|error| unclear(&error))
    }
}
