//! Cosignatures and the requests for them: the shared vectors, round trips, damage, and the order of a witness's checks.

use std::fs;

use ledger::cosignature::MAX_COSIGNATURE_TIME;
use ledger::note::NoteSignature;
use ledger::witness::{MAX_ADD_CHECKPOINT_BYTES, parse_tree_size, tree_size_body};
use ledger::{
    AddCheckpoint, AddCheckpointError, Checkpoint, CosignatureError, Cosigner, CosignerKey, Hash, NoteError, NoteKey,
    NoteSigner, ProofError, ProofPlan, SignedNote, WitnessRefusal, leaf_hash, prefix_root, sha256,
};
use proptest::prelude::*;

use crate::damage::damaged;
use crate::support::{ORIGIN, Tree, log_signer, private_key, shared};

const TIME: u64 = 1_700_000_000;

pub fn witness() -> Cosigner {
    Cosigner::new("witness.example/w1", private_key(0x20)).unwrap()
}

fn tree(size: u64) -> Tree {
    Tree::of((0..size).map(|i| leaf_hash(format!("entry-{i}").as_bytes())))
}

pub fn checkpoint(size: u64) -> Checkpoint {
    Checkpoint {
        origin: ORIGIN.to_owned(),
        size,
        root: tree(size).edge.root(),
    }
}

fn forked(size: u64) -> Checkpoint {
    Checkpoint {
        root: sha256(b"another history"),
        ..checkpoint(size)
    }
}

fn signed(checkpoint: &Checkpoint) -> SignedNote {
    checkpoint.sign(&log_signer()).unwrap()
}

fn proof(old: u64, new: u64) -> Vec<Hash> {
    ProofPlan::consistency(old, new).map_or(Vec::new(), |plan| tree(new).assemble(plan))
}

fn request(old: u64, new: u64) -> AddCheckpoint {
    AddCheckpoint::new(old, proof(old, new), signed(&checkpoint(new))).unwrap()
}

#[test]
fn the_shared_vectors() {
    let Some(path) = shared("own-tlog-vectors.txt") else {
        return;
    };
    let file = fs::read_to_string(path).unwrap();
    let vkey = witness().key().to_string();
    assert!(file.contains(&format!("witness vkey {vkey}\n")));
    assert_eq!(CosignerKey::parse(&vkey).unwrap(), *witness().key());

    let note = signed(&checkpoint(7));
    let line = witness().cosign(&checkpoint(7), TIME).unwrap();
    let cosigned = note.with_signatures([line]).unwrap();
    assert!(file.contains(&cosigned.to_string()));
    assert_eq!(witness().key().cosigned(&cosigned), Ok(Some(TIME)));

    let body = file.split_once("add-checkpoint 3->7:\n").unwrap().1;
    let body = body.split_once("\n\norigin hash").unwrap().0.to_owned() + "\n";
    let parsed = AddCheckpoint::parse(&body).unwrap();
    assert_eq!((parsed.to_string(), parsed), (body, request(3, 7)));
}

/// The line of the example in C2SP tlog-cosignature, whose key is not published.
#[test]
fn the_line_of_the_specification() {
    let line = "\u{2014} witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n";
    let lines = NoteSignature::parse_lines(line).unwrap();
    assert_eq!(
        (lines[0].key_id, lines[0].signature.len()),
        ([0x8d, 0x66, 0xcf, 0x3f], 72)
    );
    assert_eq!(
        u64::from_be_bytes(lines[0].signature[..8].try_into().unwrap()),
        1_679_315_147
    );
}

