//! Quantiles over raw items. They must never be taken over other quantiles, nor over a part of the items.

use std::collections::BTreeSet;

use serde::Serialize;
use utoipa::ToSchema;

/// How lengths of time are distributed. Without items there is no data: null, never 0.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Distribution {
    /// How many items.
    pub n: usize,
    /// Half of them take at most this many milliseconds.
    pub median_ms: Option<i64>,
    /// Three quarters of them do.
    pub p75_ms: Option<i64>,
    /// Nine tenths of them do.
    pub p90_ms: Option<i64>,
    /// The deployments that the items are of.
    pub deployments: BTreeSet<u64>,
}

impl Distribution {
    /// Of items, each a deployment's index and a length of time.
    pub(super) fn of(items: &[(u64, i64)]) -> Self {
        let mut values: Vec<i64> = items.iter().map(|(_, millis)| *millis).collect();
        values.sort_unstable();
        Self {
            n: values.len(),
            median_ms: quantile(&values, 0.5),
            p75_ms: quantile(&values, 0.75),
            p90_ms: quantile(&values, 0.9),
            deployments: items.iter().map(|(index, _)| *index).collect(),
        }
    }
}

/// The quantile `p` of ascending values, interpolated between its neighbours: type 7 of Hyndman and Fan, "Sample
/// quantiles in statistical packages" (1996), which spreadsheets, R and NumPy use by default.
pub(super) fn quantile(ascending: &[i64], p: f64) -> Option<i64> {
    let (low, step) = interpolated(ascending, p)?;
    Some(low + step.round() as i64)
}

/// The median of numbers, by the same rule.
pub fn median(mut values: Vec<i64>) -> Option<f64> {
    values.sort_unstable();
    let (low, step) = interpolated(&values, 0.5)?;
    Some(low as f64 + step)
}

/// The value below the quantile, and how far it is above that.
fn interpolated(ascending: &[i64], p: f64) -> Option<(i64, f64)> {
    let last = ascending.len().checked_sub(1)?;
    let at = last as f64 * p.clamp(0.0, 1.0);
    let below = at.floor() as usize;
    let (low, high) = (ascending[below], ascending[(below + 1).min(last)]);
    Some((low, (at - at.floor()) * (high - low) as f64))
}
