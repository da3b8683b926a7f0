//! Whom a verifier believes (C2SP tlog-policy): the logs, the witnesses, and how many of which must have cosigned.
//!
//! A policy comes from the verifier, never from the log it is applied to. Names and addresses are bytes to this format;
//! they are compared as bytes, and shown as text.

mod parse;

pub use parse::{MAX_POLICY_BYTES, MAX_POLICY_ITEMS, PolicyErrorKind};

use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::cosignature::{CosignatureError, CosignerKey};
use crate::note::{NoteError, NoteKey, SignedNote};

/// Why a policy is not one, or a checkpoint is not judged by it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// A line of the file.
    #[error("line {line} of the policy: {kind}")]
    Line {
        /// Counted from 1.
        line: usize,
        /// What is wrong with it.
        kind: PolicyErrorKind,
    },
    /// Beyond [`MAX_POLICY_BYTES`].
    #[error("a policy of {0} bytes is longer than {MAX_POLICY_BYTES}")]
    TooLong(usize),
    /// There must be exactly one quorum line.
    #[error("the policy has no quorum line")]
    NoQuorum,
    /// None of the policy's logs signed it, or one did not sign what stands there.
    #[error(transparent)]
    Log(#[from] NoteError),
    /// It is no checkpoint, or one of another log than the key's.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A witness of the policy did not cosign what stands there.
    #[error(transparent)]
    Cosignature(#[from] CosignatureError),
}

/// A log that is believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyLog {
    /// Its key; the name is the origin.
    pub key: NoteKey,
    /// Where it is.
    pub url: Option<String>,
}

/// A witness that is believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyWitness {
    /// What the policy calls it.
    pub name: String,
    /// Its key.
    pub key: CosignerKey,
    /// Where it takes checkpoints: its submission prefix.
    pub url: Option<String>,
}

/// Logs, witnesses and quorum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    logs: Vec<PolicyLog>,
    witnesses: Vec<PolicyWitness>,
    groups: Vec<Group>,
    quorum: Option<Member>,
}

/// So many of these. Members were defined before the group, so there are no circles.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Group {
    threshold: usize,
    members: Vec<Member>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Member {
    Witness(usize),
    Group(usize),
}

/// A checkpoint that a log of the policy signed, and who saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyVerdict<'a> {
    /// What was signed.
    pub checkpoint: Checkpoint,
    /// The key of the log, the first of the policy that signed.
    pub log: &'a NoteKey,
    /// Who cosigned, and whether it suffices. A caller that ignores it has checked the log's signature alone.
    pub cosigned: Cosigned<'a>,
}

/// Which witnesses of a policy cosigned a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cosigned<'a> {
    /// With the time of each, in seconds, in the order of the policy.
    pub present: Vec<(&'a PolicyWitness, u64)>,
    /// The others.
    pub missing: Vec<&'a PolicyWitness>,
    /// Whether that is enough.
    pub quorum: Quorum,
}

/// Whether enough witnesses cosigned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quorum {
    /// The policy asks for none.
    NotRequired,
    /// The tree existed no later than this time, in seconds, say as many witnesses as are needed.
    Met(u64),
    /// Too few.
    Missing,
}

impl Quorum {
    /// Whether the policy is content.
    pub fn holds(self) -> bool {
        match self {
            Self::NotRequired | Self::Met(_) => true,
            Self::Missing => false,
        }
    }
}

impl Policy {
    /// Reads a policy file.
    pub fn parse(file: &[u8]) -> Result<Self, PolicyError> {
        parse::parse(file)
    }

    /// The logs, in the order of the file. There may be none, where the log is known otherwise.
    pub fn logs(&self) -> &[PolicyLog] {
        &self.logs
    }

    /// The witnesses, in the order of the file.
    pub fn witnesses(&self) -> &[PolicyWitness] {
        &self.witnesses
    }

    /// Whether it asks for cosignatures at all.
    pub fn requires_quorum(&self) -> bool {
        self.quorum.is_some()
    }

    /// Judges a checkpoint: a log of this policy must have signed it, as its own. Whether the quorum holds is in the
    /// verdict. A line of any known key that does not verify condemns the note.
    pub fn evaluate(&self, note: &SignedNote) -> Result<PolicyVerdict<'_>, PolicyError> {
        self.evaluate_for(note, self.logs.iter().map(|log| &log.key))
    }

    /// The same for logs that the caller knows otherwise, whatever logs the policy names.
    pub fn evaluate_for<'a>(
        &'a self,
        note: &SignedNote,
        logs: impl IntoIterator<Item = &'a NoteKey>,
    ) -> Result<PolicyVerdict<'a>, PolicyError> {
        let checkpoint = Checkpoint::parse(note.text())?;
        let mut signed: Option<&NoteKey> = None;
        for log in logs {
            match note.verify(log) {
                // The log of this origin, where several have signed.
                Ok(()) if signed.is_none_or(|known| known.name() != checkpoint.origin) => signed = Some(log),
                Ok(()) | Err(NoteError::NotSigned(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let log = signed.ok_or_else(|| NoteError::NotSigned(format!("a log of the policy ({})", checkpoint.origin)))?;
        Ok(PolicyVerdict {
            checkpoint: Checkpoint::open(note, log)?,
            log,
            cosigned: self.cosigned(note)?,
        })
    }

    /// The part of the judgement that witnesses have in it.
    pub fn cosigned(&self, note: &SignedNote) -> Result<Cosigned<'_>, PolicyError> {
        let mut times = Vec::with_capacity(self.witnesses.len());
        for witness in &self.witnesses {
            times.push(witness.key.cosigned(note)?);
        }
        let of = |time: fn(&Option<u64>) -> bool| self.witnesses.iter().zip(&times).filter(move |(_, t)| time(t));
        Ok(Cosigned {
            present: of(Option::is_some)
                .filter_map(|(witness, time)| Some((witness, (*time)?)))
                .collect(),
            missing: of(Option::is_none).map(|(witness, _)| witness).collect(),
            quorum: self.quorum_of(&times),
        })
    }

    fn quorum_of(&self, witnesses: &[Option<u64>]) -> Quorum {
        let Some(quorum) = self.quorum else {
            return Quorum::NotRequired;
        };
        // A group has witnessed at the time its last needed member had.
        let mut groups: Vec<Option<u64>> = Vec::with_capacity(self.groups.len());
        let time = |groups: &[Option<u64>], member| match member {
            Member::Witness(index) => witnesses[index],
            Member::Group(index) => groups[index],
        };
        for group in &self.groups {
            let mut times: Vec<u64> = group.members.iter().filter_map(|m| time(&groups, *m)).collect();
            times.sort_unstable();
            groups.push(times.get(group.threshold - 1).copied());
        }
        time(&groups, quorum).map_or(Quorum::Missing, Quorum::Met)
    }
}
