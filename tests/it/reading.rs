//! What is read: events by cursor, what runs where and when, deployments, incidents with their candidates, search.
//! Every answer speaks of a tree size, and the same tree size always gives the same answer.

use rstest::rstest;
use serde_json::{Value, json};

use crate::support::binary::{Service, code, run};
use crate::support::database::TestDatabase;
use crate::support::events::{at, deployed, digest, event, incident, purl, sign};
use crate::support::{Backend, TestApp, key};

fn get(app: &TestApp, path: &str) -> Value {
    app.client.get(path).expect(200).json()
}

fn texts<'a>(list: &'a Value, member: &str) -> Vec<&'a str> {
    list["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item[member].as_str().unwrap_or("-"))
        .collect()
}

/// Three services, two environments, a rollback and a removal.
fn history(app: &TestApp) {
    let rolled_back = {
        let mut event = deployed("c4", "checkout", "production", 2);
        event["context"]["type"] = "dev.cdevents.service.rolledback.0.3.0".into();
        event
    };
    let removed = event(
        "m2",
        "service.removed.0.3.0",
        "mail",
        json!({ "environment": { "id": "production" } }),
        json!({}),
    );
    for (event, time) in [
        (deployed("c1", "checkout", "production", 1), "2026-01-05T10:00:00Z"),
        (deployed("c2", "checkout", "production", 2), "2026-01-12T10:00:00Z"),
        (deployed("s1", "search", "production", 7), "2026-01-13T10:00:00Z"),
        (deployed("c2s", "checkout", "staging", 3), "2026-01-18T10:00:00Z"),
        (deployed("c3", "checkout", "production", 3), "2026-01-19T10:00:00Z"),
        (deployed("m1", "mail", "production", 1), "2026-01-19T11:00:00Z"),
        (rolled_back, "2026-01-19T12:00:00Z"),
        (removed, "2026-01-20T10:00:00Z"),
    ] {
        app.record(&at(event, time));
    }
}

#[rstest]
fn events_page_without_overlap_while_the_log_grows(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(app) = TestApp::start(backend) else { return };
    for n in 0..25 {
        app.record(&deployed(
            &format!("e{n}"),
            if n % 2 == 0 { "checkout" } else { "search" },
            "production",
            n,
        ));
    }
    let first = get(&app, "/v1/events?service=checkout&limit=5");
    let size = first["tree_size"].as_u64().unwrap();
    assert_eq!(size, app.tree_size());
    let mut seen = texts(&first, "id").iter().map(ToString::to_string).collect::<Vec<_>>();
    let mut next = first["next"].clone();
    let mut pages = 1;
    while let Some(cursor) = next.as_str() {
        // What arrives meanwhile belongs to a later tree.
        app.record(&deployed(&format!("later{pages}"), "checkout", "production", 99));
        let page = get(&app, &format!("/v1/events?service=checkout&limit=5&cursor={cursor}"));
        assert_eq!(page["tree_size"], size);
        seen.extend(texts(&page, "id").iter().map(ToString::to_string));
        next = page["next"].clone();
        pages += 1;
    }
    let newest_first: Vec<String> = (0..25).rev().filter(|n| n % 2 == 0).map(|n| format!("e{n}")).collect();
    assert_eq!(seen, newest_first);
    assert_eq!(pages, 3);

    let as_of = get(&app, &format!("/v1/events?service=checkout&limit=500&tree_size={size}"));
    assert_eq!(texts(&as_of, "id"), newest_first);
    assert_eq!(texts(&get(&app, "/v1/events?producer=shipslog"), "type").len(), 3);
    let by_type = get(&app, "/v1/events?type=dev.cdevents.service.deployed.0.3.0&limit=1");
    assert_eq!(texts(&by_type, "type"), ["dev.cdevents.service.deployed.0.3.0"]);
    assert_eq!(texts(&get(&app, "/v1/events?environment=nowhere"), "id"), [""; 0]);
    let none = get(&app, "/v1/events?service=checkout&from=2030-01-01T00:00:00Z");
    assert_eq!(texts(&none, "id"), [""; 0]);
    assert_eq!(
        texts(&get(&app, "/v1/events?service=checkout&to=2026-03-01T09:00:00Z"), "id"),
        [""; 0]
    );
}

