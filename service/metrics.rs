//! Delivery metrics: how often, how fast and how safely services reach production, after the definitions of
//! <https://dora.dev/guides/dora-metrics/>.
//!
//! Pure. A report is a function of the facts below a tree size, the query, its time zone and [`ALGORITHM`]; no clock is
//! read, "as of" is a time that the ledger itself recorded. Must never count incidents where deployments are meant, turn
//! missing data into 0, or aggregate aggregates: every number is computed from the raw items of its whole period, and
//! comes with the indexes of the deployments or incidents behind it.

mod approval;
mod band;
mod bucket;
mod change_fail;
mod failure;
mod frequency;
mod incidents;
mod lead_time;
mod link;
mod performance;
mod population;
mod quantile;
mod ratio;
mod recovery;
mod standing;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use utoipa::ToSchema;

use self::failure::Failures;
use self::population::{Population, Scope};
use crate::correlate;
use crate::domain::alias::Aliases;
use crate::domain::deployment::Deployment;
use crate::domain::evidence::Evidence;
use crate::domain::extension::Tier;
use crate::domain::incident::Incident;
use crate::domain::service::Services;
use crate::domain::{EnvironmentName, Instant, Period, PeriodError, ServiceName, zone};

pub use approval::{AnsweredRequest, ApprovalLeadTime};
pub use band::{BandRow, Bands, Edition, Rung};
pub use bucket::Bucket;
pub use change_fail::{ChangeFailRate, Immature};
pub use frequency::{Frequency, FrequencyBucket, WholeBuckets};
pub use incidents::{IncidentCounts, ReviewBacklog, waiting};
pub use lead_time::{LeadTime, LongCommit};
pub use link::{Link, linked};
pub use performance::{Performance, ServicePerformance, SuccessRate};
pub use quantile::{Distribution, median};
pub use ratio::{MIN_PERCENTAGE, Ratio};
pub use recovery::{OpenFailure, RecoveredFailure, RecoveryTime};
pub use standing::{StandingFailure, standing, went_on};

/// Names the definitions below; any change to what a number means changes it. Since `delivery-3` rollbacks, redeploys and baselines are
/// told by what a deployment did, and bands of the frequency by all days.
pub const ALGORITHM: &str = "delivery-3";
/// A deployment younger than this may only look healthy because nobody has found out yet.
pub const MATURITY_HOURS: u32 = 72;
/// The longest maturity window that can be asked for: a year.
pub const MAX_MATURITY_HOURS: u32 = 366 * 24;
/// Most buckets of one series: ten years of days.
pub const MAX_BUCKETS: usize = 3660;
/// Most buckets of one report, over all services that it has rows for.
pub const MAX_ALL_BUCKETS: usize = 50_000;

/// What is asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// Only these services; all where none is named.
    pub services: BTreeSet<ServiceName>,
    /// Only what this team owned at the time; all where none is named.
    pub team: Option<String>,
    /// Only this environment; all of the tier production where none is named.
    pub environment: Option<EnvironmentName>,
    /// The period, in its time zone.
    pub period: Period,
    /// What the series of deployments counts in.
    pub bucket: Bucket,
    /// Age from which a deployment counts in the change fail rate.
    pub maturity_hours: u32,
    /// Whether there is a row for each service, besides the whole.
    pub by_service: bool,
    /// Benchmark to show beside the numbers; none unless it is asked for.
    pub bands: Option<Edition>,
}

/// What a report is computed from.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// Nothing at or above this index entered the facts.
    pub tree_size: u64,
    /// When the newest entry below the tree size was recorded; none in an empty log.
    pub recorded_until: Option<Instant>,
    /// All deployments, of any service, environment and time: what is new depends on what was before.
    pub deployments: &'a [Deployment],
    /// All incidents.
    pub incidents: &'a [Incident],
    /// The approvals of all deployments, beside any other evidence.
    pub evidence: &'a Evidence,
    /// Which names are one person.
    pub aliases: &'a Aliases,
    /// How close environments are to users.
    pub tiers: &'a BTreeMap<EnvironmentName, Tier>,
    /// Which teams own services.
    pub owners: &'a Services,
    /// Which deployments are linked to which incidents.
    pub links: &'a [Link],
    /// Incidents that, as a person says, no deployment caused; by [`Incident::index`].
    pub no_deployment: &'a BTreeSet<u64>,
}

