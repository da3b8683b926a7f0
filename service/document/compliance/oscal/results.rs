//! assessment-results: one result for each framework, a finding for each requirement, an observation for each check, each failure, each
//! attestation and each conclusion of an auditor.

use serde_json::{Value, json};

use super::super::attested::AttestationRow;
use super::super::requirements::{Conclusion, FrameworkResult, RequirementRow};
use super::super::tested::{Counts, ExceptionRow};
use super::{Writer, concluded};
use crate::document::assurance::CheckRow;

/// Most deployments whose failures are written one by one; all are in the table of the population.
const MOST_DEPLOYMENTS: usize = 500;

pub(super) fn content(writer: &Writer<'_>) -> Value {
    let report = writer.report;
    let (plan, plan_resource) = writer.resource(
        "plan",
        "Assessment plan",
        "The form oscal-assessment-plan of the same report.",
    );
    let (table, table_resource) = writer.resource(
        "csv",
        "Population",
        &format!(
            "The form csv of the same report, SHA-256 {}: every deployment with the result of every check.",
            report.population.csv_sha256
        ),
    );
    let frameworks = report.frameworks.iter().map(Some);
    let results: Vec<Value> = if report.frameworks.is_empty() {
        vec![result(writer, None, &table)]
    } else {
        frameworks.map(|framework| result(writer, framework, &table)).collect()
    };
    json!({
        "uuid": writer.uuid("assessment-results"),
        "metadata": writer.metadata(&report.title),
        "import-ap": { "href": plan },
        "results": results,
        "back-matter": { "resources": [plan_resource, table_resource] },
    })
}

fn result(writer: &Writer<'_>, framework: Option<&FrameworkResult>, table: &str) -> Value {
    let report = writer.report;
    let of = framework.map_or("checks", |framework| framework.id.as_str());
    let title = framework.map_or_else(
        || "Checks".to_owned(),
        |framework| format!("{} {}", framework.title, framework.version),
    );
    let exceptions = &report.exceptions[..report.exceptions.len().min(MOST_DEPLOYMENTS)];
    let items = exceptions.iter().map(|row| {
        json!({
            "uuid": writer.uuid(&format!("deployment {of} {}", row.deployment.index)),
            "description": writer.prose(&format!(
                "Deployment {} of {} to {}, entry {}",
                row.deployment.label, row.deployment.service, row.deployment.environment, row.deployment.index
            )),
        })
    });
    let described = exceptions.iter().map(|row| row.deployment.index).collect();
    let items: Vec<Value> = items.chain(concluded::items(writer, of, &described)).collect();
    let samples = report.samples.iter();
    let unconcluded: usize = samples.map(|row| row.sample.missing).sum();
    let checks = report.results.iter().map(|row| {
        json!({
            "uuid": writer.uuid(&format!("check {of} {}", row.id)),
            "title": format!("{}: {}", row.id, row.title),
            "description": format!("Of {} deployments: {}.", report.population.count, row.conclusion),
            "props": counts(writer, &row.counts),
            "methods": ["TEST"],
            "relevant-evidence": [{ "href": table, "description": "The result for every deployment." }],
            "collected": report.integrity.recorded_until,
        })
    });
    let of_period = report.period_checks.iter().map(|row| period_check(writer, of, row));
    let attested = framework.iter().flat_map(|framework| &framework.requirements);
    let attested = attested.flat_map(|row| row.manual.iter().flat_map(|manual| &manual.attestations));
    let attested = attested.map(|row| attestation(writer, of, row));
    let failures = exceptions
        .iter()
        .flat_map(|row| row.failures.iter().map(move |failure| (row, failure)));
    let failures = failures.map(|(row, failure)| observation(writer, of, row, failure));
    let concluded = concluded::observations(writer, of);
    let observations = checks.chain(of_period).chain(failures).chain(attested).chain(concluded);
    let findings = framework.iter().flat_map(|framework| &framework.requirements);
    let findings = findings.filter_map(|row| finding(writer, of, row));
    json!({
        "uuid": writer.uuid(&format!("result {of}")),
        "title": title,
        "description": report.population.rule,
        "start": report.period.from,
        "end": report.period.to,
        "props": writer.props(&[
            ("population", &report.population.count),
            ("ids-sha256", &report.population.ids_sha256),
            ("csv-sha256", &report.population.csv_sha256),
            ("deployments-with-failures", &report.exceptions.len()),
            ("samples", &report.samples.len()),
            ("sampled-without-conclusion", &unconcluded),
            ("conclusions-elsewhere", &report.conclusions_elsewhere),
        ]),
        "local-definitions": (!items.is_empty()).then(|| json!({ "inventory-items": items })),
        "reviewed-controls": writer.controls(framework),
        "observations": observations.collect::<Vec<_>>(),
        "findings": findings.collect::<Vec<_>>(),
    })
}

