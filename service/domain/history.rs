//! What ran in a (service, environment), when, by ledger order; and what runs in an environment at a time.
//!
//! Ledger order decides what runs, claimed times decide from when: a deployment recorded two days late still follows
//! the one that the ledger knew before it.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use super::deployment::{Deployment, Effect};
use super::event::Artifact;
use super::id::{DeploymentId, EnvironmentName, ServiceName};
use super::instant::Instant;

/// The successful deployments of one place, in ledger order.
#[derive(Debug, Clone)]
pub struct Timeline<'a> {
    runs: Vec<Run<'a>>,
}

/// A successful deployment and the time it was live.
#[derive(Debug, Clone, Copy)]
pub struct Run<'a> {
    /// The deployment. One that removes the service is a run of nothing.
    pub deployment: &'a Deployment,
    /// [`Deployment::order`] of it.
    pub order: u64,
    /// Claimed start: harm may begin while it rolls out.
    pub from: Instant,
    /// Claimed end of the deployment that took its place, by ledger order the first that claims to have been after its start; none
    /// while it is live.
    pub until: Option<Instant>,
    /// Index of the deployment that it replaced, if anything ran.
    pub replaced: Option<u64>,
}

impl Run<'_> {
    /// [`Timeline::live_at`] of it.
    pub fn live_at(&self, at: Instant, slack_ms: i64) -> bool {
        let ended = self.until.is_some_and(|end| end <= at);
        self.deployment.effect == Effect::Runs && self.from <= at.plus_millis(slack_ms) && !ended
    }
}

impl<'a> Timeline<'a> {
    /// Of one (service, environment), out of deployments of any.
    pub fn of(deployments: &'a [Deployment], service: &ServiceName, environment: &EnvironmentName) -> Self {
        let here = |d: &&Deployment| d.service == *service && d.environment == *environment;
        Self::made_of(deployments.iter().filter(here).collect())
    }

    /// Of every (service, environment) among the deployments.
    pub fn by_place(deployments: &'a [Deployment]) -> HashMap<(&'a ServiceName, &'a EnvironmentName), Self> {
        let mut places: HashMap<_, Vec<&Deployment>> = HashMap::new();
        for deployment in deployments {
            places
                .entry((&deployment.service, &deployment.environment))
                .or_default()
                .push(deployment);
        }
        places
            .into_iter()
            .map(|(place, here)| (place, Self::made_of(here)))
            .collect()
    }

    fn made_of(mut here: Vec<&'a Deployment>) -> Self {
        here.retain(|d| d.succeeded());
        here.sort_by_cached_key(|d| d.order());
        let runs = here.iter().enumerate().map(|(at, deployment)| Run {
            deployment,
            order: deployment.order(),
            from: deployment.start_at(),
            until: here[at + 1..].iter().find_map(|next| ends(next, deployment)),
            replaced: deployment.lineage.replaces,
        });
        Self { runs: runs.collect() }
    }

    /// All runs, in ledger order.
    pub fn runs(&self) -> &[Run<'a>] {
        &self.runs
    }

    /// The run of a deployment, by [`Deployment::index`].
    pub fn run(&self, index: u64) -> Option<&Run<'a>> {
        self.runs.iter().find(|run| run.deployment.index == index)
    }

    /// The last run whose claimed end is not after `at`, or simply the last; a removal counts.
    pub fn last(&self, at: Option<Instant>) -> Option<&Run<'a>> {
        self.runs
            .iter()
            .rfind(|run| at.is_none_or(|at| run.deployment.finished_at().is_some_and(|end| end <= at)))
    }

    /// What runs now, or ran at a time: of the deployments that claim to have ended by then, the latest by ledger order.
    pub fn running_at(&self, at: Option<Instant>) -> Option<&Run<'a>> {
        self.last(at).filter(|run| run.deployment.effect == Effect::Runs)
    }

    /// Whether a deployment was live at an instant, `slack_ms` before its start included. An attempt that did not
    /// succeed may do harm too: until the next success takes its place.
    pub fn live_at(&self, deployment: &Deployment, at: Instant, slack_ms: i64) -> bool {
        let order = deployment.order();
        let later = &self.runs[self.runs.partition_point(|run| run.order <= order)..];
        deployment.effect == Effect::Runs
            && deployment.start_at() <= at.plus_millis(slack_ms)
            && later
                .iter()
                .find_map(|next| ends(next.deployment, deployment))
                .is_none_or(|end| at < end)
    }
}

/// When a later record ended the time of a deployment, as claimed. One that claims to be older than the deployment, and came late,
/// ended nothing.
fn ends(next: &Deployment, deployment: &Deployment) -> Option<Instant> {
    next.finished_at().filter(|end| *end > deployment.start_at())
}

/// One line of the state of an environment: what runs there of one service.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Running {
    /// The service.
    pub service: ServiceName,
    /// Its version, where one was given.
    pub version: Option<String>,
    /// Its artifact.
    pub artifact: Option<Artifact>,
    /// Its commit.
    pub commit: Option<String>,
    /// What to call it in one word; see [`Deployment::label`].
    pub label: String,
    /// The deployment that put it there.
    pub deployment_id: DeploymentId,
    /// [`Deployment::index`] of it.
    pub index: u64,
    /// Claimed end of that deployment.
    pub since: Instant,
    /// Whether the record came over a shared secret instead of under a signature.
    pub over_shared_secret: bool,
}

/// What runs in an environment now, or ran at a time, by service.
pub fn state(deployments: &[Deployment], environment: &EnvironmentName, at: Option<Instant>) -> Vec<Running> {
    let mut latest: BTreeMap<&ServiceName, &Deployment> = BTreeMap::new();
    for deployment in deployments
        .iter()
        .filter(|d| d.environment == *environment && d.succeeded())
    {
        if at.is_some_and(|at| deployment.finished_at().is_none_or(|end| end > at)) {
            continue;
        }
        let known = latest.entry(&deployment.service).or_insert(deployment);
        if known.order() < deployment.order() {
            *known = deployment;
        }
    }
    latest
        .into_values()
        .filter(|d| d.effect == Effect::Runs)
        .map(running)
        .collect()
}

fn running(deployment: &Deployment) -> Running {
    Running {
        service: deployment.service.clone(),
        version: deployment.version.as_ref().map(|v| v.value.clone()),
        artifact: deployment.artifact.as_ref().map(|a| a.value.clone()),
        commit: deployment.commit.as_ref().map(|c| c.value.clone()),
        label: deployment.label(),
        deployment_id: deployment.id.clone(),
        index: deployment.index,
        since: deployment.finished_at().unwrap_or_else(|| deployment.start_at()),
        over_shared_secret: deployment.over_shared_secret(),
    }
}

#[cfg(test)]
mod tests;
