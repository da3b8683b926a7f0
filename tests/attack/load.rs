//! The load: senders that each keep one connection, send one event after the other, and write down what was promised.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use ledger::{NoteKey, Receipt, SignedNote};
use serde_json::Value;

use super::journal::{Ack, Journal};
use super::replica::{hex, leaf_hash};
use crate::support::events::{deployed, sign};
use crate::support::http::ENVELOPE;
use crate::support::key;

/// How long an answer may take before the sender gives up; then nobody knows.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a service that is well may take for what is waited for.
const PROGRESS: Duration = Duration::from_secs(60);
/// One request in so many is one that was answered before: sending again must change nothing.
const AGAIN: u64 = 8;

/// The envelope of an event id: the same bytes whenever it is asked for, so that the journal need not hold them.
pub fn envelope(id: &str) -> Vec<u8> {
    let number = id.bytes().fold(0, |sum, byte| sum * 31 % 999_983 + u64::from(byte));
    sign(&deployed(id, "checkout", "production", number), &key(7))
}

/// Senders at work.
pub struct Load {
    stop: Arc<AtomicBool>,
    acknowledged: Arc<AtomicU64>,
    senders: Vec<JoinHandle<()>>,
}

impl Load {
    /// Starts `senders` of them. Event ids begin with `label`, which no other load may use.
    pub fn start(address: SocketAddr, journal: &Arc<Journal>, log: &NoteKey, senders: usize, label: &str) -> Self {
        let (stop, acknowledged) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let senders = (0..senders)
            .map(|number| {
                let sender = Sender {
                    address,
                    journal: journal.clone(),
                    log: log.clone(),
                    label: format!("{label}-{number}"),
                    stop: stop.clone(),
                    acknowledged: acknowledged.clone(),
                };
                std::thread::spawn(move || sender.run())
            })
            .collect();
        Self {
            stop,
            acknowledged,
            senders,
        }
    }

    /// Waits until so many more events were acknowledged; whether they were.
    pub fn wait_for(&self, more: u64) -> bool {
        let (begin, deadline) = (self.acknowledged(), Instant::now() + PROGRESS);
        while self.acknowledged() < begin + more {
            if Instant::now() > deadline {
                return false;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        true
    }

    /// Waits until so many more events were acknowledged, or a second is over: where nothing may work at all.
    pub fn wait_briefly(&self, more: u64) {
        let (begin, deadline) = (self.acknowledged(), Instant::now() + Duration::from_secs(1));
        while self.acknowledged() < begin + more && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Events that were acknowledged so far; one that is sent again is not another one.
    pub fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Ordering::Relaxed)
    }

    /// Lets every sender finish its request.
    pub fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        for sender in self.senders {
            sender.join().unwrap();
        }
    }
}

struct Sender {
    address: SocketAddr,
    journal: Arc<Journal>,
    log: NoteKey,
    label: String,
    stop: Arc<AtomicBool>,
    acknowledged: Arc<AtomicU64>,
}

impl Sender {
    fn run(self) {
        let (mut number, mut last) = (0, None);
        while !self.stop.load(Ordering::Relaxed) {
            let Ok(mut stream) = TcpStream::connect(self.address) else {
                std::thread::sleep(Duration::from_millis(20));
                continue;
            };
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            stream.set_nodelay(true).unwrap();
            while !self.stop.load(Ordering::Relaxed) {
                number += 1;
                let again = (number % AGAIN == 0).then(|| last.clone()).flatten();
                let id = again.clone().unwrap_or_else(|| format!("{}-{number}", self.label));
                match submit(&mut stream, &id, &self.journal, &self.log) {
                    Answered::Yes => {
                        self.acknowledged
                            .fetch_add(u64::from(again.is_none()), Ordering::Relaxed);
                        last = Some(id);
                    }
                    // It is in trouble; not so fast.
                    Answered::No => std::thread::sleep(Duration::from_millis(20)),
                    Answered::Lost => break,
                }
            }
        }
    }
}

