//! What an auditor's token opens: each route in its own right, questions within its reach, and nothing else.

mod questions;
mod things;

use rstest::rstest;
use serde_json::{Value, json};
use shipslog::domain::producer::Role;
use shipslog::http::access::{Access, ROUTES};

use crate::access::example;
use crate::support::binary::{Service, code, said, stdout};
use crate::support::events::{at, deployed};
use crate::support::http::Client;
use crate::support::{Backend, TestApp};

/// An auditor's token that is limited to this.
pub(crate) fn token(admin: &Client, limits: &Value) -> String {
    let mut body = json!({ "name": "Ada, Smith & Partners", "role": "auditor" });
    body.as_object_mut()
        .unwrap()
        .extend(limits.as_object().unwrap().clone());
    let issued = admin.post_json("/v1/tokens", &body).expect(201).json();
    issued["token"].as_str().unwrap().to_owned()
}

/// A client with such a token.
fn auditor(app: &TestApp, limits: &Value) -> Client {
    app.client.with_token(&token(&app.client, limits))
}

/// How a token can be limited, by a letter, and the parameters of a question within and beyond.
const LIMITS: [(char, &str, &str, &str); 3] = [
    (
        'E',
        r#"{"environments":["production"]}"#,
        "environment=production",
        "environment=staging",
    ),
    (
        'S',
        r#"{"services":["checkout"]}"#,
        "service=checkout",
        "service=search",
    ),
    (
        'P',
        r#"{"from":"2026-01-01","to":"2026-04-01"}"#,
        "from=2026-02-01T00:00:00Z&to=2026-03-01T00:00:00Z",
        "from=2026-02-01T00:00:00Z&to=2026-04-01T00:00:01Z",
    ),
];

fn is_open(client: &Client, path: &str, query: &str) -> bool {
    ![401, 403].contains(&client.get(&format!("{path}?{query}")).status)
}

#[rstest]
fn every_route_is_decided(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(app) = TestApp::start(backend) else { return };
    let unlimited = auditor(&app, &json!({}));
    let limited = LIMITS.map(|(letter, limits, within, beyond)| {
        let client = auditor(&app, &serde_json::from_str(limits).unwrap());
        (letter, client, within, beyond)
    });
    let mut decided = Vec::new();
    for (method, pattern, access) in ROUTES {
        let path = example(pattern).replace("/x/state", "/production/state");
        match access {
            // Not for tokens, or for those who write: of no concern, or refused.
            Access::Public | Access::Log | Access::Signature | Access::SharedSecret | Access::Page(_) => continue,
            // Open to whoever reaches what was recorded: see `things`.
            Access::Named(_) => continue,
            Access::Token(Role::Reader | Role::Reviewer | Role::Admin) => {
                let headers = [("Content-Type", "application/json")];
                let answer = unlimited.send(method.as_str(), &path, &headers, (method == "POST").then_some(b"{}"));
                answer.problem(403);
                continue;
            }
            Access::Token(Role::Auditor) | Access::Within(_) => {}
        }
        assert!(is_open(&unlimited, &path, ""), "{path}");
        let mut line = format!("{pattern} ");
        for (letter, client, within, beyond) in &limited {
            let (opens, nothing_named) = (is_open(client, &path, within), is_open(client, &path, ""));
            let state = pattern.ends_with("/state") && *letter == 'E';
            match access {
                // A path names it, or it is open to everybody: the question need not.
                Access::Token(_) => assert!(nothing_named && opens, "{path} {letter}"),
                _ => assert!(!is_open(client, &path, beyond) || state, "{path} {letter}"),
            }
            assert!(
                !nothing_named || state || matches!(access, Access::Token(_)),
                "{path} {letter}"
            );
            line.push(if opens { *letter } else { '-' });
        }
        decided.push(line);
    }
    assert_eq!(
        decided.join("\n"),
        "\
/v1/events ESP
/v1/aliases ---
/v1/exceptions ---
/v1/attestations ---
/v1/conclusions ---
/v1/producers ESP
/v1/services ---
/v1/environments ---
/v1/environments/{environment}/state E--
/v1/deployments ES-
/v1/deployments/{id} ES-
/v1/incidents ESP
/v1/links ES-
/v1/search ---
/v1/delivery-performance ESP
/v1/completeness ESP
/v1/release-notes ESP
/v1/reports/compliance ESP
/v1/reports/service ESP
/v1/samples ESP
/v1/log ESP
/v1/log/entries/{index} ESP
/v1/log/entries/{index}/proof ESP
/v1/log/envelopes/{bundle} ---
/v1/log/proof/inclusion ESP
/v1/log/proof/consistency ESP"
    );
    let elsewhere = limited[0].1.get("/v1/environments/staging/state");
    assert_eq!(elsewhere.problem(403)["pointer"], "environment");
}

