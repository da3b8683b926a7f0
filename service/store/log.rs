//! The log's own tables: entries, envelopes, tiles, head, checkpoints.

use diesel::backend::Backend;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::serialize::ToSql;
use diesel::sql_types::{BigInt, Binary, HasSqlType};
use ledger::{FullTile, Hash, TileId};

use super::append::{EntryRow, TileRow, append};
use super::connection::each;
use super::schema::{checkpoint, entry, envelope, head, log, publication, tile};
use super::{ROWS_PER_INSERT, ReadTx, StoreError, WriteTx};

/// The identity of the log, written once.
#[derive(Debug, Clone, Queryable, Insertable, Selectable)]
#[diesel(table_name = log)]
pub struct LogRow {
    /// Always 0.
    pub id: i32,
    /// Origin of its checkpoints.
    pub origin: String,
    /// Its public key, as a vkey.
    pub log_key: String,
    /// When it was created, Unix ms.
    pub created_ms: i64,
}

/// The newest committed state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeadRow {
    /// Number of entries.
    pub tree_size: u64,
    /// Root of the tree.
    pub root: Hash,
    /// [`ledger::Edge`], encoded.
    pub edge: Vec<u8>,
    /// Time of the last entry, Unix ms.
    pub time_ms: i64,
    /// Complete runs of references.
    pub runs: u64,
}

/// An envelope as received, with its salt. Both are gone once it was erased.
#[derive(Debug, Clone, Queryable, Insertable, Selectable)]
#[diesel(table_name = envelope, treat_none_as_default_value = false)]
pub struct EnvelopeRow {
    /// Index of its entry.
    pub idx: i64,
    /// Size of the tree whose checkpoint its receipt carries.
    pub tree_size: i64,
    /// 32 random bytes that blind the commitment.
    pub salt: Option<Vec<u8>>,
    /// The bytes as received.
    pub bytes: Option<Vec<u8>>,
}

