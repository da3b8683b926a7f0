//! Loads what release notes speak of: the deployments asked for, what ran before and after them, the evidence about them, and the
//! incidents that may be theirs. Never more of the log than that, so notes cost the same in a log of any length.

use std::collections::{BTreeMap, BTreeSet};

use super::causes::{add_causes, called, names_of_deployment};
use super::companions::companion_indexes;
use super::declared::{control_indexes, declared_indexes, environment_indexes};
use super::deployed::{Deployed, at};
use super::deployments::evidence_indexes;
use super::outlook::add_outlook;
use super::suspects::facts_with_tests;
use crate::correlate::{SKEW_MS, WINDOW_MS};
use crate::document::release_notes::{Point, Scope, Wanted};
use crate::domain::dependency::{DEPENDENCY_SUBJECT, MAX_DISTANCE};
use crate::domain::deployment::Deployment;
use crate::domain::facts::Facts;
use crate::domain::incident::{self, Incident};
use crate::domain::lineage::LOOK_BACK;
use crate::domain::pushed;
use crate::domain::reference::ReferenceKind;
use crate::domain::{EnvironmentName, ServiceName};
use crate::store::{Place, Rare, ReadTx, Span, StoreError};

/// Statements of a place that are read at once to find its newest deployment.
const NEWEST: usize = 12;
/// Successes of a place that are read after the last deployment, to know what followed.
const NEXT: usize = 4;
/// Approvals, and tests, of a service that are read to know whether it has any.
const SOME: usize = 3;

/// All that release notes of these deployments may speak of.
pub(super) fn notes_facts(tx: &mut ReadTx<'_>, wanted: &Wanted<'_>, size: u64) -> Result<Facts, StoreError> {
    let Wanted {
        service,
        environment,
        scope,
    } = *wanted;
    let here = |found: &&Deployment| found.service == *service && found.environment == *environment;
    let place = at(service, environment);
    let mut deployed = Deployed::new(tx, size);
    match scope {
        Scope::Latest => {
            last_success(&mut deployed, place, None)?;
        }
        Scope::Deployment(id) => {
            let rows = called(deployed.tx, id.as_str(), size)?;
            deployed.add(rows)?;
        }
        Scope::Range { from, to } => {
            let found = (
                order_of(&mut deployed, place, from)?,
                order_of(&mut deployed, place, to)?,
            );
            let (first, last) = match found {
                (Some(first), Some(last)) => (first.unwrap_or(0), last.unwrap_or(0)),
                // A version, or nothing that is known: whatever ran there may be meant.
                (None, _) | (_, None) => (0, size),
            };
            let rows = deployed.tx.said_in(place, first as i64, last as i64 + 1, size)?;
            deployed.add(rows)?;
        }
    }
    // Where nothing is found, notes must tell whether anything was ever deployed there.
    if !deployed.fold().iter().any(|found| here(&found)) {
        add_newest(&mut deployed, place)?;
    }
    let all = deployed.fold();
    let asked: Vec<&Deployment> = match scope {
        Scope::Latest => all
            .iter()
            .filter(here)
            .max_by_key(|found| (found.succeeded(), found.order()))
            .into_iter()
            .collect(),
        Scope::Deployment(_) | Scope::Range { .. } => all.iter().filter(here).collect(),
    };
    let last = asked.iter().map(|found| found.order()).max();
    let asked: BTreeSet<u64> = asked.iter().map(|found| found.index).collect();
    deployed.add_history(|found| asked.contains(&found.index))?;
    // What ran before is told with its changes: what a way back takes out, and what is merged and waits no more.
    deployed.add_history(|found| here(&found) && pushed::is_open(found))?;
    if let Some(last) = last {
        let after = Span {
            place,
            from: last as i64 + 1,
            to: size as i64,
        };
        let next = deployed.tx.first_successes(&[after], NEXT)?;
        deployed.add(next)?;
    }
    let merged = add_outlook(&mut deployed, wanted, last.unwrap_or_default())?;
    let all = deployed.fold();
    let asked = all.iter().filter(|found| asked.contains(&found.index));
    let asked: Vec<Deployment> = asked.cloned().collect();

    let evidence = evidence_indexes(&mut deployed, &asked.iter().collect::<Vec<_>>())?;
    add_same_content(&mut deployed, &asked, service, environment)?;
    let mut others = evidence.clone();
    others.extend(merged);
    others.extend(environment_indexes(deployed.tx, size)?);
    others.extend(some_evidence(deployed.tx, &BTreeSet::from([service.clone()]), size)?);
    others.extend(control_indexes(deployed.tx, size)?);
    let known = deployed.fold();
    others.extend(companion_indexes(deployed.tx, wanted, &known, size)?);
    let incidents = incidents(&mut deployed, &asked, &evidence)?;
    others.extend(add_causes(&mut deployed, &incidents)?);
    let known = deployed.fold();
    others.extend(declared_indexes(deployed.tx, &known, Some(service), size)?);
    others.extend(
        incidents
            .iter()
            .flat_map(|incident| incident.indexes())
            .map(|index| index as i64),
    );
    let others = deployed.add_and_read_others(&others)?;
    deployed.add_change_sets()?;
    let (tx, deployments, _) = deployed.into_parts();
    facts_with_tests(tx, deployments, others, size)
}