/// What a check found of the ledger in the period.
fn period_check(writer: &Writer<'_>, of: &str, row: &CheckRow) -> Value {
    json!({
        "uuid": writer.uuid(&format!("check {of} {}", row.id)),
        "title": format!("{}: {}", row.id, row.title),
        "description": writer.prose(&format!("Of the period: {}. {}", row.result_words, row.found)),
        "props": writer.props(&[("result", &row.result_words)]),
        "methods": ["TEST"],
        "relevant-evidence": evidence(row),
        "collected": writer.report.integrity.recorded_until,
    })
}

fn observation(writer: &Writer<'_>, of: &str, row: &ExceptionRow, failure: &CheckRow) -> Value {
    json!({
        "uuid": writer.uuid(&format!("failure {of} {} {}", row.deployment.index, failure.id)),
        "title": format!("{} failed for entry {}", failure.id, row.deployment.index),
        "description": writer.prose(&format!("Expected: {}. Found: {}.", failure.expected, failure.found)),
        "methods": ["TEST"],
        "types": ["finding"],
        "subjects": [{
            "subject-uuid": writer.uuid(&format!("deployment {of} {}", row.deployment.index)),
            "type": "inventory-item",
        }],
        "relevant-evidence": evidence(failure),
        "collected": writer.report.integrity.recorded_until,
    })
}

fn evidence(row: &CheckRow) -> Vec<Value> {
    let entries = row.evidence.iter();
    entries.map(|index| super::entry(*index)).collect()
}

/// What a person attested: nobody tested it.
fn attestation(writer: &Writer<'_>, of: &str, row: &AttestationRow) -> Value {
    let made = &row.made;
    let index = made.index;
    json!({
        "uuid": writer.uuid(&attested(of, row)),
        "title": format!("Attestation, entry {index}"),
        "description": writer.prose(&format!(
            "{} attests {} of {}: {}", made.by.id, made.said.item, made.said.framework, made.said.statement
        )),
        "props": writer.props(&[("counts-at-the-end", &row.counts)]),
        "methods": ["INTERVIEW"],
        "types": ["control-objective"],
        "relevant-evidence": [super::entry(index)],
        "collected": made.made_at,
        "expires": row.counts_until,
    })
}

/// The name of the observation of an attestation, among the parts of the document.
fn attested(of: &str, row: &AttestationRow) -> String {
    format!("attestation {of} {}", row.made.index)
}

/// What was concluded for a requirement. One that concerned nothing, or that only people can attest, has no finding.
fn finding(writer: &Writer<'_>, of: &str, row: &RequirementRow) -> Option<Value> {
    let (state, reason) = match row.conclusion {
        Conclusion::Shown => ("satisfied", "pass"),
        Conclusion::NotShown => ("not-satisfied", "fail"),
        Conclusion::Insufficient => ("not-satisfied", "other"),
        Conclusion::NotApplicable | Conclusion::Manual => return None,
    };
    let attestations = row.manual.iter().flat_map(|manual| &manual.attestations);
    let observations = row
        .checks
        .iter()
        .map(|id| format!("check {of} {id}"))
        .chain(attestations.map(|made| attested(of, made)))
        .map(|part| json!({ "observation-uuid": writer.uuid(&part) }));
    Some(json!({
        "uuid": writer.uuid(&format!("finding {of} {}", row.id)),
        "title": format!("{}: {}", row.id, row.title),
        "description": format!("{}. Coverage of the requirement: {}.", row.says, row.coverage.as_str()),
        "props": counts(writer, &row.counts),
        "target": {
            "type": "statement-id",
            "target-id": format!("{}_smt", row.control),
            "status": {
                "state": state,
                "reason": reason,
                "remarks": "What the ledger shows within the tolerance of the mapping; whether that satisfies the requirement is for the assessor to judge.",
            },
        },
        "related-observations": observations.collect::<Vec<_>>(),
    }))
}

fn counts(writer: &Writer<'_>, counts: &Counts) -> Value {
    writer.props(&[
        ("tested", &counts.tested),
        ("pass", &counts.pass),
        ("fail", &counts.fail),
        ("excepted", &counts.excepted),
        ("not-applicable", &counts.not_applicable),
        ("not-evaluable", &counts.not_evaluable),
    ])
}
