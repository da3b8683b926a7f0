//! `fsck` finds every change to a database, says where it is, and finds none where there is none.

mod changes;

use std::time::Duration;

use ledger::{Checkpoint, Cosigner, NoteKey, SignedNote};
use rstest::rstest;
use serde_json::json;
use shipslog::app;
use shipslog::audit::Report;
use shipslog::store::{Connect, Database, DatabaseUrl, StoreError};

use changes::{ROWS, Row, is_exempt};

use crate::support::binary::{Service, code, command, run};
use crate::support::database::{TestDatabase, try_texts};
use crate::support::events::{deployed, incident, sign};
use crate::support::{Backend, key};

const ERASED: u64 = 40;

/// A history with a full tile and an erased entry, whose service has ended.
struct Ground {
    database: TestDatabase,
    log_key: NoteKey,
    _folder: tempfile::TempDir,
}

impl Ground {
    fn new(backend: Backend, count: u64) -> Option<Self> {
        let database = TestDatabase::new(backend)?;
        let folder = tempfile::tempdir().unwrap();
        let service = Service::start(folder.path(), Some(&database.url), &[]);
        fill(&service, 0, count);
        let erasure = json!({ "reason": "legal-order", "text": "ordered" });
        service
            .client
            .post_json(&format!("/v1/events/{ERASED}/erasure"), &erasure)
            .expect(201);
        fill(&service, count, count + 1);
        assert!(service.terminate());
        witness(&database, backend);
        let vkey = std::fs::read_to_string(folder.path().join("log.vkey")).unwrap();
        Some(Self {
            database,
            log_key: NoteKey::parse(vkey.trim_end()).unwrap(),
            _folder: folder,
        })
    }

    fn fsck(&self, database: &TestDatabase) -> Result<Report, StoreError> {
        let url = DatabaseUrl::parse(&database.url).unwrap();
        let database = Database::inspect(Connect::new(url, None).unwrap())?;
        app::fsck(&database, &self.log_key, |_| ())
    }

    /// The same database without what guards it: the attacker owns it.
    fn unguarded(&self, backend: Backend) -> TestDatabase {
        let copy = self.database.copy();
        let sql = match backend {
            Backend::Sqlite => "SELECT 'DROP TRIGGER ' || name AS value FROM sqlite_schema WHERE type = 'trigger'",
            Backend::Postgres => {
                "SELECT format('ALTER TABLE %I DISABLE TRIGGER ALL', table_name) AS value FROM information_schema.tables \
                 WHERE table_schema = 'public' \
                 UNION ALL SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname) FROM pg_constraint \
                 WHERE contype IN ('c', 'f') AND connamespace = 'public'::regnamespace"
            }
        };
        for statement in copy.texts(sql) {
            copy.execute(&statement).unwrap();
        }
        for Row { table, .. } in ROWS {
            copy.execute(&format!("CREATE TABLE kept_{table} AS SELECT * FROM {table}"))
                .unwrap();
        }
        copy
    }
}

/// What the service would have stored of a witness: a cosignature, a quorum, an alarm.
fn witness(database: &TestDatabase, backend: Backend) {
    let published = "(SELECT MIN(tree_size) FROM publication)";
    let note = format!("SELECT note AS value FROM checkpoint WHERE tree_size = {published}");
    let note = SignedNote::parse(&database.texts(&note)[0]).unwrap();
    let witness = Cosigner::new("witness.example", key(40)).unwrap();
    let line = witness
        .cosign(&Checkpoint::parse(note.text()).unwrap(), 1_700_000_000)
        .unwrap();
    let (vkey, digest) = match backend {
        Backend::Sqlite => (witness.key(), "zeroblob(32)"),
        Backend::Postgres => (witness.key(), "decode(repeat('00', 32), 'hex')"),
    };
    for row in [
        format!("cosignature VALUES ({published}, '{vkey}', '{line}', 1700000000000)"),
        format!("quorum VALUES ({digest}, {published}, 1)"),
        format!("alarm VALUES ('{vkey}', 1, {published}, 'fork', 'm', NULL, 1)"),
    ] {
        database.execute(&format!("INSERT INTO {row}")).unwrap();
    }
}

