//! Deployments loaded whole, and with as much of what ran before them as tells what they did: never more of the log than that.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::deployment::{self, Deployment};
use crate::domain::lineage::LOOK_BACK;
use crate::domain::{EnvironmentName, Instant, Recorded, ServiceName};
use crate::store::{EventRow, Place, ReadTx, StoreError};

/// Successes that are read beyond those needed: a success of a deployment that failed afterwards is none.
const SPARE: usize = 6;

/// Deployments that are being loaded. Each has all that was said about it.
pub(super) struct Deployed<'t, 'a> {
    pub(super) tx: &'t mut ReadTx<'a>,
    pub(super) size: u64,
    /// In order of index.
    records: Vec<Recorded>,
    loaded: BTreeSet<i64>,
    asked: BTreeSet<(String, Key)>,
}

/// What finds the statements about a deployment, within its environment.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Id(String),
    Chain(String),
}

/// Where the deployments of a place stand that history is wanted of.
struct Span {
    first: u64,
    last: u64,
}

impl<'t, 'a> Deployed<'t, 'a> {
    /// None yet, of entries below a tree size.
    pub(super) fn new(tx: &'t mut ReadTx<'a>, size: u64) -> Self {
        Self {
            tx,
            size,
            records: Vec::new(),
            loaded: BTreeSet::new(),
            asked: BTreeSet::new(),
        }
    }

    /// Adds the deployments that these events speak of.
    pub(super) fn add(&mut self, rows: Vec<EventRow>) -> Result<(), StoreError> {
        let mut new: BTreeMap<i64, EventRow> = BTreeMap::new();
        let mut found = rows;
        while !found.is_empty() {
            let mut wanted: BTreeMap<String, (Vec<String>, Vec<String>)> = BTreeMap::new();
            for row in found.drain(..).filter(is_of_deployment) {
                let Some(environment) = row.environment.clone() else {
                    continue;
                };
                let (ids, chains) = wanted.entry(environment.clone()).or_default();
                if let Some(id) = row.about.clone()
                    && self.asked.insert((environment.clone(), Key::Id(id.clone())))
                {
                    ids.push(id);
                }
                if let Some(chain) = row.chain.clone()
                    && self.asked.insert((environment, Key::Chain(chain.clone())))
                {
                    chains.push(chain);
                }
                if !self.loaded.contains(&row.idx) {
                    new.insert(row.idx, row);
                }
            }
            for (environment, (ids, chains)) in wanted {
                let [ids, chains] = [&ids, &chains].map(|names| names.iter().map(String::as_str).collect::<Vec<_>>());
                found.extend(self.tx.said_of(&environment, &ids, &chains, self.size)?);
            }
        }
        let rows: Vec<EventRow> = new.into_values().collect();
        self.loaded.extend(rows.iter().map(|row| row.idx));
        self.records.extend(self.tx.recorded_rows(&rows)?);
        self.records.sort_by_key(|record| record.index);
        Ok(())
    }

    /// Adds what ran before these deployments on their places, so far that a fold of all tells what they did; and what succeeded
    /// between them.
    pub(super) fn add_history(&mut self, wanted: &[&Deployment]) -> Result<(), StoreError> {
        let mut places: BTreeMap<(ServiceName, EnvironmentName), Span> = BTreeMap::new();
        for found in wanted {
            let order = found.order();
            let here = places
                .entry((found.service.clone(), found.environment.clone()))
                .or_insert(Span {
                    first: order,
                    last: order,
                });
            here.first = here.first.min(order);
            here.last = here.last.max(order);
        }
        let mut limit = LOOK_BACK + SPARE;
        while !places.is_empty() {
            let mut more = BTreeSet::new();
            let mut rows = Vec::new();
            for ((service, environment), span) in &places {
                let place = at(service, environment);
                let (first, last) = (span.first as i64, span.last as i64);
                if first < last {
                    rows.extend(self.tx.successes(place, first, last, None, usize::MAX)?);
                }
                let before = self.tx.successes(place, 0, first, None, limit)?;
                if before.len() == limit {
                    more.insert((service.clone(), environment.clone()));
                }
                rows.extend(before);
            }
            self.add(rows)?;
            places.retain(|place, _| more.contains(place));
            if places.is_empty() {
                break;
            }
            let all = self.fold();
            places.retain(|(service, environment), span| {
                let here = all
                    .iter()
                    .filter(|d| d.service == *service && d.environment == *environment);
                here.filter(|d| d.succeeded() && d.order() < span.first).count() < LOOK_BACK
            });
            limit *= 2;
        }
        Ok(())
    }

    /// The deployments.
    pub(super) fn fold(&self) -> Vec<Deployment> {
        deployment::fold(&self.records)
    }

    /// Whether this entry is there.
    pub(super) fn has(&self, idx: i64) -> bool {
        self.loaded.contains(&idx)
    }

    /// All events that were read.
    pub(super) fn into_records(self) -> Vec<Recorded> {
        self.records
    }
}

/// What ran last of each service of an environment, now or at a time.
pub(super) fn newest(
    tx: &mut ReadTx<'_>,
    environment: &EnvironmentName,
    until: Option<Instant>,
    size: u64,
) -> Result<Vec<Deployment>, StoreError> {
    let until_ms = until.map(Instant::as_millis);
    let indexes = tx.newest_successes(environment.as_str(), until_ms, size)?;
    let mut pending = tx.events_of(&indexes)?;
    let mut found = Vec::with_capacity(pending.len());
    while !pending.is_empty() {
        let mut deployed = Deployed::new(tx, size);
        deployed.add(pending.clone())?;
        let mut ended: BTreeMap<i64, Deployment> = BTreeMap::new();
        for deployment in deployed.fold() {
            if let Some(end) = deployment.end().map(|end| end.index as i64) {
                ended.insert(end, deployment);
            }
        }
        // A success that is not how its deployment ended gives way to the one before it.
        let mut before = Vec::new();
        for row in pending {
            match ended.remove(&row.idx) {
                Some(deployment) => found.push(deployment),
                None => {
                    let place = Place {
                        service: row.service.as_deref().unwrap_or_default(),
                        environment: environment.as_str(),
                    };
                    before.extend(tx.successes(place, 0, row.idx, until_ms, 1)?);
                }
            }
        }
        pending = before;
    }
    Ok(found)
}

/// A place, as the database names it.
pub(super) fn at<'n>(service: &'n ServiceName, environment: &'n EnvironmentName) -> Place<'n> {
    Place {
        service: service.as_str(),
        environment: environment.as_str(),
    }
}

fn is_of_deployment(row: &EventRow) -> bool {
    row.about.is_some() && super::deployments::DEPLOYMENT_SUBJECTS.contains(&row.subject.as_str())
}
