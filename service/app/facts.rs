//! Loads what reports of a period speak of: its deployments, the evidence about them, and whether there ever was any where there
//! is none now.

use std::collections::BTreeSet;

use super::declared::{attestation_indexes, conclusion_indexes, gate_indexes};
use super::deployed::Deployed;
use super::deployments::evidence_indexes;
use super::notes::some_evidence;
use super::period::{Asked, Gathered, deployments, gather, places, services};
use super::standing::earlier_backlog;
use crate::document::service_report::{Backlog, NEXT_MS};
use crate::domain::artifact::Artifact;
use crate::domain::deployment::{Deployment, Status};
use crate::domain::facts::Facts;
use crate::domain::incident;
use crate::domain::reference::ReferenceKind;
use crate::domain::service::Services;
use crate::domain::{EnvironmentName, Period, ServiceName, evidence};
use crate::store::{Place, Rare, ReadTx, Span, StoreError};

/// Newest tests in a place that are looked at to know whether any of them verified a deployment there.
const VERIFYING: usize = 8;

/// All that a compliance report speaks of.
pub(super) fn compliance_facts(
    tx: &mut ReadTx<'_>,
    services: &BTreeSet<ServiceName>,
    environment: &EnvironmentName,
    period: Period,
    size: u64,
) -> Result<Facts, StoreError> {
    let asked = asked_or_recorded(services, environment, period);
    let mut gathered = gather(tx, &asked, size)?;
    // What counts in another period is checked too.
    let all = gathered.deployments();
    let attempts: BTreeSet<u64> = gathered.population(&all).map(|found| found.index).collect();
    drop(all);
    gathered.add_assurance(&attempts)?;
    let answers = gate_indexes(gathered.deployed.tx, environment, period, size)?;
    gathered.others.extend(answers);
    gathered.others.extend(attestation_indexes(gathered.deployed.tx, size)?);
    gathered.others.extend(conclusion_indexes(gathered.deployed.tx, size)?);
    let facts = gathered.facts()?;
    with_verified(tx, facts, &attempts, size)
}

/// All that the working papers of a sample speak of: `pick` draws from the deployments of the period, by first index, and is told those
/// that meet it and count in another; what ran before them is told only if it draws `by_history`.
pub(super) fn sample_facts<E: From<StoreError>>(
    tx: &mut ReadTx<'_>,
    services: &BTreeSet<ServiceName>,
    environment: &EnvironmentName,
    period: Period,
    size: u64,
    by_history: bool,
    pick: impl FnOnce(&mut ReadTx<'_>, &[&Deployment], &[&Deployment]) -> Result<BTreeSet<u64>, E>,
) -> Result<Facts, E> {
    let asked = asked_or_recorded(services, environment, period);
    let mut gathered = deployments(tx, &asked, size)?;
    if by_history {
        gathered.add_following()?;
    }
    let attempts = attempts(&gathered, period);
    let all = gathered.deployments();
    let elsewhere = gathered
        .population(&all)
        .filter(|found| found.counts_elsewhere(&period));
    let elsewhere: Vec<&Deployment> = elsewhere.collect();
    let picked = pick(gathered.deployed.tx, &among(&all, &attempts), &elsewhere)?;
    drop(all);
    gathered.keep(&picked);
    gathered.add_following()?;
    gathered.add_incidents(&asked)?;
    gathered.add_assurance(&picked)?;
    let facts = gathered.facts()?;
    Ok(with_verified(tx, facts, &picked, size)?)
}

/// All that a service report speaks of: its period and the one before, what went on from before, and what was announced for after
/// it; and the suggestions about earlier incidents.
pub(super) fn service_report_facts(
    tx: &mut ReadTx<'_>,
    named: &BTreeSet<ServiceName>,
    team: Option<&str>,
    environment: &EnvironmentName,
    period: Period,
    size: u64,
) -> Result<(Facts, Backlog), StoreError> {
    let asked = asked(named, environment, period.previous(), period);
    let services = services(tx, &asked, size)?;
    let declared = tx.rare(Rare::Declaration, &[], size, i64::MAX)?;
    let owners = Services::fold(&tx.recorded_rows(&declared)?);
    let backlog = earlier_backlog(tx, &asked, (team, &owners), period, size)?;
    let mut gathered = gather(tx, &asked, size)?;
    gathered.add_standing(period)?;
    gathered.add_origins_of_commits(&asked)?;
    gathered.add_approvals()?;
    let here: Vec<Place<'_>> = places(&services, &asked.environments).collect();
    gathered.add_announced(&here, period)?;
    // Whether the services of the place ever had an incident, however long ago they were deployed.
    let theirs = here.iter().copied().filter(|place| owners.was_of(team, place.service));
    gathered.add_one_of_each(theirs.collect(), |found| {
        owners.is_of(team, &found.service, found.start_at())
    })?;
    gathered.add_one_incident_of_each(&here)?;
    let attempts = attempts(&gathered, period);
    // What people wrote about those that ended in the period too.
    let all = gathered.deployments();
    let ended = |found: &&Deployment| found.finished_at().is_some_and(|at| period.contains(at));
    let ended = gathered.population(&all).filter(ended).map(|found| found.index);
    let told = ended.chain(attempts.iter().copied()).collect();
    drop(all);
    gathered.add_assurance(&told)?;
    let facts = gathered.facts()?;
    Ok((with_verified(tx, facts, &attempts, size)?, backlog))
}

fn asked<'q>(
    services: &'q BTreeSet<ServiceName>,
    environment: &EnvironmentName,
    first: Period,
    last: Period,
) -> Asked<'q> {
    Asked {
        services,
        environments: BTreeSet::from([environment.clone()]),
        from: first.from,
        to: last.to,
        recorded: false,
    }
}

