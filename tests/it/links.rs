//! What may have caused an incident, and what people decide about it: a decision is a signed entry, and the newest counts.

use rstest::rstest;
use serde_json::{Value, json};

use crate::documents::test;
use crate::support::binary::{Service, code, run, said, stdout};
use crate::support::database::TestDatabase;
use crate::support::events::{at, deployed, event, incident, purl, sign};
use crate::support::{Backend, TestApp};

fn links(app: &TestApp, query: &str) -> Vec<(String, String, String)> {
    let answer = app.client.get(&format!("/v1/links{query}")).expect(200).json();
    let text = |item: &Value, member: &str| item[member].as_str().unwrap().to_owned();
    let items = answer["items"].as_array().unwrap().iter();
    items
        .map(|item| (text(item, "incident"), text(item, "deployment"), text(item, "state")))
        .collect()
}

fn expect(list: &[(&str, &str, &str)]) -> Vec<(String, String, String)> {
    list.iter()
        .map(|(incident, deployment, state)| ((*incident).into(), (*deployment).into(), (*state).into()))
        .collect()
}

/// Two deployments shortly before an incident, and one of another service.
fn story(app: &TestApp) {
    app.record(&at(deployed("c1", "checkout", "production", 1), "2026-03-01T10:00:00Z"));
    app.record(&at(deployed("c2", "checkout", "production", 2), "2026-03-02T10:00:00Z"));
    app.record(&at(deployed("s1", "search", "production", 7), "2026-03-02T10:30:00Z"));
    app.record(&at(
        incident("i1", "INC-1", "checkout", "production"),
        "2026-03-02T11:00:00Z",
    ));
}

fn decision(deployment: Option<&str>, verdict: &str) -> Value {
    json!({ "incident": "INC-1", "deployment": deployment, "verdict": verdict, "reason": "we looked at the traces" })
}

#[rstest]
fn a_service_says_how_soon_its_faults_show(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(app) = TestApp::start(backend) else { return };
    story(&app);
    let suggested = || app.client.get("/v1/links").expect(200).json()["items"][0].clone();
    let usual = suggested();
    assert_eq!(usual["half_life"], json!({ "minutes": 240, "declared": null }));
    let ours = json!({ "service": "checkout", "declaration": { "half_life_minutes": 720 } });
    let said = event("h1", "shipslog-service.declared.0.1.0", "checkout", json!({}), ours);
    let declared = app.record(&at(said, "2026-03-01T09:00:00Z"));
    let slow = suggested();
    assert_eq!(slow["half_life"], json!({ "minutes": 720, "declared": declared }));
    // An hour after the deployment: 0.80 halved for a quarter and for a twelfth of the time.
    assert_eq!((&usual["score"], &slow["score"]), (&json!(0.67), &json!(0.76)));
    let detail = app.client.get("/v1/incidents/INC-1").expect(200).json();
    assert_eq!(
        detail["incident"]["correlation"]["candidates"][0]["half_life"],
        slow["half_life"]
    );
    let notes = app
        .client
        .get("/v1/release-notes?service=checkout&environment=production")
        .expect(200);
    let words = "live on the same service and environment (half-life 12 h)";
    assert!(notes.text().contains(words), "{}", notes.text());
}

#[rstest]
fn what_is_switched_off_is_suspected_less(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(app) = TestApp::start(backend) else { return };
    story(&app);
    let place = json!({ "environment": { "id": "production" } });
    let told = |id: &str, minute: &str, share: u8| {
        let ours = json!({ "deployment_id": "c2", "rollout": { "share_percent": share, "strategy": "flag" } });
        let said = event(id, "service.published.0.3.0", "checkout", place.clone(), ours);
        app.record(&at(said, &format!("2026-03-02T10:{minute}:00Z")))
    };
    let suspected = || {
        let candidate = app.client.get("/v1/incidents/INC-1").expect(200).json();
        let candidate = &candidate["incident"]["correlation"]["candidates"][0];
        (candidate["score"].clone(), candidate["reasons"].clone())
    };
    let (plain, reasons) = suspected();
    let on = told("f1", "10", 100);
    assert_eq!(suspected(), (plain, reasons));
    let off = told("f2", "20", 0);
    // Odds of 0.67 times 0.2.
    assert_eq!(suspected(), (json!(0.29), json!(["same_service_recent", "canary_off"])));
    let found = app.client.get("/v1/deployments/c2").expect(200).json();
    let stages = found["deployment"]["rollout"].as_array().unwrap().iter();
    let stages: Vec<(&Value, &Value)> = stages.map(|stage| (&stage["index"], &stage["share_percent"])).collect();
    assert_eq!(stages, [(&json!(on), &json!(100)), (&json!(off), &json!(0))]);
    assert_eq!(found["deployment"]["finished_at"], "2026-03-02T10:00:00.000Z");
}

