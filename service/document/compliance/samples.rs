//! The samples that auditors had drawn of what the report is about, each with what was concluded of its items. What has no conclusion is
//! shown as missing; a conclusion of something that is in no sample is shown as such.

use serde::Serialize;

use super::ComplianceInput;
use crate::domain::conclusion::{AuditResult, ConcludedItem, ConcludedSample};
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
    let meets = |sample: &&ConcludedSample| {
        sample.environment == *input.environment
            && input
                .service
                .zip(sample.service.as_ref())
                .is_none_or(|(asked, of)| asked == of)
            && sample.from < input.period.to
            && input.period.from < sample.to
    };
    let found = input.facts.conclusions.samples.iter().filter(meets);
    found.map(|sample| SampleRow::of(sample, input.facts)).collect()
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
