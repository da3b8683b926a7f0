//! Proofs over HTTP: they hold for every pair of sizes, receipts are proved anew under later checkpoints, and what
//! cannot be asked is refused by name.

use std::collections::BTreeSet;

use ledger::{Frontier, Hash, Receipt, leaf_hash, verify_consistency, verify_inclusion};
use rstest::rstest;
use serde_json::Value;

use crate::support::events::{deployed, sign};
use crate::support::http::Answer;
use crate::support::{Backend, TestApp, eventually};

fn hash(value: &Value) -> Hash {
    Hash::from_base64(value.as_str().unwrap()).unwrap()
}

fn hashes(value: &Value) -> Vec<Hash> {
    value.as_array().unwrap().iter().map(hash).collect()
}

/// An app with some 280 entries, and the leaf hashes and roots of every size, computed here.
fn filled(backend: Backend) -> Option<(TestApp, Vec<Hash>, Vec<Hash>)> {
    let app = TestApp::start(backend)?;
    let lines: Vec<Vec<u8>> = (0..280)
        .map(|n| sign(&deployed(&format!("e{n}"), "checkout", "production", n), &app.pipeline))
        .collect();
    app.client
        .post("/v1/events/batch", "application/x-ndjson", &lines.join(&b'\n'))
        .expect(200);
    let mut tree = Frontier::empty();
    let (mut leaves, mut roots) = (Vec::new(), vec![Hash::EMPTY_ROOT]);
    for index in 0..app.tree_size() {
        let entry = app.client.get(&format!("/v1/log/entries/{index}")).expect(200).json();
        let bytes = <base64ct::Base64 as base64ct::Encoding>::decode_vec(entry["entry"].as_str().unwrap()).unwrap();
        leaves.push(leaf_hash(&bytes));
        tree.append(leaf_hash(&bytes));
        roots.push(tree.root());
    }
    Some((app, leaves, roots))
}

/// Sizes and indexes around every boundary there is in a tree of this size.
fn corners(size: u64) -> BTreeSet<u64> {
    let all = [1, 2, 3, 7, 8, 9, 127, 128, 255, 256, 257, 270, size - 1, size];
    let corners: BTreeSet<u64> = all.into_iter().filter(|corner| (1..=size).contains(corner)).collect();
    corners
}

#[rstest]
fn inclusion_and_consistency_hold_for_any_sizes(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some((app, leaves, roots)) = filled(backend) else {
        return;
    };
    let size = app.tree_size();
    assert_eq!(roots.len() as u64, size + 1);
    for tree_size in corners(size) {
        for index in corners(size)
            .into_iter()
            .map(|corner| corner - 1)
            .filter(|index| *index < tree_size)
        {
            let answer = app
                .client
                .get(&format!("/v1/log/proof/inclusion?index={index}&tree_size={tree_size}"))
                .expect(200);
            assert_eq!(answer.header("cache-control"), Some("no-store"));
            let proof = answer.json();
            assert_eq!(
                (&proof["index"], &proof["tree_size"]),
                (&index.into(), &tree_size.into())
            );
            let (leaf, root) = (hash(&proof["leaf_hash"]), hash(&proof["root"]));
            assert_eq!((leaf, root), (leaves[index as usize], roots[tree_size as usize]));
            verify_inclusion(&leaf, index, tree_size, &hashes(&proof["hashes"]), &root).unwrap();
        }
        for old in corners(tree_size) {
            let answer = app
                .client
                .get(&format!("/v1/log/proof/consistency?old={old}&new={tree_size}"))
                .expect(200);
            assert_eq!(answer.header("cache-control"), Some("no-store"));
            let proof = answer.json();
            let (old_root, new_root) = (hash(&proof["old_root"]), hash(&proof["new_root"]));
            assert_eq!((old_root, new_root), (roots[old as usize], roots[tree_size as usize]));
            verify_consistency(old, tree_size, &old_root, &new_root, &hashes(&proof["hashes"])).unwrap();
        }
    }
}

