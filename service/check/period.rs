//! Checks of the ledger as a whole in a period: nothing missing, who changed what may be done, how long it is kept.

use super::exception;
use super::parameters::Parameters;
use super::person::{Likeness, compare};
use super::verdict::{Part, fail, not_applicable, not_evaluable, pass};
use super::{CATALOGUE, Check, Finding, Rule, Scope, Severity, Verdict};
use crate::domain::administered::Administered;
use crate::domain::facts::Facts;
use crate::domain::words::{count, span, when};
use crate::domain::{Instant, Period};
use crate::reconcile::Completeness;

/// What checks of a period look at.
#[derive(Debug, Clone, Copy)]
pub struct PeriodSubject<'a> {
    /// All facts, for whose names are whose.
    pub facts: &'a Facts,
    /// The period.
    pub period: Period,
    /// Numbers.
    pub parameters: &'a Parameters,
    /// Attempts with entries of the period that claim to have begun at another time, by their first entry.
    pub misplaced: &'a [u64],
    /// The log at both ends of the period.
    pub continuity: Continuity,
    /// What was changed in the period about keys, tokens, roles and exceptions.
    pub administered: &'a [Administered],
    /// What ran and what sources numbered, held against what was recorded.
    pub completeness: Option<&'a Completeness>,
    /// The oldest entry.
    pub oldest: Option<Kept>,
    /// When the newest entry was recorded.
    pub recorded_until: Option<Instant>,
    /// Entries whose content was destroyed.
    pub erased: &'a [Kept],
}

/// The log at both ends of a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Continuity {
    /// Entries before the period.
    pub before: u64,
    /// Entries at its end.
    pub after: u64,
    /// Whether the tree at the end continues the tree at the beginning.
    pub consistent: bool,
}

/// An entry, and when it was recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    /// Its index.
    pub index: u64,
    /// When it was recorded.
    pub recorded_at: Instant,
}

pub(super) const CONTINUOUS: Check = Check {
    id: "DL-POP-1",
    version: 2,
    title: "The ledger of the period continues the one before without a gap",
    severity: Severity::High,
    scope: Scope::All,
    definition: "The entries of the period are all those between the size of the tree at its beginning and the size at its end, \
                 and the tree at its end is proved to continue the tree at its beginning.",
    limits: "Not evaluable when nothing was recorded before the period: there is no root to continue. An auditor proves the \
             same with a bundle, without the service. Attempts with entries of the period that claim to have begun at another time \
             count in the period of that time; it names them.",
    rule: Rule::Period(continuous),
};

pub(super) const ADMINISTERED: Check = Check {
    id: "DL-ADM-1",
    version: 2,
    title: "Whoever changed keys, tokens, names, roles or exceptions did it for somebody else",
    severity: Severity::High,
    scope: Scope::All,
    definition: "Every entry of the period that registers or revokes a key, issues or revokes a token, declares names or \
                 roles or grants an exception names who did it, and that is not who gains by it.",
    limits: "Does not apply when there is no such entry. Not evaluable when one names nobody, or when two names may be one \
             person and no alias tells. What the command line does on the service's own machine names nobody.",
    rule: Rule::Period(administered),
};

pub(super) const RETAINED: Check = Check {
    id: "DL-RET-1",
    version: 3,
    title: "Entries are kept as long as they must be",
    severity: Severity::Medium,
    scope: Scope::All,
    definition: "The log reaches back 365 days, or to its own beginning; and no entry lost its content to an erasure before it \
                 was that old.",
    limits: "Not evaluable when the ledger holds nothing. Backups are outside the ledger. Excepted by an exception for the \
             environment that holds for the whole period, and that the service did not sign, which signs erasures.",
    rule: Rule::Period(|subject| exception::apply_to_period(subject, RETAINED.id, retained(subject))),
};

/// Runs all checks of a period.
pub fn evaluate_period(subject: &PeriodSubject<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for check in &CATALOGUE {
        let verdict = match check.rule {
            Rule::Period(rule) => rule(subject),
            Rule::PeriodFindings(rule) => rule(subject, &findings),
            Rule::Deployment(_) | Rule::Findings(_) => continue,
        };
        findings.push(Finding::of(check, verdict));
    }
    findings
}

