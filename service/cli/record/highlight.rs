//! `record highlight`: text for the top of the release notes of a deployment, signed by who says it.

use serde_json::json;

use super::{Common, environment, service};
use crate::cli::ci::Claims;
use crate::cli::event::Draft;
use crate::cli::{Context, Failure, text};
use crate::domain::highlight::{HIGHLIGHT_WRITTEN, HighlightKind, HighlightText};
use crate::domain::{DeploymentId, EnvironmentName, Extension, ServiceName};

/// Arguments of `record highlight`.
#[derive(Debug, clap::Args)]
pub struct Highlight {
    /// The text, as it is to be read
    #[arg(value_name = "TEXT", value_parser = text)]
    text: String,
    /// What readers are to take from it
    #[arg(long, value_enum, default_value_t = Kind::Highlight)]
    kind: Kind,
    /// Deployment that it is about
    #[arg(long, value_name = "ID")]
    deployment: DeploymentId,
    /// Service that was deployed [env: SHIPSLOG_SERVICE]
    #[arg(long, value_name = "NAME")]
    service: Option<ServiceName>,
    /// Environment that it was deployed to [env: SHIPSLOG_ENVIRONMENT]
    #[arg(long, value_name = "NAME")]
    environment: Option<EnvironmentName>,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    /// What to know first
    Highlight,
    /// What somebody must do
    Action,
    /// What is known not to work
    KnownIssue,
}

impl From<Kind> for HighlightKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Highlight => Self::Highlight,
            Kind::Action => Self::Action,
            Kind::KnownIssue => Self::KnownIssue,
        }
    }
}

impl Highlight {
    /// Records it.
    pub fn run(self, context: &Context, claims: &Claims) -> Result<(), Failure> {
        let service = service(self.service.clone(), context)?;
        let environment = environment(self.environment.clone(), context, claims)?;
        let draft = Draft {
            event_type: HIGHLIGHT_WRITTEN,
            source: self.common.source(claims),
            subject: self.deployment.as_str().to_owned(),
            content: json!({}),
            extension: Extension {
                service: Some(service),
                environment: Some(environment),
                deployment_id: Some(self.deployment.clone()),
                highlight: Some(Box::new(HighlightText {
                    kind: self.kind.into(),
                    text: self.text.clone(),
                })),
                ..self.common.extension(claims)
            },
        };
        self.common.send(&draft, context)
    }
}
