//! Checks of the separation of duties.

use super::approval::Approvals;
use super::person::{Likeness, compare};
use super::verdict::{fail, not_applicable, not_evaluable, pass};
use super::{Check, Rule, Scope, Severity, Subject, Verdict};
use crate::domain::deployment::Deployment;
use crate::domain::extension::{ActorKind, DeploymentKind};

pub(super) const INDEPENDENT: Check = Check {
    id: "DL-SOD-1",
    version: 2,
    title: "Somebody approved who neither wrote, requested nor deployed the change",
    severity: Severity::High,
    scope: Scope::All,
    definition: "At least one approver is not an author of the commits or pull requests, not the person who deployed, \
                 and not the person who asked for the approval, under no name that the recorded aliases say is theirs at \
                 the start.",
    limits: "Does not apply to what never started or is a recorded baseline. Not evaluable without an approval, when an \
             author is not recorded, when two names may be one person (the same account name in different systems) and \
             no alias tells, or when aliases contradict each other.",
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
    let (mut doubts, mut dependent) = (Vec::new(), Vec::new());
    for (approval, _) in &approvals.counted {
        let person = approval.person.as_deref().unwrap_or_default();
        let stand = Stand::of(subject, person, approval.requested_by.as_deref());
        evidence.extend(stand.entries());
        match stand {
            Stand::Took { part, .. } => dependent.push(format!("{person}, who approved, also {part}")),
            Stand::Unclear { why, .. } => doubts.push(format!("{person}, who approved, {why}")),
            Stand::Apart { .. } if unknown_authors(deployment) => {
                doubts.push(format!(
                    "{person} approved, but not every author of the change set is recorded"
                ));
            }
            Stand::Apart { .. } => {
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

/// How a person stands to a deployment, by the names that are recorded and the aliases that are declared. Each with the entries
/// that tell.
pub(super) enum Stand {
    /// Had no part in it.
    Apart { entries: Vec<u64> },
    /// Had this part in it.
    Took { part: String, entries: Vec<u64> },
    /// Nobody can tell, for this reason.
    Unclear { why: String, entries: Vec<u64> },
}

impl Stand {
    /// As of the deployment's start. `requester` is whoever asked for what the person did.
    pub(super) fn of(subject: &Subject<'_>, person: &str, requester: Option<&str>) -> Self {
        let requested = requester.map(|who| (who.to_owned(), "asked for it"));
        let at = subject.deployment.start_at();
        let (mut apart, mut unclear) = (Vec::new(), None);
        for (who, part) in involved(subject.deployment).into_iter().chain(requested) {
            match compare(&subject.facts.aliases, person, &who, at) {
                Likeness::Same(entries) => {
                    let part = match who.eq_ignore_ascii_case(person) {
                        true => part.to_owned(),
                        false => format!("{part} as {who}"),
                    };
                    return Self::Took { part, entries };
                }
                Likeness::Different(entries) => apart.extend(entries),
                Likeness::Alike => {
                    let why = format!("may be {who}, who {part}; no alias is recorded");
                    unclear.get_or_insert((why, Vec::new()));
                }
                Likeness::Contradicted(entries) => {
                    let why = format!("may be {who}, who {part}; the recorded aliases contradict each other");
                    unclear = Some((why, entries));
                }
            }
        }
        match unclear {
            Some((why, entries)) => Self::Unclear { why, entries },
            None => Self::Apart { entries: apart },
        }
    }

    fn entries(&self) -> Vec<u64> {
        let (Self::Apart { entries } | Self::Took { entries, .. } | Self::Unclear { entries, .. }) = self;
        entries.clone()
    }
}

/// Everybody with a part in the deployment, and the part.
fn involved(deployment: &Deployment) -> Vec<(String, &'static str)> {
    let wrote = deployment
        .authors()
        .map(|who| (who.to_owned(), "wrote part of the change"));
    let by_hand = deployment.deployed_by_hand();
    let deployed = by_hand.map(|who| (who.to_owned(), "deployed it"));
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
