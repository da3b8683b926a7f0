//! What took the place of a deployment later, as far as the ledger knows: whether it still runs, and whether its way back was taken.

use serde::Serialize;

use crate::domain::Instant;
use crate::domain::deployment::{Deployment, Effect};
use crate::domain::history::Timeline;
use crate::domain::words::span;
use crate::domain::zone::Zone;

/// The next success in the place of a deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReplacedBy {
    /// Index of its first entry.
    pub index: u64,
    /// What to call it.
    pub label: String,
    /// When it had ended.
    pub finished_at: Option<Instant>,
    /// How long the deployment had run by then.
    pub ran_for_ms: Option<i64>,
    /// Whether it went back behind the deployment, and took its changes out.
    pub went_back: bool,
    /// Whether it removed the service.
    pub removes: bool,
}

impl ReplacedBy {
    /// What followed a deployment that ran; none while it runs.
    pub(super) fn of(target: &Deployment, deployments: &[Deployment]) -> Option<Self> {
        if !target.succeeded() || target.effect == Effect::Removes {
            return None;
        }
        let timeline = Timeline::of(deployments, &target.service, &target.environment);
        let order = target.order();
        let next = timeline.runs().iter().find(|run| run.order > order)?.deployment;
        let times = next.finished_at().zip(target.finished_at());
        Some(Self {
            index: next.index,
            label: next.label(),
            finished_at: next.finished_at(),
            // What came late may claim to be older than what it follows.
            ran_for_ms: times
                .map(|(end, start)| end.millis_since(start))
                .filter(|millis| *millis >= 0),
            went_back: next.lineage.withdraws.contains(&target.index),
            removes: next.effect == Effect::Removes,
        })
    }

    /// A sentence, where the deployment was taken out again; that something newer came is no news.
    pub(super) fn sentence(&self, environment: &str, zone: Zone) -> Option<String> {
        let after = self.ran_for_ms.map(|ms| format!("It ran for {}: ", span(ms)));
        let on = self.finished_at.map(|at| format!("on {} ", zone.to_the_minute(at)));
        let label = &self.label;
        self.went_back.then(|| {
            format!(
                "{}{}{environment} went back to {label}.",
                after.unwrap_or_else(|| "It runs no more: ".to_owned()),
                on.unwrap_or_default()
            )
        })
    }
}
