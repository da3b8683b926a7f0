//! The numbers and lists that checks use: one table says what each is called, what it may be, and what it is if nobody sets it.
//!
//! An organisation sets its own, by name; a report prints all of them. Whatever is set has been checked against the table.

mod kind;

use serde::Serialize;
use serde_json::Value;

use self::kind::{Kind, SpanUnit};
use super::calendar::Calendar;

/// What checks use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameters {
    /// Checks whose evidence the organisation asks for: where it is absent they fail, instead of being not evaluable.
    pub required: Vec<String>,
    /// DL-POP-4: what was recorded later than this after it happened is late.
    pub late_after_ms: i64,
    /// DL-POP-4: later than this, it was filled in afterwards.
    pub backfilled_after_ms: i64,
    /// How far clocks may run ahead of the ledger's.
    pub skew_ms: i64,
    /// DL-CHG-1: a ticket that deployments named longer ago than this is no reference any more.
    pub ticket_max_age_ms: i64,
    /// DL-CHG-2: the shortest reason.
    pub min_reason_chars: usize,
    /// DL-AUTH-1 to 3: how many different people must approve.
    pub min_approvers: usize,
    /// DL-AUTH-3: an approval older than this covers nothing.
    pub approval_max_age_ms: i64,
    /// DL-AUTH-4: the roles that may approve; any that is declared if empty.
    pub approver_roles: Vec<String>,
    /// DL-SOD-1: whether an approver must be a declared person.
    pub declared_approvers: bool,
    /// DL-TST-1: the kinds of tests that must have passed; any if empty.
    pub test_kinds: Vec<String>,
    /// DL-TST-3: the kinds of tests that are security scans.
    pub scan_kinds: Vec<String>,
    /// DL-TST-3: how old a scan may be.
    pub scan_max_age_ms: i64,
    /// DL-TST-3: a scan that found something of this severity or a higher one fails.
    pub scan_threshold: Threshold,
    /// DL-ART-2: the builders that are trusted.
    pub trusted_builders: Vec<String>,
    /// DL-EMG-2: working days within which an emergency change must be reviewed.
    pub review_days: usize,
    /// A share of emergency changes above this many percent is a warning sign.
    pub max_emergency_percent: usize,
    /// DL-WIN-1, and the working days of DL-EMG-2.
    pub calendar: Option<Calendar>,
    /// DL-VER-1: how soon after the end it must be verified.
    pub verified_within_ms: i64,
    /// DL-EXC-1: for how long after it ran out an exception still counts as relied upon.
    pub exception_grace_ms: i64,
    /// DL-RET-1: for how long entries must be kept.
    pub retention_ms: i64,
    /// The gate: checks that an environment of users demands, and one whose tier is not known.
    pub gate_production: Vec<String>,
    /// The gate: checks that a staging environment demands.
    pub gate_staging: Vec<String>,
    /// The gate: checks that a testing environment demands.
    pub gate_testing: Vec<String>,
    /// The gate: checks that a development environment demands.
    pub gate_development: Vec<String>,
}

/// How bad a finding of a scan must be to count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Threshold {
    /// Every finding counts.
    Low,
    /// From medium on.
    Medium,
    /// From high on.
    High,
    /// Critical ones only.
    Critical,
}

impl Threshold {
    const ALL: [Self; 4] = [Self::Low, Self::Medium, Self::High, Self::Critical];

    /// The word of CDEvents.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// Reads the word of CDEvents.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == word)
    }
}

