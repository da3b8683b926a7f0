//! What auditors concluded of samples: an observation by examination for each signed entry, also for those that name no sample.
//!
//! A conclusion is of deployments and of no requirement, so that no finding rests on it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{Writer, entry};
use crate::domain::conclusion::{AuditResult, Concluded};

/// All that was concluded of what the report is about.
pub(super) fn observations(writer: &Writer<'_>, of: &str) -> Vec<Value> {
    let report = writer.report;
    let mut found = Vec::new();
    for row in &report.samples {
        let sample = &row.sample;
        for item in &sample.items {
            let about = format!("deployment {}", item.item);
            let newest = item.conclusions.len().saturating_sub(1);
            let drawn = item.conclusions.iter().enumerate();
            found.extend(drawn.map(|(at, drawn)| observation(writer, of, drawn, &about, Some(at == newest))));
        }
        let whole = sample.whole.iter();
        found.extend(whole.map(|drawn| observation(writer, of, drawn, "the whole sample", None)));
        let beside = sample.not_in_sample.iter();
        found.extend(beside.map(|drawn| observation(writer, of, drawn, "a deployment that it does not hold", None)));
    }
    let without = report.conclusions_without_sample.iter();
    found.extend(without.map(|drawn| observation(writer, of, drawn, "what was not issued before as a sample", None)));
    found
}

/// The deployments that something was concluded of, but for those that are described already.
pub(super) fn items(writer: &Writer<'_>, of: &str, described: &BTreeSet<u64>) -> Vec<Value> {
    let rows = writer.report.samples.iter().flat_map(|sample| {
        let concluded = sample.sample.items.iter().filter(|item| !item.conclusions.is_empty());
        let concluded: BTreeSet<u64> = concluded.map(|item| item.item).collect();
        sample.rows.iter().filter(move |row| concluded.contains(&row.item))
    });
    // More than one sample may hold it.
    let rows: BTreeMap<u64, _> = rows.map(|row| (row.item, row)).collect();
    let rows = rows.into_values().filter(|row| !described.contains(&row.item));
    rows.map(|row| {
        let label = row.deployment.as_deref().unwrap_or("not of the period");
        json!({
            "uuid": writer.uuid(&format!("deployment {of} {}", row.item)),
            "description": writer.prose(&format!("Deployment, sampled: {label}, entry {}", row.item)),
        })
    })
    .collect()
}

/// A conclusion; `counts` tells whether it is the last one of its item.
fn observation(writer: &Writer<'_>, of: &str, drawn: &Concluded, about: &str, counts: Option<bool>) -> Value {
    let (index, said) = (drawn.index, &drawn.said);
    let who = drawn
        .by
        .as_ref()
        .map_or("Nobody named", |by| by.name.as_deref().unwrap_or(&by.id));
    let mut props: Vec<(&str, &dyn ToString)> = vec![("sample", &said.sample), ("signed-by", &drawn.producer)];
    let words = said.result.words();
    props.push(("conclusion", &words));
    props.extend(said.item.as_ref().map(|item| ("item", item as &dyn ToString)));
    props.extend(counts.as_ref().map(|counts| ("counts", counts as &dyn ToString)));
    let subject = said.item.filter(|_| counts.is_some()).map(
        |item| json!({ "subject-uuid": writer.uuid(&format!("deployment {of} {item}")), "type": "inventory-item" }),
    );
    json!({
        "uuid": writer.uuid(&format!("conclusion {of} {index}")),
        "title": format!("Conclusion of an auditor, entry {index}"),
        "description": writer.prose(&format!("{who} concludes of {about} (sample {}): {words}. {}", said.sample, said.text)),
        "props": writer.props(&props),
        "methods": ["EXAMINE"],
        "types": (said.result == AuditResult::Exception && counts != Some(false)).then(|| json!(["finding"])),
        "subjects": subject.into_iter().collect::<Vec<_>>(),
        "relevant-evidence": [entry(index), entry(said.sample)],
        "collected": drawn.at,
    })
}
