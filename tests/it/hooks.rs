//! `POST /v1/hooks/github`: authentic deliveries become entries that tell how they came; nothing else gets in.

use std::fs;

use hmac::{Hmac, KeyInit, Mac};
use rstest::rstest;
use serde_json::Value;
use sha2::Sha256;

use crate::support::app::GITHUB_SECRET;
use crate::support::http::{Answer, Client};
use crate::support::{Backend, TestApp, shared};

pub fn signature(secret: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(body);
    let code = mac.finalize().into_bytes();
    format!(
        "sha256={}",
        code.iter().map(|byte| format!("{byte:02x}")).collect::<String>()
    )
}

fn deliver(app: &TestApp, event: &str, delivery: &str, body: &[u8], signature: &str) -> Answer {
    deliver_to(&app.client, event, delivery, body, signature)
}

pub fn deliver_to(client: &Client, event: &str, delivery: &str, body: &[u8], signature: &str) -> Answer {
    let headers = [
        ("Content-Type", "application/json"),
        ("X-GitHub-Event", event),
        ("X-GitHub-Delivery", delivery),
        ("X-Hub-Signature-256", signature),
    ];
    client
        .anonymous()
        .send("POST", "/v1/hooks/github", &headers, Some(body))
}

/// Event name and body of every payload of the shared folder.
fn payloads() -> Vec<(String, Vec<u8>)> {
    let Some(root) = shared("payloads/github/octokit") else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for folder in fs::read_dir(root).unwrap().map(|item| item.unwrap().path()) {
        let event = folder.file_name().unwrap().to_str().unwrap().to_owned();
        found.extend(
            fs::read_dir(&folder)
                .unwrap()
                .map(|item| (event.clone(), fs::read(item.unwrap().path()).unwrap())),
        );
    }
    found.sort();
    found
}

#[rstest]
fn real_deliveries_are_recorded_once(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(app) = TestApp::start(backend) else { return };
    let mut recorded = 0;
    for (number, (event, body)) in payloads().iter().enumerate() {
        let before = app.tree_size();
        let delivery = format!("delivery-{number}");
        let first = deliver(&app, event, &delivery, body, &signature(GITHUB_SECRET, body));
        assert!(matches!(first.status, 200 | 201), "{event}: {}", first.text());
        let receipts = first.json()["receipts"].as_array().unwrap().clone();
        assert_eq!(first.status == 201, app.tree_size() > before, "{event}");
        for receipt in &receipts {
            let index = receipt["index"].as_u64().unwrap();
            let shown = app.client.get(&format!("/v1/events/{index}")).expect(200).json();
            assert_eq!(shown["producer"], "shipslog");
            assert_eq!(
                shown["attestation"], "shared-secret",
                "the ledger tells how it came: {shown}"
            );
            let received = &shown["payload"]["customData"]["shipslog"]["received"];
            assert_eq!(
                (received["from"].as_str(), received["event"].as_str()),
                (Some("github"), Some(event.as_str()))
            );
        }
        if let Some(receipt) = receipts.first() {
            // The raw body is kept with the first event of a delivery.
            let shown = app.client.get(&format!("/v1/events/{}", receipt["index"])).json();
            let kept = shown["payload"]["customData"]["shipslog"]["received"]["body"]
                .as_str()
                .unwrap();
            assert_eq!(
                <base64ct::Base64 as base64ct::Encoding>::decode_vec(kept).unwrap(),
                *body
            );
        }
        let size = app.tree_size();
        let again = deliver(&app, event, &delivery, body, &signature(GITHUB_SECRET, body)).expect(200);
        assert_eq!(
            again.json()["receipts"],
            Value::Array(receipts),
            "a redelivery brings the original receipts"
        );
        if size > before {
            // Neither header is authenticated: under another name the same body is nothing new.
            deliver(&app, event, "forged", body, &signature(GITHUB_SECRET, body)).problem(409);
        }
        assert_eq!(app.tree_size(), size);
        recorded += size - before;
    }
    assert!(payloads().is_empty() || recorded >= 12, "{recorded} events");
}

#[rstest]
fn what_is_not_authentic_is_refused(#[values(Backend::Sqlite)] backend: Backend) {
    let Some(app) = TestApp::start(backend) else { return };
    let before = app.tree_size();
    let body = br#"{"zen":"Keep it logically awesome."}"#;
    let right = signature(GITHUB_SECRET, body);
    let wrong = [
        signature("another secret", body),
        signature(GITHUB_SECRET, b"{}"),
        right[..right.len() - 2].to_owned(),
        right.replace("sha256=", "sha1="),
        right.replace("sha256=", ""),
        "sha256=".to_owned(),
        String::new(),
    ];
    for signature in wrong {
        deliver(&app, "push", "1", body, &signature).problem(401);
    }
    deliver(&app, "ping", "1", body, &right).expect(200);
    deliver(&app, "push", "", body, &right).problem(400);
    let malformed = b"{\"ref\":";
    let answer = deliver(&app, "push", "1", malformed, &signature(GITHUB_SECRET, malformed));
    assert!(matches!(answer.status, 400 | 422), "{}", answer.text());
    let empty = b"{}";
    let answer = deliver(&app, "deployment", "1", empty, &signature(GITHUB_SECRET, empty));
    answer.problem(answer.status);
    assert!(matches!(answer.status, 400 | 422), "{}", answer.text());
    assert_eq!(app.tree_size(), before);
}