#[rstest]
fn what_cannot_be_proved_is_refused_by_name(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(app) = TestApp::start(backend) else { return };
    app.record(&deployed("e1", "checkout", "production", 1));
    let size = app.tree_size();
    let huge = u64::MAX;
    let refused = |path: &str, status: u16, pointer: Option<&str>| {
        let problem = app.client.get(path).problem(status);
        assert_eq!(problem["pointer"].as_str(), pointer, "{path}: {problem}");
        problem["detail"].as_str().unwrap().to_owned()
    };
    let proof = "/v1/log/proof";
    refused(
        &format!("{proof}/inclusion?index={size}&tree_size={size}"),
        400,
        Some("index"),
    );
    refused(&format!("{proof}/inclusion?index=0&tree_size=0"), 400, Some("index"));
    refused(
        &format!("{proof}/inclusion?index={huge}&tree_size={huge}"),
        400,
        Some("tree_size"),
    );
    let detail = refused(
        &format!("{proof}/inclusion?index=0&tree_size={}", size + 1),
        400,
        Some("tree_size"),
    );
    assert!(detail.contains(&format!("the log has {size} entries")), "{detail}");
    refused(&format!("{proof}/consistency?old=0&new={size}"), 400, Some("old"));
    refused(&format!("{proof}/consistency?old={size}&new=1"), 400, Some("old"));
    refused(&format!("{proof}/consistency?old=1&new={}", size + 1), 400, Some("new"));
    refused(&format!("{proof}/consistency?old={huge}&new={huge}"), 400, Some("new"));
    for (query, parameter) in [
        ("inclusion", "index"),
        ("inclusion?index=0", "tree_size"),
        ("inclusion?index=-1&tree_size=1", "index"),
        ("inclusion?index=0&tree_size=1&more=1", "more"),
        ("inclusion?index=0&tree_size=1&index=0", "index"),
        ("consistency?old=1", "new"),
        ("consistency?old=1&new=1.5", "new"),
        ("consistency?old=1&new=99999999999999999999", "new"),
    ] {
        refused(&format!("{proof}/{query}"), 400, Some(parameter));
    }
    let receipt = |query: &str| format!("/v1/events/{}/receipt?{query}", size - 1);
    refused(&receipt("tree_size=newest"), 400, Some("tree_size"));
    refused(&receipt("tree_size="), 400, Some("tree_size"));
    refused(&receipt(&format!("tree_size={}", size + 1)), 400, Some("tree_size"));
    refused(&receipt("tree_size=1"), 400, Some("index"));
    refused(&receipt("tree_size=0"), 404, Some("tree_size"));
    refused(&format!("/v1/events/{size}/receipt?tree_size=latest"), 404, None);
    refused(&receipt("size=1"), 400, Some("size"));
}

fn published_receipt(app: &TestApp, index: u64) -> Answer {
    app.clock
        .set(shipslog::domain::Instant::parse("2026-03-02T10:00:00Z").unwrap());
    let receipt = || app.client.get(&format!("/v1/events/{index}/receipt?tree_size=latest"));
    eventually("the entry is published", || {
        let answer = receipt();
        answer.status == 200 || !answer.problem(404)["detail"].as_str().unwrap().contains("covers")
    });
    receipt().expect(200)
}

#[rstest]
fn a_receipt_is_proved_anew_under_later_checkpoints(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(app) = TestApp::start(backend) else { return };
    let envelope = sign(&deployed("e0", "checkout", "production", 0), &app.pipeline);
    let original = app.client.record(&envelope).expect(201);
    let index = original.index();
    for n in 1..9 {
        app.record(&deployed(&format!("e{n}"), "checkout", "production", n));
    }
    let size = app.tree_size();
    let path = |at: &str| format!("/v1/events/{index}/receipt{at}");
    assert_eq!(
        app.client.get(&path("")).expect(200).body,
        original.body,
        "the original stands"
    );
    let first = Receipt::parse(&original.body).unwrap();
    for at in index + 1..=size {
        let answer = app.client.get(&path(&format!("?tree_size={at}"))).expect(200);
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        let receipt = Receipt::parse(&answer.body).unwrap();
        let verified = receipt.verify(&app.log_key, &envelope).unwrap();
        assert_eq!((verified.index, verified.checkpoint.size), (index, at));
        assert_eq!(
            (&receipt.entry, receipt.salt, receipt.envelope_sha256),
            (&first.entry, first.salt, first.envelope_sha256)
        );
    }
    // What is recorded a moment ago is not published yet, and says so until it is.
    let newest = size - 1;
    let latest = Receipt::parse(&published_receipt(&app, newest).body).unwrap();
    assert_eq!(latest.proof.index, newest);
    let note = app.client.anonymous().get("/log/checkpoint").expect(200);
    assert_eq!(latest.proof.checkpoint.to_string(), note.text());
}
