//! What was observed: the result of each check, each thing that failed or was excused, each attestation, and what became of answers of
//! the gate.

use serde_json::{Value, json};

use super::super::attested::AttestationRow;
use super::super::gates::FollowedRow;
use super::super::tested::ResultRow;
use super::concerned::Concerned;
use super::{Writer, counts, entry};
use crate::check::{Applied, CheckResult, Part};
use crate::document::assurance::CheckRow;
use crate::document::rows::DeploymentRow;
use crate::domain::gate::Decided;

/// What checks observed, of deployments and of the ledger in the period, and what is observed of the gate.
pub(super) fn by_checks(writer: &Writer<'_>, concerned: &Concerned<'_>, table: &str) -> Vec<Value> {
    let mut found: Vec<Value> = concerned
        .results
        .iter()
        .map(|row| of_check(writer, concerned, row, table))
        .collect();
    for row in &writer.report.period_checks {
        found.push(of_period(writer, concerned, row));
        let parts = parts(row).into_iter().enumerate();
        found.extend(parts.map(|(number, part)| of_part(writer, concerned, row, number, &part)));
    }
    for row in &concerned.failed {
        let deployment = &row.deployment;
        found.extend(row.failures.iter().map(|check| {
            let name = concerned.failure(deployment.index, check.id);
            of_deployment(writer, concerned, (&name, "failed"), deployment, check)
        }));
    }
    for row in &concerned.excepted {
        let deployment = &row.deployment;
        found.extend(row.checks.iter().map(|check| {
            let name = concerned.excuse(deployment.index, check.id);
            of_deployment(writer, concerned, (&name, "is excepted"), deployment, check)
        }));
    }
    let against = concerned.against_gate.iter();
    found.extend(against.map(|row| of_followed(writer, concerned, row)));
    let overrides = concerned.overrides.iter();
    found.extend(overrides.map(|answer| of_override(writer, concerned, answer)));
    found
}

/// What a check of the period found that is not as it should be, one by one, each with the exception that allows it.
pub(super) fn parts(row: &CheckRow) -> Vec<Part> {
    if !matches!(row.result, CheckResult::Fail | CheckResult::Excepted) {
        return Vec::new();
    }
    if row.parts.is_empty() {
        return vec![Part {
            found: row.found.clone(),
            evidence: row.evidence.clone(),
            exception: row.exception.clone(),
        }];
    }
    let of_all = |part: &Part| Part {
        exception: part.exception.clone().or_else(|| row.exception.clone()),
        ..part.clone()
    };
    row.parts.iter().map(of_all).collect()
}

/// What a person attested: nobody tested it.
pub(super) fn attestation(writer: &Writer<'_>, concerned: &Concerned<'_>, row: &AttestationRow) -> Value {
    let made = &row.made;
    let index = made.index;
    json!({
        "uuid": writer.uuid(&attested(concerned, row)),
        "title": format!("Attestation, entry {index}"),
        "description": writer.prose(&format!(
            "{} attests {} of {}: {}", made.by.id, made.said.item, made.said.framework, made.said.statement
        )),
        "props": writer.props(&[("counts-at-the-end", &row.counts)]),
        "methods": ["INTERVIEW"],
        "types": ["control-objective"],
        "relevant-evidence": [entry(index)],
        "collected": made.made_at,
        "expires": row.counts_until,
    })
}

/// The name of the observation of an attestation, among the parts of the document.
pub(super) fn attested(concerned: &Concerned<'_>, row: &AttestationRow) -> String {
    format!("attestation {} {}", concerned.of, row.made.index)
}

/// What a check found of the deployments.
fn of_check(writer: &Writer<'_>, concerned: &Concerned<'_>, row: &ResultRow, table: &str) -> Value {
    json!({
        "uuid": writer.uuid(&concerned.check(row.id)),
        "title": format!("{}: {}", row.id, row.title),
        "description": format!("Of {} deployments: {}.", concerned.count, row.conclusion),
        "props": counts(writer, &row.counts),
        "methods": ["TEST"],
        "relevant-evidence": [{ "href": table, "description": "The result for every deployment." }],
        "collected": writer.report.integrity.recorded_until,
    })
}

