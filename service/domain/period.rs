//! A period in a time zone: from an instant up to, and not including, another.

use chrono::NaiveDate;
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
