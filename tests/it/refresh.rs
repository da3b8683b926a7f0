//! `receipt refresh`: a receipt moves to a later checkpoint of the same history, and to no other.

use std::fs;
use std::path::Path;

use ledger::Receipt;
use rstest::rstest;
use serde_json::Value;

use crate::support::binary::{Service, code, run, stdout};
use crate::support::database::TestDatabase;
use crate::support::events::{deployed, sign};
use crate::support::{Backend, key};

fn register(service: &Service) {
    let body = serde_json::json!({ "name": "pipeline", "public_key": key(7).public().to_pem() });
    service.client.post_json("/v1/producers", &body).expect(201);
}

fn record(service: &Service, id: &str) -> Vec<u8> {
    let envelope = sign(&deployed(id, "checkout", "production", 1), &key(7));
    service.client.record(&envelope).expect(201).body
}

fn size_of(receipt: &Path) -> u64 {
    let receipt = Receipt::parse(&fs::read(receipt).unwrap()).unwrap();
    ledger::Checkpoint::parse(receipt.proof.checkpoint.text()).unwrap().size
}

#[rstest]
fn a_refreshed_receipt_verifies_offline(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(database) = TestDatabase::new(backend) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(&folder.path().join("data"), Some(&database.url), &[]);
    register(&service);
    let envelope = sign(&deployed("the-one", "checkout", "production", 1), &key(7));
    let (receipt, posted) = (folder.path().join("receipt.json"), folder.path().join("envelope.json"));
    fs::write(&receipt, service.client.record(&envelope).expect(201).body).unwrap();
    fs::write(&posted, &envelope).unwrap();
    let vkey = folder.path().join("log.vkey");
    fs::copy(service.data.join("log.vkey"), &vkey).unwrap();
    let [file, posted, vkey] = [&receipt, &posted, &vkey].map(|path| path.to_str().unwrap());
    let refresh = |more: &[&str]| {
        service.shipslog(
            &[
                &["receipt", "refresh", file, "--log-key", vkey, "--format", "json"],
                more,
            ]
            .concat(),
        )
    };
    let before = size_of(&receipt);
    for n in 0..9 {
        record(&service, &format!("e{n}"));
    }
    let shown: Value = serde_json::from_str(&stdout(&refresh(&["--tree-size", &(before + 4).to_string()]))).unwrap();
    assert_eq!(
        (&shown["old_tree_size"], &shown["tree_size"]),
        (&before.into(), &(before + 4).into())
    );
    assert_eq!(size_of(&receipt), before + 4);
    // Never back.
    let back = refresh(&["--tree-size", &before.to_string()]);
    assert_eq!(code(&back), 2);
    let shown: Value = serde_json::from_str(&stdout(&refresh(&[]))).unwrap();
    let published = service.client.anonymous().get("/log/checkpoint").expect(200);
    let size: u64 = published.text().lines().nth(1).unwrap().parse().unwrap();
    assert!(shown["tree_size"].as_u64().unwrap() >= before + 4 && shown["tree_size"].as_u64().unwrap() <= size);
    let unknown = refresh(&["--tree-size", &(size + 1000).to_string()]);
    assert_eq!(code(&unknown), 1);
    assert!(
        String::from_utf8_lossy(&unknown.stderr).contains("tree_size"),
        "the service's own words"
    );
    assert!(service.terminate());
    assert_eq!(
        code(&run(&[
            "verify",
            "receipt",
            file,
            "--envelope",
            posted,
            "--log-key",
            vkey
        ])),
        0,
        "and without the service"
    );
    assert_eq!(
        fs::read_dir(folder.path()).unwrap().count(),
        4,
        "nothing is left behind"
    );
}

/// Copies a data directory of a service that has ended.
fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for item in fs::read_dir(from).unwrap() {
        let item = item.unwrap();
        fs::copy(item.path(), to.join(item.file_name())).unwrap();
    }
}

