//! What was erased is in no file of the database any more, or the answer says where it still is.

use std::collections::{BTreeSet, HashSet};
use std::fs;
use std::io;
use std::path::Path;

use base64ct::{Base64, Encoding};
use serde_json::{Value, json};

use super::{REASON, telling};
use crate::support::binary::{Service, code, run};
use crate::support::database::{TestDatabase, reading};
use crate::support::events::{deployed, sign};
use crate::support::{Backend, eventually, key};

/// How a word can stand in a file: as it is, and in base64 at each of the three places where it can begin.
pub fn traces(word: &str) -> Vec<Vec<u8>> {
    let mut traces = vec![word.as_bytes().to_vec()];
    for lead in 0..3 {
        let bytes = [&[b' '; 2][..lead], word.as_bytes()].concat();
        let text = Base64::encode_string(&bytes);
        // What does not depend on what stands before and after.
        let (from, to) = ((lead * 8).div_ceil(6), bytes.len() * 8 / 6);
        traces.push(text.as_bytes()[from..to].to_vec());
    }
    traces
}

/// The first eight bytes of each, which is enough to know them by.
fn beginnings(traces: &[Vec<u8>]) -> HashSet<[u8; 8]> {
    traces.iter().map(|trace| trace[..8].try_into().unwrap()).collect()
}

fn found_in_bytes(bytes: &[u8], wanted: &HashSet<[u8; 8]>) -> BTreeSet<String> {
    let windows = bytes.windows(8).filter(|window| wanted.contains(*window));
    windows
        .map(|window| String::from_utf8_lossy(window).into_owned())
        .collect()
}

/// Every file below a folder that holds one of these.
pub fn found_in(folder: &Path, traces: &[Vec<u8>]) -> Vec<String> {
    let wanted = beginnings(traces);
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for item in fs::read_dir(next).unwrap() {
            let path = item.unwrap().path();
            if path.is_dir() {
                open.push(path);
                continue;
            }
            let bytes = match fs::read(&path) {
                Ok(bytes) => bytes,
                // A running service replaces its small files: the new one is found under the old name.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => panic!("{}: {error}", path.display()),
            };
            let which = found_in_bytes(&bytes, &wanted);
            found.extend(which.into_iter().map(|trace| format!("{}: {trace}", path.display())));
        }
    }
    found
}

/// A service with a history in which ids and values come in no order, and every fifteenth event is to be erased.
fn crowd(service: &Service, count: u64) -> Vec<(u64, String)> {
    let body = json!({ "name": "pipeline", "public_key": key(7).public().to_pem() });
    service.client.post_json("/v1/producers", &body).expect(201);
    let word = |n: u64| format!("{:07x}zqx", (n + 1).wrapping_mul(0x9e37_79b9) & 0xfff_ffff);
    let mut marked = Vec::new();
    for batch in (0..count).collect::<Vec<_>>().chunks(100) {
        let lines: Vec<Vec<u8>> = batch.iter().map(|n| sign(&telling(&word(*n), *n), &key(7))).collect();
        let answer = service
            .client
            .post("/v1/events/batch", "application/x-ndjson", &lines.join(&b'\n'))
            .expect(200);
        for (n, line) in batch.iter().zip(answer.text().lines()) {
            let line: Value = serde_json::from_str(line).unwrap();
            assert_eq!(line["status"], 201, "{line}");
            if n % 15 == 7 {
                marked.push((line["receipt"]["index"].as_u64().unwrap(), word(*n)));
            }
        }
    }
    marked
}

fn all_traces(marked: &[(u64, String)]) -> Vec<Vec<u8>> {
    marked.iter().flat_map(|(_, word)| traces(word)).collect()
}

