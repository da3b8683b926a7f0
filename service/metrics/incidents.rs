//! The incidents of the period, as far as they say how well failures are found: those that nothing explains, and the
//! suggestions that wait for a person. They must never stand in for failed deployments.

use std::collections::BTreeSet;

use serde::Serialize;
use utoipa::ToSchema;

use super::link::{Link, unreviewed};
use super::population::Population;
use crate::correlate::{Correlator, LinkState};
use crate::domain::incident::Incident;

/// The incidents that began in the period.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct IncidentCounts {
    /// How many.
    pub count: usize,
    /// Those that no deployment is linked to, not even by a suggestion, and nobody has explained.
    pub unattributed: BTreeSet<u64>,
    /// Those that, as a person says, no deployment caused.
    pub no_deployment: BTreeSet<u64>,
    /// What waits for a person.
    pub review_backlog: ReviewBacklog,
    /// All of them.
    pub incidents: BTreeSet<u64>,
}

/// Suggestions that nobody has looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct ReviewBacklog {
    /// How many.
    pub suggestions: usize,
    /// The incidents that they are about.
    pub incidents: BTreeSet<u64>,
}

impl IncidentCounts {
    pub(super) fn of(population: &Population<'_>) -> Self {
        let incidents: BTreeSet<u64> = population.incidents.iter().map(|incident| incident.index).collect();
        let mut unattributed = incidents.clone();
        let mut review_backlog = ReviewBacklog::default();
        let links = population.scope.input.links;
        for link in links {
            match link.state {
                LinkState::Explicit | LinkState::Confirmed | LinkState::Disputed => unattributed.remove(&link.incident),
                LinkState::Suggested | LinkState::Rejected | LinkState::Superseded => continue,
            };
        }
        for link in unreviewed(links).filter(|link| incidents.contains(&link.incident)) {
            unattributed.remove(&link.incident);
            review_backlog.suggestions += 1;
            review_backlog.incidents.insert(link.incident);
        }
        let no_deployment: BTreeSet<u64> = incidents
            .intersection(population.scope.input.no_deployment)
            .copied()
            .collect();
        unattributed.retain(|incident| !no_deployment.contains(incident));
        Self {
            count: incidents.len(),
            unattributed,
            no_deployment,
            review_backlog,
            incidents,
        }
    }
}

/// The suggestions about these incidents that nobody has looked at.
pub fn waiting<'i>(incidents: impl IntoIterator<Item = &'i Incident>, correlator: &Correlator<'_>) -> ReviewBacklog {
    let mut backlog = ReviewBacklog::default();
    for incident in incidents {
        let candidates = correlator.candidates(incident).candidates;
        let links: Vec<Link> = candidates
            .iter()
            .map(|candidate| Link::of(incident, candidate))
            .collect();
        for link in unreviewed(&links) {
            backlog.suggestions += 1;
            backlog.incidents.insert(link.incident);
        }
    }
    backlog
}
