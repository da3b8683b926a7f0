//! Alertmanager's notifications become the events of the mapping, through [`shipslog::adapter::alertmanager`] and
//! `POST /v1/hooks/alertmanager`.

mod hook;

use std::fs;

use rstest::rstest;
use serde_json::{Value, json};
use shipslog::adapter::alertmanager::{read, verify_bearer};
use shipslog::adapter::{AdapterError, BearerError};
use shipslog::domain::event::IncidentStep;
use shipslog::domain::parse::{CDEVENT_JSON, parse};
use shipslog::domain::{Body, Event};

use crate::support::shared;

/// A notification as it was sent by an Alertmanager of 2018, without fingerprint and status of its alert.
fn real() -> Option<Value> {
    let file = shared("payloads/alertmanager/prometheus-msteams/prom_post_request.json")?;
    Some(serde_json::from_slice(&fs::read(file).unwrap()).unwrap())
}

/// An alert as newer ones send it.
pub fn alert(status: &str, labels: Value) -> Value {
    let over = status == "resolved";
    json!({
        "status": status,
        "labels": labels,
        "annotations": { "summary": "Many errors", "description": "5 % of the payments fail" },
        "startsAt": "2026-03-01T10:00:00.123456789Z",
        "endsAt": if over { "2026-03-01T10:30:00Z" } else { "0001-01-01T00:00:00Z" },
        "generatorURL": "http://prometheus.example/graph?g0.expr=x",
        "fingerprint": "c6eadffa33fcdf37",
    })
}

/// A notification with these alerts.
pub fn notification(alerts: &[Value]) -> Value {
    json!({
        "version": "4",
        "groupKey": "{}:{alertname=\"ManyErrors\"}",
        "truncatedAlerts": 0,
        "status": "firing",
        "receiver": "shipslog",
        "groupLabels": { "alertname": "ManyErrors" },
        "commonLabels": { "alertname": "ManyErrors" },
        "commonAnnotations": {},
        "externalURL": "http://alertmanager.example:9093",
        "alerts": alerts,
    })
}

fn payloads(environment: Option<&str>, body: &Value) -> Vec<Result<Vec<u8>, AdapterError>> {
    let environment = environment.map(|name| name.parse().unwrap());
    read(environment.as_ref(), body.to_string().as_bytes()).unwrap().events
}

/// The events of a notification, read back.
fn made(environment: Option<&str>, body: &Value) -> Vec<Event> {
    let payloads = payloads(environment, body).into_iter();
    payloads
        .map(|payload| parse(CDEVENT_JSON, &payload.unwrap()).unwrap_or_else(|error| panic!("{error}: {body}")))
        .collect()
}

fn one(environment: Option<&str>, alert: Value) -> Event {
    made(environment, &notification(&[alert])).remove(0)
}

fn step(event: &Event) -> IncidentStep {
    match &event.body {
        Body::Incident { step, .. } => *step,
        other => panic!("{other:?}"),
    }
}

