//! What witnesses did: cosignatures under published checkpoints, quorums reached, alarms.
//!
//! Written beside the sequencer, never by it, and only added to. Two replicas that ask the same witnesses may bring the
//! same row; the first one stays.

use diesel::prelude::*;
use ledger::Hash;

use super::connection::each;
use super::schema::{alarm, cosignature, publication, quorum};
use super::{ReadTx, StoreError, WriteTx};

/// A cosignature, verified before it was stored.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Insertable, Selectable)]
#[diesel(table_name = cosignature)]
pub struct CosignatureRow {
    /// Size of the checkpoint.
    pub tree_size: i64,
    /// Key of the witness, as a vkey.
    pub witness: String,
    /// Its line under the checkpoint.
    pub line: String,
    /// The time it names, Unix ms.
    pub cosigned_ms: i64,
}

/// A tree that a witness holds and that this log does not continue.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Insertable, Selectable)]
#[diesel(table_name = alarm, treat_none_as_default_value = false)]
pub struct AlarmRow {
    /// Key of the witness, as a vkey.
    pub witness: String,
    /// Size of the tree that the witness holds.
    pub held_size: i64,
    /// Size of the checkpoint that it was asked to cosign.
    pub tree_size: i64,
    /// `fork` or `ahead`.
    pub reason: String,
    /// What happened, in words.
    pub message: String,
    /// The checkpoint that the witness holds, where it could be fetched.
    pub held_note: Option<String>,
    /// When it happened, Unix ms.
    pub raised_ms: i64,
}

impl ReadTx<'_> {
    /// The cosignatures under a checkpoint.
    pub fn cosignatures(&mut self, tree_size: u64) -> Result<Vec<CosignatureRow>, StoreError> {
        let query = cosignature::table
            .filter(cosignature::tree_size.eq(tree_size as i64))
            .order(cosignature::witness);
        Ok(each!(self.connection, c => query.select(CosignatureRow::as_select()).load(c))?)
    }

    /// The cosignatures under checkpoints above `after` and not above `last`, in order.
    pub fn cosignatures_between(&mut self, after: u64, last: u64) -> Result<Vec<CosignatureRow>, StoreError> {
        let query = cosignature::table
            .filter(
                cosignature::tree_size
                    .gt(after as i64)
                    .and(cosignature::tree_size.le(last as i64)),
            )
            .order((cosignature::tree_size, cosignature::witness));
        Ok(each!(self.connection, c => query.select(CosignatureRow::as_select()).load(c))?)
    }

    /// The newest checkpoint that a witness cosigned.
    pub fn newest_cosignature(&mut self, witness: &str) -> Result<Option<CosignatureRow>, StoreError> {
        let query = cosignature::table
            .filter(cosignature::witness.eq(witness))
            .order(cosignature::tree_size.desc());
        Ok(each!(self.connection, c => query.select(CosignatureRow::as_select()).first(c).optional())?)
    }

    /// The newest checkpoint with a quorum under this policy: its size and when it had it.
    pub fn newest_quorum(&mut self, policy: &Hash) -> Result<Option<(u64, i64)>, StoreError> {
        let query = quorum::table
            .filter(quorum::policy.eq(policy.0.as_slice()))
            .order(quorum::tree_size.desc())
            .select((quorum::tree_size, quorum::reached_ms));
        let row: Option<(i64, i64)> = each!(self.connection, c => query.first(c).optional())?;
        Ok(row.map(|(size, ms)| (size as u64, ms)))
    }

    /// When the first checkpoint larger than this was published.
    pub fn published_after(&mut self, tree_size: u64) -> Result<Option<i64>, StoreError> {
        let query = publication::table
            .filter(publication::tree_size.gt(tree_size as i64))
            .order(publication::tree_size)
            .select(publication::published_ms);
        Ok(each!(self.connection, c => query.first(c).optional())?)
    }

    /// Every alarm, the newest first.
    pub fn alarms(&mut self) -> Result<Vec<AlarmRow>, StoreError> {
        let query = alarm::table.order(alarm::raised_ms.desc());
        Ok(each!(self.connection, c => query.select(AlarmRow::as_select()).load(c))?)
    }
}

impl WriteTx<'_> {
    /// Keeps cosignatures.
    pub fn append_cosignatures(&mut self, rows: &[CosignatureRow]) -> Result<(), StoreError> {
        for row in rows {
            each!(&mut *self.connection, c => {
                diesel::insert_into(cosignature::table).values(row).on_conflict_do_nothing().execute(c)
            })?;
        }
        Ok(())
    }

    /// Notes that a checkpoint has its quorum under this policy.
    pub fn append_quorum(&mut self, policy: &Hash, tree_size: u64, now_ms: i64) -> Result<(), StoreError> {
        let row = (
            quorum::policy.eq(policy.0.as_slice()),
            quorum::tree_size.eq(tree_size as i64),
            quorum::reached_ms.eq(now_ms),
        );
        each!(&mut *self.connection, c => {
            diesel::insert_into(quorum::table).values(row).on_conflict_do_nothing().execute(c)
        })?;
        Ok(())
    }

    /// Keeps an alarm; whether it is a new one.
    pub fn append_alarm(&mut self, row: &AlarmRow) -> Result<bool, StoreError> {
        let added = each!(&mut *self.connection, c => {
            diesel::insert_into(alarm::table).values(row).on_conflict_do_nothing().execute(c)
        })?;
        Ok(added > 0)
    }
}
