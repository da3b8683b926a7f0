//! A database that is not the newest copy of its log: the guard sees it, and the log does not fork.

use std::path::{Path, PathBuf};

use ledger::{Checkpoint, SignedNote};
use rstest::rstest;

use crate::support::binary::{Service, code, refused, run, said, stdout};
use crate::support::database::TestDatabase;
use crate::support::events::{deployed, sign};
use crate::support::http::Answer;
use crate::support::{Backend, eventually, key};

/// Where the newest published checkpoint is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    File,
    Database,
}

/// A log whose service is started and stopped on one copy of its database or another.
struct Site {
    folder: tempfile::TempDir,
    database: TestDatabase,
    guard: Option<TestDatabase>,
}

impl Site {
    /// A log with a producer and a few events, and nobody serving it.
    fn new(backend: Backend, place: Place) -> Option<Self> {
        let database = TestDatabase::new(backend)?;
        let guard = (place == Place::Database).then(|| TestDatabase::new(backend).unwrap());
        let folder = tempfile::tempdir().unwrap();
        let site = Self {
            folder,
            database,
            guard,
        };
        let service = site.start(&site.database);
        let body = serde_json::json!({ "name": "pipeline", "public_key": key(7).public().to_pem() });
        service.client.post_json("/v1/producers", &body).expect(201);
        record(&service, "first", 3);
        assert!(service.terminate());
        Some(site)
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn start(&self, database: &TestDatabase) -> Service {
        self.start_in(&self.data(), database, self.guard.as_ref())
    }

    fn start_in(&self, data: &Path, database: &TestDatabase, guard: Option<&TestDatabase>) -> Service {
        let arguments = guard.map(|guard| ["--guard", &guard.url]);
        Service::start(
            data,
            Some(&database.url),
            arguments.as_ref().map_or(&[], |flags| &flags[..]),
        )
    }

    /// Runs `shipslog guard …` on the site's own database.
    fn guard(&self, arguments: &[&str], database: &TestDatabase) -> std::process::Output {
        let data = self.data();
        let mut all = vec!["guard"];
        all.extend(arguments);
        all.extend(["--data", data.to_str().unwrap(), "--database", &database.url]);
        if let Some(guard) = &self.guard {
            all.extend(["--guard", &guard.url]);
        }
        run(&all)
    }

    /// The data directory as it is now, guard included, in another place.
    fn copy_data(&self) -> PathBuf {
        let copy = self.folder.path().join("copy");
        std::fs::create_dir(&copy).unwrap();
        for file in std::fs::read_dir(self.data()).unwrap() {
            let file = file.unwrap();
            std::fs::copy(file.path(), copy.join(file.file_name())).unwrap();
        }
        copy
    }

    fn export_verifies(&self, service: &Service) {
        let bundle = self.folder.path().join(format!("bundle-{}", service.id()));
        let bundle = bundle.to_str().unwrap();
        stdout(&service.shipslog(&["export", bundle]));
        let vkey = self.data().join("log.vkey");
        stdout(&run(&["verify", "bundle", bundle, "--log-key", vkey.to_str().unwrap()]));
    }
}

fn envelope(id: &str) -> Vec<u8> {
    sign(&deployed(id, "checkout", "production", 1), &key(7))
}

fn record(service: &Service, name: &str, count: u64) {
    for n in 0..count {
        service.client.record(&envelope(&format!("{name}-{n}"))).expect(201);
    }
}

fn size_in(guard: &Path) -> u64 {
    let note = SignedNote::parse(&std::fs::read_to_string(guard).unwrap()).unwrap();
    Checkpoint::parse(note.text()).unwrap().size
}

/// It reads and exports, writes nothing, and says why.
fn assert_read_only(site: &Site, service: &Service, why: &str) {
    let size = service.client.get("/v1/log").expect(200).json()["tree_size"].clone();
    let refusals: [Answer; 3] = [
        service.client.record(&envelope("late")),
        service
            .client
            .post_json("/v1/tokens", &serde_json::json!({ "name": "late", "role": "reader" })),
        service.client.get("/readyz"),
    ];
    for answer in refusals {
        let problem = answer.problem(503);
        assert!(problem["detail"].as_str().unwrap().contains(why), "{problem}");
    }
    let problem = service.client.record(&envelope("late")).problem(503);
    assert_eq!(problem["type"], "urn:shipslog:problem:read-only-guard");
    let batch = service
        .client
        .post("/v1/events/batch", "application/x-ndjson", &envelope("late"))
        .expect(200);
    assert_eq!(batch.json()["status"], 503, "{}", batch.text());
    assert_eq!(service.client.get("/v1/log").expect(200).json()["tree_size"], size);
    service.client.get("/healthz").expect(200);
    service.client.get("/v1/events/2").expect(200);
    service.client.get("/v1/environments/production/state").expect(200);
    site.export_verifies(service);
}

#[rstest]
fn a_restored_backup_is_read_only(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
    #[values(Place::File, Place::Database)] place: Place,
) {
    let Some(site) = Site::new(backend, place) else { return };
    let backup = site.database.copy();
    let service = site.start(&site.database);
    record(&service, "second", 2);
    assert!(service.terminate());

    let service = site.start(&backup);
    assert_read_only(&site, &service, "older copy");
    let problem = service.client.get("/readyz").problem(503);
    assert!(
        problem["detail"].as_str().unwrap().contains("--predecessor"),
        "it says what to do: {problem}"
    );
    assert!(service.terminate());
    let shown = site.guard(&["show"], &backup);
    assert_eq!(code(&shown), 1, "{}", said(&shown));
    assert!(said(&shown).contains("older copy"), "{}", said(&shown));

    // Nothing happened to the log itself.
    let service = site.start(&site.database);
    service.client.get("/readyz").expect(200);
    record(&service, "third", 1);
    assert!(service.terminate());
    assert!(stdout(&site.guard(&["show"], &site.database)).contains("continues it"));
}

#[rstest]
fn a_copy_that_went_its_own_way_is_read_only(
    #[values((Backend::Sqlite, Place::File, 2), (Backend::Sqlite, Place::Database, 5), (Backend::Postgres, Place::Database, 2))]
    (backend, place, more): (Backend, Place, u64),
) {
    let Some(site) = Site::new(backend, place) else { return };
    let (fork, data) = (site.database.copy(), site.copy_data());
    let guard = site.guard.as_ref().map(TestDatabase::copy);
    let service = site.start(&site.database);
    record(&service, "second", 2);
    assert!(service.terminate());
    // As large as the log, or larger; with the same keys.
    let service = site.start_in(&data, &fork, guard.as_ref());
    record(&service, "other", more);
    assert!(service.terminate());

    let service = site.start(&fork);
    assert_read_only(&site, &service, "went its own way");
}

#[rstest]
fn a_missing_guard_is_not_made_again_in_silence(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
    #[values(Place::File, Place::Database)] place: Place,
) {
    let Some(site) = Site::new(backend, place) else { return };
    let unneeded = site.guard(&["accept", "--reason", "to see"], &site.database);
    assert_eq!(code(&unneeded), 1, "{}", said(&unneeded));
    match &site.guard {
        Some(guard) => guard.execute("DELETE FROM shipslog_guard").unwrap(),
        None => std::fs::remove_file(site.data().join("guard")).unwrap(),
    }
    for _ in 0..2 {
        let service = site.start(&site.database);
        assert_read_only(&site, &service, "guard accept --reason");
        assert!(service.terminate());
    }
    assert_eq!(code(&site.guard(&["show"], &site.database)), 1);

    let reason = "The disk of the guard broke; the database was never restored";
    let accepted = stdout(&site.guard(&["accept", "--reason", reason], &site.database));
    let service = site.start(&site.database);
    service.client.get("/readyz").expect(200);
    let newest = service.client.get("/v1/events?limit=1").expect(200).json()["items"][0].clone();
    assert_eq!(
        newest["type"], "dev.cdeventsx.shipslog-guard.accepted.0.1.0",
        "{newest}"
    );
    let index = newest["index"].as_u64().unwrap();
    assert!(accepted.starts_with(&format!("entry {index} records it")), "{accepted}");
    let event = service
        .client
        .get(&format!("/v1/events/{index}/envelope"))
        .expect(200)
        .json();
    let payload = ledger::Envelope::parse(event.to_string().as_bytes()).unwrap().payload;
    assert!(String::from_utf8(payload).unwrap().contains(reason));
    record(&service, "after", 1);
    site.export_verifies(&service);
}

#[test]
fn a_guard_of_another_log_is_no_guard() {
    let site = Site::new(Backend::Sqlite, Place::File).unwrap();
    let other = Site::new(Backend::Sqlite, Place::File).unwrap();
    std::fs::copy(other.data().join("guard"), site.data().join("guard")).unwrap();
    let service = site.start(&site.database);
    assert_read_only(&site, &service, "holds no checkpoint of this log");
}

#[test]
fn the_guard_is_not_kept_in_what_it_guards() {
    let database = TestDatabase::new(Backend::Sqlite).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let output = refused(&folder.path().join("data"), &database.url, &["--guard", &database.url]);
    assert_eq!(code(&output), 1);
    assert!(said(&output).contains("--guard"), "{}", said(&output));

    // Nor under another spelling.
    let folder = folder.path().to_str().unwrap();
    let database = format!("sqlite:{folder}/log.db");
    let output = refused(
        &Path::new(folder).join("data"),
        &database,
        &["--guard", &format!("sqlite:{folder}/./log.db")],
    );
    assert_eq!(code(&output), 1);
    assert!(said(&output).contains("--guard"), "{}", said(&output));
}

/// The guard is made before the log: a crash in between leaves what the next start takes up.
#[test]
fn a_log_whose_creation_was_interrupted_is_created() {
    let site = Site::new(Backend::Sqlite, Place::File).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    std::fs::create_dir(&data).unwrap();
    for file in ["log.key.pem", "service.key.pem", "origin"] {
        std::fs::copy(site.data().join(file), data.join(file)).unwrap();
    }
    // The same keys with a guard that holds entries: that log was published.
    std::fs::copy(site.data().join("guard"), data.join("guard")).unwrap();
    let empty = TestDatabase::new(Backend::Sqlite).unwrap();
    let output = refused(&data, &empty.url, &[]);
    assert!(said(&output).contains("restore it"), "{}", said(&output));

    std::fs::remove_file(data.join("guard")).unwrap();
    let signer = ledger::PrivateKey::from_pem(&std::fs::read_to_string(data.join("log.key.pem")).unwrap()).unwrap();
    let origin = std::fs::read_to_string(data.join("origin"))
        .unwrap()
        .trim_end()
        .to_owned();
    let signer = ledger::NoteSigner::new(&origin, signer).unwrap();
    let (size, root) = (0, ledger::Hash::EMPTY_ROOT);
    let empty_note = Checkpoint { origin, size, root }.sign(&signer).unwrap();
    std::fs::write(data.join("guard"), empty_note.to_string()).unwrap();
    let service = Service::start(&data, Some(&empty.url), &[]);
    service.client.get("/readyz").expect(200);
    eventually("the guard moved", || size_in(&data.join("guard")) > 0);
}

/// What `/log/checkpoint` serves is in the guard already.
#[rstest]
fn the_guard_moves_before_a_checkpoint_is_served(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(site) = Site::new(backend, Place::File) else {
        return;
    };
    let service = site.start(&site.database);
    let path = site.data().join("guard");
    let (mut rounds, mut seen) = (0, 0);
    eventually("checkpoints are published meanwhile", || {
        record(&service, &format!("round-{rounds}"), 1);
        let note = service.client.get("/log/checkpoint").expect(200);
        let served = Checkpoint::parse(SignedNote::parse(note.text()).unwrap().text())
            .unwrap()
            .size;
        assert!(
            size_in(&path) >= served,
            "{served} is served, the guard holds {}",
            size_in(&path)
        );
        (rounds, seen) = (rounds + 1, seen.max(served));
        rounds >= 60 && seen > 10
    });

    // A guard that cannot be moved: nothing is published, and records are taken all the same.
    block(&path);
    record(&service, "unguarded", 1);
    eventually("it says so", || {
        service
            .client
            .get("/readyz")
            .expect(200)
            .text()
            .contains("publication: ")
    });
    record(&service, "unguarded-more", 1);
    let held = size_in(&path);
    let note = service.client.get("/log/checkpoint").expect(200);
    assert_eq!(
        Checkpoint::parse(SignedNote::parse(note.text()).unwrap().text())
            .unwrap()
            .size,
        held
    );
    unblock(&path);
    let size = service.client.get("/v1/log").json()["tree_size"].as_u64().unwrap();
    eventually("it is published", || size_in(&path) == size);
    eventually("all is well", || {
        !service.client.get("/readyz").expect(200).text().contains("publication")
    });
}

/// A failover to a standby that lagged: the acknowledged tail is gone while the service runs on. Published or not: of what was not,
/// only the process itself knows.
#[rstest]
fn a_database_that_goes_back_under_a_running_service_is_not_written_to(#[values(true, false)] published: bool) {
    let Some(site) = Site::new(Backend::Postgres, Place::File) else {
        return;
    };
    let standby = site.database.copy();
    let service = site.start(&site.database);
    let guard = site.data().join("guard");
    if !published {
        block(&guard);
    }
    record(&service, "second", 2);
    let size = service.client.get("/v1/log").json()["tree_size"].as_u64().unwrap();
    if published {
        eventually("it is published", || size_in(&guard) == size);
    }
    site.database.exchange(&standby);
    eventually("it is seen", || {
        let answer = service.client.get("/readyz");
        answer.status == 503 && answer.text().contains("older copy")
    });
    assert!(published || size_in(&guard) < size);
    assert_read_only(&site, &service, "older copy");
    // The right one comes back: so does the service.
    site.database.exchange(&standby);
    eventually("it is ready", || service.client.get("/readyz").status == 200);
    record(&service, "third", 1);
    if !published {
        unblock(&guard);
    }
}

/// Keeps a guard file from moving.
fn block(guard: &Path) {
    std::fs::remove_file(guard.with_extension("lock")).unwrap();
    std::fs::create_dir(guard.with_extension("lock")).unwrap();
}

fn unblock(guard: &Path) {
    std::fs::remove_dir(guard.with_extension("lock")).unwrap();
}

/// Replicas with a guard file each: the file of one that only follows moves too.
#[test]
fn every_replica_keeps_its_guard_file_up_to_date() {
    let Some(site) = Site::new(Backend::Postgres, Place::File) else {
        return;
    };
    let data = site.copy_data();
    let backup = site.database.copy();
    let one = site.start(&site.database);
    record(&one, "second", 4);
    assert!(one.terminate());
    // Started late, its file is only a lower bound.
    let (one, other) = (site.start(&site.database), site.start_in(&data, &site.database, None));
    other.client.get("/readyz").expect(200);
    record(&one, "third", 1);
    record(&other, "third-too", 1);
    record(&one, "fourth", 1);
    let size = one.client.get("/v1/log").json()["tree_size"].as_u64().unwrap();
    eventually("both files hold the newest checkpoint", || {
        [site.data(), data.clone()]
            .iter()
            .all(|data| size_in(&data.join("guard")) == size)
    });
    assert!(one.terminate() && other.terminate());
    let other = site.start_in(&data, &backup, None);
    assert_read_only(&site, &other, "older copy");
}
