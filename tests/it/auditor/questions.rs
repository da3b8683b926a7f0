//! What auditors ask documents for is on the record before they have the answer, once for each question, and in the next report.

use rstest::rstest;
use serde_json::{Value, json};

use super::auditor;
use crate::support::binary::Service;
use crate::support::events::{at, deployed, sign};
use crate::support::{Backend, TestApp, eventually, key};

const REPORT: &str = "/v1/reports/compliance?environment=production&from=2026-03-01&to=2026-04-01";

/// What the newest entry says that the service decided or was asked.
fn newest(app: &TestApp) -> Value {
    let event = app
        .client
        .get(&format!("/v1/events/{}", app.tree_size() - 1))
        .expect(200);
    event.json()["payload"]["customData"]["shipslog"].clone()
}

#[rstest]
fn a_question_is_recorded_before_its_answer_leaves(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(app) = TestApp::start(backend) else { return };
    app.record(&at(deployed("c1", "checkout", "production", 1), "2026-03-01T10:00:00Z"));
    let client = auditor(&app, &json!({ "environments": ["production"] }));
    let size = app.tree_size();
    for (path, query) in [
        (
            format!("{REPORT}&format=oscal-assessment-plan"),
            "shipslog report compliance --environment production --from 2026-03-01 --to 2026-04-01 --tree-size SIZE \
             --format oscal-assessment-plan",
        ),
        (
            "/v1/reports/service?environment=production&period=2026-03".to_owned(),
            "shipslog report service --environment production --period 2026-03 --tree-size SIZE --format md",
        ),
        (
            "/v1/samples?environment=production&period=2026-03&size=1&seed=a+b".to_owned(),
            "shipslog sample --environment production --period 2026-03 --size 1 --seed 'a b' --tree-size SIZE --format md",
        ),
        (
            "/v1/release-notes?environment=production&service=checkout&format=json".to_owned(),
            "shipslog notes checkout production --tree-size SIZE --format json",
        ),
    ] {
        let before = app.tree_size();
        let answer = client.get(&path).expect(200);
        assert_eq!(app.tree_size(), before + 1, "{path}");
        let ours = newest(&app);
        let asked = &ours["question"];
        assert_eq!(ours["environment"], "production");
        assert_eq!(asked["query"], query.replace("SIZE", &before.to_string()));
        assert_eq!(asked["tree_size"], before);
        assert_eq!(asked["sha256"], ledger::sha256(&answer.body).to_string());
        assert_eq!(ours["actor"]["name"], "Ada, Smith & Partners");
    }
    // What a manager reads, what is refused, and what is no document is nobody's business.
    let before = app.tree_size();
    app.client.get(REPORT).expect(200);
    client
        .get("/v1/reports/compliance?environment=staging&period=2026")
        .problem(403);
    client.get("/v1/deployments?environment=production").expect(200);
    assert_eq!(app.tree_size(), before);
    // The next report says it, with hostile names as text.
    let report = app.client.get(&format!("{REPORT}&format=json")).expect(200).json();
    let questions = report["integrity"]["questions"].as_array().unwrap();
    let counted = (questions.len(), &report["integrity"]["questions_elsewhere"]);
    assert_eq!(counted, (4, &json!(0)));
    assert_eq!(questions[0]["index"], size);
    let markdown = app.client.get(REPORT).expect(200);
    let row = "Ada, Smith &amp; Partners";
    assert!(markdown.text().contains("What auditors asked in the period") && markdown.text().contains(row));
}

#[rstest]
fn the_same_question_is_recorded_once(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(app) = TestApp::start(backend) else { return };
    app.record(&at(deployed("c1", "checkout", "production", 1), "2026-03-01T10:00:00Z"));
    let (ada, bob) = (auditor(&app, &json!({})), auditor(&app, &json!({})));
    let size = app.tree_size();
    let path = format!("{REPORT}&tree_size={size}");
    let etag = app.client.get(&path).expect(200).header("etag").unwrap().to_owned();
    // That nothing changed is an answer too.
    let unchanged = ada.send("GET", &path, &[("If-None-Match", &etag)], None);
    assert_eq!((unchanged.status, app.tree_size()), (304, size + 1));
    app.clock
        .set(shipslog::domain::Instant::parse("2026-03-04T10:00:00Z").unwrap());
    ada.get(&path).expect(200);
    assert_eq!(app.tree_size(), size + 1);
    // Another form, another auditor: another question.
    ada.get(&format!("{path}&format=html")).expect(200);
    bob.get(&path).expect(200);
    assert_eq!(app.tree_size(), size + 3);
    // The history is asked for once, in however many parts.
    for _ in 0..2 {
        ada.get(&format!("/v1/log/envelopes/0?tree_size={size}")).expect(200);
    }
    assert_eq!(app.tree_size(), size + 4);
    let asked = newest(&app)["question"].clone();
    assert_eq!(asked["query"], format!("shipslog export --tree-size {size}"));
    // Of one place or none: a report on it says that one, and how many others there were.
    ada.get(&format!("{path}&service=checkout")).expect(200);
    let report = REPORT.replace("03-01&to=2026-04-01", "01-01&to=2027-01-01");
    for (place, here, elsewhere) in [("", 4, 1), ("&service=checkout", 1, 4)] {
        let report = app
            .client
            .get(&format!("{report}{place}&format=json"))
            .expect(200)
            .json();
        let integrity = &report["integrity"];
        let asked = integrity["questions"].as_array().unwrap().len();
        assert_eq!((asked, &integrity["questions_elsewhere"]), (here, &json!(elsewhere)));
    }
    // It stays: nobody erases what was asked.
    let reason = json!({ "reason": "legal-order", "text": "by order" });
    let index = app.tree_size() - 1;
    app.client
        .post_json(&format!("/v1/events/{index}/erasure"), &reason)
        .problem(409);
}

#[test]
fn what_cannot_be_recorded_is_not_answered() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(folder.path(), None, &[]);
    let issue = |role: &str| {
        let body = json!({ "name": role, "role": role });
        service.client.post_json("/v1/tokens", &body).expect(201).json()["token"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let (auditor, reader) = (issue("auditor"), issue("reader"));
    let body = json!({ "name": "pipeline", "public_key": key(7).public().to_pem() });
    service.client.post_json("/v1/producers", &body).expect(201);
    let envelope = sign(&deployed("c1", "checkout", "production", 1), &key(7));
    service.client.record(&envelope).expect(201);
    assert!(service.terminate());
    // More than any disk has must stay free.
    let service = Service::start(folder.path(), None, &["--min-free-mib", "1000000000"]);
    eventually("it saw that", || service.client.get("/readyz").status == 503);
    service.client.with_token(&auditor).get(REPORT).problem(507);
    service.client.with_token(&reader).get(REPORT).expect(200);
    service.client.with_token(&auditor).get("/v1/producers").expect(200);
}
