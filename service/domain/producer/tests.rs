//! Scopes, and administration events as they are written and read.

use serde_json::{Value, json};

use super::*;
use crate::domain::fixture::{at, human};
use crate::domain::parse::{ADMINISTRATION_JSON, CDEVENT_JSON, parse};

fn event(event_type: &str, content: Value, extension: Value) -> Event {
    let event = json!({
        "context": {
            "specversion": "0.5.1", "id": "1", "source": "/s", "timestamp": "2026-03-02T09:00:00Z", "type": event_type,
        },
        "subject": { "id": "1", "content": content },
        "customData": { "shipslog": extension },
    });
    parse(CDEVENT_JSON, &serde_json::to_vec(&event).unwrap()).unwrap()
}

fn deployment(service: &str, environment: &str) -> Event {
    let content = json!({ "artifactId": format!("pkg:oci/{service}@1"), "environment": { "id": environment } });
    event("dev.cdevents.deployment.started.0.1.0", content, json!({}))
}

fn scope(services: &[&str], environments: &[&str], event_types: &[&str]) -> Scope {
    Scope {
        services: services.iter().map(|name| name.parse().unwrap()).collect(),
        environments: environments.iter().map(|name| name.parse().unwrap()).collect(),
        event_types: event_types.iter().map(|&name| name.to_owned()).collect(),
    }
}

#[test]
fn an_empty_scope_is_everything() {
    assert_eq!(scope(&[], &[], &[]).permits(&deployment("shop", "production")), Ok(()));
}

#[test]
fn what_is_out_of_scope_is_named() {
    let scope = scope(&["shop", "till"], &["staging"], &["deployment", "build.finished"]);
    assert_eq!(scope.permits(&deployment("till", "staging")), Ok(()));
    assert_eq!(
        scope.permits(&deployment("bank", "staging")),
        Err(ScopeError::Service {
            name: "bank".parse().unwrap(),
            pointer: "/subject/content/artifactId"
        })
    );
    assert_eq!(
        scope.permits(&deployment("shop", "production")),
        Err(ScopeError::Environment {
            name: "production".parse().unwrap(),
            pointer: "/subject/content/environment/id"
        })
    );
    let started = event(
        "dev.cdevents.build.started.0.3.0",
        json!({}),
        json!({ "service": "shop" }),
    );
    assert_eq!(
        scope.permits(&started),
        Err(ScopeError::EventType("dev.cdevents.build.started.0.3.0".to_owned()))
    );
    let finished = |extension| event("dev.cdevents.build.finished.0.3.0", json!({}), extension);
    assert_eq!(
        scope.permits(&finished(json!({ "service": "shop" }))),
        Ok(()),
        "a build is of no environment"
    );
    assert_eq!(scope.permits(&finished(json!({}))), Err(ScopeError::NoService));
}

#[test]
fn an_approval_that_names_no_environment_is_of_none_that_is_permitted() {
    let approval = |extension| {
        let content = json!({ "approvalDetailsUrl": "a", "resourceTargetUrl": "b", "requestor": "urn:user:ann" });
        event("dev.cdevents.approval.created.0.1.0", content, extension)
    };
    let scope = scope(&[], &["staging"], &[]);
    assert_eq!(scope.permits(&approval(json!({}))), Err(ScopeError::NoEnvironment));
    assert_eq!(scope.permits(&approval(json!({ "environment": "staging" }))), Ok(()));
    let elsewhere = approval(json!({ "environment": "production" }));
    assert_eq!(
        scope.permits(&elsewhere),
        Err(ScopeError::Environment {
            name: "production".parse().unwrap(),
            pointer: "/customData/shipslog/environment"
        })
    );
}

#[test]
fn event_types_are_named_in_whole_or_from_the_front() {
    let event = deployment("shop", "production");
    for pattern in [
        "deployment",
        "deployment.*",
        "deployment.started",
        "dev.cdevents.deployment",
        "dev.cdevents.deployment.started",
        "dev.cdevents.deployment.started.*",
        "dev.cdevents.deployment.started.0.1.0",
    ] {
        assert_eq!(scope(&[], &[], &[pattern]).permits(&event), Ok(()), "{pattern}");
    }
    for pattern in [
        "deploy",
        "deployments",
        "deployment.start",
        "deployment.",
        "*",
        "dev.cdevents.*",
        "started",
        "service",
    ] {
        assert!(scope(&[], &[], &[pattern]).permits(&event).is_err(), "{pattern}");
    }
    let custom = self::event("dev.cdeventsx.tool-thing.made.0.1.0", json!({}), json!({}));
    for pattern in ["tool-thing", "tool-thing.made", "dev.cdeventsx.tool-thing.*"] {
        assert_eq!(scope(&[], &[], &[pattern]).permits(&custom), Ok(()), "{pattern}");
    }
}

#[test]
fn what_is_written_is_read_back() {
    let decisions = [
        Administration::LogCreated {
            origin: "log.example/1".to_owned(),
            public_key: "PEM".to_owned(),
        },
        Administration::ProducerRegistered {
            name: "ci".parse().unwrap(),
            public_key: "PEM".to_owned(),
            scope: scope(&["shop"], &["production"], &["deployment"]),
            valid_from: Some(at(0)),
            valid_until: None,
        },
        Administration::ProducerRevoked {
            name: "ci".parse().unwrap(),
            reason: "left".to_owned(),
        },
        Administration::TokenIssued {
            id: "t1".to_owned(),
            name: "auditor".to_owned(),
            role: Role::Reader,
            reach: Reach::default(),
            secret_sha256: "ab".repeat(32),
            valid_until: None,
        },
        Administration::TokenRevoked {
            id: "t1".to_owned(),
            reason: "lost".to_owned(),
        },
    ];
    for decision in &decisions {
        let payload = decision
            .to_payload("id-1", "https://log.example", at(3), Some(&human("ann")))
            .unwrap();
        let event = parse(ADMINISTRATION_JSON, &payload).unwrap();
        assert_eq!(event.extension.administration.as_deref(), Some(decision));
        assert_eq!(event.event_type.text, decision.event_type());
        assert_eq!(
            (event.id.as_str(), event.subject_id.as_str()),
            ("id-1", &*decision.subject())
        );
        assert_eq!((event.occurred_at, event.extension.actor), (at(3), Some(human("ann"))));

        let mut value: Value = serde_json::from_slice(&payload).unwrap();
        value["context"]["type"] = "dev.cdeventsx.shipslog-other.made.0.1.0".into();
        let error = parse(ADMINISTRATION_JSON, &serde_json::to_vec(&value).unwrap()).unwrap_err();
        assert_eq!(error.pointer, "/customData/shipslog/administration/action");
        let mut value: Value = serde_json::from_slice(&payload).unwrap();
        value["customData"]["shipslog"]["administration"]["more"] = true.into();
        let error = parse(ADMINISTRATION_JSON, &serde_json::to_vec(&value).unwrap()).unwrap_err();
        assert!(
            error.pointer.starts_with("/customData/shipslog/administration"),
            "{error}"
        );
    }
}
