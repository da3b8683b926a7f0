//! Erasure: what an event said is gone from every answer and every file, its entry and all proofs stay, and everybody is told.

mod documents;
mod files;

use base64ct::{Base64, Encoding};
use ledger::{TlogProof, leaf_hash};
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::binary::{Service, code, run};
use crate::support::database::TestDatabase;
use crate::support::events::{deployed, sign};
use crate::support::http::Answer;
use crate::support::{Backend, TestApp, key};

const REASON: &str = "personal-data-recorded-by-mistake";

/// Text that no database makes smaller, with the word all over it; of every fifteenth event it does not fit into one page.
fn long_text(word: &str, n: u64) -> String {
    let lines = if n % 15 == 7 { 150 } else { 5 };
    let hash = |line: u64| ledger::sha256(&[n, line].map(u64::to_be_bytes).concat());
    (0..lines).map(|line| format!("{word} {}\n", hash(line))).collect()
}

/// An event with a word in every place that takes text.
fn telling(word: &str, n: u64) -> Value {
    let mut event = deployed(
        &format!("{word}-id"),
        &format!("{word}-service"),
        &format!("{word}-environment"),
        n,
    );
    event["context"]["source"] = format!("https://{word}.example.com/ci").into();
    event["context"]["chainId"] = format!("{word}-chain").into();
    event["subject"]["source"] = format!("https://{word}.example.com/cluster").into();
    event["customData"]["shipslog"] = json!({
        "version": format!("{word}-version"),
        "commit": format!("{:040x}", 0xfeed_0000_0000_0000_u64 + n),
        "actor": { "id": format!("{word}@example.com"), "name": format!("{word} Smith") },
        "reason": format!("asked for by {word}"),
        "tickets": [{ "id": format!("{word}-123"), "title": format!("{word} wants this") }],
        "commits": [{ "id": format!("{:040x}", 0xbeef_0000_0000_0000_u64 + n), "message": format!("fix: {word}\n\n{}", long_text(word, n)) }],
        "highlights": format!("Thanks to {word}"),
    });
    event["customData"]["build"] = json!({ "started_by": word });
    event
}

fn erase(app: &TestApp, index: u64) -> Answer {
    app.client.post_json(
        &format!("/v1/events/{index}/erasure"),
        &json!({ "reason": REASON, "text": "a name was in it" }),
    )
}

#[rstest]
fn an_erased_event_is_gone_and_its_proofs_stand(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(app) = TestApp::start(backend) else { return };
    for n in 0..8 {
        app.record(&deployed(&format!("before-{n}"), "checkout", "production", 100 + n));
    }
    let secret = telling("zqmarker", 2);
    let index = app.record(&secret);
    let size = app.tree_size();
    app.record(&deployed("after", "checkout", "production", 3));
    let receipt = app
        .client
        .get(&format!("/v1/events/{index}/receipt"))
        .expect(200)
        .json();

    let answer = erase(&app, index).expect(201);
    let by = app.tree_size() - 1;
    assert_eq!(answer.header("location"), Some(format!("/v1/events/{by}").as_str()));
    let erased = answer.json()["erased"].clone();
    assert_eq!((&erased["index"], &erased["erased_by"]), (&json!(index), &json!(by)));
    assert_eq!((&erased["reason"], &erased["actor"]), (&json!(REASON), &json!("admin")));
    assert_eq!(erased["entry"], receipt["entry"], "the entry stays as it was");
    let remains = if backend == Backend::Sqlite {
        "nothing"
    } else {
        "operator"
    };
    assert_eq!(answer.json()["remains"], remains);

    // Each way to the content says that it is gone, why, and proves both entries.
    for path in ["", "/envelope", "/receipt"] {
        let problem = app.client.get(&format!("/v1/events/{index}{path}")).problem(410);
        assert_eq!(problem["type"], "urn:shipslog:problem:erased");
        for (entry, proof, at) in [("entry", "proof", index), ("erasure_entry", "erasure_proof", by)] {
            let entry = Base64::decode_vec(problem["erased"][entry].as_str().unwrap()).unwrap();
            let proof = TlogProof::parse(problem["erased"][proof].as_str().unwrap()).unwrap();
            assert_eq!(proof.index, at);
            let checkpoint = proof.verify(&app.log_key, &leaf_hash(&entry)).unwrap();
            assert_eq!(checkpoint.size, app.tree_size());
        }
    }
    // The erasure is an entry like any other, signed by the service.
    let record = app.client.get(&format!("/v1/events/{by}")).expect(200).json();
    assert_eq!(record["producer"], "shipslog");
    let administration = &record["payload"]["customData"]["shipslog"]["administration"];
    assert_eq!(
        (
            &administration["action"],
            &administration["index"],
            &administration["text"]
        ),
        (&json!("event_erased"), &json!(index), &json!("a name was in it"))
    );
    assert!(!record.to_string().contains("zqmarker"));

    // Nothing that is read shows it, as of now or as of then.
    for tree_size in [app.tree_size(), size] {
        for path in [
            format!("/v1/events?limit=500&tree_size={tree_size}"),
            format!("/v1/services?tree_size={tree_size}"),
            format!("/v1/environments?tree_size={tree_size}"),
            format!("/v1/deployments?tree_size={tree_size}"),
            format!("/v1/search?q=zq&tree_size={tree_size}"),
            format!("/v1/search?q=000000000000000000000000feed&tree_size={tree_size}"),
            format!("/v1/release-notes?service=checkout&environment=production&format=json&tree_size={tree_size}"),
        ] {
            let answer = app.client.get(&path);
            if answer.status == 404 {
                continue;
            }
            let text = answer.expect(200).text().to_owned();
            assert!(!text.contains("zqmarker") && !text.contains("feed00"), "{path}: {text}");
        }
        let list = app
            .client
            .get(&format!("/v1/events?limit=500&tree_size={tree_size}"))
            .expect(200)
            .json();
        let item = list["items"]
            .as_array()
            .unwrap()
            .iter()
            .find(|item| item["index"] == index);
        let item = item.expect("an erased event keeps its place in the list");
        assert_eq!(item["erased"], json!({ "index": by, "reason": REASON }));
        for member in ["id", "source", "producer", "type", "subject_id"] {
            let left = item[member].as_str().unwrap();
            assert!(left.is_empty() || left.parse() == Ok(index), "{item}");
        }
    }
    let shown = app.client.get(&format!("/v1/search?q={index}")).expect(200).json();
    assert_eq!(shown["items"], json!([]), "its place is not its id");
    assert_eq!(app.client.get("/v1/deployments/zqmarker-id").status, 404);
}

