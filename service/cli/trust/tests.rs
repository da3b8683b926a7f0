//! A checkpoint counts for whom it should: keys with sizes, witnesses with a quorum, and no line that nobody asked for.

use ledger::{Cosigner, NoteSigner, PrivateKey};

use super::*;

const ORIGIN: &str = "log.example";

fn signer(seed: u8) -> NoteSigner {
    NoteSigner::new(ORIGIN, PrivateKey::from_seed([seed; 32])).unwrap()
}

fn checkpoint(size: u64) -> Checkpoint {
    Checkpoint {
        origin: ORIGIN.to_owned(),
        size,
        root: Hash([size as u8; 32]),
    }
}

fn note(size: u64, seed: u8) -> SignedNote {
    checkpoint(size).sign(&signer(seed)).unwrap()
}

fn trust(keys: &str, policy: Option<&str>) -> Trust {
    Trust {
        keys: LogKey::parse_file(keys).unwrap(),
        policy: policy.map(|text| Policy::parse(text.as_bytes()).unwrap()),
        held: None,
    }
}

fn vkey(seed: u8) -> String {
    signer(seed).key().to_string()
}

#[test]
fn a_key_counts_for_its_sizes_alone() {
    let trust = trust(&format!("{} to=10\n{} from=11", vkey(1), vkey(2)), None);
    for (size, seed, counts) in [
        (10, 1, true),
        (11, 1, false),
        (10, 2, false),
        (11, 2, true),
        (5, 3, false),
    ] {
        let opened = trust.open(&note(size, seed).to_string());
        assert_eq!(opened.is_ok(), counts, "size {size} by key {seed}: {opened:?}");
        if let Ok(opened) = opened {
            assert_eq!((&opened.key, opened.checkpoint.size), (signer(seed).key(), size));
        }
    }
    assert!(
        trust
            .open(&note(11, 1).to_string())
            .unwrap_err()
            .contains("from 0 to 10")
    );
    // In the overlap of a rotation both sign; one that counts is enough.
    let both = note(11, 1).with_signatures(note(11, 2).signatures().to_vec()).unwrap();
    assert_eq!(trust.open(&both.to_string()).unwrap().unknown, 0);
}

#[test]
fn a_signature_of_a_known_key_that_does_not_verify_condemns_the_note() {
    let trust = trust(&format!("{}\n{}", vkey(1), vkey(2)), None);
    let mut wrong = note(11, 2).signatures().to_vec();
    wrong[0].signature[5] ^= 1;
    let spoilt = note(11, 1).with_signatures(wrong).unwrap();
    assert!(trust.open(&spoilt.to_string()).is_err());
}

#[test]
fn unknown_signatures_are_counted_and_repeated_ones_refused() {
    let trust = trust(&vkey(1), None);
    let more = note(3, 1).with_signatures(note(3, 9).signatures().to_vec()).unwrap();
    assert_eq!(trust.open(&more.to_string()).unwrap().unknown, 1);
    let twice = note(3, 1).with_signatures(note(3, 1).signatures().to_vec()).unwrap();
    assert!(trust.open(&twice.to_string()).unwrap_err().contains("twice"));
    let twice = more.with_signatures(note(3, 9).signatures().to_vec()).unwrap();
    assert!(trust.open(&twice.to_string()).unwrap_err().contains("twice"));
}

#[test]
fn a_log_signs_only_its_own_checkpoints() {
    let other = NoteSigner::new("other.example", PrivateKey::from_seed([1; 32])).unwrap();
    let trust = trust(&format!("{}\n{}", vkey(1), other.key()), None);
    let text = checkpoint(3).to_text();
    assert!(
        trust
            .open(&other.sign(&text).unwrap().to_string())
            .unwrap_err()
            .contains("no key that you trust")
    );
}

#[test]
fn a_quorum_is_met_missing_or_forged() {
    let witness = |seed: u8| Cosigner::new(&format!("w{seed}.example"), PrivateKey::from_seed([seed; 32])).unwrap();
    let policy = format!(
        "witness w4 {}\nwitness w5 {}\ngroup both all w4 w5\nquorum both\n",
        witness(4).key(),
        witness(5).key()
    );
    let trust = trust(&vkey(1), Some(&policy));
    let line = |seed| witness(seed).cosign(&checkpoint(3), 1_700_000_000).unwrap();
    let open = |seeds: &[u8]| {
        let lines: Vec<_> = seeds.iter().map(|seed| line(*seed)).collect();
        trust
            .open(&note(3, 1).with_signatures(lines).unwrap().to_string())
            .unwrap()
    };
    let opened = open(&[4, 5]);
    assert_eq!(
        (opened.cosigned_by, opened.shortfall, opened.unknown),
        (vec!["w4".into(), "w5".into()], None, 0)
    );
    let opened = open(&[5, 6]);
    assert_eq!((opened.cosigned_by, opened.unknown), (vec!["w5".into()], 1));
    assert!(opened.shortfall.unwrap().starts_with("1 of 2 witnesses"));
    let mut forged = line(4);
    forged.signature[40] ^= 1;
    let forged = note(3, 1).with_signatures([forged, line(5)]).unwrap();
    assert!(trust.open(&forged.to_string()).unwrap_err().contains("does not verify"));
}
