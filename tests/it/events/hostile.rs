//! Bad input: a clear error that names the place, never a panic.

use proptest::prelude::*;
use serde_json::{Value, json};
use shipslog::domain::parse::{CDEVENT_JSON, CLOUDEVENT_JSON, EventErrorKind, MAX_ITEMS, MAX_SHORT_BYTES, parse};

use super::{VERSIONS, deployment, files, read, sample};

fn finished() -> Value {
    deployment("finished", "dev.cdevents.deployment")
}

fn with(pointer: &str, value: Value) -> Value {
    let mut event = finished();
    event["customData"] = json!({ "shipslog": {} });
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    event.pointer_mut(parent).unwrap()[name] = value;
    event
}

#[track_caller]
fn refused(event: &Value, pointer: &str) {
    let error = read(event).expect_err(pointer);
    assert_eq!(error.pointer, pointer, "{error}");
    assert_eq!(error.kind, EventErrorKind::Invalid);
}

#[test]
fn what_is_not_json_is_malformed() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let nested = format!(r#"{{"context":{}1{}}}"#, r#"{"a":"#.repeat(200), "}".repeat(200));
    for bytes in [
        &b""[..],
        b"{",
        b"{}{}",
        b"\xff\xfe",
        b"{\"context\":\"\xc0\xa0\"}",
        b"{\"context\":{},\"context\":{}}",
        b"{\"subject\":{\"content\":{\"a\":1,\"a\":2}}}",
        b"{\"a\":\"\\ud800\"}",
        b"NaN",
        deep.as_bytes(),
        nested.as_bytes(),
    ] {
        for payload_type in [CDEVENT_JSON, CLOUDEVENT_JSON] {
            let error = parse(payload_type, bytes).unwrap_err();
            assert_eq!(error.kind, EventErrorKind::Malformed, "{error}");
        }
    }
}

#[test]
fn what_is_json_and_no_event_is_invalid() {
    for value in [json!(null), json!([]), json!("x"), json!(1), json!(true)] {
        refused(&value, "");
    }
    refused(&json!({}), "/context");
    refused(&json!({ "context": [] }), "/context");
    refused(&json!({ "linkType": "START" }), "/linkType");
    refused(&with("/subject", json!([])), "/subject");
    refused(&with("/subject/content", json!([])), "/subject/content");
    refused(&with("/customData", json!([1])), "/customData");
    refused(&with("/customData", json!(null)), "/customData");
    refused(&with("/customData/shipslog", json!("x")), "/customData/shipslog");
    refused(&with("/customDataContentType", json!(1)), "/customDataContentType");
    refused(&with("/more", json!(1)), "/more");
}

#[test]
fn custom_data_of_others_is_left_alone() {
    for data in [json!("aGVsbG8="), json!({}), json!({ "tool": { "any": [1, null] } })] {
        let event = read(&with("/customData", data)).unwrap();
        assert_eq!(event.extension, Default::default());
    }
}

#[test]
fn types_and_versions_have_a_form() {
    for text in [
        "dev.cdevents.",
        "dev.cdevents.deployment",
        "dev.cdevents.deployment.finished",
        "dev.cdevents.deployment.finished.0.1",
        "dev.cdevents.deployment.finished.a.b.c",
        "dev.cdevents..finished.0.1.0",
        "dev.cdevents.a.b.finished.0.1.0",
        "dev.cdevents.deployment.finished.0.1.99999999999999999999",
    ] {
        refused(&with("/context/type", json!(text)), "/context/type");
    }
    for text in [
        "com.example.thing",
        "dev.cdeventsx.tool",
        "dev.cdeventsx.my-tool.did.1.2.3",
        "dev.cdevents.new.thing.0.1.0",
    ] {
        let event = read(&with("/context/type", json!(text))).unwrap();
        assert_eq!(event.body, shipslog::domain::Body::Other, "{text}");
        assert!(!event.event_type.standard, "{text}");
    }
    for text in ["", "1.0", "0.2.0", "0.7.0", "0.4.1", "0.5", "x"] {
        refused(&with("/context/specversion", json!(text)), "/context/specversion");
    }
    for text in ["0.5.0", "0.5.1", "0.6.0-draft"] {
        read(&with("/context/specversion", json!(text))).unwrap();
    }
    refused(&with("/context/version", json!("0.4.1")), "/context/version");
    refused(&with("/subject/type", json!("deployment")), "/subject/type");
}

