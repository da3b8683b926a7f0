//! What each deployment did to what ran there before: what it replaced, took out and brought back.
//!
//! Decided by ledger order and by content, never by version numbers: after a rollback the version before in number is
//! not what ran before. Whether a deployment goes back is looked for among the last [`LOOK_BACK`] successes of its place,
//! so that what it did follows from those alone, however long the history before them is.

use std::collections::BTreeMap;

use super::deployment::{Deployment, Effect, Kind, Lineage, Role};
use super::extension::DeploymentKind;
use super::id::{EnvironmentName, ServiceName};

/// Successes of the same place before a deployment that decide what it did.
pub const LOOK_BACK: usize = 20;

/// Fills in [`Deployment::lineage`], and [`Deployment::kind`] where no producer said it, of deployments by first index; again, where
/// some were added.
pub fn derive(deployments: &mut [Deployment]) {
    let mut places: BTreeMap<(ServiceName, EnvironmentName), Vec<usize>> = BTreeMap::new();
    for (at, deployment) in deployments.iter().enumerate() {
        places
            .entry((deployment.service.clone(), deployment.environment.clone()))
            .or_default()
            .push(at);
    }
    for mut order in places.into_values() {
        order.sort_by_key(|&at| deployments[at].order());
        let mut successes: Vec<usize> = Vec::new();
        for at in order {
            let before = &successes[successes.len().saturating_sub(LOOK_BACK)..];
            let lineage = step(deployments, before, at);
            let deployment = &mut deployments[at];
            match deployment.kind.said_at {
                Some(_) => {
                    let role = said_role(deployment.kind).unwrap_or(lineage.role);
                    deployment.lineage = Lineage { role, ..lineage };
                }
                None => {
                    deployment.kind.kind = kind_of(lineage.role);
                    deployment.lineage = lineage;
                }
            }
            if deployment.succeeded() {
                successes.push(at);
            }
        }
    }
}

/// The role that the producer's word for the kind tells, if it tells one: the others say how the change was approved or why it was made.
fn said_role(kind: Kind) -> Option<Role> {
    kind.said_at?;
    match kind.kind {
        DeploymentKind::Baseline => Some(Role::First),
        DeploymentKind::Rollback => Some(Role::Back),
        DeploymentKind::Redeploy => Some(Role::Again),
        DeploymentKind::Standard | DeploymentKind::Normal | DeploymentKind::Emergency | DeploymentKind::Hotfix => None,
    }
}

/// The kind of a deployment whose producer says none.
const fn kind_of(role: Role) -> DeploymentKind {
    match role {
        Role::First => DeploymentKind::Baseline,
        Role::Forward => DeploymentKind::Normal,
        Role::Back => DeploymentKind::Rollback,
        Role::Again => DeploymentKind::Redeploy,
    }
}

/// Whether a deployment can be of this kind because of what it did, with no producer who says so.
pub const fn follows_from_history(kind: DeploymentKind) -> bool {
    match kind {
        DeploymentKind::Baseline | DeploymentKind::Normal | DeploymentKind::Rollback | DeploymentKind::Redeploy => true,
        DeploymentKind::Standard | DeploymentKind::Emergency | DeploymentKind::Hotfix => false,
    }
}

/// What a deployment did after these successes. Where none of them had its content, the newest alone decides.
fn step(deployments: &[Deployment], before: &[usize], at: usize) -> Lineage {
    let deployment = &deployments[at];
    let runs = |position: &usize| deployments[*position].effect == Effect::Runs;
    let goes_back = said_role(deployment.kind) == Some(Role::Back);
    let seen = || before.iter().any(|&other| deployment.same_content(&deployments[other]));
    if !goes_back && !seen() {
        let first = deployment.effect == Effect::Runs && !before.iter().any(runs);
        return Lineage {
            role: if first { Role::First } else { Role::Forward },
            replaces: before
                .last()
                .copied()
                .filter(runs)
                .map(|newest| deployments[newest].index),
            ..Lineage::default()
        };
    }
    let mut place = Place::default();
    for &earlier in before {
        place.step(deployments, earlier);
    }
    place.step(deployments, at)
}

/// What runs in one (service, environment), as the layers of content that led there. Going back removes layers.
#[derive(Default)]
struct Place {
    layers: Vec<Layer>,
    withdrawn: Vec<Layer>,
    running: Option<usize>,
    ran_before: bool,
}

/// Deployments of the same content with nothing else between them, by position; the newest is what runs.
#[derive(Clone)]
struct Layer {
    deployments: Vec<usize>,
}

impl Place {
    fn step(&mut self, deployments: &[Deployment], at: usize) -> Lineage {
        let deployment = &deployments[at];
        let index = |position: usize| deployments[position].index;
        let mut lineage = Lineage {
            replaces: self.running.map(index),
            ..Lineage::default()
        };
        if deployment.effect == Effect::Removes {
            if deployment.succeeded() {
                self.running = None;
                self.layers.clear();
            }
            return lineage;
        }

        let same = |layer: &Layer| deployment.same_content(&deployments[layer.newest()]);
        let found = self.layers.iter().rposition(same);
        let top = self.layers.len().checked_sub(1);
        let said_back = said_role(deployment.kind) == Some(Role::Back);
        // Layers from here on are taken out; and the one that this deployment belongs to, where it is known.
        let (keep, joins, role) = match (found, top) {
            (Some(layer), Some(top)) if layer == top => (layer + 1, true, Role::Again),
            (Some(layer), _) => (layer + 1, true, Role::Back),
            (None, Some(top)) if said_back => (top, false, Role::Back),
            (None, Some(top)) => (top + 1, false, Role::Forward),
            (None, None) if self.ran_before => (0, false, Role::Forward),
            (None, None) => (0, false, Role::First),
        };
        lineage.role = role;
        if let Some(layer) = found.filter(|_| role == Role::Back) {
            lineage.returns_to = Some(index(self.layers[layer].newest()));
        }
        lineage.withdraws = self.layers[keep..]
            .iter()
            .flat_map(|l| l.deployments.iter().copied().map(index))
            .collect();
        let again = self.withdrawn.iter().position(same).filter(|_| found.is_none());
        if let Some(last) = again {
            let back = self.withdrawn[..=last]
                .iter()
                .flat_map(|l| l.deployments.iter().copied().map(index));
            lineage.reintroduces = back.collect();
        }

        if deployment.succeeded() {
            let taken_out = self.layers.split_off(keep);
            if !taken_out.is_empty() {
                self.withdrawn.splice(..0, taken_out);
            } else if let Some(last) = again {
                self.withdrawn.drain(..=last);
            } else if role == Role::Forward {
                // What is deployed forward from here on no longer contains what was withdrawn, as far as the ledger knows.
                self.withdrawn.clear();
            }
            match self.layers.last_mut().filter(|_| joins) {
                Some(layer) => layer.deployments.push(at),
                None => self.layers.push(Layer { deployments: vec![at] }),
            }
            self.running = Some(at);
            self.ran_before = true;
        }
        lineage
    }
}

impl Layer {
    fn newest(&self) -> usize {
        self.deployments[self.deployments.len() - 1]
    }
}