#[test]
fn a_forked_log_cannot_take_a_receipt_over() {
    let folder = tempfile::tempdir().unwrap();
    let [one, two] = ["one", "two"].map(|name| folder.path().join(name));
    let service = Service::start(&one, None, &[]);
    register(&service);
    let early = record(&service, "early");
    assert!(service.terminate());
    copy(&one, &two);
    let (one, two) = (Service::start(&one, None, &[]), Service::start(&two, None, &[]));
    let vkey = one.data.join("log.vkey").to_str().unwrap().to_owned();
    // The same key signs two histories from here on.
    let shown_to_us = record(&one, "ours");
    for n in 0..4 {
        record(&two, &format!("theirs-{n}"));
    }
    let held = folder.path().join("held.txt");
    fs::write(&held, one.client.get("/v1/log").json()["checkpoint"].as_str().unwrap()).unwrap();
    let receipt = folder.path().join("receipt.json");
    let file = receipt.to_str().unwrap();
    let refused = folder.path().join("receipt.json.refused");
    let size = two.client.get("/v1/log").json()["tree_size"].to_string();
    let refresh = |more: &[&str]| {
        two.shipslog(
            &[
                &["receipt", "refresh", file, "--log-key", &vkey, "--tree-size", &size],
                more,
            ]
            .concat(),
        )
    };
    fs::write(&receipt, &shown_to_us).unwrap();
    let output = refresh(&[]);
    assert_eq!(code(&output), 1);
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(
        message.contains("another entry") && message.contains("stands as it was"),
        "{message}"
    );
    assert_eq!(fs::read(&receipt).unwrap(), shown_to_us);
    assert!(refused.exists(), "what convicts the log is kept");

    // A receipt from before the fork: both histories continue it, but only one the checkpoint that was kept.
    fs::write(&receipt, &early).unwrap();
    let output = refresh(&["--checkpoint", held.to_str().unwrap()]);
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(code(&output), 1, "{message}");
    assert!(message.contains("nothing shows that the log of"), "{message}");
    assert_eq!(fs::read(&receipt).unwrap(), early);
    stdout(&refresh(&[]));
    assert_eq!(size_of(&receipt).to_string(), size);
}

#[test]
fn a_service_that_answers_nonsense_changes_nothing() {
    use std::io::{Read, Write};
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(&folder.path().join("data"), None, &[]);
    register(&service);
    let old = record(&service, "the-one");
    let index = serde_json::from_slice::<Value>(&old).unwrap()["index"]
        .as_u64()
        .unwrap();
    record(&service, "later");
    let size = index + 2;
    let good = service
        .client
        .get(&format!("/v1/events/{index}/receipt?tree_size={size}"))
        .expect(200);
    let another = service
        .client
        .get(&format!("/v1/events/{}/receipt", index + 1))
        .expect(200);
    let path = format!("/v1/log/proof/consistency?old={}&new={size}", index + 1);
    let proof = service.client.get(&path).expect(200);
    let vkey = service.data.join("log.vkey").to_str().unwrap().to_owned();
    let receipt = folder.path().join("receipt.json");
    // What is answered for the receipt and for the proof, and the exit code.
    let mut wrong_hash = proof.json();
    wrong_hash["hashes"][0] = ledger::Hash([1; 32]).to_base64().into();
    let mut wrong_leaf: Value = good.json();
    wrong_leaf["salt"] = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=".into();
    let cases = [
        (good.text().to_owned(), proof.text().to_owned(), 0),
        ("{}".to_owned(), proof.text().to_owned(), 1),
        (
            good.text().replacen("\"index\"", " \"index\"", 1),
            proof.text().to_owned(),
            1,
        ),
        (another.text().to_owned(), proof.text().to_owned(), 1),
        (wrong_leaf.to_string(), proof.text().to_owned(), 1),
        (good.text().to_owned(), "{}".to_owned(), 1),
        (good.text().to_owned(), wrong_hash.to_string(), 1),
    ];
    for (at, (answer, proof, expected)) in cases.into_iter().enumerate() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let answering = std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n") {
                    let mut byte = [0];
                    if stream.read(&mut byte).unwrap() == 0 {
                        break;
                    }
                    request.push(byte[0]);
                }
                if request.is_empty() {
                    // The one that comes once the command has ended.
                    break;
                }
                let asks_receipt = String::from_utf8_lossy(&request).starts_with("GET /v1/events/");
                let body = if asks_receipt { &answer } else { &proof };
                let head = format!(
                    "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                    body.len()
                );
                stream.write_all(head.as_bytes()).unwrap();
                stream.write_all(body.as_bytes()).unwrap();
            }
        });
        fs::write(&receipt, &old).unwrap();
        let size = size.to_string();
        let file = receipt.to_str().unwrap();
        let output = run(&[
            "receipt",
            "refresh",
            file,
            "--log-key",
            &vkey,
            "--tree-size",
            &size,
            "--url",
            &url,
        ]);
        drop(std::net::TcpStream::connect(url.trim_start_matches("http://")));
        answering.join().unwrap();
        assert_eq!(
            code(&output),
            expected,
            "case {at}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        let now = fs::read(&receipt).unwrap();
        assert_eq!(now == old, expected != 0, "case {at}");
    }
}