/// How software was delivered in a period.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = DeliveryPerformance)]
pub struct Report {
    /// Only entries below this index were looked at.
    pub tree_size: u64,
    /// The definitions of the numbers.
    pub algorithm: &'static str,
    /// The rules that suggest which deployment caused an incident.
    pub correlation: &'static str,
    /// The time that the report speaks as of: when the newest entry was recorded, or the end of the period if that is
    /// earlier. Null for an empty log.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub as_of: Option<Instant>,
    /// When the newest entry that was looked at was recorded; ages for the maturity window are counted up to here.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub recorded_until: Option<Instant>,
    /// The first instant of the period.
    #[schema(value_type = String, format = DateTime)]
    pub from: Instant,
    /// The first instant after the period.
    #[schema(value_type = String, format = DateTime)]
    pub to: Instant,
    /// The zone that days, weeks and months are counted in.
    pub time_zone: String,
    /// Release of the IANA time zone database that was used.
    pub time_zone_data: &'static str,
    /// What the series counts in.
    pub bucket: Bucket,
    /// Age in hours from which a deployment counts in the change fail rate.
    pub maturity_hours: u32,
    /// Services that it was limited to; empty for all.
    #[schema(value_type = Vec<String>)]
    pub services: BTreeSet<ServiceName>,
    /// The team that it was limited to: what it owned when it happened.
    pub team: Option<String>,
    /// Environments that were taken for production.
    #[schema(value_type = Vec<String>)]
    pub environments: BTreeSet<EnvironmentName>,
    /// The numbers over all these services together, from the raw items.
    pub whole: Performance,
    /// The numbers of each service, where they were asked for.
    pub by_service: Vec<ServicePerformance>,
    /// The benchmark, where one was asked for.
    pub bands: Option<Bands>,
}

/// Why there are no metrics.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MetricsError {
    /// No such period.
    #[error(transparent)]
    Period(#[from] PeriodError),
    /// A series, or all of them together, that nobody could read.
    #[error("the period has more than {most} buckets: choose a longer bucket, a shorter period or fewer services")]
    Buckets {
        /// How many there may be.
        most: usize,
    },
    /// No such benchmark.
    #[error("there is no benchmark `{0}`: bands are of 2021, 2023 and 2024 (the surveys since then form no groups)")]
    Edition(String),
    /// Longer than anybody waits.
    #[error("maturity_hours must not be more than {MAX_MATURITY_HOURS}")]
    Maturity,
}

/// Computes the metrics.
pub fn measure(query: &Query, input: &Input<'_>) -> Result<Report, MetricsError> {
    if query.maturity_hours > MAX_MATURITY_HOURS {
        return Err(MetricsError::Maturity);
    }
    let period = &query.period;
    let spans = bucket::spans(query.bucket, period)?;
    let as_of = input.recorded_until.map(|until| until.min(period.to));
    let environments = environments(query, input);
    let failures = Failures::of(input, &environments);
    let scope = Scope {
        input,
        query,
        environments: &environments,
        failures: &failures,
        spans: &spans,
        as_of,
    };
    let by_service = if query.by_service {
        let names = services(&scope);
        if names.len().saturating_mul(spans.len()) > MAX_ALL_BUCKETS {
            return Err(MetricsError::Buckets { most: MAX_ALL_BUCKETS });
        }
        let row = |service: &ServiceName| ServicePerformance {
            service: service.clone(),
            performance: Performance::of(&Population::of(&scope, Some(service))),
        };
        names.into_iter().map(row).collect()
    } else {
        Vec::new()
    };
    let whole = Performance::of(&Population::of(&scope, None));
    Ok(Report {
        tree_size: input.tree_size,
        algorithm: ALGORITHM,
        correlation: correlate::ALGORITHM,
        as_of,
        recorded_until: input.recorded_until,
        from: period.from,
        to: period.to,
        time_zone: period.zone.name().to_owned(),
        time_zone_data: zone::TIME_ZONE_DATA,
        bucket: query.bucket,
        maturity_hours: query.maturity_hours,
        services: query.services.clone(),
        team: query.team.clone(),
        bands: query.bands.map(|edition| {
            let elapsed = as_of.map_or(0, |as_of| as_of.millis_since(period.from));
            Bands::beside(edition, &whole, elapsed.max(0))
        }),
        whole,
        by_service,
        environments: environments.into_iter().cloned().collect(),
    })
}

/// The environments that are looked at: the one that was named, else those that users depend on.
fn environments<'a>(query: &'a Query, input: &Input<'a>) -> BTreeSet<&'a EnvironmentName> {
    match &query.environment {
        Some(environment) => BTreeSet::from([environment]),
        None => {
            let production = input.tiers.iter().filter(|(_, tier)| **tier == Tier::Production);
            production.map(|(name, _)| name).collect()
        }
    }
}

/// The services that get a row: those named, else all that were ever deployed there or were hurt in the period.
fn services<'a>(scope: &Scope<'a>) -> BTreeSet<&'a ServiceName> {
    if !scope.query.services.is_empty() {
        return scope.query.services.iter().collect();
    }
    let deployed = scope
        .input
        .deployments
        .iter()
        .filter(|d| scope.is_here(d) && scope.is_owned(&d.service, d.start_at()));
    let hurt = scope.incidents().filter_map(|incident| incident.service.as_ref());
    deployed.map(|d| &d.service).chain(hurt).collect()
}

#[cfg(test)]
mod tests;
