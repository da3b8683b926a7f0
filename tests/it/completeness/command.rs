//! `shipslog snapshot` and `shipslog completeness`, the real ones.

use std::fs;
use std::process::Output;

use ledger::Envelope;
use rstest::rstest;
use serde_json::Value;
use shipslog::domain::Extension;
use shipslog::domain::parse::parse;

use crate::support::Backend;
use crate::support::binary::{Service, code, run, said, stdout};
use crate::support::database::TestDatabase;
use crate::support::python;

/// What `docker inspect` printed of two containers and their images.
const DOCKER: &str = r#"[
  {"Id":"c1","Name":"/shop-1","Image":"sha256:11","State":{"Running":true},
   "Config":{"Image":"registry.example/shop:1","Labels":{"com.docker.compose.service":"shop"}}},
  {"Id":"c2","Name":"/debug","Image":"sha256:22","State":{"Running":true},"Config":{"Image":"busybox","Labels":{}}}
]
[{"Id":"sha256:11","RepoDigests":[]},{"Id":"sha256:22","RepoDigests":[]}]"#;

/// What `kubectl get pods -o json` printed of one pod.
const PODS: &str = r#"{"items":[{"metadata":{"name":"shop-0","namespace":"live","labels":{"app":"shop"}},
  "status":{"containerStatuses":[{"name":"shop","image":"registry.example/shop:1","imageID":"","state":{"running":{}}}]}}]}"#;

/// A service to which shop was deployed in version 1, and a key that may report what runs in production.
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
        for (name, scope) in [
            ("ci", ["--service", "shop"]),
            ("cluster", ["--environment", "production"]),
        ] {
            stdout(&run(&["keygen", "--out", &site.path(&format!("{name}.pem"))]));
            let public = site.path(&format!("{name}.pub.pem"));
            let add = ["producer", "add", name, "--public-key", &public];
            stdout(&site.service.shipslog(&[&add[..], &scope].concat()));
        }
        let (key, file) = (site.path("ci.pem"), site.path("running.csv"));
        let deployment = [
            "record",
            "deployment",
            "--service",
            "shop",
            "--environment",
            "production",
            "--version",
            "1",
        ];
        let numbered = ["--no-commits", "--sequence", "7", "--series", "deploy", "--key", &key];
        stdout(&site.service.shipslog(&[&deployment[..], &numbered].concat()));
        fs::write(file, "service,version,instances\nshop,1,2\n").unwrap();
        Some(site)
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    fn file(&self, name: &str, text: &str) -> String {
        fs::write(self.path(name), text).unwrap();
        self.path(name)
    }

    /// Takes a snapshot with the key of the cluster. What follows `--` is the command.
    fn snapshot(&self, arguments: &[&str]) -> Output {
        let at = arguments
            .iter()
            .position(|word| *word == "--")
            .unwrap_or(arguments.len());
        let (before, after) = arguments.split_at(at);
        let key = self.path("cluster.pem");
        let place = ["--environment", "production", "--key", &key];
        self.service.shipslog(&[&["snapshot"], before, &place, after].concat())
    }

    fn completeness(&self) -> Output {
        self.service.shipslog(&["completeness", "--environment", "production"])
    }
}

#[rstest]
fn what_runs_is_reported_and_what_nobody_recorded_is_found(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(site) = Site::start(backend) else { return };
    // Of shop there is no snapshot: that is neither well nor wrong.
    assert_eq!(code(&site.completeness()), 2);

    let (receipt, envelope) = (site.path("receipt.json"), site.path("envelope.json"));
    let kept = ["--receipt", &receipt, "--envelope", &envelope];
    let file = site.path("running.csv");
    let taken = site.snapshot(&[&["file", &file, "--complete"], &kept[..]].concat());
    assert_eq!(stdout(&taken).trim_end(), fs::read_to_string(&receipt).unwrap());
    let vkey = site.service.data.join("log.vkey");
    let vkey = vkey.to_str().unwrap();
    stdout(&run(&[
        "verify",
        "receipt",
        &receipt,
        "--envelope",
        &envelope,
        "--log-key",
        vkey,
    ]));
    let well = site.completeness();
    assert_eq!(code(&well), 0, "{}", said(&well));
    assert!(stdout(&well).contains("0 open findings"));

    let list = "echo '{\"service\":\"shop\",\"version\":\"2\"}'";
    let found = site.snapshot(&["command", "--complete", "--", "sh", "-c", list]);
    stdout(&found);
    assert_eq!(
        said(&found).lines().next(),
        Some("Opened: undocumented of shop: 2 runs, 1 should")
    );
    let wrong = site.completeness();
    assert_eq!(code(&wrong), 1);
    let text = String::from_utf8(wrong.stdout).unwrap();
    assert!(text.contains("undocumented of shop: 2 runs, 1 should"), "{text}");

    // Strangers verify it all, with the limits of both keys.
    let bundle = site.path("bundle");
    stdout(&site.service.shipslog(&["export", &bundle]));
    stdout(&run(&["verify", "bundle", &bundle, "--log-key", vkey]));
    assert!(python::verify(&[&bundle, "--log-key", vkey]).is_none_or(|code| code == 0));
}

