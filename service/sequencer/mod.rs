//! The single writer: puts verified records in order and makes them durable.
//!
//! Everything that can fail for one record alone has failed before it comes here, or is refused here without touching
//! the others. A batch is committed as a whole, and nobody is answered before it is. After a failed commit the writer
//! loads its state from the database again; it never goes on with what it had in memory.

mod append;
pub mod batch;
mod continuity;
mod gate;
mod readiness;
mod runs;
mod state;
mod writer;

use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, PoisonError, RwLock};
use std::thread::JoinHandle;

use ledger::{
    Edge, FullTile, Hash, NodeId, NoteSigner, ProofError, ProofPlan, Receipt, SignedNote, TileId, TlogProof, Verified,
};
use tokio::sync::oneshot;

use crate::clock::Clock;
use crate::disk::Disk;
use crate::domain::keyring::{Keyring, KeyringError, PermissionError};
use crate::domain::{Event, ProducerName};
use crate::guard::Guard;
use crate::store::{Database, EnvelopeRow, EventRow, ReferenceRow, StoreError};

pub use gate::UnderWay;
pub use readiness::{Readiness, Trouble};

use gate::Gate;

/// A record that is fit to enter the log.
pub struct Record {
    /// The envelope, verified.
    pub verified: Verified,
    /// What its payload says.
    pub event: Event,
    /// Whose key verified it.
    pub producer: ProducerName,
    /// SHA-256 of the bytes as received.
    pub envelope_sha256: Hash,
    /// Blinds the commitment.
    pub salt: [u8; 32],
    /// Commitment to the signed content.
    pub commitment: Hash,
    /// Its producer, source and id, as they would survive its erasure.
    pub identity: Hash,
    /// The bytes as received, and the salt; index and tree size are set when it is sequenced.
    pub envelope: EnvelopeRow,
    /// What the event says, in columns; index and time are set when it is sequenced.
    pub row: EventRow,
    /// What it can be found by; the index is set when it is sequenced.
    pub references: Vec<ReferenceRow>,
    /// Where it belongs; the index is set when it is sequenced.
    pub place: Option<ReferenceRow>,
}

/// What became of a record.
pub enum Sequenced {
    /// It is in the log.
    Fresh(Box<Committed>),
    /// An entry with the same producer, source and event id was there already.
    Known {
        /// Its index.
        index: u64,
        /// The record, to compare with what is there.
        record: Box<Record>,
    },
}

/// A record that is durable, with what its receipt is made from.
pub struct Committed {
    batch: Arc<CommittedBatch>,
    index: u64,
    entry: Vec<u8>,
    /// Goes back to the thread that made it: that is where its many parts are freed fastest.
    record: Box<Record>,
}

/// What all receipts of a batch are made from.
struct CommittedBatch {
    edge: Edge,
    tiles: Vec<FullTile>,
    checkpoint: SignedNote,
}

impl Committed {
    /// Makes the receipt: on the thread of whoever waits for it, not on the writer's.
    pub fn into_receipt(self) -> Result<Receipt, ProofError> {
        let CommittedBatch {
            edge,
            tiles,
            checkpoint,
        } = &*self.batch;
        let node = |id: NodeId| {
            let tile = || tiles.iter().find(|tile| tile.id() == TileId::of(id));
            edge.node(id).or_else(|| tile().and_then(|tile| tile.node(id)))
        };
        let (index, size) = (self.index, edge.size());
        let plan = ProofPlan::inclusion(index, size).ok_or(ProofError::Index { index, size })?;
        let hashes = plan.assemble(node)?;
        Ok(Receipt {
            entry: self.entry,
            salt: self.record.salt,
            proof: TlogProof {
                extra: None,
                index: self.index,
                hashes,
                checkpoint: checkpoint.clone(),
            },
            envelope_sha256: self.record.envelope_sha256,
        })
    }
}

