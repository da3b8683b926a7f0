//! What the ledger shows about how a deployment was controlled: tests, approvals, reviews, checks.

use serde::Serialize;

use super::Links;
use crate::check::{self, Applied, CheckResult, Finding, Parameters, Part, Subject};
use crate::domain::deployment::Deployment;
use crate::domain::evidence::Bond;
use crate::domain::facts::Facts;
use crate::domain::{Instant, Outcome};

/// The assurance block of a deployment.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Assurance {
    /// The deployment's label.
    pub label: String,
    /// Its index.
    pub index: u64,
    /// Answers to requests for approval.
    pub approvals: Vec<ApprovalRow>,
    /// Test results.
    pub tests: Vec<TestRow>,
    /// Reviews of its changes.
    pub reviews: Vec<ReviewRow>,
    /// All checks.
    pub checks: Vec<CheckRow>,
    /// How many passed.
    pub passed: usize,
    /// How many passed or failed.
    pub tested: usize,
    /// Ids of those that failed.
    pub failed: Vec<&'static str>,
    /// What to go back to, as planned.
    pub rollback_plan: Option<RollbackRow>,
}

/// An answer to a request for approval.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ApprovalRow {
    /// Who.
    pub person: Option<String>,
    /// In which role.
    pub role: Option<String>,
    /// The answer.
    pub answer: &'static str,
    /// When, by claim.
    pub at: Instant,
    /// Whether it came before the start, by claim and by ledger order.
    pub before_start: bool,
    /// What ties it to the deployment.
    pub bound_to: &'static str,
    /// Index of the entry.
    pub index: u64,
}

/// A test result.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TestRow {
    /// Name of the suite or case.
    pub name: String,
    /// unit, integration, …
    pub kind: Option<String>,
    /// The result.
    pub outcome: Option<&'static str>,
    /// Tests that passed.
    pub passed: Option<u64>,
    /// Tests that failed.
    pub failed: Option<u64>,
    /// Tests that were skipped.
    pub skipped: Option<u64>,
    /// When, by claim.
    pub at: Instant,
    /// Whether it came before the start, by claim and by ledger order.
    pub before_start: bool,
    /// What ties it to the deployment.
    pub bound_to: &'static str,
    /// Where to read about it.
    pub url: Option<String>,
    /// Index of the entry.
    pub index: u64,
}

/// A review.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReviewRow {
    /// The change.
    pub change: String,
    /// Who.
    pub person: Option<String>,
    /// The verdict in words.
    pub verdict: Option<&'static str>,
    /// When, by claim.
    pub at: Instant,
    /// Index of the entry.
    pub index: u64,
}

/// The verdict of a check.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CheckRow {
    /// Id of the check.
    pub id: &'static str,
    /// Its version.
    pub version: u32,
    /// What it asks for.
    pub title: &'static str,
    /// The result.
    pub result: CheckResult,
    /// The result in words.
    pub result_words: &'static str,
    /// What it asks for in this case.
    pub expected: String,
    /// What the ledger shows.
    pub found: String,
    /// Indexes of the entries that it rests on.
    pub evidence: Vec<u64>,
    /// The exception that allows what would fail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exception: Option<Applied>,
    /// What a check of a period found, one by one; left out where it found no more than one thing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Part>,
}

/// A rollback plan.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RollbackRow {
    /// Version to go back to.
    pub target_version: Option<String>,
    /// Where the plan is written down.
    pub reference: Option<String>,
    /// Index of the entry.
    pub index: u64,
}

impl Assurance {
    pub(super) fn of(deployment: &Deployment, facts: &Facts, links: &Links<'_>, parameters: &Parameters) -> Self {
        let checks = checks(deployment, facts, links, parameters);
        let count = |wanted: CheckResult| checks.iter().filter(|row| row.result == wanted).count();
        let before = |index: u64, at: Instant| at < deployment.start_at() && index < deployment.start_index();
        let approvals = facts
            .evidence
            .approvals_of(deployment)
            .into_iter()
            .map(|(approval, bond)| ApprovalRow {
                person: approval.person.clone(),
                role: approval.role.clone(),
                answer: approval.answer.as_str(),
                at: approval.origin.occurred_at,
                before_start: before(approval.origin.index, approval.origin.occurred_at),
                bound_to: bound_to(bond),
                index: approval.origin.index,
            });
        let tests = facts
            .evidence
            .tests_of(deployment)
            .into_iter()
            .map(|(test, bond)| TestRow {
                name: test.name.clone().unwrap_or_else(|| test.id.clone()),
                kind: test.kind.clone(),
                outcome: test.outcome.map(Outcome::as_str),
                passed: test.detail.as_ref().and_then(|d| d.passed),
                failed: test.detail.as_ref().and_then(|d| d.failed),
                skipped: test.detail.as_ref().and_then(|d| d.skipped),
                at: test.origin.occurred_at,
                before_start: before(test.origin.index, test.origin.occurred_at),
                bound_to: bound_to(bond),
                url: test.uri.clone(),
                index: test.origin.index,
            });
        let reviews = facts
            .evidence
            .reviews_of(deployment)
            .into_iter()
            .map(|(review, _)| ReviewRow {
                change: review.change.clone(),
                person: review.person.clone(),
                verdict: review.verdict.map(|verdict| match verdict {
                    crate::domain::extension::ReviewVerdict::Approved => "approved",
                    crate::domain::extension::ReviewVerdict::ChangesRequested => "changes requested",
                    crate::domain::extension::ReviewVerdict::Commented => "commented",
                }),
                at: review.origin.occurred_at,
                index: review.origin.index,
            });
        Self {
            label: deployment.label(),
            index: deployment.index,
            approvals: approvals.collect(),
            tests: tests.collect(),
            reviews: reviews.collect(),
            passed: count(CheckResult::Pass),
            tested: count(CheckResult::Pass) + count(CheckResult::Fail) + count(CheckResult::Excepted),
            failed: checks
                .iter()
                .filter(|row| row.result == CheckResult::Fail)
                .map(|row| row.id)
                .collect(),
            rollback_plan: deployment.rollback_plan.as_ref().map(|plan| RollbackRow {
                target_version: plan.value.target_version.clone(),
                reference: plan.value.reference.clone(),
                index: plan.index,
            }),
            checks,
        }
    }
}

/// The verdicts of all checks on a deployment.
pub(super) fn checks(
    deployment: &Deployment,
    facts: &Facts,
    links: &Links<'_>,
    parameters: &Parameters,
) -> Vec<CheckRow> {
    let incidents = links.established(deployment.index);
    let subject = Subject {
        deployment,
        facts,
        incidents: &incidents,
        parameters,
    };
    check::evaluate(&subject).into_iter().map(CheckRow::of).collect()
}

impl CheckRow {
    pub(super) fn of(finding: Finding) -> Self {
        let (check, verdict) = (finding.check, finding.verdict);
        Self {
            id: check.id,
            version: check.version,
            title: check.title,
            result: verdict.result,
            result_words: verdict.result.words(),
            expected: verdict.expected,
            found: verdict.found,
            evidence: verdict.evidence,
            exception: verdict.exception,
            parts: verdict.parts,
        }
    }
}

const fn bound_to(bond: Bond) -> &'static str {
    match bond {
        Bond::Artifact => "this artifact",
        Bond::Commit => "this commit",
        Bond::Name => "an artifact of this name",
        Bond::Deployment => "this deployment",
        Bond::Change => "a change it names",
    }
}
