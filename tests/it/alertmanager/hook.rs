//! Through HTTP, and as an auditor sees what came in.

use std::fs;

use ledger::Receipt;
use rstest::rstest;
use serde_json::{Value, json};

use super::{alert, notification, real};
use crate::support::app::ALERTMANAGER_SECRET;
use crate::support::binary::{Service, code, run, stdout};
use crate::support::events::{at, deployed};
use crate::support::http::{Answer, Client};
use crate::support::{Backend, TestApp, python};

fn send(client: &Client, query: &str, secret: &str, body: &[u8]) -> Answer {
    let authorization = format!("Bearer {secret}");
    let headers = [
        ("Content-Type", "application/json"),
        ("Authorization", authorization.as_str()),
    ];
    let path = format!("/v1/hooks/alertmanager{query}");
    client.anonymous().send("POST", &path, &headers, Some(body))
}

fn notify(app: &TestApp, query: &str, body: &Value) -> Answer {
    send(&app.client, query, ALERTMANAGER_SECRET, body.to_string().as_bytes())
}

fn statuses(alerts: &Value) -> Vec<u64> {
    let alerts = alerts.as_array().unwrap().iter();
    alerts.map(|alert| alert["status"].as_u64().unwrap()).collect()
}

fn index(answer: &Value) -> u64 {
    answer["receipt"]["index"].as_u64().unwrap()
}

#[rstest]
fn a_real_notification_is_recorded_once_and_its_end_ends_the_incident(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let (Some(app), Some(body)) = (TestApp::start(backend), real()) else {
        return;
    };
    let before = app.tree_size();
    let first = notify(&app, "", &body).expect(201).json();
    assert_eq!(first["truncated_alerts"], 0);
    assert_eq!(statuses(&first["alerts"]), [201]);
    let index = index(&first["alerts"][0]);
    let shown = app.client.get(&format!("/v1/events/{index}")).expect(200).json();
    assert_eq!(
        (&shown["producer"], &shown["attestation"]),
        (&json!("shipslog"), &json!("shared-secret")),
        "{shown}"
    );
    let envelope = app.client.get(&format!("/v1/events/{index}/envelope")).expect(200);
    let receipt = Receipt::parse(first["alerts"][0]["receipt"].to_string().as_bytes()).unwrap();
    receipt.verify(&app.log_key, &envelope.body).unwrap();

    // Alertmanager repeats it, and sends it by another receiver.
    let mut again = body.clone();
    again["receiver"] = "another".into();
    again["groupKey"] = "{}/{}:{}".into();
    for repeated in [&body, &again] {
        let answer = notify(&app, "", repeated).expect(200).json();
        assert_eq!(statuses(&answer["alerts"]), [200]);
        assert_eq!(answer["alerts"][0]["receipt"], first["alerts"][0]["receipt"]);
    }
    assert_eq!(app.tree_size(), before + 1);

    let path = "/v1/incidents/b29784719d6a11e6@2018-03-07T11:33:21.873Z";
    let incident = app.client.get(path).expect(200).json()["incident"].clone();
    assert_eq!(
        (
            &incident["open"],
            &incident["severity"],
            &incident["service"],
            &incident["environment"]
        ),
        (&json!(true), &json!("warning"), &json!("docker_nodes"), &Value::Null)
    );
    let mut over = body;
    over["status"] = "resolved".into();
    over["alerts"][0]["status"] = "resolved".into();
    over["alerts"][0]["endsAt"] = "2018-03-07T06:58:21.873077559-05:00".into();
    notify(&app, "", &over).expect(201);
    notify(&app, "", &over).expect(200);
    let incident = app.client.get(path).expect(200).json()["incident"].clone();
    assert_eq!(
        (&incident["open"], &incident["resolved_at"], &incident["began_at"]),
        (
            &json!(false),
            &json!("2018-03-07T11:58:21.873Z"),
            &json!("2018-03-07T11:33:21.873Z")
        )
    );
    assert_eq!(app.tree_size(), before + 2);
}

