//! What the writer must know of the log to append to it, loaded from the database and re-checked.

use std::sync::Arc;

use ledger::{Checkpoint, Edge, Hash, NodeId, NoteKey, SignedNote, leaf_hash};

use crate::domain::keyring::Keyring;
use crate::store::{ReadTx, StoreError};

/// The log up to the last committed entry.
#[derive(Clone)]
pub(super) struct State {
    pub(super) edge: Edge,
    pub(super) root: Hash,
    pub(super) time_ms: i64,
    pub(super) keyring: Arc<Keyring>,
    /// Size and time of the newest published checkpoint.
    pub(super) published: (u64, i64),
}

impl State {
    /// Loads it, refusing what contradicts itself: the edge must give the root, the entries beyond the last full tile
    /// must hash to the edge, and the last checkpoint must be ours and say the same.
    pub(super) fn load(tx: &mut ReadTx<'_>, log_key: &NoteKey) -> Result<Self, StoreError> {
        let damaged = |what: String| StoreError::Damaged(what);
        let head = tx.head()?.ok_or_else(|| damaged("there is no head".into()))?;
        let edge = Edge::decode(head.tree_size, &head.edge).map_err(|error| damaged(error.to_string()))?;
        if edge.root() != head.root {
            return Err(damaged(format!(
                "the edge at size {} does not give the root of the head",
                head.tree_size
            )));
        }
        let start = head.tree_size - head.tree_size % 256;
        let leaves = tx.leaves(start, 256)?;
        if leaves.len() as u64 != head.tree_size - start {
            return Err(damaged(format!(
                "entries are missing or left over beside size {}",
                head.tree_size
            )));
        }
        for (leaf, index) in leaves.iter().zip(start..) {
            if edge.node(NodeId { level: 0, index }) != Some(leaf_hash(leaf)) {
                return Err(damaged(format!("entry {index} does not hash to the tree")));
            }
        }
        if head.tree_size > 0 {
            check_checkpoint(tx, log_key, head.tree_size, &head.root)?;
        }
        Ok(Self {
            edge,
            root: head.root,
            time_ms: head.time_ms,
            keyring: Arc::new(load_keyring(tx)?),
            published: tx.published()?.unwrap_or((0, 0)),
        })
    }

    pub(super) fn size(&self) -> u64 {
        self.edge.size()
    }
}

fn check_checkpoint(tx: &mut ReadTx<'_>, log_key: &NoteKey, size: u64, root: &Hash) -> Result<(), StoreError> {
    let note = tx
        .checkpoint(size)?
        .ok_or_else(|| StoreError::Damaged(format!("there is no checkpoint of size {size}")))?;
    let checkpoint = SignedNote::parse(&note)
        .map_err(|error| error.to_string())
        .and_then(|note| Checkpoint::open(&note, log_key).map_err(|error| error.to_string()))
        .map_err(|error| StoreError::Damaged(format!("checkpoint of size {size}: {error}")))?;
    if checkpoint.size != size || checkpoint.root != *root {
        return Err(StoreError::Damaged(format!(
            "the checkpoint of size {size} signs another tree"
        )));
    }
    Ok(())
}

/// Who may sign, by folding every administrative event in the order of the log.
fn load_keyring(tx: &mut ReadTx<'_>) -> Result<Keyring, StoreError> {
    let indexes = tx.administrative(0)?.into_iter().collect();
    let mut keyring = Keyring::default();
    for recorded in tx.recorded(&indexes)? {
        let Some(administration) = &recorded.event.extension.administration else {
            continue;
        };
        keyring
            .apply(recorded.index, recorded.recorded_at, administration)
            .map_err(|error| StoreError::Damaged(format!("entry {}: {error}", recorded.index)))?;
    }
    Ok(keyring)
}
