//! Who did what: people by the parts that they had in the deployments of a period, and where one person had two that should be apart.
//! It counts what is recorded; it compares nobody's work.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::domain::Instant;
use crate::domain::alias::Owner;
use crate::domain::deployment::Deployment;
use crate::domain::facts::Facts;

/// The parts that a person had, as numbers of deployments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DutyRow {
    /// The person, by the name that is declared, else by the one that was recorded.
    pub person: String,
    /// All names of the person that were recorded.
    pub names: BTreeSet<String>,
    /// Wrote commits or proposed changes in it.
    pub author: usize,
    /// Queued it by hand, or asked for an approval of it.
    pub requester: usize,
    /// Approved it.
    pub approver: usize,
    /// Deployed it by hand.
    pub deployer: usize,
    /// Had more than one of these parts in the same deployment, approving among them.
    pub conflicts: usize,
    /// First entries of the deployments with a conflict.
    pub indexes: Vec<u64>,
}

/// The matrix, by name. The names that are declared to be one person's when a deployment starts are one row, as they are for the checks.
pub(super) fn matrix(population: &[&Deployment], facts: &Facts) -> Vec<DutyRow> {
    let mut rows: BTreeMap<String, DutyRow> = BTreeMap::new();
    for deployment in population {
        let parts = Parts::of(deployment, facts);
        let at = deployment.start_at();
        let person = |name: &String| facts.aliases.person(name, at);
        let authors: BTreeSet<String> = parts.authors.iter().map(person).collect();
        let approvers: BTreeSet<String> = parts.approvers.iter().map(person).collect();
        let requesters: BTreeSet<String> = parts.requesters.iter().map(person).collect();
        let deployer = parts.deployer.as_ref().map(person);
        let mut counted = BTreeSet::new();
        let asked = parts.authors.iter().chain(&parts.requesters);
        for name in asked.chain(&parts.approvers).chain(&parts.deployer) {
            let person = person(name);
            let row = rows.entry(person.clone()).or_insert_with(|| DutyRow::of(name));
            row.call(name, facts.aliases.owner(name, at));
            let (author, approver) = (authors.contains(&person), approvers.contains(&person));
            let (requester, deployer) = (requesters.contains(&person), deployer.as_ref() == Some(&person));
            if !counted.insert(person) {
                continue;
            }
            row.author += usize::from(author);
            row.requester += usize::from(requester);
            row.approver += usize::from(approver);
            row.deployer += usize::from(deployer);
            if approver && (author || requester || deployer) {
                row.conflicts += 1;
                row.indexes.push(deployment.index);
            }
        }
    }
    rows.into_values().collect()
}

impl DutyRow {
    fn of(person: &str) -> Self {
        Self {
            person: person.to_owned(),
            names: BTreeSet::new(),
            author: 0,
            requester: 0,
            approver: 0,
            deployer: 0,
            conflicts: 0,
            indexes: Vec::new(),
        }
    }

    /// Goes by the name that is declared, where one is.
    fn call(&mut self, name: &str, owner: Owner<'_>) {
        self.names.insert(name.to_owned());
        if let Owner::One(declared) = owner {
            self.person.clone_from(&declared.said.person);
        }
    }
}

/// Who had which part in a deployment.
pub(super) struct Parts {
    pub(super) authors: BTreeSet<String>,
    /// Who queued it by hand, and who asked for an approval of it.
    pub(super) requesters: BTreeSet<String>,
    /// Those whose approval counts: it was not taken back before the start.
    pub(super) approvers: BTreeSet<String>,
    /// When the last of them approved.
    pub(super) approved_at: Option<Instant>,
    pub(super) deployer: Option<String>,
}

impl Parts {
    pub(super) fn of(deployment: &Deployment, facts: &Facts) -> Self {
        let approvals = facts.evidence.standing_approvals_of(deployment, &facts.aliases);
        let answers = facts.evidence.approvals_of(deployment).into_iter();
        let asked = answers.filter_map(|(approval, _)| approval.requested_by.clone());
        Self {
            requesters: asked.chain(deployment.queued_by_hand().map(str::to_owned)).collect(),
            authors: deployment.authors().map(str::to_owned).collect(),
            approved_at: approvals.iter().map(|approval| approval.origin.occurred_at).max(),
            approvers: approvals
                .iter()
                .filter_map(|approval| approval.person.clone())
                .collect(),
            deployer: deployment.deployed_by_hand().map(str::to_owned),
        }
    }
}
