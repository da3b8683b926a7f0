//! Loads what metrics and reports of a period speak of: the deployments of the period, what ran before and after them, the
//! incidents that may be theirs, and what repaired them. A fold of it tells the same of the period as a fold of the whole log,
//! and costs what happened in the period, however long the log is.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::causes::{add_causes, called_any, names_of_deployment};
use super::declared::{all_declared_indexes, control_indexes, environment_indexes};
use super::deployed::{Deployed, at};
use super::deployments::{naming_indexes, whole_approvals};
use super::notes::dependents;
use super::suspects::facts_with_tests;
use crate::correlate::{SKEW_MS, WINDOW_MS};
use crate::domain::deployment::{Deployment, Lineage};
use crate::domain::facts::Facts;
use crate::domain::incident::{self, Incident};
use crate::domain::reference::ReferenceKind;
use crate::domain::{EnvironmentName, Instant, ServiceName};
use crate::store::{Place, ReadTx, Span, StoreError};

/// Statements of a place that are read at once to find one deployment.
const SOME: usize = 4;
/// Earlier and later than any time, with room for what is added to it.
const EVER: (i64, i64) = (i64::MIN / 4, i64::MAX / 4);

/// What is asked about.
#[derive(Debug, Clone)]
pub(super) struct Asked<'q> {
    /// These services; all where none is named.
    pub(super) services: &'q BTreeSet<ServiceName>,
    /// In these environments.
    pub(super) environments: BTreeSet<EnvironmentName>,
    /// From this time on.
    pub(super) from: Instant,
    /// Before this time.
    pub(super) to: Instant,
    /// Whether what was recorded then is asked about too, whatever time it claims.
    pub(super) recorded: bool,
}

impl Asked<'_> {
    /// Whether something was said about the deployment that is of the period.
    fn holds(&self, found: &Deployment) -> bool {
        let holds = |at: Instant| self.from <= at && at < self.to;
        let mut said = found.statements.iter();
        self.environments.contains(&found.environment)
            && (self.services.is_empty() || self.services.contains(&found.service))
            && said.any(|said| holds(said.occurred_at) || self.recorded && holds(said.recorded_at))
    }
}

/// What is loaded of a period.
pub(super) struct Gathered<'t, 'a> {
    pub(super) deployed: Deployed<'t, 'a>,
    /// First indexes of the deployments of the period.
    population: BTreeSet<u64>,
    /// The services that incidents of the period hurt.
    pub(super) hurt: BTreeSet<ServiceName>,
    /// Entries about other things.
    pub(super) others: BTreeSet<i64>,
    /// Entries that name the deployments of the period, once they were looked for.
    naming: Option<Rc<BTreeSet<i64>>>,
}

/// All but the evidence.
pub(super) fn gather<'t, 'a>(
    tx: &'t mut ReadTx<'a>,
    asked: &Asked<'_>,
    size: u64,
) -> Result<Gathered<'t, 'a>, StoreError> {
    let mut gathered = deployments(tx, asked, size)?;
    gathered.add_following()?;
    gathered.add_incidents(asked)?;
    Ok(gathered)
}

/// The deployments alone. What they did is not told yet.
pub(super) fn deployments<'t, 'a>(
    tx: &'t mut ReadTx<'a>,
    asked: &Asked<'_>,
    size: u64,
) -> Result<Gathered<'t, 'a>, StoreError> {
    let mut others = environment_indexes(tx, size)?;
    others.extend(control_indexes(tx, size)?);
    others.extend(all_declared_indexes(tx, size)?);
    let services = services(tx, asked, size)?;
    let mut deployed = Deployed::new(tx, size);
    let times: Vec<Span<'_>> = places(&services, &asked.environments)
        .map(|place| Span {
            place,
            from: asked.from.as_millis(),
            to: asked.to.as_millis(),
        })
        .collect();
    let mut rows = deployed.tx.said_between(&times, size)?;
    if asked.recorded {
        rows.extend(deployed.tx.recorded_between(&times, size)?);
    }
    deployed.add(rows)?;
    let all = deployed.fold();
    let population: BTreeSet<u64> = all
        .iter()
        .filter(|found| asked.holds(found))
        .map(|found| found.index)
        .collect();
    drop(all);
    Ok(Gathered {
        deployed,
        population,
        hurt: BTreeSet::new(),
        others,
        naming: None,
    })
}

