//! Reading, checking and judging a bundle at once: one thread reads, every core checks, one thread judges in order.
//!
//! What a checker finds right in itself is only placed; everything else is looked at again in order, so that what is
//! found, and where, never depends on which thread was faster. Memory is a few pieces of a few MiB a core.

use std::collections::HashMap;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, PoisonError, RwLock};
use std::thread;

use ledger::{KeyId, PublicKey};

use super::verification::Unreadable;
use super::{Kept, Line, RawLine, line};
use crate::audit::Checked;

/// Entries of a piece, at most.
const PIECE_STEPS: usize = 128;
/// Bytes of a piece, at most, but for its last line.
const PIECE_BYTES: usize = 2 << 20;
/// Pieces that wait before and behind each checker.
const WAITING: usize = 2;

/// One thing that reading a bundle brings.
pub(super) enum Step {
    /// An entry, with its line if there is one.
    Entry { leaf: Vec<u8>, line: Option<Vec<u8>> },
    /// Something that is wrong with the form of a file.
    Form { message: String },
}

/// One thing to judge.
pub(super) enum Judged {
    /// An entry that is right in itself, with its line.
    Right {
        leaf: Vec<u8>,
        line: Line,
        checked: Box<Checked>,
    },
    /// An entry to be looked at in its place.
    Open { leaf: Vec<u8>, line: Option<Vec<u8>> },
    /// Something that is wrong with the form of a file.
    Form { message: String },
}

/// The keys that were registered so far. Checkers that do not see the newest yet leave its entries open.
#[derive(Default)]
pub(super) struct KnownKeys(RwLock<Arc<HashMap<KeyId, PublicKey>>>);

/// Collects what is read into pieces and hands them to the checkers in turn.
pub(super) struct Pieces {
    to: Vec<SyncSender<Vec<Step>>>,
    next: usize,
    piece: Vec<Step>,
    bytes: usize,
}

/// Nobody takes what is read any more.
#[derive(Debug, thiserror::Error)]
#[error("verification has ended")]
pub(super) struct Ended;

impl KnownKeys {
    fn get(&self) -> Arc<HashMap<KeyId, PublicKey>> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Makes all keys known.
    pub(super) fn set(&self, keys: impl Iterator<Item = PublicKey>) {
        let keys = keys.map(|key| (key.id(), key)).collect();
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
    }
}

impl Pieces {
    /// Takes the next thing.
    pub(super) fn push(&mut self, step: Step) -> Result<(), Ended> {
        self.bytes += match &step {
            Step::Entry { leaf, line } => leaf.len() + line.as_ref().map_or(0, Vec::len),
            Step::Form { message } => message.len(),
        };
        self.piece.push(step);
        if self.piece.len() == PIECE_STEPS || self.bytes >= PIECE_BYTES {
            self.send()
        } else {
            Ok(())
        }
    }

    fn send(&mut self) -> Result<(), Ended> {
        let to = &self.to[self.next];
        self.next = (self.next + 1) % self.to.len();
        self.bytes = 0;
        to.send(std::mem::take(&mut self.piece)).map_err(|_| Ended)
    }
}

/// Runs `read` on one thread, checks on as many as the machine has cores, and gives everything to `judge` in order.
pub(super) fn run(
    keys: &KnownKeys,
    read: impl FnOnce(&mut Pieces) -> Result<(), Stop> + Send,
    mut judge: impl FnMut(Judged),
) -> Result<(), Unreadable> {
    let checkers = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        let (mut to, mut from) = (Vec::new(), Vec::new());
        for _ in 0..checkers {
            let (send, work) = sync_channel::<Vec<Step>>(WAITING);
            let (done, results) = sync_channel(WAITING);
            to.push(send);
            from.push(results);
            scope.spawn(move || check_all(&work, &done, keys));
        }
        let reader = scope.spawn(move || {
            let mut pieces = Pieces {
                to,
                next: 0,
                piece: Vec::new(),
                bytes: 0,
            };
            read(&mut pieces)?;
            Ok(pieces.send()?)
        });
        // The pieces went out in turn, so they come back in turn. The first checker without one has had its last.
        'all: loop {
            for results in &from {
                let Ok(piece) = results.recv() else { break 'all };
                piece.into_iter().for_each(&mut judge);
            }
        }
        drop(from);
        match reader.join() {
            Ok(Err(Stop::Unreadable(error))) => Err(error),
            Ok(Ok(()) | Err(Stop::Ended(Ended))) => Ok(()),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

/// Why reading stopped early.
pub(super) enum Stop {
    /// A file cannot be read.
    Unreadable(Unreadable),
    /// Nobody is listening.
    Ended(Ended),
}

impl From<Unreadable> for Stop {
    fn from(error: Unreadable) -> Self {
        Self::Unreadable(error)
    }
}

impl From<Ended> for Stop {
    fn from(ended: Ended) -> Self {
        Self::Ended(ended)
    }
}

fn check_all(work: &Receiver<Vec<Step>>, done: &SyncSender<Vec<Judged>>, keys: &KnownKeys) {
    while let Ok(piece) = work.recv() {
        let known = keys.get();
        let judged = piece.into_iter().map(|step| check(step, &known)).collect();
        if done.send(judged).is_err() {
            return;
        }
    }
}

fn check(step: Step, known: &HashMap<KeyId, PublicKey>) -> Judged {
    match step {
        Step::Form { message } => Judged::Form { message },
        Step::Entry { leaf, line } => match line.as_deref().and_then(|line| vouch(&leaf, line, known)) {
            Some((line, checked)) => Judged::Right {
                leaf,
                line,
                checked: Box::new(checked),
            },
            None => Judged::Open { leaf, line },
        },
    }
}

/// What is right in itself, in the exact form that it has to have.
fn vouch(leaf: &[u8], text: &[u8], known: &HashMap<KeyId, PublicKey>) -> Option<(Line, Checked)> {
    let raw = serde_json::from_slice::<RawLine<'_>>(text).ok()?;
    let (salt, envelope) = raw.sealed()?;
    if line(raw.index, &salt, envelope).as_bytes() != text {
        return None;
    }
    let checked = Checked::new(leaf, &salt, envelope.as_bytes(), |id| known.get(id).copied())?;
    let line = Line {
        index: raw.index,
        kept: Kept::Sealed(salt, envelope.to_owned()),
    };
    Some((line, checked))
}
