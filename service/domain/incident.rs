//! An incident, folded from the events that speak of it: noticed, reported, resolved, and perhaps open again.

use std::collections::{BTreeSet, HashMap};

use serde::Serialize;

use super::deployment::Said;
use super::event::{Artifact, Body, IncidentStep, Recorded};
use super::extension::{CauseClass, TicketRef};
use super::id::{DeploymentId, EnvironmentName, IncidentId, ServiceName};
use super::instant::Instant;

/// An incident as the ledger tells it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Incident {
    /// Index of the first entry that speaks of it.
    pub index: u64,
    /// The producer's id of it.
    pub id: IncidentId,
    /// What it hurt.
    pub service: Option<ServiceName>,
    /// Where.
    pub environment: Option<EnvironmentName>,
    /// What was said about it, in ledger order.
    pub statements: Vec<IncidentStatement>,
    /// What happened, as last said; so are the severity and the class of cause.
    pub description: Option<Said<String>>,
    /// How bad it is.
    pub severity: Option<Said<String>>,
    /// What kind of cause it had.
    pub cause_class: Option<Said<CauseClass>>,
    /// When users began to feel it, as first said.
    pub impact_start: Option<Said<Instant>>,
    /// The deployment or change that is said to have caused it.
    pub caused_by: Option<Said<String>>,
    /// The deployment that it is said to be about.
    pub deployment_id: Option<Said<DeploymentId>>,
    /// The artifact that failed.
    pub artifact: Option<Said<Artifact>>,
    /// The version that failed.
    pub version: Option<Said<String>>,
    /// The commit that failed.
    pub commit: Option<Said<String>>,
    /// Where it is tracked.
    pub ticket: Option<Said<String>>,
    /// Tickets about it.
    pub tickets: Vec<Said<TicketRef>>,
}

/// One event about an incident.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct IncidentStatement {
    /// Index of the entry.
    pub index: u64,
    /// What it says.
    pub says: IncidentSays,
    /// When the producer says that it happened.
    pub occurred_at: Instant,
    /// When the ledger recorded it.
    pub recorded_at: Instant,
    /// Whether the producer only shared a secret with the service, instead of signing.
    pub over_shared_secret: bool,
    /// The source that the event names.
    pub source: String,
}

/// What a statement says about an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum IncidentSays {
    /// Somebody or something noticed it.
    Detected,
    /// It was reported.
    Reported,
    /// It is over.
    Resolved,
    /// It was noticed again after it had been over.
    Reopened,
}

/// Where the time came from that an incident is taken to have begun at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BeganBy {
    /// Users began to feel it then.
    ImpactStart,
    /// It was noticed then.
    Detected,
    /// It was reported then.
    Reported,
    /// Only its end is known.
    Resolved,
}

impl Incident {
    /// The time it is taken to have begun at, and what that rests on. Users did not begin to feel what was over already.
    pub fn began(&self) -> (Instant, BeganBy) {
        let first = |says| self.statements.iter().find(|s| s.says == says).map(|s| s.occurred_at);
        let over = self.resolved().map(|end| end.occurred_at);
        let felt = |impact: &&Said<Instant>| over.is_none_or(|over| impact.value <= over);
        if let Some(impact) = self.impact_start.as_ref().filter(felt) {
            (impact.value, BeganBy::ImpactStart)
        } else if let Some(at) = first(IncidentSays::Detected) {
            (at, BeganBy::Detected)
        } else if let Some(at) = first(IncidentSays::Reported) {
            (at, BeganBy::Reported)
        } else {
            (self.statements[0].occurred_at, BeganBy::Resolved)
        }
    }

    /// The statement that it is over, unless it is open (again).
    pub fn resolved(&self) -> Option<&IncidentStatement> {
        let ends = |s: &&IncidentStatement| matches!(s.says, IncidentSays::Resolved | IncidentSays::Reopened);
        self.statements
            .iter()
            .rfind(ends)
            .filter(|s| s.says == IncidentSays::Resolved)
    }

    /// Whether it is not known to be over.
    pub fn open(&self) -> bool {
        self.resolved().is_none()
    }

    /// The sources whose records stand under its id.
    pub fn sources(&self) -> BTreeSet<&str> {
        self.statements.iter().map(|s| s.source.as_str()).collect()
    }

