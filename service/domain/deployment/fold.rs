//! Which deployment an event belongs to, and what it adds to what is known of it.

use std::collections::{BTreeMap, HashMap};

use super::{Deployment, Effect, Kind, Lineage, Said, Says, Statement};
use crate::domain::event::{Artifact, Body, Event, Phase, Recorded, ServiceStep};
use crate::domain::exposure::Exposure;
use crate::domain::extension::DeploymentKind;
use crate::domain::id::{EnvironmentName, ServiceName};
use crate::domain::lineage;
use crate::domain::pushed::Pushes;

/// Folds events, ascending by index and of any mixture, into the deployments they speak of, ordered by first index.
pub fn fold(records: &[Recorded]) -> Vec<Deployment> {
    let mut fold = Fold::default();
    for record in records {
        fold.apply(record);
    }
    let mut deployments = fold.told();
    lineage::derive(&mut deployments);
    let mut pushes = Pushes::default();
    pushes.add(records);
    pushes.complete(&mut deployments);
    deployments
}

/// Deployments while their events are read. Events of other deployments change nothing, so what is told by all events of some
/// deployments is what the whole log tells of them.
#[derive(Debug, Default)]
pub struct Fold {
    deployments: BTreeMap<u64, Deployment>,
    /// First indexes of the deployments known by an id, newest last.
    by_id: HashMap<String, Vec<u64>>,
    /// First indexes of the deployments seen in a CDEvents chain, newest last.
    by_chain: HashMap<String, Vec<u64>>,
}

impl Fold {
    /// The deployments, by first index, without what they did to each other: that is known beside all that ran on their places.
    pub fn told(self) -> Vec<Deployment> {
        self.deployments.into_values().collect()
    }

    /// Takes in the next event, by index and of any kind.
    pub fn apply(&mut self, record: &Recorded) {
        let event = &record.event;
        let (Some(says), Some(environment)) = (Says::of(event), &event.environment) else {
            return;
        };
        let artifact = match &event.body {
            Body::Deployment { artifact, .. } => Some(artifact),
            Body::Service { artifact, .. } => artifact.as_ref(),
            _ => None,
        };
        let named = event.service.as_ref().or(event.extension.service.as_ref());
        let found = match &event.body {
            Body::Deployment { .. } => event.about().and_then(|id| self.with_id(id, named, environment)),
            _ => match &event.extension.deployment_id {
                Some(id) => self.with_id(id.as_str(), named, environment),
                None => named.and_then(|service| self.in_chain(record, says, service, environment, artifact)),
            },
        };
        // Reaching a service that already runs is no deployment.
        if found.is_none() && matches!(says, Says::Published | Says::Reaches) {
            return;
        }
        let key = match found {
            Some(key) => key,
            None => {
                let Some(service) = named.cloned().or_else(|| artifact.and_then(named_after)) else {
                    return;
                };
                let Some(deployment) = opened(record, service, environment.clone()) else {
                    return;
                };
                self.by_id
                    .entry(deployment.id.to_string())
                    .or_default()
                    .push(record.index);
                self.deployments.insert(record.index, deployment);
                record.index
            }
        };
        if let Some(chain) = &event.chain_id {
            let seen = self.by_chain.entry(chain.clone()).or_default();
            if !seen.contains(&key) {
                seen.push(key);
            }
        }
        if let Some(deployment) = self.deployments.get_mut(&key) {
            deployment.add(record, says, artifact);
        }
    }

    fn with_id(&self, id: &str, service: Option<&ServiceName>, environment: &EnvironmentName) -> Option<u64> {
        let known = self.by_id.get(id)?;
        known.iter().rev().copied().find(|key| {
            self.deployments
                .get(key)
                .is_some_and(|d| d.environment == *environment && service.is_none_or(|s| d.service == *s))
        })
    }

    /// The newest deployment of the same chain that a word about the service can belong to: one of the same place whose
    /// content it does not contradict. A removal, or a way back from what the chain deployed, stands for itself.
    fn in_chain(
        &self,
        record: &Recorded,
        says: Says,
        service: &ServiceName,
        environment: &EnvironmentName,
        artifact: Option<&Artifact>,
    ) -> Option<u64> {
        if says == Says::Removed {
            return None;
        }
        let known = self.by_chain.get(record.event.chain_id.as_ref()?)?;
        known.iter().rev().copied().find(|key| {
            self.deployments.get(key).is_some_and(|d| {
                let theirs = d.artifact.as_ref().map(|a| &a.value);
                d.service == *service
                    && d.environment == *environment
                    && d.effect == Effect::Runs
                    && artifact.zip(theirs).is_none_or(|(a, b)| same_artifact(a, b))
            })
        })
    }
}

/// Whether two ids can name the same thing: equal digests where both have one, else equal ids.
fn same_artifact(a: &Artifact, b: &Artifact) -> bool {
    match (&a.digest, &b.digest) {
        (Some(a), Some(b)) => a == b,
        _ => a.id == b.id,
    }
}

/// The service that an artifact is named after, for producers that name none.
fn named_after(artifact: &Artifact) -> Option<ServiceName> {
    artifact.name.as_ref().and_then(|name| name.parse().ok())
}

