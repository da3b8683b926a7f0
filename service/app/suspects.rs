//! The tests of those deployments that correlation may suspect: whether one had failed before counts there.

use std::collections::BTreeSet;

use super::metrics::recorded_until;
use crate::correlate::Correlator;
use crate::domain::deployment::Deployment;
use crate::domain::event::{Body, Recorded};
use crate::domain::facts::Facts;
use crate::domain::reference::ReferenceKind;
use crate::store::{ReadTx, StoreError};

/// More contents than this are first compared with all that ever failed a test.
const MANY: usize = 100;

/// Facts from these deployments, by first index, from entries about everything else, and from the tests that correlating the
/// incidents among them needs.
pub(super) fn facts_with_tests(
    tx: &mut ReadTx<'_>,
    deployments: Vec<Deployment>,
    mut others: Vec<Recorded>,
    tree_size: u64,
) -> Result<Facts, StoreError> {
    others.sort_unstable_by_key(|record| record.index);
    let mut facts = Facts::about(deployments, &others);
    let suspects = Correlator::new(&facts).suspects();
    let known = others.iter().map(|record| record.index as i64).collect();
    let tests = tests(tx, &suspects, &known, tree_size)?;
    if !tests.is_empty() {
        others.extend(tests);
        others.sort_unstable_by_key(|record| record.index);
        facts = Facts::about(facts.deployments, &others);
    }
    // Not every entry was read.
    facts.recorded_until = recorded_until(tx, tree_size)?;
    Ok(facts)
}

/// The test runs of what deployments put in place, but those that are known.
fn tests(
    tx: &mut ReadTx<'_>,
    deployments: &[&Deployment],
    known: &BTreeSet<i64>,
    tree_size: u64,
) -> Result<Vec<Recorded>, StoreError> {
    let artifacts = deployments.iter().filter_map(|d| d.artifact.as_ref());
    let artifacts = artifacts.flat_map(|said| said.value.digest.iter().chain([&said.value.id]));
    let commits = deployments.iter().filter_map(|d| d.commit.as_ref());
    let commits = commits.map(|said| said.value.to_ascii_lowercase());
    let mut named: [(BTreeSet<String>, &[&str]); 2] = [
        (
            artifacts.cloned().collect(),
            &[ReferenceKind::Digest.as_str(), ReferenceKind::Artifact.as_str()],
        ),
        (commits.collect(), &[ReferenceKind::Commit.as_str()]),
    ];
    if named.iter().any(|(values, _)| values.len() > MANY) {
        // Where no run failed, the others say nothing.
        let failed = tx.failed_contents(tree_size)?;
        for (values, _) in &mut named {
            values.retain(|value| failed.contains(value));
        }
    }
    let lists: Vec<(&BTreeSet<String>, &[&str])> = named.iter().map(|(values, kinds)| (values, *kinds)).collect();
    let found = tx.referring_to(&lists, tree_size, known)?;
    let mut records = tx.recorded(&found)?;
    // Others of the same content are of other places, or were asked for already.
    records.retain(|record| matches!(record.event.body, Body::TestRun(_)));
    Ok(records)
}
