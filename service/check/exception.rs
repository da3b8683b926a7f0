//! Exceptions: which of them a deployment may rely on, judged as of its start; and which allow what was found in a period.
//!
//! One that does not hold excuses nothing, and is a finding of its own (DL-EXC-1).

use std::collections::BTreeMap;

use super::duty::Stand;
use super::period::PeriodSubject;
use super::person::{Likeness, compare};
use super::verdict::{Applied, CheckResult, fail, not_applicable, pass};
use super::{Check, Finding, Rule, Scope, Severity, Subject, Verdict};
use crate::domain::Instant;
use crate::domain::exception::Exception;
use crate::domain::words::{list, span, when};
use crate::reconcile;

pub(super) const VALID: Check = Check {
    id: "DL-EXC-1",
    version: 1,
    title: "The exceptions that the deployment relies on hold",
    severity: Severity::High,
    scope: Scope::All,
    definition: "Every exception that the deployment names, or that excuses a check which it fails, covers it; was recorded \
                 and granted before its start, had begun and had not run out or been taken back by then; was approved by \
                 somebody who neither asked for it nor wrote, requested or deployed the change; and is signed with another \
                 key than the deployment's records are.",
    limits: "Applies to deployments that name an exception, or that fail or are excepted from a check which one covers. An \
             exception that nobody names counts as relied upon while it is in force and for 30 days after it ran out.",
    rule: Rule::Findings(valid),
};

/// A failure that an exception allows is excepted.
pub(super) fn apply(subject: &Subject<'_>, check: &str, verdict: Verdict) -> Verdict {
    if verdict.result != CheckResult::Fail {
        return verdict;
    }
    let mut holding = covering(subject, check).filter(|exception| flaw(subject, exception).is_none());
    let Some(exception) = holding.next() else {
        return verdict;
    };
    excepted(verdict, exception)
}

/// A failure as an exception that holds allows it.
pub(super) fn excepted(verdict: Verdict, exception: &Exception) -> Verdict {
    let mut evidence = verdict.evidence;
    evidence.push(exception.index);
    Verdict {
        result: CheckResult::Excepted,
        found: format!(
            "{}; the exception {} allows it until {}",
            verdict.found,
            exception.id,
            when(exception.grant.expires_at)
        ),
        evidence,
        exception: Some(Applied {
            id: exception.id.clone(),
            index: exception.index,
        }),
        expected: verdict.expected,
    }
}

/// A failure of the ledger in a period that an exception allows, which is for the environment as such and holds for the whole period.
pub(super) fn apply_to_period(subject: &PeriodSubject<'_>, check: &str, verdict: Verdict) -> Verdict {
    let (Some(told), CheckResult::Fail) = (subject.completeness, verdict.result) else {
        return verdict;
    };
    let whole = |exception: &&Exception| {
        let scope = &exception.grant.scope;
        let service = told.service.as_ref();
        scope.environments.contains(&told.environment)
            && (scope.services.is_empty() || service.is_some_and(|service| scope.services.contains(service)))
            && scope.deployments.is_empty()
            && scope.artifacts.is_empty()
    };
    let end = subject.period.to.plus_millis(-1);
    let mut holding = allowing(subject, check).filter(whole);
    match holding.find(|exception| holds(subject, exception, beginning(subject), end)) {
        Some(exception) => excepted(verdict, exception),
        None => verdict,
    }
}

/// The exception that allows what a runtime snapshot showed: it covers it, and held from when it was first seen in the period, or the
/// period began, until it was last seen.
pub(super) fn of_finding<'a>(
    subject: &PeriodSubject<'a>,
    check: &str,
    finding: &reconcile::Finding,
) -> Option<&'a Exception> {
    let environment = &subject.completeness?.environment;
    let (opened, period) = (finding.opened, subject.period);
    let since = if opened.at < period.from {
        beginning(subject)
    } else {
        (opened.index, opened.at)
    };
    let until = finding.last_seen.at.min(period.to.plus_millis(-1)).max(since.1);
    let digest = finding.running.as_ref().and_then(|running| running.digest.as_deref());
    let covers = |exception: &&Exception| {
        let scope = &exception.grant.scope;
        let runs = |named: &String| digest.is_some_and(|digest| digest.eq_ignore_ascii_case(named));
        scope.deployments.is_empty()
            && (scope.services.is_empty() || scope.services.contains(&finding.service))
            && (scope.environments.is_empty() || scope.environments.contains(environment))
            && (scope.artifacts.is_empty() || scope.artifacts.iter().any(runs))
    };
    let mut holding = allowing(subject, check).filter(covers);
    holding.find(|exception| holds(subject, exception, since, until))
}

fn allowing<'a>(subject: &PeriodSubject<'a>, check: &str) -> impl Iterator<Item = &'a Exception> {
    let exceptions = subject.facts.exceptions.iter();
    exceptions.filter(move |exception| exception.grant.checks.iter().any(|id| id == check))
}

/// The first entry that is of the period, and its beginning.
fn beginning(subject: &PeriodSubject<'_>) -> (u64, Instant) {
    (subject.continuity.before, subject.period.from)
}

