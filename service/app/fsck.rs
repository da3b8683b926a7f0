//! Checks a whole database against itself and the log's key: entries, envelopes, signatures, tiles, checkpoints, head and
//! read models, all recomputed from the signed bytes.
//!
//! It only reads, a bundle of entries at a time, so it can run beside a live service: what was appended after it began is
//! left for the next time.

mod ends;

use std::collections::BTreeMap;

use ledger::{Checkpoint, Edge, Entry, Envelope, FullTile, NoteKey, SignedNote, leaf_hash};

use super::log::canonical;
use crate::audit::{Audit, Content, Kind, Report};
use crate::domain::Recorded;
use crate::sequencer::batch::{event_row, reference_rows};
use crate::store::{Database, EnvelopeRow, EventRow, HeadRow, RUN, ReadTx, ReferenceRow, StoreError};

/// Entries looked at in one go.
const BUNDLE: u64 = 256;

/// Checks the database. `progress` is told how many of how many entries were looked at.
pub fn fsck(database: &Database, log_key: &NoteKey, mut progress: impl FnMut(u64, u64)) -> Result<Report, StoreError> {
    let head = database.read(|tx| tx.head())?;
    let head = head.ok_or_else(|| StoreError::Damaged("there is no log in this database".into()))?;
    let mut check = Check {
        audit: Audit::new(),
        edge: Edge::empty(),
        log_key,
        sizes: Vec::new(),
        run: Vec::new(),
    };
    while check.audit.size() < head.tree_size {
        let start = check.audit.size();
        let count = BUNDLE.min(head.tree_size - start);
        let bundle = database.read(|tx| Bundle::load(tx, start, count))?;
        if bundle.leaves.len() as u64 != count {
            let found = bundle.leaves.len();
            check.audit.find(
                Kind::Contiguity,
                Some(start),
                format!("{found} of the {count} entries from here are there"),
            );
            break;
        }
        check.bundle(database, start, &bundle)?;
        progress(check.audit.size(), head.tree_size);
    }
    check.finish(database, &head)
}

/// What the database holds of some entries.
struct Bundle {
    leaves: Vec<Vec<u8>>,
    envelopes: Vec<EnvelopeRow>,
    events: BTreeMap<i64, EventRow>,
    references: Vec<ReferenceRow>,
    checkpoints: Vec<(i64, String)>,
}

impl Bundle {
    fn load(tx: &mut ReadTx<'_>, start: u64, count: u64) -> Result<Self, StoreError> {
        let end = (start + count) as i64;
        let mut checkpoints = tx.checkpoints(start, count as i64)?;
        checkpoints.retain(|(size, _)| *size <= end);
        Ok(Self {
            leaves: tx.leaves(start, count)?,
            envelopes: tx.envelopes(start, count)?,
            events: tx
                .event_range(start, count)?
                .into_iter()
                .map(|row| (row.idx, row))
                .collect(),
            references: tx.references_at(start, count)?,
            checkpoints,
        })
    }
}

struct Check<'a> {
    audit: Audit,
    edge: Edge,
    log_key: &'a NoteKey,
    /// Sizes with a checkpoint, as far as receipts still refer to them, in order.
    sizes: Vec<i64>,
    /// References of the entries of the run that is being read.
    run: Vec<ReferenceRow>,
}

