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

/// Those that belong with some deployments, by their index.
#[derive(Default)]
pub(super) struct Companions(BTreeMap<u64, Companion>);

struct Companion {
    /// How long before or after it ended.
    distance: u64,
    shown: AlsoDeployed,
}

impl Companions {
    /// Adds those of a selection that are of none of these services.
    pub(super) fn add(&mut self, selection: &Selection<'_>, all: &[Deployment], except: &[&ServiceName]) {
        let target = selection.target;
        let tickets: BTreeSet<&str> = selection
            .deployments
            .iter()
            .flat_map(|d| d.tickets.iter().map(|said| said.value.id.as_str()))
            .collect();
        let end = |d: &Deployment| d.finished_at().unwrap_or_else(|| d.start_at());
        for other in all {
            if other.environment != target.environment || except.contains(&&other.service) {
                continue;
            }
            let mut because = Vec::new();
            let named = other.tickets.iter().map(|said| said.value.id.as_str());
            let shared: Vec<String> = named.filter(|id| tickets.contains(id)).map(str::to_owned).collect();
            if !shared.is_empty() {
                let ticket = if shared.len() == 1 { "ticket" } else { "tickets" };
                because.push(("same_ticket", format!("same {ticket} {}", list(&shared))));
            }
            // Over a longer time nearly everything is deployed near to something.
            let distance = end(other).millis_since(end(target));
            if !selection.range {
                let run = target.run_url.as_ref().map(|said| &said.value);
                let same_run = run.is_some() && run == other.run_url.as_ref().map(|said| &said.value);
                if same_run && distance.abs() <= SAME_RUN_MS {
                    because.push(("same_run", "same pipeline run".to_owned()));
                }
                if distance.abs() <= NEAR_MS && target.finished_at().and(other.finished_at()).is_some() {
                    let words = match distance {
                        0 => "ended at the same time".to_owned(),
                        ..0 => format!("ended {} before", span(distance)),
                        1.. => format!("ended {} after", span(distance)),
                    };
                    because.push(("ended_near", words));
                }
            }
            if !because.is_empty() {
                let distance = distance.unsigned_abs();
                let known = self.0.entry(other.index).or_insert_with(|| Companion {
                    distance,
                    shown: AlsoDeployed::of(other),
                });
                known.distance = known.distance.min(distance);
                because
                    .into_iter()
                    .for_each(|(reason, words)| known.shown.because(reason, words));
            }
        }
    }

    /// Those to show, the most closely related first, and how many more there are.
    pub(super) fn shown(self) -> (Vec<AlsoDeployed>, usize) {
        let mut all: Vec<Companion> = self.0.into_values().collect();
        let more = all.len().saturating_sub(MOST_SHOWN);
        // Stable: by index among equals.
        all.sort_by_key(|one| (one.shown.reasons == ["ended_near"], one.distance));
        (all.into_iter().take(MOST_SHOWN).map(|one| one.shown).collect(), more)
    }
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
        if !self.reasons.contains(&reason) {
            self.reasons.push(reason);
        }
        if !self.words.contains(&words) {
            self.words.push(words);
        }
    }
}
