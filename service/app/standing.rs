//! Loads what a report of a period must not be silent about although it began before: incidents that went on when the period ended,
//! with the deployments that caused them and what repaired those; and counts the suggestions about earlier incidents that nobody has
//! reviewed.

use std::collections::BTreeSet;

use super::causes::{add_causes, correlation_facts, names_of_deployment};
use super::deployments::naming_indexes;
use super::incidents::{IncidentFilter, listed};
use super::period::{Asked, Gathered, add_namesakes, incidents_called, incidents_naming};
use crate::correlate::Correlator;
use crate::document::service_report::Backlog;
use crate::domain::deployment::Deployment;
use crate::domain::incident::Incident;
use crate::domain::service::Services;
use crate::domain::{Instant, Period};
use crate::metrics::{self, went_on};
use crate::store::{ReadTx, StoreError};

/// Incidents of before the compared period that are looked at in one step, and in all: what nobody has reviewed for so long is told to
/// be more.
const AT_ONCE: usize = 50;
const MOST_EARLIER: usize = 100;

impl Gathered<'_, '_> {
    /// Adds the incidents that began before the period and went on when it ended, and all that tells whether what earlier deployments
    /// did was over by then.
    pub(super) fn add_standing(&mut self, period: Period) -> Result<(), StoreError> {
        let size = self.deployed.size;
        let ids = self.deployed.tx.incidents_since(&[], period.to.as_millis(), size)?;
        let mut open = incidents_called(self.deployed.tx, ids, size)?;
        open.retain(|incident| went_on(incident, period.to));
        if open.is_empty() {
            return Ok(());
        }
        self.take(&open)?;
        let failed = self.failed_before(&open, period.from)?;
        if failed.is_empty() {
            return Ok(());
        }
        let is_failed = |found: &&Deployment| failed.contains(&found.index);
        self.deployed.add_following(|found| is_failed(&found))?;
        let all = self.deployments();
        let found: Vec<&Deployment> = all.iter().filter(is_failed).collect();
        let names: BTreeSet<String> = found.iter().flat_map(|found| names_of_deployment(found)).collect();
        let naming = naming_indexes(&mut self.deployed, &found)?;
        drop(all);
        // What else they caused may have been repaired by name.
        let mut named = self.deployed.tx.subject_ids("incident", &naming)?;
        named.extend(incidents_naming(&mut self.deployed, &names)?);
        let others = incidents_called(self.deployed.tx, named, size)?;
        self.take(&others)?;
        add_namesakes(&mut self.deployed)
    }

    fn take(&mut self, incidents: &[Incident]) -> Result<(), StoreError> {
        self.others.extend(add_causes(&mut self.deployed, incidents)?);
        let entries = incidents.iter().flat_map(Incident::indexes);
        self.others.extend(entries.map(|index| index as i64));
        let hurt = incidents.iter().filter_map(|incident| incident.service.clone());
        self.hurt.extend(hurt);
        Ok(())
    }

    /// The deployments that ended before a time and that somebody says caused one of these incidents, by first index.
    fn failed_before(&mut self, incidents: &[Incident], from: Instant) -> Result<BTreeSet<u64>, StoreError> {
        let facts = correlation_facts(self.deployed.tx, incidents, None, self.deployed.size)?;
        let correlator = Correlator::new(&facts);
        let candidates = incidents.iter().flat_map(|one| correlator.candidates(one).candidates);
        let established = candidates.filter(|candidate| candidate.state.is_established());
        let ended = |index: &u64| facts.deployment(*index)?.finished_at();
        let before = established
            .map(|candidate| candidate.index)
            .filter(|index| ended(index).is_some_and(|at| at < from));
        Ok(before.collect())
    }
}

/// The suggestions about incidents that began before the period that a report compares with, of the newest of those. About that period
/// itself the report has all the links.
pub(super) fn earlier_backlog(
    tx: &mut ReadTx<'_>,
    asked: &Asked<'_>,
    (team, owners): (Option<&str>, &Services),
    period: Period,
    size: u64,
) -> Result<Backlog, StoreError> {
    let mut services = asked.services.iter();
    let filter = IncidentFilter {
        // Several are looked for among all.
        service: services.next().filter(|_| services.next().is_none()).cloned(),
        environment: asked.environments.first().cloned(),
        to: Some(period.previous().from),
        ..IncidentFilter::default()
    };
    let (mut backlog, mut below, mut looked_at) = (Backlog::default(), size, 0);
    loop {
        let (mut incidents, more) = listed(tx, &filter, below, AT_ONCE, size)?;
        looked_at += incidents.len();
        incidents.retain(|incident| owners.are_hurt(asked.services, team, incident));
        let facts = correlation_facts(tx, &incidents, None, size)?;
        let correlator = Correlator::new(&facts);
        backlog.add_earlier(&metrics::waiting(&incidents, &correlator));
        match more {
            None => return Ok(backlog),
            Some(_) if looked_at >= MOST_EARLIER => {
                backlog.more = true;
                return Ok(backlog);
            }
            Some(before) => below = before,
        }
    }
}
