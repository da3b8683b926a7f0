//! What a parameter may be: how it is read, and how it is written in a report.

use serde_json::Value;

use super::{Parameters, Threshold};
use crate::check::calendar::Calendar;
use crate::check::{Unit, known};
use crate::domain::words::{count, span};

/// What a parameter may be, and where it stands.
pub(super) enum Kind {
    /// A length of time, told as a whole number of a unit.
    Span {
        unit: SpanUnit,
        min: i64,
        max: i64,
        get: fn(&Parameters) -> i64,
        place: fn(&mut Parameters) -> &mut i64,
    },
    /// A number of something.
    Count {
        of: &'static str,
        min: usize,
        max: usize,
        get: fn(&Parameters) -> usize,
        place: fn(&mut Parameters) -> &mut usize,
    },
    /// A list of words; `empty` says what an empty one means.
    Words {
        empty: &'static str,
        checks: bool,
        get: fn(&Parameters) -> &Vec<String>,
        place: fn(&mut Parameters) -> &mut Vec<String>,
    },
    /// Yes or no, and what each means.
    Flag {
        on: &'static str,
        off: &'static str,
        get: fn(&Parameters) -> bool,
        place: fn(&mut Parameters) -> &mut bool,
    },
    /// How bad something is.
    Severity {
        get: fn(&Parameters) -> Threshold,
        place: fn(&mut Parameters) -> &mut Threshold,
    },
    /// A calendar.
    Calendar {
        get: fn(&Parameters) -> Option<&Calendar>,
        place: fn(&mut Parameters) -> &mut Option<Calendar>,
    },
}

/// What lengths of time are told in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SpanUnit {
    Minutes,
    Hours,
    Days,
}

impl Kind {
    pub(super) const fn span(
        unit: SpanUnit,
        min: i64,
        max: i64,
        get: fn(&Parameters) -> i64,
        place: fn(&mut Parameters) -> &mut i64,
    ) -> Self {
        Self::Span {
            unit,
            min,
            max,
            get,
            place,
        }
    }

    pub(super) const fn count(
        of: &'static str,
        min: usize,
        max: usize,
        get: fn(&Parameters) -> usize,
        place: fn(&mut Parameters) -> &mut usize,
    ) -> Self {
        Self::Count {
            of,
            min,
            max,
            get,
            place,
        }
    }

    /// Words that nothing here knows.
    pub(super) const fn words(
        empty: &'static str,
        get: fn(&Parameters) -> &Vec<String>,
        place: fn(&mut Parameters) -> &mut Vec<String>,
    ) -> Self {
        Self::Words {
            empty,
            checks: false,
            get,
            place,
        }
    }

    /// Ids of checks.
    pub(super) const fn checks(
        get: fn(&Parameters) -> &Vec<String>,
        place: fn(&mut Parameters) -> &mut Vec<String>,
    ) -> Self {
        Self::Words {
            empty: "none",
            checks: true,
            get,
            place,
        }
    }

    /// Sets it, or says what is wrong with the value.
    pub(super) fn set(&self, parameters: &mut Parameters, value: &Value) -> Result<(), String> {
        let unfit = || format!("must be {}", self.allowed());
        match self {
            Self::Span {
                unit, min, max, place, ..
            } => {
                let number = value.as_i64().filter(|number| (min..=max).contains(&number));
                *place(parameters) = number.ok_or_else(unfit)? * unit.millis();
            }
            Self::Count { min, max, place, .. } => {
                let number = value.as_u64().and_then(|number| usize::try_from(number).ok());
                let number = number.filter(|number| (min..=max).contains(&number));
                *place(parameters) = number.ok_or_else(unfit)?;
            }
            Self::Words { checks, place, .. } => {
                let items = value.as_array().ok_or_else(unfit)?;
                let words = items.iter().map(|item| item.as_str().map(str::trim));
                let words: Option<Vec<&str>> = words.map(|word| word.filter(|word| !word.is_empty())).collect();
                let words = words.ok_or_else(unfit)?;
                let of_deployments = |word: &str| known(word).is_some_and(|check| check.unit() == Unit::Deployment);
                if let Some(other) = words.iter().find(|word| *checks && !of_deployments(word)) {
                    return Err(format!("names `{other}`, which is no check of deployments"));
                }
                *place(parameters) = words.into_iter().map(str::to_owned).collect();
            }
            Self::Flag { place, .. } => *place(parameters) = value.as_bool().ok_or_else(unfit)?,
            Self::Severity { place, .. } => {
                *place(parameters) = value.as_str().and_then(Threshold::parse).ok_or_else(unfit)?;
            }
            Self::Calendar { place, .. } => *place(parameters) = Some(Calendar::read(value)?),
        }
        Ok(())
    }

    /// Its value in words.
    pub(super) fn value(&self, parameters: &Parameters) -> String {
        match self {
            Self::Span { get, .. } => span(get(parameters)),
            Self::Count { of, get, .. } => count(get(parameters), of),
            Self::Words { empty, get, .. } if get(parameters).is_empty() => (*empty).to_owned(),
            Self::Words { get, .. } => get(parameters).join(", "),
            Self::Flag { on, get, .. } if get(parameters) => (*on).to_owned(),
            Self::Flag { off, .. } => (*off).to_owned(),
            Self::Severity { get, .. } => get(parameters).as_str().to_owned(),
            Self::Calendar { get, .. } => get(parameters).map_or_else(|| "none".to_owned(), Calendar::words),
        }
    }

    /// What may be set, in words.
    pub(super) fn allowed(&self) -> String {
        match self {
            Self::Span { unit, min, max, .. } => format!("a whole number of {} from {min} to {max}", unit.as_str()),
            Self::Count { of, min, max, .. } => format!("a whole number of {of}s from {min} to {max}"),
            Self::Words { checks: true, .. } => "a list of ids of checks".to_owned(),
            Self::Words { checks: false, .. } => "a list of words".to_owned(),
            Self::Flag { .. } => "true or false".to_owned(),
            Self::Severity { .. } => "low, medium, high or critical".to_owned(),
            Self::Calendar { .. } => "a calendar".to_owned(),
        }
    }
}

impl SpanUnit {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Minutes => "minutes",
            Self::Hours => "hours",
            Self::Days => "days",
        }
    }

    pub(super) const fn millis(self) -> i64 {
        match self {
            Self::Minutes => 60_000,
            Self::Hours => 3_600_000,
            Self::Days => 86_400_000,
        }
    }
}
