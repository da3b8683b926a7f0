//! What a deployment, and what runs, looks like to a client.

use serde::Serialize;
use utoipa::ToSchema;

use super::{DeploymentView, RunningView};
use crate::domain::deployment::{Deployment, Said};
use crate::domain::event::Artifact;
use crate::domain::exposure::ExposureView;
use crate::domain::pushed::Gap;
use crate::domain::{Outcome, history};

/// How commits are known that recorded pushes tell of.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChangeSetView {
    /// The commit that ran before.
    pub since: Option<String>,
    /// Why there may be more commits; none where all are there.
    pub gap: Option<String>,
}

const fn attestation(over_shared_secret: bool) -> &'static str {
    if over_shared_secret {
        "shared-secret"
    } else {
        "signature"
    }
}

fn value<T: Clone>(said: &Option<Said<T>>) -> Option<T> {
    said.as_ref().map(|said| said.value.clone())
}

fn values<T: Clone>(said: &[Said<T>]) -> Vec<T> {
    said.iter().map(|said| said.value.clone()).collect()
}

impl From<history::Running> for RunningView {
    fn from(running: history::Running) -> Self {
        let digest = running.artifact.as_ref().and_then(|artifact| artifact.digest.clone());
        Self {
            service: running.service.into(),
            version: running.version,
            artifact: running.artifact.map(|artifact| artifact.id),
            digest,
            commit: running.commit,
            deployment_id: running.deployment_id.into(),
            index: running.index,
            since: running.since,
            attestation: attestation(running.over_shared_secret),
        }
    }
}

impl From<&Deployment> for DeploymentView {
    fn from(deployment: &Deployment) -> Self {
        let artifact: Option<Artifact> = value(&deployment.artifact);
        let newest = deployment.end().or(deployment.statements.last());
        Self {
            id: deployment.id.to_string(),
            index: deployment.index,
            indexes: deployment.indexes(),
            service: deployment.service.to_string(),
            environment: deployment.environment.to_string(),
            status: deployment.status().as_str(),
            outcome: deployment.outcome().map(Outcome::as_str),
            kind: deployment.kind.kind,
            kind_said: deployment.kind.said_at.is_some(),
            version: value(&deployment.version),
            digest: artifact.as_ref().and_then(|artifact| artifact.digest.clone()),
            artifact: artifact.map(|artifact| artifact.id),
            commit: value(&deployment.commit),
            started_at: deployment.started().map(|statement| statement.occurred_at),
            finished_at: deployment.finished_at(),
            recorded_at: newest.map(|statement| statement.recorded_at),
            planned: value(&deployment.planned),
            actor: value(&deployment.actor),
            reason: value(&deployment.reason),
            impact: value(&deployment.impact),
            exposure: ExposureView::of(deployment),
            rollback_plan: value(&deployment.rollback_plan),
            run_url: value(&deployment.run_url),
            replaces: deployment.lineage.replaces,
            withdraws: deployment.lineage.withdraws.clone(),
            attestation: attestation(deployment.over_shared_secret()),
            commits: values(&deployment.commits),
            change_set: deployment.change_set.as_ref().map(|set| ChangeSetView {
                since: set.since.clone(),
                gap: set.gap.as_ref().map(Gap::words),
            }),
            pull_requests: values(&deployment.pull_requests),
            tickets: values(&deployment.tickets),
        }
    }
}
