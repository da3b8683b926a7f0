//! Days, weeks and months of a period in its time zone. A bucket that the period cuts, or that is not over yet, is
//! flagged and must never be compared with whole ones.

use chrono::{Datelike, Days, Months, NaiveDate};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{MAX_BUCKETS, MetricsError};
use crate::domain::{Instant, Period};

/// What a series counts in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Bucket {
    /// Days of the zone.
    Day,
    /// Weeks from Monday to Sunday, numbered as ISO 8601 does.
    #[default]
    Week,
    /// Months of the calendar.
    Month,
}

/// One bucket of a period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Span {
    /// `2026-03-29`, `2026-W13` or `2026-03`.
    pub(super) name: String,
    /// The first instant of the whole bucket.
    pub(super) from: Instant,
    /// The first instant after the whole bucket.
    pub(super) to: Instant,
    /// Whether the period has all of it.
    pub(super) whole: bool,
}

/// The buckets that a period touches, in order.
pub(super) fn spans(bucket: Bucket, period: &Period) -> Result<Vec<Span>, MetricsError> {
    let mut spans = Vec::new();
    let mut date = bucket.first(period.day(period.from));
    while let Some(next) = bucket.next(date) {
        let (from, to) = (period.start_of(date), period.start_of(next));
        if from >= period.to {
            break;
        }
        // A day that a zone left out has no length.
        if from < to {
            if spans.len() == MAX_BUCKETS {
                return Err(MetricsError::Buckets { most: MAX_BUCKETS });
            }
            spans.push(Span {
                name: bucket.name(date),
                from,
                to,
                whole: period.from <= from && to <= period.to,
            });
        }
        date = next;
    }
    Ok(spans)
}

impl Bucket {
    /// The word used in JSON and in queries.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
        }
    }

    /// The first day of the bucket that a day is in.
    fn first(self, date: NaiveDate) -> NaiveDate {
        let first = match self {
            Self::Day => Some(date),
            Self::Week => date.checked_sub_days(Days::new(u64::from(date.weekday().num_days_from_monday()))),
            Self::Month => date.with_day(1),
        };
        first.unwrap_or(date)
    }

    /// The first day of the next bucket.
    fn next(self, first: NaiveDate) -> Option<NaiveDate> {
        match self {
            Self::Day => first.checked_add_days(Days::new(1)),
            Self::Week => first.checked_add_days(Days::new(7)),
            Self::Month => first.checked_add_months(Months::new(1)),
        }
    }

    fn name(self, first: NaiveDate) -> String {
        let format = match self {
            Self::Day => "%Y-%m-%d",
            Self::Week => "%G-W%V",
            Self::Month => "%Y-%m",
        };
        first.format(format).to_string()
    }
}
