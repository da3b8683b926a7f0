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

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::deployment::Deployment;
use crate::domain::sequence::Numbered;
use crate::domain::snapshot::Snapshot;
use crate::domain::{EnvironmentName, Instant, Recorded, ServiceName};

pub use coverage::{NotCovered, Uncovered};
pub use finding::{Closed, Closing, Expected, Finding, FindingKind, Moment};
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
    /// All snapshots of it, in ledger order.
    pub snapshots: &'a [Snapshot],
    /// The events behind both, in ledger order: who sent something, and when.
    pub records: &'a [Recorded],
    /// All numbers that their sources gave, anywhere.
    pub numbered: &'a [Numbered],
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
    /// Runtime snapshots that were looked at.
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
}

impl Completeness {
    /// Whether nothing that was looked at is missing. What was not looked at is no part of it.
    pub fn is_clean(&self) -> bool {
        self.open == 0 && self.silent_sources.is_empty() && self.sequences.iter().all(|series| series.gaps.is_empty())
    }
}

/// Holds what ran against what was recorded.
pub fn reconcile(query: &Query, input: &Input<'_>) -> Completeness {
    let (findings, incomparable) = finding::findings(query.service.as_ref(), input);
    let open_in = |finding: &Finding| {
        let over = finding
            .closed
            .as_ref()
            .is_some_and(|closed| query.from.is_some_and(|from| closed.at < from));
        !over && query.to.is_none_or(|to| finding.opened.at < to)
    };
    let findings: Vec<Finding> = findings.into_iter().filter(open_in).collect();
    let sequences = sequence::series(input.numbered);
    Completeness {
        tree_size: input.tree_size,
        recorded_until: input.recorded_until,
        environment: query.environment.clone(),
        service: query.service.clone(),
        snapshots: input.snapshots.len(),
        open: findings.iter().filter(|finding| finding.closed.is_none()).count(),
        not_covered: coverage::not_covered(query.service.as_ref(), input, &incomparable, &sequences),
        silent_sources: silence::silent(input.records, input.recorded_until),
        sequences,
        findings,
    }
}

#[cfg(test)]
mod tests;
