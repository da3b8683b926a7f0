//! What all reading has in common: the tree size it speaks of, pages, and what can go wrong.

use std::collections::BTreeSet;

use serde::Serialize;
use utoipa::ToSchema;

use super::Tombstone;
use crate::domain::{EnvironmentName, ServiceName};
use crate::store::{Cursor, ReadTx, StoreError};

/// Most items of one page.
pub const MAX_PAGE: u16 = 500;

/// A page of a list, and the tree size that the list speaks of.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Page<T> {
    /// Only entries below this index were looked at.
    pub tree_size: u64,
    /// The items.
    pub items: Vec<T>,
    /// Where the list goes on; absent on its last page.
    pub next: Option<String>,
}

/// Where a list begins.
#[derive(Debug, Clone, Copy, Default)]
pub struct Paging {
    /// As of this tree size; the newest if absent.
    pub tree_size: Option<u64>,
    /// Goes on here.
    pub cursor: Option<Cursor>,
    /// At most this many items.
    pub limit: u16,
}

/// Why something cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It is not there, as of the tree size that was asked about.
    #[error("there is no {what} {name}")]
    NotFound {
        /// What was looked for.
        what: &'static str,
        /// Which one.
        name: String,
    },
    /// Several are called that.
    #[error("several deployments are called {id}; name the service and the environment too: {places}")]
    Ambiguous {
        /// What was looked for.
        id: String,
        /// Where they are.
        places: String,
    },
    /// The log is not that large yet.
    #[error("tree_size is {asked}, but the log has {size} entries")]
    TreeSize {
        /// What was asked for.
        asked: u64,
        /// What there is.
        size: u64,
    },
    /// Its content was destroyed.
    #[error("the content of entry {} was erased by entry {}", .0.index, .0.erased_by)]
    Erased(Box<Tombstone>),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Something that is asked about, and that nothing recorded speaks of.
#[derive(Debug, thiserror::Error)]
pub enum Unknown {
    /// Nothing is recorded of the service.
    #[error("there is no service {0}")]
    Service(ServiceName),
    /// No service was ever declared to be of the team.
    #[error("there is no team {0}")]
    Team(String),
    /// Nothing is recorded of the environment.
    #[error("there is no environment {0}")]
    Environment(EnvironmentName),
}

impl Unknown {
    /// The parameter that asks about it.
    pub const fn parameter(&self) -> &'static str {
        match self {
            Self::Service(_) => "service",
            Self::Team(_) => "team",
            Self::Environment(_) => "environment",
        }
    }
}

/// Refuses the first of these services, or the environment, that nothing is recorded of.
pub(super) fn demand_known<E: From<Unknown> + From<StoreError>>(
    tx: &mut ReadTx<'_>,
    services: &BTreeSet<ServiceName>,
    environment: Option<&EnvironmentName>,
    tree_size: u64,
) -> Result<(), E> {
    if !services.is_empty() {
        let known = tx.services(tree_size)?;
        let is_known = |service: &&ServiceName| known.iter().any(|name| name == service.as_str());
        if let Some(service) = services.iter().find(|service| !is_known(service)) {
            return Err(Unknown::Service(service.clone()).into());
        }
    }
    let Some(environment) = environment else {
        return Ok(());
    };
    let known = tx.environments(tree_size)?;
    match known.iter().any(|name| name == environment.as_str()) {
        true => Ok(()),
        false => Err(Unknown::Environment(environment.clone()).into()),
    }
}

/// The tree size to speak of: the one asked for if it was reached, else an error; the committed one by default.
pub(super) fn tree_size(tx: &mut ReadTx<'_>, asked: Option<u64>) -> Result<u64, ReadError> {
    let size = tx.head()?.map_or(0, |head| head.tree_size);
    match asked {
        Some(asked) if asked > size => Err(ReadError::TreeSize { asked, size }),
        Some(asked) => Ok(asked),
        None => Ok(size),
    }
}

/// The tree size a list speaks of, and the index below which it goes on.
pub(super) fn start(tx: &mut ReadTx<'_>, paging: Paging) -> Result<(u64, u64), ReadError> {
    match paging.cursor {
        Some(cursor) => Ok((tree_size(tx, Some(cursor.tree_size))?, cursor.before)),
        None => tree_size(tx, paging.tree_size).map(|size| (size, size)),
    }
}
