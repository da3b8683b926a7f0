//! Delivery metrics through HTTP and the command: what they count, that they can be computed again, and what they refuse.

use rstest::rstest;
use serde_json::{Value, json};

use crate::support::binary::{Service, said, stdout};
use crate::support::events::{at, deployed, event, incident, purl, sign};
use crate::support::{Backend, TestApp, key};

const JANUARY: &str = "from=2026-01-01&to=2026-02-01";

fn measured(app: &TestApp, query: &str) -> Value {
    app.client
        .get(&format!("/v1/delivery-performance?{query}"))
        .expect(200)
        .json()
}

/// A deployment that brought in one commit, made at that time.
fn bringing(id: &str, service: &str, n: u64, committed_at: &str) -> Value {
    let mut event = deployed(id, service, "production", n);
    event["customData"]["shipslog"]["commits"] =
        json!([{ "id": format!("{n:040x}"), "message": "feat: more", "committed_at": committed_at }]);
    event
}

/// Two services: a baseline each, a change that broke something and was rolled back, one that was not linked to anything.
fn history() -> Vec<Value> {
    let mut named = incident("i1", "INC-1", "checkout", "production");
    named["customData"]["shipslog"]["caused_by"] = "c2".into();
    let resolved = event(
        "i2",
        "incident.resolved.0.3.0",
        "INC-1",
        json!({ "environment": { "id": "production" }, "service": { "id": "checkout" } }),
        json!({}),
    );
    vec![
        at(deployed("c1", "checkout", "production", 1), "2026-01-05T10:00:00Z"),
        at(deployed("s1", "search", "production", 7), "2026-01-06T10:00:00Z"),
        at(
            bringing("c2", "checkout", 2, "2026-01-12T06:00:00Z"),
            "2026-01-12T10:00:00Z",
        ),
        at(named, "2026-01-12T10:30:00Z"),
        // Back to what ran before.
        at(deployed("c3", "checkout", "production", 1), "2026-01-12T12:00:00Z"),
        at(resolved, "2026-01-12T12:30:00Z"),
        at(deployed("c4", "checkout", "staging", 9), "2026-01-13T10:00:00Z"),
        // Half past midnight in Berlin.
        at(
            bringing("s2", "search", 8, "2026-01-19T22:00:00Z"),
            "2026-01-19T23:30:00Z",
        ),
    ]
}

