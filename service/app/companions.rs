//! The entries of other services' deployments that may belong with those that release notes speak of.

use std::collections::BTreeSet;

use super::deployments::DEPLOYMENT_SUBJECTS;
use crate::document::release_notes::{SAME_RUN_MS, Wanted, selected};
use crate::domain::deployment::Deployment;
use crate::domain::reference::ReferenceKind;
use crate::store::{EventRow, Place, ReadTx, StoreError};

/// Most deployments that are looked up by the tickets that they share.
const MOST_BY_TICKET: usize = 200;

/// The entries, found by time and by ticket. `here` are the deployments of the service that is asked for.
pub(super) fn companion_indexes(
    tx: &mut ReadTx<'_>,
    wanted: &Wanted<'_>,
    here: &[Deployment],
    tree_size: u64,
) -> Result<BTreeSet<i64>, StoreError> {
    // What cannot be selected has no companions; the document says why it cannot be.
    let Ok(selection) = selected(wanted, here) else {
        return Ok(BTreeSet::new());
    };
    let mut rows: Vec<EventRow> = Vec::new();
    if let (false, Some(end)) = (selection.range, selection.target.finished_at()) {
        let (from, to) = (end.plus_millis(-SAME_RUN_MS), end.plus_millis(SAME_RUN_MS));
        for service in tx.services(tree_size)? {
            let place = Place {
                service: &service,
                environment: wanted.environment.as_str(),
            };
            rows.extend(tx.said_between(place, from.as_millis(), to.as_millis(), tree_size)?);
        }
    }
    let mut found: BTreeSet<i64> = rows.iter().map(|row| row.idx).collect();
    let tickets: BTreeSet<&str> = selection
        .deployments
        .iter()
        .flat_map(|d| d.tickets.iter().map(|said| said.value.id.as_str()))
        .collect();
    let mut about = BTreeSet::new();
    for ticket in tickets {
        about.extend(tx.referring(ticket, &[ReferenceKind::Ticket.as_str()], tree_size)?);
    }
    let mut ids = BTreeSet::new();
    for row in tx.events_of(&about)? {
        let there = row.environment.as_deref() == Some(wanted.environment.as_str());
        if there && DEPLOYMENT_SUBJECTS.contains(&row.subject.as_str()) {
            found.insert(row.idx);
            ids.insert(row.subject_id);
        }
    }
    for id in ids.iter().take(MOST_BY_TICKET) {
        found.extend(tx.referring(id, &[ReferenceKind::Deployment.as_str()], tree_size)?);
    }
    Ok(found)
}
