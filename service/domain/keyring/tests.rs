//! Who may sign at which place in a log.

use ledger::PrivateKey;

use super::*;
use crate::domain::fixture::{self, at};
use crate::domain::parse::{ADMINISTRATION_JSON, CDEVENT_JSON, QUESTION_JSON, parse};
use crate::domain::producer::Role;
use crate::domain::reach::Reach;

fn key(seed: u8) -> PrivateKey {
    PrivateKey::from_seed([seed; 32])
}

fn created(seed: u8) -> Administration {
    Administration::LogCreated {
        origin: "log.example/1".to_owned(),
        public_key: key(seed).public().to_pem(),
    }
}

fn registered(name: &str, seed: u8) -> Administration {
    Administration::ProducerRegistered {
        name: name.parse().unwrap(),
        public_key: key(seed).public().to_pem(),
        scope: Scope::default(),
        valid_from: None,
        valid_until: None,
    }
}

fn revoked(name: &str) -> Administration {
    Administration::ProducerRevoked {
        name: name.parse().unwrap(),
        reason: "left".to_owned(),
    }
}

/// A log with the service and two producers: `shop`, whose key is 1, and `till`, whose key is 2.
fn keyring() -> Keyring {
    let mut keyring = Keyring::default();
    for (index, decision) in [created(0), registered("shop", 1), registered("till", 2)]
        .iter()
        .enumerate()
    {
        keyring.apply(index as u64, at(index as i64), decision).unwrap();
    }
    keyring
}

/// An event that anyone may send, with this in its extension.
fn event(extension: serde_json::Value) -> Event {
    let event = serde_json::json!({
        "context": {
            "specversion": "0.5.1", "id": "1", "source": "/s", "timestamp": "2026-03-02T09:00:00Z",
            "type": "dev.cdevents.build.started.0.3.0",
        },
        "subject": { "id": "1", "content": {} },
        "customData": { "shipslog": extension },
    });
    parse(CDEVENT_JSON, &serde_json::to_vec(&event).unwrap()).unwrap()
}

fn plain() -> Event {
    event(serde_json::json!({}))
}

#[test]
fn a_log_begins_with_its_creation_and_is_created_once() {
    let mut keyring = Keyring::default();
    assert_eq!(
        keyring.apply(0, at(0), &registered("shop", 1)),
        Err(KeyringError::Creation)
    );
    assert_eq!(keyring.apply(1, at(0), &created(0)), Err(KeyringError::Creation));
    keyring.apply(0, at(0), &created(0)).unwrap();
    assert_eq!(keyring.apply(0, at(0), &created(3)), Err(KeyringError::Creation));
    assert_eq!(keyring.origin(), Some("log.example/1"));
    let service = keyring.service().unwrap();
    assert_eq!((service.name.as_str(), service.key), ("shipslog", key(0).public()));
    assert_eq!(
        keyring.apply(1, at(1), &revoked("shipslog")),
        Err(KeyringError::ServiceKey)
    );
    assert_eq!(
        keyring.apply(1, at(1), &registered("shipslog", 4)),
        Err(KeyringError::NameTaken("shipslog".parse().unwrap()))
    );
}

#[test]
fn a_predecessor_is_named_by_entry_1_with_a_checkpoint_that_it_signed() {
    let named = |origin: &str, signed_by: u8, vkey_of: u8| {
        let note_signer = ledger::NoteSigner::new(origin, key(signed_by)).unwrap();
        let (size, root) = (9, ledger::leaf_hash(b"x"));
        let checkpoint = ledger::Checkpoint {
            origin: origin.to_owned(),
            size,
            root,
        };
        Administration::LogContinued {
            log_key: ledger::NoteKey::new(origin, key(vkey_of).public()).unwrap().to_string(),
            checkpoint: checkpoint.sign(&note_signer).unwrap().to_string(),
        }
    };
    let apply = |index: u64, decision: &Administration| {
        let mut keyring = Keyring::default();
        keyring.apply(0, at(0), &created(0)).unwrap();
        keyring.apply(index, at(1), decision).map(|()| keyring)
    };
    let keyring = apply(1, &named("log.example/0", 8, 8)).unwrap();
    let predecessor = keyring.predecessor().unwrap();
    assert_eq!(
        (predecessor.checkpoint.origin.as_str(), predecessor.checkpoint.size),
        ("log.example/0", 9)
    );
    for (index, decision) in [
        (2, named("log.example/0", 8, 8)),
        (1, named("log.example/0", 8, 7)),
        (1, named("log.example/1", 8, 8)),
    ] {
        let refused = apply(index, &decision).unwrap_err();
        assert!(matches!(refused, KeyringError::Predecessor(_)), "{refused}");
    }
}