#[test]
fn events_of_0_3_and_the_broken_ones_of_0_5_0_are_read() {
    let mut event = json!({
        "context": {
            "version": "0.3.0", "id": "1", "source": "/s", "type": "dev.cdevents.service.deployed.0.1.1",
            "timestamp": "2023-03-20T14:27:05Z",
        },
        "subject": {
            "id": "shop", "type": "service",
            "content": { "environment": { "id": "production" }, "artifactId": "pkg:oci/shop@1" },
        },
    });
    assert_eq!(read(&event).unwrap().spec_version, "0.3.0");
    event["subject"]["type"] = "environment".into();
    refused(&event, "/subject/type");
    event["subject"].as_object_mut().unwrap().remove("type");
    refused(&event, "/subject/type");
    event["context"]["version"] = "0.5.0".into();
    read(&event).unwrap();
    event["context"]["version"] = "0.6.0-draft".into();
    refused(&event, "/context/version");
}

#[test]
fn times_are_between_1970_and_9999() {
    for text in [
        "2026-03-02",
        "0001-01-01T00:00:00Z",
        "1969-12-31T23:59:59Z",
        "9999-12-31T23:59:59-01:00",
        "now",
        "",
    ] {
        refused(&with("/context/timestamp", json!(text)), "/context/timestamp");
    }
    let commits = json!([{ "id": "0123456789", "message": "m", "committed_at": "0001-01-01T00:00:00Z" }]);
    refused(
        &with("/customData/shipslog/commits", commits),
        "/customData/shipslog/commits/0/committed_at",
    );
}

#[test]
fn ids_are_bounded_and_visible() {
    let long = "x".repeat(MAX_SHORT_BYTES + 1);
    for pointer in [
        "/context/id",
        "/context/source",
        "/context/type",
        "/context/chainId",
        "/subject/id",
        "/subject/source",
        "/subject/content/artifactId",
        "/subject/content/environment/id",
        "/customData/shipslog/version",
        "/customData/shipslog/run_url",
        "/customData/shipslog/caused_by",
    ] {
        for text in [&long, "a\u{202e}b", "a\nb", "a\u{200b}"] {
            let event = match pointer {
                "/subject/content/environment/id" => with("/subject/content/environment", json!({ "id": text })),
                _ => with(pointer, json!(text)),
            };
            refused(&event, pointer);
        }
    }
    read(&with("/subject/id", json!("x".repeat(MAX_SHORT_BYTES)))).unwrap();
    refused(
        &with("/subject/content/environment", json!({ "id": "x".repeat(257) })),
        "/subject/content/environment/id",
    );
    refused(
        &with("/subject/content/environment", json!({ "id": " x" })),
        "/subject/content/environment/id",
    );
    refused(&with("/subject/id", json!("a\0b")), "/subject/id");
    refused(&with("/customData/other", json!({ "a\0": 1 })), "/customData/other/a\0");
    read(&with("/customData/other", json!("\\u0000"))).unwrap();
}

