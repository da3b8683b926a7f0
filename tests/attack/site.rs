//! One log under attack: its database and data directory, the process that serves it, and what it promised.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use ledger::NoteKey;
use serde_json::json;
use tempfile::TempDir;

use super::check;
use super::journal::{Fate, Journal};
use super::load::Load;
use super::replica::Replica;
use crate::support::binary::{SHIPSLOG, Service, code, run};
use crate::support::database::TestDatabase;
use crate::support::{Backend, key};

/// What came of it.
#[derive(Debug, Default)]
pub struct Tally {
    /// Times the service was started.
    pub starts: u64,
    /// Events that were promised, all of them looked for at the end.
    pub acknowledged: u64,
    /// Events that were without an answer for a while.
    pub ambiguous: u64,
    /// Events whose every answer said that nothing was recorded.
    pub refused: u64,
    /// What is not as it was promised; nothing, if all is well.
    pub findings: BTreeSet<String>,
}

/// A log under attack.
pub struct Site {
    pub database: TestDatabase,
    pub journal: Arc<Journal>,
    /// The program and what stands before it on its command line.
    pub program: Vec<String>,
    /// How the service reaches the database, where that is not the direct way.
    pub url: String,
    data: TempDir,
    /// Not where the service writes.
    _outside: TempDir,
    log: Option<NoteKey>,
    service: Option<Service>,
    replica: Replica,
    starts: u64,
    loads: u64,
    findings: BTreeSet<String>,
}

impl Site {
    /// Sets one up on a fresh database, where there is one of that kind.
    pub fn new(backend: Backend) -> Option<Self> {
        TestDatabase::new(backend).map(|database| Self::on(database, tempfile::tempdir().unwrap()))
    }

    /// Sets one up on a database and a data directory.
    pub fn on(database: TestDatabase, data: TempDir) -> Self {
        let outside = tempfile::tempdir().unwrap();
        Self {
            url: database.url.clone(),
            database,
            journal: Arc::new(Journal::create(&outside.path().join("journal"))),
            program: SHIPSLOG.iter().map(|word| (*word).to_owned()).collect(),
            data,
            _outside: outside,
            log: None,
            service: None,
            replica: Replica::default(),
            starts: 0,
            loads: 0,
            findings: BTreeSet::new(),
        }
    }

    pub fn data(&self) -> PathBuf {
        self.data.path().to_owned()
    }

    /// Starts the service; the first time it also registers the producer that signs the load.
    pub fn start(&mut self) -> Result<&Service, String> {
        self.service = None;
        let program: Vec<&str> = self.program.iter().map(String::as_str).collect();
        let service = Service::start_of(&program, self.data.path(), Some(&self.url), &[])?;
        self.starts += 1;
        if self.log.is_none() {
            let body = json!({ "name": "pipeline", "public_key": key(7).public().to_pem() });
            service.client.post_json("/v1/producers", &body).expect(201);
            let vkey = std::fs::read_to_string(self.data.path().join("log.vkey")).unwrap();
            self.log = Some(NoteKey::parse(vkey.trim_end()).unwrap());
        }
        Ok(self.service.insert(service))
    }

    pub fn service(&self) -> &Service {
        self.service.as_ref().expect("it was started")
    }

    /// Ends it as `kill -9` does.
    pub fn kill(&mut self) {
        self.service().kill_now();
        self.service = None;
    }

    /// Lets senders loose on it.
    pub fn load(&mut self, senders: usize) -> Load {
        self.loads += 1;
        let label = format!("load-{}", self.loads);
        let log = self.log.as_ref().expect("it was started");
        Load::start(self.service().client.address, &self.journal, log, senders, &label)
    }

    /// Compares what was added with what was promised. The service must be up.
    pub fn check(&mut self) -> &BTreeSet<String> {
        let log = self.log.as_ref().expect("it was started");
        let client = &self.service.as_ref().expect("it was started").client;
        let found = check::check(client, &self.journal, log, &mut self.replica);
        self.findings.extend(found);
        &self.findings
    }

    /// Notes something that must not be.
    pub fn find(&mut self, what: String) {
        self.findings.insert(what);
    }

    /// Reads everything anew, compares it, ends the service in good order and checks what it left.
    pub fn close(mut self) -> Tally {
        self.replica = Replica::default();
        self.check();
        let service = self.service.take().expect("it was started");
        if !service.terminate() {
            self.find("F: the service did not end in good order".to_owned());
        }
        let data = self.data();
        let fsck = run(&[
            "fsck",
            "--data",
            data.to_str().unwrap(),
            "--database",
            &self.database.url,
        ]);
        if code(&fsck) != 0 {
            let said = [fsck.stdout, fsck.stderr].concat();
            self.find(format!("F: {}", String::from_utf8_lossy(&said)));
        }
        for said in self.database.integrity() {
            self.find(format!("G: {said}"));
        }
        let promises = self.journal.promises();
        let (mut acknowledged, mut refused) = (0, 0);
        for (_, fate) in promises.fates() {
            match fate {
                Fate::Acknowledged(_) => acknowledged += 1,
                Fate::Refused => refused += 1,
                Fate::Ambiguous => {}
            }
        }
        Tally {
            starts: self.starts,
            acknowledged,
            ambiguous: promises.ambiguous(),
            refused,
            findings: self.findings,
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            starts,
            acknowledged,
            ambiguous,
            refused,
            findings,
        } = self;
        write!(
            f,
            "{starts} starts, {acknowledged} acknowledged, {ambiguous} without an answer at first, {refused} refused, {} findings",
            findings.len()
        )
    }
}

impl Tally {
    /// Nothing was lost, and enough was there to be lost.
    #[track_caller]
    pub fn assert_kept(&self, at_least: u64) {
        assert!(self.findings.is_empty(), "{:#?}", self.findings);
        assert!(self.acknowledged >= at_least, "too little happened: {self:?}");
    }
}
