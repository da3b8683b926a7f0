//! Which deployments caused which incidents: what the rules suggest, and what people decide about it.
//!
//! A suggestion is computed when it is read. A decision is an entry that the service signs for whoever holds the token; it
//! never goes away, and the newest counts.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use super::App;
use super::causes::correlation_facts;
use super::incidents::{IncidentDetail, IncidentFilter, detail, found, listed};
use super::read::{MAX_PAGE, Page, Paging, ReadError, start, tree_size};
use super::record::RecordError;
use crate::correlate::{self, Candidate, Correlator, HalfLife, LinkState};
use crate::domain::deployment::Deployment;
use crate::domain::extension::Extension;
use crate::domain::facts::Facts;
use crate::domain::incident::Incident;
use crate::domain::link::{Decided, Judged, LINK_DECIDED, LinkDecision, Verdict};
use crate::domain::producer::Token;
use crate::domain::reference::entry_named;
use crate::domain::{EnvironmentName, IncidentId, Instant, ServiceName};
use crate::sequencer::SubmitError;
use crate::store::{Cursor, ReadTx, StoreError};

/// Incidents that a page of links looks at in one step, and in all: one that finds little ends early.
const INCIDENTS_AT_ONCE: usize = 25;
const MOST_INCIDENTS: usize = 200;
/// Longest reason of a decision, in characters.
const MAX_REASON: usize = 1000;

/// A link between an incident and a deployment.
#[derive(Debug, Serialize, ToSchema)]
pub struct LinkView {
    /// Id of the incident.
    pub incident: String,
    /// Index of the incident's first entry.
    pub incident_index: u64,
    /// What it is.
    pub description: Option<String>,
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    pub began_at: Instant,
    /// Whether it goes on.
    pub open: bool,
    /// The service that was deployed.
    pub service: String,
    /// The environment that it was deployed to.
    pub environment: String,
    /// Id of the deployment.
    pub deployment: String,
    /// Index of the deployment's first entry.
    pub deployment_index: u64,
    /// What was deployed, in a word: its version, else what else it is called.
    pub label: String,
    /// How strong the evidence is, from 0 to 1.
    pub score: f64,
    /// How far it beats the other explanations, from 0 to 1.
    pub share: f64,
    /// What the score rests on.
    #[schema(value_type = Vec<String>)]
    pub reasons: Vec<correlate::Reason>,
    /// What its closeness in time is measured by; null where the evidence does not fade.
    pub half_life: Option<HalfLife>,
    /// `explicit`, `suggested`, `confirmed`, `rejected`, `disputed` or `superseded`.
    #[schema(value_type = String)]
    pub state: LinkState,
    /// The newest decision about it.
    pub decided: Option<Decided>,
    /// The rules that were applied.
    pub algorithm: &'static str,
}

/// Which links to list.
#[derive(Debug, Clone, Default)]
pub struct LinkFilter {
    /// In this state.
    pub state: Option<LinkState>,
    /// The service that was hurt.
    pub service: Option<ServiceName>,
    /// The environment that was hurt.
    pub environment: Option<EnvironmentName>,
}

/// A decision that is to be recorded.
#[derive(Debug, Clone)]
pub struct NewDecision {
    /// The incident.
    pub incident: IncidentId,
    /// Id of the deployment, or `#` and an index of one of its entries; none where no deployment is to blame.
    pub deployment: Option<String>,
    /// The verdict.
    pub verdict: Verdict,
    /// Why.
    pub reason: String,
    /// The tree size as of which the reviewer looked; the newest if absent.
    pub tree_size: Option<u64>,
}

/// A decision that was recorded.
pub struct DecisionMade {
    /// Index of its entry.
    pub index: u64,
    /// The incident as it is now.
    pub detail: IncidentDetail,
}

