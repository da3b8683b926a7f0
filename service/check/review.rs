//! Check of the reviews of what a deployment brings in.

use std::collections::BTreeMap;

use super::person::{Likeness, compare};
use super::verdict::{fail, not_applicable, not_evaluable, pass};
use super::{Check, Rule, Scope, Severity, Subject, Verdict};
use crate::domain::deployment::Said;
use crate::domain::extension::{Commit, DeploymentKind, PullRequest, ReviewVerdict};
use crate::domain::words::count;

pub(super) const REVIEWED: Check = Check {
    id: "DL-SOD-3",
    version: 3,
    title: "Somebody else reviewed every commit",
    severity: Severity::High,
    scope: Scope::Except(&[DeploymentKind::Rollback, DeploymentKind::Redeploy]),
    definition: "Every commit that the deployment brings in, but merges, belongs to a pull request that somebody approved who \
                 wrote neither the commit nor the request, as the request or a recorded review before the start tells; or \
                 such a review names the commit itself.",
    limits: "Does not apply to what never started, a recorded baseline, a rollback to content that ran there, or a redeployment of what runs. Not evaluable when no \
             commits are recorded or there may be more than are, when a commit names no author, when no review of it is recorded (unless the organisation \
             requires one), or when two names may be one person and no alias tells. A commit belongs to the request that it merges, that its message \
             names by number, that was merged by the same push, or, where no pushes tell of it, that is the only one.",
    rule: Rule::Deployment(reviewed),
};

/// What is known of the review of a commit.
enum Looked {
    /// Somebody else approved it, by these entries.
    Reviewed(Vec<u64>),
    /// Nobody else did.
    Alone(String),
    /// Nobody can tell.
    Unclear(String),
    /// No review of it is recorded.
    Absent(String),
}

fn reviewed(subject: &Subject<'_>) -> Verdict {
    if let Some(verdict) = subject.never_started() {
        return verdict;
    }
    let deployment = subject.deployment;
    let expected = "every commit approved by somebody who did not write it";
    let mut evidence = vec![subject.start_entry()];
    let why_more = deployment.why_more_commits();
    if deployment.commits.is_empty() {
        let why = why_more.map(|why| format!(": {why}")).unwrap_or_default();
        return not_evaluable(expected, format!("no commits are recorded{why}"), evidence);
    }
    let commits: Vec<&Said<Commit>> = deployment
        .commits
        .iter()
        .filter(|c| c.value.merge != Some(true))
        .collect();
    if commits.is_empty() && why_more.is_none() {
        return not_applicable("it brings in merges only", evidence);
    }
    let (mut alone, mut unclear, mut absent) = (Vec::new(), Vec::new(), Vec::new());
    for said in &commits {
        evidence.push(said.index);
        match looked_at(subject, said) {
            Looked::Reviewed(entries) => evidence.extend(entries),
            Looked::Alone(why) => alone.push(why),
            Looked::Unclear(why) => unclear.push(why),
            Looked::Absent(why) => absent.push(why),
        }
    }
    let and_more = |list: &[String]| match list {
        [one] => one.clone(),
        list => format!("{}, and {} more", list[0], list.len() - 1),
    };
    match (alone.as_slice(), unclear.as_slice(), absent.as_slice()) {
        ([], [], []) if let Some(why) = why_more => {
            not_evaluable(expected, format!("not all commits are recorded: {why}"), evidence)
        }
        ([], [], []) => pass(
            expected,
            format!("{} reviewed", count(commits.len(), "commit")),
            evidence,
        ),
        ([], [], absent) => Verdict {
            evidence,
            ..subject.absent(REVIEWED.id, expected, &and_more(absent))
        },
        ([], unclear, _) => not_evaluable(expected, and_more(unclear), evidence),
        (alone, _, _) => fail(expected, and_more(alone), evidence),
    }
}

