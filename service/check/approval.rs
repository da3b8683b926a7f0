//! Checks of approvals: given, given before, given to what was deployed.

use super::person::Likeness;
use super::verdict::{fail, not_evaluable, pass};
use super::{Check, Rule, Scope, Severity, Subject, Verdict};
use crate::domain::deployment::Said;
use crate::domain::evidence::{Answer, Approval, Bond, is_taken_back};
use crate::domain::extension::{Commit, DeploymentKind};
use crate::domain::words::{span, when};

pub(super) const APPROVED: Check = Check {
    id: "DL-AUTH-1",
    version: 3,
    title: "The deployment was approved",
    severity: Severity::High,
    scope: Scope::All,
    definition: "At least one person approved it (its artifact, its commit, the deployment itself or a change that it \
                 names), and neither took that back before the start, under any of the person's names, nor did anybody \
                 else under the same request.",
    limits: "Does not apply to what never started or is a recorded baseline. Not evaluable when the ledger holds no \
             approval for the service at all, or only approvals that name nobody; or when there are enough only if two names \
             that look alike are two people, and no alias tells.",
    rule: Rule::Deployment(approved),
};

pub(super) const BEFORE: Check = Check {
    id: "DL-AUTH-2",
    version: 2,
    title: "The approval came before the start",
    severity: Severity::High,
    scope: Scope::Except(&[DeploymentKind::Emergency]),
    definition: "The approvals that DL-AUTH-1 asks for were given before the start, by the time that they claim and by \
                 their place in the ledger.",
    limits: "Does not apply to what never started, a recorded baseline, or an emergency change, which may be approved \
             afterwards (see DL-EMG-1) and is recorded as one by its start. Not evaluable where DL-AUTH-1 is not.",
    rule: Rule::Deployment(before),
};

pub(super) const BOUND: Check = Check {
    id: "DL-AUTH-3",
    version: 3,
    title: "The approval covers the artifact that was deployed",
    severity: Severity::High,
    scope: Scope::All,
    definition: "As many approvals as DL-AUTH-1 asks for name the digest of the deployed artifact, or the deployed commit and no \
                 other artifact, and are not older than 30 days at the start. A commit that was made after an approval voids it.",
    limits: "Does not apply to what never started or is a recorded baseline. Not evaluable without an approval, or when \
             an approval or the deployment names neither a digest nor a commit; or where DL-AUTH-1 is not because two names \
             look alike.",
    rule: Rule::Deployment(bound),
};

/// The approvals of a deployment. Which of them count for what is decided here; checks ask.
pub(super) struct Approvals<'a> {
    /// One approval of each person that was not taken back before the start: the one that says most.
    counted: Vec<Counted<'a>>,
    /// Answers that are no approval, or are void.
    other: Vec<&'a Approval>,
    /// Approvals that name nobody.
    anonymous: Vec<&'a Approval>,
}

/// An approval by somebody.
#[derive(Clone, Copy)]
pub(super) struct Counted<'a> {
    pub(super) approval: &'a Approval,
    pub(super) bond: Bond,
    /// Whether it came after the start, where that matters.
    late: bool,
    /// Why it does not cover what was deployed.
    void: Option<Void<'a>>,
}