#[rstest]
fn an_alert_is_correlated_with_the_deployment_of_its_service(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(app) = TestApp::start(backend) else { return };
    app.record(&at(deployed("d1", "shop", "production", 1), "2026-03-01T09:50:00Z"));
    let labels = json!({ "alertname": "ManyErrors", "service": "shop", "severity": "critical" });
    // Where it is unknown where, being close in time says nothing: it may be any environment.
    notify(&app, "", &notification(&[alert("firing", labels.clone())])).expect(201);
    let id = "/v1/incidents/c6eadffa33fcdf37@2026-03-01T10:00:00.123Z";
    let incident = app.client.get(id).expect(200).json()["incident"].clone();
    assert_eq!(incident["correlation"]["no_candidate"], true, "{incident}");

    let mut placed = alert("firing", labels);
    placed["fingerprint"] = "0a".into();
    notify(&app, "?environment=production", &notification(&[placed])).expect(201);
    let id = "0a@2026-03-01T10:00:00.123Z";
    let incident = app.client.get(&format!("/v1/incidents/{id}")).expect(200).json()["incident"].clone();
    assert_eq!(incident["environment"], "production");
    let first = &incident["correlation"]["candidates"][0];
    assert_eq!(first["reasons"][0], "same_service_recent", "{incident}");
    let links = app.client.get("/v1/links?state=suggested").expect(200).json();
    let links: Vec<_> = links["items"].as_array().unwrap().iter().collect();
    assert_eq!(links.len(), 1);
    assert_eq!(
        (&links[0]["incident"], &links[0]["service"]),
        (&json!(id), &json!("shop"))
    );
    let listed = app.client.get("/v1/incidents?service=shop").expect(200).json();
    assert_eq!(listed["items"].as_array().unwrap().len(), 2, "{listed}");
    let listed = app
        .client
        .get("/v1/search?q=0a@2026-03-01T10:00:00.123Z")
        .expect(200)
        .json();
    assert!(listed.to_string().contains("incident.detected"), "{listed}");
}

#[rstest]
fn nothing_of_a_notification_is_lost_without_a_word(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(app) = TestApp::start(backend) else { return };
    let before = app.tree_size();
    let good = |fingerprint: &str| {
        let mut alert = alert("firing", json!({ "alertname": "ManyErrors" }));
        alert["fingerprint"] = fingerprint.into();
        alert
    };
    let mut odd = good("02");
    odd["labels"]["service"] = "\u{202e}pohs".into();
    let mut body = notification(&[good("01"), odd, good("03"), good("01")]);
    body["truncatedAlerts"] = 7.into();
    let problem = notify(&app, "", &body).problem(422);
    assert_eq!(statuses(&problem["alerts"]), [201, 422, 201, 200]);
    assert_eq!(problem["pointer"], "/alerts/1/labels/service");
    assert_eq!(problem["alerts"][1]["problem"]["pointer"], "/alerts/1/labels/service");
    let detail = problem["detail"].as_str().unwrap();
    assert!(
        detail.starts_with("1 of 4 alerts") && detail.contains("left 7 more out"),
        "{detail}"
    );
    assert_eq!(app.tree_size(), before + 2);

    body["alerts"][1]["labels"]["service"] = "shop".into();
    let answer = notify(&app, "", &body).expect(201).json();
    assert_eq!(statuses(&answer["alerts"]), [200, 201, 200, 200]);
    assert_eq!(answer["truncated_alerts"], 7);

    // What was erased stays erased, and is no reason to send the notification for ever.
    let first = index(&answer["alerts"][0]);
    let erasure = json!({ "reason": "legal-order", "text": "ordered" });
    let path = format!("/v1/events/{first}/erasure");
    app.client.post_json(&path, &erasure).expect(201);
    let answer = notify(&app, "", &body).expect(200).json();
    assert_eq!(statuses(&answer["alerts"]), [410, 200, 200, 410]);
    assert_eq!(answer["alerts"][0]["problem"]["erased"]["index"], first);
}

