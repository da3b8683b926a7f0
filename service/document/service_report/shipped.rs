//! What was brought to users in a period.

use std::collections::BTreeSet;

use serde::Serialize;

use super::super::changes::{Change, Changes};
use super::super::release_notes::{Highlight, texts};
use super::super::rows::DeploymentRow;
use crate::domain::deployment::Deployment;
use crate::domain::facts::Facts;

/// Most releases that a page lists; the JSON form has all.
const LISTED: usize = 100;

/// What was shipped.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Shipped {
    /// Every attempt that ended in the period, in ledger order.
    pub releases: Vec<ShippedRow>,
    /// How many of them the template lists: the newest.
    pub listed: usize,
    /// Changes that ask something of users.
    pub breaking: Vec<BreakingRow>,
    /// What people wrote about those that succeeded.
    pub highlights: Vec<TextRow>,
    /// What people wrote that somebody must do.
    pub actions_required: Vec<TextRow>,
    /// What people wrote that is known not to work.
    pub known_issues: Vec<TextRow>,
}

/// Human text about a deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TextRow {
    /// The deployment's service.
    pub service: String,
    /// The deployment's label.
    pub label: String,
    /// The text.
    pub text: String,
    /// Index of the entry.
    pub index: u64,
}

/// One deployment.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ShippedRow {
    /// The deployment.
    pub deployment: DeploymentRow,
    /// What it brought, in a line: a highlight, else its foremost change.
    pub headline: Option<String>,
    /// Changes that it brought, maintenance excluded.
    pub changes: usize,
}

/// A change that asks something of users.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BreakingRow {
    /// The deployment's service.
    pub service: String,
    /// The deployment's label.
    pub label: String,
    /// The change.
    pub change: Change,
}

impl Shipped {
    pub(super) fn of(ended: &[&Deployment], facts: &Facts) -> Self {
        let mut breaking = Vec::new();
        let [mut highlights, mut actions_required, mut known_issues] = [const { Vec::new() }; 3];
        let mut releases = Vec::new();
        for deployment in ended {
            let changes = Changes::of(
                &[deployment],
                &BTreeSet::new(),
                facts.services.ticket_links(&deployment.service),
            );
            if deployment.succeeded() {
                let of_group = changes.groups.iter().filter(|group| group.key == "breaking");
                breaking.extend(of_group.flat_map(|group| &group.entries).map(|change| BreakingRow {
                    service: deployment.service.to_string(),
                    label: deployment.label(),
                    change: change.clone(),
                }));
            }
            let written = texts(&[deployment], facts);
            let row = |told: &Highlight| TextRow {
                service: deployment.service.to_string(),
                label: deployment.label(),
                text: told.text.clone(),
                index: told.index,
            };
            let foremost = changes.groups.first().and_then(|group| group.entries.first());
            releases.push(ShippedRow {
                deployment: DeploymentRow::of(deployment),
                headline: written
                    .highlights
                    .first()
                    .map(|highlight| highlight.text.clone())
                    .or_else(|| foremost.map(|change| change.title.clone())),
                changes: changes.shown,
            });
            if deployment.succeeded() {
                highlights.extend(written.highlights.iter().map(row));
            }
            actions_required.extend(written.actions_required.iter().map(row));
            known_issues.extend(written.known_issues.iter().map(row));
        }
        Self {
            listed: releases.len().min(LISTED),
            releases,
            breaking,
            highlights,
            actions_required,
            known_issues,
        }
    }
}
