//! The service asks its witnesses: what it serves then, that no witness holds it up, and that a fork raises the alarm.

use std::path::Path;
use std::time::{Duration, Instant};

use ledger::witness::TREE_SIZE_TYPE;
use ledger::{AddCheckpoint, Checkpoint, CosignerKey, Hash, NoteKey, Policy, Quorum, SignedNote, TileId};
use rstest::rstest;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::binary::Service;
use crate::support::database::TestDatabase;
use crate::support::events::{deployed, sign};
use crate::support::http::Answer;
use crate::support::witness::{FakeWitness, MemoryLog, Witness, http_answer, log_signer};
use crate::support::{Backend, eventually, free_address, key};

/// A service with a policy, whose log key was made before.
struct Organisation {
    data: TempDir,
    log: NoteKey,
    database: TestDatabase,
}

impl Organisation {
    fn new(backend: Backend, origin: &str) -> Option<Self> {
        let database = TestDatabase::new(backend)?;
        let data = tempfile::tempdir().unwrap();
        let log = log_signer(data.path(), origin).key().clone();
        Some(Self { data, log, database })
    }

    fn serve(&self, policy: &str) -> Service {
        let file = self.data.path().join("policy");
        std::fs::write(&file, policy).unwrap();
        let service = Service::start(
            self.data.path(),
            Some(&self.database.url),
            &["--policy", file.to_str().unwrap()],
        );
        let body = json!({ "name": "pipeline", "public_key": key(7).public().to_pem() });
        let registered = service.client.post_json("/v1/producers", &body).status;
        assert!(registered == 201 || registered == 409, "{registered}");
        service
    }
}

fn record(service: &Service, id: &str) -> u64 {
    let envelope = sign(&deployed(id, "checkout", "production", 1), &key(7));
    service.client.record(&envelope).expect(201).index()
}

/// The served checkpoint.
fn served(service: &Service) -> (Answer, SignedNote) {
    let answer = service.client.anonymous().get("/log/checkpoint").expect(200);
    let note = SignedNote::parse(answer.text()).unwrap();
    (answer, note)
}

fn size(note: &SignedNote) -> u64 {
    Checkpoint::parse(note.text()).unwrap().size
}

fn witnessing(service: &Service) -> Value {
    service.client.get("/v1/log").expect(200).json()["witnessing"].clone()
}

/// Waits until what is served has its quorum at the size that the log has now.
fn wait_for_quorum(service: &Service) -> SignedNote {
    let whole = service.client.get("/v1/log").json()["tree_size"].as_u64().unwrap();
    let mut found = None;
    eventually("the newest checkpoint has its quorum", || {
        let (answer, note) = served(service);
        let met = answer.header("shipslog-quorum") == Some("met") && size(&note) >= whole;
        found = met.then_some(note);
        met
    });
    found.unwrap()
}

fn one_witness(key: &CosignerKey, url: &str) -> String {
    format!("witness w {key} {url}\nquorum w\n")
}

