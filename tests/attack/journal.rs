//! What was promised: every request ends here as ACK, AMBIGUOUS or ERROR. A file outside the blast radius, only appended
//! to, each line after the full answer was read.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// A promise that the log holds an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ack {
    /// At which index.
    pub index: u64,
    /// SHA-256 of the leaf, in hex, as RFC 6962 hashes it.
    pub leaf: String,
    /// SHA-256 of the receipt's bytes, in hex: it stays the same, however often it is asked for.
    pub receipt: String,
}

/// What became of one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// Promised.
    Acknowledged(Ack),
    /// Nobody knows: some request got no answer, half an answer, or one that says just that.
    Ambiguous,
    /// Every request was answered, and each answer said that nothing was recorded.
    Refused,
}

/// What the journal says of one event.
#[derive(Debug, Default)]
struct Record {
    ack: Option<Ack>,
    /// A request is on its way.
    open: bool,
    /// Some request has no answer.
    unanswered: bool,
}

/// What the journal says.
#[derive(Debug, Default)]
pub struct Promises {
    events: BTreeMap<String, Record>,
    /// Root, in base64, of every tree size that a signed checkpoint was seen of.
    pub checkpoints: BTreeMap<u64, String>,
    /// What cannot be: answers that contradict each other or do not verify.
    pub broken: Vec<String>,
}

/// The file.
pub struct Journal {
    path: PathBuf,
    file: Mutex<File>,
}

impl Journal {
    /// Opens it, or begins a new one.
    pub fn open(path: &Path) -> Self {
        let file = OpenOptions::new().create(true).append(true).open(path).unwrap();
        Self {
            path: path.to_owned(),
            file: Mutex::new(file),
        }
    }

    /// The request is about to be sent.
    pub fn sent(&self, id: &str) {
        self.line(&format!("SENT {id}"));
    }

    pub fn acknowledged(&self, id: &str, ack: &Ack) {
        self.line(&format!("ACK {id} {} {} {}", ack.index, ack.leaf, ack.receipt));
    }

    pub fn ambiguous(&self, id: &str, why: &str) {
        self.line(&format!("AMBIGUOUS {id} {why}"));
    }

    pub fn refused(&self, id: &str, why: &str) {
        self.line(&format!("ERROR {id} {why}"));
    }

    /// A checkpoint that the log signed.
    pub fn checkpoint(&self, size: u64, root: &str) {
        self.line(&format!("CHECKPOINT {size} {root}"));
    }

    /// Something that must not be.
    pub fn broken(&self, what: &str) {
        self.line(&format!("BROKEN {what}"));
    }

    /// All of it until now, whole lines.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = std::fs::read(&self.path).unwrap();
        let end = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
        bytes.truncate(end);
        bytes
    }

    /// Reads it all.
    pub fn promises(&self) -> Promises {
        let mut promises = Promises::default();
        for line in std::fs::read_to_string(&self.path).unwrap().lines() {
            let (verb, rest) = line.split_once(' ').unwrap();
            promises.take(verb, rest);
        }
        promises
    }

    fn line(&self, text: &str) {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        // One write a line: senders never mix.
        file.write_all(format!("{}\n", text.replace('\n', " ")).as_bytes())
            .unwrap();
    }
}

impl Promises {
    /// Every event that was sent.
    pub fn fates(&self) -> impl Iterator<Item = (&str, Fate)> {
        self.events.iter().map(|(id, record)| {
            let fate = match &record.ack {
                Some(ack) => Fate::Acknowledged(ack.clone()),
                None if record.open || record.unanswered => Fate::Ambiguous,
                None => Fate::Refused,
            };
            (id.as_str(), fate)
        })
    }

    /// How many events were ever without an answer.
    pub fn ambiguous(&self) -> u64 {
        self.events.values().filter(|record| record.unanswered).count() as u64
    }

    fn take(&mut self, verb: &str, rest: &str) {
        let (id, tail) = rest.split_once(' ').unwrap_or((rest, ""));
        match verb {
            "CHECKPOINT" => return self.checkpoint(id.parse().unwrap(), tail),
            "BROKEN" => return self.broken.push(rest.to_owned()),
            _ => {}
        }
        let record = self.events.entry(id.to_owned()).or_default();
        record.open = verb == "SENT";
        match verb {
            "SENT" | "ERROR" => {}
            "AMBIGUOUS" => record.unanswered = true,
            "ACK" => {
                let words: Vec<&str> = tail.split(' ').collect();
                let [index, leaf, receipt] = words.try_into().unwrap();
                let ack = Ack {
                    index: index.parse().unwrap(),
                    leaf: leaf.to_owned(),
                    receipt: receipt.to_owned(),
                };
                if let Some(before) = record.ack.replace(ack.clone()).filter(|before| *before != ack) {
                    self.broken
                        .push(format!("A: {id} was promised as {before:?}, then as {ack:?}"));
                }
            }
            other => panic!("unknown line {other}"),
        }
    }

    fn checkpoint(&mut self, size: u64, root: &str) {
        if let Some(before) = self
            .checkpoints
            .insert(size, root.to_owned())
            .filter(|before| before != root)
        {
            self.broken
                .push(format!("E: two roots were signed for size {size}: {before} and {root}"));
        }
    }
}
