//! Entries, envelopes, receipts and JSON: what is accepted, and for which reason anything else is refused.

use ledger::{
    Entry, EntryError, Envelope, EnvelopeError, EnvelopeSignature, NoteSigner, PublicKey, Receipt, ReceiptError,
    Signer, TlogProof, TlogProofError, commitment, json, sha256,
};

use crate::support::{SALT, example, log_signer, private_key};

#[test]
fn entries() {
    let signers = [1, 2].map(|byte| Signer {
        key: ledger::KeyId([byte; 32]),
        signature: sha256(&[byte]),
    });
    let entry = Entry::new(1_700_000_000_000, commitment(&SALT, b"pae"), "a/b; v=1", &signers).unwrap();
    let text = String::from_utf8(entry.encode()).unwrap();
    assert_eq!(Entry::parse(text.as_bytes()).unwrap(), entry);
    assert_eq!(
        text,
        format!(
            "shipslog-entry/v1\ntime 1700000000000\ncommitment {}\npayload-type a/b; v=1\nsigner {} {}\nsigner {} {}\n",
            sha256(&[b"shipslog-commitment/v1\0", &SALT[..], b"pae"].concat()).to_base64(),
            "01".repeat(32),
            sha256(&[1]).to_base64(),
            "02".repeat(32),
            sha256(&[2]).to_base64(),
        )
    );
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    for refused in [
        text.trim_end().to_owned(),
        format!("{text}\n"),
        text.replace("/v1", "/v2"),
        text.replace("time 1", "time 01"),
        text.replace("time 1", "time +1"),
        text.replace("time ", "time  "),
        text.replace("a/b; v=1", ""),
        text.replace("a/b; v=1", " a/b"),
        text.replace("a/b; v=1", "a/b\u{e9}"),
        text.replace("a/b; v=1", "a/b\u{7f}"),
        text.replace("a/b; v=1", &"x".repeat(256)),
        text.replace('\n', "\r\n"),
        text.replace("0101", "0A01"),
        text.replace("=\n", "\n"),
        lines[..4].concat(),
        [&lines[..4], &[lines[5], lines[4]]].concat().concat(),
        [&lines[..5], &[lines[4]]].concat().concat(),
        [lines[0], lines[2], lines[1], lines[3], lines[4]].concat(),
    ] {
        Entry::parse(refused.as_bytes()).expect_err(&refused);
    }
    Entry::parse(&[]).unwrap_err();
    Entry::parse(&[0xff; 100]).unwrap_err();
    assert_eq!(Entry::parse(&[b'x'; 1025]), Err(EntryError::TooLong));
}

#[test]
fn an_entry_has_1024_bytes_at_most() {
    let signers: Vec<Signer> = (0..16)
        .map(|byte| Signer {
            key: ledger::KeyId([byte; 32]),
            signature: sha256(&[byte]),
        })
        .collect();
    for length in 1..=255 {
        let payload_type = "x".repeat(length);
        let fits = |count: usize| Entry::new(u64::MAX, sha256(b""), &payload_type, &signers[..count]);
        let most = (1..=16).take_while(|count| fits(*count).is_ok()).count();
        assert!((5..=7).contains(&most), "{most} signers of {length}");
        let entry = fits(most).unwrap().encode();
        assert!(entry.len() <= 1024 && entry.len() + 117 > 1024);
        assert_eq!(Entry::parse(&entry).unwrap().encode(), entry);
        assert_eq!(fits(most + 1), Err(EntryError::TooLong));
    }
    assert_eq!(Entry::new(0, sha256(b""), "x", &[]), Err(EntryError::Signers));
    assert_eq!(
        Entry::new(0, sha256(b""), "x", &[signers[1], signers[0]]),
        Err(EntryError::Signers)
    );
    assert_eq!(
        Entry::new(0, sha256(b""), "x", &[signers[1], signers[1]]),
        Err(EntryError::Signers)
    );
}

fn refused(envelope: &str) -> (String, String) {
    match Envelope::parse(envelope.as_bytes()) {
        Err(EnvelopeError::Json(error)) => (error.pointer, error.message),
        other => panic!("{envelope}: {other:?}"),
    }
}

