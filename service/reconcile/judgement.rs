//! What one snapshot says about one service, given the deployments that were known then.

use crate::domain::deployment::{Deployment, Effect};
use crate::domain::snapshot::{Content, Snapshot};
use crate::domain::{Instant, ServiceName};

/// How far clocks may be apart, and how long a change may take to show: 5 minutes, in ms.
pub const SKEW_MS: i64 = 5 * 60_000;
/// How long a deployment whose end was not recorded counts as under way: a day, in ms.
pub const ROLLOUT_MS: i64 = 24 * 60 * 60_000;

/// What a snapshot says about something that runs, or should.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Verdict<'a> {
    /// It is what should run, or what is just being changed.
    AsRecorded,
    /// No successful deployment ever put it there.
    Undocumented {
        /// What should run, if anything.
        expected: Option<&'a Deployment>,
    },
    /// A deployment put it there, but another one came after.
    Drift {
        /// What should run: a removal if nothing should.
        expected: &'a Deployment,
    },
    /// It should run, and nothing of the service does.
    Missing {
        /// What should run.
        expected: &'a Deployment,
    },
    /// The snapshot and the deployments name it by different things.
    Incomparable,
}

/// What a snapshot says about a service: of each content that it saw, and of the service if it saw none. `deployments` are those
/// of the service to the environment, in the order that they took effect; `known_by` tells which the ledger knew.
pub(super) fn judge<'a, 's>(
    snapshot: &'s Snapshot,
    service: &ServiceName,
    deployments: &[&'a Deployment],
    known_by: Instant,
) -> Vec<(Option<&'s Content>, Verdict<'a>)> {
    let place = Place::at(snapshot.observed_at, deployments, known_by);
    let mut contents: Vec<&Content> = snapshot
        .running
        .iter()
        .filter(|seen| seen.service == *service)
        .map(|seen| &seen.content)
        .collect();
    contents.sort();
    contents.dedup();
    match place
        .settled()
        .filter(|_| contents.is_empty() && snapshot.covers(service))
    {
        Some(expected) => vec![(None, Verdict::Missing { expected })],
        None => contents
            .into_iter()
            .map(|content| (Some(content), place.of(content)))
            .collect(),
    }
}

/// What was deployed of a service by a time.
struct Place<'a> {
    /// All that succeeded, in the order of the ledger.
    successes: Vec<&'a Deployment>,
    /// What should run; a removal counts.
    expected: Option<&'a Deployment>,
    /// What ended last by its own word, which is another one where one was recorded late.
    latest: Option<&'a Deployment>,
    /// What should have run a little earlier, and may be seen still.
    before: Option<&'a Deployment>,
    /// What was being deployed, however it ended, and may be seen in part.
    under_way: Vec<&'a Deployment>,
}

impl<'a> Place<'a> {
    fn at(time: Instant, deployments: &[&'a Deployment], known_by: Instant) -> Self {
        let (before, after) = (time.plus_millis(-SKEW_MS), time.plus_millis(SKEW_MS));
        let is_known = |at: Instant| at <= known_by;
        let known = || {
            let heard_of = |d: &Deployment| d.statements.first().is_some_and(|first| is_known(first.recorded_at));
            deployments.iter().copied().filter(move |d| heard_of(d))
        };
        let ended = |d: &Deployment| {
            d.end()
                .filter(|end| is_known(end.recorded_at))
                .map(|end| end.occurred_at)
        };
        let successes = |by: Instant| known().filter(move |d| d.succeeded() && ended(d).is_some_and(|end| end <= by));
        let is_under_way = |d: &&Deployment| {
            let start = d.start_at();
            start <= after && start.plus_millis(ROLLOUT_MS) >= time && ended(d).is_none_or(|end| end >= before)
        };
        Self {
            successes: successes(after).collect(),
            expected: successes(time).next_back(),
            latest: successes(time).max_by_key(|d| ended(d)),
            before: successes(before).next_back(),
            under_way: known().filter(is_under_way).collect(),
        }
    }

    /// What should run, where nothing was being changed.
    fn settled(&self) -> Option<&'a Deployment> {
        let unchanged = self.under_way.is_empty() && self.before.map(|d| d.index) == self.expected.map(|d| d.index);
        self.expected.filter(|d| unchanged && d.effect == Effect::Runs)
    }

    fn of(&self, content: &Content) -> Verdict<'a> {
        let same = |d: &Deployment| (d.effect == Effect::Runs).then(|| content.is_of(d));
        let current = [self.expected, self.latest, self.before].into_iter().flatten();
        let current = current.chain(self.under_way.iter().copied());
        let current: Vec<Option<bool>> = current.filter_map(same).collect();
        let earlier: Vec<Option<bool>> = self.successes.iter().filter_map(|d| same(d)).collect();
        let deployed = earlier.contains(&Some(true));
        if current.contains(&Some(true)) {
            Verdict::AsRecorded
        } else if current.contains(&None) || !deployed && earlier.contains(&None) {
            Verdict::Incomparable
        } else {
            match self.expected {
                Some(expected) if deployed => Verdict::Drift { expected },
                expected => Verdict::Undocumented {
                    expected: expected.filter(|d| d.effect == Effect::Runs),
                },
            }
        }
    }
}
