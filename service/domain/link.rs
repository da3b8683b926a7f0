//! What people decided about links between incidents and deployments: each decision is an entry, and the newest counts.
//!
//! Suggestions are not here: they are computed when somebody reads, as of a tree size, by rules that have a version
//! (`correlate`). A decision is never undone by computing again.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::event::Recorded;
use super::extension::Actor;
use super::id::{IncidentId, ProducerName};
use super::instant::Instant;

/// Type of the events that carry a decision.
pub const LINK_DECIDED: &str = "dev.cdeventsx.shipslog-link.decided.0.1.0";
/// Subject part of that type.
pub const LINK_SUBJECT: &str = "shipslog-link";

/// What was decided about the link between an incident and a deployment: `customData.shipslog.link` of an event of the type
/// `dev.cdeventsx.shipslog-link.decided.0.1.0`, whose `reason` says why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LinkDecision {
    /// The incident.
    #[schema(value_type = String)]
    pub incident: IncidentId,
    /// Index of the deployment's first entry. Absent with the verdict `no_deployment`, which is about the whole incident.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment: Option<u64>,
    /// The verdict.
    pub verdict: Verdict,
    /// The rules whose suggestion was judged, and the tree size as of which they were applied: together they give again what the
    /// reviewer saw.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judged: Option<Judged>,
}

/// What a reviewer looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Judged {
    /// Version of the rules.
    pub algorithm: String,
    /// Only entries below this index were looked at.
    pub tree_size: u64,
}

/// What a person says about a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The deployment caused the incident.
    Confirmed,
    /// It did not.
    Rejected,
    /// An event names the deployment as the cause, and that is doubted.
    Disputed,
    /// No deployment caused the incident.
    NoDeployment,
}

impl Verdict {
    /// Whether it is about one deployment or about the incident as a whole; what is wrong if that was not told so.
    pub const fn goes_with(self, deployment: bool) -> Result<(), &'static str> {
        match (self, deployment) {
            (Self::NoDeployment, true) => Err("does not go with the verdict no_deployment"),
            (Self::Confirmed | Self::Rejected | Self::Disputed, false) => Err("is required"),
            (Self::NoDeployment, false) | (Self::Confirmed | Self::Rejected | Self::Disputed, true) => Ok(()),
        }
    }
}

/// A decision with its place in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Decided {
    /// Index of its entry.
    pub index: u64,
    /// The verdict.
    pub verdict: Verdict,
    /// Who decided: the actor of the event, else its producer.
    pub by: String,
    /// Who signed the event.
    #[schema(value_type = String)]
    pub producer: ProducerName,
    /// When it was recorded.
    #[schema(value_type = String, format = DateTime)]
    pub recorded_at: Instant,
    /// Why.
    pub reason: Option<String>,
    /// The incident.
    #[serde(skip)]
    pub incident: IncidentId,
    /// Index of the deployment.
    #[serde(skip)]
    pub deployment: Option<u64>,
}

/// The decisions among events, ascending by index and of any mixture.
pub fn fold(records: &[Recorded]) -> Vec<Decided> {
    let decided = |record: &Recorded| {
        let extension = &record.event.extension;
        let decision = extension.link.as_ref()?;
        let named = |actor: &Actor| actor.name.clone().unwrap_or_else(|| actor.id.clone());
        Some(Decided {
            index: record.index,
            verdict: decision.verdict,
            by: extension
                .actor
                .as_ref()
                .map_or_else(|| record.producer.to_string(), named),
            producer: record.producer.clone(),
            recorded_at: record.recorded_at,
            reason: extension.reason.clone(),
            incident: decision.incident.clone(),
            deployment: decision.deployment,
        })
    };
    records.iter().filter_map(decided).collect()
}
