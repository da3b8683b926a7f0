//! component-definition: the ledger as a component, with the checks that it supports each requirement with.

use serde_json::{Value, json};

use super::super::requirements::{FrameworkResult, RequirementRow};
use super::Writer;

pub(super) fn content(writer: &Writer<'_>) -> Value {
    let report = writer.report;
    let tool = &report.generated.tool;
    let (_, about) = writer.resource(
        "about",
        "Catalogue",
        "Mappings of checks to requirements, as paraphrases.",
    );
    let implementations = report
        .frameworks
        .iter()
        .map(|framework| implementation(writer, framework));
    let checks: Vec<Value> = report
        .method
        .iter()
        .map(|check| json!({ "name": "Rule_Id", "ns": super::NAMESPACE, "value": format!("{} version {}", check.id, check.version), "remarks": check.title }))
        .collect();
    json!({
        "uuid": writer.uuid("component-definition"),
        "metadata": writer.metadata("Deployment controls shown by the ledger"),
        "components": [{
            "uuid": writer.uuid("component"),
            "type": "service",
            "title": tool.name,
            "description": "A deployment audit ledger: signed deployment events in a verifiable log, tested by the checks that are named here.",
            "props": checks,
            "control-implementations": implementations.collect::<Vec<_>>(),
        }],
        "back-matter": { "resources": [about] },
    })
}

fn implementation(writer: &Writer<'_>, framework: &FrameworkResult) -> Value {
    let about = format!("#{}", writer.uuid("about"));
    let requirement = |row: &RequirementRow| {
        let mut about = format!("{}. ", row.title);
        if let Some(checks) = &row.supported_by {
            about.push_str(&format!("Supported by {checks}. "));
        }
        for manual in &row.manual {
            about.push_str(&format!("People attest: {}. ", manual.asked.title));
        }
        about.push_str(&format!("Coverage: {}.", row.coverage.as_str()));
        json!({
            "uuid": writer.uuid(&format!("requirement {} {}", framework.id, row.id)),
            "control-id": row.control,
            "description": about,
            "props": writer.props(&[("coverage", &row.coverage.as_str()), ("requirement", &row.id)]),
            "remarks": row.note,
        })
    };
    json!({
        "uuid": writer.uuid(&format!("implementation {}", framework.id)),
        "source": framework.control_source.as_ref().unwrap_or(&about),
        "description": format!("{} {}, {}", framework.title, framework.version, framework.publisher),
        "implemented-requirements": framework.requirements.iter().map(requirement).collect::<Vec<_>>(),
    })
}