#[rstest]
fn numbers_come_with_what_they_were_computed_from(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(app) = TestApp::start(backend) else { return };
    let i: Vec<u64> = history().iter().map(|event| app.record(event)).collect();
    let report = measured(
        &app,
        &format!("{JANUARY}&by=service&bucket=week&time_zone=Europe/Berlin"),
    );
    assert_eq!(report["tree_size"], app.tree_size());
    assert_eq!(report["environments"], json!(["production"]));
    assert_eq!(report["time_zone"], "Europe/Berlin");
    assert_eq!(report["from"], "2025-12-31T23:00:00.000Z");
    assert_eq!(report["bands"], Value::Null);
    let whole = &report["whole"];
    let frequency = &whole["deployment_frequency"];
    assert_eq!(
        frequency["deployments"],
        json!([i[0], i[1], i[2], i[4], i[7]]),
        "{frequency}"
    );
    assert_eq!((&frequency["count"], &frequency["active_days"]), (&json!(5), &json!(4)));
    assert_eq!(frequency["rollbacks"], json!([i[4]]));
    let weeks: Vec<(&str, u64, bool)> = frequency["series"].as_array().unwrap().iter().map(bucket).collect();
    assert_eq!(
        weeks,
        [
            ("2026-W01", 0, true),
            ("2026-W02", 2, false),
            ("2026-W03", 2, false),
            ("2026-W04", 1, false),
            ("2026-W05", 0, true)
        ]
    );
    let lead = &whole["change_lead_time"];
    assert_eq!(
        (&lead["commits"]["n"], &lead["commits"]["deployments"]),
        (&json!(2), &json!([i[2], i[7]]))
    );
    // Four hours and one and a half.
    assert_eq!(lead["commits"]["median_ms"], 165 * 60_000);
    let rate = &whole["change_fail_rate"];
    assert_eq!(
        (&rate["n"], &rate["lower"]["deployments"]),
        (&json!(4), &json!([i[2]])),
        "{rate}"
    );
    assert_eq!((&rate["lower"]["n"], &rate["lower"]["rate"]), (&json!(4), &Value::Null));
    let recovery = &whole["failed_deployment_recovery_time"];
    assert_eq!(recovery["recovered"]["median_ms"], 2 * 3_600_000, "{recovery}");
    assert_eq!(recovery["recovered"]["deployments"], json!([i[2]]));
    assert_eq!(recovery["open"], json!([]));
    assert_eq!(whole["deployment_rework_rate"]["deployments"], json!([i[4]]));
    assert_eq!(whole["incidents"]["incidents"], json!([i[3]]));

    let services = report["by_service"].as_array().unwrap();
    let names: Vec<&str> = services.iter().map(|row| row["service"].as_str().unwrap()).collect();
    assert_eq!(names, ["checkout", "search"]);
    let search = &services[1]["performance"];
    assert_eq!(search["deployment_frequency"]["deployments"], json!([i[1], i[7]]));
    assert_eq!(
        search["failed_deployment_recovery_time"]["recovered"]["median_ms"],
        Value::Null
    );

    // In the zone of the query the last one was on the 20th.
    let days = measured(&app, "from=2026-01-20&to=2026-01-21&bucket=day&time_zone=Europe/Berlin");
    assert_eq!(days["whole"]["deployment_frequency"]["deployments"], json!([i[7]]));
    let days = measured(&app, "from=2026-01-20&to=2026-01-21&bucket=day");
    assert_eq!(days["whole"]["deployment_frequency"]["count"], 0);

    let two = measured(&app, &format!("service=search&service=checkout&{JANUARY}"));
    assert_eq!(two["services"], json!(["checkout", "search"]));
    assert_eq!(two["whole"]["deployment_frequency"]["count"], 5);
    let one = measured(&app, &format!("service=search&{JANUARY}"));
    assert_eq!(one["whole"]["deployment_frequency"]["count"], 2);
    assert_eq!(one["whole"]["incidents"]["count"], 0);
    let staging = measured(&app, &format!("environment=staging&{JANUARY}"));
    assert_eq!(staging["whole"]["deployment_frequency"]["deployments"], json!([i[6]]));
    let bands = measured(&app, &format!("{JANUARY}&bands=2024"));
    assert_eq!(
        (&bands["bands"]["year"], &bands["bands"]["metrics"][2]["band"]),
        (&json!(2024), &Value::Null)
    );
}

fn bucket(bucket: &Value) -> (&str, u64, bool) {
    (
        bucket["name"].as_str().unwrap(),
        bucket["count"].as_u64().unwrap(),
        bucket["partial"].as_bool().unwrap(),
    )
}

#[rstest]
fn the_same_tree_size_gives_the_same_bytes(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(app) = TestApp::start(backend) else { return };
    for event in history() {
        app.record(&event);
    }
    let size = app.tree_size();
    let path = format!("/v1/delivery-performance?{JANUARY}&by=service&tree_size={size}");
    let before = app.client.get(&path).expect(200);
    app.record(&at(
        deployed("late", "checkout", "production", 30),
        "2026-01-15T10:00:00Z",
    ));
    assert_eq!(app.client.get(&path).expect(200).body, before.body);
    let now = measured(&app, JANUARY);
    assert_eq!(now["whole"]["deployment_frequency"]["count"], 6);

    // Nothing is known of an empty log, which is not the same as nothing having happened.
    let empty = measured(&app, &format!("{JANUARY}&tree_size=0"));
    assert_eq!((&empty["as_of"], &empty["environments"]), (&Value::Null, &json!([])));
    assert_eq!(empty["whole"]["change_lead_time"]["commits"]["median_ms"], Value::Null);
}