#[rstest]
fn a_question_beyond_its_reach_is_refused_by_name(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(app) = TestApp::start(backend) else { return };
    app.record(&at(deployed("c1", "checkout", "production", 1), "2026-03-01T10:00:00Z"));
    let limits = json!({
        "environments": ["production", "staging"], "services": ["checkout"], "from": "2026-01-01", "to": "2026-04-01",
        "time_zone": "Europe/London",
    });
    let client = auditor(&app, &limits);
    let report = "/v1/reports/compliance?environment=production";
    let within = client.get(&format!(
        "{report}&service=checkout&period=2026-Q1&time_zone=Europe/London"
    ));
    assert!(within.expect(200).text().contains("c1"));
    for (query, pointer) in [
        ("environment=dev&service=checkout&period=2026-Q1", "environment"),
        ("environment=production&period=2026-Q1", "service"),
        ("environment=production&service=search&period=2026-Q1", "service"),
        ("environment=production&service=checkout&period=2026", "period"),
        (
            "environment=production&service=checkout&from=2025-12-31&to=2026-02-01",
            "from",
        ),
        ("environment=production&service=checkout", "period"),
        // An hour of the last day lies outside: the token's days are London's.
        ("environment=production&service=checkout&period=2026-Q1", "period"),
    ] {
        let problem = client.get(&format!("/v1/reports/compliance?{query}")).problem(403);
        assert_eq!(problem["pointer"], pointer, "{query}: {problem}");
    }
    let said = client.get("/v1/reports/compliance?environment=dev").problem(403);
    assert_eq!(
        said["detail"],
        "this token reads about the environment production or staging alone: name it"
    );
    // What it names twice must be within twice, and the newest notes are of whatever time.
    let notes = "/v1/release-notes?environment=production&service=checkout";
    assert_eq!(
        client.get(&format!("{notes}&service=search")).problem(403)["pointer"],
        "service"
    );
    client.get(notes).problem(403);
    client.get(&format!("{notes}&deployment=c1")).problem(403);
    client.get(&format!("{notes}&from=%230&to=%231")).problem(403);
    client
        .get(&format!("{notes}&from=2026-02-01&to=2026-03-31"))
        .expect(200);
    // It compares with the quarter before.
    let service = "/v1/reports/service?environment=production&service=checkout";
    client
        .get(&format!("{service}&period=2026-Q1&time_zone=Europe/London"))
        .problem(403);
    client
        .get(&format!("{service}&period=2026-03&time_zone=Europe/London"))
        .expect(200);
}

#[rstest]
fn only_an_auditor_is_limited(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(mut app) = TestApp::start(backend) else { return };
    for (body, pointer) in [
        (
            json!({ "name": "x", "role": "reader", "environments": ["production"] }),
            "/role",
        ),
        (
            json!({ "name": "x", "role": "auditor", "from": "2026-02-01", "to": "2026-02-01" }),
            "/to",
        ),
        (json!({ "name": "x", "role": "auditor", "from": "yesterday" }), "/from"),
        (
            json!({ "name": "x", "role": "auditor", "from": "2026-02-01", "time_zone": "Mars" }),
            "/time_zone",
        ),
        (
            json!({ "name": "x", "role": "auditor", "environments": [""] }),
            "/environments/0",
        ),
    ] {
        let refused = app.client.post_json("/v1/tokens", &body);
        let status = refused.status;
        assert_eq!(refused.problem(status)["pointer"], pointer, "{body}");
    }
    let before = app.tree_size();
    let limits = json!({ "environments": ["production"], "from": "2026-01-01", "to": "2026-04-01" });
    let client = auditor(&app, &limits);
    let listed = app.client.get("/v1/tokens").expect(200).json()[1].clone();
    assert_eq!(listed["environments"], json!(["production"]));
    assert_eq!(listed["to"], "2026-04-01T00:00:00.000Z");
    let entry = app.client.get(&format!("/v1/events/{before}")).expect(200).json();
    let issued = &entry["payload"]["customData"]["shipslog"]["administration"];
    assert_eq!(issued["reach"]["environments"], json!(["production"]));
    // Its limits are in the log, and outlast the process.
    app.restart("2026-03-03T09:00:00Z");
    let client = app.client.with_token(client.token.as_deref().unwrap());
    client.get("/v1/deployments?environment=production").problem(403);
    client.get("/v1/events?environment=production").problem(403);
}

#[test]
fn the_command_issues_a_limited_token() {
    let folder = tempfile::tempdir().unwrap();
    let mut service = Service::start(folder.path(), None, &[]);
    let limits = [
        "--environment",
        "production",
        "--service",
        "checkout",
        "--service",
        "search",
    ];
    let period = [
        "--from",
        "2026-04-01",
        "--to",
        "2026-07-01",
        "--time-zone",
        "Europe/London",
    ];
    let add = ["token", "add", "Ada", "--role", "auditor"];
    let token = stdout(&service.shipslog(&[&add[..], &limits, &period].concat()));
    let listed = service.json(&["token", "list", "--format", "json"])[1].clone();
    assert_eq!(listed["role"], "auditor");
    assert_eq!(listed["services"], json!(["checkout", "search"]));
    // Midnight in London, in summer.
    assert_eq!(listed["from"], "2026-03-31T23:00:00.000Z");
    let reader = service.shipslog(&[&add[..3], &limits[..2]].concat());
    assert!(
        code(&reader) == 1 && said(&reader).contains("(at /role)"),
        "{}",
        said(&reader)
    );
    let half = service.shipslog(&[&add[..], &period[..2]].concat());
    assert!(code(&half) == 2 && said(&half).contains("--to"), "{}", said(&half));
    // What it may not ask is told with what it may, and with no guess about roles.
    service.client = service.client.with_token(token.trim());
    let asked = [
        "report",
        "compliance",
        "--environment",
        "staging",
        "--period",
        "2026-05",
    ];
    let refused = service.shipslog(&asked);
    let words = "this token reads about the environment production alone: name it (at environment)";
    assert!(
        code(&refused) == 1 && said(&refused).contains(words),
        "{}",
        said(&refused)
    );
    assert!(!said(&refused).contains("another role"), "{}", said(&refused));
}
