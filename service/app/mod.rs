//! The use cases: everything above the store and below the doors. No HTTP, no terminal, no file here.

mod administration;
mod deployments;
mod documents;
mod erasure;
mod events;
mod fsck;
mod github;
mod identity;
mod incidents;
mod log;
mod proof;
mod quorum;
mod read;
mod record;
mod tokens;

use std::thread::JoinHandle;

use ledger::{NoteSigner, PrivateKey};

use crate::clock::Clock;
use crate::domain::ProducerName;
use crate::entropy::Entropy;
use crate::render::Templates;
use crate::sequencer::{self, Sequencer};
use crate::store::{Database, LogRow, StoreError};

use identity::IdentityKey;

pub use administration::{AdministrationError, NewProducer};
pub use deployments::{DeploymentDetail, DeploymentFilter, DeploymentView, RunningView, StateView};
pub use documents::{ComplianceQuery, Document, DocumentsError, Format, NotesQuery};
pub use erasure::{Erased, Remains, Tombstone};
pub use events::{ErasedBy, EventSummary, EventView, Found};
pub use fsck::{Progress, fsck};
pub use github::HookError;
pub use incidents::{IncidentDetail, IncidentFilter, IncidentView};
pub use log::{LogError, LogSummary, TileBody};
pub use proof::{At, ConsistencyProof, InclusionProof, ProofsError};
pub use quorum::{QuorumState, ServedCheckpoint, WitnessPolicy, WitnessStatus, Witnessing};
pub use read::{MAX_PAGE, Page, Paging, ReadError};
pub use record::{Accepted, RecordError};
pub use tokens::{IssuedToken, NewToken};

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
    /// Secret shared with GitHub, if its deliveries are taken.
    pub github_secret: Option<String>,
    /// Templates of documents.
    pub templates: Templates,
    /// Which witnesses are asked, and how many of them must have cosigned.
    pub policy: Option<WitnessPolicy>,
}

/// The service, without its doors. Shared by all of them.
pub struct App {
    database: Database,
    sequencer: Sequencer,
    service: ServiceIdentity,
    identities: IdentityKey,
    clock: Clock,
    entropy: Entropy,
    github_secret: Option<String>,
    templates: Templates,
    policy: Option<WitnessPolicy>,
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
        let origin = options.signer.key().name().to_owned();
        // On a thread that may wait for the database: asynchronous code must not.
        let opening = tokio::task::spawn_blocking(move || {
            create_or_compare(&database, &options)?;
            let settings = sequencer::Settings {
                queue: options.queue,
                signer: options.signer.clone(),
                clock: options.clock.clone(),
            };
            let started = Sequencer::start(&database, settings)?;
            Ok::<_, OpenError>((database, options, started))
        });
        let (database, options, (sequencer, writer)) = opening.await.map_err(|_| OpenError::Aborted)??;
        let name = crate::domain::producer::SERVICE_PRODUCER
            .parse()
            .map_err(|_| StoreError::Damaged("the service has no name".into()))?;
        let app = Self {
            database,
            sequencer,
            identities: IdentityKey::of(&options.service_key, &origin),
            service: ServiceIdentity {
                key: options.service_key,
                name,
                origin,
            },
            clock: options.clock,
            entropy: options.entropy,
            github_secret: options.github_secret,
            templates: options.templates,
            policy: options.policy,
        };
        app.begin().await?;
        Ok((app, writer))
    }

    /// The database, for reading.
    pub fn database(&self) -> &Database {
        &self.database
    }
}

fn create_or_compare(database: &Database, options: &Options) -> Result<(), OpenError> {
    let log_key = options.signer.key();
    let (vkey, origin) = (log_key.to_string(), log_key.name());
    match database.read(|tx| tx.log())? {
        Some(row) if row.log_key == vkey && row.origin == origin => Ok(()),
        Some(row) => Err(OpenError::OtherLog {
            found: row.log_key,
            expected: vkey,
        }),
        None if options.log_exists => Err(OpenError::NoLog),
        None => {
            let row = LogRow {
                id: 0,
                origin: origin.to_owned(),
                log_key: vkey,
                created_ms: options.clock.now().as_millis(),
            };
            Ok(database.writer()?.transaction(|tx| tx.create_log(&row))?)
        }
    }
}
