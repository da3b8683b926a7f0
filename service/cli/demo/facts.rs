//! What the story is made of: versions, deployments, incidents, and the records that they become.

use super::cast::{Person, Service, Signer};
use crate::domain::Instant;
use crate::domain::extension::{CauseClass, Commit, DeploymentKind, PullRequest, TicketRef};

/// One record, ready to be signed and posted.
#[derive(Debug, Clone, PartialEq)]
pub struct Recording {
    /// When the service is to receive it.
    pub recorded_at: Instant,
    /// Who signs it.
    pub signer: Signer,
    /// Type of the payload.
    pub payload_type: &'static str,
    /// The payload.
    pub payload: Vec<u8>,
}

/// A built version of a service, with what went into it.
#[derive(Debug, Clone)]
pub struct Release {
    /// The service.
    pub service: &'static Service,
    /// Version.
    pub version: String,
    /// Version before it.
    pub previous: String,
    /// The commit it is built from.
    pub commit: String,
    /// The artifact, with its digest.
    pub artifact: String,
    /// Commits since the version before.
    pub commits: Vec<Commit>,
    /// Pull requests since the version before.
    pub pull_requests: Vec<PullRequest>,
    /// Tickets since the version before.
    pub tickets: Vec<TicketRef>,
}

/// What is particular about one deployment.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// Where to.
    pub environment: &'static str,
    /// How it ended, in the words of CDEvents.
    pub outcome: &'static str,
    /// What kind it is.
    pub kind: DeploymentKind,
    /// Why it is done.
    pub reason: Option<String>,
    /// What it repairs.
    pub remediates: Option<String>,
    /// Who pressed the button; the pipeline if nobody did.
    pub by: Option<Person>,
    /// Whether commits, tickets and a plan are told.
    pub documented: bool,
    /// How much later than it happened it is recorded, in minutes.
    pub late: i64,
}

impl Attempt {
    /// An ordinary deployment that succeeds.
    pub fn to(environment: &'static str) -> Self {
        Self {
            environment,
            outcome: "success",
            kind: DeploymentKind::Normal,
            reason: None,
            remediates: None,
            by: None,
            documented: true,
            late: 0,
        }
    }
}

/// What is particular about one incident.
#[derive(Debug, Clone, Default)]
pub struct Trouble {
    /// Its id.
    pub id: &'static str,
    /// Service that is hurt.
    pub service: Option<&'static str>,
    /// What is seen.
    pub description: &'static str,
    /// How bad it is.
    pub severity: &'static str,
    /// The deployment that is said to have caused it.
    pub caused_by: Option<String>,
    /// The version that misbehaves.
    pub version: Option<String>,
    /// What kind of cause it had, as found out by the end.
    pub cause: Option<CauseClass>,
    /// Minutes from detection to resolution.
    pub minutes: i64,
}
