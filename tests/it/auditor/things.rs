//! Single events and incidents open to whom a list would show them, and to nobody else.

use rstest::rstest;
use serde_json::{Value, json};

use super::{LIMITS, auditor};
use crate::support::events::{at, deployed, event, incident};
use crate::support::http::Client;
use crate::support::{Backend, TestApp};

/// Within the limits of every token here; as early as a token's period begins.
const WITHIN: &str = "2026-01-01T00:00:00Z";
/// As late as it ends.
const BEYOND: &str = "2026-04-01T00:00:00Z";

/// By the letter of what it is limited to, and one that is limited to all of it.
fn limited(app: &TestApp) -> Vec<(char, Client)> {
    let mut all = json!({});
    let mut clients = Vec::new();
    for (letter, limits, _, _) in LIMITS {
        let limits: Value = serde_json::from_str(limits).unwrap();
        all.as_object_mut().unwrap().extend(limits.as_object().unwrap().clone());
        clients.push((letter, auditor(app, &limits)));
    }
    clients.push(('A', auditor(app, &all)));
    clients
}

/// The letters of those to whom a path is open. To all others it must look as `absent` does, which nothing was recorded of.
fn open_to(clients: &[(char, Client)], path: &str, absent: &str) -> String {
    let name = |path: &str| path.split('/').nth(3).unwrap().to_owned();
    let open = clients.iter().filter(|(_, client)| {
        let answer = client.get(path);
        if answer.status == 200 {
            return true;
        }
        let (beyond, missing) = (answer.problem(404), client.get(absent).problem(404));
        let unnamed = |problem: Value, path: &str| problem.to_string().replace(&name(path), "NAME");
        assert_eq!(unnamed(beyond, path), unnamed(missing, absent));
        false
    });
    open.map(|(letter, _)| letter).collect()
}

#[rstest]
fn an_event_opens_where_it_happened(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(app) = TestApp::start(backend) else { return };
    let clients = limited(&app);
    let ticket = event(
        "t",
        "ticket.closed.0.2.0",
        "SHOP-1",
        json!({ "summary": "x", "uri": "https://x.example", "resolution": "completed" }),
        json!({}),
    );
    let recorded = [
        (at(deployed("a", "checkout", "production", 1), WITHIN), "ESPA"),
        (at(deployed("b", "checkout", "staging", 1), WITHIN), "SP"),
        (at(deployed("c", "search", "production", 1), WITHIN), "EP"),
        (at(deployed("d", "checkout", "production", 1), BEYOND), "ES"),
        // Names no place.
        (at(ticket, WITHIN), "P"),
    ];
    let recorded: Vec<(u64, &str)> = recorded
        .iter()
        .map(|(event, open)| (app.record(event), *open))
        .collect();
    let size = app.tree_size();
    for (index, open) in &recorded {
        for what in ["", "/envelope", "/receipt", &format!("/receipt?tree_size={size}")] {
            let absent = format!("/v1/events/{}{what}", size + 9);
            assert_eq!(open_to(&clients, &format!("/v1/events/{index}{what}"), &absent), *open);
        }
    }
    // Exactly what a list within the reach shows.
    let (_, _, query, _) = LIMITS[0];
    let listed = clients[0].1.get(&format!("/v1/events?{query}")).expect(200).json();
    assert_eq!(listed["items"].as_array().unwrap().len(), 3);
    clients[0].1.get("/v1/events/x").problem(404);
    // What is opened one by one is no question that is recorded.
    assert_eq!(app.tree_size(), size);
    // An erased event says no longer where it happened.
    let (index, _) = recorded[0];
    let erase = json!({ "reason": "legal-order", "text": "about Ms Doe" });
    app.client
        .post_json(&format!("/v1/events/{index}/erasure"), &erase)
        .expect(201);
    for what in ["", "/envelope", "/receipt"] {
        let path = format!("/v1/events/{index}{what}");
        assert_eq!(open_to(&clients, &path, &format!("/v1/events/999{what}")), "");
        auditor(&app, &json!({})).get(&path).problem(410);
    }
}

#[rstest]
fn an_incident_opens_where_it_hurt(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(app) = TestApp::start(backend) else { return };
    let clients = limited(&app);
    for (name, service, environment, time, open) in [
        ("INC-1", "checkout", "production", WITHIN, "ESPA"),
        ("INC-2", "checkout", "staging", WITHIN, "SP"),
        ("INC-3", "search", "production", WITHIN, "EP"),
        ("INC-4", "checkout", "production", BEYOND, "ES"),
    ] {
        app.record(&at(incident(name, name, service, environment), time));
        assert_eq!(
            open_to(&clients, &format!("/v1/incidents/{name}"), "/v1/incidents/INC-9"),
            open
        );
    }
    let (_, client) = &clients[3];
    let within = "environment=production&service=checkout";
    let period = "from=2026-01-01T00:00:00Z&to=2026-04-01T00:00:00Z";
    let listed = client
        .get(&format!("/v1/incidents?{within}&{period}"))
        .expect(200)
        .json();
    let items = listed["items"].as_array().unwrap();
    assert!(items.len() == 1 && items[0]["id"] == "INC-1", "{listed}");
    client.get(&format!("/v1/incidents?{within}")).problem(403);
}

#[rstest]
fn what_is_judged_is_what_is_shown(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(app) = TestApp::start(backend) else { return };
    let client = auditor(&app, &json!({ "environments": ["production"] }));
    app.record(&incident("1", "%41", "checkout", "production"));
    app.record(&incident("2", "A", "checkout", "staging"));
    let shown = client.get("/v1/incidents/%2541").expect(200).json();
    assert_eq!(shown["incident"]["id"], "%41");
    // Decoded once it is one incident, decoded twice the other.
    client.get("/v1/incidents/%%34%31").problem(404);
}
