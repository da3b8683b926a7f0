//! Exceptions: which of them a deployment may rely on, judged as of its start. Those that allow what was found in a period are judged
//! the same way, in `period`.
//!
//! One that does not hold excuses nothing, and is a finding of its own (DL-EXC-1).

mod period;

use std::collections::BTreeMap;

use super::duty::{Stand, unknown_authors};
use super::parameters::Parameters;
use super::person::{Likeness, compare};
use super::verdict::{Applied, CheckResult, fail, not_applicable, not_evaluable, pass};
use super::{Check, Finding, Rule, Scope, Severity, Subject, Verdict};
use crate::domain::Instant;
use crate::domain::alias::Aliases;
use crate::domain::exception::{Exception, ExceptionGrant, Revocation};
use crate::domain::words::{list, span, when};

pub(super) use period::{VALID_IN_PERIOD, apply_to_period, of_finding};

pub(super) const VALID: Check = Check {
    id: "DL-EXC-1",
    version: 2,
    title: "The exceptions that the deployment relies on hold",
    severity: Severity::High,
    scope: Scope::All,
    definition: "Every exception that the deployment names, or that excuses a check which it fails, covers it; was recorded \
                 and granted before its start, had begun and had not run out, been taken back or been granted anew by then, by \
                 claim and by when the start was recorded; was approved by somebody who neither asked for it nor wrote, \
                 requested or deployed the change; and is signed with another key than the deployment's records are.",
    limits: "Applies to deployments that name an exception, or that fail or are excepted from a check which one covers. Not \
             evaluable when an author of the change is not recorded, who may be who approved it. An \
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
    let evidence = verdict.evidence.iter().copied().chain([exception.index]).collect();
    Verdict {
        result: CheckResult::Excepted,
        found: format!(
            "{}; the exception {} allows it until {}",
            verdict.found,
            exception.id,
            when(exception.grant.expires_at)
        ),
        evidence,
        exception: Some(Applied::of(exception)),
        ..verdict
    }
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
    if flaws.is_empty() && unknown_authors(subject) {
        let found = "who approved it may have written the change: not every author of that is recorded";
        return not_evaluable(expected, found, evidence);
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
    let named = exception.grant.scope.deployments.contains(&subject.deployment.id);
    named || is_meant(exception, subject.parameters, start, start)
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
    // A start that is recorded long after it claims to have been revives nothing that was over by then.
    let recorded = deployment.start_recorded_at();
    if grant.expires_at.plus_millis(subject.parameters.skew_ms) <= recorded {
        let (end, recorded) = (when(grant.expires_at), when(recorded));
        return Some(format!("ran out at {end}, before the start was recorded at {recorded}"));
    }
    if !subject.before(exception.index, exception.granted_at) {
        let how = subject.not_before(exception.index, exception.granted_at);
        return Some(format!("was granted {how}"));
    }
    let over = |end: &&Revocation| end.index < deployment.start_index() && end.at <= start.max(recorded);
    if let Some(end) = exception.revoked.iter().find(over) {
        return Some(format!("was taken back at {}", when(end.at)));
    }
    if let Some(end) = exception.replaced.iter().find(over) {
        return Some(format!("was granted anew as #{}, from {} on", end.index, when(end.at)));
    }
    if producers().any(|producer| *producer == exception.producer) {
        return Some(format!(
            "is signed by {}, which also recorded the deployment",
            exception.producer
        ));
    }
    if let Some(flaw) = asked(&subject.facts.aliases, grant, start) {
        return Some(flaw);
    }
    let approver = &grant.approved_by;
    match Stand::of(subject, approver) {
        Stand::Apart { .. } => None,
        Stand::Took { part, .. } => Some(format!("was approved by {approver}, who {part}")),
        Stand::Unclear { why, .. } => Some(format!("was approved by {approver}, who {why}")),
    }
}

/// What is wrong with who approved it, where that may be who asked for it.
fn asked(aliases: &Aliases, grant: &ExceptionGrant, at: Instant) -> Option<String> {
    let (approver, requester) = (&grant.approved_by, &grant.requested_by);
    match compare(aliases, approver, requester, at) {
        Likeness::Different(_) => None,
        Likeness::Same(_) => Some(format!("was approved by {approver}, who asked for it")),
        Likeness::Alike | Likeness::Contradicted(_) => Some(format!(
            "was approved by {approver}, who may be {requester}, who asked for it"
        )),
    }
}

/// Whether it was meant to hold by a time, or ran out not long before another.
fn is_meant(exception: &Exception, parameters: &Parameters, by: Instant, from: Instant) -> bool {
    let ended = from.millis_since(exception.grant.expires_at);
    exception.valid_from() <= by && ended <= parameters.exception_grace_ms
}