/// What a check found of the ledger in the period.
fn of_period(writer: &Writer<'_>, concerned: &Concerned<'_>, row: &CheckRow) -> Value {
    json!({
        "uuid": writer.uuid(&concerned.check(row.id)),
        "title": format!("{}: {}", row.id, row.title),
        "description": writer.prose(&format!("Of the period: {}. {}", row.result_words, row.found)),
        "props": writer.props(&[("result", &row.result_words)]),
        "methods": ["TEST"],
        "relevant-evidence": evidence(&row.evidence),
        "collected": writer.report.integrity.recorded_until,
    })
}

/// One of the things that it found.
fn of_part(writer: &Writer<'_>, concerned: &Concerned<'_>, row: &CheckRow, number: usize, part: &Part) -> Value {
    let allowed = part.exception.as_ref();
    let allowed = allowed.map(|exception| format!(" The exception {} allows it.", exception.id));
    json!({
        "uuid": writer.uuid(&concerned.part(row.id, number)),
        "title": format!("{}: finding {} of the period", row.id, number + 1),
        "description": writer.prose(&format!(
            "Expected: {}. Found: {}.{}", row.expected, part.found, allowed.unwrap_or_default()
        )),
        "props": excepted_by(writer, part.exception.as_ref()),
        "methods": ["TEST"],
        "types": ["finding"],
        "relevant-evidence": evidence(&part.evidence),
        "collected": writer.report.integrity.recorded_until,
    })
}

/// What a check found of a deployment: a failure, or what would be one. `name` is the observation's among the parts of the document, and
/// `came` says what the check came to.
fn of_deployment(
    writer: &Writer<'_>,
    concerned: &Concerned<'_>,
    (name, came): (&str, &str),
    row: &DeploymentRow,
    check: &CheckRow,
) -> Value {
    json!({
        "uuid": writer.uuid(name),
        "title": format!("{} {came} for entry {}", check.id, row.index),
        "description": writer.prose(&format!("Expected: {}. Found: {}.", check.expected, check.found)),
        "props": excepted_by(writer, check.exception.as_ref()),
        "methods": ["TEST"],
        "types": ["finding"],
        "subjects": concerned.subject(writer, row.index),
        "relevant-evidence": evidence(&check.evidence),
        "collected": writer.report.integrity.recorded_until,
    })
}

fn of_followed(writer: &Writer<'_>, concerned: &Concerned<'_>, row: &FollowedRow) -> Value {
    let (answer, index) = (&row.answer, row.deployment.index);
    let reason = answer.said.override_reason.as_deref();
    let reason = reason.map_or("no override is recorded".to_owned(), |reason| {
        format!("overridden: {reason}")
    });
    json!({
        "uuid": writer.uuid(&concerned.against_gate(index)),
        "title": format!("Entry {index} began against the answer of the gate"),
        "description": writer.prose(&format!(
            "Entry {} answered {}, asked by {}; {reason}.", answer.index, answer.said.decision.words(), answer.asked_by
        )),
        "props": writer.props(&[("decision", &answer.said.decision.words())]),
        "methods": ["TEST"],
        "types": ["finding"],
        "subjects": concerned.subject(writer, index),
        "relevant-evidence": evidence(&[answer.said.question, answer.index, index]),
        "collected": row.deployment.started_at,
    })
}

fn of_override(writer: &Writer<'_>, concerned: &Concerned<'_>, answer: &Decided) -> Value {
    let reason = answer.said.override_reason.as_deref().unwrap_or_default();
    json!({
        "uuid": writer.uuid(&format!("override {} {}", concerned.of, answer.index)),
        "title": format!("Override of the gate, entry {}", answer.index),
        "description": writer.prose(&format!(
            "{} asked about {} of {}; the answer was {}, and the deployment was to go ahead: {reason}",
            answer.asked_by, answer.artifact, answer.service, answer.said.decision.words()
        )),
        "props": writer.props(&[("decision", &answer.said.decision.words())]),
        "methods": ["TEST"],
        "relevant-evidence": evidence(&[answer.said.question, answer.index]),
        "collected": answer.recorded_at,
    })
}

fn excepted_by(writer: &Writer<'_>, exception: Option<&Applied>) -> Value {
    match exception {
        Some(exception) => writer.props(&[("exception-entry", &exception.index)]),
        None => Value::Null,
    }
}

fn evidence(indexes: &[u64]) -> Vec<Value> {
    indexes.iter().map(|index| entry(*index)).collect()
}
