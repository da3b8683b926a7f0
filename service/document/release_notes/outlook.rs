//! What a manager asks beyond what was done: for when it was planned, what is not in it, and what comes next. From what the ledger holds
//! and nothing else: what nobody recorded is said to be missing.

use std::collections::BTreeSet;

use serde::Serialize;

use super::{Selection, commits};
use crate::check::CheckResult;
use crate::document::assurance::Assurance;
use crate::document::changes::Changes;
use crate::domain::change::MergedChange;
use crate::domain::deployment::{Deployment, Effect, Role, Says, Status};
use crate::domain::facts::Facts;
use crate::domain::pushed;
use crate::domain::service::TicketLink;
use crate::domain::{EnvironmentName, Instant};

/// Deployments to another environment that are looked at, and merged changes: the newest.
pub const LOOKED_AT: usize = 10;

/// When it was to be, what is not in it, and what comes next.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Outlook {
    /// When the deployment was announced for; of a range, and of one that nobody announced, nothing is known.
    pub planned: Option<Planned>,
    /// Whether it began in a window of the organisation's calendar; none where no calendar tells.
    pub in_window: Option<InWindow>,
    /// What the newest deployments to other environments brought there and nothing brought here.
    pub elsewhere: Vec<Elsewhere>,
    /// Other merged changes that no deployment brought here, of the newest of the service, the newest first.
    pub merged: Vec<Merged>,
    /// Deployments to the same place that came later, or that have not ended.
    pub next: Vec<Next>,
}

/// A time that was announced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Planned {
    /// The time.
    pub at: Instant,
    /// Index of the entry.
    pub index: u64,
}

/// What the calendar of the organisation says of the start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InWindow {
    /// Whether it was a time for deployments.
    pub open: bool,
    /// What was found.
    pub found: String,
}

/// What runs in another environment and was not brought here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Elsewhere {
    /// The environment.
    pub environment: EnvironmentName,
    /// The newest deployment there.
    pub label: String,
    /// Its index.
    pub index: u64,
    /// The changes.
    pub changes: Changes,
}

/// A merged change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Merged {
    /// Its id in the forge.
    pub id: String,
    /// Its title.
    pub title: Option<String>,
    /// Its page.
    pub url: Option<String>,
    /// When it was merged.
    pub merged_at: Instant,
    /// Index of the entry.
    pub index: u64,
}

/// Another deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Next {
    /// What to call it.
    pub label: String,
    /// Index of its first entry.
    pub index: u64,
    /// queued, started, finished.
    pub status: &'static str,
    /// When it ended, began or was announced for.
    pub at: Instant,
}

impl Outlook {
    pub(super) fn of<'a>(
        selection: &Selection<'_>,
        here: &[&'a Deployment],
        (facts, assurance): (&'a Facts, &[Assurance]),
        tickets: &[TicketLink],
    ) -> Self {
        let target = selection.target;
        // Whenever it came: what a later deployment brought waits no more.
        let arrived: Vec<&'a Deployment> = here
            .iter()
            .copied()
            .filter(|d| d.succeeded() || d.index == target.index)
            .collect();
        let (elsewhere, mut told) = elsewhere(target, &arrived, facts, tickets);
        told.extend(&arrived);
        let one = [target].into_iter().filter(|_| !selection.range);
        let queued = one.flat_map(|d| &d.statements).find(|said| said.says == Says::Queued);
        let window = assurance.first().filter(|_| !selection.range);
        let window = window.and_then(|row| row.checks.iter().find(|check| check.id == "DL-WIN-1"));
        Self {
            planned: queued.map(|said| Planned {
                at: said.occurred_at,
                index: said.index,
            }),
            in_window: window.and_then(|check| {
                let open = match check.result {
                    CheckResult::Pass => true,
                    CheckResult::Fail | CheckResult::Excepted => false,
                    CheckResult::NotApplicable | CheckResult::NotEvaluable => return None,
                };
                let found = check.found.clone();
                Some(InWindow { open, found })
            }),
            elsewhere,
            merged: merged(target, &told, &facts.merged),
            next: next(target, here),
        }
    }
}

/// With the deployments that brought it there. A change is told once, of the environment that is closest to users.
fn elsewhere<'a>(
    target: &Deployment,
    arrived: &[&'a Deployment],
    facts: &'a Facts,
    tickets: &[TicketLink],
) -> (Vec<Elsewhere>, Vec<&'a Deployment>) {
    let others = || {
        let all = facts.of_service(&target.service);
        all.filter(|d| d.environment != target.environment && d.succeeded() && d.effect == Effect::Runs)
    };
    let environments = others().map(|d| {
        let tier = facts.tier(&d.environment);
        (tier.is_none(), tier, &d.environment)
    });
    let environments: BTreeSet<_> = environments.collect();
    let (mut rows, mut told) = (Vec::new(), Vec::new());
    for (_, _, environment) in environments {
        let known = commits(arrived.iter().chain(&told).copied());
        let mut there: Vec<&Deployment> = others().filter(|d| d.environment == *environment).collect();
        there.sort_by_key(|d| d.order());
        let newest = there.last().copied();
        // Without commits nothing tells what of it is here; nor do pushes, which may have come here before any that is looked at.
        let said = |d: &&Deployment| d.change_set.is_none();
        let is_new = |d: &&Deployment| d.commits.iter().any(|said| !known.contains(said.value.id.as_str()));
        let recent = there.split_off(there.len().saturating_sub(LOOKED_AT));
        let bring: Vec<&Deployment> = recent.into_iter().filter(said).filter(is_new).collect();
        let changes = Changes::of(&bring, &known, tickets);
        let some = changes.shown > 0 || changes.maintenance_total > 0;
        rows.extend(newest.filter(|_| some).map(|newest| Elsewhere {
            environment: environment.clone(),
            label: newest.label(),
            index: newest.index,
            changes,
        }));
        told.extend(bring);
    }
    (rows, told)
}

fn merged(target: &Deployment, told: &[&Deployment], merged: &[MergedChange]) -> Vec<Merged> {
    let ours = merged.iter().rev().filter(|change| change.service == target.service);
    // Where not all is known of what a deployment brought, it may have brought what was merged before it.
    let here = told.iter().filter(|d| d.environment == target.environment);
    let unknown = here.filter(|d| d.gap().is_some() || (d.lineage.role == Role::First && pushed::is_open(d)));
    let known_from = unknown.map(|d| d.start_index()).max().unwrap_or_default();
    let waiting = ours
        .take(LOOKED_AT)
        .filter(|change| change.index >= known_from && !told.iter().any(|d| change.is_in(d)));
    let row = |change: &MergedChange| Merged {
        id: change.id.clone(),
        title: change.title.clone(),
        url: change.url.clone(),
        merged_at: change.merged_at,
        index: change.index,
    };
    waiting.map(row).collect()
}

/// The first success after the deployment, and where there is none what was announced or begun since.
fn next(target: &Deployment, here: &[&Deployment]) -> Vec<Next> {
    let later = || here.iter().copied().filter(|d| d.order() > target.order());
    let row = |d: &Deployment| Next {
        label: d.label(),
        index: d.index,
        status: d.status().as_str(),
        at: d.finished_at().unwrap_or_else(|| d.start_at()),
    };
    match later().find(|d| d.succeeded()) {
        Some(success) => vec![row(success)],
        None => later().filter(|d| d.status() != Status::Finished).map(row).collect(),
    }
}