impl Gathered<'_, '_> {
    /// All deployments that are there.
    pub(super) fn deployments(&self) -> Rc<Vec<Deployment>> {
        self.deployed.fold()
    }

    /// Those of them that are of the period, by first index.
    pub(super) fn population<'d>(&self, all: &'d [Deployment]) -> impl Iterator<Item = &'d Deployment> {
        all.iter().filter(|found| self.population.contains(&found.index))
    }

    /// Adds what ran before and after those of the period: what they did follows from that.
    pub(super) fn add_following(&mut self) -> Result<(), StoreError> {
        let population = &self.population;
        self.deployed.add_following(|found| population.contains(&found.index))
    }

    /// From here on only these are asked about, by first index.
    pub(super) fn keep(&mut self, picked: &BTreeSet<u64>) {
        self.population.retain(|index| picked.contains(index));
        self.naming = None;
    }

    /// Adds the incidents of the period, and all that may be linked to the deployments that are asked about.
    pub(super) fn add_incidents(&mut self, asked: &Asked<'_>) -> Result<(), StoreError> {
        // Of all services every incident of the time is there anyway.
        let named = if asked.services.is_empty() {
            BTreeSet::new()
        } else {
            let naming = self.naming()?;
            self.deployed.tx.subject_ids("incident", &naming)?
        };
        let incidents = incidents(&mut self.deployed, asked, &self.population, named)?;
        self.others.extend(add_causes(&mut self.deployed, &incidents)?);
        let entries = incidents.iter().flat_map(Incident::indexes);
        self.others.extend(entries.map(|index| index as i64));
        let hurt = incidents.into_iter().filter_map(|incident| incident.service);
        self.hurt.extend(hurt);
        add_namesakes(&mut self.deployed)
    }

    /// The entries that name the deployments that are asked about: looked for in the whole log, and so once.
    fn naming(&mut self) -> Result<Rc<BTreeSet<i64>>, StoreError> {
        if let Some(naming) = &self.naming {
            return Ok(Rc::clone(naming));
        }
        let all = self.deployments();
        let population: Vec<&Deployment> = self.population(&all).collect();
        let naming = Rc::new(naming_indexes(&mut self.deployed, &population)?);
        self.naming = Some(Rc::clone(&naming));
        Ok(naming)
    }

    /// Adds the deployments that brought commits of the period before, so that it is known which of them are new.
    pub(super) fn add_origins_of_commits(&mut self, asked: &Asked<'_>) -> Result<(), StoreError> {
        // Of each service: what is looked for, how far back it could have come, and before which entry.
        let mut wanted: BTreeMap<&ServiceName, (BTreeSet<String>, i64, i64)> = BTreeMap::new();
        let all = self.deployments();
        for found in self.population(&all).filter(|found| found.succeeded()) {
            let made = found.commits.iter().map(|said| &said.value);
            let made = made.map(|commit| {
                let at = commit.committed_at.map_or(EVER.0, Instant::as_millis);
                (commit.id.to_ascii_lowercase(), at)
            });
            let (commits, earliest, before) =
                wanted
                    .entry(&found.service)
                    .or_insert((BTreeSet::new(), asked.from.as_millis(), 0));
            for (commit, at) in made {
                *earliest = at.min(*earliest);
                commits.insert(commit);
            }
            *before = (found.order() as i64).max(*before);
        }
        let mut times = Vec::new();
        for (service, (_, earliest, _)) in &wanted {
            for environment in &asked.environments {
                let place = at(service, environment);
                let before = (*earliest, asked.from.as_millis());
                let after = (asked.to.as_millis(), EVER.1);
                times.extend([before, after].map(|(from, to)| Span { place, from, to }));
            }
        }
        times.retain(|span| span.from < span.to);
        let last = wanted.values().map(|(_, _, before)| *before).max().unwrap_or_default();
        let named = self.deployed.tx.commits_between(&times, last as u64)?;
        let known: BTreeSet<&String> = wanted.values().flat_map(|(commits, ..)| commits).collect();
        let named = named.into_iter().filter(|named| known.contains(&named.value));
        let rows = self.deployed.tx.events_of(&named.map(|named| named.idx).collect())?;
        self.deployed.add(rows)
    }

    /// Adds the approvals of the deployments of the period.
    pub(super) fn add_approvals(&mut self) -> Result<(), StoreError> {
        let naming = self.naming()?;
        let approvals = whole_approvals(self.deployed.tx, &naming, self.deployed.size)?;
        self.others.extend(approvals);
        Ok(())
    }

    /// Adds a deployment of each of these places that is wanted, where there is any: whether there is one counts, whenever it was.
    pub(super) fn add_one_of_each(
        &mut self,
        mut places: Vec<Place<'_>>,
        wanted: impl Fn(&Deployment) -> bool,
    ) -> Result<(), StoreError> {
        let mut limit = SOME;
        loop {
            let all = self.deployed.fold();
            let found = all.iter().filter(|found| wanted(found));
            let found: BTreeSet<(&str, &str)> = found
                .map(|found| (found.service.as_str(), found.environment.as_str()))
                .collect();
            places.retain(|place| !found.contains(&(place.service, place.environment)));
            if places.is_empty() {
                return Ok(());
            }
            let size = self.deployed.size;
            let spans = places.iter().map(|place| Span::whole(*place, size));
            let rows = self.deployed.tx.last_said(&spans.collect::<Vec<_>>(), limit)?;
            let mut counts: BTreeMap<(String, String), usize> = BTreeMap::new();
            for row in &rows {
                let place = (row.service.clone(), row.environment.clone());
                if let (Some(service), Some(environment)) = place {
                    *counts.entry((service, environment)).or_default() += 1;
                }
            }
            self.deployed.add(rows)?;
            let all = self.deployed.fold();
            let found = all.iter().filter(|found| wanted(found));
            let found: BTreeSet<(&str, &str)> = found
                .map(|found| (found.service.as_str(), found.environment.as_str()))
                .collect();
            // Of the others all was read.
            places.retain(|place| {
                let (service, environment) = (place.service, place.environment);
                !found.contains(&(service, environment))
                    && counts.get(&(service.to_owned(), environment.to_owned())) == Some(&limit)
            });
            limit *= 4;
        }
    }

    /// The facts of all that was loaded.
    pub(super) fn facts(mut self) -> Result<Facts, StoreError> {
        let others = self.deployed.add_and_read_others(&self.others)?;
        self.deployed.add_change_sets()?;
        let size = self.deployed.size;
        let (tx, deployments, history) = self.deployed.into_parts();
        let mut facts = facts_with_tests(tx, deployments, others, size)?;
        // What a deployment did cannot be told where some of what ran before it was not loaded.
        for deployment in &mut facts.deployments {
            if !history.tells(deployment) {
                deployment.lineage = Lineage::default();
            }
        }
        Ok(facts)
    }
}

