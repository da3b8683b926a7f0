//! What the gate decides: whether a deployment that is about to start passes the checks that its environment demands.

use super::{CheckResult, Finding, Parameters, Subject, evaluate};
use crate::domain::extension::Tier;
use crate::domain::gate::Decision;

/// The checks that an environment demands of what is deployed there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Demands<'a>(&'a [String]);

impl<'a> Demands<'a> {
    /// Those of its tier. Where no tier is known, those of production: not knowing opens nothing.
    pub fn of(parameters: &'a Parameters, tier: Option<Tier>) -> Self {
        Self(match tier {
            Some(Tier::Production) | None => &parameters.gate_production,
            Some(Tier::Staging) => &parameters.gate_staging,
            Some(Tier::Testing) => &parameters.gate_testing,
            Some(Tier::Development) => &parameters.gate_development,
        })
    }
}

/// The answer, with the verdict of every check that is demanded. A failure denies; what cannot be evaluated is never a pass.
pub fn decide(subject: &Subject<'_>, demands: Demands<'_>) -> (Decision, Vec<Finding>) {
    let mut findings = evaluate(subject);
    findings.retain(|finding| demands.0.iter().any(|id| id == finding.check.id));
    let any = |result| findings.iter().any(|finding| finding.verdict.result == result);
    let decision = match (any(CheckResult::Fail), any(CheckResult::NotEvaluable)) {
        (true, _) => Decision::Deny,
        (false, true) => Decision::CannotTell,
        (false, false) => Decision::Allow,
    };
    (decision, findings)
}