/// The same of one period, with what was recorded in it.
fn asked_or_recorded<'q>(
    services: &'q BTreeSet<ServiceName>,
    environment: &EnvironmentName,
    period: Period,
) -> Asked<'q> {
    Asked {
        recorded: true,
        ..asked(services, environment, period, period)
    }
}

/// What was begun in the period, and is checked: first indexes.
fn attempts(gathered: &Gathered<'_, '_>, period: Period) -> BTreeSet<u64> {
    let all = gathered.deployments();
    let attempts = gathered.population(&all);
    let attempts = attempts.filter(|found| period.contains(found.start_at()));
    attempts.map(|found| found.index).collect()
}

fn among<'d>(all: &'d [Deployment], indexes: &BTreeSet<u64>) -> Vec<&'d Deployment> {
    all.iter().filter(|found| indexes.contains(&found.index)).collect()
}

impl Gathered<'_, '_> {
    /// Adds what was announced for soon after the period and has not ended.
    fn add_announced(&mut self, here: &[Place<'_>], period: Period) -> Result<(), StoreError> {
        let size = self.deployed.size;
        let (from, to) = (period.to.as_millis(), period.to.plus_millis(NEXT_MS).as_millis());
        let times = here.iter().map(|place| Span {
            place: *place,
            from,
            to,
        });
        let mut rows = self.deployed.tx.announced_between(&times.collect::<Vec<_>>(), size)?;
        let ids: BTreeSet<&str> = rows.iter().filter_map(|row| row.about.as_deref()).collect();
        let said = self.deployed.tx.about(&ids.into_iter().collect::<Vec<_>>(), size)?;
        // What has the same id on the same place is the same deployment.
        let ended = said
            .iter()
            .filter(|row| row.outcome.is_some() || row.subject == "service");
        let ended: BTreeSet<_> = ended.map(|row| (&row.about, &row.service, &row.environment)).collect();
        rows.retain(|row| !ended.contains(&(&row.about, &row.service, &row.environment)));
        self.deployed.add(rows)?;
        self.deployed.add_history(|found| {
            let soon = period.to <= found.start_at() && found.start_at() < period.to.plus_millis(NEXT_MS);
            soon && found.status() != Status::Finished
        })
    }

    /// Adds an incident of each of these services, where it has any.
    fn add_one_incident_of_each(&mut self, here: &[Place<'_>]) -> Result<(), StoreError> {
        let size = self.deployed.size;
        let mut missing = here.to_vec();
        let mut limit = 1;
        loop {
            missing.retain(|place| !self.hurt.iter().any(|service| service.as_str() == place.service));
            let spans: Vec<Span<'_>> = missing.iter().map(|place| Span::whole(*place, size)).collect();
            let rows = self.deployed.tx.last_incidents(&spans, limit)?;
            let count = |place: &Place<'_>| {
                let theirs = rows.iter().filter(|row| row.service.as_deref() == Some(place.service));
                theirs.count()
            };
            // Of the others all was read.
            missing.retain(|place| count(place) == limit);
            let ids: BTreeSet<&str> = rows.iter().filter_map(|row| row.about.as_deref()).collect();
            let mut said = self.deployed.tx.about(&ids.into_iter().collect::<Vec<_>>(), size)?;
            said.retain(|row| row.subject == "incident");
            let incidents = incident::fold(&self.deployed.tx.recorded_rows(&said)?);
            self.others.extend(said.iter().map(|row| row.idx));
            self.hurt
                .extend(incidents.into_iter().filter_map(|incident| incident.service));
            if missing.is_empty() {
                return Ok(());
            }
            limit *= 4;
        }
    }

    /// Adds what checks of these deployments look at: the evidence about them, the same content in other environments, and
    /// whether the services have other environments and evidence at all.
    fn add_assurance(&mut self, attempts: &BTreeSet<u64>) -> Result<(), StoreError> {
        let size = self.deployed.size;
        let all = self.deployments();
        let attempts = among(&all, attempts);
        let evidence = evidence_indexes(&mut self.deployed, &attempts)?;
        self.others.extend(evidence);
        let tx = &mut *self.deployed.tx;
        let services: BTreeSet<ServiceName> = attempts.iter().map(|found| found.service.clone()).collect();
        self.others.extend(some_evidence(tx, &services, size)?);
        let versions = attempts.iter().filter_map(|found| found.version.as_ref());
        let versions = versions.map(|said| said.value.clone()).collect();
        drop(all);
        let same = tx.referring_to_any(&versions, &[ReferenceKind::Version.as_str()], size)?;
        let mut rows = tx.events_of(&same)?;
        let names: BTreeSet<&str> = services.iter().map(ServiceName::as_str).collect();
        rows.retain(|row| row.service.as_deref().is_some_and(|service| names.contains(service)));
        let environments = tx.environments(size)?;
        self.deployed.add(rows)?;
        let elsewhere = environments
            .iter()
            .flat_map(|environment| names.iter().map(move |service| Place { service, environment }));
        self.add_one_of_each(elsewhere.collect(), |_| true)
    }
}

/// The facts, and the places among those of these deployments where any deployment was ever verified.
fn with_verified(
    tx: &mut ReadTx<'_>,
    mut facts: Facts,
    attempts: &BTreeSet<u64>,
    size: u64,
) -> Result<Facts, StoreError> {
    let attempts = attempts.iter().filter_map(|index| facts.deployment(*index));
    let places: BTreeSet<_> = attempts.map(|found| (&found.service, &found.environment)).collect();
    let unknown = places.iter().filter(|(service, environment)| {
        let place = ((*service).clone(), (*environment).clone());
        !facts.verified.contains(&place)
    });
    let spans: Vec<Span<'_>> = unknown
        .map(|(service, environment)| Span::whole(super::deployed::at(service, environment), size))
        .collect();
    let mut rows = tx.last_evidence(&spans, ("testsuiterun", "finished"), VERIFYING)?;
    rows.extend(tx.last_evidence(&spans, ("testcaserun", "finished"), VERIFYING)?);
    let evidence = evidence::fold(&tx.recorded_rows(&rows)?);
    let (mut contents, mut commits, mut ids) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for test in &evidence.tests {
        let artifact = test.binding.artifact.as_deref().map(Artifact::parse);
        contents.extend(artifact.map(|artifact| artifact.digest.unwrap_or(artifact.id)));
        commits.extend(test.binding.commit.iter().map(|commit| commit.to_ascii_lowercase()));
        ids.extend(test.binding.deployment_id.iter().map(ToString::to_string));
    }
    let lists: [(&BTreeSet<String>, &[&str]); 3] = [
        (
            &contents,
            &[ReferenceKind::Digest.as_str(), ReferenceKind::Artifact.as_str()],
        ),
        (&commits, &[ReferenceKind::Commit.as_str()]),
        (&ids, &[ReferenceKind::Deployment.as_str()]),
    ];
    let indexes = tx.referring_to(&lists, size, &BTreeSet::new())?;
    let rows = tx.events_of(&indexes)?;
    let mut deployed = Deployed::new(tx, size);
    deployed.add(rows)?;
    let all = deployed.fold();
    let verified = all.iter().filter(|found| !evidence.verifications_of(found).is_empty());
    let places = verified.map(|found| (found.service.clone(), found.environment.clone()));
    facts.verified.extend(places);
    Ok(facts)
}
