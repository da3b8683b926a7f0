//! What happens when the database fails at one step of a batch, and when more comes than the writer can take.

use std::sync::atomic::{AtomicBool, Ordering};
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
    let known = sign(&deployed("known", "checkout", "production", 1), &app.pipeline);
    app.client.record(&known).expect(201);
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
    let post = |batch: &Vec<u8>| -> Vec<Value> {
        let path = "/v1/events/batch";
        let answer = app.client.post(path, "application/x-ndjson", batch).expect(200);
        let lines = answer.text().lines().map(|line| serde_json::from_str(line).unwrap());
        lines.collect()
    };
    let is = |answer: &Value, kind: &str| answer["type"] == format!("urn:shipslog:problem:{kind}");
    // Nothing can be written until a record is seen to be too much; what the writer gives up meanwhile is sent again.
    let (held, full) = (app.database.hold_writes(), AtomicBool::new(false));
    let send = |batch| loop {
        let answers = post(batch);
        if full.load(Ordering::SeqCst) {
            return answers;
        }
    };
    let answers: Vec<Value> = std::thread::scope(|scope| {
        let senders: Vec<_> = batches.iter().map(|batch| scope.spawn(move || send(batch))).collect();
        let is_full = |_| {
            let answer = app.client.record_within(&known, Duration::from_millis(200));
            answer.is_some_and(|answer| is(&answer.json(), "busy"))
        };
        let seen = (0..1000).any(is_full);
        full.store(true, Ordering::SeqCst);
        drop(held);
        assert!(seen, "the queue took everything");
        senders.into_iter().flat_map(|sender| sender.join().unwrap()).collect()
    });
    let refused: Vec<&Value> = answers.iter().filter(|answer| answer["status"] == 503).collect();
    for answer in &refused {
        let problem = &answer["problem"];
        assert!(is(problem, "busy") || is(problem, "unavailable"), "{answer}");
    }
    let recorded = answers.iter().filter(|answer| answer["status"] == 201).count();
    assert_eq!(recorded + refused.len(), (CLIENTS * LINES) as usize);
    assert_eq!(app.tree_size(), before + recorded as u64);
    // Sent again, what is missing is recorded and what is there is known; one batch at a time is never too much.
    let again: Vec<Value> = batches.iter().flat_map(post).collect();
    let count = |status: u64| again.iter().filter(|answer| answer["status"] == status).count();
    assert_eq!((count(200), count(201)), (recorded, refused.len()));
    assert_eq!(app.tree_size(), before + CLIENTS * LINES);
}
