//! What is there, compared with what was promised. Each finding begins with the letter of its check:
//!
//! - A: every acknowledged event stands at its index, with its leaf's bytes, and its receipt stays the same
//! - B: the log has every index once
//! - C: an event without an answer is there once or not at all; one that was refused is not there
//! - D: sending it again brings a receipt and leaves exactly one entry
//! - E: every checkpoint that was ever seen is one of this tree
//! - F: `fsck` finds nothing
//! - G: nor does the database's own check
//! - H: times of entries never go back

use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use ledger::NoteKey;

use super::journal::{Fate, Journal, Promises};
use super::load::{Answered, checkpoint, submit};
use super::replica::{Replica, hex, leaf_hash, time};
use crate::support::http::Client;

/// How long the newest checkpoint may take to be published.
const PUBLICATION: Duration = Duration::from_secs(60);
/// How long it may refuse after the fault is over.
const RECOVERY: Duration = Duration::from_secs(60);

/// Reads what was added to the log and compares it, A to E and H. No finding: it is as it was promised.
pub fn check(client: &Client, journal: &Journal, log: &NoteKey, replica: &mut Replica) -> BTreeSet<String> {
    let mut findings = BTreeSet::new();
    compare_now(client, journal, log, replica, &mut findings);
    if resend(client, journal, log, &mut findings) {
        compare_now(client, journal, log, replica, &mut findings);
        for (id, fate) in journal.promises().fates() {
            if fate == Fate::Ambiguous {
                findings.insert(format!("D: {id} was sent again and there is no receipt"));
            }
        }
    }
    findings
}

fn compare_now(
    client: &Client,
    journal: &Journal,
    log: &NoteKey,
    replica: &mut Replica,
    findings: &mut BTreeSet<String>,
) {
    if let Err(error) = read(client, journal, log, replica) {
        findings.insert(format!("B: the log cannot be read: {error}"));
    }
    compare(&journal.promises(), replica, findings);
}

/// Waits until all is published, and reads it.
fn read(client: &Client, journal: &Journal, log: &NoteKey, replica: &mut Replica) -> Result<(), String> {
    let head = client.get("/v1/log");
    if head.status != 200 {
        return Err(format!("{} {}", head.status, head.text()));
    }
    let head = head.json();
    let signed = checkpoint(head["checkpoint"].as_str().unwrap_or_default(), log)?;
    if signed.0 != head["tree_size"] || signed.1 != head["root"] {
        return Err(format!("the head is not what its checkpoint signs: {head}"));
    }
    journal.checkpoint(signed.0, &signed.1);
    let deadline = Instant::now() + PUBLICATION;
    loop {
        let published = client.get("/log/checkpoint");
        if published.status == 200 {
            let (size, root) = checkpoint(published.text(), log)?;
            if size >= signed.0 {
                journal.checkpoint(size, &root);
                return replica.extend(client, size);
            }
        }
        if Instant::now() > deadline {
            return Err(format!("size {} is not published: {published:?}", signed.0));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn compare(promises: &Promises, replica: &Replica, findings: &mut BTreeSet<String>) {
    findings.extend(promises.broken.iter().cloned());
    let size = replica.leaves.len() as u64;
    let mut indexes = BTreeMap::new();
    for (id, fate) in promises.fates() {
        let stands: &[u64] = replica.ids.get(id).map_or(&[], Vec::as_slice);
        match fate {
            Fate::Acknowledged(ack) => {
                match replica.leaves.get(ack.index as usize) {
                    None => {
                        findings.insert(format!("A: {id} was promised at {}; the log ends at {size}", ack.index));
                    }
                    Some(leaf) if hex(&leaf_hash(leaf)) != ack.leaf => {
                        findings.insert(format!(
                            "A: entry {} is not the one that was promised to {id}",
                            ack.index
                        ));
                    }
                    Some(_) if stands != [ack.index] => {
                        findings.insert(format!(
                            "B: {id} was promised at {} and stands at {stands:?}",
                            ack.index
                        ));
                    }
                    Some(_) => {}
                }
                if let Some(other) = indexes.insert(ack.index, id) {
                    findings.insert(format!("B: index {} was promised to {other} and to {id}", ack.index));
                }
            }
            Fate::Ambiguous if stands.len() > 1 => {
                findings.insert(format!("C: {id} stands at {stands:?}"));
            }
            Fate::Ambiguous => {}
            Fate::Refused if !stands.is_empty() => {
                findings.insert(format!("C: {id} was refused and stands at {stands:?}"));
            }
            Fate::Refused => {}
        }
    }
    for (id, stands) in &replica.ids {
        if stands.len() > 1 {
            findings.insert(format!("B: {id} stands at {stands:?}"));
        }
    }
    let sizes: BTreeSet<u64> = promises.checkpoints.keys().copied().collect();
    let roots = replica.roots(&sizes);
    for (size, root) in &promises.checkpoints {
        if roots.get(size) != Some(root) {
            findings.insert(format!(
                "E: a checkpoint of size {size} signed {root}, the entries give {:?}",
                roots.get(size)
            ));
        }
    }
    let times: Vec<Option<u64>> = replica.leaves.iter().map(|leaf| time(leaf)).collect();
    if let Some(at) = times.windows(2).position(|pair| pair[0] > pair[1] || pair[1].is_none()) {
        findings.insert(format!(
            "H: the time of entry {} is {:?} after {:?}",
            at + 1,
            times[at + 1],
            times[at]
        ));
    }
}

/// Sends everything again that has no answer. Whether there was any.
fn resend(client: &Client, journal: &Journal, log: &NoteKey, findings: &mut BTreeSet<String>) -> bool {
    let promises = journal.promises();
    let mut open = promises.fates().filter(|(_, fate)| *fate == Fate::Ambiguous).peekable();
    if open.peek().is_none() {
        return false;
    }
    for (id, _) in open {
        // Twice: the second time it is certainly there.
        for _ in 0..2 {
            if let Err(answered) = insist(client, id, journal, log) {
                findings.insert(format!("D: {id} was sent again: {answered:?}"));
                return true;
            }
        }
    }
    true
}

/// Sends one event until there is a receipt: a service that was in trouble a moment ago may need one more.
fn insist(client: &Client, id: &str, journal: &Journal, log: &NoteKey) -> Result<(), Answered> {
    let deadline = Instant::now() + RECOVERY;
    loop {
        let mut stream = TcpStream::connect(client.address).unwrap();
        stream.set_read_timeout(Some(RECOVERY)).unwrap();
        match submit(&mut stream, id, journal, log) {
            Answered::Yes => return Ok(()),
            other if Instant::now() > deadline => return Err(other),
            Answered::No | Answered::Lost => std::thread::sleep(Duration::from_millis(100)),
        }
    }
}
