//! Events of every type, known or not, signed with keys that are limited: both verifiers read the same service and environment.

use serde_json::{Value, json};

use super::Bundle;
use super::dishonest::{register, scope, second_verifier};
use crate::audit::fixture::Log;
use crate::domain::catalogue;
use crate::domain::parse::{CDEVENT_JSON, parse};

/// What contents may say of where they belong, beside what their type asks for.
fn contents() -> Vec<Value> {
    vec![
        json!({}),
        json!({"service": "shop"}),
        json!({"environment": "production"}),
        json!({"service": {"id": "shop"}}),
        json!({"environment": {"id": "production"}}),
        json!({"service": {"id": "till"}, "environment": {"id": "test"}}),
        json!({"artifactId": "pkg:oci/shop@1", "outcome": "success", "environment": {"id": "production"}}),
        json!({"artifactId": "pkg:oci/shop@1", "outcome": "perhaps"}),
        json!({"artifactId": 7, "service": {"id": ["shop"]}}),
    ]
}

fn event(event_type: &str, content: &Value, ours: &Value) -> Vec<u8> {
    let event = json!({
        "context": {"specversion": "0.5.1", "id": "e", "source": "/ci", "timestamp": "2026-11-02T08:00:00Z", "type": event_type},
        "subject": {"id": "shop", "content": content},
        "customData": {"shipslog": ours},
    });
    event.to_string().into_bytes()
}

#[test]
fn both_verifiers_read_the_same_of_every_type() {
    let mut names: Vec<(String, String)> = catalogue::kinds()
        .iter()
        .map(|kind| (kind.subject.to_owned(), kind.predicate.to_owned()))
        .collect();
    for unknown in [
        "deployment.paused",
        "service.restarted",
        "incident.escalated",
        "foo.bar",
        "shipslog-attestation.made",
    ] {
        let (subject, predicate) = unknown.split_once('.').unwrap();
        names.push((subject.to_owned(), predicate.to_owned()));
    }
    let limits = [json!({"services": ["shop"]}), json!({"environments": ["production"]})];
    let ours = [
        json!({}),
        json!({"service": "shop"}),
        json!({"environment": "production"}),
    ];
    let (mut judged, mut permitted) = (0, 0);
    for (number, (subject, predicate)) in names.iter().enumerate() {
        let types = [
            format!("dev.cdevents.{subject}.{predicate}.9.0.0"),
            format!("dev.cdevents.{subject}.{predicate}.0.1.0"),
            format!("dev.cdeventsx.{subject}.{predicate}.0.1.0"),
            format!("dev.cdeventsx.shipslog-{subject}.{predicate}.0.1.0"),
        ];
        let events = types.iter().enumerate().flat_map(|(turn, event_type)| {
            let event = |(at, content)| {
                (
                    event_type,
                    event(event_type, content, &ours[(number + turn + at) % ours.len()]),
                )
            };
            contents().iter().enumerate().map(event).collect::<Vec<_>>()
        });
        // A few of those that would be recorded.
        let events = events.filter(|(_, event)| parse(CDEVENT_JSON, event).is_ok());
        for (turn, (event_type, payload)) in events.skip(number % 3).step_by(5).enumerate() {
            let mut log = Log::new(2);
            let key = register(&mut log, "limited", 5, scope(limits[(number + turn) % 2].clone()), None);
            log.record(&payload, &key, log.now());
            let bundle = Bundle::of(log);
            let findings = bundle.verdict().report.findings;
            let second = second_verifier(&bundle);
            assert!(
                second.is_none_or(|code| code == i32::from(!findings.is_empty())),
                "{event_type}: verify.py says {second:?}, we say {findings:?} of {}",
                String::from_utf8_lossy(&payload)
            );
            judged += 1;
            permitted += u32::from(findings.is_empty());
        }
    }
    assert!(
        judged > 80 && permitted > judged / 5 && permitted < judged,
        "{permitted} of {judged}"
    );
}
