//! The writer's thread: takes what waits, commits it as one batch, answers.
//!
//! Group commit without a timer: while one batch is being made durable the next one gathers in the queue. Checkpoints are
//! published after the answers to a batch: nobody waits for the guard.

#![expect(clippy::vec_box, reason = "a record is large, and goes from list to list on its way")]

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use ledger::{NoteKey, NoteSigner, SignedNote};

use super::append;
use super::batch::{self, Decision, Indexes, Plan};
use super::continuity::Continuity;
use super::runs::Runs;
use super::state::State;
use super::{
    Committed, CommittedBatch, Keys, Readiness, Record, Sequenced, Settings, Submission, SubmitError, Trouble,
};
use crate::clock::Clock;
use crate::disk::Disk;
use crate::domain::Instant as Timestamp;
use crate::guard::{Divergence, GuardError};
use crate::store::{self, Database, Known, ReadTx, StoreError};

/// Most records of one batch.
const BATCH: usize = 512;
/// Least time between two published checkpoints, ms.
const PUBLISH_INTERVAL_MS: i64 = 1000;
/// How often the writer looks whether something is to be published when nothing arrives.
const IDLE: Duration = Duration::from_millis(100);
/// How long what failed is left alone before it is tried again without need.
const RETRY: Duration = Duration::from_secs(1);
/// How long the outcome of a commit is looked for.
const RESOLVE: Duration = Duration::from_secs(5);
const RESOLVE_PAUSE: Duration = Duration::from_millis(100);
/// How far the clock may be behind the newest entry before somebody should know: replicas differ a little.
const CLOCK_TOLERANCE_MS: i64 = 5000;

pub(super) struct Writer {
    database: Database,
    signer: NoteSigner,
    clock: Clock,
    keys: Keys,
    readiness: Readiness,
    disk: Disk,
    continuity: Continuity,
    /// `None` after a failure, until all was loaded again.
    open: Option<Open>,
    /// Whether what was loaded continues what was published.
    compared: bool,
    /// What failed is not tried again before.
    retry_at: Instant,
}

