//! Attempts that meet the period and count in another: something about them was recorded in the period, or claims to have happened in it,
//! but their start, by claim, is of another time.
//!
//! An attempt counts in one period, that of its claimed start, so that the populations of periods add up. Listed here too, it is
//! seen by whoever reads the period in which it was recorded, whatever time it claims.

use serde::Serialize;

use super::super::rows::DeploymentRow;
use super::tested::Results;
use crate::check::CheckResult;
use crate::domain::words::span;
use crate::domain::{Instant, Period};

/// An attempt that counts in another period.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ElsewhereRow {
    /// The deployment.
    pub deployment: DeploymentRow,
    /// When it claims to have begun, in words.
    pub claims: String,
    /// When its start was recorded, or the first word about it.
    pub start_recorded_at: Instant,
    /// Its entries that were recorded in the period.
    pub recorded: Vec<u64>,
    /// Ids of the checks that it fails.
    pub failed: Vec<&'static str>,
}

impl ElsewhereRow {
    pub(super) fn of(results: &Results<'_>, period: &Period) -> Self {
        let deployment = results.deployment;
        let start = deployment.start_at();
        let early = period.from.millis_since(start);
        let recorded = deployment.statements.iter();
        let recorded = recorded.filter(|said| period.contains(said.recorded_at));
        let failed = results.each().filter(|(_, result)| *result == CheckResult::Fail);
        Self {
            claims: if early > 0 {
                format!("{} before the period", span(early))
            } else {
                format!("{} after its end", span(start.millis_since(period.to)))
            },
            start_recorded_at: deployment.start_recorded_at(),
            recorded: recorded.map(|said| said.index).collect(),
            failed: failed.map(|(id, _)| id).collect(),
            deployment: DeploymentRow::of(deployment),
        }
    }
}
