//! A planned batch on its way into the transaction that commits it, and the checkpoint that is signed there.
//!
//! Nothing is signed here that was not read back from the database.

use ledger::{Checkpoint, Hash, NoteSigner, SignedNote, leaf_hash};

use super::Record;
use super::batch::{Decision, Plan};
use super::runs::Slice;
use super::state::State;
use crate::store::{HeadRow, StoreError, WriteTx};

/// Writes a batch and signs the head it leads to. The signature is made inside the transaction that stores it, from
/// leaves read back from the database, and leaves this process only after the commit.
pub(super) fn append(
    tx: &mut WriteTx<'_>,
    before: &State,
    records: &[Box<Record>],
    plan: &Plan,
    slice: &Slice,
    signer: &NoteSigner,
) -> Result<SignedNote, StoreError> {
    let (old_size, after) = (before.size(), &plan.after);
    tx.append_entries(old_size, &plan.leaves)?;
    let appended = || {
        let decided = records.iter().zip(&plan.decisions);
        decided.filter(|(_, decision)| matches!(decision, Decision::Append { .. }))
    };
    let envelopes: Vec<_> = appended().map(|(record, _)| &record.envelope).collect();
    tx.append_envelopes(&envelopes)?;
    let events: Vec<_> = appended().map(|(record, _)| &record.row).collect();
    tx.append_events(&events)?;
    tx.append_references(&plan.references)?;
    tx.append_tiles(&plan.tiles)?;
    tx.merge_hashes(old_size, after.size())?;
    for erasure in &plan.erasures {
        tx.erase(erasure)?;
    }
    if stored_root(tx, before, plan.leaves.len() as u64)? != after.root {
        return Err(StoreError::Damaged(
            "the entries read back do not give the root that was computed".into(),
        ));
    }
    let checkpoint = Checkpoint {
        origin: signer.key().name().to_owned(),
        size: after.size(),
        root: after.root,
    };
    let note = checkpoint
        .sign(signer)
        .map_err(|error| StoreError::Damaged(error.to_string()))?;
    tx.append_checkpoint(after.size(), &note.to_string())?;
    let head = HeadRow {
        tree_size: after.size(),
        root: after.root,
        edge: after.edge.encode(),
        time_ms: after.time_ms,
        runs: slice.complete,
    };
    tx.move_head(old_size, &head)?;
    Ok(note)
}

/// The root that the stored bytes give: a bit that flipped on the way to the database is not signed.
fn stored_root(tx: &mut WriteTx<'_>, before: &State, count: u64) -> Result<Hash, StoreError> {
    let mut edge = before.edge.clone();
    let mut full = Vec::new();
    for leaf in tx.reading().leaves(before.size(), count)? {
        edge.append(leaf_hash(&leaf), &mut full);
    }
    Ok(edge.root())
}
