//! Several services over one PostgreSQL: paused, killed, cut off in the middle of COMMIT; and PostgreSQL itself going away.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ledger::{NoteKey, Receipt};
use rstest::rstest;

use crate::attack::cluster::Cluster;
use crate::support::binary::{Service, code, refused, run, said};
use crate::support::database::TestDatabase;
use crate::support::events::{deployed, sign};
use crate::support::proxy::{Fault, Proxy};
use crate::support::{Backend, eventually, key};

/// A log with a producer, in a database of its own, and a data directory for each replica.
struct Site {
    folder: tempfile::TempDir,
    url: String,
    _database: Option<TestDatabase>,
}

impl Site {
    fn new() -> Option<Self> {
        let database = TestDatabase::new(Backend::Postgres)?;
        Some(Self::at(database.url.clone(), Some(database)))
    }

    fn at(url: String, database: Option<TestDatabase>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let site = Self {
            folder,
            url,
            _database: database,
        };
        let service = Service::start(&site.data(0), Some(&site.url), &[]);
        let body = serde_json::json!({ "name": "pipeline", "public_key": key(7).public().to_pem() });
        service.client.post_json("/v1/producers", &body).expect(201);
        assert!(service.terminate());
        std::fs::create_dir(site.data(1)).unwrap();
        for file in std::fs::read_dir(site.data(0)).unwrap() {
            let file = file.unwrap();
            std::fs::copy(file.path(), site.data(1).join(file.file_name())).unwrap();
        }
        site
    }

    fn data(&self, replica: usize) -> PathBuf {
        self.folder.path().join(format!("data-{replica}"))
    }

    fn start(&self, replica: usize) -> Service {
        Service::start(&self.data(replica), Some(&self.url), &[])
    }

    fn log_key(&self) -> NoteKey {
        let vkey = std::fs::read_to_string(self.data(0).join("log.vkey")).unwrap();
        NoteKey::parse(vkey.trim_end()).unwrap()
    }

    /// Every acknowledged event is there once, with the receipt that was given; and the database is sound.
    fn check(&self, acknowledged: &BTreeMap<String, Vec<u8>>) {
        let service = self.start(0);
        let log = self.log_key();
        let mut indexes = BTreeSet::new();
        for (id, answer) in acknowledged {
            let receipt = Receipt::parse(answer).unwrap();
            receipt.verify(&log, &envelope(id)).unwrap();
            assert!(
                indexes.insert(receipt.proof.index),
                "{id}: index {} twice",
                receipt.proof.index
            );
            assert_eq!(service.client.record(&envelope(id)).expect(200).body, *answer, "{id}");
        }
        assert!(service.terminate());
        assert_sound(&self.data(0), &self.url);
    }
}

fn assert_sound(data: &Path, url: &str) {
    let fsck = run(&["fsck", "--data", data.to_str().unwrap(), "--database", url]);
    assert_eq!(
        code(&fsck),
        0,
        "{}{}",
        String::from_utf8_lossy(&fsck.stdout),
        said(&fsck)
    );
}

fn envelope(id: &str) -> Vec<u8> {
    sign(&deployed(id, "checkout", "production", 1), &key(7))
}

/// What several senders were promised, while they are at it.
#[derive(Default)]
struct Promises {
    ended: AtomicBool,
    receipts: Mutex<BTreeMap<String, Vec<u8>>>,
}

impl Promises {
    /// Sends events to one service until the end, each again until it is answered with a receipt or not at all.
    fn collect(&self, service: &Service, sender: &str) {
        for number in 0.. {
            let id = format!("{sender}-{number}");
            loop {
                if self.ended.load(Ordering::SeqCst) {
                    return;
                }
                match service.client.try_record(&envelope(&id)) {
                    Some(answer) if matches!(answer.status, 200 | 201) => {
                        self.receipts.lock().unwrap().insert(id, answer.body);
                        break;
                    }
                    Some(answer) => assert_eq!(answer.status, 503, "{}", answer.text()),
                    None => break,
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    }

    /// Waits until each of these senders got another one in.
    fn grow(&self, senders: std::ops::Range<usize>) {
        let count = || -> Vec<usize> {
            let receipts = self.receipts.lock().unwrap();
            let of = |sender: usize| {
                receipts
                    .keys()
                    .filter(|id| id.starts_with(&format!("sender-{sender}-")))
                    .count()
            };
            senders.clone().map(of).collect()
        };
        let before = count();
        eventually("every sender gets something in", || {
            count().iter().zip(&before).all(|(now, before)| now > before)
        });
    }
}

/// Ends the senders, also those of a test that fails: nobody waits for them in vain.
struct End<'a>(&'a Promises);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.ended.store(true, Ordering::SeqCst);
    }
}