    /// How often it came back after it had been over.
    pub fn reopened(&self) -> usize {
        self.statements
            .iter()
            .filter(|s| s.says == IncidentSays::Reopened)
            .count()
    }

    /// What it is called: its id, and its tickets.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let tickets = self.tickets.iter().map(|said| said.value.id.as_str());
        let ticket = self.ticket.iter().map(|said| said.value.as_str());
        std::iter::once(self.id.as_str()).chain(tickets).chain(ticket)
    }

    /// Indexes of all its entries, ascending.
    pub fn indexes(&self) -> Vec<u64> {
        self.statements.iter().map(|s| s.index).collect()
    }
}

/// Folds events, ascending by index and of any mixture, into the incidents they speak of, ordered by first index.
pub fn fold(records: &[Recorded]) -> Vec<Incident> {
    let mut incidents: Vec<Incident> = Vec::new();
    let mut by_id: HashMap<&str, usize> = HashMap::new();
    for record in records {
        let event = &record.event;
        let Body::Incident {
            step,
            description,
            ticket,
            artifact,
        } = &event.body
        else {
            continue;
        };
        let at = match by_id.get(event.subject_id.as_str()) {
            Some(&at) => at,
            None => {
                let Ok(id) = event.subject_id.parse::<IncidentId>() else {
                    continue;
                };
                by_id.insert(&event.subject_id, incidents.len());
                incidents.push(opened(record.index, id));
                incidents.len() - 1
            }
        };
        incidents[at].add(record, *step, description, ticket, artifact);
    }
    incidents
}

fn opened(index: u64, id: IncidentId) -> Incident {
    Incident {
        index,
        id,
        service: None,
        environment: None,
        statements: Vec::new(),
        description: None,
        severity: None,
        cause_class: None,
        impact_start: None,
        caused_by: None,
        deployment_id: None,
        artifact: None,
        version: None,
        commit: None,
        ticket: None,
        tickets: Vec::new(),
    }
}

impl Incident {
    fn add(
        &mut self,
        record: &Recorded,
        step: IncidentStep,
        description: &Option<String>,
        ticket: &Option<String>,
        artifact: &Option<Artifact>,
    ) {
        let event = &record.event;
        let extension = &event.extension;
        let index = record.index;
        // A report that arrives late about the time before the end does not open it again.
        let back = self.resolved().is_some_and(|end| event.occurred_at > end.occurred_at);
        let says = match step {
            IncidentStep::Resolved => IncidentSays::Resolved,
            IncidentStep::Detected | IncidentStep::Reported if back => IncidentSays::Reopened,
            IncidentStep::Detected => IncidentSays::Detected,
            IncidentStep::Reported => IncidentSays::Reported,
        };
        self.statements.push(IncidentStatement {
            index,
            says,
            occurred_at: event.occurred_at,
            recorded_at: record.recorded_at,
            over_shared_secret: record.over_shared_secret(),
            source: event.source.clone(),
        });
        let service = event.service.as_ref().or(extension.service.as_ref());
        self.service = self.service.take().or_else(|| service.cloned());
        self.environment = self.environment.take().or_else(|| event.environment.clone());
        last(&mut self.description, index, description);
        last(&mut self.severity, index, &extension.severity);
        last(&mut self.cause_class, index, &extension.cause_class);
        last(&mut self.caused_by, index, &extension.caused_by);
        last(&mut self.deployment_id, index, &extension.deployment_id);
        last(&mut self.artifact, index, artifact);
        last(&mut self.version, index, &extension.version);
        last(&mut self.commit, index, &extension.commit);
        last(&mut self.ticket, index, ticket);
        if self.impact_start.is_none() {
            last(&mut self.impact_start, index, &extension.impact_start);
        }
        for ticket in &extension.tickets {
            if !self.tickets.iter().any(|known| known.value.id == ticket.id) {
                self.tickets.push(Said {
                    value: ticket.clone(),
                    index,
                });
            }
        }
    }
}

fn last<T: Clone>(slot: &mut Option<Said<T>>, index: u64, value: &Option<T>) {
    if let Some(value) = value {
        *slot = Some(Said {
            value: value.clone(),
            index,
        });
    }
}

#[cfg(test)]
mod tests;
