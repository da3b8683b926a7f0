//! What events are found by.

use serde_json::{Value, json};

use super::*;
use crate::domain::parse::{CDEVENT_JSON, parse};

fn references(event_type: &str, subject: &str, content: Value, extension: Value) -> Vec<(&'static str, String)> {
    let event = json!({
        "context": {
            "specversion": "0.5.1", "id": "e1", "chainId": "c1", "source": "/s",
            "timestamp": "2026-03-02T09:00:00Z", "type": event_type,
        },
        "subject": { "id": subject, "content": content },
        "customData": { "shipslog": extension },
    });
    let event = parse(CDEVENT_JSON, &serde_json::to_vec(&event).unwrap()).unwrap();
    let found = event
        .references()
        .into_iter()
        .map(|(kind, value)| (kind.as_str(), value));
    found.filter(|(kind, _)| *kind != "chain").collect()
}

fn pairs(expected: &[(&'static str, &str)]) -> Vec<(&'static str, String)> {
    expected
        .iter()
        .map(|(kind, value)| (*kind, (*value).to_owned()))
        .collect()
}

const COMMIT: &str = "f95f852bd8fca8fcc58a9a2d6c842781e32a215e";

#[test]
fn a_deployment_is_found_by_all_that_it_brought_in() {
    let hex = "ab".repeat(32);
    let found = references(
        "dev.cdevents.deployment.finished.0.1.0",
        "d1",
        json!({
            "artifactId": format!("pkg:oci/shop@sha256%3A{}", hex.to_uppercase()),
            "environment": { "id": "production" },
            "outcome": "success",
        }),
        json!({
            "version": "4.1.0",
            "commit": COMMIT.to_uppercase(),
            "commits": [{ "id": COMMIT, "message": "a" }, { "id": "ABCDEF0", "message": "b" }],
            "pull_requests": [{ "id": "12", "merge_commit": "1234567" }],
            "tickets": [{ "id": "PAY-1" }, { "id": "PAY-1" }],
            "run_url": "https://ci.example/1",
            "remediates": "i9",
        }),
    );
    let digest = format!("sha256:{hex}");
    assert_eq!(
        found,
        pairs(&[
            ("deployment", "d1"),
            ("deployment", "i9"),
            ("incident", "i9"),
            ("ticket", "PAY-1"),
            ("pull_request", "12"),
            ("commit", "1234567"),
            ("commit", "abcdef0"),
            ("commit", COMMIT),
            ("digest", &digest),
            ("version", "4.1.0"),
        ])
    );
}

#[test]
fn an_incident_is_found_by_its_cause_but_not_by_a_place_in_the_log() {
    let content = json!({
        "environment": { "id": "production" }, "ticketURI": "https://t.example/1", "artifactId": format!("pkg:github/o/shop@{COMMIT}"),
    });
    let incident = |cause: &str| {
        references(
            "dev.cdevents.incident.reported.0.3.0",
            "i1",
            content.clone(),
            json!({ "caused_by": cause }),
        )
    };
    let artifact = format!("pkg:github/o/shop@{COMMIT}");
    let mut expected = pairs(&[
        ("deployment", "d1"),
        ("incident", "i1"),
        ("ticket", "https://t.example/1"),
        ("commit", COMMIT),
        ("artifact", &artifact),
    ]);
    assert_eq!(incident("d1"), expected);
    expected.remove(0);
    assert_eq!(incident("#17"), expected);
}

#[test]
fn subjects_are_found_by_their_id() {
    let environment = json!({ "id": "production" });
    for (event_type, content, kind) in [
        ("dev.cdevents.change.merged.0.3.0", json!({}), "change"),
        ("dev.cdevents.ticket.updated.0.2.0", json!({ "uri": "s1" }), "ticket"),
        ("dev.cdevents.build.started.0.3.0", json!({}), "run"),
        ("dev.cdevents.pipelinerun.queued.0.3.0", json!({}), "run"),
        (
            "dev.cdevents.testsuiterun.queued.0.3.0",
            json!({ "environment": environment }),
            "run",
        ),
        (
            "dev.cdevents.approval.created.0.1.0",
            json!({ "approvalDetailsUrl": "a", "resourceTargetUrl": "b", "requestor": "urn:u" }),
            "approval",
        ),
    ] {
        assert_eq!(
            references(event_type, "s1", content, json!({})),
            pairs(&[(kind, "s1")]),
            "{event_type}"
        );
    }
    let packaged = json!({ "change": { "id": "7" } });
    assert_eq!(
        references(
            "dev.cdevents.artifact.packaged.0.3.0",
            "pkg:oci/a@1.0",
            packaged,
            json!({})
        ),
        pairs(&[("change", "7"), ("version", "1.0"), ("artifact", "pkg:oci/a@1.0")])
    );
    let digest = format!("sha256:{}", "ab".repeat(32));
    assert_eq!(
        references(
            "dev.cdeventsx.my-scan.done.0.1.0",
            "x",
            json!({}),
            json!({ "artifact": digest })
        ),
        pairs(&[("digest", &digest)])
    );
}

#[test]
fn the_words_of_kinds_are_distinct() {
    let words: BTreeSet<_> = ReferenceKind::ALL.iter().map(|kind| kind.as_str()).collect();
    assert_eq!(words.len(), ReferenceKind::ALL.len());
}