/// Adds the deployment of a place that is the newest by ledger order.
pub(super) fn add_newest(deployed: &mut Deployed<'_, '_>, place: Place<'_>) -> Result<(), StoreError> {
    let mut limit = NEWEST;
    loop {
        let size = deployed.size;
        let rows = deployed
            .tx
            .said_before(Some(place.service), Some(place.environment), size, limit)?;
        let (count, oldest) = (rows.len(), rows.last().map_or(0, |row| row.idx as u64));
        deployed.add(rows)?;
        let newest = deployed
            .fold()
            .iter()
            .filter(|found| found.service.as_str() == place.service)
            .map(|found| found.order())
            .max();
        // Whatever is not there was last spoken of before all of these.
        if count < limit || newest.is_some_and(|order| order >= oldest) {
            return Ok(());
        }
        limit *= 4;
    }
}

/// Where in the log a point of a place is: nowhere before its first deployment; none if that needs all that ran there.
fn order_of(
    deployed: &mut Deployed<'_, '_>,
    place: Place<'_>,
    point: &Point,
) -> Result<Option<Option<u64>>, StoreError> {
    let size = deployed.size;
    let name = match point {
        Point::At(until) => {
            return last_success(deployed, place, Some(until.as_millis())).map(Some);
        }
        Point::Now => return last_success(deployed, place, None).map(Some),
        Point::Index(index) => format!("#{index}"),
        Point::Named(name) => name.clone(),
    };
    let rows = called(deployed.tx, &name, size)?;
    let found: BTreeSet<u64> = rows.iter().map(|row| row.idx as u64).collect();
    deployed.add(rows)?;
    let all = deployed.fold();
    let here = all
        .iter()
        .filter(|d| d.service.as_str() == place.service && d.environment.as_str() == place.environment);
    let orders = here
        .filter(|d| d.indexes().iter().any(|index| found.contains(index)))
        .map(Deployment::order);
    Ok(orders.max().map(Some))
}

/// Adds the last deployment of a place that succeeded, by ledger order, and that claims to have ended by then: where its end is.
fn last_success(
    deployed: &mut Deployed<'_, '_>,
    place: Place<'_>,
    until_ms: Option<i64>,
) -> Result<Option<u64>, StoreError> {
    let mut before = deployed.size as i64;
    loop {
        let rows = deployed.tx.successes(place, 0, before, until_ms, 1)?;
        let Some(idx) = rows.first().map(|row| row.idx) else {
            return Ok(None);
        };
        deployed.add(rows)?;
        let ends = |found: &Deployment| found.end().is_some_and(|end| end.index as i64 == idx);
        if deployed.fold().iter().any(ends) {
            return Ok(Some(idx as u64));
        }
        before = idx;
    }
}

/// Adds where else the same content ran, and the newest that was deployed to the other environments, so that it is known which of
/// them the service uses.
pub(super) fn add_same_content(
    deployed: &mut Deployed<'_, '_>,
    asked: &[Deployment],
    service: &ServiceName,
    environment: &EnvironmentName,
) -> Result<(), StoreError> {
    let size = deployed.size;
    let mut rows = Vec::new();
    for other in deployed.tx.environments(size)? {
        if other != environment.as_str() {
            rows.extend(deployed.tx.said_before(Some(service.as_str()), Some(&other), size, 1)?);
        }
    }
    let mut wanted: BTreeMap<ReferenceKind, BTreeSet<String>> = BTreeMap::new();
    for found in asked {
        let artifact = found.artifact.as_ref().map(|said| &said.value);
        let content = artifact.map(|artifact| match &artifact.digest {
            Some(digest) => (ReferenceKind::Digest, digest.clone()),
            None => (ReferenceKind::Artifact, artifact.id.clone()),
        });
        let version = found.version.iter();
        let version = version.map(|said| (ReferenceKind::Version, said.value.clone()));
        let commit = found.commit.iter();
        let commit = commit.map(|said| (ReferenceKind::Commit, said.value.to_ascii_lowercase()));
        for (kind, value) in content.into_iter().chain(version).chain(commit) {
            wanted.entry(kind).or_default().insert(value);
        }
    }
    let kinds: Vec<[&str; 1]> = wanted.keys().map(|kind| [kind.as_str()]).collect();
    let lists: Vec<(&BTreeSet<String>, &[&str])> = wanted.values().zip(kinds.iter().map(|kind| &kind[..])).collect();
    let indexes = deployed.referring_to(&lists)?;
    let same = deployed.tx.events_of(&indexes)?.into_iter();
    rows.extend(same.filter(|row| row.service.as_deref() == Some(service.as_str())));
    deployed.add(rows)
}

