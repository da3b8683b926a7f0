//! Disks that are full or broken, a file that two services want, clocks that jump: what was acknowledged stays, nothing is
//! half there, `/readyz` says why, and all is well again without a restart.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use ledger::{NoteKey, Receipt};
use rstest::rstest;

use crate::support::binary::{SHIPSLOG, Service, code, refused, run, said};
use crate::support::database::TestDatabase;
use crate::support::events::{deployed, sign};
use crate::support::http::Answer;
use crate::support::{Backend, TestApp, eventually, key};

fn envelope(id: &str) -> Vec<u8> {
    // As large as an event with a long list of changes.
    let mut event = deployed(id, "checkout", "production", 1);
    event["customData"]["shipslog"]["reason"] = "x".repeat(20_000).into();
    sign(&event, &key(7))
}

fn register(service: &Service) {
    let body = serde_json::json!({ "name": "pipeline", "public_key": key(7).public().to_pem() });
    service.client.post_json("/v1/producers", &body).expect(201);
}

fn size(service: &Service) -> u64 {
    service.client.get("/v1/log").expect(200).json()["tree_size"]
        .as_u64()
        .unwrap()
}

/// Every acknowledged event is there with the receipt that was given, and nothing else is.
fn check(service: Service, acknowledged: &BTreeMap<String, Answer>, others: u64) {
    let vkey = std::fs::read_to_string(service.data.join("log.vkey")).unwrap();
    let log = NoteKey::parse(vkey.trim_end()).unwrap();
    for (id, answer) in acknowledged {
        Receipt::parse(&answer.body)
            .unwrap()
            .verify(&log, &envelope(id))
            .unwrap();
        assert_eq!(
            service.client.record(&envelope(id)).expect(200).body,
            answer.body,
            "{id}"
        );
    }
    assert_eq!(size(&service), others + acknowledged.len() as u64);
    let data = service.data.clone();
    assert!(service.terminate());
    let fsck = run(&["fsck", "--data", data.to_str().unwrap()]);
    assert_eq!(
        code(&fsck),
        0,
        "{}{}",
        String::from_utf8_lossy(&fsck.stdout),
        said(&fsck)
    );
}

/// Records until it is refused; the refusal.
fn record_until_refused(service: &Service, name: &str, into: &mut BTreeMap<String, Answer>) -> Answer {
    for number in 0..5000 {
        let id = format!("{name}-{number}");
        let answer = service.client.record(&envelope(&id));
        if answer.status != 201 {
            return answer;
        }
        into.insert(id, answer);
    }
    panic!("nothing was refused");
}

/// Reads go on, and the reason can be read.
fn assert_reads(service: &Service, trouble: &str) {
    let problem = service.client.get("/readyz").problem(503);
    assert!(problem["detail"].as_str().unwrap().contains(trouble), "{problem}");
    for path in [
        "/healthz",
        "/v1/log",
        "/v1/events",
        "/v1/environments/production/state",
        "/log/checkpoint",
    ] {
        service.client.get(path).expect(200);
    }
}

/// A file system of its own, of so many MiB.
struct Mounted {
    folder: tempfile::TempDir,
}

impl Mounted {
    /// Mounts it where that is permitted; says so where it is not.
    fn new(mib: u32) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let size = format!("size={mib}m");
        let output = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "tmpfs"])
            .arg(folder.path())
            .output();
        match output {
            Ok(output) if output.status.success() => Some(Self { folder }),
            Ok(output) => {
                println!(
                    "skipped: no small file system can be mounted: {}",
                    said(&output).trim_end()
                );
                None
            }
            Err(error) => {
                println!("skipped: no small file system can be mounted: {error}");
                None
            }
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn free(&self) -> u64 {
        fs4::available_space(self.folder.path()).unwrap()
    }

    /// Leaves so many bytes free.
    fn fill(&self, leave: u64) {
        let bytes = vec![1; usize::try_from(self.free().saturating_sub(leave)).unwrap()];
        std::fs::write(self.path("filler"), bytes).unwrap();
    }

    fn empty(&self) {
        std::fs::remove_file(self.path("filler")).unwrap();
    }

    fn remount(&self, option: &str) -> bool {
        let mut command = Command::new("mount");
        command
            .args(["-o", &format!("remount,{option}")])
            .arg(self.folder.path());
        command.status().unwrap().success()
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let done = Command::new("umount").arg(self.folder.path()).status().unwrap();
        if !done.success() {
            println!("{} is still mounted", self.folder.path().display());
        }
    }
}

