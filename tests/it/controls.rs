//! Aliases and exceptions through the service: what is refused, what is listed, and what reports make of them.

use rstest::rstest;
use serde_json::{Value, json};

use super::cli_record::Desk;
use crate::completeness::snapshot;
use crate::support::events::{at, event, purl, sign};
use crate::support::{Backend, TestApp, key};

fn alias(id: &str, said: Value) -> Value {
    let ours = json!({ "alias": said, "actor": { "id": "desk@example.com", "kind": "human" } });
    event(id, "shipslog-alias.declared.0.1.0", "people", json!({}), ours)
}

fn exception(id: &str, name: &str, change: Value) -> Value {
    let mut granted = json!({
        "checks": ["DL-CHG-1"], "scope": { "services": ["checkout"], "environments": ["production"] },
        "requested_by": "ada", "approved_by": "risk", "compensating_control": "Watched.", "expires_at": "2026-04-01T00:00:00Z",
    });
    granted
        .as_object_mut()
        .unwrap()
        .extend(change.as_object().unwrap().clone());
    let ours = json!({ "exception": granted, "reason": "The tracker moves." });
    event(id, "shipslog-exception.granted.0.1.0", name, json!({}), ours)
}

fn finished(id: &str, time: &str) -> Value {
    let content =
        json!({ "environment": { "id": "production" }, "artifactId": purl("checkout", 1), "outcome": "success" });
    at(
        event(
            id,
            "shipslog-deployment.finished.0.1.0",
            id,
            content,
            json!({ "service": "checkout" }),
        ),
        time,
    )
}

/// The result of a check on a deployment, and what it cites.
fn result(app: &TestApp, deployment: &str, check: &str) -> Value {
    let path = format!("/v1/release-notes?service=checkout&environment=production&deployment={deployment}&format=json");
    let notes = app.client.get(&path).expect(200).json();
    let checks = notes["assurance"][0]["checks"].as_array().unwrap().iter();
    checks.clone().find(|row| row["id"] == check).unwrap().clone()
}

