//! Completeness of a time is told from what happened in it, and must be what the whole ledger says of it.

use rstest::rstest;
use serde_json::{Value, json};
use shipslog::domain::sequence::Numbered;
use shipslog::domain::{EnvironmentName, Instant, Recorded, deployment, snapshot};
use shipslog::reconcile::{Input, Query, reconcile};
use shipslog::store::{Connect, Database, DatabaseUrl};

use crate::support::events::{event, purl, sign};
use crate::support::{Backend, TestApp};

const HOUR: i64 = 3_600_000;
const SERVICES: [&str; 3] = ["checkout", "search", "mail"];

/// Forty days: every service is deployed every three days, and seen twice a day. Something else than was deployed runs of `search` from
/// day 10 to 12, of `mail` from day 30 on, and of `checkout` on day 20, which is recorded on day 25, when it was gone; run 17 was never recorded.
fn tell(app: &TestApp) {
    let begin = Instant::parse("2026-03-03T00:00:00Z").unwrap();
    for day in 0..40 {
        let at = |hour: i64| begin.plus_millis((day * 24 + hour) * HOUR);
        let (mut told, mut seen) = (Vec::new(), Vec::new());
        for (place, service) in (0..).zip(SERVICES) {
            if (day + place) % 3 == 0 && day != 17 {
                told.push(deployed(service, day, at(2 + place), day));
            }
        }
        if day == 25 {
            told.push(deployed("checkout", 900, begin.plus_millis(20 * 24 * HOUR), 100));
        }
        for hour in [8, 20] {
            let running = (0..).zip(SERVICES).map(|(place, service)| {
                let usual = (0..=day).rev().find(|day| (day + place) % 3 == 0 && *day != 17);
                let content = match (service, day) {
                    ("search", 10..=12) => Some(901),
                    ("mail", 30..) => Some(902),
                    ("checkout", 20) => Some(900),
                    _ => usual,
                };
                content.map(|content| json!({ "service": service, "artifact": purl(service, content as u64) }))
            });
            let running: Vec<Value> = running.flatten().collect();
            let ours = json!({ "environment": "production", "snapshot": { "method": "kubernetes", "complete": true, "running": running } });
            let id = format!("s{day}-{hour}");
            let mut taken = event(&id, "shipslog-snapshot.taken.0.1.0", "production", json!({}), ours);
            taken["context"]["timestamp"] = at(hour).to_string().into();
            seen.push(taken);
        }
        app.clock.set(at(21));
        // A snapshot of an environment that no deployment named is refused.
        for told in [told, seen].iter().filter(|told| !told.is_empty()) {
            let lines: Vec<Vec<u8>> = told.iter().map(|told| sign(told, &app.pipeline)).collect();
            let answer = app
                .client
                .post("/v1/events/batch", "application/x-ndjson", &lines.join(&b'\n'));
            let text = answer.expect(200).text().to_owned();
            assert!(text.lines().all(|line| line.starts_with(r#"{"status":201"#)), "{text}");
        }
    }
}

fn deployed(service: &str, content: i64, at: Instant, number: i64) -> Value {
    let said = json!({ "environment": { "id": "production" }, "artifactId": purl(service, content as u64), "outcome": "success" });
    let ours = json!({ "service": service, "sequence": { "number": number + 1, "series": service } });
    let id = format!("{service}-{content}");
    let mut told = event(&id, "shipslog-deployment.finished.0.1.0", &id, said, ours);
    told["context"]["timestamp"] = at.to_string().into();
    told
}

/// The answer from everything that the ledger says.
fn whole(app: &TestApp, query: &Query) -> Value {
    let connect = Connect::new(DatabaseUrl::parse(&app.database.url).unwrap(), None).unwrap();
    let database = Database::inspect(connect).unwrap();
    let read = database.read(|tx| {
        let size = tx.head()?.unwrap().tree_size;
        let rows = tx.event_range(0, size)?;
        let records: Vec<Recorded> = tx.recorded_rows(&rows)?;
        Ok::<_, shipslog::store::StoreError>((records, size))
    });
    let (mut records, tree_size) = read.unwrap();
    let recorded_until = records.last().map(|record| record.recorded_at);
    records.retain(|record| record.event.environment.as_ref() == Some(&query.environment));
    let before = Query {
        from: None,
        to: query.from,
        ..query.clone()
    };
    let mut before = before.heard(&records);
    before.retain(|heard| query.to.is_none_or(|to| heard.recorded_at < to));
    let answer = reconcile(
        query,
        &Input {
            tree_size,
            recorded_until,
            deployments: &deployment::fold(&records),
            snapshots: &snapshot::fold(&records),
            heard: &query.heard(&records),
            heard_before: &before,
            numbered: &records.iter().filter_map(Numbered::of).collect::<Vec<_>>(),
        },
    );
    serde_json::to_value(answer).unwrap()
}

#[rstest]
fn completeness_of_a_period_is_that_of_the_whole_ledger(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(app) = TestApp::start(backend) else { return };
    tell(&app);
    let begin = Instant::parse("2026-03-03T00:00:00Z").unwrap();
    let environment: EnvironmentName = "production".parse().unwrap();
    let mut told = Vec::new();
    for (from, to) in [
        (0, 5),
        (5, 9),
        (9, 11),
        (11, 14),
        (14, 20),
        (16, 19),
        (19, 23),
        (23, 26),
        (26, 40),
        (31, 35),
        (36, 60),
    ] {
        let query = Query {
            environment: environment.clone(),
            service: None,
            from: Some(begin.plus_millis(from * 24 * HOUR)),
            to: Some(begin.plus_millis(to * 24 * HOUR)),
        };
        let path = format!(
            "/v1/completeness?environment=production&from={}&to={}",
            query.from.unwrap(),
            query.to.unwrap()
        );
        let found = app.client.get(&path).expect(200).json();
        assert_eq!(found, whole(&app, &query), "days {from} to {to}");
        let count = |member: &str| found[member].as_array().unwrap().len();
        told.push((
            count("findings"),
            found["open"].as_u64().unwrap(),
            found["snapshots"].as_u64().unwrap(),
        ));
    }
    // What was found lasts from one period to the next, and no longer.
    assert_eq!(
        told,
        [
            (0, 0, 10),
            (0, 0, 8),
            (1, 0, 4),
            (1, 0, 6),
            (0, 0, 12),
            (0, 0, 6),
            (1, 0, 8),
            (0, 0, 6),
            (1, 1, 28),
            (1, 1, 8),
            (1, 1, 8)
        ]
    );
}