#[test]
fn below_the_watermark_nothing_is_recorded_and_everything_is_read() {
    let Some(disk) = Mounted::new(64) else { return };
    let service = Service::start(&disk.path("data"), None, &["--min-free-mib", "24"]);
    register(&service);
    let before = size(&service);
    let mut acknowledged = BTreeMap::new();
    acknowledged.insert(
        "early".to_owned(),
        service.client.record(&envelope("early")).expect(201),
    );
    disk.fill(20 << 20);
    eventually("it is seen", || service.client.get("/readyz").status == 503);
    let problem = service.client.record(&envelope("late")).problem(507);
    assert_eq!(problem["type"], "urn:shipslog:problem:storage-low");
    assert!(
        problem["detail"].as_str().unwrap().contains("24 MiB must stay free"),
        "{problem}"
    );
    service
        .client
        .post_json("/v1/tokens", &serde_json::json!({ "name": "x", "role": "reader" }))
        .problem(507);
    let batch = service
        .client
        .post("/v1/events/batch", "application/x-ndjson", &envelope("late"))
        .expect(200);
    assert_eq!(batch.json()["status"], 507, "{}", batch.text());
    assert_reads(&service, "storage-low: ");
    assert!(
        service.client.record(&envelope("early")).problem(507)["detail"]
            .as_str()
            .unwrap()
            .contains("MiB")
    );
    assert!(disk.free() > 15 << 20, "there was room to end what was begun");

    disk.empty();
    eventually("it is ready again", || service.client.get("/readyz").status == 200);
    acknowledged.insert("late".to_owned(), service.client.record(&envelope("late")).expect(201));
    check(service, &acknowledged, before);
}

#[test]
fn a_service_starts_on_a_disk_that_is_nearly_full_and_reads() {
    let Some(disk) = Mounted::new(64) else { return };
    let service = Service::start(&disk.path("data"), None, &[]);
    register(&service);
    service.client.record(&envelope("early")).expect(201);
    assert!(service.terminate());
    // Without a flag, a twentieth of so small a file system must stay free.
    disk.fill(2 << 20);
    let service = Service::start(&disk.path("data"), None, &[]);
    // The writer looks at the disk on a thread of its own.
    eventually("it saw that the disk is full", || {
        service.client.get("/readyz").status == 503
    });
    assert_reads(&service, "3 MiB must stay free");
    service.client.record(&envelope("late")).problem(507);
    disk.empty();
    eventually("it is ready", || service.client.get("/readyz").status == 200);
    service.client.record(&envelope("late")).expect(201);
}

/// Nobody watched: the disk fills up to the last byte, and is emptied, again and again.
#[test]
fn a_full_disk_loses_nothing_that_was_acknowledged() {
    let Some(disk) = Mounted::new(40) else { return };
    let service = Service::start(&disk.path("data"), None, &["--min-free-mib", "0"]);
    register(&service);
    let before = size(&service);
    let mut acknowledged = BTreeMap::new();
    for round in 0..4 {
        disk.fill(200_000 + 70_000 * round);
        let refused = record_until_refused(&service, &format!("round-{round}"), &mut acknowledged);
        let problem = refused.problem(507);
        assert_eq!(problem["type"], "urn:shipslog:problem:storage-low", "{problem}");
        assert_eq!(size(&service), before + acknowledged.len() as u64, "no half of a batch");
        // While it is full: many at once, none gets in.
        let lines: Vec<Vec<u8>> = (0..60).map(|n| envelope(&format!("flood-{round}-{n}"))).collect();
        let flood = service
            .client
            .post("/v1/events/batch", "application/x-ndjson", &lines.join(&b'\n'))
            .expect(200);
        assert!(
            flood.text().lines().all(|line| line.starts_with("{\"problem\"")),
            "{}",
            flood.text()
        );
        assert_reads(&service, "storage: ");
        disk.empty();
        eventually("it is ready again", || service.client.get("/readyz").status == 200);
        let id = format!("after-{round}");
        acknowledged.insert(id.clone(), service.client.record(&envelope(&id)).expect(201));
    }
    check(service, &acknowledged, before);
}

