//! `record incident`: something that hurt a live environment.

use serde_json::json;

use super::{Common, environment};
use crate::cli::ci::Claims;
use crate::cli::event::{Draft, INCIDENT_DETECTED, INCIDENT_REPORTED, INCIDENT_RESOLVED, reference};
use crate::cli::{Context, Failure, text};
use crate::domain::extension::CauseClass;
use crate::domain::{EnvironmentName, Extension, IncidentId, Instant, ServiceName};

/// Arguments of `record incident`.
#[derive(Debug, clap::Args)]
pub struct Incident {
    /// Id that the records of one incident share
    #[arg(long, value_name = "ID")]
    id: IncidentId,
    /// How far it is
    #[arg(long, value_enum, default_value_t = Phase::Detected)]
    phase: Phase,
    /// Environment that is hurt [env: SHIPSLOG_ENVIRONMENT]
    #[arg(long, value_name = "NAME")]
    environment: Option<EnvironmentName>,
    /// Service that is hurt, where it is known
    #[arg(long, value_name = "NAME")]
    service: Option<ServiceName>,
    /// What is seen
    #[arg(long, value_name = "TEXT", value_parser = text)]
    description: Option<String>,
    /// How bad it is, in your own words
    #[arg(long, value_name = "LEVEL", value_parser = text)]
    severity: Option<String>,
    /// Artifact that misbehaves, where it is known
    #[arg(long, value_name = "PURL", value_parser = text)]
    artifact: Option<String>,
    /// Version that misbehaves, where it is known
    #[arg(long, value_name = "VERSION", value_parser = text)]
    version: Option<String>,
    /// Deployment (id or #index) or change that caused it
    #[arg(long, value_name = "ID", value_parser = text)]
    caused_by: Option<String>,
    /// What kind of cause it had
    #[arg(long, value_enum)]
    cause_class: Option<Cause>,
    /// When users began to feel it, RFC 3339
    #[arg(long, value_name = "TIME", value_parser = Instant::parse)]
    impact_start: Option<Instant>,
    /// Page of the ticket; needed with --phase reported
    #[arg(long, value_name = "URL", value_parser = text)]
    ticket_url: Option<String>,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Phase {
    Detected,
    Reported,
    Resolved,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Cause {
    Change,
    Capacity,
    Dependency,
    External,
    Unknown,
}

impl From<Cause> for CauseClass {
    fn from(cause: Cause) -> Self {
        match cause {
            Cause::Change => Self::Change,
            Cause::Capacity => Self::Capacity,
            Cause::Dependency => Self::Dependency,
            Cause::External => Self::External,
            Cause::Unknown => Self::Unknown,
        }
    }
}

impl Incident {
    /// Records it.
    pub fn run(self, context: &Context, claims: &Claims) -> Result<(), Failure> {
        let environment = environment(self.environment.clone(), context, claims)?;
        let event_type = match (self.phase, &self.ticket_url) {
            (Phase::Detected, _) => INCIDENT_DETECTED,
            (Phase::Reported, Some(_)) => INCIDENT_REPORTED,
            (Phase::Reported, None) => {
                return Err(Failure::unclear(
                    "a reported incident has a ticket: give --ticket-url URL, or --phase detected",
                ));
            }
            (Phase::Resolved, _) => INCIDENT_RESOLVED,
        };
        let ticket = (self.phase == Phase::Reported)
            .then_some(self.ticket_url.as_deref())
            .flatten();
        let draft = Draft {
            event_type,
            source: self.common.source(claims),
            subject: self.id.as_str().to_owned(),
            content: json!({
                "environment": reference(Some(environment.as_str())),
                "service": reference(self.service.as_ref().map(ServiceName::as_str)),
                "description": self.description,
                "artifactId": self.artifact,
                "ticketURI": ticket,
            }),
            extension: Extension {
                version: self.version.clone(),
                caused_by: self.caused_by.clone(),
                severity: self.severity.clone(),
                impact_start: self.impact_start,
                cause_class: self.cause_class.map(CauseClass::from),
                ..self.common.extension(claims)
            },
        };
        self.common.send(&draft, context)
    }
}
