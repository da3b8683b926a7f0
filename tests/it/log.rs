//! The log for those who verify it: checkpoint, tiles, entry bundles, proofs, envelopes; all against the ledger crate.

use ledger::{
    Checkpoint, Edge, Entry, Frontier, Hash, NodeId, SignedNote, TileId, TlogProof, entry_bundle, leaf_hash,
    verify_consistency,
};
use rstest::rstest;
use serde_json::Value;

use crate::support::events::{deployed, sign};
use crate::support::http::Answer;
use crate::support::{Backend, TestApp, eventually};

/// An app with `count` events beside those it began with, and its newest checkpoint, published.
fn filled(backend: Backend, count: u64) -> Option<(TestApp, Checkpoint)> {
    let app = TestApp::start(backend)?;
    let lines: Vec<Vec<u8>> = (0..count)
        .map(|n| sign(&deployed(&format!("e{n}"), "checkout", "production", n), &app.pipeline))
        .collect();
    app.client
        .post("/v1/events/batch", "application/x-ndjson", &lines.join(&b'\n'))
        .expect(200);
    let size = app.tree_size();
    // Time has to pass for the next checkpoint to be due.
    app.clock
        .set(shipslog::domain::Instant::parse("2026-03-02T10:00:00Z").unwrap());
    eventually("everything is published", || published(&app).size == size);
    let checkpoint = published(&app);
    Some((app, checkpoint))
}

fn published(app: &TestApp) -> Checkpoint {
    let answer = app.client.anonymous().get("/log/checkpoint").expect(200);
    assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
    assert_eq!(answer.header("cache-control"), Some("no-cache"));
    Checkpoint::open(&SignedNote::parse(answer.text()).unwrap(), &app.log_key).unwrap()
}

fn tile(app: &TestApp, path: &str) -> Answer {
    app.client.anonymous().get(&format!("/log/tile/{path}"))
}

#[rstest]
fn tiles_and_bundles_rebuild_the_tree(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some((app, checkpoint)) = filled(backend, 700) else {
        return;
    };
    let size = checkpoint.size;
    let mut tree = Frontier::empty();
    let mut edge = Edge::empty();
    let mut full = Vec::new();
    for bundle in 0..size.div_ceil(256) {
        let width = (size - bundle * 256).min(256);
        let suffix = if width < 256 {
            format!(".p/{width}")
        } else {
            String::new()
        };
        let answer = tile(&app, &format!("entries/{bundle:03}{suffix}")).expect(200);
        assert_eq!(answer.header("content-type"), Some("application/octet-stream"));
        assert!(answer.header("cache-control").unwrap().contains("immutable"));
        for entry in entry_bundle::parse(&answer.body, u16::try_from(width).unwrap()).unwrap() {
            Entry::parse(entry).unwrap();
            tree.append(leaf_hash(entry));
            edge.append(leaf_hash(entry), &mut full);
        }
        let hashes = tile(&app, &format!("0/{bundle:03}{suffix}")).expect(200).body;
        for (at, hash) in hashes.chunks(32).enumerate() {
            let id = NodeId {
                level: 0,
                index: bundle * 256 + at as u64,
            };
            let expected = edge
                .node(id)
                .or_else(|| full.iter().find(|tile| tile.id() == TileId::of(id))?.node(id))
                .unwrap();
            assert_eq!(hash, expected.as_bytes());
        }
        assert_eq!(hashes.len() as u64, width * 32);
    }
    assert_eq!(tree.root(), checkpoint.root);
    // Level 1: one hash for each full tile below it.
    let above = tile(&app, &format!("1/000.p/{}", size / 256)).expect(200).body;
    let roots: Vec<u8> = full.iter().flat_map(|tile| *tile.root().as_bytes()).collect();
    assert_eq!(above, roots);
    // Narrower slices of the right edge exist; wider ones do not.
    let last = size / 256;
    let widest = tile(&app, &format!("0/{last:03}.p/{}", size % 256)).expect(200);
    assert_eq!(
        tile(&app, &format!("0/{last:03}.p/1")).expect(200).body,
        widest.body[..32]
    );
    tile(&app, &format!("0/{last:03}.p/{}", size % 256 + 1)).problem(404);
    tile(&app, &format!("0/{last:03}")).problem(404);

    let tag = widest.header("etag").unwrap();
    let path = format!("/log/tile/0/{last:03}.p/{}", size % 256);
    let unchanged = app.client.send("GET", &path, &[("If-None-Match", tag)], None);
    assert_eq!((unchanged.status, unchanged.body.len()), (304, 0));
}

