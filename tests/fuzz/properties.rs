//! One property for each format that comes from outside: no panic, and what is accepted is written again as the same bytes,
//! or, where white space and order are free, as something that reads the same.

use ledger::{
    AddCheckpoint, Checkpoint, Entry, Envelope, Hash, NoteSignature, Policy, Receipt, SignedNote, TilePath, TlogProof,
    entry_bundle,
};
use shipslog::adapter::{AdapterError, alertmanager, github};
use shipslog::cli::{BundleLine, Kept};
use shipslog::domain::Body;
use shipslog::domain::parse::{CDEVENT_JSON, CLOUDEVENT_JSON, EventErrorKind, parse};

use super::seeds::log_key;

/// A format and its property.
pub struct Target {
    pub name: &'static str,
    /// Whether the bytes were accepted; it panics where the property does not hold.
    pub check: fn(&[u8]) -> bool,
}

/// All of them.
pub const TARGETS: &[Target] = &[
    target("bundle_line", bundle_line),
    target("checkpoint", checkpoint),
    target("cosignatures", cosignatures),
    target("entry", entry),
    target("entry_bundle", entry_bundle),
    target("envelope", envelope),
    target("event", event),
    target("note", note),
    target("policy", policy),
    target("proof", proof),
    target("receipt", receipt),
    target("tile_path", tile_path),
    target("webhook", webhook),
    target("witness_request", witness_request),
];

const fn target(name: &'static str, check: fn(&[u8]) -> bool) -> Target {
    Target { name, check }
}

pub fn note(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return false;
    };
    let Ok(note) = SignedNote::parse(text) else {
        return false;
    };
    assert_eq!(note.to_string(), text);
    let _ = Checkpoint::open(&note, &log_key());
    true
}

/// What a witness answers with.
pub fn cosignatures(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return false;
    };
    let Ok(lines) = NoteSignature::parse_lines(text) else {
        return false;
    };
    let again: String = lines.iter().map(|line| format!("{line}\n")).collect();
    assert_eq!(again, text);
    true
}

/// A line of a bundle's file of envelopes; that it is written again as the same bytes is part of reading it.
pub fn bundle_line(bytes: &[u8]) -> bool {
    let Some(line) = BundleLine::parse(bytes) else {
        return false;
    };
    let read = ledger::json::parse(bytes).unwrap();
    assert_eq!(read["index"], line.index);
    assert_eq!(read.get("erased").is_some(), matches!(line.kept, Kept::Erased));
    assert_eq!(read.get("withheld").is_some(), matches!(line.kept, Kept::Withheld));
    if let Kept::Sealed(_, envelope) = line.kept {
        let text = read["envelope"].to_string();
        assert_eq!(
            Envelope::parse(text.as_bytes()).unwrap(),
            Envelope::parse(envelope.as_bytes()).unwrap()
        );
    }
    true
}

pub fn checkpoint(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return false;
    };
    let Ok(checkpoint) = Checkpoint::parse(text) else {
        return false;
    };
    assert_eq!(checkpoint.to_text(), text);
    true
}

pub fn proof(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return false;
    };
    let Ok(proof) = TlogProof::parse(text) else {
        return false;
    };
    assert_eq!(proof.to_string(), text);
    let _ = proof.verify(&log_key(), &Hash::EMPTY_ROOT);
    true
}

pub fn tile_path(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return false;
    };
    let Ok(path) = TilePath::parse(text) else { return false };
    assert_eq!(path.to_string(), text);
    let _ = path.exists_at(u64::MAX);
    true
}

/// The first two bytes say how many entries it should hold.
pub fn entry_bundle(bytes: &[u8]) -> bool {
    let Some((width, bundle)) = bytes.split_first_chunk::<2>() else {
        return false;
    };
    let Ok(entries) = entry_bundle::parse(bundle, u16::from_be_bytes(*width)) else {
        return false;
    };
    let mut again = Vec::new();
    for entry in entries {
        entry_bundle::append(&mut again, entry).unwrap();
    }
    assert_eq!(again, bundle);
    true
}

