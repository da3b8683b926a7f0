//! Deployment frequency: how many, on how many days, how far apart, and when. A rate is only told of whole buckets;
//! what a period cuts off must never be extrapolated.

use std::collections::BTreeSet;

use serde::Serialize;
use utoipa::ToSchema;

use super::bucket::Span;
use super::population::{Population, indexes};
use super::quantile::quantile;
use crate::domain::Instant;
use crate::domain::deployment::Role;

/// How often something was deployed with success. Going back is a deployment too; doing the same again is none.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Frequency {
    /// Deployments, rollbacks and baselines among them, redeploys not.
    pub count: usize,
    /// Those of them that went back.
    pub rollbacks: BTreeSet<u64>,
    /// Those of them that were the first known of their service and environment.
    pub baselines: BTreeSet<u64>,
    /// Redeploys of what ran already, which are not counted.
    pub redeploys: BTreeSet<u64>,
    /// Days with a deployment.
    pub active_days: usize,
    /// Days that the period touches.
    pub days: usize,
    /// Half of the gaps between one deployment and the next are at most this many milliseconds; null for fewer than two.
    pub median_gap_ms: Option<i64>,
    /// What whole buckets say about the rate.
    pub whole_buckets: WholeBuckets,
    /// All buckets that the period touches, those without a deployment too.
    pub series: Vec<FrequencyBucket>,
    /// Those that are counted.
    pub deployments: BTreeSet<u64>,
}

/// The deployments of the whole buckets.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct WholeBuckets {
    /// How many buckets are whole.
    pub buckets: usize,
    /// Deployments in them.
    pub count: usize,
    /// Deployments for each, to two places; null without a whole bucket.
    pub mean: Option<f64>,
}

/// The deployments of one bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FrequencyBucket {
    /// `2026-03-29`, `2026-W13` or `2026-03`.
    pub name: String,
    /// The first instant of the bucket, in the time zone of the query.
    #[schema(value_type = String, format = DateTime)]
    pub from: Instant,
    /// The first instant after it.
    #[schema(value_type = String, format = DateTime)]
    pub to: Instant,
    /// Whether the period cuts it, or it was not over yet: its count is not comparable with others.
    pub partial: bool,
    /// Deployments in the part that the period has of it.
    pub count: usize,
    /// Rollbacks among them.
    pub rollbacks: usize,
    /// Redeploys, which are not counted.
    pub redeploys: usize,
    /// Those that are counted.
    pub deployments: BTreeSet<u64>,
}

impl Frequency {
    pub(super) fn of(population: &Population<'_>) -> Self {
        let scope = &population.scope;
        let period = &scope.query.period;
        let of_role = |role| {
            indexes(
                population
                    .succeeded()
                    .filter(move |e| e.deployment.lineage.role == role),
            )
        };
        let counted = || {
            let all = population.succeeded();
            all.filter(|e| e.deployment.lineage.role != Role::Again)
        };
        let mut series: Vec<FrequencyBucket> = scope.spans.iter().map(|span| empty(span, scope.as_of)).collect();
        for ended in population.succeeded() {
            let at = scope.spans.partition_point(|span| span.to <= ended.at);
            if let Some(bucket) = series.get_mut(at) {
                match ended.deployment.lineage.role {
                    Role::Again => {
                        bucket.redeploys += 1;
                        continue;
                    }
                    Role::Back => bucket.rollbacks += 1,
                    Role::First | Role::Forward => {}
                }
                bucket.count += 1;
                bucket.deployments.insert(ended.deployment.index);
            }
        }
        let ends: Vec<Instant> = counted().map(|e| e.at).collect();
        let mut gaps: Vec<i64> = ends.windows(2).map(|pair| pair[1].millis_since(pair[0])).collect();
        gaps.sort_unstable();
        let days: BTreeSet<_> = ends.iter().map(|at| period.day(*at)).collect();
        let (first, last) = (period.day(period.from), period.day(period.to.plus_millis(-1)));
        Self {
            count: ends.len(),
            rollbacks: of_role(Role::Back),
            baselines: of_role(Role::First),
            redeploys: of_role(Role::Again),
            active_days: days.len(),
            days: usize::try_from((last - first).num_days() + 1).unwrap_or_default(),
            median_gap_ms: quantile(&gaps, 0.5),
            whole_buckets: WholeBuckets::of(&series),
            series,
            deployments: indexes(counted()),
        }
    }
}

impl WholeBuckets {
    fn of(series: &[FrequencyBucket]) -> Self {
        let whole = || series.iter().filter(|bucket| !bucket.partial);
        let (buckets, count) = (whole().count(), whole().map(|bucket| bucket.count).sum());
        Self {
            buckets,
            count,
            mean: (buckets > 0).then(|| (count as f64 / buckets as f64 * 100.0).round() / 100.0),
        }
    }
}

fn empty(span: &Span, as_of: Option<Instant>) -> FrequencyBucket {
    FrequencyBucket {
        name: span.name.clone(),
        from: span.from,
        to: span.to,
        partial: !span.whole || as_of.is_none_or(|as_of| as_of < span.to),
        count: 0,
        rollbacks: 0,
        redeploys: 0,
        deployments: BTreeSet::new(),
    }
}
