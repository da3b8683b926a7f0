//! Completeness: what runs is reported, signed, and held against what was recorded; what sources left out shows; and what cannot
//! be told is said beside it.

mod command;
mod period;

use rstest::rstest;
use serde_json::{Value, json};
use shipslog::domain::Instant;

use crate::support::events::{at, deployed, digest, event, sign};
use crate::support::http::{Answer, ENVELOPE};
use crate::support::{Backend, TestApp, key};

/// A complete snapshot of production that saw these artifacts, each of service and number.
pub fn snapshot(id: &str, time: &str, running: &[(&str, u64)]) -> Value {
    let workload = |(service, n): &(&str, u64)| {
        let artifact = format!("registry.example.com/{service}@{}", digest(*n));
        json!({ "service": service, "artifact": artifact, "instances": 2 })
    };
    let running: Vec<Value> = running.iter().map(workload).collect();
    let taken = json!({ "method": "kubernetes", "complete": true, "running": running });
    let ours = json!({ "environment": "production", "snapshot": taken });
    at(
        event(id, "shipslog-snapshot.taken.0.1.0", "production", json!({}), ours),
        time,
    )
}

fn post(app: &TestApp, snapshot: &Value) -> Answer {
    app.client
        .anonymous()
        .post("/v1/snapshots", ENVELOPE, &sign(snapshot, &app.pipeline))
}

fn completeness(app: &TestApp, query: &str) -> Value {
    app.client
        .get(&format!("/v1/completeness?environment=production{query}"))
        .expect(200)
        .json()
}

/// Two services that were deployed; mail, of which nothing is ever seen; and a change of checkout that nobody recorded.
fn history(app: &TestApp) -> u64 {
    app.record(&at(deployed("c1", "checkout", "production", 1), "2026-02-01T10:00:00Z"));
    app.record(&at(deployed("s1", "search", "production", 5), "2026-02-01T11:00:00Z"));
    let as_deployed = snapshot("r1", "2026-02-02T10:00:00Z", &[("checkout", 1), ("search", 5)]);
    let answer = post(app, &as_deployed).expect(201).json();
    assert_eq!((&answer["opened"], &answer["closed"]), (&json!([]), &json!([])));
    let changed = snapshot("r2", "2026-02-03T10:00:00Z", &[("checkout", 2), ("search", 5)]);
    let answer = post(app, &changed).expect(201);
    let index = answer.json()["receipt"]["index"].as_u64().unwrap();
    assert_eq!(answer.header("location"), Some(format!("/v1/events/{index}").as_str()));
    let opened = answer.json()["opened"].clone();
    let finding = &opened[0];
    assert_eq!(opened, json!([finding]));
    assert_eq!(
        (&finding["kind"], &finding["service"]),
        (&json!("undocumented"), &json!("checkout"))
    );
    assert_eq!(finding["running"]["digest"], digest(2));
    assert_eq!(finding["expected"]["label"], "1.1.0");
    assert_eq!(
        finding["opened"],
        json!({ "index": index, "at": "2026-02-03T10:00:00.000Z" })
    );
    index
}

#[rstest]
fn a_snapshot_finds_what_nobody_recorded(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(app) = TestApp::start(backend) else { return };
    let opened = history(&app);
    let told = completeness(&app, "");
    assert_eq!((&told["open"], &told["snapshots"]), (&json!(1), &json!(2)));
    assert_eq!(told["findings"][0]["closed"], Value::Null);
    assert_eq!(completeness(&app, "&service=search")["findings"], json!([]));
    assert_eq!(completeness(&app, "&to=2026-02-03T10:00:00Z")["findings"], json!([]));

    // It is there in every later answer about this tree, whatever comes.
    let size = app.tree_size();
    let over = post(
        &app,
        &snapshot("r3", "2026-02-04T10:00:00Z", &[("checkout", 1), ("search", 5)]),
    )
    .expect(201);
    let closed = over.json()["closed"][0]["closed"].clone();
    assert_eq!(
        (&closed["how"], &closed["index"]),
        (&json!("resolved"), &over.json()["receipt"]["index"])
    );
    assert_eq!(completeness(&app, &format!("&tree_size={size}")), told);
    let after = completeness(&app, "");
    assert_eq!(
        (&after["open"], &after["findings"][0]["opened"]["index"]),
        (&json!(0), &json!(opened))
    );

    // The same record again is the same record, with the same answer.
    let again = post(
        &app,
        &snapshot("r3", "2026-02-04T10:00:00Z", &[("checkout", 1), ("search", 5)]),
    )
    .expect(200);
    assert_eq!(again.body, over.body);
    app.check_log();
}

#[rstest]
fn a_late_record_closes_a_finding_and_it_stays_visible(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(app) = TestApp::start(backend) else { return };
    history(&app);
    app.clock.set(Instant::parse("2026-03-04T09:00:00Z").unwrap());
    let late = app.record(&at(deployed("c2", "checkout", "production", 2), "2026-02-03T09:00:00Z"));
    let told = completeness(&app, "");
    assert_eq!(told["open"], 0);
    let closed = json!({ "index": late, "at": "2026-03-04T09:00:00.000Z", "how": "documented_later" });
    assert_eq!(told["findings"][0]["closed"], closed);
}

