//! One or more valid examples of each format: made here with fixed keys, and read from the shared vectors and payloads where
//! those are beside the checkout.

use std::fs;
use std::path::Path;

use ledger::{
    Checkpoint, Edge, Envelope, Hash, NoteKey, NoteSigner, PrivateKey, Receipt, SignedNote, TlogProof, leaf_hash,
    sha256,
};

fn signer() -> NoteSigner {
    NoteSigner::new("ledger.example/log1", PrivateKey::from_seed([1; 32])).unwrap()
}

/// Verifies the notes that are made here.
pub fn log_key() -> NoteKey {
    signer().key().clone()
}

/// A checkpoint of a tree of one entry.
pub fn signed_checkpoint() -> SignedNote {
    receipt().proof.checkpoint
}

fn envelope() -> Envelope {
    Envelope::sign(
        "application/vnd.cdevents+json",
        b"{}",
        &[&PrivateKey::from_seed([2; 32])],
    )
}

fn receipt() -> Receipt {
    let key = PrivateKey::from_seed([2; 32]).public();
    let verified = envelope().verify(|_| vec![key]).unwrap();
    let entry = verified.entry(1_700_000_000_000, &[7; 32]).encode();
    let mut edge = Edge::empty();
    edge.append(leaf_hash(&entry), &mut Vec::new());
    let checkpoint = Checkpoint {
        origin: "ledger.example/log1".to_owned(),
        size: 1,
        root: edge.root(),
    };
    Receipt {
        entry,
        salt: [7; 32],
        proof: TlogProof {
            extra: None,
            index: 0,
            hashes: Vec::new(),
            checkpoint: checkpoint.sign(&signer()).unwrap(),
        },
        envelope_sha256: sha256(envelope().to_json().as_bytes()),
    }
}

/// The examples of a target.
pub fn of(target: &str, shared: &Path) -> Vec<Vec<u8>> {
    let receipt = receipt();
    let (proof, note) = (receipt.proof.to_string(), receipt.proof.checkpoint.to_string());
    let vectors = fs::read_to_string(shared.join("vectors/own-tlog-vectors.txt")).unwrap_or_default();
    let part = |begin: &str| vectors.find(begin).map(|at| vectors[at..].to_owned());
    let cosigned =
        part("ledger.example/log1\n7\n").and_then(|text| Some(text.split_once("\n\n--- ")?.0.to_owned() + "\n"));
    let text = |texts: Vec<Option<String>>| texts.into_iter().flatten().map(String::into_bytes).collect();
    match target {
        "note" => text(vec![Some(note), cosigned]),
        "checkpoint" => text(vec![
            Some(receipt.proof.checkpoint.text().to_owned()),
            cosigned.and_then(|note| Some(note.split_once("\n\n")?.0.to_owned() + "\n")),
        ]),
        "proof" => text(vec![
            Some(proof),
            part("c2sp.org/tlog-proof@v1\n").and_then(|text| Some(text.split_once("\nsha256 ")?.0.to_owned())),
        ]),
        "tile_path" => text(
            ["0/000", "1/x001/234.p/7", "entries/x123/x456/789", "entries/000.p/255"]
                .map(|path| Some(path.to_owned()))
                .into(),
        ),
        "entry" => vec![receipt.entry],
        "entry_bundle" => {
            let mut bundle = vec![0, 2];
            for _ in 0..2 {
                ledger::entry_bundle::append(&mut bundle, &receipt.entry).unwrap();
            }
            vec![bundle]
        }
        "envelope" => vec![envelope().to_json().into_bytes()],
        "receipt" => vec![receipt.to_json().into_bytes()],
        "bundle_line" => {
            let (salt, envelope) = (Hash(receipt.salt).to_base64(), envelope().to_json());
            text(vec![
                Some(format!("{{\"index\":7,\"salt\":\"{salt}\",\"envelope\":{envelope}}}\n")),
                Some("{\"index\":7,\"erased\":true}\n".to_owned()),
            ])
        }
        "cosignatures" => {
            let below = |note: String| Some(note.split_once("\n\n")?.1.to_owned());
            text(vec![below(note), cosigned.and_then(below)])
        }
        "policy" => text(vec![Some(policy())]),
        "witness_request" => {
            let hash = Hash::EMPTY_ROOT.to_base64();
            text(vec![
                Some(format!("old 0\n\n{note}")),
                Some(format!("old 1\n{hash}\n\n{note}")),
            ])
        }
        "event" => {
            let published = payloads(&shared.join("payloads/cdevents"), |_, bytes| bytes);
            // Alike in weight to the many of CDEvents.
            let snapshots = std::iter::repeat_n(SNAPSHOT.as_bytes().to_vec(), 10);
            published.into_iter().chain(snapshots).collect()
        }
        "webhook" => {
            let deliveries = payloads(&shared.join("payloads/github/octokit"), |folder, bytes| {
                [folder.as_bytes(), b"\n", &bytes].concat()
            });
            let notifications = payloads(&shared.join("payloads/alertmanager"), |_, bytes| {
                [b"alertmanager\n", &bytes[..]].concat()
            });
            // Alike in weight to the many of GitHub.
            let alerts = std::iter::repeat_n(NOTIFICATION.as_bytes().to_vec(), 20);
            deliveries.into_iter().chain(notifications).chain(alerts).collect()
        }
        other => panic!("no examples of {other}"),
    }
}

