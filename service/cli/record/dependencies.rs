//! `record dependencies`: which services a service needs, from now on.

use serde_json::json;

use super::{Common, service};
use crate::cli::ci::Claims;
use crate::cli::event::Draft;
use crate::cli::{Context, Failure};
use crate::domain::dependency::DEPENDENCIES_DECLARED;
use crate::domain::{Extension, ServiceName};

/// Arguments of `record dependencies`.
#[derive(Debug, clap::Args)]
pub struct Dependencies {
    /// Service that needs the others [env: SHIPSLOG_SERVICE]
    #[arg(long, value_name = "NAME")]
    service: Option<ServiceName>,
    /// Service that it needs; may be repeated, and is all that it needs. None at all: it needs no other any more
    #[arg(long = "on", value_name = "NAME")]
    on: Vec<ServiceName>,
    #[command(flatten)]
    common: Common,
}

impl Dependencies {
    /// Records it.
    pub fn run(self, context: &Context, claims: &Claims) -> Result<(), Failure> {
        let service = service(self.service.clone(), context)?;
        let draft = Draft {
            event_type: DEPENDENCIES_DECLARED,
            source: self.common.source(claims),
            subject: service.as_str().to_owned(),
            content: json!({}),
            extension: Extension {
                depends_on: Some(self.on.clone()),
                service: Some(service),
                ..self.common.extension(claims)
            },
        };
        self.common.send(&draft, context)
    }
}
