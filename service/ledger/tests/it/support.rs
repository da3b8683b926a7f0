//! What several tests use: hex, the shared vectors, a small signed log.

use std::path::{Path, PathBuf};

use ledger::{
    Checkpoint, Edge, Envelope, FullTile, Hash, NodeId, NoteSigner, PrivateKey, ProofPlan, PublicKey, Receipt,
    TlogProof, leaf_hash, sha256,
};

pub const ORIGIN: &str = "ledger.example/log1";
pub const SALT: [u8; 32] = [7; 32];

/// A folder beside the checkout that holds vectors of other projects. Where it is absent, says so.
pub fn shared(path: &str) -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/vectors")
        .join(path);
    if root.exists() {
        return Some(root);
    }
    eprintln!("skipped: ../shared/vectors/{path} is not beside this checkout");
    None
}

pub fn hex(text: &str) -> Vec<u8> {
    assert_eq!(text.len() % 2, 0);
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

/// The key whose seed counts up from a byte.
pub fn private_key(first: u8) -> PrivateKey {
    PrivateKey::from_seed(std::array::from_fn(|i| first + i as u8))
}

pub fn log_signer() -> NoteSigner {
    NoteSigner::new(ORIGIN, private_key(0)).unwrap()
}

/// A tree with all the tiles that a store would keep.
pub struct Tree {
    pub edge: Edge,
    pub tiles: Vec<FullTile>,
}

impl Tree {
    pub fn of(leaves: impl IntoIterator<Item = Hash>) -> Self {
        let (mut edge, mut tiles) = (Edge::empty(), Vec::new());
        leaves.into_iter().for_each(|leaf| edge.append(leaf, &mut tiles));
        Self { edge, tiles }
    }

    /// As a store answers: from the edge, else from the tile that the node belongs to.
    pub fn node(&self, node: NodeId) -> Option<Hash> {
        let id = ledger::TileId::of(node);
        self.edge
            .node(node)
            .or_else(|| self.tiles.iter().find(|tile| tile.id() == id)?.node(node))
    }

    pub fn assemble(&self, plan: ProofPlan) -> Vec<Hash> {
        plan.assemble(|node| self.node(node)).unwrap()
    }
}

/// An envelope in a log of five entries, its receipt, and the public key of its producer.
pub struct Example {
    pub envelope: String,
    pub receipt: Receipt,
    pub producer: PublicKey,
}

pub fn example() -> Example {
    let producer = private_key(64);
    let envelope = Envelope::sign(
        "application/vnd.cdevents+json",
        br#"{"context":{"id":"1"}}"#,
        &[&producer],
    );
    let json = envelope.to_json();
    let verified = envelope.verify(|_| vec![producer.public()]).unwrap();
    let entry = verified.entry(1_700_000_000_000, &SALT).encode();
    let tree = Tree::of((0..5).map(|i| if i == 2 { leaf_hash(&entry) } else { leaf_hash(&[i]) }));
    let checkpoint = Checkpoint {
        origin: ORIGIN.to_owned(),
        size: 5,
        root: tree.edge.root(),
    };
    let proof = TlogProof {
        extra: None,
        index: 2,
        hashes: tree.assemble(ProofPlan::inclusion(2, 5).unwrap()),
        checkpoint: checkpoint.sign(&log_signer()).unwrap(),
    };
    let receipt = Receipt {
        entry,
        salt: SALT,
        proof,
        envelope_sha256: sha256(json.as_bytes()),
    };
    Example {
        envelope: json,
        receipt,
        producer: producer.public(),
    }
}
