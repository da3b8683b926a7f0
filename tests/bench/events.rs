//! Events to send: distinct, realistic deployment events of about a kibibyte, signed before the clock starts.

use ledger::{Envelope, PrivateKey};
use serde_json::json;
use shipslog::domain::Instant;
use uuid::{NoContext, Timestamp, Uuid};

/// The first event is of this time.
const BEGINNING_MS: u64 = 1_790_000_000_000;

/// A key that signs, with its name.
pub struct Producer {
    /// Its name, which is also in the source of its events.
    pub name: String,
    /// Its key.
    pub key: PrivateKey,
}

/// Producers with known keys.
pub fn producers(count: usize) -> Vec<Producer> {
    let producer = |number: usize| {
        let mut seed = [0x42; 32];
        seed[..8].copy_from_slice(&(number as u64).to_be_bytes());
        Producer {
            name: format!("pipeline-{number}"),
            key: PrivateKey::from_seed(seed),
        }
    };
    (0..count.max(1)).map(producer).collect()
}

/// Whole HTTP requests for the events `first .. first + count`, signed on all cores.
pub fn prepare(producers: &[Producer], first: usize, count: usize, threads: usize) -> Vec<Vec<u8>> {
    let threads = threads.max(1);
    let share = count.div_ceil(threads);
    std::thread::scope(|scope| {
        let parts: Vec<_> = (0..threads)
            .map(|part| {
                let range = first + (part * share).min(count)..first + ((part + 1) * share).min(count);
                scope.spawn(move || range.map(|number| request(producers, number)).collect::<Vec<_>>())
            })
            .collect();
        parts.into_iter().flat_map(|part| part.join().unwrap()).collect()
    })
}

/// The body of a prepared request.
pub fn body(request: &[u8]) -> &[u8] {
    let head = request.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    &request[head + 4..]
}

fn request(producers: &[Producer], number: usize) -> Vec<u8> {
    let producer = &producers[number % producers.len()];
    let payload = payload(&producer.name, number).into_bytes();
    let body = Envelope::sign("application/vnd.cdevents+json", &payload, &[&producer.key]).to_json();
    let head = format!(
        "POST /v1/events HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/vnd.dsse.envelope.v1+json\r\n\
         content-length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body.as_bytes()].concat()
}

fn payload(producer: &str, number: usize) -> String {
    let millis = BEGINNING_MS + number as u64 * 7;
    let time = Timestamp::from_unix(NoContext, millis / 1000, (millis % 1000) as u32 * 1_000_000);
    let service = ["checkout", "payments", "catalogue", "identity", "search", "mail"][number % 6];
    let environment = ["production", "staging", "testing"][number % 3];
    let commit = format!(
        "{:040x}",
        (number as u128 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
    );
    json!({
        "context": {
            "version": "0.4.1",
            "id": Uuid::new_v7(time).to_string(),
            "source": format!("https://ci.example.com/{producer}"),
            "type": "dev.cdevents.service.deployed.0.2.0",
            "timestamp": Instant::from_millis(millis as i64).to_string(),
        },
        "subject": {
            "id": service,
            "source": format!("https://ci.example.com/{producer}"),
            "type": "service",
            "content": {
                "environment": { "id": environment, "source": "https://cluster.example.com" },
                "artifactId": format!("pkg:oci/{service}@sha256%3A{commit}{}?repository_url=registry.example.com", &commit[..24]),
            },
        },
        "customData": { "shipslog": {
            "version": format!("4.{}.{}", number / 100, number % 100),
            "commit": commit,
            "repository": format!("https://git.example.com/shop/{service}"),
            "actor": { "id": "ada@example.com", "kind": "human" },
            "reason": "Take card payments again when the bank asks for a second factor",
            "run_url": format!("https://ci.example.com/{producer}/runs/{number}"),
            "commits": [{ "id": commit, "message": "fix: ask the bank once more", "author": "ada@example.com" }],
        } },
    })
    .to_string()
}
