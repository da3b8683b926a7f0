//! The numbers and lists that checks use: one table says what each is called, what it may be, and what it is if nobody sets it.
//!
//! An organisation sets its own, by name; a report prints all of them. Whatever is set has been checked against the table.

use serde::Serialize;
use serde_json::Value;

use crate::domain::words::{count, span};

/// What checks use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameters {
    /// DL-POP-4: a deployment recorded later than this after its end is late.
    pub late_after_ms: i64,
    /// DL-POP-4: later than this, it was filled in afterwards.
    pub backfilled_after_ms: i64,
    /// How far clocks may run ahead of the ledger's.
    pub skew_ms: i64,
    /// DL-AUTH-1 to 3: how many different people must approve.
    pub min_approvers: usize,
    /// DL-CHG-2: the shortest reason.
    pub min_reason_chars: usize,
    /// DL-VER-1: how soon after the end it must be verified.
    pub verified_within_ms: i64,
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            late_after_ms: 15 * MINUTE,
            backfilled_after_ms: 24 * HOUR,
            skew_ms: 5 * MINUTE,
            min_approvers: 1,
            min_reason_chars: 20,
            verified_within_ms: 60 * MINUTE,
        }
    }
}

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

/// A parameter: what it is called and what it may be.
struct Parameter {
    /// Its name in the files of an organisation.
    name: &'static str,
    /// The checks that use it.
    checks: &'static str,
    /// What it sets, in words.
    title: &'static str,
    /// What it may be.
    kind: Kind,
}

/// What a parameter may be, and where it stands.
enum Kind {
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
}

/// What lengths of time are told in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SpanUnit {
    Minutes,
    Hours,
}

/// A parameter with its value, for a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    /// The checks that use it.
    pub checks: &'static str,
    /// Its name.
    pub name: &'static str,
    /// What it sets, in words.
    pub title: &'static str,
    /// Its value in words.
    pub value: String,
    /// What may be set, in words.
    pub allowed: String,
    /// Whether nobody set anything else.
    pub default: bool,
}

/// Why a parameter is not set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParameterError {
    /// There is none of that name.
    #[error("there is no parameter `{name}`; there are {}", names())]
    Unknown {
        /// The name.
        name: String,
    },
    /// It cannot be that.
    #[error("the parameter `{name}` must be {allowed}")]
    Unfit {
        /// Its name.
        name: &'static str,
        /// What it may be, in words.
        allowed: String,
    },
}

/// All parameters, in the order of reports.
static TABLE: [Parameter; 6] = [
    Parameter {
        name: "late_after",
        checks: "DL-POP-4",
        title: "late after",
        kind: Kind::Span {
            unit: SpanUnit::Minutes,
            min: 1,
            max: 1440,
            get: |p| p.late_after_ms,
            place: |p| &mut p.late_after_ms,
        },
    },
    Parameter {
        name: "backfilled_after",
        checks: "DL-POP-4",
        title: "filled in afterwards after",
        kind: Kind::Span {
            unit: SpanUnit::Hours,
            min: 1,
            max: 720,
            get: |p| p.backfilled_after_ms,
            place: |p| &mut p.backfilled_after_ms,
        },
    },
    Parameter {
        name: "clock_skew",
        checks: "DL-POP-4",
        title: "clocks may run ahead by",
        kind: Kind::Span {
            unit: SpanUnit::Minutes,
            min: 0,
            max: 60,
            get: |p| p.skew_ms,
            place: |p| &mut p.skew_ms,
        },
    },
    Parameter {
        name: "min_approvers",
        checks: "DL-AUTH-1, DL-AUTH-2, DL-AUTH-3",
        title: "at least",
        kind: Kind::Count {
            of: "approver",
            min: 1,
            max: 5,
            get: |p| p.min_approvers,
            place: |p| &mut p.min_approvers,
        },
    },
    Parameter {
        name: "min_reason",
        checks: "DL-CHG-2",
        title: "shortest reason",
        kind: Kind::Count {
            of: "character",
            min: 1,
            max: 1000,
            get: |p| p.min_reason_chars,
            place: |p| &mut p.min_reason_chars,
        },
    },
    Parameter {
        name: "verified_within",
        checks: "DL-VER-1",
        title: "verified within",
        kind: Kind::Span {
            unit: SpanUnit::Minutes,
            min: 1,
            max: 10_080,
            get: |p| p.verified_within_ms,
            place: |p| &mut p.verified_within_ms,
        },
    },
];