fn description(event: &Event) -> &str {
    match &event.body {
        Body::Incident { description, .. } => description.as_deref().unwrap(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_real_notification_becomes_the_incident_that_it_tells_of() {
    let Some(mut body) = real() else { return };
    let event = made(None, &body).remove(0);
    assert_eq!(event.event_type.text, "dev.cdeventsx.shipslog-incident.detected.0.1.0");
    assert_eq!(step(&event), IncidentStep::Detected);
    // The fingerprint of its labels as Alertmanager computes it, and the time in UTC.
    assert_eq!(event.subject_id, "b29784719d6a11e6@2018-03-07T11:33:21.873Z");
    assert_eq!(event.occurred_at.to_string(), "2018-03-07T11:33:21.873Z");
    assert_eq!(
        (event.service.unwrap().as_str(), event.environment.as_ref()),
        ("docker_nodes", None)
    );
    assert_eq!(event.source, "http://docker.for.mac.host.internal:9093");
    assert_eq!(event.extension.severity.as_deref(), Some("warning"));
    let received = event.extension.received.unwrap();
    assert_eq!(
        (received.from.as_str(), received.event.as_str(), received.body),
        ("alertmanager", "firing", None)
    );
    let placed = made(Some("production"), &body).remove(0);
    assert_eq!(placed.event_type.text, "dev.cdevents.incident.detected.0.3.0");
    assert_eq!(placed.environment.unwrap().as_str(), "production");

    // It has no status; its end tells.
    body["alerts"][0]["endsAt"] = "2018-03-07T07:00:00-05:00".into();
    let over = made(None, &body).remove(0);
    assert_eq!(step(&over), IncidentStep::Resolved);
    assert_eq!(over.subject_id, event.subject_id);
    assert_eq!(over.occurred_at.to_string(), "2018-03-07T12:00:00.000Z");
}

#[rstest]
#[case(json!({ "service": "shop", "app": "a", "job": "j", "environment": "live", "env": "e" }), Some("shop"), Some("live"))]
#[case(json!({ "app": "a", "job": "j", "env": "e" }), Some("a"), Some("e"))]
#[case(json!({ "service": "", "app": " ", "job": "j", "environment": "", "env": "" }), Some("j"), Some("elsewhere"))]
#[case(json!({ "alertname": "Watchdog" }), None, Some("elsewhere"))]
fn labels_name_service_and_environment(
    #[case] labels: Value,
    #[case] service: Option<&str>,
    #[case] environment: Option<&str>,
) {
    let event = one(Some("elsewhere"), alert("firing", labels));
    assert_eq!(event.service.as_ref().map(|name| name.as_str()), service);
    assert_eq!(event.environment.as_ref().map(|name| name.as_str()), environment);
}

#[test]
fn what_people_read_comes_from_the_annotations() {
    for (annotations, words) in [
        (json!({ "summary": "S", "description": "D" }), "S: D"),
        (json!({ "summary": "S", "runbook": "R" }), "S"),
        (json!({ "summary": "", "description": "D" }), "D"),
        (json!({}), "ManyErrors"),
        (Value::Null, "ManyErrors"),
    ] {
        let mut alert = alert("firing", json!({ "alertname": "ManyErrors" }));
        alert["annotations"] = annotations;
        assert_eq!(description(&one(None, alert)), words);
    }
    let nameless = alert("firing", json!({ "job": "node" }));
    let mut nameless = nameless;
    nameless["annotations"] = json!({});
    assert_eq!(description(&one(None, nameless)), "an alert without a name");
}

#[test]
fn what_was_sent_is_kept_where_it_can_be_read() {
    let labels = json!({ "alertname": "ManyErrors", "instance": "10.0.0.1:9100" });
    let payload = payloads(None, &notification(&[alert("resolved", labels.clone())]));
    let payload: Value = serde_json::from_slice(payload[0].as_ref().unwrap()).unwrap();
    assert_eq!(
        payload["customData"]["alertmanager"],
        json!({
            "status": "resolved",
            "labels": labels,
            "annotations": { "summary": "Many errors", "description": "5 % of the payments fail" },
            "startsAt": "2026-03-01T10:00:00.123456789Z",
            "endsAt": "2026-03-01T10:30:00Z",
            "generatorURL": "http://prometheus.example/graph?g0.expr=x",
            "fingerprint": "c6eadffa33fcdf37",
        })
    );
}

#[test]
fn the_same_alert_is_the_same_event_whatever_is_around_it() {
    let labels = json!({ "alertname": "ManyErrors", "service": "shop" });
    let first = notification(&[alert("firing", labels.clone())]);
    let same = payloads(None, &first).remove(0).unwrap();
    let mut other = notification(&[alert("firing", json!({ "service": "till" })), alert("firing", labels)]);
    other["receiver"] = "another".into();
    other["groupKey"] = "{}/{team=\"a\"}:{}".into();
    other["commonLabels"] = json!({});
    other["notification_reason"] = "repeat_interval".into();
    // A firing alert's end is a guess that moves.
    other["alerts"][1]["endsAt"] = "2026-03-01T10:04:00Z".into();
    other["alerts"][1]["unheard_of"] = 7.into();
    assert_eq!(payloads(None, &other).remove(1).unwrap(), same);

    let id = |body: &Value, environment| made(environment, body).remove(0).id;
    let mut ids = vec![id(&first, None), id(&first, Some("production"))];
    for (pointer, value) in [
        ("/annotations/description", "6 % of the payments fail"),
        ("/labels/severity", "critical"),
        ("/startsAt", "2026-03-01T10:00:01Z"),
        ("/generatorURL", "http://other.example"),
        ("/status", "resolved"),
    ] {
        let mut changed = first.clone();
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        changed["alerts"][0].pointer_mut(parent).unwrap()[name] = value.into();
        if pointer == "/status" {
            changed["alerts"][0]["endsAt"] = "2026-03-01T10:30:00Z".into();
        }
        ids.push(id(&changed, None));
    }
    let all = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), all, "a change is another event");
}

/// Pointers to what is wrong with an alert, below it.
#[rstest]
#[case("/labels", json!(null), "/labels")]
#[case("/labels", json!({}), "/labels")]
#[case("/labels", json!([]), "/labels")]
#[case("/labels", json!({ "a/b": 7 }), "/labels/a~1b")]
#[case("/labels", json!({ "service": " shop" }), "/labels/service")]
#[case("/labels", json!({ "job": "x".repeat(257) }), "/labels/job")]
#[case("/labels", json!({ "env": "a\u{202e}b" }), "/labels/env")]
#[case("/labels", json!({ "severity": "x".repeat(1025) }), "/labels/severity")]
#[case("/labels", json!({ "job": "a", "x": "a\u{0}b" }), "/labels/x")]
#[case("/annotations", json!({ "summary": ["x"] }), "/annotations/summary")]
#[case("/annotations", json!({ "summary": "\u{0}" }), "/annotations/summary")]
#[case("/annotations", json!({ "summary": "x".repeat(200_000), "description": "x".repeat(70_000) }), "")]
#[case("/startsAt", json!(null), "/startsAt")]
#[case("/startsAt", json!("0001-01-01T00:00:00Z"), "/startsAt")]
#[case("/startsAt", json!("yesterday"), "/startsAt")]
#[case("/startsAt", json!(1_772_000_000), "/startsAt")]
#[case("/endsAt", json!("0001-01-01T00:00:00Z"), "/endsAt")]
#[case("/endsAt", json!(null), "/endsAt")]
#[case("/endsAt", json!("soon"), "/endsAt")]
#[case("/status", json!("muted"), "/status")]
#[case("/status", json!(true), "/status")]
#[case("/fingerprint", json!("not hex"), "/fingerprint")]
#[case("/fingerprint", json!("a".repeat(65)), "/fingerprint")]
#[case("/generatorURL", json!("\u{0}"), "/generatorURL")]
fn an_odd_alert_is_named_and_keeps_no_other_from_being_read(
    #[case] member: &str,
    #[case] value: Value,
    #[case] pointer: &str,
) {
    let good = alert("resolved", json!({ "alertname": "ManyErrors" }));
    let mut odd = good.clone();
    odd[&member[1..]] = value;
    let made = payloads(None, &notification(&[good, odd]));
    assert!(made[0].is_ok());
    match &made[1] {
        Err(AdapterError::Body { pointer: at, message }) => {
            assert_eq!(at, &format!("/alerts/1{pointer}"), "{message}");
            assert!(message.len() < 600, "{message}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_older_and_other_senders_leave_out_is_not_missed() {
    let mut alert = alert("firing", json!({ "alertname": "ManyErrors", "job": "shop" }));
    for member in ["status", "annotations", "endsAt", "generatorURL", "fingerprint"] {
        alert.as_object_mut().unwrap().remove(member);
    }
    let least = json!({ "version": "4", "alerts": [alert] });
    let event = made(None, &least).remove(0);
    assert_eq!(step(&event), IncidentStep::Detected);
    assert_eq!(
        (event.source.as_str(), description(&event)),
        ("alertmanager", "ManyErrors")
    );
    for (member, value) in [
        ("externalURL", json!("")),
        ("truncatedAlerts", Value::Null),
        ("groupKey", Value::Null),
    ] {
        let mut body = least.clone();
        body[member] = value;
        assert_eq!(made(None, &body).remove(0), event, "{member}");
    }
}

#[test]
fn the_secret_is_told_from_any_other() {
    let check = |header| verify_bearer(b"the watch is set\n", header);
    for right in ["Bearer the watch is set", "bearer  the watch is set "] {
        assert_eq!(check(Some(right)), Ok(()));
    }
    for header in [
        None,
        Some(""),
        Some("Bearer"),
        Some("the watch is set"),
        Some("Basic the watch is set"),
    ] {
        assert_eq!(check(header), Err(BearerError::Form), "{header:?}");
    }
    for header in [
        "Bearer ",
        "Bearer the watch is se",
        "Bearer the watch is set!",
        "Bearer THE WATCH IS SET",
    ] {
        assert_eq!(check(Some(header)), Err(BearerError::Mismatch), "{header}");
    }
}
