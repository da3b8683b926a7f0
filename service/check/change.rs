//! Checks of what the deployment says about the change.

use super::verdict::{fail, not_applicable, pass};
use super::{Check, Rule, Scope, Severity, Subject, Verdict};
use crate::domain::Instant;
use crate::domain::words::when;

pub(super) const REFERENCE: Check = Check {
    id: "DL-CHG-1",
    version: 3,
    title: "The deployment refers to a change record",
    severity: Severity::Medium,
    scope: Scope::All,
    definition: "The record names at least one pull request, incident or deployment that it repairs, or ticket; and not only \
                 tickets that deployments of the service to the environment had named more than 31 days before.",
    limits: "Does not apply to a recorded baseline. A ticket that only the text of a commit or pull request names does not count, \
             although release notes show it: texts also name tickets that the change is not for, such as that of what they revert, and \
             since when a ticket has been in use is known of tickets that records name. Whether the reference is the right one \
             is outside the ledger.",
    rule: Rule::Deployment(reference),
};

pub(super) const DESCRIBED: Check = Check {
    id: "DL-CHG-2",
    version: 2,
    title: "The reason for the deployment is described",
    severity: Severity::Low,
    scope: Scope::All,
    definition: "The record gives a reason of at least 20 characters that is more than the version or the service name; or \
                 it names a ticket or pull request whose recorded title is such a description.",
    limits: "Does not apply to a recorded baseline. Whether the reason is a good one is for people to judge.",
    rule: Rule::Deployment(described),
};

pub(super) const ASSESSED: Check = Check {
    id: "DL-CHG-3",
    version: 2,
    title: "The effect of the change was assessed before",
    severity: Severity::Medium,
    scope: Scope::All,
    definition: "The record tells the expected effect on users, with the start or before.",
    limits: "Does not apply to what never started or is a recorded baseline. Not evaluable when no effect is recorded, unless \
             the organisation requires one. Whether the assessment is right is for people to judge.",
    rule: Rule::Deployment(assessed),
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
    let first_used: Vec<Option<(u64, Instant)>> = deployment
        .tickets
        .iter()
        .map(|ticket| first_use(subject, &ticket.value.id))
        .collect();
    let oldest = subject.parameters.ticket_max_age_ms;
    let is_fresh =
        |first: &Option<(u64, Instant)>| first.is_none_or(|(_, at)| deployment.start_at().millis_since(at) <= oldest);
    let tickets = deployment.tickets.iter().zip(&first_used);
    let tickets = tickets
        .filter(|(_, first)| is_fresh(first))
        .map(|(t, _)| (t.value.id.clone(), t.index));
    let requests = deployment
        .pull_requests
        .iter()
        .map(|p| (format!("pull request {}", p.value.id), p.index));
    let repairs = deployment
        .remediates
        .iter()
        .map(|r| (format!("repairs {}", r.value), r.index));
    let (names, mut evidence): (Vec<String>, Vec<u64>) = tickets.chain(requests).chain(repairs).unzip();
    let worn = deployment
        .tickets
        .iter()
        .zip(&first_used)
        .find_map(|(ticket, first)| Some((ticket, (*first)?)));
    match (names.as_slice(), worn) {
        ([], None) => fail(expected, "no reference is recorded", deployment.indexes()),
        ([], Some((ticket, (index, at)))) => {
            evidence.extend([ticket.index, index]);
            let id = &ticket.value.id;
            fail(
                expected,
                format!("only {id}, which deployments have named since {}", when(at)),
                evidence,
            )
        }
        (names, _) => {
            let shown = names.iter().take(5).cloned().collect::<Vec<_>>().join(", ");
            let more = names.len().saturating_sub(5);
            let found = if more > 0 {
                format!("{shown} and {more} more")
            } else {
                shown
            };
            pass(expected, found, evidence)
        }
    }
}

/// The first deployment before this one to the same place that named a ticket.
fn first_use(subject: &Subject<'_>, ticket: &str) -> Option<(u64, Instant)> {
    let deployment = subject.deployment;
    let here = subject.facts.of_service(&deployment.service).filter(|earlier| {
        earlier.environment == deployment.environment
            && earlier.index != deployment.index
            && earlier.start_at() < deployment.start_at()
    });
    let uses = here.filter_map(|earlier| {
        let said = earlier.tickets.iter().find(|known| known.value.id == ticket)?;
        Some((said.index, earlier.start_at()))
    });
    uses.min_by_key(|(_, at)| *at)
}

fn assessed(subject: &Subject<'_>) -> Verdict {
    if let Some(verdict) = subject.never_started() {
        return verdict;
    }
    let expected = "the expected effect on users, told by the start";
    match &subject.deployment.impact {
        Some(impact) if impact.index > subject.start_entry() => {
            let evidence = vec![impact.index, subject.start_entry()];
            fail(expected, "the effect was told only after the start", evidence)
        }
        Some(impact) if impact.value.trim().is_empty() => subject.absent(ASSESSED.id, expected, "an empty text"),
        Some(impact) => {
            let length = impact.value.trim().chars().count();
            pass(expected, format!("told in {length} characters"), vec![impact.index])
        }
        None => subject.absent(ASSESSED.id, expected, "no expected effect is recorded"),
    }
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
