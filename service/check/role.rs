//! Check of the role in which a deployment was approved.

use super::approval::Approvals;
use super::verdict::{fail, not_evaluable, pass};
use super::{Check, Rule, Scope, Severity, Subject, Verdict};
use crate::domain::alias::Owner;
use crate::domain::words::{list, when};

pub(super) const AUTHORISED: Check = Check {
    id: "DL-AUTH-4",
    version: 2,
    title: "Who approved stood in a role that may",
    severity: Severity::High,
    scope: Scope::All,
    definition: "As many approvers as DL-AUTH-1 asks for held a role that may approve, for this service and at the time of \
                 their approval, by what is declared about them; and that was recorded before the approval was. An approval counts \
                 as for DL-SOD-1.",
    limits: "Does not apply to what never started or is a recorded baseline. Not evaluable without an approval that counts, when nobody's \
             role for the service is declared, or when the approver's name is two persons'. The role that an approval \
             names itself proves nothing.",
    rule: Rule::Deployment(authorised),
};

fn authorised(subject: &Subject<'_>) -> Verdict {
    if let Some(verdict) = subject.never_started() {
        return verdict;
    }
    let parameters = subject.parameters;
    let (service, roles) = (&subject.deployment.service, &parameters.approver_roles);
    let expected = match roles.as_slice() {
        [] => "an approver with a declared role".to_owned(),
        roles => format!("an approver in the role {}", roles.join(" or ")),
    };
    let approvals = Approvals::of(subject);
    let mut evidence = vec![subject.start_entry()];
    if !approvals.given().is_empty() && subject.facts.aliases.role_history(service).next().is_none() {
        return not_evaluable(expected, format!("no roles are declared for {service}"), evidence);
    }
    let standing = approvals.standing();
    if standing.is_empty() {
        evidence.extend(approvals.given().iter().map(|by| by.approval.origin.index));
        let found = match approvals.given() {
            [] => "no approval to compare (see DL-AUTH-1)",
            _ => "no approval counts (see DL-AUTH-2 and DL-AUTH-3)",
        };
        return not_evaluable(expected, found, evidence);
    }
    let (mut held, mut without, mut doubt) = (Vec::new(), Vec::new(), None);
    for by in &standing {
        let (person, origin) = (by.person(), &by.approval.origin);
        evidence.push(origin.index);
        match subject.facts.aliases.owner(person, origin.occurred_at) {
            Owner::One(declared) if declared.holds(roles, service) && declared.index < origin.index => {
                evidence.push(declared.index);
                held.push(person.to_owned());
            }
            Owner::One(declared) => {
                evidence.push(declared.index);
                let late = declared.holds(roles, service);
                let why = if late { ", as recorded by then" } else { "" };
                without.push(format!(
                    "{person} held no such role on {}{why}",
                    when(origin.occurred_at)
                ));
            }
            Owner::Undeclared => without.push(format!("{person} held no such role on {}", when(origin.occurred_at))),
            Owner::Contradicted(entries) => {
                evidence.extend(entries);
                doubt = Some(format!("the recorded aliases of {person} contradict each other"));
            }
        }
    }
    match doubt {
        _ if held.len() >= parameters.min_approvers => pass(expected, format!("{} may", list(&held)), evidence),
        Some(doubt) => not_evaluable(expected, doubt, evidence),
        None => fail(expected, without.join("; "), evidence),
    }
}
