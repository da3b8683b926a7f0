//! The log over the period of a report: its roots before and after, the proof between them, the keys that could write in it, and what its
//! administrators did.

use ledger::{Hash, verify_consistency};
use serde::Serialize;

use super::{ComplianceInput, ElsewhereRow};
use crate::check::{Continuity, Finding, Kept, PeriodSubject, evaluate_period};
use crate::domain::administered::{self, Administered};
use crate::domain::keyring::Keyring;
use crate::domain::producer::{Administration, Producer, Scope};
use crate::domain::words::list;
use crate::domain::{Instant, Period, ProducerName, Recorded};

/// What a report prints about its log.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Integrity {
    /// When the newest entry below the tree size was recorded: the report knows nothing later.
    pub recorded_until: Instant,
    /// The tree of what was recorded before the period.
    pub before: TreeRow,
    /// The tree of what was recorded by its end.
    pub after: TreeRow,
    /// Proof that the second tree continues the first (RFC 9162 §2.1.4), in base64; empty where the first is.
    pub consistency: Vec<String>,
    /// Whether that proof holds; none where nothing was recorded before the period.
    pub consistent: Option<bool>,
    /// Keys that could sign in the period, in the order of their registration.
    pub keys: Vec<KeyRow>,
    /// What administrators did in the period.
    pub acts: Vec<ActRow>,
    /// What auditors asked for in the period about this place alone: the environment, and the service where the report is of one.
    pub questions: Vec<ActRow>,
    /// How many other questions were recorded: what they were is for those who may read of their places.
    pub questions_elsewhere: usize,
}

/// A state of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TreeRow {
    /// Number of entries.
    pub size: u64,
    /// Root hash in base64.
    pub root: String,
}

/// A key.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct KeyRow {
    /// Whose it is.
    pub name: ProducerName,
    /// SHA-256 of its SubjectPublicKeyInfo, in hex.
    pub key: String,
    /// What it may speak about.
    pub scope: Scope,
    /// The same in words.
    pub may_sign: String,
    /// When it was registered.
    pub registered_at: Instant,
    /// By which entry.
    pub registered: u64,
    /// Not before this.
    pub valid_from: Option<Instant>,
    /// Before this.
    pub valid_until: Option<Instant>,
    /// Which entry revoked it.
    pub revoked: Option<u64>,
}

/// What an administrator did, or an auditor asked.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ActRow {
    /// Index of the entry.
    pub index: u64,
    /// When, by the ledger.
    pub recorded_at: Instant,
    /// What, in words.
    pub did: String,
    /// Who, where the entry tells.
    pub by: Option<String>,
}

/// The log before and after a period, as it was read.
#[derive(Debug, Clone)]
pub struct LogPeriod<'a> {
    /// When the newest entry below the tree size was recorded.
    pub recorded_until: Instant,
    /// Entries before the period, and the root of their tree.
    pub before: (u64, Hash),
    /// Entries by its end, and the root of their tree.
    pub after: (u64, Hash),
    /// Proof that the one continues the other; empty where the first has no entry.
    pub consistency: Vec<Hash>,
    /// The oldest entry.
    pub oldest: Option<Kept>,
    /// Entries whose content was destroyed.
    pub erased: &'a [Kept],
    /// The entries below the tree size that say who may do what.
    pub administrative: &'a [Recorded],
    /// What they come to.
    pub keyring: &'a Keyring,
    /// What auditors asked about the place of the report between the two.
    pub questions: &'a [Recorded],
    /// How many questions beside them were recorded then: all that their leaves tell to whoever may not read them.
    pub questions_elsewhere: usize,
}

impl LogPeriod<'_> {
    /// Whether the later tree continues the earlier one; none where the earlier is empty.
    fn consistent(&self) -> Option<bool> {
        let ((old, old_root), (new, new_root)) = (self.before, self.after);
        (old > 0).then(|| verify_consistency(old, new, &old_root, &new_root, &self.consistency).is_ok())
    }

    /// The verdicts of the checks of a period.
    pub(super) fn checks(&self, input: &ComplianceInput<'_>, counted_elsewhere: &[ElsewhereRow]) -> Vec<Finding> {
        let recorded = counted_elsewhere.iter().filter(|row| !row.recorded.is_empty());
        let misplaced: Vec<u64> = recorded.map(|row| row.deployment.index).collect();
        let (before, after) = (self.before.0, self.after.0);
        let administered: Vec<Administered> = administered::fold(self.administrative)
            .into_iter()
            .filter(|change| (before..after).contains(&change.index))
            .collect();
        evaluate_period(&PeriodSubject {
            facts: input.facts,
            period: input.period,
            parameters: &input.catalogue.parameters,
            misplaced: &misplaced,
            continuity: Continuity {
                before,
                after,
                consistent: self.consistent().unwrap_or(true),
            },
            administered: &administered,
            completeness: Some(input.completeness),
            oldest: self.oldest,
            recorded_until: Some(self.recorded_until),
            erased: self.erased,
        })
    }
}