#[test]
fn envelopes() {
    let read = |text: &str| Envelope::parse(text.as_bytes()).unwrap();
    let plain = read(r#"{"payloadType":"a/b","payload":"+/8=","signatures":[{"keyid":"k","sig":"+/8="}]}"#);
    assert_eq!(
        (plain.payload_type.as_str(), &plain.payload[..]),
        ("a/b", &[0xfb, 0xff][..])
    );
    let signature = EnvelopeSignature {
        keyid: Some("k".to_owned()),
        sig: vec![0xfb, 0xff],
    };
    assert_eq!(plain.signatures, [signature]);
    assert_eq!(Envelope::parse(plain.to_json().as_bytes()).unwrap(), plain);
    // Another order, other base64, escapes, white space, unknown members.
    for same in [
        r#"{"signatures":[{"sig":"-_8","keyid":"k"}],"payload":"-_8=","payloadType":"a\/b"}"#,
        r#" {"payload" : "+/8", "payloadT\u0079pe":"a/b","x":{"x":[1,{"x":null}]},"signatures":[{"sig":"+\/8=","keyid":"\u006b","y":1}]} "#,
    ] {
        assert_eq!(read(same), plain);
    }
    assert_eq!(
        read(r#"{"payloadType":"a","payload":"","signatures":[{"keyid":"","sig":""}]}"#).signatures[0].keyid,
        None
    );

    for (envelope, pointer, message) in [
        ("[]", "", "invalid type: sequence, expected a DSSE envelope"),
        ("", "", "EOF while parsing a value"),
        (
            r#"{"payloadType":1}"#,
            "/payloadType",
            "invalid type: integer `1`, expected a payload type",
        ),
        (r#"{"payload":"","payload":""}"#, "/payload", "the member occurs twice"),
        (r#"{"payload":"*"}"#, "/payload", "not base64"),
        (r#"{"payload":"A-/A"}"#, "/payload", "not base64"),
        (r#"{"payload":null}"#, "/payload", "invalid type: null, expected base64"),
        (r#"{}"#, "/payloadType", "the member is missing"),
        (r#"{"payloadType":"a"}"#, "/payload", "the member is missing"),
        (
            r#"{"payloadType":"a","payload":""}"#,
            "/signatures",
            "the member is missing",
        ),
        (r#"{"signatures":[]}"#, "/signatures", "no signatures"),
        (
            r#"{"signatures":{}}"#,
            "/signatures",
            "invalid type: map, expected an array of signatures",
        ),
        (
            r#"{"signatures":[{"sig":""},1]}"#,
            "/signatures/1",
            "invalid type: integer `1`, expected a signature",
        ),
        (
            r#"{"signatures":[{"sig":""},{}]}"#,
            "/signatures/1/sig",
            "the member is missing",
        ),
        (
            r#"{"signatures":[{"sig":"","keyid":2}]}"#,
            "/signatures/0/keyid",
            "invalid type: integer `2`, expected a key id",
        ),
        (
            r#"{"signatures":[{"sig":"","sig":""}]}"#,
            "/signatures/0/sig",
            "the member occurs twice",
        ),
        (
            r#"{"signatures":[{"sig":"","a/~":1,"a/~":1}]}"#,
            "/signatures/0/a~1~0",
            "the member occurs twice",
        ),
        (r#"{"x":1,"x":1}"#, "/x", "the member occurs twice"),
        (
            r#"{"x":{"y":[0,{"z":1,"z":1}]}}"#,
            "/x/y/1/z",
            "the member occurs twice",
        ),
        (r#"{"payload":"","#, "", "EOF while parsing a value"),
        (
            "{\"payload\":\"\n\"}",
            "/payload",
            "control character (\\u0000-\\u001F) found while parsing a string",
        ),
    ] {
        assert_eq!(
            refused(envelope),
            (pointer.to_owned(), message.to_owned()),
            "{envelope}"
        );
    }
    let trailing = format!("{}x", plain.to_json());
    assert_eq!(refused(&trailing).1, "trailing characters");
    let many = |count: usize| {
        let signatures = vec![r#"{"sig":""}"#; count].join(",");
        Envelope::parse(format!(r#"{{"payloadType":"a","payload":"","signatures":[{signatures}]}}"#).as_bytes())
    };
    assert_eq!(many(16).unwrap().signatures.len(), 16);
    assert_eq!(many(17).unwrap_err().pointer(), "/signatures");
    let typed = |payload_type: &str| {
        Envelope::parse(
            format!(r#"{{"payloadType":"{payload_type}","payload":"","signatures":[{{"sig":""}}]}}"#).as_bytes(),
        )
    };
    for payload_type in ["", " a", "a\\n", "\u{e9}", &"a".repeat(256)] {
        let error = typed(payload_type).unwrap_err();
        assert_eq!(
            (&error, error.pointer()),
            (
                &EnvelopeError::Entry(EntryError::PayloadType),
                "/payloadType".to_owned()
            )
        );
    }
    typed(&"a".repeat(255)).unwrap();
}

#[test]
fn envelopes_are_verified_by_key() {
    let keys = [10, 20, 30].map(private_key);
    let [a, b, c] = keys.each_ref();
    let public = |keys: &[&ledger::PrivateKey]| keys.iter().map(|key| key.public()).collect::<Vec<PublicKey>>();
    let envelope = Envelope::sign("a/b", b"payload", &[a, b, c]);
    let verified = envelope.clone().verify(|_| public(&[a, b, c])).unwrap();
    let ids: Vec<_> = verified.signers().iter().map(|signer| signer.key).collect();
    assert!(ids.is_sorted() && ids.len() == 3);
    assert_eq!(
        (verified.payload_type(), verified.payload(), verified.pae()),
        ("a/b", &b"payload"[..], &envelope.pae()[..])
    );
    for (signer, signature) in verified.signers().iter().zip(&verified.envelope().signatures) {
        assert_eq!(signature.keyid, Some(signer.key.to_string()));
        assert_eq!(signer.signature, sha256(&signature.sig));
    }
    // The canonical form is the same for every order and key id of the signatures.
    let mut other = envelope.clone();
    other.signatures.reverse();
    other.signatures[0].keyid = None;
    other.signatures[1].keyid = Some("production key".to_owned());
    assert_eq!(other.verify(|_| public(&[c, a, b])).unwrap(), verified);

    // Signatures of unknown keys are dropped.
    let one = envelope.clone().verify(|_| public(&[b])).unwrap();
    assert_eq!((one.signers().len(), one.envelope().signatures.len()), (1, 1));
    assert_eq!(one.signers()[0].key, b.public().id());
    // The same key twice, under two ids, counts once.
    let mut twice = Envelope::sign("a/b", b"payload", &[a, a]);
    twice.signatures[1].keyid = Some("another".to_owned());
    assert_eq!(twice.verify(|_| public(&[a])).unwrap().signers().len(), 1);

    assert_eq!(envelope.clone().verify(|_| Vec::new()), Err(EnvelopeError::UnknownKey));
    let stranger = private_key(40);
    assert_eq!(
        envelope.clone().verify(|_| public(&[&stranger])),
        Err(EnvelopeError::NoSignature)
    );
    // A signature that names a known key and is not by it refuses the envelope, though another signature verifies.
    let mut forged = envelope.clone();
    forged.signatures[1].sig[0] ^= 1;
    assert_eq!(forged.verify(|_| public(&[a, b, c])), Err(EnvelopeError::Signature(1)));
    // The key id only helps to find candidates: another key's id does not make a signature fail.
    let mut swapped = Envelope::sign("a/b", b"payload", &[a]);
    swapped.signatures[0].keyid = Some(b.public().id().to_string());
    assert_eq!(
        swapped.verify(|_| public(&[a, b])).unwrap().signers()[0].key,
        a.public().id()
    );
    // What was signed under another type does not verify.
    let mut retyped = envelope;
    retyped.payload_type = "a/c".to_owned();
    assert_eq!(retyped.verify(|_| public(&[a])), Err(EnvelopeError::Signature(0)));
}

#[test]
fn a_verified_envelope_fits_an_entry() {
    let keys: Vec<_> = (0..8).map(|i| private_key(i * 20)).collect();
    let all: Vec<_> = keys.iter().collect();
    let verify = |payload_type: &str, count: usize| {
        Envelope::sign(payload_type, b"", &all[..count]).verify(|_| all.iter().map(|key| key.public()).collect())
    };
    let entry = verify("a/b", 7).unwrap().entry(u64::MAX, &SALT);
    assert!(entry.encode().len() <= 1024);
    assert_eq!(Entry::parse(&entry.encode()).unwrap(), entry);
    assert_eq!(
        entry.commitment(),
        commitment(&SALT, &Envelope::sign("a/b", b"", &[]).pae())
    );
    assert_eq!(verify("a/b", 8), Err(EnvelopeError::Entry(EntryError::TooLong)));
    assert_eq!(verify("a\nb", 1), Err(EnvelopeError::Entry(EntryError::PayloadType)));
}

#[test]
fn json_is_strict() {
    let at = |text: &str| {
        let error = json::parse(text.as_bytes()).expect_err(text);
        (error.pointer, error.line, error.message)
    };
    assert_eq!(
        at(r#"{"a":[{"b":1,"b":2}]}"#),
        ("/a/0/b".into(), 1, "the member occurs twice".into())
    );
    assert_eq!(at("{\"a\":\n[1,,2]}"), ("/a/1".into(), 2, "expected value".into()));
    assert_eq!(at(r#"{"":{"~/":tru}}"#).0, "//~0~1");
    assert_eq!(at("1 2").2, "trailing characters");
    assert_eq!(at("\u{feff}{}").2, "begins with a byte order mark");
    assert_eq!(at(r#"{"a":"\ud800"}"#).0, "/a");
    assert_eq!(at(r#"{"a":1e400}"#), ("/a".into(), 1, "number out of range".into()));
    for text in [
        "",
        "{",
        "[1,]",
        "{\"a\":1,}",
        "NaN",
        "01",
        "+1",
        "1.",
        "'a'",
        "{a:1}",
        "\"\t\"",
        "// x\n1",
        "tru",
    ] {
        at(text);
    }
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    json::parse(nested(64).as_bytes()).unwrap();
    assert_eq!(
        at(&nested(65)),
        ("/0".repeat(64), 1, "nested deeper than 64 levels".into())
    );
    let objects = |depth: usize| format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth));
    json::parse(objects(64).as_bytes()).unwrap();
    assert_eq!(at(&objects(65)).2, "nested deeper than 64 levels");

    let bad = json::parse(b"{\"a\":\n\"\xff\"}").unwrap_err();
    assert_eq!((bad.line, bad.column, bad.message.as_str()), (2, 2, "not UTF-8"));
    for overlong in [
        &b"\"\xc0\x80\""[..],
        b"\"\xed\xa0\x80\"",
        b"\"\xf4\x90\x80\x80\"",
        b"\xfe\xff",
    ] {
        json::parse(overlong).unwrap_err();
    }
}

#[test]
fn receipts() {
    let example = example();
    let log = log_signer();
    let text = example.receipt.to_json();
    let receipt = Receipt::parse(text.as_bytes()).unwrap();
    assert_eq!((&receipt, receipt.to_json()), (&example.receipt, text.clone()));
    let verified = receipt.verify(log.key(), example.envelope.as_bytes()).unwrap();
    assert_eq!(
        (verified.index, verified.checkpoint.size, verified.entry.time()),
        (2, 5, 1_700_000_000_000)
    );
    assert_eq!(verified.envelope.payload, br#"{"context":{"id":"1"}}"#);
    let authentic = verified.authenticate(|_| vec![example.producer]).unwrap();
    assert_eq!(authentic.signers(), verified.entry.signers());
    let stranger = private_key(1).public();
    assert!(matches!(
        verified.authenticate(|_| vec![stranger]),
        Err(ReceiptError::Envelope(_))
    ));
    // White space and order are free, as people format JSON.
    let pretty = serde_json::to_string_pretty(&json::parse(text.as_bytes()).unwrap()).unwrap();
    assert_eq!(Receipt::parse(pretty.as_bytes()).unwrap(), receipt);

    let pointer = |text: &str| match Receipt::parse(text.as_bytes()) {
        Err(ReceiptError::Member { pointer, .. }) => pointer,
        Err(ReceiptError::Json(error)) => error.pointer,
        other => panic!("{text}: {other:?}"),
    };
    assert_eq!(pointer("[]"), "");
    assert_eq!(pointer(&text.replace("\"index\":2", "\"index\":3")), "/index");
    assert_eq!(pointer(&text.replace("\"index\":2", "\"index\":2.0")), "/index");
    assert_eq!(pointer(&text.replace("\"index\":2,", "")), "/index");
    assert_eq!(
        pointer(&text.replace("\"index\":2,", "\"index\":2,\"index\":2,")),
        "/index"
    );
    assert_eq!(pointer(&text.replace("\"salt\"", "\"s/lt\"")), "/salt");
    assert_eq!(pointer(&text.replace("{\"index\"", "{\"a/b\":1,\"index\"")), "/a~1b");
    assert_eq!(pointer(&text.replace("\"salt\":\"B", "\"salt\":\"")), "/salt");
    assert_eq!(pointer(&text.replace("\"entry\":\"", "\"entry\":\"*")), "/entry");
    assert_eq!(pointer(&text.replace("@v1", "@v2")), "/proof");
    assert_eq!(
        pointer(&text.replace("\\nindex 2", "\\nextra AA==\\nindex 2")),
        "/proof"
    );
    assert_eq!(
        pointer(&text.replace("sha256\":\"", "sha256\":\"0")),
        "/envelope_sha256"
    );
}

#[test]
fn a_receipt_is_for_one_envelope_and_one_log() {
    let example = example();
    let (log, receipt, envelope) = (log_signer(), example.receipt, example.envelope.as_bytes());
    let other_log = NoteSigner::new("other", private_key(0)).unwrap();
    assert!(matches!(
        receipt.verify(other_log.key(), envelope),
        Err(ReceiptError::Proof(_))
    ));
    // The same content in another spelling is not what was sent.
    let spaced = format!(" {}", example.envelope);
    assert_eq!(receipt.verify(log.key(), spaced.as_bytes()), Err(ReceiptError::Digest));

    // Whoever rewrites the receipt's own digest to fit still has to meet the entry.
    let forge = |envelope: &Envelope| {
        let json = envelope.to_json();
        let forged = Receipt {
            envelope_sha256: sha256(json.as_bytes()),
            ..receipt.clone()
        };
        forged.verify(log.key(), json.as_bytes())
    };
    let original = Envelope::parse(envelope).unwrap();
    forge(&original).unwrap();
    let other = Envelope {
        payload: b"{}".to_vec(),
        ..original.clone()
    };
    assert_eq!(forge(&other), Err(ReceiptError::Commitment));
    let other = Envelope {
        payload_type: "a/b".to_owned(),
        ..original.clone()
    };
    assert_eq!(forge(&other), Err(ReceiptError::PayloadType));
    let mut other = original.clone();
    other.signatures[0].sig[0] ^= 1;
    assert_eq!(forge(&other), Err(ReceiptError::Signer(example.producer.id())));
    // A signature that the log did not accept is not taken over, though its key be trusted.
    let mut other = original.clone();
    let second = private_key(99);
    other
        .signatures
        .push(Envelope::sign(&original.payload_type, &original.payload, &[&second]).signatures[0].clone());
    let verified = forge(&other).unwrap();
    assert_eq!(verified.envelope.signatures, original.signatures);
    assert_eq!(
        verified
            .authenticate(|_| vec![example.producer, second.public()])
            .unwrap()
            .signers()
            .len(),
        1
    );

    let salted = Receipt {
        salt: [8; 32],
        ..receipt.clone()
    };
    assert_eq!(salted.verify(log.key(), envelope), Err(ReceiptError::Commitment));
    let moved = Receipt {
        proof: TlogProof {
            index: 1,
            ..receipt.proof.clone()
        },
        ..receipt.clone()
    };
    assert!(matches!(
        moved.verify(log.key(), envelope),
        Err(ReceiptError::Proof(TlogProofError::Proof(_)))
    ));
}

#[test]
fn what_is_no_json_is_told_in_plain_words() {
    let said = |text: &str| ledger::json::parse(text.as_bytes()).unwrap_err().to_string();
    assert_eq!(said("x"), "expected value (line 1 column 1)");
    assert_eq!(said("\u{feff}{}"), "begins with a byte order mark (line 1 column 1)");
    assert_eq!(said("{\"a\":x}"), "expected value (\"/a\", line 1 column 6)");
}
