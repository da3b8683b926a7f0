//! The description of the API is the committed one, every operation in it is exercised here, and answers are as described.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use rstest::rstest;
use serde_json::{Value, json};

use crate::support::app::{ALERTMANAGER_SECRET, GITHUB_SECRET};
use crate::support::events::{deployed, incident, sign};
use crate::support::http::{Answer, Client, ENVELOPE};
use crate::support::{Backend, TestApp, binary, key};

#[test]
fn the_committed_document_is_the_generated_one() {
    let committed = fs::read_to_string(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("openapi/openapi.json")).unwrap();
    let generated = binary::stdout(&binary::run(&["openapi"]));
    assert!(
        committed == generated,
        "out of date: cargo run -- openapi > openapi/openapi.json"
    );
}

/// One call of every operation, by method and path as in the document.
fn calls(app: &TestApp) -> BTreeMap<(&'static str, &'static str), Answer> {
    let index = app.record(&deployed("e1", "checkout", "production", 1));
    app.record(&incident("i1", "INC-1", "checkout", "production"));
    let deployment = app.client.get("/v1/deployments").expect(200).json()["items"][0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let token = app
        .client
        .post_json("/v1/tokens", &json!({ "name": "auditor", "role": "reader" }))
        .expect(201)
        .json();
    let token = token["id"].as_str().unwrap();
    let get = |path: &str| app.client.get(path);
    let delivery = b"{\"zen\":\"Speak like a human.\"}";
    let hook = [
        ("Content-Type", "application/json"),
        ("X-GitHub-Event", "ping"),
        ("X-GitHub-Delivery", "1"),
        ("X-Hub-Signature-256", &super::hooks::signature(GITHUB_SECRET, delivery)),
    ];
    let alert = super::alertmanager::alert("firing", json!({ "service": "checkout" }));
    let alerts = super::alertmanager::notification(&[alert]).to_string();
    let bearer = format!("Bearer {ALERTMANAGER_SECRET}");
    let alertmanager = [("Content-Type", "application/json"), ("Authorization", bearer.as_str())];
    let event = sign(&deployed("e2", "checkout", "production", 2), &app.pipeline);
    let line = sign(&deployed("e3", "checkout", "production", 3), &app.pipeline);
    let question = super::gate::question("q1", "production", json!({}));
    let question = sign(&question, &app.pipeline);
    let producer = json!({ "name": "other", "public_key": key(30).public().to_pem() });
    let reason = json!({ "reason": "no longer used" });
    // Something that nobody recorded.
    let runs = super::completeness::snapshot("r1", "2026-03-01T12:00:00Z", &[("checkout", 77)]);
    BTreeMap::from([
        (("post", "/v1/events"), app.client.post("/v1/events", ENVELOPE, &event)),
        (
            ("post", "/v1/events/batch"),
            app.client.post("/v1/events/batch", "application/x-ndjson", &line),
        ),
        (("get", "/v1/events"), get("/v1/events?service=checkout&limit=2")),
        (("get", "/v1/events/{index}"), get(&format!("/v1/events/{index}"))),
        (
            ("get", "/v1/events/{index}/envelope"),
            get(&format!("/v1/events/{index}/envelope")),
        ),
        (
            ("get", "/v1/events/{index}/receipt"),
            get(&format!("/v1/events/{index}/receipt")),
        ),
        (
            ("post", "/v1/events/{index}/erasure"),
            app.client.post_json(
                &format!(
                    "/v1/events/{}/erasure",
                    app.record(&deployed("e4", "checkout", "production", 4))
                ),
                &json!({ "reason": "legal-order", "text": "ordered" }),
            ),
        ),
        (
            ("post", "/v1/hooks/github"),
            app.client.send("POST", "/v1/hooks/github", &hook, Some(delivery)),
        ),
        (
            ("post", "/v1/hooks/alertmanager"),
            app.client
                .anonymous()
                .send("POST", "/v1/hooks/alertmanager", &alertmanager, Some(alerts.as_bytes())),
        ),
        (
            ("post", "/v1/producers"),
            app.client.post_json("/v1/producers", &producer),
        ),
        (("get", "/v1/producers"), get("/v1/producers")),
        (
            ("post", "/v1/producers/{name}/revocation"),
            app.client.post_json("/v1/producers/other/revocation", &reason),
        ),
        (
            ("post", "/v1/tokens"),
            app.client
                .post_json("/v1/tokens", &json!({ "name": "manager", "role": "reader" })),
        ),
        (("get", "/v1/tokens"), get("/v1/tokens")),
        (
            ("post", "/v1/tokens/{id}/revocation"),
            app.client.post_json(&format!("/v1/tokens/{token}/revocation"), &reason),
        ),
        (
            ("post", "/v1/snapshots"),
            app.client.post("/v1/snapshots", ENVELOPE, &sign(&runs, &app.pipeline)),
        ),
        (
            ("get", "/v1/completeness"),
            get("/v1/completeness?environment=production"),
        ),
        (("get", "/v1/services"), get("/v1/services")),
        (("get", "/v1/environments"), get("/v1/environments")),
        (
            ("get", "/v1/environments/{environment}/state"),
            get("/v1/environments/production/state"),
        ),
        (
            ("get", "/v1/deployments"),
            get("/v1/deployments?environment=production"),
        ),
        (
            ("get", "/v1/deployments/{id}"),
            get(&format!("/v1/deployments/{deployment}")),
        ),
        (("get", "/v1/incidents"), get("/v1/incidents?open=true")),
        (("get", "/v1/incidents/{id}"), get("/v1/incidents/INC-1")),
        (("get", "/v1/links"), get("/v1/links")),
        (("get", "/v1/aliases"), get("/v1/aliases")),
        (("get", "/v1/exceptions"), get("/v1/exceptions")),
        (("get", "/v1/attestations"), get("/v1/attestations")),
        (("get", "/v1/conclusions"), get("/v1/conclusions")),
        (("post", "/v1/gate"), app.client.post("/v1/gate", ENVELOPE, &question)),
        (
            ("post", "/v1/links"),
            app.client.post_json(
                "/v1/links",
                &json!({ "incident": "INC-1", "verdict": "no_deployment", "reason": "it was the network" }),
            ),
        ),
        (("get", "/v1/search"), get("/v1/search?q=1.1")),
        (
            ("get", "/v1/delivery-performance"),
            get(
                "/v1/delivery-performance?service=checkout&from=2026-02-01&to=2026-04-01&time_zone=Europe/Berlin&by=service&bands=2024",
            ),
        ),
        (
            ("get", "/v1/release-notes"),
            get("/v1/release-notes?service=checkout&environment=production&format=json"),
        ),
        (
            ("get", "/v1/reports/service"),
            get("/v1/reports/service?environment=production&period=2026&format=json"),
        ),
        (
            ("post", "/v1/documents"),
            app.client.post_json(
                "/v1/documents",
                &json!({ "kind": "release_notes", "parameters": { "service": "checkout", "environment": "production" } }),
            ),
        ),
        (
            ("get", "/v1/samples"),
            get("/v1/samples?environment=production&period=2026&size=1&seed=x&format=json"),
        ),
        (
            ("post", "/v1/samples"),
            app.client.post_json(
                "/v1/samples",
                &json!({ "environment": "production", "period": "2026", "size": 1, "seed": "x" }),
            ),
        ),
        (
            ("get", "/v1/reports/compliance"),
            get(
                "/v1/reports/compliance?environment=production&from=2026-02-01T00:00:00Z&to=2026-04-01T00:00:00Z&format=json",
            ),
        ),
        (("get", "/v1/log"), get("/v1/log")),
        (
            ("get", "/v1/log/entries/{index}"),
            get(&format!("/v1/log/entries/{index}")),
        ),
        (
            ("get", "/v1/log/entries/{index}/proof"),
            get(&format!("/v1/log/entries/{index}/proof")),
        ),
        (("get", "/v1/log/envelopes/{bundle}"), get("/v1/log/envelopes/0")),
        (
            ("get", "/v1/log/proof/inclusion"),
            get("/v1/log/proof/inclusion?index=0&tree_size=2"),
        ),
        (
            ("get", "/v1/log/proof/consistency"),
            get("/v1/log/proof/consistency?old=1&new=2"),
        ),
        (("get", "/log/checkpoint"), get("/log/checkpoint")),
        (("get", "/log/tile/{path}"), get("/log/tile/entries/000.p/1")),
        (("get", "/healthz"), get("/healthz")),
        (("get", "/readyz"), get("/readyz")),
    ])
}

#[rstest]
fn every_operation_is_exercised_and_answers_as_described(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(app) = TestApp::start(backend) else { return };
    let document = app.client.anonymous().get("/openapi.json").expect(200).json();
    let called = calls(&app);
    let mut missing = Vec::new();
    let mut known = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let plain = path.replace("{path:.*}", "{path}");
            let Some((_, answer)) = called.iter().find(|((m, p), _)| m == method && *p == plain) else {
                missing.push(format!("{method} {path} is not exercised"));
                continue;
            };
            known += 1;
            missing.extend(deviations(&document, operation, answer).map(|what| format!("{method} {path}: {what}")));
            for status in refusals(&app, method, path) {
                let described = &operation["responses"];
                let class = format!("{}XX", status / 100);
                if described[status.to_string()].is_null() && described[class].is_null() {
                    missing.push(format!("{method} {path}: {status} is not described"));
                }
            }
        }
    }
    assert!(missing.is_empty(), "\n{}", missing.join("\n"));
    assert_eq!(
        known,
        called.len(),
        "an operation is called that the document does not have"
    );
}

