//! When an organisation deploys: windows, freezes and holidays, in one time zone.
//!
//! A calendar is a parameter. It says nothing about a place that none of its windows and freezes names.

use chrono::{Datelike as _, Days, NaiveDate, NaiveTime, Weekday};
use serde::Deserialize;
use serde_json::Value;

use crate::domain::deployment::Deployment;
use crate::domain::words::count;
use crate::domain::{EnvironmentName, Instant, ServiceName, Zone};

/// When an organisation deploys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calendar {
    zone: Zone,
    windows: Vec<Window>,
    freezes: Vec<Freeze>,
    holidays: Vec<NaiveDate>,
}

/// A time of the week in which may be deployed.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Window {
    place: Places,
    /// Every day if empty.
    days: Vec<Weekday>,
    from: NaiveTime,
    to: NaiveTime,
}

/// A period in which must not be deployed.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Freeze {
    name: String,
    place: Places,
    from: Instant,
    to: Instant,
}

/// Where something holds; everywhere if both are empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Places {
    #[serde(default)]
    environments: Vec<EnvironmentName>,
    #[serde(default)]
    services: Vec<ServiceName>,
}

/// What a calendar says about a start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ruling {
    /// Nothing about this place.
    Silent,
    /// It was a time for it.
    Open,
    /// It was not, for this reason.
    Closed(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCalendar {
    time_zone: String,
    #[serde(default)]
    windows: Vec<RawWindow>,
    #[serde(default)]
    freezes: Vec<RawFreeze>,
    #[serde(default)]
    holidays: Vec<NaiveDate>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawWindow {
    #[serde(default)]
    place: Places,
    #[serde(default)]
    days: Vec<Weekday>,
    from: String,
    to: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFreeze {
    name: String,
    #[serde(default)]
    place: Places,
    from: String,
    to: String,
}

impl Calendar {
    /// Reads it, or says what is wrong.
    pub fn read(value: &Value) -> Result<Self, String> {
        let raw = RawCalendar::deserialize(value).map_err(|error| format!("is no calendar: {error}"))?;
        let zone = Zone::parse(&raw.time_zone).map_err(|error| error.to_string())?;
        let windows = raw.windows.into_iter().map(RawWindow::read);
        let freezes = raw.freezes.into_iter().map(|freeze| freeze.read(zone));
        Ok(Self {
            zone,
            windows: windows.collect::<Result<_, _>>()?,
            freezes: freezes.collect::<Result<_, _>>()?,
            holidays: raw.holidays,
        })
    }

    /// What it holds, in words.
    pub(super) fn words(&self) -> String {
        let parts = [
            count(self.windows.len(), "window"),
            count(self.freezes.len(), "freeze"),
            count(self.holidays.len(), "holiday"),
        ];
        format!("{} in {}", parts.join(", "), self.zone.name())
    }

    /// What it says about a deployment that starts then.
    pub(super) fn ruling(&self, deployment: &Deployment, start: Instant) -> Ruling {
        let freezes: Vec<&Freeze> = self.freezes.iter().filter(|f| f.place.has(deployment)).collect();
        let windows: Vec<&Window> = self.windows.iter().filter(|w| w.place.has(deployment)).collect();
        let local = self.zone.to_the_minute(start);
        if let Some(freeze) = freezes.iter().find(|freeze| freeze.from <= start && start < freeze.to) {
            return Ruling::Closed(format!("{local} is in the freeze {}", freeze.name));
        }
        let (day, time) = (self.zone.day(start).weekday(), self.zone.time(start));
        match (windows.as_slice(), freezes.as_slice()) {
            ([], []) => Ruling::Silent,
            ([], _) => Ruling::Open,
            (windows, _) if windows.iter().any(|window| window.has(day, time)) => Ruling::Open,
            _ => Ruling::Closed(format!("{local} is in no window")),
        }
    }
}

/// The end of the n-th working day after the day of an instant; days of the week alone, in UTC, where there is no calendar.
pub(super) fn working_days_after(calendar: Option<&Calendar>, at: Instant, days: usize) -> Instant {
    let zone = calendar.map_or(Zone::UTC, |calendar| calendar.zone);
    let holidays = calendar.map_or(&[][..], |calendar| &calendar.holidays);
    let works = |day: &NaiveDate| !matches!(day.weekday(), Weekday::Sat | Weekday::Sun) && !holidays.contains(day);
    let after = zone.day(at).iter_days().skip(1);
    let last = after.filter(works).nth(days.saturating_sub(1));
    // The calendar of chrono ends long after that of RFC 3339.
    last.map_or(at, |day| zone.start_of(day + Days::new(1)))
}

impl Places {
    fn has(&self, deployment: &Deployment) -> bool {
        (self.environments.is_empty() || self.environments.contains(&deployment.environment))
            && (self.services.is_empty() || self.services.contains(&deployment.service))
    }
}

impl Window {
    fn has(&self, day: Weekday, time: NaiveTime) -> bool {
        (self.days.is_empty() || self.days.contains(&day)) && self.from <= time && time < self.to
    }
}

impl RawWindow {
    fn read(self) -> Result<Window, String> {
        let time = |member, text: &str| {
            let time = NaiveTime::parse_from_str(text, "%H:%M");
            time.map_err(|_| format!("has a window with {member} `{text}`, which is no time of day such as 08:30"))
        };
        let (from, to) = (time("from", &self.from)?, time("to", &self.to)?);
        if from >= to {
            return Err(format!("has a window from {from} to {to}, which is empty"));
        }
        Ok(Window {
            place: self.place,
            days: self.days,
            from,
            to,
        })
    }
}

impl RawFreeze {
    fn read(self, zone: Zone) -> Result<Freeze, String> {
        let limit = |member, text: &str| {
            let instant = zone.read(text);
            instant.ok_or_else(|| {
                format!(
                    "has the freeze {} with {member} `{text}`, which is no date or time",
                    self.name
                )
            })
        };
        let (from, to) = (limit("from", &self.from)?, limit("to", &self.to)?);
        if from >= to {
            return Err(format!("has the freeze {}, which is empty", self.name));
        }
        Ok(Freeze {
            name: self.name,
            place: self.place,
            from,
            to,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::extension::Extension;
    use crate::domain::fixture::Ledger;

    fn calendar() -> Value {
        json!({
            "time_zone": "Europe/Berlin",
            "windows": [{
                "place": { "environments": ["production"] }, "days": ["mon", "Tue"], "from": "09:00", "to": "16:00",
            }],
            "freezes": [{ "name": "year end", "place": { "services": ["payments"] }, "from": "2026-03-10", "to": "2026-03-12" }],
            "holidays": ["2026-03-03"],
        })
    }

    fn ruling(minutes: i64, environment: &str) -> Ruling {
        let mut ledger = Ledger::default();
        ledger.deploy(minutes, "d1", "1", Extension::default());
        ledger.move_to(0, environment);
        let deployment = ledger.deployment("d1");
        Calendar::read(&calendar())
            .unwrap()
            .ruling(&deployment, deployment.start_at())
    }

    #[test]
    fn windows_and_freezes_are_of_the_zone() {
        // Minute 0 is Monday, 09:00 UTC: 10:00 in Berlin.
        assert_eq!(ruling(0, "production"), Ruling::Open);
        assert_eq!(ruling(299, "production"), Ruling::Open);
        let closed = Ruling::Closed("2026-03-02 16:00 +01:00 is in no window".to_owned());
        assert_eq!(ruling(360, "production"), closed);
        let tuesday_after = 8 * 1440;
        let frozen = Ruling::Closed("2026-03-10 10:00 +01:00 is in the freeze year end".to_owned());
        assert_eq!(ruling(tuesday_after, "production"), frozen);
        assert_eq!(
            ruling(360, "staging"),
            Ruling::Open,
            "only freezes are for it, and there is none"
        );
        let silent = json!({ "time_zone": "UTC", "windows": [], "freezes": [] });
        let mut ledger = Ledger::default();
        ledger.deploy(0, "d1", "1", Extension::default());
        let ruling = Calendar::read(&silent)
            .unwrap()
            .ruling(&ledger.deployment("d1"), Instant::from_millis(0));
        assert_eq!(ruling, Ruling::Silent);
    }

    #[test]
    fn working_days_leave_out_weekends_and_holidays() {
        let at = |text| Instant::parse(text).unwrap();
        let friday = at("2026-03-06T22:00:00Z");
        assert_eq!(working_days_after(None, friday, 2), at("2026-03-11T00:00:00Z"));
        let calendar = Calendar::read(&calendar()).unwrap();
        let monday = at("2026-03-02T12:00:00Z");
        assert_eq!(
            working_days_after(Some(&calendar), monday, 1),
            at("2026-03-04T23:00:00Z")
        );
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (member, value, message) in [
            ("time_zone", json!("Mars"), "`Mars` is not a zone"),
            ("windows", json!([{ "from": "9", "to": "16:00" }]), "from `9`"),
            ("windows", json!([{ "from": "16:00", "to": "09:00" }]), "is empty"),
            (
                "freezes",
                json!([{ "name": "x", "from": "soon", "to": "2026-01-01" }]),
                "freeze x with from `soon`",
            ),
            ("holiday", json!([]), "unknown field `holiday`"),
        ] {
            let mut wrong = calendar();
            wrong[member] = value;
            let error = Calendar::read(&wrong).unwrap_err();
            assert!(error.contains(message), "{error}");
        }
    }
}
