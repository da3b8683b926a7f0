//! Checks of the artifact: the same from build to deployment, and of known origin.

use super::approval::Approvals;
use super::verdict::{fail, not_applicable, not_evaluable, pass};
use super::{Check, Rule, Scope, Severity, Subject, Verdict};
use crate::domain::deployment::{Deployment, Effect};
use crate::domain::evidence::{Binding, Bond, Origin};
use crate::domain::words::list;

pub(super) const SAME: Check = Check {
    id: "DL-ART-1",
    version: 2,
    title: "What was deployed is what was built, tested and approved",
    severity: Severity::High,
    scope: Scope::All,
    definition: "A record of the build names the deployed artifact's digest, and test runs and approvals name that digest, or \
                 the deployed commit and no other artifact; each of them recorded before the start.",
    limits: "Does not apply to what never started, to a removal, or to a recorded baseline. Not evaluable when one of the \
             three links is missing, or the deployment names no digest.",
    rule: Rule::Deployment(same),
};

pub(super) const PROVENANCE: Check = Check {
    id: "DL-ART-2",
    version: 2,
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
    let pieces = pieces(subject);
    let (mut cited, mut missing, mut other) = (vec![subject.start_entry()], Vec::new(), None);
    for link in [Link::Built, Link::Tested, Link::Approved] {
        let of_link = || pieces.iter().filter(|piece| piece.link == link);
        let good = of_link().find(|piece| piece.fits(deployment));
        let bad = of_link().find(|piece| piece.binding.same_artifact(deployment) == Some(false));
        match (good, bad) {
            (Some(piece), _) => cited.push(piece.origin.index),
            (None, Some(piece)) => {
                cited.push(piece.origin.index);
                let named = piece.binding.artifact.as_deref().unwrap_or("another artifact");
                other.get_or_insert(format!("what was {} is {named}", link.as_str()));
            }
            (None, None) => missing.push(format!("that it was {}", link.as_str())),
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

/// What has to be of the same artifact.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Link {
    Built,
    Tested,
    Approved,
}

/// A piece of evidence from before the start, for one of the links.
struct Piece<'a> {
    link: Link,
    binding: &'a Binding,
    bond: Bond,
    origin: &'a Origin,
}

impl Link {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Built => "built",
            Self::Tested => "tested",
            Self::Approved => "approved",
        }
    }
}

impl Piece<'_> {
    /// Whether it is of the deployed artifact: by its digest or, but for the build, by its commit.
    fn fits(&self, deployment: &Deployment) -> bool {
        let bound = self.bond == Bond::Artifact || (self.bond == Bond::Commit && self.link != Link::Built);
        bound && self.binding.same_artifact(deployment) != Some(false)
    }
}

fn pieces<'a>(subject: &Subject<'a>) -> Vec<Piece<'a>> {
    let evidence = &subject.facts.evidence;
    let piece = |link, binding, bond, origin| Piece {
        link,
        binding,
        bond,
        origin,
    };
    let built = evidence.artifacts_of(subject.deployment).into_iter();
    let built = built.map(|(made, bond)| piece(Link::Built, &made.binding, bond, &made.origin));
    let tested = evidence.tests_of(subject.deployment).into_iter();
    let tested = tested.map(|(test, bond)| piece(Link::Tested, &test.binding, bond, &test.origin));
    let approvals = Approvals::of(subject);
    let approved = approvals.given().iter();
    let approved = approved.map(|by| piece(Link::Approved, &by.approval.binding, by.bond, &by.approval.origin));
    let all = built.chain(tested).chain(approved);
    all.filter(|piece| subject.before(piece.origin.index, piece.origin.occurred_at))
        .collect()
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
    let mut told = subject
        .facts
        .evidence
        .artifacts_of(deployment)
        .into_iter()
        .filter_map(|(made, bond)| {
            let early = subject.before(made.origin.index, made.origin.occurred_at);
            let provenance = made.provenance.as_ref().filter(|_| early && bond == Bond::Artifact)?;
            Some((provenance, made.origin.index))
        });
    let Some((newest, index)) = told.next_back() else {
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