#[test]
fn no_file_of_the_data_directory_holds_what_was_erased() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let service = Service::start(&data, None, &[]);
    let marked = crowd(&service, 450);
    let traces = all_traces(&marked);
    let before = found_in(&data, &traces);
    assert!(
        before.len() >= 2 * marked.len(),
        "the search finds what is there: {}",
        before.len()
    );
    for (index, _) in &marked {
        let index = index.to_string();
        let answer = service.json(&[
            "erase",
            &index,
            "--reason",
            REASON,
            "--text",
            "a name was in it",
            "--format",
            "json",
        ]);
        assert_eq!(answer["remains"], "nothing");
    }
    let found = found_in(&data, &traces);
    assert_eq!(found, [""; 0], "while the service runs");
    // What runs on in memory must not bring it back.
    service
        .client
        .record(&sign(&deployed("later", "checkout", "production", 5), &key(7)))
        .expect(201);
    assert!(service.terminate());
    assert_eq!(found_in(&data, &traces), [""; 0]);
    let fsck = run(&["fsck", "--data", data.to_str().unwrap()]);
    assert_eq!(code(&fsck), 0, "{}", String::from_utf8_lossy(&fsck.stdout));
}

/// What of these PostgreSQL's files of this database hold, once they are written.
fn found_in_postgres(database: &TestDatabase, traces: &[Vec<u8>]) -> BTreeSet<String> {
    database.execute("CHECKPOINT").unwrap();
    let files = database.texts(
        "SELECT encode(pg_read_binary_file(f.path), 'hex') FROM (SELECT pg_relation_filepath(oid) AS path FROM pg_class \
         WHERE relfilenode <> 0) f WHERE f.path IS NOT NULL",
    );
    let wanted = beginnings(traces);
    let mut found = BTreeSet::new();
    for hex in files {
        let digit = |byte: u8| (byte as char).to_digit(16).unwrap() as u8;
        let bytes: Vec<u8> = hex
            .as_bytes()
            .chunks(2)
            .map(|pair| digit(pair[0]) << 4 | digit(pair[1]))
            .collect();
        found.extend(found_in_bytes(&bytes, &wanted));
    }
    found
}

#[test]
fn no_file_of_postgres_holds_what_was_erased_once_the_operator_has_done_the_rest() {
    let Some(database) = TestDatabase::new(Backend::Postgres) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(folder.path(), Some(&database.url), &[]);
    let marked = crowd(&service, 150);
    let traces = all_traces(&marked);
    // Samples of all columns, as autovacuum takes them now and then.
    database.execute("ANALYZE").unwrap();
    assert!(
        found_in_postgres(&database, &traces).len() >= 2 * marked.len(),
        "the search finds what is there"
    );
    for (index, _) in &marked {
        let index = index.to_string();
        let answer = service.json(&[
            "erase",
            &index,
            "--reason",
            REASON,
            "--text",
            "a name was in it",
            "--format",
            "json",
        ]);
        assert_eq!(answer["remains"], "operator", "PostgreSQL does not overwrite");
    }
    // The operation itself has left no dead row behind.
    let dead =
        "SELECT relname || ' ' || n_dead_tup FROM pg_stat_user_tables WHERE n_dead_tup > 0 AND relname <> 'head'";
    eventually("no dead row is left", || database.texts(dead) == [""; 0]);
    assert!(service.terminate());
    // As the README says.
    for table in [
        "envelope",
        "event",
        "reference",
        "reference_run",
        "reference_hash",
        "pg_catalog.pg_statistic",
    ] {
        database.execute(&format!("VACUUM FULL {table}")).unwrap();
    }
    assert_eq!(found_in_postgres(&database, &traces), BTreeSet::new());
}

#[test]
fn a_reader_that_needs_the_write_ahead_log_is_waited_for_and_said() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let service = Service::start(&data, None, &[]);
    let marked = crowd(&service, 16);
    let traces = all_traces(&marked);
    let index = marked[0].0;
    let reader = reading(&data.join("shipslog.db"));
    // Something new, so that the reader's view is not the newest.
    service
        .client
        .record(&sign(&deployed("later", "checkout", "production", 5), &key(7)))
        .expect(201);
    let body = json!({ "reason": REASON, "text": "a name was in it" });
    let path = format!("/v1/events/{index}/erasure");
    let answer = service.client.post_json(&path, &body).expect(201).json();
    assert_eq!(answer["remains"], "write-ahead-log");
    service.client.get(&format!("/v1/events/{index}")).problem(410);
    drop(reader);
    eventually("no trace is left", || found_in(&data, &traces) == [""; 0]);
    assert_eq!(
        service.client.post_json(&path, &body).expect(200).json()["remains"],
        "nothing"
    );
}
