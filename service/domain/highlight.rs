//! What people say about a deployment apart from it, for the top of its release notes: each an entry of its own, signed by who says it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::deployment::Deployment;
use super::event::Recorded;
use super::extension::Actor;
use super::id::{DeploymentId, EnvironmentName, ServiceName};

/// Type of the events that carry a highlight.
pub const HIGHLIGHT_WRITTEN: &str = "dev.cdeventsx.shipslog-highlight.written.0.1.0";

/// Text for the top of the release notes of a deployment: `customData.shipslog.highlight` of an event of the type
/// `dev.cdeventsx.shipslog-highlight.written.0.1.0`, whose `service`, `environment` and `deployment_id` name the deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HighlightText {
    /// What readers are to take from it; `highlight` if absent.
    #[serde(default)]
    pub kind: HighlightKind,
    /// The text, in the words that are to be read.
    pub text: String,
}

/// What readers are to take from a text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum HighlightKind {
    /// What to know first.
    #[default]
    Highlight,
    /// What somebody must do.
    Action,
    /// What is known not to work.
    KnownIssue,
}

/// A text with the deployment that it is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Highlight {
    /// Index of its entry.
    pub index: u64,
    /// The service.
    pub service: ServiceName,
    /// The environment.
    pub environment: EnvironmentName,
    /// The deployment.
    pub deployment: DeploymentId,
    /// What it says.
    pub said: HighlightText,
    /// Who says it, where the event tells.
    pub by: Option<Actor>,
}

impl Highlight {
    /// Whether it is about that deployment.
    pub fn is_about(&self, deployment: &Deployment) -> bool {
        self.deployment == deployment.id
            && self.service == deployment.service
            && self.environment == deployment.environment
    }
}

/// The highlights among events, ascending by index and of any mixture.
pub fn fold(records: &[Recorded]) -> Vec<Highlight> {
    let highlight = |record: &Recorded| {
        let event = &record.event;
        Some(Highlight {
            index: record.index,
            said: HighlightText::clone(event.extension.highlight.as_ref()?),
            by: event.extension.actor.clone(),
            service: event.service.clone()?,
            environment: event.environment.clone()?,
            deployment: event.extension.deployment_id.clone()?,
        })
    };
    records.iter().filter_map(highlight).collect()
}
