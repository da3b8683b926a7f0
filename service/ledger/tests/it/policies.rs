//! Policies: what is read and what is refused, line by line, and which checkpoints they are content with.

use ledger::policy::{MAX_POLICY_BYTES, MAX_POLICY_ITEMS, PolicyErrorKind};
use ledger::{
    CheckpointError, CosignatureError, Cosigner, NoteError, NoteKey, NoteSigner, Policy, PolicyError, Quorum,
    SignedNote,
};
use proptest::prelude::*;

use crate::cosigning::checkpoint;
use crate::damage::damaged;
use crate::support::{ORIGIN, log_signer, private_key};

fn witness(n: u8) -> Cosigner {
    Cosigner::new(&format!("witness.example/{n}"), private_key(100 + n)).unwrap()
}

fn witness_line(n: u8) -> String {
    format!("witness w{n} {}\n", witness(n).key())
}

/// The log, and witnesses `w0` to `w5`.
fn head() -> String {
    let witnesses: String = (0..6).map(witness_line).collect();
    format!("log {}\n{witnesses}", log_signer().key())
}

fn policy(rest: &str) -> Policy {
    Policy::parse(format!("{}{rest}", head()).as_bytes()).unwrap()
}

/// A checkpoint cosigned by these witnesses, witness `n` at the time 1000 + n.
fn cosigned(witnesses: impl IntoIterator<Item = u8>) -> SignedNote {
    let line = |n| witness(n).cosign(&checkpoint(5), 1000 + u64::from(n)).unwrap();
    let note = checkpoint(5).sign(&log_signer()).unwrap();
    note.with_signatures(witnesses.into_iter().map(line)).unwrap()
}

fn quorum(policy: &Policy, witnesses: impl IntoIterator<Item = u8>) -> Quorum {
    policy.evaluate(&cosigned(witnesses)).unwrap().cosigned.quorum
}

/// The example of the specification: two of three, any of three, and both.
const TWO_LEVELS: &str = "group X 2 w0 w1 w2\ngroup Y any w3 w4 w5\ngroup both all X Y\nquorum both\n";

#[test]
fn the_example_of_the_specification() {
    let policy = policy(TWO_LEVELS);
    assert!(policy.requires_quorum());
    for set in 0u8..64 {
        let members: Vec<u8> = (0..6).filter(|n| set >> n & 1 == 1).collect();
        let (x, y) = ((set & 7).count_ones(), set >> 3);
        let expected = if x >= 2 && y != 0 {
            // Of the X the second, of the Y the first; the later of both.
            let second = (0..3).filter(|n| set >> n & 1 == 1).nth(1).unwrap();
            let first = (3..6).find(|n| set >> n & 1 == 1).unwrap();
            Quorum::Met(1000 + u64::max(second, first))
        } else {
            Quorum::Missing
        };
        assert_eq!(quorum(&policy, members), expected, "{set:06b}");
    }
    let note = cosigned([4, 1]);
    let verdict = policy.evaluate(&note).unwrap();
    assert_eq!((verdict.checkpoint, verdict.log), (checkpoint(5), log_signer().key()));
    let present: Vec<_> = verdict
        .cosigned
        .present
        .iter()
        .map(|(w, time)| (w.name.as_str(), *time))
        .collect();
    assert_eq!(present, [("w1", 1001), ("w4", 1004)]);
    let missing: Vec<_> = verdict.cosigned.missing.iter().map(|w| w.name.as_str()).collect();
    assert_eq!(missing, ["w0", "w2", "w3", "w5"]);
}

#[test]
fn quorums_of_one_of_none_and_by_number() {
    assert_eq!(quorum(&policy("quorum none\n"), []), Quorum::NotRequired);
    assert!(!policy("quorum none\n").requires_quorum());
    assert_eq!(quorum(&policy("quorum w2\n"), [2]), Quorum::Met(1002));
    assert_eq!(quorum(&policy("quorum w2\n"), [1, 3]), Quorum::Missing);
    let three = policy("group g 3 w5 w1 w3 w0\nquorum g\n");
    assert_eq!(quorum(&three, [0, 1]), Quorum::Missing);
    assert_eq!(quorum(&three, [5, 0, 1]), Quorum::Met(1005));
    assert_eq!(quorum(&three, [5, 0, 1, 3]), Quorum::Met(1003));
    assert!(Quorum::Met(1).holds() && Quorum::NotRequired.holds() && !Quorum::Missing.holds());
}