#[rstest]
fn what_runs_where_now_and_then(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(app) = TestApp::start(backend) else { return };
    history(&app);
    assert_eq!(
        get(&app, "/v1/services")["items"],
        json!(["checkout", "mail", "search"])
    );
    assert_eq!(get(&app, "/v1/environments")["items"], json!(["production", "staging"]));

    let state = |query: &str| get(&app, &format!("/v1/environments/production/state{query}"));
    let versions = |state: &Value| -> Vec<(String, String)> {
        let text = |item: &Value, member: &str| item[member].as_str().unwrap().to_owned();
        let items = state["items"].as_array().unwrap().iter();
        items
            .map(|item| (text(item, "service"), text(item, "version")))
            .collect()
    };
    let pairs = |list: &[(&str, &str)]| -> Vec<(String, String)> {
        list.iter()
            .map(|(service, version)| ((*service).into(), (*version).into()))
            .collect()
    };
    let now = state("");
    assert_eq!(versions(&now), pairs(&[("checkout", "1.2.0"), ("search", "1.7.0")]));
    assert_eq!(now["items"][0]["digest"], digest(2));
    assert_eq!(now["items"][0]["artifact"], purl("checkout", 2));
    assert_eq!(now["items"][0]["since"], "2026-01-19T12:00:00.000Z");

    assert_eq!(
        versions(&state("?at=2026-01-19T11:30:00Z")),
        pairs(&[("checkout", "1.3.0"), ("mail", "1.1.0"), ("search", "1.7.0")])
    );
    assert_eq!(
        versions(&state("?at=2026-01-12T09:59:59Z")),
        pairs(&[("checkout", "1.1.0")])
    );
    assert_eq!(versions(&state("?at=2025-01-01T00:00:00Z")), []);

    // The same tree size gives the same answer, whatever came since.
    let size = now["tree_size"].as_u64().unwrap();
    app.record(&at(deployed("c5", "checkout", "production", 5), "2026-02-01T10:00:00Z"));
    assert_eq!(
        versions(&state("")),
        pairs(&[("checkout", "1.5.0"), ("search", "1.7.0")])
    );
    assert_eq!(state(&format!("?tree_size={size}")), now);
}

#[rstest]
fn a_deployment_has_its_whole_life(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(app) = TestApp::start(backend) else { return };
    let phase = |id: &str, predicate: &str, time: &str, outcome: Option<&str>| {
        let mut content = json!({ "environment": { "id": "production" }, "artifactId": purl("checkout", 9) });
        if let Some(outcome) = outcome {
            content["outcome"] = outcome.into();
        }
        let ours = json!({
            "service": "checkout", "version": "4.12.0", "commit": "9".repeat(40),
            "actor": { "id": "ada@example.com", "kind": "human" },
            "commits": [{ "id": "9".repeat(40), "message": "fix: ask the bank once more" }],
        });
        at(
            event(
                id,
                &format!("shipslog-deployment.{predicate}.0.1.0"),
                "dep-1",
                content,
                ours,
            ),
            time,
        )
    };
    let queued = app.record(&phase("q", "queued", "2026-02-01T10:00:00Z", None));
    let status = |app: &TestApp| get(app, "/v1/deployments/dep-1")["deployment"]["status"].clone();
    assert_eq!(status(&app), "queued");
    app.record(&phase("s", "started", "2026-02-01T10:01:00Z", None));
    assert_eq!(status(&app), "started");
    assert_eq!(texts(&get(&app, "/v1/deployments?status=started"), "id"), ["dep-1"]);

    let test = event(
        "t",
        "testsuiterun.finished.0.3.0",
        "run-1",
        json!({ "outcome": "success", "environment": { "id": "staging" } }),
        json!({ "artifact": purl("checkout", 9), "service": "checkout", "test": { "kind": "integration", "passed": 40, "failed": 0 } }),
    );
    app.record(&at(test, "2026-02-01T09:00:00Z"));
    let finished = app.record(&phase("f", "finished", "2026-02-01T10:05:00Z", Some("success")));
    let detail = get(&app, "/v1/deployments/dep-1");
    let deployment = &detail["deployment"];
    assert_eq!(
        (&deployment["status"], &deployment["outcome"]),
        (&json!("finished"), &json!("success"))
    );
    assert_eq!(
        (&deployment["service"], &deployment["environment"]),
        (&json!("checkout"), &json!("production"))
    );
    assert_eq!(
        (deployment["index"].as_u64(), &deployment["version"]),
        (Some(queued), &json!("4.12.0"))
    );
    assert!(deployment["indexes"].as_array().unwrap().contains(&json!(finished)));
    assert_eq!(detail["tests"].as_array().unwrap().len(), 1, "{detail}");
    assert_eq!(
        texts(&get(&app, "/v1/deployments?service=checkout&status=finished"), "id"),
        ["dep-1"]
    );
    assert_eq!(texts(&get(&app, "/v1/deployments?status=queued"), "id"), [""; 0]);
    assert_eq!(
        get(&app, &format!("/v1/deployments/dep-1?tree_size={}", queued + 1))["deployment"]["status"],
        "queued"
    );
    app.client
        .get(&format!("/v1/deployments/dep-1?tree_size={queued}"))
        .problem(404);

    // One event alone is a deployment too, called what the event is.
    app.record(&deployed("alone", "search", "production", 1));
    assert_eq!(get(&app, "/v1/deployments/alone")["deployment"]["service"], "search");
}

