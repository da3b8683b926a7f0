use std::path::Path;

use ledger::{Checkpoint, Hash, NoteSigner, PrivateKey, SignedNote, leaf_hash};

use super::*;
use crate::store::{Database, DatabaseUrl};

fn signer(name: &str) -> NoteSigner {
    NoteSigner::new(name, PrivateKey::from_seed([5; 32])).unwrap()
}

fn note(signer: &NoteSigner, size: u64, root: Hash) -> SignedNote {
    let origin = signer.key().name().to_owned();
    Checkpoint { origin, size, root }.sign(signer).unwrap()
}

fn guards(folder: &Path) -> [Guard; 2] {
    let url = format!("sqlite:{}", folder.join("guard.db").display());
    let connect = Connect::new(DatabaseUrl::parse(&url).unwrap(), None).unwrap();
    [
        Guard::file(folder.join("guard"), signer("log").key().clone()),
        Guard::database(connect, signer("log").key().clone()),
    ]
}

#[test]
fn it_moves_forward_from_what_was_read_and_from_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let log = signer("log");
    let at = |size: u64| note(&log, size, leaf_hash(&size.to_be_bytes()));
    for mut guard in guards(folder.path()) {
        assert_eq!(guard.read().unwrap(), None);
        guard.create(&note(&log, 0, Hash::EMPTY_ROOT)).unwrap();
        assert!(matches!(guard.create(&at(9)), Err(GuardError::Exists(_))));
        let empty = guard.read().unwrap().unwrap();
        assert_eq!(empty.checkpoint.size, 0);
        assert!(guard.swap(&empty, &at(5).to_string()).unwrap());
        let five = guard.read().unwrap().unwrap();
        assert_eq!((five.checkpoint.size, five.note.clone()), (5, at(5).to_string()));

        assert!(!guard.swap(&empty, &at(7).to_string()).unwrap(), "somebody moved it");
        assert!(!guard.swap(&five, &at(4).to_string()).unwrap(), "not backwards");
        assert!(!guard.swap(&five, &note(&log, 5, Hash::EMPTY_ROOT).to_string()).unwrap());
        assert_eq!(guard.read().unwrap().unwrap(), five);
    }
}

#[test]
fn what_this_log_did_not_sign_is_no_guard() {
    let folder = tempfile::tempdir().unwrap();
    let other = note(&signer("other"), 3, leaf_hash(b"x")).to_string();
    for mut guard in guards(folder.path()) {
        guard.create(&note(&signer("log"), 0, Hash::EMPTY_ROOT)).unwrap();
        let held = guard.read().unwrap().unwrap();
        assert!(matches!(guard.swap(&held, &other), Err(GuardError::Foreign { .. })));
    }
    for damaged in [other.as_str(), "", "log\n3\n", "\u{0}"] {
        std::fs::write(folder.path().join("guard"), damaged).unwrap();
        let [mut guard, _] = guards(folder.path());
        assert!(matches!(guard.read(), Err(GuardError::Foreign { .. })), "{damaged:?}");
    }
}

#[test]
fn it_is_not_kept_where_a_log_is() {
    let folder = tempfile::tempdir().unwrap();
    let url = DatabaseUrl::Sqlite(folder.path().join("guard.db"));
    drop(Database::serve(Connect::new(url, None).unwrap()).unwrap());
    let [_, mut guard] = guards(folder.path());
    assert!(matches!(guard.read(), Err(GuardError::Store(StoreError::HoldsLog(_)))));
    assert!(guard.create(&note(&signer("log"), 0, Hash::EMPTY_ROOT)).is_err());
}

#[test]
fn processes_of_one_host_take_turns() {
    let folder = tempfile::tempdir().unwrap();
    let log = signer("log");
    let [mut guard, _] = guards(folder.path());
    guard.create(&note(&log, 0, Hash::EMPTY_ROOT)).unwrap();
    let won: u64 = std::thread::scope(|scope| {
        let racer = |racer: u64| {
            let (folder, log) = (folder.path(), &log);
            move || {
                let [mut guard, _] = guards(folder);
                let mut won = 0;
                for round in 1..=25 {
                    let held = guard.read().unwrap().unwrap();
                    // Each racer's own tree, so that a lost update would show.
                    let to = note(log, held.checkpoint.size + 1, leaf_hash(&[racer as u8, round]));
                    won += u64::from(guard.swap(&held, &to.to_string()).unwrap());
                }
                won
            }
        };
        let racers: Vec<_> = (0..4).map(|number| scope.spawn(racer(number))).collect();
        racers.into_iter().map(|racer| racer.join().unwrap()).sum()
    });
    assert_eq!(
        guard.read().unwrap().unwrap().checkpoint.size,
        won,
        "each swap that won counts once"
    );
}
