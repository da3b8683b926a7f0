//! What people attest and what auditors conclude: what is refused, what is listed, and where it shows.

use rstest::rstest;
use serde_json::{Value, json};

use super::cli_record::Desk;
use crate::documents::{history, text};
use crate::support::events::{event, sign};
use crate::support::{Backend, TestApp, key};

const REPORT: &str = "/v1/reports/compliance?environment=production&period=2026-Q1&framework=pci-dss";

/// That no live card numbers are in environments before production, by Eve.
pub fn attestation(id: &str, change: Value) -> Value {
    let mut said = json!({
        "framework": "pci-dss", "item": "no-live-pan", "statement": "All test databases were searched.",
        "evidence": ["https://wiki.example/search"], "valid_until": "2026-12-31T00:00:00Z",
    });
    said.as_object_mut()
        .unwrap()
        .extend(change.as_object().unwrap().clone());
    let ours = json!({ "attestation": said, "actor": { "id": "eve", "kind": "human" } });
    event(id, "shipslog-attestation.made.0.1.0", id, json!({}), ours)
}

/// That an auditor found nothing wrong with a sample, by Ursula.
pub fn conclusion(id: &str, sample: u64, change: Value) -> Value {
    let mut said = json!({ "sample": sample, "result": "no_exception", "text": "The ticket and the tests agree." });
    said.as_object_mut()
        .unwrap()
        .extend(change.as_object().unwrap().clone());
    let ours = json!({ "conclusion": said, "actor": { "id": "ursula", "kind": "human" } });
    event(id, "shipslog-conclusion.drawn.0.1.0", "sample", json!({}), ours)
}

#[rstest]
fn what_makes_no_sense_is_refused_by_its_place(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(app) = TestApp::start(backend) else { return };
    let without = |mut event: Value, member: &str| {
        event["customData"]["shipslog"].as_object_mut().unwrap().remove(member);
        event
    };
    let made = |change| attestation("x", change);
    let mut revoked = without(made(json!({})), "attestation");
    revoked["context"]["type"] = "dev.cdeventsx.shipslog-attestation.revoked.0.1.0".into();
    let cases = [
        (without(made(json!({})), "attestation"), "attestation", "is required"),
        (without(made(json!({})), "actor"), "actor", "is required"),
        (revoked, "reason", "is required"),
        (made(json!({ "statement": " " })), "attestation/statement", "empty"),
        (
            made(json!({ "evidence": ["see the wiki"] })),
            "attestation/evidence",
            "neither",
        ),
        (
            made(json!({ "valid_until": "2026-01-01T00:00:00Z" })),
            "attestation/valid_until",
            "must be later",
        ),
        (
            made(json!({ "framework": "pci" })),
            "attestation/framework",
            "the catalogue has no framework pci",
        ),
        (
            made(json!({ "item": "no-live-cards" })),
            "attestation/item",
            "pci-dss asks nobody for no-live-cards",
        ),
        (
            conclusion("x", 0, json!({})),
            "conclusion/sample",
            "entry 0 issued no sample",
        ),
        (
            conclusion("x", u64::MAX, json!({})),
            "conclusion/sample",
            "issued no sample",
        ),
        (conclusion("x", 0, json!({ "text": "" })), "conclusion/text", "empty"),
        (
            conclusion("x", 0, json!({ "result": "fine" })),
            "conclusion/result",
            "unknown variant",
        ),
    ];
    for (event, pointer, words) in cases {
        let problem = app.client.record(&sign(&event, &app.pipeline)).problem(422);
        assert_eq!(
            problem["pointer"],
            format!("/customData/shipslog/{pointer}"),
            "{problem}"
        );
        assert!(problem["detail"].as_str().unwrap().contains(words), "{problem}");
    }
}

#[rstest]
fn attestations_are_listed_and_stand_in_the_report(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(app) = TestApp::start(backend) else { return };
    history(&app);
    let missing = text(&app, REPORT);
    assert!(missing.contains("(not recorded)"), "{missing}");
    let made = attestation("AT-1", json!({ "valid_from": "2026-01-01T00:00:00Z" }));
    let index = app.record(&made);
    let size = app.tree_size();
    let ours = json!({ "reason": "One database was forgotten." });
    let revoked = event("r", "shipslog-attestation.revoked.0.1.0", "AT-1", json!({}), ours);
    app.record(&revoked);
    let listed = |size: u64| {
        let page = app
            .client
            .get(&format!("/v1/attestations?tree_size={size}"))
            .expect(200);
        page.json()["items"].clone()
    };
    assert_eq!(listed(size - 1), json!([]));
    assert_eq!(
        (
            &listed(size)[0]["index"],
            &listed(size)[0]["by"]["id"],
            &listed(size)[0]["revoked"]
        ),
        (&json!(index), &json!("eve"), &Value::Null)
    );
    assert_eq!(listed(size + 1)[0]["revoked"]["reason"], "One database was forgotten.");
    let state = |size: u64| {
        let report = app
            .client
            .get(&format!("{REPORT}&format=json&tree_size={size}"))
            .expect(200)
            .json();
        let rows = report["frameworks"][0]["requirements"].as_array().unwrap().clone();
        let row = rows.iter().find(|row| row["id"] == "6.5.5").unwrap();
        assert_eq!(row["conclusion"], "manual", "an attestation is no check");
        row["manual"][0]["state"].clone()
    };
    assert_eq!(
        (state(size - 1), state(size), state(size + 1)),
        (json!("missing"), json!("attested"), json!("revoked"))
    );
}