/// Writing fails though there is room: a limit on the size of files gives the same error as a broken disk, anywhere.
#[test]
fn a_file_that_cannot_grow_loses_nothing_that_was_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    // The signal that comes with the error would end the process otherwise.
    let program = [&["sh", "-c", "trap '' XFSZ; exec \"$@\"", "sh"], SHIPSLOG].concat();
    let service = Service::start_of(&program, &data, None, &[]).unwrap();
    register(&service);
    let before = size(&service);
    let mut acknowledged = BTreeMap::new();
    acknowledged.insert(
        "early".to_owned(),
        service.client.record(&envelope("early")).expect(201),
    );
    let limit = |soft: &str| {
        let status = Command::new("prlimit")
            .args(["--pid", &service.id().to_string(), &format!("--fsize={soft}:")])
            .status();
        status.is_ok_and(|status| status.success())
    };
    let wal = std::fs::metadata(data.join("shipslog.db-wal")).unwrap().len();
    if !limit(&(wal + 200_000).to_string()) {
        println!("skipped: prlimit (util-linux) is not there");
        return;
    }
    for round in 0..3 {
        let refused = record_until_refused(&service, &format!("round-{round}"), &mut acknowledged);
        let problem = refused.problem(503);
        assert_eq!(problem["type"], "urn:shipslog:problem:unconfirmed", "{problem}");
        assert_eq!(size(&service), before + acknowledged.len() as u64);
    }
    service.client.get("/v1/events").expect(200);
    assert!(limit("unlimited"));
    eventually("it is ready again", || service.client.get("/readyz").status == 200);
    acknowledged.insert(
        "after".to_owned(),
        service.client.record(&envelope("after")).expect(201),
    );
    check(service, &acknowledged, before);
}

#[test]
fn a_read_only_file_system_is_named_at_start() {
    let Some(disk) = Mounted::new(40) else { return };
    let data = disk.path("data");
    let service = Service::start(&data, None, &[]);
    register(&service);
    assert!(service.terminate());
    assert!(disk.remount("ro"));
    let url = format!("sqlite:{}", data.join("shipslog.db").display());
    let output = refused(&data, &url, &[]);
    assert_eq!(code(&output), 1);
    assert!(
        said(&output).to_lowercase().contains("read-only file system"),
        "{}",
        said(&output)
    );
    assert!(disk.remount("rw"));
    let service = Service::start(&data, None, &[]);
    service.client.record(&envelope("after")).expect(201);
}

#[test]
fn one_sqlite_file_takes_one_service() {
    let database = TestDatabase::new(Backend::Sqlite).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let first = Service::start(&data, Some(&database.url), &[]);
    register(&first);
    for data in [&data, &folder.path().join("other")] {
        let output = refused(data, &database.url, &[]);
        assert_eq!(code(&output), 1);
        assert!(
            said(&output).contains("one SQLite file takes one service"),
            "{}",
            said(&output)
        );
    }
    first.client.record(&envelope("first")).expect(201);
    // What only reads runs beside it.
    let fsck = run(&["fsck", "--data", data.to_str().unwrap(), "--database", &database.url]);
    assert_eq!(code(&fsck), 0, "{}", said(&fsck));
    // However the first one ends, the next one starts.
    first.signal("KILL");
    drop(first);
    let second = Service::start(&data, Some(&database.url), &[]);
    second.client.record(&envelope("second")).expect(201);
}

/// Another program holds SQLite's write lock, or a session that of PostgreSQL's head, for longer than anybody waits.
#[rstest]
fn a_lock_that_is_held_too_long_is_an_error_and_then_over(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(app) = TestApp::start(backend) else { return };
    let before = app.tree_size();
    let held = app.database.hold_writes();
    let problem = app
        .client
        .record(&sign(&deployed("e", "checkout", "production", 1), &app.pipeline))
        .problem(503);
    assert_eq!(problem["type"], "urn:shipslog:problem:unavailable", "{problem}");
    assert_eq!(app.tree_size(), before);
    assert!(
        app.client.get("/readyz").problem(503)["detail"]
            .as_str()
            .unwrap()
            .contains("storage: ")
    );
    drop(held);
    eventually("it is ready again", || app.client.get("/readyz").status == 200);
    app.record(&deployed("e", "checkout", "production", 1));
}

