//! Checks of approvals: given, given before, given to what was deployed.

use super::person::{Likeness, compare};
use super::verdict::{fail, not_evaluable, pass};
use super::{Check, Rule, Scope, Severity, Subject, Verdict};
use crate::domain::Instant;
use crate::domain::evidence::{Answer, Approval, Bond, is_taken_back};
use crate::domain::extension::DeploymentKind;
use crate::domain::words::{span, when};

pub(super) const APPROVED: Check = Check {
    id: "DL-AUTH-1",
    version: 2,
    title: "The deployment was approved",
    severity: Severity::High,
    scope: Scope::All,
    definition: "At least one person approved it (its artifact, its commit, the deployment itself or a change that it \
                 names), and did not take that back before the start.",
    limits: "Does not apply to what never started or is a recorded baseline. Not evaluable when the ledger holds no \
             approval for the service at all, or only approvals that name nobody; or when there are enough only if two names \
             that look alike are two people, and no alias tells.",
    rule: Rule::Deployment(approved),
};

pub(super) const BEFORE: Check = Check {
    id: "DL-AUTH-2",
    version: 1,
    title: "The approval came before the start",
    severity: Severity::High,
    scope: Scope::Except(&[DeploymentKind::Emergency]),
    definition: "The approvals that DL-AUTH-1 asks for were given before the start, by the time that they claim and by \
                 their place in the ledger.",
    limits: "Does not apply to what never started, a recorded baseline, or an emergency change, which may be approved \
             afterwards (see DL-EMG-1). Not evaluable where DL-AUTH-1 is not.",
    rule: Rule::Deployment(before),
};

pub(super) const BOUND: Check = Check {
    id: "DL-AUTH-3",
    version: 2,
    title: "The approval covers the artifact that was deployed",
    severity: Severity::High,
    scope: Scope::All,
    definition: "The approvals that DL-AUTH-1 asks for name the digest of the deployed artifact, or the deployed commit, and \
                 are not older than 30 days at the start. A commit that was made after an approval of the change as such, or \
                 of the deployment, voids that.",
    limits: "Does not apply to what never started or is a recorded baseline. Not evaluable without an approval, or when \
             an approval or the deployment names neither artifact nor commit.",
    rule: Rule::Deployment(bound),
};

/// The approvals that count for a deployment.
pub(super) struct Approvals<'a> {
    /// One approval of each person, and not taken back before the start: one from before the start where there is any.
    pub(super) counted: Vec<(&'a Approval, Bond)>,
    /// Answers that are no approval, or are void.
    pub(super) other: Vec<&'a Approval>,
    /// Approvals that name nobody.
    anonymous: Vec<&'a Approval>,
}

impl<'a> Approvals<'a> {
    pub(super) fn of(subject: &Subject<'a>) -> Self {
        let answers = subject.facts.evidence.approvals_of(subject.deployment);
        let mut approvals = Self {
            counted: Vec::new(),
            other: Vec::new(),
            anonymous: Vec::new(),
        };
        for (at, (approval, bond)) in answers.iter().enumerate() {
            if approval.answer != Answer::Approved || is_taken_back(&answers, at, subject.deployment) {
                approvals.other.push(approval);
            } else if approval.person.is_none() {
                approvals.anonymous.push(approval);
            } else {
                approvals.count(subject, approval, *bond);
            }
        }
        approvals
    }

    /// Of several approvals by one person, the one that says most counts: in time, and about the content.
    fn count(&mut self, subject: &Subject<'_>, approval: &'a Approval, bond: Bond) {
        let rank = |approval: &Approval, bond: Bond| {
            (
                !subject.before(approval.origin.index, approval.origin.occurred_at),
                bond,
            )
        };
        match self
            .counted
            .iter_mut()
            .find(|(known, _)| matches!(likeness(subject, known, approval), Likeness::Same(_)))
        {
            Some(known) if rank(approval, bond) < rank(known.0, known.1) => *known = (approval, bond),
            Some(_) => {}
            None => self.counted.push((approval, bond)),
        }
    }

    /// How many of them are certainly different people.
    fn certain(&self, subject: &Subject<'_>) -> usize {
        let apart = |at: usize| {
            let mut earlier = self.counted[..at].iter();
            earlier.all(|(known, _)| matches!(likeness(subject, known, self.counted[at].0), Likeness::Different(_)))
        };
        (0..self.counted.len()).filter(|at| apart(*at)).count()
    }

    fn indexes(&self) -> Vec<u64> {
        self.counted.iter().map(|(approval, _)| approval.origin.index).collect()
    }
}

fn likeness(subject: &Subject<'_>, one: &Approval, other: &Approval) -> Likeness {
    let at = subject.deployment.start_at();
    compare(&subject.facts.aliases, person(one), person(other), at)
}

/// Whether the ledger holds any approval for the service, so that the absence of one means something.
fn collected(subject: &Subject<'_>) -> bool {
    subject.facts.approved.contains(&subject.deployment.service)
}

fn person(approval: &Approval) -> &str {
    approval.person.as_deref().unwrap_or("nobody named")
}

fn people(count: usize) -> String {
    if count == 1 {
        "1 person".to_owned()
    } else {
        format!("{count} people")
    }
}

