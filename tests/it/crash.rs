//! The process dies at any moment: whatever was acknowledged is there afterwards, with the same receipt.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use ledger::Receipt;
use rstest::rstest;

use crate::support::binary::{Service, code, run};
use crate::support::database::TestDatabase;
use crate::support::events::{deployed, sign};
use crate::support::http::ENVELOPE;
use crate::support::{Backend, key};

const SENDERS: usize = 6;
const ROUNDS: usize = 5;

/// One event after the other on one connection until the service dies; those that were answered, with the answers.
fn send_until_it_dies(service: &Service, round: usize, sender: usize) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut acknowledged = Vec::new();
    let Ok(mut stream) = TcpStream::connect(service.client.address) else {
        return acknowledged;
    };
    for number in 0.. {
        let id = format!("{round}-{sender}-{number}");
        let envelope = sign(&deployed(&id, "checkout", "production", number), &key(7));
        let head = format!(
            "POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Type: {ENVELOPE}\r\nContent-Length: {}\r\n\r\n",
            envelope.len()
        );
        let mut buffer = vec![0; 1 << 14];
        let mut length = 0;
        if stream
            .write_all(head.as_bytes())
            .and_then(|()| stream.write_all(&envelope))
            .is_err()
        {
            return acknowledged;
        }
        let body = loop {
            match stream.read(&mut buffer[length..]) {
                Ok(0) | Err(_) => return acknowledged,
                Ok(read) => length += read,
            }
            let text = String::from_utf8_lossy(&buffer[..length]);
            let Some((head, body)) = text.split_once("\r\n\r\n") else {
                continue;
            };
            assert!(head.starts_with("HTTP/1.1 201"), "{head}");
            let lower = head.to_ascii_lowercase();
            let expected: usize = lower
                .split("content-length: ")
                .nth(1)
                .unwrap()
                .lines()
                .next()
                .unwrap()
                .parse()
                .unwrap();
            if body.len() == expected {
                break body.as_bytes().to_vec();
            }
        };
        acknowledged.push((envelope, body));
    }
    acknowledged
}

#[rstest]
fn no_acknowledged_event_is_lost(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(database) = TestDatabase::new(backend) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged = Vec::new();
    for round in 0..ROUNDS {
        let service = Service::start(folder.path(), Some(&database.url), &[]);
        if round == 0 {
            let body = serde_json::json!({ "name": "pipeline", "public_key": key(7).public().to_pem() });
            service.client.post_json("/v1/producers", &body).expect(201);
        }
        let service = std::sync::Arc::new(service);
        let senders: Vec<_> = (0..SENDERS)
            .map(|sender| {
                let service = service.clone();
                std::thread::spawn(move || send_until_it_dies(&service, round, sender))
            })
            .collect();
        std::thread::sleep(Duration::from_millis(300 + 170 * round as u64));
        service.signal("KILL");
        acknowledged.extend(senders.into_iter().flat_map(|sender| sender.join().unwrap()));
    }
    assert!(
        acknowledged.len() > SENDERS * ROUNDS,
        "only {} events got in",
        acknowledged.len()
    );

    let service = Service::start(folder.path(), Some(&database.url), &[]);
    let vkey = std::fs::read_to_string(folder.path().join("log.vkey")).unwrap();
    let log = ledger::NoteKey::parse(vkey.trim_end()).unwrap();
    for (envelope, answer) in &acknowledged {
        let receipt = Receipt::parse(answer).unwrap();
        receipt.verify(&log, envelope).unwrap();
        let again = service.client.record(envelope).expect(200);
        assert_eq!(again.body, *answer, "the receipt is still the original one");
    }
    assert!(service.terminate());
    let data = folder.path().to_str().unwrap();
    let fsck = run(&["fsck", "--data", data, "--database", &database.url]);
    assert_eq!(
        code(&fsck),
        0,
        "{}{}",
        String::from_utf8_lossy(&fsck.stdout),
        String::from_utf8_lossy(&fsck.stderr)
    );
    println!(
        "{backend:?}: {} acknowledged events survived {ROUNDS} kills",
        acknowledged.len()
    );
}
