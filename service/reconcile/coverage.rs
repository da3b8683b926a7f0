//! What an answer about completeness does not speak of: its limits, said beside it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use utoipa::ToSchema;

use super::finding::{Incomparable, Moment};
use super::{Heard, Input, Query};
use crate::domain::ServiceName;
use crate::domain::deployment::{Deployment, Effect};
use crate::domain::snapshot::Snapshot;

/// Something that nobody can tell from what was recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct NotCovered {
    /// Why not.
    pub why: Uncovered,
    /// What: a service, a source, or something that runs.
    pub what: String,
    /// Entries that say so; none where it is that there are none.
    pub indexes: Vec<u64>,
    /// When it ran, of what runs and is of no known service.
    pub seen: Option<Sighting>,
}

/// From when to when snapshots of one source show something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct Sighting {
    /// The first that shows it.
    pub first: Moment,
    /// The last.
    pub last: Moment,
    /// The next of the same source, which would show it and does not. It may have run until then.
    pub gone: Option<Moment>,
}

/// Why something is not covered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Uncovered {
    /// A service that was deployed here and of which no snapshot speaks.
    NoSnapshot,
    /// Something runs that snapshots tell by one thing and deployments by another, such as a digest and a version.
    NotComparable,
    /// Something ran that a snapshot could not tell to be of a service.
    Unmapped,
    /// A source that does not number its records of deployments and snapshots: what it left out cannot show.
    NoSequence,
    /// A source that numbers some of its records, and these not: what it left out beside its numbers cannot show.
    Unnumbered,
}

/// All that is not covered.
pub(super) fn not_covered(
    query: &Query,
    input: &Input<'_>,
    snapshots: &[&Snapshot],
    incomparable: &Incomparable,
) -> Vec<NotCovered> {
    let mut newest: BTreeMap<&ServiceName, &Deployment> = BTreeMap::new();
    let by = |d: &Deployment| {
        query
            .to
            .is_none_or(|to| d.end().is_some_and(|end| end.occurred_at < to))
    };
    for deployment in input.deployments.iter().filter(|d| d.succeeded() && by(d)) {
        let known = newest.entry(&deployment.service).or_insert(deployment);
        if known.order() < deployment.order() {
            *known = deployment;
        }
    }
    let unseen = newest.into_iter().filter(|(name, deployment)| {
        deployment.effect == Effect::Runs
            && query.service.as_ref().is_none_or(|service| service == *name)
            && !snapshots.iter().any(|snapshot| snapshot.speaks_of(name))
    });
    let mut all: Vec<NotCovered> = unseen
        .map(|(name, _)| NotCovered::new(Uncovered::NoSnapshot, name, Vec::new()))
        .collect();
    all.extend(incomparable.iter().map(|((name, content), index)| {
        let what = format!("{name} {}", content.label());
        NotCovered::new(Uncovered::NotComparable, &what, vec![*index])
    }));
    all.extend(unmapped(snapshots));
    all.extend(unnumbered(input));
    all
}

impl NotCovered {
    fn new(why: Uncovered, what: &(impl ToString + ?Sized), indexes: Vec<u64>) -> Self {
        Self {
            why,
            what: what.to_string(),
            indexes,
            seen: None,
        }
    }
}

/// What ran at any time and is of no known service, as each source calls it.
fn unmapped(snapshots: &[&Snapshot]) -> Vec<NotCovered> {
    let mut by_source: BTreeMap<&str, Vec<&Snapshot>> = BTreeMap::new();
    for snapshot in snapshots {
        by_source.entry(&snapshot.source).or_default().push(snapshot);
    }
    let mut all = Vec::new();
    for taken in by_source.values_mut() {
        taken.sort_by_key(|snapshot| (snapshot.observed_at, snapshot.index));
        let names: BTreeSet<&String> = taken.iter().flat_map(|snapshot| &snapshot.unmapped).collect();
        all.extend(names.into_iter().filter_map(|what| {
            let shows = |snapshot: &&Snapshot| snapshot.unmapped.contains(what);
            let (first, last) = (taken.iter().position(shows)?, taken.iter().rposition(shows)?);
            let would_show = |later: &&Snapshot| later.services.is_empty() || later.services == taken[last].services;
            let gone = taken[last + 1..].iter().copied().find(would_show);
            let mut indexes = vec![taken[first].index, taken[last].index];
            indexes.dedup();
            Some(NotCovered {
                seen: Some(Sighting {
                    first: moment(taken[first]),
                    last: moment(taken[last]),
                    gone: gone.map(moment),
                }),
                ..NotCovered::new(Uncovered::Unmapped, what, indexes)
            })
        }));
    }
    all
}

fn moment(snapshot: &Snapshot) -> Moment {
    Moment {
        index: snapshot.index,
        at: snapshot.observed_at,
    }
}

/// The sources that number nothing of what was heard of them, and the records without a number of those that number others. Who numbers deployments need not
/// number snapshots too.
fn unnumbered(input: &Input<'_>) -> Vec<NotCovered> {
    let numbered: BTreeSet<u64> = input.numbered.iter().map(|one| one.index).collect();
    let snapshots: BTreeSet<u64> = input.snapshots.iter().map(|snapshot| snapshot.index).collect();
    let mut sources: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for Heard { source, index, .. } in input.heard {
        sources.entry(source).or_default().push(*index);
    }
    let limit = |(source, sent): (&str, Vec<u64>)| {
        let (with, mut without): (Vec<u64>, Vec<u64>) = sent.iter().partition(|index| numbered.contains(index));
        if with.is_empty() {
            return Some(NotCovered::new(Uncovered::NoSequence, source, Vec::new()));
        }
        if !with.iter().any(|index| snapshots.contains(index)) {
            without.retain(|index| !snapshots.contains(index));
        }
        (!without.is_empty()).then(|| NotCovered::new(Uncovered::Unnumbered, source, without))
    };
    sources.into_iter().filter_map(limit).collect()
}
