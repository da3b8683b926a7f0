//! Benchmark bands: what groups of respondents of a survey reported, as data with a year and a source. They must never
//! be shown without being asked for, nor rank services: the surveys compare whole applications with themselves over
//! time, and warn against comparing different ones.

use serde::Serialize;
use utoipa::ToSchema;

use super::MetricsError;
use super::performance::Performance;

/// Fewer deployments than this show no rate.
const MIN_DEPLOYMENTS: usize = 5;
const HOUR: f64 = 3_600_000.0;
const DAY: f64 = 24.0 * HOUR;
const WEEK: f64 = 7.0 * DAY;
const MONTH: f64 = 30.0 * DAY;

/// A survey whose answers formed groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edition {
    /// Accelerate State of DevOps 2021.
    Of2021,
    /// Accelerate State of DevOps 2023.
    Of2023,
    /// Accelerate State of DevOps 2024.
    Of2024,
}

/// The numbers of a report beside a benchmark.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Bands {
    /// The year of the survey.
    pub year: u16,
    /// Where the bands were published.
    pub source: &'static str,
    /// What they do not say.
    pub note: &'static str,
    /// One for each metric that the survey has bands of.
    pub metrics: Vec<BandRow>,
}

/// A metric beside its bands.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct BandRow {
    /// The metric.
    pub metric: &'static str,
    /// The band that it falls into; null without data, with too little of it, where the bands have no order, or between two
    /// of them.
    pub band: Option<&'static str>,
    /// The bands, as the survey orders its groups.
    pub rungs: Vec<Rung>,
}

/// One band.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct Rung {
    /// Its name in the survey.
    pub band: &'static str,
    /// What it means.
    pub words: &'static str,
    /// Inclusive lower limit, in milliseconds or as a part of 1.
    #[serde(skip)]
    from: f64,
    /// Exclusive upper limit.
    #[serde(skip)]
    below: f64,
}

const fn rung(band: &'static str, words: &'static str, below: f64) -> Rung {
    between(band, words, 0.0, below)
}

const fn between(band: &'static str, words: &'static str, from: f64, below: f64) -> Rung {
    Rung {
        band,
        words,
        from,
        below,
    }
}

const NO_LIMIT: f64 = f64::INFINITY;
/// A typical value of a group, and no limit that anything could be below.
const TYPICAL: f64 = f64::NEG_INFINITY;

const FREQUENCY_2021: [Rung; 4] = [
    rung("elite", "several a day", DAY),
    rung("high", "between one a day and one a month", MONTH),
    rung("medium", "between one a month and one in six months", 6.0 * MONTH),
    rung("low", "less than one in six months", NO_LIMIT),
];
const FREQUENCY: [Rung; 4] = [
    rung("elite", "several a day", DAY),
    rung("high", "between one a day and one a week", WEEK),
    rung("medium", "between one a week and one a month", MONTH),
    rung("low", "less than one a month", NO_LIMIT),
];
const FREQUENCY_2024: [Rung; 4] = [
    FREQUENCY[0],
    FREQUENCY[1],
    FREQUENCY[2],
    between("low", "between one a month and one in six months", MONTH, 6.0 * MONTH),
];
const LEAD_TIME_2021: [Rung; 4] = [
    rung("elite", "less than an hour", HOUR),
    rung("high", "less than a week", WEEK),
    rung("medium", "up to six months", 6.0 * MONTH),
    rung("low", "more than six months", NO_LIMIT),
];
const LEAD_TIME: [Rung; 4] = [
    rung("elite", "less than a day", DAY),
    rung("high", "less than a week", WEEK),
    rung("medium", "less than a month", MONTH),
    rung("low", "a month or more", NO_LIMIT),
];
const LEAD_TIME_2024: [Rung; 4] = [
    LEAD_TIME[0],
    LEAD_TIME[1],
    LEAD_TIME[2],
    between("low", "between a month and six months", MONTH, 6.0 * MONTH),
];
const FAIL_2021: [Rung; 4] = [
    rung("elite", "up to 15 %", 0.155),
    rung("high", "16 to 20 %", 0.205),
    rung("medium", "21 to 30 %", 0.305),
    rung("low", "more than 30 %", NO_LIMIT),
];
const FAIL_2023: [Rung; 4] = [
    rung("elite", "up to 5 %", 0.05 + f64::EPSILON),
    rung("high", "up to 10 %", 0.10 + f64::EPSILON),
    rung("medium", "up to 15 %", 0.15 + f64::EPSILON),
    rung("low", "more than 15 %", NO_LIMIT),
];
const FAIL_2024: [Rung; 4] = [
    rung("elite", "about 5 %", TYPICAL),
    rung("high", "about 20 %", TYPICAL),
    rung("medium", "about 10 %", TYPICAL),
    rung("low", "about 40 %", TYPICAL),
];
const RECOVERY: [Rung; 4] = [
    rung("elite", "less than an hour", HOUR),
    rung("high", "less than a day", DAY),
    rung("medium", "less than a week", WEEK),
    rung("low", "a week or more", NO_LIMIT),
];
const RECOVERY_2024: [Rung; 3] = [
    rung("elite", "less than an hour", HOUR),
    rung("high or medium", "less than a day", DAY),
    between("low", "between a week and a month", WEEK, MONTH),
];