#[test]
fn layout_is_free_where_the_specification_says_so() {
    let key = log_signer().key().to_string();
    let text = format!(
        "\n# comment\n \t # another, \u{e9}\n\tlog \t {key}  https://log.example/ \t\n{}\nquorum\tW\u{212a}\n# end\n",
        witness_line(0).replace("w0", "W\u{212a}").trim_end().to_owned() + " http://\u{e9}.example/"
    );
    let policy = Policy::parse(text.as_bytes()).unwrap();
    assert_eq!(policy.logs()[0].url.as_deref(), Some("https://log.example/"));
    assert_eq!(policy.witnesses()[0].name, "W\u{212a}");
    assert_eq!(policy.witnesses()[0].url.as_deref(), Some("http://\u{e9}.example/"));
    assert_eq!(quorum(&policy, [0]), Quorum::Met(1000));
    // Names are bytes: nothing is folded, and they need not be UTF-8.
    let kelvin = text.replace("quorum\tW\u{212a}", "quorum\tWK");
    assert!(Policy::parse(kelvin.as_bytes()).is_err());
    let mut bytes = text.replace("W\u{212a}", "W?").into_bytes();
    bytes
        .iter_mut()
        .filter(|byte| **byte == b'?')
        .for_each(|byte| *byte = 0xff);
    assert_eq!(quorum(&Policy::parse(&bytes).unwrap(), [0]), Quorum::Met(1000));
    // An empty set of logs is a policy, too.
    let bare = Policy::parse(format!("{}quorum w0\n", witness_line(0)).as_bytes()).unwrap();
    assert!(bare.logs().is_empty());
    assert!(matches!(
        bare.evaluate(&cosigned([0])),
        Err(PolicyError::Log(NoteError::NotSigned(_)))
    ));
    let known = log_signer();
    let note = cosigned([0]);
    let verdict = bare.evaluate_for(&note, [known.key()]).unwrap();
    assert_eq!(verdict.cosigned.quorum, Quorum::Met(1000));
}

#[test]
fn every_mistake_is_named_with_its_line() {
    use PolicyErrorKind as Kind;
    let (log, six) = (log_signer().key().to_string(), 8);
    let words = |usage| Kind::Words(usage);
    let threshold = |found: &str| Kind::Threshold {
        members: 2,
        found: found.to_owned(),
    };
    let renamed_log = NoteKey::new("again", private_key(0).public()).unwrap();
    let renamed_witness = Cosigner::new("again", private_key(100)).unwrap();
    for (rest, line, kind) in [
        ("quorum none", six, Kind::Unterminated),
        ("quorum none\r\n", six, Kind::Byte(b'\r')),
        ("# \x7f\n", six, Kind::Byte(0x7f)),
        ("#\0\n", six, Kind::Byte(0)),
        ("\nQuorum none\n", six + 1, Kind::Keyword("Quorum".to_owned())),
        ("quorum none # comment\n", six, words("quorum NAME")),
        ("quorum\n", six, words("quorum NAME")),
        ("quorum w7\n", six, Kind::Undefined("w7".to_owned())),
        ("quorum none\nquorum w1\n", six + 1, Kind::Quorum),
        ("quorum w1\n\nquorum w1\n", six + 2, Kind::Quorum),
        ("log\n", six, words("log VKEY [URL]")),
        ("log a b c\n", six, words("log VKEY [URL]")),
        ("witness w9\n", six, words("witness NAME VKEY [URL]")),
        ("witness a b c d\n", six, words("witness NAME VKEY [URL]")),
        ("group g any\n", six, words("group NAME all|any|NUMBER MEMBER…")),
        ("group g\n", six, words("group NAME all|any|NUMBER MEMBER…")),
        ("group g 0 w0 w1\n", six, threshold("0")),
        ("group g 3 w0 w1\n", six, threshold("3")),
        ("group g 02 w0 w1\n", six, threshold("02")),
        ("group g +2 w0 w1\n", six, threshold("+2")),
        (
            "group g 18446744073709551617 w0 w1\n",
            six,
            threshold("18446744073709551617"),
        ),
        ("group g ANY w0 w1\n", six, threshold("ANY")),
        ("group g any w0 w0\n", six, Kind::Member("w0".to_owned())),
        (
            "group g any w0\ngroup h any w0\n",
            six + 1,
            Kind::Member("w0".to_owned()),
        ),
        ("group g any w0 g\n", six, Kind::Undefined("g".to_owned())),
        ("group g any w0 none\n", six, Kind::Undefined("none".to_owned())),
        ("group w1 any w0\n", six, Kind::Taken("w1".to_owned())),
        ("group none any w0\n", six, Kind::Taken("none".to_owned())),
    ] {
        let found = Policy::parse(format!("{}{rest}", head()).as_bytes());
        assert_eq!(found, Err(PolicyError::Line { line, kind }), "{rest:?}");
    }
    for (rest, kind) in [
        (format!("log {log}\n"), Kind::DuplicateKey(ORIGIN.to_owned())),
        (format!("log {renamed_log}\n"), Kind::DuplicateKey("again".to_owned())),
        (
            format!("witness v {}\n", renamed_witness.key()),
            Kind::DuplicateKey("again".to_owned()),
        ),
        (
            format!("witness w0 {}\n", witness(9).key()),
            Kind::Taken("w0".to_owned()),
        ),
        (
            format!("witness none {}\n", witness(9).key()),
            Kind::Taken("none".to_owned()),
        ),
        (
            format!("witness v {log}\n"),
            Kind::Key(NoteError::VerifierKey("not a key for Ed25519 cosignatures (type 0x04)")),
        ),
        (
            format!("log {}\n", witness(0).key()),
            Kind::Key(NoteError::VerifierKey("not an Ed25519 key (type 0x01)")),
        ),
    ] {
        let found = Policy::parse(format!("{}{rest}", head()).as_bytes());
        assert_eq!(found, Err(PolicyError::Line { line: six, kind }), "{rest:?}");
    }
    assert_eq!(Policy::parse(head().as_bytes()), Err(PolicyError::NoQuorum));
    assert_eq!(Policy::parse(b""), Err(PolicyError::NoQuorum));
    let message = Policy::parse(b"# one\ngroup g any x\n").unwrap_err().to_string();
    assert_eq!(message, "line 2 of the policy: no earlier line defines \"x\"");
}

