//! Checks of tests: passed before, promoted through a lower environment, verified after.

use super::verdict::{fail, not_applicable, not_evaluable, pass};
use super::{Check, Rule, Scope, Severity, Subject, Verdict};
use crate::domain::Outcome;
use crate::domain::deployment::{Deployment, Effect};
use crate::domain::evidence::{TestResult, last_runs};
use crate::domain::extension::Tier;
use crate::domain::words::{span, when};

pub(super) const PASSED: Check = Check {
    id: "DL-TST-1",
    version: 3,
    title: "Tests passed on this artifact before the start",
    severity: Severity::High,
    scope: Scope::All,
    definition: "At least one test run names the deployed artifact's digest, or the deployed commit and no other artifact, and ended \
                 before the start, by claim and by ledger order; and the last run of each such test, by both, was a success. \
                 Where the organisation names kinds of tests, each of them is among these.",
    limits: "Does not apply to what never started, to a removal, or to a recorded baseline. Not evaluable when the ledger \
             holds no test results for the service, or the deployment names neither a digest nor a commit.",
    rule: Rule::Deployment(passed),
};

pub(super) const PROMOTED: Check = Check {
    id: "DL-TST-2",
    version: 2,
    title: "The same artifact ran in a lower environment first",
    severity: Severity::Medium,
    scope: Scope::All,
    definition: "A deployment of the same content to an environment of a lower tier succeeded before the start, by claim \
                 and by ledger order.",
    limits: "Does not apply to what never started, to a removal, a recorded baseline, or the lowest tier. Not evaluable \
             when the tier of the environment is not known or the service has no lower environment in the ledger. Tiers \
             are as recorded, else taken from usual names such as production, staging, test and dev.",
    rule: Rule::Deployment(promoted),
};

pub(super) const VERIFIED: Check = Check {
    id: "DL-VER-1",
    version: 2,
    title: "The deployment was verified afterwards",
    severity: Severity::Medium,
    scope: Scope::All,
    definition: "A test run that names this deployment, or its content in this environment, ended as a success within 60 \
                 minutes after the deployment ended; and it was recorded after the start was, or after the end that a late record claims.",
    limits: "Does not apply to a deployment that did not succeed, or a removal. Not evaluable when no deployment of the \
             service to this environment was ever verified in the ledger.",
    rule: Rule::Deployment(verified),
};

fn passed(subject: &Subject<'_>) -> Verdict {
    if let Some(verdict) = subject.never_started() {
        return verdict;
    }
    let deployment = subject.deployment;
    if deployment.effect == Effect::Removes {
        return not_applicable("nothing was put in place", deployment.indexes());
    }
    let expected = format!(
        "tests of this artifact passed before the start at {}",
        when(deployment.start_at())
    );
    let tests = subject.facts.evidence.tests_of(deployment);
    let (bound, loose): (Vec<_>, Vec<_>) = tests.into_iter().partition(|(_, bond)| bond.is_content());
    let (early, late): (Vec<&TestResult>, Vec<&TestResult>) = bound
        .iter()
        .map(|(test, _)| *test)
        .partition(|test| subject.before(test.origin.index, test.origin.occurred_at));
    let last_runs = last_runs(&early);
    let mut evidence: Vec<u64> = last_runs.iter().map(|test| test.origin.index).collect();
    evidence.push(subject.start_entry());
    if let Some(bad) = last_runs.iter().find(|test| test.outcome != Some(Outcome::Success)) {
        let outcome = bad.outcome.map_or("without a result", Outcome::as_str);
        let found = format!("{} ended in {outcome} at {}", bad.label(), when(bad.origin.occurred_at));
        return if bad.outcome.is_some() {
            fail(expected, found, evidence)
        } else {
            not_evaluable(expected, found, evidence)
        };
    }
    let ran = |kind: &String| {
        last_runs
            .iter()
            .any(|test| test.kind.as_ref().is_some_and(|k| k.eq_ignore_ascii_case(kind)))
    };
    let missing: Vec<&str> = subject
        .parameters
        .test_kinds
        .iter()
        .filter(|kind| !ran(kind))
        .map(String::as_str)
        .collect();
    if !last_runs.is_empty() && !missing.is_empty() {
        return fail(
            expected,
            format!("no {} test of this artifact is recorded", missing.join(", ")),
            evidence,
        );
    }
    if !last_runs.is_empty() {
        let names: Vec<&str> = last_runs.iter().map(|test| test.label()).take(5).collect();
        return pass(expected, format!("passed: {}", names.join(", ")), evidence);
    }
    if let Some(test) = late.first() {
        evidence.push(test.origin.index);
        let how = subject.not_before(test.origin.index, test.origin.occurred_at);
        return fail(expected, format!("{} ended {how}", test.label()), evidence);
    }
    if let Some(test) = loose
        .iter()
        .map(|(test, _)| test)
        .find(|test| other_content(test, deployment))
    {
        evidence.push(test.origin.index);
        return fail(
            expected,
            format!("{} tested something else than what was deployed", test.label()),
            evidence,
        );
    }
    if deployment.digest().is_none() && deployment.commit.is_none() {
        return not_evaluable(expected, "the deployment names neither a digest nor a commit", evidence);
    }
    if subject.facts.tested.contains(&deployment.service) {
        fail(expected, "no test of this artifact or commit is recorded", evidence)
    } else {
        not_evaluable(expected, "the ledger holds no test results for this service", evidence)
    }
}