#[rstest]
fn two_organisations_witness_each_other(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let (Some(one), Some(two)) = (
        Organisation::new(backend, "one.example/log"),
        Organisation::new(backend, "two.example/log"),
    ) else {
        return;
    };
    let (one_data, two_data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    // Each witnesses the other's log.
    let of_one = Witness::start(one_data.path(), free_address(), &["--log", &two.log.to_string()]);
    let of_two = Witness::start(two_data.path(), free_address(), &["--log", &one.log.to_string()]);
    let policies = [
        format!("log {}\n{}", one.log, one_witness(&of_two.key, &of_two.url())),
        format!("log {}\n{}", two.log, one_witness(&of_one.key, &(of_one.url() + "/"))),
    ];
    let services = [one.serve(&policies[0]), two.serve(&policies[1])];
    for (service, policy) in services.iter().zip(&policies) {
        let policy = Policy::parse(policy.as_bytes()).unwrap();
        for round in 0..3 {
            record(service, &format!("e{round}"));
            let note = wait_for_quorum(service);
            let verdict = policy.evaluate(&note).unwrap();
            assert!(matches!(verdict.cosigned.quorum, Quorum::Met(_)), "{note}");
        }
        let seen = witnessing(service);
        assert_eq!((&seen["quorum"], &seen["alarms"]), (&json!("met"), &json!([])));
        assert_eq!(
            seen["witnesses"][0]["newest"]["tree_size"],
            seen["newest_quorum"]["tree_size"]
        );
        // A receipt under the newest checkpoint carries the cosignature, too.
        let receipt = service.client.get("/v1/events/0/receipt?tree_size=latest").expect(200);
        let receipt = ledger::Receipt::parse(&receipt.body).unwrap();
        let verdict = policy.evaluate(&receipt.proof.checkpoint).unwrap();
        assert!(matches!(verdict.cosigned.quorum, Quorum::Met(_)));
    }
    // An export holds the cosigned checkpoint, and is verified with the policy.
    let folder = one.data.path().join("bundle");
    let exported = services[0].shipslog(&["export", folder.to_str().unwrap()]);
    crate::support::binary::stdout(&exported);
    let policy = one.data.path().join("policy");
    let verify = [
        "verify",
        "bundle",
        folder.to_str().unwrap(),
        "--policy",
        policy.to_str().unwrap(),
    ];
    crate::support::binary::stdout(&crate::support::binary::run(&verify));
    // What the witness shows is what the service serves.
    let (_, note) = served(&services[0]);
    let shown = SignedNote::parse(of_two.checkpoint("one.example/log").expect(200).text()).unwrap();
    assert_eq!(note.text(), shown.text());
}

#[rstest]
fn what_was_cosigned_is_there_after_a_restart(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(us) = Organisation::new(backend, "log.example/restarted") else {
        return;
    };
    let data = tempfile::tempdir().unwrap();
    let witness = Witness::start(data.path(), free_address(), &["--log", &us.log.to_string()]);
    let policy = one_witness(&witness.key, &witness.url());
    let service = us.serve(&policy);
    record(&service, "e1");
    wait_for_quorum(&service);
    assert!(service.terminate());
    drop(witness);
    // Nobody can be asked now, and it is still there.
    let service = us.serve(&policy);
    let (answer, note) = served(&service);
    assert_eq!(answer.header("shipslog-quorum"), Some("met"));
    assert_eq!(
        answer.header("shipslog-quorum-size"),
        Some(size(&note).to_string().as_str())
    );
    assert!(answer.header("shipslog-quorum-time").unwrap().starts_with("20"));
    assert!(
        Policy::parse(policy.as_bytes())
            .unwrap()
            .cosigned(&note)
            .unwrap()
            .quorum
            .holds()
    );
    // After ten seconds without the witness the newest checkpoint is served all the same, and says so.
    record(&service, "e2");
    let whole = service.client.get("/v1/log").json()["tree_size"].as_u64().unwrap();
    eventually("the newest is served", || {
        let (answer, newest) = served(&service);
        let old = answer.header("shipslog-quorum") == Some("old");
        assert_eq!(
            old,
            size(&newest) > size(&note),
            "a quorum or the newest, and it says which"
        );
        old && size(&newest) == whole
    });
    assert_eq!(witnessing(&service)["quorum"], "old");
    assert_eq!(witnessing(&service)["newest_quorum"]["tree_size"], size(&note));
    // Back again, it takes up where it stood.
    let address = policy.split("http://").nth(1).unwrap().split('\n').next().unwrap();
    let _witness = Witness::start(data.path(), address.parse().unwrap(), &["--log", &us.log.to_string()]);
    let again = wait_for_quorum(&service);
    assert!(size(&again) >= whole);
}

/// One that hangs, one that talks nonsense, one that is not there, and one that does its work.
#[rstest]
fn no_witness_holds_up_anything(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(us) = Organisation::new(backend, "log.example/patient") else {
        return;
    };
    let data: Vec<TempDir> = (0..4).map(|_| tempfile::tempdir().unwrap()).collect();
    let hanging = FakeWitness::start(|_| String::new());
    let wrong = FakeWitness::start(|_| http_answer("200 OK", "text/plain", "\u{2014} nobody AAAAAAAA\n"));
    let witness = Witness::start(data[0].path(), free_address(), &["--log", &us.log.to_string()]);
    let mut policy = format!("witness good {} {}\n", witness.key, witness.url());
    let bad = [hanging.url(), wrong.url(), format!("http://{}", free_address())];
    for (n, url) in bad.iter().enumerate() {
        let key = Witness::key(data[n + 1].path(), &format!("bad{n}"));
        policy += &format!("witness bad{n} {key} {url}\n");
    }
    policy += "group one any good bad0 bad1 bad2\nquorum one\n";
    let service = us.serve(&policy);
    eventually("the bad ones are asked", || {
        !hanging.requests.lock().unwrap().is_empty() && !wrong.requests.lock().unwrap().is_empty()
    });
    let took = |n| {
        let start = Instant::now();
        record(&service, &format!("e{n}"));
        start.elapsed()
    };
    let mut times: Vec<Duration> = (0..40).map(took).collect();
    times.sort();
    // Whoever waited for a witness would take a second, however fast the machine is.
    assert!(times[20] < Duration::from_secs(1), "{times:?}");
    let note = wait_for_quorum(&service);
    let policy = Policy::parse(policy.as_bytes()).unwrap();
    let present: Vec<String> = policy
        .cosigned(&note)
        .unwrap()
        .present
        .iter()
        .map(|(w, _)| w.name.clone())
        .collect();
    assert_eq!(present, ["good"]);
    assert_eq!(witnessing(&service)["alarms"], json!([]), "trouble is not an alarm");
    assert!(hanging.requests.lock().unwrap()[0].starts_with("POST /add-checkpoint HTTP/1.1"));
}

/// The tree of a service so far, from its public tiles.
fn copy_of(service: &Service, data: &Path, origin: &str) -> MemoryLog {
    let (_, note) = served(service);
    let whole = size(&note);
    let path = ledger::TilePath::Hashes {
        id: TileId { level: 0, index: 0 },
        width: u16::try_from(whole).unwrap(),
    };
    let hashes = service.client.get(&format!("/log/tile/{path}")).expect(200).body;
    let mut log = MemoryLog::new(log_signer(data, origin));
    hashes.as_chunks().0.iter().for_each(|hash| log.append(Hash(*hash)));
    assert_eq!(log.checkpoint(whole).to_text(), note.text());
    log
}

/// Somebody signs other entries with the log's key, and the witness sees those first.
#[rstest]
#[case::the_same_size(1, 1, "fork")]
#[case::a_smaller_tree(1, 3, "fork")]
#[case::a_larger_tree(5, 1, "ahead")]
fn a_fork_raises_an_alarm_that_stays(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
    #[case] theirs: u64,
    #[case] ours: u64,
    #[case] reason: &str,
) {
    let origin = "log.example/forked";
    let Some(us) = Organisation::new(backend, origin) else {
        return;
    };
    let data = tempfile::tempdir().unwrap();
    let witness = Witness::start(data.path(), free_address(), &["--log", &us.log.to_string()]);
    let service = us.serve(&one_witness(&witness.key, &witness.url()));
    record(&service, "e0");
    let before = size(&wait_for_quorum(&service));

    let mut fork = copy_of(&service, us.data.path(), origin);
    (0..theirs).for_each(|n| fork.append(ledger::leaf_hash(format!("another {n}").as_bytes())));
    let request = fork.request(before, fork.size());
    witness.add_checkpoint(&request).expect(200);

    let lines: Vec<Vec<u8>> = (0..ours)
        .map(|n| sign(&deployed(&format!("f{n}"), "checkout", "production", n), &key(7)))
        .collect();
    let batch = lines.join(&b'\n');
    service
        .client
        .post("/v1/events/batch", "application/x-ndjson", &batch)
        .expect(200);
    eventually("the alarm", || witnessing(&service)["alarms"] != json!([]));
    let alarms = witnessing(&service)["alarms"].clone();
    let alarm = &alarms[0];
    assert_eq!(alarm["reason"], reason, "{alarm}");
    assert_eq!(alarm["held_size"], before + theirs);
    // A batch may be published in two parts.
    let asked = alarm["tree_size"].as_u64().unwrap();
    assert!((before + 1..=before + ours).contains(&asked), "{alarm}");
    assert_eq!(alarm["witness"], witness.key.to_string());
    // The other head is kept: it is signed with our key, and it is not ours.
    let held = SignedNote::parse(alarm["held_checkpoint"].as_str().unwrap()).unwrap();
    assert_eq!(Checkpoint::open(&held, &us.log).unwrap(), fork.checkpoint(fork.size()));
    // The service goes on working and says so where somebody looks.
    let ready = service.client.anonymous().get("/readyz").expect(200);
    assert!(ready.text().contains(&format!("ALARM {reason}: ")), "{}", ready.text());
    record(&service, "later");
    // It stays after a restart, once.
    assert!(service.terminate());
    let service = us.serve(&one_witness(&witness.key, &witness.url()));
    assert_eq!(witnessing(&service)["alarms"][0], *alarm);
    let rows = us.database.texts("SELECT CAST(COUNT(*) AS TEXT) AS value FROM alarm");
    assert!(rows == ["1"], "{rows:?} alarms of one fork");
}

/// A witness of the later text answers 422 to another root; one may also just repeat the size.
#[rstest]
#[case::as_v1(409, "text/plain", "another root\n")]
#[case::as_later(422, "text/plain", "another root\n")]
#[case::with_the_size(409, TREE_SIZE_TYPE, "SIZE\n")]
fn every_way_to_say_fork_is_understood(#[case] status: u16, #[case] media: &'static str, #[case] body: &'static str) {
    let Some(us) = Organisation::new(Backend::Sqlite, "log.example/words") else {
        return;
    };
    let data = tempfile::tempdir().unwrap();
    let key = Witness::key(data.path(), "fake");
    let fake = FakeWitness::start(move |request| {
        let Some((_, body_sent)) = request.split_once("\r\n\r\n") else {
            return String::new();
        };
        let Ok(asked) = AddCheckpoint::parse(body_sent) else {
            return http_answer("404 Not Found", "text/plain", "");
        };
        let size = asked.checkpoint().size.to_string();
        if asked.old() < asked.checkpoint().size {
            return http_answer("409 Conflict", TREE_SIZE_TYPE, &format!("{size}\n"));
        }
        http_answer(&format!("{status} x"), media, &body.replace("SIZE", &size))
    });
    let service = us.serve(&one_witness(&key, &fake.url()));
    eventually("the alarm", || witnessing(&service)["alarms"] != json!([]));
    let alarm = witnessing(&service)["alarms"][0].clone();
    assert_eq!(
        (&alarm["reason"], &alarm["held_checkpoint"]),
        (&json!("fork"), &Value::Null)
    );
    let asked = fake.requests.lock().unwrap();
    assert!(
        asked
            .iter()
            .any(|request| request.contains("GET /") && request.contains("/checkpoint"))
    );
}

#[test]
fn a_policy_that_does_not_fit_is_refused_at_the_start() {
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("policy");
    let other = log_signer(&data.path().join("other"), "other.example/log");
    let witness = Witness::key(&data.path().join("witness"), "w");
    for (policy, code, said) in [
        ("quorum x\n".to_owned(), 2, "line 1 of the policy"),
        (format!("log {}\nquorum none\n", other.key()), 1, "not this one"),
        (format!("witness w {witness} ftp://x\nquorum w\n"), 1, "ftp://x"),
    ] {
        std::fs::write(&file, policy).unwrap();
        let folder = data.path().join(format!("data{code}{}", said.len()));
        let started = crate::support::binary::run(&[
            "serve",
            "--data",
            folder.to_str().unwrap(),
            "--listen",
            &free_address().to_string(),
            "--policy",
            file.to_str().unwrap(),
        ]);
        let error = String::from_utf8_lossy(&started.stderr);
        assert!(error.contains(said), "{error}");
        assert_eq!(crate::support::binary::code(&started), code, "{error}");
    }
}
