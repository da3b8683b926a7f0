//! Checks of the artifact: the same from build to deployment, and of known origin.

use super::approval::Approvals;
use super::verdict::{fail, not_applicable, not_evaluable, pass};
use super::{Check, Rule, Scope, Severity, Subject, Verdict};
use crate::domain::deployment::Effect;
use crate::domain::evidence::{Binding, Bond};
use crate::domain::words::list;

pub(super) const SAME: Check = Check {
    id: "DL-ART-1",
    version: 1,
    title: "What was deployed is what was built, tested and approved",
    severity: Severity::High,
    scope: Scope::All,
    definition: "A record of the build names the deployed artifact's digest, and test runs and approvals name that digest or \
                 the deployed commit; each of them recorded before the start.",
    limits: "Does not apply to what never started, to a removal, or to a recorded baseline. Not evaluable when one of the \
             three links is missing, or the deployment names no digest.",
    rule: Rule::Deployment(same),
};

pub(super) const PROVENANCE: Check = Check {
    id: "DL-ART-2",
    version: 1,
    title: "The artifact's provenance was verified, and its builder is trusted",
    severity: Severity::Medium,
    scope: Scope::All,
    definition: "An event about the deployed artifact, recorded before the start, tells that a provenance or verification \
                 statement for its digest was verified, by a builder that the organisation trusts; and the last such event \
                 does not tell otherwise.",
    limits: "Does not apply to what never started, to a removal, or to a recorded baseline. Not evaluable without such an \
             event, unless the organisation requires one; when the deployment names no digest; or when no builders are named \
             as trusted. The statement itself is not read here: the record says who verified it.",
    rule: Rule::Deployment(provenance),
};

fn same(subject: &Subject<'_>) -> Verdict {
    if let Some(verdict) = not_judged(subject) {
        return verdict;
    }
    let expected = "one artifact built, tested, approved and deployed";
    let deployment = subject.deployment;
    let Some(digest) = deployment.digest() else {
        return not_evaluable(expected, "the deployment names no digest", vec![subject.start_entry()]);
    };
    let evidence = &subject.facts.evidence;
    let early = |index, at| subject.before(index, at);
    let built = evidence.artifacts_of(deployment).into_iter();
    let built = built.map(|(made, bond)| (&made.binding, bond, &made.origin));
    let tested = evidence.tests_of(deployment).into_iter();
    let tested = tested.map(|(test, bond)| (&test.binding, bond, &test.origin));
    let approvals = Approvals::of(subject);
    let approved = approvals
        .counted
        .iter()
        .map(|(approval, bond)| (&approval.binding, *bond, &approval.origin));
    let links: [(&str, Vec<(&Binding, Bond, u64)>); 3] = [
        (
            "built",
            built
                .filter(|(_, _, o)| early(o.index, o.occurred_at))
                .map(|(b, bond, o)| (b, bond, o.index))
                .collect(),
        ),
        (
            "tested",
            tested
                .filter(|(_, _, o)| early(o.index, o.occurred_at))
                .map(|(b, bond, o)| (b, bond, o.index))
                .collect(),
        ),
        (
            "approved",
            approved
                .filter(|(_, _, o)| early(o.index, o.occurred_at))
                .map(|(b, bond, o)| (b, bond, o.index))
                .collect(),
        ),
    ];
    let (mut cited, mut missing, mut other) = (vec![subject.start_entry()], Vec::new(), None);
    for (what, pieces) in links {
        let fits = |bond: Bond| bond == Bond::Artifact || (bond == Bond::Commit && what != "built");
        let good = pieces
            .iter()
            .find(|(binding, bond, _)| fits(*bond) && binding.same_artifact(deployment) != Some(false));
        let bad = pieces
            .iter()
            .find(|(binding, _, _)| binding.same_artifact(deployment) == Some(false));
        match (good, bad) {
            (Some((_, _, index)), _) => cited.push(*index),
            (None, Some((binding, _, index))) => {
                cited.push(*index);
                let named = binding.artifact.as_deref().unwrap_or("another artifact");
                other.get_or_insert(format!("what was {what} is {named}"));
            }
            (None, None) => missing.push(format!("that it was {what}")),
        }
    }
    match (other, missing.as_slice()) {
        (Some(other), _) => fail(expected, other, cited),
        (None, []) => pass(
            expected,
            format!("built, tested, approved and deployed as {digest}"),
            cited,
        ),
        (None, missing) => not_evaluable(expected, format!("no record tells {}", list(missing)), cited),
    }
}

fn provenance(subject: &Subject<'_>) -> Verdict {
    if let Some(verdict) = not_judged(subject) {
        return verdict;
    }
    let expected = "verified provenance from a trusted builder";
    let deployment = subject.deployment;
    if deployment.digest().is_none() {
        return not_evaluable(expected, "the deployment names no digest", vec![subject.start_entry()]);
    }
    let told = subject
        .facts
        .evidence
        .artifacts_of(deployment)
        .into_iter()
        .filter_map(|(made, bond)| {
            let early = subject.before(made.origin.index, made.origin.occurred_at);
            let provenance = made.provenance.as_ref().filter(|_| early && bond == Bond::Artifact)?;
            Some((provenance, made.origin.index))
        });
    let Some((newest, index)) = told.last() else {
        return subject.absent(PROVENANCE.id, expected, "no provenance of this artifact is recorded");
    };
    let evidence = vec![index, subject.start_entry()];
    let trusted = &subject.parameters.trusted_builders;
    if !newest.verified {
        return fail(
            expected,
            format!("the statement of {} did not verify", newest.builder),
            evidence,
        );
    }
    if trusted.is_empty() {
        let found = format!("verified, from {}; no builders are named as trusted", newest.builder);
        return not_evaluable(expected, found, evidence);
    }
    if !trusted.contains(&newest.builder) {
        return fail(
            expected,
            format!("verified, but {} is not trusted", newest.builder),
            evidence,
        );
    }
    pass(expected, format!("verified, from {}", newest.builder), evidence)
}

/// What never started, or put nothing in place, has no artifact to judge.
fn not_judged(subject: &Subject<'_>) -> Option<Verdict> {
    let removes = subject.deployment.effect == Effect::Removes;
    let removal = removes.then(|| not_applicable("nothing was put in place", subject.deployment.indexes()));
    subject.never_started().or(removal)
}
