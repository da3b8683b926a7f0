//! Checks a whole database against the signed bytes in it and the log's key: everything else that it holds is computed from them
//! again and compared, in both directions.
//!
//! It only reads, a slice of entries at a time, each slice in a snapshot of its own: a live service writes on meanwhile, and its
//! write-ahead log need not be kept for this. What is appended after it began is left for the next time. It must not stop at
//! what is wrong, nor panic: the first divergence of each kind is noted, and it goes on.

mod checkpoints;
mod finish;
mod models;
mod slice;

use ledger::{Edge, Entry, Envelope, FullTile, Hash, NoteKey, leaf_hash};

use super::log::canonical;
use crate::audit::{Audit, Content, Kind, Report};
use crate::store::{Database, HeadRow, StoreError};

use models::{Expected, Runs};
use slice::Slice;

/// Entries looked at in one snapshot.
const SLICE: u64 = 256;

/// How far a check is.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    /// Entries looked at.
    pub done: u64,
    /// Entries to look at.
    pub of: u64,
    /// Bytes of entries and envelopes read so far.
    pub bytes: u64,
}

/// Checks the database. `pace` is told after each slice how far the check is, and may take its time.
pub fn fsck(database: &Database, log_key: &NoteKey, mut pace: impl FnMut(Progress)) -> Result<Report, StoreError> {
    let mut check = Check {
        audit: Audit::new(),
        edge: Edge::empty(),
        log_key,
        head: None,
        times: None,
        runs: Runs::default(),
        bytes: 0,
    };
    let mut size = check.size(database)?;
    loop {
        while check.audit.size() < size {
            let start = check.audit.size();
            // Slices end where runs and tiles do.
            check.slice(database, start, (SLICE - start % SLICE).min(size - start))?;
            pace(Progress {
                done: check.audit.size(),
                of: size,
                bytes: check.bytes,
            });
        }
        // What was erased while this ran is explained by an entry that came after its beginning.
        let unexplained = check.audit.gone().next().is_some();
        let newer = if unexplained { check.size(database)? } else { size };
        if newer <= size {
            return check.finish(database);
        }
        size = newer;
    }
}

struct Check<'a> {
    audit: Audit,
    edge: Edge,
    log_key: &'a NoteKey,
    /// The head at the size that is checked.
    head: Option<HeadRow>,
    /// Times of the first and the last entry, Unix ms.
    times: Option<(i64, i64)>,
    runs: Runs,
    bytes: u64,
}