/// Whether an exception was granted before an entry and a time by somebody else than who asked for it, and held from then on.
fn holds(subject: &PeriodSubject<'_>, exception: &Exception, since: (u64, Instant), until: Instant) -> bool {
    let grant = &exception.grant;
    let (entry, at) = since;
    let likeness = compare(&subject.facts.aliases, &grant.approved_by, &grant.requested_by, at);
    exception.index < entry
        && exception.granted_at < at
        && exception.valid_from() <= at
        && until < grant.expires_at
        && exception.revoked.as_ref().is_none_or(|revoked| revoked.at > until)
        && matches!(likeness, Likeness::Different(_))
}

fn valid(subject: &Subject<'_>, findings: &[Finding]) -> Verdict {
    let mut relied: BTreeMap<u64, &Exception> = BTreeMap::new();
    let mut flaws = Vec::new();
    let mut evidence = vec![subject.start_entry()];
    for finding in findings {
        let check = finding.check.id;
        match (&finding.verdict.exception, finding.verdict.result) {
            (Some(applied), _) => {
                let exceptions = subject.facts.exceptions.iter();
                relied.extend(exceptions.filter(|e| e.index == applied.index).map(|e| (e.index, e)));
            }
            (None, CheckResult::Fail) => {
                let near = covering(subject, check).filter(|exception| is_near(subject, exception));
                relied.extend(near.map(|exception| (exception.index, exception)));
            }
            (None, _) => {}
        }
    }
    for named in &subject.deployment.exceptions {
        evidence.push(named.index);
        let newest = subject.facts.exceptions.iter().rfind(|e| e.id == named.value);
        match newest {
            Some(exception) => {
                relied.insert(exception.index, exception);
            }
            None => flaws.push(format!("no exception {} is recorded", named.value)),
        }
    }
    if relied.is_empty() && flaws.is_empty() {
        return not_applicable("it relies on no exception", subject.deployment.indexes());
    }
    let expected = "every exception that it relies on holds at its start";
    for exception in relied.values() {
        evidence.push(exception.index);
        if let Some(flaw) = flaw(subject, exception) {
            flaws.push(format!("the exception {} {flaw}", exception.id));
        }
    }
    if flaws.is_empty() {
        let names: Vec<String> = relied.values().map(|exception| exception.id.clone()).collect();
        return pass(expected, format!("{} in force", list(&names)), evidence);
    }
    fail(expected, flaws.join("; "), evidence)
}

/// The exceptions that allow this check to be failed, by a deployment such as this.
fn covering<'a>(subject: &Subject<'a>, check: &str) -> impl Iterator<Item = &'a Exception> {
    let deployment = subject.deployment;
    let exceptions = subject.facts.exceptions.iter();
    exceptions.filter(move |exception| {
        exception.grant.checks.iter().any(|id| id == check) && exception.grant.scope.covers(deployment)
    })
}

/// Whether somebody may believe that it holds: it was meant to by the start, and did not run out long before.
fn is_near(subject: &Subject<'_>, exception: &Exception) -> bool {
    let start = subject.deployment.start_at();
    let ended = start.millis_since(exception.grant.expires_at);
    let named = exception.grant.scope.deployments.contains(&subject.deployment.id);
    named || (exception.valid_from() <= start && ended <= subject.parameters.exception_grace_ms)
}

/// Why an exception does not hold for a deployment; nothing if it does.
fn flaw(subject: &Subject<'_>, exception: &Exception) -> Option<String> {
    let (deployment, grant) = (subject.deployment, &exception.grant);
    let start = deployment.start_at();
    let producers = || deployment.statements.iter().map(|statement| &statement.producer);
    if !grant.scope.covers(deployment) {
        return Some("does not cover it".to_owned());
    }
    if exception.valid_from() > start {
        return Some(format!("begins only at {}", when(exception.valid_from())));
    }
    if grant.expires_at <= start {
        let before = span(start.millis_since(grant.expires_at));
        return Some(format!(
            "ran out at {}, {before} before the start",
            when(grant.expires_at)
        ));
    }
    if !subject.before(exception.index, exception.granted_at) {
        let how = subject.not_before(exception.index, exception.granted_at);
        return Some(format!("was granted {how}"));
    }
    if let Some(revoked) = &exception.revoked
        && revoked.at <= start
        && revoked.index < deployment.start_index()
    {
        return Some(format!("was taken back at {}", when(revoked.at)));
    }
    if producers().any(|producer| *producer == exception.producer) {
        return Some(format!(
            "is signed by {}, which also recorded the deployment",
            exception.producer
        ));
    }
    let approver = &grant.approved_by;
    match compare(&subject.facts.aliases, approver, &grant.requested_by, start) {
        Likeness::Different(_) => {}
        Likeness::Same(_) => return Some(format!("was approved by {approver}, who asked for it")),
        Likeness::Alike | Likeness::Contradicted(_) => {
            return Some(format!(
                "was approved by {approver}, who may be {}, who asked for it",
                grant.requested_by
            ));
        }
    }
    match Stand::of(subject, approver, None) {
        Stand::Apart { .. } => None,
        Stand::Took { part, .. } => Some(format!("was approved by {approver}, who {part}")),
        Stand::Unclear { why, .. } => Some(format!("was approved by {approver}, who {why}")),
    }
}
