//! A log as C2SP tlog-tiles: read over HTTP, and its tree made again from its entries.
//!
//! No tile is believed: each is what the entries give, or it is wrong.

use futures_util::{Stream, StreamExt, stream};
use ledger::{Edge, Entry, FullTile, Hash, NodeId, TileId, TilePath, entry_bundle, leaf_hash, partial_width};

use super::Failure;
use super::bundle::Part;
use super::client::Client;

/// No resource of a log is longer: 256 entries of at most 65,535 bytes, each with its length.
const MAX_BYTES: usize = 256 * (2 + 65_535);
/// Entry bundles that are asked for at once.
const AT_ONCE: usize = 8;
/// Width of a full tile or bundle.
const FULL: u16 = 256;
/// Tile levels that any tree can have.
const LEVELS: u8 = 8;

/// A log that is served somewhere.
#[derive(Clone)]
pub struct ServedLog {
    /// Who asks.
    pub client: Client,
    /// What stands before `/checkpoint` and `/tile`.
    pub prefix: &'static str,
}

/// The tree of the entries seen so far.
pub struct Rebuilt {
    edge: Edge,
    time: u64,
}

impl ServedLog {
    /// The address that is asked, for one that people give: with or without the `/log` of a service.
    pub fn address(url: &str) -> &str {
        let url = url.trim_end_matches('/');
        url.strip_suffix("/log").unwrap_or(url)
    }

    /// The log at an address, with its checkpoint, not verified: under `/log` as a service has it, or right there.
    pub async fn find(client: &Client) -> Result<Option<(Self, Vec<u8>)>, Failure> {
        let at = |prefix| Self {
            client: client.clone(),
            prefix,
        };
        // Some file servers refuse what they do not have.
        let (served, plain) = (at("/log"), at(""));
        let refused = match served.checkpoint().await {
            Ok(Some(bytes)) => return Ok(Some((served, bytes))),
            Ok(None) => None,
            Err(failure) => Some(failure),
        };
        match (plain.checkpoint().await, refused) {
            (Ok(Some(bytes)), _) => Ok(Some((plain, bytes))),
            (Ok(None), None) => Ok(None),
            (Err(failure), None) | (_, Some(failure)) => Err(failure),
        }
    }

    /// The checkpoint, not verified.
    pub async fn checkpoint(&self) -> Result<Option<Vec<u8>>, Failure> {
        let path = format!("{}/checkpoint", self.prefix);
        self.client.find_bytes(&path, MAX_BYTES).await
    }

    /// A tile or entry bundle; none where there is no such resource. What is full by now may be gone in its narrow
    /// forms (C2SP tlog-tiles): then they are cut from it.
    pub async fn tile(&self, path: TilePath) -> Result<Option<Vec<u8>>, Failure> {
        if let Some(bytes) = self.resource(path).await? {
            return Ok(Some(bytes));
        }
        let (full, width) = match path {
            TilePath::Hashes { id, width } => (TilePath::Hashes { id, width: FULL }, width),
            TilePath::Entries { index, width } => (TilePath::Entries { index, width: FULL }, width),
        };
        if width == FULL {
            return Ok(None);
        }
        let mut bytes = self.resource(full).await?;
        if let Some(bytes) = &mut bytes {
            bytes.truncate(length(path, bytes));
        }
        Ok(bytes)
    }

    /// The entry bundles of parts, in their order, some of them under way at once. Each goes on by itself whatever
    /// the caller does between two of them: a connection that is open and says nothing can hold up a small server.
    pub fn bundles(
        &self,
        parts: impl Iterator<Item = Part>,
    ) -> impl Stream<Item = (Part, Result<Option<Vec<u8>>, Failure>)> {
        stream::iter(parts)
            .map(|part| {
                let log = self.clone();
                let task = tokio::spawn(async move { log.tile(part.path()).await });
                async move {
                    let ended = task.await;
                    let broken = |error| Err(Failure::refused(format!("tile/{}: {error}", part.path())));
                    (part, ended.unwrap_or_else(broken))
                }
            })
            .buffered(AT_ONCE)
    }

    async fn resource(&self, path: TilePath) -> Result<Option<Vec<u8>>, Failure> {
        let path = format!("{}/tile/{path}", self.prefix);
        self.client.find_bytes(&path, MAX_BYTES).await
    }
}

impl Part {
    /// The path of its entry bundle.
    pub fn path(self) -> TilePath {
        TilePath::Entries {
            index: self.number,
            width: self.width,
        }
    }
}

impl Default for Rebuilt {
    fn default() -> Self {
        Self {
            edge: Edge::empty(),
            time: 0,
        }
    }
}

impl Rebuilt {
    /// A tree that was made before, by its right edge, and the time of its last entry.
    pub fn resume(edge: Edge, time: u64) -> Self {
        Self { edge, time }
    }

    /// What [`Rebuilt::resume`] takes.
    pub fn into_parts(self) -> (Edge, u64) {
        (self.edge, self.time)
    }

    /// How many entries it has.
    pub fn size(&self) -> u64 {
        self.edge.size()
    }

    /// Adds an entry bundle; entries of it that are in the tree already must be what they were. Gives the tiles that are full by now. `each` is told the size after each entry, and may ask
    /// for the root.
    pub fn add(
        &mut self,
        part: Part,
        bytes: &[u8],
        mut each: impl FnMut(u64, &dyn Fn() -> Hash) -> Result<(), String>,
    ) -> Result<Vec<FullTile>, String> {
        let entries =
            entry_bundle::parse(bytes, part.width).map_err(|error| format!("entry bundle {}: {error}", part.path()))?;
        let mut full = Vec::new();
        for (leaf, index) in entries.into_iter().zip(part.first..) {
            if index < self.edge.size() {
                let known = self.edge.node(NodeId { level: 0, index });
                if known.is_some_and(|known| known == leaf_hash(leaf)) {
                    continue;
                }
                return Err(format!("entry {index} is not what it was"));
            }
            let entry = Entry::parse(leaf).map_err(|error| format!("entry {index}: {error}"))?;
            if entry.time() < self.time {
                return Err(format!("entry {index} is earlier than the one before it"));
            }
            self.time = entry.time();
            self.edge.append(leaf_hash(leaf), &mut full);
            each(index + 1, &|| self.edge.root())?;
        }
        Ok(full)
    }

    /// Their root.
    pub fn root(&self) -> Hash {
        self.edge.root()
    }

    /// The partial tiles of the tree as it is, with their paths.
    pub fn partial_tiles(&self) -> impl Iterator<Item = (TilePath, &[u8])> {
        let size = self.edge.size();
        (0..LEVELS).filter_map(move |level| {
            let width = partial_width(level, size);
            let index = size.checked_shr(8 * (u32::from(level) + 1)).unwrap_or(0);
            let id = TileId { level, index };
            Some((TilePath::Hashes { id, width }, self.edge.partial_tile(id, width)?))
        })
    }
}

/// How many of the first bytes of a full tile or bundle are those of a narrower one.
fn length(path: TilePath, bytes: &[u8]) -> usize {
    match path {
        TilePath::Hashes { width, .. } => 32 * usize::from(width),
        TilePath::Entries { width, .. } => (0..width).fold(0, |end, _| {
            let next = bytes.get(end..).and_then(<[u8]>::first_chunk);
            next.map_or(usize::MAX, |length| end + 2 + usize::from(u16::from_be_bytes(*length)))
        }),
    }
}

/// The path of a full tile.
pub fn full_path(tile: &FullTile) -> TilePath {
    TilePath::Hashes {
        id: tile.id(),
        width: FULL,
    }
}