/// The services that are asked about.
pub(super) fn services(tx: &mut ReadTx<'_>, asked: &Asked<'_>, size: u64) -> Result<Vec<String>, StoreError> {
    if asked.services.is_empty() {
        tx.services(size)
    } else {
        Ok(asked.services.iter().map(ToString::to_string).collect())
    }
}

/// All places of these services and environments.
pub(super) fn places<'n>(
    services: &'n [String],
    environments: &'n BTreeSet<EnvironmentName>,
) -> impl Iterator<Item = Place<'n>> {
    environments.iter().flat_map(move |environment| {
        services.iter().map(move |service| Place {
            service,
            environment: environment.as_str(),
        })
    })
}

/// The incidents of the period, and all that may be linked to these deployments: what began on their services, or on what needs
/// those, or names their content, while they were recent; what names them; and what they, or those that took them out, say that
/// they repair. Adds what names them.
fn incidents(
    deployed: &mut Deployed<'_, '_>,
    asked: &Asked<'_>,
    population: &BTreeSet<u64>,
    of_content: BTreeSet<String>,
) -> Result<Vec<Incident>, StoreError> {
    let size = deployed.size;
    let all = deployed.fold();
    let population = || all.iter().filter(|found| population.contains(&found.index));
    let starts = || population().map(Deployment::start_at);
    let first = starts().min().map_or(asked.from, |start| start.min(asked.from));
    let last = starts().max().map_or(asked.to, |start| start.max(asked.to));
    let (first, last) = (first.plus_millis(-SKEW_MS), last.plus_millis(WINDOW_MS));
    let services = dependents(deployed.tx, asked.services, size)?;
    let services: Vec<&str> = services.iter().map(String::as_str).collect();
    let mut recent = of_content;
    recent.extend(deployed.tx.incidents_since(&services, first.as_millis(), size)?);

    let names: BTreeSet<String> = population().flat_map(names_of_deployment).collect();
    drop(all);
    let named = incidents_naming(deployed, &names)?;

    let mut incidents = incidents_called(deployed.tx, recent.union(&named), size)?;
    incidents.retain(|incident| {
        let near = (first..=last).contains(&incident.began().0);
        near || named.contains(incident.id.as_str())
    });
    Ok(incidents)
}

