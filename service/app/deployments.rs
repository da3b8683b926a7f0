//! What runs where, and how it came there.

mod views;

use std::collections::BTreeSet;

use serde::Serialize;
use utoipa::ToSchema;

pub use self::views::ChangeSetView;
use super::App;
use super::deployed::{Deployed, newest};
use super::read::{MAX_PAGE, Page, Paging, ReadError, start, tree_size};
use crate::domain::deployment::{Deployment, Status};
use crate::domain::evidence;
use crate::domain::exposure::ExposureView;
use crate::domain::extension::{Actor, Commit, DeploymentKind, PullRequest, RollbackPlan, TicketRef};
use crate::domain::reference::ReferenceKind;
use crate::domain::{EnvironmentName, Instant, ServiceName, history};
use crate::store::{Cursor, ReadTx, StoreError};

/// Subjects of the events that deployments are folded from.
pub(super) const DEPLOYMENT_SUBJECTS: &[&str] = &["deployment", "shipslog-deployment", "service"];
/// Most events that one page of the list looks at.
const MOST_LOOKED_AT: usize = 4000;

/// What runs in an environment.
#[derive(Debug, Serialize, ToSchema)]
pub struct StateView {
    /// Only entries below this index were looked at.
    pub tree_size: u64,
    /// The environment.
    pub environment: String,
    /// The time it speaks of; absent for the newest state.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub at: Option<Instant>,
    /// One for each service that runs there.
    pub items: Vec<RunningView>,
}

/// A service that runs in an environment.
#[derive(Debug, Serialize, ToSchema)]
pub struct RunningView {
    /// The service.
    pub service: String,
    /// Its version, where one was given.
    pub version: Option<String>,
    /// Its artifact, as it was named.
    pub artifact: Option<String>,
    /// Digest of the artifact, where it was named with one.
    pub digest: Option<String>,
    /// Its commit.
    pub commit: Option<String>,
    /// The deployment that put it there.
    pub deployment_id: String,
    /// Index of the deployment's first entry.
    pub index: u64,
    /// When that deployment ended, as claimed.
    #[schema(value_type = String, format = DateTime)]
    pub since: Instant,
    /// `signature` or `shared-secret`.
    pub attestation: &'static str,
}

/// A deployment.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeploymentView {
    /// Its id.
    pub id: String,
    /// Index of its first entry.
    pub index: u64,
    /// Indexes of all its entries.
    pub indexes: Vec<u64>,
    /// The service.
    pub service: String,
    /// The environment.
    pub environment: String,
    /// How far it is: queued, started or finished.
    pub status: &'static str,
    /// How it ended: success, failure, cancel or error.
    pub outcome: Option<&'static str>,
    /// Its kind.
    pub kind: DeploymentKind,
    /// Whether the kind was said, or follows from what ran before.
    pub kind_said: bool,
    /// Version.
    pub version: Option<String>,
    /// Artifact, as it was named.
    pub artifact: Option<String>,
    /// Digest of the artifact.
    pub digest: Option<String>,
    /// Commit.
    pub commit: Option<String>,
    /// When it started, as claimed.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub started_at: Option<Instant>,
    /// When it ended, as claimed.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub finished_at: Option<Instant>,
    /// When its end entered the log, or its newest entry while it goes on.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub recorded_at: Option<Instant>,
    /// Whether it was planned.
    pub planned: Option<bool>,
    /// Who or what acted.
    pub actor: Option<Actor>,
    /// Why.
    pub reason: Option<String>,
    /// Expected effect on users.
    pub impact: Option<String>,
    /// How much it asks of users.
    #[serde(flatten)]
    pub exposure: ExposureView,
    /// How to go back.
    pub rollback_plan: Option<RollbackPlan>,
    /// Page of the pipeline run.
    pub run_url: Option<String>,
    /// The deployment that ran there before, by the index of its first entry.
    pub replaces: Option<u64>,
    /// Deployments whose changes it took out.
    pub withdraws: Vec<u64>,
    /// `signature` or `shared-secret`.
    pub attestation: &'static str,
    /// Commits brought in.
    pub commits: Vec<Commit>,
    /// How the commits are known, where no record of the deployment holds any and recorded pushes tell of them.
    pub change_set: Option<ChangeSetView>,
    /// Pull requests brought in.
    pub pull_requests: Vec<PullRequest>,
    /// Tickets it is about.
    pub tickets: Vec<TicketRef>,
}

/// A deployment with the evidence that belongs to it.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeploymentDetail {
    /// Only entries below this index were looked at.
    pub tree_size: u64,
    /// The deployment.
    pub deployment: DeploymentView,
    /// Approvals, each with what ties it to the deployment.
    #[schema(value_type = Vec<Object>)]
    pub approvals: Vec<serde_json::Value>,
    /// Test results, each with what ties it to the deployment.
    #[schema(value_type = Vec<Object>)]
    pub tests: Vec<serde_json::Value>,
    /// Reviews, each with what ties it to the deployment.
    #[schema(value_type = Vec<Object>)]
    pub reviews: Vec<serde_json::Value>,
}

