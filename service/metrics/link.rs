//! What ties a failure to a deployment: links between incidents and deployments, as correlation and people left them.
//! This file must never decide a link; it only reads what was decided.

use std::collections::{BTreeMap, BTreeSet};

use crate::correlate::{Candidate, Correlator, LinkState};
use crate::domain::facts::Facts;
use crate::domain::incident::Incident;

/// A suggestion below this score is not counted, not even as a possibility.
pub(super) const MIN_SCORE: f64 = 0.5;
/// A suggestion that beats the alternatives by less is not counted either: three deployments within ten minutes must
/// not all be taken for the cause.
pub(super) const MIN_SHARE: f64 = 0.6;

/// A link between an incident and a deployment that may have caused it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Link {
    /// [`Incident::index`](crate::domain::incident::Incident::index) of the incident.
    pub incident: u64,
    /// [`Deployment::index`](crate::domain::deployment::Deployment::index) of the deployment.
    pub deployment: u64,
    /// How it is known.
    pub state: LinkState,
    /// How strong the evidence is, from 0 to 1.
    pub score: f64,
    /// How far it beats the other explanations, from 0 to 1.
    pub share: f64,
}

impl Link {
    /// The link of an incident to one of its candidates.
    pub fn of(incident: &Incident, candidate: &Candidate) -> Self {
        Self {
            incident: incident.index,
            deployment: candidate.index,
            state: candidate.state,
            score: candidate.score,
            share: candidate.share,
        }
    }
}

/// Which deployments are linked to which incidents, and which incidents, as a person says, no deployment caused.
pub fn linked(facts: &Facts) -> (Vec<Link>, BTreeSet<u64>) {
    let correlator = Correlator::new(facts);
    let mut links = Vec::new();
    let mut no_deployment = BTreeSet::new();
    for incident in &facts.incidents {
        let found = correlator.candidates(incident);
        if found.no_deployment.decided.is_some() {
            no_deployment.insert(incident.index);
        }
        links.extend(found.candidates.iter().map(|candidate| Link::of(incident, candidate)));
    }
    (links, no_deployment)
}

/// The incidents that are linked to one deployment, by what the links are worth. Each is named by its index.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Linked {
    /// Somebody said so.
    pub(super) known: BTreeSet<u64>,
    /// The rules think so, strongly enough, and nobody has looked yet.
    pub(super) suspected: BTreeSet<u64>,
    /// Somebody said so, and somebody objects.
    pub(super) disputed: BTreeSet<u64>,
}

/// The links of every deployment that has any, by its index.
pub(super) fn by_deployment(links: &[Link]) -> BTreeMap<u64, Linked> {
    let mut found: BTreeMap<u64, Linked> = BTreeMap::new();
    for link in links {
        let linked = found.entry(link.deployment).or_default();
        match link.state {
            LinkState::Explicit | LinkState::Confirmed => linked.known.insert(link.incident),
            LinkState::Disputed => linked.disputed.insert(link.incident),
            LinkState::Suggested | LinkState::Rejected | LinkState::Superseded => continue,
        };
    }
    for link in unreviewed(links).filter(|link| is_strong(link)) {
        found
            .entry(link.deployment)
            .or_default()
            .suspected
            .insert(link.incident);
    }
    for linked in found.values_mut() {
        linked.known.retain(|incident| !linked.disputed.contains(incident));
    }
    found
}

/// The suggestions that nobody has looked at. A pair that came with several states is what people made of it, not what
/// the rules said before.
pub(super) fn unreviewed(links: &[Link]) -> impl Iterator<Item = &Link> {
    let (suggested, others): (Vec<&Link>, Vec<&Link>) = links.iter().partition(|link| match link.state {
        LinkState::Suggested => true,
        LinkState::Explicit
        | LinkState::Confirmed
        | LinkState::Rejected
        | LinkState::Disputed
        | LinkState::Superseded => false,
    });
    let settled: BTreeSet<(u64, u64)> = others.iter().map(|link| (link.incident, link.deployment)).collect();
    let is_settled = move |link: &&Link| settled.contains(&(link.incident, link.deployment));
    suggested.into_iter().filter(move |link| !is_settled(link))
}

fn is_strong(link: &Link) -> bool {
    link.score >= MIN_SCORE && link.share >= MIN_SHARE
}
