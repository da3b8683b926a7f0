//! The gate: questions, answers, and what pipelines make of them.

use rstest::rstest;
use serde_json::{Value, json};

use crate::support::binary::{Service, code, run, said, stdout};
use crate::support::database::TestDatabase;
use crate::support::events::{at, deployed, digest, event, purl, sign};
use crate::support::{Backend, TestApp, key};

const DIGEST: u64 = 7;

/// What a deployment of artifact number 7 says about itself.
fn told(more: Value) -> Value {
    let mut ours = json!({
        "service": "checkout",
        "commit": format!("{DIGEST:040x}"),
        "actor": { "id": "release-pipeline", "kind": "pipeline" },
        "commits": [{ "id": format!("{DIGEST:040x}"), "message": "feat: pay by card", "author": "ada" }],
        "tickets": [{ "id": "PAY-7" }],
    });
    ours.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    ours
}

pub fn question(id: &str, environment: &str, more: Value) -> Value {
    let mut ours = told(json!({ "environment": environment, "artifact": digest(DIGEST), "gate_question": {} }));
    ours.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    at(
        event(id, "shipslog-gate.asked.0.1.0", id, json!({}), ours),
        "2026-03-02T08:00:00Z",
    )
}

/// Tests, a deployment to staging and an approval by `approver`, all of artifact number 7.
fn evidence(app: &TestApp, approver: &str) {
    let place = json!({ "id": "staging" });
    let suite = json!({ "outcome": "success", "environment": place, "testSuite": { "id": "integration" } });
    let staged = json!({ "environment": place, "artifactId": purl("checkout", DIGEST), "outcome": "success" });
    let approval = json!({
        "approvalDetailsUrl": "https://a.example/1", "resourceTargetUrl": "https://a.example/1",
        "responder": format!("mailto:{approver}"), "decision": "approved", "status": "approved",
    });
    let bound = json!({ "service": "checkout", "artifact": digest(DIGEST) });
    let of_production = json!({ "service": "checkout", "artifact": digest(DIGEST), "environment": "production" });
    for event in [
        event("t", "testsuiterun.finished.0.3.0", "run-1", suite, bound),
        event(
            "s",
            "shipslog-deployment.finished.0.1.0",
            "dep-s",
            staged,
            told(json!({})),
        ),
        event("a", "approval.closed.0.1.0", "approval-1", approval, of_production),
    ] {
        app.record(&event);
    }
}

#[track_caller]
pub fn ask(app: &TestApp, question: &Value) -> Value {
    let envelope = sign(question, &app.pipeline);
    let answer = app.client.anonymous().post("/v1/gate", "application/json", &envelope);
    answer.expect(200).json()
}

/// The results of the checks of an answer that are not `pass`.
fn others(answer: &Value) -> Vec<(String, String)> {
    let checks = answer["checks"].as_array().unwrap().iter();
    let checks = checks.map(|check| {
        (
            check["id"].as_str().unwrap().to_owned(),
            check["result"].as_str().unwrap().to_owned(),
        )
    });
    checks.filter(|(_, result)| result != "pass").collect()
}

#[rstest]
fn it_allows_what_has_its_evidence_and_records_that(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(app) = TestApp::start(backend) else { return };
    let before = ask(&app, &question("q1", "production", json!({})));
    assert_eq!(before["decision"], "cannot_tell");
    assert!(
        others(&before).iter().all(|(_, result)| result == "not_evaluable"),
        "{before}"
    );
    evidence(&app, "bob");
    let allowed = ask(&app, &question("q2", "production", json!({})));
    assert_eq!(
        (&allowed["decision"], others(&allowed)),
        (&json!("allow"), vec![]),
        "{allowed}"
    );
    assert_eq!(allowed["checks"].as_array().unwrap().len(), 7);
    assert_eq!(
        allowed["question"].as_u64().unwrap() + 1,
        allowed["tree_size"].as_u64().unwrap()
    );
    // The answer is an entry of the service, and its receipt is that entry's.
    let index = &allowed["index"];
    let entry = app.client.get(&format!("/v1/events/{index}")).expect(200).json();
    let said = &entry["payload"]["customData"]["shipslog"]["gate"];
    assert_eq!(
        (&said["decision"], &said["question"]),
        (&json!("allow"), &allowed["question"])
    );
    let catalogue = shipslog::catalogue::Catalogue::built_in().unwrap();
    assert_eq!(said["catalogue_sha256"], catalogue.sha256());
    let receipt = app
        .client
        .get(&format!("/v1/events/{index}/receipt"))
        .expect(200)
        .json();
    assert_eq!(allowed["receipt"], receipt);
    // The same question again is another answer about the same moment.
    let again = ask(&app, &question("q2", "production", json!({})));
    assert_eq!(again["checks"], allowed["checks"]);
    assert_ne!(again["index"], allowed["index"]);
}

