//! Which deployment, that is on the record already, something more is said about.

use super::{environment, service};
use crate::cli::ci::Claims;
use crate::cli::{Context, Failure};
use crate::domain::{DeploymentId, EnvironmentName, ServiceName};

/// Arguments that name it.
#[derive(Debug, clap::Args)]
pub struct Deployed {
    /// Deployment that it is about
    #[arg(id = "deployment", long = "deployment", value_name = "ID")]
    pub id: DeploymentId,
    /// Service that was deployed [env: SHIPSLOG_SERVICE]
    #[arg(long, value_name = "NAME")]
    service: Option<ServiceName>,
    /// Environment that it was deployed to [env: SHIPSLOG_ENVIRONMENT]
    #[arg(long, value_name = "NAME")]
    environment: Option<EnvironmentName>,
}

impl Deployed {
    /// Where it was deployed.
    pub fn place(&self, context: &Context, claims: &Claims) -> Result<(ServiceName, EnvironmentName), Failure> {
        Ok((
            service(self.service.clone(), context)?,
            environment(self.environment.clone(), context, claims)?,
        ))
    }
}