#[test]
fn names_and_keys_are_taken_once() {
    let mut keyring = keyring();
    assert_eq!(
        keyring.apply(3, at(3), &registered("shop", 9)),
        Err(KeyringError::NameTaken("shop".parse().unwrap()))
    );
    assert_eq!(
        keyring.apply(3, at(3), &registered("new", 1)),
        Err(KeyringError::KeyTaken("shop".parse().unwrap()))
    );
    assert_eq!(
        keyring.apply(3, at(3), &revoked("nobody")),
        Err(KeyringError::NotRegistered("nobody".parse().unwrap()))
    );
    keyring.apply(3, at(3), &revoked("shop")).unwrap();
    assert_eq!(
        keyring.apply(4, at(4), &revoked("shop")),
        Err(KeyringError::NotRegistered("shop".parse().unwrap()))
    );
    assert_eq!(
        keyring.apply(4, at(4), &registered("new", 1)),
        Err(KeyringError::KeyTaken("shop".parse().unwrap()))
    );
    // The name, with another key, is how a producer changes its key.
    keyring.apply(4, at(4), &registered("shop", 9)).unwrap();
    assert_eq!(keyring.named("shop").unwrap().key, key(9).public());
    assert_eq!(
        keyring.producer(&key(1).public().id()).unwrap().revoked_at_index,
        Some(3)
    );
    assert_eq!(keyring.producers().len(), 4);
}

#[test]
fn what_cannot_be_a_producer_is_refused() {
    let mut keyring = keyring();
    let mut wrong = registered("new", 5);
    if let Administration::ProducerRegistered { public_key, .. } = &mut wrong {
        *public_key = public_key.replace('M', "N");
    }
    assert!(matches!(keyring.apply(3, at(3), &wrong), Err(KeyringError::Key(_))));
    let mut wrong = registered("new", 5);
    if let Administration::ProducerRegistered {
        valid_from,
        valid_until,
        ..
    } = &mut wrong
    {
        (*valid_from, *valid_until) = (Some(at(5)), Some(at(5)));
    }
    assert_eq!(keyring.apply(3, at(3), &wrong), Err(KeyringError::Period));
    let mut wrong = registered("new", 5);
    if let Administration::ProducerRegistered { scope, .. } = &mut wrong {
        scope.event_types = vec!["deployment".to_owned(), "two words".to_owned()];
    }
    assert_eq!(
        keyring.apply(3, at(3), &wrong),
        Err(KeyringError::EventType("two words".to_owned()))
    );
    assert_eq!(keyring.producers().len(), 3);
}

#[test]
fn a_signature_finds_its_key_by_id_or_name_or_by_trying() {
    let mut keyring = keyring();
    let id = key(1).public().id().to_string();
    assert_eq!(keyring.candidates(Some(&id)), [key(1).public()]);
    assert_eq!(keyring.candidates(Some("till")), [key(2).public()]);
    assert_eq!(keyring.candidates(Some(&key(9).public().id().to_string())), []);
    for word in [None, Some(""), Some("ci-key-2026")] {
        assert_eq!(
            keyring.candidates(word),
            [key(0), key(1), key(2)].map(|key| key.public())
        );
    }
    keyring.apply(3, at(3), &revoked("shop")).unwrap();
    assert_eq!(
        keyring.candidates(Some(&id)),
        [key(1).public()],
        "so that the answer can be: revoked"
    );
    assert_eq!(keyring.candidates(None), [key(0), key(2)].map(|key| key.public()));
    for more in 0..62 {
        keyring
            .apply(4, at(4), &registered(&format!("p{more}"), 100 + more))
            .unwrap();
    }
    assert_eq!(keyring.candidates(None).len(), 64);
    keyring.apply(5, at(5), &registered("p", 200)).unwrap();
    assert_eq!(keyring.candidates(None).len(), 65, "which says that there are more");
    keyring.apply(6, at(6), &registered("q", 201)).unwrap();
    assert_eq!(keyring.candidates(None).len(), 65);
}