#[rstest]
fn it_denies_what_fails_and_each_tier_demands_its_own(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(app) = TestApp::start(backend) else { return };
    evidence(&app, "ada");
    let denied = ask(&app, &question("q1", "production", json!({})));
    let own = vec![("DL-SOD-1".to_owned(), "fail".to_owned())];
    assert_eq!(
        (&denied["decision"], others(&denied)),
        (&json!("deny"), own),
        "{denied}"
    );
    let overridden = json!({ "gate_question": { "override_reason": "The shop is down." } });
    let overridden = ask(&app, &question("q2", "production", overridden));
    assert_eq!(overridden["decision"], "deny", "an override changes no verdict");
    assert_eq!(overridden["override_reason"], "The shop is down.");
    let staging = ask(&app, &question("q3", "staging", json!({})));
    assert_eq!(
        (&staging["decision"], staging["checks"].as_array().unwrap().len()),
        (&json!("allow"), 1)
    );
    let dev = ask(&app, &question("q4", "dev", json!({})));
    assert_eq!((&dev["decision"], &dev["checks"]), (&json!("allow"), &json!([])));
    let unknown = ask(&app, &question("q5", "blue", json!({})));
    assert_eq!(
        unknown["checks"].as_array().unwrap().len(),
        7,
        "no tier is known, so production's"
    );
}

/// Also where the answer was given before the period of the report.
#[rstest]
fn what_follows_a_denial_is_in_the_report(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(app) = TestApp::start(backend) else { return };
    evidence(&app, "ada");
    let denied = ask(&app, &question("q1", "production", json!({})));
    for (id, artifact) in [("followed", DIGEST), ("never-asked", 8)] {
        let deployment = deployed(id, "checkout", "production", artifact);
        app.record(&at(deployment, "2026-03-25T10:00:00Z"));
    }
    let asked = "/v1/reports/compliance?environment=production&from=2026-03-20&to=2026-04-01&format=json";
    let report = app.client.get(asked).expect(200).json();
    let [row] = report["against_gate"].as_array().unwrap().as_slice() else {
        panic!("{}", report["against_gate"])
    };
    assert_eq!(row["deployment"]["id"], "followed");
    assert_eq!(
        (&row["answer"]["index"], &row["answer"]["said"]["decision"]),
        (&denied["index"], &json!("deny"))
    );
}

#[rstest]
fn what_is_no_question_is_refused_and_not_recorded(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(app) = TestApp::start(backend) else { return };
    let limited = key(31);
    app.register("limited", &limited, json!({ "environments": ["staging"] }))
        .expect(201);
    let size = app.tree_size();
    let post = |event: &Value, signer| app.client.post("/v1/gate", "application/json", &sign(event, signer));
    let other = event(
        "d",
        "service.removed.0.3.0",
        "checkout",
        json!({ "environment": { "id": "production" } }),
        json!({}),
    );
    assert_eq!(post(&other, &app.pipeline).problem(422)["pointer"], "/context/type");
    for member in ["service", "environment", "artifact", "gate_question"] {
        let mut asked = question("q", "production", json!({}));
        asked["customData"]["shipslog"].as_object_mut().unwrap().remove(member);
        let problem = post(&asked, &app.pipeline).problem(422);
        assert_eq!(problem["pointer"], format!("/customData/shipslog/{member}"));
    }
    let asked = question("q", "production", json!({}));
    assert_eq!(
        post(&asked, &limited).problem(403)["pointer"],
        "/customData/shipslog/environment"
    );
    // What names no content could be compared with nothing.
    for artifact in [
        "notadigest",
        "sha256:12",
        "registry.example/checkout:1.2",
        "pkg:oci/checkout",
    ] {
        let named = question("q", "production", json!({ "artifact": artifact }));
        let refused = [
            post(&named, &app.pipeline).problem(422),
            app.client.record(&sign(&named, &app.pipeline)).problem(422),
        ];
        assert!(
            refused
                .iter()
                .all(|problem| problem["pointer"] == "/customData/shipslog/artifact")
        );
    }
    post(&asked, &key(99)).problem(401);
    let mut answer = question(
        "q",
        "production",
        json!({ "gate": { "question": 1, "decision": "allow", "checks": [] } }),
    );
    answer["context"]["type"] = "dev.cdeventsx.shipslog-gate.decided.0.1.0".into();
    answer["customData"]["shipslog"]
        .as_object_mut()
        .unwrap()
        .remove("gate_question");
    let forged = app.client.record(&sign(&answer, &app.pipeline)).problem(403);
    assert_eq!(forged["pointer"], "/customData/shipslog/gate");
    assert_eq!(app.tree_size(), size);
}

