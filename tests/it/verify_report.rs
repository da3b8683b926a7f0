//! `verify report`: every kind of document comes out again from a bundle alone, and nothing else passes for it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use rstest::rstest;
use serde_json::json;

use crate::support::binary::{Service, code, run, said, stdout};
use crate::support::database::TestDatabase;
use crate::support::events::{at, deployed, event, incident, sign};
use crate::support::{Backend, key};

/// The commands of every kind of document.
const DOCUMENTS: [&[&str]; 8] = [
    &["notes", "checkout", "production"],
    &["notes", "checkout", "production", "--audience", "customer"],
    &[
        "notes",
        "checkout",
        "production",
        "--deployment",
        "c1",
        "--audience",
        "manager",
    ],
    &[
        "notes",
        "checkout",
        "production",
        "--from",
        "2026-01-01",
        "--to",
        "the last one",
        "--time-zone",
        "Asia/Kolkata",
    ],
    &[
        "notes",
        "checkout,search",
        "production",
        "--from",
        "2026-01-01",
        "--to",
        "2026-02-01",
    ],
    &[
        "report",
        "service",
        "--environment",
        "production",
        "--period",
        "2026-01",
        "--team",
        "The Till",
    ],
    &[
        "sample",
        "--environment",
        "production",
        "--period",
        "2026-01",
        "--size",
        "2",
        "--seed",
        "2026-01, Smith",
    ],
    &[
        "report",
        "compliance",
        "--environment",
        "production",
        "--from",
        "2026-01-01",
        "--to",
        "2026-02-01",
        "--framework",
        "all",
    ],
];

/// What a service leaves behind that has ended: its documents, a bundle, and the log's key.
struct Left {
    folder: tempfile::TempDir,
    documents: Vec<PathBuf>,
}

impl Left {
    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn verify(&self, document: &Path) -> Output {
        let (bundle, vkey) = (self.path("bundle"), self.path("data/log.vkey"));
        let document = document.to_str().unwrap();
        run(&["verify", "report", document, "--bundle", &bundle, "--log-key", &vkey])
    }
}

/// A short history with all that documents speak of.
pub(crate) fn history() -> Vec<serde_json::Value> {
    let mut last = deployed("c3", "checkout", "production", 3);
    last["customData"]["shipslog"]["version"] = "the last one".into();
    let owner = json!({ "service": "checkout", "declaration": { "team": "The Till" } });
    let mut test = json!({ "outcome": "success", "environment": { "id": "staging" } });
    test["testSuite"] = json!({ "id": "s", "name": "integration" });
    vec![
        at(
            event("o1", "shipslog-service.declared.0.1.0", "checkout", json!({}), owner),
            "2026-01-01T09:00:00Z",
        ),
        at(deployed("c1", "checkout", "production", 1), "2026-01-05T10:00:00Z"),
        at(
            event(
                "t1",
                "testsuiterun.finished.0.3.0",
                "r",
                test,
                json!({ "service": "checkout" }),
            ),
            "2026-01-06T10:00:00Z",
        ),
        at(deployed("c2", "checkout", "production", 2), "2026-01-12T10:00:00Z"),
        at(deployed("s1", "search", "production", 8), "2026-01-12T10:20:00Z"),
        at(
            incident("i1", "INC-1", "checkout", "production"),
            "2026-01-12T10:30:00Z",
        ),
        at(
            deployed("c1-again", "checkout", "production", 1),
            "2026-01-12T11:00:00Z",
        ),
        at(last, "2026-01-20T10:00:00Z"),
    ]
}

