//! What hurt a live environment, and which deployments may have caused it.

use serde::Serialize;
use utoipa::ToSchema;

use super::App;
use super::deployments::incidents;
use super::links::correlation_facts;
use super::read::{MAX_PAGE, Page, Paging, ReadError, start, tree_size};
use crate::correlate::{Correlation, Correlator};
use crate::domain::incident::{self, Incident};
use crate::domain::reference::ReferenceKind;
use crate::domain::{EnvironmentName, Instant, ServiceName};
use crate::store::{Cursor, ReadTx};

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
}

impl App {
    /// Incidents, the newest first, in the order of their first entries.
    pub fn incidents(&self, filter: &IncidentFilter, paging: Paging) -> Result<Page<IncidentView>, ReadError> {
        self.database.read(|tx| {
            let (tree_size, before) = start(tx, paging)?;
            let limit = usize::from(paging.limit.clamp(1, MAX_PAGE));
            let mut all = incidents(tx, filter.service.as_ref(), filter.environment.as_ref(), tree_size)?;
            all.retain(|found| found.index < before && filter.open.is_none_or(|open| found.open() == open));
            all.sort_unstable_by_key(|found| std::cmp::Reverse(found.index));
            let more = all.len() > limit;
            all.truncate(limit);
            let next = all.last().filter(|_| more).map(|last| {
                Cursor {
                    tree_size,
                    before: last.index,
                }
                .to_string()
            });
            let facts = correlation_facts(tx, filter.environment.as_ref(), tree_size)?;
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
    let facts = correlation_facts(tx, found.environment.as_ref(), tree_size)?;
    Ok(IncidentDetail {
        tree_size,
        incident: view(&found, &Correlator::new(&facts)),
    })
}

/// The incident with this id.
pub(super) fn found(tx: &mut ReadTx<'_>, id: &str, tree_size: u64) -> Result<Incident, ReadError> {
    let indexes = tx.referring(id, &[ReferenceKind::Incident.as_str()], tree_size)?;
    let records = tx.recorded(&indexes.into_iter().collect())?;
    let found = incident::fold(&records)
        .into_iter()
        .find(|found| found.id.as_str() == id);
    found.ok_or_else(|| ReadError::NotFound {
        what: "incident",
        name: id.to_owned(),
    })
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