/// An attestation without an environment speaks of all of them.
#[rstest]
fn a_key_of_one_environment_attests_for_no_other(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(app) = TestApp::start(backend) else { return };
    app.register("staging-desk", &key(9), json!({ "environments": ["staging"] }))
        .expect(201);
    let mut made = attestation("AT-1", json!({}));
    let problem = app.client.record(&sign(&made, &key(9))).problem(403);
    assert_eq!(problem["pointer"], "/customData/shipslog/environment");
    made["customData"]["shipslog"]["environment"] = "staging".into();
    app.client.record(&sign(&made, &key(9))).expect(201);
}

#[rstest]
fn an_auditor_concludes_on_the_record(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(app) = TestApp::start(backend) else { return };
    history(&app);
    app.register("auditor", &key(9), json!({ "event_types": ["shipslog-conclusion"] }))
        .expect(201);
    let body =
        json!({ "environment": "production", "period": "2026-Q1", "size": 2, "seed": "Smith", "full": ["none"] });
    let issued = app.client.post_json("/v1/samples", &body).expect(201).json();
    let sample = issued["index"].as_u64().unwrap();
    let items = issued["document"]["sample"]["items"].as_array().unwrap();
    assert_eq!(items.len(), 2);
    let size = issued["document"]["tree_size"].as_u64().unwrap();
    let paper =
        format!("/v1/samples?environment=production&period=2026-Q1&size=2&seed=Smith&full=none&tree_size={size}");
    let before = text(&app, &paper);
    let conclude = |id: &str, change: Value| {
        let said = conclusion(id, sample, change);
        app.client.record(&sign(&said, &key(9))).expect(201).index()
    };
    let exception = conclude("c1", json!({ "item": items[0], "result": "exception" }));
    let elsewhere = conclude("c2", json!({ "item": 0 }));
    let whole = conclude("c3", json!({}));
    let answer = app.client.get("/v1/conclusions").expect(200).json();
    let found = &answer["samples"][0];
    assert_eq!(
        (&answer["tree_size"], &found["index"], &found["missing"]),
        (&json!(app.tree_size()), &json!(sample), &json!(1))
    );
    assert_eq!(
        (
            &found["items"][0]["conclusions"][0]["index"],
            &found["not_in_sample"][0]["index"],
            &found["whole"][0]["index"]
        ),
        (&json!(exception), &json!(elsewhere), &json!(whole))
    );
    let earlier = app
        .client
        .get(&format!("/v1/conclusions?tree_size={exception}"))
        .expect(200)
        .json();
    assert_eq!(earlier["samples"][0]["missing"], 2, "as of before");
    let report = app.client.get(&format!("{REPORT}&format=json")).expect(200).json();
    assert_eq!(
        (&report["samples"][0]["missing"], &report["samples"][0]["exceptions"]),
        (&json!(1), &json!(1))
    );
    let oscal = app
        .client
        .get(&format!("{REPORT}&format=oscal-assessment-results"))
        .expect(200)
        .json();
    let observations = oscal["assessment-results"]["results"][0]["observations"]
        .as_array()
        .unwrap();
    let examined = observations
        .iter()
        .filter(|found| found["methods"] == json!(["EXAMINE"]));
    let cited: Vec<&Value> = examined.map(|found| &found["relevant-evidence"][0]["href"]).collect();
    let cites = |index: u64| json!(format!("/v1/events/{index}"));
    assert_eq!(cited, [&cites(exception), &cites(whole), &cites(elsewhere)]);
    let staging = text(&app, &REPORT.replace("production", "staging"));
    assert!(staging.contains("No sample was issued"), "{staging}");
    assert_eq!(text(&app, &paper), before, "the papers stay what was issued");
    app.check_log();
}

#[test]
fn the_command_line_says_who_attests_and_who_concludes() {
    let desk = Desk::new();
    let attests = [
        "attestation",
        "AT-1",
        "--framework",
        "pci-dss",
        "--item",
        "no-live-pan",
        "--statement",
        "Searched.",
        "--environment",
        "production",
        "--until",
        "2099-01-01T00:00:00Z",
    ];
    let event = desk.dry(
        &[
            &attests[..],
            &["--actor", "eve", "--evidence", "https://wiki.example/1"],
        ]
        .concat(),
        &[],
    );
    let said = event.extension.attestation.unwrap();
    assert_eq!((event.subject_id.as_str(), said.item.as_str()), ("AT-1", "no-live-pan"));
    assert_eq!(event.environment.unwrap().as_str(), "production");
    assert_eq!(event.extension.actor.unwrap().id, "eve");
    let revoked = desk.dry(&["attestation", "AT-1", "--revoke", "--reason", "wrong"], &[]);
    assert_eq!(
        revoked.event_type.text,
        "dev.cdeventsx.shipslog-attestation.revoked.0.1.0"
    );
    let concluded = [
        "conclusion",
        "#12",
        "--result",
        "could-not-be-tested",
        "--text",
        "No ticket.",
    ];
    let event = desk.dry(&[&concluded[..], &["--item", "7", "--actor", "ursula"]].concat(), &[]);
    let said = event.extension.conclusion.unwrap();
    assert_eq!((said.sample, said.item), (12, Some(7)));
    assert_eq!(said.result.words(), "could not be tested");
    for (arguments, words) in [
        (&attests[..], "who attests it? Give --actor ID"),
        (
            &[&attests[..], &["--actor", "eve", "--evidence", "the wiki"]].concat(),
            "evidence: the wiki is neither",
        ),
        (&["attestation", "AT-1", "--revoke"], "why? Give --reason TEXT"),
        (
            &["conclusion", "last", "--result", "exception", "--text", "x"],
            "must be the index of an entry",
        ),
    ] {
        let (code, message) = desk.refused(arguments);
        assert!(code == 2 && message.contains(words), "{message}");
    }
}
