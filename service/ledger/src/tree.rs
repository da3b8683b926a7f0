//! The growing tree: which nodes it has, its right edge, and its root.
//!
//! Only complete subtrees are nodes, so a node never changes once it exists. [`Edge`] keeps exactly what appending
//! and proving need beside the immutable full tiles; [`Frontier`] keeps only what the root needs.

use crate::hash::{Hash, node_hash};
use crate::tile::{FullTile, Pyramid, TILE_HEIGHT, TILE_WIDTH, TileId, partial_width};

/// The largest tree there can be: up to here every proof fits 63 hashes, and the size a signed 64-bit column.
pub const MAX_TREE_SIZE: u64 = 1 << 62;

/// Tile levels that a tree of [`MAX_TREE_SIZE`] can have.
const TILE_LEVELS: u8 = 8;

/// Why bytes are not the edge of a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TreeError {
    /// Beyond [`MAX_TREE_SIZE`].
    #[error("a tree of {0} entries is too large")]
    TooLarge(u64),
    /// The size says exactly how many hashes the edge has.
    #[error("the edge of a tree of {size} entries is {expected} bytes, not {actual}")]
    Length {
        /// The tree's size.
        size: u64,
        /// Bytes its edge has.
        expected: usize,
        /// Bytes that were given.
        actual: usize,
    },
}

/// A complete subtree: the `index`-th of those with 2^`level` leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId {
    /// The logarithm of its number of leaves.
    pub level: u8,
    /// Its position among the subtrees of this level.
    pub index: u64,
}

/// The complete subtrees that together cover the leaves from `start` to `end`, left to right.
///
/// `start` must be a multiple of the largest power of two that fits the range, as in every RFC 6962 split.
pub(crate) fn cover(start: u64, end: u64) -> impl Iterator<Item = NodeId> {
    let mut next = start;
    std::iter::from_fn(move || {
        let level = (end - next).checked_ilog2()?;
        let node = NodeId {
            level: level as u8,
            index: next >> level,
        };
        next += 1 << level;
        Some(node)
    })
}

/// Joins neighbouring subtrees, given left to right with falling sizes, into one hash. Nothing joins to the root of
/// the empty tree.
pub(crate) fn fold(hashes: &[Hash]) -> Hash {
    match hashes.split_last() {
        Some((last, rest)) => rest.iter().rev().fold(*last, |right, left| node_hash(left, &right)),
        None => Hash::EMPTY_ROOT,
    }
}

/// The right edge of a tree in tile form: the hashes of the partial tile of every tile level, with the nodes between
/// them.
#[derive(Clone, PartialEq, Eq)]
pub struct Edge {
    size: u64,
    levels: Vec<Pyramid>,
}

impl Edge {
    /// The edge of the empty tree.
    pub fn empty() -> Self {
        Self {
            size: 0,
            levels: Vec::new(),
        }
    }

    /// Entries in the tree.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Adds a leaf. Tiles that it completes go to `full`, lowest level first.
    pub fn append(&mut self, leaf: Hash, full: &mut Vec<FullTile>) {
        let mut hash = leaf;
        for level in 0..TILE_LEVELS {
            if self.levels.len() == usize::from(level) {
                self.levels.push(Pyramid::empty());
            }
            let pyramid = &mut self.levels[usize::from(level)];
            pyramid.push(hash);
            if !pyramid.is_full() {
                break;
            }
            let index = self.size >> (u32::from(TILE_HEIGHT) * (u32::from(level) + 1));
            let complete = std::mem::replace(pyramid, Pyramid::empty());
            let tile = FullTile::from_pyramid(TileId { level, index }, complete);
            hash = tile.root();
            full.push(tile);
        }
        self.size += 1;
    }

    /// The root of the tree.
    pub fn root(&self) -> Hash {
        // Every node that covers the whole tree is on its edge, so nothing is left out here.
        let mut root = None;
        for level in (0..u64::BITS as u8).filter(|level| self.size >> level & 1 == 1) {
            let node = self.node(NodeId {
                level,
                index: (self.size >> level) - 1,
            });
            root = match (node, root) {
                (Some(left), Some(right)) => Some(node_hash(&left, &right)),
                (node, root) => node.or(root),
            };
        }
        root.unwrap_or(Hash::EMPTY_ROOT)
    }

