//! Checks of what the deployment says about the change.

use super::{Check, Rule, Scope, Severity, Subject, Verdict, fail, not_applicable, pass};

pub(super) const REFERENCE: Check = Check {
    id: "DL-CHG-1",
    version: 1,
    title: "The deployment refers to a change record",
    severity: Severity::Medium,
    scope: Scope::All,
    definition: "The record names at least one ticket, pull request, or incident or deployment that it repairs.",
    limits: "Does not apply to a recorded baseline. Whether the reference is the right one is outside the ledger.",
    rule: Rule::Deployment(reference),
};

pub(super) const DESCRIBED: Check = Check {
    id: "DL-CHG-2",
    version: 1,
    title: "The reason for the deployment is described",
    severity: Severity::Low,
    scope: Scope::All,
    definition: "The record gives a reason of at least 20 characters that is more than the version or the service name; or \
                 it names a ticket or pull request whose recorded title is such a description.",
    limits: "Does not apply to a recorded baseline. Whether the reason is a good one is for people to judge.",
    rule: Rule::Deployment(described),
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
    let expected = format!("a reason, or a ticket or pull request with a title, of at least {least} characters");
    let label = deployment.label();
    let given = [
        label.as_str(),
        deployment.service.as_str(),
        deployment.environment.as_str(),
    ];
    let describes = |text: &str| text.trim().chars().count() >= least && own_words(text, &given) > 0;
    if let Some(reason) = deployment.reason.as_ref().filter(|reason| describes(&reason.value)) {
        let length = reason.value.trim().chars().count();
        return pass(expected, format!("a reason of {length} characters"), vec![reason.index]);
    }
    let tickets = deployment
        .tickets
        .iter()
        .map(|t| (&t.value.id, t.value.title.as_deref(), t.index));
    let requests = deployment
        .pull_requests
        .iter()
        .map(|p| (&p.value.id, p.value.title.as_deref(), p.index));
    let titled = tickets
        .chain(requests)
        .find_map(|(id, title, index)| Some((id, title.filter(|t| describes(t))?, index)));
    if let Some((id, title, index)) = titled {
        return pass(expected, format!("{id}: {title}"), vec![index]);
    }
    match &deployment.reason {
        None => fail(
            expected,
            "no reason is recorded, and no such title",
            deployment.indexes(),
        ),
        Some(reason) if reason.value.trim().chars().count() < least => {
            let length = reason.value.trim().chars().count();
            fail(expected, format!("a reason of {length} characters"), vec![reason.index])
        }
        Some(reason) => fail(
            expected,
            "a reason that only repeats what was deployed",
            vec![reason.index],
        ),
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
