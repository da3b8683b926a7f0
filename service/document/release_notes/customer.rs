//! Release notes for customers: the summary, what changed, what went wrong. Only what is named here is in them; a field that is
//! new in the whole document is not, until somebody adds it.

use serde::Serialize;

use super::redact::Redacted;
use super::select::Selection;
use super::{Highlight, ReleaseNotes};
use crate::document::Generated;
use crate::document::audience::{Audience, Withheld};
use crate::document::changes::{Change, Changes, Identity};
use crate::document::rows::{DeploymentRow, IncidentRow};
use crate::domain::exposure::Downtime;
use crate::domain::facts::Facts;
use crate::domain::{EnvironmentName, Instant, ServiceName};

/// The context of release notes for customers. It can only be made by redacting the whole one.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CustomerNotes {
    context_version: u32,
    document: &'static str,
    audience: Audience,
    generated: Generated,
    title: String,
    service: ServiceName,
    environment: EnvironmentName,
    range: bool,
    summary: Vec<String>,
    highlights: Vec<Highlight>,
    actions_required: Vec<Highlight>,
    known_issues: Vec<Highlight>,
    deployment: CustomerDeployment,
    deployments: Vec<CustomerDeployment>,
    changes: CustomerChanges,
    reintroduced: Vec<CustomerWithdrawn>,
    withdrawn: Vec<CustomerWithdrawn>,
    incidents: CustomerIncidents,
    withheld: Vec<Withheld>,
    #[serde(skip)]
    identities: Vec<Identity>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct CustomerDeployment {
    index: u64,
    label: String,
    outcome: Option<&'static str>,
    ended: &'static str,
    finished_at: Option<Instant>,
    downtime: Option<Downtime>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct CustomerChanges {
    shown: usize,
    groups: Vec<CustomerGroup>,
    maintenance_total: usize,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct CustomerGroup {
    key: &'static str,
    title: &'static str,
    entries: Vec<CustomerChange>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct CustomerChange {
    title: String,
    scope: Option<String>,
    breaking: bool,
    breaking_note: Option<String>,
    indexes: Vec<u64>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct CustomerWithdrawn {
    label: String,
    index: u64,
    finished_at: Option<Instant>,
    changes: CustomerChanges,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct CustomerIncidents {
    fixed: Vec<CustomerIncident>,
    linked: Vec<CustomerIncident>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct CustomerIncident {
    indexes: Vec<u64>,
    began_at: Instant,
    resolved_at: Option<Instant>,
}

impl CustomerNotes {
    pub(super) fn of(notes: ReleaseNotes, selection: &Selection<'_>, facts: &Facts) -> Self {
        let Redacted { notes, withheld } = Redacted::of(notes, selection, facts);
        let old = |list: &[super::Withdrawn]| list.iter().map(CustomerWithdrawn::of).collect();
        Self {
            context_version: notes.context_version,
            document: notes.document,
            audience: Audience::Customer,
            deployment: CustomerDeployment::of(&notes.deployment),
            deployments: notes.deployments.iter().map(CustomerDeployment::of).collect(),
            changes: CustomerChanges::of(&notes.changes),
            reintroduced: old(&notes.reintroduced),
            withdrawn: old(&notes.withdrawn),
            incidents: CustomerIncidents {
                fixed: incidents(&notes.incidents.fixed),
                linked: incidents(&notes.incidents.linked),
            },
            generated: generated(notes.generated, selection),
            title: notes.title,
            service: notes.service,
            environment: notes.environment,
            range: notes.range,
            summary: notes.summary,
            highlights: notes.highlights,
            actions_required: notes.actions_required,
            known_issues: notes.known_issues,
            withheld,
            identities: notes.changes.identities(),
        }
    }

    /// What kind of document it is, its title, and what it was made from.
    pub(super) fn head(&self) -> (&'static str, &str, &Generated) {
        (self.document, &self.title, &self.generated)
    }

    pub(super) fn withheld(&self) -> &[Withheld] {
        &self.withheld
    }

    /// What the changes that it lists are known by; no part of the context.
    pub(super) fn identities(&self) -> &[Identity] {
        &self.identities
    }
}

/// What it was made from, without reasons of erasure, and with entries in place of ids, which name pipelines and their hosts.
fn generated(generated: Generated, selection: &Selection<'_>) -> Generated {
    let mut generated = generated.without_erasures();
    let named = [
        ("--deployment", Some(selection.target)),
        ("--from", selection.previous),
        ("--to", Some(selection.target)),
    ];
    for (option, deployment) in named {
        let deployment = deployment.map(|d| (shlex::try_quote(d.id.as_str()), d.index));
        if let Some((Ok(id), index)) = deployment {
            let entry = format!("{option} '#{index}' ");
            generated.query = generated.query.replace(&format!("{option} {id} "), &entry);
        }
    }
    generated
}

impl CustomerDeployment {
    fn of(row: &DeploymentRow) -> Self {
        Self {
            index: row.index,
            label: row.label.clone(),
            outcome: row.outcome,
            ended: row.ended,
            finished_at: row.finished_at,
            downtime: row.exposure.downtime,
        }
    }
}

impl CustomerChanges {
    fn of(changes: &Changes) -> Self {
        let groups = changes.groups.iter().map(|group| CustomerGroup {
            key: group.key,
            title: group.title,
            entries: group.entries.iter().map(CustomerChange::of).collect(),
        });
        Self {
            shown: changes.shown,
            groups: groups.collect(),
            maintenance_total: changes.maintenance_total,
        }
    }
}

impl CustomerChange {
    fn of(change: &Change) -> Self {
        Self {
            title: change.title.clone(),
            scope: change.scope.clone(),
            breaking: change.breaking,
            breaking_note: change.breaking_note.clone(),
            indexes: change.indexes.clone(),
        }
    }
}

impl CustomerWithdrawn {
    fn of(old: &super::Withdrawn) -> Self {
        Self {
            label: old.label.clone(),
            index: old.index,
            finished_at: old.finished_at,
            changes: CustomerChanges::of(&old.changes),
        }
    }
}

/// Each once: in a range, several deployments may be linked to one.
fn incidents(rows: &[IncidentRow]) -> Vec<CustomerIncident> {
    let mut incidents: Vec<CustomerIncident> = Vec::new();
    for row in rows {
        let incident = CustomerIncident {
            indexes: row.indexes.clone(),
            began_at: row.began_at,
            resolved_at: row.resolved_at,
        };
        if !incidents.contains(&incident) {
            incidents.push(incident);
        }
    }
    incidents
}