#[rstest]
fn deployments_page_newest_first(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(app) = TestApp::start(backend) else { return };
    for n in 0..7 {
        app.record(&deployed(&format!("d{n}"), "checkout", "production", n));
    }
    let first = get(&app, "/v1/deployments?limit=3");
    assert_eq!(texts(&first, "id"), ["d6", "d5", "d4"]);
    app.record(&deployed("later", "checkout", "production", 50));
    let second = get(
        &app,
        &format!("/v1/deployments?limit=3&cursor={}", first["next"].as_str().unwrap()),
    );
    assert_eq!(
        (texts(&second, "id"), &second["tree_size"]),
        (vec!["d3", "d2", "d1"], &first["tree_size"])
    );
    let third = get(
        &app,
        &format!("/v1/deployments?limit=3&cursor={}", second["next"].as_str().unwrap()),
    );
    assert_eq!((texts(&third, "id"), &third["next"]), (vec!["d0"], &Value::Null));
}

#[rstest]
fn incidents_show_candidates_with_reasons_or_none(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(app) = TestApp::start(backend) else { return };
    history(&app);
    // Right after version 1.3.0 went live in production.
    app.record(&at(
        incident("i1", "INC-1", "checkout", "production"),
        "2026-01-19T10:20:00Z",
    ));
    // About a service that nothing was deployed of.
    app.record(&at(
        incident("i2", "INC-2", "ledger", "production"),
        "2026-01-19T10:30:00Z",
    ));
    let open = get(&app, "/v1/incidents?open=true");
    assert_eq!(texts(&open, "id"), ["INC-2", "INC-1"]);

    let correlation = |id: &str| get(&app, &format!("/v1/incidents/{id}"))["incident"]["correlation"].clone();
    let first = correlation("INC-1");
    let candidates = first["candidates"].as_array().unwrap();
    assert_eq!(candidates[0]["deployment"], "c3", "{first}");
    assert!(candidates[0]["score"].as_f64().unwrap() > 0.0);
    assert!(!candidates[0]["reasons"].as_array().unwrap().is_empty());
    assert!(
        candidates.iter().all(|candidate| candidate["deployment"] != "c4"),
        "what came later caused nothing: {first}"
    );
    assert_eq!(first["no_candidate"], false);
    let second = correlation("INC-2");
    assert_eq!(
        (&second["candidates"], &second["no_candidate"]),
        (&json!([]), &json!(true)),
        "{second}"
    );

    // A reference that was given outweighs what is inferred.
    let mut named = incident("i3", "INC-3", "checkout", "production");
    named["customData"]["shipslog"]["caused_by"] = "c2".into();
    app.record(&at(named, "2026-01-19T10:40:00Z"));
    let third = correlation("INC-3");
    assert_eq!(
        (&third["candidates"][0]["deployment"], &third["candidates"][0]["state"]),
        (&json!("c2"), &json!("explicit")),
        "{third}"
    );

    let resolved = event(
        "i4",
        "incident.resolved.0.3.0",
        "INC-1",
        json!({ "environment": { "id": "production" }, "service": { "id": "checkout" } }),
        json!({}),
    );
    app.record(&at(resolved, "2026-01-19T12:10:00Z"));
    assert_eq!(texts(&get(&app, "/v1/incidents?open=true"), "id"), ["INC-3", "INC-2"]);
    assert_eq!(
        texts(&get(&app, "/v1/incidents?open=false&service=checkout"), "id"),
        ["INC-1"]
    );
}

