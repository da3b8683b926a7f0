//! A period in a time zone, and where its days begin. Days are of the calendar of that zone: 23, 24 or 25 hours long.
//! This file must never take a day for 24 hours.

use chrono::{DateTime, Days, MappedLocalTime, NaiveDate, NaiveTime, TimeZone, Utc};
use chrono_tz::Tz;

use super::MetricsError;
use crate::domain::Instant;

/// Release of the IANA time zone database that is part of this program.
pub(super) const TIME_ZONE_DATA: &str = chrono_tz::IANA_TZDB_VERSION;

/// From an instant up to, and not including, another, in a time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// The first instant in it.
    pub from: Instant,
    /// The first instant after it.
    pub to: Instant,
    zone: Tz,
}

impl Period {
    /// Reads it. A limit is a date, which stands for the beginning of that day in the zone, or an instant.
    pub fn parse(from: &str, to: &str, zone: &str) -> Result<Self, MetricsError> {
        let zone: Tz = zone.parse().map_err(|_| MetricsError::Zone(zone.to_owned()))?;
        let (from, to) = (limit("from", from, zone)?, limit("to", to, zone)?);
        if from >= to {
            return Err(MetricsError::Empty { from, to });
        }
        Ok(Self { from, to, zone })
    }

    /// The name of the zone.
    pub fn zone_name(&self) -> &'static str {
        self.zone.name()
    }

    /// Whether an instant lies in it.
    pub fn contains(&self, at: Instant) -> bool {
        self.from <= at && at < self.to
    }

    /// The day of an instant.
    pub(super) fn day(&self, at: Instant) -> NaiveDate {
        day(self.zone, at.to_utc())
    }

    /// The first instant of a day.
    pub(super) fn start_of(&self, date: NaiveDate) -> Instant {
        start_of(self.zone, date)
    }
}

fn limit(parameter: &'static str, text: &str, zone: Tz) -> Result<Instant, MetricsError> {
    if let Ok(at) = Instant::parse(text) {
        return Ok(at);
    }
    let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok();
    // chrono also reads 2026-3-1 and other years than RFC 3339 has.
    date.filter(|date| date.to_string() == text)
        .filter(|_| Instant::parse(&format!("{text}T00:00:00Z")).is_ok())
        .map(|date| start_of(zone, date))
        .ok_or(MetricsError::Limit { parameter })
}

fn day(zone: Tz, at: DateTime<Utc>) -> NaiveDate {
    at.with_timezone(&zone).date_naive()
}

fn start_of(zone: Tz, date: NaiveDate) -> Instant {
    let midnight = date.and_time(NaiveTime::MIN);
    match zone.from_local_datetime(&midnight) {
        MappedLocalTime::Single(start) | MappedLocalTime::Ambiguous(start, _) => start.to_utc().into(),
        MappedLocalTime::None => first_after_gap(zone, date),
    }
}

/// The first instant of a day that has no midnight, because clocks were put forward over it (Cairo, Santiago), or of
/// the day after one that was left out (Apia, 2011-12-30).
fn first_after_gap(zone: Tz, date: NaiveDate) -> Instant {
    let midnight = date.and_time(NaiveTime::MIN).and_utc();
    // No zone is a day or more from UTC, so the instant lies between these.
    let (before, after) = (midnight - Days::new(1), midnight + Days::new(1));
    let (mut low, mut high) = (before.timestamp(), after.timestamp());
    while low + 1 < high {
        let middle = low.midpoint(high);
        let at = DateTime::from_timestamp(middle, 0).unwrap_or(after);
        if day(zone, at) < date {
            low = middle;
        } else {
            high = middle;
        }
    }
    Instant::from_millis(high * 1000)
}