/// Why a record is not in the log, or not known to be.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SubmitError {
    /// Too much is waiting; nothing was recorded.
    #[error("the service is busy; nothing was recorded")]
    Busy,
    /// The database failed; nothing was recorded.
    #[error("the database failed and nothing was recorded: {0}")]
    Unavailable(String),
    /// The database failed while committing; sending the same event again finds out.
    #[error("it is not known whether the event was recorded; send the same event again to find out")]
    Unconfirmed,
    /// The database does not continue what was published; nothing was recorded.
    #[error("nothing was recorded: {0}")]
    ReadOnly(String),
    /// There is no room; nothing was recorded.
    #[error("nothing was recorded: {0}")]
    StorageLow(String),
    /// By the time it was its turn, the key was no longer allowed to sign it.
    #[error(transparent)]
    Permission(#[from] PermissionError),
    /// The change it makes does not fit what came before it in the log.
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    /// Its entry would be no entry.
    #[error(transparent)]
    Entry(#[from] ledger::EntryError),
    /// The service is shutting down; nothing was recorded.
    #[error("the service is shutting down; nothing was recorded")]
    Stopped,
}

type Reply = oneshot::Sender<Result<Sequenced, SubmitError>>;

struct Submission {
    record: Box<Record>,
    reply: Reply,
}

/// The keys that may sign, as of the newest committed entry.
#[derive(Clone, Default)]
pub struct Keys(Arc<RwLock<Arc<Keyring>>>);

impl Keys {
    /// The newest keyring.
    pub fn current(&self) -> Arc<Keyring> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn replace(&self, keyring: Arc<Keyring>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = keyring;
    }
}

/// What the writer needs to know.
pub struct Settings {
    /// Records that may wait; more are refused.
    pub queue: usize,
    /// Signs checkpoints.
    pub signer: NoteSigner,
    /// The time of entries.
    pub clock: Clock,
    /// Holds the newest published checkpoint.
    pub guard: Guard,
    /// Goes on without a guard where it is missing, and makes it with the next published checkpoint.
    pub accept_missing_guard: bool,
    /// What the service writes to.
    pub disk: Disk,
}

/// The way to the writer. Cheap to clone; the writer stops when the last one is dropped.
#[derive(Clone)]
pub struct Sequencer {
    queue: SyncSender<Submission>,
    gate: Gate,
    keys: Keys,
    readiness: Readiness,
}

impl Sequencer {
    /// Loads and re-checks the state of the log, and starts the writer. The handle ends once every [`Sequencer`] is gone.
    /// A database that does not continue what its guard holds is served read-only: [`Readiness`] says so.
    pub fn start(database: &Database, settings: Settings) -> Result<(Self, JoinHandle<()>), StoreError> {
        let (queue, submissions) = sync_channel(settings.queue);
        let keys = Keys::default();
        let readiness = Readiness::default();
        let writer = writer::Writer::new(database, settings, keys.clone(), readiness.clone())?;
        let thread = std::thread::Builder::new()
            .name("sequencer".into())
            .spawn(move || writer.run(&submissions))
            .map_err(|error| StoreError::Open(error.to_string()))?;
        let sequencer = Self {
            queue,
            gate: Gate::default(),
            keys,
            readiness,
        };
        Ok((sequencer, thread))
    }

    /// Begins with so many records, if no more are begun than can be ended soon.
    pub fn begin(&self, records: usize) -> Result<UnderWay, SubmitError> {
        self.gate.enter(records).ok_or(SubmitError::Busy)
    }

    /// Hands a record to the writer and waits until it is durable.
    pub async fn submit(&self, record: Box<Record>) -> Result<Sequenced, SubmitError> {
        self.enqueue(record)?.await.unwrap_or(Err(SubmitError::Stopped))
    }

    /// Hands a record to the writer; the answer comes through the channel.
    pub fn enqueue(
        &self,
        record: Box<Record>,
    ) -> Result<oneshot::Receiver<Result<Sequenced, SubmitError>>, SubmitError> {
        self.readiness.writable()?;
        let (reply, answer) = oneshot::channel();
        match self.queue.try_send(Submission { record, reply }) {
            Ok(()) => Ok(answer),
            Err(TrySendError::Full(_)) => Err(SubmitError::Busy),
            Err(TrySendError::Disconnected(_)) => Err(SubmitError::Stopped),
        }
    }

    /// The keys that may sign.
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// Whether it can do its work.
    pub fn readiness(&self) -> &Readiness {
        &self.readiness
    }
}
