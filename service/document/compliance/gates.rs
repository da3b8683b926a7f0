//! Answers of the gate that were not to allow it, and what went ahead all the same: with a reason that was recorded for it, or without.

use std::collections::HashMap;

use serde::Serialize;

use super::super::rows::DeploymentRow;
use super::ComplianceInput;
use crate::domain::Outcome;
use crate::domain::artifact::Artifact;
use crate::domain::deployment::Deployment;
use crate::domain::gate::{Decided, Decision};

/// A deployment that began although the last answer of the gate about its artifact did not allow it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FollowedRow {
    /// The deployment.
    pub deployment: DeploymentRow,
    /// The answer.
    pub answer: Decided,
}

/// The answers of the period that were overridden, whether or not a deployment followed.
pub(super) fn overrides(input: &ComplianceInput<'_>) -> Vec<Decided> {
    let overridden = |answer: &Decided| {
        answer.said.override_reason.is_some()
            && answer.environment == *input.environment
            && input.service.is_none_or(|service| answer.service == *service)
            && input.period.contains(answer.recorded_at)
    };
    let found = input.facts.gates.iter().filter(|answer| overridden(answer));
    found.cloned().collect()
}

/// The deployments that began against the answer of the gate, in their order. Of several answers about an artifact, the last one
/// before the start counts, by the order of the ledger.
pub(super) fn followed(deployments: &[&Deployment], input: &ComplianceInput<'_>) -> Vec<FollowedRow> {
    let mut answers: HashMap<_, Vec<&Decided>> = HashMap::new();
    for answer in &input.facts.gates {
        let artifact = content(&Artifact::parse(answer.artifact.as_str()));
        let place = (&answer.service, &answer.environment, artifact);
        answers.entry(place).or_default().push(answer);
    }
    let against = |deployment: &&Deployment| {
        let artifact = content(&deployment.artifact.as_ref()?.value);
        let place = (&deployment.service, &deployment.environment, artifact);
        // What was cancelled before it began kept to the answer.
        let begun = deployment.started().is_some() || deployment.outcome().is_some_and(|end| end != Outcome::Cancel);
        let mut before = answers.get(&place).filter(|_| begun)?.iter();
        let last = before.rfind(|answer| answer.index < deployment.start_index())?;
        (last.said.decision != Decision::Allow).then(|| FollowedRow {
            deployment: DeploymentRow::of(deployment),
            answer: Decided::clone(last),
        })
    };
    deployments.iter().filter_map(against).collect()
}

/// The digest, or the whole id of what has none.
fn content(artifact: &Artifact) -> String {
    artifact.digest.clone().unwrap_or_else(|| artifact.id.clone())
}
