//! The witness as a server: each answer of C2SP tlog-witness v1.0.0, state that outlives it, and races that it wins.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use ledger::{AddCheckpoint, Checkpoint, NoteSigner, SignedNote};
use tempfile::TempDir;

use crate::support::evidence::check_evidence;
use crate::support::http::Answer;
use crate::support::witness::{MemoryLog, Witness};
use crate::support::{binary, free_address, key};

const ORIGIN: &str = "log.example/one";

fn log(size: u64) -> MemoryLog {
    MemoryLog::of(NoteSigner::new(ORIGIN, key(1)).unwrap(), size)
}

/// The same key, another history from the entry `at` on.
fn forked(at: u64, size: u64) -> MemoryLog {
    let mut fork = log(at);
    (at..size).for_each(|n| fork.append(ledger::leaf_hash(format!("other {n}").as_bytes())));
    fork
}

fn witness(data: &TempDir) -> Witness {
    let vkey = log(0).signer.key().to_string();
    Witness::start(
        data.path(),
        free_address(),
        &["--log", &vkey, "--name", "witness.example/w"],
    )
}

/// The time of the cosignature in an answer, which must be one under this checkpoint.
#[track_caller]
fn cosigned(witness: &Witness, answer: Answer, log: &MemoryLog, size: u64) -> u64 {
    let answer = answer.expect(200);
    assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
    let note = SignedNote::parse(&format!("{}{}", log.note(size), answer.text())).unwrap();
    witness
        .key
        .cosigned(&note)
        .unwrap()
        .expect("a cosignature by the witness")
}

#[track_caller]
fn holds(answer: &Answer, size: u64) {
    assert_eq!((answer.status, answer.text()), (409, format!("{size}\n").as_str()));
    assert_eq!(answer.header("content-type"), Some("text/x.tlog.size"));
}

#[test]
fn every_answer_of_the_protocol() {
    let data = tempfile::tempdir().unwrap();
    let (witness, log) = (witness(&data), log(40));
    let ask = |body: &str| witness.add_checkpoint(body);
    assert_eq!(witness.checkpoint(ORIGIN).status, 404);

    // Nothing is known yet: any old size but zero is a conflict that names zero.
    holds(&ask(&log.request(3, 7)), 0);
    cosigned(&witness, ask(&log.request(0, 7)), &log, 7);
    holds(&ask(&log.request(0, 9)), 7);
    holds(&ask(&log.request(6, 9)), 7);
    cosigned(&witness, ask(&log.request(7, 20)), &log, 20);
    // The same checkpoint again gets a new cosignature.
    let first = cosigned(&witness, ask(&log.request(20, 20)), &log, 20);
    assert!(first > 1_700_000_000);

    // What it shows is what it cosigned last, with both signatures.
    let shown = witness.checkpoint(ORIGIN).expect(200);
    assert_eq!(shown.header("cache-control"), Some("no-cache"));
    let shown = SignedNote::parse(shown.text()).unwrap();
    assert_eq!(Checkpoint::open(&shown, log.signer.key()).unwrap(), log.checkpoint(20));
    assert!(witness.key.cosigned(&shown).unwrap().is_some_and(|time| time >= first));

    let stranger = MemoryLog::of(NoteSigner::new("log.example/two", key(1)).unwrap(), 30);
    assert_eq!(ask(&stranger.request(0, 30)).status, 404);
    let usurper = MemoryLog::of(NoteSigner::new(ORIGIN, key(2)).unwrap(), 30);
    assert_eq!(ask(&usurper.request(20, 30)).status, 403);
    // A line under the log's name and id that does not verify.
    let spoilt = log.request(20, 30).replace("\n30\n", "\n31\n");
    assert_eq!(ask(&spoilt).status, 403);

    for malformed in [
        String::new(),
        "old 20\n".to_owned(),
        log.request(20, 30).replace("old 20", "old 020"),
        log.request(20, 30).replace("old 20", "old 31"),
        log.request(20, 30).replace('\n', "\r\n"),
        log.request(20, 30) + "\n",
    ] {
        assert_eq!(ask(&malformed).status, 400, "{malformed:?}");
    }
    let binary = witness
        .client
        .post("/add-checkpoint", "text/plain", b"old 20\n\xff\n\n");
    assert_eq!(binary.status, 400);
    let long = format!("old 20\n{}", "x".repeat(1 << 20));
    assert_eq!(ask(&long).status, 413);

    // A proof that does not lead there, one that is missing, one too many.
    let wrong = AddCheckpoint::new(20, log.proof(19, 30), log.note(30)).unwrap();
    assert_eq!(ask(&wrong.to_string()).status, 422);
    let missing = AddCheckpoint::new(20, vec![], log.note(30)).unwrap();
    assert_eq!(ask(&missing.to_string()).status, 422);
    let needless = AddCheckpoint::new(20, log.proof(19, 20), log.note(20)).unwrap();
    assert_eq!(ask(&needless.to_string()).status, 422);
    // Two signed roots of one size.
    let fork = ask(&forked(10, 20).request(20, 20));
    assert_eq!(fork.status, 409);
    assert_eq!(fork.header("content-type"), Some("text/plain; charset=utf-8"));
    // None of it moved anything.
    cosigned(&witness, ask(&log.request(20, 30)), &log, 30);

    assert_eq!(witness.client.get("/add-checkpoint").status, 405);
    assert_eq!(witness.client.get("/healthz").expect(200).text(), "ok\n");
    for path in ["/", "/checkpoint", "/x/checkpoint", "/../witness.key.pem"] {
        assert_eq!(witness.client.get(path).status, 404, "{path}");
    }
}

