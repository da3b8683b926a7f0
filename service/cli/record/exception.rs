//! `record exception`: a deviation that is accepted for some time, or the end of one.

use serde_json::json;

use super::Common;
use crate::check;
use crate::cli::ci::Claims;
use crate::cli::event::Draft;
use crate::cli::{Context, Failure, text};
use crate::clock::Clock;
use crate::domain::exception::{EXCEPTION_GRANTED, EXCEPTION_REVOKED, ExceptionGrant, ExceptionScope};
use crate::domain::{DeploymentId, EnvironmentName, Extension, Instant, ServiceName};

/// Arguments of `record exception`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "An exception holds for a deployment that fits all of --service, --environment, --deployment-id and --artifact \
                  that are given, and that starts after this is recorded. --reason says why, and is needed."
)]
pub struct Exception {
    /// Its id
    #[arg(value_name = "ID", value_parser = text)]
    id: String,
    /// Take it back
    #[arg(long, conflicts_with_all = ["checks", "services", "environments", "deployments", "artifacts", "requested_by", "approved_by", "control", "from", "expires"])]
    revoke: bool,
    /// Check that may be failed, such as DL-TST-2; may be repeated
    #[arg(long = "check", value_name = "ID", value_parser = known, required_unless_present = "revoke")]
    checks: Vec<String>,
    /// Service that it is for; may be repeated
    #[arg(long = "service", value_name = "NAME")]
    services: Vec<ServiceName>,
    /// Environment that it is for; may be repeated
    #[arg(long = "environment", value_name = "NAME")]
    environments: Vec<EnvironmentName>,
    /// Deployment that it is for; may be repeated
    #[arg(long = "deployment-id", value_name = "ID")]
    deployments: Vec<DeploymentId>,
    /// Digest of an artifact that it is for; may be repeated
    #[arg(long = "artifact", value_name = "DIGEST", value_parser = text)]
    artifacts: Vec<String>,
    /// Who asked for it
    #[arg(long, value_name = "ID", value_parser = text, required_unless_present = "revoke")]
    requested_by: Option<String>,
    /// Who approved it: somebody else
    #[arg(long, value_name = "ID", value_parser = text, required_unless_present = "revoke")]
    approved_by: Option<String>,
    /// What is done instead
    #[arg(long, value_name = "TEXT", value_parser = text, required_unless_present = "revoke")]
    control: Option<String>,
    /// From when on, RFC 3339 [default: the time of the record]
    #[arg(long, value_name = "TIME", value_parser = Instant::parse)]
    from: Option<Instant>,
    /// Until when, RFC 3339
    #[arg(long, value_name = "TIME", value_parser = Instant::parse, required_unless_present = "revoke")]
    expires: Option<Instant>,
    #[command(flatten)]
    common: Common,
}

impl Exception {
    /// Records it.
    pub fn run(self, context: &Context, claims: &Claims) -> Result<(), Failure> {
        if self.common.reason.is_none() {
            return Err(Failure::unclear("why? Give --reason TEXT"));
        }
        let at = self.common.at.unwrap_or_else(|| Clock::system().now());
        let grant = self.grant();
        if let Some((member, fault)) = grant.as_ref().and_then(|grant| grant.fault(at)) {
            return Err(Failure::unclear(format!("{member}: {fault}")));
        }
        let draft = Draft {
            event_type: if grant.is_some() {
                EXCEPTION_GRANTED
            } else {
                EXCEPTION_REVOKED
            },
            source: self.common.source(claims),
            subject: self.id,
            content: json!({}),
            extension: Extension {
                exception: grant.map(Box::new),
                ..self.common.extension(claims)
            },
        };
        self.common.send(&draft, context)
    }

    /// What is granted; nothing where it is taken back.
    fn grant(&self) -> Option<ExceptionGrant> {
        Some(ExceptionGrant {
            checks: self.checks.clone(),
            scope: ExceptionScope {
                services: self.services.clone(),
                environments: self.environments.clone(),
                deployments: self.deployments.clone(),
                artifacts: self.artifacts.clone(),
            },
            requested_by: self.requested_by.clone()?,
            approved_by: self.approved_by.clone()?,
            compensating_control: self.control.clone()?,
            valid_from: self.from,
            expires_at: self.expires?,
        })
    }
}

fn known(id: &str) -> Result<String, String> {
    match check::known(id) {
        Some(check) => Ok(check.id.to_owned()),
        None => Err(format!("there is no check {id}")),
    }
}
