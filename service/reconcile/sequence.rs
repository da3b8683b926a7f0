//! The numbers that are missing from the series of sources.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use utoipa::ToSchema;

use super::Heard;
use crate::domain::sequence::Numbered;

/// The numbers of one series.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Series {
    /// The source.
    pub source: String,
    /// Its series; none where it has only one.
    pub series: Option<String>,
    /// The smallest number that was recorded.
    pub first: u64,
    /// The greatest.
    pub last: u64,
    /// Different numbers that were recorded.
    pub recorded: u64,
    /// Numbers between first and last that were not.
    pub missing: u64,
    /// Where they are, in order.
    pub gaps: Vec<Gap>,
}

/// Numbers in a row that were not recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Gap {
    /// The first that is missing.
    pub from: u64,
    /// The last that is missing.
    pub to: u64,
    /// Entry of the number before them.
    pub after: u64,
    /// Entry of the number after them.
    pub before: u64,
}

/// The series of these numbers, by source and name: all of them, or those of what was heard and the next before and after.
pub(super) fn series(numbered: &[Numbered], heard: Option<&[Heard]>) -> Vec<Series> {
    // Of entries with the same number, the first.
    let mut numbers: BTreeMap<(&str, &str), BTreeMap<u64, u64>> = BTreeMap::new();
    for one in numbered {
        let series = numbers.entry((&one.source, &one.series)).or_default();
        let index = series.entry(one.number).or_insert(one.index);
        *index = one.index.min(*index);
    }
    if let Some(heard) = heard {
        let heard: BTreeSet<u64> = heard.iter().map(|heard| heard.index).collect();
        let mut theirs: BTreeMap<(&str, &str), BTreeSet<u64>> = BTreeMap::new();
        for one in numbered.iter().filter(|one| heard.contains(&one.index)) {
            theirs.entry((&one.source, &one.series)).or_default().insert(one.number);
        }
        numbers.retain(|series, numbers| {
            let bounds = theirs
                .get(series)
                .and_then(|theirs| Some((*theirs.first()?, *theirs.last()?)));
            let Some((first, last)) = bounds else { return false };
            let first = numbers.range(..first).next_back().map_or(first, |(number, _)| *number);
            let last = numbers.range(last + 1..).next().map_or(last, |(number, _)| *number);
            numbers.retain(|number, _| (first..=last).contains(number));
            true
        });
    }
    numbers
        .into_iter()
        .filter_map(|((source, name), numbers)| {
            let (first, last) = (*numbers.first_key_value()?.0, *numbers.last_key_value()?.0);
            let neighbours = numbers.iter().zip(numbers.iter().skip(1));
            let gap = |((number, after), (next, before)): ((&u64, &u64), (&u64, &u64))| Gap {
                from: number + 1,
                to: next - 1,
                after: *after,
                before: *before,
            };
            let gaps: Vec<Gap> = neighbours.map(gap).filter(|gap| gap.from <= gap.to).collect();
            Some(Series {
                source: source.to_owned(),
                series: Some(name.to_owned()).filter(|name| !name.is_empty()),
                first,
                last,
                recorded: numbers.len() as u64,
                missing: gaps.iter().map(|gap| gap.to - gap.from + 1).sum(),
                gaps,
            })
        })
        .collect()
}
