//! Exceptions of a period: which of them allow what was found of the ledger as a whole, by what was known before it was seen.
//!
//! One that does not hold allows nothing, and is a finding of its own (DL-EXC-2).

use std::collections::BTreeSet;

use super::super::completeness::{NUMBERED, RECONCILED};
use super::super::period::{PeriodSubject, RETAINED};
use super::super::verdict::{CheckResult, fail, not_applicable, pass};
use super::super::{Check, Finding, Rule, Scope, Severity, Verdict};
use super::{asked, excepted, is_meant};
use crate::domain::exception::{Exception, ExceptionScope, Revocation};
use crate::domain::producer::SERVICE_PRODUCER;
use crate::domain::words::{list, when};
use crate::domain::{Instant, ProducerName, ServiceName};
use crate::reconcile;

pub(in crate::check) const VALID_IN_PERIOD: Check = Check {
    id: "DL-EXC-2",
    version: 2,
    title: "The exceptions that the period relies on hold",
    severity: Severity::High,
    scope: Scope::All,
    definition: "Every exception for what DL-POP-2, DL-POP-3 or DL-RET-1 found in the period covers it; was granted and recorded \
                 before that was first seen, or before the period; had neither run out nor been taken back or granted anew when it was last seen, \
                 or by the end of the period; was approved by somebody who did not ask for it; and is signed with another key than \
                 what it is to allow: runtime snapshots and the deployments of the service, records of the source, erasures.",
    limits: "Applies to periods in which one of these checks fails or is excepted. An exception counts as relied upon where it names \
             the check, could be of the environment and service, had begun before that was last seen, and had not run out more than \
             30 days before it was first seen.",
    rule: Rule::PeriodFindings(valid),
};

/// A failure of the ledger in a period that an exception allows, which is for the environment as such and holds for the whole period.
pub(in crate::check) fn apply_to_period(subject: &PeriodSubject<'_>, check: &str, verdict: Verdict) -> Verdict {
    let (Some(shown), CheckResult::Fail) = (shown(subject, check).pop(), verdict.result) else {
        return verdict;
    };
    match shown.allowed_by(subject, check) {
        Some(exception) => excepted(verdict, exception),
        None => verdict,
    }
}

/// The exception that allows what a runtime snapshot showed: it covers it, and held from when it was first seen in the period, or the
/// period began, until it was last seen.
pub(in crate::check) fn of_finding<'a>(
    subject: &PeriodSubject<'a>,
    check: &str,
    finding: &reconcile::Finding,
) -> Option<&'a Exception> {
    Shown::running(subject, finding).allowed_by(subject, check)
}

fn valid(subject: &PeriodSubject<'_>, findings: &[Finding]) -> Verdict {
    let (mut flaws, mut holding, mut evidence) = (Vec::new(), BTreeSet::new(), Vec::new());
    for finding in findings {
        let (check, result) = (finding.check.id, finding.verdict.result);
        if !matches!(result, CheckResult::Fail | CheckResult::Excepted) {
            continue;
        }
        let shown = shown(subject, check);
        for exception in allowing(subject, check) {
            let near = shown.iter().filter(|shown| shown.is_near(subject, exception));
            let judged: Vec<Option<String>> = near.map(|shown| shown.flaw(subject, exception)).collect();
            // What it allows once, it need not allow everywhere; where all is allowed, nobody relies on the others.
            if judged.contains(&None) {
                holding.insert(exception.id.as_str());
                evidence.push(exception.index);
            } else if let (Some(Some(flaw)), CheckResult::Fail) = (judged.first(), result) {
                flaws.push(format!("the exception {} for {check} {flaw}", exception.id));
                evidence.push(exception.index);
            }
        }
    }
    let expected = "every exception that the period relies on holds";
    if !flaws.is_empty() {
        return fail(expected, flaws.join("; "), evidence);
    }
    if holding.is_empty() {
        return not_applicable("the period relies on no exception", Vec::new());
    }
    let names: Vec<String> = holding.into_iter().map(str::to_owned).collect();
    pass(expected, format!("{} in force", list(&names)), evidence)
}

/// What a check of a period found, as exceptions are held against it.
struct Shown<'a> {
    /// What it is of: what ran, or the environment as such.
    running: Option<&'a reconcile::Finding>,
    /// The first entry that shows it, or the first of the period; and when.
    since: (u64, Instant),
    /// When it was seen last.
    until: Instant,
    /// Whose keys signed it.
    signers: BTreeSet<&'a str>,
}

/// What a check found, if exceptions can allow that: each for itself where it is of a moment, else all of it.
fn shown<'a>(subject: &PeriodSubject<'a>, check: &str) -> Vec<Shown<'a>> {
    let Some(told) = subject.completeness else {
        return Vec::new();
    };
    let whole = |signers| Shown {
        running: None,
        since: beginning(subject),
        until: subject.period.to.plus_millis(-1),
        signers,
    };
    if check == RECONCILED.id {
        let findings = told.findings.iter();
        return findings.map(|finding| Shown::running(subject, finding)).collect();
    }
    if check == NUMBERED.id {
        return vec![whole(names(&told.signers))];
    }
    if check == RETAINED.id {
        return vec![whole(BTreeSet::from([SERVICE_PRODUCER]))];
    }
    Vec::new()
}

