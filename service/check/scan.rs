//! Check of security scans.

use super::parameters::Threshold;
use super::verdict::{fail, not_applicable, not_evaluable, pass};
use super::{Check, Rule, Scope, Severity, Subject, Verdict};
use crate::domain::Outcome;
use crate::domain::deployment::Effect;
use crate::domain::evidence::{TestResult, last_runs};
use crate::domain::words::{span, when};

pub(super) const FRESH: Check = Check {
    id: "DL-TST-3",
    version: 2,
    title: "A fresh security scan of the artifact found nothing that counts",
    severity: Severity::High,
    scope: Scope::All,
    definition: "At least one test run of a kind that is a security scan names the deployed artifact's digest or the deployed \
                 commit, and ended before the start and not more than 30 days before, by claim and by ledger order; and the \
                 last run of each such scan, by both, ran to its end and found nothing of the severity that counts.",
    limits: "Does not apply to what never started, to a removal, or to a recorded baseline. Not evaluable when no scan is \
             recorded, unless the organisation requires one. A failed scan that tells no severity counts; so does one that ended in an error or was cancelled, whatever it found.",
    rule: Rule::Deployment(fresh),
};

fn fresh(subject: &Subject<'_>) -> Verdict {
    if let Some(verdict) = subject.never_started() {
        return verdict;
    }
    let (deployment, parameters) = (subject.deployment, subject.parameters);
    if deployment.effect == Effect::Removes {
        return not_applicable("nothing was put in place", deployment.indexes());
    }
    let days = span(parameters.scan_max_age_ms);
    let expected = format!("a security scan of this artifact in the {days} before the start");
    let tests = subject.facts.evidence.tests_of(deployment).into_iter();
    let scans: Vec<&TestResult> = tests
        .filter(|(test, bond)| bond.is_content() && is_scan(test, &parameters.scan_kinds))
        .map(|(test, _)| test)
        .collect();
    let (early, late): (Vec<&TestResult>, Vec<&TestResult>) = scans
        .iter()
        .partition(|scan| subject.before(scan.origin.index, scan.origin.occurred_at));
    let last = last_runs(&early);
    let mut evidence: Vec<u64> = last.iter().map(|scan| scan.origin.index).collect();
    evidence.push(subject.start_entry());
    let Some(newest) = last.iter().max_by_key(|scan| scan.origin.occurred_at) else {
        return match late.first() {
            Some(scan) => {
                evidence.push(scan.origin.index);
                let how = subject.not_before(scan.origin.index, scan.origin.occurred_at);
                fail(expected, format!("{} ended {how}", scan.label()), evidence)
            }
            None => subject.absent(FRESH.id, expected, "no security scan of this artifact is recorded"),
        };
    };
    if let Some(bad) = last.iter().find(|scan| counts(scan, parameters.scan_threshold)) {
        let found = bad
            .severity
            .as_deref()
            .map_or(String::new(), |severity| format!(", {severity}"));
        return match bad.outcome {
            Some(outcome) => fail(
                expected,
                format!("{} ended in {}{found}", bad.label(), outcome.as_str()),
                evidence,
            ),
            None => not_evaluable(expected, format!("{} has no result", bad.label()), evidence),
        };
    }
    let age = deployment.start_at().millis_since(newest.origin.occurred_at);
    let at = when(newest.origin.occurred_at);
    if age > parameters.scan_max_age_ms {
        let found = format!(
            "the last scan, {}, ended {at}, {} before the start",
            newest.label(),
            span(age)
        );
        return fail(expected, found, evidence);
    }
    pass(expected, format!("{} ended {at}", newest.label()), evidence)
}

fn is_scan(test: &TestResult, kinds: &[String]) -> bool {
    let kind = test.kind.as_deref();
    kind.is_some_and(|kind| kinds.iter().any(|known| known.eq_ignore_ascii_case(kind)))
}

/// Whether a scan is bad enough: by what it found, whatever its result is called; what could not run has shown nothing, and what a
/// failed one found counts where it is not told.
fn counts(scan: &TestResult, threshold: Threshold) -> bool {
    let bad = scan
        .severity
        .as_deref()
        .and_then(Threshold::parse)
        .map(|severity| severity >= threshold);
    match scan.outcome {
        Some(Outcome::Success) => bad == Some(true),
        Some(Outcome::Failure) => bad != Some(false),
        Some(Outcome::Error | Outcome::Cancel) | None => true,
    }
}