#[test]
fn keys_of_logs_and_of_witnesses_are_never_taken_for_each_other() {
    let (log, cosigner) = (
        NoteKey::new("name", private_key(0).public()).unwrap(),
        CosignerKey::new("name", private_key(0).public()).unwrap(),
    );
    assert_ne!(log.id(), cosigner.id());
    assert!(matches!(
        CosignerKey::parse(&log.to_string()),
        Err(NoteError::VerifierKey(_))
    ));
    assert!(matches!(
        NoteKey::parse(&cosigner.to_string()),
        Err(NoteError::VerifierKey(_))
    ));
    // One key in both roles: neither signature passes for the other.
    let both = Cosigner::new(ORIGIN, private_key(0)).unwrap();
    let note = signed(&checkpoint(3));
    assert_eq!(both.key().cosigned(&note), Ok(None));
    let line = both.cosign(&checkpoint(3), TIME).unwrap();
    let only = SignedNote::parse(&format!("{}\n{line}\n", note.text())).unwrap();
    assert_eq!(
        only.verify(log_signer().key()),
        Err(NoteError::NotSigned(ORIGIN.to_owned()))
    );
    for (at, bytes) in damaged(cosigner.to_string().as_bytes()) {
        let text = std::str::from_utf8(&bytes);
        assert!(text.is_err() || CosignerKey::parse(text.unwrap()).is_err(), "byte {at}");
    }
}

#[test]
fn a_cosignature_covers_checkpoint_and_time() {
    let (note, witness) = (signed(&checkpoint(7)), witness());
    let name = || witness.key().name().to_owned();
    let line = witness.cosign(&checkpoint(7), TIME).unwrap();
    assert_eq!(witness.key().verify(note.text(), &line), Ok(TIME));
    let other = signed(&checkpoint(6));
    let refused = Err(CosignatureError::Signature(name()));
    assert_eq!(witness.key().verify(other.text(), &line), refused);
    for byte in 0..line.signature.len() {
        for bit in 0..8 {
            let mut line = line.clone();
            line.signature[byte] ^= 1 << bit;
            assert!(witness.key().verify(note.text(), &line).is_err(), "byte {byte}");
        }
    }
    for length in [0, 8, 64, 71, 73] {
        let mut line = line.clone();
        line.signature.resize(length, 0);
        assert_eq!(
            witness.key().verify(note.text(), &line),
            Err(CosignatureError::Form(name()))
        );
    }
    let stranger = Cosigner::new(witness.key().name(), private_key(9)).unwrap();
    assert_eq!(
        stranger.key().verify(note.text(), &line),
        Err(CosignatureError::Key(name()))
    );
    // One good line does not excuse a bad one of the same key, and the first says the time.
    let later = witness.cosign(&checkpoint(7), TIME + 9).unwrap();
    let twice = note.with_signatures([line.clone(), later]).unwrap();
    assert_eq!(witness.key().cosigned(&twice), Ok(Some(TIME)));
    let bad = witness.cosign(&checkpoint(6), TIME).unwrap();
    let spoilt = note.with_signatures([line, bad]).unwrap();
    assert_eq!(
        witness.key().cosigned(&spoilt),
        Err(CosignatureError::Signature(name()))
    );
}

#[test]
fn times_out_of_range_and_texts_that_are_no_checkpoints_are_not_cosigned() {
    for time in [0, MAX_COSIGNATURE_TIME + 1, u64::MAX] {
        assert_eq!(
            witness().cosign(&checkpoint(7), time),
            Err(CosignatureError::Time(time))
        );
        let line = NoteSignature {
            name: witness().key().name().to_owned(),
            key_id: witness().key().id(),
            signature: [&time.to_be_bytes()[..], &[1; 64]].concat(),
        };
        let verdict = witness().key().verify(signed(&checkpoint(7)).text(), &line);
        assert_eq!(verdict, Err(CosignatureError::Time(time)));
    }
    assert!(witness().cosign(&checkpoint(7), MAX_COSIGNATURE_TIME).is_ok());
    let hostile = Checkpoint {
        origin: "a\n1".to_owned(),
        ..checkpoint(7)
    };
    assert!(matches!(
        witness().cosign(&hostile, TIME),
        Err(CosignatureError::Checkpoint(_))
    ));
}

