//! One log under attack: its database and data directory, the process that serves it, and what it promised.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use ledger::NoteKey;
use serde_json::json;
use tempfile::TempDir;

use super::check;
use super::journal::{Fate, Journal};
use super::load::{self, Load};
use super::replica::Replica;
use crate::support::binary::{SHIPSLOG, Service, code, command_of, run};
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
    pub data: PathBuf,
    /// Not where the service writes.
    outside: TempDir,
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
        TestDatabase::new(backend).map(Self::on)
    }

    /// Sets one up on an empty database.
    pub fn on(database: TestDatabase) -> Self {
        let outside = tempfile::tempdir().unwrap();
        let (data, journal) = (outside.path().join("data"), outside.path().join("journal"));
        Self {
            url: database.url.clone(),
            database,
            journal: Arc::new(Journal::open(&journal)),
            program: SHIPSLOG.iter().map(|word| (*word).to_owned()).collect(),
            data,
            outside,
            log: None,
            service: None,
            replica: Replica::default(),
            starts: 0,
            loads: 0,
            findings: BTreeSet::new(),
        }
    }

    /// The same log from a copy of its database and data directory, with what was promised until then.
    pub fn copied(&self, database: TestDatabase, data: PathBuf, journal: &[u8]) -> Self {
        let mut copy = Self::on(database);
        let path = copy.outside.path().join("journal-until-then");
        std::fs::write(&path, journal).unwrap();
        copy.journal = Arc::new(Journal::open(&path));
        copy.program.clone_from(&self.program);
        copy.data = data;
        copy.log.clone_from(&self.log);
        copy
    }

    /// Starts the service, unless it is up; the first time it also registers the producer that signs the load. Whether
    /// it came up: a service that does not is a finding.
    pub fn up(&mut self) -> bool {
        if self.service.is_none()
            && let Err(error) = self.start()
        {
            self.find(format!("B: it does not start: {error}"));
        }
        self.service.is_some()
    }

    /// Starts the service; what it says if it does not start.
    pub fn start(&mut self) -> Result<&Service, String> {
        self.service = None;
        let program: Vec<&str> = self.program.iter().map(String::as_str).collect();
        let service = Service::start_of(&program, &self.data, Some(&self.url), &[])?;
        self.starts += 1;
        if self.log.is_none() {
            let body = json!({ "name": "pipeline", "public_key": key(7).public().to_pem() });
            service.client.post_json("/v1/producers", &body).expect(201);
            let vkey = std::fs::read_to_string(self.data.join("log.vkey")).unwrap();
            self.log = Some(NoteKey::parse(vkey.trim_end()).unwrap());
        }
        Ok(self.service.insert(service))
    }

    /// Starts the service and kills it while it is still about that, or has just done.
    pub fn die_starting(&mut self, after: Duration) {
        let program: Vec<&str> = self.program.iter().map(String::as_str).collect();
        let data = self.data.to_str().unwrap();
        let arguments = [
            "serve",
            "--data",
            data,
            "--listen",
            "127.0.0.1:0",
            "--database",
            &self.url,
        ];
        let mut child = command_of(&program, &arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(after);
        child.kill().unwrap();
        child.wait().unwrap();
        self.starts += 1;
    }

    /// It, once it was started.
    pub fn service(&self) -> &Service {
        self.service.as_ref().expect("it was started")
    }

    /// Ends it as `kill -9` does, if it is still there.
    pub fn kill(&mut self) {
        self.service = None;
    }

    /// Ends it as SIGTERM does.
    pub fn end(&mut self) {
        if let Some(service) = self.service.take()
            && !service.terminate()
        {
            self.find("F: the service did not end in good order".to_owned());
        }
    }

    /// Whether it refuses an event that nobody sent before, in so many words.
    pub fn refuses(&self) -> bool {
        let answer = self.service().client.record(&load::envelope("too-late"));
        answer.status == 503 && answer.json()["type"] == "urn:shipslog:problem:read-only-guard"
    }

    /// Lets senders loose on it.
    pub fn load(&mut self, senders: usize) -> Load {
        self.loads += 1;
        let label = format!("load-{}", self.loads);
        let log = self.log.as_ref().expect("it was started");
        Load::start(self.service().client.address, &self.journal, log, senders, &label)
    }

    /// Compares what was added with what was promised; the service is started where it is not up. Whether all is well.
    pub fn check(&mut self) -> bool {
        if self.up() {
            let log = self.log.as_ref().expect("it was started");
            let client = &self.service.as_ref().expect("it was started").client;
            let found = check::check(client, &self.journal, log, &mut self.replica);
            self.findings.extend(found);
        }
        self.findings.is_empty()
    }

    /// Notes something that must not be.
    pub fn find(&mut self, what: String) {
        self.findings.insert(what);
    }

    /// Reads everything anew, compares it, ends the service in good order and checks what it left.
    pub fn close(mut self) -> Tally {
        self.replica = Replica::default();
        self.check();
        self.end();
        let data = self.data.to_str().unwrap().to_owned();
        let fsck = run(&["fsck", "--data", &data, "--database", &self.database.url]);
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
    /// Adds another.
    pub fn add(&mut self, other: Self) {
        self.starts += other.starts;
        self.acknowledged += other.acknowledged;
        self.ambiguous += other.ambiguous;
        self.refused += other.refused;
        self.findings.extend(other.findings);
    }

    /// Nothing was lost, and enough was there to be lost.
    #[track_caller]
    pub fn assert_kept(&self, at_least: u64) {
        assert!(self.findings.is_empty(), "{:#?}", self.findings);
        assert!(self.acknowledged >= at_least, "too little happened: {self:?}");
    }
}
