//! Each text format has one spelling, and every other is refused for its own reason.

use ledger::{
    Checkpoint, CheckpointError, Hash, NoteError, NoteKey, NoteSigner, SignedNote, TilePath, TlogProof, TlogProofError,
    sha256,
};

use crate::support::{ORIGIN, example, log_signer, private_key};

fn signed(text: &str) -> SignedNote {
    log_signer().sign(text).unwrap()
}

#[test]
fn notes() {
    let note = signed("one\n\ntwo\n").to_string();
    let read = SignedNote::parse(&note).unwrap();
    assert_eq!((read.text(), read.to_string()), ("one\n\ntwo\n", note.clone()));
    read.verify(log_signer().key()).unwrap();

    let (text, line) = note.rsplit_once("\n\n").unwrap();
    let line = line.trim_end();
    for (refused, error) in [
        (note.trim_end().to_owned(), NoteError::Form("no newline at the end")),
        (format!("{note}\n"), NoteError::Form("no newline at the end")),
        (format!("{text}\n{line}\n"), NoteError::Line(1)),
        (
            format!("one\n{line}\n"),
            NoteError::Form("no blank line before the signatures"),
        ),
        (note.replace('\n', "\r\n"), NoteError::Character),
        (note.replace("one", "o\tne"), NoteError::Character),
        (format!("{text}\n\n{line}\n{line}x\n"), NoteError::Line(2)),
        (note.replace('\u{2014}', "-"), NoteError::Line(1)),
        (note.replace("\u{2014} ", "\u{2014}  "), NoteError::Line(1)),
        (note.replace(ORIGIN, "a+b"), NoteError::Line(1)),
        (note.replace(ORIGIN, "a\u{2003}b"), NoteError::Line(1)),
        (note.replace("=\n", "\n"), NoteError::Line(1)),
        (format!("{text}\n\n\u{2014} {ORIGIN} AAAAAA==\n"), NoteError::Line(1)),
        (String::new(), NoteError::Form("no blank line before the signatures")),
        ("\n\n".to_owned(), NoteError::Form("no newline at the end")),
        ("\n\n\n".to_owned(), NoteError::Form("no newline at the end")),
    ] {
        assert_eq!(SignedNote::parse(&refused), Err(error), "{refused:?}");
    }
    let many = |count: usize| SignedNote::parse(&format!("{text}\n\n{}", format!("{line}\n").repeat(count)));
    assert_eq!(many(100).unwrap().signatures().len(), 100);
    assert_eq!(many(101), Err(NoteError::TooManySignatures));

    assert_eq!(
        log_signer().sign("no newline").unwrap_err(),
        NoteError::Form("no newline at the end")
    );
    assert_eq!(log_signer().sign("tab\t\n").unwrap_err(), NoteError::Character);
    for name in ["", "a b", "a+b", "a\n", "a\u{a0}b", "\u{1}"] {
        assert_eq!(
            NoteSigner::new(name, private_key(0)).unwrap_err(),
            NoteError::Name,
            "{name:?}"
        );
    }
}

#[test]
fn a_note_is_verified_by_the_keys_one_knows() {
    let log = log_signer();
    let other = NoteSigner::new("other", private_key(9)).unwrap();
    let note = signed("text\n");
    assert_eq!(note.verify(other.key()), Err(NoteError::NotSigned("other".to_owned())));
    // The same key under another name, and another key under the same name, are others.
    let renamed = NoteSigner::new("renamed", private_key(0)).unwrap();
    assert_eq!(
        note.verify(renamed.key()),
        Err(NoteError::NotSigned("renamed".to_owned()))
    );
    let impostor = NoteSigner::new(ORIGIN, private_key(9)).unwrap();
    assert_eq!(
        note.verify(impostor.key()),
        Err(NoteError::NotSigned(ORIGIN.to_owned()))
    );
    // An unknown signature beside it changes nothing; a failing one of a known key refuses the whole note.
    let both = SignedNote::parse(&format!("{note}{}\n", other.sign("else\n").unwrap().signatures()[0])).unwrap();
    both.verify(log.key()).unwrap();
    assert_eq!(both.verify(other.key()), Err(NoteError::Signature("other".to_owned())));
    let twice = SignedNote::parse(&format!("{note}{}\n", signed("else\n").signatures()[0])).unwrap();
    assert_eq!(twice.verify(log.key()), Err(NoteError::Signature(ORIGIN.to_owned())));
}

