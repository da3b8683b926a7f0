//! A consistency proof as `/v1/log/proof/consistency` gives it, verified against two checkpoints that are believed.

use ledger::{Checkpoint, Hash, verify_consistency};
use serde::Deserialize;

/// The proof, as the service says it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Consistency {
    old: u64,
    new: u64,
    old_root: String,
    new_root: String,
    hashes: Vec<String>,
}

impl Consistency {
    /// Checks that it leads from one checkpoint to the other. What the proof says of itself must be what they say.
    pub fn verify(&self, old: &Checkpoint, new: &Checkpoint) -> Result<(), String> {
        if (self.old, self.new) != (old.size, new.size) {
            return Err(format!(
                "the consistency proof leads from {} to {} entries, not from {} to {}",
                self.old, self.new, old.size, new.size
            ));
        }
        let hashes: Option<Vec<Hash>> = self.hashes.iter().map(|hash| Hash::from_base64(hash)).collect();
        let hashes = hashes.ok_or("the consistency proof holds something that is not the base64 of a hash")?;
        let proved = verify_consistency(old.size, new.size, &old.root, &new.root, &hashes);
        let same = (&self.old_root, &self.new_root) == (&old.root.to_base64(), &new.root.to_base64());
        let error = match proved {
            Ok(()) if same => return Ok(()),
            Ok(()) => "the proof speaks of other roots".to_owned(),
            Err(error) => error.to_string(),
        };
        Err(format!(
            "nothing shows that the log of {} entries with root {} continues the one of {} entries with root {}: {error}",
            new.size,
            new.root.to_base64(),
            old.size,
            old.root.to_base64()
        ))
    }
}