/// A runtime snapshot with everything that is read of one.
const SNAPSHOT: &str = r#"{"context":{"specversion":"0.5.1","id":"r1","source":"https://cloud.example","timestamp":"2026-03-01T10:00:00Z",
"type":"dev.cdeventsx.shipslog-snapshot.taken.0.1.0"},"subject":{"id":"production","content":{}},"customData":{"shipslog":{
"environment":"production","service":"shop","sequence":{"number":17,"series":"runtime","next_within_s":3600},
"snapshot":{"method":"kubernetes","complete":false,"services":["shop"],"unmapped":["pod x"],"running":[
{"service":"shop","artifact":"shop@sha256:0b31b1c02ff458ad9b7b81cbdf8f028bd54699fa151f221d1e8de6817db93427","version":"4.1","instances":3}]}}}}"#;

/// A notification of Alertmanager with everything that is read of one.
const NOTIFICATION: &str = r#"alertmanager
{"version":"4","groupKey":"{}:{}","truncatedAlerts":2,"status":"firing","receiver":"shipslog","externalURL":"http://a.example",
"alerts":[
{"status":"firing","labels":{"alertname":"A","service":"shop","environment":"production","severity":"high"},
"annotations":{"summary":"S","description":"D"},"startsAt":"2026-03-01T10:00:00.123456789Z","endsAt":"0001-01-01T00:00:00Z",
"generatorURL":"http://p.example/graph","fingerprint":"c6eadffa33fcdf37"},
{"status":"resolved","labels":{"job":"node"},"annotations":{},"startsAt":"2026-03-01T10:00:00+01:00","endsAt":"2026-03-01T11:00:00Z"}
]}"#;

/// A policy with everything that one can hold.
fn policy() -> String {
    let vkeys = part_of_witnesses();
    format!(
        "# a comment\nlog {}\nwitness one {} https://one.example/\nwitness two {}\ngroup both all one two\nquorum both\n",
        log_key(),
        vkeys[0],
        vkeys[1]
    )
}

fn part_of_witnesses() -> [String; 2] {
    [3, 4].map(|seed| {
        let private = PrivateKey::from_seed([seed; 32]);
        ledger::CosignerKey::new(&format!("witness.example/{seed}"), private.public())
            .unwrap()
            .to_string()
    })
}

/// Every JSON file below a folder, with the name of the folder it is in; none where that is absent.
fn payloads(folder: &Path, seed: fn(&str, Vec<u8>) -> Vec<u8>) -> Vec<Vec<u8>> {
    let (mut open, mut found) = (vec![folder.to_owned()], Vec::new());
    while let Some(folder) = open.pop() {
        let Ok(items) = fs::read_dir(&folder) else { continue };
        for path in items.filter_map(|item| Some(item.ok()?.path())) {
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "json") {
                found.push(path);
            }
        }
    }
    found.sort();
    let name = |path: &Path| {
        path.parent()
            .and_then(|parent| parent.file_name()?.to_str())
            .unwrap_or_default()
            .to_owned()
    };
    found
        .iter()
        .map(|path| seed(&name(path), fs::read(path).unwrap()))
        .collect()
}
