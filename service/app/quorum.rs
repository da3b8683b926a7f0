//! Which checkpoint is served, and what the witnesses say of it.
//!
//! Nothing here asks a witness: what they answered was verified and stored before.

use ledger::note::MAX_NOTE_SIGNATURES;
use ledger::{Hash, NoteError, NoteSignature, Policy, PolicyError, SignedNote, sha256};
use serde::Serialize;
use utoipa::ToSchema;

use super::App;
use super::log::LogError;
use crate::domain::Instant;
use crate::store::{AlarmRow, ReadTx, StoreError};

/// How long a published checkpoint may wait for its quorum before one without is served in its place, ms.
const PATIENCE_MS: i64 = 10_000;

/// The policy that the service was given, known by the digest of its file.
#[derive(Debug, Clone)]
pub struct WitnessPolicy {
    policy: Policy,
    digest: Hash,
}

impl WitnessPolicy {
    /// Reads a policy file.
    pub fn parse(file: &[u8]) -> Result<Self, PolicyError> {
        Ok(Self {
            policy: Policy::parse(file)?,
            digest: sha256(file),
        })
    }

    /// What it says.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// What quorums reached under it are filed under.
    pub fn digest(&self) -> &Hash {
        &self.digest
    }
}

/// Whether enough witnesses cosigned what is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum QuorumState {
    /// The service has no policy, or one that asks for none.
    NotRequired,
    /// The checkpoint that is served has its quorum.
    Met,
    /// It has not; an older one has.
    Old,
    /// None ever had.
    Missing,
}

impl QuorumState {
    /// The word in headers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotRequired => "not-required",
            Self::Met => "met",
            Self::Old => "old",
            Self::Missing => "missing",
        }
    }
}

/// A checkpoint as it is served.
#[derive(Debug, Clone)]
pub struct ServedCheckpoint {
    /// The signed note, with the cosignatures there are.
    pub note: SignedNote,
    /// Whether they suffice.
    pub quorum: QuorumState,
    /// The newest checkpoint with a quorum: its size, and when it had it.
    pub newest_quorum: Option<(u64, Instant)>,
}

/// What is served, before it is read.
struct Chosen {
    size: u64,
    quorum: QuorumState,
    newest_quorum: Option<(u64, Instant)>,
}

/// A witness of the policy and how far it has followed.
#[derive(Debug, Clone)]
pub struct WitnessStatus {
    /// What the policy calls it.
    pub name: String,
    /// Its key, as a vkey.
    pub key: String,
    /// The newest checkpoint it cosigned: its size and the time it named.
    pub newest: Option<(u64, Instant)>,
}

/// What witnesses say of this log.
#[derive(Debug, Clone)]
pub struct Witnessing {
    /// Of the checkpoint that is served.
    pub quorum: QuorumState,
    /// The newest checkpoint with a quorum: its size, and when it had it.
    pub newest_quorum: Option<(u64, Instant)>,
    /// The witnesses of the policy.
    pub witnesses: Vec<WitnessStatus>,
    /// Trees that witnesses hold and this log does not continue, the newest first. Never forgotten.
    pub alarms: Vec<AlarmRow>,
}

impl App {
    /// The policy that the service was given.
    pub fn policy(&self) -> Option<&WitnessPolicy> {
        self.policy.as_ref()
    }

    /// The published checkpoint that is served now.
    pub fn served_checkpoint(&self) -> Result<ServedCheckpoint, LogError> {
        self.database.read(|tx| self.served(tx))
    }

    /// The published checkpoint that is served now, within a snapshot.
    pub(super) fn served(&self, tx: &mut ReadTx<'_>) -> Result<ServedCheckpoint, LogError> {
        let Chosen {
            size,
            quorum,
            newest_quorum,
        } = self.chosen(tx)?.ok_or(LogError::NoResource)?;
        Ok(ServedCheckpoint {
            note: cosigned_note(tx, size)?,
            quorum,
            newest_quorum,
        })
    }

