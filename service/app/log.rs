//! The log for those who verify it: checkpoint, tiles, entry bundles, proofs, envelopes.

use ledger::{Entry, Envelope, Hash, NodeId, ProofPlan, SignedNote, TilePath, TlogProof, sha256};

use super::erasure::tombstone;
use super::{App, Tombstone};
use crate::store::{EnvelopeRow, Nodes, ReadTx, StoreError};

/// Entries of one bundle, hashes of one tile.
const TILE_WIDTH: u64 = 256;

/// Why a part of the log cannot be given.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// There is no such entry (yet).
    #[error("there is no entry {index}")]
    NoEntry {
        /// The index asked for.
        index: u64,
    },
    /// There is no such tree (yet).
    #[error("the tree has {size} entries")]
    NoTree {
        /// The size it has.
        size: u64,
    },
    /// The path names nothing that is published.
    #[error("there is no such resource in the published log")]
    NoResource,
    /// Its content was destroyed.
    #[error("the content of entry {} was erased by entry {}", .0.index, .0.erased_by)]
    Erased(Box<Tombstone>),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What the log is and how large.
#[derive(Debug, Clone)]
pub struct LogSummary {
    /// Origin of its checkpoints.
    pub origin: String,
    /// Its key, as a vkey.
    pub log_key: String,
    /// Number of committed entries.
    pub tree_size: u64,
    /// Root of that tree.
    pub root: Hash,
    /// The signed checkpoint of that tree.
    pub checkpoint: String,
}

/// The bytes of a tile or entry bundle, and whether they can never change.
#[derive(Debug, Clone)]
pub struct TileBody {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Strong validator: SHA-256 of them, in hex.
    pub etag: String,
}

impl App {
    /// The committed head.
    pub fn log_summary(&self) -> Result<LogSummary, LogError> {
        self.database.read(summary)
    }

    /// A tile or entry bundle of the published log. What the published size does not imply does not exist.
    pub fn tile(&self, path: &TilePath) -> Result<TileBody, LogError> {
        let bytes = self.database.read(|tx| {
            let (size, _) = tx.published()?.ok_or(LogError::NoResource)?;
            tile_bytes(tx, path, size)
        })?;
        let etag = sha256(&bytes).to_string();
        Ok(TileBody { bytes, etag })
    }

    /// One entry.
    pub fn entry(&self, index: u64) -> Result<Entry, LogError> {
        let leaf = self.database.read(|tx| Ok::<_, LogError>(tx.leaves(index, 1)?.pop()))?;
        let leaf = leaf.ok_or(LogError::NoEntry { index })?;
        Entry::parse(&leaf).map_err(|error| StoreError::Damaged(format!("entry {index}: {error}")).into())
    }

    /// The inclusion proof of an entry with a signed checkpoint: the newest, or the one of exactly `size`.
    pub fn entry_proof(&self, index: u64, size: Option<u64>) -> Result<TlogProof, LogError> {
        self.database.read(|tx| {
            let head = tx.head()?.ok_or(LogError::NoEntry { index })?;
            let size = size.unwrap_or(head.tree_size);
            if index >= head.tree_size {
                return Err(LogError::NoEntry { index });
            }
            let note = tx.checkpoint(size)?.ok_or(LogError::NoTree { size: head.tree_size })?;
            if index >= size {
                return Err(LogError::NoEntry { index });
            }
            let checkpoint =
                SignedNote::parse(&note).map_err(|error| StoreError::Damaged(format!("checkpoint {size}: {error}")))?;
            Ok(TlogProof {
                extra: None,
                index,
                hashes: inclusion(tx, index, size)?,
                checkpoint,
            })
        })
    }

    /// The envelopes of entry bundle `bundle` below `size`, as lines of JSON in their canonical form, with their salts; and the size.
    pub fn envelope_lines(&self, bundle: u64, size: Option<u64>) -> Result<(String, u64), LogError> {
        self.database.read(|tx| {
            let head = tx.head()?.ok_or(LogError::NoResource)?;
            let size = size.unwrap_or(head.tree_size).min(head.tree_size);
            let start = bundle
                .checked_mul(TILE_WIDTH)
                .filter(|start| *start < size)
                .ok_or(LogError::NoResource)?;
            let count = (size - start).min(TILE_WIDTH);
            let leaves = tx.leaves(start, count)?;
            // A history that ends before the erasure cannot say why there is nothing here.
            let unsaid = tx
                .erasures(start, count)?
                .into_iter()
                .find(|row| row.erased_by as u64 >= size);
            if let Some(row) = unsaid {
                return Err(LogError::Erased(Box::new(tombstone(tx, row.idx as u64)?)));
            }
            let mut lines = String::new();
            for (row, leaf) in tx.envelopes(start, count)?.iter().zip(&leaves) {
                lines.push_str(&envelope_line(row, leaf)?);
                lines.push('\n');
            }
            Ok((lines, size))
        })
    }
}