#[rstest]
fn an_erased_event_does_not_come_back(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(mut app) = TestApp::start(backend) else { return };
    let event = telling("zqmarker", 2);
    let envelope = sign(&event, &app.pipeline);
    let index = app.record(&event);
    let first = erase(&app, index).expect(201).json();
    let by = first["erased"]["erased_by"].clone();
    let size = app.tree_size();
    let refused = |app: &TestApp, envelope: &[u8]| {
        let problem = app.client.record(envelope).problem(410);
        assert_eq!(problem["type"], "urn:shipslog:problem:erased");
        assert_eq!(
            (&problem["erased"]["index"], &problem["erased"]["erased_by"]),
            (&json!(index), &by)
        );
        assert_eq!(app.tree_size(), size);
    };
    refused(&app, &envelope);
    // The same name with other content cannot be told from it any more.
    let mut other = event.clone();
    other["subject"]["id"] = "other".into();
    refused(&app, &sign(&other, &app.pipeline));
    let batch = app
        .client
        .post("/v1/events/batch", "application/x-ndjson", &envelope)
        .expect(200)
        .json();
    assert_eq!(
        (&batch["status"], &batch["problem"]["erased"]["erased_by"]),
        (&json!(410), &by)
    );
    // Erasing it again changes nothing and gives the first erasure, whoever asks and why.
    let again = app
        .client
        .post_json(
            &format!("/v1/events/{index}/erasure"),
            &json!({ "reason": "legal-order", "text": "again" }),
        )
        .expect(200)
        .json();
    for member in ["index", "erased_by", "reason", "text", "erased_at", "entry"] {
        assert_eq!(again["erased"][member], first["erased"][member], "{member}");
    }
    assert_eq!(app.tree_size(), size);
    // It is known after a restart, and when its key may no longer sign.
    app.restart("2026-03-03T09:00:00Z");
    refused(&app, &envelope);
    app.client
        .post_json("/v1/producers/pipeline/revocation", &json!({ "reason": "lost" }))
        .expect(200);
    let problem = app.client.record(&envelope).problem(410);
    assert_eq!(problem["erased"]["erased_by"], by);
    // Another producer's event of the same name is another event.
    app.register("other", &key(9), json!({})).expect(201);
    app.client.record(&sign(&event, &key(9))).expect(201);
}

#[rstest]
fn what_rights_follow_from_cannot_be_erased(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(app) = TestApp::start(backend) else { return };
    let index = app.record(&deployed("e1", "checkout", "production", 1));
    erase(&app, index).expect(201);
    let size = app.tree_size();
    // The creation of the log, the token, the producer, and the erasure itself.
    for stays in [0, 1, 2, size - 1] {
        let problem = erase(&app, stays).problem(409);
        let detail = problem["detail"].as_str().unwrap();
        assert!(
            detail.contains("who may record") && detail.contains("revoke"),
            "{detail}"
        );
    }
    erase(&app, size).problem(404);
    erase(&app, u64::MAX).problem(404);
    let path = format!("/v1/events/{index}/erasure");
    for (body, pointer) in [
        (json!({ "reason": "because", "text": "x" }), "/reason"),
        (json!({ "reason": "legal-order" }), ""),
        (json!({ "reason": "legal-order", "text": " " }), "/text"),
        (json!({ "reason": "legal-order", "text": "x".repeat(1001) }), "/text"),
        (json!({ "reason": "legal-order", "text": "x", "index": 4 }), ""),
    ] {
        let problem = app.client.post_json(&path, &body).problem(422);
        assert!(
            problem["pointer"].as_str().unwrap_or("").starts_with(pointer),
            "{problem}"
        );
    }
    // Nobody but an administrator.
    let reader = app
        .client
        .post_json("/v1/tokens", &json!({ "name": "r", "role": "reader" }))
        .expect(201)
        .json();
    let reader = app.client.with_token(reader["token"].as_str().unwrap());
    let body = json!({ "reason": "legal-order", "text": "x" });
    reader.post_json(&path, &body).problem(403);
    app.client.anonymous().post_json(&path, &body).problem(401);
    assert_eq!(app.tree_size(), size + 1);
}

