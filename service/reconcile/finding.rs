//! Findings: what ran and should not have, from the snapshot that first showed it to what put an end to it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use utoipa::ToSchema;

use super::judgement::{SKEW_MS, Verdict, judge};
use super::{Input, Query};
use crate::domain::deployment::{Deployment, Effect};
use crate::domain::snapshot::{Content, Snapshot};
use crate::domain::{Instant, ProducerName, ServiceName};

/// Where what ran was not what was recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Finding {
    /// What is wrong.
    pub kind: FindingKind,
    /// The service.
    #[schema(value_type = String)]
    pub service: ServiceName,
    /// What ran; null where nothing did.
    pub running: Option<Content>,
    /// How many of it ran when it was last seen, where the snapshot tells.
    pub instances: Option<u32>,
    /// What should have run when it was first seen; null where nothing should.
    pub expected: Option<Expected>,
    /// The snapshot that showed it first, with the time that it was taken.
    pub opened: Moment,
    /// The snapshot that showed it last.
    pub last_seen: Moment,
    /// What ended it; null while it is open.
    pub closed: Option<Closed>,
    /// Who signed the snapshots that show it, and the deployments of the service there.
    #[serde(skip)]
    pub signers: BTreeSet<ProducerName>,
}

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// Something runs that no successful deployment put there.
    Undocumented,
    /// Something runs that was deployed once, but another deployment came after.
    Drift,
    /// Nothing runs of a service whose newest deployment succeeded.
    Missing,
}

impl FindingKind {
    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Undocumented => "undocumented",
            Self::Drift => "drift",
            Self::Missing => "missing",
        }
    }
}

/// What should have run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Expected {
    /// Index of the first entry of the deployment.
    pub index: u64,
    /// Its id.
    pub deployment_id: String,
    /// What to call it in one word: a version, mostly.
    pub label: String,
    /// Its digest.
    pub digest: Option<String>,
}

/// An entry, and the time that matters about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct Moment {
    /// Index of the entry.
    pub index: u64,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Instant,
}

/// What ended a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct Closed {
    /// Index of the entry that ended it.
    pub index: u64,
    /// When: the snapshot was taken, or the deployment was recorded.
    #[schema(value_type = String, format = DateTime)]
    pub at: Instant,
    /// How.
    pub how: Closing,
}

/// How a finding ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Closing {
    /// A later snapshot shows that it is so no longer.
    Resolved,
    /// A deployment that had happened before was recorded only afterwards.
    DocumentedLater,
}

/// What could not be told apart in a snapshot: service, content, index of the snapshot.
pub(super) type Incomparable = BTreeMap<(ServiceName, Content), u64>;

/// The finding that is open about something.
type Subject = (FindingKind, Option<Content>);

/// All findings, the first opened first; and what could not be told.
pub(super) fn findings(query: &Query, input: &Input<'_>) -> (Vec<Finding>, Incomparable) {
    let mut places: BTreeMap<&ServiceName, Vec<&Deployment>> = BTreeMap::new();
    for deployment in input.deployments {
        places.entry(&deployment.service).or_default().push(deployment);
    }
    for seen in input.snapshots.iter().flat_map(|snapshot| &snapshot.running) {
        places.entry(&seen.service).or_default();
    }
    // A snapshot speaks of the moment that it was taken at, whenever it was recorded.
    let mut snapshots: Vec<&Snapshot> = input.snapshots.iter().collect();
    snapshots.sort_by_key(|snapshot| (snapshot.observed_at, snapshot.index));
    let (mut found, mut incomparable) = (Vec::new(), Incomparable::new());
    for (name, mut deployments) in places {
        if query.service.as_ref().is_none_or(|service| service == name) {
            deployments.sort_by_key(|deployment| deployment.order());
            let statements = deployments.iter().flat_map(|deployment| &deployment.statements);
            let mut history = History {
                service: name,
                recorders: statements.map(|statement| statement.producer.clone()).collect(),
                deployments,
                found: Vec::new(),
                open: BTreeMap::new(),
            };
            for snapshot in snapshots.iter().filter(|snapshot| snapshot.speaks_of(name)) {
                let untold = history.step(snapshot);
                if query.contains(snapshot.observed_at) {
                    incomparable.extend(untold.into_iter().map(|key| (key, snapshot.index)));
                }
            }
            found.extend(history.found);
        }
    }
    found.sort_by_key(|finding: &Finding| (finding.opened.at, finding.opened.index));
    (found, incomparable)
}