fn continuous(subject: &PeriodSubject<'_>) -> Verdict {
    let Continuity {
        before,
        after,
        consistent,
    } = subject.continuity;
    let expected = format!("every entry from #{before} to before #{after}, in one tree");
    let last = after.checked_sub(1);
    let misplaced = match subject.misplaced {
        [] => String::new(),
        [one] => format!("; 1 attempt with entries of the period claims to have begun at another time (#{one})"),
        [first, ..] => format!(
            "; {} attempts with entries of the period claim to have begun at another time (#{first} first)",
            subject.misplaced.len()
        ),
    };
    let evidence = before.checked_sub(1).into_iter().chain(last);
    let evidence = evidence.chain(subject.misplaced.iter().copied()).collect();
    if before == 0 {
        let found = format!("nothing was recorded before the period{misplaced}");
        return not_evaluable(expected, found, evidence);
    }
    match after.checked_sub(before).filter(|_| consistent) {
        Some(entries) => pass(expected, format!("{entries} entries in one piece{misplaced}"), evidence),
        None => fail(
            expected,
            "the tree at the end does not continue the one before",
            evidence,
        ),
    }
}

fn administered(subject: &PeriodSubject<'_>) -> Verdict {
    let expected = "each by somebody who does not gain by it";
    let Some(first) = subject.administered.first() else {
        return not_applicable("nothing of the kind was changed", Vec::new());
    };
    let evidence: Vec<u64> = subject.administered.iter().map(|change| change.index).collect();
    let (mut own, mut doubt) = (Vec::new(), None);
    for change in subject.administered {
        let what = format!("#{} ({})", change.index, change.what);
        match (&change.by, &change.gains) {
            (None, _) => doubt = Some(format!("{what} names nobody")),
            (Some(_), None) => {}
            (Some(by), Some(gains)) => match compare(&subject.facts.aliases, by, gains, change.at) {
                Likeness::Different(_) => {}
                Likeness::Same(_) => {
                    let found = format!("{what} is by {by}, who gains by it");
                    own.push(Part::of(found, vec![change.index]));
                }
                Likeness::Alike | Likeness::Contradicted(_) => {
                    doubt = Some(format!("{what} is by {by}, who may be {gains}; no alias tells"));
                }
            },
        }
    }
    match (own.last(), doubt) {
        (Some(last), _) => fail(expected, last.found.clone(), evidence).of_parts(own),
        (None, Some(doubt)) => not_evaluable(expected, doubt, evidence),
        (None, None) => {
            let found = match subject.administered.len() {
                1 => format!("1 change, #{}", first.index),
                many => format!("{many} changes"),
            };
            pass(expected, found, evidence)
        }
    }
}

fn retained(subject: &PeriodSubject<'_>) -> Verdict {
    let wanted = subject.parameters.retention_ms;
    let expected = format!("kept for {}", span(wanted));
    let Some((oldest, newest)) = subject.oldest.zip(subject.recorded_until) else {
        return not_evaluable(expected, "the ledger holds nothing", Vec::new());
    };
    let young = |kept: &&Kept| newest.millis_since(kept.recorded_at) < wanted;
    let lost: Vec<u64> = subject.erased.iter().filter(young).map(|kept| kept.index).collect();
    if let Some(first) = lost.first() {
        let found = format!(
            "{} of entries that must still be kept, #{first} first",
            count(lost.len(), "erasure")
        );
        let each = lost.iter().map(|index| {
            let found = format!("the content of #{index} was erased before its time");
            Part::of(found, vec![*index])
        });
        let each = each.collect();
        return fail(expected, found, lost).of_parts(each);
    }
    let evidence = vec![oldest.index];
    let age = newest.millis_since(oldest.recorded_at);
    if age >= wanted {
        return pass(
            expected,
            format!("reaches back to {}", when(oldest.recorded_at)),
            evidence,
        );
    }
    if oldest.index == 0 {
        let found = format!("reaches back to its beginning, {}", when(oldest.recorded_at));
        return pass(expected, found, evidence);
    }
    fail(
        expected,
        format!("reaches back to {} only", when(oldest.recorded_at)),
        evidence,
    )
}
