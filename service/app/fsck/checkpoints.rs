//! What was signed of the tree and given out: checkpoints, which of them receipts carry, and which were published.
//! What witnesses signed under those belongs to it. Nothing is believed that no signature says.

use ledger::{Checkpoint, CosignerKey, NoteSignature, SignedNote};

use super::Check;
use super::slice::Slice;
use crate::app::quorum::cosigned_ms;
use crate::audit::Kind;
use crate::store::CosignatureRow;

impl Check<'_> {
    /// A receipt carries the checkpoint of its batch, which is the next one after its entry.
    pub(super) fn receipt_size(&mut self, index: u64, stored: i64, slice: &Slice) {
        let next = slice
            .checkpoints
            .range(index + 1..)
            .next()
            .map(|(size, _)| *size as i64);
        let wrong = match next {
            Some(next) if next == stored => return,
            Some(next) => {
                format!("its receipt carries the checkpoint of size {stored}, but the next one has size {next}")
            }
            None => format!("the checkpoint of size {stored}, which its receipt carries, is missing"),
        };
        self.audit.find(Kind::Checkpoint, Some(index), wrong);
    }

    pub(super) fn checkpoint(&mut self, size: u64, text: &str) {
        let opened =
            SignedNote::parse(text)
                .map_err(|error| error.to_string())
                .and_then(|note| match Checkpoint::open(&note, self.log_key) {
                    Ok(_) if note.signatures().len() != 1 || note.to_string() != text => {
                        Err("it holds more than the checkpoint and the log's signature".to_owned())
                    }
                    Ok(checkpoint) => Ok(checkpoint),
                    Err(error) => Err(error.to_string()),
                });
        let wrong = match opened {
            Ok(checkpoint) if checkpoint.size == size && checkpoint.root == self.edge.root() => return,
            Ok(_) => "it signs another tree than the entries give".to_owned(),
            Err(error) => error,
        };
        let message = format!("the checkpoint of size {size}: {wrong}");
        self.audit.find(Kind::Checkpoint, Some(size - 1), message);
    }

    /// Only what was signed can have been published.
    pub(super) fn publications(&mut self, slice: &Slice) {
        for size in &slice.publications {
            if !slice.checkpoints.contains_key(size) {
                let message = format!("the checkpoint of size {size} is published, but is not there");
                self.audit.find(Kind::Publication, Some(size - 1), message);
            }
        }
    }

    /// Each cosignature is one that its witness made.
    pub(super) fn cosignatures(&mut self, slice: &Slice) {
        for row in &slice.cosignatures {
            let note = slice.checkpoints.get(&(row.tree_size as u64));
            if let Err(what) = cosigned(row, note) {
                let message = format!("the cosignature under the checkpoint of size {}: {what}", row.tree_size);
                self.audit
                    .find(Kind::Cosignature, Some(row.tree_size as u64 - 1), message);
            }
        }
    }
}

/// Whether a witness signed the checkpoint as the row says.
fn cosigned(row: &CosignatureRow, note: Option<&String>) -> Result<(), String> {
    let note = note.ok_or("there is no such checkpoint")?;
    let note = SignedNote::parse(note).map_err(|error| error.to_string())?;
    let witness = CosignerKey::parse(&row.witness).map_err(|error| error.to_string())?;
    let lines = NoteSignature::parse_lines(&format!("{}\n", row.line)).map_err(|error| error.to_string())?;
    let [line] = lines.as_slice() else {
        return Err("it is not one line".to_owned());
    };
    let time_s = witness.verify(note.text(), line).map_err(|error| error.to_string())?;
    if row.cosigned_ms == cosigned_ms(time_s) {
        Ok(())
    } else {
        Err("its time is not the one that was signed".to_owned())
    }
}
