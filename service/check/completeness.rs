//! Checks of what is not in the ledger: what ran and was never deployed on the record, and records that their sources numbered and nobody
//! sent. What could not be compared never passes.

use super::exception;
use super::period::PeriodSubject;
use super::verdict::{Applied, Part, fail, not_evaluable, pass};
use super::{Check, Rule, Scope, Severity, Verdict};
use crate::domain::words::{count, when};
use crate::reconcile::{Completeness, Finding, NotCovered, Silent, Uncovered};

pub(super) const RECONCILED: Check = Check {
    id: "DL-POP-2",
    version: 4,
    title: "What ran is what was deployed on the record",
    severity: Severity::High,
    scope: Scope::All,
    definition: "In no runtime snapshot of the period did anything run that no successful deployment had put there, or that another \
                 deployment had come after, and nothing was missing that should have run. A deployment that was recorded only \
                 afterwards does not undo it; an exception that was granted before allows it.",
    limits: "Not evaluable without a runtime snapshot of the environment, and when no snapshot speaks of one of its services, \
             something ran at any time that is of no known service, or what runs could not be compared with what was deployed. Between two snapshots it sees nothing. An exception holds \
             for what it covers (services, environments, digests) if it was granted and recorded before that was first seen, or \
             before the period, approved by somebody who did not ask for it, signed with another key than the snapshots that show it \
             and the deployments of the service are, and had neither run out nor been taken back when it was last seen.",
    rule: Rule::Period(reconciled),
};

pub(super) const NUMBERED: Check = Check {
    id: "DL-POP-3",
    version: 4,
    title: "No record of a source is missing",
    severity: Severity::High,
    scope: Scope::All,
    definition: "The numbers that sources give their records have no gap, and no source is silent for longer than it announced or \
                 usually is.",
    limits: "Not evaluable when a source that deploys to the environment does not number its records, or not all: what it left out \
             cannot show. \
             Excepted by an exception for the environment that holds for the whole period, and that is signed with another key than \
             the records of those sources are.",
    rule: Rule::Period(|subject| exception::apply_to_period(subject, NUMBERED.id, numbered(subject))),
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
    let allowed = |finding: &Finding| exception::of_finding(subject, RECONCILED.id, finding);
    let parts = told.findings.iter().map(|finding| Part {
        exception: allowed(finding).map(Applied::of),
        ..Part::of(words(finding), entries(finding).to_vec())
    });
    let parts: Vec<Part> = parts.collect();
    let (excepted, open): (Vec<_>, Vec<_>) = told.findings.iter().partition(|finding| allowed(finding).is_some());
    if let Some(first) = open.first() {
        let mut found = listed(&open, first);
        if !excepted.is_empty() {
            found.push_str(&format!("; exceptions allow {} more", excepted.len()));
        }
        return fail(expected, found, open.into_iter().flat_map(entries).collect()).of_parts(parts);
    }
    if let Some((first, exception)) = excepted.first().and_then(|first| Some((first, allowed(first)?))) {
        let evidence = excepted.iter().copied().flat_map(entries);
        let allowing = excepted.iter().filter_map(|finding| allowed(finding)).map(|e| e.index);
        let verdict = fail(expected, listed(&excepted, first), evidence.chain(allowing).collect());
        return exception::excepted(verdict.of_parts(parts), exception);
    }
    let unseen = uncovered(told, |why| !of_numbers(why));
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
    let speaks = |told: &&Completeness| !told.sequences.is_empty() || !told.silent_sources.is_empty();
    let Some(told) = subject.completeness.filter(speaks) else {
        return not_evaluable(expected, "no source numbers its records", Vec::new());
    };
    let parts = missing(told);
    let gaps: Vec<_> = told.sequences.iter().flat_map(|series| &series.gaps).collect();
    let missing: u64 = told.sequences.iter().map(|series| series.missing).sum();
    if let Some(first) = gaps.first() {
        let found = format!(
            "{missing} missing, the first is number {} after #{}",
            first.from, first.after
        );
        return fail(expected, found, gaps.iter().map(|gap| gap.after).collect()).of_parts(parts);
    }
    if let Some(silent) = told.silent_sources.first() {
        let evidence = told.silent_sources.iter().map(|silent| silent.last.index).collect();
        return fail(expected, last_heard(silent), evidence).of_parts(parts);
    }
    let without = uncovered(told, of_numbers);
    match without.as_slice() {
        [] => pass(
            expected,
            format!("{} series without a gap", told.sequences.len()),
            Vec::new(),
        ),
        without => {
            let records = told.not_covered.iter().filter(|limit| of_numbers(limit.why));
            let evidence = records.flat_map(|limit| &limit.indexes).copied().collect();
            not_evaluable(expected, format!("without numbers: {}", without.join(", ")), evidence)
        }
    }
}

/// Whether it is about numbers that sources give their records.
fn of_numbers(why: Uncovered) -> bool {
    match why {
        Uncovered::NoSequence | Uncovered::Unnumbered => true,
        Uncovered::NoSnapshot | Uncovered::NotComparable | Uncovered::Unmapped => false,
    }
}

/// Each gap, and each source that is silent.
fn missing(told: &Completeness) -> Vec<Part> {
    let gaps = told.sequences.iter().flat_map(|series| {
        let source = &series.source;
        let name = series.series.as_ref().map(|name| format!(", series {name}"));
        let name = name.unwrap_or_default();
        series.gaps.iter().map(move |gap| {
            let found = format!("{source}{name}: the numbers {} to {} are missing", gap.from, gap.to);
            Part::of(found, vec![gap.after, gap.before])
        })
    });
    let silent = told.silent_sources.iter();
    let silent = silent.map(|silent| Part::of(last_heard(silent), vec![silent.last.index]));
    gaps.chain(silent).collect()
}

fn last_heard(silent: &Silent) -> String {
    format!("{} was last heard of at {}", silent.source, when(silent.last.at))
}

fn listed(findings: &[&Finding], first: &Finding) -> String {
    format!("{}, the first: {}", count(findings.len(), "finding"), words(first))
}

fn words(finding: &Finding) -> String {
    let opened = when(finding.opened.at);
    format!("{} of {} from {opened}", finding.kind.as_str(), finding.service)
}

fn entries(finding: &Finding) -> [u64; 2] {
    [finding.opened.index, finding.last_seen.index]
}

/// What is not covered for these reasons, the first few by name.
fn uncovered(told: &Completeness, wanted: impl Fn(Uncovered) -> bool) -> Vec<String> {
    let names = told.not_covered.iter().filter(|missing| wanted(missing.why));
    let mut names: Vec<String> = names.map(name).collect();
    if names.len() > 5 {
        let more = names.len() - 5;
        names.truncate(5);
        names.push(format!("{more} more"));
    }
    names
}

fn name(missing: &NotCovered) -> String {
    match (missing.why, missing.indexes.as_slice()) {
        (Uncovered::Unnumbered, [first, ..]) => {
            let records = count(missing.indexes.len(), "record");
            format!("{} ({records} beside those with one, #{first} first)", missing.what)
        }
        _ => missing.what.clone(),
    }
}
