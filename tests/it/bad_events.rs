//! Events that must be refused, case by case: status, pointer, and the log as it was.

use base64ct::{Base64, Encoding};
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::events::{CDEVENT, CLOUDEVENT, deployed, sign, sign_bytes};
use crate::support::{Backend, TestApp, key};

/// A body for `POST /v1/events`, and what it must be answered with.
struct Case {
    name: &'static str,
    body: Vec<u8>,
    status: u16,
    pointer: Option<&'static str>,
}

fn case(name: &'static str, body: impl Into<Vec<u8>>, status: u16, pointer: Option<&'static str>) -> Case {
    Case {
        name,
        body: body.into(),
        status,
        pointer,
    }
}

fn nested(depth: usize) -> String {
    "[".repeat(depth) + &"]".repeat(depth)
}

/// Not an envelope at all, or not one that verifies.
fn envelopes() -> Vec<Case> {
    let good = sign(&deployed("bad", "checkout", "production", 1), &key(7));
    let envelope: Value = serde_json::from_slice(&good).unwrap();
    let with = |member: &str, value: Value| {
        let mut changed = envelope.clone();
        changed[member] = value;
        changed.to_string()
    };
    let without = |member: &str| {
        let mut changed = envelope.clone();
        changed.as_object_mut().unwrap().remove(member);
        changed.to_string()
    };
    let text = String::from_utf8(good.clone()).unwrap();
    let mut flipped = envelope.clone();
    let mut signature = Base64::decode_vec(envelope["signatures"][0]["sig"].as_str().unwrap()).unwrap();
    signature[5] ^= 1;
    flipped["signatures"][0]["sig"] = Base64::encode_string(&signature).into();
    let other = deployed("bad", "checkout", "production", 2).to_string();
    vec![
        case("nothing", "", 400, Some("")),
        case("half an envelope", &good[..good.len() / 2], 400, None),
        case("no JSON", "hello", 400, Some("")),
        case("an array", "[]", 400, Some("")),
        case("null", "null", 400, Some("")),
        case("something after it", text.clone() + "{}", 400, Some("")),
        case("a byte order mark", format!("\u{feff}{text}"), 400, Some("")),
        case("bad UTF-8", b"{\"payloadType\":\"\xff\xfe\"}".to_vec(), 400, None),
        case(
            "a lone surrogate",
            with("payloadType", "X".into()).replace("\"X\"", "\"\\ud800\""),
            400,
            None,
        ),
        case(
            "the same member twice",
            text.replacen('{', "{\"payloadType\":\"x\",", 1),
            400,
            Some("/payloadType"),
        ),
        case(
            "deep nesting",
            with("payload", Value::Null).replace("null", &nested(100_000)),
            400,
            None,
        ),
        case("a number as payload", with("payload", json!(1)), 400, Some("/payload")),
        case("no payload", without("payload"), 400, Some("/payload")),
        case("no payload type", without("payloadType"), 400, Some("/payloadType")),
        case("no signatures member", without("signatures"), 400, Some("/signatures")),
        case(
            "payload not base64",
            with("payload", "%%%".into()),
            400,
            Some("/payload"),
        ),
        case("no signature", with("signatures", json!([])), 400, Some("/signatures")),
        case(
            "signatures no list",
            with("signatures", json!({})),
            400,
            Some("/signatures"),
        ),
        case(
            "a signature without sig",
            with("signatures", json!([{}])),
            400,
            Some("/signatures/0/sig"),
        ),
        case("a wrong signature", flipped.to_string(), 401, Some("/signatures/0/sig")),
        case(
            "another payload",
            with("payload", Base64::encode_string(other.as_bytes()).into()),
            401,
            Some("/signatures/0/sig"),
        ),
        case(
            "another payload type",
            with("payloadType", CLOUDEVENT.into()),
            401,
            Some("/signatures/0/sig"),
        ),
        case(
            "an unknown key",
            sign(&deployed("bad", "a", "b", 1), &key(200)),
            401,
            Some("/signatures"),
        ),
        case(
            "an unknown payload type",
            sign_bytes("text/plain", b"hello", &key(7)),
            415,
            Some("/payloadType"),
        ),
    ]
}