#[test]
fn verifier_keys() {
    let vkey = log_signer().key().to_string();
    assert_eq!(
        vkey,
        "ledger.example/log1+7d41893d+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4"
    );
    assert_eq!(NoteKey::parse(&vkey).unwrap(), *log_signer().key());
    for refused in [
        "".to_owned(),
        "name+00000000".to_owned(),
        format!("{vkey}\n"),
        format!(" {vkey}"),
        vkey.replace("7d41893d", "7D41893D"),
        vkey.replace("7d41893d", "7d41893"),
        vkey.replace("7d41893d", "7d41893e"),
        vkey.replace("+AQO", "+BAO"),
        vkey.replace("TG4", "TG"),
        format!("{vkey}A"),
        vkey.replace("ledger", "l edger"),
    ] {
        NoteKey::parse(&refused).expect_err(&refused);
    }
    // A weak key is refused even with its proper id.
    let weak = [&[1][..], &[0; 32]].concat();
    let id = sha256(&[b"weak\n", &weak[..]].concat()).to_string();
    let vkey = format!("weak+{}+AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", &id[..8]);
    assert!(matches!(NoteKey::parse(&vkey), Err(NoteError::Key(_))), "{vkey}");
}

#[test]
fn checkpoints() {
    let root = sha256(b"root");
    let checkpoint = Checkpoint {
        origin: ORIGIN.to_owned(),
        size: 70,
        root,
    };
    let text = checkpoint.to_text();
    assert_eq!(Checkpoint::parse(&text).unwrap(), checkpoint);
    let note = checkpoint.sign(&log_signer()).unwrap();
    assert_eq!(Checkpoint::open(&note, log_signer().key()).unwrap(), checkpoint);
    for refused in [
        text.trim_end().to_owned(),
        format!("{text}\n"),
        format!("{text}extension\n"),
        text.replace("70", "070"),
        text.replace("70", "+70"),
        text.replace("70", "-70"),
        text.replace("70", " 70"),
        text.replace("70", "7e1"),
        text.replace("70", ""),
        text.replace("70", "18446744073709551616"),
        text.replace("70", "0"),
        text.replace("=\n", "\n"),
        text.replace('\n', "\r\n"),
        text.replace(ORIGIN, ""),
        String::new(),
        "\n\n\n".to_owned(),
    ] {
        assert!(
            matches!(Checkpoint::parse(&refused), Err(CheckpointError::Form(_))),
            "{refused:?}"
        );
    }
    let largest = text.replace("70", &u64::MAX.to_string());
    assert_eq!(Checkpoint::parse(&largest).unwrap().to_text(), largest);
    let empty = Checkpoint {
        origin: ORIGIN.to_owned(),
        size: 0,
        root: Hash::EMPTY_ROOT,
    };
    assert_eq!(Checkpoint::parse(&empty.to_text()).unwrap(), empty);
}

#[test]
fn nothing_malformed_or_foreign_is_signed_or_opened() {
    let root = sha256(b"root");
    let sign = |origin: &str, size| {
        Checkpoint {
            origin: origin.to_owned(),
            size,
            root,
        }
        .sign(&log_signer())
    };
    assert!(matches!(sign("other", 1), Err(CheckpointError::Origin { .. })));
    assert!(matches!(sign("a\nb", 1), Err(CheckpointError::Form(_))));
    assert!(matches!(sign(ORIGIN, 0), Err(CheckpointError::Form(_))));
    // Signed by the log's key, but of another log, or no checkpoint at all.
    let foreign = Checkpoint {
        origin: "other".to_owned(),
        size: 1,
        root,
    }
    .to_text();
    let opened = Checkpoint::open(&signed(&foreign), log_signer().key());
    assert!(matches!(opened, Err(CheckpointError::Origin { .. })));
    let opened = Checkpoint::open(&signed("text\n"), log_signer().key());
    assert!(matches!(opened, Err(CheckpointError::Form(_))));
}