#[rstest]
fn a_decision_is_an_entry_and_stays(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(app) = TestApp::start(backend) else { return };
    story(&app);
    assert_eq!(links(&app, "?state=suggested"), expect(&[("INC-1", "c2", "suggested")]));
    let issued = app
        .client
        .post_json("/v1/tokens", &json!({ "name": "maria", "role": "reviewer" }))
        .expect(201)
        .json();
    let maria = app.client.with_token(issued["token"].as_str().unwrap());
    let before = app.tree_size();
    let made = maria
        .post_json("/v1/links", &decision(Some("c2"), "rejected"))
        .expect(201)
        .json();
    assert_eq!(made["index"], before);
    assert_eq!(links(&app, "?state=suggested"), []);
    assert_eq!(links(&app, ""), expect(&[("INC-1", "c2", "rejected")]));

    // Who, when and why are in the signed event.
    let shown = app.client.get(&format!("/v1/events/{before}")).expect(200).json();
    let ours = &shown["payload"]["customData"]["shipslog"];
    assert_eq!(
        shown["payload"]["context"]["type"],
        "dev.cdeventsx.shipslog-link.decided.0.1.0"
    );
    assert_eq!(ours["actor"]["name"], "maria");
    assert_eq!(ours["reason"], "we looked at the traces");
    assert_eq!(ours["link"]["verdict"], "rejected");
    assert_eq!(ours["link"]["judged"]["tree_size"], before);
    assert_eq!(ours["environment"], "production");

    // A deployment that is recorded days late adds a suggestion, and the decision stays.
    app.record(&at(deployed("c0", "checkout", "production", 3), "2026-03-02T10:50:00Z"));
    let found = links(&app, "?environment=production&service=checkout");
    assert_eq!(
        found,
        expect(&[("INC-1", "c0", "suggested"), ("INC-1", "c2", "rejected")])
    );
    // As of an earlier tree size, all is as it was.
    assert_eq!(
        links(&app, &format!("?tree_size={before}")),
        expect(&[("INC-1", "c2", "suggested")])
    );
    let shown = app.client.get("/v1/incidents/INC-1").expect(200).json();
    let rejected = &shown["incident"]["correlation"]["candidates"][1];
    assert_eq!(rejected["decided"]["by"], "maria");
    assert_eq!(rejected["share"], 0.0);

    // Confirming settles it; an entry that is no deployment cannot be confirmed.
    let problem = maria.post_json("/v1/links", &decision(Some("#0"), "confirmed"));
    assert_eq!(problem.problem(422)["pointer"], "/deployment");
    let index = shown["incident"]["correlation"]["candidates"][0]["index"]
        .as_u64()
        .unwrap();
    maria
        .post_json("/v1/links", &decision(Some(&format!("#{index}")), "confirmed"))
        .expect(201);
    assert_eq!(
        links(&app, ""),
        expect(&[("INC-1", "c0", "confirmed"), ("INC-1", "c2", "rejected")])
    );
    maria
        .post_json("/v1/links", &decision(None, "no_deployment"))
        .expect(201);
    let shown = app.client.get("/v1/incidents/INC-1").expect(200).json();
    let correlation = &shown["incident"]["correlation"];
    assert_eq!(correlation["no_deployment"]["share"], 1.0);
    assert_eq!(correlation["no_deployment"]["decided"]["by"], "maria");
    app.check_log();
}

