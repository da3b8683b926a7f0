//! `record approval`: a decision about an artifact, a commit or a deployment, or the request for one.

use std::path::Path;

use serde_json::json;
use uuid::Uuid;

use super::commit::commit;
use super::{Common, environment, human, service};
use crate::cli::ci::Claims;
use crate::cli::client::encode;
use crate::cli::event::{APPROVAL_CLOSED, APPROVAL_CREATED, APPROVAL_UPDATED, Draft, person};
use crate::cli::{Context, Failure, text};
use crate::domain::{DeploymentId, EnvironmentName, Extension, ServiceName};

/// Arguments of `record approval`.
#[derive(Debug, clap::Args)]
pub struct Approval {
    /// Service it is about [env: SHIPSLOG_SERVICE]
    #[arg(long, value_name = "NAME")]
    service: Option<ServiceName>,
    /// Environment it is about [env: SHIPSLOG_ENVIRONMENT]
    #[arg(long, value_name = "NAME")]
    environment: Option<EnvironmentName>,
    /// Person who decided, or who asks
    #[arg(long, value_name = "ID", value_parser = text)]
    by: String,
    /// The decision
    #[arg(long, value_enum, default_value_t = Decision::Approved)]
    decision: Decision,
    /// Artifact it covers: a package URL or algorithm:hex
    #[arg(long, value_name = "PURL", value_parser = text)]
    artifact: Option<String>,
    /// Commit it covers [default: from the CI system when no artifact or deployment is given]
    #[arg(long, value_name = "COMMIT", value_parser = text)]
    commit: Option<String>,
    /// Deployment it covers
    #[arg(long, value_name = "ID")]
    deployment_id: Option<DeploymentId>,
    /// Version it covers
    #[arg(long, value_name = "VERSION", value_parser = text)]
    version: Option<String>,
    /// Role in which it was given
    #[arg(long, value_name = "ROLE", value_parser = text)]
    role: Option<String>,
    /// Id that the records of one approval share [default: a new one]
    #[arg(long, value_name = "ID", value_parser = text)]
    id: Option<String>,
    /// Page of the approval
    #[arg(long, value_name = "URL", value_parser = text)]
    details_url: Option<String>,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Decision {
    /// Asked for, nothing decided yet
    Requested,
    Approved,
    Rejected,
    RequestChanges,
    Deferred,
    Delegate,
    Escalated,
}

impl Decision {
    /// Type of the event, `decision` and `status` of its content.
    const fn parts(self) -> (&'static str, Option<&'static str>, Option<&'static str>) {
        match self {
            Self::Requested => (APPROVAL_CREATED, None, None),
            Self::Approved => (APPROVAL_CLOSED, Some("approved"), Some("approved")),
            Self::Rejected => (APPROVAL_CLOSED, Some("rejected"), Some("rejected")),
            Self::RequestChanges => (APPROVAL_UPDATED, Some("requestChanges"), None),
            Self::Deferred => (APPROVAL_UPDATED, Some("deferred"), None),
            Self::Delegate => (APPROVAL_UPDATED, Some("delegate"), None),
            Self::Escalated => (APPROVAL_UPDATED, Some("escalated"), None),
        }
    }
}

impl Approval {
    /// Records it.
    pub fn run(self, context: &Context, claims: &Claims) -> Result<(), Failure> {
        let service = service(self.service.clone(), context)?;
        let environment = environment(self.environment.clone(), context, claims)?;
        let bound = self.artifact.is_some() || self.deployment_id.is_some();
        let commit = match &self.commit {
            None if bound => None,
            flag => commit(flag.as_deref(), claims, Path::new("."), context)?,
        };
        if !bound && commit.is_none() {
            return Err(Failure::unclear(
                "what does it cover? Give --artifact, --commit or --deployment-id",
            ));
        }
        let id = self.id.clone().unwrap_or_else(|| Uuid::now_v7().to_string());
        let target = self
            .artifact
            .clone()
            .or_else(|| {
                self.deployment_id
                    .as_ref()
                    .map(|id| format!("deployment/{}", encode(id.as_str())))
            })
            .or_else(|| commit.as_ref().map(|commit| format!("commit/{commit}")));
        let details = self
            .details_url
            .clone()
            .or_else(|| self.common.run_url(claims))
            .unwrap_or_else(|| format!("urn:approval:{}", encode(&id)));
        let (event_type, decision, status) = self.decision.parts();
        let requested = self.decision == Decision::Requested;
        let person = person(&self.by);
        let draft = Draft {
            event_type,
            source: self.common.source(claims),
            subject: id,
            content: json!({
                "approvalDetailsUrl": details,
                "resourceTargetUrl": target,
                "requestor": requested.then_some(&person),
                "responder": (!requested).then_some(&person),
                "decision": decision,
                "status": status,
            }),
            extension: Extension {
                service: Some(service),
                environment: Some(environment),
                version: self.version.clone(),
                deployment_id: self.deployment_id.clone(),
                artifact: self.artifact.clone(),
                commit,
                actor: Some(human(&self.by)),
                role: self.role.clone(),
                tickets: self.common.tickets.clone(),
                reason: self.common.reason.clone(),
                run_url: self.common.run_url(claims),
                ..Extension::default()
            },
        };
        self.common.send(&draft, context)
    }
}