/// A deployment that nothing is known of yet but its place.
fn opened(record: &Recorded, service: ServiceName, environment: EnvironmentName) -> Option<Deployment> {
    let id = record.event.about()?.parse().ok()?;
    Some(Deployment {
        index: record.index,
        id,
        service,
        environment,
        statements: Vec::new(),
        effect: Effect::Runs,
        artifact: None,
        version: None,
        commit: None,
        kind: Kind {
            kind: DeploymentKind::Normal,
            said_at: None,
        },
        planned: None,
        actor: None,
        queued_by: None,
        reason: None,
        impact: None,
        exposure: Exposure::default(),
        rollback_plan: None,
        run_url: None,
        repository: None,
        remediates: None,
        highlights: None,
        exceptions: Vec::new(),
        commits: Vec::new(),
        commits_left_out: None,
        change_set: None,
        pull_requests: Vec::new(),
        dependency_changes: Vec::new(),
        tickets: Vec::new(),
        lineage: Lineage::default(),
    })
}

impl Deployment {
    fn add(&mut self, record: &Recorded, says: Says, artifact: Option<&Artifact>) {
        let index = record.index;
        let extension = &record.event.extension;
        self.statements.push(Statement {
            index,
            says,
            occurred_at: record.event.occurred_at,
            recorded_at: record.recorded_at,
            producer: record.producer.clone(),
            over_shared_secret: record.over_shared_secret(),
        });
        self.exposure.add(index, extension);
        // Whoever switches a flag is not who deployed, and has reasons of another kind.
        if says == Says::Reaches {
            return;
        }
        if says == Says::Removed {
            self.effect = Effect::Removes;
        }
        said_last(&mut self.artifact, index, artifact);
        said_last(&mut self.version, index, extension.version.as_ref());
        said_last(&mut self.commit, index, extension.commit.as_ref());
        said_last(&mut self.commits_left_out, index, extension.commits_left_out.as_ref());
        if self.kind.said_at.is_none() {
            let said = extension
                .kind
                .or((says == Says::RolledBack).then_some(DeploymentKind::Rollback));
            if let Some(kind) = said {
                self.kind = Kind {
                    kind,
                    said_at: Some(index),
                };
            }
        }
        said_first(&mut self.planned, index, extension.planned.as_ref());
        said_first(&mut self.actor, index, extension.actor.as_ref());
        let queued_by = extension.actor.as_ref().filter(|_| says == Says::Queued);
        said_first(&mut self.queued_by, index, queued_by);
        said_first(&mut self.reason, index, extension.reason.as_ref());
        said_first(&mut self.impact, index, extension.impact.as_ref());
        said_first(&mut self.rollback_plan, index, extension.rollback_plan.as_ref());
        said_first(&mut self.run_url, index, extension.run_url.as_ref());
        said_first(&mut self.repository, index, extension.repository.as_ref());
        said_first(&mut self.remediates, index, extension.remediates.as_ref());
        said_first(&mut self.highlights, index, extension.highlights.as_ref());
        said_once(&mut self.exceptions, index, &extension.exceptions, |a, b| a == b);
        said_once(&mut self.commits, index, &extension.commits, |a, b| a.id == b.id);
        said_once(&mut self.pull_requests, index, &extension.pull_requests, |a, b| {
            a.id == b.id && a.url == b.url
        });
        said_once(
            &mut self.dependency_changes,
            index,
            &extension.dependency_changes,
            |a, b| a == b,
        );
        said_once(&mut self.tickets, index, &extension.tickets, |a, b| a.id == b.id);
    }
}

/// What a deployment runs is what its latest word says runs.
pub(in crate::domain) fn said_last<T: Clone>(slot: &mut Option<Said<T>>, index: u64, value: Option<&T>) {
    if let Some(value) = value {
        *slot = Some(Said {
            value: value.clone(),
            index,
        });
    }
}

/// Circumstances are taken as first said: a reason given afterwards does not replace the one given before.
pub(in crate::domain) fn said_first<T: Clone>(slot: &mut Option<Said<T>>, index: u64, value: Option<&T>) {
    if slot.is_none() {
        said_last(slot, index, value);
    }
}

fn said_once<T: Clone>(list: &mut Vec<Said<T>>, index: u64, values: &[T], same: impl Fn(&T, &T) -> bool) {
    for value in values {
        if !list.iter().any(|known| same(&known.value, value)) {
            list.push(Said {
                value: value.clone(),
                index,
            });
        }
    }
}

impl Says {
    /// What an event says about a deployment, where it says anything.
    fn of(event: &Event) -> Option<Self> {
        match &event.body {
            Body::Deployment { phase, .. } => Some(match phase {
                Phase::Queued => Self::Queued,
                Phase::Started => Self::Started,
                Phase::Finished(outcome) => Self::Finished(*outcome),
            }),
            Body::Service { step, .. } => Some(match step {
                ServiceStep::Deployed => Self::Deployed,
                ServiceStep::Upgraded => Self::Upgraded,
                ServiceStep::RolledBack => Self::RolledBack,
                ServiceStep::Removed => Self::Removed,
                ServiceStep::Published if event.extension.rollout.is_some() => Self::Reaches,
                ServiceStep::Published => Self::Published,
            }),
            Body::Change { .. }
            | Body::Artifact { .. }
            | Body::Build { .. }
            | Body::PipelineRun { .. }
            | Body::TestRun(_)
            | Body::Approval(_)
            | Body::Incident { .. }
            | Body::Ticket(_)
            | Body::Environment { .. }
            | Body::Push(_)
            | Body::Other => None,
        }
    }
}