impl<'a> Shown<'a> {
    fn running(subject: &PeriodSubject<'_>, finding: &'a reconcile::Finding) -> Self {
        let (opened, period) = (finding.opened, subject.period);
        let since = if opened.at < period.from {
            beginning(subject)
        } else {
            (opened.index, opened.at)
        };
        Self {
            running: Some(finding),
            since,
            until: finding.last_seen.at.min(period.to.plus_millis(-1)).max(since.1),
            signers: names(&finding.signers),
        }
    }

    fn allowed_by<'s>(&self, subject: &PeriodSubject<'s>, check: &str) -> Option<&'s Exception> {
        let mut near = allowing(subject, check).filter(|exception| self.is_near(subject, exception));
        near.find(|exception| self.flaw(subject, exception).is_none())
    }

    /// Whether somebody may believe that it is allowed: the exception may be of this place, and was meant to hold then or shortly before.
    fn is_near(&self, subject: &PeriodSubject<'_>, exception: &Exception) -> bool {
        let Some(told) = subject.completeness else { return false };
        let scope = &exception.grant.scope;
        let service = self.running.map(|finding| &finding.service).or(told.service.as_ref());
        (scope.environments.is_empty() || scope.environments.contains(&told.environment))
            && (scope.services.is_empty() || service.is_none_or(|service| scope.services.contains(service)))
            && is_meant(exception, subject.parameters, self.until, self.since.1)
    }

    /// Why an exception that is near does not allow it; nothing if it does.
    fn flaw(&self, subject: &PeriodSubject<'_>, exception: &Exception) -> Option<String> {
        let ((entry, at), grant) = (self.since, &exception.grant);
        let over = |end: &&Revocation| end.at <= self.until;
        let (revoked, replaced) = (&exception.revoked, &exception.replaced);
        if let Some(narrow) = self.narrow(subject, &grant.scope) {
            Some(narrow)
        } else if exception.valid_from() > at {
            Some(format!("begins only at {}", when(exception.valid_from())))
        } else if grant.expires_at <= self.until {
            let (end, needed) = (when(grant.expires_at), when(self.until));
            Some(format!("ran out at {end}, and is needed until {needed}"))
        } else if exception.index >= entry {
            Some(format!("was recorded only after #{entry}, from when on it is needed"))
        } else if exception.granted_at >= at {
            Some(format!("was granted only at {}", when(exception.granted_at)))
        } else if let Some(end) = revoked.iter().find(over) {
            Some(format!("was taken back at {}", when(end.at)))
        } else if let Some(end) = replaced.iter().find(over) {
            Some(format!("was granted anew as #{}, from {} on", end.index, when(end.at)))
        } else if self.signers.contains(exception.producer.as_str()) {
            let producer = &exception.producer;
            Some(format!(
                "is signed by {producer}, which also signed what it is to allow"
            ))
        } else {
            asked(&subject.facts.aliases, grant, at)
        }
    }

    /// How a scope is too narrow for it.
    fn narrow(&self, subject: &PeriodSubject<'_>, scope: &ExceptionScope) -> Option<String> {
        if !scope.deployments.is_empty() {
            return Some("is for single deployments".to_owned());
        }
        let Some(finding) = self.running else {
            let told = subject.completeness?;
            let names = |service: &ServiceName| scope.services.contains(service);
            return if !scope.environments.contains(&told.environment) {
                Some(format!("does not name the environment {}", told.environment))
            } else if !scope.services.is_empty() && !told.service.as_ref().is_some_and(names) {
                Some("is for single services, not for the whole environment".to_owned())
            } else if !scope.artifacts.is_empty() {
                Some("is for single artifacts, not for the whole environment".to_owned())
            } else {
                None
            };
        };
        let digest = finding.running.as_ref().and_then(|running| running.digest.as_deref());
        let runs = |named: &String| digest.is_some_and(|digest| digest.eq_ignore_ascii_case(named));
        let covers = scope.artifacts.is_empty() || scope.artifacts.iter().any(runs);
        (!covers).then(|| "is for other artifacts than what ran".to_owned())
    }
}

fn names(signers: &BTreeSet<ProducerName>) -> BTreeSet<&str> {
    signers.iter().map(ProducerName::as_str).collect()
}

/// The exceptions that allow this check to fail.
fn allowing<'a>(subject: &PeriodSubject<'a>, check: &str) -> impl Iterator<Item = &'a Exception> {
    let exceptions = subject.facts.exceptions.iter();
    exceptions.filter(move |exception| exception.grant.checks.iter().any(|id| id == check))
}

/// The first entry that is of the period, and its beginning.
fn beginning(subject: &PeriodSubject<'_>) -> (u64, Instant) {
    (subject.continuity.before, subject.period.from)
}