impl Default for Parameters {
    fn default() -> Self {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        Self {
            required: Vec::new(),
            late_after_ms: 15 * SpanUnit::Minutes.millis(),
            backfilled_after_ms: 24 * SpanUnit::Hours.millis(),
            skew_ms: 5 * SpanUnit::Minutes.millis(),
            ticket_max_age_ms: 31 * SpanUnit::Days.millis(),
            min_reason_chars: 20,
            min_approvers: 1,
            approval_max_age_ms: 30 * SpanUnit::Days.millis(),
            approver_roles: Vec::new(),
            declared_approvers: false,
            test_kinds: Vec::new(),
            scan_kinds: words(&["security", "scan", "sast", "dast", "sca", "vulnerability"]),
            scan_max_age_ms: 30 * SpanUnit::Days.millis(),
            scan_threshold: Threshold::High,
            trusted_builders: Vec::new(),
            review_days: 2,
            max_emergency_percent: 30,
            calendar: None,
            verified_within_ms: 60 * SpanUnit::Minutes.millis(),
            exception_grace_ms: 30 * SpanUnit::Days.millis(),
            retention_ms: 365 * SpanUnit::Days.millis(),
            gate_production: words(&[
                "DL-CHG-1",
                "DL-AUTH-1",
                "DL-AUTH-2",
                "DL-AUTH-3",
                "DL-SOD-1",
                "DL-TST-1",
                "DL-TST-2",
            ]),
            gate_staging: words(&["DL-TST-1"]),
            gate_testing: Vec::new(),
            gate_development: Vec::new(),
        }
    }
}

/// A parameter: what it is called and what it may be.
struct Parameter {
    /// Its name in the files of an organisation.
    name: &'static str,
    /// What uses it.
    used_by: &'static str,
    /// What it sets, in words.
    title: &'static str,
    /// What it may be.
    kind: Kind,
}

/// A parameter with its value, for a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    /// What uses it: ids of checks, or the gate.
    pub used_by: &'static str,
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
    #[error("the parameter `{name}` {why}")]
    Unfit {
        /// Its name.
        name: &'static str,
        /// What is wrong with the value.
        why: String,
    },
}

const fn row(name: &'static str, used_by: &'static str, title: &'static str, kind: Kind) -> Parameter {
    Parameter {
        name,
        used_by,
        title,
        kind,
    }
}