#[test]
fn limits() {
    let many = |count: usize| -> String {
        let line = |n: usize| {
            let mut seed = [9; 32];
            seed[..8].copy_from_slice(&n.to_be_bytes());
            let signer = Cosigner::new("w", ledger::PrivateKey::from_seed(seed)).unwrap();
            format!("witness w{n} {}\n", signer.key())
        };
        (0..count).map(line).collect::<String>() + "quorum none\n"
    };
    let most = Policy::parse(many(MAX_POLICY_ITEMS).as_bytes()).unwrap();
    assert_eq!(most.witnesses().len(), MAX_POLICY_ITEMS);
    let line = MAX_POLICY_ITEMS + 1;
    let kind = PolicyErrorKind::TooMany;
    let refused = Policy::parse(many(line).as_bytes());
    assert_eq!(refused, Err(PolicyError::Line { line, kind }));
    let long = "#".repeat(MAX_POLICY_BYTES + 1);
    assert_eq!(Policy::parse(long.as_bytes()), Err(PolicyError::TooLong(long.len())));
    // A chain of groups as deep as there may be.
    let mut chain = witness_line(0) + "group g0 all w0\n";
    (1..MAX_POLICY_ITEMS).for_each(|n| chain.push_str(&format!("group g{n} all g{}\n", n - 1)));
    chain.push_str(&format!("quorum g{}\n", MAX_POLICY_ITEMS - 1));
    let chain = Policy::parse(format!("log {}\n{chain}", log_signer().key()).as_bytes()).unwrap();
    assert_eq!(quorum(&chain, [0]), Quorum::Met(1000));
    assert_eq!(quorum(&chain, []), Quorum::Missing);
}

#[test]
fn what_is_not_signed_as_it_claims_is_refused() {
    let policy = policy("quorum w0\n");
    // A stranger's log, a stranger's line beside the log's, and a bad line of a known witness.
    let other = NoteSigner::new("other", private_key(5)).unwrap();
    let foreign = ledger::Checkpoint {
        origin: "other".to_owned(),
        ..checkpoint(5)
    };
    let foreign = foreign.sign(&other).unwrap();
    assert!(matches!(
        policy.evaluate(&foreign),
        Err(PolicyError::Log(NoteError::NotSigned(_)))
    ));
    let stranger = foreign.signatures()[0].clone();
    let beside = cosigned([0]).with_signatures([stranger]).unwrap();
    assert_eq!(policy.evaluate(&beside).unwrap().cosigned.quorum, Quorum::Met(1000));
    let misplaced = witness(1).cosign(&checkpoint(4), 1000).unwrap();
    let spoilt = cosigned([0]).with_signatures([misplaced]).unwrap();
    let verdict = policy.evaluate(&spoilt);
    assert!(
        matches!(verdict, Err(PolicyError::Cosignature(CosignatureError::Signature(_)))),
        "{verdict:?}"
    );
    // Signed by a log of the policy as if it were another log.
    let usurped = log_signer().sign(foreign.text()).unwrap();
    let verdict = policy.evaluate(&usurped);
    assert!(
        matches!(verdict, Err(PolicyError::Checkpoint(CheckpointError::Origin { .. }))),
        "{verdict:?}"
    );
    assert!(matches!(
        policy.evaluate(&log_signer().sign("text\n").unwrap()),
        Err(PolicyError::Checkpoint(CheckpointError::Form(_)))
    ));
}

