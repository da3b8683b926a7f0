//! The gate: a pipeline asks, before it deploys, whether the checks would pass; the service answers. Both are entries, the question
//! signed by who asks and the answer by the service.
//!
//! A question says what the deployment's record would say. It is evaluated as a deployment that starts with it: see [`attempt`].

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::artifact::Artifact;
use super::event::{Body, Phase, Recorded};
use super::id::{DeploymentId, EnvironmentName, ServiceName};
use super::instant::Instant;

/// Type of the events that ask.
pub const GATE_ASKED: &str = "dev.cdeventsx.shipslog-gate.asked.0.1.0";
/// Type of the events that answer.
pub const GATE_DECIDED: &str = "dev.cdeventsx.shipslog-gate.decided.0.1.0";
/// Subject part of both.
pub const GATE_SUBJECT: &str = "shipslog-gate";

/// A question to the gate: `customData.shipslog.gate_question` of an event of the type `dev.cdeventsx.shipslog-gate.asked.0.1.0`,
/// whose `service`, `environment` and `artifact` (a digest, or an id with one) say what would be deployed where, and whose other members
/// what its record would say.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GateQuestion {
    /// Why the deployment goes ahead whatever the answer is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub override_reason: Option<String>,
}

/// An answer of the gate: `customData.shipslog.gate` of an event of the type `dev.cdeventsx.shipslog-gate.decided.0.1.0`, which the
/// service alone signs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GateDecision {
    /// Index of the question. Only entries up to it were looked at.
    pub question: u64,
    /// The answer.
    pub decision: Decision,
    /// The verdict of each check that the environment demands.
    pub checks: Vec<GateVerdict>,
    /// SHA-256 in hex of the catalogue that said which checks are demanded and which numbers they use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub catalogue_sha256: Option<String>,
    /// Why the deployment goes ahead whatever the answer is, as the question says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub override_reason: Option<String>,
}

/// What the gate answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// No demanded check fails, and all can be evaluated.
    Allow,
    /// A demanded check fails.
    Deny,
    /// None fails, but the ledger does not hold enough to tell.
    CannotTell,
}

impl Decision {
    /// The answer in words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
            Self::CannotTell => "cannot tell",
        }
    }
}

/// What a check said at the gate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GateVerdict {
    /// Id of the check.
    pub id: String,
    /// Its version.
    pub version: u32,
    /// `pass`, `fail`, `excepted`, `not_applicable` or `not_evaluable`.
    pub result: String,
    /// What the ledger shows.
    pub text: String,
    /// Indexes of the entries that it rests on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<u64>,
}

/// A decision with its place in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Decided {
    /// Index of its entry.
    pub index: u64,
    /// When it was recorded.
    pub recorded_at: Instant,
    /// The service that would be deployed.
    pub service: ServiceName,
    /// Where to.
    pub environment: EnvironmentName,
    /// The artifact.
    pub artifact: String,
    /// Who asked: the actor of the question, else the producer that signed it.
    pub asked_by: String,
    /// The decision.
    pub said: GateDecision,
}

/// The deployment that a question asks about, as if it started with it. Nothing if the record is no question.
pub fn attempt(question: &Recorded) -> Option<Recorded> {
    let mut record = question.clone();
    // Any text may be the subject of an event, but not the id of a deployment.
    if record.event.subject_id.parse::<DeploymentId>().is_err() {
        record.event.subject_id = format!("gate-{}", record.index);
    }
    let extension = &mut record.event.extension;
    extension.gate_question.take()?;
    record.event.body = Body::Deployment {
        phase: Phase::Started,
        artifact: Artifact::parse(extension.artifact.take()?),
    };
    Some(record)
}

/// The decisions among events, ascending by index and of any mixture.
pub fn fold(records: &[Recorded]) -> Vec<Decided> {
    let decided = |record: &Recorded| {
        let extension = &record.event.extension;
        Some(Decided {
            index: record.index,
            recorded_at: record.recorded_at,
            said: GateDecision::clone(extension.gate.as_ref()?),
            service: record.event.service.clone()?,
            environment: record.event.environment.clone()?,
            artifact: extension.artifact.clone()?,
            asked_by: extension.actor.as_ref()?.id.clone(),
        })
    };
    records.iter().filter_map(decided).collect()
}