#[rstest]
fn many_alerts_come_in_together(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(app) = TestApp::start(backend) else { return };
    let before = app.tree_size();
    let alerts: Vec<Value> = (0..1200)
        .map(|n| {
            let mut alert = alert(
                "firing",
                json!({ "alertname": "ManyErrors", "instance": format!("{n}") }),
            );
            alert["fingerprint"] = Value::Null;
            alert
        })
        .collect();
    let answer = notify(&app, "", &notification(&alerts)).expect(201).json();
    assert!(statuses(&answer["alerts"]).iter().all(|status| *status == 201));
    assert_eq!(app.tree_size(), before + 1200);
}

#[rstest]
fn only_alertmanager_is_believed(#[values(Backend::Sqlite)] backend: Backend) {
    let Some(app) = TestApp::start(backend) else { return };
    let before = app.tree_size();
    let body = notification(&[alert("firing", json!({ "alertname": "ManyErrors" }))]).to_string();
    let token = app.client.token.clone().unwrap();
    for secret in [
        "",
        "the watch is not set",
        ALERTMANAGER_SECRET.trim_end_matches('t'),
        token.as_str(),
    ] {
        let problem = send(&app.client, "", secret, body.as_bytes()).problem(401);
        assert_eq!(problem["pointer"], "Authorization");
    }
    let nobody = app.client.anonymous();
    let headers = [("Content-Type", "application/json")];
    let path = "/v1/hooks/alertmanager";
    nobody.send("POST", path, &headers, Some(body.as_bytes())).problem(401);
    let basic = [
        headers[0],
        ("Authorization", "Basic c2hpcHNsb2c6dGhlIHdhdGNoIGlzIHNldA=="),
    ];
    nobody.send("POST", path, &basic, Some(body.as_bytes())).problem(401);
    assert_eq!(app.tree_size(), before);
}