#[rstest]
fn a_clock_that_jumps_back_is_seen_and_entries_keep_their_order(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(app) = TestApp::start(backend) else { return };
    let set = |time: &str| app.clock.set(shipslog::domain::Instant::parse(time).unwrap());
    let recorded = |id: &str| {
        let index = app.record(&deployed(id, "checkout", "production", 1));
        let entry = app.client.get(&format!("/v1/log/entries/{index}")).expect(200).json();
        entry["time"].as_str().unwrap().to_owned()
    };
    let says = || {
        app.client
            .get("/readyz")
            .expect(200)
            .text()
            .contains("clock: the clock is behind the newest entry")
    };
    set("2026-03-02T12:00:00Z");
    assert_eq!(recorded("noon"), "2026-03-02T12:00:00.000Z");
    // Replicas differ by seconds.
    set("2026-03-02T11:59:56Z");
    assert_eq!(recorded("a little earlier"), "2026-03-02T12:00:00.000Z");
    assert!(!says());
    for back in ["2026-03-02T11:59:54Z", "2026-03-02T11:00:00Z", "2016-03-02T12:00:00Z"] {
        set(back);
        eventually("it is said", says);
        assert_eq!(recorded(back), "2026-03-02T12:00:00.000Z", "{back}");
    }
    set("2026-03-02T12:00:01Z");
    eventually("it is over", || !says());
    assert_eq!(recorded("later"), "2026-03-02T12:00:01.000Z");
    // And published again, whatever the clock did.
    let size = app.tree_size();
    set("2026-03-02T12:00:10Z");
    eventually("it is published", || {
        app.client.get("/log/checkpoint").expect(200).text().lines().nth(1) == Some(&size.to_string())
    });
}

/// What starting reads does not grow with the log, but for the decisions about keys.
#[test]
fn starting_does_not_read_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let service = Service::start(&data, None, &[]);
    register(&service);
    let batch = |from: u64, to: u64| {
        let lines: Vec<Vec<u8>> = (from..to)
            .map(|n| sign(&deployed(&format!("e{n}"), "checkout", "production", n), &key(7)))
            .collect();
        service
            .client
            .post("/v1/events/batch", "application/x-ndjson", &lines.join(&b'\n'))
            .expect(200);
    };
    // Past the middle of a run of references, where most is loaded; then as far in the next ones.
    batch(0, 6_000);
    assert!(service.terminate());
    let Some(small) = bytes_read_to_start(&data) else {
        return;
    };
    let service = Service::start(&data, None, &[]);
    let before = size(&service);
    for from in [6_000, 11_000] {
        let lines: Vec<Vec<u8>> = (from..from + 3_000 + (from - 6_000) / 5_000 * 2_192)
            .map(|n| sign(&deployed(&format!("e{n}"), "checkout", "production", n), &key(7)))
            .collect();
        service
            .client
            .post("/v1/events/batch", "application/x-ndjson", &lines.join(&b'\n'))
            .expect(200);
    }
    assert_eq!(size(&service), before + 8_192, "two runs more");
    assert!(service.terminate());
    let large = bytes_read_to_start(&data).unwrap();
    let file = std::fs::metadata(data.join("shipslog.db")).unwrap().len();
    println!(
        "{small} bytes to start at {before} entries, {large} at {}; the database has {file}",
        before + 8_192
    );
    assert!(large < small + small / 4, "{small} bytes became {large}");
}

/// Bytes that a service has read when it is ready.
fn bytes_read_to_start(data: &Path) -> Option<u64> {
    let service = Service::start(data, None, &[]);
    service.client.get("/readyz").expect(200);
    let Ok(io) = std::fs::read_to_string(format!("/proc/{}/io", service.id())) else {
        println!("skipped: the system does not say what a process reads");
        return None;
    };
    assert!(service.terminate());
    io.lines().find_map(|line| line.strip_prefix("rchar: ")?.parse().ok())
}
