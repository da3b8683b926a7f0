//! What correlation looks at for some incidents: the deployments of their places and of what those need in the days before,
//! whatever an event or a person names, and what else was wrong there. Never more of the log than that, so an incident costs the
//! same in a log of any length.

use std::collections::{BTreeMap, BTreeSet};

use super::declared::declared_indexes;
use super::deployed::{Deployed, at};
use super::suspects::facts_with_tests;
use crate::correlate::{Contents, DEPENDENCY_WINDOW_MS, RECOVERY_MS, SKEW_MS, WINDOW_MS};
use crate::domain::dependency::{Dependencies, MAX_DISTANCE};
use crate::domain::deployment::Deployment;
use crate::domain::facts::Facts;
use crate::domain::incident::Incident;
use crate::domain::link;
use crate::domain::pushed;
use crate::domain::reference::{ReferenceKind, entry_named};
use crate::domain::{EnvironmentName, Instant, ServiceName};
use crate::store::{EventRow, Rare, ReadTx, Span, StoreError};

/// A time on a place in which deployments may have caused an incident.
struct Window<'i> {
    service: ServiceName,
    environment: EnvironmentName,
    incident: &'i Incident,
    from: Instant,
    to: Instant,
}

/// All that correlation looks at for these incidents, and a deployment that somebody wants to name as a cause.
pub(super) fn correlation_facts(
    tx: &mut ReadTx<'_>,
    incidents: &[Incident],
    named: Option<&str>,
    size: u64,
) -> Result<Facts, StoreError> {
    let mut deployed = Deployed::new(tx, size);
    if let Some(name) = named {
        let rows = called(deployed.tx, name, size)?;
        deployed.add(rows)?;
    }
    let mut others = add_causes(&mut deployed, incidents)?;
    let known = deployed.fold();
    others.extend(declared_indexes(deployed.tx, &known, None, size)?);
    drop(known);
    let others = deployed.tx.recorded(&others)?;
    let (tx, deployments, _) = deployed.into_parts();
    facts_with_tests(tx, deployments, others, size)
}

/// Adds the deployments that may have caused these incidents; the other entries that correlation looks at.
pub(super) fn add_causes(deployed: &mut Deployed<'_, '_>, incidents: &[Incident]) -> Result<BTreeSet<i64>, StoreError> {
    let size = deployed.size;
    let ids: Vec<&str> = incidents.iter().map(|incident| incident.id.as_str()).collect();
    let spoken = deployed.tx.about(&ids, size)?.into_iter();
    let spoken: BTreeSet<i64> = spoken.filter(is_of_incident).map(|row| row.idx).collect();
    let decided = link::fold(&deployed.tx.recorded(&spoken)?).into_iter();
    let judged: BTreeSet<i64> = decided.filter_map(|decided| Some(decided.deployment? as i64)).collect();
    let mut others = spoken;
    others.extend(open_beside(deployed.tx, incidents, size)?);
    let (declared, dependencies) = dependencies(deployed.tx, incidents, size)?;
    others.extend(declared);

    let mut windows: Vec<Window<'_>> = incidents.iter().flat_map(|one| windows(one, &dependencies)).collect();
    let mut rows = deployed.tx.events_of(&judged)?;
    let times: Vec<Span<'_>> = windows.iter().flat_map(Window::times).collect();
    rows.extend(deployed.tx.said_between(&times, size)?);
    rows.extend(named_by(deployed.tx, incidents, size)?);
    let names: BTreeSet<String> = incidents.iter().flat_map(names_of_incident).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    rows.extend(deployed.tx.naming(&names, size)?);
    deployed.add(rows)?;
    let elsewhere = windows_of_content(incidents, &deployed.fold());
    let times: Vec<Span<'_>> = elsewhere.iter().flat_map(Window::times).collect();
    let rows = deployed.tx.said_between(&times, size)?;
    deployed.add(rows)?;
    windows.extend(elsewhere);
    add_surroundings(deployed, incidents, &windows)?;
    Ok(others)
}

impl<'i> Window<'i> {
    /// The time so long before an incident began, and as far after that as clocks disagree.
    fn before(
        incident: &'i Incident,
        (service, environment): (&ServiceName, &EnvironmentName),
        length_ms: i64,
    ) -> Self {
        let (began, _) = incident.began();
        Self {
            service: service.clone(),
            environment: environment.clone(),
            incident,
            from: began.plus_millis(-length_ms),
            to: began.plus_millis(SKEW_MS),
        }
    }

    /// The times in which deployments of its place matter: when they may have caused the incident, and when one may have ended it.
    fn times(&self) -> impl Iterator<Item = Span<'_>> {
        let place = at(&self.service, &self.environment);
        let end = self.incident.resolved().map(|end| end.occurred_at);
        let end = end.map(|end| (end.plus_millis(-RECOVERY_MS), end.plus_millis(SKEW_MS)));
        let times = std::iter::once((self.from, self.to)).chain(end);
        times.map(move |(from, to)| Span {
            place,
            from: from.as_millis(),
            to: to.as_millis() + 1,
        })
    }
}