    /// A node within the partial tiles. Every other node of the tree is in a full tile: [`TileId::of`] says which.
    pub fn node(&self, node: NodeId) -> Option<Hash> {
        let (tile_level, height) = (node.level / TILE_HEIGHT, node.level % TILE_HEIGHT);
        let pyramid = self.levels.get(usize::from(tile_level))?;
        let first = (self
            .size
            .checked_shr(u32::from(TILE_HEIGHT) * (u32::from(tile_level) + 1))
            .unwrap_or(0))
            << (TILE_HEIGHT - height);
        pyramid.get(height, node.index.checked_sub(first)?)
    }

    /// The partial tile of a level as it is served, up to a width: `None` when the tile has fewer hashes, or is not
    /// the one on the edge.
    pub fn partial_tile(&self, id: TileId, width: u16) -> Option<&[u8]> {
        let pyramid = self.levels.get(usize::from(id.level))?;
        let index = self
            .size
            .checked_shr(u32::from(TILE_HEIGHT) * (u32::from(id.level) + 1))
            .unwrap_or(0);
        let hashes = (id.index == index && width > 0).then(|| pyramid.row(0).get(..usize::from(width)))??;
        Some(hashes.as_flattened())
    }

    /// The hashes of the partial tiles, lowest level first. The size implies how many there are of each.
    pub fn encode(&self) -> Vec<u8> {
        let rows: Vec<&[u8]> = self
            .levels
            .iter()
            .map(|pyramid| pyramid.row(0).as_flattened())
            .collect();
        rows.concat()
    }

    /// Reads what [`Edge::encode`] writes for a tree of this size.
    pub fn decode(size: u64, bytes: &[u8]) -> Result<Self, TreeError> {
        if size > MAX_TREE_SIZE {
            return Err(TreeError::TooLarge(size));
        }
        let widths: [usize; TILE_LEVELS as usize] =
            std::array::from_fn(|level| usize::from(partial_width(level as u8, size)));
        let expected = widths.iter().sum::<usize>() * 32;
        if bytes.len() != expected {
            return Err(TreeError::Length {
                size,
                expected,
                actual: bytes.len(),
            });
        }
        let mut hashes = bytes.as_chunks::<32>().0.iter();
        let mut levels = Vec::new();
        for (level, width) in widths.into_iter().enumerate() {
            // As many levels as appending would have made: one more for every full tile below.
            if level > 0 && size >> (usize::from(TILE_HEIGHT) * level) == 0 || size == 0 {
                break;
            }
            let mut pyramid = Pyramid::empty();
            hashes.by_ref().take(width).for_each(|hash| pyramid.push(Hash(*hash)));
            levels.push(pyramid);
        }
        Ok(Self { size, levels })
    }
}

impl std::fmt::Debug for Edge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let widths: Vec<u16> = self.levels.iter().map(Pyramid::width).collect();
        f.debug_struct("Edge")
            .field("size", &self.size)
            .field("widths", &widths)
            .field("root", &self.root())
            .finish()
    }
}

/// The least that a root can be computed from: one hash for every complete subtree that the size is a sum of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    hashes: Vec<Hash>,
}

impl Frontier {
    /// The empty tree.
    pub fn empty() -> Self {
        Self {
            size: 0,
            hashes: Vec::new(),
        }
    }

    /// Adds a leaf.
    pub fn append(&mut self, leaf: Hash) {
        let mut hash = leaf;
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.hashes.pop() {
                hash = node_hash(&left, &hash);
            }
        }
        self.hashes.push(hash);
        self.size += 1;
    }

    /// Entries in the tree.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The root of the tree.
    pub fn root(&self) -> Hash {
        fold(&self.hashes)
    }
}

const _: () = assert!(TILE_WIDTH == 1 << TILE_HEIGHT);
