//! Approval lead time: how long a change waited for its approval, and with it. A wait whose beginning is not recorded must never
//! count, least of all as 0, and an approval must count once however many deployments it is of.

use std::collections::BTreeSet;

use serde::Serialize;
use utoipa::ToSchema;

use super::population::Population;
use super::quantile::Distribution;
use crate::domain::deployment::Deployment;
use crate::domain::evidence::Approval;

/// How long approvals took, of the deployments that brought a change. Those count that name a person, were given before the
/// start, by claim and by their place in the ledger, and were not taken back before it: one of each person, whose names are told
/// by aliases.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct ApprovalLeadTime {
    /// From when an approval was asked for to when it was given; `n` counts approvals, each with the first deployment
    /// that it is of.
    pub approvals: Distribution,
    /// Each of these approvals, in the order of the deployments' ends.
    pub answered: Vec<AnsweredRequest>,
    /// From the last approval of a deployment to its start; `n` counts deployments.
    pub to_start: Distribution,
    /// Approvals left out of `approvals` because no request is recorded before them; by their entries, as below.
    pub without_request: BTreeSet<u64>,
    /// Approvals left out of `approvals` because they claim to be older than their request: a defect of the data.
    pub negative: BTreeSet<u64>,
    /// Approvals left out because they were given, or recorded, only after the start: nothing waited for them.
    pub after_start: BTreeSet<u64>,
    /// Deployments left out of `to_start` because only their end is recorded.
    pub without_start: BTreeSet<u64>,
}

/// A request for approval that was granted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct AnsweredRequest {
    /// The deployment.
    pub deployment: u64,
    /// The entry that asked.
    pub request: u64,
    /// The entry that approved.
    pub approval: u64,
    /// From the one to the other, as claimed.
    pub wait_ms: i64,
}

impl ApprovalLeadTime {
    pub(super) fn of(population: &Population<'_>) -> Self {
        let mut found = Self::default();
        let (mut counted, mut to_start) = (BTreeSet::new(), Vec::new());
        for ended in population.changes() {
            let deployment = ended.deployment;
            let mut last = None;
            for approval in given(population, deployment) {
                let index = approval.origin.index;
                if !deployment.starts_after(index, approval.origin.occurred_at) {
                    found.after_start.insert(index);
                    continue;
                }
                last = last.max(Some(approval.origin.occurred_at));
                if counted.insert(index) {
                    found.add(deployment, approval);
                }
            }
            match (last, deployment.started()) {
                (Some(last), Some(start)) => to_start.push((deployment.index, start.occurred_at.millis_since(last))),
                (Some(_), None) => {
                    found.without_start.insert(deployment.index);
                }
                (None, _) => {}
            }
        }
        // What was too late for one deployment may have been in time for another.
        found.after_start.retain(|index| !counted.contains(index));
        let waits = found.answered.iter();
        let waits: Vec<(u64, i64)> = waits.map(|answered| (answered.deployment, answered.wait_ms)).collect();
        found.approvals = Distribution::of(&waits);
        found.to_start = Distribution::of(&to_start);
        found
    }

    /// Adds the wait for an approval, unless there is a reason to leave it out, which is kept.
    fn add(&mut self, deployment: &Deployment, approval: &Approval) {
        let index = approval.origin.index;
        let Some(request) = &approval.request else {
            self.without_request.insert(index);
            return;
        };
        let wait_ms = approval.origin.occurred_at.millis_since(request.occurred_at);
        if wait_ms < 0 {
            self.negative.insert(index);
            return;
        }
        self.answered.push(AnsweredRequest {
            deployment: deployment.index,
            request: request.index,
            approval: index,
            wait_ms,
        });
    }
}

/// The approvals of a deployment by people who did not take them back before its start: one of each person, however many names are
/// declared. It is the first from before the start that answers a request, as far as there is one.
fn given<'a>(population: &Population<'a>, deployment: &Deployment) -> Vec<&'a Approval> {
    let input = population.scope.input;
    let mut approvals = input.evidence.standing_approvals_of(deployment, input.aliases);
    approvals.sort_by_key(|approval| {
        let in_time = deployment.starts_after(approval.origin.index, approval.origin.occurred_at);
        (!in_time, approval.request.is_none())
    });
    let mut people = BTreeSet::new();
    let mut is_new = |name: &str| people.insert(input.aliases.person(name, deployment.start_at()));
    approvals.retain(|approval| approval.person.as_deref().is_some_and(&mut is_new));
    approvals
}