/// A log that changes its key signs with both for a while; either is enough, and a bad one spoils the note.
#[test]
fn several_logs_and_keys() {
    let next = NoteSigner::new(ORIGIN, private_key(3)).unwrap();
    let other = NoteSigner::new("other", private_key(4)).unwrap();
    let text = format!("log {}\nlog {}\n{}quorum none\n", other.key(), next.key(), head());
    let policy = Policy::parse(text.as_bytes()).unwrap();
    let old = checkpoint(5).sign(&log_signer()).unwrap();
    let new = checkpoint(5).sign(&next).unwrap();
    assert_eq!(policy.evaluate(&old).unwrap().log, log_signer().key());
    assert_eq!(policy.evaluate(&new).unwrap().log, next.key());
    let both = old.with_signatures(new.signatures().to_vec()).unwrap();
    assert_eq!(policy.evaluate(&both).unwrap().log, next.key());
    let spoilt = checkpoint(4).sign(&next).unwrap().signatures().to_vec();
    let spoilt = old.with_signatures(spoilt).unwrap();
    assert!(matches!(
        policy.evaluate(&spoilt),
        Err(PolicyError::Log(NoteError::Signature(_)))
    ));
    // Another log of the policy may have signed it as well; it is still of its own log.
    let line = other.sign(old.text()).unwrap().signatures().to_vec();
    let seen = old.with_signatures(line).unwrap();
    assert_eq!(policy.evaluate(&seen).unwrap().log, log_signer().key());
}

/// No damage to a cosigned checkpoint makes a quorum, and none to a policy goes further than its comments and urls.
#[test]
fn damage() {
    let policy = policy(TWO_LEVELS);
    let note = cosigned([0, 1, 3]).to_string();
    for (at, bytes) in damaged(note.as_bytes()) {
        let Ok(Ok(note)) = std::str::from_utf8(&bytes).map(SignedNote::parse) else {
            continue;
        };
        let quorum = policy.evaluate(&note).map(|verdict| verdict.cosigned.quorum);
        assert!(!quorum.is_ok_and(Quorum::holds), "byte {at}");
    }
    let text = format!("{}{TWO_LEVELS}", head());
    let signatures = cosigned([0, 1, 3]);
    let keys = head().len();
    for (at, bytes) in damaged(text.as_bytes()) {
        if let Ok(read) = Policy::parse(&bytes) {
            let verdict = read.evaluate(&signatures);
            // A name may have changed, or a threshold; a key cannot.
            let untouched = |w: &ledger::PolicyWitness| policy.witnesses().iter().any(|known| known.key == w.key);
            assert!(read.witnesses().iter().all(untouched), "byte {at}");
            assert!(verdict.is_ok() || at < keys, "byte {at}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// Against a definition by counting: random groups over six witnesses.
    #[test]
    fn any_groups(
        groups in prop::collection::vec((1usize..4, prop::collection::vec(any::<prop::sample::Index>(), 1..4)), 1..4),
        set in 0u8..64,
    ) {
        let mut free: Vec<String> = (0..6).map(|n| format!("w{n}")).collect();
        let mut text = String::new();
        let mut holds: std::collections::HashMap<String, bool> =
            (0..6).map(|n| (format!("w{n}"), set >> n & 1 == 1)).collect();
        let mut last = "w0".to_owned();
        for (number, (threshold, picks)) in groups.iter().enumerate() {
            let members: Vec<String> = picks
                .iter()
                .filter_map(|pick| match free.len() {
                    0 => None,
                    length => Some(free.remove(pick.index(length))),
                })
                .collect();
            if members.is_empty() { break }
            let threshold = (*threshold).min(members.len());
            last = format!("g{number}");
            text += &format!("group {last} {threshold} {}\n", members.join(" "));
            holds.insert(last.clone(), members.iter().filter(|m| holds[*m]).count() >= threshold);
            free.push(last.clone());
        }
        let policy = policy(&format!("{text}quorum {last}\n"));
        let members = (0..6).filter(|n| set >> n & 1 == 1);
        prop_assert_eq!(quorum(&policy, members).holds(), holds[&last]);
    }

    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200), at in any::<prop::sample::Index>()) {
        let _ = Policy::parse(&bytes);
        let mut text = format!("{}{TWO_LEVELS}", head()).into_bytes();
        let at = at.index(text.len());
        text.splice(at..at, bytes);
        let _ = Policy::parse(&text);
    }
}
