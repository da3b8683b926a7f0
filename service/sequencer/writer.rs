//! The writer's thread: takes what waits, commits it as one batch, answers.
//!
//! Group commit without a timer: while one batch is being made durable the next one gathers in the queue.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use ledger::{Checkpoint, Hash, NoteKey, NoteSigner, SignedNote, leaf_hash};

use super::batch::{self, Decision, Plan};
use super::runs::{Runs, Slice};
use super::state::State;
use super::{Committed, CommittedBatch, Keys, Record, Sequenced, Settings, Submission, SubmitError};
use crate::clock::Clock;
use crate::store::{self, Database, HeadRow, ReadTx, ReferenceRow, StoreError, WriteTx};

/// Most records of one batch.
const BATCH: usize = 512;
/// Least time between two published checkpoints, ms.
const PUBLISH_INTERVAL_MS: i64 = 1000;
/// How often the writer looks whether something is to be published when nothing arrives.
const IDLE: Duration = Duration::from_millis(100);

pub(super) struct Writer {
    database: Database,
    signer: NoteSigner,
    clock: Clock,
    keys: Keys,
    /// `None` after a failure, until all was loaded again.
    open: Option<Open>,
}

/// A connection and the state of the log that was loaded and last committed through it.
struct Open {
    connection: store::Writer,
    state: State,
    runs: Runs,
}

impl Writer {
    pub(super) fn new(database: &Database, settings: Settings, keys: Keys) -> Result<Self, StoreError> {
        let Settings { signer, clock, .. } = settings;
        let mut writer = Self {
            database: database.clone(),
            signer,
            clock,
            keys,
            open: None,
        };
        writer.open()?;
        Ok(writer)
    }

