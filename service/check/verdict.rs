//! What checks answer.

use serde::Serialize;

use crate::domain::exception::Exception;

/// The result of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckResult {
    /// The ledger shows what the check asks for.
    Pass,
    /// The ledger shows that it is not so.
    Fail,
    /// It is not so, and a recorded exception allows it.
    Excepted,
    /// The check does not concern this deployment.
    NotApplicable,
    /// The ledger does not hold enough to tell.
    NotEvaluable,
}

impl CheckResult {
    /// All five, in the order of reports.
    pub const ALL: [Self; 5] = [
        Self::Pass,
        Self::Fail,
        Self::Excepted,
        Self::NotApplicable,
        Self::NotEvaluable,
    ];

    /// The word used in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Excepted => "excepted",
            Self::NotApplicable => "not_applicable",
            Self::NotEvaluable => "not_evaluable",
        }
    }

    /// The result in words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Excepted => "excepted",
            Self::NotApplicable => "not applicable",
            Self::NotEvaluable => "not evaluable",
        }
    }
}

/// What a check says about what it was run on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// The result.
    pub result: CheckResult,
    /// What the check asks for.
    pub expected: String,
    /// What the ledger shows.
    pub found: String,
    /// Indexes of the entries that it rests on, ascending.
    pub evidence: Vec<u64>,
    /// The exception that allows what would fail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exception: Option<Applied>,
    /// What a check of a period found, one by one; empty where it found no more than one thing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Part>,
}

/// One of the things that a check of a period found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Part {
    /// What the ledger shows.
    pub found: String,
    /// Indexes of the entries that it rests on.
    pub evidence: Vec<u64>,
    /// The exception that allows it, where it is not of all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exception: Option<Applied>,
}

impl Part {
    pub(super) fn of(found: String, mut evidence: Vec<u64>) -> Self {
        evidence.dedup();
        Self {
            found,
            evidence,
            exception: None,
        }
    }
}

impl Verdict {
    /// The same, with what was found one by one.
    pub(super) fn of_parts(self, parts: Vec<Part>) -> Self {
        Self {
            parts: if parts.len() > 1 { parts } else { Vec::new() },
            ..self
        }
    }
}

/// An exception that was applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Applied {
    /// Its id.
    pub id: String,
    /// Index of its entry.
    pub index: u64,
}

impl Applied {
    pub(super) fn of(exception: &Exception) -> Self {
        Self {
            id: exception.id.clone(),
            index: exception.index,
        }
    }
}

pub(super) fn pass(expected: impl Into<String>, found: impl Into<String>, evidence: Vec<u64>) -> Verdict {
    verdict(CheckResult::Pass, expected, found, evidence)
}

pub(super) fn fail(expected: impl Into<String>, found: impl Into<String>, evidence: Vec<u64>) -> Verdict {
    verdict(CheckResult::Fail, expected, found, evidence)
}

pub(super) fn not_evaluable(expected: impl Into<String>, found: impl Into<String>, evidence: Vec<u64>) -> Verdict {
    verdict(CheckResult::NotEvaluable, expected, found, evidence)
}

pub(super) fn not_applicable(found: impl Into<String>, evidence: Vec<u64>) -> Verdict {
    verdict(CheckResult::NotApplicable, "", found, evidence)
}

fn verdict(result: CheckResult, expected: impl Into<String>, found: impl Into<String>, evidence: Vec<u64>) -> Verdict {
    Verdict {
        result,
        expected: expected.into(),
        found: found.into(),
        evidence,
        exception: None,
        parts: Vec::new(),
    }
}
