//! Inclusion and consistency proofs: planned, assembled from nodes, and verified.
//!
//! A [`ProofPlan`] says which complete subtrees a proof needs, so that a store can fetch them in one go; assembling
//! is then pure. The verifiers are RFC 9162 §2.1.3.2 and §2.1.4.2, to the letter; they trust nothing but the roots.

use crate::hash::{Hash, node_hash};
use crate::tree::{MAX_TREE_SIZE, NodeId, cover, fold};

/// The longest proof there can be, here and everywhere in C2SP.
pub const MAX_PROOF_HASHES: usize = 63;

/// Why a proof cannot be made or does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The index is not below the tree size.
    #[error("index {index} is not in a tree of {size} entries")]
    Index {
        /// The index asked for.
        index: u64,
        /// The size of the tree.
        size: u64,
    },
    /// A consistency proof runs from a smaller tree, not empty, to one at least as large.
    #[error("there is no consistency proof from size {old} to size {new}")]
    Sizes {
        /// The size of the older tree.
        old: u64,
        /// The size of the newer tree.
        new: u64,
    },
    /// Not as many hashes as the sizes ask for.
    #[error("a proof of {0} hashes is too long or too short for these sizes")]
    Length(usize),
    /// The proof leads to another root.
    #[error("the proof leads to another root")]
    Root,
    /// A node that the plan needs was not supplied.
    #[error("node {} of level {} is missing", .0.index, .0.level)]
    Missing(NodeId),
}

/// The nodes a proof is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProofPlan {
    nodes: Vec<NodeId>,
    /// How many neighbouring nodes join to each hash of the proof: one, except at the ragged right end of the tree.
    joins: Vec<u8>,
}

impl ProofPlan {
    /// The inclusion proof of an entry, RFC 9162 §2.1.3.1. `None` unless `index < size <= MAX_TREE_SIZE`.
    pub fn inclusion(index: u64, size: u64) -> Option<Self> {
        if index >= size || size > MAX_TREE_SIZE {
            return None;
        }
        let mut siblings = Vec::with_capacity(MAX_PROOF_HASHES);
        let (mut start, mut end) = (0, size);
        while end - start > 1 {
            let middle = split(start, end);
            if index < middle {
                siblings.push((middle, end));
                end = middle;
            } else {
                siblings.push((start, middle));
                start = middle;
            }
        }
        Some(Self::from_top(&siblings))
    }

    /// The consistency proof between two sizes, RFC 9162 §2.1.4.1. `None` unless `0 < old <= new <= MAX_TREE_SIZE`.
    pub fn consistency(old: u64, new: u64) -> Option<Self> {
        if old == 0 || old > new || new > MAX_TREE_SIZE {
            return None;
        }
        let mut ranges = Vec::with_capacity(MAX_PROOF_HASHES);
        let (mut start, mut end) = (0, new);
        while old != end {
            let middle = split(start, end);
            if old <= middle {
                ranges.push((middle, end));
                end = middle;
            } else {
                ranges.push((start, middle));
                start = middle;
            }
        }
        // The old tree's last subtree. Left out when it is the whole old tree, whose root the verifier has.
        if start > 0 && old != new {
            ranges.push((start, end));
        }
        Some(Self::from_top(&ranges))
    }

    /// The nodes whose join is the root. `None` above `MAX_TREE_SIZE`.
    pub fn root(size: u64) -> Option<Self> {
        (size <= MAX_TREE_SIZE).then(|| Self::from_top(&[(0, size)]))
    }

    /// Every node to fetch, each once.
    pub fn nodes(&self) -> impl Iterator<Item = NodeId> {
        self.nodes.iter().copied()
    }

    /// Makes the proof (or the root, as its only hash) from the nodes.
    pub fn assemble(&self, mut fetch: impl FnMut(NodeId) -> Option<Hash>) -> Result<Vec<Hash>, ProofError> {
        let mut proof = Vec::with_capacity(self.joins.len());
        let mut nodes = self.nodes.iter();
        let mut hashes = Vec::new();
        for count in &self.joins {
            hashes.clear();
            for node in nodes.by_ref().take(usize::from(*count)) {
                hashes.push(fetch(*node).ok_or(ProofError::Missing(*node))?);
            }
            proof.push(fold(&hashes));
        }
        Ok(proof)
    }

    /// Proofs are written from the leaf upwards, and found from the root downwards.
    fn from_top(ranges: &[(u64, u64)]) -> Self {
        let mut plan = Self {
            nodes: Vec::with_capacity(ranges.len() + 8),
            joins: Vec::with_capacity(ranges.len()),
        };
        for (start, end) in ranges.iter().rev() {
            let before = plan.nodes.len();
            plan.nodes.extend(cover(*start, *end));
            plan.joins.push((plan.nodes.len() - before) as u8);
        }
        plan
    }
}

