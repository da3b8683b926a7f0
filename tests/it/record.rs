//! Recording one event: the receipt, repeating, conflicts, many at once, restarts.

use std::sync::Barrier;

use ledger::Receipt;
use rstest::rstest;
use serde_json::json;

use crate::support::events::{deployed, sign, sign_bytes};
use crate::support::http::ENVELOPE;
use crate::support::{Backend, TestApp, events, key};

#[rstest]
fn a_record_gets_a_receipt_that_verifies(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(app) = TestApp::start(backend) else { return };
    let before = app.tree_size();
    let envelope = sign(&deployed("e1", "checkout", "production", 1), &app.pipeline);
    let answer = app.client.anonymous().record(&envelope).expect(201);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("location"), Some(format!("/v1/events/{before}").as_str()));
    assert_eq!(answer.index(), before);
    assert_eq!(app.tree_size(), before + 1);

    let receipt = Receipt::parse(&answer.body).unwrap();
    let verified = receipt.verify(&app.log_key, &envelope).unwrap();
    assert_eq!(verified.checkpoint.size, before + 1);
    // The same keys, salts and times give the same bytes, on either database.
    insta::assert_snapshot!("receipt", answer.text());
}

#[rstest]
fn the_same_event_again_gives_the_original_receipt(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(app) = TestApp::start(backend) else { return };
    let first = deployed("e1", "checkout", "production", 1);
    let envelope = sign(&first, &app.pipeline);
    let original = app.client.record(&envelope).expect(201);
    app.record(&deployed("e2", "checkout", "production", 2));
    let size = app.tree_size();

    let again = app.client.post("/v1/events", "application/json", &envelope).expect(200);
    assert_eq!(again.text(), original.text());
    assert_eq!(again.header("location"), original.header("location"));

    let other = sign(&deployed("e1", "checkout", "production", 3), &app.pipeline);
    let conflict = app.client.record(&other).problem(409);
    assert_eq!(conflict["pointer"], "/context/id");
    assert_eq!(app.tree_size(), size);

    // Nobody can squat on another producer's ids, and another source is another event.
    app.register("other", &key(8), json!({})).expect(201);
    app.client.record(&sign(&first, &key(8))).expect(201);
    let mut elsewhere = first.clone();
    elsewhere["context"]["source"] = "https://ci.example.com/other".into();
    app.record(&elsewhere);
}

#[rstest]
fn the_same_event_from_many_connections_is_one_entry(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    const CONNECTIONS: usize = 16;
    let Some(app) = TestApp::start(backend) else { return };
    for round in 0..4 {
        let before = app.tree_size();
        let envelope = sign(
            &deployed(&format!("e{round}"), "checkout", "production", round),
            &app.pipeline,
        );
        let barrier = Barrier::new(CONNECTIONS);
        let answers: Vec<_> = std::thread::scope(|scope| {
            let send = || {
                barrier.wait();
                app.client.record(&envelope)
            };
            let senders: Vec<_> = (0..CONNECTIONS).map(|_| scope.spawn(send)).collect();
            senders.into_iter().map(|sender| sender.join().unwrap()).collect()
        });
        assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1);
        assert_eq!(
            answers.iter().filter(|answer| answer.status == 200).count(),
            CONNECTIONS - 1
        );
        assert!(
            answers.iter().all(|answer| answer.body == answers[0].body),
            "everybody gets the same receipt"
        );
        assert_eq!(app.tree_size(), before + 1);
    }
}

#[rstest]
fn different_events_at_once_all_get_their_own_entry(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    const SENDERS: u64 = 8;
    const EACH: u64 = 25;
    let Some(app) = TestApp::start(backend) else { return };
    let before = app.tree_size();
    let mut indexes: Vec<u64> = std::thread::scope(|scope| {
        let app = &app;
        let send = move |sender: u64| {
            let one = move |n: u64| app.record(&deployed(&format!("{sender}-{n}"), "checkout", "production", n));
            (0..EACH).map(one).collect::<Vec<_>>()
        };
        let senders: Vec<_> = (0..SENDERS).map(|sender| scope.spawn(move || send(sender))).collect();
        senders.into_iter().flat_map(|sender| sender.join().unwrap()).collect()
    });
    indexes.sort_unstable();
    assert_eq!(
        indexes,
        (before..before + SENDERS * EACH).collect::<Vec<_>>(),
        "contiguous, and nobody shares one"
    );
}

#[rstest]
fn a_restart_keeps_everything(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(mut app) = TestApp::start(backend) else { return };
    let envelope = sign(&deployed("e1", "checkout", "production", 1), &app.pipeline);
    let original = app.client.record(&envelope).expect(201);
    // More than one tile of entries, so that full tiles are read back too.
    let lines: Vec<Vec<u8>> = (0..300)
        .map(|n| sign(&deployed(&format!("b{n}"), "search", "staging", n), &app.pipeline))
        .collect();
    app.client
        .post("/v1/events/batch", "application/x-ndjson", &lines.join(&b'\n'))
        .expect(200);
    let head = app.client.get("/v1/log").json();

    app.restart("2026-03-03T09:00:00Z");
    assert_eq!(app.client.get("/v1/log").json(), head);
    assert_eq!(app.client.record(&envelope).expect(200).text(), original.text());
    // A clock that was set back does not turn time back in the log.
    app.restart("2020-01-01T00:00:00Z");
    let index = app.record(&deployed("e2", "checkout", "production", 2));
    let time = |index: u64| {
        app.client.get(&format!("/v1/log/entries/{index}")).json()["time"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert!(
        time(index) >= time(index - 1),
        "{} before {}",
        time(index),
        time(index - 1)
    );
}

#[rstest]
fn the_envelope_is_kept_byte_for_byte(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(app) = TestApp::start(backend) else { return };
    // White space and members in another order: what was signed is the payload inside, what is kept is all of it.
    let payload = serde_json::to_string_pretty(&deployed("e1", "checkout", "production", 1)).unwrap();
    let envelope: serde_json::Value =
        serde_json::from_slice(&sign_bytes(events::CDEVENT, payload.as_bytes(), &app.pipeline)).unwrap();
    let odd = format!(
        " {{\n \"signatures\": {} ,\t\"payload\" : {}, \"payloadType\": {} }}\n",
        envelope["signatures"], envelope["payload"], envelope["payloadType"]
    );
    let index = app.client.record(odd.as_bytes()).expect(201).index();
    let kept = app.client.get(&format!("/v1/events/{index}/envelope")).expect(200);
    assert_eq!(kept.header("content-type"), Some(ENVELOPE));
    assert_eq!(kept.text(), odd);
}

#[rstest]
fn several_signatures_are_each_accounted_for(#[values(Backend::Sqlite)] backend: Backend) {
    let Some(app) = TestApp::start(backend) else { return };
    app.register("approver", &key(8), json!({})).expect(201);
    let payload = deployed("e1", "checkout", "production", 1).to_string();
    // One signer is unknown: its signature is dropped, and the entry commits to the other two.
    let signers = [&key(7), &key(8), &key(9)];
    let envelope = ledger::Envelope::sign(events::CDEVENT, payload.as_bytes(), &signers).to_json();
    let index = app.client.record(envelope.as_bytes()).expect(201).index();
    let entry = app.client.get(&format!("/v1/log/entries/{index}")).json();
    let listed: Vec<&str> = entry["signers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|signer| signer["key"].as_str().unwrap())
        .collect();
    let mut expected = [key(7), key(8)].map(|key| key.public().id().to_string());
    expected.sort();
    assert_eq!(listed, expected);
}