fn looked_at(subject: &Subject<'_>, said: &Said<Commit>) -> Looked {
    let commit = &said.value;
    let short: String = commit.id.chars().take(12).collect();
    let Some(author) = &commit.author else {
        return Looked::Unclear(format!("{short} names no author"));
    };
    let requests = &subject.deployment.pull_requests;
    let request = requests
        .iter()
        .find(|p| belongs(&p.value, commit))
        .or_else(|| match requests.as_slice() {
            _ if subject.deployment.change_set.is_some() => {
                requests.iter().find(|p| was_pushed_with(subject, &p.value, said))
            }
            [only] => Some(only),
            _ => None,
        });
    let reviewers = reviewers(subject, commit, request.map(|said| &said.value));
    if reviewers.is_empty() {
        return Looked::Absent(match request {
            Some(request) => format!(
                "no review of {short} is recorded, nor of the pull request {}",
                request.value.id
            ),
            None => format!("{short} can be tied to no pull request and no review"),
        });
    }
    let proposer = request.and_then(|said| said.value.author.as_deref());
    let at = subject.deployment.start_at();
    let mut doubt = None;
    for (reviewer, (_, index)) in reviewers.iter().filter(|(_, (approved, _))| *approved) {
        let wrote = std::iter::once(author.as_str()).chain(proposer);
        let likenesses: Vec<Likeness> = wrote
            .map(|who| compare(&subject.facts.aliases, reviewer, who, at))
            .collect();
        if likenesses
            .iter()
            .all(|likeness| matches!(likeness, Likeness::Different(_)))
        {
            return Looked::Reviewed(index.iter().copied().collect());
        }
        if !likenesses.iter().any(|likeness| matches!(likeness, Likeness::Same(_))) {
            doubt = Some(format!(
                "{reviewer}, who reviewed {short}, may be its author; no alias tells"
            ));
        }
    }
    match doubt {
        Some(doubt) => Looked::Unclear(doubt),
        None => Looked::Alone(format!("nobody but its author approved {short}")),
    }
}

/// Whether a request was merged by the push that brought a commit.
fn was_pushed_with(subject: &Subject<'_>, request: &PullRequest, said: &Said<Commit>) -> bool {
    let mut pushed = subject
        .deployment
        .commits
        .iter()
        .filter(|other| other.index == said.index);
    let merge = request.merge_commit.as_deref();
    pushed.any(|other| merge.is_some_and(|id| id.eq_ignore_ascii_case(&other.value.id)))
}

fn belongs(request: &PullRequest, commit: &Commit) -> bool {
    let merged = request
        .merge_commit
        .as_deref()
        .is_some_and(|id| id.eq_ignore_ascii_case(&commit.id));
    let numbers = commit
        .message
        .split(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '#' | '!'));
    let named = numbers
        .filter_map(|word| word.strip_prefix(['#', '!']))
        .any(|number| number == request.id);
    merged || named
}

/// Of each who reviewed a commit or its pull request before the start, whether the last verdict approves, and its entry.
fn reviewers(
    subject: &Subject<'_>,
    commit: &Commit,
    request: Option<&PullRequest>,
) -> BTreeMap<String, (bool, Option<u64>)> {
    let mut verdicts = BTreeMap::new();
    for person in request.iter().flat_map(|request| &request.approved_by) {
        verdicts.insert(person.clone(), (true, None));
    }
    for (review, _) in subject.facts.evidence.reviews_of(subject.deployment) {
        let names = |name: &str| review.binding.changes.iter().any(|change| change == name);
        let of_request = request.is_some_and(|p| names(&p.id) || p.url.as_deref().is_some_and(names));
        let of_commit = review
            .binding
            .commit
            .as_deref()
            .is_some_and(|id| id.eq_ignore_ascii_case(&commit.id));
        let early = subject.before(review.origin.index, review.origin.occurred_at);
        let (Some(person), Some(verdict), true) = (&review.person, review.verdict, early && (of_request || of_commit))
        else {
            continue;
        };
        match verdict {
            ReviewVerdict::Approved => verdicts.insert(person.clone(), (true, Some(review.origin.index))),
            ReviewVerdict::ChangesRequested => verdicts.insert(person.clone(), (false, Some(review.origin.index))),
            ReviewVerdict::Commented => None,
        };
    }
    verdicts
}
