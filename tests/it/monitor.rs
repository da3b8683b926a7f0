//! `shipslog monitor` against the real service: what it believes, what it remembers, and what it keeps against a log.

use std::path::PathBuf;
use std::process::Output;

use ledger::{Checkpoint, NoteKey, SignedNote};
use rstest::rstest;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::binary::{Service, code, command};
use crate::support::database::TestDatabase;
use crate::support::events::{deployed, sign};
use crate::support::evidence::{Fork, check_evidence};
use crate::support::witness::{Proxy, Witness, log_signer};
use crate::support::{Backend, eventually, free_address, key};

const ORIGIN: &str = "log.example/monitored";

mod kept;

/// A service and a monitor that looks at it.
struct Watched {
    data: TempDir,
    state: TempDir,
    log: NoteKey,
    database: TestDatabase,
}

impl Watched {
    fn new(backend: Backend) -> Option<Self> {
        let database = TestDatabase::new(backend)?;
        let data = tempfile::tempdir().unwrap();
        let log = log_signer(data.path(), ORIGIN).key().clone();
        std::fs::write(data.path().join("trusted.vkey"), format!("{log}\n")).unwrap();
        Some(Self {
            data,
            state: tempfile::tempdir().unwrap(),
            log,
            database,
        })
    }

    /// One with so many records, and everything there was of it then.
    fn copied(count: usize) -> Option<(Self, TempDir)> {
        let watched = Self::new(Backend::Sqlite)?;
        let service = watched.serve();
        record(&service, ids("shared", count));
        assert!(service.terminate());
        let copy = watched.copy();
        Some((watched, copy))
    }

    fn serve(&self) -> Service {
        let service = Service::start(self.data.path(), Some(&self.database.url), &[]);
        let body = json!({ "name": "pipeline", "public_key": key(7).public().to_pem() });
        service.client.post_json("/v1/producers", &body);
        service
    }

    /// Everything there is of a service that has ended, its guard included: what a thief has, or a backup.
    fn copy(&self) -> TempDir {
        let copy = tempfile::tempdir().unwrap();
        for item in std::fs::read_dir(self.data.path()).unwrap() {
            let path = item.unwrap().path();
            if path.is_file() {
                std::fs::copy(&path, copy.path().join(path.file_name().unwrap())).unwrap();
            }
        }
        let database = self.database.url.strip_prefix("sqlite:").unwrap();
        std::fs::copy(database, copy.path().join("shipslog.db")).unwrap();
        copy
    }

    fn monitor(&self, url: &str, arguments: &[&str], token: Option<&str>) -> Output {
        let trusted = self.data.path().join("trusted.vkey");
        let mut command = command(&["monitor", url, "--once", "--format", "json"]);
        command.args(["--state", self.state.path().to_str().unwrap()]);
        if !arguments.contains(&"--policy") {
            command.args(["--log-key", trusted.to_str().unwrap()]);
        }
        command.args(arguments);
        if let Some(token) = token {
            command.env("SHIPSLOG_TOKEN", token);
        }
        command.output().unwrap()
    }

    /// One look that must end like this.
    #[track_caller]
    fn look(&self, url: &str, expected: i32, verdict: &str) -> Value {
        self.seen(&self.monitor(url, &[], None), expected, verdict)
    }

    #[track_caller]
    fn seen(&self, output: &Output, expected: i32, verdict: &str) -> Value {
        let said = String::from_utf8_lossy(&output.stderr);
        let line = String::from_utf8_lossy(&output.stdout);
        assert_eq!(code(output), expected, "{said}{line}");
        assert_eq!(line.lines().count(), 1, "{line}");
        let line: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(line["verdict"], verdict, "{line}");
        line
    }

    fn evidence(&self, line: &Value) -> Fork {
        let place = PathBuf::from(
            line["evidence"]
                .as_str()
                .unwrap_or_else(|| panic!("no evidence: {line}")),
        );
        assert!(place.starts_with(self.state.path()));
        check_evidence(&place, &self.log)
    }
}

/// Records events in one commit and waits until they are published.
fn record(service: &Service, ids: impl IntoIterator<Item = String>) -> u64 {
    let lines: Vec<Vec<u8>> = ids
        .into_iter()
        .map(|id| sign(&deployed(&id, "checkout", "production", 1), &key(7)))
        .collect();
    let lines = lines.join(&b'\n');
    service
        .client
        .post("/v1/events/batch", "application/x-ndjson", &lines)
        .expect(200);
    published(service)
}