impl Check<'_> {
    /// The size to check: that of the head, as far as there are entries.
    fn size(&mut self, database: &Database) -> Result<u64, StoreError> {
        // The head first: what a live service appends between the two looks is beyond it.
        let head = self.ask(None, database.read(|tx| tx.head()))?.flatten();
        let last = self.ask(None, database.read(|tx| tx.last_entry()))?.flatten();
        let entries = last.map_or(0, |last| u64::try_from(last).map_or(0, |last| last + 1));
        let Some(head) = head else {
            self.audit
                .find(Kind::Head, None, "there is no head that can be read".into());
            return Ok(entries);
        };
        let size = head.tree_size.min(entries);
        if size < head.tree_size {
            let message = format!(
                "the head has {} entries, but the last one here is {size}",
                head.tree_size
            );
            self.audit.find(Kind::Contiguity, Some(size), message);
        }
        self.head = Some(head);
        Ok(size)
    }

    /// What was read; that it cannot be read, for what stands there is damaged, is a finding.
    fn ask<T>(&mut self, index: Option<u64>, answer: Result<T, StoreError>) -> Result<Option<T>, StoreError> {
        match answer {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.is_damage() => {
                self.audit.find(Kind::Database, index, error.to_string());
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn slice(&mut self, database: &Database, start: u64, count: u64) -> Result<(), StoreError> {
        let slice = match database.read(|tx| Slice::load(tx, start, count)) {
            Err(error) if error.is_damage() => {
                self.audit.find(Kind::Database, Some(start), error.to_string());
                Slice::rescue(database, start, count)?
            }
            other => other?,
        };
        let mut full = Vec::new();
        for index in start..start + count {
            match slice.entries.get(&index) {
                Some(leaf) => {
                    self.edge.append(leaf_hash(leaf), &mut full);
                    let expected = self.entry(index, leaf, &slice);
                    self.models(index, &expected, &slice);
                    self.runs.add(index, &expected);
                }
                None => {
                    self.audit.find(Kind::Contiguity, Some(index), "it is missing".into());
                    self.audit.skip();
                    self.edge.append(Hash([0; 32]), &mut full);
                }
            }
            if let Some(note) = slice.checkpoints.get(&(index + 1)) {
                self.checkpoint(index + 1, note);
            }
        }
        self.publications(&slice);
        self.cosignatures(&slice);
        self.run(database, start + count)?;
        self.merges(database, start, start + count)?;
        for tile in &full {
            self.tile(database, tile)?;
        }
        Ok(())
    }

    /// Audits an entry with its envelope; what the read models must say of it.
    fn entry(&mut self, index: u64, leaf: &[u8], slice: &Slice) -> Expected {
        self.bytes += leaf.len() as u64;
        let parsed = Entry::parse(leaf).ok();
        let time = parsed.as_ref().and_then(|entry| i64::try_from(entry.time()).ok());
        if let Some(time) = time {
            let first = self.times.map_or(time, |(first, _)| first);
            self.times = Some((first, time));
        }
        let Some(row) = slice.envelopes.get(&index) else {
            self.audit
                .find(Kind::Envelope, Some(index), "its row is missing".into());
            self.audit.add(index, leaf, Content::Unreadable);
            return Expected::Unknown;
        };
        self.receipt_size(index, row.tree_size, slice);
        let (salt, bytes) = match (&row.salt, &row.bytes) {
            (Some(salt), Some(bytes)) => (salt, bytes),
            (None, None) => {
                self.audit.add(index, leaf, Content::Erased);
                return time.map_or(Expected::Unknown, |recorded_ms| Expected::Erased { recorded_ms });
            }
            (Some(_), None) | (None, Some(_)) => {
                let message = "salt and bytes are there only together".to_owned();
                self.audit.find(Kind::Envelope, Some(index), message);
                self.audit.add(index, leaf, Content::Unreadable);
                return Expected::Unknown;
            }
        };
        self.bytes += bytes.len() as u64;
        let Ok(salt) = <&[u8; 32]>::try_from(salt.as_slice()) else {
            self.audit
                .find(Kind::Commitment, Some(index), "the salt is not 32 bytes".into());
            self.audit.add(index, leaf, Content::Unreadable);
            return Expected::Unknown;
        };
        // The database keeps the envelope as received; what the entry commits to is its canonical form. Where there is
        // none, the audit says what is wrong with the bytes as they are.
        let canonical = parsed
            .zip(Envelope::parse(bytes).ok())
            .and_then(|(entry, envelope)| canonical(envelope, &entry))
            .map(|found| found.to_json());
        let envelope = canonical.as_ref().map_or(bytes.as_slice(), |text| text.as_bytes());
        match self.audit.add(index, leaf, Content::Sealed { salt, envelope }) {
            Some(recorded) => Expected::Recorded(Box::new(recorded)),
            None => Expected::Unknown,
        }
    }

    fn tile(&mut self, database: &Database, tile: &FullTile) -> Result<(), StoreError> {
        let id = tile.id();
        let first = id.index << (8 * (u32::from(id.level) + 1));
        let wrong = match database.read(|tx| tx.tile(id)) {
            Ok(Some(stored)) if stored.bytes() == tile.bytes() => return Ok(()),
            Ok(Some(_)) => "is not what the entries give".to_owned(),
            Ok(None) => "is missing".to_owned(),
            Err(error) if error.is_damage() => error.to_string(),
            Err(error) => return Err(error),
        };
        let message = format!("tile {}/{} {wrong}", id.level, id.index);
        self.audit.find(Kind::Tile, Some(first), message);
        Ok(())
    }
}