fn fill(service: &Service, from: u64, to: u64) {
    if from == 0 {
        let body = json!({ "name": "pipeline", "public_key": key(7).public().to_pem() });
        service.client.post_json("/v1/producers", &body).expect(201);
    }
    // Batches of a hundred and one; an entry of an earlier kind in each.
    for numbers in (from..to).collect::<Vec<_>>().chunks(101) {
        let line = |n: &u64| match n % 50 {
            0 => sign(
                &incident(&format!("i{n}"), &format!("INC-{n}"), "checkout", "production"),
                &key(7),
            ),
            _ => sign(&deployed(&format!("e{n}"), "checkout", "production", *n), &key(7)),
        };
        let lines: Vec<Vec<u8>> = numbers.iter().map(line).collect();
        let answer = service
            .client
            .post("/v1/events/batch", "application/x-ndjson", &lines.join(&b'\n'));
        let answer = answer.expect(200);
        assert!(
            answer.text().lines().all(|line| line.starts_with("{\"status\":201,")),
            "{}",
            answer.text()
        );
    }
}

/// Every column with its type and whether it may be empty: `table.column type optional`.
fn columns(database: &TestDatabase, backend: Backend) -> Vec<(String, String, String, bool)> {
    let sql = match backend {
        Backend::Sqlite => {
            "SELECT m.name || ' ' || c.name || ' ' || c.type || ' ' || (c.\"notnull\" = 0 AND c.pk = 0) AS value \
             FROM sqlite_schema m, pragma_table_info(m.name) c WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' ORDER BY 1"
        }
        Backend::Postgres => {
            "SELECT table_name || ' ' || column_name || ' ' || data_type || ' ' || CASE is_nullable WHEN 'YES' THEN 1 ELSE 0 END \
             AS value FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1"
        }
    };
    let words = database
        .texts(sql)
        .into_iter()
        .filter(|line| !line.starts_with("__diesel") && !line.starts_with("kept_"));
    words
        .map(|line| {
            let parts: Vec<&str> = line.split(' ').collect();
            let (optional, parts) = parts.split_last().unwrap();
            (
                parts[0].to_owned(),
                parts[1].to_owned(),
                parts[2].to_ascii_lowercase(),
                *optional == "1",
            )
        })
        .collect()
}

/// The next pseudo-random number: the same ones in every run.
fn next(state: &mut u64) -> u64 {
    *state = state
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1_442_695_040_888_963_407);
    *state >> 33
}

/// All that queries give and the log is behind, or that they fail.
fn dump(database: &TestDatabase) -> Result<String, String> {
    let path = database.sqlite_path().unwrap();
    let columns = columns(database, Backend::Sqlite);
    let mut text = String::new();
    for Row { table, .. } in ROWS.iter().filter(|row| !is_exempt(row.table, "")) {
        let own = columns
            .iter()
            .filter(|(of, column, ..)| of == table && !is_exempt(table, column));
        let quoted: Vec<String> = own.map(|(_, column, ..)| format!("quote({column})")).collect();
        let rows = try_texts(
            path,
            &format!("SELECT {} AS value FROM {table}", quoted.join(" || ',' || ")),
        )?;
        text += &rows.iter().map(|row| signed_part(row) + "\n").collect::<String>();
    }
    Ok(text)
}

/// A row, its envelope without what nobody signed: white space, and hints to keys.
fn signed_part(row: &str) -> String {
    let hex = row
        .split('\'')
        .find(|part| part.starts_with("7B22"))
        .unwrap_or_default();
    let bytes: Option<Vec<u8>> = (0..hex.len() / 2)
        .map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).ok())
        .collect();
    match bytes.map(|bytes| ledger::Envelope::parse(&bytes)) {
        Some(Ok(mut envelope)) => {
            envelope
                .signatures
                .iter_mut()
                .for_each(|signature| signature.keyid = None);
            row.replace(hex, &envelope.to_json())
        }
        _ => row.to_owned(),
    }
}

#[test]
fn a_bit_that_flips_in_what_is_read_is_found_and_nothing_panics() {
    const FLIPS: u32 = 60;
    let Some(ground) = Ground::new(Backend::Sqlite, 300) else {
        return;
    };
    let sound = dump(&ground.database).unwrap();
    let bytes = std::fs::read(ground.database.sqlite_path().unwrap()).unwrap();
    let mut state = 20_261_123;
    let (mut live, mut missed) = (0, Vec::new());
    for _ in 0..FLIPS {
        let (at, bit) = (next(&mut state) as usize % bytes.len(), next(&mut state) % 8);
        let copy = TestDatabase::new(Backend::Sqlite).unwrap();
        let mut flipped = bytes.clone();
        flipped[at] ^= 1 << bit;
        std::fs::write(copy.sqlite_path().unwrap(), &flipped).unwrap();
        let found = match ground.fsck(&copy) {
            Ok(report) => !report.findings.is_empty(),
            Err(_) => true,
        };
        // What no query shows is no content: free space, and the tables of statistics.
        let changed = std::panic::catch_unwind(|| dump(&copy)).map_or(true, |text| text.as_ref() != Ok(&sound));
        live += u32::from(changed);
        if changed && !found {
            missed.push((at, bit));
        }
    }
    assert!(live > FLIPS / 4, "{live} of {FLIPS} flips changed what is read");
    assert_eq!(missed, []);
}