#[rstest]
fn hostile_bodies_are_refused_with_the_place(#[values(Backend::Sqlite)] backend: Backend) {
    let Some(app) = TestApp::start(backend) else { return };
    let before = app.tree_size();
    let fine = notification(&[alert("firing", json!({ "alertname": "ManyErrors" }))]);
    let with = |member: &str, value: Value| {
        let mut body = fine.clone();
        body[member] = value;
        body.to_string()
    };
    let without = |member: &str| {
        let mut body = fine.clone();
        body.as_object_mut().unwrap().remove(member);
        body.to_string()
    };
    let deep = |levels| {
        format!(
            "{{\"version\":\"4\",\"alerts\":{}{}}}",
            "[".repeat(levels),
            "]".repeat(levels)
        )
    };
    let cases = [
        (String::new(), 400, ""),
        ("{\"version\":\"4\",".to_owned(), 400, ""),
        ("{\"version\":\"4\",\"version\":\"4\"}".to_owned(), 400, "/version"),
        (deep(100_000), 400, "/alerts"),
        (deep(40), 422, "/alerts/0"),
        ("[\"4\",\"\",\"\",0,[]]".to_owned(), 422, ""),
        ("\"4\"".to_owned(), 422, ""),
        ("null".to_owned(), 422, ""),
        (with("version", json!("3")), 422, "/version"),
        (with("version", json!(4)), 422, "/version"),
        (without("version"), 422, "/version"),
        (without("alerts"), 422, "/alerts"),
        (with("alerts", json!([])), 422, "/alerts"),
        (with("alerts", Value::Null), 422, "/alerts"),
        (with("alerts", json!({})), 422, "/alerts"),
        (with("alerts", json!([7])), 422, "/alerts/0"),
        (with("alerts", json!([null])), 422, "/alerts/0"),
        (with("alerts", json!(vec![0; 5001])), 422, "/alerts"),
        (with("truncatedAlerts", json!(-1)), 422, "/truncatedAlerts"),
        (with("truncatedAlerts", json!("7")), 422, "/truncatedAlerts"),
        (with("externalURL", json!(7)), 422, "/externalURL"),
        (with("externalURL", json!("x".repeat(2000))), 422, "/externalURL"),
        (with("externalURL", json!("http://a\u{202e}b")), 422, "/externalURL"),
        (with("groupKey", json!([])), 422, "/groupKey"),
    ];
    for (body, status, pointer) in cases {
        let problem = send(&app.client, "", ALERTMANAGER_SECRET, body.as_bytes()).problem(status);
        let shown = &body[..body.len().min(200)];
        let found = problem["pointer"].as_str().unwrap();
        assert!(
            found.starts_with(pointer) && (pointer.is_empty() || status == 400 || found == pointer),
            "{shown}: {problem}"
        );
        assert!(problem["detail"].as_str().unwrap().len() < 1000, "{problem}");
    }
    let large = with("groupKey", json!("x".repeat(4 << 20)));
    send(&app.client, "", ALERTMANAGER_SECRET, large.as_bytes()).problem(413);
    send(&app.client, "", ALERTMANAGER_SECRET, b"\xff").problem(400);
    for (query, pointer) in [
        ("?environment=", "environment"),
        ("?environment=%20a", "environment"),
        ("?environment=a&environment=b", "environment"),
        ("?where=a", "where"),
    ] {
        let problem = notify(&app, query, &fine).problem(400);
        assert_eq!(problem["pointer"], pointer, "{problem}");
    }
    let headers = [
        ("Content-Type", "text/plain"),
        ("Authorization", "Bearer the watch is set"),
    ];
    let body = fine.to_string();
    app.client
        .anonymous()
        .send("POST", "/v1/hooks/alertmanager", &headers, Some(body.as_bytes()))
        .problem(415);
    assert_eq!(app.tree_size(), before);
}

#[test]
fn both_verifiers_accept_a_history_of_alerts_and_the_operator_hears_what_was_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let (data, secret) = (folder.path().join("data"), folder.path().join("secret"));
    fs::write(&secret, format!("{ALERTMANAGER_SECRET}\n")).unwrap();
    let labels = json!({ "alertname": "ManyErrors", "service": "shop" });
    let mut body = notification(&[alert("firing", labels.clone()), alert("resolved", labels)]);
    body["truncatedAlerts"] = 3.into();
    let bytes = body.to_string().into_bytes();

    let service = Service::start(&data, None, &[]);
    let problem = send(&service.client, "", ALERTMANAGER_SECRET, &bytes).problem(404);
    assert!(
        problem["detail"].as_str().unwrap().contains("Alertmanager"),
        "{problem}"
    );
    assert!(service.terminate());

    let service = Service::start(&data, None, &["--alertmanager-secret-file", secret.to_str().unwrap()]);
    send(&service.client, "", ALERTMANAGER_SECRET, &bytes).expect(201);
    send(&service.client, "?environment=production", ALERTMANAGER_SECRET, &bytes).expect(201);
    let said = service.said();
    assert!(
        said.contains("left alerts out") && said.contains("truncated=3"),
        "{said}"
    );
    let (bundle, vkey) = (folder.path().join("bundle"), data.join("log.vkey"));
    let (bundle, vkey) = (bundle.to_str().unwrap(), vkey.to_str().unwrap());
    stdout(&service.shipslog(&["export", bundle]));
    assert!(service.terminate());
    assert_eq!(code(&run(&["verify", "bundle", bundle, "--log-key", vkey])), 0);
    assert!(python::verify(&[bundle, "--log-key", vkey]).is_none_or(|code| code == 0));
    assert_eq!(code(&run(&["fsck", "--data", data.to_str().unwrap()])), 0);
}