#[test]
fn a_replica_that_is_paused_or_killed_does_no_harm() {
    let Some(site) = Site::new() else { return };
    let (paused, killed) = (site.start(0), site.start(1));
    let promises = Promises::default();
    std::thread::scope(|scope| {
        let (promises, services) = (&promises, [&paused, &killed]);
        let end = End(promises);
        for n in 0..6 {
            scope.spawn(move || promises.collect(services[n % 2], &format!("sender-{n}")));
        }
        for _ in 0..3 {
            promises.grow(0..6);
            // Sooner or later in the middle of a transaction, with the head locked.
            paused.signal("STOP");
            std::thread::sleep(Duration::from_secs(2));
            paused.signal("CONT");
        }
        promises.grow(0..6);
        killed.signal("KILL");
        std::thread::sleep(Duration::from_secs(1));
        drop(end);
    });
    eventually("it is ready", || paused.client.get("/readyz").status == 200);
    assert!(paused.terminate());
    site.check(&promises.receipts.into_inner().unwrap());
}

/// A writer that stands still in a transaction loses its session, and with it the lock: the others wait for seconds only.
#[test]
fn nobody_holds_the_head_for_ever() {
    let Some(site) = Site::new() else { return };
    let service = site.start(0);
    let settings = site._database.as_ref().unwrap().texts(
        "SELECT query FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'shipslog'",
    );
    assert!(!settings.is_empty());
    let proxy = Proxy::new(&site.url);
    // The other replica's COMMIT never arrives, and neither does the end of its connection.
    let stuck = Service::start(&site.data(1), Some(&proxy.url(&site.url)), &[]);
    let begun = Instant::now();
    proxy.arm(Fault::Hold);
    let waiting = std::thread::spawn({
        let client = stuck.client.clone();
        move || client.try_record(&envelope("stuck"))
    });
    proxy.wait_for(1);
    let mut receipt = Vec::new();
    eventually("the head is not locked any more", || {
        let answer = service.client.record(&envelope("behind it"));
        assert!(matches!(answer.status, 201 | 503), "{}", answer.text());
        receipt = answer.body;
        answer.status == 201
    });
    // A session that stands still lasts five seconds.
    assert!(begun.elapsed() > Duration::from_secs(4), "it was locked");
    drop(proxy);
    let resolved = waiting.join().unwrap();
    assert!(
        resolved.is_none_or(|answer| answer.status == 503),
        "what was undone is not acknowledged"
    );
    drop(stuck);
    assert!(service.terminate());
    site.check(&BTreeMap::from([("behind it".to_owned(), receipt)]));
}

#[test]
fn an_answer_to_commit_that_is_lost_is_looked_up() {
    let Some(site) = Site::new() else { return };
    let proxy = Proxy::new(&site.url);
    let service = Service::start(&site.data(0), Some(&proxy.url(&site.url)), &[]);
    let mut acknowledged = BTreeMap::new();
    // At every byte of the answer: SET's and COMMIT's command tags, and that the server is ready.
    for bytes in [0, 1, 5, 8, 9, 13, 17, 19, 20, 22] {
        // Past the second in which nothing else is published, so that the COMMIT is the batch's.
        let before = size(&service);
        let id = format!("answer-{bytes}");
        let fired = proxy.fired();
        let answer = armed(&proxy, &service, Fault::Answer(bytes), &id);
        assert_eq!(proxy.fired(), fired + 1);
        let answer = answer.expect(201);
        Receipt::parse(&answer.body)
            .unwrap()
            .verify(&site.log_key(), &envelope(&id))
            .unwrap();
        assert_eq!(size(&service), before + 1, "{id} is there once");
        acknowledged.insert(id, answer.body);
    }
    assert!(service.terminate());
    drop(proxy);
    site.check(&acknowledged);
}

#[test]
fn a_commit_that_did_not_arrive_is_not_acknowledged() {
    let Some(site) = Site::new() else { return };
    let proxy = Proxy::new(&site.url);
    let service = Service::start(&site.data(0), Some(&proxy.url(&site.url)), &[]);
    let mut acknowledged = BTreeMap::new();
    // The message has 45 bytes.
    for bytes in [0, 1, 4, 5, 20, 44] {
        let before = size(&service);
        let id = format!("commit-{bytes}");
        let answer = armed(&proxy, &service, Fault::Commit(bytes), &id);
        let problem = answer.problem(503);
        assert_eq!(problem["type"], "urn:shipslog:problem:unconfirmed", "{problem}");
        assert!(
            problem["detail"]
                .as_str()
                .unwrap()
                .contains("send the same event again"),
            "{problem}"
        );
        assert_eq!(size(&service), before, "{id}: nothing was recorded");
        // Sent again, it is recorded once.
        let answer = service.client.record(&envelope(&id)).expect(201);
        assert_eq!(answer.index(), before);
        acknowledged.insert(id, answer.body);
    }
    eventually("it is ready again", || service.client.get("/readyz").status == 200);
    assert!(service.terminate());
    drop(proxy);
    site.check(&acknowledged);
}