#[rstest]
fn what_does_not_fit_is_refused_and_nothing_is_recorded(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(app) = TestApp::start(backend) else { return };
    story(&app);
    let mut named = incident("i2", "INC-2", "checkout", "production");
    named["customData"]["shipslog"]["caused_by"] = "c1".into();
    app.record(&at(named, "2026-03-02T12:00:00Z"));
    let size = app.tree_size();
    let about = |incident: &str, deployment: Value, verdict: &str, reason: &str| json!({ "incident": incident, "deployment": deployment, "verdict": verdict, "reason": reason });
    for (body, status, pointer) in [
        (about("INC-9", json!("c2"), "confirmed", "x"), 404, Value::Null),
        (about("INC-1", json!("c9"), "confirmed", "x"), 422, json!("/deployment")),
        (about("INC-1", json!(null), "confirmed", "x"), 422, json!("/deployment")),
        (
            about("INC-1", json!("c2"), "no_deployment", "x"),
            422,
            json!("/deployment"),
        ),
        (about("INC-1", json!("c2"), "confirmed", " "), 422, json!("/reason")),
        (
            about("INC-1", json!("c2"), "confirmed", &"x".repeat(1001)),
            422,
            json!("/reason"),
        ),
        (about("INC-1", json!("c2"), "disputed", "x"), 422, json!("/verdict")),
        (about("INC-2", json!("c1"), "rejected", "x"), 422, json!("/verdict")),
        (about("INC-1", json!("c2"), "perhaps", "x"), 422, json!("/verdict")),
    ] {
        let answer = app.client.post_json("/v1/links", &body);
        let problem = answer.problem(status);
        assert_eq!(
            problem.get("pointer").cloned().unwrap_or(Value::Null),
            pointer,
            "{body}: {problem}"
        );
    }
    for (query, parameter) in [
        ("state=maybe", "state"),
        ("service=", "service"),
        ("limit=0", "limit"),
        ("cursor=x", "cursor"),
        ("tree_size=1000000", "tree_size"),
        ("colour=blue", "colour"),
    ] {
        let problem = app.client.get(&format!("/v1/links?{query}"));
        let problem = problem.problem(400);
        assert!(problem.to_string().contains(parameter), "{query}: {problem}");
    }
    assert_eq!(app.tree_size(), size);
}

#[rstest]
fn what_a_service_needs_is_a_fact_of_the_ledger(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(app) = TestApp::start(backend) else { return };
    let needs = |id: &str, ours: Value| event(id, "shipslog-dependencies.declared.0.1.0", "checkout", json!({}), ours);
    app.record(&at(
        needs("n1", json!({ "service": "checkout", "depends_on": ["search"] })),
        "2026-02-01T10:00:00Z",
    ));
    app.record(&at(deployed("s1", "search", "production", 7), "2026-03-02T10:30:00Z"));
    app.record(&at(
        incident("i1", "INC-1", "checkout", "production"),
        "2026-03-02T11:00:00Z",
    ));
    let shown = app.client.get("/v1/incidents/INC-1").expect(200).json();
    let candidate = &shown["incident"]["correlation"]["candidates"][0];
    assert_eq!(candidate["reasons"], json!(["dependency_recent"]));
    for (ours, pointer) in [
        (json!({ "depends_on": ["search"] }), "/customData/shipslog/service"),
        (json!({ "service": "checkout" }), "/customData/shipslog/depends_on"),
        (
            json!({ "service": "checkout", "depends_on": [""] }),
            "/customData/shipslog/depends_on/0",
        ),
    ] {
        let envelope = sign(&needs("n2", ours), &app.pipeline);
        let problem = app.client.record(&envelope).problem(422);
        assert_eq!(problem["pointer"], pointer, "{problem}");
    }
}

#[rstest]
fn the_command_line_lists_and_decides(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(database) = TestDatabase::new(backend) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let service = Service::start(&folder.path().join("data"), Some(&database.url), &[]);
    stdout(&run(&["keygen", "--out", &path("ci.pem")]));
    let (key, public) = (path("ci.pem"), path("ci.pub.pem"));
    let did = |arguments: &[&str]| stdout(&service.shipslog(arguments));
    did(&["producer", "add", "ci", "--public-key", &public]);
    let place = ["--service", "checkout", "--environment", "production", "--key", &key];
    let record = |noun: &str, more: &[&str]| did(&[&["record", noun][..], &place, more].concat());
    let times = ["--at", "2026-03-02T10:00:00Z"];
    record(
        "deployment",
        &[
            &["--deployment-id", "c1", "--version", "1", "--outcome", "success"][..],
            &times,
        ]
        .concat(),
    );
    record("incident", &["--id", "INC-1", "--at", "2026-03-02T11:00:00Z"]);
    did(&[
        "record",
        "dependencies",
        "--service",
        "checkout",
        "--on",
        "search",
        "--key",
        &key,
    ]);

    let listed = did(&["link", "list"]);
    for word in ["INC-1", "c1", "suggested", "same_service_recent"] {
        assert!(listed.contains(word), "{word}: {listed}");
    }
    let confirmed = did(&["link", "confirm", "INC-1", "c1", "--reason", "the traces end there"]);
    assert!(
        confirmed.contains("Recorded as entry") && confirmed.contains("confirmed"),
        "{confirmed}"
    );
    assert!(!did(&["link", "list"]).contains("INC-1"));
    let refused = service.shipslog(&["link", "dispute", "INC-1", "c1", "--reason", "x"]);
    assert_eq!(code(&refused), 1);
    assert!(said(&refused).contains("disputed"), "{}", said(&refused));
    let none = service.json(&[
        "link",
        "none",
        "INC-1",
        "--reason",
        "the bank was down",
        "--format",
        "json",
    ]);
    assert_eq!(none["incident"]["correlation"]["no_deployment"]["share"], 1.0);
}

