//! Checks of emergency changes: justified when they began, reviewed afterwards.

use super::approval::Approvals;
use super::calendar::working_days_after;
use super::duty::{Stand, unknown_authors};
use super::verdict::{fail, not_evaluable, pass};
use super::{Check, Rule, Scope, Severity, Subject, Verdict};
use crate::domain::evidence::{Answer, is_revoked};
use crate::domain::extension::DeploymentKind;
use crate::domain::words::{count, when};

pub(super) const JUSTIFIED: Check = Check {
    id: "DL-EMG-1",
    version: 2,
    title: "An emergency change is justified",
    severity: Severity::High,
    scope: Scope::Only(&[DeploymentKind::Emergency]),
    definition: "The deployment is recorded as an emergency by its start, and with that or before there is a reason, and either \
                 the incident (or deployment) that it repairs, a ticket, or an approval.",
    limits: "Applies to emergency changes only.",
    rule: Rule::Deployment(justified),
};

pub(super) const REVIEWED: Check = Check {
    id: "DL-EMG-2",
    version: 2,
    title: "An emergency change was reviewed afterwards",
    severity: Severity::High,
    scope: Scope::Only(&[DeploymentKind::Emergency]),
    definition: "Somebody who neither wrote, requested nor deployed the change approved it after its end and within 2 \
                 working days, with a note that says how it came out and how work goes back to normal, and did not take that \
                 back since.",
    limits: "Applies to emergency changes only. Not evaluable while the time for it runs (pending), while no end is \
             recorded, when the only reviewer may be one of those involved, or when an author is not recorded. Working days are Monday to Friday in UTC, or \
             those of the organisation's calendar. Whether the note says enough is for people to judge.",
    rule: Rule::Deployment(reviewed),
};

fn justified(subject: &Subject<'_>) -> Verdict {
    let deployment = subject.deployment;
    let start = subject.start_entry();
    let expected = "a reason, and an incident, ticket or approval, by the start";
    if let Some(said_at) = deployment.kind.said_at.filter(|said_at| *said_at > start) {
        let found = "only after the start it was said to be an emergency";
        return fail(expected, found, vec![said_at, start]);
    }
    let reason = deployment
        .reason
        .as_ref()
        .filter(|r| r.index <= start && !r.value.trim().is_empty());
    let Some(reason) = reason else {
        return fail(expected, "no reason was recorded by the start", vec![start]);
    };
    let repairs = deployment.remediates.as_ref().filter(|r| r.index <= start);
    let repairs = repairs.map(|r| (format!("repairs {}", r.value), r.index));
    let ticket = deployment
        .tickets
        .iter()
        .find(|t| t.index <= start)
        .map(|t| (format!("ticket {}", t.value.id), t.index));
    let approvals = Approvals::of(subject);
    let given = approvals.given().iter();
    let approval = given
        .map(|by| by.approval)
        .find(|a| subject.before(a.origin.index, a.origin.occurred_at))
        .map(|a| {
            let person = a.person.as_deref().unwrap_or("nobody named");
            (
                format!("approved by {person} on {}", when(a.origin.occurred_at)),
                a.origin.index,
            )
        });
    match repairs.or(ticket).or(approval) {
        Some((words, index)) => pass(
            expected,
            format!("a reason, and {words}"),
            vec![reason.index, index, start],
        ),
        None => fail(
            expected,
            "a reason, but no incident, ticket or approval by the start",
            vec![reason.index, start],
        ),
    }
}

fn reviewed(subject: &Subject<'_>) -> Verdict {
    let (deployment, parameters) = (subject.deployment, subject.parameters);
    let days = parameters.review_days;
    let Some(end) = deployment.end() else {
        let expected = format!("reviewed within {} of its end", count(days, "working day"));
        return not_evaluable(expected, "no end is recorded", deployment.indexes());
    };
    let until = working_days_after(parameters.calendar.as_ref(), end.occurred_at, days);
    let expected = format!("reviewed by somebody else before {}", when(until));
    let answers = subject.facts.evidence.approvals_of(deployment);
    let after = answers.iter().enumerate().filter(|(_, (approval, _))| {
        let later = approval.origin.occurred_at > end.occurred_at && approval.origin.index > end.index;
        later && approval.answer == Answer::Approved
    });
    let mut evidence = vec![end.index];
    let (mut doubt, mut flaw) = (None, None);
    for (at, (approval, _)) in after {
        let origin = &approval.origin;
        evidence.push(origin.index);
        let Some(person) = approval.person.as_deref() else {
            doubt = Some("a review that names nobody".to_owned());
            continue;
        };
        let said = format!("{person} reviewed it at {}", when(origin.occurred_at));
        if origin.occurred_at >= until || origin.recorded_at >= until {
            flaw = Some(format!("{said}, too late"));
            continue;
        }
        if is_revoked(&answers, at, &subject.facts.aliases, |_| true) {
            flaw = Some(format!("{said}, and it was taken back"));
            continue;
        }
        match Stand::of(subject, person) {
            Stand::Took { part, .. } => flaw = Some(format!("{person}, who reviewed it, also {part}")),
            Stand::Unclear { why, .. } => doubt = Some(format!("{person}, who reviewed it, {why}")),
            Stand::Apart { .. } if approval.note.as_ref().is_none_or(|note| note.trim().is_empty()) => {
                flaw = Some(format!("{said}, without a note on the outcome"));
            }
            Stand::Apart { .. } if unknown_authors(subject) => {
                doubt = Some(format!("{said}, but not every author of the change set is recorded"));
            }
            Stand::Apart { .. } => return pass(expected, said, evidence),
        }
    }
    let pending = subject.facts.recorded_until.is_none_or(|newest| newest < until);
    match (doubt, flaw) {
        (_, found) if pending => {
            let found = found.unwrap_or_else(|| "no review yet".to_owned());
            not_evaluable(expected, format!("pending: {found}"), evidence)
        }
        (Some(doubt), _) => not_evaluable(expected, doubt, evidence),
        (None, Some(flaw)) => fail(expected, flaw, evidence),
        (None, None) => fail(expected, "no review is recorded", evidence),
    }
}