fn approved(subject: &Subject<'_>) -> Verdict {
    if let Some(verdict) = subject.never_started() {
        return verdict;
    }
    let least = subject.parameters.min_approvers;
    let expected = format!("approved by at least {}", people(least));
    let approvals = Approvals::of(subject);
    if approvals.counted.len() >= least && approvals.certain(subject) < least {
        let names: Vec<&str> = approvals.counted.iter().map(|(approval, _)| person(approval)).collect();
        let found = format!(
            "approved by {}, who may be one person; no alias is recorded",
            names.join(", ")
        );
        return not_evaluable(expected, found, approvals.indexes());
    }
    if approvals.counted.len() >= least {
        let names: Vec<String> = approvals
            .counted
            .iter()
            .map(|(approval, _)| format!("{} on {}", person(approval), when(approval.origin.occurred_at)))
            .collect();
        return pass(
            expected,
            format!("approved by {}", names.join(", ")),
            approvals.indexes(),
        );
    }
    if !approvals.anonymous.is_empty() {
        let evidence = approvals.anonymous.iter().map(|a| a.origin.index).collect();
        return not_evaluable(expected, "an approval that names nobody", evidence);
    }
    if let Some(no) = approvals.other.last() {
        let found = format!(
            "{} by {} on {}",
            no.answer.as_str(),
            person(no),
            when(no.origin.occurred_at)
        );
        return fail(
            expected,
            found,
            approvals.other.iter().map(|a| a.origin.index).collect(),
        );
    }
    if approvals.counted.is_empty() && !collected(subject) {
        return not_evaluable(
            expected,
            "the ledger holds no approvals for this service",
            vec![subject.start_entry()],
        );
    }
    let evidence = if approvals.counted.is_empty() {
        vec![subject.start_entry()]
    } else {
        approvals.indexes()
    };
    let found = match approvals.counted.len() {
        0 => "no approval is recorded".to_owned(),
        count => format!("approved by {}", people(count)),
    };
    fail(expected, found, evidence)
}

fn before(subject: &Subject<'_>) -> Verdict {
    if let Some(verdict) = subject.never_started() {
        return verdict;
    }
    let deployment = subject.deployment;
    let expected = format!("approved before the start at {}", when(deployment.start_at()));
    let approvals = Approvals::of(subject);
    if approvals.counted.is_empty() {
        let known = collected(subject) && approvals.anonymous.is_empty();
        let verdict = if known { fail } else { not_evaluable };
        return verdict(
            expected,
            "no approval to compare (see DL-AUTH-1)",
            vec![subject.start_entry()],
        );
    }
    let in_time = |approval: &Approval| subject.before(approval.origin.index, approval.origin.occurred_at);
    let (early, late): (Vec<_>, Vec<_>) = approvals.counted.iter().partition(|(approval, _)| in_time(approval));
    let mut evidence = approvals.indexes();
    evidence.push(subject.start_entry());
    if early.len() >= subject.parameters.min_approvers {
        let (first, _) = early[0];
        let found = format!("{} approved at {}", person(first), when(first.origin.occurred_at));
        return pass(expected, found, evidence);
    }
    match late.first() {
        Some((first, _)) => {
            let how = subject.not_before(first.origin.index, first.origin.occurred_at);
            fail(expected, format!("{} approved {how}", person(first)), evidence)
        }
        None => fail(
            expected,
            format!("approved before by {}", people(early.len())),
            evidence,
        ),
    }
}

fn bound(subject: &Subject<'_>) -> Verdict {
    if let Some(verdict) = subject.never_started() {
        return verdict;
    }
    let deployment = subject.deployment;
    let expected = "an approval of the deployed artifact or commit";
    let approvals = Approvals::of(subject);
    if approvals.counted.is_empty() {
        return not_evaluable(
            expected,
            "no approval to compare (see DL-AUTH-1)",
            vec![subject.start_entry()],
        );
    }
    let mut evidence = approvals.indexes();
    evidence.push(subject.start_entry());
    let young = |approval: &Approval| {
        let age = deployment.start_at().millis_since(approval.origin.occurred_at);
        age <= subject.parameters.approval_max_age_ms
    };
    let bound: Vec<_> = approvals.counted.iter().filter(|(_, bond)| bond.is_content()).collect();
    let fresh: Vec<_> = bound.iter().filter(|(approval, _)| young(approval)).collect();
    if fresh.len() >= subject.parameters.min_approvers {
        let (approval, bond) = fresh[0];
        let what = if *bond == Bond::Artifact {
            "this artifact"
        } else {
            "this commit"
        };
        return pass(expected, format!("{} approved {what}", person(approval)), evidence);
    }
    if let Some((approval, _)) = bound.iter().find(|(approval, _)| !young(approval)) {
        let age = span(deployment.start_at().millis_since(approval.origin.occurred_at));
        let found = format!("{} approved {age} before the start", person(approval));
        return fail(expected, found, evidence);
    }
    let other = approvals.counted.iter().find_map(|(approval, _)| {
        let artifact = approval.binding.same_artifact(deployment) == Some(false);
        let commit = approval.binding.same_commit(deployment) == Some(false);
        (artifact || commit).then_some((approval, if artifact { "artifact" } else { "commit" }))
    });
    let voided = approvals
        .counted
        .iter()
        .filter(|(_, bond)| !bond.is_content())
        .find_map(|(approval, _)| {
            let after = |at: Instant| at > approval.origin.occurred_at;
            let mut commits = deployment.commits.iter();
            let commit = commits.find(|commit| commit.value.committed_at.is_some_and(after))?;
            Some((approval, commit))
        });
    match (other, voided) {
        (Some((approval, what)), _) => fail(
            expected,
            format!("{} approved another {what}", person(approval)),
            evidence,
        ),
        (None, Some((approval, commit))) => {
            evidence.push(commit.index);
            let short: String = commit.value.id.chars().take(12).collect();
            let found = format!("the commit {short} was made after {} approved", person(approval));
            fail(expected, found, evidence)
        }
        (None, None) => not_evaluable(
            expected,
            "the approval and the deployment name nothing that can be compared",
            evidence,
        ),
    }
}
