//! Emergency changes and hotfixes, all of them: why they were allowed to go ahead, and how they were reviewed afterwards.

use serde::Serialize;

use super::super::assurance::CheckRow;
use super::super::rows::DeploymentRow;
use crate::domain::Instant;
use crate::domain::deployment::Deployment;
use crate::domain::evidence::Answer;
use crate::domain::extension::DeploymentKind;
use crate::domain::facts::Facts;
use crate::domain::words::span;
use crate::metrics::MIN_PERCENTAGE;

/// An emergency change.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EmergencyRow {
    /// The deployment.
    pub deployment: DeploymentRow,
    /// What it repairs.
    pub remediates: Option<String>,
    /// Who approved, and when, before or after.
    pub approvals: Vec<String>,
    /// The verdict of DL-EMG-1, in words; hotfixes that are no emergencies need none.
    pub justified: &'static str,
    /// What that rests on.
    pub found: String,
    /// Indexes of the entries.
    pub evidence: Vec<u64>,
    /// What DL-EMG-2 comes to, in words: whether it was reviewed afterwards.
    pub reviewed: &'static str,
    /// What that rests on.
    pub review_found: String,
    /// The approvals after its end that DL-EMG-2 looked at.
    pub reviews: Vec<AfterwardsRow>,
}

/// An approval of an emergency change after its end.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AfterwardsRow {
    /// Who.
    pub person: Option<String>,
    /// When, by claim.
    pub at: Instant,
    /// What it says of how the change came out.
    pub outcome: Option<String>,
    /// Index of the entry.
    pub index: u64,
}

/// How many deployments are emergency changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EmergencyShare {
    /// How many.
    pub count: usize,
    /// Out of how many.
    pub of: usize,
    /// Above this many percent it is a warning sign.
    pub max_percent: usize,
    /// Whether it is above; none where there are too few to speak of a share.
    pub above: Option<bool>,
}

impl EmergencyShare {
    pub(super) fn of(population: &[&Deployment], max_percent: usize) -> Self {
        let emergencies = population
            .iter()
            .filter(|found| found.kind.kind == DeploymentKind::Emergency);
        let (count, of) = (emergencies.count(), population.len());
        Self {
            count,
            of,
            max_percent,
            above: (of >= MIN_PERCENTAGE).then(|| count * 100 > of * max_percent),
        }
    }
}

impl EmergencyRow {
    pub(super) fn of(deployment: &Deployment, checks: &[CheckRow], facts: &Facts) -> Self {
        let verdict = |id| checks.iter().find(|row| row.id == id);
        let (justified, reviewed) = (verdict("DL-EMG-1"), verdict("DL-EMG-2"));
        let words = |verdict: Option<&CheckRow>| verdict.map_or("not evaluable", |row| row.result_words);
        let found = |verdict: Option<&CheckRow>| verdict.map(|row| row.found.clone()).unwrap_or_default();
        let answers = facts.evidence.approvals_of(deployment);
        let approvals = answers.iter().map(|(approval, _)| {
            let person = approval.person.as_deref().unwrap_or("nobody named");
            let early = approval.origin.occurred_at < deployment.start_at();
            let side = if early { "before" } else { "after" };
            let distance = span(approval.origin.occurred_at.millis_since(deployment.start_at()));
            format!("{} by {person} {distance} {side} the start", approval.answer.as_str())
        });
        let judged = |index: &u64| reviewed.is_some_and(|row| row.evidence.contains(index));
        let reviews = answers
            .iter()
            .filter(|(approval, _)| approval.answer == Answer::Approved && judged(&approval.origin.index));
        let reviews = reviews.map(|(approval, _)| AfterwardsRow {
            person: approval.person.clone(),
            at: approval.origin.occurred_at,
            outcome: approval.note.clone(),
            index: approval.origin.index,
        });
        Self {
            deployment: DeploymentRow::of(deployment),
            remediates: deployment.remediates.as_ref().map(|r| r.value.clone()),
            approvals: approvals.collect(),
            justified: words(justified),
            found: found(justified),
            evidence: justified.map(|row| row.evidence.clone()).unwrap_or_default(),
            reviewed: words(reviewed),
            review_found: found(reviewed),
            reviews: reviews.collect(),
        }
    }
}
