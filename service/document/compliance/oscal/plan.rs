//! assessment-plan: every check as an activity on every deployment of the population.

use serde_json::{Value, json};

use super::Writer;

pub(super) fn content(writer: &Writer<'_>) -> Value {
    let report = writer.report;
    let (ssp, ssp_resource) = writer.resource(
        "ssp",
        "System security plan",
        "Not known to the ledger: the plan of the system whose deployments are assessed.",
    );
    let activity = |id: &str| writer.uuid(&format!("activity {id}"));
    let activities = report.method.iter().map(|check| {
        json!({
            "uuid": activity(check.id),
            "title": format!("{} version {}: {}", check.id, check.version, check.title),
            "description": format!("Passes if: {} Limits: {}", check.definition, check.limits),
            "props": [{ "name": "method", "value": "TEST" }],
        })
    });
    let subject = json!({ "type": "inventory-item", "description": report.population.rule, "include-all": {} });
    let done = report
        .method
        .iter()
        .map(|check| json!({ "activity-uuid": activity(check.id), "subjects": [&subject] }));
    let parameters = report
        .parameters
        .iter()
        .map(|row| format!("{} ({}): {}", row.title, row.used_by, row.value));
    let controls = report.frameworks.iter().flat_map(|framework| &framework.requirements);
    let controls: Vec<Value> = controls.map(|row| json!({ "control-id": row.control })).collect();
    let selection = if controls.is_empty() {
        json!({ "include-all": {} })
    } else {
        json!({ "include-controls": controls })
    };
    json!({
        "uuid": writer.uuid("assessment-plan"),
        "metadata": writer.metadata(&format!("Plan: {}", report.title)),
        "import-ssp": { "href": ssp },
        "local-definitions": { "activities": activities.collect::<Vec<_>>() },
        "reviewed-controls": { "control-selections": [selection] },
        "assessment-subjects": [&subject],
        "tasks": [{
            "uuid": writer.uuid("task"),
            "type": "action",
            "title": "Run every check on every deployment of the population",
            "description": format!("Parameters: {}.", parameters.collect::<Vec<_>>().join("; ")),
            "timing": { "within-date-range": { "start": report.period.from, "end": report.period.to } },
            "associated-activities": done.collect::<Vec<_>>(),
        }],
        "back-matter": { "resources": [ssp_resource] },
    })
}