/// Why an approval does not cover what was deployed.
#[derive(Clone, Copy)]
enum Void<'a> {
    /// It is of another artifact or commit.
    Other(&'static str),
    /// This commit was made after it.
    Before(&'a Said<Commit>),
    /// It is too old.
    Old,
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
            let taken_back = || is_taken_back(&answers, at, subject.deployment, &subject.facts.aliases);
            if approval.answer != Answer::Approved || taken_back() {
                approvals.other.push(approval);
            } else if approval.person.is_none() {
                approvals.anonymous.push(approval);
            } else {
                approvals.count(subject, Counted::of(subject, approval, *bond));
            }
        }
        approvals
    }

    /// Those that a person gave.
    pub(super) fn given(&self) -> &[Counted<'a>] {
        &self.counted
    }

    /// Those that may stand for the deployment: given in time, and not void for what was deployed.
    pub(super) fn standing(&self) -> Vec<Counted<'a>> {
        let standing = self.counted.iter().filter(|counted| counted.flaw().is_none());
        standing.copied().collect()
    }

    /// Of several approvals by one person, the one that says most counts: in time, not void, and about the content.
    fn count(&mut self, subject: &Subject<'_>, new: Counted<'a>) {
        let rank = |counted: &Counted<'_>| (counted.late, counted.void.is_some(), counted.bond);
        let same = |known: &&mut Counted<'a>| matches!(likeness(subject, known, &new), Likeness::Same(_));
        match self.counted.iter_mut().find(same) {
            Some(known) if rank(&new) < rank(known) => *known = new,
            Some(_) => {}
            None => self.counted.push(new),
        }
    }
}

impl<'a> Counted<'a> {
    fn of(subject: &Subject<'a>, approval: &'a Approval, bond: Bond) -> Self {
        let origin = &approval.origin;
        // An emergency may be approved afterwards.
        let late = subject.kind() != DeploymentKind::Emergency && !subject.before(origin.index, origin.occurred_at);
        Self {
            approval,
            bond,
            late,
            void: Void::of(subject, approval),
        }
    }

    pub(super) fn person(&self) -> &'a str {
        person(self.approval)
    }

    /// Why it does not stand for the deployment, in short.
    pub(super) fn flaw(&self) -> Option<&'static str> {
        match self.void {
            _ if self.late => Some("only after the start"),
            Some(Void::Other("artifact")) => Some("another artifact"),
            Some(Void::Other(_)) => Some("another commit"),
            Some(Void::Before(_)) => Some("before a commit was made"),
            Some(Void::Old) => Some("too long before"),
            None => None,
        }
    }
}

impl<'a> Void<'a> {
    fn of(subject: &Subject<'a>, approval: &Approval) -> Option<Self> {
        let (deployment, given) = (subject.deployment, approval.origin.occurred_at);
        let after = |commit: &&Said<Commit>| commit.value.committed_at.is_some_and(|at| at > given);
        if approval.binding.same_artifact(deployment) == Some(false) {
            Some(Self::Other("artifact"))
        } else if approval.binding.same_commit(deployment) == Some(false) {
            Some(Self::Other("commit"))
        } else if let Some(commit) = deployment.commits.iter().find(after) {
            Some(Self::Before(commit))
        } else {
            let age = deployment.start_at().millis_since(given);
            (age > subject.parameters.approval_max_age_ms).then_some(Self::Old)
        }
    }
}

/// Whether there are as many people among those who approved as are asked for.
#[derive(PartialEq, Eq)]
enum Enough {
    Yes,
    /// Only if names that look alike are different people.
    Unclear,
    No,
}

impl Enough {
    fn of(subject: &Subject<'_>, among: &[Counted<'_>]) -> Self {
        let least = subject.parameters.min_approvers;
        let apart = |at: &usize| {
            let mut earlier = among[..*at].iter();
            earlier.all(|known| matches!(likeness(subject, known, &among[*at]), Likeness::Different(_)))
        };
        if (0..among.len()).filter(apart).count() >= least {
            Self::Yes
        } else if among.len() >= least {
            Self::Unclear
        } else {
            Self::No
        }
    }
}

fn likeness(subject: &Subject<'_>, one: &Counted<'_>, other: &Counted<'_>) -> Likeness {
    subject.likeness(one.person(), other.person())
}