#[test]
fn requests_have_one_spelling() {
    let text = request(3, 7).to_string();
    let hash = proof(3, 7)[0].to_base64();
    for (refused, error) in [
        (text.replace("old 3", "old 03"), "first line"),
        (text.replace("old 3", "old +3"), "first line"),
        (text.replace("old 3", "old  3"), "first line"),
        (text.replace("old 3", "old 18446744073709551616"), "first line"),
        (text.replace("old 3", "Old 3"), "first line"),
        (text.replace("old 3\n", ""), "first line"),
        (text.replace("old 3", "old 8"), "beyond the checkpoint"),
        (text.replace(&hash, &hash[..40]), "hash 1"),
        (text.replace(&hash, &format!("{hash} ")), "hash 1"),
        (text.replace(&format!("{hash}\n"), "\n"), "not a checkpoint"),
        (text.replace("\n\n", "\n"), "no blank line"),
        (text.replace('\n', "\r\n"), "no blank line"),
        (format!("{text}\n"), "signed note"),
        (format!("\n{text}"), "first line"),
        (text.trim_end().to_owned(), "signed note"),
        (text.replace("\n7\n", "\n07\n"), "not a checkpoint"),
        (String::new(), "no blank line"),
    ] {
        let found = AddCheckpoint::parse(&refused).unwrap_err().to_string();
        assert!(
            error.split('|').any(|error| found.contains(error)),
            "{found}: {refused:?}"
        );
    }
    let many = |count: usize| text.replace(&format!("{hash}\n"), &format!("{hash}\n").repeat(count));
    assert!(AddCheckpoint::parse(&many(60)).is_ok(), "63 hashes");
    assert_eq!(AddCheckpoint::parse(&many(61)), Err(AddCheckpointError::TooManyHashes));
    let long = text.clone() + &"\u{2014} x AAAAAAAA\n".repeat(5000);
    assert_eq!(
        AddCheckpoint::parse(&long),
        Err(AddCheckpointError::TooLong(long.len()))
    );
    assert!(long.len() > MAX_ADD_CHECKPOINT_BYTES);
    // A request without a proof has its blank line directly below the first.
    assert!(
        request(0, 7)
            .to_string()
            .starts_with("old 0\n\nledger.example/log1\n7\n")
    );
}

#[test]
fn sizes_in_answers() {
    for size in [0, 1, 10, u64::MAX] {
        assert_eq!(parse_tree_size(&tree_size_body(size)), Some(size));
    }
    for refused in [
        "",
        "\n",
        "7",
        "7\n\n",
        "07\n",
        "+7\n",
        "7\r\n",
        " 7\n",
        "18446744073709551616\n",
    ] {
        assert_eq!(parse_tree_size(refused), None, "{refused:?}");
    }
}

#[test]
fn only_checkpoints_that_a_known_log_signed_are_considered() {
    let (log, other) = (log_signer(), NoteSigner::new("other", private_key(1)).unwrap());
    let next = NoteSigner::new(ORIGIN, private_key(2)).unwrap();
    let request = request(3, 7);
    assert_eq!(request.check_signed([other.key(), log.key()]), Ok(()));
    assert_eq!(request.check_signed([next.key(), log.key()]), Ok(()));
    assert_eq!(request.check_signed([log.key(), next.key()]), Ok(()));
    let unknown = Err(WitnessRefusal::UnknownOrigin(ORIGIN.to_owned()));
    assert_eq!(request.check_signed([other.key()]), unknown);
    assert_eq!(request.check_signed([]), unknown);
    let not_signed = Err(WitnessRefusal::NotSigned(NoteError::NotSigned(ORIGIN.to_owned())));
    assert_eq!(request.check_signed([next.key()]), not_signed);
    // Signed by the log, with a line by the log's next key that does not verify.
    let mut line = checkpoint(6).sign(&next).unwrap().signatures()[0].clone();
    line.key_id = next.key().id();
    let spoilt = signed(&checkpoint(7)).with_signatures([line]).unwrap();
    let spoilt = AddCheckpoint::new(3, proof(3, 7), spoilt).unwrap();
    assert_eq!(
        spoilt.check_signed([log.key()]),
        Ok(()),
        "a line of a key that is not known says nothing"
    );
    let condemned = Err(WitnessRefusal::NotSigned(NoteError::Signature(ORIGIN.to_owned())));
    assert_eq!(spoilt.check_signed([log.key(), next.key()]), condemned);
    assert_eq!(spoilt.check_signed([next.key(), log.key()]), condemned);
}

