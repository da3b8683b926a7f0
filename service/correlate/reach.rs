//! Which deployments the rules have to look at for an incident: those near it, and those that somebody named. The others would
//! be no candidates, and looking at them would make an incident cost what the whole history does.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

use super::content::Contents;
use super::rules::Case;
use super::state::Verdicts;
use super::{SKEW_MS, WINDOW_MS};
use crate::domain::deployment::Deployment;
use crate::domain::facts::Facts;
use crate::domain::incident::Incident;
use crate::domain::reference::entry_named;
use crate::domain::{DeploymentId, EnvironmentName, Instant, ServiceName};

/// Deployments and incidents by what leads to them.
pub(super) struct Reach<'a> {
    /// By index.
    all: &'a [Deployment],
    /// By place, each with its start, in the order of those.
    places: HashMap<(&'a ServiceName, &'a EnvironmentName), Vec<(Instant, &'a Deployment)>>,
    ids: HashMap<&'a str, Vec<&'a Deployment>>,
    /// Those that brought in the ticket, pull request (by its page) or commit that an incident names as its cause.
    changes: HashMap<&'a str, Vec<&'a Deployment>>,
    pub(super) contents: Contents<'a>,
    /// Those that the entry is about which an incident names as its cause.
    entries: HashMap<u64, Vec<&'a Deployment>>,
    /// The successes that took a deployment out, by its index.
    withdrawing: HashMap<u64, Vec<&'a Deployment>>,
    incidents: HashMap<(&'a ServiceName, Option<&'a EnvironmentName>), Vec<&'a Incident>>,
}

impl<'a> Reach<'a> {
    /// Among all of these.
    pub(super) fn of(facts: &'a Facts) -> Self {
        let mut reach = Self {
            all: &facts.deployments,
            places: HashMap::new(),
            ids: HashMap::new(),
            changes: HashMap::new(),
            contents: Contents::named_by(&facts.incidents, &facts.deployments),
            entries: HashMap::new(),
            withdrawing: HashMap::new(),
            incidents: HashMap::new(),
        };
        for incident in &facts.incidents {
            if let Some(service) = &incident.service {
                let place = (service, incident.environment.as_ref());
                reach.incidents.entry(place).or_default().push(incident);
            }
            reach.ask_for(incident);
        }
        if facts.incidents.is_empty() {
            return reach;
        }
        for deployment in &facts.deployments {
            reach.add(deployment);
        }
        for here in reach.places.values_mut() {
            here.sort_by_key(|(start, deployment)| (*start, deployment.index));
        }
        reach
    }

    /// Only names that incidents use lead anywhere: of all others, which are many, no list is made.
    fn ask_for(&mut self, incident: &'a Incident) {
        if let Some(cause) = &incident.caused_by {
            self.changes.entry(&cause.value).or_default();
            if let Some(index) = entry_named(&cause.value) {
                self.entries.entry(index).or_default();
            }
        }
    }

    fn add(&mut self, deployment: &'a Deployment) {
        let place = (&deployment.service, &deployment.environment);
        let here = self.places.entry(place).or_default();
        here.push((deployment.start_at(), deployment));
        self.ids.entry(deployment.id.as_str()).or_default().push(deployment);
        for change in deployment.changes() {
            push(&mut self.changes, change, deployment);
        }
        for said in &deployment.statements {
            push(&mut self.entries, said.index, deployment);
        }
        if deployment.succeeded() {
            for index in &deployment.lineage.withdraws {
                self.withdrawing.entry(*index).or_default().push(deployment);
            }
        }
    }

    /// The deployments that there may be a clue about, by index.
    pub(super) fn within(&self, case: &Case<'_, 'a>, verdicts: &Verdicts<'_>) -> Vec<&'a Deployment> {
        let incident = case.incident;
        let mut found: BTreeMap<u64, &'a Deployment> = BTreeMap::new();
        let mut add = |deployments: &mut dyn Iterator<Item = &'a Deployment>| {
            found.extend(deployments.map(|deployment| (deployment.index, deployment)));
        };
        if let (Some(service), Some(environment)) = (&incident.service, &incident.environment) {
            let (from, to) = (
                case.began_at.plus_millis(-WINDOW_MS),
                case.began_at.plus_millis(SKEW_MS),
            );
            for service in case.needed.keys().chain([service]) {
                let here = self.places.get(&(service, environment));
                let here = here.map_or(&[][..], Vec::as_slice);
                let first = here.partition_point(|(start, _)| *start < from);
                let near = here[first..].iter().take_while(|(start, _)| *start <= to);
                add(&mut near.map(|(_, deployment)| *deployment));
            }
        }
        if let Some(id) = &incident.deployment_id {
            add(&mut self.with_id(&id.value).iter().copied());
        }
        if let Some(cause) = incident.caused_by.as_ref().map(|said| said.value.as_str()) {
            let called = [&self.ids, &self.changes].into_iter();
            add(&mut called.filter_map(|names| names.get(cause)).flatten().copied());
            let entry = entry_named(cause).and_then(|index| self.entries.get(&index));
            add(&mut entry.into_iter().flatten().copied());
        }
        add(&mut self.contents.of(incident));
        let taken_out = case.fixes.iter().flat_map(|fix| fix.lineage.withdraws.iter().copied());
        let spoken = taken_out.chain(verdicts.deployments());
        add(&mut spoken.filter_map(|index| self.with_index(index)));
        found.into_values().collect()
    }

    /// The deployments that brought the ticket, pull request or commit of this name.
    pub(super) fn with_change(&self, name: &str) -> &[&'a Deployment] {
        self.changes.get(name).map_or(&[], Vec::as_slice)
    }

    /// The deployments with this id.
    pub(super) fn with_id(&self, id: &DeploymentId) -> &[&'a Deployment] {
        self.ids.get(id.as_str()).map_or(&[], Vec::as_slice)
    }

    /// The successes that took this one out.
    pub(super) fn withdrawing(&self, deployment: &Deployment) -> &[&'a Deployment] {
        self.withdrawing.get(&deployment.index).map_or(&[], Vec::as_slice)
    }

    /// The incidents of the same place, itself among them; none if it names no service.
    pub(super) fn beside<'s>(&'s self, incident: &'s Incident) -> &'s [&'a Incident] {
        let service = incident.service.as_ref();
        let place = service.map(|service| (service, incident.environment.as_ref()));
        let here = place.and_then(|place| self.incidents.get(&place));
        here.map_or(&[], Vec::as_slice)
    }

    fn with_index(&self, index: u64) -> Option<&'a Deployment> {
        let at = self.all.binary_search_by_key(&index, |deployment| deployment.index);
        at.ok().map(|at| &self.all[at])
    }
}

/// Adds to the list of a name that was asked for.
fn push<'a, K: Eq + Hash>(lists: &mut HashMap<K, Vec<&'a Deployment>>, name: K, deployment: &'a Deployment) {
    if let Some(list) = lists.get_mut(&name) {
        list.push(deployment);
    }
}
