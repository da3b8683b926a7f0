//! Reading what nobody asks for while all is well: rows with their keys as they stand, and rows that should not be there.

use diesel::prelude::*;

use super::connection::each;
use super::schema::{
    alarm, checkpoint, cosignature, entry, envelope, erasure, event, head, log, publication, quorum, reference,
    reference_run, tile,
};
use super::{LogRow, RUN, ReadTx, StoreError};

/// A row that belongs to no entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stray {
    /// Its table.
    pub table: &'static str,
    /// Where it says that it belongs.
    pub place: i64,
}

/// The first row of a table whose index is not that of an entry.
macro_rules! outside {
    ($tx:expr, $found:expr, $table:ident :: $column:ident, $from:expr, $to:expr) => {
        let query = $table::table
            .filter($table::$column.lt($from).or($table::$column.ge($to)))
            .order($table::$column)
            .select($table::$column);
        let place: Option<i64> = each!($tx.connection, c => query.first(c).optional())?;
        $found.extend(place.map(|place| Stray {
            table: stringify!($table),
            place,
        }));
    };
}

impl ReadTx<'_> {
    /// Entries from `start`, with the index that they stand at.
    pub fn entries(&mut self, start: u64, count: u64) -> Result<Vec<(i64, Vec<u8>)>, StoreError> {
        let query = entry::table
            .filter(entry::idx.ge(start as i64).and(entry::idx.lt((start + count) as i64)))
            .order(entry::idx)
            .select((entry::idx, entry::leaf));
        Ok(each!(self.connection, c => query.load(c))?)
    }

    /// The greatest index of an entry.
    pub fn last_entry(&mut self) -> Result<Option<i64>, StoreError> {
        let query = entry::table.order(entry::idx.desc()).select(entry::idx);
        Ok(each!(self.connection, c => query.first(c).optional())?)
    }

    /// Every row that says what the log is: there must be one.
    pub fn logs(&mut self) -> Result<Vec<LogRow>, StoreError> {
        Ok(each!(self.connection, c => log::table.select(LogRow::as_select()).limit(2).load(c))?)
    }

    /// The ids of the heads: there must be one, and it must be 0.
    pub fn heads(&mut self) -> Result<Vec<i32>, StoreError> {
        Ok(each!(self.connection, c => head::table.select(head::id).limit(2).load(c))?)
    }

    /// Sizes of the published checkpoints above `after` and not above `last`, in order.
    pub fn publications(&mut self, after: u64, last: u64) -> Result<Vec<i64>, StoreError> {
        let query = publication::table
            .filter(
                publication::tree_size
                    .gt(after as i64)
                    .and(publication::tree_size.le(last as i64)),
            )
            .order(publication::tree_size)
            .select(publication::tree_size);
        Ok(each!(self.connection, c => query.load(c))?)
    }

    /// The first row of each table that belongs to no entry of a log of this size with so many complete runs.
    pub fn strays(&mut self, tree_size: u64, runs: u64) -> Result<Vec<Stray>, StoreError> {
        let size = tree_size as i64;
        let mut found = Vec::new();
        outside!(self, found, entry::idx, 0, size);
        outside!(self, found, envelope::idx, 0, size);
        outside!(self, found, event::idx, 0, size);
        outside!(self, found, reference::idx, 0, size);
        outside!(self, found, erasure::idx, 0, size);
        outside!(self, found, erasure::erased_by, 0, size);
        outside!(self, found, checkpoint::tree_size, 1, size + 1);
        outside!(self, found, publication::tree_size, 1, size + 1);
        outside!(self, found, cosignature::tree_size, 1, size + 1);
        outside!(self, found, quorum::tree_size, 1, size + 1);
        outside!(self, found, alarm::tree_size, 1, size + 1);
        // A run is begun when all its entries are there and the one before it is complete.
        let begun = (runs as i64 + 1).min(size / RUN as i64);
        outside!(self, found, reference_run::run, 0, begun);
        let place = self.stray_hashes(tree_size, begun)?;
        found.extend(place.map(|place| Stray {
            table: "reference_hash",
            place,
        }));
        for level in 0..8_i32 {
            let full = tree_size.checked_shr(8 * (level as u32 + 1)).unwrap_or(0) as i64;
            let query = tile::table
                .filter(tile::level.eq(level).and(tile::idx.lt(0).or(tile::idx.ge(full))))
                .order(tile::idx)
                .select(tile::idx);
            let place: Option<i64> = each!(self.connection, c => query.first(c).optional())?;
            found.extend(place.map(|place| Stray { table: "tile", place }));
        }
        let levels = tile::table
            .filter(tile::level.lt(0).or(tile::level.gt(7)))
            .select(tile::idx);
        let place: Option<i64> = each!(self.connection, c => levels.first(c).optional())?;
        found.extend(place.map(|place| Stray { table: "tile", place }));
        Ok(found)
    }
}
