//! Bytes of anybody's choosing: parsers answer and never panic, and what they accept they write again identically.

use ledger::{
    AddCheckpoint, Checkpoint, CosignerKey, Edge, Entry, Envelope, EnvelopeError, FullTile, Hash, KeyId, NoteKey,
    Policy, PrivateKey, PublicKey, Receipt, SignedNote, TileId, TilePath, TlogProof, entry_bundle, json,
};
use proptest::prelude::*;

use crate::cosigning::witness;
use crate::support::{example, log_signer, private_key};

/// Gives the bytes to every parser there is.
fn every_parser(bytes: &[u8]) {
    if let Ok(envelope) = Envelope::parse(bytes) {
        assert_eq!(Envelope::parse(envelope.to_json().as_bytes()).unwrap(), envelope);
        let _ = envelope.verify(|_| vec![private_key(64).public()]);
    }
    if let Ok(receipt) = Receipt::parse(bytes) {
        assert_eq!(Receipt::parse(receipt.to_json().as_bytes()).unwrap(), receipt);
        let _ = receipt.verify(log_signer().key(), bytes);
    }
    if let Ok(value) = json::parse(bytes) {
        // The same as serde_json reads, since there are no duplicates to lose.
        assert_eq!(serde_json::from_slice::<serde_json::Value>(bytes).unwrap(), value);
    }
    if let Ok(entry) = Entry::parse(bytes) {
        assert_eq!(entry.encode(), bytes);
    }
    let _ = PublicKey::from_spki_der(bytes);
    let _ = FullTile::from_bytes(TileId { level: 0, index: 0 }, bytes);
    for width in [0, 1, 7, 256, u16::MAX] {
        if let Ok(entries) = entry_bundle::parse(bytes, width) {
            let mut again = Vec::new();
            entries
                .iter()
                .for_each(|entry| entry_bundle::append(&mut again, entry).unwrap());
            assert_eq!(again, bytes);
        }
    }
    for size in [0, 1, 255, 256, 65_537, bytes.len() as u64 / 32, u64::MAX] {
        if let Ok(edge) = Edge::decode(size, bytes) {
            assert_eq!(edge.encode(), bytes);
        }
    }
    let _ = Policy::parse(bytes).map(|policy| policy.evaluate(&example().receipt.proof.checkpoint).map(drop));
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(request) = AddCheckpoint::parse(text) {
        assert_eq!(request.to_string(), text);
        let _ = (
            request.check_signed([log_signer().key()]),
            request.check_continues(None),
        );
    }
    if let Ok(key) = CosignerKey::parse(text) {
        assert_eq!(key.to_string(), text);
    }
    if let Ok(note) = SignedNote::parse(text) {
        assert_eq!(note.to_string(), text);
        let _ = Checkpoint::open(&note, log_signer().key());
    }
    if let Ok(checkpoint) = Checkpoint::parse(text) {
        assert_eq!(checkpoint.to_text(), text);
    }
    if let Ok(proof) = TlogProof::parse(text) {
        assert_eq!(proof.to_string(), text);
        let _ = proof.verify(log_signer().key(), &Hash::EMPTY_ROOT);
    }
    if let Ok(key) = NoteKey::parse(text) {
        assert_eq!(key.to_string(), text);
    }
    if let Ok(path) = TilePath::parse(text) {
        assert_eq!(path.to_string(), text);
        let _ = path.exists_at(u64::MAX);
    }
    if let Ok(id) = text.parse::<KeyId>() {
        assert_eq!(id.to_string(), text);
    }
    let _ = (
        PublicKey::from_pem(text),
        PrivateKey::from_pem(text),
        Hash::from_base64(text),
        Hash::from_hex(text),
    );
}

/// One of each format.
fn specimens() -> Vec<Vec<u8>> {
    let example = example();
    vec![
        example.receipt.proof.to_string().into_bytes(),
        example.receipt.proof.checkpoint.to_string().into_bytes(),
        example.receipt.proof.checkpoint.text().as_bytes().to_vec(),
        example.receipt.to_json().into_bytes(),
        example.receipt.entry,
        example.envelope.into_bytes(),
        log_signer().key().to_string().into_bytes(),
        witness().key().to_string().into_bytes(),
        format!(
            "old 3\n{}\n\n{}",
            Hash::EMPTY_ROOT.to_base64(),
            example.receipt.proof.checkpoint
        )
        .into_bytes(),
        format!(
            "log {}\nwitness w {} http://w\ngroup g any w\nquorum g\n",
            log_signer().key(),
            witness().key()
        )
        .into_bytes(),
        private_key(0).to_pem().as_bytes().to_vec(),
        private_key(0).public().to_pem().into_bytes(),
        private_key(0).public().to_spki_der().to_vec(),
        b"0/x001/234.p/7".to_vec(),
        br#"{"a":[1,-2,3.5e7,true,null,"\u00e9\ud83d\ude00"],"b":{"c":{}}}"#.to_vec(),
    ]
}