/// Why a batch was not written, or a checkpoint not published.
#[derive(Debug, thiserror::Error)]
pub(super) enum WriteError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Diverged(#[from] Divergence),
    #[error(transparent)]
    Guard(#[from] GuardError),
}

/// A connection and the state of the log that was loaded and last committed through it.
struct Open {
    connection: store::Writer,
    state: State,
    runs: Runs,
}

impl Writer {
    pub(super) fn new(
        database: &Database,
        settings: Settings,
        keys: Keys,
        readiness: Readiness,
    ) -> Result<Self, StoreError> {
        let mut writer = Self {
            database: database.clone(),
            signer: settings.signer,
            clock: settings.clock,
            keys,
            readiness,
            disk: settings.disk,
            continuity: Continuity::new(settings.guard, settings.accept_missing_guard),
            open: None,
            compared: false,
            retry_at: Instant::now(),
        };
        writer.look();
        match writer.open() {
            // It can be read all the same.
            Ok(()) | Err(WriteError::Diverged(_) | WriteError::Guard(_)) => Ok(writer),
            Err(WriteError::Store(error)) => Err(error),
        }
    }

    pub(super) fn run(mut self, submissions: &Receiver<Submission>) {
        loop {
            match submissions.recv_timeout(IDLE) {
                Ok(first) => {
                    let (records, replies): (Vec<_>, Vec<_>) = gather(first, submissions)
                        .into_iter()
                        .map(|submission| (submission.record, submission.reply))
                        .unzip();
                    self.look();
                    let answers = self.sequence(records);
                    for (reply, answer) in replies.into_iter().zip(answers) {
                        // Nobody may be waiting any more: the record is in the log all the same, and sending it again
                        // brings the same receipt.
                        drop(reply.send(answer));
                    }
                    self.publish_newest(false);
                }
                Err(RecvTimeoutError::Timeout) => {
                    self.look();
                    self.follow();
                    self.publish_newest(false);
                }
                Err(RecvTimeoutError::Disconnected) => return self.publish_newest(true),
            }
        }
    }

    /// Looks at what can be seen without the database: room on the disk, and the clock.
    fn look(&mut self) {
        let low = self.disk.check().err();
        self.readiness
            .set(Trouble::StorageLow, low.map(|error| error.to_string()));
        let newest = self.open.as_ref().map_or(0, |open| open.state.time_ms);
        let behind = self.clock.now().as_millis() < newest - CLOCK_TOLERANCE_MS;
        let reason = || {
            format!(
                "the clock is behind the newest entry, which is of {}",
                Timestamp::from_millis(newest)
            )
        };
        self.readiness.set(Trouble::Clock, behind.then(reason));
    }

    /// Commits a batch. One answer for each record, in order.
    fn sequence(&mut self, mut records: Vec<Box<Record>>) -> Vec<Result<Sequenced, SubmitError>> {
        if let Err(refused) = self.readiness.writable() {
            return records.into_iter().map(|_| Err(refused.clone())).collect();
        }
        let error = match self.open().and_then(|()| self.commit(&mut records)) {
            Ok((plan, note)) => {
                self.readiness.set(Trouble::Storage, None);
                if self.open.is_none() {
                    self.follow();
                }
                return answers(records, plan, note);
            }
            Err(error) => error,
        };
        tracing::error!(%error, records = records.len(), "a batch failed; loading the log again");
        self.failed(&error);
        let answer: fn(String) -> SubmitError = match &error {
            WriteError::Store(StoreError::Unconfirmed(_)) => return self.resolve(records),
            WriteError::Store(StoreError::Full(_)) => SubmitError::StorageLow,
            WriteError::Store(_) => SubmitError::Unavailable,
            WriteError::Diverged(_) | WriteError::Guard(_) => SubmitError::ReadOnly,
        };
        records.into_iter().map(|_| Err(answer(error.to_string()))).collect()
    }

    /// Relies no more on what was loaded, and says why.
    fn failed(&mut self, error: &WriteError) {
        self.retry_at = Instant::now() + RETRY;
        match error {
            WriteError::Store(error) => {
                self.open = None;
                self.readiness.set(Trouble::Storage, Some(error.to_string()));
            }
            WriteError::Diverged(_) | WriteError::Guard(_) => {
                self.compared = false;
                self.readiness.set(Trouble::Guard, Some(error.to_string()));
            }
        }
    }

    /// Finds out, on a new connection, what became of a commit whose answer was lost. Nothing is sent again: what is in the
    /// log is answered with its receipt, and what is not there (yet) as not known.
    fn resolve(&mut self, records: Vec<Box<Record>>) -> Vec<Result<Sequenced, SubmitError>> {
        let deadline = Instant::now() + RESOLVE;
        let known = loop {
            match self.open().and_then(|()| self.find(&records)) {
                Ok(known) => {
                    self.readiness.set(Trouble::Storage, None);
                    break known;
                }
                Err(WriteError::Store(error)) if Instant::now() < deadline => {
                    tracing::debug!(%error, "the outcome of a commit cannot be looked up yet");
                    self.open = None;
                    std::thread::sleep(RESOLVE_PAUSE);
                }
                Err(error) => {
                    tracing::error!(%error, "the outcome of a commit could not be found out");
                    self.failed(&error);
                    break Vec::new();
                }
            }
        };
        let known = Indexes::new(&known);
        let answer = |record: Box<Record>| match known.of(&record) {
            Some(index) => Ok(Sequenced::Known { index, record }),
            None => Err(SubmitError::Unconfirmed),
        };
        records.into_iter().map(answer).collect()
    }

    /// Which of these records are in the log. Waits for the head, so that a commit that is still on its way has ended.
    fn find(&mut self, records: &[Box<Record>]) -> Result<Vec<Known>, WriteError> {
        let Some(Open { connection, .. }) = &mut self.open else {
            return Err(StoreError::Damaged("the log is not loaded".into()).into());
        };
        connection.transaction(|tx| {
            tx.lock_head()?;
            Ok(known(&mut tx.reading(), records)?)
        })
    }

    /// Connects and loads the state of the log, unless both are at hand, and makes sure that it is the log's.
    fn open(&mut self) -> Result<(), WriteError> {
        if self.open.is_none() {
            let connection = self.database.writer()?;
            let (state, runs) = self.database.read(|tx| load(tx, self.signer.key()))?;
            // Even a log that cannot grow can be read, by those who may.
            self.keys.replace(state.keyring.clone());
            self.compared = false;
            self.open = Some(Open {
                connection,
                state,
                runs,
            });
        }
        if !self.compared
            && let Some(open) = &self.open
        {
            if let Err(error) = self.continuity.check(&self.database) {
                self.readiness.set(Trouble::Guard, Some(error.to_string()));
                return Err(error);
            }
            self.continuity.saw(open.state.size(), open.state.root);
            self.readiness.set(Trouble::Guard, None);
            self.compared = true;
        }
        Ok(())
    }

    /// Learns what another replica has committed meanwhile: a producer that was registered or revoked there is known here
    /// without waiting for a record to be written here. After a failure, finds out whether it is over.
    fn follow(&mut self) {
        let troubled = self.readiness.has(Trouble::Storage) || self.readiness.has(Trouble::Guard);
        if troubled {
            if Instant::now() < self.retry_at {
                return;
            }
            self.retry_at = Instant::now() + RETRY;
        }
        let known = self.open.as_ref().map(|open| (open.state.size(), open.state.root));
        let followed = self
            .database
            .read(|tx| tx.head())
            .map_err(WriteError::from)
            .and_then(|head| {
                if head.map(|head| (head.tree_size, head.root)) != known {
                    self.open = None;
                }
                self.open()
            });
        let followed = followed.and_then(|()| if troubled { self.probe() } else { Ok(()) });
        match followed {
            Ok(()) => self.readiness.set(Trouble::Storage, None),
            Err(error) => self.failed(&error),
        }
    }

    /// Whether a batch could be written now.
    fn probe(&mut self) -> Result<(), WriteError> {
        self.disk.probe().map_err(|error| StoreError::Full(error.to_string()))?;
        self.find(&[]).map(drop)
    }

    fn commit(&mut self, records: &mut [Box<Record>]) -> Result<(Plan, Option<SignedNote>), WriteError> {
        let Some(Open {
            connection,
            state,
            runs,
        }) = &mut self.open
        else {
            return Err(StoreError::Damaged("the log is not loaded".into()).into());
        };
        let now = self.clock.now();
        let (signer, continuity) = (&self.signer, &self.continuity);
        let (mut plan, slice, note) = connection.transaction(|tx| {
            let head = tx
                .lock_head()?
                .ok_or_else(|| StoreError::Damaged("there is no head".into()))?;
            if head.tree_size != state.size() || head.root != state.root {
                // Another replica was faster; go on from what it committed.
                continuity.compare(&mut tx.reading())?;
                (*state, *runs) = load(&mut tx.reading(), signer.key())?;
            }
            let known = known(&mut tx.reading(), records)?;
            let plan = batch::plan(state, records, &Indexes::new(&known), now);
            let slice = runs.slice(plan.leaves.len());
            if plan.leaves.is_empty() {
                return Ok::<_, WriteError>((plan, slice, None));
            }
            runs.write(tx, &slice)?;
            let note = append::append(tx, state, records, &plan, &slice, signer)?;
            Ok((plan, slice, Some(note)))
        })?;
        if note.is_some() {
            let new = plan.references.drain(..).chain(plan.places.drain(..));
            runs.advance(&slice, new, plan.after.size());
            *state = plan.after.clone();
            self.continuity.saw(state.size(), state.root);
            self.keys.replace(state.keyring.clone());
            if !plan.erasures.is_empty() {
                // What is in memory here would bring back what was just destroyed.
                self.open = None;
            }
        }
        Ok((plan, note))
    }

    /// Publishes the newest checkpoint if it is not, and the last publication is long enough ago or none will follow.
    fn publish_newest(&mut self, last: bool) {
        let Some(Open { state, .. }) = &self.open else {
            return;
        };
        let (size, published, now_ms) = (state.size(), state.published.0, self.clock.now().as_millis());
        let troubled = self.readiness.has(Trouble::Publication) && Instant::now() < self.retry_at;
        if !self.compared || troubled {
            return;
        }
        let done = if size > 0 && published != size && (last || publication_due(state, now_ms)) {
            self.publish(size, now_ms, last)
        } else if published > self.continuity.held_size() {
            // Another replica published it. A guard of this host alone must not stay behind.
            self.continuity.advance(&self.database, published)
        } else {
            return;
        };
        match done {
            Ok(()) => self.readiness.set(Trouble::Publication, None),
            Err(error @ WriteError::Diverged(_)) => self.failed(&error),
            Err(error) => {
                self.readiness.set(Trouble::Publication, Some(error.to_string()));
                self.retry_at = Instant::now() + RETRY;
                if let WriteError::Store(_) = error {
                    self.open = None;
                }
            }
        }
    }

    /// First the guard, then the row by which `/log/checkpoint` serves it: a checkpoint that was seen is in the guard.
    fn publish(&mut self, size: u64, now_ms: i64, last: bool) -> Result<(), WriteError> {
        let newest = self.database.read(|tx| tx.published())?;
        let Some(Open { connection, state, .. }) = &mut self.open else {
            return Ok(());
        };
        state.published = newest.unwrap_or((0, 0));
        if state.published.0 >= size || !(last || publication_due(state, now_ms)) {
            // Another replica was here within the second.
            return Ok(());
        }
        self.continuity.advance(&self.database, size)?;
        connection.transaction(|tx| tx.publish(size, now_ms))?;
        state.published = (size, now_ms);
        Ok(())
    }
}

/// Which of these records may be in the log: entries with their event ids.
fn known(tx: &mut ReadTx<'_>, records: &[Box<Record>]) -> Result<Vec<Known>, StoreError> {
    let event_ids: Vec<&str> = records.iter().map(|record| record.event.id.as_str()).collect();
    tx.known(&event_ids)
}

/// What waits, and what joins it as long as processors are short: a commit costs as much for one record as for many, so
/// those who verify go first. Where a processor is free the yield returns at once, and nobody waits for anything.
fn gather(first: Submission, submissions: &Receiver<Submission>) -> Vec<Submission> {
    let mut batch = vec![first];
    loop {
        let before = batch.len();
        batch.extend(submissions.try_iter().take(BATCH - before));
        if batch.len() == before || batch.len() == BATCH {
            return batch;
        }
        std::thread::yield_now();
    }
}

fn load(tx: &mut ReadTx<'_>, log_key: &NoteKey) -> Result<(State, Runs), StoreError> {
    let state = State::load(tx, log_key)?;
    let complete = tx.head()?.map_or(0, |head| head.runs);
    let runs = Runs::load(tx, state.size(), complete)?;
    Ok((state, runs))
}

fn publication_due(state: &State, now_ms: i64) -> bool {
    // A clock that went back must not stop publication.
    !(0..PUBLISH_INTERVAL_MS).contains(&(now_ms - state.published.1))
}

fn answers(records: Vec<Box<Record>>, plan: Plan, note: Option<SignedNote>) -> Vec<Result<Sequenced, SubmitError>> {
    let Plan {
        decisions,
        mut leaves,
        tiles,
        after,
        ..
    } = plan;
    let first = after.size() - leaves.len() as u64;
    let batch = note.map(|checkpoint| {
        Arc::new(CommittedBatch {
            edge: after.edge,
            tiles,
            checkpoint,
        })
    });
    let committed = |record: Box<Record>, position: usize, entry: Vec<u8>| match &batch {
        Some(batch) => Ok(Sequenced::Fresh(Box::new(Committed {
            batch: batch.clone(),
            index: first + position as u64,
            entry,
            record,
        }))),
        None => Err(SubmitError::Unconfirmed),
    };
    records
        .into_iter()
        .zip(decisions)
        .map(|(record, decision)| match decision {
            Decision::Append { position } => committed(record, position, std::mem::take(&mut leaves[position])),
            Decision::Known { index } => Ok(Sequenced::Known { index, record }),
            Decision::Refused(error) => Err(error),
        })
        .collect()
}
