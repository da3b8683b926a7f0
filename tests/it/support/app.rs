//! The service in this process, on either database, with a clock and keys of its own: the same test gives the same
//! receipts in every run. When it goes, the whole log is verified once more with the ledger crate alone.

use std::net::TcpListener;
use std::sync::mpsc;
use std::thread::JoinHandle;

use actix_web::dev::ServerHandle;
use actix_web::web::Data;
use base64ct::Encoding as _;
use ledger::{Checkpoint, Frontier, Hash, NoteKey, PrivateKey, Receipt, SignedNote, TlogProof, leaf_hash};
use serde_json::{Value, json};
use shipslog::app::{App, Grant, Options, Secrets};
use shipslog::clock::{Clock, ClockHand};
use shipslog::data::{DataDirectory, guard_path};
use shipslog::disk::Disk;
use shipslog::domain::Instant;
use shipslog::domain::producer::Role;
use shipslog::entropy::Entropy;
use shipslog::guard::Guard;
use shipslog::http::{Settings, serve};
use shipslog::store::{Connect, Database, DatabaseUrl};
use tempfile::TempDir;

use super::database::TestDatabase;
use super::http::{Answer, Client};
use super::{Backend, events, key};

pub const ORIGIN: &str = "log.example.com/test";
/// Shared with GitHub in the tests.
pub const GITHUB_SECRET: &str = "It's a Secret to Everybody";
/// Shared with Alertmanager in the tests.
pub const ALERTMANAGER_SECRET: &str = "the watch is set";
/// What the service's clock shows when it starts: the day after the time of the events.
pub const START: &str = "2026-03-02T09:00:00Z";

/// The service, with an administrator's token and one producer that may sign for everything.
pub struct TestApp {
    /// With the administrator's token.
    pub client: Client,
    pub clock: ClockHand,
    pub log_key: NoteKey,
    /// Key of the producer `pipeline`.
    pub pipeline: PrivateKey,
    pub database: TestDatabase,
    data: TempDir,
    running: Option<Running>,
    restarts: u64,
}

struct Running {
    server: ServerHandle,
    thread: JoinHandle<()>,
}

struct Started {
    server: ServerHandle,
    token: String,
}

impl TestApp {
    /// Starts it on a fresh database, or not at all where there is none of that kind.
    pub fn start(backend: Backend) -> Option<Self> {
        let database = TestDatabase::new(backend)?;
        let start = Instant::parse(START).unwrap();
        let address = "127.0.0.1:0".parse().unwrap();
        let data = tempfile::tempdir().unwrap();
        let mut directory = DataDirectory::open(data.path(), &Entropy::seeded(1)).unwrap();
        let log_key = directory.log_signer(ORIGIN).unwrap().key().clone();
        let mut app = Self {
            client: Client { address, token: None },
            clock: Clock::settable(start).1,
            log_key,
            pipeline: key(7),
            database,
            data,
            running: None,
            restarts: 0,
        };
        app.run(start);
        app.register("pipeline", &app.pipeline.clone(), json!({})).expect(201);
        Some(app)
    }

    /// Stops it as SIGTERM would, and starts it again on the same database and keys.
    pub fn restart(&mut self, now: &str) {
        let token = self.client.token.clone();
        self.stop();
        self.restarts += 1;
        self.run(Instant::parse(now).unwrap());
        self.client.token = token;
    }

    /// Registers a producer with the members of `scope` beside name and key.
    pub fn register(&self, name: &str, key: &PrivateKey, scope: Value) -> Answer {
        let mut body = json!({ "name": name, "public_key": key.public().to_pem() });
        body.as_object_mut().unwrap().extend(scope.as_object().unwrap().clone());
        self.client.post_json("/v1/producers", &body)
    }

    /// Records an event signed by `pipeline`; the index of its entry.
    #[track_caller]
    pub fn record(&self, event: &Value) -> u64 {
        self.client
            .record(&events::sign(event, &self.pipeline))
            .expect(201)
            .index()
    }

    pub fn tree_size(&self) -> u64 {
        self.client.get("/v1/log").expect(200).json()["tree_size"]
            .as_u64()
            .unwrap()
    }

