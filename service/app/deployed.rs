//! Deployments loaded whole, and with as much of what ran before them as tells what they did: never more of the log than that.

mod pushes;

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use self::pushes::LookedUp;
use crate::domain::deployment::{self, Deployment};
use crate::domain::lineage::LOOK_BACK;
use crate::domain::{EnvironmentName, Instant, Recorded, ServiceName};
use crate::store::{EventRow, Place, ReadTx, Span, StoreError};

/// Events that are held at once.
const AT_ONCE: usize = 4096;
/// Successes that are read beyond those needed: a success of a deployment that failed afterwards is none.
const SPARE: usize = 6;

/// Deployments that are being loaded. Each has all that was said about it.
pub(super) struct Deployed<'t, 'a> {
    pub(super) tx: &'t mut ReadTx<'a>,
    pub(super) size: u64,
    /// By first index.
    deployments: Rc<Vec<Deployment>>,
    loaded: BTreeSet<i64>,
    asked: BTreeSet<Key>,
    /// The places that history was added of.
    known: Places,
    looked_up: LookedUp,
}

/// What finds the statements about a deployment, within its environment.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    environment: String,
    kind: Kind,
    name: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Id,
    Chain,
}

impl Key {
    /// The id of the deployment that an event speaks of, and the chain.
    fn of(row: &EventRow) -> [Option<Self>; 2] {
        [(Kind::Id, &row.about), (Kind::Chain, &row.chain)].map(|(kind, name)| {
            Some(Self {
                environment: row.environment.clone()?,
                kind,
                name: name.clone()?,
            })
        })
    }
}

/// Where the deployments of a place stand that history is wanted of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Orders {
    first: u64,
    last: u64,
}

/// A side of a part of the log.
#[derive(Debug, Clone, Copy)]
enum Side {
    Before,
    After,
}

impl Side {
    fn has(self, order: u64, part: &Orders) -> bool {
        match self {
            Self::Before => order < part.first,
            Self::After => order > part.last,
        }
    }
}

type Places = BTreeMap<(ServiceName, EnvironmentName), Orders>;

impl<'t, 'a> Deployed<'t, 'a> {
    /// None yet, of entries below a tree size.
    pub(super) fn new(tx: &'t mut ReadTx<'a>, size: u64) -> Self {
        Self {
            tx,
            size,
            deployments: Rc::default(),
            loaded: BTreeSet::new(),
            asked: BTreeSet::new(),
            known: Places::new(),
            looked_up: LookedUp::default(),
        }
    }

    /// Adds the deployments that these events speak of.
    pub(super) fn add(&mut self, rows: Vec<EventRow>) -> Result<(), StoreError> {
        let mut new: BTreeMap<i64, EventRow> = BTreeMap::new();
        let mut found = rows;
        while !found.is_empty() {
            let (mut ids, mut chains) = (Vec::new(), Vec::new());
            for row in found.drain(..).filter(is_of_deployment) {
                for (key, names) in Key::of(&row).into_iter().zip([&mut ids, &mut chains]) {
                    if let Some(key) = key
                        && self.asked.insert(key.clone())
                    {
                        names.push(key.name);
                    }
                }
                if row.environment.is_some() && !self.loaded.contains(&row.idx) {
                    new.insert(row.idx, row);
                }
            }
            let mut said = self.tx.said_of(&ids, &chains, self.size)?;
            said.retain(|idx| !self.loaded.contains(idx) && !new.contains_key(idx));
            found = self.tx.events_of(&said)?;
            // The same names elsewhere are of other deployments.
            found.retain(|row| Key::of(row).iter().flatten().any(|key| self.asked.contains(key)));
        }
        if new.is_empty() {
            return Ok(());
        }
        let rows: Vec<EventRow> = new.into_values().collect();
        self.loaded.extend(rows.iter().map(|row| row.idx));
        // Nothing else that is there is about these deployments, or it would have brought them.
        let mut fold = deployment::Fold::default();
        for some in rows.chunks(AT_ONCE) {
            self.tx
                .recorded_rows(some)?
                .iter()
                .for_each(|record| fold.apply(record));
        }
        // A copy of all is made here while somebody still holds what was there before.
        let deployments = Rc::make_mut(&mut self.deployments);
        deployments.extend(fold.told());
        deployments.sort_by_key(|found| found.index);
        deployment::derive(deployments);
        Ok(())
    }

    /// Adds what ran before these deployments on their places, so far that a fold of all tells what they did; and what succeeded
    /// between them.
    pub(super) fn add_history(&mut self, wanted: impl Fn(&Deployment) -> bool) -> Result<(), StoreError> {
        self.add_history_of(standing(self.deployments.iter().filter(|found| wanted(found))))
    }

    /// The same for one that need not be there itself.
    pub(super) fn add_history_before(&mut self, found: &Deployment) -> Result<(), StoreError> {
        self.add_history_of(standing([found]))
    }

    fn add_history_of(&mut self, mut places: Places) -> Result<(), StoreError> {
        // What is known of a place stays in one piece: what a deployment did follows from all that succeeded just before it.
        for (place, orders) in &mut places {
            if let Some(known) = self.known.get(place) {
                orders.include(*known);
            }
        }
        places.retain(|place, orders| self.known.get(place) != Some(orders));
        self.known.extend(places.clone());
        let rows = self.tx.successes_within(&spans(&places))?;
        self.add(rows)?;
        self.add_successes(places, Side::Before)?;
        self.add_change_sets()
    }

