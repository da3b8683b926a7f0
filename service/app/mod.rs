//! The use cases: everything above the store and below the doors. No HTTP, no terminal, no file here.

mod administration;
mod causes;
mod companions;
mod completeness;
mod declared;
mod deployed;
mod deployments;
mod documents;
mod erasure;
mod events;
mod facts;
mod fsck;
mod gate;
mod hooks;
mod identity;
mod incidents;
mod intake;
mod integrity;
mod issue;
mod links;
mod log;
mod metrics;
mod notes;
mod outlook;
mod period;
mod proof;
mod questions;
mod quorum;
mod read;
mod record;
mod release;
mod replay;
mod sample;
mod sessions;
mod sightings;
mod sources;
mod standing;
mod suspects;
mod tokens;
mod within;

use std::thread::JoinHandle;

use ledger::{Checkpoint, Hash, NoteSigner, PrivateKey};

use crate::catalogue::Catalogue;
use crate::clock::Clock;
use crate::disk::Disk;
use crate::domain::ProducerName;
use crate::entropy::Entropy;
use crate::guard::{Guard, GuardError};
use crate::render::Templates;
use crate::sequencer::{self, Readiness, Sequencer};
use crate::store::{Database, LogRow, StoreError};

use identity::IdentityKey;
use questions::Questions;
use sessions::Sessions;

pub use crate::correlate::LinkState;
pub use crate::render::{Html, RenderError};
pub use administration::{AdministrationError, NewProducer};
pub use completeness::{CompletenessError, SnapshotEffect};
pub use deployments::{DeploymentDetail, DeploymentFilter, DeploymentView, RunningView, StateView};
pub use documents::{
    ComplianceQuery, Document, DocumentQuery, DocumentsError, Format, Frameworks, NotesQuery, ServiceReportQuery,
};
pub use erasure::{Erased, Remains, Tombstone};
pub use events::{ErasedBy, EventSummary, EventView, Found};
pub use fsck::{Progress, fsck};
pub use gate::GateAnswer;
pub use hooks::{HookError, Notified};
pub use incidents::{IncidentDetail, IncidentFilter, IncidentView};
pub use issue::{IssueError, Issued};
pub use links::{DecisionError, DecisionMade, LinkFilter, LinkView, NewDecision};
pub use log::{LogError, LogSummary, TileBody};
pub use metrics::PerformanceError;
pub use proof::{At, ConsistencyProof, InclusionProof, ProofsError};
pub use questions::Whereabouts;
pub use quorum::{QuorumState, ServedCheckpoint, WitnessPolicy, WitnessStatus, Witnessing, cosigned_ms};
pub use read::{MAX_PAGE, Page, Paging, ReadError, Unknown};
pub use record::{Accepted, RecordError};
pub use release::ReleaseQuery;
pub use replay::{Rebuilt, Replay, Replayed};
pub use sample::SampleQuery;
pub use sessions::{Caller, SignedIn};
pub use tokens::{Grant, IssuedToken, NewToken};

/// What the service is started with.
pub struct Options {
    /// Signs checkpoints; its name is the origin of the log.
    pub signer: NoteSigner,
    /// Signs what the service itself asserts.
    pub service_key: PrivateKey,
    /// The time.
    pub clock: Clock,
    /// Salts, ids and secrets.
    pub entropy: Entropy,
    /// Records that may wait for the writer.
    pub queue: usize,
    /// Whether the database must hold the log already: an empty one in its place would begin a second history.
    pub log_exists: bool,
    /// Holds the newest published checkpoint.
    pub guard: Guard,
    /// Goes on without a guard where it is missing. The operator's word for it belongs in the log:
    /// [`App::accept_missing_guard`].
    pub accept_missing_guard: bool,
    /// What the service writes to.
    pub disk: Disk,
    /// What other systems prove themselves with.
    pub secrets: Secrets,
    /// Templates of documents.
    pub templates: Templates,
    /// What frameworks ask for, and the numbers of checks.
    pub catalogue: Catalogue,
    /// Which witnesses are asked, and how many of them must have cosigned.
    pub policy: Option<WitnessPolicy>,
}

/// Secrets shared with other systems, of those whose deliveries are taken.
#[derive(Default)]
pub struct Secrets {
    /// Signs the deliveries of GitHub.
    pub github: Option<String>,
    /// Alertmanager sends it along.
    pub alertmanager: Option<String>,
}

/// The service, without its doors. Shared by all of them.
pub struct App {
    database: Database,
    sequencer: Sequencer,
    service: ServiceIdentity,
    identities: IdentityKey,
    clock: Clock,
    entropy: Entropy,
    secrets: Secrets,
    templates: Templates,
    catalogue: Catalogue,
    policy: Option<WitnessPolicy>,
    sessions: Sessions,
    questions: Questions,
}