impl Parameters {
    /// Sets a parameter by its name.
    pub fn set(&mut self, name: &str, value: &Value) -> Result<(), ParameterError> {
        let parameter = TABLE.iter().find(|parameter| parameter.name == name);
        let parameter = parameter.ok_or_else(|| ParameterError::Unknown { name: name.to_owned() })?;
        parameter.kind.set(self, value).ok_or_else(|| ParameterError::Unfit {
            name: parameter.name,
            allowed: parameter.kind.allowed(),
        })
    }

    /// All parameters with their values, in the order of reports.
    pub fn rows(&self) -> Vec<Row> {
        let standard = Self::default();
        let rows = TABLE.iter().map(|parameter| {
            let value = parameter.kind.words(self);
            Row {
                checks: parameter.checks,
                name: parameter.name,
                title: parameter.title,
                default: value == parameter.kind.words(&standard),
                value,
                allowed: parameter.kind.allowed(),
            }
        });
        rows.collect()
    }
}

impl Kind {
    /// Nothing if the value does not fit.
    fn set(&self, parameters: &mut Parameters, value: &Value) -> Option<()> {
        match self {
            Self::Span {
                unit, min, max, place, ..
            } => {
                let number = value.as_i64().filter(|number| (min..=max).contains(&number))?;
                *place(parameters) = number * unit.millis();
            }
            Self::Count { min, max, place, .. } => {
                let number = usize::try_from(value.as_u64()?).ok()?;
                *place(parameters) = (min..=max).contains(&&number).then_some(number)?;
            }
        }
        Some(())
    }

    fn words(&self, parameters: &Parameters) -> String {
        match self {
            Self::Span { get, .. } => span(get(parameters)),
            Self::Count { of, get, .. } => count(get(parameters), of),
        }
    }

    fn allowed(&self) -> String {
        match self {
            Self::Span { unit, min, max, .. } => format!("a whole number of {} from {min} to {max}", unit.as_str()),
            Self::Count { of, min, max, .. } => format!("a whole number of {of}s from {min} to {max}"),
        }
    }
}

impl SpanUnit {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Minutes => "minutes",
            Self::Hours => "hours",
        }
    }

    const fn millis(self) -> i64 {
        match self {
            Self::Minutes => MINUTE,
            Self::Hours => HOUR,
        }
    }
}

fn names() -> String {
    let names: Vec<&str> = TABLE.iter().map(|parameter| parameter.name).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_parameter_is_set_by_its_name_in_its_unit() {
        let mut parameters = Parameters::default();
        assert!(parameters.rows().iter().all(|row| row.default));
        parameters.set("late_after", &json!(30)).unwrap();
        parameters.set("min_approvers", &json!(2)).unwrap();
        assert_eq!((parameters.late_after_ms, parameters.min_approvers), (30 * MINUTE, 2));
        let set: Vec<(&str, String)> = parameters
            .rows()
            .into_iter()
            .filter(|row| !row.default)
            .map(|row| (row.name, row.value))
            .collect();
        let expected = [("late_after", "30 min"), ("min_approvers", "2 approvers")];
        assert_eq!(set, expected.map(|(name, value)| (name, value.to_owned())));
    }

    #[test]
    fn what_does_not_fit_is_refused_by_name_and_changes_nothing() {
        let mut parameters = Parameters::default();
        for (name, value, message) in [
            ("late", json!(1), "there is no parameter `late`; there are late_after, "),
            (
                "min_approvers",
                json!(0),
                "the parameter `min_approvers` must be a whole number of approvers from 1 to 5",
            ),
            ("min_approvers", json!("2"), "must be a whole number"),
            ("late_after", json!(1.5), "minutes from 1 to 1440"),
            ("late_after", json!(-5), "minutes from 1 to 1440"),
        ] {
            let error = parameters.set(name, &value).unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        }
        assert_eq!(parameters, Parameters::default());
    }

    #[test]
    fn every_default_is_one_that_could_be_set() {
        for parameter in &TABLE {
            let standard = Parameters::default();
            match parameter.kind {
                Kind::Span {
                    unit, min, max, get, ..
                } => {
                    let number = get(&standard) / unit.millis();
                    assert_eq!(number * unit.millis(), get(&standard), "{}", parameter.name);
                    assert!((min..=max).contains(&number), "{}", parameter.name);
                }
                Kind::Count { min, max, get, .. } => {
                    assert!((min..=max).contains(&get(&standard)), "{}", parameter.name);
                }
            }
        }
    }
}