fn other_content(test: &TestResult, deployment: &Deployment) -> bool {
    test.binding.same_artifact(deployment) == Some(false) || test.binding.same_commit(deployment) == Some(false)
}

fn rank(tier: Tier) -> u8 {
    match tier {
        Tier::Development => 0,
        Tier::Testing => 1,
        Tier::Staging => 2,
        Tier::Production => 3,
    }
}

fn promoted(subject: &Subject<'_>) -> Verdict {
    if let Some(verdict) = subject.never_started() {
        return verdict;
    }
    let deployment = subject.deployment;
    if deployment.effect == Effect::Removes {
        return not_applicable("nothing was put in place", deployment.indexes());
    }
    let expected = "the same content in a lower environment before";
    let start = vec![subject.start_entry()];
    let Some(tier) = subject.facts.tier(&deployment.environment) else {
        return not_evaluable(
            expected,
            format!("the tier of {} is not known", deployment.environment),
            start,
        );
    };
    if tier == Tier::Development {
        return not_applicable("there is no lower tier", start);
    }
    let lower: Vec<&Deployment> = subject
        .facts
        .of_service(&deployment.service)
        .filter(|d| {
            subject
                .facts
                .tier(&d.environment)
                .is_some_and(|other| rank(other) < rank(tier))
        })
        .collect();
    if lower.is_empty() {
        return not_evaluable(expected, "the ledger knows no lower environment of this service", start);
    }
    let mut same: Vec<&&Deployment> = lower
        .iter()
        .filter(|d| d.succeeded() && d.same_content(deployment))
        .collect();
    // The closest to users says most.
    same.sort_by_key(|d| std::cmp::Reverse(subject.facts.tier(&d.environment).map(rank)));
    let end = |d: &Deployment| d.end().map(|end| (end.index, end.occurred_at));
    let early = same
        .iter()
        .find(|d| end(d).is_some_and(|(index, at)| subject.before(index, at)));
    if let Some((d, (index, at))) = early.and_then(|d| Some((d, end(d)?))) {
        return pass(
            expected,
            format!("ran in {} from {}", d.environment, when(at)),
            vec![index, subject.start_entry()],
        );
    }
    match same.first().and_then(|d| Some((d, end(d)?))) {
        Some((d, (index, at))) => {
            let found = format!("reached {} {}", d.environment, subject.not_before(index, at));
            fail(expected, found, vec![index, subject.start_entry()])
        }
        None => fail(expected, "never ran in a lower environment", start),
    }
}

fn verified(subject: &Subject<'_>) -> Verdict {
    let deployment = subject.deployment;
    let Some(end) = deployment
        .end()
        .filter(|_| deployment.succeeded() && deployment.effect == Effect::Runs)
    else {
        return not_applicable(
            "there is nothing to verify: it did not put anything in place",
            deployment.indexes(),
        );
    };
    let within = subject.parameters.verified_within_ms;
    let expected = format!("verified within {} after {}", span(within), when(end.occurred_at));
    let runs = subject.facts.evidence.verifications_of(deployment);
    let delay = |test: &TestResult| test.origin.occurred_at.millis_since(end.occurred_at);
    let Some(last) = runs.iter().rev().find(|test| delay(test) <= within).or(runs.first()) else {
        let place = (deployment.service.clone(), deployment.environment.clone());
        let ever = subject.facts.verified.contains(&place);
        let verdict = if ever { fail } else { not_evaluable };
        return verdict(expected, "no verification is recorded", vec![end.index]);
    };
    let evidence = vec![end.index, last.origin.index];
    let outcome = last.outcome.map_or("without a result", Outcome::as_str);
    let found = format!("{}: {outcome} at {}", last.label(), when(last.origin.occurred_at));
    if delay(last) > within {
        fail(
            expected,
            format!("{found}, {} after the end", span(delay(last))),
            evidence,
        )
    } else if last.outcome == Some(Outcome::Success) {
        pass(expected, found, evidence)
    } else {
        fail(expected, found, evidence)
    }
}
