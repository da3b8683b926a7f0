//! What happens when the database fails at one step of a batch, and when more comes than the writer can take.

use std::time::Duration;

use rstest::rstest;
use serde_json::Value;

use crate::attack::steps::{STEPS, break_step, mend_step};
use crate::support::events::{deployed, sign};
use crate::support::{Backend, TestApp};

#[rstest]
fn a_batch_that_fails_at_any_step_leaves_nothing(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(app) = TestApp::start(backend) else { return };
    for (n, (verb, table)) in STEPS.into_iter().enumerate() {
        // The clock moves on, so that each batch is followed by a checkpoint.
        app.clock
            .set(shipslog::domain::Instant::parse(&format!("2026-03-02T10:{n:02}:00Z")).unwrap());
        let before = app.tree_size();
        let envelope = sign(
            &deployed(&format!("fault-{n}"), "checkout", "production", n as u64),
            &app.pipeline,
        );
        app.database.execute(&break_step(backend, verb, table)).unwrap();
        let refused = app.client.record(&envelope);
        assert_eq!(refused.header("retry-after"), Some("1"), "{table}");
        let problem = refused.problem(503);
        assert_eq!(
            problem["type"], "urn:shipslog:problem:unavailable",
            "{table}: {problem}"
        );
        assert_eq!(app.tree_size(), before, "{table}");
        app.database.execute(&mend_step(backend, table)).unwrap();
        assert_eq!(app.client.record(&envelope).expect(201).index(), before, "{table}");
    }
}

#[rstest]
fn what_the_queue_cannot_hold_is_refused_and_nothing_is_lost(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    // Of each as many records are under way as a batch may have.
    const CLIENTS: u64 = 16;
    const LINES: u64 = 150;
    let Some(app) = TestApp::start(backend) else { return };
    let before = app.tree_size();
    let batches: Vec<Vec<u8>> = (0..CLIENTS)
        .map(|client| {
            let lines: Vec<Vec<u8>> = (0..LINES)
                .map(|n| {
                    sign(
                        &deployed(&format!("{client}-{n}"), "checkout", "production", n),
                        &app.pipeline,
                    )
                })
                .collect();
            lines.join(&b'\n')
        })
        .collect();
    let send = || -> Vec<Value> {
        std::thread::scope(|scope| {
            let post = |batch| {
                app.client
                    .post("/v1/events/batch", "application/x-ndjson", batch)
                    .expect(200)
            };
            let clients: Vec<_> = batches.iter().map(|batch| scope.spawn(move || post(batch))).collect();
            let answers = clients.into_iter().map(|client| client.join().unwrap());
            answers
                .flat_map(|answer| {
                    let lines = answer.text().lines().map(|line| serde_json::from_str(line).unwrap());
                    lines.collect::<Vec<Value>>()
                })
                .collect()
        })
    };
    // Long enough for a slow machine to fill the queue; after five seconds the writer would give up.
    let held = app.database.hold_writes(Duration::from_secs(4));
    let answers = send();
    held.join().unwrap();
    let refused: Vec<&Value> = answers.iter().filter(|answer| answer["status"] == 503).collect();
    assert!(!refused.is_empty(), "the queue took everything");
    assert!(
        refused
            .iter()
            .all(|answer| answer["problem"]["type"] == "urn:shipslog:problem:busy"),
        "{}",
        refused[0]
    );
    let recorded = answers.iter().filter(|answer| answer["status"] == 201).count();
    assert_eq!(recorded + refused.len(), (CLIENTS * LINES) as usize);
    assert_eq!(app.tree_size(), before + recorded as u64);
    // Sent again, what is missing is recorded and what is there is known.
    while app.tree_size() < before + CLIENTS * LINES {
        send();
    }
    // A slow machine may be too busy for some of it, again and again.
    crate::support::eventually("all of it is known", || {
        let answers = send();
        assert!(answers.iter().all(|answer| answer["status"] != 201), "recorded twice");
        answers.iter().all(|answer| answer["status"] == 200)
    });
    assert_eq!(app.tree_size(), before + CLIENTS * LINES);
}
