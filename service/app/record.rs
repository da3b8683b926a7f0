//! Taking a record in: verify, parse, check what the key may do, hand it to the writer, answer with the receipt.

use ledger::{Envelope, EnvelopeError, Hash, ProofError, Receipt, SignedNote, TlogProof, Verified, commitment, sha256};
use tokio::sync::oneshot;

use super::erasure::tombstone;
use super::intake::{knows_checks, names_digest};
use super::log::{LogError, inclusion};
use super::{App, Tombstone};
use crate::domain::keyring::PermissionError;
use crate::domain::parse::{self, CDEVENT_JSON, EventError, EventErrorKind};
use crate::domain::producer::own_payload;
use crate::domain::snapshot::SNAPSHOT_TAKEN;
use crate::domain::{EnvironmentName, Event, Extension};
use crate::entropy::EntropyError;
use crate::sequencer::batch::{event_row, reference_rows};
use crate::sequencer::{Record, Sequenced, SubmitError};
use crate::store::{EnvelopeRow, ReadTx, ReferenceRow, StoreError};

/// Records of a batch that are under way together: enough to share a commit, and so few that one batch leaves room for others.
const GROUP: usize = 128;
/// So many records of a batch take the room of one that comes alone: they are read one after the other.
const BESIDE_ONE: usize = 8;

/// A record that is durable.
#[derive(Debug)]
pub struct Accepted {
    /// Index of its entry.
    pub index: u64,
    /// Whether this call brought it in; otherwise it was there already.
    pub fresh: bool,
    /// Its receipt: the original one, byte for byte, however often it is sent.
    pub receipt: Receipt,
}

