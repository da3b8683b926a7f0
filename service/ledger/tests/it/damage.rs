//! Damage to every byte of everything that is handed out: found, or provably not covered.

use ledger::{
    Checkpoint, Edge, Entry, Envelope, FullTile, NoteKey, NoteSigner, Receipt, SignedNote, TileId, TlogProof, leaf_hash,
};

use crate::naive;
use crate::support::{Tree, example, log_signer, private_key};

/// The bytes with each single bit flipped, each byte left out, each doubled, and every beginning of them; with the
/// position of the damage.
pub fn damaged(bytes: &[u8]) -> impl Iterator<Item = (usize, Vec<u8>)> {
    let flipped = (0..bytes.len() * 8).map(|bit| {
        let mut copy = bytes.to_vec();
        copy[bit / 8] ^= 1 << (bit % 8);
        (bit / 8, copy)
    });
    let left_out = (0..bytes.len()).map(|at| (at, [&bytes[..at], &bytes[at + 1..]].concat()));
    let doubled = (0..bytes.len()).map(|at| (at, [&bytes[..at], &bytes[at..=at], &bytes[at..]].concat()));
    let cut = (0..bytes.len()).map(|at| (at, bytes[..at].to_vec()));
    // Doubling a byte next to its like, or leaving one out, can give the same bytes by another way; never the original.
    flipped.chain(left_out).chain(doubled).chain(cut)
}

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

#[test]
fn of_a_signed_note() {
    let log = log_signer();
    let note = log.sign("first line\n\nsecond line\n").unwrap().to_string();
    for (at, bytes) in damaged(note.as_bytes()) {
        let verdict = text(&bytes)
            .and_then(|text| SignedNote::parse(text).ok())
            .map(|note| note.verify(log.key()));
        assert!(
            !matches!(verdict, Some(Ok(()))),
            "byte {at}: {:?}",
            String::from_utf8_lossy(&bytes)
        );
    }
}

/// The line of a key that the verifier does not know is not covered; everything else is.
#[test]
fn of_a_note_with_an_unknown_signature() {
    let log = log_signer();
    let witness = NoteSigner::new("witness.example", private_key(9)).unwrap();
    let note = log.sign("text\n").unwrap();
    let line = witness.sign("text\n").unwrap().signatures()[0].to_string();
    let both = format!("{note}{line}\n");
    let covered = note.to_string().len();
    let mut accepted = 0;
    for (at, bytes) in damaged(both.as_bytes()) {
        let Some(Ok(read)) = text(&bytes).map(SignedNote::parse) else {
            continue;
        };
        if read.verify(log.key()).is_ok() {
            assert!(at >= covered, "byte {at}");
            assert_eq!(
                (read.text(), &read.signatures()[0]),
                (note.text(), &note.signatures()[0])
            );
            accepted += 1;
        }
    }
    assert!(accepted > 0);
}

#[test]
fn of_a_verifier_key() {
    let vkey = log_signer().key().to_string();
    for (at, bytes) in damaged(vkey.as_bytes()) {
        assert!(
            text(&bytes).is_none_or(|text| NoteKey::parse(text).is_err()),
            "byte {at}"
        );
    }
}

#[test]
fn of_a_tlog_proof() {
    let (log, example) = (log_signer(), example());
    let leaf = leaf_hash(&example.receipt.entry);
    let proof = example.receipt.proof.to_string();
    for (at, bytes) in damaged(proof.as_bytes()) {
        let verdict = text(&bytes).and_then(|text| TlogProof::parse(text).ok()?.verify(log.key(), &leaf).ok());
        assert_eq!(verdict, None, "byte {at}");
    }
}