#[test]
fn only_what_continues_the_last_checkpoint_is_cosigned() {
    let held = checkpoint(3);
    assert_eq!(request(3, 7).check_continues(Some(&held)), Ok(()));
    assert_eq!(request(3, 3).check_continues(Some(&held)), Ok(()));
    assert_eq!(request(0, 7).check_continues(None), Ok(()));
    assert_eq!(request(0, 0).check_continues(None), Ok(()));
    assert_eq!(request(0, 5).check_continues(Some(&checkpoint(0))), Ok(()));
    let other = |held| Err(WitnessRefusal::OtherSize { held });
    assert_eq!(request(0, 7).check_continues(Some(&held)), other(3));
    assert_eq!(request(4, 7).check_continues(Some(&held)), other(3));
    assert_eq!(request(2, 3).check_continues(Some(&held)), other(3));
    assert_eq!(request(3, 7).check_continues(None), other(0));
    let made = |old, proof, checkpoint: &Checkpoint| AddCheckpoint::new(old, proof, signed(checkpoint)).unwrap();
    let fork = Err(WitnessRefusal::Fork { size: 3 });
    assert_eq!(made(3, vec![], &forked(3)).check_continues(Some(&held)), fork);
    let wrong = |error| Err(WitnessRefusal::Inconsistent { held: 3, error });
    assert_eq!(
        made(3, proof(3, 7), &forked(7)).check_continues(Some(&held)),
        wrong(ProofError::Root)
    );
    assert_eq!(
        made(3, vec![], &checkpoint(7)).check_continues(Some(&held)),
        wrong(ProofError::Length(0))
    );
    assert_eq!(
        made(3, proof(3, 7), &checkpoint(3)).check_continues(Some(&held)),
        wrong(ProofError::Length(4))
    );
    let from_nothing = made(0, proof(3, 7), &checkpoint(7)).check_continues(None);
    let error = ProofError::Length(4);
    assert_eq!(from_nothing, Err(WitnessRefusal::Inconsistent { held: 0, error }));
}

/// Every bit of a request is covered by the checks or by the parser.
#[test]
fn damage_to_a_request() {
    let (log, held) = (log_signer(), checkpoint(3));
    for (at, bytes) in damaged(request(3, 7).to_string().as_bytes()) {
        let Ok(text) = std::str::from_utf8(&bytes) else {
            continue;
        };
        let Ok(request) = AddCheckpoint::parse(text) else {
            continue;
        };
        assert_eq!(request.to_string(), text);
        let verdict = request
            .check_signed([log.key()])
            .and_then(|()| request.check_continues(Some(&held)));
        assert!(verdict.is_err(), "byte {at}: {text:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_growth_is_cosigned_and_nothing_else(old in 0u64..70, more in 0u64..70, flip in any::<prop::sample::Index>()) {
        let (new, held) = (old + more, checkpoint(old));
        let request = request(old, new);
        prop_assert_eq!(&AddCheckpoint::parse(&request.to_string()).unwrap(), &request);
        prop_assert_eq!(request.check_continues(Some(&held)), Ok(()));
        let mut proof = proof(old, new);
        if !proof.is_empty() {
            let bit = flip.index(proof.len() * 256);
            proof[bit / 256].0[bit % 256 / 8] ^= 1 << (bit % 8);
            let flipped = AddCheckpoint::new(old, proof, request.note().clone()).unwrap();
            prop_assert!(flipped.check_continues(Some(&held)).is_err());
            prop_assert_eq!(prefix_root(old, new, &checkpoint(new).root, flipped.proof()), None);
            let told = prefix_root(old, new, &checkpoint(new).root, request.proof());
            prop_assert_eq!(told, (!old.is_power_of_two()).then_some(held.root));
        }
        let line = witness().cosign(&checkpoint(new), TIME + new).unwrap();
        let cosigned = request.note().with_signatures([line]).unwrap();
        let cosigned = SignedNote::parse(&cosigned.to_string()).unwrap();
        prop_assert_eq!(witness().key().cosigned(&cosigned), Ok(Some(TIME + new)));
        prop_assert_eq!(Checkpoint::open(&cosigned, log_signer().key()).unwrap(), checkpoint(new));
    }
}