/// What came back.
#[derive(Debug, PartialEq, Eq)]
pub enum Answered {
    /// A receipt.
    Yes,
    /// Something else, whole.
    No,
    /// The connection is of no more use.
    Lost,
}

/// Sends one event and writes down what became of it.
pub fn submit(stream: &mut TcpStream, id: &str, journal: &Journal, log: &NoteKey) -> Answered {
    let envelope = envelope(id);
    let head = format!(
        "POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Type: {ENVELOPE}\r\nContent-Length: {}\r\n\r\n",
        envelope.len()
    );
    journal.sent(id);
    let sending = stream.write_all(&[head.as_bytes(), &envelope].concat());
    let answer = match sending.and_then(|()| answer(stream)) {
        Ok(answer) => answer,
        Err(error) => {
            journal.ambiguous(id, &error.to_string());
            return Answered::Lost;
        }
    };
    let (status, body) = answer;
    match status {
        200 | 201 => match promise(&body, &envelope, log) {
            Ok((ack, size, root)) => {
                journal.checkpoint(size, &root);
                journal.acknowledged(id, &ack);
                return Answered::Yes;
            }
            Err(error) => journal.broken(&format!("A: the receipt of {id} does not verify: {error}")),
        },
        503 | 507 | 429 => {
            let problem: Value = serde_json::from_slice(&body).unwrap_or_default();
            match problem["type"].as_str() {
                Some(kind) if !kind.ends_with(":unconfirmed") => journal.refused(id, kind),
                _ => journal.ambiguous(id, &String::from_utf8_lossy(&body)),
            }
        }
        500.. => journal.ambiguous(id, &String::from_utf8_lossy(&body)),
        _ => journal.broken(&format!(
            "a valid event was refused: {id} {status} {}",
            String::from_utf8_lossy(&body)
        )),
    }
    Answered::No
}

/// What a receipt promises, once it verifies: the acknowledgement, and size and root of its checkpoint.
fn promise(body: &[u8], envelope: &[u8], log: &NoteKey) -> Result<(Ack, u64, String), String> {
    let receipt = Receipt::parse(body).map_err(|error| error.to_string())?;
    let verified = receipt.verify(log, envelope).map_err(|error| error.to_string())?;
    let ack = Ack {
        index: verified.index,
        leaf: hex(&leaf_hash(&receipt.entry)),
        receipt: ledger::sha256(body).to_hex(),
    };
    Ok((ack, verified.checkpoint.size, verified.checkpoint.root.to_base64()))
}

/// Size and root of a signed checkpoint.
pub fn checkpoint(note: &str, log: &NoteKey) -> Result<(u64, String), String> {
    let note = SignedNote::parse(note).map_err(|error| error.to_string())?;
    let checkpoint = ledger::Checkpoint::open(&note, log).map_err(|error| error.to_string())?;
    Ok((checkpoint.size, checkpoint.root.to_base64()))
}

/// Reads one whole answer; anything less is an error.
fn answer(stream: &mut TcpStream) -> std::io::Result<(u16, Vec<u8>)> {
    let mut bytes = Vec::with_capacity(1 << 13);
    let mut buffer = [0; 1 << 13];
    let mut expected = None;
    loop {
        match stream.read(&mut buffer)? {
            0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            read => bytes.extend_from_slice(&buffer[..read]),
        }
        if expected.is_none() {
            expected = bytes.windows(4).position(|window| window == b"\r\n\r\n").map(|head| {
                let text = String::from_utf8_lossy(&bytes[..head]).to_ascii_lowercase();
                let length = text
                    .split("content-length: ")
                    .nth(1)
                    .expect("an answer says its length");
                let length: usize = length.lines().next().unwrap().trim().parse().unwrap();
                (text[9..12].parse().unwrap(), head + 4, length)
            });
        }
        if let Some((status, begin, length)) = expected
            && bytes.len() >= begin + length
        {
            return Ok((status, bytes[begin..begin + length].to_vec()));
        }
    }
}
