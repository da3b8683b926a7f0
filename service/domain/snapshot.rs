//! A runtime snapshot: what somebody saw running in an environment at one moment.
//!
//! It is a claim like any other, signed by who looked. What it means for the deployments that were recorded is worked out
//! elsewhere; here it is only read, and one workload held against one deployment.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::artifact::Artifact;
use super::deployment::Deployment;
use super::event::Recorded;
use super::id::{EnvironmentName, ProducerName, ServiceName};
use super::instant::Instant;

/// Type of the events that carry a runtime snapshot.
pub const SNAPSHOT_TAKEN: &str = "dev.cdeventsx.shipslog-snapshot.taken.0.1.0";

/// What runs in an environment at the time of the event: `customData.shipslog.snapshot` of an event of the type
/// `dev.cdeventsx.shipslog-snapshot.taken.0.1.0`, whose `environment` names where. If the event names a `service` too, it speaks
/// of that service alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RuntimeSnapshot {
    /// How it was seen.
    pub method: Method,
    /// Whether it holds all that runs: of `services`, or of the whole environment where none are named. Only then does it
    /// say that something does not run.
    #[serde(default)]
    pub complete: bool,
    /// The services that it speaks of; all of the environment where none are named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>)]
    pub services: Vec<ServiceName>,
    /// What runs. At most 5000.
    #[serde(default)]
    pub running: Vec<Workload>,
    /// What runs and could not be told to be of a service, in the words of where it runs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unmapped: Vec<String>,
}

/// How a snapshot was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// From the containers of a Docker host.
    Docker,
    /// From the pods of a Kubernetes cluster.
    Kubernetes,
    /// From a file that somebody wrote.
    File,
    /// From what a command printed.
    Command,
}

/// Something that runs. At least one of artifact and version is given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Workload {
    /// The service that it is.
    #[schema(value_type = String)]
    pub service: ServiceName,
    /// What runs: a package URL, an image reference, or a digest as `algorithm:hex`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact: Option<String>,
    /// Version that people use for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// How many of it run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instances: Option<u32>,
}

/// A snapshot with its place in the log.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// Index of its entry.
    pub index: u64,
    /// Where it was taken.
    pub environment: EnvironmentName,
    /// The services that it speaks of; all of the environment where none are named.
    pub services: Vec<ServiceName>,
    /// Whether it holds all that runs of them.
    pub complete: bool,
    /// When it was taken, by claim.
    pub observed_at: Instant,
    /// When the ledger recorded it.
    pub recorded_at: Instant,
    /// What sent it.
    pub source: String,
    /// Who signed it.
    pub producer: ProducerName,
    /// What ran.
    pub running: Vec<Seen>,
    /// What ran and is of no known service.
    pub unmapped: Vec<String>,
}

/// Something that was seen running.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The service.
    pub service: ServiceName,
    /// What of it.
    pub content: Content,
    /// How many.
    pub instances: Option<u32>,
}

/// What runs, by all that it can be told by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
pub struct Content {
    /// `algorithm:hex`.
    pub digest: Option<String>,
    /// The version.
    pub version: Option<String>,
    /// The artifact, as it was given.
    pub artifact: Option<String>,
}

impl Snapshot {
    /// Whether it would hold a service if that ran.
    pub fn covers(&self, service: &ServiceName) -> bool {
        self.complete && (self.services.is_empty() || self.services.contains(service))
    }

    /// The same as far as it speaks of some services.
    #[must_use]
    pub fn limited_to(mut self, services: &BTreeSet<ServiceName>) -> Self {
        self.running.retain(|seen| services.contains(&seen.service));
        let covered = services.iter().filter(|service| self.covers(service));
        let covered: Vec<ServiceName> = covered.cloned().collect();
        // No name would mean all.
        self.complete = !covered.is_empty();
        self.services = covered;
        self
    }

    /// What it saw of a service.
    pub fn running_of<'a>(&'a self, service: &'a ServiceName) -> impl Iterator<Item = &'a Seen> {
        self.running.iter().filter(move |seen| seen.service == *service)
    }

    /// Whether it says anything about a service.
    pub fn speaks_of(&self, service: &ServiceName) -> bool {
        self.covers(service) || self.running_of(service).next().is_some()
    }
}

impl Content {
    /// What a workload is told by.
    pub fn of(workload: &Workload) -> Self {
        let artifact = workload.artifact.as_deref().map(Artifact::parse);
        Self {
            digest: artifact.as_ref().and_then(|artifact| artifact.digest.clone()),
            version: workload
                .version
                .clone()
                .or_else(|| artifact.and_then(|artifact| artifact.version)),
            artifact: workload.artifact.clone(),
        }
    }

    /// Whether this is what a deployment put in place: decided by the digests if both are known, else by anything that is the
    /// same. None where the two are told by different things, so that nobody can say.
    pub fn is_of(&self, deployment: &Deployment) -> Option<bool> {
        if let Some((ours, theirs)) = self.digest.as_deref().zip(deployment.digest()) {
            return Some(ours == theirs);
        }
        let artifact = deployment.artifact.as_ref().map(|said| &said.value);
        let version = deployment.version.as_ref().map(|said| said.value.as_str());
        let version = version.or_else(|| artifact.and_then(|artifact| artifact.version.as_deref()));
        let commit = deployment.commit.as_ref().map(|said| said.value.as_str());
        let ours = self.version.as_deref();
        let same_artifact = artifact.is_some_and(|artifact| self.artifact.as_ref() == Some(&artifact.id));
        if same_artifact || ours.is_some() && (ours == version || ours == commit) {
            return Some(true);
        }
        ours.and(version).map(|_| false)
    }

    /// What to call it in one word.
    pub fn label(&self) -> &str {
        let known = self.version.as_deref().or(self.artifact.as_deref());
        known.or(self.digest.as_deref()).unwrap_or_default()
    }
}

/// The snapshots among events, ascending by index and of any mixture.
pub fn fold(records: &[Recorded]) -> Vec<Snapshot> {
    let snapshot = |record: &Recorded| {
        let event = &record.event;
        let taken = event.extension.snapshot.as_deref()?;
        Some(Snapshot {
            index: record.index,
            environment: event.environment.clone()?,
            services: event
                .service
                .clone()
                .map_or_else(|| taken.services.clone(), |one| vec![one]),
            complete: taken.complete,
            observed_at: event.occurred_at,
            recorded_at: record.recorded_at,
            source: event.source.clone(),
            producer: record.producer.clone(),
            running: taken.running.iter().map(seen).collect(),
            unmapped: taken.unmapped.clone(),
        })
    };
    records.iter().filter_map(snapshot).collect()
}

fn seen(workload: &Workload) -> Seen {
    Seen {
        service: workload.service.clone(),
        content: Content::of(workload),
        instances: workload.instances,
    }
}

#[cfg(test)]
mod tests;
