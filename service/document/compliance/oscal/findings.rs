//! Findings: what was concluded for each requirement, with every observation that it rests on; and each thing that a check of the period
//! found, which is of no one requirement.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::super::requirements::{Conclusion, RequirementRow};
use super::concerned::Concerned;
use super::observed::{attested, parts};
use super::{Writer, counts};
use crate::check::Part;
use crate::document::assurance::CheckRow;

/// All findings of a result.
pub(super) fn all(writer: &Writer<'_>, concerned: &Concerned<'_>) -> Vec<Value> {
    let requirements = concerned.framework.iter().flat_map(|framework| &framework.requirements);
    let mut found: Vec<Value> = requirements
        .filter_map(|row| of_requirement(writer, concerned, row))
        .collect();
    for row in &writer.report.period_checks {
        let parts = parts(row).into_iter().enumerate();
        let open = parts.filter(|(_, part)| part.exception.is_none());
        found.extend(open.map(|(number, part)| of_part(writer, concerned, row, number, &part)));
    }
    found
}

/// What was concluded for a requirement. One that concerned nothing, or that only people can attest, has no finding.
fn of_requirement(writer: &Writer<'_>, concerned: &Concerned<'_>, row: &RequirementRow) -> Option<Value> {
    let (state, reason) = match row.conclusion {
        Conclusion::Shown => ("satisfied", "pass"),
        Conclusion::NotShown => ("not-satisfied", "fail"),
        Conclusion::Insufficient => ("not-satisfied", "other"),
        Conclusion::NotApplicable | Conclusion::Manual => return None,
    };
    let observations = rests_on(writer, concerned, row).into_iter();
    let observations = observations.map(|part| json!({ "observation-uuid": writer.uuid(&part) }));
    let risks = excused_by(writer, concerned, row).into_iter();
    let risks = risks.map(|index| json!({ "risk-uuid": writer.uuid(&concerned.exception(index)) }));
    Some(json!({
        "uuid": writer.uuid(&format!("finding {} {}", concerned.of, row.id)),
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
        "related-risks": risks.collect::<Vec<_>>(),
    }))
}

/// The names of the observations that a requirement rests on: of its checks, of what these found one by one, and of what people attest.
fn rests_on(writer: &Writer<'_>, concerned: &Concerned<'_>, row: &RequirementRow) -> Vec<String> {
    let asks = |id: &str| row.checks.contains(&id);
    let mut names: Vec<String> = row.checks.iter().map(|id| concerned.check(id)).collect();
    for check in writer.report.period_checks.iter().filter(|check| asks(check.id)) {
        names.extend((0..parts(check).len()).map(|number| concerned.part(check.id, number)));
    }
    for failed in &concerned.failed {
        let failures = failed.failures.iter().filter(|failure| asks(failure.id));
        names.extend(failures.map(|failure| concerned.failure(failed.deployment.index, failure.id)));
    }
    for excepted in &concerned.excepted {
        let checks = excepted.checks.iter().filter(|check| asks(check.id));
        names.extend(checks.map(|check| concerned.excuse(excepted.deployment.index, check.id)));
    }
    let attestations = row.manual.iter().flat_map(|manual| &manual.attestations);
    names.extend(attestations.map(|made| attested(concerned, made)));
    names
}

/// The exceptions that excused what a requirement asks for.
fn excused_by(writer: &Writer<'_>, concerned: &Concerned<'_>, row: &RequirementRow) -> BTreeSet<u64> {
    let asks = |check: &&CheckRow| row.checks.contains(&check.id);
    let deployments = concerned.excepted.iter().flat_map(|excepted| &excepted.checks);
    let deployments = deployments.filter(asks).map(|check| check.exception.clone());
    let period = writer.report.period_checks.iter().filter(asks);
    let period = period.flat_map(parts).map(|part| part.exception);
    let excused = deployments.chain(period).flatten();
    excused.map(|exception| exception.index).collect()
}

/// What a check of the period found, and no exception allows.
fn of_part(writer: &Writer<'_>, concerned: &Concerned<'_>, row: &CheckRow, number: usize, part: &Part) -> Value {
    json!({
        "uuid": writer.uuid(&format!("finding {}", concerned.part(row.id, number))),
        "title": format!("{}: {}", row.id, row.title),
        "description": writer.prose(&format!("Expected: {}. Found: {}.", row.expected, part.found)),
        "target": {
            "type": "objective-id",
            "target-id": row.id,
            "description": "A check of the ledger as a whole in the period.",
            "status": { "state": "not-satisfied", "reason": "fail" },
        },
        "related-observations": [{ "observation-uuid": writer.uuid(&concerned.part(row.id, number)) }],
    })
}
