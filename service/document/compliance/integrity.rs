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
use crate::domain::{EnvironmentName, Instant, Period, ProducerName, Recorded, ServiceName};

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
    /// What auditors asked for in the period, of the same environment and service.
    pub questions: Vec<ActRow>,
    /// How many other questions there were: what they were is for those who may read of their places.
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
    /// Of a report about an environment, and about one service in it or all.
    pub(super) fn of(
        log: &LogPeriod<'_>,
        period: &Period,
        environment: &EnvironmentName,
        service: Option<&ServiceName>,
    ) -> Self {
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
        let in_period = log
            .administrative
            .iter()
            .filter(|record| (old..new).contains(&record.index));
        let (questions, acts) = in_period.partition::<Vec<_>, _>(|record| question(record).is_some());
        let (here, elsewhere) = questions.into_iter().partition::<Vec<_>, _>(|record| {
            question(record).is_some_and(|asked| is_about(asked, environment, service))
        });
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
            acts: acts.into_iter().filter_map(ActRow::of).collect(),
            questions: here.into_iter().filter_map(ActRow::of).collect(),
            questions_elsewhere: elsewhere.len(),
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

/// What an auditor asked, as a command.
fn question(record: &Recorded) -> Option<&str> {
    if let Some(Administration::DocumentAsked { query, .. }) = record.event.extension.administration.as_deref() {
        Some(query)
    } else {
        None
    }
}

/// Whether a command asks about an environment, and about this service where there is one: by options, or in their order as
/// `shipslog notes` has them. Names need no quotes.
fn is_about(command: &str, environment: &EnvironmentName, service: Option<&ServiceName>) -> bool {
    let words: Vec<&str> = command.split(' ').collect();
    let given = |option: &str, name: &str| words.windows(2).any(|pair| pair == [option, name]);
    let (notes, services, place) = match words.as_slice() {
        ["shipslog", "notes", services, place, ..] => (true, *services, *place),
        _ => (false, "", ""),
    };
    let here = given("--environment", environment.as_str()) || notes && place == environment.as_str();
    let its = |service: &ServiceName| {
        given("--service", service.as_str()) || notes && services.split(',').any(|name| name == service.as_str())
    };
    here && service.is_none_or(its)
}

impl ActRow {
    fn of(record: &Recorded) -> Option<Self> {
        let extension = &record.event.extension;
        let did = match extension.administration.as_deref()? {
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
            Administration::DocumentAsked { query, sha256, .. } => match sha256 {
                Some(sha256) => format!("asked {query}; the answer's SHA-256 is {sha256}"),
                None => format!("asked {query}"),
            },
            Administration::EventErased { index, reason, .. } => {
                format!("erased the content of entry {index}: {}", reason.as_str())
            }
        };
        Some(Self {
            index: record.index,
            recorded_at: record.recorded_at,
            did,
            by: extension
                .actor
                .as_ref()
                .map(|actor| actor.name.clone().unwrap_or_else(|| actor.id.clone())),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::is_about;

    #[test]
    fn a_question_is_about_the_place_that_it_names_and_no_other() {
        let report = "shipslog report compliance --environment production --from 2026-01-01 --tree-size 9";
        let sample = "shipslog sample --environment production --service checkout --seed 'a --service search'";
        let notes = "shipslog notes checkout,search production --tree-size 9";
        let history = "shipslog export --tree-size 9";
        let about = |asked: &str, environment: &str, service: Option<&str>| {
            let service = service.map(|name| name.parse().unwrap());
            is_about(asked, &environment.parse().unwrap(), service.as_ref())
        };
        let all = [report, sample, notes, history];
        assert_eq!(
            all.map(|asked| about(asked, "production", None)),
            [true, true, true, false]
        );
        assert_eq!(
            all.map(|asked| about(asked, "production", Some("checkout"))),
            [false, true, true, false]
        );
        assert_eq!(
            all.map(|asked| about(asked, "production", Some("search"))),
            [false, false, true, false]
        );
        assert_eq!(all.map(|asked| about(asked, "staging", None)), [false; 4]);
    }
}
