//! Risks: what was accepted, each exception with what is done instead, and what went ahead although the gate had not allowed it.

use serde_json::{Value, json};

use super::super::gates::FollowedRow;
use super::Writer;
use super::concerned::Concerned;
use super::observed::parts;
use crate::domain::exception::Exception;

/// All risks of a result.
pub(super) fn all(writer: &Writer<'_>, concerned: &Concerned<'_>) -> Vec<Value> {
    let granted = writer.report.granted.iter();
    let granted = granted.map(|exception| accepted(writer, concerned, exception));
    let against = concerned.against_gate.iter();
    granted
        .chain(against.map(|row| ignored(writer, concerned, row)))
        .collect()
}

/// A deviation that somebody accepted. It is closed once it holds no longer, at the end of the period.
fn accepted(writer: &Writer<'_>, concerned: &Concerned<'_>, exception: &Exception) -> Value {
    let grant = &exception.grant;
    let name = concerned.exception(exception.index);
    let end = writer.report.period.to.plus_millis(-1);
    let status = if exception.in_force(end) {
        "deviation-approved"
    } else {
        "closed"
    };
    let checks = grant.checks.join(", ");
    let scope = &grant.scope;
    let places = scope.services.iter().map(ToString::to_string);
    let places = places.chain(scope.environments.iter().map(ToString::to_string));
    let places = places.chain(scope.deployments.iter().map(ToString::to_string));
    let places: Vec<String> = places.chain(scope.artifacts.iter().cloned()).collect();
    let granted = json!({
        "uuid": writer.uuid(&format!("granting of {name}")),
        "title": "Granted",
        "description": writer.prose(&format!("Entry {}, signed by {}.", exception.index, exception.producer)),
        "start": exception.granted_at,
        "status-change": "deviation-approved",
    });
    let ends = exception.ends().map(|end| {
        json!({
            "uuid": writer.uuid(&format!("end of {name} {}", end.index)),
            "title": "Taken back or granted anew",
            "description": writer.prose(&format!(
                "Entry {}: {}", end.index, end.reason.as_deref().unwrap_or("no reason is recorded")
            )),
            "start": end.at,
            "status-change": "closed",
        })
    });
    let log: Vec<Value> = std::iter::once(granted).chain(ends).collect();
    json!({
        "uuid": writer.uuid(&name),
        "title": format!("Exception, entry {}", exception.index),
        "description": writer.prose(&format!(
            "{}: {}", exception.id, exception.reason.as_deref().unwrap_or("no reason is recorded")
        )),
        "statement": writer.prose(&format!("{checks} may fail for {}.", places.join(", "))),
        "props": writer.props(&[
            ("exception-entry", &exception.index),
            ("valid-from", &exception.valid_from()),
        ]),
        "status": status,
        "deadline": grant.expires_at,
        "remediations": [{
            "uuid": writer.uuid(&format!("response of {name}")),
            "lifecycle": "completed",
            "title": "Accepted for a time, with a compensating control",
            "description": writer.prose(&grant.compensating_control),
            "props": [{ "name": "type", "value": "accept" }],
            "remarks": writer.prose(&format!(
                "Asked for by {}, approved by {}.", grant.requested_by, grant.approved_by
            )),
        }],
        "risk-log": { "entries": log },
        "related-observations": excused(writer, concerned, exception.index),
    })
}

/// The observations of what an exception excused.
fn excused(writer: &Writer<'_>, concerned: &Concerned<'_>, index: u64) -> Vec<Value> {
    let mut names = Vec::new();
    for row in &concerned.excepted {
        let checks = row.checks.iter();
        let by_it = checks.filter(|check| check.exception.as_ref().is_some_and(|applied| applied.index == index));
        names.extend(by_it.map(|check| concerned.excuse(row.deployment.index, check.id)));
    }
    for check in &writer.report.period_checks {
        let parts = parts(check).into_iter().enumerate();
        let by_it = parts.filter(|(_, part)| part.exception.as_ref().is_some_and(|applied| applied.index == index));
        names.extend(by_it.map(|(number, _)| concerned.part(check.id, number)));
    }
    let observed = names.iter();
    observed
        .map(|name| json!({ "observation-uuid": writer.uuid(name) }))
        .collect()
}

/// A deployment that the gate had not allowed. Nobody else accepted that, whatever reason was given.
fn ignored(writer: &Writer<'_>, concerned: &Concerned<'_>, row: &FollowedRow) -> Value {
    let (answer, index) = (&row.answer, row.deployment.index);
    let name = concerned.against_gate(index);
    let reason = answer.said.override_reason.as_deref();
    let response = reason.map(|reason| {
        json!([{
            "uuid": writer.uuid(&format!("response of {name}")),
            "lifecycle": "completed",
            "title": "Overridden",
            "description": writer.prose(reason),
            "props": [{ "name": "type", "value": "accept" }],
        }])
    });
    json!({
        "uuid": writer.uuid(&format!("risk {name}")),
        "title": format!("Entry {index} began against the answer of the gate"),
        "description": writer.prose(&format!(
            "{} {} was deployed to {} after the gate had answered {}.",
            row.deployment.service, row.deployment.label, row.deployment.environment, answer.said.decision.words()
        )),
        "statement": "What the environment demands before a deployment was not shown.",
        "status": "open",
        "remediations": response,
        "related-observations": [{ "observation-uuid": writer.uuid(&name) }],
    })
}