/// Some approvals and test results of services, of those that have any: so that it means something where they are absent.
pub(super) fn some_evidence(
    tx: &mut ReadTx<'_>,
    services: &BTreeSet<ServiceName>,
    size: u64,
) -> Result<BTreeSet<i64>, StoreError> {
    let environments = tx.environments(size)?;
    let places = environments.iter().flat_map(|environment| {
        services.iter().map(|service| Place {
            service: service.as_str(),
            environment,
        })
    });
    let spans: Vec<Span<'_>> = places.map(|place| Span::whole(place, size)).collect();
    let mut indexes = BTreeSet::new();
    for ended in [
        ("approval", "closed"),
        ("testsuiterun", "finished"),
        ("testcaserun", "finished"),
    ] {
        let rows = tx.last_evidence(&spans, ended, SOME)?;
        indexes.extend(rows.iter().map(|row| row.idx));
    }
    Ok(indexes)
}

/// The incidents that may be of these deployments: what began on the service, or on what needs it, while they were recent; what
/// names them; what they, or those that took them out, say that they repair.
fn incidents(
    deployed: &mut Deployed<'_, '_>,
    asked: &[Deployment],
    evidence: &BTreeSet<i64>,
) -> Result<Vec<Incident>, StoreError> {
    let size = deployed.size;
    let Some(first) = asked.first() else {
        return Ok(Vec::new());
    };
    let services = dependents(deployed.tx, &BTreeSet::from([first.service.clone()]), size)?;
    let services: Vec<&str> = services.iter().map(String::as_str).collect();
    let rows = deployed.tx.rare(Rare::Incident, &services, size, i64::MAX)?;
    let earliest = asked
        .iter()
        .map(|found| found.start_at())
        .min()
        .unwrap_or_else(|| first.start_at());
    let earliest = earliest.plus_millis(-SKEW_MS).as_millis();
    // What was over before they began cannot be theirs.
    let mut seen = BTreeSet::new();
    let recent = rows.iter().filter(|row| {
        let id = row.about.as_deref().unwrap_or_default();
        seen.insert(id) && !(row.predicate == "resolved" && row.occurred_ms < earliest)
    });
    let recent: BTreeSet<String> = recent.filter_map(|row| row.about.clone()).collect();

    let mut named: BTreeSet<String> = BTreeSet::new();
    let mut names: BTreeSet<String> = asked.iter().flat_map(names_of_deployment).collect();
    let naming = deployed
        .tx
        .naming(&names.iter().map(String::as_str).collect::<Vec<_>>(), size)?;
    let spoken = deployed.tx.events_of(evidence)?.into_iter().chain(naming);
    named.extend(
        spoken
            .filter(|row| row.subject == "incident" || row.subject == "shipslog-link")
            .filter_map(|row| row.about),
    );
    // What came after and says that it repairs something, for what that took out.
    names.clear();
    names.extend(
        asked
            .iter()
            .filter_map(|found| found.remediates.as_ref())
            .map(|said| said.value.clone()),
    );
    let order = asked.iter().map(Deployment::order).min().unwrap_or(0);
    let place = at(&first.service, &first.environment);
    let later = deployed.tx.repairs_after(place, order as i64, size, LOOK_BACK)?;
    names.extend(later.iter().filter_map(|row| row.names.clone()));
    deployed.add(later)?;
    for name in &names {
        let mut rows = called(deployed.tx, name, size)?;
        let tickets = deployed.tx.referring(name, &[ReferenceKind::Ticket.as_str()], size)?;
        rows.extend(deployed.tx.events_of(&tickets.into_iter().collect())?);
        named.extend(
            rows.into_iter()
                .filter(|row| row.subject == "incident")
                .filter_map(|row| row.about),
        );
    }

    let ids: Vec<&str> = recent.union(&named).map(String::as_str).collect();
    let mut rows = deployed.tx.about(&ids, size)?;
    rows.retain(|row| row.subject == "incident");
    let mut incidents = incident::fold(&deployed.tx.recorded_rows(&rows)?);
    incidents.retain(|incident| {
        let recent =
            |found: &Deployment| (-SKEW_MS..=WINDOW_MS).contains(&incident.began().0.millis_since(found.start_at()));
        // An incident of another environment was never looked at here.
        let place = incident.environment.as_ref() == Some(&first.environment);
        place && (named.contains(incident.id.as_str()) || asked.iter().any(recent))
    });
    Ok(incidents)
}

/// Services and those that declared to need them, as far as correlation follows that; none where none is named.
pub(super) fn dependents(
    tx: &mut ReadTx<'_>,
    services: &BTreeSet<ServiceName>,
    size: u64,
) -> Result<BTreeSet<String>, StoreError> {
    let mut found: BTreeSet<String> = services.iter().map(ToString::to_string).collect();
    if found.is_empty() {
        return Ok(found);
    }
    let rows = tx.rare(Rare::Dependencies, &[], size, i64::MAX)?;
    let records = tx.recorded_rows(&rows)?;
    for _ in 0..MAX_DISTANCE {
        let needing = records.iter().filter(|record| {
            let mut needs = record.event.extension.depends_on.iter().flatten();
            record.event.event_type.subject == DEPENDENCY_SUBJECT && needs.any(|needed| found.contains(needed.as_str()))
        });
        let needing: Vec<String> = needing
            .filter_map(|record| Some(record.event.service.as_ref()?.to_string()))
            .collect();
        found.extend(needing);
    }
    Ok(found)
}
