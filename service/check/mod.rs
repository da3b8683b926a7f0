//! Checks: versioned rules over the facts of a deployment, with five results.
//!
//! Pure and computed when read, never stored. A check reads no clock: what it says is a function of the facts below a
//! tree size. Missing data never passes: it fails where the rule asks for it to be there, and is not evaluable where
//! the ledger cannot tell.

mod approval;
mod change;
mod duty;
mod parameters;
mod record;
mod recovery;
mod test_run;

use serde::Serialize;

use crate::domain::deployment::{Deployment, Status};
use crate::domain::extension::DeploymentKind;
use crate::domain::facts::Facts;
use crate::domain::incident::Incident;
use crate::domain::words::{span, when};
use crate::domain::{Instant, Outcome};

pub use parameters::{ParameterError, Parameters, Row as ParameterValue};

/// The result of a check on one deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckResult {
    /// The ledger shows what the check asks for.
    Pass,
    /// The ledger shows that it is not so.
    Fail,
    /// It is not so, and a recorded exception allows it. Nothing records exceptions yet.
    Excepted,
    /// The check does not concern this deployment.
    NotApplicable,
    /// The ledger does not hold enough to tell.
    NotEvaluable,
}

impl CheckResult {
    /// All five, in the order of reports.
    pub const ALL: [Self; 5] = [
        Self::Pass,
        Self::Fail,
        Self::Excepted,
        Self::NotApplicable,
        Self::NotEvaluable,
    ];

    /// The result in words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Excepted => "excepted",
            Self::NotApplicable => "not applicable",
            Self::NotEvaluable => "not evaluable",
        }
    }
}

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
}

/// The logic of a check, over what it is run on.
#[derive(Debug, Clone, Copy)]
enum Rule {
    /// Over a deployment.
    Deployment(fn(&Subject<'_>) -> Verdict),
}

/// What a check looks at: one deployment attempt among the facts of the reading.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The deployment.
    pub deployment: &'a Deployment,
    /// All facts: the same service elsewhere, evidence, incidents.
    pub facts: &'a Facts,
    /// Incidents that an event explicitly links to the deployment.
    pub incidents: &'a [&'a Incident],
    /// Numbers.
    pub parameters: &'a Parameters,
}

/// What a check says about a deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// The result.
    pub result: CheckResult,
    /// What the check asks for.
    pub expected: String,
    /// What the ledger shows.
    pub found: String,
    /// Indexes of the entries that it rests on, ascending.
    pub evidence: Vec<u64>,
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
pub static CATALOGUE: [Check; 16] = [
    record::TIMELY,
    record::AUTHENTIC,
    record::ACTOR,
    change::REFERENCE,
    change::DESCRIBED,
    approval::APPROVED,
    approval::BEFORE,
    approval::BOUND,
    duty::INDEPENDENT,
    duty::PIPELINE,
    test_run::PASSED,
    test_run::PROMOTED,
    recovery::BACK_OUT,
    recovery::EMERGENCY,
    test_run::VERIFIED,
    recovery::HANDLED,
];

/// A check by its id.
pub fn find(id: &str) -> Option<&'static Check> {
    CATALOGUE.iter().find(|check| check.id == id)
}

/// Runs all checks on a deployment.
pub fn evaluate(subject: &Subject<'_>) -> Vec<Finding> {
    CATALOGUE
        .iter()
        .map(|check| Finding {
            check,
            verdict: check.run(subject),
        })
        .collect()
}

impl Check {
    /// What it is run on.
    pub const fn unit(&self) -> Unit {
        match self.rule {
            Rule::Deployment(_) => Unit::Deployment,
        }
    }

    /// Runs it on a deployment.
    pub fn run(&self, subject: &Subject<'_>) -> Verdict {
        let Rule::Deployment(rule) = self.rule;
        let kind = subject.deployment.kind;
        let mut verdict = if self.scope.includes(kind.kind) {
            rule(subject)
        } else {
            let found = format!("{} deployments are outside its scope", kind.kind.as_str());
            not_applicable(found, subject.deployment.indexes())
        };
        verdict.evidence.sort_unstable();
        verdict.evidence.dedup();
        verdict
    }
}

impl Scope {
    /// Whether deployments of a kind are in it.
    pub fn includes(self, kind: DeploymentKind) -> bool {
        match self {
            Self::All => true,
            Self::Only(kinds) => kinds.contains(&kind),
            Self::Except(kinds) => !kinds.contains(&kind),
        }
    }
}

impl Subject<'_> {
    /// "Before the deployment" means by claim *and* by ledger order.
    fn before(&self, index: u64, occurred_at: Instant) -> bool {
        self.deployment.starts_after(index, occurred_at)
    }

    /// Why something did not come before, in words.
    fn not_before(&self, index: u64, occurred_at: Instant) -> String {
        let start = self.deployment.start_at();
        let late = occurred_at.millis_since(start);
        match (late >= 0, index > self.deployment.start_index()) {
            (true, _) => format!("at {}, {} after the start", when(occurred_at), span(late)),
            (false, true) => {
                format!(
                    "for {}, but it was recorded only after the start was",
                    when(occurred_at)
                )
            }
            (false, false) => format!("at {}, together with the start", when(occurred_at)),
        }
    }

    /// Whether it is told to be the first record of what already ran, and nothing in the ledger ran there before.
    fn is_baseline(&self) -> bool {
        let kind = self.deployment.kind;
        kind.said_at.is_some() && kind.kind == DeploymentKind::Baseline && self.deployment.lineage.replaces.is_none()
    }

    /// Checks of what must come before a start do not concern what never started, or ran before the ledger began.
    fn never_started(&self) -> Option<Verdict> {
        let deployment = self.deployment;
        let not_begun = deployment.started().is_none()
            && (deployment.status() == Status::Queued || deployment.outcome() == Some(Outcome::Cancel));
        if not_begun {
            Some(not_applicable("the deployment never started", deployment.indexes()))
        } else if self.is_baseline() {
            Some(not_applicable(
                "recorded as what ran before the ledger began",
                deployment.indexes(),
            ))
        } else {
            None
        }
    }

    /// Entry of the start, or the first about the deployment.
    fn start_entry(&self) -> u64 {
        self.deployment.start_index()
    }
}

fn pass(expected: impl Into<String>, found: impl Into<String>, evidence: Vec<u64>) -> Verdict {
    Verdict {
        result: CheckResult::Pass,
        expected: expected.into(),
        found: found.into(),
        evidence,
    }
}

fn fail(expected: impl Into<String>, found: impl Into<String>, evidence: Vec<u64>) -> Verdict {
    Verdict {
        result: CheckResult::Fail,
        expected: expected.into(),
        found: found.into(),
        evidence,
    }
}

fn not_evaluable(expected: impl Into<String>, found: impl Into<String>, evidence: Vec<u64>) -> Verdict {
    Verdict {
        result: CheckResult::NotEvaluable,
        expected: expected.into(),
        found: found.into(),
        evidence,
    }
}

fn not_applicable(found: impl Into<String>, evidence: Vec<u64>) -> Verdict {
    Verdict {
        result: CheckResult::NotApplicable,
        expected: String::new(),
        found: found.into(),
        evidence,
    }
}

#[cfg(test)]
mod tests;
