//! Checks of the way back, and of what was done about a failure.

use super::verdict::{fail, not_applicable, not_evaluable, pass};
use super::{Check, Rule, Scope, Severity, Subject, Verdict};
use crate::domain::Outcome;
use crate::domain::deployment::{Deployment, Effect};
use crate::domain::extension::DeploymentKind;
use crate::domain::words::when;

pub(super) const BACK_OUT: Check = Check {
    id: "DL-RBK-1",
    version: 2,
    title: "A way back was ready before the start",
    severity: Severity::Medium,
    scope: Scope::All,
    definition: "A rollback plan was recorded no later than the start; or the artifact that ran before is known by its \
                 digest, so that it can be put back.",
    limits: "Does not apply to what never started, a recorded baseline, a removal, or going back to what ran there. Not evaluable when nothing \
             ran there before and no plan is recorded.",
    rule: Rule::Deployment(back_out),
};

pub(super) const HANDLED: Check = Check {
    id: "DL-INC-1",
    version: 2,
    title: "A failure was dealt with",
    severity: Severity::High,
    scope: Scope::All,
    definition: "After a deployment that failed, a later one to the same place, by claim and by ledger order, succeeded; and every incident that an event \
                 links to the deployment is resolved.",
    limits: "Applies to deployments that failed or are explicitly linked to an incident. Suggested links are not counted. \
             What has not been dealt with by the tree size of the report fails.",
    rule: Rule::Deployment(handled),
};

fn back_out(subject: &Subject<'_>) -> Verdict {
    if let Some(verdict) = subject.never_started() {
        return verdict;
    }
    let deployment = subject.deployment;
    if deployment.effect == Effect::Removes || subject.kind() == DeploymentKind::Rollback {
        return not_applicable("it is itself a way back, or a removal", deployment.indexes());
    }
    let expected = "a rollback plan, or a known artifact to return to";
    let start = subject.start_entry();
    let plan = deployment.rollback_plan.as_ref();
    if let Some(plan) = plan.filter(|plan| plan.index <= start) {
        let target = plan
            .value
            .target_version
            .as_ref()
            .map(|version| format!("return to {version}"));
        let reference = plan.value.reference.clone();
        let words: Vec<String> = target.into_iter().chain(reference).collect();
        if !words.is_empty() {
            return pass(expected, format!("plan: {}", words.join(", ")), vec![plan.index]);
        }
    }
    let replaced = deployment.lineage.replaces;
    let previous = replaced.and_then(|index| subject.facts.deployment(index));
    if let Some((previous, digest)) = previous.and_then(|d| Some((d, d.digest()?))) {
        let found = format!("{} ran before, as {digest}", previous.label());
        return pass(expected, found, vec![previous.order(), start]);
    }
    match (previous, plan) {
        (_, Some(plan)) => fail(
            expected,
            "a plan was recorded only after the start",
            vec![plan.index, start],
        ),
        (Some(previous), None) => {
            let found = format!(
                "no plan, and {} that ran before is not known by its digest",
                previous.label()
            );
            fail(expected, found, vec![previous.order(), start])
        }
        (None, None) => not_evaluable(
            expected,
            "no plan, and nothing is known to have run there before",
            vec![start],
        ),
    }
}

fn handled(subject: &Subject<'_>) -> Verdict {
    let deployment = subject.deployment;
    let failed = matches!(deployment.outcome(), Some(Outcome::Failure | Outcome::Error));
    if !failed && subject.incidents.is_empty() {
        return not_applicable(
            "it did not fail, and no event links it to an incident",
            deployment.indexes(),
        );
    }
    let expected = "a later success, and linked incidents resolved";
    let mut evidence = vec![deployment.order()];
    let mut words = Vec::new();
    if failed {
        let Some(fix) = next_success(subject, deployment) else {
            return fail(expected, "no later deployment to this place succeeded", evidence);
        };
        evidence.push(fix.order());
        words.push(format!(
            "{} succeeded on {}",
            fix.label(),
            when(fix.finished_at().unwrap_or_else(|| fix.start_at()))
        ));
    }
    for incident in subject.incidents {
        evidence.extend(incident.indexes());
        match incident.resolved() {
            Some(end) => words.push(format!(
                "incident {} resolved on {}",
                incident.id,
                when(end.occurred_at)
            )),
            None => return fail(expected, format!("incident {} is open", incident.id), evidence),
        }
    }
    pass(expected, words.join("; "), evidence)
}

fn next_success<'a>(subject: &Subject<'a>, deployment: &Deployment) -> Option<&'a Deployment> {
    let here = subject.facts.of_service(&deployment.service);
    let later = here.filter(|d| d.environment == deployment.environment);
    let after = |d: &Deployment| d.order() > deployment.order() && d.finished_at() > deployment.finished_at();
    later.filter(|d| d.succeeded() && after(d)).min_by_key(|d| d.order())
}