/// The committed head, within a snapshot.
pub(super) fn summary(tx: &mut ReadTx<'_>) -> Result<LogSummary, LogError> {
    let log = tx.log()?.ok_or(LogError::NoResource)?;
    let head = tx.head()?.ok_or(LogError::NoResource)?;
    let checkpoint = tx.checkpoint(head.tree_size)?.unwrap_or_default();
    Ok(LogSummary {
        origin: log.origin,
        log_key: log.log_key,
        tree_size: head.tree_size,
        root: head.root,
        checkpoint,
    })
}

/// The newest published checkpoint, within a snapshot.
pub(super) fn published(tx: &mut ReadTx<'_>) -> Result<String, LogError> {
    let (size, _) = tx.published()?.ok_or(LogError::NoResource)?;
    tx.checkpoint(size)?.ok_or(LogError::NoResource)
}

/// The inclusion proof of an entry in the tree of `size`, from stored tiles and the edge.
pub(super) fn inclusion(tx: &mut ReadTx<'_>, index: u64, size: u64) -> Result<Vec<Hash>, LogError> {
    let plan = ProofPlan::inclusion(index, size).ok_or(LogError::NoEntry { index })?;
    assemble(tx, &plan)
}

/// The root of the tree of `size`, from stored tiles and the edge.
pub(super) fn root(tx: &mut ReadTx<'_>, size: u64) -> Result<Hash, LogError> {
    Ok(tx.root(size)?)
}

/// The hashes of a plan, from stored tiles and the edge.
pub(super) fn assemble(tx: &mut ReadTx<'_>, plan: &ProofPlan) -> Result<Vec<Hash>, LogError> {
    Ok(tx.assemble(plan)?)
}

fn tile_bytes(tx: &mut ReadTx<'_>, path: &TilePath, size: u64) -> Result<Vec<u8>, LogError> {
    if !path.exists_at(size) {
        return Err(LogError::NoResource);
    }
    match path {
        TilePath::Hashes { id, width } => {
            let mut nodes = Nodes::load(tx)?;
            let first = id.index * TILE_WIDTH;
            let mut bytes = Vec::with_capacity(usize::from(*width) * 32);
            for index in first..first + u64::from(*width) {
                bytes.extend_from_slice(
                    &nodes
                        .node(
                            tx,
                            NodeId {
                                level: id.level * 8,
                                index,
                            },
                        )?
                        .0,
                );
            }
            Ok(bytes)
        }
        TilePath::Entries { index, width } => {
            let leaves = tx.leaves(index * TILE_WIDTH, u64::from(*width))?;
            let mut bytes = Vec::new();
            for leaf in &leaves {
                ledger::entry_bundle::append(&mut bytes, leaf)
                    .map_err(|error| StoreError::Damaged(error.to_string()))?;
            }
            Ok(bytes)
        }
    }
}

pub(super) fn envelope_line(row: &EnvelopeRow, leaf: &[u8]) -> Result<String, LogError> {
    let damaged = |what: String| StoreError::Damaged(format!("entry {}: {what}", row.idx));
    let (Some(salt), Some(bytes)) = (&row.salt, &row.bytes) else {
        return Ok(format!("{{\"index\":{},\"erased\":true}}", row.idx));
    };
    let entry = Entry::parse(leaf).map_err(|error| damaged(error.to_string()))?;
    let envelope = Envelope::parse(bytes).map_err(|error| damaged(error.to_string()))?;
    let canonical =
        canonical(envelope, &entry).ok_or_else(|| damaged("its signatures are not those of the entry".into()))?;
    let salt = <base64ct::Base64 as base64ct::Encoding>::encode_string(salt);
    Ok(format!(
        "{{\"index\":{},\"salt\":\"{salt}\",\"envelope\":{}}}",
        row.idx,
        canonical.to_json()
    ))
}

/// The envelope with the signatures that the entry commits to, in its order, each under the id of its key.
pub(super) fn canonical(envelope: Envelope, entry: &Entry) -> Option<Envelope> {
    let mut signatures = Vec::with_capacity(entry.signers().len());
    for signer in entry.signers() {
        let signature = envelope
            .signatures
            .iter()
            .find(|signature| sha256(&signature.sig) == signer.signature)?;
        signatures.push(ledger::EnvelopeSignature {
            keyid: Some(signer.key.to_string()),
            sig: signature.sig.clone(),
        });
    }
    Some(Envelope { signatures, ..envelope })
}
