//! What hurt a live environment, and which deployments may have caused it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use utoipa::ToSchema;

use super::App;
use super::causes::correlation_facts;
use super::read::{MAX_PAGE, Page, Paging, ReadError, start, tree_size};
use crate::correlate::{Correlation, Correlator};
use crate::domain::incident::{self, Incident};
use crate::domain::{EnvironmentName, Instant, ServiceName};
use crate::store::{Cursor, Rare, ReadTx, StoreError};

/// Most events that one page of the list looks at.
const MOST_LOOKED_AT: usize = 4000;

/// An incident, with the deployments that may have caused it.
#[derive(Debug, Serialize, ToSchema)]
pub struct IncidentView {
    /// Its id.
    pub id: String,
    /// Index of its first entry.
    pub index: u64,
    /// Indexes of all its entries.
    pub indexes: Vec<u64>,
    /// The service it hurt.
    pub service: Option<String>,
    /// The environment it hurt.
    pub environment: Option<String>,
    /// What it is.
    pub description: Option<String>,
    /// How bad it is.
    pub severity: Option<String>,
    /// Its ticket.
    pub ticket: Option<String>,
    /// When it began: the impact if that was told, else the detection.
    #[schema(value_type = String, format = DateTime)]
    pub began_at: Instant,
    /// When it was over.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub resolved_at: Option<Instant>,
    /// Whether it goes on.
    pub open: bool,
    /// Deployments that may have caused it, with score and reasons; `no_candidate` says that there is none.
    #[schema(value_type = Object)]
    pub correlation: Correlation,
}

/// One incident.
#[derive(Debug, Serialize, ToSchema)]
pub struct IncidentDetail {
    /// Only entries below this index were looked at.
    pub tree_size: u64,
    /// The incident.
    pub incident: IncidentView,
}

/// Which incidents to list.
#[derive(Debug, Clone, Default)]
pub struct IncidentFilter {
    /// The service.
    pub service: Option<ServiceName>,
    /// The environment.
    pub environment: Option<EnvironmentName>,
    /// Only those that go on, or only those that are over.
    pub open: Option<bool>,
    /// Those that began not before this.
    pub from: Option<Instant>,
    /// Those that began before this.
    pub to: Option<Instant>,
}

impl App {
    /// Incidents, the newest first, in the order of their first entries.
    pub fn incidents(&self, filter: &IncidentFilter, paging: Paging) -> Result<Page<IncidentView>, ReadError> {
        self.database.read(|tx| {
            let (tree_size, before) = start(tx, paging)?;
            let limit = usize::from(paging.limit.clamp(1, MAX_PAGE));
            let (all, next) = listed(tx, filter, before, limit, tree_size)?;
            let next = next.map(|before| Cursor { tree_size, before }.to_string());
            let facts = correlation_facts(tx, &all, None, tree_size)?;
            let correlator = Correlator::new(&facts);
            let items = all.iter().map(|found| view(found, &correlator)).collect();
            Ok(Page { tree_size, items, next })
        })
    }

    /// One incident.
    pub fn incident(&self, id: &str, asked: Option<u64>) -> Result<IncidentDetail, ReadError> {
        self.database.read(|tx| detail(tx, id, asked))
    }
}

/// One incident, with its candidates.
pub(super) fn detail(tx: &mut ReadTx<'_>, id: &str, asked: Option<u64>) -> Result<IncidentDetail, ReadError> {
    let tree_size = tree_size(tx, asked)?;
    let found = found(tx, id, tree_size)?;
    let facts = correlation_facts(tx, std::slice::from_ref(&found), None, tree_size)?;
    Ok(IncidentDetail {
        tree_size,
        incident: view(&found, &Correlator::new(&facts)),
    })
}

/// The incident with this id.
pub(super) fn found(tx: &mut ReadTx<'_>, id: &str, tree_size: u64) -> Result<Incident, ReadError> {
    let found = whole(tx, &[id], false, tree_size)?.into_iter().next();
    found.ok_or_else(|| ReadError::NotFound {
        what: "incident",
        name: id.to_owned(),
    })
}

