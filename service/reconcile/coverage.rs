//! What an answer about completeness does not speak of: its limits, said beside it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use utoipa::ToSchema;

use super::finding::Incomparable;
use super::sequence::Series;
use super::{Input, Query};
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
}

/// Why something is not covered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Uncovered {
    /// A service that was deployed here and of which no snapshot speaks.
    NoSnapshot,
    /// Something runs that snapshots tell by one thing and deployments by another, such as a digest and a version.
    NotComparable,
    /// Something runs that the newest snapshot of its source could not tell to be of a service.
    Unmapped,
    /// A source that does not number its records: what it left out cannot show.
    NoSequence,
}

/// All that is not covered.
pub(super) fn not_covered(
    query: &Query,
    input: &Input<'_>,
    snapshots: &[&Snapshot],
    incomparable: &Incomparable,
    sequences: &[Series],
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
        .map(|(name, _)| NotCovered {
            why: Uncovered::NoSnapshot,
            what: name.to_string(),
            indexes: Vec::new(),
        })
        .collect();
    all.extend(incomparable.iter().map(|((name, content), index)| NotCovered {
        why: Uncovered::NotComparable,
        what: format!("{name} {}", content.label()),
        indexes: vec![*index],
    }));
    let by_source: BTreeMap<_, _> = snapshots.iter().map(|snapshot| (&snapshot.source, snapshot)).collect();
    all.extend(by_source.into_values().flat_map(|snapshot| {
        snapshot.unmapped.iter().map(|what| NotCovered {
            why: Uncovered::Unmapped,
            what: what.clone(),
            indexes: vec![snapshot.index],
        })
    }));
    let sources: BTreeSet<&str> = input.heard.iter().map(|heard| heard.source.as_str()).collect();
    let unnumbered = sources
        .iter()
        .filter(|source| !sequences.iter().any(|series| series.source == **source));
    all.extend(unnumbered.map(|source| NotCovered {
        why: Uncovered::NoSequence,
        what: (*source).to_owned(),
        indexes: Vec::new(),
    }));
    all
}