/// Why a decision was not recorded.
#[derive(Debug, thiserror::Error)]
pub enum DecisionError {
    /// What it is about is not there.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A member does not fit the others, or what is known.
    #[error("{message}")]
    Unfit {
        /// JSON pointer to it.
        pointer: &'static str,
        /// What is wrong with it.
        message: String,
    },
    /// It was not recorded.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl App {
    /// Links, those of the newest incidents first. A page ends with an incident, so it may be a little longer than asked.
    pub fn links(&self, filter: &LinkFilter, paging: Paging) -> Result<Page<LinkView>, ReadError> {
        self.database.read(|tx| {
            let (tree_size, before) = start(tx, paging)?;
            let limit = usize::from(paging.limit.clamp(1, MAX_PAGE));
            let of = IncidentFilter {
                service: filter.service.clone(),
                environment: filter.environment.clone(),
                ..IncidentFilter::default()
            };
            let (mut items, mut below, mut looked_at): (Vec<LinkView>, u64, usize) = (Vec::new(), before, 0);
            loop {
                let (incidents, more) = listed(tx, &of, below, INCIDENTS_AT_ONCE, tree_size)?;
                looked_at += incidents.len();
                let facts = correlation_facts(tx, &incidents, None, tree_size)?;
                let correlator = Correlator::new(&facts);
                let deployments: BTreeMap<u64, &Deployment> = facts.deployments.iter().map(|d| (d.index, d)).collect();
                for incident in &incidents {
                    let candidates = correlator.candidates(incident).candidates.into_iter();
                    let links = candidates
                        .filter(|candidate| filter.state.is_none_or(|state| candidate.state == state))
                        .filter_map(|candidate| Some(link(incident, deployments.get(&candidate.index)?, candidate)));
                    let links: Vec<LinkView> = links.collect();
                    if items.len() >= limit && !links.is_empty() {
                        let next = items.last().map(|last: &LinkView| {
                            let before = last.incident_index;
                            Cursor { tree_size, before }.to_string()
                        });
                        return Ok(Page { tree_size, items, next });
                    }
                    items.extend(links);
                }
                let Some(before) = more else {
                    return Ok(Page {
                        tree_size,
                        items,
                        next: None,
                    });
                };
                if looked_at >= MOST_INCIDENTS {
                    let next = Some(Cursor { tree_size, before }.to_string());
                    return Ok(Page { tree_size, items, next });
                }
                below = before;
            }
        })
    }

    /// Records what somebody decided about an incident's cause.
    pub async fn decide(&self, new: NewDecision, by: &Token) -> Result<DecisionMade, DecisionError> {
        let reason = new.reason.trim().to_owned();
        let length = reason.chars().count();
        if length == 0 || length > MAX_REASON {
            return Err(DecisionError::Unfit {
                pointer: "/reason",
                message: format!("must have 1 to {MAX_REASON} characters"),
            });
        }
        let incident = new.incident.clone();
        let database = self.database.clone();
        let planned = blocking(move || database.read(|tx| plan(tx, &new))).await?;
        let extension = Extension {
            service: planned.service,
            environment: planned.environment,
            actor: Some(by.actor()),
            reason: Some(reason),
            link: Some(Box::new(planned.decision)),
            ..Extension::default()
        };
        let accepted = self.say(LINK_DECIDED, incident.as_str(), &extension).await?;
        let database = self.database.clone();
        let detail = blocking(move || Ok(database.read(|tx| detail(tx, incident.as_str(), None))?));
        Ok(DecisionMade {
            index: accepted.index,
            detail: detail.await?,
        })
    }
}

pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, DecisionError> + Send + 'static,
) -> Result<T, DecisionError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|_| RecordError::from(SubmitError::Stopped))?
}

/// A decision that fits what is known, with the place that the incident hurt.
struct Planned {
    decision: LinkDecision,
    service: Option<ServiceName>,
    environment: Option<EnvironmentName>,
}

