//! The real binary as people use it: serve, keys, record, read, and what it says and leaves behind when it refuses.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use rstest::rstest;
use serde_json::Value;

use crate::support::Backend;
use crate::support::binary::{Service, code, command, refused, run, said, stdout};
use crate::support::database::TestDatabase;

/// A service on a fresh database with a producer `ci` whose private key is in `ci.pem`.
struct Site {
    folder: tempfile::TempDir,
    service: Service,
    _database: TestDatabase,
}

impl Site {
    fn start(backend: Backend) -> Option<Self> {
        let database = TestDatabase::new(backend)?;
        let folder = tempfile::tempdir().unwrap();
        let service = Service::start(&folder.path().join("data"), Some(&database.url), &[]);
        let site = Self {
            folder,
            service,
            _database: database,
        };
        stdout(&run(&["keygen", "--out", &site.path("ci.pem")]));
        stdout(
            &site
                .service
                .shipslog(&["producer", "add", "ci", "--public-key", &site.path("ci.pub.pem")]),
        );
        Some(site)
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    /// Records a finished deployment from the site's own folder.
    fn deploy(&self, service: &str, version: &str, more: &[&str]) -> Value {
        let key = self.path("ci.pem");
        let mut arguments = vec![
            "record",
            "deployment",
            "--service",
            service,
            "--environment",
            "production",
        ];
        arguments.extend(["--version", version, "--key", &key, "--outcome", "success"]);
        arguments.extend(more);
        let output = command(&arguments)
            .current_dir(self.folder.path())
            .env("SHIPSLOG_URL", self.service.url())
            .env("SHIPSLOG_TOKEN", self.service.client.token.as_deref().unwrap())
            .output()
            .unwrap();
        serde_json::from_str(&stdout(&output)).unwrap()
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[rstest]
fn a_receipt_that_cannot_be_kept_is_told_before_anything_is_recorded(#[values(Backend::Sqlite)] backend: Backend) {
    let Some(site) = Site::start(backend) else { return };
    let size = || site.service.client.get("/v1/log").json()["tree_size"].as_u64().unwrap();
    let before = size();
    let record = |receipt: &str| {
        let (key, receipt) = (site.path("ci.pem"), site.path(receipt));
        let arguments = [
            "record",
            "test",
            "--service",
            "shop",
            "--environment",
            "staging",
            "--suite",
            "e2e",
        ];
        let commit = "f95f852bd8fca8fcc58a9a2d6c842781e32a215e";
        let more = [
            "--outcome",
            "success",
            "--commit",
            commit,
            "--key",
            &key,
            "--receipt",
            &receipt,
        ];
        site.service.shipslog(&[&arguments[..], &more].concat())
    };
    for unfit in ["", "missing/receipt.json"] {
        let output = record(unfit);
        assert!(said(&output).contains("nothing is recorded"), "{}", said(&output));
        assert_eq!(code(&output), 1);
    }
    assert_eq!(size(), before);
    let printed = stdout(&record("receipt.json"));
    assert_eq!(
        fs::read_to_string(site.path("receipt.json")).unwrap(),
        printed.trim_end()
    );
    // Where there is no room for it in the end, it is printed all the same.
    let full = Path::new("/dev/full");
    if full.exists() {
        std::os::unix::fs::symlink(full, site.path("full")).unwrap();
        let output = record("full");
        assert!(said(&output).contains("do not record it again"), "{}", said(&output));
        let receipt: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(receipt["index"], before + 1);
        assert_eq!(code(&output), 1);
    }
}

#[test]
fn a_start_that_fails_decides_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let missing = folder.path().join("policy.txt");
    let database = format!("sqlite:{}/log.db", folder.path().display());
    for (url, flags) in [
        ("mysql://x", vec![]),
        (&database, vec!["--policy", missing.to_str().unwrap()]),
    ] {
        assert_ne!(code(&refused(&data, url, &flags)), 0);
        assert!(!data.exists() && !folder.path().join("log.db").exists());
    }
    // Nobody answers there.
    assert_ne!(code(&refused(&data, "postgres://u@127.0.0.1:1/log", &[])), 0);
    let service = Service::start(&data, Some(&database), &["--origin", "log.example"]);
    assert_eq!(
        service.client.get("/v1/log").expect(200).json()["origin"],
        "log.example"
    );
    assert!(service.terminate());
    let other = refused(&data, &database, &["--origin", "other.example"]);
    assert!(said(&other).contains("never changes"), "{}", said(&other));
}

#[rstest]
fn the_first_start_sets_everything_up(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(site) = Site::start(backend) else { return };
    let data = &site.service.data;
    assert_eq!(mode(&data.join("admin.token")), 0o600);
    assert_eq!(mode(&data.join("log.key.pem")), 0o600);
    assert_eq!(mode(&data.join("service.key.pem")), 0o600);
    let vkey = fs::read_to_string(data.join("log.vkey")).unwrap();
    assert_eq!(vkey.trim_end(), site.service.client.get("/v1/log").json()["log_key"]);
    assert_eq!(site.service.client.anonymous().get("/healthz").status, 200);
    assert_eq!(mode(Path::new(&site.path("ci.pem"))), 0o600);
    let key = ledger::PrivateKey::from_pem(&fs::read_to_string(site.path("ci.pem")).unwrap()).unwrap();
    let public = ledger::PublicKey::from_pem(&fs::read_to_string(site.path("ci.pub.pem")).unwrap()).unwrap();
    assert_eq!(key.public().id(), public.id());
    // A key that is there is never written over.
    assert_ne!(code(&run(&["keygen", "--out", &site.path("ci.pem")])), 0);
}

#[rstest]
fn records_are_made_and_read(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(site) = Site::start(backend) else { return };
    let first = site.deploy("checkout", "1.0.0", &[]);
    let second = site.deploy(
        "checkout",
        "1.1.0",
        &["--receipt", &site.path("r.json"), "--envelope", &site.path("e.json")],
    );
    assert_eq!(second["index"].as_u64().unwrap(), first["index"].as_u64().unwrap() + 1);
    let kept: Value = serde_json::from_str(&fs::read_to_string(site.path("r.json")).unwrap()).unwrap();
    assert_eq!(kept, second);

    let key = site.path("ci.pem");
    let digest = format!("sha256:{}", "a".repeat(64));
    let place = ["--service", "checkout", "--environment", "production", "--key", &key];
    for (kind, arguments) in [
        ("approval", &["--by", "grace@example.com", "--artifact", &digest][..]),
        (
            "test",
            &[
                "--suite",
                "integration",
                "--outcome",
                "success",
                "--artifact",
                &digest,
                "--passed",
                "40",
            ],
        ),
        (
            "incident",
            &["--id", "INC-1", "--description", "Payments fail", "--severity", "high"],
        ),
    ] {
        let receipt = site.service.json(&[&["record", kind][..], &place, arguments].concat());
        assert!(receipt["index"].is_u64(), "{kind}: {receipt}");
    }
    assert_eq!(
        site.service.client.get("/v1/incidents/INC-1").expect(200).json()["incident"]["severity"],
        "high"
    );
    let change = [
        "record",
        "change",
        "--id",
        "42",
        "--repository",
        "https://git.example.com/shop",
        "--key",
        &key,
    ];
    assert!(site.service.json(&change)["index"].is_u64());
    let state = site.service.json(&["state", "production", "--format", "json"]);
    assert_eq!(state["items"][0]["version"], "1.1.0");
    let at = state["items"][0]["since"].as_str().unwrap();
    let then = site
        .service
        .json(&["state", "production", "--at", at, "--format", "json"]);
    assert_eq!(then["items"][0]["version"], "1.1.0");
    let before = site.service.json(&[
        "state",
        "production",
        "--at",
        "2020-01-01T00:00:00Z",
        "--format",
        "json",
    ]);
    assert_eq!(before["items"].as_array().unwrap().len(), 0);
    assert!(stdout(&site.service.shipslog(&["state", "production"])).contains("checkout"));
    let found = site.service.json(&["search", "1.1.", "--format", "json"]);
    assert!(!found["items"].as_array().unwrap().is_empty());
    assert!(stdout(&site.service.shipslog(&["producer", "list"])).contains("ci"));

    // The same envelope again is the same record.
    assert_eq!(site.service.json(&["send", &site.path("e.json")]), second);
    stdout(
        &site
            .service
            .shipslog(&["producer", "revoke", "ci", "--reason", "rotated"]),
    );
    let refused = site.service.shipslog(&[
        "record",
        "incident",
        "--id",
        "INC-2",
        "--service",
        "checkout",
        "--environment",
        "production",
        "--key",
        &key,
    ]);
    assert_eq!(code(&refused), 1);
    assert!(refused.stdout.is_empty() && String::from_utf8_lossy(&refused.stderr).contains("revoked"));
}

#[rstest]
fn a_deployment_collects_its_commits_from_git(#[values(Backend::Sqlite)] backend: Backend) {
    let Some(site) = Site::start(backend) else { return };
    if Command::new("git").arg("--version").output().is_err() {
        println!("skipped: git is missing");
        return;
    }
    let git = |arguments: &[&str]| {
        let output = Command::new("git")
            .args([
                "-c",
                "user.name=Ada",
                "-c",
                "user.email=ada@example.com",
                "-c",
                "commit.gpgsign=false",
            ])
            .args(arguments)
            .current_dir(site.folder.path())
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    git(&["init", "-q", "-b", "main"]);
    for (version, messages) in [
        ("1.0.0", &["feat: pay by card"][..]),
        ("1.1.0", &["fix: round half up", "docs: explain rounding"]),
    ] {
        for message in messages {
            git(&["commit", "-q", "--allow-empty", "-m", message]);
        }
        let receipt = site.deploy("checkout", version, &[]);
        let shown = site
            .service
            .client
            .get(&format!("/v1/events/{}", receipt["index"]))
            .json();
        let ours = &shown["payload"]["customData"]["shipslog"];
        assert_eq!(ours["commit"], git(&["rev-parse", "HEAD"]));
        if version == "1.1.0" {
            let commits: Vec<&str> = ours["commits"]
                .as_array()
                .unwrap()
                .iter()
                .map(|commit| commit["message"].as_str().unwrap().trim())
                .collect();
            assert_eq!(
                commits,
                ["docs: explain rounding", "fix: round half up"],
                "what came in since 1.0.0: {ours}"
            );
        }
    }
}

#[rstest]
fn a_service_that_is_told_to_stop_ends_well(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(database) = TestDatabase::new(backend) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(folder.path(), Some(&database.url), &[]);
    let head = service.client.get("/v1/log").json();
    assert!(service.terminate(), "SIGTERM is an orderly end");
    let again = Service::start(folder.path(), Some(&database.url), &[]);
    assert_eq!(again.client.get("/v1/log").json()["log_key"], head["log_key"]);
    assert_eq!(again.client.get("/v1/log").json()["root"], head["root"]);
}

#[rstest]
fn fsck_says_whether_a_database_is_sound(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(site) = Site::start(backend) else { return };
    for n in 0..5 {
        site.deploy("checkout", &format!("1.{n}.0"), &[]);
    }
    let data = site.service.data.to_str().unwrap().to_owned();
    let url = site._database.url.clone();
    let fsck = || run(&["fsck", "--data", &data, "--database", &url]);
    let sound = fsck();
    assert_eq!(code(&sound), 0, "{}", String::from_utf8_lossy(&sound.stderr));
    // Somebody with the database's own rights, who drops the guard first.
    let unguarded = match backend {
        Backend::Sqlite => "DROP TRIGGER event_no_update; UPDATE event SET service = 'other' WHERE idx = 4",
        Backend::Postgres => "ALTER TABLE event DISABLE TRIGGER ALL; UPDATE event SET service = 'other' WHERE idx = 4",
    };
    site._database.execute(unguarded).unwrap();
    let edited = fsck();
    assert_eq!(
        code(&edited),
        1,
        "{}{}",
        String::from_utf8_lossy(&edited.stdout),
        String::from_utf8_lossy(&edited.stderr)
    );
    assert_eq!(code(&run(&["fsck", "--data", "/nonexistent"])), 2);
}

#[test]
fn wrong_usage_is_told_apart_from_refusal() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let nonsense = file("nonsense", "nonsense");
    for arguments in [
        &["nonsense"][..],
        &["serve"],
        &["serve", "--data", &nonsense, "--listen", "nowhere"],
        &["record", "deployment", "--service", ""],
        &["state", "production", "--at", "yesterday"],
        &[
            "verify",
            "receipt",
            "/nonexistent",
            "--envelope",
            "/nonexistent",
            "--log-key",
            "/nonexistent",
        ],
        &["verify", "bundle", "/nonexistent", "--log-key", &nonsense],
    ] {
        let output = run(arguments);
        assert_eq!(
            code(&output),
            2,
            "{arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        assert!(output.stdout.is_empty(), "{arguments:?}");
        assert!(!output.stderr.is_empty(), "{arguments:?}");
    }
    let data = folder.path().join("data").to_str().unwrap().to_owned();
    for url in ["mysql://x", "shipslog.db", "host=127.0.0.1 user=x"] {
        let output = run(&["serve", "--data", &data, "--listen", "127.0.0.1:0", "--database", url]);
        assert_ne!(code(&output), 0);
        assert!(
            String::from_utf8_lossy(&output.stderr).contains("database"),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    // Nothing listens there.
    let unreachable = command(&["state", "production"])
        .env("SHIPSLOG_URL", "http://127.0.0.1:9")
        .env("SHIPSLOG_TOKEN", "x")
        .output()
        .unwrap();
    assert!(matches!(code(&unreachable), 1 | 2));
    assert!(String::from_utf8_lossy(&unreachable.stderr).contains("127.0.0.1:9"));
}