#[test]
fn what_is_of_no_known_service_is_never_dropped_silently() {
    let Some(site) = Site::start(Backend::Sqlite) else {
        return;
    };
    let input = site.file("docker.json", DOCKER);
    let docker = ["docker", "--input", &input];
    let refused = site.snapshot(&docker);
    assert_eq!(code(&refused), 1);
    let words = said(&refused);
    assert!(
        words.contains("debug (busybox)") && words.contains("--service-label"),
        "{words}"
    );
    let ignored = site.snapshot(&[&docker[..], &["--unmapped", "ignore", "--complete"]].concat());
    stdout(&ignored);
    assert!(said(&ignored).contains("debug (busybox)"));
    assert_eq!(code(&site.completeness()), 0);
    assert_eq!(
        code(&site.snapshot(&[&docker[..], &["--unmapped", "report", "--complete"]].concat())),
        2
    );
    stdout(&site.snapshot(&[&docker[..], &["--unmapped", "report"]].concat()));
    let untold = site.completeness();
    assert_eq!(code(&untold), 2);
    assert!(String::from_utf8(untold.stdout).unwrap().contains("debug (busybox)"));
}

#[test]
fn what_cannot_be_read_or_must_not_be_recorded_is_refused() {
    let Some(site) = Site::start(Backend::Sqlite) else {
        return;
    };
    let size = || site.service.client.get("/v1/log").json()["tree_size"].clone();
    let before = size();
    let wrong = site.file("wrong.csv", "service,version\nshop,\n");
    let (here, key) = (site.path("running.csv"), site.path("cluster.pem"));
    for (arguments, expected, words) in [
        (vec!["file", &wrong], 2, "the line of shop"),
        (vec!["file", "/nowhere/running.csv"], 2, "/nowhere/running.csv"),
        (vec!["kubernetes", "--input", &here], 2, "kubectl"),
        (
            vec!["command", "--", "sh", "-c", "echo; exit 3"],
            1,
            "nothing was recorded",
        ),
        (vec!["command", "--", "/nowhere/list"], 1, "/nowhere/list"),
        (vec!["file", &here, "--sequence", "run"], 2, "--sequence run"),
        (vec!["file", &here, "--sequence", "seven"], 2, "--sequence"),
    ] {
        let output = site.snapshot(&arguments);
        assert_eq!(code(&output), expected, "{arguments:?}: {}", said(&output));
        assert!(said(&output).contains(words), "{arguments:?}: {}", said(&output));
    }
    let ci = site.path("ci.pem");
    for (key, status) in [(&key, "403"), (&ci, "422")] {
        let elsewhere = [
            "snapshot",
            "file",
            &here,
            "--service",
            "shop",
            "--environment",
            "prod",
            "--key",
            key,
        ];
        let output = site.service.shipslog(&elsewhere);
        let words = said(&output);
        assert_eq!(code(&output), 1, "{words}");
        assert!(
            words.contains(status) && words.contains("/customData/shipslog/environment"),
            "{words}"
        );
    }
    assert_eq!(size(), before);
}

#[test]
fn pods_are_recorded_by_the_label_that_is_named_with_the_number_of_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    stdout(&run(&["keygen", "--out", &at("key.pem")]));
    fs::write(at("pods.json"), PODS).unwrap();
    let output = crate::support::binary::command(&["snapshot", "kubernetes", "--input", &at("pods.json")])
        .args([
            "--service-label",
            "app",
            "--service",
            "shop",
            "--complete",
            "--environment",
            "production",
        ])
        .args([
            "--sequence",
            "run",
            "--next-within",
            "26h",
            "--dry-run",
            "--key",
            &at("key.pem"),
        ])
        .envs([
            ("GITHUB_ACTIONS", "true"),
            ("GITHUB_RUN_NUMBER", "41"),
            ("GITHUB_WORKFLOW", "nightly"),
        ])
        .output()
        .unwrap();
    let envelope: Value = serde_json::from_str(&stdout(&output)).unwrap();
    let envelope = Envelope::parse(envelope.to_string().as_bytes()).unwrap();
    let event = parse(&envelope.payload_type, &envelope.payload).unwrap();
    let Extension { snapshot, sequence, .. } = event.extension;
    let (snapshot, sequence) = (snapshot.unwrap(), sequence.unwrap());
    assert_eq!(
        (event.subject_id.as_str(), event.service.unwrap().as_str()),
        ("production", "shop")
    );
    assert_eq!(snapshot.running[0].version.as_deref(), Some("1"));
    assert_eq!((sequence.number, sequence.series.as_deref()), (41, Some("nightly")));
    assert_eq!(sequence.next_within_s, Some(26 * 3600));
}
