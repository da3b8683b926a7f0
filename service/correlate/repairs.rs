//! Which deployments say that they repair something, by what they call it: one name means an incident, or the deployment that
//! caused it. Must not be asked whether the repair helped.

use std::collections::{BTreeMap, HashMap};

use crate::domain::deployment::Deployment;
use crate::domain::incident::Incident;
use crate::domain::reference::entry_named;

/// Deployments that say what they repair.
pub(super) struct Repairs<'a> {
    names: HashMap<&'a str, Vec<&'a Deployment>>,
    /// Those that name an entry, by its index.
    entries: HashMap<u64, Vec<&'a Deployment>>,
}

impl<'a> Repairs<'a> {
    /// Among these.
    pub(super) fn among(deployments: &'a [Deployment]) -> Self {
        let mut repairs = Self {
            names: HashMap::new(),
            entries: HashMap::new(),
        };
        for deployment in deployments {
            let Some(said) = &deployment.remediates else { continue };
            repairs.names.entry(&said.value).or_default().push(deployment);
            if let Some(index) = entry_named(&said.value) {
                repairs.entries.entry(index).or_default().push(deployment);
            }
        }
        repairs
    }

    /// Those of an incident: by its id, its tickets or one of its entries. By index.
    pub(super) fn of_incident(&self, incident: &Incident) -> Vec<&'a Deployment> {
        if self.names.is_empty() {
            return Vec::new();
        }
        self.called(incident.names(), incident.indexes())
    }

    /// Those of a deployment: by its id, one of its entries, or a ticket, pull request or commit that it brought in. By index.
    pub(super) fn of_deployment(&self, deployment: &Deployment) -> Vec<&'a Deployment> {
        if self.names.is_empty() {
            return Vec::new();
        }
        let names = deployment.changes().chain([deployment.id.as_str()]);
        self.called(names, deployment.indexes())
    }

    fn called<'n>(
        &self,
        names: impl Iterator<Item = &'n str>,
        entries: impl IntoIterator<Item = u64>,
    ) -> Vec<&'a Deployment> {
        let named = names.filter_map(|name| self.names.get(name));
        let entries = entries.into_iter().filter_map(|index| self.entries.get(&index));
        let found = named.chain(entries).flatten();
        let found: BTreeMap<u64, &Deployment> = found.map(|found| (found.index, *found)).collect();
        found.into_values().collect()
    }
}