#[rstest]
fn every_entry_is_proven_in_every_tree(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(app) = TestApp::start(backend) else { return };
    for n in 0..12 {
        app.record(&deployed(&format!("e{n}"), "checkout", "production", n));
    }
    let size = app.tree_size();
    let mut heads: Vec<Option<(u64, Hash)>> = vec![None];
    for tree_size in 1..=size {
        for index in 0..tree_size {
            let entry = app.client.get(&format!("/v1/log/entries/{index}")).expect(200).json();
            let bytes = <base64ct::Base64 as base64ct::Encoding>::decode_vec(entry["entry"].as_str().unwrap()).unwrap();
            let answer = app
                .client
                .get(&format!("/v1/log/entries/{index}/proof?tree_size={tree_size}"));
            if answer.status == 404 {
                // Several records share a commit, and only commits have a checkpoint.
                continue;
            }
            assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
            let proof = TlogProof::parse(answer.expect(200).text()).unwrap();
            assert_eq!(proof.index, index);
            let checkpoint = proof.verify(&app.log_key, &leaf_hash(&bytes)).unwrap();
            assert_eq!(checkpoint.size, tree_size);
            if index == 0 {
                heads.push(Some((tree_size, checkpoint.root)));
            }
        }
    }
    assert!(heads.len() > 10, "one request at a time, one checkpoint each");
    let newest = app.client.get("/v1/log/entries/0/proof").expect(200);
    let newest = TlogProof::parse(newest.text()).unwrap();
    assert_eq!(Checkpoint::open(&newest.checkpoint, &app.log_key).unwrap().size, size);
}

#[rstest]
fn checkpoints_are_consistent_with_each_other(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some((app, old)) = filled(backend, 300) else { return };
    app.record(&deployed("later", "checkout", "production", 1));
    let new = app.client.get("/v1/log").json();
    let note = SignedNote::parse(new["checkpoint"].as_str().unwrap()).unwrap();
    let new = Checkpoint::open(&note, &app.log_key).unwrap();
    // The proof is assembled from public tiles, as a monitor would.
    let plan = ledger::ProofPlan::consistency(old.size, new.size).unwrap();
    let mut edge = Edge::empty();
    let mut full = Vec::new();
    for index in 0..new.size {
        let entry = app.client.get(&format!("/v1/log/entries/{index}")).json();
        let bytes = <base64ct::Base64 as base64ct::Encoding>::decode_vec(entry["entry"].as_str().unwrap()).unwrap();
        edge.append(leaf_hash(&bytes), &mut full);
    }
    let find = |id| {
        edge.node(id)
            .or_else(|| full.iter().find(|tile| tile.id() == TileId::of(id))?.node(id))
    };
    let proof = plan.assemble(find).unwrap();
    verify_consistency(old.size, new.size, &old.root, &new.root, &proof).unwrap();
}

#[rstest]
fn envelope_lines_match_the_entries(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some((app, checkpoint)) = filled(backend, 300) else {
        return;
    };
    let mut index = 0;
    for bundle in 0..checkpoint.size.div_ceil(256) {
        let lines = app
            .client
            .get(&format!("/v1/log/envelopes/{bundle}?tree_size={}", checkpoint.size))
            .expect(200);
        assert_eq!(lines.header("content-type"), Some("application/x-ndjson"));
        for line in lines.text().lines() {
            let line: Value = serde_json::from_str(line).unwrap();
            assert_eq!(line["index"], index);
            let entry = app.client.get(&format!("/v1/log/entries/{index}")).json();
            let envelope = ledger::Envelope::parse(line["envelope"].to_string().as_bytes()).unwrap();
            let salt = <base64ct::Base64 as base64ct::Encoding>::decode_vec(line["salt"].as_str().unwrap()).unwrap();
            let commitment = ledger::commitment(&salt.try_into().unwrap(), &envelope.pae());
            assert_eq!(entry["commitment"], commitment.to_base64());
            assert_eq!(entry["payload_type"], envelope.payload_type);
            index += 1;
        }
    }
    assert_eq!(index, checkpoint.size);
}

#[rstest]
fn at_most_one_checkpoint_a_second_is_published(#[values(Backend::Sqlite)] backend: Backend) {
    let Some(app) = TestApp::start(backend) else { return };
    // The clock stands still: whatever is recorded, nothing new is due. Before each the writer has looked whether it is.
    let first = published(&app);
    for n in 0..5 {
        app.record(&deployed(&format!("e{n}"), "checkout", "production", n));
    }
    assert_eq!(published(&app), first);
    assert!(app.tree_size() > first.size);
}