/// Adds what ran just before and after what is there, what repairs it, and the history of what may have gone back.
fn add_surroundings(
    deployed: &mut Deployed<'_, '_>,
    incidents: &[Incident],
    windows: &[Window<'_>],
) -> Result<(), StoreError> {
    let size = deployed.size;
    if !incidents.is_empty() {
        // A cause may be told by a commit that only pushes tell of.
        deployed.add_history(pushed::is_open)?;
    }
    let all = deployed.fold();
    let mut here: BTreeMap<(&ServiceName, &EnvironmentName), Vec<&Deployment>> = BTreeMap::new();
    for found in all.iter() {
        here.entry((&found.service, &found.environment))
            .or_default()
            .push(found);
    }
    let mut names = BTreeSet::new();
    let mut spans = Vec::new();
    for window in windows {
        let within = here.get(&(&window.service, &window.environment)).into_iter().flatten();
        // What ended then may have taken the place of another, unless what stands between them in the log did before.
        let within = within.filter(|found| {
            let mut times = found.finished_at().into_iter().chain([found.start_at()]);
            times.any(|at| (window.from..=window.to).contains(&at))
        });
        let mut span: Option<(u64, u64)> = None;
        for found in within {
            let order = found.order();
            span = Some(span.map_or((order, order), |(first, last)| (first.min(order), last.max(order))));
            names.extend(names_of_deployment(found));
        }
        let place = at(&window.service, &window.environment);
        spans.extend(span.map(|(first, last)| Span {
            place,
            from: first as i64,
            to: last as i64 + 1,
        }));
    }
    drop(here);
    drop(all);
    let mut rows = deployed.tx.successes_within(&spans)?;
    rows.extend(
        deployed
            .tx
            .naming(&names.iter().map(String::as_str).collect::<Vec<_>>(), size)?,
    );
    deployed.add(rows)?;
    let mut ends: BTreeSet<Instant> = BTreeSet::new();
    ends.extend(
        incidents
            .iter()
            .filter_map(|incident| Some(incident.resolved()?.occurred_at)),
    );
    // One that succeeded around the end of an incident.
    let near_end = |at: Instant| {
        let times = at.plus_millis(-SKEW_MS)..=at.plus_millis(RECOVERY_MS);
        ends.range(times).next().is_some()
    };
    deployed.add_history(|found| {
        found.remediates.is_some() || (found.succeeded() && found.finished_at().is_some_and(near_end))
    })
}

/// The incident's own place, and those that it needed.
fn windows<'i>(incident: &'i Incident, dependencies: &Dependencies) -> Vec<Window<'i>> {
    let (Some(service), Some(environment)) = (&incident.service, &incident.environment) else {
        return Vec::new();
    };
    let (began, _) = incident.began();
    let needed = dependencies.of(service, began);
    let needed = needed.keys();
    let needed = needed.map(|needed| Window::before(incident, (needed, environment), DEPENDENCY_WINDOW_MS));
    let own = Window::before(incident, (service, environment), WINDOW_MS);
    std::iter::once(own).chain(needed).collect()
}

/// The places of what incidents name by its content, wherever that was deployed.
fn windows_of_content<'i>(incidents: &'i [Incident], deployments: &[Deployment]) -> Vec<Window<'i>> {
    let contents = Contents::named_by(incidents, deployments);
    let mut windows = Vec::new();
    for incident in incidents {
        let mut places: BTreeMap<_, Window<'i>> = BTreeMap::new();
        for found in contents.of(incident) {
            let place = (&found.service, &found.environment);
            let window = Window::before(incident, place, WINDOW_MS);
            if (window.from..=window.to).contains(&found.start_at()) {
                places.insert(place, window);
            }
        }
        windows.extend(places.into_values());
    }
    windows
}

/// Entries that declare what the hurt services need, as far as correlation follows that.
fn dependencies(
    tx: &mut ReadTx<'_>,
    incidents: &[Incident],
    size: u64,
) -> Result<(BTreeSet<i64>, Dependencies), StoreError> {
    let mut services: BTreeSet<String> = incidents
        .iter()
        .filter_map(|incident| Some(incident.service.as_ref()?.to_string()))
        .collect();
    let mut asked = BTreeSet::new();
    let mut rows = Vec::new();
    for _ in 0..MAX_DISTANCE {
        let new: Vec<String> = services.difference(&asked).cloned().collect();
        if new.is_empty() {
            break;
        }
        let names: Vec<&str> = new.iter().map(String::as_str).collect();
        let declared = tx.rare(Rare::Dependencies, &names, size, i64::MAX)?;
        for record in tx.recorded_rows(&declared)? {
            let needs = record.event.extension.depends_on.iter().flatten();
            services.extend(needs.map(|service| service.as_str().to_owned()));
        }
        rows.extend(declared);
        asked.extend(new);
    }
    let dependencies = Dependencies::fold(&tx.recorded_rows(&rows)?);
    Ok((rows.iter().map(|row| row.idx).collect(), dependencies))
}