#[rstest]
fn search_finds_by_beginning(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(app) = TestApp::start(backend) else { return };
    let index = app.record(&deployed("0190-abc", "checkout", "production", 0xabc));
    app.record(&deployed("0190-def", "checkout", "production", 0xdef));
    let size = app.tree_size();
    let commit = format!("{:040x}", 0xabc);
    for query in [commit.as_str(), &digest(0xabc), "1.2748.0", "0190-a"] {
        let found = get(&app, &format!("/v1/search?q={}", query.replace(':', "%3A")));
        let events: Vec<u64> = found["items"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|item| {
                item["events"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|event| event["index"].as_u64().unwrap())
            })
            .collect();
        assert!(
            !events.is_empty() && events.iter().all(|found| *found == index),
            "{query}: {found}"
        );
    }
    assert_eq!(get(&app, "/v1/search?q=0190-")["items"].as_array().unwrap().len(), 2);
    // Wild cards of the database are ordinary characters.
    for query in ["%25%25", "__", "*?", "0190%25"] {
        assert_eq!(
            get(&app, &format!("/v1/search?q={query}"))["items"],
            json!([]),
            "{query}"
        );
    }
    app.record(&deployed("0190-new", "checkout", "production", 1));
    let as_of = get(&app, &format!("/v1/search?q=0190-&tree_size={size}"));
    assert_eq!(
        (as_of["items"].as_array().unwrap().len(), as_of["tree_size"].as_u64()),
        (2, Some(size))
    );
}

#[rstest]
fn search_and_lists_find_in_a_log_of_many_runs(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    const COUNT: u64 = 3 * shipslog::store::RUN;
    let Some(database) = TestDatabase::new(backend) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let start = || Service::start(folder.path(), Some(&database.url), &[]);
    let service = start();
    let body = json!({ "name": "pipeline", "public_key": key(7).public().to_pem() });
    service.client.post_json("/v1/producers", &body).expect(201);
    // Values in no order, as digests and commits are.
    let number = |n: u64| n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    for batch in 0..COUNT / 2048 {
        let lines: Vec<Vec<u8>> = (batch * 2048..(batch + 1) * 2048)
            .map(|n| {
                sign(
                    &deployed(
                        &format!("e{n}"),
                        ["checkout", "search", "mail"][n as usize % 3],
                        ["production", "staging"][n as usize % 2],
                        number(n),
                    ),
                    &key(7),
                )
            })
            .collect();
        let answer = service
            .client
            .post("/v1/events/batch", "application/x-ndjson", &lines.join(&b'\n'));
        assert!(
            answer
                .expect(200)
                .text()
                .lines()
                .all(|line| line.starts_with("{\"status\":201,"))
        );
    }
    let find = |service: &Service, n: u64| {
        let commit = format!("{:040x}", number(n));
        let found = service.client.get(&format!("/v1/search?q={commit}")).expect(200).json();
        let first = &found["items"][0];
        assert_eq!(
            (&first["value"], &first["events"][0]["id"]),
            (&json!(commit), &json!(format!("e{n}"))),
            "{found}"
        );
        assert_eq!(found["items"].as_array().unwrap().len(), 1);
    };
    // The events of a place, newest first, page by page.
    let list = |service: &Service, query: &str| {
        let (mut ids, mut cursor) = (Vec::new(), String::new());
        loop {
            let path = format!("/v1/events?limit=500{query}{cursor}");
            let page = service.client.get(&path).expect(200).json();
            let items = page["items"].as_array().unwrap();
            ids.extend(items.iter().map(|item| item["id"].as_str().unwrap().to_owned()));
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return ids,
            }
        }
    };
    let expected = |keep: fn(u64) -> bool, below: u64| -> Vec<String> {
        let kept = (0..below).rev().filter(|n| keep(*n));
        kept.map(|n| format!("e{n}")).collect()
    };
    let lists = |service: &Service| {
        let staging = "&environment=staging";
        assert_eq!(list(service, staging), expected(|n| n % 2 == 1, COUNT));
        let mail = "&environment=staging&service=mail";
        assert_eq!(list(service, mail), expected(|n| n % 6 == 5, COUNT));
        // Before e5000 there are the entries of the beginning and of the registration.
        let early = "&environment=staging&service=mail&tree_size=5003";
        assert_eq!(list(service, early), expected(|n| n % 6 == 5, 5000));
        assert_eq!(list(service, "&environment=stag"), expected(|_| false, COUNT));
    };
    let sample = || (0..COUNT).step_by(997).chain([0, 4093, 4094, 4095, 4096, COUNT - 1]);
    sample().for_each(|n| find(&service, n));
    lists(&service);
    assert!(service.terminate());
    let service = start();
    sample().for_each(|n| find(&service, n));
    lists(&service);
    let after = sign(&deployed("after", "checkout", "production", 77), &key(7));
    service.client.record(&after).expect(201);
    assert!(service.terminate());
    let fsck = run(&[
        "fsck",
        "--data",
        folder.path().to_str().unwrap(),
        "--database",
        &database.url,
    ]);
    assert_eq!(code(&fsck), 0, "{}", String::from_utf8_lossy(&fsck.stderr));
}
