//! Events to send: distinct, realistic deployment events, signed before the clock starts.

use std::ops::Range;

use ledger::{Envelope, PrivateKey};
use serde_json::{Value, json};
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

/// How much an event says.
#[derive(Clone, Copy)]
pub enum Form {
    /// All that a pipeline knows: envelopes of about two kibibytes.
    Full,
    /// What a deployment must say: envelopes of about 900 bytes.
    Short,
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

/// Envelopes around the events of these numbers, signed on all cores.
pub fn envelopes(producers: &[Producer], numbers: Range<usize>, form: Form) -> Vec<String> {
    let threads = crate::cores();
    let share = numbers.len().div_ceil(threads);
    std::thread::scope(|scope| {
        let parts: Vec<_> = (0..threads)
            .map(|part| {
                let begin = (numbers.start + part * share).min(numbers.end);
                let range = begin..(begin + share).min(numbers.end);
                scope.spawn(move || {
                    range
                        .map(|number| envelope(producers, number, form))
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        parts.into_iter().flat_map(|part| part.join().unwrap()).collect()
    })
}

/// A whole HTTP request for each envelope.
pub fn singles(envelopes: &[String]) -> Vec<Vec<u8>> {
    let single = |envelope: &String| request("/v1/events", "application/vnd.dsse.envelope.v1+json", envelope);
    envelopes.iter().map(single).collect()
}

/// A whole HTTP request for so many envelopes each.
pub fn batches(envelopes: &[String], size: usize) -> Vec<Vec<u8>> {
    let batch = |some: &[String]| request("/v1/events/batch", "application/x-ndjson", &some.join("\n"));
    envelopes.chunks(size).map(batch).collect()
}

/// The body of a prepared request.
pub fn body(request: &[u8]) -> &[u8] {
    let head = request.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    &request[head + 4..]
}

fn request(path: &str, media_type: &str, body: &str) -> Vec<u8> {
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: {media_type}\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body.as_bytes()].concat()
}

fn envelope(producers: &[Producer], number: usize, form: Form) -> String {
    let producer = &producers[number % producers.len()];
    let payload = match form {
        Form::Full => full(&producer.name, number),
        Form::Short => short(&producer.name, number),
    };
    let payload = payload.to_string().into_bytes();
    Envelope::sign("application/vnd.cdevents+json", &payload, &[&producer.key]).to_json()
}

fn full(producer: &str, number: usize) -> Value {
    let service = service(number);
    let commit = commit(number);
    json!({
        "context": context(producer, number),
        "subject": {
            "id": service,
            "source": format!("https://ci.example.com/{producer}"),
            "type": "service",
            "content": {
                "environment": { "id": environment(number), "source": "https://cluster.example.com" },
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
}

fn short(producer: &str, number: usize) -> Value {
    let service = service(number);
    let commit = commit(number);
    json!({
        "context": context(producer, number),
        "subject": {
            "id": service,
            "type": "service",
            "content": {
                "environment": { "id": environment(number) },
                "artifactId": format!("pkg:oci/{service}@sha256%3A{commit}{}", &commit[..24]),
            },
        },
    })
}

fn context(producer: &str, number: usize) -> Value {
    let millis = BEGINNING_MS + number as u64 * 7;
    let time = Timestamp::from_unix(NoContext, millis / 1000, (millis % 1000) as u32 * 1_000_000);
    json!({
        "version": "0.4.1",
        "id": Uuid::new_v7(time).to_string(),
        "source": format!("https://ci.example.com/{producer}"),
        "type": "dev.cdevents.service.deployed.0.2.0",
        "timestamp": Instant::from_millis(millis as i64).to_string(),
    })
}

fn service(number: usize) -> &'static str {
    ["checkout", "payments", "catalogue", "identity", "search", "mail"][number % 6]
}

fn environment(number: usize) -> &'static str {
    ["production", "staging", "testing"][number % 3]
}

fn commit(number: usize) -> String {
    format!(
        "{:040x}",
        (number as u128 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
    )
}