/// Many at once: each event of the batch is looked up for itself, known ones included.
#[test]
fn a_whole_batch_is_looked_up() {
    let Some(site) = Site::new() else { return };
    let proxy = Proxy::new(&site.url);
    let service = Service::start(&site.data(0), Some(&proxy.url(&site.url)), &[]);
    let first = service.client.record(&envelope("event-0")).expect(201);
    quiet(&service);
    let other = sign(&deployed("event-1", "checkout", "staging", 1), &key(7));
    let lines: Vec<Vec<u8>> = (0..40)
        .map(|n| envelope(&format!("event-{n}")))
        .chain([other])
        .collect();
    proxy.arm(Fault::Answer(0));
    let answer = service
        .client
        .post("/v1/events/batch", "application/x-ndjson", &lines.join(&b'\n'))
        .expect(200);
    assert_eq!(proxy.fired(), 1);
    let answers: Vec<serde_json::Value> = answer
        .text()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let statuses: Vec<u64> = answers
        .iter()
        .map(|answer| answer["status"].as_u64().unwrap())
        .collect();
    assert_eq!(statuses[0], 200, "it was there before");
    assert_eq!(answers[0]["receipt"].to_string(), first.json().to_string());
    assert_eq!(statuses[1..40], [201; 39]);
    assert_eq!(statuses[40], 409, "the same id with other content");
    assert!(service.terminate());
    let acknowledged = (0..40).map(|n| (format!("event-{n}"), answers[n]["receipt"].to_string().into_bytes()));
    let parsed = acknowledged.map(|(id, answer)| (id, Receipt::parse(&answer).unwrap().to_json().into_bytes()));
    let parsed = parsed.collect();
    drop(proxy);
    site.check(&parsed);
}

/// Breaks the COMMIT of one event, and of nothing else.
fn armed(proxy: &Proxy, service: &Service, fault: Fault, id: &str) -> crate::support::http::Answer {
    quiet(service);
    proxy.arm(fault);
    service.client.record(&envelope(id))
}

/// Waits until everything is published and no trouble is left, so that the next COMMIT is that of the next event.
fn quiet(service: &Service) {
    eventually("everything is published", || {
        let note = service.client.get("/log/checkpoint").expect(200);
        let published: u64 = note.text().lines().nth(1).unwrap().parse().unwrap();
        published == size(service) && service.client.get("/readyz").text().starts_with("ready\ntree size")
    });
}

fn size(service: &Service) -> u64 {
    service.client.get("/v1/log").expect(200).json()["tree_size"]
        .as_u64()
        .unwrap()
}

#[test]
fn postgres_is_killed_and_started_again_and_the_service_goes_on() {
    let Some(mut cluster) = Cluster::new() else { return };
    let site = Site::at(cluster.url(), None);
    let services = [site.start(0), site.start(1)];
    let promises = Promises::default();
    std::thread::scope(|scope| {
        let (promises, services) = (&promises, &services);
        let end = End(promises);
        for n in 0..4 {
            scope.spawn(move || promises.collect(&services[n % 2], &format!("sender-{n}")));
        }
        for _ in 0..2 {
            promises.grow(0..4);
            cluster.kill();
            eventually("it says why", || {
                services.iter().all(|service| {
                    let answer = service.client.get("/readyz");
                    answer.status == 503 && answer.text().contains("storage: ")
                })
            });
            services[0].client.get("/healthz").expect(200);
            cluster.start();
            eventually("both are ready", || {
                services
                    .iter()
                    .all(|service| service.client.get("/readyz").status == 200)
            });
            services[0].client.get("/v1/events?limit=1").expect(200);
        }
        promises.grow(0..4);
        drop(end);
    });
    let acknowledged = promises.receipts.into_inner().unwrap();
    for service in services {
        assert!(service.terminate());
    }
    site.check(&acknowledged);
    println!(
        "{} acknowledged events survived two kills of PostgreSQL",
        acknowledged.len()
    );
}

#[rstest]
fn settings_that_lose_what_was_acknowledged_are_refused(
    #[values(("synchronous_commit", "off"), ("synchronous_commit", "local"), ("synchronous_commit", "remote_write"))]
    (name, value): (&str, &str),
) {
    let Some(database) = TestDatabase::new(Backend::Postgres) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let url = format!("{}?options=-c%20{name}%3D{value}", database.url);
    let output = refused(&folder.path().join("data"), &url, &[]);
    assert_eq!(code(&output), 1);
    assert!(
        said(&output).contains(name) && said(&output).contains(value),
        "{}",
        said(&output)
    );
}

/// `fsync` and `full_page_writes` are settings of the whole server.
#[rstest]
fn a_server_that_does_not_write_through_is_refused(#[values("fsync", "full_page_writes")] name: &str) {
    let Some(cluster) = Cluster::with(&[&format!("{name}=off")]) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let output = refused(&folder.path().join("data"), &cluster.url(), &[]);
    assert_eq!(code(&output), 1);
    assert!(
        said(&output).contains(&format!("the database setting {name} is off")),
        "{}",
        said(&output)
    );
}