/// Entries of incidents on the same services that were not over yet when the first of these began.
fn open_beside(tx: &mut ReadTx<'_>, incidents: &[Incident], size: u64) -> Result<BTreeSet<i64>, StoreError> {
    let of_services = incidents.iter().filter(|incident| incident.service.is_some());
    let Some(first) = of_services.map(|incident| incident.began().0).min() else {
        return Ok(BTreeSet::new());
    };
    let services: BTreeSet<&str> = incidents
        .iter()
        .filter_map(|incident| Some(incident.service.as_ref()?.as_str()))
        .collect();
    let services: Vec<&str> = services.into_iter().collect();
    let open = tx.incidents_since(&services, first.as_millis(), size)?;
    let open: Vec<&str> = open.iter().map(String::as_str).collect();
    let entries = tx
        .about(&open, size)?
        .into_iter()
        .filter(|row| row.subject == "incident");
    Ok(entries.map(|row| row.idx).collect())
}

/// What is said about the deployments that incidents name: by id, entry, change or content.
fn named_by(tx: &mut ReadTx<'_>, incidents: &[Incident], size: u64) -> Result<Vec<EventRow>, StoreError> {
    let mut rows = Vec::new();
    let (mut digests, mut commits) = (BTreeSet::new(), BTreeSet::new());
    for incident in incidents {
        let mut named = Vec::new();
        if let Some(id) = &incident.deployment_id {
            named.extend(called(tx, id.value.as_str(), size)?);
        }
        if let Some(cause) = &incident.caused_by {
            named.extend(called(tx, &cause.value, size)?);
            if !named.iter().any(|row| row.subject != "incident") {
                named.extend(bringing(tx, &cause.value, size)?);
            }
        }
        rows.extend(named);
        digests.extend(incident.artifact.iter().filter_map(|said| said.value.digest.clone()));
        commits.extend(incident.commit.iter().map(|said| said.value.to_ascii_lowercase()));
    }
    let lists: [(&BTreeSet<String>, &[&str]); 2] = [
        (&digests, &[ReferenceKind::Digest.as_str()]),
        (&commits, &[ReferenceKind::Commit.as_str()]),
    ];
    let indexes = tx.referring_to(&lists, size, &BTreeSet::new())?;
    rows.extend(tx.events_of(&indexes)?);
    Ok(rows)
}

/// What is said about the deployments that are called this: by id, or as `#index`.
pub(super) fn called(tx: &mut ReadTx<'_>, name: &str, size: u64) -> Result<Vec<EventRow>, StoreError> {
    match entry_named(name).filter(|index| *index < size) {
        Some(index) => tx.events_of(&BTreeSet::from([index as i64])),
        None => tx.about(&[name], size),
    }
}

/// The same of any of these.
pub(super) fn called_any(
    tx: &mut ReadTx<'_>,
    names: &BTreeSet<String>,
    size: u64,
) -> Result<Vec<EventRow>, StoreError> {
    let entries = names.iter().filter_map(|name| entry_named(name));
    let entries = entries.filter(|index| *index < size).map(|index| index as i64);
    let mut rows = tx.events_of(&entries.collect())?;
    let ids = names.iter().filter(|name| entry_named(name).is_none());
    rows.extend(tx.about(&ids.map(String::as_str).collect::<Vec<_>>(), size)?);
    Ok(rows)
}

/// What is said about the deployments that brought in a change that is called this: a ticket, a commit, a pull request by its page.
fn bringing(tx: &mut ReadTx<'_>, name: &str, size: u64) -> Result<Vec<EventRow>, StoreError> {
    let kinds = [ReferenceKind::Ticket, ReferenceKind::PullRequest].map(ReferenceKind::as_str);
    let mut indexes: BTreeSet<i64> = tx.referring(name, &kinds, size)?.into_iter().collect();
    indexes.extend(tx.referring(&name.to_ascii_lowercase(), &[ReferenceKind::Commit.as_str()], size)?);
    if let Some((_, number)) = name.rsplit_once('/') {
        for number in [number.to_owned(), format!("#{number}"), format!("!{number}")] {
            indexes.extend(tx.referring(&number, &[ReferenceKind::PullRequest.as_str()], size)?);
        }
    }
    tx.events_of(&indexes)
}

/// What a deployment can call an incident that it repairs.
fn names_of_incident(incident: &Incident) -> Vec<String> {
    let entries = incident.indexes().into_iter().map(|index| format!("#{index}"));
    incident.names().map(str::to_owned).chain(entries).collect()
}

/// What a deployment can be called by one that repairs it, or by an incident that it caused.
pub(super) fn names_of_deployment(deployment: &Deployment) -> Vec<String> {
    let entries = deployment.indexes().into_iter().map(|index| format!("#{index}"));
    let id = std::iter::once(deployment.id.to_string());
    id.chain(entries)
        .chain(deployment.changes().map(str::to_owned))
        .collect()
}

fn is_of_incident(row: &EventRow) -> bool {
    row.subject == "incident" || row.subject == link::LINK_SUBJECT
}
