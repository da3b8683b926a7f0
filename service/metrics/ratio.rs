//! A part of a number of deployments, with both counts. It must never show a percentage of too few.

use std::collections::BTreeSet;

use serde::Serialize;
use utoipa::ToSchema;

/// Below this many, a percentage would promise a precision that is not there; the two counts say all there is.
pub const MIN_PERCENTAGE: usize = 20;

/// How many out of how many.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Ratio {
    /// How many.
    pub count: usize,
    /// Out of how many.
    pub n: usize,
    /// The part from 0 to 1, to four places; null for fewer than 20.
    pub rate: Option<f64>,
    /// Those that are counted.
    pub deployments: BTreeSet<u64>,
}

impl Ratio {
    /// The deployments that are counted, out of a number of them.
    pub(super) fn of(deployments: BTreeSet<u64>, n: usize) -> Self {
        let count = deployments.len();
        Self {
            count,
            n,
            rate: rate(count, n),
            deployments,
        }
    }
}

/// The part, where there are enough to speak of one.
pub(super) fn rate(count: usize, n: usize) -> Option<f64> {
    (n >= MIN_PERCENTAGE).then(|| (count as f64 / n as f64 * 10_000.0).round() / 10_000.0)
}
