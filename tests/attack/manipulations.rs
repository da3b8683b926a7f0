//! Ways to change the database, and who must notice.

use ledger::{Entry, Envelope, NoteSigner};

use super::operator::Operator;
use crate::support::key;

/// Exit codes of those who look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// `fsck` on the database.
    pub fsck: i32,
    /// `verify bundle` by an auditor who sees the log for the first time.
    pub fresh: i32,
    /// The same by one who holds an older checkpoint.
    pub held: i32,
}

/// Everybody notices.
const ALL: Seen = Seen {
    fsck: 1,
    fresh: 1,
    held: 1,
};
/// What is exported is as it was; the database is not.
const FSCK: Seen = Seen {
    fsck: 1,
    fresh: 0,
    held: 0,
};
/// A log like any other, unless one knows what it was before.
const HELD: Seen = Seen {
    fsck: 0,
    fresh: 0,
    held: 1,
};

/// One way.
pub struct Manipulation {
    pub name: &'static str,
    pub seen: Seen,
    pub apply: fn(&mut Operator, &NoteSigner),
}

/// All of them.
pub const MANIPULATIONS: &[Manipulation] = &[
    // Entries
    way("an entry's time is edited", ALL, |o, _| {
        let index = o.pick();
        let leaf = later(&o.leaves[index as usize]);
        o.set_leaf(index, leaf);
    }),
    way("a bit of an entry flips", ALL, |o, _| {
        let index = o.pick();
        let mut leaf = o.leaves[index as usize].clone();
        let at = o.random.between(0..leaf.len() as u64) as usize;
        leaf[at] ^= 1 << o.random.between(0..8);
        o.set_leaf(index, leaf);
    }),
    way("an entry is deleted", ALL, |o, _| {
        let index = o.pick();
        o.run(format!("DELETE FROM entry WHERE idx = {index}"));
    }),
    way("an entry is deleted with all that belongs to it", ALL, |o, _| {
        let index = o.pick();
        for table in ["entry", "envelope", "event", "reference"] {
            o.run(format!("DELETE FROM {table} WHERE idx = {index}"));
        }
    }),
    way("an entry is taken out and the gap closed", ALL, |o, _| {
        let index = o.pick();
        for table in ["entry", "envelope", "event", "reference"] {
            o.close_gap(table, index);
        }
    }),
    way("two entries are swapped", ALL, |o, _| {
        let index = o.pick_pair();
        o.swap_rows("entry", index);
    }),
    way("two entries are swapped with all that belongs to them", ALL, |o, _| {
        let index = o.pick_pair();
        for table in ["entry", "envelope", "event", "reference"] {
            o.swap_rows(table, index);
        }
    }),
    way("an entry is inserted at the end", FSCK, |o, _| {
        let (size, index) = (o.leaves.len(), o.pick() as usize);
        let leaf = o.blob(&o.leaves[index]);
        o.run(format!("INSERT INTO entry (idx, leaf) VALUES ({size}, {leaf})"));
    }),
    way("an entry is put in the place of another", ALL, |o, _| {
        let index = o.pick_pair();
        let leaf = o.leaves[index as usize].clone();
        o.set_leaf(index + 1, leaf);
    }),
    way("the newest entries are cut off", ALL, |o, _| {
        let from = o.pick();
        o.run(format!("DELETE FROM entry WHERE idx >= {from}"));
    }),
    // Envelopes
    way("a payload is edited", ALL, |o, _| {
        let index = o.pick();
        let edited = edited(o, index);
        set_envelope(o, index, &edited);
    }),
    way("a payload is edited and signed by another key", ALL, |o, _| {
        let index = o.pick();
        let forged = Envelope::sign(&edited(o, index).payload_type, &edited(o, index).payload, &[&key(66)]);
        set_envelope(o, index, &forged);
    }),
    way("a signature is edited", ALL, |o, _| {
        let index = o.pick();
        let mut envelope = envelope(o, index);
        envelope.signatures[0].sig[7] ^= 1;
        set_envelope(o, index, &envelope);
    }),
    way("a salt is edited", ALL, |o, _| {
        let index = o.pick();
        let mut salt = o.bytes("salt", "envelope", &format!("idx = {index}"));
        salt[3] ^= 1;
        let salt = o.blob(&salt);
        o.run(format!("UPDATE envelope SET salt = {salt} WHERE idx = {index}"));
    }),
    way("two envelopes are swapped", ALL, |o, _| {
        let index = o.pick_pair();
        o.swap_rows("envelope", index);
    }),
    way("an envelope is erased without a word", ALL, |o, _| {
        let index = o.pick();
        o.run(format!(
            "UPDATE envelope SET salt = NULL, bytes = NULL WHERE idx = {index}"
        ));
    }),
    way("an envelope is erased, and the log says nothing of it", ALL, |o, _| {
        let (index, last) = (o.pick(), o.leaves.len() - 1);
        o.run(format!(
            "INSERT INTO erasure (idx, erased_by, reason) VALUES ({index}, {last}, 'legal-order')"
        ));
        o.run(format!(
            "UPDATE envelope SET salt = NULL, bytes = NULL WHERE idx = {index}"
        ));
    }),
    way("a registration is told to be an erased event", ALL, |o, _| {
        let (index, last) = (o.first - 1, o.leaves.len() - 1);
        o.run(format!(
            "INSERT INTO erasure (idx, erased_by, reason) VALUES ({index}, {last}, 'legal-order')"
        ));
        o.run(format!(
            "UPDATE envelope SET salt = NULL, bytes = NULL WHERE idx = {index}"
        ));
        // As an erasure leaves it: of nobody, about nothing.
        o.run(format!(
            "UPDATE event SET event_id = '{index}', source = '', producer = '', event_type = '', subject = '', predicate = '', \
             subject_id = '', about = NULL, administrative = {} WHERE idx = {index}",
            o.boolean(false)
        ));
    }),
    way("an envelope is deleted", ALL, |o, _| {
        let index = o.pick();
        o.run(format!("DELETE FROM envelope WHERE idx = {index}"));
    }),
    way("a receipt is moved to another checkpoint", FSCK, |o, _| {
        let size = o.earlier_size();
        o.run(format!(
            "UPDATE envelope SET tree_size = (SELECT max(tree_size) FROM checkpoint) WHERE tree_size = {size}"
        ));
    }),
    // Keys
    way("a registration is given another key", ALL, |o, _| {
        let index = o.first - 1;
        let (mut envelope, pem) = (envelope(o, index), |n| key(n).public().to_pem());
        let payload = String::from_utf8(envelope.payload).unwrap();
        let escaped = |text: String| text.replace('\n', "\\n");
        envelope.payload = payload.replace(&escaped(pem(7)), &escaped(pem(66))).into_bytes();
        set_envelope(o, index, &envelope);
    }),
    way("a registration is hidden from the keyring", FSCK, |o, _| {
        let index = o.first - 1;
        o.run(format!(
            "UPDATE event SET administrative = {} WHERE idx = {index}",
            o.boolean(false)
        ));
    }),
    way("an event poses as administration", FSCK, |o, _| {
        let index = o.pick();
        o.run(format!(
            "UPDATE event SET administrative = {} WHERE idx = {index}",
            o.boolean(true)
        ));
    }),
    way("the log is given another key", FSCK, |o, signer| {
        let other = NoteSigner::new(signer.key().name(), key(66)).unwrap();
        o.run(format!("UPDATE log SET log_key = '{}'", other.key()));
    }),
    way("the log is given another origin", FSCK, |o, _| {
        o.run("UPDATE log SET origin = 'another.example.com/log'");
    }),
    // Tree and checkpoints
    way("a hash of a tile is edited", FSCK, |o, _| {
        let mut hashes = o.bytes("hashes", "tile", "level = 0 AND idx = 0");
        let at = o.random.between(0..hashes.len() as u64) as usize;
        hashes[at] ^= 1;
        let hashes = o.blob(&hashes);
        o.run(format!("UPDATE tile SET hashes = {hashes} WHERE level = 0 AND idx = 0"));
    }),
    way("a tile is deleted", FSCK, |o, _| {
        o.run("DELETE FROM tile WHERE level = 0 AND idx = 0")
    }),
    way("the root of the head is edited", FSCK, |o, _| {
        let root = o.blob(&[7; 32]);
        o.run(format!("UPDATE head SET root = {root}"));
    }),
    way("the time of the head is set back", FSCK, |o, _| {
        o.run("UPDATE head SET time_ms = time_ms - 3600000")
    }),
    way("an older checkpoint is signed by another key", FSCK, |o, signer| {
        let size = o.earlier_size();
        let note = o.text("note", "checkpoint", &format!("tree_size = {size}"));
        let text = note.split_once("\n\n").unwrap().0.to_owned() + "\n";
        let other = NoteSigner::new(signer.key().name(), key(66))
            .unwrap()
            .sign(&text)
            .unwrap();
        o.run(format!(
            "UPDATE checkpoint SET note = '{other}' WHERE tree_size = {size}"
        ));
    }),
    way(
        "the newest checkpoint signs another root",
        Seen {
            fsck: 1,
            fresh: 1,
            held: 1,
        },
        |o, signer| {
            let size = o.leaves.len() as u64;
            let checkpoint = ledger::Checkpoint {
                origin: signer.key().name().to_owned(),
                size,
                root: ledger::Hash([9; 32]),
            };
            let note = checkpoint.sign(signer).unwrap();
            o.run(format!(
                "UPDATE checkpoint SET note = '{note}' WHERE tree_size = {size}"
            ));
        },
    ),
    way("a checkpoint of a batch is deleted", FSCK, |o, _| {
        let size = o.earlier_size();
        o.run(format!("DELETE FROM publication WHERE tree_size = {size}"));
        o.run(format!("DELETE FROM checkpoint WHERE tree_size = {size}"));
    }),
    way("the newest publications are withdrawn", HELD, |o, _| {
        let size = o.earlier_size();
        o.run(format!("DELETE FROM publication WHERE tree_size > {size}"));
        o.run(format!(
            "INSERT INTO publication (tree_size, published_ms) SELECT {size}, min(created_ms) FROM log \
             WHERE NOT EXISTS (SELECT 1 FROM publication WHERE tree_size = {size})"
        ));
    }),
    // Read models
    way("a deployment is moved to another service", FSCK, |o, _| {
        edit_event(o, "service = 'checkouts'")
    }),
    way("an outcome is made a success", FSCK, |o, _| {
        edit_event(
            o,
            "outcome = CASE outcome WHEN 'success' THEN 'failure' ELSE 'success' END",
        )
    }),
    way("the time of an event is edited", FSCK, |o, _| {
        edit_event(o, "occurred_ms = occurred_ms - 60000")
    }),
    way("the time of recording is edited", FSCK, |o, _| {
        edit_event(o, "recorded_ms = recorded_ms - 1")
    }),
    way("the producer of an event is edited", FSCK, |o, _| {
        edit_event(o, "producer = 'somebody'")
    }),
    way("the id of an event is edited", FSCK, |o, _| {
        edit_event(o, "event_id = event_id || '-x'")
    }),
    way("an event is deleted from the read models", FSCK, |o, _| {
        let index = o.pick();
        o.run(format!("DELETE FROM event WHERE idx = {index}"));
    }),
    way("an event is invented in the read models", FSCK, |o, _| {
        let (index, size) = (o.pick(), o.leaves.len());
        o.run(format!(
            "CREATE TEMP TABLE moved AS SELECT * FROM event WHERE idx = {index}"
        ));
        o.run(format!("UPDATE moved SET idx = {size}, event_id = event_id || '-x'"));
        o.run("INSERT INTO event SELECT * FROM moved");
        o.run("DROP TABLE moved");
    }),
    way("a reference is deleted", FSCK, |o, _| {
        let index = o.pick();
        o.run(format!("DELETE FROM reference WHERE idx = {index} AND value = (SELECT min(value) FROM reference WHERE idx = {index})"));
    }),
    way("a reference is invented", FSCK, |o, _| {
        let index = o.pick();
        o.run(format!("INSERT INTO reference (idx, value, kind) SELECT idx, 'sha256:0', kind FROM reference WHERE idx = {index} LIMIT 1"));
    }),
    way("a reference is invented beyond the end", FSCK, |o, _| {
        let size = o.leaves.len();
        o.run(format!(
            "INSERT INTO reference (idx, value, kind) VALUES ({size}, 'sha256:0', 'digest')"
        ));
    }),
    // Everything hashed again
    way("an entry is edited and all hashed again", ALL, |o, _| {
        let index = o.pick();
        let leaf = later(&o.leaves[index as usize]);
        o.set_leaf(index, leaf);
        o.rehash(None);
    }),
    way("an entry is taken out and all hashed again", ALL, |o, _| {
        take_out(o);
        o.rehash(None);
    }),
    way(
        "a payload is edited, signed by another key, and all hashed and signed again",
        ALL,
        |o, signer| {
            let index = o.pick();
            let forged = Envelope::sign(&edited(o, index).payload_type, &edited(o, index).payload, &[&key(66)]);
            set_envelope(o, index, &forged);
            let salt = o
                .bytes("salt", "envelope", &format!("idx = {index}"))
                .try_into()
                .unwrap();
            let time = Entry::parse(&o.leaves[index as usize]).unwrap().time();
            let leaf = forged
                .verify(|_| vec![key(66).public()])
                .unwrap()
                .entry(time, &salt)
                .encode();
            o.set_leaf(index, leaf);
            o.rehash(Some(signer));
        },
    ),
    // And signed again with the log's own key
    way(
        "an entry is back-dated, and all hashed and signed again",
        HELD,
        |o, signer| {
            // To the time of the one before it, that nothing looks odd.
            let index = (o.first + 1..o.held)
                .find(|index| time(o, *index) > time(o, *index - 1))
                .expect("time passed");
            let before = time(o, index - 1);
            let text = String::from_utf8(o.leaves[index as usize].clone()).unwrap();
            let leaf = text.replace(&format!("time {}\n", time(o, index)), &format!("time {before}\n"));
            o.set_leaf(index, leaf.into_bytes());
            o.run(format!("UPDATE event SET recorded_ms = {before} WHERE idx = {index}"));
            o.rehash(Some(signer));
        },
    ),
    way(
        "an entry is taken out, and all hashed and signed again",
        HELD,
        |o, signer| {
            take_out(o);
            o.rehash(Some(signer));
        },
    ),
    way(
        "two entries are swapped, and all hashed and signed again",
        HELD,
        |o, signer| {
            let index = (o.first..o.held - 1)
                .find(|index| time(o, *index) == time(o, *index + 1))
                .expect("some came together");
            for table in ["entry", "envelope", "event", "reference"] {
                o.swap_rows(table, index);
            }
            // Each keeps the checkpoint of its batch.
            let at = index as usize;
            o.leaves.swap(at, at + 1);
            o.rehash(Some(signer));
        },
    ),
    // Back to what once was
    way("an old copy is restored", HELD, |o, _| {
        let size = o.earlier_size();
        o.go_back(size, None);
    }),
    way(
        "the newest entries are cut off, and all hashed and signed again",
        HELD,
        |o, signer| {
            let size = o.pick();
            o.add_checkpoint(size);
            o.go_back(size, Some(signer));
        },
    ),
];

