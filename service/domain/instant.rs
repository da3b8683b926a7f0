//! Time, in the one precision that the ledger, both databases and the documents share.

use std::fmt;

use chrono::{DateTime, SecondsFormat, TimeZone, Utc};
use serde::{Deserialize, Serialize};

/// Milliseconds since the Unix epoch, UTC. Serialised as RFC 3339 with milliseconds and `Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Instant(i64);

/// Why a text is not an instant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be an RFC 3339 date and time with a zone, from 1970 to 9999, such as 2026-01-31T09:30:00Z")]
pub struct InstantError;

/// The end of the year 9999, the last that RFC 3339 can write.
const LAST_MILLIS: i64 = 253_402_300_799_999;

impl Instant {
    /// From Unix milliseconds.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// As Unix milliseconds.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Reads RFC 3339, of the years 1970 to 9999 in UTC; finer fractions than a millisecond are cut off.
    pub fn parse(text: &str) -> Result<Self, InstantError> {
        let time = DateTime::parse_from_rfc3339(text).map_err(|_| InstantError)?;
        match time.timestamp_millis() {
            millis @ 0..=LAST_MILLIS => Ok(Self(millis)),
            _ => Err(InstantError),
        }
    }

    /// As chrono's type. Times outside chrono's range are clamped to its ends.
    pub fn to_utc(self) -> DateTime<Utc> {
        Utc.timestamp_millis_opt(self.0).single().unwrap_or(if self.0 < 0 {
            DateTime::<Utc>::MIN_UTC
        } else {
            DateTime::<Utc>::MAX_UTC
        })
    }

    /// This instant moved by a number of milliseconds.
    pub const fn plus_millis(self, millis: i64) -> Self {
        Self(self.0.saturating_add(millis))
    }

    /// Milliseconds from `earlier` to this instant; negative when `earlier` is later.
    pub const fn millis_since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl From<DateTime<Utc>> for Instant {
    fn from(time: DateTime<Utc>) -> Self {
        Self(time.timestamp_millis())
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_utc().to_rfc3339_opts(SecondsFormat::Millis, true))
    }
}

impl From<Instant> for String {
    fn from(instant: Instant) -> String {
        instant.to_string()
    }
}

impl TryFrom<String> for Instant {
    type Error = InstantError;
    fn try_from(text: String) -> Result<Self, InstantError> {
        Self::parse(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes_to_the_millisecond() {
        let instant = Instant::parse("2023-03-20T15:27:05.315384+01:00").unwrap();
        assert_eq!(instant.to_string(), "2023-03-20T14:27:05.315Z");
        assert_eq!(Instant::parse(&instant.to_string()).unwrap(), instant);
        assert_eq!(
            Instant::parse("9999-12-31T23:59:59.999Z").unwrap().as_millis(),
            LAST_MILLIS
        );
        assert_eq!(Instant::parse("1970-01-01T00:00:00Z").unwrap().as_millis(), 0);
    }

    /// A leap second has no Unix time of its own: it is counted as the second that follows, so that nothing goes back.
    #[test]
    fn a_leap_second_is_between_its_neighbours() {
        let times = ["23:59:59.999Z", "23:59:60Z", "23:59:60.5Z"].map(|time| format!("2016-12-31T{time}"));
        let mut times: Vec<Instant> = times.iter().map(|time| Instant::parse(time).unwrap()).collect();
        assert_eq!(times[1].to_string(), "2017-01-01T00:00:00.000Z");
        times.push(Instant::parse("2017-01-01T00:00:01Z").unwrap());
        assert!(times.is_sorted(), "{times:?}");
    }

    #[test]
    fn refuses_what_is_no_instant() {
        for text in [
            "",
            "2023-03-20",
            "2023-03-20T14:27:05",
            "2021-04-28 21:50:00 +0200",
            "1969-12-31T23:59:59Z",
            "0001-01-01T00:00:00Z",
            "9999-12-31T23:59:59-01:00",
            "12023-03-20T14:27:05Z",
            "2023-02-30T14:27:05Z",
        ] {
            assert_eq!(Instant::parse(text), Err(InstantError), "{text}");
        }
    }
}
