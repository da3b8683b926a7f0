//! The deployments of what incidents name by its content. Of what no incident names, which is nearly all, no list is made.

use std::collections::HashMap;

use crate::domain::deployment::Deployment;
use crate::domain::incident::Incident;

/// Deployments by digest and by commit.
pub struct Contents<'a>(HashMap<&'a str, Vec<&'a Deployment>>);

impl<'a> Contents<'a> {
    /// Those of these deployments that put in place what one of the incidents names.
    pub fn named_by(incidents: &'a [Incident], deployments: &'a [Deployment]) -> Self {
        let named = incidents.iter().flat_map(contents);
        let mut lists: HashMap<_, Vec<_>> = named.map(|content| (content, Vec::new())).collect();
        if lists.is_empty() {
            return Self(lists);
        }
        for deployment in deployments {
            let commit = deployment.commit.iter().map(|said| said.value.as_str());
            for content in deployment.digest().into_iter().chain(commit) {
                if let Some(list) = lists.get_mut(content) {
                    list.push(deployment);
                }
            }
        }
        Self(lists)
    }

    /// Those of what one of these incidents names; twice where it names digest and commit.
    pub fn of(&self, incident: &Incident) -> impl Iterator<Item = &'a Deployment> {
        let lists = contents(incident).filter_map(|content| self.0.get(content));
        lists.flatten().copied()
    }
}

/// What an incident names by digest or commit.
fn contents(incident: &Incident) -> impl Iterator<Item = &str> {
    let digest = incident.artifact.iter().filter_map(|said| said.value.digest.as_deref());
    let commit = incident.commit.iter().map(|said| said.value.as_str());
    digest.chain(commit)
}
