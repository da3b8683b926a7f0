//! Checks of the separation of duties.

use std::collections::BTreeSet;

use super::approval::Approvals;
use super::person::Likeness;
use super::verdict::{fail, not_applicable, not_evaluable, pass};
use super::{Check, Rule, Scope, Severity, Subject, Verdict};
use crate::domain::alias::is_same_name;
use crate::domain::extension::{ActorKind, DeploymentKind};

pub(super) const INDEPENDENT: Check = Check {
    id: "DL-SOD-1",
    version: 4,
    title: "Somebody approved who neither wrote, requested nor deployed the change",
    severity: Severity::High,
    scope: Scope::All,
    definition: "At least one approver is not an author of the commits or pull requests, not who or what deployed, \
                 and not a person who asked for an approval, under no name that the recorded aliases say is theirs at \
                 the start. An approval counts if it was given before the start (but for an emergency), and DL-AUTH-3 does not \
                 find it void: of other content, from before a later commit, or too old.",
    limits: "Does not apply to what never started or is a recorded baseline. Not evaluable without an approval, when only \
             approvals that do not count are independent, when an author is not recorded (going back to content that ran there, \
             or deploying it again, has none) or more commits came in than are, when two names may be one person (the same account name in different systems) and \
             no alias tells, when an approver is not declared (where the organisation asks for that), or when aliases contradict \
             each other, as where one that was recorded after the start tells apart what was declared to be one person.",
    rule: Rule::Deployment(independent),
};

pub(super) const PIPELINE: Check = Check {
    id: "DL-SOD-2",
    version: 2,
    title: "A pipeline deployed, not a person",
    severity: Severity::Medium,
    scope: Scope::All,
    definition: "The actor is a pipeline; or it is a person, and the deployment is recorded by its start as an emergency with a \
                 reason.",
    limits: "Does not apply to a recorded baseline. Not evaluable when it is not recorded who or what deployed.",
    rule: Rule::Deployment(pipeline),
};

fn independent(subject: &Subject<'_>) -> Verdict {
    if let Some(verdict) = subject.never_started() {
        return verdict;
    }
    let expected = "an approver who is not author, requester or deployer";
    let approvals = Approvals::of(subject);
    let given = approvals.given();
    let mut evidence: Vec<u64> = given.iter().map(|by| by.approval.origin.index).collect();
    evidence.push(subject.start_entry());
    if given.is_empty() {
        return not_evaluable(expected, "no approval to compare (see DL-AUTH-1)", evidence);
    }
    // Where none stands, those that do not still tell who approved what was their own; they never pass.
    let standing = approvals.standing();
    let judged = if standing.is_empty() { given } else { &standing };
    let (mut doubts, mut dependent) = (Vec::new(), Vec::new());
    for by in judged {
        let person = by.person();
        let stand = match subject.parameters.declared_approvers {
            true if !subject.is_declared(person) => Stand::Unclear {
                why: "is not declared to be anybody".to_owned(),
                entries: Vec::new(),
            },
            _ => Stand::of(subject, person),
        };
        evidence.extend(stand.entries());
        match stand {
            Stand::Took { part, .. } => dependent.push(format!("{person}, who approved, also {part}")),
            Stand::Unclear { why, .. } => doubts.push(format!("{person}, who approved, {why}")),
            Stand::Apart { .. } => match by.flaw() {
                Some(flaw) => doubts.push(format!("{person} approved, but {flaw}")),
                None if unknown_authors(subject) => doubts.push(format!(
                    "{person} approved, but not every author of the change set is recorded"
                )),
                None => {
                    let found = format!("{person} approved and had no other part in it");
                    return pass(expected, found, evidence);
                }
            },
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
    /// As of the deployment's start.
    pub(super) fn of(subject: &Subject<'_>, person: &str) -> Self {
        let (mut apart, mut unclear) = (Vec::new(), None);
        for (who, part) in involved(subject) {
            match subject.likeness(person, who) {
                Likeness::Same(entries) => {
                    let part = match is_same_name(who, person) {
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

/// Everybody with a part in the deployment, and the part: a pipeline that deploys must not approve either.
fn involved<'a>(subject: &Subject<'a>) -> Vec<(&'a str, &'static str)> {
    let deployment = subject.deployment;
    let wrote = deployment.authors().map(|who| (who, "wrote part of the change"));
    let deployed = deployment.actor.iter();
    let deployed = deployed.map(|actor| (actor.value.id.as_str(), "deployed it"));
    let answers = subject.facts.evidence.approvals_of(deployment).into_iter();
    let requested = answers.filter_map(|(approval, _)| Some((approval.requested_by.as_deref()?, "asked for it")));
    let mut seen = BTreeSet::new();
    let all = wrote.chain(deployed).chain(requested);
    all.filter(|part| seen.insert(*part)).collect()
}

/// A change set without authors can hide the approver among them.
pub(super) fn unknown_authors(subject: &Subject<'_>) -> bool {
    let deployment = subject.deployment;
    let nobody = deployment.commits.is_empty() && deployment.pull_requests.is_empty() && !subject.brings_nothing_new();
    nobody
        || !deployment.tells_all_commits()
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
            let emergency = subject.kind() == DeploymentKind::Emergency;
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