fn published(service: &Service) -> u64 {
    let whole = service.client.get("/v1/log").expect(200).json()["tree_size"]
        .as_u64()
        .unwrap();
    eventually("everything is published", || {
        let answer = service.client.get("/log/checkpoint");
        answer.status == 200
            && Checkpoint::parse(SignedNote::parse(answer.text()).unwrap().text())
                .unwrap()
                .size
                >= whole
    });
    whole
}

fn ids(prefix: &str, count: usize) -> impl Iterator<Item = String> {
    (0..count).map(move |n| format!("{prefix}{n}"))
}

#[rstest]
fn it_goes_on_from_where_it_stood(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(watched) = Watched::new(backend) else { return };
    let service = watched.serve();
    let proxy = Proxy::start(service.client.address);
    let size = record(&service, ids("a", 600));
    let line = watched.look(&proxy.url(), 0, "verified");
    assert_eq!(
        (&line["tree_size"], &line["new_entries"], &line["commitments"]),
        (&json!(size), &json!(size), &Value::Null)
    );
    let asked = proxy.asked();
    assert!(
        asked.contains(&"/log/tile/entries/000".to_owned()) && asked.contains(&"/log/tile/0/001".to_owned()),
        "{asked:?}"
    );
    // Nothing new: the checkpoint and nothing else.
    watched.look(&proxy.url(), 0, "verified");
    assert_eq!(proxy.asked(), ["/log/checkpoint"]);
    let more = record(&service, ids("b", 3));
    let line = watched.look(&proxy.url(), 0, "verified");
    assert_eq!((&line["tree_size"], &line["new_entries"]), (&json!(more), &json!(3)));
    let asked = proxy.asked();
    assert!(
        asked
            .iter()
            .all(|path| !path.contains("/000") || path.contains("/1/000.p")),
        "{asked:?}"
    );
    // With a reader's token every record is compared with its entry.
    let fresh = Watched {
        state: tempfile::tempdir().unwrap(),
        ..watched
    };
    let output = fresh.monitor(&service.url(), &[], service.client.token.as_deref());
    let line = fresh.seen(&output, 0, "verified");
    assert_eq!(line["commitments"], json!({ "checked": more, "erased": 0 }));
    assert_eq!(line["origin"], ORIGIN);
    // For people it is a line of text, which says what was not looked at.
    let trusted = fresh.data.path().join("trusted.vkey");
    let output = command(&[
        "monitor",
        &service.url(),
        "--once",
        "--log-key",
        trusted.to_str().unwrap(),
    ])
    .args(["--state", fresh.state.path().to_str().unwrap()])
    .output()
    .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        text.contains("verified: ") && text.contains("commitments not checked"),
        "{text}"
    );
}

/// Two servers with one key, whose databases were the same once, behind one address.
#[rstest]
#[case::of_the_same_size(1, 1)]
#[case::the_second_larger(1, 3)]
#[case::the_second_smaller(3, 1)]
#[case::beyond_a_tile(2, 700)]
fn a_fork_behind_one_address_is_caught(#[case] first: usize, #[case] second: usize) {
    let Some((watched, copy)) = Watched::copied(5) else {
        return;
    };

    let witness_data = tempfile::tempdir().unwrap();
    let witness = Witness::start(
        witness_data.path(),
        free_address(),
        &["--log", &watched.log.to_string()],
    );
    let policy = watched.data.path().join("policy");
    std::fs::write(
        &policy,
        format!("witness w {} {}\nquorum none\n", witness.key, witness.url()),
    )
    .unwrap();
    let flags = ["--policy", policy.to_str().unwrap()];
    let original = Service::start(watched.data.path(), Some(&watched.database.url), &flags);
    let honest = record(&original, ids("first", first));
    let proxy = Proxy::start(original.client.address);
    watched.look(&proxy.url(), 0, "verified");
    eventually("the witness has seen it", || {
        let shown = witness.checkpoint(ORIGIN);
        shown.status == 200 && shown.text().contains(&format!("\n{honest}\n"))
    });

    let forked = Service::start(copy.path(), None, &flags);
    let other = record(&forked, ids("second", second));
    proxy.show(forked.client.address);
    let line = watched.look(&proxy.url(), 1, "tampered");
    assert!(line["message"].as_str().unwrap().contains("FORKED"), "{line}");
    let fork = watched.evidence(&line);
    assert_eq!((fork.held.size, fork.offered.size), (honest, other));
    // It does not come to believe it by looking again.
    let again = watched.look(&proxy.url(), 1, "tampered");
    assert_eq!(again["evidence"], line["evidence"]);
    proxy.show(original.client.address);
    watched.look(&proxy.url(), 0, "verified");

    // The witness caught it, too: the second server is told, and knows.
    let alarm = || forked.client.get("/v1/log").json()["witnessing"]["alarms"].clone();
    eventually("the alarm", || alarm() != json!([]));
    assert_eq!(alarm()[0]["held_size"], honest);
    if other >= honest {
        let folder = witness_data
            .path()
            .join("evidence")
            .join(ledger::sha256(ORIGIN.as_bytes()).to_hex());
        let mut place = None;
        eventually("the witness's evidence", || {
            let found = std::fs::read_dir(&folder).ok().and_then(|mut items| items.next());
            place = found
                .map(|item| item.unwrap().path())
                .filter(|path| path.extension().is_none());
            place.is_some()
        });
        let fork = check_evidence(&place.unwrap(), &watched.log);
        // Some checkpoint on the way to the last one may have been offered first.
        assert!(fork.held.size == honest && (honest..=other).contains(&fork.offered.size));
    }
}