    pub(super) fn run(mut self, submissions: &Receiver<Submission>) {
        loop {
            match submissions.recv_timeout(IDLE) {
                Ok(first) => {
                    let (records, replies): (Vec<_>, Vec<_>) = gather(first, submissions)
                        .into_iter()
                        .map(|submission| (submission.record, submission.reply))
                        .unzip();
                    let answers = self.sequence(records);
                    for (reply, answer) in replies.into_iter().zip(answers) {
                        // Nobody may be waiting any more: the record is in the log all the same, and sending it again
                        // brings the same receipt.
                        drop(reply.send(answer));
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    self.follow();
                    self.publish_newest();
                }
                Err(RecvTimeoutError::Disconnected) => return self.publish_newest(),
            }
        }
    }

    /// Commits a batch. One answer for each record, in order.
    fn sequence(&mut self, mut records: Vec<Record>) -> Vec<Result<Sequenced, SubmitError>> {
        let committed = self.open().and_then(|()| self.commit(&mut records));
        match committed {
            Ok((plan, note)) => answers(records, plan, note),
            Err(error) => {
                tracing::error!(%error, records = records.len(), "a batch failed; loading the log again");
                self.open = None;
                let answer = |_: Record| match &error {
                    StoreError::Unconfirmed(_) => Err(SubmitError::Unconfirmed),
                    other => Err(SubmitError::Unavailable(other.to_string())),
                };
                records.into_iter().map(answer).collect()
            }
        }
    }

    /// Connects and loads the state of the log, unless both are at hand.
    fn open(&mut self) -> Result<(), StoreError> {
        if self.open.is_none() {
            let connection = self.database.writer()?;
            let (state, runs) = self.database.read(|tx| load(tx, self.signer.key()))?;
            self.keys.replace(state.keyring.clone());
            self.open = Some(Open {
                connection,
                state,
                runs,
            });
        }
        Ok(())
    }

    /// Learns what another replica has committed meanwhile: a producer that was registered or revoked there is known here
    /// without waiting for a record to be written here.
    fn follow(&mut self) {
        let size = self.open.as_ref().map(|open| open.state.size());
        let followed = self.database.read(|tx| tx.head()).and_then(|head| {
            if head.map(|head| head.tree_size) != size {
                self.open = None;
            }
            self.open()
        });
        if let Err(error) = followed {
            tracing::warn!(%error, "the head of the log could not be read; trying again");
            self.open = None;
        }
    }

    fn commit(&mut self, records: &mut [Record]) -> Result<(Plan, Option<SignedNote>), StoreError> {
        let Some(Open {
            connection,
            state,
            runs,
        }) = &mut self.open
        else {
            return Err(StoreError::Damaged("the log is not loaded".into()));
        };
        let now = self.clock.now();
        let signer = &self.signer;
        let (mut plan, slice, note) = connection.transaction(|tx| {
            let head = tx
                .lock_head()?
                .ok_or_else(|| StoreError::Damaged("there is no head".into()))?;
            if head.tree_size != state.size() || head.root != state.root {
                // Another replica was faster; go on from what it committed.
                (*state, *runs) = load(&mut tx.reading(), signer.key())?;
            }
            let event_ids: Vec<&str> = records.iter().map(|record| record.event.id.as_str()).collect();
            let known = tx
                .reading()
                .known(&event_ids)?
                .into_iter()
                .map(|(id, source, producer, index)| ((id, source, producer), index as u64))
                .collect();
            let mut plan = batch::plan(state, records, known, now);
            let slice = runs.slice(plan.leaves.len());
            if plan.leaves.is_empty() {
                return Ok::<_, StoreError>((plan, slice, None));
            }
            tx.append_run(slice.run, runs.rows(&slice))?;
            let note = write(tx, state, &plan, &slice, signer)?;
            if publication_due(&plan.after, now.as_millis()) {
                plan.after.published = (plan.after.size(), now.as_millis());
                tx.publish(plan.after.size(), now.as_millis())?;
            }
            Ok((plan, slice, Some(note)))
        })?;
        if note.is_some() {
            let mut new = std::mem::take(&mut plan.references);
            new.extend(plan.events.iter().filter_map(ReferenceRow::place));
            runs.advance(&slice, new, plan.after.size());
            *state = plan.after.clone();
            self.keys.replace(state.keyring.clone());
        }
        Ok((plan, note))
    }

    /// Publishes the newest checkpoint if it is not, and the last publication is long enough ago.
    fn publish_newest(&mut self) {
        let now_ms = self.clock.now().as_millis();
        let Some(Open { connection, state, .. }) = &mut self.open else {
            return;
        };
        let size = state.size();
        if size == 0 || state.published.0 == size || !publication_due(state, now_ms) {
            return;
        }
        match connection.transaction(|tx| tx.publish(size, now_ms)) {
            Ok(()) => state.published = (size, now_ms),
            Err(error) => {
                tracing::warn!(%error, size, "a checkpoint could not be published; trying again");
                self.open = None;
            }
        }
    }
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

/// Writes a batch and signs the head it leads to. The signature is made inside the transaction that stores it, from
/// leaves read back from the database, and leaves this process only after the commit.
fn write(
    tx: &mut WriteTx<'_>,
    before: &State,
    plan: &Plan,
    slice: &Slice,
    signer: &NoteSigner,
) -> Result<SignedNote, StoreError> {
    let (old_size, after) = (before.size(), &plan.after);
    tx.append_entries(old_size, &plan.leaves)?;
    tx.append_envelopes(&plan.envelopes)?;
    tx.append_events(&plan.events)?;
    tx.append_references(&plan.references)?;
    tx.append_tiles(&plan.tiles)?;
    if stored_root(tx, before, plan.leaves.len() as u64)? != after.root {
        return Err(StoreError::Damaged(
            "the entries read back do not give the root that was computed".into(),
        ));
    }
    let checkpoint = Checkpoint {
        origin: signer.key().name().to_owned(),
        size: after.size(),
        root: after.root,
    };
    let note = checkpoint
        .sign(signer)
        .map_err(|error| StoreError::Damaged(error.to_string()))?;
    tx.append_checkpoint(after.size(), &note.to_string())?;
    let head = HeadRow {
        tree_size: after.size(),
        root: after.root,
        edge: after.edge.encode(),
        time_ms: after.time_ms,
        runs: slice.complete,
    };
    tx.move_head(old_size, &head)?;
    Ok(note)
}

/// The root that the stored bytes give: a bit that flipped on the way to the database is not signed.
fn stored_root(tx: &mut WriteTx<'_>, before: &State, count: u64) -> Result<Hash, StoreError> {
    let mut edge = before.edge.clone();
    let mut full = Vec::new();
    for leaf in tx.reading().leaves(before.size(), count)? {
        edge.append(leaf_hash(&leaf), &mut full);
    }
    Ok(edge.root())
}

fn answers(records: Vec<Record>, plan: Plan, note: Option<SignedNote>) -> Vec<Result<Sequenced, SubmitError>> {
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
    let committed = |record: Record, position: usize, entry: Vec<u8>| match &batch {
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
            Decision::Known { index } => Ok(Sequenced::Known {
                index,
                record: Box::new(record),
            }),
            Decision::Refused(error) => Err(error),
        })
        .collect()
}