    /// Which published checkpoint is served; none in the first moments of a log.
    fn chosen(&self, tx: &mut ReadTx<'_>) -> Result<Option<Chosen>, StoreError> {
        let Some((published, _)) = tx.published()? else {
            return Ok(None);
        };
        let Some(policy) = self.quorum_policy() else {
            return Ok(Some(Chosen {
                size: published,
                quorum: QuorumState::NotRequired,
                newest_quorum: None,
            }));
        };
        let newest = tx.newest_quorum(&policy.digest)?;
        let waiting_since = match newest {
            Some((size, _)) => tx.published_after(size)?,
            None => None,
        };
        let now_ms = self.clock.now().as_millis();
        let (size, quorum) = choose(published, newest.map(|(size, _)| size), waiting_since, now_ms);
        Ok(Some(Chosen {
            size,
            quorum,
            newest_quorum: newest.map(|(size, ms)| (size, Instant::from_millis(ms))),
        }))
    }

    fn quorum_policy(&self) -> Option<&WitnessPolicy> {
        self.policy.as_ref().filter(|known| known.policy.requires_quorum())
    }

    /// What witnesses say of this log.
    pub fn witnessing(&self) -> Result<Witnessing, LogError> {
        self.database.read(|tx| {
            let (quorum, newest_quorum) = match (self.chosen(tx)?, self.quorum_policy()) {
                (Some(chosen), _) => (chosen.quorum, chosen.newest_quorum),
                (None, Some(_)) => (QuorumState::Missing, None),
                (None, None) => (QuorumState::NotRequired, None),
            };
            let mut witnesses = Vec::new();
            for witness in self.policy.iter().flat_map(|known| known.policy.witnesses()) {
                let key = witness.key.to_string();
                let newest = tx.newest_cosignature(&key)?;
                witnesses.push(WitnessStatus {
                    name: witness.name.clone(),
                    key,
                    newest: newest.map(|row| (row.tree_size as u64, Instant::from_millis(row.cosigned_ms))),
                });
            }
            Ok(Witnessing {
                quorum,
                newest_quorum,
                witnesses,
                alarms: tx.alarms()?,
            })
        })
    }
}

/// A checkpoint with the cosignatures there are. One that cannot be read takes nothing away from the log's own signature.
pub(super) fn cosigned_note(tx: &mut ReadTx<'_>, size: u64) -> Result<SignedNote, LogError> {
    let note = tx.checkpoint(size)?.ok_or(LogError::NoResource)?;
    let damaged = |error: NoteError| StoreError::Damaged(format!("checkpoint {size}: {error}"));
    let mut lines = Vec::new();
    for row in tx.cosignatures(size)? {
        match NoteSignature::parse_lines(&format!("{}\n", row.line)) {
            Ok(line) => lines.extend(line),
            Err(error) => tracing::error!(size, witness = row.witness, %error, "a stored cosignature is damaged"),
        }
    }
    lines.truncate(MAX_NOTE_SIGNATURES - 1);
    let note = SignedNote::parse(&note).and_then(|note| note.with_signatures(lines));
    Ok(note.map_err(damaged)?)
}

/// The time of a cosignature as it is stored: as large as the column can hold.
pub fn cosigned_ms(time_s: u64) -> i64 {
    i64::try_from(time_s).unwrap_or(i64::MAX).saturating_mul(1000)
}

/// Which size to serve: the newest with a quorum, unless its successors have been without one for too long.
fn choose(published: u64, quorum: Option<u64>, waiting_since_ms: Option<i64>, now_ms: i64) -> (u64, QuorumState) {
    match (quorum, waiting_since_ms) {
        (None, _) => (published, QuorumState::Missing),
        (Some(size), Some(since)) if now_ms - since >= PATIENCE_MS && size < published => (published, QuorumState::Old),
        (Some(size), _) => (size, QuorumState::Met),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quorum_is_waited_for_but_not_for_ever() {
        assert_eq!(choose(9, None, None, 0), (9, QuorumState::Missing));
        assert_eq!(choose(9, Some(9), None, 0), (9, QuorumState::Met));
        assert_eq!(choose(9, Some(7), Some(1000), 10_999), (7, QuorumState::Met));
        assert_eq!(choose(9, Some(7), Some(1000), 11_000), (9, QuorumState::Old));
        // A clock that went back makes nobody wait longer than it must, and nothing fail.
        assert_eq!(choose(9, Some(7), Some(1000), 0), (7, QuorumState::Met));
    }
}