/// Somebody with the database's password changes what was recorded.
#[test]
fn changes_to_the_database_are_seen() {
    let index = 4;
    for (what, statement, is_new) in [
        (
            "a leaf",
            format!(
                "UPDATE entry SET leaf = CAST(replace(CAST(leaf AS TEXT), 'time 1', 'time 2') AS BLOB) WHERE idx = {index}"
            ),
            true,
        ),
        (
            "a leaf cut off",
            format!("UPDATE entry SET leaf = substr(leaf, 1, 20) WHERE idx = {index}"),
            true,
        ),
        ("a leaf gone", format!("DELETE FROM entry WHERE idx = {index}"), true),
        (
            "a tile",
            "UPDATE tile SET hashes = zeroblob(8192) WHERE level = 0 AND idx = 0".to_owned(),
            true,
        ),
        (
            "a salt",
            format!("UPDATE envelope SET salt = zeroblob(32) WHERE idx = {index}"),
            true,
        ),
        (
            "the newest leaf",
            "UPDATE entry SET leaf = CAST(replace(CAST(leaf AS TEXT), 'time 1', 'time 2') AS BLOB) WHERE idx = 299"
                .to_owned(),
            false,
        ),
    ] {
        let Some(watched) = Watched::new(Backend::Sqlite) else {
            return;
        };
        let service = watched.serve();
        let size = record(&service, ids("e", 298));
        assert!(size >= 300);
        if !is_new {
            watched.look(&service.url(), 0, "verified");
        }
        for table in ["entry", "tile", "envelope"] {
            for verb in ["update", "delete"] {
                watched
                    .database
                    .execute(&format!("DROP TRIGGER {table}_no_{verb}"))
                    .unwrap();
            }
        }
        watched.database.execute("DROP TRIGGER envelope_only_erased").unwrap();
        watched.database.execute(&statement).unwrap();
        if !is_new {
            record(&service, ids("later", 1));
        }
        let output = watched.monitor(&service.url(), &[], service.client.token.as_deref());
        let line = watched.seen(&output, 1, "tampered");
        assert!(!line["message"].as_str().unwrap().is_empty(), "{what}: {line}");
        assert_eq!(
            watched
                .monitor(&service.url(), &[], service.client.token.as_deref())
                .status
                .code(),
            Some(1),
            "{what}"
        );
    }
}

/// A restored backup shows fewer entries than before, and does not have the others.
#[test]
fn a_log_that_goes_back_is_seen() {
    let Some(watched) = Watched::new(Backend::Sqlite) else {
        return;
    };
    let service = watched.serve();
    let before = record(&service, ids("e", 3));
    assert!(service.terminate());
    let backup = watched.copy();
    let service = Service::start(watched.data.path(), Some(&watched.database.url), &[]);
    let after = record(&service, ids("f", 3));
    watched.look(&service.url(), 0, "verified");
    assert!(service.terminate());
    let restored = Service::start(backup.path(), None, &[]);
    let line = watched.look(&restored.url(), 1, "tampered");
    let message = line["message"].as_str().unwrap();
    assert!(
        message.contains("gone back") && message.contains(&format!("{after}")),
        "{message}"
    );
    assert!(message.contains(&format!("shows {before} now")), "{message}");
}

