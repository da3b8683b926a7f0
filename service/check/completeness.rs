//! Checks of what is not in the ledger: what ran and was never deployed on the record, and records that their sources numbered and nobody
//! sent. What could not be compared never passes.

use super::period::PeriodSubject;
use super::verdict::{fail, not_evaluable, pass};
use super::{Check, Rule, Scope, Severity, Verdict};
use crate::domain::words::{count, when};
use crate::reconcile::{Completeness, Finding, Uncovered};

pub(super) const RECONCILED: Check = Check {
    id: "DL-POP-2",
    version: 1,
    title: "What ran is what was deployed on the record",
    severity: Severity::High,
    scope: Scope::All,
    definition: "In no runtime snapshot of the period did anything run that no successful deployment had put there, or that another \
                 deployment had come after, and nothing was missing that should have run. A deployment that was recorded only \
                 afterwards does not undo it.",
    limits: "Not evaluable without a runtime snapshot of the environment, and when no snapshot speaks of one of its services, or \
             what runs could not be compared with what was deployed. Between two snapshots it sees nothing.",
    rule: Rule::Period(reconciled),
};

pub(super) const NUMBERED: Check = Check {
    id: "DL-POP-3",
    version: 1,
    title: "No record of a source is missing",
    severity: Severity::High,
    scope: Scope::All,
    definition: "The numbers that sources give their records have no gap, and no source is silent for longer than it announced or \
                 usually is.",
    limits: "Not evaluable when a source that deploys to the environment does not number its records: what it left out cannot show.",
    rule: Rule::Period(numbered),
};

fn reconciled(subject: &PeriodSubject<'_>) -> Verdict {
    let expected = "nothing ran but what was deployed on the record";
    let Some(told) = subject.completeness.filter(|told| told.snapshots > 0) else {
        return not_evaluable(
            expected,
            "the ledger holds no runtime snapshot of the environment",
            Vec::new(),
        );
    };
    if let Some(first) = told.findings.first() {
        let found = format!(
            "{}, the first: {} of {} from {}",
            count(told.findings.len(), "finding"),
            first.kind.as_str(),
            first.service,
            when(first.opened.at)
        );
        return fail(expected, found, told.findings.iter().flat_map(entries).collect());
    }
    let unseen = uncovered(told, |why| why != Uncovered::NoSequence);
    match unseen.as_slice() {
        [] => pass(
            expected,
            format!("{} compared", count(told.snapshots, "snapshot")),
            Vec::new(),
        ),
        unseen => not_evaluable(expected, format!("not compared: {}", unseen.join(", ")), Vec::new()),
    }
}

fn numbered(subject: &PeriodSubject<'_>) -> Verdict {
    let expected = "numbers without a gap, from sources that are heard of";
    let Some(told) = subject.completeness.filter(|told| !told.sequences.is_empty()) else {
        return not_evaluable(expected, "no source numbers its records", Vec::new());
    };
    let gaps: Vec<_> = told.sequences.iter().flat_map(|series| &series.gaps).collect();
    let missing: u64 = told.sequences.iter().map(|series| series.missing).sum();
    if let Some(first) = gaps.first() {
        let found = format!(
            "{missing} missing, the first is number {} after #{}",
            first.from, first.after
        );
        return fail(expected, found, gaps.iter().map(|gap| gap.after).collect());
    }
    if let Some(silent) = told.silent_sources.first() {
        let found = format!("{} was last heard of at {}", silent.source, when(silent.last.at));
        return fail(
            expected,
            found,
            told.silent_sources.iter().map(|silent| silent.last.index).collect(),
        );
    }
    let silent = uncovered(told, |why| why == Uncovered::NoSequence);
    match silent.as_slice() {
        [] => pass(
            expected,
            format!("{} without a gap", count(told.sequences.len(), "series")),
            Vec::new(),
        ),
        silent => not_evaluable(expected, format!("without numbers: {}", silent.join(", ")), Vec::new()),
    }
}

fn entries(finding: &Finding) -> [u64; 2] {
    [finding.opened.index, finding.last_seen.index]
}

/// What is not covered for these reasons, the first few by name.
fn uncovered(told: &Completeness, wanted: impl Fn(Uncovered) -> bool) -> Vec<String> {
    let names = told.not_covered.iter().filter(|missing| wanted(missing.why));
    let mut names: Vec<String> = names.map(|missing| missing.what.clone()).collect();
    if names.len() > 5 {
        let more = names.len() - 5;
        names.truncate(5);
        names.push(format!("{more} more"));
    }
    names
}
