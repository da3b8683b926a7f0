//! Asks the witnesses of the policy to cosign each published checkpoint (C2SP tlog-witness v1.0.0, the log's side).
//!
//! It never holds up ingestion: it has a thread and a connection of its own, looks at what is published, and what a
//! witness does (or does not) concerns that witness alone. Nothing is stored that was not verified. A witness that
//! holds a tree which this log does not continue raises an alarm that stays.

mod answer;
mod ask;

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::Duration;

use futures_util::future::join_all;
use ledger::note::MAX_NOTE_SIGNATURES;
use ledger::{NoteKey, NoteSignature, SignedNote};
use tokio::sync::watch;

use crate::app::{App, LogError, ProofsError};
use crate::clock::Clock;
use crate::outbound;
use crate::store::{AlarmRow, CosignatureRow, Database, StoreError, WriteTx, Writer};
use ask::{Asked, Asking};

/// How often it looks for a new publication, by this replica or another.
const POLL: Duration = Duration::from_millis(100);
/// How long a witness is left alone after it failed, at first and at most.
const PAUSE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// Why the witnesses cannot be asked.
#[derive(Debug, thiserror::Error)]
pub enum WitnessesError {
    /// There is no HTTP client, or no thread.
    #[error("cannot start asking witnesses: {0}")]
    Start(String),
    /// The policy is of other logs.
    #[error("the policy names logs, but not this one: add the line `log {0}`, or leave its log lines out")]
    OtherLog(String),
    /// More than a checkpoint has room for.
    #[error("the policy has {0} witnesses; a checkpoint has room for the signatures of {most}", most = MAX_NOTE_SIGNATURES - 1)]
    TooMany(usize),
    /// An address that no request can be sent to.
    #[error("the policy says that the witness {name} is at {url:?}, which is not an http:// or https:// address")]
    Address {
        /// What the policy calls it.
        name: String,
        /// What it says.
        url: String,
    },
}

/// Why a round with one witness came to nothing. The next one may do better.
#[derive(Debug, thiserror::Error)]
enum AskError {
    /// The log could not be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// No proof could be made.
    #[error(transparent)]
    Proofs(#[from] ProofsError),
    /// What it answered could not be stored, or what was stored not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What it answered, or that it did not.
    #[error("{0}")]
    Answer(String),
    /// The service is stopping.
    #[error("the service is stopping")]
    Stopping,
}

/// The running thread. It ends when this is dropped.
pub struct Witnesses {
    running: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Witnesses {
    fn drop(&mut self) {
        drop(self.running.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that asks witnesses ended abnormally");
        }
    }
}

/// A published checkpoint, with the log's own signature alone.
#[derive(Debug, Clone)]
struct Published {
    size: u64,
    note: SignedNote,
}

impl Witnesses {
    /// Starts asking, where the app has a policy with witnesses that have an address.
    pub fn start(app: &Arc<App>, log: NoteKey, clock: Clock) -> Result<Option<Self>, WitnessesError> {
        let Some(policy) = app.policy() else { return Ok(None) };
        let logs = policy.policy().logs();
        if !logs.is_empty() && !logs.iter().any(|known| known.key == log) {
            return Err(WitnessesError::OtherLog(log.to_string()));
        }
        let count = policy.policy().witnesses().len();
        if count >= MAX_NOTE_SIGNATURES {
            return Err(WitnessesError::TooMany(count));
        }
        let mut asked = Vec::new();
        for witness in policy.policy().witnesses() {
            match &witness.url {
                Some(url) if outbound::is_http(url) => {
                    asked.push((witness.clone(), url.trim_end_matches('/').to_owned()))
                }
                Some(url) => {
                    let (name, url) = (witness.name.clone(), url.clone());
                    return Err(WitnessesError::Address { name, url });
                }
                None => tracing::warn!(witness = witness.name, "the policy does not say where this witness is"),
            }
        }
        if asked.is_empty() {
            return Ok(None);
        }
        let start = |error: &dyn std::fmt::Display| WitnessesError::Start(error.to_string());
        let https = asked.iter().any(|(_, url)| url.starts_with("https://"));
        let client = outbound::client(https).map_err(|error| start(&outbound::chain(&error)))?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| start(&error))?;
        let (running, ended) = channel();
        let app = Arc::downgrade(app);
        let thread = std::thread::Builder::new()
            .name("witnesses".into())
            .spawn(move || {
                runtime.block_on(async move {
                    let (news, published) = watch::channel(None);
                    let keeper = Rc::new(Keeper {
                        app: app.clone(),
                        writer: RefCell::new(None),
                        clock,
                    });
                    let attending = asked.into_iter().map(|(witness, url)| {
                        let asking = Asking::new(client.clone(), witness, url, log.clone());
                        attend(asking, published.clone(), keeper.clone())
                    });
                    // Whoever is still being asked when the service stops is asked again when it starts.
                    tokio::select! {
                        () = look(&app, &news, &ended) => {}
                        _ = join_all(attending) => {}
                    }
                });
            })
            .map_err(|error| start(&error))?;
        Ok(Some(Self {
            running: Some(running),
            thread: Some(thread),
        }))
    }
}

/// Tells of each publication, until the service stops.
async fn look(app: &Weak<App>, news: &watch::Sender<Option<Published>>, ended: &Receiver<()>) {
    let mut failing = false;
    loop {
        match ended.try_recv() {
            Err(TryRecvError::Empty) => {}
            Ok(()) | Err(TryRecvError::Disconnected) => return,
        }
        let Some(strong) = app.upgrade() else { return };
        match newest(strong.database()) {
            Ok(Some(published)) => {
                failing = false;
                news.send_if_modified(|known| {
                    let new = known.as_ref().is_none_or(|known| known.size < published.size);
                    if new {
                        *known = Some(published);
                    }
                    new
                });
            }
            Ok(None) => {}
            Err(error) => {
                if !std::mem::replace(&mut failing, true) {
                    tracing::warn!(%error, "the published checkpoint could not be read; trying again");
                }
            }
        }
        drop(strong);
        tokio::time::sleep(POLL).await;
    }
}

fn newest(database: &Database) -> Result<Option<Published>, StoreError> {
    database.read(|tx| {
        let Some((size, _)) = tx.published()? else {
            return Ok(None);
        };
        let note = tx.checkpoint(size)?.unwrap_or_default();
        let note =
            SignedNote::parse(&note).map_err(|error| StoreError::Damaged(format!("checkpoint {size}: {error}")))?;
        Ok(Some(Published { size, note }))
    })
}

/// Has one witness follow the log, at its own pace.
async fn attend(mut asking: Asking, mut published: watch::Receiver<Option<Published>>, keeper: Rc<Keeper>) {
    let (first, longest) = PAUSE;
    let mut pause = first;
    let mut last_problem = String::new();
    loop {
        let newest = published.borrow_and_update().clone();
        if let Some(newest) = newest {
            match round(&mut asking, &newest, &keeper).await {
                Ok(()) => {
                    pause = first;
                    last_problem.clear();
                }
                Err(AskError::Stopping) => return,
                Err(error) => {
                    let problem = error.to_string();
                    if problem != last_problem {
                        tracing::warn!(witness = asking.name(), size = newest.size, "not cosigned: {problem}");
                        last_problem = problem;
                    }
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(longest);
                    // On with whatever is the newest by now.
                    continue;
                }
            }
        }
        if published.changed().await.is_err() {
            return;
        }
    }
}

async fn round(asking: &mut Asking, published: &Published, keeper: &Keeper) -> Result<(), AskError> {
    match asking.ask(published, keeper).await? {
        Asked::Cosigned(row) => keeper.keep(&row, published),
        // Another replica published more meanwhile, and asked first.
        Asked::Beyond => Ok(()),
        Asked::Alarm(alarm) => {
            let message = alarm.message.clone();
            keeper.raise(&alarm)?;
            Err(AskError::Answer(message))
        }
    }
}

/// Stores what witnesses answer.
struct Keeper {
    app: Weak<App>,
    writer: RefCell<Option<Writer>>,
    clock: Clock,
}

impl Keeper {
    fn app(&self) -> Result<Arc<App>, AskError> {
        self.app.upgrade().ok_or(AskError::Stopping)
    }

