//! Tiles of 256 hashes and their paths (C2SP tlog-tiles v0.1.0).
//!
//! Tile `n` of level `l` holds the roots of 256 neighbouring complete subtrees of 256^l leaves each. A path is
//! accepted only in the one spelling the specification gives it; a tile of width 0 does not exist.

use std::fmt;
use std::str::FromStr;

use crate::hash::{Hash, node_hash};
use crate::tree::NodeId;

/// Hashes in a full tile.
pub const TILE_WIDTH: u16 = 256;
/// Bytes in a full tile.
pub const TILE_BYTES: usize = 8192;
/// Tree levels that one tile spans.
pub const TILE_HEIGHT: u8 = 8;

/// Why bytes or a path are not a tile's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TileError {
    /// A full tile is exactly 8192 bytes.
    #[error("a full tile is {TILE_BYTES} bytes, not {0}")]
    Length(usize),
    /// Not the canonical spelling of a path.
    #[error("not a tile path: expected LEVEL/N[.p/WIDTH] or entries/N[.p/WIDTH]")]
    Path,
}

/// Names a tile, whatever its width.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TileId {
    /// Tile level: 0 holds leaf hashes, 1 the roots of full level-0 tiles, and so on.
    pub level: u8,
    /// Position among the tiles of this level.
    pub index: u64,
}

impl TileId {
    /// The tile a node is computed from. The root of a full tile belongs to the tile above it, which holds it.
    pub fn of(node: NodeId) -> Self {
        let height = node.level % TILE_HEIGHT;
        Self {
            level: node.level / TILE_HEIGHT,
            index: node.index >> (TILE_HEIGHT - height),
        }
    }
}

/// How many hashes the last, partial tile of a level holds in a tree of this size; 0 when there is none.
pub fn partial_width(level: u8, size: u64) -> u16 {
    let shift = u32::from(level) * u32::from(TILE_HEIGHT);
    (size.checked_shr(shift).unwrap_or(0) % u64::from(TILE_WIDTH)) as u16
}

/// A complete tile: 256 hashes and every node between them and their common root.
#[derive(Clone, PartialEq, Eq)]
pub struct FullTile {
    id: TileId,
    pyramid: Pyramid,
}

impl FullTile {
    /// Reads the 8192 bytes of a tile and computes its inner nodes.
    pub fn from_bytes(id: TileId, bytes: &[u8]) -> Result<Self, TileError> {
        if bytes.len() != TILE_BYTES {
            return Err(TileError::Length(bytes.len()));
        }
        let mut pyramid = Pyramid::empty();
        for hash in bytes.as_chunks::<32>().0 {
            pyramid.push(Hash(*hash));
        }
        Ok(Self { id, pyramid })
    }

    /// Which tile this is.
    pub fn id(&self) -> TileId {
        self.id
    }

    /// The 8192 bytes as they are served and stored. The first `32 * w` of them are the partial tile of width `w`.
    pub fn bytes(&self) -> &[u8] {
        self.pyramid.row(0).as_flattened()
    }

    /// A node within this tile, from its 256 hashes up to and including its root.
    pub fn node(&self, node: NodeId) -> Option<Hash> {
        let height = node.level.checked_sub(self.id.level.checked_mul(TILE_HEIGHT)?)?;
        if height > TILE_HEIGHT || node.index >> (TILE_HEIGHT - height) != self.id.index {
            return None;
        }
        let within = node.index - (self.id.index << (TILE_HEIGHT - height));
        self.pyramid.get(height, within)
    }

    /// The root of the tile: a hash of the tile above it.
    pub fn root(&self) -> Hash {
        Hash(self.pyramid.nodes[ROOT])
    }

    pub(crate) fn from_pyramid(id: TileId, pyramid: Pyramid) -> Self {
        debug_assert!(pyramid.is_full());
        Self { id, pyramid }
    }
}

impl fmt::Debug for FullTile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FullTile")
            .field("id", &self.id)
            .field("root", &self.root())
            .finish()
    }
}

/// Where the single node of the top row stands.
const ROOT: usize = 510;

/// The hashes of a tile that fills up from the left, with each inner node computed as soon as it is complete.
/// Row `h` starts at `512 - (512 >> h)`: 256 hashes, then 128, 64, …, 1.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Pyramid {
    width: u16,
    nodes: Vec<[u8; 32]>,
}

impl Pyramid {
    pub(crate) fn empty() -> Self {
        Self {
            width: 0,
            nodes: Vec::new(),
        }
    }

    pub(crate) fn width(&self) -> u16 {
        self.width
    }

    pub(crate) fn is_full(&self) -> bool {
        self.width == TILE_WIDTH
    }

