//! Which deployments failed, by what is known of them, and when each was recovered from. It counts deployments: an
//! incident with three links is three failures, and three incidents with one are one.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::Input;
use super::link::{self, Linked};
use crate::domain::deployment::{Deployment, Role};
use crate::domain::incident::Incident;
use crate::domain::reference::entry_named;
use crate::domain::{EnvironmentName, Instant};

/// What is known of failures.
pub(super) struct Failures<'a> {
    /// Links by the index of the deployment.
    linked: BTreeMap<u64, Linked>,
    /// Deployments that a rollback or another repair was recorded for.
    repaired: BTreeSet<u64>,
    /// When something that may have ended a failure succeeded, by the deployment that had failed.
    repairs: BTreeMap<u64, Vec<Instant>>,
    incidents: HashMap<u64, &'a Incident>,
}

/// How a failure ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Recovery {
    /// Over at this time.
    Recovered(Instant),
    /// Not known to be over.
    Open,
    /// All that ended it is claimed to have been before the deployment was done.
    BeforeItsEnd,
}

impl<'a> Failures<'a> {
    /// As links and later deployments to these environments tell it.
    pub(super) fn of(input: &Input<'a>, environments: &BTreeSet<&EnvironmentName>) -> Self {
        let linked = link::by_deployment(input.links);
        let names = Names::of(input);
        let mut failures = Self {
            repaired: BTreeSet::new(),
            repairs: BTreeMap::new(),
            incidents: input
                .incidents
                .iter()
                .map(|incident| (incident.index, incident))
                .collect(),
            linked,
        };
        let mut by_incident: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
        for (deployment, linked) in &failures.linked {
            for incident in &linked.known {
                by_incident.entry(*incident).or_default().push(*deployment);
            }
        }
        for repair in input
            .deployments
            .iter()
            .filter(|d| environments.contains(&d.environment))
        {
            let named = names.repaired_by(repair);
            // Of what a rollback takes out, the first that came in is the one that it goes back from, unless it says which.
            let back = repair.lineage.role == Role::Back && repair.succeeded();
            let first_out = repair.lineage.withdraws.first().filter(|_| back && named.is_none());
            failures.repaired.extend(named.iter().chain(first_out));
            if let Some(at) = repair.finished_at().filter(|_| repair.succeeded()) {
                let incidents = names.incidents_repaired_by(repair);
                let through = incidents
                    .iter()
                    .filter_map(|incident| by_incident.get(incident))
                    .flatten();
                let taken_out = repair.lineage.withdraws.iter().filter(|_| back);
                for failed in named.iter().chain(taken_out).chain(through) {
                    failures.repairs.entry(*failed).or_default().push(at);
                }
            }
        }
        failures
    }

    /// Whether a deployment is known to have failed: somebody said so, or acted on it.
    pub(super) fn is_known(&self, index: u64) -> bool {
        self.repaired.contains(&index) || self.linked.get(&index).is_some_and(|linked| !linked.known.is_empty())
    }

    /// Whether a deployment may have failed: the rules suggest it, and nobody has looked yet.
    pub(super) fn is_suspected(&self, index: u64) -> bool {
        !self.is_known(index)
            && self
                .linked
                .get(&index)
                .is_some_and(|linked| !linked.suspected.is_empty())
    }

    /// Whether it is said to have failed against somebody's objection, and nothing else speaks for it.
    pub(super) fn is_disputed(&self, index: u64) -> bool {
        !self.is_known(index)
            && self
                .linked
                .get(&index)
                .is_some_and(|linked| !linked.disputed.is_empty())
    }

    /// The incidents that a deployment is known to have caused.
    pub(super) fn incidents(&self, index: u64) -> BTreeSet<u64> {
        self.linked
            .get(&index)
            .map(|linked| linked.known.clone())
            .unwrap_or_default()
    }

    /// When the first harm of those incidents was felt, as far as it was told.
    pub(super) fn harm_began(&self, index: u64) -> Option<Instant> {
        let known = self.incidents(index);
        let incidents = known.iter().filter_map(|incident| self.incidents.get(incident));
        incidents.map(|incident| incident.began().0).min()
    }

