//! An honest log passes; a log changed in any of the ways a dishonest operator has does not.

use super::fixture::{Kept, Log};
use super::*;
use crate::domain::parse::ADMINISTRATION_JSON;
use crate::domain::producer::Administration;

fn kinds(report: &Report) -> Vec<(Kind, Option<u64>)> {
    report
        .findings
        .iter()
        .map(|finding| (finding.kind, finding.index))
        .collect()
}

/// The audit of a log that was changed after its checkpoint was signed.
fn after(change: impl FnOnce(&mut Log)) -> Report {
    let mut log = Log::new(8);
    let checkpoint = log.checkpoint();
    change(&mut log);
    log.audit(&checkpoint)
}

/// The audit of a log whose operator signs a checkpoint over the changed entries as well.
fn resigned(change: impl FnOnce(&mut Log)) -> Report {
    let mut log = Log::new(8);
    change(&mut log);
    log.audit(&log.checkpoint())
}

/// Replaces an entry by one with another payload, made and signed with this key at this time.
fn replace(log: &mut Log, index: usize, payload: &[u8], key: &ledger::PrivateKey, at: Instant) {
    let mut rest = log.kept.split_off(index);
    log.record(payload, key, at);
    log.kept.append(&mut rest.split_off(1));
}

#[test]
fn an_honest_log_passes() {
    let log = Log::new(8);
    let report = log.audit(&log.checkpoint());
    assert_eq!(report.findings, []);
    assert_eq!(report.size, 8);
    let producers = report
        .producers
        .iter()
        .map(|(name, count)| (name.as_str(), *count))
        .collect::<Vec<_>>();
    assert_eq!(producers, [("shipslog", 2), ("team", 6)]);
    assert!(report.from < report.to);
}

#[test]
fn a_dropped_entry_is_found() {
    let report = after(|log| drop(log.kept.remove(5)));
    assert!(kinds(&report).contains(&(Kind::Root, None)) && kinds(&report).contains(&(Kind::Contiguity, None)));
    let report = after(|log| log.kept.truncate(7));
    assert!(kinds(&report).contains(&(Kind::Root, None)) && kinds(&report).contains(&(Kind::Contiguity, None)));
}

#[test]
fn swapped_entries_are_found() {
    let report = after(|log| log.kept.swap(4, 5));
    assert_eq!(kinds(&report), [(Kind::Time, Some(5)), (Kind::Root, None)]);
}

#[test]
fn a_swapped_envelope_is_found() {
    let report = after(|log| {
        let Kept { salt, envelope, .. } = log.kept[4].clone();
        log.kept[5].salt = salt;
        log.kept[5].envelope = envelope;
    });
    assert_eq!(kinds(&report), [(Kind::Commitment, Some(5))]);
}

#[test]
fn an_edited_envelope_is_found() {
    let report = after(|log| {
        let forged = log.deployment("till");
        let payload = <base64ct::Base64 as base64ct::Encoding>::encode_string(&forged);
        let start = log.kept[5].envelope.find("\"payload\":\"").unwrap() + 11;
        let end = start + log.kept[5].envelope[start..].find('"').unwrap();
        log.kept[5].envelope.replace_range(start..end, &payload);
    });
    assert_eq!(kinds(&report), [(Kind::Commitment, Some(5))]);
}

#[test]
fn an_edited_and_re_hashed_entry_is_found_by_the_signature_even_under_a_new_checkpoint() {
    // The operator has neither the producer's key nor a way to make its signature fit.
    let report = resigned(|log| {
        let payload = log.deployment("shop");
        let stranger = ledger::PrivateKey::from_seed([9; 32]);
        let at = Instant::from_millis(log.now().as_millis() - 3 * 60_000);
        replace(log, 5, &payload, &stranger, at);
    });
    assert_eq!(kinds(&report), [(Kind::Signature, Some(5))]);
}

#[test]
fn a_re_hashed_entry_is_found_by_the_root() {
    let report = after(|log| {
        let (payload, key) = (log.deployment("shop"), log.team.clone());
        let at = Instant::from_millis(log.now().as_millis() - 3 * 60_000);
        replace(log, 5, &payload, &key, at);
    });
    assert_eq!(kinds(&report), [(Kind::Root, None)]);
}

#[test]
fn back_dating_is_found() {
    let report = resigned(|log| {
        let (payload, key) = (log.deployment("shop"), log.team.clone());
        let at = Instant::from_millis(log.now().as_millis() - 60 * 60_000);
        log.record(&payload, &key, at);
    });
    assert_eq!(kinds(&report), [(Kind::Time, Some(8))]);
}

#[test]
fn scope_and_revocation_hold_by_order() {
    let report = resigned(|log| {
        log.deploy("till");
        log.administer(&Administration::ProducerRevoked {
            name: "team".parse().unwrap(),
            reason: "lost".into(),
        });
        log.deploy("shop");
        log.deploy("shop");
    });
    assert_eq!(kinds(&report), [(Kind::Signature, Some(10)), (Kind::Scope, Some(8))]);
    assert_eq!(report.findings[0].count, 2);
    assert!(
        report.findings[0].message.contains("revoked"),
        "{}",
        report.findings[0].message
    );
}

#[test]
fn only_the_service_administers() {
    let report = resigned(|log| {
        let key = log.team.clone();
        let claim = Administration::ProducerRevoked {
            name: "team".parse().unwrap(),
            reason: "x".into(),
        };
        let payload = claim.to_payload("x", "/ci", log.now(), None).unwrap();
        log.record_as(ADMINISTRATION_JSON, &payload, &key, log.now());
    });
    let found = kinds(&report);
    assert!(
        matches!(found[..], [(Kind::Scope | Kind::Administration, Some(8))]),
        "{found:?}"
    );
}