#[rstest]
fn an_erased_snapshot_shows_nothing_any_more(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(app) = TestApp::start(backend) else { return };
    let index = history(&app);
    let reason = json!({ "reason": "secret-recorded-by-mistake", "text": "a token was in a tag" });
    app.client
        .post_json(&format!("/v1/events/{index}/erasure"), &reason)
        .expect(201);
    let told = completeness(&app, "");
    assert_eq!((&told["snapshots"], &told["findings"]), (&json!(1), &json!([])));
    app.client.get(&format!("/v1/events/{index}")).expect(410);
    app.check_log();
}

/// What is done to a good snapshot, and where the problem must point.
type Damage = (&'static str, fn(&mut Value), &'static str);

const WRONG: [Damage; 10] = [
    (
        "another environment",
        |e| e["customData"]["shipslog"]["environment"] = "prodution".into(),
        "/customData/shipslog/environment",
    ),
    (
        "no environment",
        |e| {
            drop(
                e["customData"]["shipslog"]
                    .as_object_mut()
                    .unwrap()
                    .remove("environment"),
            )
        },
        "/customData/shipslog/environment",
    ),
    (
        "no snapshot",
        |e| drop(e["customData"]["shipslog"].as_object_mut().unwrap().remove("snapshot")),
        "/customData/shipslog/snapshot",
    ),
    (
        "another type",
        |e| e["context"]["type"] = "dev.cdeventsx.shipslog-snap.taken.0.1.0".into(),
        "/customData/shipslog/snapshot",
    ),
    (
        "nothing of it",
        |e| drop(taken(e)["running"][0].as_object_mut().unwrap().remove("artifact")),
        "/customData/shipslog/snapshot/running/0/artifact",
    ),
    (
        "none of it",
        |e| taken(e)["running"][0]["instances"] = 0.into(),
        "/customData/shipslog/snapshot/running/0/instances",
    ),
    (
        "a typing error",
        |e| taken(e)["completed"] = true.into(),
        "/customData/shipslog/snapshot/completed",
    ),
    (
        "a way that is none",
        |e| taken(e)["method"] = "telepathy".into(),
        "/customData/shipslog/snapshot/method",
    ),
    (
        "another service",
        |e| taken(e)["services"] = json!(["search"]),
        "/customData/shipslog/snapshot/running/0/service",
    ),
    (
        "complete with a rest",
        |e| taken(e)["unmapped"] = json!(["pod x"]),
        "/customData/shipslog/snapshot/complete",
    ),
];

fn taken(event: &mut Value) -> &mut Value {
    &mut event["customData"]["shipslog"]["snapshot"]
}

#[rstest]
fn what_is_wrong_with_a_snapshot_is_named(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(app) = TestApp::start(backend) else { return };
    app.record(&deployed("c1", "checkout", "production", 1));
    let size = app.tree_size();
    let good = snapshot("r1", "2026-03-01T10:00:00Z", &[("checkout", 1)]);
    for (name, damage, pointer) in WRONG {
        let mut bad = good.clone();
        damage(&mut bad);
        for path in ["/v1/snapshots", "/v1/events"] {
            let problem = app.client.post(path, ENVELOPE, &sign(&bad, &app.pipeline)).problem(422);
            assert_eq!(problem["pointer"], pointer, "{name} at {path}: {problem}");
        }
    }
    let other = post(&app, &deployed("c2", "checkout", "production", 2)).problem(422);
    assert_eq!(other["pointer"], "/context/type");
    let mut numbered = deployed("c3", "checkout", "production", 3);
    numbered["customData"]["shipslog"]["sequence"] = json!({ "number": 1_u64 << 53 });
    let problem = app.client.record(&sign(&numbered, &app.pipeline)).problem(422);
    assert_eq!(problem["pointer"], "/customData/shipslog/sequence/number");
    let too_many = vec![("checkout", 1); 5001];
    let problem = post(&app, &snapshot("r2", "2026-03-01T10:00:00Z", &too_many)).problem(422);
    assert_eq!(problem["pointer"], "/customData/shipslog/snapshot/running");
    let batch = [
        sign(&good, &app.pipeline),
        sign(&snapshot("r3", "2026-03-01T10:00:00Z", &[]), &key(200)),
    ]
    .join(&b'\n');
    let answers = app
        .client
        .post("/v1/events/batch", "application/x-ndjson", &batch)
        .expect(200);
    let statuses: Vec<u64> = answers
        .text()
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["status"].as_u64().unwrap())
        .collect();
    assert_eq!(statuses, [201, 401]);
    assert_eq!(app.tree_size(), size + 1);
    assert_eq!(
        app.client.get("/v1/completeness?environment=nowhere").problem(404)["pointer"],
        "environment"
    );
    assert_eq!(
        app.client.get("/v1/completeness").problem(400)["pointer"],
        "environment"
    );
}

