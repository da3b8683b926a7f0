//! The entries of other services' deployments that may belong with those that release notes speak of.

use std::collections::BTreeSet;

use super::deployments::DEPLOYMENT_SUBJECTS;
use crate::document::release_notes::{SAME_RUN_MS, Wanted, selected};
use crate::domain::deployment::Deployment;
use crate::domain::reference::ReferenceKind;
use crate::store::{EventRow, Place, ReadTx, Span, StoreError};

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
        let services = tx.services(tree_size)?;
        let times = services.iter().map(|service| Span {
            place: Place {
                service,
                environment: wanted.environment.as_str(),
            },
            from: from.as_millis(),
            to: to.as_millis() + 1,
        });
        rows.extend(tx.said_between(&times.collect::<Vec<_>>(), tree_size)?);
    }
    let mut found: BTreeSet<i64> = rows.iter().map(|row| row.idx).collect();
    let tickets: BTreeSet<String> = selection
        .deployments
        .iter()
        .flat_map(|d| d.tickets.iter().map(|said| said.value.id.clone()))
        .collect();
    let about = tx.referring_to_any(&tickets, &[ReferenceKind::Ticket.as_str()], tree_size)?;
    let mut ids = BTreeSet::new();
    for row in tx.events_of(&about)? {
        let there = row.environment.as_deref() == Some(wanted.environment.as_str());
        if there && DEPLOYMENT_SUBJECTS.contains(&row.subject.as_str()) {
            found.insert(row.idx);
            ids.insert(row.subject_id);
        }
    }
    let ids = ids.into_iter().take(MOST_BY_TICKET).collect();
    found.extend(tx.referring_to_any(&ids, &[ReferenceKind::Deployment.as_str()], tree_size)?);
    Ok(found)
}
