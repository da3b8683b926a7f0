//! Who may call what: every route against every kind of caller, and no route outside the table.

use std::collections::BTreeSet;

use rstest::rstest;
use serde_json::{Value, json};
use shipslog::domain::Instant;
use shipslog::domain::producer::Role;
use shipslog::http::access::{Access, ROUTES};

use crate::support::http::Client;
use crate::support::{Backend, TestApp};

#[rstest]
fn the_last_admin_token_without_an_end_stays(#[values(Backend::Sqlite)] backend: Backend) {
    let Some(app) = TestApp::start(backend) else { return };
    let first = app.client.get("/v1/tokens").expect(200).json()[0].clone();
    let revoke = |token: &Value| {
        let path = format!("/v1/tokens/{}/revocation", token["id"].as_str().unwrap());
        app.client.post_json(&path, &json!({ "reason": "rotation" }))
    };
    let issue = |valid_until: Option<&str>| {
        let grant = json!({ "name": "boss", "role": "admin", "valid_until": valid_until });
        app.client.post_json("/v1/tokens", &grant).expect(201).json()
    };
    revoke(&first).problem(409);
    issue(Some("2027-01-01T00:00:00Z"));
    revoke(&first).problem(409);
    let other = issue(None);
    revoke(&other).expect(200);
    revoke(&first).problem(409);
}

/// A path that the pattern matches.
pub(crate) fn example(pattern: &str) -> String {
    let mut path = String::new();
    for part in pattern.split('/').skip(1) {
        path.push('/');
        path.push_str(match part {
            "{index}" | "{bundle}" => "0",
            "{path:.*}" => "0/000.p/1",
            named if named.starts_with('{') => "x",
            plain => plain,
        });
    }
    path
}

fn status(client: &Client, method: &str, path: &str) -> u16 {
    let body = (method == "POST").then_some(&b"{}"[..]);
    client
        .send(method, path, &[("Content-Type", "application/json")], body)
        .status
}

#[rstest]
fn every_route_asks_for_its_role(#[values(Backend::Sqlite)] backend: Backend) {
    let Some(app) = TestApp::start(backend) else { return };
    let issued = app
        .client
        .post_json("/v1/tokens", &json!({ "name": "auditor", "role": "reader" }))
        .expect(201)
        .json();
    let reader = app.client.with_token(issued["token"].as_str().unwrap());
    let issued = app
        .client
        .post_json("/v1/tokens", &json!({ "name": "manager", "role": "reviewer" }))
        .expect(201)
        .json();
    let reviewer = app.client.with_token(issued["token"].as_str().unwrap());
    let (nobody, admin) = (app.client.anonymous(), app.client.clone());
    let stranger = app
        .client
        .with_token("shipslog_000000000000_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    for (method, pattern, access) in ROUTES {
        let (method, path) = (method.as_str(), example(pattern));
        let of = |client| status(client, method, &path);
        let refused = |status: u16| status == 401 || status == 403;
        let (open_to_nobody, open_to_reader, open_to_reviewer) = match access {
            Access::Public | Access::Signature => (true, true, true),
            // A wrong signature is a 401 of its own; the caller's token plays no part.
            Access::SharedSecret => continue,
            // Tokens open no page: whoever is not signed in is asked to.
            Access::Page(_) => {
                for client in [&nobody, &admin] {
                    let answer = client.send(method, &path, &[], (method == "POST").then_some(&b""[..]));
                    assert_eq!(answer.status, 303, "{method} {path}");
                    assert!(answer.header("location").unwrap().starts_with("/sign-in?next="));
                }
                continue;
            }
            Access::Token(Role::Auditor | Role::Reader) | Access::Within(_) | Access::Named(_) | Access::Log => {
                (*access == Access::Log, true, true)
            }
            Access::Token(Role::Reviewer) => (false, false, true),
            Access::Token(Role::Admin) => (false, false, false),
        };
        assert_eq!(!refused(of(&nobody)), open_to_nobody, "{method} {path} without a token");
        assert_eq!(
            !refused(of(&stranger)),
            open_to_nobody,
            "{method} {path} with an unknown token"
        );
        assert_eq!(!refused(of(&reader)), open_to_reader, "{method} {path} as a reader");
        assert_eq!(
            !refused(of(&reviewer)),
            open_to_reviewer,
            "{method} {path} as a reviewer"
        );
        assert!(!refused(of(&admin)), "{method} {path} as an admin");
    }
}

