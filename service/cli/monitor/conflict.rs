//! How two signed checkpoints of one log stand to each other, from the tiles that it serves.
//!
//! The tiles are not believed: they must lead to the root that the log signed for the larger tree. What they then say of
//! the smaller size is the log's own word, too.

use std::collections::HashMap;

use ledger::{Checkpoint, Edge, Hash, NodeId, ProofPlan, TileId, TilePath, node_hash, verify_consistency};

use crate::cli::Failure;
use crate::cli::tiles::ServedLog;

/// Hashes of a full tile.
const WIDTH: u64 = 256;

/// How a smaller checkpoint stands to a larger one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Relation {
    /// The larger continues the smaller.
    Continued,
    /// It does not, and this consistency proof shows it: from the smaller size it leads to the larger checkpoint, but from
    /// another root than the smaller one names.
    Forked {
        /// The proof.
        proof: Vec<Hash>,
        /// That other root.
        root: Hash,
    },
    /// What is served does not say.
    Unknown,
}

/// Finds out. `edge` is that of the larger tree, where it is known.
pub async fn relation(
    log: &ServedLog,
    smaller: &Checkpoint,
    larger: &Checkpoint,
    edge: Option<&Edge>,
) -> Result<Relation, Failure> {
    if smaller.size == 0 {
        return Ok(Relation::Continued);
    }
    let plans = (
        ProofPlan::consistency(smaller.size, larger.size),
        ProofPlan::root(smaller.size),
        ProofPlan::root(larger.size),
    );
    let (Some(proof), Some(old_root), Some(new_root)) = plans else {
        return Ok(Relation::Unknown);
    };
    let mut nodes = Nodes {
        log,
        size: larger.size,
        edge,
        tiles: HashMap::new(),
    };
    let (Some(proof), Some(old_root), Some(new_root)) = (
        nodes.assemble(&proof).await?,
        nodes.assemble(&old_root).await?,
        nodes.assemble(&new_root).await?,
    ) else {
        return Ok(Relation::Unknown);
    };
    let (Some(old_root), Some(new_root)) = (old_root.first(), new_root.first()) else {
        return Ok(Relation::Unknown);
    };
    let proved = verify_consistency(smaller.size, larger.size, old_root, &larger.root, &proof);
    Ok(match (proved, *new_root == larger.root, *old_root == smaller.root) {
        (Ok(()), true, true) => Relation::Continued,
        (Ok(()), true, false) => Relation::Forked { proof, root: *old_root },
        (Err(_), _, _) | (_, false, _) => Relation::Unknown,
    })
}

/// Nodes of a tree as it is served.
struct Nodes<'a> {
    log: &'a ServedLog,
    size: u64,
    edge: Option<&'a Edge>,
    tiles: HashMap<TileId, Option<Vec<Hash>>>,
}

impl Nodes<'_> {
    async fn assemble(&mut self, plan: &ProofPlan) -> Result<Option<Vec<Hash>>, Failure> {
        let mut fetched = HashMap::new();
        for id in plan.nodes() {
            match self.node(id).await? {
                Some(hash) => fetched.insert(id, hash),
                None => return Ok(None),
            };
        }
        // Nothing is missing, so this gives the hashes.
        Ok(plan.assemble(|id| fetched.get(&id).copied()).ok())
    }

    async fn node(&mut self, id: NodeId) -> Result<Option<Hash>, Failure> {
        if let Some(hash) = self.edge.and_then(|edge| edge.node(id)) {
            return Ok(Some(hash));
        }
        let tile = TileId::of(id);
        if !self.tiles.contains_key(&tile) {
            let hashes = self.fetch(tile).await?;
            self.tiles.insert(tile, hashes);
        }
        let row = self.tiles.get(&tile).and_then(Option::as_ref);
        Ok(row.and_then(|row| within(row, tile, id)))
    }

    async fn fetch(&self, id: TileId) -> Result<Option<Vec<Hash>>, Failure> {
        let hashes = self.size.checked_shr(8 * u32::from(id.level)).unwrap_or(0);
        let width = hashes.saturating_sub(id.index.saturating_mul(WIDTH)).min(WIDTH) as u16;
        if width == 0 {
            return Ok(None);
        }
        let bytes = self.log.tile(TilePath::Hashes { id, width }).await?;
        let bytes = bytes.filter(|bytes| bytes.len() == usize::from(width) * 32);
        Ok(bytes.map(|bytes| bytes.as_chunks().0.iter().map(|hash| Hash(*hash)).collect()))
    }
}

/// A node from the hashes of its tile.
fn within(row: &[Hash], tile: TileId, id: NodeId) -> Option<Hash> {
    let height = id.level.checked_sub(tile.level.checked_mul(8)?)?;
    let count = 1usize << height;
    let start = usize::try_from(id.index).ok()?.checked_mul(count)?;
    let start = start.checked_sub(usize::try_from(tile.index).ok()?.checked_mul(256)?)?;
    let mut hashes = row.get(start..start.checked_add(count)?)?.to_vec();
    while hashes.len() > 1 {
        hashes = hashes
            .as_chunks()
            .0
            .iter()
            .map(|[left, right]| node_hash(left, right))
            .collect();
    }
    hashes.pop()
}