    /// Adds the next hash and every node it completes. The tile must not be full.
    pub(crate) fn push(&mut self, hash: Hash) {
        debug_assert!(!self.is_full());
        if self.nodes.is_empty() {
            self.nodes.resize(ROOT + 1, [0; 32]);
        }
        let (mut height, mut index, mut hash) = (0, usize::from(self.width), hash);
        loop {
            self.nodes[row_start(height) + index] = hash.0;
            if index % 2 == 0 || height == TILE_HEIGHT {
                break;
            }
            hash = node_hash(&Hash(self.nodes[row_start(height) + index - 1]), &hash);
            height += 1;
            index /= 2;
        }
        self.width += 1;
    }

    /// The complete nodes of a row.
    pub(crate) fn row(&self, height: u8) -> &[[u8; 32]] {
        if self.nodes.is_empty() {
            return &[];
        }
        let start = row_start(height);
        &self.nodes[start..start + usize::from(self.width >> height)]
    }

    pub(crate) fn get(&self, height: u8, index: u64) -> Option<Hash> {
        self.row(height)
            .get(usize::try_from(index).ok()?)
            .map(|hash| Hash(*hash))
    }
}

fn row_start(height: u8) -> usize {
    512 - (512 >> height)
}

/// The path of a tile or entry bundle below `tile/`. Width 256 is the full resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TilePath {
    /// Hashes of the tree.
    Hashes {
        /// Which tile.
        id: TileId,
        /// 1 to 256 hashes.
        width: u16,
    },
    /// Entries, 256 to a full bundle.
    Entries {
        /// Which bundle.
        index: u64,
        /// 1 to 256 entries.
        width: u16,
    },
}

impl TilePath {
    /// Reads `0/x001/234.p/7` or `entries/000`, in the canonical spelling only.
    pub fn parse(text: &str) -> Result<Self, TileError> {
        let path = Self::read(text).ok_or(TileError::Path)?;
        // One check for every other spelling: leading zeros, signs, groups that are not needed.
        if path.to_string() == text {
            Ok(path)
        } else {
            Err(TileError::Path)
        }
    }

    /// Whether a tree of this size has the resource: a tile has at least this width.
    pub fn exists_at(&self, size: u64) -> bool {
        let (shift, index, width) = match *self {
            Self::Hashes { id, width } => (u32::from(id.level) * u32::from(TILE_HEIGHT), id.index, width),
            Self::Entries { index, width } => (0, index, width),
        };
        let hashes = size.checked_shr(shift).unwrap_or(0);
        index
            .checked_mul(u64::from(TILE_WIDTH))
            .and_then(|first| first.checked_add(u64::from(width)))
            .is_some_and(|end| end <= hashes)
    }

    fn read(text: &str) -> Option<Self> {
        let (kind, rest) = text.split_once('/')?;
        let (number, width) = match rest.split_once(".p/") {
            Some((number, width)) => (number, width.parse().ok().filter(|w| (1..TILE_WIDTH).contains(w))?),
            None => (rest, TILE_WIDTH),
        };
        let mut index = 0u64;
        for group in number.split('/') {
            let digits = group.strip_prefix('x').unwrap_or(group);
            let group: u64 = (digits.len() == 3).then(|| digits.parse().ok())??;
            index = index.checked_mul(1000)?.checked_add(group)?;
        }
        if kind == "entries" {
            return Some(Self::Entries { index, width });
        }
        let level = kind.parse().ok().filter(|level| *level < 64)?;
        Some(Self::Hashes {
            id: TileId { level, index },
            width,
        })
    }
}

impl FromStr for TilePath {
    type Err = TileError;
    fn from_str(text: &str) -> Result<Self, TileError> {
        Self::parse(text)
    }
}

impl fmt::Display for TilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (index, width) = match *self {
            Self::Hashes { id, width } => {
                write!(f, "{}/", id.level)?;
                (id.index, width)
            }
            Self::Entries { index, width } => {
                f.write_str("entries/")?;
                (index, width)
            }
        };
        write_number(f, index)?;
        if width == TILE_WIDTH {
            Ok(())
        } else {
            write!(f, ".p/{width}")
        }
    }
}

/// Groups of three digits, every group but the last marked with `x`.
fn write_number(f: &mut fmt::Formatter<'_>, number: u64) -> fmt::Result {
    let mut divisor = 1u64;
    while number / divisor >= 1000 {
        divisor *= 1000;
    }
    while divisor > 1 {
        write!(f, "x{:03}/", number / divisor % 1000)?;
        divisor /= 1000;
    }
    write!(f, "{:03}", number % 1000)
}