/// Where RFC 6962 splits a range of at least two leaves: after the largest power of two smaller than its length.
fn split(start: u64, end: u64) -> u64 {
    start + (1 << (end - start - 1).ilog2())
}

/// Checks that the tree of `size` entries with this root has this leaf at this index.
pub fn verify_inclusion(leaf: &Hash, index: u64, size: u64, proof: &[Hash], root: &Hash) -> Result<(), ProofError> {
    if index >= size {
        return Err(ProofError::Index { index, size });
    }
    let mut walk = Walk::new(index, size - 1, proof.len())?;
    let mut hash = *leaf;
    for step in proof {
        match walk.up()? {
            Side::Left => hash = node_hash(step, &hash),
            Side::Right => hash = node_hash(&hash, step),
        }
    }
    walk.end()?;
    if hash == *root { Ok(()) } else { Err(ProofError::Root) }
}

/// Checks that the newer tree begins with all of the older one. From an empty tree nothing is proved, so `old = 0`
/// is an error; callers that begin with nothing have nothing to check.
pub fn verify_consistency(
    old: u64,
    new: u64,
    old_root: &Hash,
    new_root: &Hash,
    proof: &[Hash],
) -> Result<(), ProofError> {
    if old == 0 || old > new {
        return Err(ProofError::Sizes { old, new });
    }
    if old == new {
        return match (proof.is_empty(), old_root == new_root) {
            (true, true) => Ok(()),
            (true, false) => Err(ProofError::Root),
            (false, _) => Err(ProofError::Length(proof.len())),
        };
    }
    // Where the old tree is a complete subtree, its root is the first hash and is left out of the proof.
    let (first, rest) = match (old.is_power_of_two(), proof.split_first()) {
        (true, Some(_)) => (old_root, proof),
        (false, Some((first, rest))) => (first, rest),
        (_, None) => return Err(ProofError::Length(0)),
    };
    if consistency_roots(old, new, first, rest, proof.len())? == (*old_root, *new_root) {
        Ok(())
    } else {
        Err(ProofError::Root)
    }
}

/// The root that the newer tree had when it had `old` entries, as a consistency proof says that leads to its root. What
/// convicts a log that signed another. A proof from a complete subtree presupposes that root and cannot tell.
pub fn prefix_root(old: u64, new: u64, new_root: &Hash, proof: &[Hash]) -> Option<Hash> {
    if old == 0 || old >= new || old.is_power_of_two() {
        return None;
    }
    let (first, rest) = proof.split_first()?;
    let (old_hash, new_hash) = consistency_roots(old, new, first, rest, proof.len()).ok()?;
    (new_hash == *new_root).then_some(old_hash)
}

/// Both roots that a consistency proof leads to, from the subtree that both trees share.
fn consistency_roots(
    old: u64,
    new: u64,
    first: &Hash,
    rest: &[Hash],
    length: usize,
) -> Result<(Hash, Hash), ProofError> {
    let skipped = (old - 1).trailing_ones();
    let mut walk = Walk::new((old - 1) >> skipped, (new - 1) >> skipped, length)?;
    let (mut old_hash, mut new_hash) = (*first, *first);
    for step in rest {
        match walk.up()? {
            Side::Left => {
                old_hash = node_hash(step, &old_hash);
                new_hash = node_hash(step, &new_hash);
            }
            Side::Right => new_hash = node_hash(&new_hash, step),
        }
    }
    walk.end()?;
    Ok((old_hash, new_hash))
}

/// On which side of the path a hash of the proof stands.
enum Side {
    Left,
    Right,
}

/// The way from a node (`position`) to the root beside the right edge (`last`), `fn` and `sn` of RFC 9162.
struct Walk {
    position: u64,
    last: u64,
    length: usize,
}

impl Walk {
    fn new(position: u64, last: u64, length: usize) -> Result<Self, ProofError> {
        if length > MAX_PROOF_HASHES {
            Err(ProofError::Length(length))
        } else {
            Ok(Self { position, last, length })
        }
    }

    fn up(&mut self) -> Result<Side, ProofError> {
        if self.last == 0 {
            return Err(ProofError::Length(self.length));
        }
        let side = if self.position % 2 == 1 || self.position == self.last {
            // At the right edge, levels without a sibling are passed over. (The position is odd, or it is `last`,
            // which is not 0.)
            let skipped = self.position.trailing_zeros();
            self.position >>= skipped;
            self.last >>= skipped;
            Side::Left
        } else {
            Side::Right
        };
        self.position >>= 1;
        self.last >>= 1;
        Ok(side)
    }

    fn end(&self) -> Result<(), ProofError> {
        if self.last == 0 {
            Ok(())
        } else {
            Err(ProofError::Length(self.length))
        }
    }
}