#[rstest]
fn what_makes_no_sense_is_refused_by_its_place(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(app) = TestApp::start(backend) else { return };
    let first = alias("a1", json!({ "person": "alice", "names": ["al", "alice@corp"] }));
    let known = app.record(&first);
    let bare = event("x", "shipslog-alias.declared.0.1.0", "people", json!({}), json!({}));
    let mut unsaid = exception("x", "EX-1", json!({}));
    unsaid["customData"]["shipslog"]
        .as_object_mut()
        .unwrap()
        .remove("reason");
    let cases = [
        (bare, "alias", "is required"),
        (
            alias("x", json!({ "person": "bob", "names": ["bob"] })),
            "alias/names",
            "there twice",
        ),
        (
            alias("x", json!({ "person": "bob", "not": ["BOB"] })),
            "alias/not",
            "somebody else",
        ),
        (
            alias("x", json!({ "person": "bob", "names": ["AL"] })),
            "alias/names",
            "AL is another person's at that time, as entry",
        ),
        (
            alias("x", json!({ "person": "al", "names": ["alice"] })),
            "alias/names",
            "as entry",
        ),
        (unsaid, "reason", "is required"),
        (
            exception("x", "EX-1", json!({ "checks": ["DL-CHG-1", "DL-XXX-1"] })),
            "exception/checks/1",
            "there is no check DL-XXX-1",
        ),
        (
            exception("x", "EX-1", json!({ "scope": {} })),
            "exception/scope",
            "must name services",
        ),
        (
            exception("x", "EX-1", json!({ "approved_by": "Ada" })),
            "exception/approved_by",
            "somebody else",
        ),
        (
            exception("x", "EX-1", json!({ "expires_at": "2026-03-01T09:00:00Z" })),
            "exception/expires_at",
            "must be later",
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
    let misspelt = json!({ "reason": "The tracker has moved." });
    let misspelt = event("r", "shipslog-exception.revoked.0.1.0", "EX-9", json!({}), misspelt);
    let problem = app.client.record(&sign(&misspelt, &app.pipeline)).problem(422);
    assert_eq!(problem["pointer"], "/subject/id", "{problem}");
    assert!(
        problem["detail"]
            .as_str()
            .unwrap()
            .contains("no exception EX-9 is recorded")
    );
    // What is recorded stays so, whoever sends it again and whatever came after.
    assert_eq!(
        app.client.record(&sign(&first, &app.pipeline)).expect(200).index(),
        known
    );
    let lines = [
        alias("y", json!({ "person": "bob", "names": ["al"] })),
        alias("z", json!({ "person": "carol" })),
    ];
    let lines: Vec<u8> = lines
        .iter()
        .flat_map(|line| [sign(line, &app.pipeline), b"\n".to_vec()].concat())
        .collect();
    let answers = app
        .client
        .post("/v1/events/batch", "application/x-ndjson", &lines)
        .expect(200);
    let statuses = answers
        .text()
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["status"].clone());
    assert_eq!(statuses.collect::<Vec<_>>(), [422, 201]);
}

#[rstest]
fn they_are_listed_as_of_a_tree_size(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(app) = TestApp::start(backend) else { return };
    app.record(&alias(
        "a1",
        json!({ "person": "alice", "names": ["al"], "roles": [{ "role": "auditor" }] }),
    ));
    app.record(&exception("e1", "EX-1", json!({})));
    let granted = app.tree_size();
    let ours = json!({ "reason": "The tracker has moved." });
    app.record(&event(
        "r1",
        "shipslog-exception.revoked.0.1.0",
        "EX-1",
        json!({}),
        ours,
    ));
    let aliases = app.client.get("/v1/aliases").expect(200).json();
    let alice = &aliases["items"][0];
    assert_eq!(
        (&alice["person"], &alice["names"], &alice["by"]["id"]),
        (&json!("alice"), &json!(["al"]), &json!("desk@example.com"))
    );
    let exceptions = |size: u64| {
        let page = app
            .client
            .get(&format!("/v1/exceptions?tree_size={size}"))
            .expect(200)
            .json();
        (
            page["items"].as_array().unwrap().len(),
            page["items"][0]["revoked"]["reason"].clone(),
        )
    };
    assert_eq!(exceptions(granted - 1).0, 0);
    assert_eq!(exceptions(granted), (1, Value::Null));
    assert_eq!(exceptions(app.tree_size()), (1, json!("The tracker has moved.")));
}

#[rstest]
fn an_exception_excuses_while_it_holds(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(app) = TestApp::start(backend) else { return };
    let desk = key(32);
    app.register("risk-desk", &desk, json!({ "event_types": ["shipslog-exception"] }))
        .expect(201);
    let granted = exception("e1", "EX-1", json!({}));
    let index = app.client.record(&sign(&granted, &desk)).expect(201).index();
    let mut written = finished("d1", "2026-03-15T10:00:00Z");
    let said = &mut written["customData"]["shipslog"];
    said["actor"] = json!({ "id": "deploy-bot", "kind": "pipeline" });
    said["commits"] = json!([{ "id": "c".repeat(40), "message": "fix: totals", "author": "alice" }]);
    app.record(&written);
    app.record(&finished("d2", "2026-04-02T10:00:00Z"));
    let excepted = result(&app, "d1", "DL-CHG-1");
    assert_eq!(
        (&excepted["result"], &excepted["exception"]),
        (&json!("excepted"), &json!({ "id": "EX-1", "index": index }))
    );
    assert_eq!(result(&app, "d1", "DL-EXC-1")["result"], "pass");
    assert_eq!(result(&app, "d2", "DL-CHG-1")["result"], "fail");
    let expired = result(&app, "d2", "DL-EXC-1");
    assert_eq!(
        expired["found"],
        "the exception EX-1 ran out at 2026-04-01 00:00:00 UTC, 1 day 10 h before the start"
    );
    let report = app
        .client
        .get("/v1/reports/compliance?environment=production&from=2026-01-01T00:00:00Z&to=2027-01-01T00:00:00Z&format=json")
        .expect(200)
        .json();
    let row = report["results"]
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["id"] == "DL-CHG-1")
        .unwrap();
    assert_eq!((&row["excepted"], &row["fail"]), (&json!(1), &json!(1)));
}