    /// Reads the whole log through the API and verifies it: every entry against its envelope, its receipt and the key
    /// of the log, and the root over all of them.
    pub fn check_log(&self) {
        let head = self.client.get("/v1/log").expect(200).json();
        let note = SignedNote::parse(head["checkpoint"].as_str().unwrap()).unwrap();
        let checkpoint = Checkpoint::open(&note, &self.log_key).unwrap();
        let mut tree = Frontier::empty();
        for index in 0..checkpoint.size {
            let answer = self.client.get(&format!("/v1/events/{index}/envelope"));
            if answer.status == 410 {
                let erased = &answer.problem(410)["erased"];
                assert_eq!(erased["index"], index);
                tree.append(self.check_proof(index, &erased["entry"], &erased["proof"]));
                let by = erased["erased_by"].as_u64().unwrap();
                self.check_proof(by, &erased["erasure_entry"], &erased["erasure_proof"]);
                continue;
            }
            let envelope = answer.expect(200).body;
            let receipt = self.client.get(&format!("/v1/events/{index}/receipt")).expect(200).body;
            let receipt = Receipt::parse(&receipt).unwrap();
            receipt
                .verify(&self.log_key, &envelope)
                .unwrap_or_else(|error| panic!("receipt of entry {index}: {error}"));
            assert_eq!(receipt.proof.index, index);
            tree.append(leaf_hash(&receipt.entry));
        }
        assert_eq!(checkpoint.root, tree.root(), "the root is that of the entries");
        assert_eq!(head["tree_size"], checkpoint.size);
    }

    /// The leaf hash of an entry that a `tlog-proof` proves to be in the log.
    fn check_proof(&self, index: u64, entry: &Value, proof: &Value) -> Hash {
        let entry = base64ct::Base64::decode_vec(entry.as_str().unwrap()).unwrap();
        let leaf = leaf_hash(&entry);
        let proof = TlogProof::parse(proof.as_str().unwrap()).unwrap();
        assert_eq!(proof.index, index);
        proof
            .verify(&self.log_key, &leaf)
            .unwrap_or_else(|error| panic!("proof of entry {index}: {error}"));
        leaf
    }

    fn run(&mut self, now: Instant) {
        let (clock, hand) = Clock::settable(now);
        self.clock = hand;
        let (started, told) = mpsc::channel();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        self.client.address = listener.local_addr().unwrap();
        let url = DatabaseUrl::parse(&self.database.url).unwrap();
        let mut directory = DataDirectory::open(self.data.path(), &Entropy::seeded(1)).unwrap();
        // Salts and token secrets must not repeat after a restart.
        let entropy = Entropy::seeded((self.restarts + 1) << 32);
        let first = self.restarts == 0;
        let log_key = self.log_key.clone();
        let data = self.data.path().to_owned();
        let thread = std::thread::spawn(move || {
            let signer = directory.log_signer(ORIGIN).unwrap();
            let database = Database::open(Connect::new(url, None).unwrap()).unwrap();
            let options = Options {
                signer,
                service_key: directory.service_key(),
                clock,
                entropy,
                queue: 1024,
                log_exists: directory.has_log(),
                guard: Guard::file(guard_path(&data), log_key.clone()),
                accept_missing_guard: false,
                disk: Disk::new(vec![data], None),
                secrets: Secrets {
                    github: Some(GITHUB_SECRET.to_owned()),
                    alertmanager: Some(ALERTMANAGER_SECRET.to_owned()),
                },
                templates: shipslog::render::Templates::built_in().unwrap(),
                catalogue: shipslog::catalogue::Catalogue::built_in().unwrap(),
                policy: None,
            };
            let writer = actix_web::rt::System::new().block_on(async move {
                let (app, writer) = App::open(database, options).await.unwrap();
                directory.keep_log_key(&log_key).unwrap();
                let app = Data::new(app);
                let token = if first {
                    app.issue_token(Grant::new("admin", Role::Admin), None)
                        .await
                        .unwrap()
                        .token
                } else {
                    String::new()
                };
                let server = serve(
                    app,
                    listener,
                    Settings {
                        workers: 2,
                        public_log: true,
                        shutdown_s: 5,
                    },
                )
                .unwrap();
                started
                    .send(Started {
                        server: server.handle(),
                        token,
                    })
                    .unwrap();
                server.await.unwrap();
                writer
            });
            writer.join().unwrap();
        });
        let Ok(Started { server, token }) = told.recv() else {
            std::panic::resume_unwind(thread.join().unwrap_err());
        };
        self.client.token = Some(token);
        self.running = Some(Running { server, thread });
    }

    fn stop(&mut self) {
        if let Some(Running { server, thread }) = self.running.take() {
            // The command is sent at once; that it was carried out shows in the end of the thread.
            drop(server.stop(true));
            thread.join().unwrap();
        }
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.check_log();
            self.stop();
        }
    }
}
