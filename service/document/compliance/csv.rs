//! The population as a table for spreadsheets: one row a deployment, one column a check. What meets the period and counts in another comes
//! after it, and is told to be no part of it. Text that a spreadsheet would take for a formula
//! is written so that it stays text.

use std::collections::HashMap;

use super::super::DocumentError;
use super::duties::Parts;
use super::gates::FollowedRow;
use super::tested::Results;
use crate::check::of_deployments;
use crate::domain::facts::Facts;
use crate::domain::gate::Decided;
use crate::domain::{Instant, Outcome};

/// The columns before those of the checks.
const COLUMNS: [&str; 25] = [
    "index",
    "entries",
    "deployment_id",
    "service",
    "environment",
    "kind",
    "outcome",
    "version",
    "digest",
    "commit",
    "change_refs",
    "authors",
    "approvers",
    "approved_at",
    "deployed_by",
    "started_at",
    "finished_at",
    "recorded_at",
    "rollback_ref",
    "reason",
    "run_url",
    "exceptions",
    "requested_by",
    "against_gate",
    "in_population",
];

/// The table as text (RFC 4180), its first line the names of the columns.
pub(super) fn table(
    population: &[Results<'_>],
    elsewhere: &[Results<'_>],
    against_gate: &[FollowedRow],
    facts: &Facts,
) -> Result<String, DocumentError> {
    let failed = |error: &dyn std::fmt::Display| DocumentError::Table(error.to_string());
    let mut writer = csv::Writer::from_writer(Vec::new());
    let names = COLUMNS.into_iter().chain(of_deployments().map(|check| check.id));
    writer.write_record(names).map_err(|error| failed(&error))?;
    let ignored: HashMap<u64, &Decided> = against_gate
        .iter()
        .map(|row| (row.deployment.index, &row.answer))
        .collect();
    let counted = population.iter().map(|results| (results, "yes"));
    for (results, counted) in counted.chain(elsewhere.iter().map(|results| (results, "no"))) {
        let checks = results.each().map(|(_, result)| result.words().to_owned());
        let ignored = ignored.get(&results.deployment.index).copied();
        let cells = cells(results, ignored, counted, facts).into_iter().chain(checks);
        writer
            .write_record(cells.map(|cell| as_text(&cell)))
            .map_err(|error| failed(&error))?;
    }
    let bytes = writer.into_inner().map_err(|error| failed(&error))?;
    String::from_utf8(bytes).map_err(|error| failed(&error))
}

/// Text that a spreadsheet takes for text: before what would begin a formula stands an apostrophe, also after what begins a cell where
/// the separator of lists is another than the comma.
/// Source: OWASP, CSV Injection.
fn as_text(cell: &str) -> String {
    const FORMULA: [char; 8] = ['=', '+', '-', '@', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}'];
    let mut text = String::with_capacity(cell.len() + 1);
    if cell.starts_with(['\t', '\r', '\n']) {
        text.push('\'');
    }
    let mut begins = true;
    for letter in cell.chars() {
        if begins && FORMULA.contains(&letter) {
            text.push('\'');
        }
        text.push(letter);
        // Where another character separates, a quote there opens a cell and is no part of it.
        begins = matches!(letter, ';' | '\t' | '\r' | '\n') || begins && matches!(letter, '"' | ' ');
    }
    text
}

/// An answer of the gate that a deployment went against, with the reason that was recorded for it.
fn ignored_answer(answer: &Decided) -> String {
    let said = format!("{} (#{})", answer.said.decision.words(), answer.index);
    match &answer.said.override_reason {
        Some(reason) => format!("{said}; overridden: {reason}"),
        None => format!("{said}; no override recorded"),
    }
}

fn cells(results: &Results<'_>, ignored: Option<&Decided>, counted: &str, facts: &Facts) -> [String; COLUMNS.len()] {
    let deployment = results.deployment;
    let parts = Parts::of(deployment, facts);
    let tickets = deployment.tickets.iter().map(|ticket| ticket.value.id.clone());
    let pull_requests = deployment.pull_requests.iter().map(|request| request.value.id.clone());
    let list = |items: Vec<String>| items.join(" ");
    let time = |at: Option<Instant>| at.map(|at| at.to_string()).unwrap_or_default();
    let applied = results.applied.iter();
    let applied = applied.map(|(check, exception)| format!("{check}: {} (#{})", exception.id, exception.index));
    let plan = deployment.rollback_plan.as_ref().map(|plan| &plan.value);
    [
        deployment.index.to_string(),
        list(deployment.indexes().iter().map(ToString::to_string).collect()),
        deployment.id.to_string(),
        deployment.service.to_string(),
        deployment.environment.to_string(),
        deployment.kind.kind.as_str().to_owned(),
        deployment.outcome().map_or("", Outcome::as_str).to_owned(),
        deployment
            .version
            .as_ref()
            .map(|version| version.value.clone())
            .unwrap_or_default(),
        deployment.digest().unwrap_or_default().to_owned(),
        deployment
            .commit
            .as_ref()
            .map(|commit| commit.value.clone())
            .unwrap_or_default(),
        list(tickets.chain(pull_requests).collect()),
        parts.authors.into_iter().collect::<Vec<_>>().join(" "),
        parts.approvers.into_iter().collect::<Vec<_>>().join(" "),
        time(parts.approved_at),
        deployment
            .actor
            .as_ref()
            .map(|actor| actor.value.id.clone())
            .unwrap_or_default(),
        deployment.start_at().to_string(),
        time(deployment.finished_at()),
        time(
            deployment
                .end()
                .or(deployment.statements.last())
                .map(|said| said.recorded_at),
        ),
        plan.and_then(|plan| plan.reference.clone().or_else(|| plan.target_version.clone()))
            .unwrap_or_default(),
        deployment
            .reason
            .as_ref()
            .map(|reason| reason.value.clone())
            .unwrap_or_default(),
        deployment
            .run_url
            .as_ref()
            .map(|url| url.value.clone())
            .unwrap_or_default(),
        applied.collect::<Vec<_>>().join("; "),
        parts.requesters.into_iter().collect::<Vec<_>>().join(" "),
        ignored.map(ignored_answer).unwrap_or_default(),
        counted.to_owned(),
    ]
}

#[cfg(test)]
mod tests {
    use super::as_text;

    #[test]
    fn no_cell_begins_a_formula_whatever_separates_cells() {
        for (cell, text) in [
            ("fine; a-b, c@d", "fine; a-b, c@d"),
            ("fine; @SUM", "fine; '@SUM"),
            ("=1+1", "'=1+1"),
            ("fine;@SUM(1+1)*cmd;=2", "fine;'@SUM(1+1)*cmd;'=2"),
            ("fine;\"=1+1;x", "fine;\"'=1+1;x"),
            ("\"=1+1\"", "\"'=1+1\""),
            ("a\t+1", "a\t'+1"),
            ("\t1", "'\t1"),
            ("\u{ff1d}1", "'\u{ff1d}1"),
        ] {
            assert_eq!(as_text(cell), text);
        }
    }
}
