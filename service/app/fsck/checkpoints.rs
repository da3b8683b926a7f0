//! What was signed of the tree and given out: checkpoints, which of them receipts carry, and which were published.
//!
//! What others sign under a published checkpoint belongs here too, beside [`Check::publications`].

use ledger::{Checkpoint, SignedNote};

use super::Check;
use super::slice::Slice;
use crate::audit::Kind;

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
}
