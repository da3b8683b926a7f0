//! Issued documents: an entry holds what they were made from and what they hash to, and they come out again.

use base64ct::Encoding as _;
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::binary::{Service, said};
use crate::support::events::{at, deployed, event, sign};
use crate::support::{Backend, TestApp, key};

fn notes(parameters: &Value) -> Value {
    let mut all = json!({ "service": "checkout", "environment": "production" });
    for (name, value) in parameters.as_object().unwrap() {
        all[name] = value.clone();
    }
    json!({ "kind": "release_notes", "parameters": all })
}

fn digest(text: &str) -> String {
    ledger::sha256(text.as_bytes()).to_string()
}

#[rstest]
fn an_issued_document_comes_out_again(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(app) = TestApp::start(backend) else { return };
    app.record(&at(deployed("c1", "checkout", "production", 1), "2026-03-01T10:00:00Z"));
    let asked = [
        (
            notes(&json!({ "time_zone": "Asia/Kolkata" })),
            "/v1/release-notes?service=checkout&environment=production&time_zone=Asia/Kolkata",
        ),
        (
            json!({
                "kind": "compliance_report",
                "parameters": { "environment": "production", "from": "2026-03-01", "to": "2026-04-01" },
            }),
            "/v1/reports/compliance?environment=production&from=2026-03-01&to=2026-04-01",
        ),
    ];
    for (body, path) in asked {
        let size = app.tree_size();
        let issued = app.client.post_json("/v1/documents", &body).expect(201);
        let index = size;
        assert_eq!(issued.header("location"), Some(format!("/v1/events/{index}").as_str()));
        let issued = issued.json();
        assert_eq!(issued["index"], index);
        assert_eq!(issued["receipt"]["index"], index);
        assert_eq!(issued["document"]["kind"], body["kind"]);
        assert_eq!(issued["document"]["tree_size"], size);
        // What came later changes nothing.
        let later = format!("c{size}");
        app.record(&at(
            deployed(&later, "checkout", "production", 10 + size),
            "2026-03-02T10:00:00Z",
        ));
        for (format, member) in [
            ("md", "markdown_sha256"),
            ("html", "html_sha256"),
            ("json", "json_sha256"),
        ] {
            let again = app
                .client
                .get(&format!("{path}&tree_size={size}&format={format}"))
                .expect(200);
            assert_eq!(issued["document"][member], digest(again.text()), "{format}");
        }
        let entry = app.client.get(&format!("/v1/events/{index}")).expect(200).json();
        let ours = &entry["payload"]["customData"]["shipslog"];
        assert_eq!(ours["document"], issued["document"], "{entry}");
    }
}

#[rstest]
fn what_cannot_be_issued_is_refused(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(app) = TestApp::start(backend) else { return };
    app.record(&at(deployed("c1", "checkout", "production", 1), "2026-03-01T10:00:00Z"));
    let before = app.tree_size();
    let refused = |body: &Value, status: u16, pointer: &str| {
        let problem = app.client.post_json("/v1/documents", body).problem(status);
        assert_eq!(problem["pointer"], pointer, "{problem}");
    };
    refused(&notes(&json!({ "format": "md" })), 422, "/parameters/format");
    refused(&notes(&json!({ "time_zone": "Mars" })), 400, "/parameters/time_zone");
    refused(&notes(&json!({ "tree_size": 99 })), 400, "/parameters/tree_size");
    refused(&notes(&json!({ "to": "2026-03-01" })), 400, "/parameters/from");
    refused(&notes(&json!({ "deployment": "none" })), 404, "/parameters/deployment");
    let unknown = json!({ "kind": "novel", "parameters": {} });
    assert_eq!(
        app.client.post_json("/v1/documents", &unknown).problem(422)["status"],
        422
    );
    let reader = app
        .client
        .post_json("/v1/tokens", &json!({ "name": "ray", "role": "reader" }))
        .expect(201)
        .json();
    let reader = app.client.with_token(reader["token"].as_str().unwrap());
    reader.post_json("/v1/documents", &notes(&json!({}))).problem(403);
    // Only the service says what it issued.
    let forged = event(
        "f1",
        "x",
        "f1",
        json!({}),
        json!({ "document": {
            "kind": "release_notes", "title": "t", "query": "q", "tree_size": 1, "root": "r", "time_zone": "UTC",
            "template": "t", "template_sha256": "00", "tool_version": "0", "markdown_sha256": "00", "html_sha256": "00",
            "json_sha256": "00",
        } }),
    );
    let mut forged = forged;
    forged["context"]["type"] = json!("dev.cdeventsx.shipslog-document.issued.0.1.0");
    let problem = app.client.record(&sign(&forged, &key(7))).problem(403);
    assert_eq!(problem["pointer"], "/customData/shipslog/document", "{problem}");
    assert_eq!(app.tree_size(), before + 1, "the token, and nothing else");
}

#[test]
fn the_command_keeps_the_receipt_of_what_it_issues() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(folder.path(), None, &[]);
    let body = json!({ "name": "pipeline", "public_key": key(7).public().to_pem() });
    service.client.post_json("/v1/producers", &body).expect(201);
    service
        .client
        .record(&sign(&deployed("c1", "checkout", "production", 1), &key(7)))
        .expect(201);
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (document, receipt) = (path("notes.md"), path("notes.receipt"));
    let notes = ["notes", "checkout", "production", "--time-zone", "Europe/London"];
    let more = ["--out", &document, "--issue", &receipt];
    let done = service.shipslog(&[&notes[..], &more].concat());
    assert!(
        done.status.success() && said(&done).contains("Issued as entry"),
        "{}",
        said(&done)
    );
    let verified = service.shipslog(&[
        "verify",
        "receipt",
        &receipt,
        "--envelope",
        &format!("{receipt}.envelope.json"),
        "--log-key",
        &path("log.vkey"),
    ]);
    assert!(verified.status.success(), "{}", said(&verified));
    let envelope: Value = serde_json::from_slice(&std::fs::read(format!("{receipt}.envelope.json")).unwrap()).unwrap();
    let payload = base64ct::Base64::decode_vec(envelope["payload"].as_str().unwrap()).unwrap();
    let event: Value = serde_json::from_slice(&payload).unwrap();
    let issued = &event["customData"]["shipslog"]["document"];
    let text = std::fs::read_to_string(&document).unwrap();
    assert_eq!(issued["markdown_sha256"], digest(&text));
    // The command that the document prints gives it again.
    let query = issued["query"].as_str().unwrap();
    let words: Vec<&str> = query.split(' ').skip(1).collect();
    let again = service.shipslog(&words);
    assert_eq!(String::from_utf8(again.stdout).unwrap(), text, "{query}");
}
