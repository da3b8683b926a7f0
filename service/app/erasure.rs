//! Destroying the content of an entry, and what stands in its place.
//!
//! The entry itself stays, and so does every proof. The transaction that takes the envelope, the salt and everything read from
//! them out of the tables is the one that records who did it, when and why.

use std::collections::BTreeSet;

use base64ct::{Base64, Encoding};
use ledger::{SignedNote, TlogProof};
use serde::Serialize;
use utoipa::ToSchema;

use super::administration::AdministrationError;
use super::log::inclusion;
use super::record::RecordError;
use super::{Accepted, App};
use crate::domain::erasure::ErasureError;
use crate::domain::keyring::KeyringError;
use crate::domain::producer::{Administration, Token};
use crate::domain::question::DOCUMENT_ASKED;
use crate::domain::{ErasureReason, Instant};
use crate::sequencer::SubmitError;
use crate::store::{Purged, ReadTx, StoreError};

/// Longest text of an erasure: it stays for ever.
const MAX_TEXT: usize = 1000;

/// What stands where content was: who destroyed it and why, and proof that both entries are in the log.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Tombstone {
    /// Index of the erased entry.
    pub index: u64,
    /// Index of the entry that records the erasure.
    pub erased_by: u64,
    /// When that entry was recorded.
    #[schema(value_type = String, format = DateTime)]
    pub erased_at: Instant,
    /// Name of the token that it was done with.
    pub actor: Option<String>,
    /// Why.
    pub reason: ErasureReason,
    /// Why, in words.
    pub text: String,
    /// Bytes of the erased entry, in base64: the commitment stays, and without its salt it hides what it commits to.
    pub entry: String,
    /// C2SP `tlog-proof` text: the erased entry is in the log.
    pub proof: String,
    /// Bytes of the entry that records the erasure, in base64.
    pub erasure_entry: String,
    /// C2SP `tlog-proof` text: the entry that records the erasure is in the log.
    pub erasure_proof: String,
}

/// Where the old bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Remains {
    /// Nowhere in the files of the database: they were overwritten.
    Nothing,
    /// In SQLite's write-ahead log, which goes as soon as those who read have ended.
    WriteAheadLog,
    /// Where only the operator of PostgreSQL reaches: free space of pages until it is used again or `VACUUM FULL` has run,
    /// write-ahead log until it is recycled, replicas, backups.
    Operator,
}

/// Content that was destroyed.
pub struct Erased {
    /// What stands in its place.
    pub tombstone: Tombstone,
    /// Whether this call destroyed it; otherwise it was gone already.
    pub fresh: bool,
    /// Where the old bytes are. Copies of the database are not counted.
    pub remains: Remains,
}

