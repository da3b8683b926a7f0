//! Who is whom: what is declared about the names and roles of people with a part in what the report is about, since checks of the
//! separation of duties and of roles rest on it.

use std::collections::BTreeSet;

use serde::Serialize;

use super::ComplianceInput;
use crate::domain::Instant;
use crate::domain::alias::Declared;
use crate::domain::deployment::Deployment;
use crate::domain::exception::Exception;

/// A declaration about a person that holds at any time of the period.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DeclaredRow {
    /// The declaration.
    #[serde(flatten)]
    pub declared: Declared,
    /// Until when it holds: its own end, or the next declaration about the person.
    pub until: Option<Instant>,
    /// Whether it was recorded only after it says that it holds.
    pub recorded_after: bool,
}

/// What is declared about everybody who is named in these deployments, the evidence about them or these exceptions, by person.
pub(super) fn declared(
    deployments: &[&Deployment],
    granted: &[Exception],
    input: &ComplianceInput<'_>,
) -> Vec<DeclaredRow> {
    let evidence = &input.facts.evidence;
    let mut names: BTreeSet<&str> = BTreeSet::new();
    for deployment in deployments {
        names.extend(deployment.authors());
        let actors = deployment.actor.iter().chain(&deployment.queued_by);
        names.extend(actors.map(|actor| actor.value.id.as_str()));
        for (approval, _) in evidence.approvals_of(deployment) {
            names.extend(approval.person.as_deref());
            names.extend(approval.requested_by.as_deref());
        }
        let reviews = evidence.reviews_of(deployment).into_iter();
        names.extend(reviews.filter_map(|(review, _)| review.person.as_deref()));
    }
    for exception in granted {
        names.extend([&exception.grant.requested_by, &exception.grant.approved_by].map(String::as_str));
    }
    let (period, skew) = (input.period, input.catalogue.parameters.skew_ms);
    let holding = input
        .facts
        .aliases
        .holding_between(names.into_iter(), period.from, period.to);
    let rows = holding.into_iter().map(|(declared, until)| DeclaredRow {
        recorded_after: declared.recorded_at > declared.from.plus_millis(skew),
        declared: declared.clone(),
        until,
    });
    rows.collect()
}