/// What runtime snapshots show is not excused by who takes them, or deploys.
#[rstest]
fn nobody_excuses_their_own_period(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(app) = TestApp::start(backend) else { return };
    let desk = key(32);
    app.register("risk-desk", &desk, json!({ "event_types": ["shipslog-exception"] }))
        .expect(201);
    let granted = |id: &str| {
        let granted = exception(id, id, json!({ "checks": ["DL-POP-2"] }));
        at(granted, "2026-03-01T08:00:00Z")
    };
    app.record(&granted("EX-own"));
    app.record(&finished("d1", "2026-03-01T09:00:00Z"));
    let before = app.tree_size();
    app.record(&snapshot("s1", "2026-03-01T11:00:00Z", &[("checkout", 2)]));
    let period_check = |id: &str| {
        let path = "/v1/reports/compliance?environment=production&period=2026-03&format=json";
        let report = app.client.get(path).expect(200).json();
        let checks = report["period_checks"].as_array().unwrap().iter();
        checks.clone().find(|row| row["id"] == id).unwrap().clone()
    };
    assert_eq!(period_check("DL-POP-2")["result"], "fail");
    let found = period_check("DL-EXC-2");
    assert_eq!(
        (&found["result"], &found["found"]),
        (
            &json!("fail"),
            &json!("the exception EX-own for DL-POP-2 is signed by pipeline, which also signed what it is to allow")
        )
    );
    // Another key's comes too late, and says so.
    app.client.record(&sign(&granted("EX-late"), &desk)).expect(201);
    let found = period_check("DL-EXC-2")["found"].clone();
    let late = format!("the exception EX-late for DL-POP-2 was recorded only after #{before}");
    assert!(found.as_str().unwrap().contains(&late), "{found}");
    app.record(&finished("d2", "2026-03-01T12:00:00Z"));
    app.record(&snapshot("s2", "2026-03-01T13:00:00Z", &[("checkout", 1)]));
    // What is seen from now on it allows.
    app.record(&snapshot("s3", "2026-03-01T14:00:00Z", &[("checkout", 3)]));
    let failed = period_check("DL-POP-2");
    assert!(
        failed["found"].as_str().unwrap().ends_with("; exceptions allow 1 more"),
        "{failed}"
    );
}

#[test]
fn aliases_and_exceptions_say_who_and_what_for() {
    let desk = Desk::new();
    let said = desk.dry(
        &[
            "alias",
            "alice",
            "--name",
            "al",
            "--not",
            "alina",
            "--role",
            "release manager=shop,search",
            "--until",
            "2027-01-01T00:00:00Z",
        ],
        &[],
    );
    let alias = said.extension.alias.unwrap();
    assert_eq!(
        (alias.person.as_str(), alias.names, alias.not),
        ("alice", vec!["al".to_owned()], vec!["alina".to_owned()])
    );
    assert_eq!(
        (alias.roles[0].role.as_str(), alias.roles[0].services.len()),
        ("release manager", 2)
    );
    let granted = [
        "exception",
        "EX-1",
        "--check",
        "DL-TST-2",
        "--service",
        "shop",
        "--requested-by",
        "ada",
        "--approved-by",
        "risk",
        "--control",
        "watched",
        "--expires",
        "2099-01-01T00:00:00Z",
    ];
    let event = desk.dry(&[&granted[..], &["--reason", "staging moves"]].concat(), &[]);
    let exception = event.extension.exception.unwrap();
    assert_eq!(
        (event.subject_id.as_str(), exception.checks),
        ("EX-1", vec!["DL-TST-2".to_owned()])
    );
    let revoked = desk.dry(&["exception", "EX-1", "--revoke", "--reason", "staging is back"], &[]);
    assert_eq!(
        revoked.event_type.text,
        "dev.cdeventsx.shipslog-exception.revoked.0.1.0"
    );

    let with = |flag: &'static str, value: &'static str| {
        let mut arguments = granted.map(str::to_owned).to_vec();
        match arguments.iter().position(|argument| argument == flag) {
            Some(at) => arguments[at + 1] = value.to_owned(),
            None => arguments.extend([flag.to_owned(), value.to_owned()]),
        }
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        desk.refused(&arguments)
    };
    for (flag, value, words) in [
        ("--check", "DL-XXX-9", "there is no check DL-XXX-9"),
        ("--run-url", "https://ci", "why? Give --reason TEXT"),
    ] {
        let (code, message) = with(flag, value);
        assert!(code == 2 && message.contains(words), "{message}");
    }
    for (arguments, words) in [
        (
            &["alias", "alice", "--name", "Alice"][..],
            "names: Alice is there twice",
        ),
        (&["alias", "alice", "--role", "=shop"], "must be ROLE"),
    ] {
        let (code, message) = desk.refused(arguments);
        assert!(code == 2 && message.contains(words), "{message}");
    }
    let expired = [&granted[..12], &["--expires", "2020-01-01T00:00:00Z", "--reason", "x"]].concat();
    let (code, message) = desk.refused(&expired);
    assert!(code == 2 && message.contains("expires_at: must be later"), "{message}");
}