#[rstest]
fn a_wrong_parameter_is_named(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(app) = TestApp::start(backend) else { return };
    app.record(&deployed("c1", "checkout", "production", 1));
    for (query, status, parameter) in [
        ("from=2026-01-01".to_owned(), 400, "to"),
        ("from=2026-1-1&to=2026-02-01".to_owned(), 400, "from"),
        ("from=2026-02-01&to=2026-01-01".to_owned(), 400, "to"),
        ("from=2010-01-01&to=2026-01-01&bucket=day".to_owned(), 400, "bucket"),
        ("from=1970-01-01&to=9999-12-31&bucket=month".to_owned(), 400, "bucket"),
        (format!("{JANUARY}&time_zone=Mars/Olympus"), 400, "time_zone"),
        (format!("{JANUARY}&bucket=year"), 400, "bucket"),
        (format!("{JANUARY}&maturity_hours=100000"), 400, "maturity_hours"),
        (format!("{JANUARY}&maturity_hours=-1"), 400, "maturity_hours"),
        (format!("{JANUARY}&by=team"), 400, "by"),
        (format!("{JANUARY}&bands=2025"), 400, "bands"),
        (format!("{JANUARY}&tree_size=999999"), 400, "tree_size"),
        (format!("{JANUARY}&from=2026-01-02"), 400, "from"),
        (format!("{JANUARY}&zone=UTC"), 400, "zone"),
        (format!("{JANUARY}&service="), 400, "service"),
        (format!("{JANUARY}&service=checkout&service=nothing"), 404, "service"),
        (format!("{JANUARY}&environment=nowhere"), 404, "environment"),
    ] {
        let problem = app
            .client
            .get(&format!("/v1/delivery-performance?{query}"))
            .problem(status);
        assert_eq!(problem["pointer"], parameter, "{query}: {problem}");
    }
    let nobody = app.client.anonymous();
    nobody.get(&format!("/v1/delivery-performance?{JANUARY}")).problem(401);
}

#[test]
fn the_command_prints_a_table_or_json() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(folder.path(), None, &[]);
    let body = json!({ "name": "pipeline", "public_key": key(7).public().to_pem() });
    service.client.post_json("/v1/producers", &body).expect(201);
    let lines: Vec<Vec<u8>> = history().iter().map(|event| sign(event, &key(7))).collect();
    let batch = lines.join(&b'\n');
    service
        .client
        .post("/v1/events/batch", "application/x-ndjson", &batch)
        .expect(200);
    let period = ["metrics", "--from", "2026-01-01", "--to", "2026-02-01"];
    let more = [
        "--service",
        "search",
        "--service",
        "checkout",
        "--by-service",
        "--bands",
        "2023",
    ];
    let table = stdout(&service.shipslog(&[&period[..], &more].concat()));
    for words in [
        "checkout, search in production",
        "2 h 45 min",
        "1/4",
        "2026-W03",
        "elite",
        "no data",
    ] {
        assert!(table.contains(words), "{words}: {table}");
    }
    let answer = service.json(&[&period[..], &["--bucket", "month", "--format", "json"]].concat());
    assert_eq!(answer["whole"]["deployment_frequency"]["series"][0]["count"], 5);
    let wrong = service.shipslog(&[&period[..], &["--time-zone", "Mars/Olympus"]].concat());
    assert!(
        !wrong.status.success() && said(&wrong).contains("time_zone"),
        "{}",
        said(&wrong)
    );
}

#[rstest]
fn what_people_decide_about_causes_moves_the_numbers(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(app) = TestApp::start(backend) else { return };
    for event in [
        at(deployed("c1", "checkout", "production", 1), "2026-01-05T10:00:00Z"),
        at(deployed("c2", "checkout", "production", 2), "2026-01-12T10:00:00Z"),
        at(
            incident("i1", "INC-1", "checkout", "production"),
            "2026-01-12T10:30:00Z",
        ),
    ] {
        app.record(&event);
    }
    let decide = |body: Value| app.client.post_json("/v1/links", &body).expect(201);
    // Failures for certain, failures at most, what waits for a review, what no deployment caused.
    let numbers = || {
        let whole = measured(&app, JANUARY)["whole"].clone();
        let (rate, incidents) = (&whole["change_fail_rate"], &whole["incidents"]);
        let length = |list: &Value| list.as_array().unwrap().len() as u64;
        [
            rate["lower"]["count"].as_u64().unwrap(),
            rate["upper"]["count"].as_u64().unwrap(),
            incidents["review_backlog"]["suggestions"].as_u64().unwrap(),
            length(&incidents["no_deployment"]),
            length(&incidents["unattributed"]),
        ]
    };
    assert_eq!(numbers(), [0, 1, 1, 0, 0]);
    decide(json!({ "incident": "INC-1", "deployment": "c2", "verdict": "confirmed", "reason": "traces" }));
    assert_eq!(numbers(), [1, 1, 0, 0, 0]);
    decide(json!({ "incident": "INC-1", "verdict": "no_deployment", "reason": "the network was down" }));
    assert_eq!(numbers(), [0, 0, 0, 1, 0]);
}

