//! Every manipulation, each on a copy of the same log, and what those say who look at it.

use std::path::{Path, PathBuf};

use ledger::NoteSigner;

use super::Random;
use super::manipulations::{MANIPULATIONS, Seen};
use super::operator::{Operator, contents, forge_bundle, log_signer};
use crate::support::binary::{Service, code, run, stdout};
use crate::support::database::TestDatabase;
use crate::support::events::{deployed, sign};
use crate::support::{Backend, key};

/// Makes a log in an empty database and every manipulation of it. How many were noticed by whom they should be, and nothing
/// where nothing was changed; or what was not.
pub fn every_manipulation(backend: Backend, database: TestDatabase, random: &mut Random) -> Result<u64, Vec<String>> {
    let honest = Honest::new(backend, database);
    let before = contents(&honest.database, backend);
    let control = honest.database.copy();
    let folder = honest.folder.path().join("control");
    let nothing = Seen {
        fsck: 0,
        fresh: 0,
        held: 0,
    };
    let mut wrong = Vec::new();
    let seen = honest.look(&control, &folder);
    if seen != nothing {
        wrong.push(format!("nothing was changed: {seen:?}"));
    }
    if contents(&control, backend) != before {
        wrong.push("looking changed something".to_owned());
    }
    if !same_files(&folder, &honest.folder.path().join("bundle")) {
        wrong.push("the forged bundle is not as a real one".to_owned());
    }
    let salt = random.next().to_string();
    for (n, way) in MANIPULATIONS.iter().enumerate() {
        let random = random.named(&(salt.clone() + way.name));
        let copy = honest.database.copy();
        let mut operator = Operator::new(backend, copy, random, honest.first, honest.held);
        (way.apply)(&mut operator, &honest.signer);
        let database = operator.carry_out();
        if contents(&database, backend) == before {
            wrong.push(format!("{}: nothing was changed", way.name));
        }
        let seen = honest.look(&database, &honest.folder.path().join(format!("bundle-{n}")));
        if seen != way.seen {
            wrong.push(format!("{}: {seen:?}, not {:?}", way.name, way.seen));
        }
    }
    if wrong.is_empty() {
        Ok(MANIPULATIONS.len() as u64)
    } else {
        Err(wrong)
    }
}

/// A log as it should be, with what others hold of it.
struct Honest {
    backend: Backend,
    folder: tempfile::TempDir,
    database: TestDatabase,
    signer: NoteSigner,
    /// Index of the first event of the pipeline.
    first: u64,
    /// Size of the checkpoint that an auditor took away a while ago.
    held: u64,
}

impl Honest {
    fn new(backend: Backend, database: TestDatabase) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let service = Service::start(&data, Some(&database.url), &[]);
        let body = serde_json::json!({ "name": "pipeline", "public_key": key(7).public().to_pem() });
        service.client.post_json("/v1/producers", &body).expect(201);
        let head = || service.client.get("/v1/log").expect(200).json();
        let first = head()["tree_size"].as_u64().unwrap();
        // More than a full tile, in several batches; then more than the auditor has seen.
        let record = |numbers: std::ops::Range<u64>| {
            let lines: Vec<Vec<u8>> = numbers
                .map(|n| sign(&deployed(&format!("e{n}"), "checkout", "production", n), &key(7)))
                .collect();
            let body = lines.join(&b'\n');
            service
                .client
                .post("/v1/events/batch", "application/x-ndjson", &body)
                .expect(200);
        };
        (0..7).for_each(|n| record(n * 40..n * 40 + 40));
        let signer = log_signer(&data);
        let held = head();
        std::fs::write(folder.path().join("held.txt"), held["checkpoint"].as_str().unwrap()).unwrap();
        let held = held["tree_size"].as_u64().unwrap();
        record(280..300);
        stdout(&service.shipslog(&["export", folder.path().join("bundle").to_str().unwrap()]));
        assert!(service.terminate());
        Self {
            backend,
            folder,
            database,
            signer,
            first,
            held,
        }
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// What each of those who look says to this database.
    fn look(&self, database: &TestDatabase, folder: &Path) -> Seen {
        let (data, vkey) = (self.data(), self.data().join("log.vkey"));
        let fsck = run(&["fsck", "--data", data.to_str().unwrap(), "--database", &database.url]);
        forge_bundle(database, self.backend, &self.folder.path().join("bundle"), folder);
        let held = self.folder.path().join("held.txt");
        let arguments = [
            "verify",
            "bundle",
            folder.to_str().unwrap(),
            "--log-key",
            vkey.to_str().unwrap(),
        ];
        let fresh = code(&run(&arguments));
        let held = code(&run(
            &[&arguments[..], &["--checkpoint", held.to_str().unwrap()]].concat()
        ));
        Seen {
            fsck: code(&fsck),
            fresh,
            held,
        }
    }
}

fn same_files(left: &Path, right: &Path) -> bool {
    let differ = std::process::Command::new("diff")
        .arg("-r")
        .args([left, right])
        .output()
        .unwrap();
    differ.status.success()
}
