//! The conformance files of CDEvents, signed and posted: accepted, shown, and kept byte for byte.

use std::fs;

use rstest::rstest;
use serde_json::{Value, json};

use crate::support::events::{CDEVENT, CLOUDEVENT, deployed, sign_bytes};
use crate::support::{Backend, TestApp, shared};

#[rstest]
fn conformance_files_are_accepted(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
    #[values("v0.4.1", "v0.5.1", "main-0.6.0-draft")] version: &str,
) {
    let Some(folder) = shared(&format!("payloads/cdevents/{version}/conformance")) else {
        return;
    };
    let Some(app) = TestApp::start(backend) else { return };
    let before = app.tree_size();
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|item| item.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    assert!(files.len() > 30, "{files:?}");
    for path in &files {
        let bytes = fs::read(path).unwrap();
        // Examples share their ids; the log keeps an id once.
        let mut event: Value = serde_json::from_slice(&bytes).unwrap();
        event["context"]["id"] = path.file_stem().unwrap().to_str().unwrap().into();
        let payload = serde_json::to_vec_pretty(&event).unwrap();
        let answer = app.client.record(&sign_bytes(CDEVENT, &payload, &app.pipeline));
        assert_eq!(answer.status, 201, "{}: {}", path.display(), answer.text());
        let shown = app
            .client
            .get(&format!("/v1/events/{}", answer.index()))
            .expect(200)
            .json();
        assert_eq!(shown["type"], event["context"]["type"]);
        assert_eq!(shown["id"], event["context"]["id"]);
        assert_eq!(shown["payload"], event, "{}", path.display());
        assert_eq!(shown["attestation"], "signature", "{shown}");
    }
    assert_eq!(app.tree_size(), before + files.len() as u64);
}

#[rstest]
fn a_cloudevent_around_a_cdevent(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(app) = TestApp::start(backend) else { return };
    let inner = deployed("in-cloud", "checkout", "production", 1);
    let outer = json!({
        "specversion": "1.0",
        "id": inner["context"]["id"],
        "source": inner["context"]["source"],
        "type": inner["context"]["type"],
        "time": inner["context"]["timestamp"],
        "datacontenttype": "application/json",
        "data": inner,
    });
    let index = app
        .client
        .record(&sign_bytes(CLOUDEVENT, outer.to_string().as_bytes(), &app.pipeline))
        .expect(201)
        .index();
    let shown = app.client.get(&format!("/v1/events/{index}")).expect(200).json();
    assert_eq!(
        (shown["service"].as_str(), shown["payload_type"].as_str()),
        (Some("checkout"), Some(CLOUDEVENT))
    );
    // Bare or wrapped, it is the same id: other bytes, so a conflict.
    let bare = sign_bytes(
        CDEVENT,
        deployed("in-cloud", "checkout", "production", 1).to_string().as_bytes(),
        &app.pipeline,
    );
    app.client.record(&bare).problem(409);

    let mut disagreeing = outer.clone();
    disagreeing["id"] = "another".into();
    let before = app.tree_size();
    app.client
        .record(&sign_bytes(
            CLOUDEVENT,
            disagreeing.to_string().as_bytes(),
            &app.pipeline,
        ))
        .problem(422);
    assert_eq!(app.tree_size(), before);
}
