//! Checks: versioned rules over the facts of the ledger, with five results.
//!
//! Pure and computed when read, never stored. A check reads no clock: what it says is a function of the facts below a
//! tree size. Missing data never passes: it fails where the rule asks for it to be there, and is not evaluable where
//! the ledger cannot tell.

mod approval;
mod artifact;
mod calendar;
mod change;
mod completeness;
mod duty;
mod emergency;
mod exception;
mod gate;
mod parameters;
mod period;
mod person;
mod record;
mod recovery;
mod review;
mod role;
mod scan;
mod subject;
mod test_run;
mod verdict;
mod window;

use serde::Serialize;

use crate::domain::extension::DeploymentKind;

pub use calendar::Calendar;
pub use gate::{Demands, decide};
pub use parameters::{ParameterError, Parameters, Row as ParameterValue};
pub use period::{Continuity, Kept, PeriodSubject, evaluate_period};
pub use subject::Subject;
pub use verdict::{Applied, CheckResult, Part, Verdict};

use verdict::not_applicable;

/// A rule.
#[derive(Debug, Clone, Copy)]
pub struct Check {
    /// Id, stable for good.
    pub id: &'static str,
    /// Raised with every change of the logic.
    pub version: u32,
    /// What it asks for, as a statement.
    pub title: &'static str,
    /// How much a failure matters.
    pub severity: Severity,
    /// The deployments that it concerns, by their kind.
    pub scope: Scope,
    /// When it passes.
    pub definition: &'static str,
    /// When it does not apply, and when it cannot be evaluated.
    pub limits: &'static str,
    /// The rule.
    rule: Rule,
}

/// How much a failure matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Good practice.
    Low,
    /// A weakness.
    Medium,
    /// What the control exists for.
    High,
}

/// The deployments that a check concerns, by their kind. To all others it does not apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// All.
    All,
    /// These kinds.
    Only(&'static [DeploymentKind]),
    /// All kinds but these.
    Except(&'static [DeploymentKind]),
}

/// What a check is run on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// A deployment attempt.
    Deployment,
    /// The ledger in a period.
    Period,
}

/// The logic of a check, over what it is run on.
#[derive(Debug, Clone, Copy)]
enum Rule {
    /// Over a deployment.
    Deployment(fn(&Subject<'_>) -> Verdict),
    /// Over a deployment and what the checks before this one say about it.
    Findings(fn(&Subject<'_>, &[Finding]) -> Verdict),
    /// Over the ledger in a period.
    Period(fn(&PeriodSubject<'_>) -> Verdict),
    /// Over the ledger in a period and what the checks before this one say about it.
    PeriodFindings(fn(&PeriodSubject<'_>, &[Finding]) -> Verdict),
}

/// The verdict of one check.
#[derive(Debug, Clone)]
pub struct Finding {
    /// The check.
    pub check: &'static Check,
    /// Its verdict.
    pub verdict: Verdict,
}

/// All checks, in the order of reports.
pub static CATALOGUE: [Check; 31] = [
    period::CONTINUOUS,
    completeness::RECONCILED,
    completeness::NUMBERED,
    record::TIMELY,
    record::AUTHENTIC,
    record::ACTOR,
    change::REFERENCE,
    change::DESCRIBED,
    change::ASSESSED,
    approval::APPROVED,
    approval::BEFORE,
    approval::BOUND,
    role::AUTHORISED,
    duty::INDEPENDENT,
    duty::PIPELINE,
    review::REVIEWED,
    test_run::PASSED,
    test_run::PROMOTED,
    scan::FRESH,
    artifact::SAME,
    artifact::PROVENANCE,
    recovery::BACK_OUT,
    emergency::JUSTIFIED,
    emergency::REVIEWED,
    window::IN_WINDOW,
    test_run::VERIFIED,
    recovery::HANDLED,
    period::ADMINISTERED,
    exception::VALID,
    period::RETAINED,
    exception::VALID_IN_PERIOD,
];

/// The check with this id.
pub fn known(id: &str) -> Option<&'static Check> {
    CATALOGUE.iter().find(|check| check.id == id)
}

/// The checks that are run on deployments, in the order of [`evaluate`].
pub fn of_deployments() -> impl Iterator<Item = &'static Check> {
    CATALOGUE.iter().filter(|check| check.unit() == Unit::Deployment)
}

/// Runs all checks of deployments on one.
pub fn evaluate(subject: &Subject<'_>) -> Vec<Finding> {
    let mut findings = Vec::with_capacity(CATALOGUE.len());
    for check in &CATALOGUE {
        let verdict = match check.rule {
            Rule::Deployment(_) | Rule::Findings(_) if !check.scope.includes(subject) => {
                let found = format!("{} deployments are outside its scope", subject.kind().as_str());
                not_applicable(found, subject.deployment.indexes())
            }
            Rule::Deployment(rule) => exception::apply(subject, check.id, rule(subject)),
            Rule::Findings(rule) => rule(subject, &findings),
            Rule::Period(_) | Rule::PeriodFindings(_) => continue,
        };
        findings.push(Finding::of(check, verdict));
    }
    findings
}

impl Finding {
    fn of(check: &'static Check, mut verdict: Verdict) -> Self {
        verdict.evidence.sort_unstable();
        verdict.evidence.dedup();
        Self { check, verdict }
    }
}

impl Check {
    /// What it is run on.
    pub const fn unit(&self) -> Unit {
        match self.rule {
            Rule::Deployment(_) | Rule::Findings(_) => Unit::Deployment,
            Rule::Period(_) | Rule::PeriodFindings(_) => Unit::Period,
        }
    }
}

impl Scope {
    /// Whether a deployment is in it. Its producer's word for the kind brings it in, and does not keep it out unless the ledger bears
    /// that out.
    fn includes(self, subject: &Subject<'_>) -> bool {
        match self {
            Self::All => true,
            Self::Only(kinds) => kinds.contains(&subject.deployment.kind.kind),
            Self::Except(kinds) => !kinds.contains(&subject.kind()),
        }
    }
}

#[cfg(test)]
mod tests;