/// What is answered to those who may not ask, or ask for what nobody can answer.
fn refusals(app: &TestApp, method: &str, path: &str) -> Vec<u16> {
    let method = method.to_uppercase();
    let path = super::access::example(path);
    let send = |client: &Client, path: &str| {
        let body = (method == "POST").then_some(&b"{}"[..]);
        let json = [("Content-Type", "application/json")];
        client.send(&method, path, &json, body).status
    };
    let limited = json!({ "name": "limited", "role": "auditor", "environments": ["nowhere"] });
    let limited = app.client.post_json("/v1/tokens", &limited).expect(201).json();
    let limited = app.client.with_token(limited["token"].as_str().unwrap());
    vec![
        send(&app.client.anonymous(), &path),
        send(&limited, &path),
        send(&app.client, &path),
        send(&app.client, &format!("{path}?limit=none&tree_size=none&at=none")),
    ]
}

/// What of a successful answer is not as the operation says.
fn deviations<'a>(document: &'a Value, operation: &'a Value, answer: &'a Answer) -> impl Iterator<Item = String> {
    let mut found = Vec::new();
    if !(200..300).contains(&answer.status) {
        found.push(format!("{} {}", answer.status, String::from_utf8_lossy(&answer.body)));
    }
    let described = &operation["responses"][answer.status.to_string()];
    if described.is_null() {
        found.push(format!("status {} is not described", answer.status));
    }
    let media_type = answer
        .header("content-type")
        .unwrap_or("")
        .split(';')
        .next()
        .unwrap_or("");
    match described["content"].as_object() {
        Some(content) => match content.get(media_type) {
            None => found.push(format!(
                "{media_type} is not among {:?}",
                content.keys().collect::<Vec<_>>()
            )),
            Some(body) if media_type == "application/json" => {
                found.extend(mismatch(document, &body["schema"], &answer.json(), ""));
            }
            Some(_) => {}
        },
        None => found.push("its content is not described".to_owned()),
    }
    if operation["operationId"].as_str().is_none_or(str::is_empty)
        || operation["tags"].as_array().is_none_or(Vec::is_empty)
    {
        found.push("it has no id or no tag".to_owned());
    }
    found.into_iter()
}