/// All parameters, in the order of reports.
static TABLE: [Parameter; 25] = [
    row(
        "late_after",
        "DL-POP-4",
        "late after",
        Kind::span(
            SpanUnit::Minutes,
            1,
            1440,
            |p| p.late_after_ms,
            |p| &mut p.late_after_ms,
        ),
    ),
    row(
        "backfilled_after",
        "DL-POP-4",
        "filled in afterwards after",
        Kind::span(
            SpanUnit::Hours,
            1,
            720,
            |p| p.backfilled_after_ms,
            |p| &mut p.backfilled_after_ms,
        ),
    ),
    row(
        "clock_skew",
        "DL-POP-4",
        "clocks may run ahead by",
        Kind::span(SpanUnit::Minutes, 0, 60, |p| p.skew_ms, |p| &mut p.skew_ms),
    ),
    row(
        "ticket_max_age",
        "DL-CHG-1",
        "a ticket refers to changes for",
        Kind::span(
            SpanUnit::Days,
            1,
            3650,
            |p| p.ticket_max_age_ms,
            |p| &mut p.ticket_max_age_ms,
        ),
    ),
    row(
        "min_reason",
        "DL-CHG-2",
        "shortest reason",
        Kind::count(
            "character",
            1,
            1000,
            |p| p.min_reason_chars,
            |p| &mut p.min_reason_chars,
        ),
    ),
    row(
        "min_approvers",
        "DL-AUTH-1, DL-AUTH-2, DL-AUTH-3",
        "at least",
        Kind::count("approver", 1, 5, |p| p.min_approvers, |p| &mut p.min_approvers),
    ),
    row(
        "approval_max_age",
        "DL-AUTH-3",
        "an approval holds for",
        Kind::span(
            SpanUnit::Days,
            1,
            3650,
            |p| p.approval_max_age_ms,
            |p| &mut p.approval_max_age_ms,
        ),
    ),
    row(
        "approver_roles",
        "DL-AUTH-4",
        "roles that may approve",
        Kind::words("any that is declared", |p| &p.approver_roles, |p| &mut p.approver_roles),
    ),
    row(
        "declared_approvers",
        "DL-SOD-1",
        "an approver of whom nothing is declared",
        Kind::Flag {
            on: "is not evaluable",
            off: "counts unless the name looks alike",
            get: |p| p.declared_approvers,
            place: |p| &mut p.declared_approvers,
        },
    ),
    row(
        "test_kinds",
        "DL-TST-1",
        "kinds of tests that must pass",
        Kind::words("any", |p| &p.test_kinds, |p| &mut p.test_kinds),
    ),
    row(
        "scan_kinds",
        "DL-TST-3",
        "kinds of tests that are scans",
        Kind::words("none", |p| &p.scan_kinds, |p| &mut p.scan_kinds),
    ),
    row(
        "scan_max_age",
        "DL-TST-3",
        "a scan is fresh for",
        Kind::span(
            SpanUnit::Days,
            1,
            3650,
            |p| p.scan_max_age_ms,
            |p| &mut p.scan_max_age_ms,
        ),
    ),
    row(
        "scan_threshold",
        "DL-TST-3",
        "findings count from",
        Kind::Severity {
            get: |p| p.scan_threshold,
            place: |p| &mut p.scan_threshold,
        },
    ),
    row(
        "trusted_builders",
        "DL-ART-2",
        "builders that are trusted",
        Kind::words("none named", |p| &p.trusted_builders, |p| &mut p.trusted_builders),
    ),
    row(
        "review_days",
        "DL-EMG-2",
        "reviewed within",
        Kind::count("working day", 1, 60, |p| p.review_days, |p| &mut p.review_days),
    ),
    row(
        "max_emergency_percent",
        "compliance report",
        "emergency changes are a warning sign above",
        Kind::count(
            "percentage point",
            1,
            100,
            |p| p.max_emergency_percent,
            |p| &mut p.max_emergency_percent,
        ),
    ),
    row(
        "calendar",
        "DL-WIN-1, DL-EMG-2",
        "windows, freezes and holidays",
        Kind::Calendar {
            get: |p| p.calendar.as_ref(),
            place: |p| &mut p.calendar,
        },
    ),
    row(
        "verified_within",
        "DL-VER-1",
        "verified within",
        Kind::span(
            SpanUnit::Minutes,
            1,
            10_080,
            |p| p.verified_within_ms,
            |p| &mut p.verified_within_ms,
        ),
    ),
    row(
        "exception_grace",
        "DL-EXC-1",
        "an exception that ran out is looked at for",
        Kind::span(
            SpanUnit::Days,
            1,
            3650,
            |p| p.exception_grace_ms,
            |p| &mut p.exception_grace_ms,
        ),
    ),
    row(
        "retention",
        "DL-RET-1",
        "entries are kept for",
        Kind::span(SpanUnit::Days, 1, 36_500, |p| p.retention_ms, |p| &mut p.retention_ms),
    ),
    row(
        "required",
        "all",
        "fail where their evidence is absent",
        Kind::checks(|p| &p.required, |p| &mut p.required),
    ),
    row(
        "gate_production",
        "gate",
        "demanded in production, and where no tier is known",
        Kind::checks(|p| &p.gate_production, |p| &mut p.gate_production),
    ),
    row(
        "gate_staging",
        "gate",
        "demanded in staging",
        Kind::checks(|p| &p.gate_staging, |p| &mut p.gate_staging),
    ),
    row(
        "gate_testing",
        "gate",
        "demanded in testing",
        Kind::checks(|p| &p.gate_testing, |p| &mut p.gate_testing),
    ),
    row(
        "gate_development",
        "gate",
        "demanded in development",
        Kind::checks(|p| &p.gate_development, |p| &mut p.gate_development),
    ),
];

impl Parameters {
    /// Sets a parameter by its name: a number of its unit, a word, a list of words, or a calendar.
    pub fn set(&mut self, name: &str, value: &Value) -> Result<(), ParameterError> {
        let parameter = TABLE.iter().find(|parameter| parameter.name == name);
        let parameter = parameter.ok_or_else(|| ParameterError::Unknown { name: name.to_owned() })?;
        let name = parameter.name;
        let set = parameter.kind.set(self, value);
        set.map_err(|why| ParameterError::Unfit { name, why })
    }

    /// All parameters with their values, in the order of reports.
    pub fn rows(&self) -> Vec<Row> {
        let standard = Self::default();
        let rows = TABLE.iter().map(|parameter| {
            let value = parameter.kind.value(self);
            Row {
                used_by: parameter.used_by,
                name: parameter.name,
                title: parameter.title,
                default: value == parameter.kind.value(&standard),
                value,
                allowed: parameter.kind.allowed(),
            }
        });
        rows.collect()
    }
}

fn names() -> String {
    let names: Vec<&str> = TABLE.iter().map(|parameter| parameter.name).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests;