fn plan(tx: &mut ReadTx<'_>, new: &NewDecision) -> Result<Planned, DecisionError> {
    let size = tree_size(tx, new.tree_size)?;
    let incident = found(tx, new.incident.as_str(), size)?;
    let facts = correlation_facts(tx, std::slice::from_ref(&incident), new.deployment.as_deref(), size)?;
    if let Err(message) = new.verdict.goes_with(new.deployment.is_some()) {
        return Err(unfit(message));
    }
    let deployment = new.deployment.as_deref();
    let deployment = deployment.map(|name| named(name, &incident, &facts)).transpose()?;
    if let Some(deployment) = deployment {
        let candidates = Correlator::new(&facts).candidates(&incident).candidates;
        let known = candidates.iter().find(|candidate| candidate.index == deployment.index);
        let named = known.is_some_and(|candidate| candidate.reasons.iter().any(|reason| reason.is_explicit()));
        match (new.verdict, named) {
            (Verdict::Rejected, true) => {
                return Err(DecisionError::Unfit {
                    pointer: "/verdict",
                    message: "an event names this deployment as the cause: that can be disputed, not rejected"
                        .to_owned(),
                });
            }
            (Verdict::Disputed, false) => {
                return Err(DecisionError::Unfit {
                    pointer: "/verdict",
                    message: "no event names this deployment as the cause: that can be rejected, not disputed"
                        .to_owned(),
                });
            }
            (Verdict::Confirmed | Verdict::NoDeployment | Verdict::Rejected | Verdict::Disputed, _) => {}
        }
    }
    Ok(Planned {
        decision: LinkDecision {
            incident: incident.id.clone(),
            deployment: deployment.map(|deployment| deployment.index),
            verdict: new.verdict,
            judged: Some(Judged {
                algorithm: correlate::ALGORITHM.to_owned(),
                tree_size: size,
            }),
        },
        service: incident.service,
        environment: incident.environment,
    })
}

/// The deployment that is called that: one on the incident's own service goes before others of the same id.
fn named<'f>(name: &str, incident: &Incident, facts: &'f Facts) -> Result<&'f Deployment, DecisionError> {
    let called = |d: &&Deployment| match entry_named(name) {
        Some(index) => d.indexes().contains(&index),
        None => d.id.as_str() == name,
    };
    let here = |d: &&Deployment| {
        incident
            .environment
            .as_ref()
            .is_none_or(|environment| d.environment == *environment)
    };
    let all: Vec<&Deployment> = facts.deployments.iter().filter(called).filter(here).collect();
    let own: Vec<&Deployment> = all
        .iter()
        .copied()
        .filter(|d| incident.service.as_ref() == Some(&d.service))
        .collect();
    match (own.as_slice(), all.as_slice()) {
        ([one], _) | ([], [one]) => Ok(*one),
        ([], []) => Err(unfit(&format!(
            "there is no deployment {name} in the environment of the incident"
        ))),
        _ => Err(unfit(&format!(
            "several deployments are called {name}: name one by #INDEX"
        ))),
    }
}

fn unfit(message: &str) -> DecisionError {
    DecisionError::Unfit {
        pointer: "/deployment",
        message: message.to_owned(),
    }
}

fn link(incident: &Incident, deployment: &Deployment, candidate: Candidate) -> LinkView {
    LinkView {
        incident: incident.id.to_string(),
        incident_index: incident.index,
        description: incident.description.as_ref().map(|said| said.value.clone()),
        began_at: incident.began().0,
        open: incident.open(),
        service: deployment.service.to_string(),
        environment: deployment.environment.to_string(),
        deployment: candidate.deployment.to_string(),
        deployment_index: candidate.index,
        label: candidate.label,
        score: candidate.score,
        share: candidate.share,
        reasons: candidate.reasons,
        half_life: candidate.half_life,
        state: candidate.state,
        decided: candidate.decided,
        algorithm: correlate::ALGORITHM,
    }
}
