//! What of a report a framework concerns: its findings, and the observations that they rest on, are of the same deployments.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::gates::FollowedRow;
use super::super::requirements::FrameworkResult;
use super::super::tested::{ExceptedRow, ExceptionRow, ResultRow};
use super::Writer;
use crate::document::rows::DeploymentRow;
use crate::domain::gate::Decided;

/// Most deployments that are written one by one for a reason; all are in the table of the population.
const MOST_DEPLOYMENTS: usize = 500;

/// The part of a report that a result is about; all of it where no framework is asked for.
pub(super) struct Concerned<'a> {
    /// Its name among the parts of the document.
    pub(super) of: &'a str,
    /// The framework.
    pub(super) framework: Option<&'a FrameworkResult>,
    /// How many deployments it concerns.
    pub(super) count: usize,
    /// How many of these failed a check.
    pub(super) failing: usize,
    /// What the checks come to over them.
    pub(super) results: &'a [ResultRow],
    /// The first of those that failed.
    pub(super) failed: Vec<&'a ExceptionRow>,
    /// The first of those that an exception excused.
    pub(super) excepted: Vec<&'a ExceptedRow>,
    /// The first of those that began against the answer of the gate.
    pub(super) against_gate: Vec<&'a FollowedRow>,
    /// Answers of the gate that were overridden.
    pub(super) overrides: Vec<&'a Decided>,
}

impl<'a> Concerned<'a> {
    pub(super) fn of(writer: &Writer<'a>, framework: Option<&'a FrameworkResult>) -> Self {
        let report = writer.report;
        let concerns = |row: &DeploymentRow| {
            framework.is_none_or(|framework| framework.concerns(&row.service, &row.environment, row.started_at))
        };
        let answered = |answer: &&Decided| {
            let (service, environment) = (&answer.service, &answer.environment);
            framework.is_none_or(|framework| framework.concerns(service, environment, answer.recorded_at))
        };
        let failed = || report.exceptions.iter().filter(|row| concerns(&row.deployment));
        let excepted = report.excepted.iter().filter(|row| concerns(&row.deployment));
        let against_gate = report.against_gate.iter().filter(|row| concerns(&row.deployment));
        Self {
            of: framework.map_or("checks", |framework| framework.id.as_str()),
            framework,
            count: framework.map_or(report.population.count, |framework| framework.in_scope),
            failing: failed().count(),
            results: framework.map_or(&report.results, |framework| &framework.results),
            failed: failed().take(MOST_DEPLOYMENTS).collect(),
            excepted: excepted.take(MOST_DEPLOYMENTS).collect(),
            against_gate: against_gate.take(MOST_DEPLOYMENTS).collect(),
            overrides: report.overrides.iter().filter(answered).collect(),
        }
    }

    /// The deployments that are written one by one, by their first entry.
    pub(super) fn deployments(&self) -> BTreeMap<u64, &'a DeploymentRow> {
        let failed = self.failed.iter().map(|row| &row.deployment);
        let excepted = self.excepted.iter().map(|row| &row.deployment);
        let against_gate = self.against_gate.iter().map(|row| &row.deployment);
        let all = failed.chain(excepted).chain(against_gate);
        all.map(|row| (row.index, row)).collect()
    }

    /// A deployment as what something is about.
    pub(super) fn subject(&self, writer: &Writer<'_>, index: u64) -> Value {
        json!([{ "subject-uuid": writer.uuid(&self.deployment(index)), "type": "inventory-item" }])
    }

    /// The name of a deployment among the parts of the document.
    pub(super) fn deployment(&self, index: u64) -> String {
        format!("deployment {} {index}", self.of)
    }

    /// The name of what is told about a check.
    pub(super) fn check(&self, id: &str) -> String {
        format!("check {} {id}", self.of)
    }

    /// The name of the observation that a deployment failed a check.
    pub(super) fn failure(&self, index: u64, check: &str) -> String {
        format!("failure {} {index} {check}", self.of)
    }

    /// The name of the observation that an exception excused a deployment.
    pub(super) fn excuse(&self, index: u64, check: &str) -> String {
        format!("excuse {} {index} {check}", self.of)
    }

    /// The name of something that a check of the period found.
    pub(super) fn part(&self, check: &str, number: usize) -> String {
        format!("part {} {check} {number}", self.of)
    }

    /// The name of the observation that a deployment began against the answer of the gate.
    pub(super) fn against_gate(&self, index: u64) -> String {
        format!("against the gate {} {index}", self.of)
    }

    /// The name of the risk that an exception stands for.
    pub(super) fn exception(&self, index: u64) -> String {
        format!("exception {} {index}", self.of)
    }
}
