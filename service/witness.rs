//! A witness (C2SP tlog-witness v1.0.0): cosigns a log's checkpoint if it continues the one it cosigned last.
//!
//! It never cosigns before the new checkpoint is durable, never a smaller tree after a larger one, and never names an
//! earlier time after a later one. What it refuses as a fork it keeps as evidence.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use ledger::{
    AddCheckpoint, AddCheckpointError, Checkpoint, CosignatureError, Cosigner, NoteKey, NoteSignature, ProofError,
    SignedNote, WitnessRefusal, prefix_root, sha256,
};

use crate::clock::Clock;
use crate::fork;
use crate::store::{StoreError, WitnessDatabase, WitnessedRow};

/// Why a checkpoint is not cosigned.
#[derive(Debug, thiserror::Error)]
pub enum WitnessError {
    /// It is no request.
    #[error(transparent)]
    Malformed(#[from] AddCheckpointError),
    /// It is one, and is refused.
    #[error(transparent)]
    Refused(#[from] WitnessRefusal),
    /// The state could not be read or kept.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The clock shows no time that can be signed.
    #[error(transparent)]
    Cosignature(#[from] CosignatureError),
}

/// A witness with its key, its state, and the logs it knows.
pub struct Witness {
    /// Cosigns.
    pub cosigner: Cosigner,
    /// The keys of the logs. Several may be of one log, when it changes its key.
    pub logs: Vec<NoteKey>,
    /// What it remembers.
    pub database: WitnessDatabase,
    /// The time of cosignatures.
    pub clock: Clock,
    /// Where evidence of forks is kept, a folder for each log. One writes at a time.
    pub evidence: Mutex<PathBuf>,
}

impl Witness {
    /// Cosigns the checkpoint of an `add-checkpoint` request. The line is given out only when all is durable.
    pub fn add_checkpoint(&self, body: &str) -> Result<NoteSignature, WitnessError> {
        let request = AddCheckpoint::parse(body)?;
        request.check_signed(&self.logs)?;
        let mut line = None;
        let origin = &request.checkpoint().origin;
        self.database.replace(origin, |held| {
            let (row, cosignature) = self.judge(&request, held)?;
            line = Some(cosignature);
            Ok::<_, WitnessError>(row)
        })?;
        line.ok_or_else(|| StoreError::Damaged("nothing was cosigned".into()).into())
    }

    /// The last checkpoint cosigned for the log whose origin has this SHA-256, in hex.
    pub fn checkpoint(&self, origin_sha256: &str) -> Result<Option<String>, StoreError> {
        let known = |log: &&NoteKey| sha256(log.name().as_bytes()).to_hex() == origin_sha256;
        let Some(log) = self.logs.iter().find(known) else {
            return Ok(None);
        };
        Ok(self.database.held(log.name())?.map(|row| row.note))
    }

    fn judge(
        &self,
        request: &AddCheckpoint,
        held: Option<&WitnessedRow>,
    ) -> Result<(WitnessedRow, NoteSignature), WitnessError> {
        let damaged = |error: &dyn std::fmt::Display| StoreError::Damaged(format!("the checkpoint held: {error}"));
        let held_note = held.map(|row| SignedNote::parse(&row.note)).transpose();
        let held_note = held_note.map_err(|error| damaged(&error))?;
        let held_checkpoint = held_note
            .as_ref()
            .map(|note| Checkpoint::parse(note.text()))
            .transpose();
        let held_checkpoint = held_checkpoint.map_err(|error| damaged(&error))?;
        if let Err(refusal) = request.check_continues(held_checkpoint.as_ref()) {
            if let (Some(held), Some(note)) = (&held_checkpoint, &held_note) {
                self.keep_evidence(&refusal, held, note, request);
            }
            return Err(refusal.into());
        }
        // A clock that went back must not make this cosignature contradict an earlier one.
        let time_s = (self.clock.now().as_millis() / 1000).max(held.map_or(0, |row| row.time_s));
        let checkpoint = request.checkpoint();
        let line = self.cosigner.cosign(checkpoint, u64::try_from(time_s).unwrap_or(0))?;
        let row = WitnessedRow {
            origin: checkpoint.origin.clone(),
            tree_size: i64::try_from(checkpoint.size).map_err(|error| damaged(&error))?,
            note: self.signed_by_known(request.note(), &line)?,
            time_s,
        };
        Ok((row, line))
    }

    /// The note with the signatures that were verified, and the new one.
    fn signed_by_known(&self, note: &SignedNote, line: &NoteSignature) -> Result<String, WitnessError> {
        let known = |signature: &&NoteSignature| {
            let by = |log: &NoteKey| signature.name == log.name() && signature.key_id == log.id();
            self.logs.iter().any(by)
        };
        let mut text = format!("{}\n", note.text());
        for signature in note.signatures().iter().filter(known).chain([line]) {
            text.push_str(&format!("{signature}\n"));
        }
        // At most the lines that came, without those of strangers, and one; a note of 101 lines would be none.
        let note = SignedNote::parse(&text).map_err(AddCheckpointError::Note)?;
        Ok(note.to_string())
    }

    /// Keeps what convicts the log. Anybody can send the log's newest checkpoint with a worthless proof, so a proof that
    /// leads nowhere says nothing about the log, and is told apart from one that leads to the signed root.
    fn keep_evidence(&self, refusal: &WitnessRefusal, held: &Checkpoint, note: &SignedNote, request: &AddCheckpoint) {
        let Checkpoint { origin, size, root } = request.checkpoint();
        let place = sha256(origin.as_bytes()).to_hex();
        match refusal {
            WitnessRefusal::Fork { .. } => self.keep(&place, refusal, note, request, None),
            WitnessRefusal::Inconsistent { error, .. } => {
                let told = prefix_root(held.size, *size, root, request.proof()).filter(|told| *told != held.root);
                let proof = told.map(|root| fork::Proof {
                    request: request.clone(),
                    root,
                });
                if proof.is_some() {
                    self.keep(&place, refusal, note, request, proof.as_ref());
                } else if held.size.is_power_of_two() && *error == ProofError::Root {
                    // From such a size a right proof of a forked tree looks like a worthless one.
                    self.keep(&format!("{place}/suspected"), refusal, note, request, None);
                } else {
                    tracing::warn!(origin, held = held.size, size, "not cosigned: {refusal}");
                }
            }
            WitnessRefusal::UnknownOrigin(_) | WitnessRefusal::NotSigned(_) | WitnessRefusal::OtherSize { .. } => {}
        }
    }

    fn keep(
        &self,
        place: &str,
        refusal: &WitnessRefusal,
        held: &SignedNote,
        request: &AddCheckpoint,
        proof: Option<&fork::Proof>,
    ) {
        let origin = &request.checkpoint().origin;
        let folder = self.evidence.lock().unwrap_or_else(PoisonError::into_inner).join(place);
        match fork::keep(&folder, held, request.note(), proof) {
            Ok(place) => tracing::error!(origin, evidence = %place.display(), "ALARM, not cosigned: {refusal}"),
            // The refusal stands all the same.
            Err(error) => tracing::error!(origin, %error, "ALARM, not cosigned: {refusal}; the evidence was not kept"),
        }
    }
}