impl ReadTx<'_> {
    /// The identity of the log, if one was created.
    pub fn log(&mut self) -> Result<Option<LogRow>, StoreError> {
        Ok(each!(self.connection, c => log::table.select(LogRow::as_select()).first(c).optional())?)
    }

    /// The newest committed state, if the log was created.
    pub fn head(&mut self) -> Result<Option<HeadRow>, StoreError> {
        let columns = (head::tree_size, head::root, head::edge, head::time_ms, head::runs);
        let row: Option<HeadColumns> = each!(self.connection, c => head::table.select(columns).first(c).optional())?;
        row.map(head_row).transpose()
    }

    /// Leaves from `start`, in order, at most `count`.
    pub fn leaves(&mut self, start: u64, count: u64) -> Result<Vec<Vec<u8>>, StoreError> {
        let query = entry::table
            .filter(
                entry::idx
                    .ge(start as i64)
                    .and(entry::idx.lt(start.saturating_add(count) as i64)),
            )
            .order(entry::idx)
            .select(entry::leaf);
        Ok(each!(self.connection, c => query.load(c))?)
    }

    /// The leaves of the given entries, each with its index.
    pub fn leaves_of(&mut self, indexes: &[i64]) -> Result<Vec<(i64, Vec<u8>)>, StoreError> {
        let mut rows = Vec::with_capacity(indexes.len());
        for some in indexes.chunks(ROWS_PER_INSERT) {
            let query = entry::table.filter(entry::idx.eq_any(some));
            let part: Vec<(i64, Vec<u8>)> =
                each!(self.connection, c => query.select((entry::idx, entry::leaf)).load(c))?;
            rows.extend(part);
        }
        Ok(rows)
    }

    /// Envelopes from `start`, in order, at most `count`.
    pub fn envelopes(&mut self, start: u64, count: u64) -> Result<Vec<EnvelopeRow>, StoreError> {
        let query = envelope::table
            .filter(
                envelope::idx
                    .ge(start as i64)
                    .and(envelope::idx.lt(start.saturating_add(count) as i64)),
            )
            .order(envelope::idx);
        Ok(each!(self.connection, c => query.select(EnvelopeRow::as_select()).load(c))?)
    }

    /// The envelopes of the given entries, in order of index.
    pub fn envelopes_of(&mut self, indexes: &[i64]) -> Result<Vec<EnvelopeRow>, StoreError> {
        let mut rows = Vec::with_capacity(indexes.len());
        for some in indexes.chunks(ROWS_PER_INSERT) {
            let query = envelope::table.filter(envelope::idx.eq_any(some)).order(envelope::idx);
            let part: Vec<EnvelopeRow> = each!(self.connection, c => query.select(EnvelopeRow::as_select()).load(c))?;
            rows.extend(part);
        }
        Ok(rows)
    }

    /// A full tile.
    pub fn tile(&mut self, id: TileId) -> Result<Option<FullTile>, StoreError> {
        let query = tile::table
            .find((i32::from(id.level), id.index as i64))
            .select(tile::hashes);
        let bytes: Option<Vec<u8>> = each!(self.connection, c => query.first(c).optional())?;
        bytes
            .map(|bytes| FullTile::from_bytes(id, &bytes).map_err(|error| StoreError::Damaged(error.to_string())))
            .transpose()
    }

    /// The checkpoint of a batch, by its exact size.
    pub fn checkpoint(&mut self, tree_size: u64) -> Result<Option<String>, StoreError> {
        let query = checkpoint::table.find(tree_size as i64).select(checkpoint::note);
        Ok(each!(self.connection, c => query.first(c).optional())?)
    }

    /// Every checkpoint larger than `after`, smallest first, at most `count`: size and note.
    pub fn checkpoints(&mut self, after: u64, count: i64) -> Result<Vec<(i64, String)>, StoreError> {
        let query = checkpoint::table
            .filter(checkpoint::tree_size.gt(after as i64))
            .order(checkpoint::tree_size)
            .limit(count)
            .select((checkpoint::tree_size, checkpoint::note));
        Ok(each!(self.connection, c => query.load(c))?)
    }

    /// The newest published checkpoint: its size and when it was published.
    pub fn published(&mut self) -> Result<Option<(u64, i64)>, StoreError> {
        let query = publication::table
            .order(publication::tree_size.desc())
            .select((publication::tree_size, publication::published_ms));
        let row: Option<(i64, i64)> = each!(self.connection, c => query.first(c).optional())?;
        Ok(row.map(|(size, ms)| (size as u64, ms)))
    }
}