/// Where a value is not what its schema says: types, required members, and members nobody described.
fn mismatch(document: &Value, schema: &Value, value: &Value, at: &str) -> Vec<String> {
    if let Some(reference) = schema["$ref"].as_str() {
        return mismatch(document, document.pointer(&reference[1..]).unwrap(), value, at);
    }
    for choice in ["oneOf", "anyOf"] {
        if let Some(choices) = schema[choice].as_array() {
            let best = choices
                .iter()
                .map(|schema| mismatch(document, schema, value, at))
                .min_by_key(Vec::len);
            return best.unwrap_or_default();
        }
    }
    if let Some(parts) = schema["allOf"].as_array() {
        let known: Vec<&Value> = parts.iter().map(|part| resolve(document, part)).collect();
        let described = |name: &str| known.iter().any(|part| part["properties"].get(name).is_some());
        let undescribed = value
            .as_object()
            .into_iter()
            .flatten()
            .filter(|(name, _)| !described(name));
        return undescribed
            .map(|(name, _)| format!("{at}/{name} is not described"))
            .collect();
    }
    let kinds: Vec<&str> = match &schema["type"] {
        Value::String(kind) => vec![kind],
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => return Vec::new(),
    };
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) if kinds.contains(&"integer") => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    if !kinds.contains(&kind) {
        return vec![format!("{at} is {kind}, not {kinds:?}")];
    }
    let mut found = Vec::new();
    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
        found.extend(mismatch(document, &schema["items"], item, &format!("{at}/{index}")));
    }
    if let (Some(members), Some(properties)) = (value.as_object(), schema["properties"].as_object()) {
        for (name, member) in members {
            match properties.get(name) {
                Some(schema) => found.extend(mismatch(document, schema, member, &format!("{at}/{name}"))),
                None => found.push(format!("{at}/{name} is not described")),
            }
        }
        let required = schema["required"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str);
        found.extend(
            required
                .filter(|name| !members.contains_key(*name))
                .map(|name| format!("{at}/{name} is missing")),
        );
    }
    found
}

fn resolve<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    schema["$ref"]
        .as_str()
        .map_or(schema, |reference| document.pointer(&reference[1..]).unwrap())
}

#[rstest]
fn the_pages_of_the_api_fetch_nothing_from_outside(#[values(Backend::Sqlite)] backend: Backend) {
    let Some(app) = TestApp::start(backend) else { return };
    let nobody = app.client.anonymous();
    let page = nobody.get("/docs/").expect(200);
    assert!(page.header("content-type").unwrap().starts_with("text/html"));
    for part in page.text().split(['"', '\'']) {
        assert!(
            !part.starts_with("http:") && !part.starts_with("https:") && !part.starts_with("//"),
            "{part}"
        );
        if part.starts_with("./") && (part.ends_with(".js") || part.ends_with(".css")) {
            nobody.get(&format!("/docs/{}", &part[2..])).expect(200);
        }
    }
    let policy = page.header("content-security-policy").unwrap();
    assert!(
        policy.contains("default-src 'none'") || policy.contains("default-src 'self'"),
        "{policy}"
    );
}
