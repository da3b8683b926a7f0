//! assessment-results: one result for each framework, with its observations, the risks that were accepted or taken, and its findings.

use serde_json::{Value, json};

use super::super::requirements::FrameworkResult;
use super::concerned::Concerned;
use super::{Writer, concluded, findings, observed, risks};

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
    let concerned = Concerned::of(writer, framework);
    let of = concerned.of;
    let title = framework.map_or_else(
        || "Checks".to_owned(),
        |framework| format!("{} {}", framework.title, framework.version),
    );
    let deployments = concerned.deployments();
    let items = deployments.values().map(|row| {
        json!({
            "uuid": writer.uuid(&concerned.deployment(row.index)),
            "description": writer.prose(&format!(
                "Deployment {} of {} to {}, entry {}", row.label, row.service, row.environment, row.index
            )),
        })
    });
    let described = deployments.keys().copied().collect();
    let items: Vec<Value> = items.chain(concluded::items(writer, of, &described)).collect();
    let samples = report.samples.iter();
    let unconcluded: usize = samples.map(|row| row.sample.missing).sum();
    let attested = framework.iter().flat_map(|framework| &framework.requirements);
    let attested = attested.flat_map(|row| row.manual.iter().flat_map(|manual| &manual.attestations));
    let attested = attested.map(|row| observed::attestation(writer, &concerned, row));
    let observations = observed::by_checks(writer, &concerned, table).into_iter();
    let observations = observations.chain(attested).chain(concluded::observations(writer, of));
    json!({
        "uuid": writer.uuid(&format!("result {of}")),
        "title": title,
        "description": report.population.rule,
        "start": report.period.from,
        "end": report.period.to,
        "props": writer.props(&[
            ("population", &report.population.count),
            ("in-scope", &concerned.count),
            ("counted-in-another-period", &report.counted_elsewhere.len()),
            ("ids-sha256", &report.population.ids_sha256),
            ("csv-sha256", &report.population.csv_sha256),
            ("deployments-with-failures", &concerned.failing),
            ("samples", &report.samples.len()),
            ("sampled-without-conclusion", &unconcluded),
            ("conclusions-elsewhere", &report.conclusions_elsewhere),
        ]),
        "local-definitions": (!items.is_empty()).then(|| json!({ "inventory-items": items })),
        "reviewed-controls": writer.controls(framework),
        "observations": observations.collect::<Vec<_>>(),
        "risks": risks::all(writer, &concerned),
        "findings": findings::all(writer, &concerned),
    })
}
