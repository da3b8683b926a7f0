//! Whether the database still is the log that was published: the writer's side of the guard.
//!
//! What is compared is always known before the database is read, so that another replica's progress never looks like
//! a fork: a sound database is never behind what anybody knows of it.

use ledger::{Hash, SignedNote};

use super::writer::WriteError;
use crate::guard::{Divergence, Guard, GuardError, Held, Known};
use crate::store::{Database, ReadTx, StoreError};

/// How often the guard is read again when another process moves it at the same moment.
const ATTEMPTS: usize = 8;

pub(super) struct Continuity {
    guard: Guard,
    accept_missing: bool,
    /// What the guard held when it was last compared with the database.
    held: Option<Held>,
    /// The newest tree this process has seen. Receipts were given under it, published or not.
    seen: Option<Known>,
}

impl Continuity {
    pub(super) fn new(guard: Guard, accept_missing: bool) -> Self {
        Self {
            guard,
            accept_missing,
            held: None,
            seen: None,
        }
    }

    /// Notes a tree that was loaded and compared, or committed.
    pub(super) fn saw(&mut self, size: u64, root: Hash) {
        let whence = "what this process recorded or saw".to_owned();
        self.seen = Some(Known { size, root, whence });
    }

    /// Reads the guard, and compares the database with it.
    pub(super) fn check(&mut self, database: &Database) -> Result<(), WriteError> {
        let held = self.guard.read()?;
        if held.is_none() && !self.accept_missing {
            return Err(Divergence::Missing(self.guard.describe()).into());
        }
        self.held = held;
        database.read(|tx| self.compare_all(tx))
    }

    /// Compares what this transaction sees with the newest tree that is known: that one continues the others.
    pub(super) fn compare(&self, tx: &mut ReadTx<'_>) -> Result<(), WriteError> {
        match &self.seen {
            Some(seen) if seen.size >= self.held_size() => Ok(seen.compare(tx)??),
            Some(_) | None => self.compare_all(tx),
        }
    }

    /// Compares it with all that is known, once something came to it from outside.
    fn compare_all(&self, tx: &mut ReadTx<'_>) -> Result<(), WriteError> {
        let held = self.held.as_ref().map(|held| self.guard.known(held));
        for known in held.iter().chain(&self.seen) {
            known.compare(tx)??;
        }
        Ok(())
    }

    /// Size of the tree that the guard was last known to hold.
    pub(super) fn held_size(&self) -> u64 {
        self.held.as_ref().map_or(0, |held| held.checkpoint.size)
    }

    /// Moves the guard to the committed checkpoint of `size`, unless it is there or further on already.
    pub(super) fn advance(&mut self, database: &Database, size: u64) -> Result<(), WriteError> {
        for _ in 0..ATTEMPTS {
            let held = self.guard.read()?;
            let moved = held != self.held;
            self.held = held.clone();
            let note = database.read(|tx| {
                if moved {
                    self.compare_all(tx)?;
                }
                let note = tx.checkpoint(size)?;
                note.ok_or_else(|| {
                    WriteError::from(StoreError::Damaged(format!("there is no checkpoint of size {size}")))
                })
            })?;
            let Some(held) = held else {
                self.make(&note)?;
                continue;
            };
            if held.checkpoint.size >= size {
                return Ok(());
            }
            if self.guard.swap(&held, &note)? {
                self.held = self.guard.read()?;
                return Ok(());
            }
        }
        Err(GuardError::Contended(self.guard.describe()).into())
    }

    fn make(&mut self, note: &str) -> Result<(), WriteError> {
        if !self.accept_missing {
            return Err(Divergence::Missing(self.guard.describe()).into());
        }
        let note = SignedNote::parse(note).map_err(|error| StoreError::Damaged(error.to_string()))?;
        self.guard.create(&note)?;
        self.accept_missing = false;
        Ok(())
    }
}