/// The format says of the extra line that nothing covers it: nothing else may change with it.
#[test]
fn of_the_extra_line_of_a_tlog_proof() {
    let (log, example) = (log_signer(), example());
    let leaf = leaf_hash(&example.receipt.entry);
    let proof = TlogProof {
        extra: Some(b"for the application".to_vec()),
        ..example.receipt.proof
    };
    let plain = proof.to_string();
    let extra = plain.find("extra ").unwrap()..plain.find("index ").unwrap();
    let mut accepted = 0;
    for (at, bytes) in damaged(plain.as_bytes()) {
        let Some(Ok(read)) = text(&bytes).map(TlogProof::parse) else {
            continue;
        };
        if read.verify(log.key(), &leaf).is_ok() {
            assert!(extra.contains(&at), "byte {at}");
            assert_eq!(
                TlogProof {
                    extra: proof.extra.clone(),
                    ..read
                },
                proof
            );
            accepted += 1;
        }
    }
    assert!(accepted > 0);
}

#[test]
fn of_a_receipt() {
    let (log, example) = (log_signer(), example());
    for (at, bytes) in damaged(example.receipt.to_json().as_bytes()) {
        let verdict = Receipt::parse(&bytes).and_then(|read| read.verify(log.key(), example.envelope.as_bytes()));
        assert!(verdict.is_err(), "byte {at}: {:?}", String::from_utf8_lossy(&bytes));
    }
}

#[test]
fn of_the_envelope_of_a_receipt() {
    let (log, example) = (log_signer(), example());
    for (at, bytes) in damaged(example.envelope.as_bytes()) {
        assert!(example.receipt.verify(log.key(), &bytes).is_err(), "byte {at}");
    }
}

/// Alone, without its receipt, an envelope may be spelled otherwise and its key ids are hints: what is accepted has
/// the same type, payload and signers.
#[test]
fn of_an_envelope() {
    let example = example();
    let verify = |bytes: &[u8]| Envelope::parse(bytes)?.verify(|_| vec![example.producer]);
    let original = verify(example.envelope.as_bytes()).unwrap();
    let mut accepted = 0;
    for (at, bytes) in damaged(example.envelope.as_bytes()) {
        if let Ok(verified) = verify(&bytes) {
            assert_eq!(verified, original, "byte {at}");
            accepted += 1;
        }
    }
    assert!(accepted > 0);
}

/// An entry with a changed byte may still have the form; it is another leaf.
#[test]
fn of_an_entry() {
    let (log, example) = (log_signer(), example());
    let original = &example.receipt.entry;
    for (at, bytes) in damaged(original) {
        assert_ne!(leaf_hash(&bytes), leaf_hash(original), "byte {at}");
        if let Ok(entry) = Entry::parse(&bytes) {
            assert_eq!(entry.encode(), bytes, "byte {at}");
        }
        let receipt = Receipt {
            entry: bytes,
            ..example.receipt.clone()
        };
        assert!(
            receipt.verify(log.key(), example.envelope.as_bytes()).is_err(),
            "byte {at}"
        );
    }
}

#[test]
fn of_a_checkpoint() {
    let log = log_signer();
    let checkpoint = Checkpoint {
        origin: log.key().name().to_owned(),
        size: 5,
        root: ledger::sha256(b""),
    };
    let note = checkpoint.sign(&log).unwrap().to_string();
    for (at, bytes) in damaged(note.as_bytes()) {
        let opened = text(&bytes).and_then(|text| Checkpoint::open(&SignedNote::parse(text).ok()?, log.key()).ok());
        assert_eq!(opened, None, "byte {at}");
    }
}

#[test]
fn of_the_edge_and_the_tiles() {
    let tree = Tree::of(naive::leaves(300));
    let encoded = tree.edge.encode();
    for (at, bytes) in damaged(&encoded) {
        let root = Edge::decode(300, &bytes).map(|edge| edge.root());
        assert_ne!(root, Ok(tree.edge.root()), "byte {at}");
    }
    let tile = &tree.tiles[0];
    for bit in (0..8192 * 8).step_by(97) {
        let mut bytes = tile.bytes().to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert_ne!(
            FullTile::from_bytes(TileId { level: 0, index: 0 }, &bytes)
                .unwrap()
                .root(),
            tile.root()
        );
    }
}