    fn now_ms(&self) -> i64 {
        self.clock.now().as_millis()
    }

    /// Keeps a cosignature, and notes the quorum that it may complete.
    fn keep(&self, row: &CosignatureRow, published: &Published) -> Result<(), AskError> {
        let app = self.app()?;
        let policy = app.policy().ok_or(AskError::Stopping)?;
        self.write(&app, |tx| {
            tx.append_cosignatures(std::slice::from_ref(row))?;
            let lines: String = tx
                .reading()
                .cosignatures(published.size)?
                .iter()
                .map(|row| format!("{}\n", row.line))
                .collect();
            let damaged = |error: &dyn std::fmt::Display| {
                StoreError::Damaged(format!("cosignatures of checkpoint {}: {error}", published.size))
            };
            let lines = NoteSignature::parse_lines(&lines).map_err(|error| damaged(&error))?;
            let note = published.note.with_signatures(lines).map_err(|error| damaged(&error))?;
            let cosigned = policy.policy().cosigned(&note).map_err(|error| damaged(&error))?;
            if policy.policy().requires_quorum() && cosigned.quorum.holds() {
                tx.append_quorum(policy.digest(), published.size, self.now_ms())?;
            }
            Ok(())
        })
    }

    fn raise(&self, alarm: &AlarmRow) -> Result<(), AskError> {
        let app = self.app()?;
        // Loud even where it cannot be stored, or was stored by another replica.
        let new = self.write(&app, |tx| tx.append_alarm(alarm));
        tracing::error!(
            witness = alarm.witness,
            held_size = alarm.held_size,
            tree_size = alarm.tree_size,
            reason = alarm.reason,
            held_checkpoint = alarm.held_note,
            "ALARM, the log may have forked: {}",
            alarm.message
        );
        new.map(drop)
    }

    fn write<T>(&self, app: &App, work: impl FnOnce(&mut WriteTx<'_>) -> Result<T, StoreError>) -> Result<T, AskError> {
        let mut slot = self.writer.borrow_mut();
        let mut writer = match slot.take() {
            Some(writer) => writer,
            None => app.database().writer()?,
        };
        // A connection that failed is not used again.
        let done = writer.transaction(work)?;
        *slot = Some(writer);
        Ok(done)
    }
}
