//! `record rollout`: what share of users a deployment reaches from now on. It says nothing else about the deployment.

use serde_json::json;

use super::Common;
use super::deployed::Deployed;
use crate::cli::ci::Claims;
use crate::cli::event::{Draft, SERVICE_PUBLISHED, reference};
use crate::cli::{Context, Failure, text};
use crate::domain::{Extension, exposure};

/// Arguments of `record rollout`.
#[derive(Debug, clap::Args)]
pub struct Rollout {
    /// Percent of users, 0 if it is switched off
    #[arg(value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(..=100))]
    share: u8,
    #[command(flatten)]
    strategy: Strategy,
    #[command(flatten)]
    deployed: Deployed,
    #[command(flatten)]
    common: Common,
}

/// What is told beside the share of users.
#[derive(Debug, clap::Args)]
pub struct Strategy {
    /// How it is brought to them, such as canary, blue-green or flag
    #[arg(long, value_name = "NAME", value_parser = text, requires = "share")]
    strategy: Option<String>,
}

impl Strategy {
    /// It reaches this share of users in this way.
    pub fn rollout(&self, share_percent: u8) -> exposure::Rollout {
        exposure::Rollout {
            share_percent,
            strategy: self.strategy.clone(),
        }
    }
}

impl Rollout {
    /// Records it.
    pub fn run(self, context: &Context, claims: &Claims) -> Result<(), Failure> {
        let (service, environment) = self.deployed.place(context, claims)?;
        let draft = Draft {
            event_type: SERVICE_PUBLISHED,
            source: self.common.source(claims),
            subject: service.to_string(),
            content: json!({ "environment": reference(Some(environment.as_str())) }),
            extension: Extension {
                service: Some(service),
                deployment_id: Some(self.deployed.id.clone()),
                rollout: Some(self.strategy.rollout(self.share)),
                ..self.common.extension(claims)
            },
        };
        self.common.send(&draft, context)
    }
}