/// Well signed, but not events.
fn payloads() -> Vec<Case> {
    let good = deployed("bad", "checkout", "production", 1);
    let with = |pointer: &str, member: &str, value: Value| {
        let mut changed = good.clone();
        changed.pointer_mut(pointer).unwrap()[member] = value;
        sign(&changed, &key(7))
    };
    let without = |pointer: &str, member: &str| {
        let mut changed = good.clone();
        changed
            .pointer_mut(pointer)
            .unwrap()
            .as_object_mut()
            .unwrap()
            .remove(member);
        sign(&changed, &key(7))
    };
    let raw = |text: String| sign_bytes(CDEVENT, text.as_bytes(), &key(7));
    let long = "x".repeat(300);
    vec![
        case("a payload that is no JSON", raw("hello".into()), 400, Some("")),
        case("an empty payload", raw(String::new()), 400, Some("")),
        case(
            "a payload member twice",
            raw(good.to_string().replacen("\"id\"", "\"id\":\"x\",\"id\"", 1)),
            400,
            None,
        ),
        case(
            "a deep payload",
            raw(format!("{{\"context\":{}}}", nested(5000))),
            400,
            None,
        ),
        case(
            "a payload in bad UTF-8",
            sign_bytes(CDEVENT, b"{\"context\":\"\xc3\x28\"}", &key(7)),
            400,
            None,
        ),
        case("no object", raw("[]".into()), 422, Some("")),
        case("no context", without("", "context"), 422, Some("/context")),
        case("no subject", without("", "subject"), 422, Some("/subject")),
        case("no id", without("/context", "id"), 422, Some("/context/id")),
        case(
            "an empty id",
            with("/context", "id", "".into()),
            422,
            Some("/context/id"),
        ),
        case(
            "an id that is a number",
            with("/context", "id", json!(7)),
            422,
            Some("/context/id"),
        ),
        case("no type", without("/context", "type"), 422, Some("/context/type")),
        case(
            "half a CDEvents type",
            with("/context", "type", "dev.cdevents.service".into()),
            422,
            Some("/context/type"),
        ),
        case(
            "a time without a zone",
            with("/context", "timestamp", "2026-03-01T09:00:00".into()),
            422,
            Some("/context/timestamp"),
        ),
        case(
            "no time",
            with("/context", "timestamp", "yesterday".into()),
            422,
            Some("/context/timestamp"),
        ),
        case("no spec version", without("/context", "specversion"), 422, None),
        case(
            "a subject without an id",
            without("/subject", "id"),
            422,
            Some("/subject/id"),
        ),
        case(
            "no environment",
            without("/subject/content", "environment"),
            422,
            Some("/subject/content/environment"),
        ),
        case(
            "an artifact that is a number",
            with("/subject/content", "artifactId", json!(1)),
            422,
            Some("/subject/content/artifactId"),
        ),
        case(
            "a service name that is too long",
            with("/subject", "id", long.clone().into()),
            422,
            Some("/subject/id"),
        ),
        case(
            "a name with a control character",
            with("/subject", "id", "check\u{7}out".into()),
            422,
            Some("/subject/id"),
        ),
        case(
            "a name that turns the text around",
            with("/subject", "id", "check\u{202e}out".into()),
            422,
            Some("/subject/id"),
        ),
        case(
            "a member of ours that does not exist",
            with("/customData/shipslog", "verison", "1".into()),
            422,
            Some("/customData/shipslog/verison"),
        ),
        case(
            "a version that is a list",
            with("/customData/shipslog", "version", json!([])),
            422,
            Some("/customData/shipslog/version"),
        ),
        case(
            "an unknown kind",
            with("/customData/shipslog", "kind", "yolo".into()),
            422,
            Some("/customData/shipslog/kind"),
        ),
        case(
            "a commit without an id",
            with("/customData/shipslog", "commits", json!([{ "message": "x" }])),
            422,
            Some("/customData/shipslog/commits/0/id"),
        ),
        case(
            "U+0000 in a text",
            with("/customData/shipslog", "reason", "a\u{0}b".into()),
            422,
            Some("/customData/shipslog/reason"),
        ),
        case(
            "what only the service may say",
            with(
                "/customData/shipslog",
                "received",
                json!({ "from": "github", "event": "push", "delivery": "1", "body": "" }),
            ),
            403,
            Some("/customData/shipslog/received"),
        ),
    ]
}

#[rstest]
fn a_bad_event_is_refused_by_name_and_changes_nothing(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
    #[values(envelopes(), payloads())] cases: Vec<Case>,
) {
    let Some(app) = TestApp::start(backend) else { return };
    let before = app.tree_size();
    let mut wrong = Vec::new();
    for Case {
        name,
        body,
        status,
        pointer,
    } in cases
    {
        let answer = app.client.record(&body);
        let problem = if answer.status < 400 {
            Value::Null
        } else {
            answer.problem(answer.status)
        };
        if answer.status != status || pointer.is_some_and(|pointer| problem["pointer"] != pointer) {
            wrong.push(format!(
                "{name}: wanted {status} at {pointer:?}, got {} {problem}",
                answer.status
            ));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    assert_eq!(app.tree_size(), before);
    app.record(&deployed("good", "checkout", "production", 1));
}

#[rstest]
fn keys_are_refused_outside_their_rights(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(app) = TestApp::start(backend) else { return };
    let scopes = [
        (20, "service", json!({ "services": ["search"] })),
        (21, "environment", json!({ "environments": ["staging"] })),
        (22, "type", json!({ "event_types": ["incident"] })),
        (23, "later", json!({ "valid_from": "2027-01-01T00:00:00Z" })),
        (24, "earlier", json!({ "valid_until": "2026-01-01T00:00:00Z" })),
        (25, "revoked", json!({})),
    ];
    for (number, name, scope) in &scopes {
        app.register(name, &key(*number), scope.clone()).expect(201);
    }
    app.client
        .record(&sign(&deployed("first", "checkout", "production", 1), &key(25)))
        .expect(201);
    app.client
        .post_json(
            "/v1/producers/revoked/revocation",
            &json!({ "reason": "its laptop was stolen" }),
        )
        .expect(200);
    let before = app.tree_size();
    let pointers = [
        "/subject/id",
        "/subject/content/environment/id",
        "/context/type",
        "/signatures",
        "/signatures",
        "/signatures",
    ];
    for ((number, name, _), pointer) in scopes.iter().zip(pointers) {
        let event = deployed(&format!("by-{name}"), "checkout", "production", 1);
        let problem = app.client.record(&sign(&event, &key(*number))).problem(403);
        assert_eq!(problem["pointer"], pointer, "{name}: {problem}");
    }
    assert_eq!(app.tree_size(), before);
    // Whoever lost the answer to what was recorded before the revocation still gets the original receipt.
    app.client
        .record(&sign(&deployed("first", "checkout", "production", 1), &key(25)))
        .expect(200);
    assert_eq!(app.tree_size(), before);
}