    /// Adds what succeeded just after these deployments on their places, as far as it could have taken one of them out, and the
    /// history of that.
    pub(super) fn add_following(&mut self, wanted: impl Fn(&Deployment) -> bool) -> Result<(), StoreError> {
        let wanted = standing(self.deployments.iter().filter(|found| wanted(found)));
        self.add_history_of(wanted.clone())?;
        let mut places = self.known.clone();
        places.retain(|place, _| wanted.contains_key(place));
        self.add_successes(places.clone(), Side::After)?;
        let after = self.deployments.iter().filter(|found| {
            let span = places.get(&(found.service.clone(), found.environment.clone()));
            found.succeeded() && span.is_some_and(|span| Side::After.has(found.order(), span))
        });
        self.add_history_of(standing(after))
    }

    /// Adds successes beside these parts of places: as many as decide what a deployment did, or all there are.
    fn add_successes(&mut self, mut places: Places, side: Side) -> Result<(), StoreError> {
        let mut limit = LOOK_BACK + SPARE;
        while !places.is_empty() {
            let size = self.size;
            let beside: Vec<Span<'_>> = spans(&places)
                .iter()
                .map(|span| match side {
                    Side::Before => span.before(),
                    Side::After => span.after(size),
                })
                .collect();
            let rows = match side {
                Side::Before => self.tx.last_successes(&beside, limit)?,
                Side::After => self.tx.first_successes(&beside, limit)?,
            };
            let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
            for row in &rows {
                if let (Some(service), Some(environment)) = (&row.service, &row.environment) {
                    *counts.entry((service, environment)).or_default() += 1;
                }
            }
            places.retain(|(service, environment), _| {
                counts.get(&(service.as_str(), environment.as_str())) == Some(&limit)
            });
            self.add(rows)?;
            if places.is_empty() {
                break;
            }
            // A success of a deployment that failed afterwards is none.
            let mut counts: BTreeMap<(ServiceName, EnvironmentName), usize> = BTreeMap::new();
            for found in self.fold().iter().filter(|found| found.succeeded()) {
                let order = found.order();
                let place = (found.service.clone(), found.environment.clone());
                if places.get(&place).is_some_and(|span| side.has(order, span)) {
                    *counts.entry(place).or_default() += 1;
                }
            }
            places.retain(|place, _| counts.get(place).is_none_or(|count| *count < LOOK_BACK));
            limit *= 2;
        }
        Ok(())
    }

    /// Adds the deployments that these entries speak of, which come whole or not at all; what the others hold.
    pub(super) fn add_and_read_others(&mut self, entries: &BTreeSet<i64>) -> Result<Vec<Recorded>, StoreError> {
        let rows = self.tx.events_of(entries)?;
        let is_of_place = |row: &EventRow| is_of_deployment(row) && row.environment.is_some();
        let (of_deployments, others): (Vec<_>, Vec<_>) = rows.into_iter().partition(is_of_place);
        self.add(of_deployments)?;
        self.tx.recorded_rows(&others)
    }

    /// Entries that hold any of these values, each list as any of its kinds, but those that are there.
    pub(super) fn referring_to(&mut self, lists: &[(&BTreeSet<String>, &[&str])]) -> Result<BTreeSet<i64>, StoreError> {
        self.tx.referring_to(lists, self.size, &self.loaded)
    }

    /// The deployments.
    pub(super) fn fold(&self) -> Rc<Vec<Deployment>> {
        self.deployments.clone()
    }

    /// The entries that were read.
    pub(super) const fn entries(&self) -> &BTreeSet<i64> {
        &self.loaded
    }

    /// The deployments, beside what they were read from and of which of them the history is there.
    pub(super) fn into_parts(self) -> (&'t mut ReadTx<'a>, Vec<Deployment>, History) {
        (self.tx, Rc::unwrap_or_clone(self.deployments), History(self.known))
    }
}

/// Of which deployments all is there that tells what they did.
pub(super) struct History(Places);

impl History {
    /// Whether it is there of this one.
    pub(super) fn tells(&self, found: &Deployment) -> bool {
        tells(&self.0, found)
    }
}

/// Whether all is there of these places that tells what a deployment did.
fn tells(known: &Places, found: &Deployment) -> bool {
    let known = known.get(&(found.service.clone(), found.environment.clone()));
    known.is_some_and(|known| (known.first..=known.last).contains(&found.order()))
}

impl Orders {
    fn include(&mut self, other: Self) {
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
    }
}

/// Where these stand.
fn standing<'d>(deployments: impl IntoIterator<Item = &'d Deployment>) -> Places {
    let mut places = Places::new();
    for found in deployments {
        let order = found.order();
        let place = (found.service.clone(), found.environment.clone());
        let alone = Orders {
            first: order,
            last: order,
        };
        places.entry(place).or_insert(alone).include(alone);
    }
    places
}

/// The places as parts of the log.
fn spans(places: &Places) -> Vec<Span<'_>> {
    let spans = places.iter().map(|((service, environment), orders)| Span {
        place: at(service, environment),
        from: orders.first as i64,
        to: orders.last as i64 + 1,
    });
    spans.collect()
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
        for deployment in deployed.fold().iter() {
            if let Some(end) = deployment.end().map(|end| end.index as i64) {
                ended.insert(end, deployment.clone());
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
