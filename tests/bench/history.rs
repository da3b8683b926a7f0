//! Years of history for a log: services that deploy to three environments, with tests, approvals, rollbacks and incidents, each
//! recorded when it happened. Written by the service's own code in this process, with its clock set to the time of the story.

use std::path::Path;

use ledger::{Envelope, PrivateKey};
use serde_json::{Value, json};
use shipslog::app::{App, Grant, NewProducer, Options};
use shipslog::clock::Clock;
use shipslog::data::{DataDirectory, guard_path};
use shipslog::disk::Disk;
use shipslog::domain::Instant;
use shipslog::domain::producer::Role;
use shipslog::entropy::Entropy;
use shipslog::guard::Guard;
use shipslog::render::Templates;
use shipslog::store::{Connect, Database, DatabaseUrl};

pub const ENVIRONMENTS: [&str; 3] = ["testing", "staging", "production"];
const ORIGIN: &str = "bench.example.com/history";
/// Of the pipeline's key.
const SEED: [u8; 32] = [0x51; 32];
const MINUTE: i64 = 60_000;
/// Milliseconds.
pub const DAY: i64 = 24 * 60 * MINUTE;
/// A million of them take five years.
const DEPLOYMENTS_A_DAY: usize = 548;
/// Deployments for each incident.
const AN_INCIDENT: usize = 50;
/// As many as the service commits at once.
const BATCH: usize = 500;

/// How long the history is.
#[derive(Clone, Copy)]
pub struct History {
    /// Deployments in it.
    pub deployments: usize,
    /// Services that take turns.
    pub services: usize,
    /// When it ends.
    pub end: Instant,
}

impl History {
    /// So many deployments of so many services, up to a day that is the same in every run.
    pub fn of(deployments: usize, services: usize) -> Self {
        Self {
            deployments,
            services,
            end: Instant::parse("2026-11-01T00:00:00Z").unwrap(),
        }
    }

    /// When it begins.
    pub fn begin(&self) -> Instant {
        self.end
            .plus_millis(-((self.deployments / DEPLOYMENTS_A_DAY + 1) as i64 * DAY))
    }

    /// When a deployment of this number happens.
    fn time(&self, number: usize) -> Instant {
        self.begin()
            .plus_millis(number as i64 * DAY / DEPLOYMENTS_A_DAY as i64 + 10 * MINUTE)
    }

    /// Records it in an empty database; gives the number of entries.
    pub fn record(&self, directory: &Path, url: &str) -> usize {
        std::fs::create_dir_all(directory).unwrap();
        let entropy = Entropy::system();
        let (clock, hand) = Clock::settable(self.begin());
        let mut data = DataDirectory::open(directory, &entropy).unwrap();
        let signer = data.log_signer(ORIGIN).unwrap();
        let log_key = signer.key().clone();
        let options = Options {
            signer,
            service_key: data.service_key(),
            clock,
            entropy,
            queue: 4096,
            log_exists: data.has_log(),
            guard: Guard::file(guard_path(directory), log_key.clone()),
            accept_missing_guard: false,
            disk: Disk::new(vec![directory.to_owned()], None),
            secrets: shipslog::app::Secrets::default(),
            templates: Templates::built_in().unwrap(),
            catalogue: shipslog::catalogue::Catalogue::built_in().unwrap(),
            policy: None,
        };
        let connect = Connect::new(DatabaseUrl::parse(url).unwrap(), None).unwrap();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let key = PrivateKey::from_seed(SEED);
        let mut recorded = 0;
        let writer = runtime.block_on(async {
            let database = tokio::task::spawn_blocking(move || Database::open(connect).unwrap());
            let (app, writer) = App::open(database.await.unwrap(), options).await.unwrap();
            data.keep_log_key(&log_key).unwrap();
            let token = app
                .issue_token(Grant::new("admin", Role::Admin), None)
                .await
                .unwrap()
                .token;
            data.keep_admin_token(&token).unwrap();
            app.register_producer(producer(&key), None).await.unwrap();
            let started = std::time::Instant::now();
            let (tell, mut told) = tokio::sync::mpsc::channel(4);
            let history = *self;
            let teller = std::thread::spawn(move || history.tell(&key, &tell));
            while let Some((at, envelopes)) = told.recv().await {
                let envelopes: Vec<String> = envelopes;
                hand.set(at);
                let envelopes: Vec<&[u8]> = envelopes.iter().map(String::as_bytes).collect();
                for accepted in app.record_all(&envelopes).await.unwrap() {
                    accepted.unwrap();
                }
                if (recorded + envelopes.len()) / 500_000 > recorded / 500_000 {
                    eprintln!("{recorded} entries after {:.0} s", started.elapsed().as_secs_f64());
                }
                recorded += envelopes.len();
            }
            teller.join().unwrap();
            drop(app);
            writer
        });
        writer.join().unwrap();
        recorded
    }

