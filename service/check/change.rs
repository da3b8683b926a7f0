//! Checks of what the deployment says about the change.

use super::{Check, Subject, Verdict, fail, not_applicable, pass};
use crate::domain::deployment::Effect;

pub(super) const REFERENCE: Check = Check {
    id: "DL-CHG-1",
    version: 1,
    title: "The deployment refers to a change record",
    definition: "The record names at least one ticket, pull request, or incident or deployment that it repairs.",
    limits: "Does not apply to a recorded baseline. Whether the reference is the right one is outside the ledger.",
    rule: reference,
};

pub(super) const DESCRIBED: Check = Check {
    id: "DL-CHG-2",
    version: 1,
    title: "The reason for the deployment is described",
    definition: "The record gives a reason of at least 20 characters that is more than the version or the service name.",
    limits: "Does not apply to a recorded baseline. Whether the reason is a good one is for people to judge.",
    rule: described,
};

fn reference(subject: &Subject<'_>) -> Verdict {
    if subject.is_baseline() {
        return not_applicable(
            "recorded as what ran before the ledger began",
            subject.deployment.indexes(),
        );
    }
    let expected = "a ticket, a pull request, or what it repairs";
    let deployment = subject.deployment;
    let tickets = deployment.tickets.iter().map(|t| (t.value.id.clone(), t.index));
    let requests = deployment
        .pull_requests
        .iter()
        .map(|p| (format!("pull request {}", p.value.id), p.index));
    let repairs = deployment
        .remediates
        .iter()
        .map(|r| (format!("repairs {}", r.value), r.index));
    let (names, evidence): (Vec<String>, Vec<u64>) = tickets.chain(requests).chain(repairs).unzip();
    if names.is_empty() {
        return fail(expected, "no reference is recorded", deployment.indexes());
    }
    let shown = names.iter().take(5).cloned().collect::<Vec<_>>().join(", ");
    let more = names.len().saturating_sub(5);
    let found = if more > 0 {
        format!("{shown} and {more} more")
    } else {
        shown
    };
    pass(expected, found, evidence)
}

fn described(subject: &Subject<'_>) -> Verdict {
    let deployment = subject.deployment;
    if subject.is_baseline() {
        return not_applicable("recorded as what ran before the ledger began", deployment.indexes());
    }
    let least = subject.parameters.min_reason_chars;
    let expected = format!("a reason of at least {least} characters");
    let Some(reason) = &deployment.reason else {
        return fail(expected, "no reason is recorded", deployment.indexes());
    };
    let evidence = vec![reason.index];
    let words = own_words(
        &reason.value,
        &[
            &deployment.label(),
            deployment.service.as_str(),
            deployment.environment.as_str(),
        ],
    );
    let length = reason.value.trim().chars().count();
    if length < least {
        fail(expected, format!("a reason of {length} characters"), evidence)
    } else if words == 0 && deployment.effect == Effect::Runs {
        fail(expected, "a reason that only repeats what was deployed", evidence)
    } else {
        pass(expected, format!("a reason of {length} characters"), evidence)
    }
}

/// How many words are left without the usual ones and the given ones.
fn own_words(text: &str, given: &[&str]) -> usize {
    const USUAL: [&str; 12] = [
        "a",
        "and",
        "deploy",
        "deployment",
        "in",
        "new",
        "of",
        "on",
        "release",
        "the",
        "to",
        "version",
    ];
    let lower = given.iter().fold(text.to_lowercase(), |text, given| {
        text.replace(&given.to_lowercase(), " ")
    });
    let words = lower
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| word.chars().any(char::is_alphabetic));
    words.filter(|word| !USUAL.contains(word)).count()
}