#[rstest]
fn the_table_has_every_documented_route(#[values(Backend::Sqlite)] backend: Backend) {
    let Some(app) = TestApp::start(backend) else { return };
    let document = app.client.get("/openapi.json").expect(200).json();
    let plain = |pattern: &str| pattern.replace("{path:.*}", "{path}");
    let documented: BTreeSet<(String, String)> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, item)| {
            let methods = item
                .as_object()
                .unwrap()
                .keys()
                .filter(|key| ["get", "post", "put", "delete"].contains(&key.as_str()));
            methods.map(move |method| (method.to_uppercase(), plain(path)))
        })
        .collect();
    let table: BTreeSet<(String, String)> = ROUTES
        .iter()
        // Pages are no operations of the API.
        .filter(|(_, pattern, access)| {
            !matches!(access, Access::Page(_))
                && !pattern.starts_with("/docs")
                && !["/openapi.json", "/sign-in", "/style.css"].contains(pattern)
        })
        .map(|(method, pattern, _)| (method.to_string(), plain(pattern)))
        .collect();
    assert_eq!(documented, table);
}

#[rstest]
fn a_token_opens_nothing_after_its_time(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(app) = TestApp::start(backend) else { return };
    let request = |until: &str| json!({ "name": "auditor", "role": "reader", "valid_until": until });
    let now = Instant::parse("2026-03-05T09:00:00Z").unwrap();
    app.clock.set(now);
    let until = now.plus_millis(3_600_000);
    let past = app.client.post_json("/v1/tokens", &request(&now.to_string()));
    assert_eq!(past.problem(422)["pointer"], "/valid_until");
    let issued = app
        .client
        .post_json("/v1/tokens", &request(&until.to_string()))
        .expect(201);
    let token = issued.json()["token"].as_str().unwrap().to_owned();
    app.clock.set(until.plus_millis(-1));
    app.client.with_token(&token).get("/v1/log").expect(200);
    app.clock.set(until);
    app.client.with_token(&token).get("/v1/log").problem(401);
    let listed = app.client.get("/v1/tokens").expect(200).json();
    assert_eq!(listed[1]["valid_until"], until.to_string());
}

#[rstest]
fn a_revoked_token_opens_nothing(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(mut app) = TestApp::start(backend) else { return };
    let before = app.tree_size();
    let issued = app
        .client
        .post_json("/v1/tokens", &json!({ "name": "auditor", "role": "reader" }))
        .expect(201)
        .json();
    let token = issued["token"].as_str().unwrap().to_owned();
    app.client.with_token(&token).get("/v1/log").expect(200);
    app.client
        .with_token(&token)
        .post_json("/v1/tokens", &json!({ "name": "x", "role": "admin" }))
        .problem(403);
    let almost = format!("{}A", &token[..token.len() - 1]);
    if almost != token {
        app.client.with_token(&almost).get("/v1/log").problem(401);
    }
    // Only a hash of it is anywhere in the log.
    let recorded = app.client.get(&format!("/v1/events/{before}/envelope")).expect(200);
    assert!(!recorded.text().contains(token.rsplit('_').next().unwrap()));

    let path = format!("/v1/tokens/{}/revocation", issued["id"].as_str().unwrap());
    app.client
        .post_json(&path, &json!({ "reason": "left the company" }))
        .expect(200);
    let refused = app.client.with_token(&token).get("/v1/log");
    refused.problem(401);
    assert_eq!(refused.header("www-authenticate"), Some("Bearer"));
    app.restart("2026-03-03T09:00:00Z");
    app.client.with_token(&token).get("/v1/log").problem(401);
    assert_eq!(app.tree_size(), before + 2);
    let listed = app.client.get("/v1/tokens").expect(200).json();
    assert!(
        listed
            .as_array()
            .unwrap()
            .iter()
            .any(|token| token["id"] == issued["id"] && token["revoked_index"] == before + 1)
    );
}

#[rstest]
fn odd_credentials_are_refused(#[values(Backend::Sqlite)] backend: Backend) {
    let Some(app) = TestApp::start(backend) else { return };
    let token = app.client.token.clone().unwrap();
    let nobody = app.client.anonymous();
    for value in [
        "",
        "Bearer",
        "Bearer ",
        "Basic dXNlcjpwYXNz",
        &format!("Token {token}"),
        &token,
        "Bearer shipslog__",
        "Bearer \u{e9}",
    ] {
        nobody
            .send("GET", "/v1/log", &[("Authorization", value)], None)
            .problem(401);
    }
    nobody
        .send("GET", "/v1/log", &[("Authorization", &format!("bearer {token}"))], None)
        .expect(200);
    nobody.get(&format!("/v1/log?token={token}")).problem(401);
}