/// Incidents whose first entries are below `before`, the newest first, at most `limit`; and below which index the list goes on. A
/// page ends early where very little of what it looked at is wanted.
pub(super) fn listed(
    tx: &mut ReadTx<'_>,
    filter: &IncidentFilter,
    before: u64,
    limit: usize,
    tree_size: u64,
) -> Result<(Vec<Incident>, Option<u64>), StoreError> {
    let (mut listed, mut below, mut looked_at): (Vec<Incident>, u64, usize) = (Vec::new(), before, 0);
    let wanted = |found: &Incident| {
        found.index < before
            && filter.open.is_none_or(|open| found.open() == open)
            && (filter.service.is_none() || found.service == filter.service)
            && (filter.environment.is_none() || found.environment == filter.environment)
            && filter.from.is_none_or(|from| from <= found.began().0)
            && filter.to.is_none_or(|to| found.began().0 < to)
    };
    loop {
        // The incidents of one service are few; what is said about one need not name it every time.
        let (services, from, block) = match &filter.service {
            Some(service) => (vec![service.as_str()], tree_size, usize::MAX),
            None => (Vec::new(), below, (limit * 4).clamp(40, MOST_LOOKED_AT)),
        };
        let rows = tx.rare(
            Rare::Incident,
            &services,
            from,
            i64::try_from(block).unwrap_or(i64::MAX),
        )?;
        let whole_list = rows.len() < block;
        looked_at += rows.len();
        let firsts: BTreeSet<u64> = rows.iter().map(|row| row.idx as u64).collect();
        below = firsts.first().copied().unwrap_or(below);
        let ids: BTreeSet<&str> = rows.iter().filter_map(|row| row.about.as_deref()).collect();
        let ids: Vec<&str> = ids.into_iter().collect();
        let found = whole(tx, &ids, filter.open == Some(true), tree_size)?.into_iter().rev();
        let begins_here = |found: &Incident| filter.service.is_some() || firsts.contains(&found.index);
        listed.extend(found.filter(|found| begins_here(found) && wanted(found)));
        if listed.len() > limit {
            listed.truncate(limit);
            let next = listed.last().map(|last| last.index);
            return Ok((listed, next));
        }
        if whole_list {
            return Ok((listed, None));
        }
        if looked_at >= MOST_LOOKED_AT {
            return Ok((listed, Some(below)));
        }
    }
}

/// The incidents with these ids, with all that was said about them, by first index; without those that are surely over, if only
/// open ones are wanted.
fn whole(tx: &mut ReadTx<'_>, ids: &[&str], open: bool, tree_size: u64) -> Result<Vec<Incident>, StoreError> {
    let mut rows = tx.about(ids, tree_size)?;
    rows.retain(|row| row.subject == "incident");
    rows.sort_unstable_by_key(|row| row.idx);
    if open {
        // What its last word says is over was not opened again.
        let last = rows
            .iter()
            .filter_map(|row| Some((row.about.clone()?, row.predicate == "resolved")));
        let last: BTreeMap<String, bool> = last.collect();
        rows.retain(|row| row.about.as_ref().and_then(|id| last.get(id)) != Some(&true));
    }
    Ok(incident::fold(&tx.recorded_rows(&rows)?))
}

fn view(found: &Incident, correlator: &Correlator<'_>) -> IncidentView {
    IncidentView {
        id: found.id.to_string(),
        index: found.index,
        indexes: found.indexes(),
        service: found.service.as_ref().map(ToString::to_string),
        environment: found.environment.as_ref().map(ToString::to_string),
        description: found.description.as_ref().map(|said| said.value.clone()),
        severity: found.severity.as_ref().map(|said| said.value.clone()),
        ticket: found.ticket.as_ref().map(|said| said.value.clone()),
        began_at: found.began().0,
        resolved_at: found.resolved().map(|statement| statement.occurred_at),
        open: found.open(),
        correlation: correlator.candidates(found),
    }
}