fn indexes(approvals: &[Counted<'_>]) -> Vec<u64> {
    approvals.iter().map(|counted| counted.approval.origin.index).collect()
}

/// The verdict where there are enough approvals only if names that look alike are different people.
fn may_be_one(expected: String, approvals: &[Counted<'_>], evidence: Vec<u64>) -> Verdict {
    let names: Vec<&str> = approvals.iter().map(Counted::person).collect();
    let found = format!(
        "approved by {}, who may be one person; no alias is recorded",
        names.join(", ")
    );
    not_evaluable(expected, found, evidence)
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
    let expected = format!("approved by at least {}", people(subject.parameters.min_approvers));
    let approvals = Approvals::of(subject);
    let given = approvals.given();
    match Enough::of(subject, given) {
        Enough::Yes => {
            let said = |by: &Counted<'_>| format!("{} on {}", by.person(), when(by.approval.origin.occurred_at));
            let names: Vec<String> = given.iter().map(said).collect();
            return pass(expected, format!("approved by {}", names.join(", ")), indexes(given));
        }
        Enough::Unclear => return may_be_one(expected, given, indexes(given)),
        Enough::No => {}
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
    if given.is_empty() && !collected(subject) {
        return not_evaluable(
            expected,
            "the ledger holds no approvals for this service",
            vec![subject.start_entry()],
        );
    }
    let evidence = if given.is_empty() {
        vec![subject.start_entry()]
    } else {
        indexes(given)
    };
    let found = match given.len() {
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
    let given = approvals.given();
    if given.is_empty() {
        let known = collected(subject) && approvals.anonymous.is_empty();
        let verdict = if known { fail } else { not_evaluable };
        return verdict(
            expected,
            "no approval to compare (see DL-AUTH-1)",
            vec![subject.start_entry()],
        );
    }
    let (late, early): (Vec<Counted<'_>>, Vec<Counted<'_>>) = given.iter().partition(|counted| counted.late);
    let mut evidence = indexes(given);
    evidence.push(subject.start_entry());
    match (Enough::of(subject, &early), late.first()) {
        (Enough::Yes, _) => {
            let first = early[0];
            let at = when(first.approval.origin.occurred_at);
            pass(expected, format!("{} approved at {at}", first.person()), evidence)
        }
        (Enough::Unclear, _) => may_be_one(expected, &early, evidence),
        (Enough::No, Some(first)) => {
            let origin = &first.approval.origin;
            let how = subject.not_before(origin.index, origin.occurred_at);
            fail(expected, format!("{} approved {how}", first.person()), evidence)
        }
        (Enough::No, None) => fail(
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
    let expected = "an approval of the deployed artifact or commit";
    let approvals = Approvals::of(subject);
    let given = approvals.given();
    let mut evidence = vec![subject.start_entry()];
    if given.is_empty() {
        return not_evaluable(expected, "no approval to compare (see DL-AUTH-1)", evidence);
    }
    evidence.extend(indexes(given));
    let covers = |counted: &&Counted<'_>| counted.void.is_none() && counted.bond.is_content();
    let covering: Vec<Counted<'_>> = given.iter().filter(covers).copied().collect();
    match Enough::of(subject, &covering) {
        Enough::Yes => {
            let first = covering[0];
            let what = if first.bond == Bond::Artifact {
                "this artifact"
            } else {
                "this commit"
            };
            return pass(expected, format!("{} approved {what}", first.person()), evidence);
        }
        Enough::Unclear => return may_be_one(expected.to_owned(), &covering, evidence),
        Enough::No => {}
    }
    let voided = given.iter().find_map(|counted| Some((counted, counted.void?)));
    match voided {
        Some((by, Void::Other(what))) => fail(expected, format!("{} approved another {what}", by.person()), evidence),
        Some((by, Void::Before(commit))) => {
            evidence.push(commit.index);
            let short: String = commit.value.id.chars().take(12).collect();
            let found = format!("the commit {short} was made after {} approved", by.person());
            fail(expected, found, evidence)
        }
        Some((by, Void::Old)) => {
            let start = subject.deployment.start_at();
            let age = span(start.millis_since(by.approval.origin.occurred_at));
            let found = format!("{} approved {age} before the start", by.person());
            fail(expected, found, evidence)
        }
        None if covering.len() == given.len() => {
            let found = format!("covered by the approval of {}", people(covering.len()));
            fail(expected, found, evidence)
        }
        None => not_evaluable(
            expected,
            "the approval and the deployment name nothing that can be compared",
            evidence,
        ),
    }
}
