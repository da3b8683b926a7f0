//! Rows that no entry of the log stands for.

use diesel::dsl::exists;
use diesel::prelude::*;

use super::connection::each;
use super::schema::{checkpoint, entry, envelope, event, publication, reference, reference_run, tile};
use super::{HeadRow, ReadTx, StoreError};

impl ReadTx<'_> {
    /// The tables that hold more than a log with this head has.
    pub fn tables_beyond(&mut self, head: &HeadRow) -> Result<Vec<&'static str>, StoreError> {
        let size = head.tree_size as i64;
        let mut found = Vec::new();
        macro_rules! look {
            ($name:literal, $rows:expr) => {
                let any: bool = each!(self.connection, c => diesel::select(exists($rows)).get_result(c))?;
                if any {
                    found.push($name);
                }
            };
        }
        look!("entry", entry::table.filter(entry::idx.ge(size)));
        look!("envelope", envelope::table.filter(envelope::idx.ge(size)));
        look!("event", event::table.filter(event::idx.ge(size)));
        look!("reference", reference::table.filter(reference::idx.ge(size)));
        look!(
            "reference_run",
            reference_run::table.filter(reference_run::run.gt(head.runs as i64))
        );
        look!("checkpoint", checkpoint::table.filter(checkpoint::tree_size.gt(size)));
        look!(
            "publication",
            publication::table.filter(publication::tree_size.gt(size))
        );
        for level in 0..8_u32 {
            let full = head.tree_size.checked_shr(8 * (level + 1)).unwrap_or(0) as i64;
            look!(
                "tile",
                tile::table.filter(tile::level.eq(level as i32).and(tile::idx.ge(full)))
            );
        }
        Ok(found)
    }
}
