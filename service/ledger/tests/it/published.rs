//! What is published about the formats, in their specifications and by other implementations.

use ledger::{
    Envelope, Hash, NodeId, NoteError, NoteKey, NoteSigner, PrivateKey, ProofPlan, SignedNote, leaf_hash, node_hash,
    partial_width,
};

use crate::support::{Tree, hex, private_key};

/// The example of C2SP signed-note.
#[test]
fn the_signed_note_example() {
    let vkey = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
    let signature = "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=";
    let note = format!("This is an example message.\n\n\u{2014} example.com/foo {signature}\n");
    let key = NoteKey::parse(vkey).unwrap();
    assert_eq!(
        (key.name(), key.id(), key.to_string()),
        ("example.com/foo", [0x53, 0x0d, 0x90, 0x3a], vkey.to_owned())
    );
    let signed = SignedNote::parse(&note).unwrap();
    assert_eq!(
        (signed.text(), signed.to_string()),
        ("This is an example message.\n", note)
    );
    signed.verify(&key).unwrap();
}

/// The key and the note of the tests of Go's golang.org/x/mod/sumdb/note.
#[test]
fn the_go_note() {
    let text = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
    let vkey = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    let signature = "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=";
    // The last 32 bytes of its private key PRIVATE+KEY+PeterNeumann+c74f20a3+AYEK….
    let seed = hex("810a1402d5146c8d84f2443330f54080ebf98ee17d9c74f6252fc5d5c7283173")
        .try_into()
        .unwrap();
    let signer = NoteSigner::new("PeterNeumann", PrivateKey::from_seed(seed)).unwrap();
    assert_eq!(signer.key().to_string(), vkey);
    let note = signer.sign(text).unwrap();
    assert_eq!(note.to_string(), format!("{text}\n\u{2014} PeterNeumann {signature}\n"));
    note.verify(&NoteKey::parse(vkey).unwrap()).unwrap();
}

/// Keys of other logs, whose ids are recomputed.
#[test]
fn verifier_keys_in_use() {
    for vkey in [
        "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx",
        "transparency.dev/tessera/example+ae330e15+ASf4/L1zE859VqlfQgGzKy34l91Gl8W6wfwp+vKP62DW",
        "log.example.org+0a72cd63+AV2yLmzeBL9B3zFJNqal0JuqxiFve0m/eqmT1+KkLVeC",
    ] {
        assert_eq!(NoteKey::parse(vkey).unwrap().to_string(), vkey);
        // The id belongs to this name and key, and to no other.
        assert!(matches!(
            NoteKey::parse(&format!("x{vkey}")),
            Err(NoteError::VerifierKey(_))
        ));
    }
}

/// The eight leaves that the tests of Certificate Transparency begin with, and the roots of the trees over them.
#[test]
fn the_certificate_transparency_tree() {
    let inputs = [
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    ];
    let roots = [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];
    let leaves: Vec<Hash> = inputs.iter().map(|input| leaf_hash(&hex(input))).collect();
    for (size, root) in (1..).zip(roots) {
        let tree = Tree::of(leaves[..size].iter().copied());
        assert_eq!(tree.edge.root().to_string(), root);
    }
    let tree = Tree::of(leaves);
    let proof = |plan: Option<ProofPlan>| -> Vec<String> {
        tree.assemble(plan.unwrap())
            .iter()
            .map(|hash| hash.to_string()[..8].to_owned())
            .collect()
    };
    assert_eq!(proof(ProofPlan::inclusion(0, 8)), ["96a296d2", "5f083f0a", "6b47aaf2"]);
    assert_eq!(proof(ProofPlan::inclusion(5, 8)), ["bc1a0643", "ca854ea1", "d37ee418"]);
    assert_eq!(proof(ProofPlan::inclusion(2, 3)), ["fac54203"]);
    assert_eq!(proof(ProofPlan::inclusion(1, 5)), ["6e340b9c", "5f083f0a", "bc1a0643"]);
    assert_eq!(
        proof(ProofPlan::consistency(1, 8)),
        ["96a296d2", "5f083f0a", "6b47aaf2"]
    );
    assert_eq!(
        proof(ProofPlan::consistency(6, 8)),
        ["0ebc5d34", "ca854ea1", "d37ee418"]
    );
    assert_eq!(proof(ProofPlan::consistency(2, 5)), ["5f083f0a", "bc1a0643"]);
}

#[test]
fn the_hashes_of_certificate_transparency() {
    assert_eq!(
        leaf_hash(b"L123456").to_string(),
        "395aa064aa4c29f7010acfe3f25db9485bbd4b91897b6ad7ad547639252b4d56"
    );
    // The reference test hashes short strings; a node of hashes is the same with 32 bytes a side.
    let (left, right) = (leaf_hash(b"N123"), leaf_hash(b"N456"));
    let joined = [&[1], &left.0[..], &right.0[..]].concat();
    assert_eq!(node_hash(&left, &right), ledger::sha256(&joined));
}

/// The pre-authentication encoding of DSSE's protocol.md, and one with a signature.
#[test]
fn the_dsse_encoding() {
    let envelope = Envelope::sign("http://example.com/HelloWorld", b"hello world", &[]);
    assert_eq!(
        envelope.pae(),
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    );

    let envelope = Envelope::sign("application/vnd.in-toto+json", br#"{"a":1}"#, &[&private_key(0)]);
    assert_eq!(envelope.pae(), br#"DSSEv1 28 application/vnd.in-toto+json 7 {"a":1}"#);
    assert_eq!(
        envelope.to_json(),
        format!(
            r#"{{"payloadType":"application/vnd.in-toto+json","payload":"eyJhIjoxfQ==","signatures":[{{"keyid":"{}","sig":"9JQymjJqlnmj/ErsvMYOuLDVoLANiO+detxkSNdg372rVnob78vm2M/iQvpw/lqmAkuF0grgF8BKYEw1ubjxAw=="}}]}}"#,
            private_key(0).public().id()
        )
    );
}

/// The example of C2SP tlog-tiles: a tree of 70,000 entries.
#[test]
fn the_tiles_of_70000_entries() {
    let size = 70_000;
    assert_eq!([0, 1, 2, 3].map(|level| partial_width(level, size)), [112, 17, 1, 0]);
    assert_eq!([0, 1, 2].map(|level| size >> (8 * level) >> 8), [273, 1, 0]);
    assert_eq!([0, 1, 2].map(|level| partial_width(level, 65_536)), [0, 0, 1]);
    assert_eq!([0, 1].map(|level| partial_width(level, 256)), [0, 1]);
    assert_eq!(partial_width(255, u64::MAX), 0);
    let top = NodeId { level: 16, index: 0 };
    assert_eq!(ledger::TileId::of(top), ledger::TileId { level: 2, index: 0 });
}