#[test]
fn content_that_is_gone_without_a_record_is_found() {
    let log = Log::new(4);
    let mut audit = Audit::new();
    for (index, kept) in log.kept.iter().enumerate() {
        let sealed = Content::Sealed {
            salt: &kept.salt,
            envelope: kept.envelope.as_bytes(),
        };
        audit.add(
            index as u64,
            &kept.leaf,
            if index == 3 { Content::Erased } else { sealed },
        );
    }
    assert_eq!(kinds(&audit.finish(&log.checkpoint())), [(Kind::Erased, Some(3))]);
}

#[test]
fn another_form_of_the_same_envelope_is_found() {
    let report = after(|log| log.kept[3].envelope.push(' '));
    assert_eq!(kinds(&report), [(Kind::Envelope, Some(3))]);
}

#[test]
fn a_log_under_another_name_is_found() {
    let log = Log::new(3);
    let checkpoint = Checkpoint {
        origin: "other.example".into(),
        ..log.checkpoint()
    };
    assert_eq!(kinds(&log.audit(&checkpoint)), [(Kind::Origin, Some(0))]);
}

#[test]
fn a_log_that_does_not_begin_with_its_creation_is_found() {
    let mut log = Log::new(4);
    log.kept.remove(0);
    let report = log.audit(&log.checkpoint());
    assert!(
        kinds(&report).contains(&(Kind::Administration, Some(0))),
        "{:?}",
        report.findings
    );
}

#[test]
fn every_flipped_bit_of_leaf_salt_and_envelope_is_found() {
    let log = Log::new(4);
    let checkpoint = log.checkpoint();
    let audit = |changed: &Kept| {
        let mut audit = Audit::new();
        for (index, kept) in log.kept.iter().enumerate() {
            let kept = if index == 3 { changed } else { kept };
            let content = Content::Sealed {
                salt: &kept.salt,
                envelope: kept.envelope.as_bytes(),
            };
            audit.add(index as u64, &kept.leaf, content);
        }
        audit.finish(&checkpoint).findings
    };
    let kept = &log.kept[3];
    for at in 0..kept.leaf.len() {
        let mut changed = kept.clone();
        changed.leaf[at] ^= 1 << (at % 8);
        assert_ne!(audit(&changed), [], "leaf byte {at}");
    }
    for at in 0..kept.salt.len() {
        let mut changed = kept.clone();
        changed.salt[at] ^= 1 << (at % 8);
        assert_ne!(audit(&changed), [], "salt byte {at}");
    }
    for at in 0..kept.envelope.len() {
        let mut bytes = kept.envelope.clone().into_bytes();
        bytes[at] ^= 1 << (at % 7);
        let Ok(envelope) = String::from_utf8(bytes) else {
            panic!()
        };
        assert_ne!(
            audit(&Kept {
                envelope,
                ..kept.clone()
            }),
            [],
            "envelope byte {at}"
        );
    }
}

/// The audit of a log in which `gone` have lost their content.
fn without(log: &Log, gone: &[usize]) -> Report {
    let mut audit = Audit::new();
    for (index, kept) in log.kept.iter().enumerate() {
        let sealed = Content::Sealed {
            salt: &kept.salt,
            envelope: kept.envelope.as_bytes(),
        };
        let content = if gone.contains(&index) { Content::Erased } else { sealed };
        audit.add(index as u64, &kept.leaf, content);
    }
    audit.finish(&log.checkpoint())
}

fn erase(log: &mut Log, index: u64) {
    log.administer(&Administration::EventErased {
        index,
        reason: crate::domain::ErasureReason::LegalOrder,
        text: "ordered".into(),
        identity: "0".repeat(64),
    });
}

#[test]
fn content_may_be_gone_where_a_later_entry_says_so_and_nowhere_else() {
    let mut log = Log::new(6);
    erase(&mut log, 4);
    let report = without(&log, &[4]);
    assert_eq!((kinds(&report), report.erased), (vec![], BTreeMap::from([(4, 6)])));
    assert_eq!(kinds(&without(&log, &[3, 4])), [(Kind::Erased, Some(3))]);
    assert_eq!(kinds(&without(&log, &[4, 5])), [(Kind::Erased, Some(5))]);
    // It is still there.
    assert_eq!(kinds(&without(&log, &[])), [(Kind::Erased, Some(4))]);
    // The entry that would say so has gone too, which such an entry never does.
    let found = kinds(&without(&log, &[4, 6]));
    assert_eq!(found, [(Kind::Erased, Some(4)), (Kind::Administration, Some(6))]);
}

#[test]
fn an_erasure_of_what_must_stay_or_is_to_come_is_found() {
    for index in [0, 1, 6, 7] {
        let mut log = Log::new(6);
        erase(&mut log, index);
        assert_eq!(
            kinds(&without(&log, &[])),
            [(Kind::Administration, Some(6))],
            "entry {index}"
        );
    }
    let mut log = Log::new(6);
    erase(&mut log, 4);
    erase(&mut log, 4);
    assert_eq!(kinds(&without(&log, &[4])), [(Kind::Administration, Some(7))]);
}

#[test]
fn an_erased_entry_must_name_keys_that_could_sign_then() {
    let mut log = Log::new(6);
    let (payload, stranger) = (log.deployment("shop"), ledger::PrivateKey::from_seed([9; 32]));
    let at = log.now();
    log.record(&payload, &stranger, at);
    erase(&mut log, 6);
    assert_eq!(kinds(&without(&log, &[6])), [(Kind::Signature, Some(6))]);
}
