//! Completeness: what really ran against what was recorded, and the records that their sources announced and nobody sent.
//!
//! Pure: a function of the facts below a tree size, judged as of the time of the newest entry, never of now. It says what is not
//! in the ledger; whether what is in it was altered is the work of verification, and nothing here is evidence of that. Must never
//! take missing data for agreement: what cannot be judged is named in [`Completeness::not_covered`].

mod coverage;
mod finding;
mod judgement;
mod sequence;
mod silence;

use std::collections::BTreeSet;

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::deployment::Deployment;
use crate::domain::sequence::Numbered;
use crate::domain::snapshot::Snapshot;
use crate::domain::{EnvironmentName, Instant, ProducerName, Recorded, ServiceName};

pub use coverage::{NotCovered, Sighting, Uncovered};
pub use finding::{Closed, Closing, Expected, Finding, FindingKind, Moment};
pub use judgement::{ROLLOUT_MS, SKEW_MS};
pub use sequence::{Gap, Series};
pub use silence::{Expectation, Silent};

/// What is asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// The environment.
    pub environment: EnvironmentName,
    /// Only this service.
    pub service: Option<ServiceName>,
    /// Only findings that were open at this time or later.
    pub from: Option<Instant>,
    /// Only findings that were opened before this time.
    pub to: Option<Instant>,
}

/// The facts that it is answered from.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// Nothing at or above this index entered the facts.
    pub tree_size: u64,
    /// When the newest entry below it was recorded.
    pub recorded_until: Option<Instant>,
    /// All deployments to the environment.
    pub deployments: &'a [Deployment],
    /// Snapshots of it, in ledger order.
    pub snapshots: &'a [Snapshot],
    /// The entries behind both that claim to be of the time that is asked about, in ledger order.
    pub heard: &'a [Heard],
    /// The last that was sent before that time by whoever spoke last of what was deployed, in ledger order: a source that was heard of
    /// then may be silent now. None where no time is asked about.
    pub heard_before: &'a [Heard],
    /// All numbers that their sources gave, anywhere.
    pub numbered: &'a [Numbered],
}

/// That a source sent something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// Index of the entry.
    pub index: u64,
    /// The source.
    pub source: String,
    /// Who signed it; none where that was erased.
    pub producer: Option<ProducerName>,
    /// When it was recorded.
    pub recorded_at: Instant,
    /// Seconds until it means to send again, where it says so; of the last of a source this must be known.
    pub next_within_s: Option<u32>,
}

/// What is not in the ledger although it should be, as far as anybody can tell. It says nothing about whether what is in the
/// ledger was altered: that is what verification tells.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Completeness {
    /// Only entries below this index were looked at.
    pub tree_size: u64,
    /// When the newest of them was recorded: the time that silence is judged at.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub recorded_until: Option<Instant>,
    /// The environment.
    #[schema(value_type = String)]
    pub environment: EnvironmentName,
    /// The service that it is limited to.
    #[schema(value_type = Option<String>)]
    pub service: Option<ServiceName>,
    /// Runtime snapshots of the time that is asked about.
    pub snapshots: usize,
    /// Findings that are open.
    pub open: usize,
    /// Where what ran is not what was recorded, the first opened first.
    pub findings: Vec<Finding>,
    /// What sources numbered, and which numbers are missing.
    pub sequences: Vec<Series>,
    /// Sources that should have been heard of again.
    pub silent_sources: Vec<Silent>,
    /// What nothing above speaks of. It is a limit of this answer, and no pass.
    pub not_covered: Vec<NotCovered>,
    /// Who signed what was heard of the sources that left numbers out or are silent.
    #[serde(skip)]
    pub signers: BTreeSet<ProducerName>,
}

impl Completeness {
    /// Whether nothing that was looked at is missing. What was not looked at is no part of it.
    pub fn is_clean(&self) -> bool {
        self.open == 0 && self.silent_sources.is_empty() && self.sequences.iter().all(|series| series.gaps.is_empty())
    }
}

impl Query {
    /// Which of these were sent in the time that is asked about, by their own word.
    pub fn heard(&self, records: &[Recorded]) -> Vec<Heard> {
        let asked = records.iter().filter(|record| self.contains(record.event.occurred_at));
        asked.map(Heard::of).collect()
    }

    /// Whether a time is asked about.
    pub fn contains(&self, at: Instant) -> bool {
        self.from.is_none_or(|from| from <= at) && self.to.is_none_or(|to| at < to)
    }
}

impl Heard {
    /// That this was sent.
    pub fn of(record: &Recorded) -> Self {
        let sequence = record.event.extension.sequence.as_ref();
        Self {
            index: record.index,
            source: record.event.source.clone(),
            producer: Some(record.producer.clone()),
            recorded_at: record.recorded_at,
            next_within_s: sequence.and_then(|sequence| sequence.next_within_s),
        }
    }
}

/// Holds what ran against what was recorded.
///
/// An answer about a time takes from it: the sources that were heard of then or last before, the numbers that were given then and those
/// just before and after, the snapshots that are counted, and when silence is judged. What was found is told with all that is known of it.
pub fn reconcile(query: &Query, input: &Input<'_>) -> Completeness {
    let (findings, incomparable) = finding::findings(query, input);
    let open_in = |finding: &Finding| {
        let over = finding
            .closed
            .as_ref()
            .is_some_and(|closed| query.from.is_some_and(|from| closed.at < from));
        !over && query.to.is_none_or(|to| finding.opened.at < to)
    };
    let findings: Vec<Finding> = findings.into_iter().filter(open_in).collect();
    let limited = query.from.is_some() || query.to.is_some();
    let sequences = sequence::series(input.numbered, limited.then_some(input.heard));
    let judged_at = match (input.recorded_until, query.to) {
        (Some(until), Some(to)) => Some(until.min(to)),
        (until, _) => until,
    };
    let snapshots: Vec<&Snapshot> = input
        .snapshots
        .iter()
        .filter(|snapshot| query.contains(snapshot.observed_at))
        .collect();
    let mut heard: Vec<&Heard> = input.heard_before.iter().chain(input.heard).collect();
    heard.sort_by_key(|heard| heard.index);
    heard.dedup_by_key(|heard| heard.index);
    let silent_sources = silence::silent(&heard, judged_at);
    let gaps = sequences.iter().filter(|series| !series.gaps.is_empty());
    let missing = gaps.map(|series| &series.source);
    let wanting: BTreeSet<&String> = missing
        .chain(silent_sources.iter().map(|silent| &silent.source))
        .collect();
    let theirs = heard.iter().filter(|heard| wanting.contains(&heard.source));
    let signers = theirs.filter_map(|heard| heard.producer.clone()).collect();
    Completeness {
        tree_size: input.tree_size,
        recorded_until: input.recorded_until,
        environment: query.environment.clone(),
        service: query.service.clone(),
        snapshots: snapshots.len(),
        open: findings.iter().filter(|finding| finding.closed.is_none()).count(),
        not_covered: coverage::not_covered(query, input, &snapshots, &incomparable),
        silent_sources,
        sequences,
        findings,
        signers,
    }
}

/// The services of which anything was found at any time, or could not be told: what is found of them may have begun earlier and
/// ended later than what was looked at.
pub fn troubled(query: &Query, input: &Input<'_>) -> BTreeSet<ServiceName> {
    let (findings, incomparable) = finding::findings(query, input);
    let found = findings.into_iter().map(|finding| finding.service);
    let untold = incomparable.into_keys().map(|(service, _)| service);
    found.chain(untold).collect()
}

#[cfg(test)]
mod tests;