#[test]
fn an_empty_log_may_be_witnessed() {
    let data = tempfile::tempdir().unwrap();
    let (witness, log) = (witness(&data), log(3));
    cosigned(&witness, witness.add_checkpoint(&log.request(0, 0)), &log, 0);
    cosigned(&witness, witness.add_checkpoint(&log.request(0, 3)), &log, 3);
    holds(&witness.add_checkpoint(&log.request(0, 0)), 3);
}

#[test]
fn a_restart_forgets_nothing() {
    let data = tempfile::tempdir().unwrap();
    let log = log(12);
    let before = {
        let witness = witness(&data);
        cosigned(&witness, witness.add_checkpoint(&log.request(0, 7)), &log, 7);
        witness.key.clone()
    };
    let witness = witness(&data);
    assert_eq!(witness.key, before);
    let kept = std::fs::read_to_string(data.path().join("witness.vkey")).unwrap();
    assert_eq!(kept, format!("{before}\n"));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |name: &str| std::fs::metadata(data.path().join(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode("witness.key.pem"), mode("witness.vkey")), (0o600, 0o644));
    }
    holds(&witness.add_checkpoint(&log.request(0, 9)), 7);
    assert_eq!(witness.add_checkpoint(&forked(2, 7).request(7, 7)).status, 409);
    cosigned(&witness, witness.add_checkpoint(&log.request(7, 12)), &log, 12);
    // Another name would be another witness.
    let other = [
        "witness",
        "--data",
        data.path().to_str().unwrap(),
        "--name",
        "other",
        "--log",
        &log.signer.key().to_string(),
    ];
    let refused = binary::run(&other);
    assert_eq!(
        binary::code(&refused),
        1,
        "{}",
        String::from_utf8_lossy(&refused.stderr)
    );
}

#[test]
fn without_a_log_there_is_nothing_to_witness() {
    let data = tempfile::tempdir().unwrap();
    for arguments in [&[][..], &["--log", "nonsense"], &["--policy", "/nowhere"]] {
        let all = [&["witness", "--data", data.path().to_str().unwrap()], arguments].concat();
        assert_eq!(binary::code(&binary::run(&all)), 2, "{arguments:?}");
    }
}

/// Both see the same size held; one may have its place.
#[test]
fn of_two_requests_from_the_same_size_one_is_cosigned() {
    let data = tempfile::tempdir().unwrap();
    let (witness, log) = (witness(&data), log(250));
    let mut size = 0;
    for round in 0..8 {
        let sizes: Vec<u64> = (1..=6).map(|n| size + n * 3).collect();
        let answers: Vec<(u64, Answer)> = std::thread::scope(|scope| {
            let asking: Vec<_> = sizes
                .iter()
                .map(|new| (*new, scope.spawn(|| witness.add_checkpoint(&log.request(size, *new)))))
                .collect();
            asking
                .into_iter()
                .map(|(new, asking)| (new, asking.join().unwrap()))
                .collect()
        });
        let (won, lost): (Vec<_>, Vec<_>) = answers.into_iter().partition(|(_, answer)| answer.status == 200);
        assert_eq!(won.len(), 1, "round {round}");
        size = won[0].0;
        lost.iter().for_each(|(_, answer)| holds(answer, size));
    }
}

