//! Time zones: where days begin, and how instants are written for readers. Days are of the calendar of the zone: 23, 24
//! or 25 hours long. This file must never take a day for 24 hours.

use chrono::{DateTime, Days, MappedLocalTime, NaiveDate, NaiveTime, TimeZone, Utc};
use chrono_tz::Tz;
use serde::{Serialize, Serializer};

use super::Instant;

/// Release of the IANA time zone database that is part of this program.
pub const TIME_ZONE_DATA: &str = chrono_tz::IANA_TZDB_VERSION;

/// A zone of the IANA database. Serialised as its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Zone(Tz);

/// Why a text is not the name of a zone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a zone of the IANA database, such as Europe/Berlin or UTC")]
pub struct ZoneError(String);

impl Zone {
    /// Coordinated universal time.
    pub const UTC: Self = Self(Tz::UTC);

    /// Reads the name of a zone.
    pub fn parse(name: &str) -> Result<Self, ZoneError> {
        name.parse().map(Self).map_err(|_| ZoneError(name.to_owned()))
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        self.0.name()
    }

    /// The day of an instant.
    pub fn day(self, at: Instant) -> NaiveDate {
        self.day_of(at.to_utc())
    }

    /// The time of day of an instant.
    pub fn time(self, at: Instant) -> NaiveTime {
        at.to_utc().with_timezone(&self.0).time()
    }

    /// The first instant of a day.
    pub fn start_of(self, date: NaiveDate) -> Instant {
        let midnight = date.and_time(NaiveTime::MIN);
        match self.0.from_local_datetime(&midnight) {
            MappedLocalTime::Single(start) | MappedLocalTime::Ambiguous(start, _) => start.to_utc().into(),
            MappedLocalTime::None => self.first_after_gap(date),
        }
    }

    /// Reads an instant, or a date, which stands for the beginning of that day here.
    pub fn read(self, text: &str) -> Option<Instant> {
        if let Ok(at) = Instant::parse(text) {
            return Some(at);
        }
        let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok();
        // chrono also reads 2026-3-1 and other years than RFC 3339 has.
        date.filter(|date| date.to_string() == text)
            .filter(|_| Instant::parse(&format!("{text}T00:00:00Z")).is_ok())
            .map(|date| self.start_of(date))
    }

    /// `2026-03-02 09:04 UTC`, or elsewhere with the distance from it, `2026-03-02 10:04 +01:00`.
    pub fn to_the_minute(self, at: Instant) -> String {
        let zone = if self == Self::UTC { "UTC" } else { "%:z" };
        let local = at.to_utc().with_timezone(&self.0);
        local.format(&format!("%Y-%m-%d %H:%M {zone}")).to_string()
    }

    fn day_of(self, at: DateTime<Utc>) -> NaiveDate {
        at.with_timezone(&self.0).date_naive()
    }

    /// The first instant of a day that has no midnight, because clocks were put forward over it (Cairo, Santiago), or of
    /// the day after one that was left out (Apia, 2011-12-30).
    fn first_after_gap(self, date: NaiveDate) -> Instant {
        let midnight = date.and_time(NaiveTime::MIN).and_utc();
        // No zone is a day or more from UTC, so the instant lies between these.
        let (before, after) = (midnight - Days::new(1), midnight + Days::new(1));
        let (mut low, mut high) = (before.timestamp(), after.timestamp());
        while low + 1 < high {
            let middle = low.midpoint(high);
            let at = DateTime::from_timestamp(middle, 0).unwrap_or(after);
            if self.day_of(at) < date {
                low = middle;
            } else {
                high = middle;
            }
        }
        Instant::from_millis(high * 1000)
    }
}

impl Serialize for Zone {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_written_with_their_distance_from_utc() {
        let berlin = Zone::parse("Europe/Berlin").unwrap();
        // Twice half past two, one hour apart.
        for (instant, written) in [
            ("2026-10-25T00:30:00Z", "2026-10-25 02:30 +02:00"),
            ("2026-10-25T01:30:00Z", "2026-10-25 02:30 +01:00"),
        ] {
            assert_eq!(berlin.to_the_minute(Instant::parse(instant).unwrap()), written);
        }
        let noon = Instant::parse("2026-10-25T12:00:00Z").unwrap();
        assert_eq!(Zone::UTC.to_the_minute(noon), "2026-10-25 12:00 UTC");
    }
}