#[rstest]
fn it_runs_beside_a_service_that_records_and_erases(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(database) = TestDatabase::new(backend) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap().to_owned();
    let service = Service::start(folder.path(), Some(&database.url), &[]);
    fill(&service, 0, 600);
    let ended = std::sync::atomic::AtomicBool::new(false);
    let fsck = |arguments: &[&str]| {
        let output = command(&["fsck", "--data", &data, "--database", &database.url])
            .args(arguments)
            .output()
            .unwrap();
        let (out, err) = (
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr),
        );
        assert_eq!(code(&output), 0, "{out}{err}");
        assert_eq!(err, "", "progress is for terminals");
        out.into_owned()
    };
    std::thread::scope(|scope| {
        let writing = scope.spawn(|| {
            let mut n = 600;
            while !ended.load(std::sync::atomic::Ordering::Relaxed) {
                fill(&service, n, n + 40);
                let erasure = json!({ "reason": "legal-order", "text": "ordered" });
                // One that may have been looked at already, and one that cannot have been yet.
                for index in [n - 200, n + 30] {
                    let path = format!("/v1/events/{index}/erasure");
                    assert!(matches!(service.client.post_json(&path, &erasure).status, 201 | 409));
                }
                n += 40;
            }
            n
        });
        let looking = scope.spawn(|| {
            let began = std::time::Instant::now();
            fsck(&["--rate", "200"]);
            assert!(began.elapsed() >= Duration::from_millis(1500), "it keeps to its rate");
            for _ in 0..2 {
                fsck(&[]);
            }
        });
        let looked = looking.join();
        // Whatever came of it: the writing has to end.
        ended.store(true, std::sync::atomic::Ordering::Relaxed);
        assert!(looked.is_ok(), "fsck found something beside a live service");
        assert!(writing.join().unwrap() > 600, "the service went on");
    });
    let report: serde_json::Value = serde_json::from_str(&fsck(&["--format", "json"])).unwrap();
    assert_eq!(
        (&report["verified"], &report["report"]["findings"]),
        (&json!(true), &json!([]))
    );
    assert!(!report["report"]["erased"].as_object().unwrap().is_empty());
}

#[test]
fn what_cannot_be_told_is_told_apart_from_damage() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    let service = Service::start(folder.path(), None, &[]);
    fill(&service, 0, 5);
    assert!(service.terminate());
    let fsck = |arguments: &[&str]| code(&run(&[&["fsck", "--data", data][..], arguments].concat()));
    assert_eq!(fsck(&[]), 0);
    assert_eq!(fsck(&["--database", "sqlite:/nonexistent/x.db"]), 2);
    assert_eq!(fsck(&["--database", "postgres://nobody@127.0.0.1:1/none"]), 2);
    assert_eq!(fsck(&["--log-key", "/nonexistent.vkey"]), 2);
    assert_eq!(fsck(&["--rate", "quickly"]), 2);
    // Another log's key: the database is sound, but not the one that was asked about.
    let other = ledger::NoteSigner::new("other.example", key(50)).unwrap();
    let file = folder.path().join("other.vkey");
    std::fs::write(&file, format!("{}\n", other.key())).unwrap();
    assert_eq!(fsck(&["--log-key", file.to_str().unwrap()]), 1);
    let database = folder.path().join("shipslog.db");
    let bytes = std::fs::read(&database).unwrap();
    for damaged in [
        b"not a database at all, by any means".to_vec(),
        bytes[..bytes.len() / 2].to_vec(),
        Vec::new(),
    ] {
        std::fs::write(&database, &damaged).unwrap();
        let code = fsck(&[]);
        // An empty file has no schema, and so says nothing about any log.
        assert_eq!(code, if damaged.is_empty() { 2 } else { 1 }, "{} bytes", damaged.len());
    }
}