#[rstest]
fn a_team_counts_what_it_owned_when_it_happened(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(app) = TestApp::start(backend) else { return };
    let owned = |id: &str, team: &str, time: &str| {
        let ours = json!({ "service": "checkout", "declaration": { "team": team } });
        at(
            event(id, "shipslog-service.declared.0.1.0", "checkout", json!({}), ours),
            time,
        )
    };
    let events = [
        owned("t1", "Till", "2026-01-01T00:00:00Z"),
        at(deployed("c1", "checkout", "production", 1), "2026-01-05T10:00:00Z"),
        owned("t2", "Basket", "2026-01-10T00:00:00Z"),
        at(deployed("c2", "checkout", "production", 2), "2026-01-12T10:00:00Z"),
        at(deployed("s1", "search", "production", 7), "2026-01-13T10:00:00Z"),
        at(
            incident("i1", "INC-1", "checkout", "production"),
            "2026-01-12T10:30:00Z",
        ),
    ];
    let i: Vec<u64> = events.iter().map(|event| app.record(event)).collect();
    for (team, deployments, incidents) in [("Till", json!([i[1]]), 0), ("Basket", json!([i[3]]), 1)] {
        let report = measured(&app, &format!("{JANUARY}&team={team}&by=service"));
        assert_eq!(report["team"], team);
        assert_eq!(
            report["whole"]["deployment_frequency"]["deployments"], deployments,
            "{team}"
        );
        assert_eq!(report["whole"]["incidents"]["count"], incidents, "{team}");
        assert_eq!(report["by_service"].as_array().unwrap().len(), 1, "{team}");
        let query = format!("environment=production&{JANUARY}&team={team}&format=json");
        let document = app
            .client
            .get(&format!("/v1/reports/service?{query}"))
            .expect(200)
            .json();
        assert_eq!(document["performance"], report["whole"], "{team}");
        assert_eq!(document["shipped"]["releases"].as_array().unwrap().len(), 1, "{team}");
    }
    for path in [
        "/v1/delivery-performance?",
        "/v1/reports/service?environment=production&",
    ] {
        let problem = app.client.get(&format!("{path}{JANUARY}&team=Nobody")).problem(404);
        assert_eq!(problem["pointer"], "team", "{path}: {problem}");
    }
}

#[rstest]
fn an_approval_is_timed_from_its_request(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(app) = TestApp::start(backend) else { return };
    let about = |step: &str, person: Value| {
        let mut said = json!({ "approvalDetailsUrl": "https://deploy.example.com/a",
                               "resourceTargetUrl": "https://deploy.example.com/b" });
        said.as_object_mut()
            .unwrap()
            .extend(person.as_object().unwrap().clone());
        event(
            &format!("a-{step}"),
            &format!("approval.{step}.0.1.0"),
            "A",
            said,
            json!({}),
        )
    };
    let mut asked = about("created", json!({ "requestor": "mailto:ada@example.com" }));
    asked["customData"]["shipslog"]["artifact"] = purl("checkout", 1).into();
    // The answer does not repeat what was asked for.
    let answer = json!({ "responder": "mailto:grace@example.com", "decision": "approved", "status": "approved" });
    let request = app.record(&at(asked, "2026-01-05T08:00:00Z"));
    let approval = app.record(&at(about("closed", answer), "2026-01-05T09:30:00Z"));
    let content = json!({ "environment": { "id": "production" }, "artifactId": purl("checkout", 1) });
    let of_checkout = || json!({ "service": "checkout" });
    let started = event(
        "d1",
        "shipslog-deployment.started.0.1.0",
        "d",
        content.clone(),
        of_checkout(),
    );
    let deployment = app.record(&at(started, "2026-01-05T10:00:00Z"));
    let mut content = content;
    content["outcome"] = "success".into();
    let finished = event("d2", "shipslog-deployment.finished.0.1.0", "d", content, of_checkout());
    app.record(&at(finished, "2026-01-05T10:05:00Z"));

    let found = measured(&app, JANUARY)["whole"]["approval_lead_time"].clone();
    let wait = json!({ "deployment": deployment, "request": request, "approval": approval, "wait_ms": 90 * 60_000 });
    assert_eq!(found["answered"], json!([wait]), "{found}");
    assert_eq!(found["approvals"]["median_ms"], 90 * 60_000);
    assert_eq!(found["to_start"]["median_ms"], 30 * 60_000);
    let before = measured(&app, &format!("{JANUARY}&tree_size={approval}"));
    assert_eq!(
        before["whole"]["approval_lead_time"]["approvals"]["median_ms"],
        Value::Null
    );
}