/// What is found about one service, from one snapshot to the next.
struct History<'a> {
    service: &'a ServiceName,
    /// In the order that they took effect.
    deployments: Vec<&'a Deployment>,
    /// Who signed these.
    recorders: BTreeSet<ProducerName>,
    found: Vec<Finding>,
    /// What is open, with its place in `found`, and what saw it last.
    open: BTreeMap<Subject, (usize, &'a str)>,
}

impl<'a> History<'a> {
    /// Takes in a snapshot; gives what could not be told.
    fn step(&mut self, snapshot: &'a Snapshot) -> Vec<(ServiceName, Content)> {
        let mut untold = Vec::new();
        let moment = Moment {
            index: snapshot.index,
            at: snapshot.observed_at,
        };
        let known_by = snapshot.recorded_at.plus_millis(SKEW_MS);
        let mut still = BTreeSet::new();
        for (content, verdict) in judge(snapshot, self.service, &self.deployments, known_by) {
            let (kind, expected) = match verdict {
                Verdict::AsRecorded => continue,
                Verdict::Incomparable => {
                    untold.extend(content.map(|content| (self.service.clone(), content.clone())));
                    continue;
                }
                Verdict::Undocumented { expected } => (FindingKind::Undocumented, expected),
                Verdict::Drift { expected } => (FindingKind::Drift, Some(expected)),
                Verdict::Missing { expected } => (FindingKind::Missing, Some(expected)),
            };
            let subject = (kind, content.cloned());
            let (place, seen_by) = self.open.entry(subject.clone()).or_insert_with(|| {
                self.found.push(Finding {
                    kind,
                    service: self.service.clone(),
                    running: content.cloned(),
                    instances: None,
                    expected: expected.filter(|d| d.effect == Effect::Runs).map(Expected::of),
                    opened: moment,
                    last_seen: moment,
                    closed: documented(kind, content, expected, &self.deployments, snapshot),
                    signers: self.recorders.clone(),
                });
                (self.found.len() - 1, snapshot.source.as_str())
            });
            *seen_by = &snapshot.source;
            if let Some(finding) = self.found.get_mut(*place) {
                finding.last_seen = moment;
                finding.signers.insert(snapshot.producer.clone());
                finding.instances = content.and_then(|content| instances(snapshot, self.service, content));
            }
            still.insert(subject);
        }
        // What does not show any more is over only if this snapshot would show it: it is complete, or by who saw it.
        let found = &mut self.found;
        self.open.retain(|subject, (place, seen_by)| {
            let would_show = subject.1.is_none() || snapshot.covers(self.service) || *seen_by == snapshot.source;
            let goes_on = still.contains(subject) || !would_show;
            if !goes_on && let Some(finding) = found.get_mut(*place) {
                let documented = finding.closed.filter(|closed| closed.at <= known_by);
                finding.closed = Some(documented.unwrap_or(Closed {
                    index: moment.index,
                    at: moment.at,
                    how: Closing::Resolved,
                }));
            }
            goes_on
        });
        untold
    }
}

impl Expected {
    fn of(deployment: &Deployment) -> Self {
        Self {
            index: deployment.index,
            deployment_id: deployment.id.to_string(),
            label: deployment.label(),
            digest: deployment.digest().map(str::to_owned),
        }
    }
}

fn instances(snapshot: &Snapshot, service: &ServiceName, content: &Content) -> Option<u32> {
    let same = snapshot.running_of(service).filter(|seen| seen.content == *content);
    same.filter_map(|seen| seen.instances).reduce(u32::saturating_add)
}

/// The first record that explains what a snapshot shows and came only afterwards: of a deployment that had happened by then.
fn documented(
    kind: FindingKind,
    content: Option<&Content>,
    expected: Option<&Deployment>,
    deployments: &[&Deployment],
    snapshot: &Snapshot,
) -> Option<Closed> {
    let (by, known_by) = (
        snapshot.observed_at.plus_millis(SKEW_MS),
        snapshot.recorded_at.plus_millis(SKEW_MS),
    );
    let since = expected
        .filter(|_| kind != FindingKind::Undocumented)
        .and_then(|d| d.finished_at());
    let explains = |d: &Deployment| match content {
        Some(content) => d.effect == Effect::Runs && content.is_of(d) == Some(true),
        None => d.effect == Effect::Removes,
    };
    let end = deployments
        .iter()
        .filter(|d| d.succeeded() && explains(d))
        .find_map(|d| {
            let end = d.end()?;
            let in_time = end.occurred_at <= by && since.is_none_or(|since| end.occurred_at > since);
            (in_time && end.recorded_at > known_by).then_some(end)
        })?;
    Some(Closed {
        index: end.index,
        at: end.recorded_at,
        how: Closing::DocumentedLater,
    })
}
