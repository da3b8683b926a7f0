//! Loads what release notes say of the time after them: what ran in other environments and was merged, which of it was brought here,
//! and what was announced since. Only the newest of each.

use std::collections::BTreeSet;

use super::deployed::{Deployed, at};
use crate::document::release_notes::{LOOKED_AT, Wanted};
use crate::domain::change::{self, MergedChange};
use crate::domain::deployment::Deployment;
use crate::domain::reference::ReferenceKind;
use crate::store::{Place, Span, StoreError};

/// Adds the deployments; the entries about merged changes. `after` is where the deployment that is spoken of stands in the log.
pub(super) fn add_outlook(
    deployed: &mut Deployed<'_, '_>,
    wanted: &Wanted<'_>,
    after: u64,
) -> Result<BTreeSet<i64>, StoreError> {
    let size = deployed.size;
    let (service, place) = (wanted.service, at(wanted.service, wanted.environment));
    let environments = deployed.tx.environments(size)?;
    let others = environments.iter().filter(|name| name.as_str() != place.environment);
    let spans: Vec<Span<'_>> = others
        .map(|environment| Place { environment, ..place })
        .map(|place| Span::whole(place, size))
        .collect();
    let rows = deployed.tx.last_successes(&spans, LOOKED_AT)?;
    deployed.add(rows)?;
    let rows = deployed.tx.last_merged(&[Span::whole(place, size)], LOOKED_AT)?;
    let merged = change::fold(&deployed.tx.recorded_rows(&rows)?);
    add_bringing(deployed, wanted, &merged)?;
    let here = |found: &&Deployment| found.service == *service && found.environment == *wanted.environment;
    let is_later = |found: &Deployment| found.succeeded() && found.order() > after;
    if !deployed.fold().iter().filter(here).any(is_later) {
        let rows = deployed.tx.said_in(place, after as i64 + 1, size as i64, size)?;
        deployed.add(rows)?;
    }
    Ok(rows.iter().map(|row| row.idx).collect())
}

/// Adds what brought these changes, and those of the other environments, to the place that is asked for.
fn add_bringing(
    deployed: &mut Deployed<'_, '_>,
    wanted: &Wanted<'_>,
    merged: &[MergedChange],
) -> Result<(), StoreError> {
    let all = deployed.fold();
    let elsewhere = all
        .iter()
        .filter(|found| found.service == *wanted.service && found.environment != *wanted.environment);
    let brought = elsewhere.flat_map(|found| found.commits.iter().map(|said| said.value.id.to_ascii_lowercase()));
    let became = merged.iter().filter_map(|change| change.commit.as_ref());
    let commits: BTreeSet<String> = brought
        .chain(became.map(|commit| commit.to_ascii_lowercase()))
        .collect();
    let requests = merged.iter().flat_map(|change| change.url.iter().chain([&change.id]));
    let requests: BTreeSet<String> = requests.cloned().collect();
    drop(all);
    let lists: [(&BTreeSet<String>, &[&str]); 2] = [
        (&commits, &[ReferenceKind::Commit.as_str()]),
        (&requests, &[ReferenceKind::PullRequest.as_str()]),
    ];
    let found = deployed.referring_to(&lists)?;
    let mut rows = deployed.tx.events_of(&found)?;
    let place = at(wanted.service, wanted.environment);
    rows.retain(|row| {
        let there = (row.service.as_deref(), row.environment.as_deref());
        there == (Some(place.service), Some(place.environment))
    });
    deployed.add(rows)
}