impl Edition {
    /// Reads a year.
    pub fn parse(year: &str) -> Result<Self, MetricsError> {
        match year {
            "2021" => Ok(Self::Of2021),
            "2023" => Ok(Self::Of2023),
            "2024" => Ok(Self::Of2024),
            other => Err(MetricsError::Edition(other.to_owned())),
        }
    }
}

impl Bands {
    /// The bands beside the numbers of so much time.
    pub(super) fn beside(edition: Edition, performance: &Performance, elapsed_ms: i64) -> Self {
        let (year, source, note) = match edition {
            Edition::Of2021 => (
                2021,
                "Accelerate State of DevOps 2021, as Apache DevLake tabulates it",
                NOTE_2021,
            ),
            Edition::Of2023 => (
                2023,
                "Accelerate State of DevOps 2023, as Apache DevLake tabulates it",
                NOTE,
            ),
            Edition::Of2024 => (
                2024,
                "Accelerate State of DevOps 2024, as secondary sources quote it",
                NOTE_2024,
            ),
        };
        let (frequency, lead_time, fail, recovery): (&[Rung], &[Rung], &[Rung], &[Rung]) = match edition {
            Edition::Of2021 => (&FREQUENCY_2021, &LEAD_TIME_2021, &FAIL_2021, &RECOVERY),
            Edition::Of2023 => (&FREQUENCY, &LEAD_TIME, &FAIL_2023, &RECOVERY),
            Edition::Of2024 => (&FREQUENCY_2024, &LEAD_TIME_2024, &FAIL_2024, &RECOVERY_2024),
        };
        let millis = |value: Option<i64>| value.map(|value| value as f64);
        let row = |metric, rungs: &[Rung], values: [Option<f64>; 2]| BandRow {
            metric,
            band: band(rungs, values),
            rungs: rungs.to_vec(),
        };
        // A few in one afternoon are no habit: all days count, those without a deployment too.
        let count = performance.deployment_frequency.count;
        let gap = (count >= MIN_DEPLOYMENTS).then(|| elapsed_ms as f64 / count as f64);
        let lead = millis(performance.change_lead_time.commits.median_ms);
        let recovered = millis(performance.failed_deployment_recovery_time.recovered.median_ms);
        let rate = &performance.change_fail_rate;
        Self {
            year,
            source,
            note,
            metrics: vec![
                row("deployment_frequency", frequency, [gap, gap]),
                row("change_lead_time", lead_time, [lead, lead]),
                row("change_fail_rate", fail, [rate.lower.rate, rate.upper.rate]),
                row("failed_deployment_recovery_time", recovery, [recovered, recovered]),
            ],
        }
    }
}

const NOTE: &str = "Groups of survey respondents, not targets. A month is taken as 30 days; the frequency is judged by \
    all days of the period, for five deployments or more.";
const NOTE_2021: &str = "Groups of survey respondents, not targets. A month is taken as 30 days; the frequency is judged \
    by all days of the period, for five deployments or more. That year recovery was asked about incidents of any cause.";
const NOTE_2024: &str = "Groups of survey respondents, not targets, and no ladder: the group called high reported more \
    failed changes than the one called medium. A month is taken as 30 days; the frequency is judged by all days of the \
    period, for five deployments or more.";

/// The band that both ends of a range fall into, if it is the same.
fn band(rungs: &[Rung], values: [Option<f64>; 2]) -> Option<&'static str> {
    let of = |value: f64| {
        rungs
            .iter()
            .find(|rung| rung.from <= value && value < rung.below)
            .map(|rung| rung.band)
    };
    let [low, high] = values;
    of(low?).filter(|band| high.and_then(of) == Some(*band))
}