const fn way(name: &'static str, seen: Seen, apply: fn(&mut Operator, &NoteSigner)) -> Manipulation {
    Manipulation { name, seen, apply }
}

/// The same entry, a millisecond later.
fn later(leaf: &[u8]) -> Vec<u8> {
    let entry = Entry::parse(leaf).unwrap();
    Entry::new(
        entry.time() + 1,
        entry.commitment(),
        entry.payload_type(),
        entry.signers(),
    )
    .unwrap()
    .encode()
}

fn time(o: &Operator, index: u64) -> u64 {
    Entry::parse(&o.leaves[index as usize]).unwrap().time()
}

fn envelope(o: &Operator, index: u64) -> Envelope {
    Envelope::parse(&o.bytes("bytes", "envelope", &format!("idx = {index}"))).unwrap()
}

/// Its envelope with another service in the payload.
fn edited(o: &Operator, index: u64) -> Envelope {
    let mut envelope = envelope(o, index);
    let payload = String::from_utf8(envelope.payload).unwrap();
    envelope.payload = payload.replace("checkout", "checkouts").into_bytes();
    envelope
}

fn set_envelope(o: &mut Operator, index: u64, envelope: &Envelope) {
    let bytes = o.blob(envelope.to_json().as_bytes());
    o.run(format!("UPDATE envelope SET bytes = {bytes} WHERE idx = {index}"));
}

fn edit_event(o: &mut Operator, set: &str) {
    let index = o.pick();
    o.run(format!("UPDATE event SET {set} WHERE idx = {index}"));
}

/// Takes an entry out with all that belongs to it, so that nothing points to where it was.
fn take_out(o: &mut Operator) {
    let index = o.pick();
    for table in ["entry", "envelope", "event", "reference"] {
        o.close_gap(table, index);
    }
    o.leaves.remove(index as usize);
    o.shift_sizes(index);
}