fn left(backend: Backend) -> Option<Left> {
    let database = TestDatabase::new(backend)?;
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let service = Service::start(&data, Some(&database.url), &[]);
    let body = json!({ "name": "pipeline", "public_key": key(7).public().to_pem() });
    service.client.post_json("/v1/producers", &body).expect(201);
    for event in history() {
        service.client.record(&sign(&event, &key(7))).expect(201);
    }
    let mut documents = Vec::new();
    for (number, command) in DOCUMENTS.iter().enumerate() {
        for form in ["md", "html", "json"] {
            let text = stdout(&service.shipslog(&[command, &["--format", form][..]].concat()));
            let file = folder.path().join(format!("{number}.{form}"));
            fs::write(&file, text).unwrap();
            documents.push(file);
        }
    }
    let compliance = DOCUMENTS[DOCUMENTS.len() - 1];
    for form in [
        "oscal-assessment-results",
        "oscal-assessment-plan",
        "oscal-component-definition",
    ] {
        let text = stdout(&service.shipslog(&[compliance, &["--format", form][..]].concat()));
        let file = folder.path().join(format!("{form}.json"));
        fs::write(&file, text).unwrap();
        documents.push(file);
    }
    // The bundle may be longer than what a document speaks of.
    service
        .client
        .record(&sign(&deployed("later", "checkout", "production", 9), &key(7)))
        .expect(201);
    stdout(&service.shipslog(&["export", folder.path().join("bundle").to_str().unwrap()]));
    assert!(service.terminate());
    Some(Left { folder, documents })
}

#[rstest]
fn every_document_comes_out_again(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(left) = left(backend) else { return };
    for document in &left.documents {
        let verdict = left.verify(document);
        assert_eq!(code(&verdict), 0, "{}: {}", document.display(), said(&verdict));
    }
}

#[test]
fn nothing_else_passes() {
    let Some(left) = left(Backend::Sqlite) else { return };
    // A hundred changes of one byte, spread over documents and bundle; the same ones in every run.
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut roll = |below: usize| {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % below
    };
    let bundle = [
        "bundle/checkpoint",
        "bundle/tile/entries/000.p/12",
        "bundle/envelopes/000.p/12.jsonl",
    ];
    let bundle: Vec<PathBuf> = bundle.iter().map(|name| left.folder.path().join(name)).collect();
    assert!(bundle.iter().all(|file| file.exists()), "{bundle:?}");
    for round in 0..100 {
        let document = left.documents[roll(left.documents.len())].clone();
        let changed = if round % 3 == 0 {
            bundle[roll(bundle.len())].clone()
        } else {
            document.clone()
        };
        let whole = fs::read(&changed).unwrap();
        let mut bytes = whole.clone();
        let place = roll(bytes.len());
        bytes[place] ^= 1 << roll(7);
        fs::write(&changed, &bytes).unwrap();
        let verdict = left.verify(&document);
        assert_ne!(code(&verdict), 0, "byte {place} of {} did not count", changed.display());
        fs::write(&changed, &whole).unwrap();
    }
}

#[test]
fn what_is_missing_is_named() {
    let Some(left) = left(Backend::Sqlite) else { return };
    let text = fs::read_to_string(&left.documents[0]).unwrap();
    let file = left.folder.path().join("changed.md");
    let digest_after = |words: &str| {
        let (_, rest) = text.rsplit_once(words).unwrap();
        rest.split('`').next().unwrap()
    };
    let (template, catalogue) = (
        digest_after("release-notes.md`, SHA-256 `"),
        digest_after("Checks and catalogue, SHA-256 `"),
    );
    for (from, to, exit, words) in [
        ("INC-1", "INC-2", 1, "NOT VERIFIED"),
        ("checkout", "checkouts", 1, "NOT VERIFIED"),
        ("Query: ", "Question: ", 2, "--query"),
        ("--tree-size ", "--tree-size 9", 2, "export a newer one"),
        (
            concat!("shipslog ", env!("CARGO_PKG_VERSION")),
            "shipslog 99.0.0",
            2,
            "another version",
        ),
        (template, "another", 2, "--templates"),
        (catalogue, "another", 2, "--catalogue"),
    ] {
        assert!(text.contains(from), "{from}");
        fs::write(&file, text.replacen(from, to, if from == "checkout" { 1 } else { 9 })).unwrap();
        let verdict = left.verify(&file);
        assert!(
            code(&verdict) == exit && said(&verdict).contains(words),
            "{from}: {} {}",
            code(&verdict),
            said(&verdict)
        );
    }
    fs::remove_file(left.folder.path().join("bundle/checkpoint")).unwrap();
    assert_eq!(code(&left.verify(&left.documents[0])), 2);
}

