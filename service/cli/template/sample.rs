//! Sample contexts: what the demonstration's story makes of every document, without a service.

use std::collections::BTreeSet;

use ledger::{Edge, sha256};
use serde::Serialize;
use serde_json::Value;

use super::super::Failure;
use super::super::demo::story;
use super::{assessed, filled};
use crate::catalogue::Catalogue;
use crate::document::audience::Audience;
use crate::document::compliance::{ComplianceInput, LogPeriod};
use crate::document::release_notes::{Point, RELEASE_TEMPLATE, ReleaseInput, ReleaseNotesInput, Scope};
use crate::document::sample::SampleInput;
use crate::document::service_report::{Backlog, ServiceReportInput};
use crate::document::{ErasedEntry, LedgerView, Request, compliance, release_notes, sample, service_report};
use crate::domain::deployment::Deployment;
use crate::domain::extension::DeploymentKind;
use crate::domain::facts::Facts;
use crate::domain::keyring::Keyring;
use crate::domain::{EnvironmentName, Instant, Period, Recorded, ServiceName, Zone, parse, snapshot};
use crate::reconcile::{Input, Query, reconcile};

/// The day on which the story ends.
const END: &str = "2026-06-30T12:00:00Z";

/// A context, by the name of the template that renders it.
pub type Sample = (&'static str, Value);

/// Contexts of every document: first the one to show for each template, then those that stand for its other forms; each with every
/// list and text filled, and again as it is.
pub fn contexts() -> Result<Vec<Sample>, Failure> {
    let plain = plain()?;
    let mut samples = filled::filled(&plain);
    samples.extend(plain);
    Ok(samples)
}

/// What the story makes of every document, with what it leaves open.
fn plain() -> Result<Vec<Sample>, Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::refused(format!("the sample cannot be made: {error}"));
    let end = Instant::parse(END).map_err(|error| failed(&error))?;
    let mut records = Vec::new();
    for (index, recording) in (1_u64..).zip(story(end)) {
        records.push(Recorded {
            index,
            recorded_at: recording.recorded_at,
            producer: recording.signer.name().parse().map_err(|error| failed(&error))?,
            event: parse::parse(recording.payload_type, &recording.payload).map_err(|error| failed(&error))?,
        });
    }
    let mut facts = Facts::fold(&records);
    let ledger = LedgerView {
        origin: "sample.shipslog.example".to_owned(),
        tree_size: records.len() as u64 + 1,
        root: "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=".to_owned(),
        checkpoint: "sample.shipslog.example\n".to_owned(),
        erased: vec![ErasedEntry {
            index: 1,
            erased_by: 2,
            reason: "data-subject-request".to_owned(),
        }],
    };
    let environment: EnvironmentName = "production".parse().map_err(|error| failed(&error))?;
    let catalogue = Catalogue::built_in().map_err(|error| failed(&error))?;
    let period = Period::named("2026-Q2", "UTC").map_err(|error| failed(&error))?;
    let somebody = "release-desk".parse().map_err(|error| failed(&error))?;
    facts.attestations = assessed::attestations(&somebody, period.from, ledger.tree_size);
    let items = facts
        .deployments
        .iter()
        .filter(|d| d.environment == environment)
        .map(|d| d.index);
    let items: Vec<u64> = items.take(2).collect();
    facts.conclusions = assessed::conclusions(&somebody, (&environment, period), &items, ledger.tree_size + 4);
    let request = |template| Request {
        ledger: &ledger,
        query: "shipslog template sample",
        time_zone: Zone::UTC,
        template,
        template_sha256: "",
        catalogue_sha256: catalogue.sha256(),
    };
    // Going back shows the most: what came in before is withdrawn.
    let here = || facts.deployments.iter().filter(|d| d.environment == environment);
    let shown = here()
        .rfind(|d| d.kind.kind == DeploymentKind::Rollback)
        .or_else(|| here().next_back());
    let shown = shown.ok_or_else(|| failed(&"the story has no deployment"))?;
    let parameters = &catalogue.parameters;
    let mut contexts = Vec::new();
    let all = Scope::Range {
        from: Point::At(period.from),
        to: Point::At(period.to),
    };
    for scope in [Scope::Deployment(shown.id.clone()), all] {
        for audience in Audience::ALL {
            let template = release_notes::template(audience);
            let notes = release_notes::compose_for(
                &ReleaseNotesInput {
                    request: request(template),
                    service: &shown.service,
                    environment: &environment,
                    scope: &scope,
                    facts: &facts,
                    parameters,
                },
                audience,
            );
            contexts.push((template, value(&notes.map_err(|error| failed(&error))?)?));
        }
    }
    let report = service_report::compose(&ServiceReportInput {
        request: request(service_report::TEMPLATE),
        environment: &environment,
        services: &BTreeSet::new(),
        team: None,
        period,
        recorded_from: records.first().map(|record| record.recorded_at),
        recorded_until: records.last().map(|record| record.recorded_at),
        facts: &facts,
        earlier_backlog: &Backlog::default(),
        parameters,
    });
    let snapshots = snapshot::fold(&records);
    let query = Query {
        environment: environment.clone(),
        service: None,
        from: Some(period.from),
        to: Some(period.to),
    };
    let completeness = reconcile(
        &query,
        &Input {
            tree_size: ledger.tree_size,
            recorded_until: records.last().map(|record| record.recorded_at),
            deployments: &here().cloned().collect::<Vec<_>>(),
            snapshots: &snapshots,
            heard: &query.heard(&records),
            heard_before: &[],
            numbered: &[],
        },
    );
    let compliance = compliance::compose(&ComplianceInput {
        request: request(compliance::TEMPLATE),
        environment: &environment,
        service: None,
        period,
        frameworks: &catalogue.frameworks.iter().collect::<Vec<_>>(),
        catalogue: &catalogue,
        facts: &facts,
        completeness: &completeness,
        log: &LogPeriod {
            recorded_until: records.last().map_or(period.to, |record| record.recorded_at),
            before: (0, Edge::empty().root()),
            after: (0, Edge::empty().root()),
            consistency: Vec::new(),
            oldest: None,
            erased: &[],
            questions: &[],
            questions_elsewhere: 0,
            administrative: &[],
            keyring: &Keyring::default(),
        },
    });
    let leaves = here().map(|d| (d.index, sha256(d.id.as_str().as_bytes()))).collect();
    let plan = sample::Plan {
        seed: "an auditor's seed".to_owned(),
        size: 3,
        full: vec![DeploymentKind::Emergency],
    };
    let population: Vec<Deployment> = here().cloned().collect();
    let drawn = sample::draw(&population, &leaves, &plan).map_err(|error| failed(&error))?;
    let entries = sample::entries(drawn.iter().filter_map(|drawn| facts.deployment(drawn.index)), &facts);
    let proofs = entries.into_iter();
    let proofs = proofs
        .map(|index| (index, (sha256(&index.to_be_bytes()), Vec::new())))
        .collect();
    let papers = sample::compose(&SampleInput {
        request: request(sample::TEMPLATE),
        environment: &environment,
        service: None,
        period,
        plan: &plan,
        recorded_until: records.last().map(|record| record.recorded_at),
        counted_elsewhere: &items,
        leaves: &leaves,
        drawn: &drawn,
        facts: &facts,
        proofs: &proofs,
        parameters,
    });
    contexts.push((sample::TEMPLATE, value(&papers.map_err(|error| failed(&error))?)?));
    let services: BTreeSet<ServiceName> = here().map(|d| d.service.clone()).collect();
    let services: Vec<(ServiceName, Facts)> = services.into_iter().map(|name| (name, facts.clone())).collect();
    for audience in [Audience::Auditor, Audience::Manager, Audience::Customer] {
        let release = release_notes::compose_release(&ReleaseInput {
            request: request(RELEASE_TEMPLATE),
            environment: &environment,
            from: period.from,
            to: period.to,
            audience,
            services: &services,
            parameters,
        });
        contexts.push((RELEASE_TEMPLATE, value(&release.map_err(|error| failed(&error))?)?));
    }
    contexts.push((
        service_report::TEMPLATE,
        value(&report.map_err(|error| failed(&error))?)?,
    ));
    contexts.push((
        compliance::TEMPLATE,
        value(&compliance.map_err(|error| failed(&error))?)?,
    ));
    Ok(contexts)
}

fn value(context: &impl Serialize) -> Result<Value, Failure> {
    serde_json::to_value(context).map_err(|error| Failure::refused(format!("the sample cannot be written: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gaps(value: &Value, place: &str, found: &mut BTreeSet<String>) {
        match value {
            Value::Array(items) if !items.is_empty() => {
                items.iter().for_each(|item| gaps(item, &format!("{place}/*"), found));
            }
            Value::Object(members) if !members.is_empty() => {
                for (name, member) in members {
                    gaps(member, &format!("{place}/{name}"), found);
                }
            }
            Value::String(text) if !text.is_empty() => {}
            Value::Bool(_) | Value::Number(_) => {}
            _ => {
                found.insert(place.to_owned());
            }
        }
    }

    /// What is not there cannot be tried with hostile text: a template that lets it become markup would pass.
    #[test]
    fn every_list_and_text_of_every_context_is_filled() {
        let plain = plain().unwrap();
        let filled = filled::filled(&plain);
        assert_eq!(plain.len(), filled.len());
        let mut found = BTreeSet::new();
        for (template, context) in &filled {
            gaps(context, template, &mut found);
        }
        assert_eq!(found, BTreeSet::new());
    }
}
