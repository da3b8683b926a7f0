//! Numbers that a source gives its records one after the other, so that a missing record shows.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::event::Recorded;

/// The greatest number: what every JSON reader holds exactly.
pub const MOST: u64 = (1 << 53) - 1;
/// Stands between the parts of a value that a number is found by. No source and no series holds it.
const SEPARATOR: char = '\u{1f}';

/// Where a record stands among those of its source: `customData.shipslog.sequence` of any event. The numbers of a series rise by
/// one; records that belong together, such as those of one run of a pipeline, may share a number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Sequence {
    /// The number, at most 2^53 - 1.
    pub number: u64,
    /// Tells apart the series of one source, such as the workflows of a repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub series: Option<String>,
    /// Seconds within which the source means to send the next record. After that it counts as silent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_within_s: Option<u32>,
}

/// A number with the entry that bears it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Numbered {
    /// The source.
    pub source: String,
    /// The series; empty where the source has only one.
    pub series: String,
    /// The number.
    pub number: u64,
    /// Index of the entry.
    pub index: u64,
}

impl Sequence {
    /// The value that the number is found by: those of a series are in order.
    pub fn value(&self, source: &str) -> String {
        Self::value_of(source, self.series.as_deref().unwrap_or_default(), self.number)
    }

    /// The same of a number of a series, which is empty where the source has only one.
    pub fn value_of(source: &str, series: &str, number: u64) -> String {
        format!("{}{series}{SEPARATOR}{number:016}", values_of(source))
    }
}

/// What the values of all numbers of a source begin with.
pub fn values_of(source: &str) -> String {
    format!("{source}{SEPARATOR}")
}

impl Numbered {
    /// From a value, and the entry that is found by it.
    pub fn parse(value: &str, index: u64) -> Option<Self> {
        let mut parts = value.split(SEPARATOR);
        let (source, series, number) = (parts.next()?, parts.next()?, parts.next()?);
        Some(Self {
            source: source.to_owned(),
            series: series.to_owned(),
            number: number.parse().ok()?,
            index,
        })
    }

    /// From an event, if it is numbered.
    pub fn of(record: &Recorded) -> Option<Self> {
        let sequence = record.event.extension.sequence.as_ref()?;
        Some(Self {
            source: record.event.source.clone(),
            series: sequence.series.clone().unwrap_or_default(),
            number: sequence.number,
            index: record.index,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_in_the_order_of_the_numbers_and_can_be_read_again() {
        let value = |series: Option<&str>, number| {
            let series = series.map(str::to_owned);
            let next_within_s = None;
            let sequence = Sequence {
                number,
                series,
                next_within_s,
            };
            sequence.value("https://ci.example/shop")
        };
        assert!(value(None, 9) < value(None, 10) && value(None, 10) < value(Some("deploy"), 1));
        assert!(value(None, MOST).starts_with(&values_of("https://ci.example/shop")));
        let read = Numbered::parse(&value(Some("deploy"), MOST), 7).unwrap();
        assert_eq!(
            (read.source.as_str(), read.series.as_str(), read.number, read.index),
            ("https://ci.example/shop", "deploy", MOST, 7)
        );
        assert_eq!(Numbered::parse("https://ci.example/shop", 7), None);
    }
}