#[rstest]
fn references_in_sorted_runs_go_too_and_do_not_return(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    const COUNT: u64 = shipslog::store::RUN + 400;
    let Some(database) = TestDatabase::new(backend) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    // On PostgreSQL two services over one database: what one destroys, the other must not write again from memory.
    let count = if backend == Backend::Postgres { 2 } else { 1 };
    let services: Vec<Service> = (0..count)
        .map(|_| Service::start(folder.path(), Some(&database.url), &[]))
        .collect();
    let body = json!({ "name": "pipeline", "public_key": key(7).public().to_pem() });
    services[0].client.post_json("/v1/producers", &body).expect(201);
    let lines = |from: u64, to: u64| -> Vec<u8> {
        let all: Vec<Vec<u8>> = (from..to)
            .map(|n| sign(&deployed(&format!("e{n}"), "checkout", "production", n), &key(7)))
            .collect();
        all.join(&b'\n')
    };
    let post = |service: &Service, from: u64, to: u64| {
        let answer = service
            .client
            .post("/v1/events/batch", "application/x-ndjson", &lines(from, to))
            .expect(200);
        assert!(answer.text().lines().all(|line| line.starts_with("{\"status\":201,")));
    };
    for start in (0..COUNT).step_by(1500) {
        post(&services[0], start, (start + 1500).min(COUNT));
    }
    // The run is being written: some of its rows are in it, the others in the memory of every service.
    let erased: Vec<u64> = (10..4000).step_by(400).collect();
    for index in &erased {
        let path = format!("/v1/events/{index}/erasure");
        let body = json!({ "reason": REASON, "text": "a name was in it" });
        services[count - 1].client.post_json(&path, &body).expect(201);
    }
    for (service, from) in [(0, COUNT), (1, COUNT + 1500), (0, COUNT + 2500)] {
        post(&services[service % count], from, from + 1000);
    }
    let runs = database.texts("SELECT CAST(runs AS TEXT) AS value FROM head");
    assert_eq!(runs, ["1"]);
    let list: Vec<String> = erased.iter().map(ToString::to_string).collect();
    for table in ["reference", "reference_run"] {
        let sql = format!("SELECT value FROM {table} WHERE idx IN ({})", list.join(", "));
        assert_eq!(database.texts(&sql), [""; 0], "{table}");
    }
    for service in services {
        assert!(service.terminate());
    }
    let fsck = run(&[
        "fsck",
        "--data",
        folder.path().to_str().unwrap(),
        "--database",
        &database.url,
    ]);
    assert_eq!(code(&fsck), 0, "{}", String::from_utf8_lossy(&fsck.stdout));
}

#[rstest]
fn the_database_lets_go_of_nothing_that_was_not_erased(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(app) = TestApp::start(backend) else { return };
    let index = app.record(&deployed("e1", "checkout", "production", 1));
    let other = app.record(&deployed("e2", "checkout", "production", 2));
    let by = erase(&app, index).expect(201).json()["erased"]["erased_by"]
        .as_u64()
        .unwrap();
    let refused = |sql: &str| assert!(app.database.execute(sql).is_err(), "{sql}");
    refused(&format!(
        "UPDATE envelope SET salt = NULL, bytes = NULL WHERE idx = {other}"
    ));
    refused(&format!("DELETE FROM reference WHERE idx = {other}"));
    refused(&format!("UPDATE event SET service = NULL WHERE idx = {other}"));
    // Not even an erased row may say anything new.
    for change in [
        "source = 'x'",
        "service = 'x'",
        "event_id = 'x'",
        "occurred_ms = 1",
        "administrative = NOT administrative",
    ] {
        refused(&format!("UPDATE event SET {change} WHERE idx = {index}"));
    }
    refused(&format!(
        "UPDATE erasure SET reason = 'legal-order' WHERE idx = {index}"
    ));
    refused(&format!("DELETE FROM erasure WHERE idx = {index}"));
    // An erasure that no entry records, of an entry that says who may do what, or for another reason than there are.
    for (erased, by, reason) in [
        (other, other + 1, REASON),
        (other, by, REASON),
        (0, by, REASON),
        (other, by, "because"),
    ] {
        refused(&format!(
            "INSERT INTO erasure (idx, erased_by, reason) VALUES ({erased}, {by}, '{reason}')"
        ));
    }
}
