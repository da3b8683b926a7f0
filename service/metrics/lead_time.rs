//! Change lead time: how long a commit took from being committed to running in production. It must never count a
//! commit twice, nor take the whole history for the change that the first record of a service brought.

use std::collections::{BTreeSet, HashMap, HashSet};

use serde::Serialize;
use utoipa::ToSchema;

use super::population::Population;
use super::quantile::Distribution;
use crate::domain::deployment::{Deployment, Role, Said};
use crate::domain::extension::Commit;
use crate::domain::{Instant, ServiceName};

/// How long commits took to production, each counted where it got there first. Merges are left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct LeadTime {
    /// From commit to the end of the deployment; `n` counts commits.
    pub commits: Distribution,
    /// The commits that took longest, the longest first; at most five.
    pub longest: Vec<LongCommit>,
    /// Where the time of a commit comes from: the deployment's record gives one time a commit.
    pub time_source: &'static str,
    /// Merge commits left out.
    pub merges: usize,
    /// Commits left out because the first known deployment of their service and environment brought them.
    pub baseline: usize,
    /// Commits left out because they were first seen on going back.
    pub rollback: usize,
    /// Commits left out because no time of theirs was recorded.
    pub without_time: usize,
    /// The deployments that brought those.
    pub without_time_deployments: BTreeSet<u64>,
    /// Commits left out because they claim to be younger than their deployment: a defect of the data.
    pub negative: usize,
    /// The deployments that brought those.
    pub negative_deployments: BTreeSet<u64>,
}

/// A commit and the time that it took.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
pub struct LongCommit {
    /// From commit to the end of the deployment.
    pub lead_time_ms: i64,
    /// The deployment that brought it.
    pub deployment: u64,
    /// Its id.
    pub commit: String,
}

/// The commits that reached production, by service.
#[derive(Default)]
struct Seen<'a> {
    counted: HashSet<(&'a ServiceName, String)>,
    /// Those that came with other deployments, and when that was said last.
    earlier: HashMap<(&'a ServiceName, String), Instant>,
}

impl<'a> Seen<'a> {
    fn add_earlier(&mut self, deployment: &'a Deployment, commit: &Commit, said_at: Instant) {
        let key = (&deployment.service, commit.id.to_ascii_lowercase());
        let last = self.earlier.entry(key).or_insert(said_at);
        *last = said_at.max(*last);
    }

    /// Whether a commit reached production for the first time. What claims to be older than it did not bring it.
    fn is_new(&mut self, deployment: &'a Deployment, commit: &Commit) -> bool {
        let key = (&deployment.service, commit.id.to_ascii_lowercase());
        let earlier = self.earlier.get(&key);
        let came_before = earlier.is_some_and(|last| commit.committed_at.is_none_or(|made| *last >= made));
        self.counted.insert(key) && !came_before
    }
}

/// When it was said that a deployment brought a commit, as claimed.
fn said_at(deployment: &Deployment, commit: &Said<Commit>) -> Instant {
    let mut statements = deployment.statements.iter();
    let said = statements.find(|statement| statement.index == commit.index);
    said.map_or_else(|| deployment.start_at(), |statement| statement.occurred_at)
}

/// How many of the longest are named.
const LONGEST: usize = 5;

impl LeadTime {
    pub(super) fn of(population: &Population<'_>) -> Self {
        let period = &population.scope.query.period;
        let mut found = Self {
            time_source: "committed_at",
            ..Self::default()
        };
        let mut seen = Seen::default();
        let (mut items, mut longest) = (Vec::new(), Vec::new());
        for deployment in &population.history {
            let counts = deployment.finished_at().is_some_and(|at| period.contains(at))
                && population.scope.is_owned(&deployment.service, deployment.start_at());
            for commit in &deployment.commits {
                let said_at = said_at(deployment, commit);
                let commit = &commit.value;
                if !counts {
                    seen.add_earlier(deployment, commit, said_at);
                } else if seen.is_new(deployment, commit) {
                    let item = found.item(deployment, commit);
                    items.extend(item);
                    longest.extend(item.map(|(deployment, lead_time_ms)| LongCommit {
                        lead_time_ms,
                        deployment,
                        commit: commit.id.clone(),
                    }));
                }
            }
        }
        longest.sort_by(|a, b| b.cmp(a));
        longest.truncate(LONGEST);
        found.longest = longest;
        found.commits = Distribution::of(&items);
        found
    }

    /// The time that a new commit took, unless there is a reason to leave it out, which is counted.
    fn item(&mut self, deployment: &Deployment, commit: &Commit) -> Option<(u64, i64)> {
        if commit.merge == Some(true) {
            self.merges += 1;
            return None;
        }
        match deployment.lineage.role {
            Role::First => {
                self.baseline += 1;
                return None;
            }
            Role::Back => {
                self.rollback += 1;
                return None;
            }
            Role::Forward | Role::Again => {}
        }
        let Some(committed_at) = commit.committed_at else {
            self.without_time += 1;
            self.without_time_deployments.insert(deployment.index);
            return None;
        };
        let millis = deployment.finished_at()?.millis_since(committed_at);
        if millis < 0 {
            self.negative += 1;
            self.negative_deployments.insert(deployment.index);
            return None;
        }
        Some((deployment.index, millis))
    }
}