impl Integrity {
    /// Over a period.
    pub(super) fn of(log: &LogPeriod<'_>, period: &Period) -> Self {
        let (old, new) = (log.before.0, log.after.0);
        let tree = |(size, root): (u64, Hash)| TreeRow {
            size,
            root: root.to_base64(),
        };
        let revoked_before = |producer: &Producer| producer.revoked_at_index.is_some_and(|index| index < old);
        let could_sign = |producer: &&Producer| {
            producer.registered_at_index < new
                && !revoked_before(producer)
                && producer.valid_until.is_none_or(|until| until > period.from)
                && producer.valid_from.is_none_or(|from| from < period.to)
        };
        let administrative = log.administrative.iter();
        let in_period = administrative.filter(|record| (old..new).contains(&record.index));
        Self {
            recorded_until: log.recorded_until,
            before: tree(log.before),
            after: tree(log.after),
            consistent: log.consistent(),
            consistency: log.consistency.iter().map(Hash::to_base64).collect(),
            keys: log
                .keyring
                .producers()
                .iter()
                .filter(could_sign)
                .map(KeyRow::of)
                .collect(),
            acts: in_period.filter_map(ActRow::of).collect(),
            questions: log.questions.iter().filter_map(ActRow::asked).collect(),
            questions_elsewhere: log.questions_elsewhere,
        }
    }
}

impl KeyRow {
    fn of(producer: &Producer) -> Self {
        Self {
            name: producer.name.clone(),
            key: producer.key.id().to_string(),
            may_sign: may_sign(&producer.scope),
            scope: producer.scope.clone(),
            registered_at: producer.registered_at,
            registered: producer.registered_at_index,
            valid_from: producer.valid_from,
            valid_until: producer.valid_until,
            revoked: producer.revoked_at_index,
        }
    }
}

fn may_sign(scope: &Scope) -> String {
    let names = |what: &str, names: Vec<String>| (!names.is_empty()).then(|| format!("{what} {}", list(&names)));
    let parts = [
        names("types", scope.event_types.clone()),
        names("services", scope.services.iter().map(ToString::to_string).collect()),
        names(
            "environments",
            scope.environments.iter().map(ToString::to_string).collect(),
        ),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if parts.is_empty() {
        "everything".to_owned()
    } else {
        parts.join("; ")
    }
}

impl ActRow {
    fn of(record: &Recorded) -> Option<Self> {
        let did = match record.event.extension.administration.as_deref()? {
            Administration::LogCreated { origin, .. } => format!("created the log {origin}"),
            Administration::LogContinued { log_key, .. } => {
                format!("continued the log {}", log_key.split('+').next().unwrap_or(log_key))
            }
            Administration::GuardAccepted { reason, .. } => format!("went on without the guard: {reason}"),
            Administration::ProducerRegistered { name, .. } => format!("registered the producer {name}"),
            Administration::ProducerRevoked { name, reason } => format!("revoked the producer {name}: {reason}"),
            Administration::TokenIssued { id, name, role, .. } => {
                format!("issued the token {id} ({name}) with the role {}", role.as_str())
            }
            Administration::TokenRevoked { id, reason } => format!("revoked the token {id}: {reason}"),
            Administration::EventErased { index, reason, .. } => {
                format!("erased the content of entry {index}: {}", reason.as_str())
            }
        };
        Some(Self::did(record, did))
    }

    fn asked(record: &Recorded) -> Option<Self> {
        let question = record.event.extension.question.as_ref()?;
        let query = &question.query;
        let did = match &question.sha256 {
            Some(sha256) => format!("asked {query}; the answer's SHA-256 is {sha256}"),
            None => format!("asked {query}"),
        };
        Some(Self::did(record, did))
    }

    fn did(record: &Recorded, did: String) -> Self {
        let actor = record.event.extension.actor.as_ref();
        Self {
            index: record.index,
            recorded_at: record.recorded_at,
            did,
            by: actor.map(|actor| actor.name.clone().unwrap_or_else(|| actor.id.clone())),
        }
    }
}