#[rstest]
fn a_key_that_is_limited_reports_what_is_within_its_limits(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(app) = TestApp::start(backend) else { return };
    app.record(&deployed("c1", "checkout", "production", 1));
    let scope =
        json!({ "services": ["checkout"], "environments": ["production"], "event_types": ["shipslog-snapshot"] });
    app.register("cluster", &key(40), scope).expect(201);
    let send = |event: &Value| app.client.post("/v1/snapshots", ENVELOPE, &sign(event, &key(40)));
    let mut whole = snapshot("r1", "2026-03-01T10:00:00Z", &[("checkout", 1)]);
    assert_eq!(send(&whole).problem(403)["pointer"], "/customData/shipslog/service");
    whole["customData"]["shipslog"]["service"] = "checkout".into();
    send(&whole).expect(201);
    let mut elsewhere = snapshot("r2", "2026-03-01T10:00:00Z", &[]);
    elsewhere["customData"]["shipslog"]["service"] = "checkout".into();
    elsewhere["customData"]["shipslog"]["environment"] = "staging".into();
    assert_eq!(
        send(&elsewhere).problem(403)["pointer"],
        "/customData/shipslog/environment"
    );
}

/// A source that stopped just before a period is silent in it, where nobody else spoke of its place since.
#[rstest]
fn a_source_that_is_silent_since_before_the_period_is_named(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(app) = TestApp::start(backend) else { return };
    let record = |id: &str, service: &str, n: u64, source: &str, day: i64| {
        let time = Instant::parse("2026-03-01T09:00:00Z")
            .unwrap()
            .plus_millis(day * 86_400_000);
        app.clock.set(time);
        let mut event = at(deployed(id, service, "production", n), &time.to_string());
        event["context"]["source"] = source.into();
        event["customData"]["shipslog"]["sequence"] = json!({ "number": n, "next_within_s": 86_400 });
        app.record(&event)
    };
    let last = record("c1", "checkout", 1, "https://old.example", 0);
    record("c2", "search", 1, "https://new.example", 20);
    let silent = |from: &str| {
        let told = completeness(&app, &format!("&from={from}&to=2026-03-22T00:00:00Z"));
        let silent = told["silent_sources"].as_array().unwrap().iter();
        let silent: Vec<Value> = silent
            .map(|silent| json!([silent["source"], silent["last"]["index"]]))
            .collect();
        (silent, told["sequences"].as_array().unwrap().len())
    };
    let told = vec![json!(["https://old.example", last])];
    assert_eq!(silent("2026-03-01T00:00:00Z"), (told.clone(), 2));
    assert_eq!(silent("2026-03-10T00:00:00Z"), (told, 1));
    // One that others came after twenty times was replaced.
    for n in 2..22 {
        record(&format!("c1-{n}"), "checkout", n, "https://new.example", 21);
    }
    let told = completeness(&app, "&from=2026-03-23T00:00:00Z");
    assert_eq!(told["silent_sources"], json!([]), "{told}");
}

#[rstest]
fn missing_numbers_and_silent_sources_show_apart_from_what_is_not_covered(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(app) = TestApp::start(backend) else { return };
    let numbered = |id: &str, environment: &str, number: u64| {
        let mut event = deployed(id, "checkout", environment, number);
        event["customData"]["shipslog"]["sequence"] =
            json!({ "number": number, "series": "deploy", "next_within_s": 3600 });
        app.record(&event)
    };
    numbered("c1", "production", 1);
    // A number of another environment is no gap of this one.
    numbered("c2", "staging", 2);
    let after = numbered("c3", "production", 3);
    let before = numbered("c6", "production", 6);
    let told = completeness(&app, "");
    let gap = json!({ "from": 4, "to": 5, "after": after, "before": before });
    let series = json!([{
        "source": "https://ci.example.com/shop", "series": "deploy",
        "first": 1, "last": 6, "recorded": 4, "missing": 2, "gaps": [gap],
    }]);
    assert_eq!(told["sequences"], series);
    assert_eq!(told["silent_sources"], json!([]));
    assert_eq!(
        told["not_covered"],
        json!([{ "why": "no_snapshot", "what": "checkout", "indexes": [], "seen": null }])
    );
    // Nothing that is numbered like that is found by who searches.
    let found = app
        .client
        .get("/v1/search?q=https%3A%2F%2Fci.example.com")
        .expect(200)
        .json();
    assert_eq!(found["items"], json!([]));

    app.clock.set(Instant::parse("2026-03-02T11:00:00Z").unwrap());
    let mut other = deployed("x", "search", "production", 9);
    other["context"]["source"] = "https://other.example.com".into();
    app.record(&other);
    let silent = &completeness(&app, "")["silent_sources"][0];
    assert_eq!(
        (&silent["source"], &silent["last"]["index"]),
        (&json!("https://ci.example.com/shop"), &json!(before))
    );
    assert_eq!(
        (&silent["silent_for_ms"], &silent["expectation"]),
        (&json!(7_200_000), &json!("declared"))
    );
}