#[test]
fn the_extension_names_what_it_does_not_know() {
    let ours = |name: &str| format!("/customData/shipslog{name}");
    for (member, value, pointer) in [
        ("comits", json!([{ "x": 1 }]), "/comits"),
        (
            "commits",
            json!([{ "id": "abcdef0", "message": "m", "x": 1 }]),
            "/commits/0/x",
        ),
        (
            "commits",
            json!([{ "id": "abcdef0", "message": "m" }, { "id": "abcdef0" }]),
            "/commits/1/message",
        ),
        ("commits", json!([{ "id": "v1.0", "message": "m" }]), "/commits/0/id"),
        ("commits", json!({}), "/commits"),
        ("commit", json!("HEAD"), "/commit"),
        ("actor", json!({ "id": "ann", "kind": "robot" }), "/actor/kind"),
        ("actor", json!({ "kind": "human" }), "/actor/id"),
        ("actor", json!("ann"), "/actor"),
        ("kind", json!("usual"), "/kind"),
        ("planned", json!("yes"), "/planned"),
        ("version", json!(4.1), "/version"),
        ("version", json!(""), "/version"),
        ("service", json!(""), "/service"),
        ("service", json!(" shop"), "/service"),
        ("deployment_id", json!("a\nb"), "/deployment_id"),
        ("tickets", json!([{ "id": "" }]), "/tickets/0/id"),
        ("tickets", json!(["PAY-1"]), "/tickets/0"),
        (
            "pull_requests",
            json!([{ "id": "1", "approved_by": [1] }]),
            "/pull_requests/0/approved_by/0",
        ),
        ("test", json!({ "passed": -1 }), "/test/passed"),
        ("rollback_plan", json!({ "url": "x" }), "/rollback_plan/url"),
        ("a/b~", json!(1), "/a~1b~0"),
    ] {
        refused(&with("/customData/shipslog", json!({ member: value })), &ours(pointer));
    }
    let many: Vec<Value> = (0..=MAX_ITEMS)
        .map(|n| json!({ "id": format!("{n:07}"), "message": "" }))
        .collect();
    refused(&with(&ours("/commits"), json!(many)), &ours("/commits"));
    read(&with(&ours("/commits"), json!(many[1..]))).unwrap();
}

#[test]
fn service_and_environment_are_said_once_or_alike() {
    let mut event = with("/customData/shipslog/service", json!("till"));
    assert_eq!(read(&event).unwrap().service.unwrap().as_str(), "till");
    event["subject"]["content"]["artifactId"] = "ghcr.io/acme/shop:1".into();
    read(&event).unwrap();
    event["customData"] = json!({});
    refused(&event, "/customData/shipslog/service");
    refused(
        &with("/customData/shipslog/environment", json!("staging")),
        "/customData/shipslog/environment",
    );
    let Some(mut event) = sample("service_deployed") else {
        return;
    };
    event["customData"] = json!({ "shipslog": { "service": "another" } });
    refused(&event, "/customData/shipslog/service");
    let Some(mut event) = sample("pipelinerun_finished") else {
        return;
    };
    event["customData"] = json!({ "shipslog": { "service": "shop", "environment": "staging" } });
    let event = read(&event).unwrap();
    assert_eq!(event.service.unwrap().as_str(), "shop");
    assert_eq!(event.environment.unwrap().as_str(), "staging");
}

#[test]
fn links_have_a_form() {
    let links = |link: Value| with("/context/links", json!([{ "linkType": "END" }, link]));
    read(&links(
        json!({ "linkType": "PATH", "from": { "contextId": "a", "x": 1 }, "tags": { "t": [] } }),
    ))
    .unwrap();
    read(&links(
        json!({ "linkType": "RELATION", "linkKind": "TRIGGER", "target": { "domainId": "cdevents:v0:::::pr:42" } }),
    ))
    .unwrap();
    for (link, pointer) in [
        (json!("x"), ""),
        (json!({}), "/linkType"),
        (json!({ "linkType": "START" }), "/linkType"),
        (json!({ "linkType": "PATH" }), "/from"),
        (json!({ "linkType": "PATH", "from": {} }), "/from/contextId"),
        (
            json!({ "linkType": "END", "from": { "contextId": "" } }),
            "/from/contextId",
        ),
        (json!({ "linkType": "END", "more": 1 }), "/more"),
        (json!({ "linkType": "RELATION", "target": {} }), "/linkKind"),
        (json!({ "linkType": "RELATION", "linkKind": "TRIGGER" }), "/target"),
        (json!({ "linkType": "END", "tags": "x" }), "/tags"),
    ] {
        refused(&links(link), &format!("/context/links/1{pointer}"));
    }
    refused(&with("/context/links", json!({})), "/context/links");
}