/// Requests that overtake each other never take the witness back: the race that the specification describes.
#[test]
fn nothing_is_rolled_back() {
    let data = tempfile::tempdir().unwrap();
    let (witness, log) = (witness(&data), log(250));
    let (largest, ended) = (AtomicU64::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let watching = scope.spawn(|| {
            let mut before = 0;
            while !ended.load(Ordering::SeqCst) {
                let shown = witness.checkpoint(ORIGIN);
                if shown.status == 200 {
                    let note = SignedNote::parse(shown.text()).unwrap();
                    let size = Checkpoint::open(&note, log.signer.key()).unwrap().size;
                    assert!(size >= before, "it showed {before} before and {size} now");
                    before = size;
                }
            }
            before
        });
        let senders: Vec<_> = (1..=4)
            .map(|step| {
                let (witness, log, largest) = (&witness, &log, &largest);
                scope.spawn(move || {
                    let mut held = 0;
                    for new in (step..=250).step_by(3 + usize::try_from(step).unwrap()) {
                        // Its idea of what is held is often old; the witness says so.
                        for _ in 0..3 {
                            if held > new {
                                break;
                            }
                            let answer = witness.add_checkpoint(&log.request(held, new));
                            match answer.status {
                                200 => {
                                    largest.fetch_max(new, Ordering::SeqCst);
                                    held = new;
                                    break;
                                }
                                409 => held = answer.text().trim_end().parse().unwrap(),
                                other => panic!("{other}: {}", answer.text()),
                            }
                        }
                    }
                })
            })
            .collect();
        senders.into_iter().for_each(|sender| sender.join().unwrap());
        ended.store(true, Ordering::SeqCst);
        watching.join().unwrap();
    });
    let shown = SignedNote::parse(witness.checkpoint(ORIGIN).expect(200).text()).unwrap();
    let size = Checkpoint::open(&shown, log.signer.key()).unwrap().size;
    assert_eq!(
        size,
        largest.load(Ordering::SeqCst),
        "the largest that was cosigned is held"
    );
}

/// A log that forks gives itself away: the witness keeps both of its signatures, and a proof where one is needed.
#[test]
fn evidence_of_forks_is_kept() {
    let data = tempfile::tempdir().unwrap();
    let (witness, log) = (witness(&data), log(30));
    cosigned(&witness, witness.add_checkpoint(&log.request(0, 20)), &log, 20);
    assert_eq!(witness.add_checkpoint(&forked(10, 20).request(20, 20)).status, 409);
    assert_eq!(witness.add_checkpoint(&forked(10, 25).request(20, 25)).status, 422);
    // The same again is not kept twice; a request by a stranger not at all, nor one with a worthless proof: the log's
    // checkpoint is public, and anybody can send it.
    let worthless = AddCheckpoint::new(20, log.proof(19, 30), log.note(30)).unwrap();
    assert_eq!(witness.add_checkpoint(&worthless.to_string()).status, 422);
    assert_eq!(witness.add_checkpoint(&forked(10, 20).request(20, 20)).status, 409);
    let usurper = MemoryLog::of(NoteSigner::new(ORIGIN, key(2)).unwrap(), 20);
    assert_eq!(witness.add_checkpoint(&usurper.request(20, 20)).status, 403);

    let folder = data
        .path()
        .join("evidence")
        .join(ledger::sha256(ORIGIN.as_bytes()).to_hex());
    let mut places: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|item| item.unwrap().path())
        .collect();
    places.sort();
    assert_eq!(places.len(), 2, "{places:?}");
    for (place, size) in places.iter().zip([20, 25]) {
        let fork = check_evidence(place, log.signer.key());
        assert_eq!(
            (fork.held, fork.offered),
            (log.checkpoint(20), forked(10, size).checkpoint(size))
        );
    }
}