#[test]
fn what_cannot_be_told_is_told() {
    let Some(watched) = Watched::new(Backend::Sqlite) else {
        return;
    };
    let nobody = format!("http://{}", free_address());
    watched.look(&nobody, 2, "unclear");
    let service = watched.serve();
    record(&service, ids("e", 2));
    // Another key than the log's: nothing that it signed is believed.
    let stranger = watched.data.path().join("stranger.vkey");
    let other = log_signer(&watched.data.path().join("other"), ORIGIN);
    std::fs::write(&stranger, format!("{}\n", other.key())).unwrap();
    let output = command(&[
        "monitor",
        &service.url(),
        "--once",
        "--log-key",
        stranger.to_str().unwrap(),
    ])
    .args(["--state", watched.state.path().to_str().unwrap()])
    .output()
    .unwrap();
    assert_eq!(code(&output), 1, "{}", String::from_utf8_lossy(&output.stderr));
    // A token that is none.
    let refused = watched.monitor(&service.url(), &[], Some("shipslog_000000000000_AAAA"));
    watched.seen(&refused, 2, "unclear");
    // A policy whose witness has not cosigned, while the log itself is in order.
    let data = tempfile::tempdir().unwrap();
    let witness = Witness::key(data.path(), "w");
    let policy = watched.data.path().join("policy");
    std::fs::write(&policy, format!("log {}\nwitness w {witness}\nquorum w\n", watched.log)).unwrap();
    let output = watched.monitor(&service.url(), &["--policy", policy.to_str().unwrap()], None);
    let line = watched.seen(&output, 2, "unclear");
    assert!(line["message"].as_str().unwrap().contains("quorum"), "{line}");
    // What is remembered was spoilt.
    watched.look(&service.url(), 0, "verified");
    let place = watched
        .state
        .path()
        .join(ledger::sha256(ORIGIN.as_bytes()).to_hex())
        .join("state.json");
    let state = std::fs::read_to_string(&place).unwrap();
    for spoilt in [
        state.replace("\"edge\":\"", "\"edge\":\"AAAA"),
        state.replace("shipslog-monitor/v1", "shipslog-monitor/v2"),
        state[..state.len() / 2].to_owned(),
        String::new(),
    ] {
        std::fs::write(&place, &spoilt).unwrap();
        let line = watched.look(&service.url(), 2, "unclear");
        assert!(line["message"].as_str().unwrap().contains("state.json"), "{line}");
        assert_eq!(
            std::fs::read_to_string(&place).unwrap(),
            spoilt,
            "it is not written over"
        );
    }
    std::fs::write(&place, &state).unwrap();
    watched.look(&service.url(), 0, "verified");
}

/// With a policy, the quorum has to be there; then it is said who gave it.
#[test]
fn a_quorum_is_demanded_and_named() {
    let Some(watched) = Watched::new(Backend::Sqlite) else {
        return;
    };
    let data = tempfile::tempdir().unwrap();
    let witness = Witness::start(data.path(), free_address(), &["--log", &watched.log.to_string()]);
    let policy = watched.data.path().join("policy");
    let text = format!(
        "log {}\nwitness w {} {}\nquorum w\n",
        watched.log,
        witness.key,
        witness.url()
    );
    std::fs::write(&policy, text).unwrap();
    let flags = ["--policy", policy.to_str().unwrap()];
    let service = Service::start(watched.data.path(), Some(&watched.database.url), &flags);
    eventually("it is cosigned", || {
        service.client.get("/log/checkpoint").header("shipslog-quorum") == Some("met")
    });
    let line = watched.seen(&watched.monitor(&service.url(), &flags, None), 0, "verified");
    assert_eq!(line["cosigned_by"], json!(["w"]));
}

/// Without --once it looks again and again, and ends when something is wrong.
#[test]
fn the_loop_ends_with_the_first_fork() {
    let Some((watched, copy)) = Watched::copied(2) else {
        return;
    };
    let original = Service::start(watched.data.path(), Some(&watched.database.url), &[]);
    record(&original, ids("first", 1));
    let forked = Service::start(copy.path(), None, &[]);
    record(&forked, ids("second", 1));
    let proxy = Proxy::start(original.client.address);
    let trusted = watched.data.path().join("trusted.vkey");
    let output = watched.data.path().join("out.jsonl");
    let mut monitor = command(&["monitor", &proxy.url(), "--interval", "1", "--format", "json"])
        .args([
            "--state",
            watched.state.path().to_str().unwrap(),
            "--log-key",
            trusted.to_str().unwrap(),
        ])
        .stdout(std::fs::File::create(&output).unwrap())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let lines = || std::fs::read_to_string(&output).unwrap();
    eventually("two looks", || lines().lines().count() >= 2);
    // A moment without a server does not end it.
    proxy.show(free_address());
    eventually("it cannot be told", || lines().contains("\"unclear\""));
    proxy.show(forked.client.address);
    let ended = monitor.wait().unwrap();
    assert_eq!(ended.code(), Some(1), "{}", lines());
    let last: Value = serde_json::from_str(lines().lines().last().unwrap()).unwrap();
    assert_eq!(last["verdict"], "tampered");
    watched.evidence(&last);
}