impl App {
    /// Destroys the content of an entry. Doing it again gives the first erasure.
    pub async fn erase(
        &self,
        index: u64,
        reason: ErasureReason,
        text: &str,
        by: &Token,
    ) -> Result<Erased, AdministrationError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(AdministrationError::Empty { pointer: "/text" });
        }
        if text.chars().count() > MAX_TEXT {
            return Err(AdministrationError::TooLong {
                pointer: "/text",
                most: MAX_TEXT,
            });
        }
        let fresh = match self.standing(index).await? {
            Standing::Erased => false,
            Standing::Kept { identity } => {
                let administration = Administration::EventErased {
                    index,
                    reason,
                    text: text.to_owned(),
                    identity,
                };
                match self.administer(administration, Some(&by.actor())).await {
                    Ok(Accepted { .. }) => true,
                    // Somebody else was faster.
                    Err(RecordError::Submit(SubmitError::Keyring(KeyringError::Erasure(ErasureError::Again {
                        ..
                    })))) => false,
                    Err(error) => return Err(error.into()),
                }
            }
        };
        let database = self.database.clone();
        let purging = tokio::task::spawn_blocking(move || {
            let remains = match database.purge() {
                Ok(Purged::Done) => Remains::Nothing,
                Ok(Purged::Reading) => Remains::WriteAheadLog,
                Ok(Purged::Vacuumed) => Remains::Operator,
                Err(error) => {
                    // The erasure is recorded and committed; calling it again purges again.
                    tracing::error!(%error, index, "what was erased could not be purged from the files yet");
                    Remains::WriteAheadLog
                }
            };
            let tombstone = database.read(|tx| tombstone(tx, index))?;
            Ok(Erased {
                tombstone,
                fresh,
                remains,
            })
        });
        purging.await.map_err(|_| RecordError::from(SubmitError::Stopped))?
    }

    /// Whether an entry can be erased, and what its identity would survive as.
    async fn standing(&self, index: u64) -> Result<Standing, AdministrationError> {
        let database = self.database.clone();
        let reading = tokio::task::spawn_blocking(move || {
            database.read(|tx| {
                let row = tx.event_range(index, 1)?.pop();
                Ok::<_, StoreError>(row.filter(|row| row.idx as u64 == index))
            })
        });
        let row = reading.await.map_err(|_| RecordError::from(SubmitError::Stopped))?;
        let row = row.map_err(RecordError::from)?.ok_or(AdministrationError::NotFound {
            what: "event",
            name: index.to_string(),
        })?;
        if row.is_erased() {
            return Ok(Standing::Erased);
        }
        let refusal = match row.event_type.as_str() {
            _ if row.administrative => Some(ErasureError::Administrative(index)),
            DOCUMENT_ASKED => Some(ErasureError::Question(index)),
            _ => None,
        };
        if let Some(refusal) = refusal {
            return Err(RecordError::from(SubmitError::from(KeyringError::Erasure(refusal))).into());
        }
        let identity = self.identities.hide(&row.event_id, &row.source, &row.producer);
        Ok(Standing::Kept {
            identity: identity.to_string(),
        })
    }
}

/// What there is of an entry.
enum Standing {
    Kept { identity: String },
    Erased,
}

/// What stands in the place of content that is gone. That it is gone without a record is damage.
pub(super) fn tombstone(tx: &mut ReadTx<'_>, index: u64) -> Result<Tombstone, StoreError> {
    let damaged = |what: &str| StoreError::Damaged(format!("entry {index}: {what}"));
    let row = tx.erasures_of(&[index as i64])?.pop();
    let row = row.ok_or_else(|| damaged("its content is gone, and no record says that it was erased"))?;
    let recorded = tx.recorded(&BTreeSet::from([row.erased_by]))?.pop();
    let recorded = recorded.ok_or_else(|| damaged("the entry that erased it is gone"))?;
    let extension = recorded.event.extension;
    let Some(Administration::EventErased { reason, text, .. }) = extension.administration.map(|boxed| *boxed) else {
        return Err(damaged("the entry that erased it says something else"));
    };
    let (entry, proof) = proven(tx, index)?;
    let (erasure_entry, erasure_proof) = proven(tx, recorded.index)?;
    Ok(Tombstone {
        index,
        erased_by: recorded.index,
        erased_at: recorded.recorded_at,
        actor: extension.actor.and_then(|actor| actor.name),
        reason,
        text,
        entry,
        proof,
        erasure_entry,
        erasure_proof,
    })
}

/// An entry, and the proof that it is in the newest tree.
fn proven(tx: &mut ReadTx<'_>, index: u64) -> Result<(String, String), StoreError> {
    let damaged = |what: String| StoreError::Damaged(format!("entry {index}: {what}"));
    let head = tx.head()?.ok_or_else(|| damaged("there is no head".into()))?;
    let leaf = tx.leaves(index, 1)?.pop().ok_or_else(|| damaged("is missing".into()))?;
    let note = tx.checkpoint(head.tree_size)?;
    let note = note.ok_or_else(|| damaged(format!("the checkpoint of size {} is missing", head.tree_size)))?;
    let proof = TlogProof {
        extra: None,
        index,
        hashes: inclusion(tx, index, head.tree_size).map_err(|error| damaged(error.to_string()))?,
        checkpoint: SignedNote::parse(&note).map_err(|error| damaged(error.to_string()))?,
    };
    Ok((Base64::encode_string(&leaf), proof.to_string()))
}
