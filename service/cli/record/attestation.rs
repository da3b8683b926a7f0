//! `record attestation`: what a person attests for a requirement because no check can see it, or the end of it.

use serde_json::json;

use super::{Common, human};
use crate::cli::ci::Claims;
use crate::cli::event::Draft;
use crate::cli::{Context, Failure, text};
use crate::clock::Clock;
use crate::domain::attestation::{ATTESTATION_MADE, ATTESTATION_REVOKED, AttestationStatement};
use crate::domain::{EnvironmentName, Extension, Instant, ServiceName};

/// Arguments of `record attestation`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "--actor says who attests it, and is needed. What frameworks want attested stands in their reports and in the files \
                  of the catalogue (manual). An attestation never stands for a check."
)]
pub struct Attestation {
    /// Its id
    #[arg(value_name = "ID", value_parser = text)]
    id: String,
    /// Take it back; --reason says why
    #[arg(long, conflicts_with_all = ["framework", "item", "statement", "evidence", "service", "environment", "from", "until"])]
    revoke: bool,
    /// Framework, such as pci-dss
    #[arg(long, value_name = "ID", value_parser = text, required_unless_present = "revoke")]
    framework: Option<String>,
    /// What the framework wants attested, such as no-live-pan
    #[arg(long, value_name = "ID", value_parser = text, required_unless_present = "revoke")]
    item: Option<String>,
    /// What is attested, in the words of who attests it
    #[arg(long, value_name = "TEXT", value_parser = text, required_unless_present = "revoke")]
    statement: Option<String>,
    /// Where the evidence is: an http or https address, or a digest such as sha256:9b2c…; may be repeated
    #[arg(long, value_name = "URL|DIGEST", value_parser = text)]
    evidence: Vec<String>,
    /// Only for this service [default: all]
    #[arg(long, value_name = "NAME")]
    service: Option<ServiceName>,
    /// Only for this environment [default: all]
    #[arg(long, value_name = "NAME")]
    environment: Option<EnvironmentName>,
    /// From when on, RFC 3339 [default: the time of the record]
    #[arg(long, value_name = "TIME", value_parser = Instant::parse)]
    from: Option<Instant>,
    /// Until when, RFC 3339
    #[arg(long, value_name = "TIME", value_parser = Instant::parse, required_unless_present = "revoke")]
    until: Option<Instant>,
    #[command(flatten)]
    common: Common,
}

impl Attestation {
    /// Records it.
    pub fn run(self, context: &Context, claims: &Claims) -> Result<(), Failure> {
        let at = self.common.at.unwrap_or_else(|| Clock::system().now());
        let said = self.said();
        if let Some((member, fault)) = said.as_ref().and_then(|said| said.fault(at)) {
            return Err(Failure::unclear(format!("{member}: {fault}")));
        }
        let extension = self.common.extension(claims);
        // Who started a pipeline attests nothing by that.
        let by = self.common.actor.as_deref().map(human);
        match &said {
            Some(_) if by.is_none() => return Err(Failure::unclear("who attests it? Give --actor ID")),
            None if self.common.reason.is_none() => return Err(Failure::unclear("why? Give --reason TEXT")),
            Some(_) | None => {}
        }
        let draft = Draft {
            event_type: if said.is_some() {
                ATTESTATION_MADE
            } else {
                ATTESTATION_REVOKED
            },
            source: self.common.source(claims),
            subject: self.id,
            content: json!({}),
            extension: Extension {
                service: self.service,
                environment: self.environment,
                attestation: said.map(Box::new),
                actor: by.or(extension.actor.clone()),
                ..extension
            },
        };
        self.common.send(&draft, context)
    }

    /// What is attested; nothing where it is taken back.
    fn said(&self) -> Option<AttestationStatement> {
        Some(AttestationStatement {
            framework: self.framework.clone()?,
            item: self.item.clone()?,
            statement: self.statement.clone()?,
            evidence: self.evidence.clone(),
            valid_from: self.from,
            valid_until: self.until?,
        })
    }
}