#[test]
fn tile_paths() {
    for path in [
        "0/000",
        "0/x001/234.p/7",
        "63/999.p/255",
        "7/x001/000",
        "entries/x018/x446/x744/x073/x709/x551/615",
        "entries/255.p/1",
    ] {
        assert_eq!(TilePath::parse(path).unwrap().to_string(), path);
    }
    for refused in [
        "",
        "0",
        "0/",
        "/000",
        "0/0",
        "0/00",
        "0/0000",
        "0/1000",
        "00/000",
        "+0/000",
        "64/000",
        "-1/000",
        "256/000",
        "0/x000/000",
        "0/x000/001",
        "0/001/234",
        "0/x001/x234",
        "0/x001",
        "0/x01/234",
        "0/+12",
        "0/ 12",
        "0/000.p/0",
        "0/000.p/256",
        "0/000.p/01",
        "0/000.p/+1",
        "0/000.p/",
        "0/000.p",
        "0/000.P/1",
        "0/000.p/1.p/1",
        "0/000/",
        "0//000",
        "0/000?x",
        "data/000",
        "Entries/000",
        "entries/000/000",
        "entries/x018/x446/x744/x073/x709/x551/616",
        "entries/x999/x999/x999/x999/x999/x999/x999/x999/999",
        "0/٣٤٥",
        "tile/0/000",
    ] {
        TilePath::parse(refused).expect_err(refused);
    }
}

#[test]
fn which_tiles_exist() {
    let exists = |path: &str, size| TilePath::parse(path).unwrap().exists_at(size);
    assert!(exists("0/000.p/7", 7) && exists("0/000.p/6", 7) && !exists("0/000.p/8", 7) && !exists("0/000", 7));
    assert!(exists("0/000", 256) && exists("0/000.p/7", 256) && exists("1/000.p/1", 256) && !exists("1/000.p/1", 255));
    assert!(!exists("0/001.p/1", 256) && exists("0/001.p/1", 257) && exists("entries/001.p/1", 257));
    assert!(!exists("63/000.p/1", u64::MAX) && exists("7/000.p/255", u64::MAX) && !exists("7/000", u64::MAX));
    assert!(!exists("entries/x018/x446/x744/x073/x709/x551/615", u64::MAX));
}

#[test]
fn tlog_proofs() {
    let proof = example().receipt.proof;
    let text = proof.to_string();
    assert_eq!(TlogProof::parse(&text).unwrap(), proof);
    let extra = TlogProof {
        extra: Some(b"note".to_vec()),
        ..proof.clone()
    };
    assert_eq!(TlogProof::parse(&extra.to_string()).unwrap(), extra);
    let hash = proof.hashes[0].to_base64();
    for refused in [
        text.replace("@v1", "@v2"),
        text.replace("index 2", "index 02"),
        text.replace("index 2", "index +2"),
        text.replace("index 2\n", ""),
        text.replace("index 2", "index 2\nindex 2"),
        text.replace("index 2\n", "index 2\n\n"),
        text.replace("index 2", "extra bm90ZQ\nindex 2"),
        text.replace("index 2", "extra bm90ZQ==\nextra bm90ZQ==\nindex 2"),
        text.replace("index 2", "index 2\nextra bm90ZQ=="),
        text.replace(&hash, &hash[..40]),
        text.replace(&hash, &format!("{hash} ")),
        text.replace('\n', "\r\n"),
        text.trim_end().to_owned(),
        format!("{text}\n"),
        String::new(),
    ] {
        TlogProof::parse(&refused).expect_err(&refused);
    }
    let long = |count: usize| text.replace(&format!("{hash}\n"), &format!("{hash}\n").repeat(count));
    assert_eq!(TlogProof::parse(&long(61)).unwrap().hashes.len(), 63);
    assert!(matches!(TlogProof::parse(&long(62)), Err(TlogProofError::Proof(_))));
}