    /// Signs everything in order, batch by batch, each with the time at which it is recorded.
    fn tell(&self, key: &PrivateKey, to: &tokio::sync::mpsc::Sender<(Instant, Vec<String>)>) {
        let (mut batch, mut at) = (Vec::with_capacity(BATCH), self.begin());
        for number in 0..self.deployments {
            for event in self.events(number) {
                let time = event["context"]["timestamp"].as_str().unwrap();
                at = at.max(Instant::parse(time).unwrap());
                batch.push(sign(&event, key));
            }
            if batch.len() >= BATCH || number + 1 == self.deployments {
                to.blocking_send((at, std::mem::take(&mut batch))).unwrap();
            }
        }
    }

    /// All that happens around a deployment, by time. A change goes through the environments one after the other.
    fn events(&self, number: usize) -> Vec<Value> {
        let (change, environment) = (number / ENVIRONMENTS.len(), ENVIRONMENTS[number % ENVIRONMENTS.len()]);
        let service = service(spread(change) as usize % self.services);
        let at = self.time(number);
        let id = format!("run-{number:08}");
        let mut told = Vec::new();
        if environment == "production" {
            let ours = json!({ "service": service, "environment": environment, "artifact": artifact(&service, change), "role": "release manager" });
            let content = json!({ "responder": "mailto:grace@example.com", "decision": "approved", "status": "approved",
                                  "approvalDetailsUrl": "https://deploy.example.com/a", "resourceTargetUrl": format!("https://deploy.example.com/{service}") });
            told.push(event(
                at.plus_millis(-9 * MINUTE),
                &format!("a-{number:08}"),
                "approval.closed.0.1.0",
                &format!("approval-{number}"),
                &content,
                &ours,
            ));
        } else if environment == "testing" {
            let ours = json!({ "service": service, "artifact": artifact(&service, change), "test": { "kind": "integration", "passed": 40 } });
            let content = json!({ "outcome": "success", "environment": { "id": environment }, "testSuite": { "id": "s", "name": "integration" } });
            told.push(event(
                at.plus_millis(5 * MINUTE),
                &format!("t-{number:08}"),
                "testsuiterun.finished.0.3.0",
                &format!("test-{number}"),
                &content,
                &ours,
            ));
        }
        // Of a hundred deployments four fail, and two go back to the change before the last of the service.
        let outcome = if spread(number) % 100 < 4 { "failure" } else { "success" };
        let content_of = if spread(number) % 100 >= 98 {
            change.saturating_sub(self.services * 2)
        } else {
            change
        };
        let content_of = if content_of == change {
            change
        } else {
            self.earlier(change)
        };
        let content = json!({ "environment": { "id": environment }, "artifactId": artifact(&service, content_of) });
        for (phase, percent, minutes) in [("queued", 10, -2), ("started", 60, -1)] {
            if spread(number + 7) % 100 < percent {
                let kind = format!("shipslog-deployment.{phase}.0.1.0");
                let ours = json!({ "service": service });
                told.push(event(
                    at.plus_millis(minutes * MINUTE),
                    &format!("{phase}-{number:08}"),
                    &kind,
                    &id,
                    &content,
                    &ours,
                ));
            }
        }
        let mut ended = content;
        ended["outcome"] = outcome.into();
        let commit = commit(content_of);
        let commits: Vec<Value> = (0..3)
            .map(|part| {
                let written = at.plus_millis(-DAY - part * 60 * MINUTE).to_string();
                json!({ "id": if part == 0 { commit.clone() } else { format!("{part}{}", &commit[1..]) }, "message": format!("fix: ask the bank {part} times more"),
                        "author": "ada@example.com", "committed_at": written })
            })
            .collect();
        let ours = json!({
            "service": service, "version": format!("1.{content_of}.0"), "commit": commit, "commits": commits,
            "actor": { "id": "repo:shop/deploy.yml", "kind": "pipeline" }, "reason": "Planned release",
            "tickets": [{ "id": format!("PAY-{content_of}") }],
            "run_url": format!("https://ci.example.com/runs/{number}"),
        });
        told.push(event(
            at,
            &format!("finished-{number:08}"),
            "shipslog-deployment.finished.0.1.0",
            &id,
            &ended,
            &ours,
        ));
        if number % AN_INCIDENT == AN_INCIDENT - 1 {
            let name = incident(number);
            let content = json!({ "description": "Card payments fail", "environment": { "id": "production" }, "service": { "id": service } });
            let ours = json!({ "severity": "high" });
            let (begin, end) = (at.plus_millis(30 * MINUTE), at.plus_millis(90 * MINUTE));
            told.push(event(
                begin,
                &format!("i-{number:08}"),
                "incident.detected.0.3.0",
                &name,
                &content,
                &ours,
            ));
            told.push(event(
                end,
                &format!("e-{number:08}"),
                "incident.resolved.0.3.0",
                &name,
                &content,
                &json!({}),
            ));
        }
        told.sort_by_key(|event| event["context"]["timestamp"].as_str().map(str::to_owned));
        told
    }

