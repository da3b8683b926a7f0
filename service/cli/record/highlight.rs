//! `record highlight`: text for the top of the release notes of a deployment, signed by who says it.

use serde_json::json;

use super::Common;
use super::deployed::Deployed;
use crate::cli::ci::Claims;
use crate::cli::event::Draft;
use crate::cli::{Context, Failure, text};
use crate::domain::Extension;
use crate::domain::highlight::{HIGHLIGHT_WRITTEN, HighlightKind, HighlightText};

/// Arguments of `record highlight`.
#[derive(Debug, clap::Args)]
pub struct Highlight {
    /// The text, as it is to be read
    #[arg(value_name = "TEXT", value_parser = text)]
    text: String,
    /// What readers are to take from it
    #[arg(long, value_enum, default_value_t = Kind::Highlight)]
    kind: Kind,
    #[command(flatten)]
    deployed: Deployed,
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
        let (service, environment) = self.deployed.place(context, claims)?;
        let draft = Draft {
            event_type: HIGHLIGHT_WRITTEN,
            source: self.common.source(claims),
            subject: self.deployed.id.as_str().to_owned(),
            content: json!({}),
            extension: Extension {
                service: Some(service),
                environment: Some(environment),
                deployment_id: Some(self.deployed.id.clone()),
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