/// The service as a producer of records.
struct ServiceIdentity {
    key: PrivateKey,
    name: ProducerName,
    origin: String,
}

/// Why the service cannot start.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The database holds the log of another origin or key.
    #[error("the database holds the log {found}, but the data directory belongs to {expected}")]
    OtherLog {
        /// vkey in the database.
        found: String,
        /// vkey of the data directory.
        expected: String,
    },
    /// The database holds no log, although one was created.
    #[error(
        "the database holds no log, but the data directory belongs to one: connect the database that holds it, restore it, or \
         begin a new log in an empty data directory"
    )]
    NoLog,
    /// The guard of a new log could not be made.
    #[error(transparent)]
    Guard(#[from] GuardError),
    /// The database holds no log, although one was published.
    #[error(
        "the database holds no log, but {place} holds a checkpoint of {size} entries: connect the database that holds it, or restore it"
    )]
    Published {
        /// Where the checkpoint is.
        place: String,
        /// What it says.
        size: u64,
    },
    /// Opening it ended abnormally.
    #[error("opening the log ended abnormally")]
    Aborted,
    /// The first entry could not be recorded.
    #[error("the log could not be begun: {0}")]
    Begin(#[from] AdministrationError),
}

impl App {
    /// Opens the log in a database, creating it if there is none. The thread handle is the writer's: it ends after the
    /// app is dropped and everything queued is durable.
    pub async fn open(database: Database, options: Options) -> Result<(Self, JoinHandle<()>), OpenError> {
        let Options {
            signer,
            service_key,
            clock,
            entropy,
            queue,
            log_exists,
            mut guard,
            accept_missing_guard,
            disk,
            secrets,
            templates,
            catalogue,
            policy,
        } = options;
        let (origin, opening_clock) = (signer.key().name().to_owned(), clock.clone());
        // On a thread that may wait for the database: asynchronous code must not.
        let opening = tokio::task::spawn_blocking(move || {
            let clock = opening_clock;
            create_or_compare(&database, &signer, log_exists, &clock, &mut guard)?;
            let settings = sequencer::Settings {
                queue,
                signer,
                clock,
                guard,
                accept_missing_guard,
                disk,
            };
            let started = Sequencer::start(&database, settings)?;
            Ok::<_, OpenError>((database, started))
        });
        let (database, (sequencer, writer)) = opening.await.map_err(|_| OpenError::Aborted)??;
        let name = crate::domain::producer::SERVICE_PRODUCER
            .parse()
            .map_err(|_| StoreError::Damaged("the service has no name".into()))?;
        let app = Self {
            database,
            sequencer,
            identities: IdentityKey::of(&service_key, &origin),
            service: ServiceIdentity {
                key: service_key,
                name,
                origin,
            },
            clock,
            entropy,
            secrets,
            templates,
            catalogue,
            policy,
            sessions: Sessions::default(),
            questions: Questions::default(),
        };
        app.begin().await?;
        Ok((app, writer))
    }

    /// The database, for reading.
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// Whether it can do its work, and what keeps it from that.
    pub fn readiness(&self) -> &Readiness {
        self.sequencer.readiness()
    }
}

fn create_or_compare(
    database: &Database,
    signer: &NoteSigner,
    log_exists: bool,
    clock: &Clock,
    guard: &mut Guard,
) -> Result<(), OpenError> {
    let (vkey, origin) = (signer.key().to_string(), signer.key().name());
    match database.read(|tx| tx.log())? {
        Some(row) if row.log_key == vkey && row.origin == origin => Ok(()),
        Some(row) => Err(OpenError::OtherLog {
            found: row.log_key,
            expected: vkey,
        }),
        None if log_exists => Err(OpenError::NoLog),
        None => {
            make_guard(guard, signer)?;
            let row = LogRow {
                id: 0,
                origin: origin.to_owned(),
                log_key: vkey,
                created_ms: clock.now().as_millis(),
            };
            Ok(database.writer()?.transaction(|tx| tx.create_log(&row))?)
        }
    }
}

/// The guard of a new log says that nothing was published yet. It is there before the log is: nothing else makes one.
fn make_guard(guard: &mut Guard, signer: &NoteSigner) -> Result<(), OpenError> {
    if let Some(held) = guard.read()? {
        let (place, size) = (guard.describe(), held.checkpoint.size);
        // Creating the log was interrupted.
        return if size == 0 {
            Ok(())
        } else {
            Err(OpenError::Published { place, size })
        };
    }
    let empty = Checkpoint {
        origin: signer.key().name().to_owned(),
        size: 0,
        root: Hash::EMPTY_ROOT,
    };
    let note = empty
        .sign(signer)
        .map_err(|error| StoreError::Damaged(error.to_string()))?;
    Ok(guard.create(&note)?)
}
