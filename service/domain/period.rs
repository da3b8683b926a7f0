//! A period in a time zone: from an instant up to, and not including, another.

use chrono::{Datelike, Days, Months, NaiveDate, Weekday};
use serde::Serialize;

use super::Instant;
use super::zone::{Zone, ZoneError};

/// From an instant up to, and not including, another, in a time zone. Serialised without the zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Period {
    /// The first instant in it.
    pub from: Instant,
    /// The first instant after it.
    pub to: Instant,
    /// The zone of its days.
    #[serde(skip)]
    pub zone: Zone,
}

/// Why there is no such period.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PeriodError {
    /// No such zone.
    #[error("time_zone {0}")]
    Zone(#[from] ZoneError),
    /// A limit that is neither a date nor an instant.
    #[error("{parameter} must be a date such as 2026-01-31, or a date and time with a zone, from 1970 to 9999")]
    Limit {
        /// Which one.
        parameter: &'static str,
    },
    /// No period of the calendar is called that.
    #[error("period must be a year, a quarter, a month or a week such as 2026, 2026-Q1, 2026-03 or 2026-W13")]
    Name,
    /// It ends before, or when, it begins.
    #[error("the period is empty: to ({to}) must be later than from ({from})")]
    Empty {
        /// Its first instant.
        from: Instant,
        /// Its end.
        to: Instant,
    },
}

impl PeriodError {
    /// The parameter that is wrong.
    pub const fn parameter(&self) -> &'static str {
        match self {
            Self::Zone(_) => "time_zone",
            Self::Limit { parameter } => parameter,
            Self::Name => "period",
            Self::Empty { .. } => "to",
        }
    }
}

impl Period {
    /// Reads it. A limit is a date, which stands for the beginning of that day in the zone, or an instant.
    pub fn parse(from: &str, to: &str, zone: &str) -> Result<Self, PeriodError> {
        let zone = Zone::parse(zone)?;
        let limit = |parameter, text| zone.read(text).ok_or(PeriodError::Limit { parameter });
        let (from, to) = (limit("from", from)?, limit("to", to)?);
        if from >= to {
            return Err(PeriodError::Empty { from, to });
        }
        Ok(Self { from, to, zone })
    }

    /// Reads the name of a period of the calendar in a zone: `2026`, `2026-Q1`, `2026-03` or `2026-W13`.
    pub fn named(name: &str, zone: &str) -> Result<Self, PeriodError> {
        let zone = Zone::parse(zone)?;
        let (from, to) = calendar(name).ok_or(PeriodError::Name)?;
        let (from, to) = (zone.start_of(from), zone.start_of(to));
        Ok(Self { from, to, zone })
    }

    /// The period before it: the one of the calendar where this is a year, a quarter or a month, else the same number of days
    /// of the zone, or where the limits are no midnights, the same length of time.
    pub fn previous(&self) -> Self {
        let (first, last) = (self.day(self.from), self.day(self.to));
        let midnights = self.start_of(first) == self.from && self.start_of(last) == self.to;
        let months = Some((last.year() - first.year()) * 12 + last.month0() as i32 - first.month0() as i32)
            .filter(|_| first.day() == 1 && last.day() == 1)
            .and_then(|months| u32::try_from(months).ok())
            .and_then(|months| first.checked_sub_months(Months::new(months)));
        let days = || first.checked_sub_days(Days::new((last - first).num_days().unsigned_abs()));
        let from = match midnights.then(|| months.or_else(days)).flatten() {
            Some(date) => self.start_of(date),
            None => self.from.plus_millis(self.from.millis_since(self.to)),
        };
        Self {
            from,
            to: self.from,
            zone: self.zone,
        }
    }

    /// Whether an instant lies in it.
    pub fn contains(&self, at: Instant) -> bool {
        self.from <= at && at < self.to
    }

    /// The day of an instant.
    pub fn day(&self, at: Instant) -> NaiveDate {
        self.zone.day(at)
    }

    /// The first instant of a day.
    pub fn start_of(&self, date: NaiveDate) -> Instant {
        self.zone.start_of(date)
    }
}

/// The first day of a period of the calendar, and the first day after it.
fn calendar(name: &str) -> Option<(NaiveDate, NaiveDate)> {
    let (year, rest) = name.split_at_checked(4)?;
    let year = digits(year)?;
    let year = i32::try_from(year).ok().filter(|year| (1970..9999).contains(year))?;
    let months = |from: u32, count: u32| {
        let first = NaiveDate::from_ymd_opt(year, from, 1)?;
        Some((first, first.checked_add_months(Months::new(count))?))
    };
    if rest.is_empty() {
        return months(1, 12);
    }
    let part = rest.strip_prefix('-')?;
    if let Some(quarter) = part.strip_prefix('Q').filter(|text| text.len() == 1) {
        return months((digits(quarter)?.checked_sub(1)?) * 3 + 1, 3);
    }
    if let Some(week) = part.strip_prefix('W').filter(|text| text.len() == 2) {
        let first = NaiveDate::from_isoywd_opt(year, digits(week)?, Weekday::Mon)?;
        return Some((first, first.checked_add_days(Days::new(7))?));
    }
    months(digits(part).filter(|_| part.len() == 2)?, 1)
}

/// A number of nothing but digits.
fn digits(text: &str) -> Option<u32> {
    text.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_of_the_calendar_have_names() {
        for (name, from, to, before) in [
            ("2026", "2026-01-01", "2027-01-01", "2025-01-01"),
            ("2026-Q1", "2026-01-01", "2026-04-01", "2025-10-01"),
            ("2026-Q4", "2026-10-01", "2027-01-01", "2026-07-01"),
            ("2026-03", "2026-03-01", "2026-04-01", "2026-02-01"),
            ("2026-W01", "2025-12-29", "2026-01-05", "2025-12-22"),
        ] {
            let period = Period::named(name, "Europe/Berlin").unwrap();
            assert_eq!(period, Period::parse(from, to, "Europe/Berlin").unwrap(), "{name}");
            assert_eq!(
                period.previous(),
                Period::parse(before, from, "Europe/Berlin").unwrap(),
                "{name}"
            );
        }
        for name in [
            "", "26", "2026-", "2026-Q0", "2026-Q5", "2026-13", "2026-3", "2026-W54", "2026-W1", "+026", "2026-Q+",
            "ä026",
        ] {
            assert_eq!(Period::named(name, "UTC"), Err(PeriodError::Name), "{name}");
        }
    }

    #[test]
    fn the_period_before_has_as_many_days() {
        let days = Period::parse("2026-03-28", "2026-03-31", "Europe/Berlin").unwrap();
        assert_eq!(
            days.previous(),
            Period::parse("2026-03-25", "2026-03-28", "Europe/Berlin").unwrap()
        );
        let hours = Period::parse("2026-03-28T06:00:00Z", "2026-03-28T09:00:00Z", "UTC").unwrap();
        assert_eq!(hours.previous().from, Instant::parse("2026-03-28T03:00:00Z").unwrap());
    }
}