impl Check<'_> {
    fn bundle(&mut self, database: &Database, start: u64, bundle: &Bundle) -> Result<(), StoreError> {
        let mut envelopes = bundle.envelopes.iter().peekable();
        let mut checkpoints = bundle.checkpoints.iter().peekable();
        let mut full = Vec::new();
        for (leaf, index) in bundle.leaves.iter().zip(start..) {
            self.edge.append(leaf_hash(leaf), &mut full);
            let envelope = envelopes.next_if(|row| row.idx as u64 == index);
            if let Some(recorded) = self.entry(index, leaf, envelope) {
                self.read_models(&recorded, bundle);
            }
            if let Some((size, note)) = checkpoints.next_if(|(size, _)| *size as u64 == index + 1) {
                self.checkpoint(*size, note);
            }
        }
        for row in &bundle.envelopes {
            self.receipt_size(row, database)?;
        }
        self.run(database, start + bundle.leaves.len() as u64)?;
        for tile in &full {
            self.tile(database, tile)?;
        }
        Ok(())
    }

    fn entry(&mut self, index: u64, leaf: &[u8], row: Option<&EnvelopeRow>) -> Option<Recorded> {
        let Some(row) = row else {
            self.audit.add(index, leaf, Content::Erased);
            return None;
        };
        let (Some(salt), Some(bytes)) = (&row.salt, &row.bytes) else {
            return self.audit.add(index, leaf, Content::Erased);
        };
        let Ok(salt) = <&[u8; 32]>::try_from(salt.as_slice()) else {
            self.audit
                .find(Kind::Commitment, Some(index), "the salt is not 32 bytes".into());
            return self.audit.add(index, leaf, Content::Erased);
        };
        // The database keeps the envelope as received; what the entry commits to is its canonical form. Where there is
        // none, the audit says what is wrong with the bytes as they are.
        let parsed = Entry::parse(leaf).ok().zip(Envelope::parse(bytes).ok());
        let canonical = parsed
            .and_then(|(entry, envelope)| canonical(envelope, &entry))
            .map(|found| found.to_json());
        let envelope = canonical.as_ref().map_or(bytes.as_slice(), |text| text.as_bytes());
        self.audit.add(index, leaf, Content::Sealed { salt, envelope })
    }

    fn read_models(&mut self, recorded: &Recorded, bundle: &Bundle) {
        let index = recorded.index;
        let expected = event_row(
            index,
            recorded.recorded_at.as_millis(),
            recorded.producer.as_str(),
            &recorded.event,
        );
        if bundle.events.get(&(index as i64)) != Some(&expected) {
            self.audit.find(
                Kind::ReadModel,
                Some(index),
                "the event's columns are not what was signed".into(),
            );
        }
        let place = ReferenceRow::place(&expected);
        let mut expected: Vec<ReferenceRow> = reference_rows(index, &recorded.event).collect();
        expected.sort_unstable();
        self.run.extend(place);
        let mut stored: Vec<&ReferenceRow> = bundle.references.iter().filter(|row| row.idx as u64 == index).collect();
        stored.sort_unstable();
        self.run.extend(expected.iter().cloned());
        if stored.iter().copied().ne(&expected) {
            self.audit.find(
                Kind::ReadModel,
                Some(index),
                "its references are not those of the event".into(),
            );
        }
    }

    fn checkpoint(&mut self, size: i64, note: &str) {
        self.sizes.push(size);
        let opened = SignedNote::parse(note)
            .map_err(|error| error.to_string())
            .and_then(|note| Checkpoint::open(&note, self.log_key).map_err(|error| error.to_string()));
        let wrong = match opened {
            Ok(checkpoint) if checkpoint.size == size as u64 && checkpoint.root == self.edge.root() => return,
            Ok(_) => "it signs another tree than the entries give".to_owned(),
            Err(error) => error,
        };
        self.audit.find(
            Kind::Checkpoint,
            None,
            format!("the checkpoint of size {size}: {wrong}"),
        );
    }

    /// A receipt carries the checkpoint of its batch, which is the first one that covers its entry.
    fn receipt_size(&mut self, row: &EnvelopeRow, database: &Database) -> Result<(), StoreError> {
        self.sizes.retain(|size| *size > row.idx);
        if self.sizes.is_empty() {
            let next = database.read(|tx| tx.checkpoints(row.idx as u64, 1))?;
            self.sizes.extend(next.iter().map(|(size, _)| *size));
        }
        if self.sizes.first() != Some(&row.tree_size) {
            let message = format!(
                "its receipt carries the checkpoint of size {}, which is missing or not that of its batch",
                row.tree_size
            );
            self.audit.find(Kind::Checkpoint, Some(row.idx as u64), message);
        }
        Ok(())
    }

    /// A complete run holds the references of its entries, no more and no less.
    fn run(&mut self, database: &Database, size: u64) -> Result<(), StoreError> {
        if !size.is_multiple_of(RUN) {
            return Ok(());
        }
        let run = size / RUN - 1;
        let mut expected = std::mem::take(&mut self.run);
        expected.sort_unstable();
        let stored = database.read(|tx| {
            let complete = tx.head()?.map_or(0, |head| head.runs);
            if run < complete {
                tx.run(run).map(Some)
            } else {
                Ok(None)
            }
        })?;
        if let Some(mut stored) = stored {
            stored.sort_unstable();
            if stored != expected {
                let message = format!("run {run} of references is not what the events say");
                self.audit.find(Kind::ReadModel, None, message);
            }
        }
        Ok(())
    }

    fn tile(&mut self, database: &Database, tile: &FullTile) -> Result<(), StoreError> {
        let id = tile.id();
        let wrong = match database.read(|tx| tx.tile(id)) {
            Ok(Some(stored)) if stored.bytes() == tile.bytes() => return Ok(()),
            Ok(Some(_)) => "is not what the entries give".to_owned(),
            Ok(None) => "is missing".to_owned(),
            Err(StoreError::Damaged(what)) => what,
            Err(error) => return Err(error),
        };
        self.audit
            .find(Kind::Tile, None, format!("tile {}/{} {wrong}", id.level, id.index));
        Ok(())
    }

    fn finish(mut self, database: &Database, head: &HeadRow) -> Result<Report, StoreError> {
        if self.edge.root() != head.root || self.edge.encode() != head.edge {
            self.audit
                .find(Kind::Tile, None, "the head is not what the entries give".into());
        }
        for (kind, message) in database.read(|tx| ends::check(tx, self.log_key))? {
            self.audit.find(kind, None, message);
        }
        if head.tree_size == 0 {
            return Ok(self.audit.close());
        }
        let note = database.read(|tx| tx.checkpoint(head.tree_size))?;
        let checkpoint = note.and_then(|note| SignedNote::parse(&note).ok());
        let opened = checkpoint.and_then(|note| Checkpoint::open(&note, self.log_key).ok());
        Ok(match opened {
            Some(checkpoint) => self.audit.finish(&checkpoint),
            None => {
                let message = format!("no valid checkpoint of size {} is stored", head.tree_size);
                self.audit.find(Kind::Checkpoint, None, message);
                self.audit.close()
            }
        })
    }
}