#[test]
fn the_checkpoint_in_a_document_holds_nothing_that_no_key_verifies() {
    let Some(left) = left(Backend::Sqlite) else { return };
    let file = left.folder.path().join("changed");
    for form in ["md", "html", "json"] {
        let text = fs::read_to_string(left.path(&format!("{}.{form}", DOCUMENTS.len() - 1))).unwrap();
        let end = if form == "json" { "\\n" } else { "\n" };
        // The signature line of the log, and its end.
        let start = text.find(&format!("{end}— ")).unwrap() + end.len();
        let line = &text[start..start + text[start..].find(end).unwrap() + end.len()];
        let added = text.replacen(line, &format!("{line}— another-firm AAAAAAAAAAAA{end}"), 1);
        let gone = match form {
            "json" => {
                let from = text.find("\"checkpoint\": \"").unwrap() + "\"checkpoint\": \"".len();
                let length = text[from..].find('"').unwrap();
                [&text[..from], &text[from + length..]].concat()
            }
            _ => text.replacen(line, "", 1),
        };
        let unknown = "the keys of 1 signature on the checkpoint in the document are missing; give those of witnesses with --policy FILE";
        let none = if form == "json" {
            "make the document again without --tree-size"
        } else {
            "VERIFIED|CANNOT TELL"
        };
        for (changed, words) in [(added, unknown), (gone, none)] {
            fs::write(&file, changed).unwrap();
            let verdict = left.verify(&file);
            let says = said(&verdict);
            assert_ne!(code(&verdict), 0, "{form}: {says}");
            assert!(words.split('|').any(|words| says.contains(words)), "{form}: {says}");
        }
    }
}

#[test]
fn what_was_erased_is_declared() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let service = Service::start(&data, None, &[]);
    let body = json!({ "name": "pipeline", "public_key": key(7).public().to_pem() });
    service.client.post_json("/v1/producers", &body).expect(201);
    let record = |id: &str, n: u64| {
        let envelope = sign(&deployed(id, "checkout", "production", n), &key(7));
        service.client.record(&envelope).expect(201).index()
    };
    let gone = record("c1", 1);
    record("c2", 2);
    let write = |name: &str| {
        let text = stdout(&service.shipslog(&["notes", "checkout", "production"]));
        let file = folder.path().join(name);
        fs::write(&file, text).unwrap();
        file.display().to_string()
    };
    let before = write("before.md");
    let reason = json!({ "reason": "legal-order", "text": "by order of the court" });
    service
        .client
        .post_json(&format!("/v1/events/{gone}/erasure"), &reason)
        .expect(201);
    let after = write("after.md");
    let bundle = folder.path().join("bundle").display().to_string();
    stdout(&service.shipslog(&["export", &bundle]));
    let vkey = data.join("log.vkey").display().to_string();
    let verify = |file: &str| run(&["verify", "report", file, "--bundle", &bundle, "--log-key", &vkey]);
    let verdict = verify(&after);
    assert_eq!(code(&verdict), 0, "{}", said(&verdict));
    let verdict = verify(&before);
    assert!(
        code(&verdict) == 2 && said(&verdict).contains(&format!("erased since ({gone})")),
        "{}",
        said(&verdict)
    );
    // What was made after the erasure never knew what is gone.
    let forged = fs::read_to_string(&after).unwrap().replacen("checkout", "search", 1);
    fs::write(&after, forged).unwrap();
    let verdict = verify(&after);
    assert_eq!(code(&verdict), 1, "{}", said(&verdict));
}