/// The arguments of `gate` about one deployment.
fn asking<'a>(service: &'a str, environment: &'a str, artifact: &'a str) -> [&'a str; 7] {
    [
        "gate",
        "--service",
        service,
        "--environment",
        environment,
        "--artifact",
        artifact,
    ]
}

#[rstest]
fn a_pipeline_goes_by_the_exit_code(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(database) = TestDatabase::new(backend) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let service = Service::start(&folder.path().join("data"), Some(&database.url), &[]);
    stdout(&run(&["keygen", "--out", &path("ci.pem")]));
    stdout(&service.shipslog(&["producer", "add", "ci", "--public-key", &path("ci.pub.pem")]));
    let (artifact, pem) = (digest(DIGEST), path("ci.pem"));
    let gate = |environment: &str, more: &[&str]| {
        let asked = asking("checkout", environment, &artifact);
        service.shipslog(&[&asked[..], &["--key", &pem], more].concat())
    };
    let record = |arguments: &[&str]| stdout(&service.shipslog(&[arguments, &["--key", &pem]].concat()));
    let unknown = gate("staging", &[]);
    assert_eq!(code(&unknown), 2, "{}", said(&unknown));
    assert!(
        said(&unknown).contains("the ledger cannot tell, as entry "),
        "{}",
        said(&unknown)
    );
    let test = [
        "record",
        "test",
        "--suite",
        "integration",
        "--service",
        "checkout",
        "--environment",
        "test",
        "--artifact",
        &artifact,
    ];
    record(&[&test[..], &["--outcome", "failure"]].concat());
    let denied = gate("staging", &[]);
    assert_eq!(code(&denied), 1, "{}", said(&denied));
    assert!(String::from_utf8_lossy(&denied.stdout).contains("integration ended in failure"));
    let overridden = gate("staging", &["--override", "The fix is known.", "--format", "json"]);
    let answer: Value = serde_json::from_str(&stdout(&overridden)).unwrap();
    assert_eq!(
        (&answer["decision"], &answer["override_reason"]),
        (&json!("deny"), &json!("The fix is known."))
    );
    record(&[&test[..], &["--outcome", "success"]].concat());
    let allowed = stdout(&gate("staging", &[]));
    assert!(allowed.contains("allow: checkout in staging, sha256:"), "{allowed}");

    let wrong = gate("staging", &["--key", &path("none.pem")]);
    assert_eq!(code(&wrong), 2, "{}", said(&wrong));
    let name = run(&asking("s", "e", "notadigest"));
    assert_eq!(code(&name), 2);
    assert!(
        said(&name).contains("--artifact") && said(&name).contains("must be a digest"),
        "{}",
        said(&name)
    );
    stdout(&run(&["keygen", "--out", &path("other.pem")]));
    let asked = asking("s", "e", &artifact);
    let stranger = service.shipslog(&[&asked[..], &["--key", &path("other.pem")]].concat());
    assert_eq!(code(&stranger), 2, "{}", said(&stranger));
    // Nobody there: nothing is blocked, unless an answer is required.
    let away = [&asked[..], &["--url", "http://127.0.0.1:9", "--key", &pem]].concat();
    let open = run(&away);
    assert_eq!(code(&open), 0);
    assert!(
        said(&open).contains("The gate gave no answer, and nothing is blocked"),
        "{}",
        said(&open)
    );
    assert_eq!(code(&run(&[&away[..], &["--require"]].concat())), 2);
}