/// Ids of the incidents that have one of these names for their cause, or that a person judges with it; and of those that what is
/// there says that it repairs. Adds what names them.
pub(super) fn incidents_naming(
    deployed: &mut Deployed<'_, '_>,
    names: &BTreeSet<String>,
) -> Result<BTreeSet<String>, StoreError> {
    let size = deployed.size;
    let naming = deployed
        .tx
        .naming(&names.iter().map(String::as_str).collect::<Vec<_>>(), size)?;
    let of_incident = |subject: &str| subject == "incident" || subject == "shipslog-link";
    let spoken = naming.iter().filter(|row| of_incident(&row.subject));
    let mut named: BTreeSet<String> = spoken.filter_map(|row| row.about.clone()).collect();
    deployed.add(naming)?;
    let repaired = repaired(deployed);
    let tickets = deployed
        .tx
        .referring_to_any(&repaired, &[ReferenceKind::Ticket.as_str()], size)?;
    let mut rows = deployed.tx.events_of(&tickets)?;
    rows.extend(called_any(deployed.tx, &repaired, size)?);
    let rows = rows.into_iter().filter(|row| row.subject == "incident");
    named.extend(rows.filter_map(|row| row.about));
    Ok(named)
}

/// The incidents with these ids.
pub(super) fn incidents_called(
    tx: &mut ReadTx<'_>,
    ids: impl IntoIterator<Item = impl AsRef<str>>,
    size: u64,
) -> Result<Vec<Incident>, StoreError> {
    let ids: Vec<_> = ids.into_iter().collect();
    let mut rows = tx.about(&ids.iter().map(AsRef::as_ref).collect::<Vec<_>>(), size)?;
    rows.retain(|row| row.subject == "incident");
    Ok(incident::fold(&tx.recorded_rows(&rows)?))
}

/// What the deployments that are there say that they repair.
fn repaired(deployed: &Deployed<'_, '_>) -> BTreeSet<String> {
    let all = deployed.fold();
    let said = all.iter().filter_map(|found| found.remediates.as_ref());
    said.map(|said| said.value.clone()).collect()
}

/// Adds all deployments that a repair could mean: an id that several share means one of them, or none.
pub(super) fn add_namesakes(deployed: &mut Deployed<'_, '_>) -> Result<(), StoreError> {
    let size = deployed.size;
    let rows = called_any(deployed.tx, &repaired(deployed), size)?;
    deployed.add(rows)?;
    deployed.add_history(|found| found.remediates.is_some())
}