pub fn policy(bytes: &[u8]) -> bool {
    let Ok(policy) = Policy::parse(bytes) else { return false };
    let _ = policy.evaluate(&super::seeds::signed_checkpoint());
    true
}

pub fn witness_request(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return false;
    };
    let Ok(request) = AddCheckpoint::parse(text) else {
        return false;
    };
    assert_eq!(request.to_string(), text);
    let _ = request.check_signed([&log_key()]);
    let _ = request.check_continues(Some(request.checkpoint()));
    let _ = request.check_continues(None);
    true
}

pub fn envelope(bytes: &[u8]) -> bool {
    let Ok(envelope) = Envelope::parse(bytes) else {
        return false;
    };
    assert_eq!(Envelope::parse(envelope.to_json().as_bytes()).unwrap(), envelope);
    let _ = envelope.verify(|_| vec![*log_key().public()]);
    true
}

pub fn entry(bytes: &[u8]) -> bool {
    let Ok(entry) = Entry::parse(bytes) else { return false };
    assert_eq!(entry.encode(), bytes);
    assert!(bytes.len() <= 1024, "an entry is at most 1 KiB");
    true
}

pub fn receipt(bytes: &[u8]) -> bool {
    let Ok(receipt) = Receipt::parse(bytes) else {
        return false;
    };
    assert_eq!(Receipt::parse(receipt.to_json().as_bytes()).unwrap(), receipt);
    let _ = receipt.verify(&log_key(), bytes);
    true
}

/// What is an event as JSON is the same event whatever the white space around its members.
pub fn event(bytes: &[u8]) -> bool {
    let mut accepted = false;
    for payload_type in [CDEVENT_JSON, CLOUDEVENT_JSON] {
        if let Ok(event) = parse(payload_type, bytes) {
            accepted = true;
            let value = ledger::json::parse(bytes).unwrap();
            let again = serde_json::to_vec_pretty(&value).unwrap();
            assert_eq!(parse(payload_type, &again).unwrap(), event);
        }
    }
    accepted
}

/// The first line says what the rest is: a notification of Alertmanager, or a delivery of GitHub under the name of its event.
pub fn webhook(bytes: &[u8]) -> bool {
    let Some(line) = bytes.iter().position(|byte| *byte == b'\n') else {
        return false;
    };
    let body = &bytes[line + 1..];
    match std::str::from_utf8(&bytes[..line]) {
        Ok("alertmanager") => notification(body),
        Ok(kind) => delivery(kind, body),
        Err(_) => false,
    }
}

/// Each alert is read back as an event about an incident, or refused by a pointer to it.
fn notification(body: &[u8]) -> bool {
    let Ok(read) = alertmanager::read(None, body) else {
        return false;
    };
    let document = ledger::json::parse(body).unwrap();
    let alerts = document["alerts"].as_array().unwrap();
    assert_eq!(read.events.len(), alerts.len());
    for (index, event) in read.events.iter().enumerate() {
        match event {
            Ok(event) => {
                let event = parse(CDEVENT_JSON, event).unwrap();
                assert!(matches!(event.body, Body::Incident { .. }));
            }
            Err(AdapterError::Body { pointer, .. }) => assert!(pointer.starts_with(&format!("/alerts/{index}"))),
            Err(error) => panic!("{error}"),
        }
    }
    read.events.iter().all(Result::is_ok)
}

/// What comes of it is a well-formed event: one that the service itself can read, or
/// refuses for a value that GitHub would not send, and never for its form.
fn delivery(kind: &str, body: &[u8]) -> bool {
    let Ok(events) = github::events(kind, "72d3162e-cc78-11e3-81ab-4c9367dc0958", body) else {
        return false;
    };
    for event in events {
        if let Err(error) = parse(CDEVENT_JSON, &event) {
            assert_eq!(
                error.kind,
                EventErrorKind::Invalid,
                "{}: {}",
                error.pointer,
                error.message
            );
            return false;
        }
    }
    true
}