impl WriteTx<'_> {
    /// Creates the log: its identity and an empty head. Fails where one exists.
    pub fn create_log(&mut self, row: &LogRow) -> Result<(), StoreError> {
        each!(&mut *self.connection, c => diesel::insert_into(log::table).values(row).execute(c))?;
        let empty = (
            head::id.eq(0),
            head::tree_size.eq(0_i64),
            head::root.eq(Hash::EMPTY_ROOT.0.as_slice()),
            head::edge.eq([].as_slice()),
            head::time_ms.eq(row.created_ms),
            head::runs.eq(0_i64),
        );
        each!(&mut *self.connection, c => diesel::insert_into(head::table).values(empty).execute(c))?;
        Ok(())
    }

    /// The head, held against other writers until this transaction ends.
    pub fn lock_head(&mut self) -> Result<Option<HeadRow>, StoreError> {
        use super::connection::Connection;
        let columns = (head::tree_size, head::root, head::edge, head::time_ms, head::runs);
        let row: Option<HeadColumns> = match &mut *self.connection {
            // BEGIN IMMEDIATE holds the only write lock already.
            Connection::Sqlite(c) => head::table.select(columns).first(c).optional()?,
            Connection::Postgres(c) => head::table.select(columns).for_update().first(c).optional()?,
        };
        row.map(head_row).transpose()
    }

    /// Appends leaves from `start`.
    pub fn append_entries(&mut self, start: u64, leaves: &[Vec<u8>]) -> Result<(), StoreError> {
        let rows: Vec<EntryRow<'_>> = leaves
            .iter()
            .zip(start..)
            .map(|(leaf, idx)| EntryRow { idx: idx as i64, leaf })
            .collect();
        append::<EntryRow<'_>, _>(self.connection, &rows)
    }

    /// Stores envelopes beside their entries.
    pub fn append_envelopes(&mut self, rows: &[&EnvelopeRow]) -> Result<(), StoreError> {
        append::<EnvelopeRow, _>(self.connection, rows)
    }

    /// Stores tiles that became full.
    pub fn append_tiles(&mut self, tiles: &[FullTile]) -> Result<(), StoreError> {
        let rows: Vec<TileRow<'_>> = tiles
            .iter()
            .map(|tile| TileRow {
                level: i32::from(tile.id().level),
                idx: tile.id().index as i64,
                hashes: tile.bytes(),
            })
            .collect();
        append::<TileRow<'_>, _>(self.connection, &rows)
    }

    /// Keeps the signed checkpoint of a batch.
    pub fn append_checkpoint(&mut self, tree_size: u64, note: &str) -> Result<(), StoreError> {
        let row = (checkpoint::tree_size.eq(tree_size as i64), checkpoint::note.eq(note));
        each!(&mut *self.connection, c => diesel::insert_into(checkpoint::table).values(row).execute(c))?;
        Ok(())
    }

    /// Marks a checkpoint as published: from now on `/log/checkpoint` serves it.
    pub fn publish(&mut self, tree_size: u64, now_ms: i64) -> Result<(), StoreError> {
        let row = (
            publication::tree_size.eq(tree_size as i64),
            publication::published_ms.eq(now_ms),
        );
        // Another replica may have published the same one.
        let insert = diesel::insert_into(publication::table)
            .values(row)
            .on_conflict_do_nothing();
        each!(&mut *self.connection, c => insert.execute(c))?;
        Ok(())
    }

    /// Moves the head from `old_size` to `new`. [`StoreError::HeadMoved`] if it was not at `old_size`.
    pub fn move_head(&mut self, old_size: u64, new: &HeadRow) -> Result<(), StoreError> {
        let change = MoveHead {
            old_size: old_size as i64,
            tree_size: new.tree_size as i64,
            root: new.root.0.to_vec(),
            edge: new.edge.clone(),
            time_ms: new.time_ms,
            runs: new.runs as i64,
        };
        let moved = each!(&mut *self.connection, c => change.execute(c))?;
        if moved == 1 { Ok(()) } else { Err(StoreError::HeadMoved) }
    }
}

/// The one update that every batch makes, as a statement that stays prepared: diesel prepares its own updates anew each time.
#[derive(QueryId)]
struct MoveHead {
    old_size: i64,
    tree_size: i64,
    root: Vec<u8>,
    edge: Vec<u8>,
    time_ms: i64,
    runs: i64,
}

impl<DB> QueryFragment<DB> for MoveHead
where
    DB: Backend + HasSqlType<BigInt> + HasSqlType<Binary>,
    i64: ToSql<BigInt, DB>,
    Vec<u8>: ToSql<Binary, DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("UPDATE head SET tree_size = ");
        out.push_bind_param::<BigInt, _>(&self.tree_size)?;
        out.push_sql(", root = ");
        out.push_bind_param::<Binary, _>(&self.root)?;
        out.push_sql(", edge = ");
        out.push_bind_param::<Binary, _>(&self.edge)?;
        out.push_sql(", time_ms = ");
        out.push_bind_param::<BigInt, _>(&self.time_ms)?;
        out.push_sql(", runs = ");
        out.push_bind_param::<BigInt, _>(&self.runs)?;
        out.push_sql(" WHERE id = 0 AND tree_size = ");
        out.push_bind_param::<BigInt, _>(&self.old_size)
    }
}

impl<C> RunQueryDsl<C> for MoveHead {}

type HeadColumns = (i64, Vec<u8>, Vec<u8>, i64, i64);

fn head_row((tree_size, root, edge, time_ms, runs): HeadColumns) -> Result<HeadRow, StoreError> {
    let root: [u8; 32] = root
        .try_into()
        .map_err(|_| StoreError::Damaged("the head's root is not 32 bytes".into()))?;
    let natural =
        |value: i64| u64::try_from(value).map_err(|_| StoreError::Damaged("the head holds a negative number".into()));
    Ok(HeadRow {
        tree_size: natural(tree_size)?,
        root: Hash(root),
        edge,
        time_ms,
        runs: natural(runs)?,
    })
}
