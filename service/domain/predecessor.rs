//! The log that another one continues, after its database was lost: named once, by its last signed checkpoint.
//!
//! Pure. Whoever holds the old log's key can tell from the new log's second entry where the old one ended.

use ledger::{Checkpoint, NoteKey, SignedNote};

/// A log that has ended, with the checkpoint that it ended with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Predecessor {
    /// Its key, as a vkey.
    pub log_key: String,
    /// The signed note, as it was published.
    pub note: String,
    /// What the note says.
    pub checkpoint: Checkpoint,
}

impl Predecessor {
    /// Takes it from its key and its last checkpoint, which must be signed by that key.
    pub fn open(log_key: &str, note: &str) -> Result<Self, String> {
        let key = NoteKey::parse(log_key).map_err(|error| format!("log_key: {error}"))?;
        let checkpoint = SignedNote::parse(note)
            .map_err(|error| error.to_string())
            .and_then(|note| Checkpoint::open(&note, &key).map_err(|error| error.to_string()))
            .map_err(|error| format!("checkpoint: {error}"))?;
        Ok(Self {
            log_key: log_key.to_owned(),
            note: note.to_owned(),
            checkpoint,
        })
    }
}
