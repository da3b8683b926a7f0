//! `POST /v1/events/batch`: one answer a line, in order, each line for itself.

use ledger::Receipt;
use rstest::rstest;
use serde_json::Value;

use crate::completeness::snapshot;
use crate::support::events::{deployed, sign};
use crate::support::{Backend, TestApp, key};

const NDJSON: &str = "application/x-ndjson";

fn answers(body: &str) -> Vec<Value> {
    body.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[rstest]
fn every_line_is_answered_for_itself(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(app) = TestApp::start(backend) else { return };
    let before = app.tree_size();
    let good = |id: &str, n| sign(&deployed(id, "checkout", "production", n), &app.pipeline);
    let lines = [
        good("a", 1),
        b"{\"payloadType\":".to_vec(),
        good("b", 2),
        good("a", 1),
        good("a", 9),
        sign(&deployed("c", "checkout", "production", 3), &key(200)),
        good("d", 4),
    ];
    let answer = app
        .client
        .post("/v1/events/batch", NDJSON, &lines.join(&b'\n'))
        .expect(200);
    assert_eq!(answer.header("content-type"), Some(NDJSON));
    let answers = answers(answer.text());
    let statuses: Vec<u64> = answers
        .iter()
        .map(|answer| answer["status"].as_u64().unwrap())
        .collect();
    assert_eq!(statuses, [201, 400, 201, 200, 409, 401, 201]);
    assert_eq!(answers[0]["receipt"], answers[3]["receipt"]);
    for (line, answer) in lines.iter().zip(&answers) {
        if let Some(receipt) = answer.get("receipt") {
            Receipt::parse(receipt.to_string().as_bytes())
                .unwrap()
                .verify(&app.log_key, line)
                .unwrap();
        } else {
            assert_eq!(answer["problem"]["status"], answer["status"]);
            assert!(answer["problem"]["detail"].is_string(), "{answer}");
        }
    }
    assert_eq!(app.tree_size(), before + 3);
}

#[rstest]
fn a_line_may_need_one_before_it(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(app) = TestApp::start(backend) else { return };
    let seen = |id: &str| sign(&snapshot(id, "2026-03-01T10:00:00Z", &[("checkout", 1)]), &app.pipeline);
    let elsewhere = sign(&deployed("b", "checkout", "staging", 1), &app.pipeline);
    let first = sign(&deployed("a", "checkout", "production", 1), &app.pipeline);
    let lines = [elsewhere, seen("1"), first, seen("2"), seen("1")];
    let answer = app.client.post("/v1/events/batch", NDJSON, &lines.join(&b'\n'));
    let answers = answers(answer.expect(200).text());
    let statuses: Vec<u64> = answers.iter().filter_map(|answer| answer["status"].as_u64()).collect();
    // An environment is known once something was deployed to it, not before.
    assert_eq!(statuses, [201, 422, 201, 201, 201]);
}

#[rstest]
fn a_batch_crosses_tiles_and_is_idempotent(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(app) = TestApp::start(backend) else { return };
    let before = app.tree_size();
    let lines: Vec<Vec<u8>> = (0..600)
        .map(|n| sign(&deployed(&format!("e{n}"), "checkout", "production", n), &app.pipeline))
        .collect();
    let body = lines.join(&b'\n');
    let first = app.client.post("/v1/events/batch", NDJSON, &body).expect(200);
    assert_eq!(app.tree_size(), before + 600);
    let indexes: Vec<u64> = answers(first.text())
        .iter()
        .map(|answer| answer["receipt"]["index"].as_u64().unwrap())
        .collect();
    assert_eq!(
        indexes,
        (before..before + 600).collect::<Vec<_>>(),
        "in the order of the lines"
    );

    let again = app.client.post("/v1/events/batch", NDJSON, &body).expect(200);
    assert_eq!(
        again.text(),
        first.text().replace("{\"status\":201,", "{\"status\":200,")
    );
    assert_eq!(app.tree_size(), before + 600);
}

#[rstest]
fn an_empty_batch_and_one_that_is_too_large(#[values(Backend::Sqlite)] backend: Backend) {
    let Some(app) = TestApp::start(backend) else { return };
    let before = app.tree_size();
    assert_eq!(app.client.post("/v1/events/batch", NDJSON, b"").expect(200).text(), "");
    assert_eq!(
        app.client.post("/v1/events/batch", NDJSON, b"\n\n").expect(200).text(),
        ""
    );
    app.client
        .post("/v1/events/batch", NDJSON, &vec![b'\n'; (16 << 20) + 1])
        .problem(413);
    let mut event = deployed("large", "checkout", "production", 1);
    event["customData"]["other"] = "x".repeat(1 << 20).into();
    let answer = app
        .client
        .post("/v1/events/batch", NDJSON, &sign(&event, &app.pipeline))
        .expect(200);
    assert_eq!(answers(answer.text())[0]["status"], 413);
    assert_eq!(app.tree_size(), before);
}

#[rstest]
fn a_batch_has_a_limited_number_of_lines(#[values(Backend::Sqlite)] backend: Backend) {
    let Some(app) = TestApp::start(backend) else { return };
    let most = app.client.post("/v1/events/batch", NDJSON, &b"x\n".repeat(10_000));
    assert_eq!(most.expect(200).text().lines().count(), 10_000);
    let refused = app.client.post("/v1/events/batch", NDJSON, &b"x\n".repeat(8 << 20));
    let problem = refused.problem(413);
    assert_eq!(problem["detail"], "a batch must not have more than 10000 lines");
}