/// Which deployments to list.
#[derive(Debug, Clone, Default)]
pub struct DeploymentFilter {
    /// The service.
    pub service: Option<ServiceName>,
    /// The environment.
    pub environment: Option<EnvironmentName>,
    /// How far they are.
    pub status: Option<Status>,
}

impl App {
    /// Names of all services, and the tree size.
    pub fn services(&self, asked: Option<u64>) -> Result<Page<String>, ReadError> {
        self.database.read(|tx| {
            let tree_size = tree_size(tx, asked)?;
            Ok(Page {
                tree_size,
                items: tx.services(tree_size)?,
                next: None,
            })
        })
    }

    /// Names of all environments, and the tree size.
    pub fn environments(&self, asked: Option<u64>) -> Result<Page<String>, ReadError> {
        self.database.read(|tx| {
            let tree_size = tree_size(tx, asked)?;
            Ok(Page {
                tree_size,
                items: tx.environments(tree_size)?,
                next: None,
            })
        })
    }

    /// What runs in an environment now, or ran at a time.
    pub fn state(
        &self,
        environment: &EnvironmentName,
        at: Option<Instant>,
        asked: Option<u64>,
    ) -> Result<StateView, ReadError> {
        self.database.read(|tx| {
            let tree_size = tree_size(tx, asked)?;
            let deployments = newest(tx, environment, at, tree_size)?;
            if deployments.is_empty()
                && !tx
                    .environments(tree_size)?
                    .iter()
                    .any(|name| name == environment.as_str())
            {
                return Err(ReadError::NotFound {
                    what: "environment",
                    name: environment.to_string(),
                });
            }
            let items = history::state(&deployments, environment, at)
                .into_iter()
                .map(Into::into)
                .collect();
            Ok(StateView {
                tree_size,
                environment: environment.to_string(),
                at,
                items,
            })
        })
    }

    /// Deployments, the newest first, in the order of their first entries.
    pub fn deployments(&self, filter: &DeploymentFilter, paging: Paging) -> Result<Page<DeploymentView>, ReadError> {
        self.database.read(|tx| {
            let (tree_size, before) = start(tx, paging)?;
            let limit = usize::from(paging.limit.clamp(1, MAX_PAGE));
            let mut deployed = Deployed::new(tx, tree_size);
            let (listed, next) = listed(&mut deployed, filter, before, limit)?;
            let next = next.map(|before| Cursor { tree_size, before }.to_string());
            let wanted: BTreeSet<u64> = listed.iter().map(|found| found.index).collect();
            deployed.add_history(|found| wanted.contains(&found.index))?;
            let all = deployed.fold();
            let items = all.iter().rev().filter(|found| wanted.contains(&found.index));
            Ok(Page {
                tree_size,
                items: items.map(Into::into).collect(),
                next,
            })
        })
    }

    /// One deployment with its evidence. Its service and environment need to be named only where ids repeat.
    pub fn deployment(
        &self,
        id: &str,
        filter: &DeploymentFilter,
        asked: Option<u64>,
    ) -> Result<DeploymentDetail, ReadError> {
        self.database.read(|tx| {
            let tree_size = tree_size(tx, asked)?;
            let mut deployed = Deployed::new(tx, tree_size);
            let rows = deployed.tx.about(&[id], tree_size)?;
            deployed.add(rows)?;
            let named = deployed.fold();
            let mut places: Vec<_> = named
                .iter()
                .filter(|found| found.id.as_str() == id)
                .filter(|found| filter.service.as_ref().is_none_or(|service| found.service == *service))
                .filter(|found| {
                    filter
                        .environment
                        .as_ref()
                        .is_none_or(|name| found.environment == *name)
                })
                .map(|found| (found.service.clone(), found.environment.clone()))
                .collect();
            places.dedup();
            let (service, environment) = match places.as_slice() {
                [] => {
                    return Err(ReadError::NotFound {
                        what: "deployment",
                        name: id.to_owned(),
                    });
                }
                [place] => place.clone(),
                several => {
                    let places = several
                        .iter()
                        .map(|(service, environment)| format!("{service} in {environment}"));
                    return Err(ReadError::Ambiguous {
                        id: id.to_owned(),
                        places: places.collect::<Vec<_>>().join(", "),
                    });
                }
            };
            let is_it = |found: &&Deployment| {
                found.id.as_str() == id && found.service == service && found.environment == environment
            };
            // Its kind and what it replaced follow from what ran there before.
            deployed.add_history(|found| is_it(&found))?;
            let all = deployed.fold();
            let found = all.iter().find(is_it).ok_or_else(|| ReadError::NotFound {
                what: "deployment",
                name: id.to_owned(),
            })?;
            let indexes = evidence_indexes(&mut deployed, &[found])?;
            let evidence = evidence::fold(&tx.recorded(&indexes)?);
            Ok(DeploymentDetail {
                tree_size,
                deployment: found.into(),
                approvals: bound(evidence.approvals_of(found))?,
                tests: bound(evidence.tests_of(found))?,
                reviews: bound(evidence.reviews_of(found))?,
            })
        })
    }
}