/// Why a record was not taken in.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The envelope is malformed, or no key verifies it.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    /// The payload is no event that we know how to read.
    #[error(transparent)]
    Event(#[from] EventError),
    /// The key may not sign such an event.
    #[error(transparent)]
    Permission(#[from] PermissionError),
    /// It is no runtime snapshot, where one is asked for.
    #[error("must be {SNAPSHOT_TAKEN}: only runtime snapshots are taken here, other events at /v1/events")]
    NoSnapshot,
    /// A runtime snapshot of an environment that nothing was ever deployed to.
    #[error("names the environment {0}, which no deployment ever named")]
    UnknownEnvironment(String),
    /// Another event has this id.
    #[error("entry {index} has the same producer, source and id, but other content; nothing was changed")]
    Conflict {
        /// Its index.
        index: u64,
    },
    /// It was recorded, and its content was destroyed since.
    #[error("this event was recorded as entry {} and erased by entry {}; it is not recorded again", .0.index, .0.erased_by)]
    Erased(Box<Tombstone>),
    /// The writer did not take it.
    #[error(transparent)]
    Submit(#[from] SubmitError),
    /// The database failed while looking up what is there.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The original receipt could not be assembled.
    #[error(transparent)]
    Log(#[from] LogError),
    /// It is recorded, but its proof could not be assembled; sending it again brings the receipt.
    #[error("the event is recorded, but its proof could not be assembled: {0}")]
    Proof(#[from] ProofError),
    /// No random bytes for an id or the salt.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// What the service itself says could not be written down.
    #[error("the event could not be written down: {0}")]
    Payload(#[from] serde_json::Error),
}

impl App {
    /// Takes in one DSSE envelope, as received.
    pub async fn record(&self, envelope: Vec<u8>) -> Result<Accepted, RecordError> {
        let _under_way = self.sequencer.begin(1)?;
        self.admitted(self.prepare(envelope)?).await
    }

    /// Takes in one that must hold a runtime snapshot; and the environment that it is of.
    pub(super) async fn record_only_snapshot(
        &self,
        envelope: Vec<u8>,
    ) -> Result<(Accepted, EnvironmentName), RecordError> {
        let _under_way = self.sequencer.begin(1)?;
        let prepared = self.prepare(envelope)?;
        let event = match &prepared {
            Prepared::Fit(record) => &record.event,
            Prepared::Unfit(earlier) => &earlier.event,
        };
        let environment = event.environment.clone().filter(|_| event.extension.snapshot.is_some());
        let environment = environment.ok_or(RecordError::NoSnapshot)?;
        Ok((self.admitted(prepared).await?, environment))
    }

    async fn admitted(&self, prepared: Prepared) -> Result<Accepted, RecordError> {
        match prepared {
            Prepared::Fit(record) => self.submit(record).await,
            Prepared::Unfit(earlier) => self.recorded_before(*earlier).await,
        }
    }

    /// Takes in one envelope that must hold an event of this type, and that its key may sign now.
    pub(super) async fn record_of(&self, event_type: &str, envelope: Vec<u8>) -> Result<Accepted, RecordError> {
        let _under_way = self.sequencer.begin(1)?;
        match self.prepare(envelope)? {
            Prepared::Fit(record) if record.event.event_type.text == event_type => self.submit(record).await,
            Prepared::Fit(_) => Err(RecordError::Event(EventError {
                pointer: "/context/type".to_owned(),
                message: format!("must be {event_type}"),
                kind: EventErrorKind::Invalid,
            })),
            Prepared::Unfit(earlier) => Err(earlier.refusal.into()),
        }
    }

    async fn submit(&self, record: Box<Record>) -> Result<Accepted, RecordError> {
        self.fits_history(&record).await?;
        self.accept(self.sequencer.submit(record).await?).await
    }

    /// Takes in several, each for itself; one may need what one before it says. They are queued together, so that they share
    /// commits. Nothing is begun where too much is under way already.
    pub async fn record_all(&self, envelopes: &[&[u8]]) -> Result<Vec<Result<Accepted, RecordError>>, SubmitError> {
        let _under_way = self.sequencer.begin(envelopes.len().min(GROUP).div_ceil(BESIDE_ONE))?;
        let mut results = Vec::with_capacity(envelopes.len());
        for group in envelopes.chunks(GROUP) {
            let mut waiting = Vec::with_capacity(group.len());
            for envelope in group {
                let next = match self.prepare(envelope.to_vec()) {
                    Ok(Prepared::Fit(record)) => {
                        let mut fits = self.fits_history(&record).await;
                        if fits.is_err() && !waiting.is_empty() {
                            // What it lacks may be said by one before it, once that is there.
                            self.answer(&mut waiting, &mut results).await;
                            fits = self.fits_history(&record).await;
                        }
                        fits.and_then(|()| Ok(Waiting::Queued(self.sequencer.enqueue(record)?)))
                    }
                    Ok(Prepared::Unfit(earlier)) => Ok(Waiting::Unfit(earlier)),
                    Err(error) => Err(error),
                };
                waiting.push(next);
                // Verifying many takes long; others on this thread must not wait for all of it.
                tokio::task::yield_now().await;
            }
            self.answer(&mut waiting, &mut results).await;
        }
        Ok(results)
    }

    /// Waits for the answers to all that wait for one.
    async fn answer(
        &self,
        waiting: &mut Vec<Result<Waiting, RecordError>>,
        results: &mut Vec<Result<Accepted, RecordError>>,
    ) {
        for waiting in waiting.drain(..) {
            results.push(match waiting {
                Ok(Waiting::Queued(answer)) => match answer.await.unwrap_or(Err(SubmitError::Stopped)) {
                    Ok(sequenced) => self.accept(sequenced).await,
                    Err(error) => Err(error.into()),
                },
                Ok(Waiting::Unfit(earlier)) => self.recorded_before(*earlier).await,
                Err(error) => Err(error),
            });
        }
    }

    /// Records what the service itself says now about a subject.
    pub(super) async fn say(
        &self,
        event_type: &str,
        subject: &str,
        extension: &Extension,
    ) -> Result<Accepted, RecordError> {
        let now = self.clock.now();
        let (id, source) = (self.new_id(now)?, self.source());
        let payload = own_payload(event_type, subject, &id, &source, now, extension)?;
        self.assert(CDEVENT_JSON, payload).await
    }

    /// Signs a payload with the service's own key and takes it in.
    pub(super) async fn assert(&self, payload_type: &str, payload: Vec<u8>) -> Result<Accepted, RecordError> {
        let envelope = Envelope::sign(payload_type, &payload, &[&self.service.key]);
        self.record(envelope.to_json().into_bytes()).await
    }

    /// Everything that can fail for one record alone.
    fn prepare(&self, bytes: Vec<u8>) -> Result<Prepared, RecordError> {
        let keyring = self.keyring();
        // The first entry of a log introduces the key that signs it.
        let beginning = keyring.origin().is_none();
        let verified = Envelope::parse(&bytes)?.verify(|keyid| match beginning {
            true => vec![self.service.key.public()],
            false => keyring.candidates(keyid),
        })?;
        let event = parse::parse(verified.payload_type(), verified.payload())?;
        knows_checks(&event)?;
        names_digest(&event)?;
        let producer = match keyring.admit(verified.signers(), &event, self.clock.now()) {
            Ok(producer) => producer.name.clone(),
            Err(_) if beginning => self.service.name.clone(),
            Err(refusal) => {
                let signers = verified
                    .signers()
                    .iter()
                    .filter_map(|signer| keyring.producer(&signer.key));
                let producers: Vec<String> = signers.map(|producer| producer.name.to_string()).collect();
                let same = SameContent::of(&verified);
                let erased = producers.iter().find_map(|producer| {
                    let identity = self.identities.hide(&event.id, &event.source, producer);
                    keyring.erasures().identified(&identity)
                });
                return Ok(Prepared::Unfit(Box::new(Unfit {
                    event,
                    erased,
                    producers,
                    same,
                    refusal,
                })));
            }
        };
        let salt: [u8; 32] = self.entropy.bytes()?;
        let row = event_row(0, 0, producer.as_str(), &event);
        Ok(Prepared::Fit(Box::new(Record {
            place: ReferenceRow::place(&row),
            row,
            references: reference_rows(0, &event).collect(),
            identity: self.identities.hide(&event.id, &event.source, producer.as_str()),
            commitment: commitment(&salt, verified.pae()),
            envelope_sha256: sha256(&bytes),
            envelope: EnvelopeRow {
                idx: 0,
                tree_size: 0,
                salt: Some(salt.to_vec()),
                bytes: Some(bytes),
            },
            verified,
            event,
            producer,
            salt,
        })))
    }

    /// A record that its key may no longer sign, but may have been taken in while it could: then its receipt stands.
    async fn recorded_before(&self, unfit: Unfit) -> Result<Accepted, RecordError> {
        let database = self.database.clone();
        let looking = tokio::task::spawn_blocking(move || {
            let Unfit {
                event,
                erased,
                producers,
                same,
                refusal,
            } = unfit;
            database.read(|tx| {
                if let Some(index) = erased {
                    return Err(RecordError::Erased(Box::new(tombstone(tx, index)?)));
                }
                let known = tx.known(&[event.id.as_str()])?;
                let found = known
                    .iter()
                    .find(|(_, source, producer, _)| *source == event.source && producers.contains(producer));
                let Some((.., index)) = found else {
                    return Err(RecordError::Permission(refusal));
                };
                let index = *index as u64;
                let receipt = original(tx, index, &same)?;
                Ok(Accepted {
                    index,
                    fresh: false,
                    receipt,
                })
            })
        });
        looking.await.map_err(|_| SubmitError::Stopped)?
    }
}

impl App {
    /// Turns the writer's answer into the caller's.
    async fn accept(&self, sequenced: Sequenced) -> Result<Accepted, RecordError> {
        let (index, record) = match sequenced {
            Sequenced::Fresh(committed) => {
                let receipt = committed.into_receipt()?;
                return Ok(Accepted {
                    index: receipt.proof.index,
                    fresh: true,
                    receipt,
                });
            }
            Sequenced::Known { index, record } => (index, record),
        };
        let (same, salt) = (SameContent::of(&record.verified), record.salt);
        let database = self.database.clone();
        let receipt = tokio::task::spawn_blocking(move || database.read(|tx| original(tx, index, &same)))
            .await
            .map_err(|_| SubmitError::Stopped)??;
        Ok(Accepted {
            index,
            // Its own salt: it is there because of this call, whose commit was found only afterwards.
            fresh: receipt.salt == salt,
            receipt,
        })
    }

    /// The receipt that was given when an entry was recorded.
    pub fn receipt(&self, index: u64) -> Result<Receipt, LogError> {
        self.database.read(|tx| receipt(tx, index))
    }
}

/// What makes two envelopes carry the same event: payload type and payload, whatever is around them.
struct SameContent {
    pae: Hash,
}

impl SameContent {
    fn of(verified: &Verified) -> Self {
        Self {
            pae: sha256(verified.pae()),
        }
    }
}

/// A verified record, before it is known whether it may enter the log.
enum Prepared {
    /// It may.
    Fit(Box<Record>),
    /// Its signers may not sign it now.
    Unfit(Box<Unfit>),
}

struct Unfit {
    event: Event,
    /// The entry that it was, if that was erased.
    erased: Option<u64>,
    /// Names of its signers.
    producers: Vec<String>,
    same: SameContent,
    refusal: PermissionError,
}

/// A record of a batch, until its answer is there.
enum Waiting {
    Queued(oneshot::Receiver<Result<Sequenced, SubmitError>>),
    Unfit(Box<Unfit>),
}

fn original(tx: &mut ReadTx<'_>, index: u64, same: &SameContent) -> Result<Receipt, RecordError> {
    let row = tx.envelopes(index, 1)?.pop().ok_or(LogError::NoEntry { index })?;
    // An erased event can no longer be compared; that its id was used stands.
    let Some(stored) = row.bytes else {
        return Err(RecordError::Erased(Box::new(tombstone(tx, index)?)));
    };
    if sha256(&Envelope::parse(&stored)?.pae()) != same.pae {
        return Err(RecordError::Conflict { index });
    }
    Ok(receipt(tx, index)?)
}

/// Assembles the original receipt: the proof in the tree of its own batch, under the checkpoint signed then.
pub(super) fn receipt(tx: &mut ReadTx<'_>, index: u64) -> Result<Receipt, LogError> {
    let row = tx.envelopes(index, 1)?.pop().ok_or(LogError::NoEntry { index })?;
    let (Some(salt), Some(bytes)) = (row.salt, row.bytes) else {
        return Err(LogError::Erased(Box::new(tombstone(tx, index)?)));
    };
    let damaged = |what: String| LogError::Store(StoreError::Damaged(format!("entry {index}: {what}")));
    let size = row.tree_size as u64;
    let entry = tx.leaves(index, 1)?.pop().ok_or(LogError::NoEntry { index })?;
    let note = tx
        .checkpoint(size)?
        .ok_or_else(|| damaged(format!("the checkpoint of size {size} is missing")))?;
    let checkpoint = SignedNote::parse(&note).map_err(|error| damaged(error.to_string()))?;
    let hashes = inclusion(tx, index, size)?;
    Ok(Receipt {
        entry,
        salt: salt
            .try_into()
            .map_err(|_| damaged("its salt is not 32 bytes".into()))?,
        proof: TlogProof {
            extra: None,
            index,
            hashes,
            checkpoint,
        },
        envelope_sha256: sha256(&bytes),
    })
}