    /// The change of the same service before this one.
    fn earlier(&self, change: usize) -> usize {
        let of = |change: usize| spread(change) as usize % self.services;
        (0..change)
            .rev()
            .filter(|other| of(*other) == of(change))
            .nth(1)
            .unwrap_or(change)
    }

    /// The service of the newest deployment to production, and the number of that.
    pub fn newest(&self) -> (String, usize) {
        let number = self.deployments / 3 * 3 - 1;
        (service(spread(number / 3) as usize % self.services), number)
    }

    /// A question of the pipeline's to the gate, about the newest deployment to production; `number` tells it from others.
    pub fn gate_question(&self, number: u64) -> String {
        let (service, newest) = self.newest();
        let change = newest / ENVIRONMENTS.len();
        let ours = json!({
            "service": service, "environment": "production", "artifact": artifact(&service, change), "commit": commit(change),
            "actor": { "id": "repo:shop/deploy.yml", "kind": "pipeline" }, "gate_question": {},
        });
        let id = format!("g-{number:08}");
        let asked = event(self.end, &id, "shipslog-gate.asked.0.1.0", &id, &json!({}), &ours);
        sign(&asked, &PrivateKey::from_seed(SEED))
    }

    /// The newest incident.
    pub fn newest_incident(&self) -> String {
        incident(self.deployments / AN_INCIDENT * AN_INCIDENT - 1)
    }
}

fn sign(event: &Value, key: &PrivateKey) -> String {
    let payload = event.to_string().into_bytes();
    Envelope::sign("application/vnd.cdevents+json", &payload, &[key]).to_json()
}

fn incident(number: usize) -> String {
    format!("INC-{number}")
}

fn service(number: usize) -> String {
    format!("service-{number:03}")
}

fn commit(change: usize) -> String {
    format!(
        "{:040x}",
        (change as u128 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
    )
}

fn artifact(service: &str, change: usize) -> String {
    let commit = commit(change);
    format!(
        "pkg:oci/{service}@sha256%3A{commit}{}?repository_url=registry.example.com",
        &commit[..24]
    )
}

/// Numbers that look random, the same every time.
fn spread(number: usize) -> u64 {
    let mixed = (number as u64 ^ 0x5bd1_e995).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 33
}

fn event(at: Instant, id: &str, kind: &str, subject: &str, content: &Value, ours: &Value) -> Value {
    let prefix = if kind.starts_with("shipslog-") {
        "dev.cdeventsx"
    } else {
        "dev.cdevents"
    };
    json!({
        "context": { "specversion": "0.5.1", "id": id, "source": "https://ci.example.com/shop",
                     "type": format!("{prefix}.{kind}"), "timestamp": at.to_string() },
        "subject": { "id": subject, "source": "https://ci.example.com/shop", "content": content },
        "customData": { "shipslog": ours },
    })
}

fn producer(key: &PrivateKey) -> NewProducer {
    NewProducer {
        name: "pipeline".parse().unwrap(),
        public_key: key.public().to_pem(),
        services: Vec::new(),
        environments: Vec::new(),
        event_types: Vec::new(),
        valid_from: None,
        valid_until: None,
    }
}