    /// How the failure of a deployment that ended at `end` was recovered from: by the first repair, or when every
    /// incident that it caused was over.
    pub(super) fn recovery(&self, index: u64, end: Instant) -> Recovery {
        let ends: Vec<Instant> = self
            .repairs_of(index)
            .chain(self.over_at(&self.incidents(index)))
            .collect();
        match ends.iter().filter(|at| **at >= end).min() {
            Some(at) => Recovery::Recovered(*at),
            None if ends.is_empty() => Recovery::Open,
            None => Recovery::BeforeItsEnd,
        }
    }

    /// When all of these incidents were over; none while one goes on, and of none.
    pub(super) fn over_at(&self, incidents: &BTreeSet<u64>) -> Option<Instant> {
        let over = |incident: &u64| Some(self.incidents.get(incident)?.resolved()?.occurred_at);
        let ends: Option<Vec<Instant>> = incidents.iter().map(over).collect();
        ends?.into_iter().max()
    }

    /// When a deployment that ended at `end` was first repaired after that.
    pub(super) fn repaired_at(&self, index: u64, end: Instant) -> Option<Instant> {
        self.repairs_of(index).filter(|at| *at >= end).min()
    }

    fn repairs_of(&self, index: u64) -> impl Iterator<Item = Instant> {
        self.repairs.get(&index).into_iter().flatten().copied()
    }
}

/// What deployments and incidents are called by those who repair them.
struct Names<'a> {
    deployments: HashMap<&'a str, Vec<&'a Deployment>>,
    deployment_entries: HashMap<u64, u64>,
    incidents: HashMap<&'a str, BTreeSet<u64>>,
    incident_entries: HashMap<u64, u64>,
}

impl<'a> Names<'a> {
    fn of(input: &Input<'a>) -> Self {
        let mut names = Self {
            deployments: HashMap::new(),
            deployment_entries: HashMap::new(),
            incidents: HashMap::new(),
            incident_entries: HashMap::new(),
        };
        for deployment in input.deployments {
            names
                .deployments
                .entry(deployment.id.as_str())
                .or_default()
                .push(deployment);
            let entries = deployment.statements.iter().map(|said| (said.index, deployment.index));
            names.deployment_entries.extend(entries);
        }
        for incident in input.incidents {
            let tickets = incident.tickets.iter().map(|ticket| ticket.value.id.as_str());
            let ticket = incident.ticket.iter().map(|ticket| ticket.value.as_str());
            for name in tickets.chain(ticket).chain([incident.id.as_str()]) {
                names.incidents.entry(name).or_default().insert(incident.index);
            }
            let entries = incident.statements.iter().map(|said| (said.index, incident.index));
            names.incident_entries.extend(entries);
        }
        names
    }

    /// The other deployment that this one says it repairs. An id that several share means the newest of the same place
    /// before it; where none is, it must be the only one.
    fn repaired_by(&self, repair: &Deployment) -> Option<u64> {
        let name = &repair.remediates.as_ref()?.value;
        if let Some(entry) = entry_named(name) {
            return self
                .deployment_entries
                .get(&entry)
                .copied()
                .filter(|index| *index != repair.index);
        }
        let called: Vec<_> = self
            .deployments
            .get(name.as_str())?
            .iter()
            .filter(|d| d.index != repair.index)
            .collect();
        let here = called
            .iter()
            .filter(|d| d.service == repair.service && d.environment == repair.environment && d.index < repair.index);
        match (here.map(|d| d.index).max(), called.as_slice()) {
            (Some(index), _) => Some(index),
            (None, [only]) => Some(only.index),
            (None, _) => None,
        }
    }

    /// The incidents that a deployment says it repairs.
    fn incidents_repaired_by(&self, repair: &Deployment) -> BTreeSet<u64> {
        let Some(name) = repair.remediates.as_ref().map(|said| &said.value) else {
            return BTreeSet::new();
        };
        match entry_named(name) {
            Some(entry) => self.incident_entries.get(&entry).copied().into_iter().collect(),
            None => self.incidents.get(name.as_str()).cloned().unwrap_or_default(),
        }
    }
}