/// The published vectors for domain ids.
#[test]
fn domain_ids_have_a_form() {
    let vectors = files("main-0.6.0-draft/conformance/formats");
    let target = |id: &Value| {
        let link = json!({ "linkType": "RELATION", "linkKind": "TRIGGER", "target": { "domainId": id } });
        with("/context/links", json!([link]))
    };
    for (_, vectors) in vectors {
        for valid in vectors["valid"].as_array().unwrap() {
            read(&target(&valid["expected"])).unwrap();
        }
        for invalid in vectors["invalid"].as_array().unwrap() {
            refused(&target(&invalid["input"]), "/context/links/0/target/domainId");
        }
    }
}

#[test]
fn errors_do_not_echo_what_they_are_about() {
    let long = "x".repeat(500_000);
    for event in [
        with(&format!("/{long}"), json!(1)),
        with(&format!("/customData/shipslog/{long}"), json!(1)),
        with("/customData/shipslog/kind", json!(long)),
        with("/customData/shipslog/planned", json!(long)),
        with("/subject/content/outcome", json!(long)),
        with("/context/type", json!(format!("dev.cdevents.{long}"))),
    ] {
        let error = read(&event).unwrap_err();
        assert!(error.to_string().len() < 1500, "{} bytes", error.to_string().len());
    }
    assert!(parse(&long, b"{}").unwrap_err().to_string().len() < 1500);
}

/// Every conformance file, as bytes.
fn corpus() -> Vec<Vec<u8>> {
    let mut corpus: Vec<_> = VERSIONS
        .iter()
        .flat_map(|(version, _)| files(&format!("{version}/conformance")))
        .map(|(_, event)| serde_json::to_vec(&event).unwrap())
        .collect();
    corpus.push(
        serde_json::to_vec(&with(
            "/customData/shipslog/commits",
            json!([{ "id": "abcdef0", "message": "m" }]),
        ))
        .unwrap(),
    );
    corpus
}

#[test]
fn changed_bytes_never_panic() {
    let corpus = corpus();
    let change = (
        any::<prop::sample::Index>(),
        prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    );
    let mut runner = proptest::test_runner::TestRunner::default();
    runner
        .run(&change, |(which, changes)| {
            let mut bytes = which.get(&corpus).clone();
            for (at, byte) in changes {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            for payload_type in [CDEVENT_JSON, CLOUDEVENT_JSON] {
                let _ = parse(payload_type, &bytes);
            }
            Ok(())
        })
        .unwrap();
}

/// Any JSON value, small.
fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        Just(json!("dev.cdevents.deployment.finished.0.1.0")),
        Just(json!("2026-03-02T09:00:00Z")),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-zA-Z~/]{0,8}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

#[test]
fn changed_values_never_panic_and_errors_point_into_the_event() {
    let corpus: Vec<Value> = corpus()
        .iter()
        .map(|bytes| serde_json::from_slice(bytes).unwrap())
        .collect();
    let change = (any::<prop::sample::Index>(), any::<prop::sample::Index>(), any_value());
    let mut runner = proptest::test_runner::TestRunner::default();
    runner
        .run(&change, |(which, place, value)| {
            let mut event = which.get(&corpus).clone();
            let mut pointers = Vec::new();
            pointers_of(&event, String::new(), &mut pointers);
            *event.pointer_mut(place.get(pointers.as_slice()) as &String).unwrap() = value;
            if let Err(error) = read(&event) {
                // What is missing is not there, and everything else is.
                let parent = error.pointer.rsplit_once('/').map_or("", |(parent, _)| parent);
                prop_assert!(
                    event
                        .pointer(&error.pointer)
                        .or_else(|| event.pointer(parent))
                        .is_some()
                        || error.message == "is required"
                        || error.message.starts_with("is required"),
                    "{}",
                    error
                );
            }
            Ok(())
        })
        .unwrap();
}

fn pointers_of(value: &Value, at: String, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                pointers_of(
                    value,
                    format!("{at}/{}", name.replace('~', "~0").replace('/', "~1")),
                    found,
                );
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                pointers_of(value, format!("{at}/{index}"), found);
            }
        }
        _ => {}
    }
    found.push(at);
}
