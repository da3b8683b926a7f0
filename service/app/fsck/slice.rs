//! What the database holds of some entries, as one snapshot shows it.

use std::collections::BTreeMap;

use crate::store::{CosignatureRow, Database, EnvelopeRow, EventRow, ReadTx, ReferenceRow, StoreError};

/// Rows by the index that they stand at.
#[derive(Default)]
pub(super) struct Slice {
    pub(super) entries: BTreeMap<u64, Vec<u8>>,
    pub(super) envelopes: BTreeMap<u64, EnvelopeRow>,
    pub(super) events: BTreeMap<u64, EventRow>,
    pub(super) references: BTreeMap<u64, Vec<ReferenceRow>>,
    /// The entries that are found by the identities of these events: event id, source, producer, index.
    pub(super) known: Vec<(String, String, String, i64)>,
    /// Checkpoints by size, up to the first one beyond these entries.
    pub(super) checkpoints: BTreeMap<u64, String>,
    /// Sizes of those that were published.
    pub(super) publications: Vec<u64>,
    /// What witnesses signed under them.
    pub(super) cosignatures: Vec<CosignatureRow>,
}

/// Reads one table's share of a slice: from an index, so many entries.
type Part = fn(&mut Slice, &mut ReadTx<'_>, u64, u64) -> Result<(), StoreError>;

impl Slice {
    /// Loads all of it.
    pub(super) fn load(tx: &mut ReadTx<'_>, start: u64, count: u64) -> Result<Self, StoreError> {
        let mut slice = Self::default();
        for part in Self::PARTS {
            part(&mut slice, tx, start, count)?;
        }
        Ok(slice)
    }

    /// Loads each part for itself, leaving out what cannot be read.
    pub(super) fn rescue(database: &Database, start: u64, count: u64) -> Result<Self, StoreError> {
        let mut slice = Self::default();
        for part in Self::PARTS {
            match database.read(|tx| part(&mut slice, tx, start, count)) {
                Err(error) if !error.is_damage() => return Err(error),
                Ok(()) | Err(_) => {}
            }
        }
        Ok(slice)
    }

    const PARTS: [Part; 8] = [
        |slice, tx, start, count| {
            let rows = tx.entries(start, count)?.into_iter();
            slice.entries = rows.map(|(idx, leaf)| (idx as u64, leaf)).collect();
            Ok(())
        },
        |slice, tx, start, count| {
            let rows = tx.envelopes(start, count)?.into_iter();
            slice.envelopes = rows.map(|row| (row.idx as u64, row)).collect();
            Ok(())
        },
        |slice, tx, start, count| {
            let rows = tx.event_range(start, count)?.into_iter();
            slice.events = rows.map(|row| (row.idx as u64, row)).collect();
            Ok(())
        },
        |slice, tx, start, count| {
            for row in tx.references_at(start, count)? {
                slice.references.entry(row.idx as u64).or_default().push(row);
            }
            Ok(())
        },
        |slice, tx, _, _| {
            let ids: Vec<&str> = slice.events.values().map(|row| row.event_id.as_str()).collect();
            slice.known = tx.known(&ids)?;
            Ok(())
        },
        |slice, tx, start, count| {
            // One more than there can be of these entries: the next.
            let rows = tx.checkpoints(start, count as i64 + 1)?.into_iter();
            slice.checkpoints = rows.map(|(size, note)| (size as u64, note)).collect();
            Ok(())
        },
        |slice, tx, start, count| {
            let sizes = tx.publications(start, start + count)?.into_iter();
            slice.publications = sizes.map(|size| size as u64).collect();
            Ok(())
        },
        |slice, tx, start, count| {
            slice.cosignatures = tx.cosignatures_between(start, start + count)?;
            Ok(())
        },
    ];
}
