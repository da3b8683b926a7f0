//! Nodes of the tree, from stored tiles and the edge of the head.

use std::collections::HashMap;

use ledger::{Edge, FullTile, Hash, NodeId, ProofPlan, TileId};

use super::{ReadTx, StoreError};

/// Complete subtrees of the committed tree.
pub struct Nodes {
    edge: Edge,
    tile: Option<FullTile>,
}

impl Nodes {
    /// Those of the tree as this transaction sees it.
    pub fn load(tx: &mut ReadTx<'_>) -> Result<Self, StoreError> {
        let head = tx
            .head()?
            .ok_or_else(|| StoreError::Damaged("there is no head".into()))?;
        let edge = Edge::decode(head.tree_size, &head.edge).map_err(|error| StoreError::Damaged(error.to_string()))?;
        Ok(Self { edge, tile: None })
    }

    /// The hash of a complete subtree.
    pub fn node(&mut self, tx: &mut ReadTx<'_>, id: NodeId) -> Result<Hash, StoreError> {
        if let Some(hash) = self.edge.node(id) {
            return Ok(hash);
        }
        let tile_id = TileId::of(id);
        if self.tile.as_ref().is_none_or(|tile| tile.id() != tile_id) {
            self.tile = tx.tile(tile_id)?;
        }
        self.tile
            .as_ref()
            .and_then(|tile| tile.node(id))
            .ok_or_else(|| StoreError::Damaged(format!("tile {}/{} is missing", tile_id.level, tile_id.index)))
    }
}

impl ReadTx<'_> {
    /// The hashes of a proof.
    pub fn assemble(&mut self, plan: &ProofPlan) -> Result<Vec<Hash>, StoreError> {
        let mut nodes = Nodes::load(self)?;
        let mut fetched = HashMap::new();
        for id in plan.nodes() {
            fetched.insert(id, nodes.node(self, id)?);
        }
        plan.assemble(|id| fetched.get(&id).copied())
            .map_err(|error| StoreError::Damaged(error.to_string()))
    }

    /// The root of the tree of `size`, which must not be larger than the committed one.
    pub fn root(&mut self, size: u64) -> Result<Hash, StoreError> {
        if size == 0 {
            return Ok(Hash::EMPTY_ROOT);
        }
        let plan = ProofPlan::root(size).ok_or_else(|| StoreError::Damaged(format!("no tree has {size} entries")))?;
        let hashes = self.assemble(&plan)?;
        let root = hashes.into_iter().next();
        root.ok_or_else(|| StoreError::Damaged(format!("the tree of {size} entries has no root")))
    }
}