/// Pieces that formats are made of.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let marks: &[&[u8]] = &[
        b"\n",
        b"\n\n",
        b"\r",
        b"\0",
        b" ",
        b"+",
        b"/",
        b"=",
        b"0",
        b"-",
        b"x",
        b".p/",
        b"\"",
        b"\\",
        b"{",
        b"}",
        b"[",
        b"]",
        b":",
        b",",
        b"\xe2\x80\x94 ",
        b"\xff",
        b"\xed\xa0\x80",
        b"18446744073709551615",
        b"18446744073709551616",
        b"e999",
        b"index ",
        b"extra ",
        b"old ",
        b"group g any w\n",
        b"quorum none\n",
        b"\t#",
        b"\"sig\":",
        b"AAAA",
        b"-----BEGIN PRIVATE KEY-----\n",
    ];
    prop_oneof![
        prop::sample::select(marks).prop_map(<[u8]>::to_vec),
        prop::collection::vec(any::<u8>(), 0..8)
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        every_parser(&bytes);
    }

    #[test]
    fn random_pieces(pieces in prop::collection::vec(piece(), 0..40)) {
        every_parser(&pieces.concat());
    }

    #[test]
    fn specimens_with_pieces(
        which: prop::sample::Index,
        cuts in prop::collection::vec((any::<prop::sample::Index>(), 0usize..6, piece()), 1..4),
    ) {
        let specimens = specimens();
        let mut bytes = specimens[which.index(specimens.len())].clone();
        for (at, removed, piece) in cuts {
            let start = at.index(bytes.len() + 1);
            let end = bytes.len().min(start + removed);
            bytes.splice(start..end, piece);
        }
        every_parser(&bytes);
    }

    #[test]
    fn any_envelope_returns(
        payload_type in "[!-~]{1,80}",
        payload in prop::collection::vec(any::<u8>(), 0..300),
        keyid in prop::option::of(".{1,20}"),
    ) {
        let mut envelope = Envelope::sign(&payload_type, &payload, &[&private_key(0)]);
        envelope.signatures[0].keyid = keyid;
        prop_assert_eq!(&Envelope::parse(envelope.to_json().as_bytes()).unwrap(), &envelope);
        let verified = envelope.verify(|_| vec![private_key(0).public()]).unwrap();
        prop_assert_eq!(verified.payload(), &payload[..]);
        let entry = verified.entry(1, &[0; 32]);
        prop_assert_eq!(Entry::parse(&entry.encode()).unwrap(), entry);
    }
}

#[test]
fn specimens_are_accepted_somewhere() {
    specimens().iter().for_each(|bytes| every_parser(bytes));
}

/// A megabyte of the worst kinds is answered within moments: nothing here is worse than linear.
#[test]
fn large_inputs() {
    const MEGABYTE: usize = 1 << 20;
    let members: String = (0..80_000).map(|i| format!("\"m{i}\":0,")).collect();
    let inputs = [
        "[".repeat(MEGABYTE),
        "{\"a\":".repeat(MEGABYTE / 5),
        "\n".repeat(MEGABYTE),
        "\u{2014} a AAAAAAAA\n".repeat(MEGABYTE / 16),
        format!("{{{members}\"payload\":\"\"}}"),
        format!("{{\"signatures\":[{}]}}", "{\"sig\":\"\"},".repeat(MEGABYTE / 11)),
        format!("{{\"payload\":\"{}\"}}", "A".repeat(MEGABYTE)),
        "9".repeat(MEGABYTE),
        format!(
            "c2sp.org/tlog-proof@v1\nindex 0\n{}",
            format!("{}\n", Hash::EMPTY_ROOT.to_base64()).repeat(20_000)
        ),
        "x001/".repeat(MEGABYTE / 5),
        format!(
            "old 0\n{}",
            format!("{}\n", Hash::EMPTY_ROOT.to_base64()).repeat(20_000)
        ),
        format!("group g any {}\n", "w ".repeat(MEGABYTE / 2)),
        "log a+00000000+AQ\n".repeat(MEGABYTE / 18),
        format!("0/{}", "x001/".repeat(MEGABYTE / 5)),
        "-----BEGIN PUBLIC KEY-----\n".repeat(MEGABYTE / 27),
    ];
    let before = processor_seconds();
    inputs.iter().for_each(|input| every_parser(input.as_bytes()));
    if let (Some(before), Some(after)) = (before, processor_seconds()) {
        assert!(after - before < 20.0, "{} s", after - before);
    }
}

/// What this thread has had of the processors so far, where the system says so: others may keep it waiting.
fn processor_seconds() -> Option<f64> {
    let statistics = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanoseconds: f64 = statistics.split(' ').next()?.parse().ok()?;
    Some(nanoseconds / 1e9)
}

#[test]
fn all_signatures_of_an_envelope_share_the_keys_that_are_tried() {
    let signer = private_key(99);
    let strangers: Vec<PublicKey> = (0..70).map(|seed| private_key(seed).public()).collect();
    let unnamed = |payload: &[u8], signatures: usize| {
        let mut envelope = Envelope::sign("a/b", payload, &vec![&signer; signatures]);
        envelope
            .signatures
            .iter_mut()
            .for_each(|signature| signature.keyid = None);
        envelope
    };
    // The signer among strangers, with so many of them before it.
    let verify = |envelope: Envelope, before: usize| {
        let keys = [&strangers[..before], &[signer.public()], &strangers[before..]].concat();
        envelope
            .verify(|_| keys.clone())
            .map(|verified| verified.signers().len())
    };
    assert_eq!(verify(unnamed(b"payload", 1), 63), Ok(1));
    assert_eq!(verify(unnamed(b"payload", 1), 64), Err(EnvelopeError::Tries(64)));
    assert_eq!(verify(unnamed(b"payload", 16), 64), Err(EnvelopeError::Tries(64)));
    let large = vec![b'x'; 700_000];
    assert_eq!(verify(unnamed(&large, 16), 15), Ok(1));
    assert_eq!(verify(unnamed(&large, 16), 16), Err(EnvelopeError::Tries(16)));

    // Those that are named are verified, whatever stands before them.
    let mut named = unnamed(&large, 16);
    named.signatures[15].keyid = Some("the signer".to_owned());
    let keys = |keyid: Option<&str>| keyid.map_or(strangers.clone(), |_| vec![signer.public()]);
    assert_eq!(named.verify(keys).unwrap().signers().len(), 1);
}