#[test]
fn order_in_the_log_decides_and_periods_are_of_the_recorded_time() {
    let mut keyring = keyring();
    let (shop, till) = (key(1).public().id(), key(2).public().id());
    assert_eq!(keyring.permit(&shop, &plain(), at(3)).unwrap().name.as_str(), "shop");
    keyring.apply(7, at(3), &revoked("shop")).unwrap();
    // The clock of the record says earlier than the revocation; its place in the log does not.
    let error = keyring.permit(&shop, &plain(), at(0)).unwrap_err();
    assert_eq!(error, PermissionError::Revoked("shop".parse().unwrap(), 7));
    assert!(keyring.permit(&till, &plain(), at(9)).is_ok());
    let nobody = key(99).public().id();
    assert_eq!(
        keyring.permit(&nobody, &plain(), at(9)),
        Err(PermissionError::Unknown(nobody))
    );

    let mut period = registered("hired", 3);
    if let Administration::ProducerRegistered {
        valid_from,
        valid_until,
        ..
    } = &mut period
    {
        (*valid_from, *valid_until) = (Some(at(10)), Some(at(20)));
    }
    keyring.apply(8, at(8), &period).unwrap();
    let (hired, name) = (key(3).public().id(), || "hired".parse().unwrap());
    assert_eq!(
        keyring.permit(&hired, &plain(), at(9)),
        Err(PermissionError::NotYet(name(), at(10)))
    );
    assert!(keyring.permit(&hired, &plain(), at(10)).is_ok());
    assert!(keyring.permit(&hired, &plain(), at(20).plus_millis(-1)).is_ok());
    assert_eq!(
        keyring.permit(&hired, &plain(), at(20)),
        Err(PermissionError::Expired(name(), at(20)))
    );
}

#[test]
fn what_only_the_service_may_say_nobody_else_may() {
    let keyring = keyring();
    let received = event(serde_json::json!({ "received": { "from": "github", "event": "push", "delivery": "1" } }));
    let payload = revoked("till").to_payload("1", "/s", at(0), None).unwrap();
    let administration = parse(ADMINISTRATION_JSON, &payload).unwrap();
    let question = parse(QUESTION_JSON, &fixture::question("t1")).unwrap();
    for (event, member) in [
        (received, "received"),
        (administration, "administration"),
        (question, "question"),
    ] {
        let error = keyring.permit(&key(1).public().id(), &event, at(5)).unwrap_err();
        assert_eq!(error, PermissionError::Reserved(member));
        assert!(keyring.permit(&key(0).public().id(), &event, at(5)).is_ok());
    }
}

#[test]
fn tokens_are_issued_and_revoked_once() {
    let mut keyring = keyring();
    let issued = |secret: &str| Administration::TokenIssued {
        id: "t1".to_owned(),
        name: "auditor".to_owned(),
        role: Role::Reader,
        reach: Reach::default(),
        secret_sha256: secret.to_owned(),
        valid_until: None,
    };
    let taken_back = Administration::TokenRevoked {
        id: "t1".to_owned(),
        reason: "lost".to_owned(),
    };
    assert_eq!(
        keyring.apply(3, at(3), &taken_back),
        Err(KeyringError::NoToken("t1".to_owned()))
    );
    assert_eq!(keyring.apply(3, at(3), &issued("secret")), Err(KeyringError::TokenHash));
    keyring.apply(3, at(3), &issued(&"ab".repeat(32))).unwrap();
    assert_eq!(
        keyring.apply(4, at(4), &issued(&"cd".repeat(32))),
        Err(KeyringError::TokenTaken("t1".to_owned()))
    );
    keyring.apply(4, at(4), &taken_back).unwrap();
    assert_eq!(keyring.token("t1").unwrap().revoked_at_index, Some(4));
    assert_eq!(
        keyring.apply(5, at(5), &taken_back),
        Err(KeyringError::NoToken("t1".to_owned()))
    );
}
