//! Sources that should have been heard of again.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use super::Heard;
use super::finding::Moment;
use crate::domain::Instant;

/// Records that a source must have sent before anything is usual for it.
const FEWEST: usize = 6;
/// Records of a source that tell what is usual, the newest.
const LOOKED_AT: usize = 20;
/// How many times longer than usual is silence.
const TIMES: i64 = 3;
/// Nothing shorter than a day is silence unless the source says so, in ms.
const SHORTEST_MS: i64 = 24 * 60 * 60_000;

/// A source that should have been heard of again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Silent {
    /// The source.
    pub source: String,
    /// When it was last heard of.
    pub last: Moment,
    /// How long it may be silent, in ms.
    pub expected_within_ms: i64,
    /// How that is known.
    pub expectation: Expectation,
    /// How long it has been silent when the newest entry was recorded, or at the end of the time that is asked about, in ms.
    pub silent_for_ms: i64,
}

/// How it is known when a source should be heard of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Expectation {
    /// Its last record says so: `next_within_s`.
    Declared,
    /// Three times the longest pause between its last 20 records, and at least a day.
    Usual,
}

/// The silent ones among the sources that were heard of, at a time.
pub(super) fn silent(heard: &[&Heard], judged_at: Option<Instant>) -> Vec<Silent> {
    let mut sources: BTreeMap<&str, Vec<&Heard>> = BTreeMap::new();
    for record in heard.iter().copied() {
        sources.entry(&record.source).or_default().push(record);
    }
    let judged = |(source, records): (&str, Vec<&Heard>)| {
        let newest = *records.last()?;
        let (expected_within_ms, expectation) = expectation(&records)?;
        let silent_for_ms = judged_at?.millis_since(newest.recorded_at);
        (silent_for_ms > expected_within_ms).then(|| Silent {
            source: source.to_owned(),
            last: Moment {
                index: newest.index,
                at: newest.recorded_at,
            },
            expected_within_ms,
            expectation,
            silent_for_ms,
        })
    };
    sources.into_iter().filter_map(judged).collect()
}

/// How long a source may be silent after these records, in ledger order.
fn expectation(records: &[&Heard]) -> Option<(i64, Expectation)> {
    if let Some(seconds) = records.last()?.next_within_s {
        return Some((i64::from(seconds) * 1000, Expectation::Declared));
    }
    let newest = &records[records.len().saturating_sub(LOOKED_AT)..];
    let pauses = newest.iter().zip(newest.iter().skip(1));
    let longest = pauses
        .map(|(one, next)| next.recorded_at.millis_since(one.recorded_at))
        .max();
    let usual = longest.filter(|_| records.len() >= FEWEST)?;
    Some((usual.saturating_mul(TIMES).max(SHORTEST_MS), Expectation::Usual))
}
