//! The samples that auditors had drawn of what the report is about, each with what was concluded of its items. What has no conclusion is
//! shown as missing; a conclusion of something that is in no sample is shown as such.

use std::collections::BTreeSet;

use serde::Serialize;

use super::ComplianceInput;
use crate::domain::conclusion::{AuditResult, Concluded, ConcludedItem, ConcludedSample};
use crate::domain::deployment::Deployment;
use crate::domain::facts::Facts;

/// A sample.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SampleRow {
    /// The sample, with its items and all that was concluded.
    #[serde(flatten)]
    pub sample: ConcludedSample,
    /// Its items in words, in the order of the sample.
    pub rows: Vec<SampleItemRow>,
    /// Of how many items the last conclusion is an exception.
    pub exceptions: usize,
}

/// An item of a sample, in words.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SampleItemRow {
    /// First entry of the deployment.
    pub item: u64,
    /// What to call it, where the report knows it.
    pub deployment: Option<String>,
    /// What it was concluded to be last; that there is no conclusion.
    pub says: &'static str,
}

/// The samples of the environment, and of the service if one is asked for, whose period meets that of the report.
pub(super) fn rows(input: &ComplianceInput<'_>) -> Vec<SampleRow> {
    let samples = input.facts.conclusions.samples.iter();
    let found = samples.filter(|sample| meets(input, sample));
    found.map(|sample| SampleRow::of(sample, input.facts)).collect()
}

/// The conclusions that name no sample that was issued before them and may be of these deployments, and how many cannot be: the event
/// names another place, the item is none of these, the sample that was issued only afterwards is of something else, or it was recorded
/// before the period.
pub(super) fn without_sample(input: &ComplianceInput<'_>, deployments: &[&Deployment]) -> (Vec<Concluded>, usize) {
    let conclusions = &input.facts.conclusions;
    let entries: BTreeSet<u64> = deployments.iter().flat_map(|found| found.indexes()).collect();
    let may_be = |drawn: &&Concluded| {
        let issued = conclusions
            .samples
            .iter()
            .find(|sample| sample.index == drawn.said.sample);
        let (environment, service) = (drawn.environment.as_ref(), input.service.zip(drawn.service.as_ref()));
        drawn.recorded_at >= input.period.from
            && environment.is_none_or(|named| named == input.environment)
            && service.is_none_or(|(asked, named)| asked == named)
            && drawn.said.item.is_none_or(|item| entries.contains(&item))
            && issued.is_none_or(|sample| meets(input, sample))
    };
    let found: Vec<Concluded> = conclusions.without_sample.iter().filter(may_be).cloned().collect();
    let elsewhere = conclusions.without_sample.len() - found.len();
    (found, elsewhere)
}

/// Whether a sample is of what the report is about.
fn meets(input: &ComplianceInput<'_>, sample: &ConcludedSample) -> bool {
    let service = input.service.zip(sample.service.as_ref());
    sample.environment == *input.environment
        && service.is_none_or(|(asked, of)| asked == of)
        && sample.from < input.period.to
        && input.period.from < sample.to
}

impl SampleRow {
    fn of(sample: &ConcludedSample, facts: &Facts) -> Self {
        let last = |item: &ConcludedItem| item.conclusions.last().map(|concluded| concluded.said.result);
        let row = |item: &ConcludedItem| SampleItemRow {
            item: item.item,
            deployment: facts
                .deployment(item.item)
                .map(|found| format!("{} {}", found.service, found.label())),
            says: last(item).map_or("no conclusion recorded", AuditResult::words),
        };
        let exceptions = sample
            .items
            .iter()
            .filter(|item| last(item) == Some(AuditResult::Exception));
        Self {
            rows: sample.items.iter().map(row).collect(),
            exceptions: exceptions.count(),
            sample: sample.clone(),
        }
    }
}
