//! The verifiable log of Shipslog: its formats, its proofs, and their verification.
//!
//! This is the crate an auditor depends on alone. It turns bytes into verdicts: an event was signed by these keys
//! ([`Envelope`]), the log promised to keep it ([`Receipt`]), it stands at this index of a tree with this root
//! ([`verify_inclusion`]), and the tree only ever grew ([`verify_consistency`]).
//!
//! It never does IO, never reads a clock, never allocates by a length it has not checked, and never panics on bytes
//! from outside. Every parser of a text format is byte-exact: what it accepts, it writes again identically.
//!
//! What it does not decide is whom to trust: keys of logs and producers always come from the caller.
//!
//! What an auditor does with a receipt, the envelope it is for, and keys that came by another way:
//!
//! ```
//! # fn audit(receipt: &[u8], envelope: &[u8], vkey: &str, producer: &str) -> Result<(), Box<dyn std::error::Error>> {
//! use ledger::{NoteKey, PublicKey, Receipt};
//!
//! let log = NoteKey::parse(vkey)?;
//! let producer = PublicKey::from_pem(producer)?;
//! let receipt = Receipt::parse(receipt)?.verify(&log, envelope)?;
//! let signed = receipt.authenticate(|_key_id| vec![producer])?;
//! println!("{} of {}: {:?}", receipt.index, receipt.checkpoint.size, signed.payload());
//! # Ok(())
//! # }
//! ```
//!
//! | module | format |
//! |---|---|
//! | [`hash`], [`tree`], [`proof`] | Merkle trees of RFC 6962 §2.1, proofs of RFC 9162 §2.1.3 and §2.1.4 |
//! | [`tile`], [`entry_bundle`] | C2SP tlog-tiles v0.1.0 |
//! | [`key`] | Ed25519 (RFC 8032, verified strictly) in SPKI and PKCS#8 (RFC 8410) |
//! | [`note`], [`checkpoint`], [`tlog_proof`] | C2SP signed-note v1.0.0, tlog-checkpoint v1.0.0, tlog-proof@v1 |
//! | [`cosignature`], [`witness`], [`policy`] | C2SP tlog-cosignature v1.0.1 (Ed25519), tlog-witness v1.0.0, tlog-policy |
//! | [`envelope`] | DSSE v1.0.2 |
//! | [`entry`], [`receipt`] | Shipslog's own: what a leaf commits to, and what a producer keeps |
//! | [`json`] | JSON (RFC 8259) without duplicate members |

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod base64;
pub mod checkpoint;
pub mod cosignature;
pub mod entry;
pub mod entry_bundle;
pub mod envelope;
pub mod hash;
pub mod json;
pub mod key;
pub mod note;
pub mod policy;
pub mod proof;
pub mod receipt;
pub mod tile;
pub mod tlog_proof;
pub mod tree;
mod vkey;
pub mod witness;

pub use checkpoint::{Checkpoint, CheckpointError};
pub use cosignature::{CosignatureError, Cosigner, CosignerKey};
pub use entry::{Entry, EntryError, Signer, commitment};
pub use envelope::{Envelope, EnvelopeError, EnvelopeSignature, MAX_KEY_TRIES, Verified};
pub use hash::{Hash, leaf_hash, node_hash, sha256};
pub use json::JsonError;
pub use key::{KeyError, KeyId, PrivateKey, PublicKey};
pub use note::{NoteError, NoteKey, NoteSignature, NoteSigner, SignedNote};
pub use policy::{Cosigned, Policy, PolicyError, PolicyLog, PolicyVerdict, PolicyWitness, Quorum};
pub use proof::{MAX_PROOF_HASHES, ProofError, ProofPlan, prefix_root, verify_consistency, verify_inclusion};
pub use receipt::{Receipt, ReceiptError, VerifiedReceipt};
pub use tile::{FullTile, TileError, TileId, TilePath, partial_width};
pub use tlog_proof::{TlogProof, TlogProofError};
pub use tree::{Edge, Frontier, MAX_TREE_SIZE, NodeId, TreeError};
pub use witness::{AddCheckpoint, AddCheckpointError, WitnessRefusal};
