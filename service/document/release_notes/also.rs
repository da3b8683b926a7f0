//! Deployments of other services to the same environment that seem to belong with these: for the same ticket, by the same run
//! of a pipeline, or at about the same time. The reasons are shown; a reader decides.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::select::Selection;
use crate::domain::deployment::Deployment;
use crate::domain::words::{list, span};
use crate::domain::{Instant, ServiceName};

/// Deployments that ended this close to each other are taken to belong together.
pub const NEAR_MS: i64 = 60 * 60 * 1000;
/// Within this time, what names the same run of a pipeline is taken to come from it.
pub const SAME_RUN_MS: i64 = 24 * 60 * 60 * 1000;
/// Most deployments that are shown; the others are counted.
const MOST_SHOWN: usize = 20;

/// A deployment of another service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AlsoDeployed {
    /// The service.
    pub service: ServiceName,
    /// What to call what was deployed.
    pub label: String,
    /// How it ended, in words.
    pub ended: &'static str,
    /// When it ended.
    pub finished_at: Option<Instant>,
    /// `same_ticket`, `same_run`, `ended_near`.
    pub reasons: Vec<&'static str>,
    /// The reasons in words.
    pub words: Vec<String>,
    /// Index of its first entry.
    pub index: u64,
}

/// Those to show, the most closely related first, and how many more there are.
pub(super) fn also_deployed(selection: &Selection<'_>, all: &[Deployment]) -> (Vec<AlsoDeployed>, usize) {
    let target = selection.target;
    let tickets: BTreeSet<&str> = selection
        .deployments
        .iter()
        .flat_map(|d| d.tickets.iter().map(|said| said.value.id.as_str()))
        .collect();
    let end = |d: &Deployment| d.finished_at().unwrap_or_else(|| d.start_at());
    let mut found = BTreeMap::new();
    for other in all {
        if other.environment != target.environment || other.service == target.service {
            continue;
        }
        let mut also = AlsoDeployed::of(other);
        let named = other.tickets.iter().map(|said| said.value.id.as_str());
        let shared: Vec<String> = named.filter(|id| tickets.contains(id)).map(str::to_owned).collect();
        if !shared.is_empty() {
            let ticket = if shared.len() == 1 { "ticket" } else { "tickets" };
            also.because("same_ticket", format!("same {ticket} {}", list(&shared)));
        }
        // Over a longer time nearly everything is deployed near to something.
        let distance = end(other).millis_since(end(target));
        if !selection.range {
            let run = target.run_url.as_ref().map(|said| &said.value);
            let same_run = run.is_some() && run == other.run_url.as_ref().map(|said| &said.value);
            if same_run && distance.abs() <= SAME_RUN_MS {
                also.because("same_run", "same pipeline run".to_owned());
            }
            if distance.abs() <= NEAR_MS && target.finished_at().and(other.finished_at()).is_some() {
                let words = match distance {
                    0 => "ended at the same time".to_owned(),
                    ..0 => format!("ended {} before", span(distance)),
                    1.. => format!("ended {} after", span(distance)),
                };
                also.because("ended_near", words);
            }
        }
        let only_near = also.reasons == ["ended_near"];
        if !also.reasons.is_empty() {
            found.insert((only_near, distance.abs(), also.index), also);
        }
    }
    let more = found.len().saturating_sub(MOST_SHOWN);
    (found.into_values().take(MOST_SHOWN).collect(), more)
}

impl AlsoDeployed {
    fn of(deployment: &Deployment) -> Self {
        Self {
            service: deployment.service.clone(),
            label: deployment.label(),
            ended: super::super::rows::ended(deployment),
            finished_at: deployment.finished_at(),
            reasons: Vec::new(),
            words: Vec::new(),
            index: deployment.index,
        }
    }

    fn because(&mut self, reason: &'static str, words: String) {
        self.reasons.push(reason);
        self.words.push(words);
    }
}
