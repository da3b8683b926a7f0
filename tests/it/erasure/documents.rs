//! Documents and bundles say what was erased, and verify.

use std::fs;
use std::path::Path;

use rstest::rstest;
use serde_json::{Value, json};

use super::REASON;
use super::files::{found_in, traces};
use crate::support::binary::{Service, code, run, stdout};
use crate::support::database::TestDatabase;
use crate::support::events::{deployed, sign};
use crate::support::{Backend, key, python};

#[rstest]
fn documents_and_bundles_say_what_was_erased(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(database) = TestDatabase::new(backend) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let service = Service::start(&data, Some(&database.url), &[]);
    let body = json!({ "name": "pipeline", "public_key": key(7).public().to_pem() });
    service.client.post_json("/v1/producers", &body).expect(201);
    let record = |event: &Value| service.client.record(&sign(event, &key(7))).expect(201).index();
    record(&deployed("d1", "checkout", "production", 1));
    let mut second = deployed("d2", "checkout", "production", 2);
    second["customData"]["shipslog"]["commits"] = json!([{ "id": "c".repeat(40), "message": "feat: a zqmarker pays" }]);
    let index = record(&second);
    let size = service.client.get("/v1/log").json()["tree_size"].as_u64().unwrap();
    let notes = |size: u64, format: &str| {
        let path =
            format!("/v1/release-notes?service=checkout&environment=production&format={format}&tree_size={size}");
        service.client.get(&path).expect(200).text().to_owned()
    };
    assert!(notes(size, "md").contains("zqmarker pays"));
    // Both verifiers, and they agree.
    let verify = |bundle: &Path| {
        let key = data.join("log.vkey");
        let arguments = [bundle.to_str().unwrap(), "--log-key", key.to_str().unwrap()];
        let verdict = run(&[&["verify", "bundle"], &arguments[..], &["--format", "json"]].concat());
        let second = python::verify(&arguments);
        assert!(
            second.is_none_or(|second| second == code(&verdict)),
            "{second:?}: {verdict:?}"
        );
        verdict
    };
    let export = |name: &str| {
        let bundle = folder.path().join(name);
        stdout(&service.shipslog(&["export", bundle.to_str().unwrap()]));
        bundle
    };
    let before = export("before");

    let answer = service.json(&[
        "erase",
        &index.to_string(),
        "--reason",
        REASON,
        "--text",
        "x",
        "--format",
        "json",
    ]);
    let by = answer["erased"]["erased_by"].as_u64().unwrap();
    // Then as now: what is gone is gone, and the document says so.
    for size in [size, by + 1] {
        let text = notes(size, "md");
        assert!(
            !text.contains("zqmarker") && text.contains("checkout 1.1.0 in production"),
            "{text}"
        );
        let said = format!("Entry {index} was erased by entry {by} ({REASON})");
        assert!(text.replace("\\", "").contains(&said), "{text}");
        let context: Value = serde_json::from_str(&notes(size, "json")).unwrap();
        let erased = json!([{ "index": index, "erased_by": by, "reason": REASON }]);
        assert_eq!(context["generated"]["ledger"]["erased"], erased);
        let report = format!(
            "/v1/reports/compliance?environment=production&from=2026-02-01&to=2026-04-01&format=md&tree_size={size}"
        );
        let report = service.client.get(&report).expect(200).text().replace('\\', "");
        assert!(report.contains(&said) && !report.contains("zqmarker"), "{report}");
    }
    assert!(
        !notes(index, "md").contains("was erased"),
        "a tree without the entry says nothing of it"
    );

    // Both histories verify: the one from before, for what it holds, and the one that says what is gone.
    let verdict: Value = serde_json::from_str(&stdout(&verify(&before))).unwrap();
    assert_eq!(verdict["report"]["erased"], Value::Null);
    let after = export("after");
    assert!(found_in(&after, &traces("zqmarker")).is_empty());
    let verdict: Value = serde_json::from_str(&stdout(&verify(&after))).unwrap();
    assert_eq!(verdict["report"]["erased"], json!({ index.to_string(): by }));
    // A part of a history that ends before the erasure cannot be had any more.
    let problem = service
        .client
        .get(&format!("/v1/log/envelopes/0?tree_size={size}"))
        .problem(410);
    assert_eq!(problem["erased"]["erased_by"], by);

    // Without the entry that names it, content that is missing is tampering; so is content that should be gone.
    let lines = after.join(format!("envelopes/000.p/{}.jsonl", by + 1));
    let text = fs::read_to_string(&lines).unwrap();
    let kept = fs::read_to_string(before.join(format!("envelopes/000.p/{size}.jsonl"))).unwrap();
    let line = |text: &str, index: u64| text.lines().nth(index as usize).unwrap().to_owned();
    let gone = format!("{{\"index\":{},\"erased\":true}}", index - 1);
    for (at, instead) in [
        (index - 1, gone),
        (index, line(&kept, index)),
        (by, format!("{{\"index\":{by},\"erased\":true}}")),
    ] {
        fs::write(&lines, text.replace(&line(&text, at), &instead)).unwrap();
        let verdict = verify(&after);
        assert_eq!(code(&verdict), 1);
        let verdict: Value = serde_json::from_slice(&verdict.stdout).unwrap();
        let kinds: Vec<&Value> = verdict["report"]["findings"]
            .as_array()
            .unwrap()
            .iter()
            .map(|f| &f["kind"])
            .collect();
        assert!(kinds.contains(&&json!("erased")), "{verdict}");
    }
    fs::write(&lines, &text).unwrap();
    assert_eq!(code(&verify(&after)), 0);
    assert!(service.terminate());
    let fsck = run(&["fsck", "--data", data.to_str().unwrap(), "--database", &database.url]);
    assert_eq!(code(&fsck), 0, "{}", String::from_utf8_lossy(&fsck.stdout));
}