/// Deployments whose first entries are below `before`, the newest first, at most `limit`; and below which index the list goes on.
/// A page ends early where very little of what it looked at is wanted.
fn listed(
    deployed: &mut Deployed<'_, '_>,
    filter: &DeploymentFilter,
    before: u64,
    limit: usize,
) -> Result<(Vec<Deployment>, Option<u64>), StoreError> {
    let service = filter.service.as_ref().map(|name| name.as_str());
    let environment = filter.environment.as_ref().map(|name| name.as_str());
    let (mut listed, mut before, mut looked_at): (Vec<Deployment>, u64, usize) = (Vec::new(), before, 0);
    loop {
        let block = (limit * 3).clamp(30, MOST_LOOKED_AT);
        let rows = deployed.tx.said_before(service, environment, before, block)?;
        let whole = rows.len() < block;
        looked_at += rows.len();
        let firsts: BTreeSet<u64> = rows.iter().map(|row| row.idx as u64).collect();
        before = firsts.first().copied().unwrap_or(before);
        deployed.add(rows)?;
        let all = deployed.fold();
        let found = all.iter().rev().filter(|found| {
            firsts.contains(&found.index) && filter.status.is_none_or(|status| found.status() == status)
        });
        listed.extend(found.cloned());
        if listed.len() > limit {
            listed.truncate(limit);
            let next = listed.last().map(|last| last.index);
            return Ok((listed, next));
        }
        if whole {
            return Ok((listed, None));
        }
        if looked_at >= MOST_LOOKED_AT {
            return Ok((listed, Some(before)));
        }
    }
}

/// The entries whose events may speak of these deployments: found by every value that could tie one to them.
pub(super) fn evidence_indexes(
    deployed: &mut Deployed<'_, '_>,
    deployments: &[&Deployment],
) -> Result<BTreeSet<i64>, StoreError> {
    let mut indexes = naming_indexes(deployed, deployments)?;
    let approvals = whole_approvals(deployed.tx, &indexes, deployed.size)?;
    indexes.extend(approvals);
    Ok(indexes)
}

/// All entries about the approvals that some of these entries are about: an answer need not repeat what its request names.
pub(super) fn whole_approvals(
    tx: &mut ReadTx<'_>,
    indexes: &BTreeSet<i64>,
    tree_size: u64,
) -> Result<BTreeSet<i64>, StoreError> {
    let ids = tx.subject_ids("approval", indexes)?;
    tx.referring_to_any(&ids, &[ReferenceKind::Approval.as_str()], tree_size)
}

/// The entries whose events name these deployments, by content, commit, change or id: but what is said about any that is there.
pub(super) fn naming_indexes(
    deployed: &mut Deployed<'_, '_>,
    deployments: &[&Deployment],
) -> Result<BTreeSet<i64>, StoreError> {
    let [mut contents, mut commits, mut changes, mut ids] = [const { BTreeSet::new() }; 4];
    for found in deployments {
        let content = found.artifact.iter().map(|said| &said.value);
        contents.extend(
            content
                .flat_map(|artifact| artifact.digest.iter().chain([&artifact.id]))
                .cloned(),
        );
        commits.extend(found.commit.iter().map(|said| said.value.to_ascii_lowercase()));
        changes.extend(found.tickets.iter().map(|said| said.value.id.clone()));
        for request in &found.pull_requests {
            let names = request
                .value
                .url
                .iter()
                .chain([&request.value.id])
                .chain(&request.value.merge_commit);
            changes.extend(names.cloned());
        }
        ids.insert(found.id.to_string());
    }
    let lists: [(&BTreeSet<String>, &[&str]); 4] = [
        (
            &contents,
            &[ReferenceKind::Digest.as_str(), ReferenceKind::Artifact.as_str()],
        ),
        (&commits, &[ReferenceKind::Commit.as_str()]),
        (
            &changes,
            &[
                ReferenceKind::Change.as_str(),
                ReferenceKind::Ticket.as_str(),
                ReferenceKind::PullRequest.as_str(),
            ],
        ),
        (&ids, &[ReferenceKind::Deployment.as_str()]),
    ];
    deployed.referring_to(&lists)
}

fn bound<T: Serialize>(list: Vec<(&T, evidence::Bond)>) -> Result<Vec<serde_json::Value>, StoreError> {
    list.into_iter()
        .map(|(item, bond)| {
            let mut value = serde_json::to_value(item)?;
            if let Some(members) = value.as_object_mut() {
                members.insert("bond".into(), serde_json::to_value(bond)?);
            }
            Ok(value)
        })
        .collect::<Result<_, serde_json::Error>>()
        .map_err(|error| StoreError::Damaged(error.to_string()))
}
