//! Checks of the separation of duties.

use std::collections::BTreeSet;

use super::approval::Approvals;
use super::{Check, Rule, Scope, Severity, Subject, Verdict, fail, not_applicable, not_evaluable, pass};
use crate::domain::deployment::Deployment;
use crate::domain::extension::{ActorKind, DeploymentKind};

pub(super) const INDEPENDENT: Check = Check {
    id: "DL-SOD-1",
    version: 1,
    title: "Somebody approved who neither wrote, requested nor deployed the change",
    severity: Severity::High,
    scope: Scope::All,
    definition: "At least one approver is not an author of the commits or pull requests, not the person who deployed, \
                 and not the person who asked for the approval.",
    limits: "Does not apply to what never started or is a recorded baseline. Not evaluable without an approval, when an \
             author is not recorded, or when two names may be one person (the same account name in different systems): \
             the ledger holds no aliases yet.",
    rule: Rule::Deployment(independent),
};

pub(super) const PIPELINE: Check = Check {
    id: "DL-SOD-2",
    version: 1,
    title: "A pipeline deployed, not a person",
    severity: Severity::Medium,
    scope: Scope::All,
    definition: "The actor is a pipeline; or it is a person, and the deployment is recorded as an emergency with a reason.",
    limits: "Does not apply to a recorded baseline. Not evaluable when it is not recorded who or what deployed.",
    rule: Rule::Deployment(pipeline),
};

fn independent(subject: &Subject<'_>) -> Verdict {
    if let Some(verdict) = subject.never_started() {
        return verdict;
    }
    let expected = "an approver who is not author, requester or deployer";
    let approvals = Approvals::of(subject);
    let deployment = subject.deployment;
    let mut evidence: Vec<u64> = approvals
        .counted
        .iter()
        .map(|(approval, _)| approval.origin.index)
        .collect();
    evidence.push(subject.start_entry());
    if approvals.counted.is_empty() {
        return not_evaluable(expected, "no approval to compare (see DL-AUTH-1)", evidence);
    }
    let involved = involved(deployment);
    let mut doubts = Vec::new();
    let mut dependent = Vec::new();
    for (approval, _) in &approvals.counted {
        let person = approval.person.as_deref().unwrap_or_default();
        let requested = approval
            .requested_by
            .iter()
            .map(|who| (who.as_str(), "asked for the approval"));
        let others = || {
            involved
                .iter()
                .map(|(who, what)| (who.as_str(), *what))
                .chain(requested.clone())
        };
        let same = others().find(|(who, _)| who.eq_ignore_ascii_case(person));
        let alike = others().find(|(who, _)| alike(who, person));
        match (same, alike) {
            (Some((_, what)), _) => dependent.push(format!("{person}, who approved, also {what}")),
            (None, Some((who, what))) => {
                doubts.push(format!(
                    "{person}, who approved, may be {who}, who {what}; no alias is recorded"
                ));
            }
            (None, None) if unknown_authors(deployment) => {
                doubts.push(format!(
                    "{person} approved, but not every author of the change set is recorded"
                ));
            }
            (None, None) => {
                return pass(
                    expected,
                    format!("{person} approved and had no other part in it"),
                    evidence,
                );
            }
        }
    }
    match doubts.pop() {
        Some(doubt) => not_evaluable(expected, doubt, evidence),
        None => fail(expected, dependent.join("; "), evidence),
    }
}

/// Everybody with a part in the deployment, and the part.
fn involved(deployment: &Deployment) -> Vec<(String, &'static str)> {
    let authors = deployment.commits.iter().filter_map(|c| c.value.author.clone());
    let proposers = deployment.pull_requests.iter().filter_map(|p| p.value.author.clone());
    let wrote = authors.chain(proposers).map(|who| (who, "wrote part of the change"));
    let actor = deployment
        .actor
        .iter()
        .filter(|a| a.value.kind != Some(ActorKind::Pipeline));
    let deployed = actor.map(|a| (a.value.id.clone(), "deployed it"));
    wrote.chain(deployed).collect()
}

/// A change set without authors can hide the approver among them. Going back, or the same content again, has none.
fn unknown_authors(deployment: &Deployment) -> bool {
    let nothing_new = matches!(
        deployment.kind.kind,
        DeploymentKind::Rollback | DeploymentKind::Redeploy
    );
    let nobody = deployment.commits.is_empty() && deployment.pull_requests.is_empty() && !nothing_new;
    nobody
        || deployment.actor.is_none()
        || deployment.commits.iter().any(|c| c.value.author.is_none())
        || (deployment.commits.is_empty() && deployment.pull_requests.iter().any(|p| p.value.author.is_none()))
}

/// The account name in an id: without a scheme such as `urn:github:user:`, a mail domain, or a display name's address.
pub(super) fn short_name(id: &str) -> String {
    let address = id
        .rsplit_once('<')
        .map_or(id, |(_, address)| address.trim_end_matches('>'));
    let local = address.split_once('@').map_or(address, |(local, _)| local);
    let name = local.rsplit([':', '/', '\\']).next().unwrap_or(local);
    name.trim().to_lowercase()
}

/// Whether two ids may be one person in different spellings: all words of one are in the other, as in `alice`,
/// `urn:github:user:alice` and `Alice Example <alice@example.com>`.
fn alike(one: &str, other: &str) -> bool {
    fn words(id: &str) -> BTreeSet<String> {
        let display = id.split_once('<').map_or("", |(display, _)| display).to_lowercase();
        let all = format!("{display} {}", short_name(id));
        all.split(|c: char| !c.is_alphanumeric())
            .filter(|word| !word.is_empty())
            .map(str::to_owned)
            .collect()
    }
    let (one, other) = (words(one), words(other));
    !one.is_empty() && !other.is_empty() && (one.is_subset(&other) || other.is_subset(&one))
}

fn pipeline(subject: &Subject<'_>) -> Verdict {
    let deployment = subject.deployment;
    if subject.is_baseline() {
        return not_applicable("recorded as what ran before the ledger began", deployment.indexes());
    }
    let expected = "deployed by a pipeline";
    let Some(said) = &deployment.actor else {
        return not_evaluable(expected, "no actor is recorded", deployment.indexes());
    };
    let mut evidence = vec![said.index];
    match said.value.kind {
        Some(ActorKind::Pipeline) => pass(expected, format!("deployed by {}, a pipeline", said.value.id), evidence),
        None => not_evaluable(
            expected,
            format!("{}; person or pipeline is not recorded", said.value.id),
            evidence,
        ),
        Some(ActorKind::Human) => {
            let emergency = deployment.kind.kind == DeploymentKind::Emergency;
            match deployment.reason.as_ref().filter(|_| emergency) {
                Some(reason) => {
                    evidence.push(reason.index);
                    let found = format!("deployed by {}, a person, as an emergency with a reason", said.value.id);
                    pass(expected, found, evidence)
                }
                None => fail(expected, format!("deployed by {}, a person", said.value.id), evidence),
            }
        }
    }
}
