//! Check of the time at which a deployment began.

use super::calendar::Ruling;
use super::verdict::{fail, not_evaluable, pass};
use super::{Check, Rule, Scope, Severity, Subject, Verdict};
use crate::domain::extension::DeploymentKind;
use crate::domain::words::when;

pub(super) const IN_WINDOW: Check = Check {
    id: "DL-WIN-1",
    version: 2,
    title: "The deployment began at a time for deployments",
    severity: Severity::Medium,
    scope: Scope::Except(&[DeploymentKind::Emergency]),
    definition: "The start lies in one of the windows that the organisation's calendar has for the place, if it has any, and \
                 in none of its freezes.",
    limits: "Does not apply to emergency changes, to what never started, or to a recorded baseline. Not evaluable without a \
             calendar, when it says nothing about the place, or when the start was recorded later than DL-POP-4 allows and at a \
             time that is closed.",
    rule: Rule::Deployment(in_window),
};

fn in_window(subject: &Subject<'_>) -> Verdict {
    if let Some(verdict) = subject.never_started() {
        return verdict;
    }
    let expected = "a start in a window and in no freeze";
    let evidence = vec![subject.start_entry()];
    let calendar = subject.parameters.calendar.as_ref();
    let ruling = |at| calendar.map_or(Ruling::Silent, |calendar| calendar.ruling(subject.deployment, at));
    let (claimed, recorded) = (subject.deployment.start_at(), subject.deployment.start_recorded_at());
    let late = recorded.millis_since(claimed) > subject.parameters.late_after_ms;
    match (ruling(claimed), ruling(recorded)) {
        (Ruling::Open, Ruling::Closed(why)) if late => {
            let found = format!("claims {}, and was recorded only when {why}", when(claimed));
            not_evaluable(expected, found, evidence)
        }
        (Ruling::Open, _) => pass(expected, format!("began {}", when(claimed)), evidence),
        (Ruling::Closed(why), _) => fail(expected, why, evidence),
        (Ruling::Silent, _) => not_evaluable(expected, "no calendar says anything about this place", evidence),
    }
}