/// The tests of what was deployed are no part of a place or an incident: they are found by the artifact, wherever they ran.
#[rstest]
fn a_test_that_had_failed_counts_wherever_correlation_is_shown(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(app) = TestApp::start(backend) else { return };
    app.record(&test(2, "failure", "2026-03-02T08:00:00Z"));
    story(&app);
    let shown = app.client.get("/v1/incidents/INC-1").expect(200).json();
    let candidate = &shown["incident"]["correlation"]["candidates"][0];
    assert_eq!(
        (&candidate["deployment"], &candidate["reasons"]),
        (&json!("c2"), &json!(["same_service_recent", "failed_checks"])),
        "{shown}"
    );
    assert_eq!(
        shown["incident"]["correlation"]["candidates"].as_array().unwrap().len(),
        1,
        "{shown}"
    );
    let listed = app.client.get("/v1/links").expect(200).json();
    let notes = "/v1/release-notes?service=checkout&environment=production&deployment=c2&format=json";
    let notes = app.client.get(notes).expect(200).json();
    for place in [&listed, &notes] {
        assert!(place.to_string().contains("\"failed_checks\""), "{place}");
    }
    assert_eq!(listed["items"][0]["score"], candidate["score"]);
}

fn candidates(app: &TestApp) -> Vec<String> {
    let answer = app.client.get("/v1/incidents/INC-1").expect(200).json();
    let list = answer["incident"]["correlation"]["candidates"]
        .as_array()
        .unwrap()
        .iter();
    list.map(|one| one["deployment"].as_str().unwrap().to_owned()).collect()
}

/// A success that came first in the log took the place, although one after it claims to have done so before the incident; and what
/// claims to be older than both took none, however much of that came between.
#[rstest]
fn records_that_came_late_hide_no_candidate(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(app) = TestApp::start(backend) else { return };
    app.record(&at(deployed("c1", "checkout", "production", 1), "2026-03-02T10:00:00Z"));
    for n in 2..8 {
        let late = deployed(&format!("late{n}"), "checkout", "production", n);
        app.record(&at(late, &format!("2026-02-0{n}T10:00:00Z")));
    }
    app.record(&at(
        deployed("next", "checkout", "production", 8),
        "2026-03-02T12:00:00Z",
    ));
    for (phase, time, outcome) in [
        ("started", "2026-02-20T10:00:00Z", None),
        ("finished", "2026-03-02T10:50:00Z", Some("success")),
    ] {
        let mut said = json!({ "environment": { "id": "production" }, "artifactId": purl("checkout", 9) });
        said["outcome"] = outcome.into();
        if outcome.is_none() {
            said.as_object_mut().unwrap().remove("outcome");
        }
        let kind = format!("shipslog-deployment.{phase}.0.1.0");
        app.record(&at(
            event(phase, &kind, "long", said, json!({ "service": "checkout" })),
            time,
        ));
    }
    app.record(&at(
        incident("i1", "INC-1", "checkout", "production"),
        "2026-03-02T11:00:00Z",
    ));
    assert_eq!(candidates(&app), ["c1"]);
}

/// The artifact ran in another environment, and no longer did when the incident began.
#[rstest]
fn content_that_was_replaced_elsewhere_is_no_candidate(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(app) = TestApp::start(backend) else { return };
    app.record(&at(deployed("s1", "checkout", "staging", 1), "2026-03-01T10:00:00Z"));
    let mut hurt = incident("i1", "INC-1", "checkout", "production");
    hurt["subject"]["content"]["artifactId"] = purl("checkout", 1).into();
    app.record(&at(hurt, "2026-03-02T11:00:00Z"));
    assert_eq!(candidates(&app), ["s1"]);
    app.record(&at(deployed("s2", "checkout", "staging", 2), "2026-03-01T12:00:00Z"));
    assert_eq!(candidates(&app), [""; 0]);
}
