//! `record test`: the result of a test suite, bound to what was tested.

use std::path::Path;

use serde_json::json;
use uuid::Uuid;

use super::commit::commit;
use super::deployment::Outcome;
use super::{Common, environment, service};
use crate::cli::ci::Claims;
use crate::cli::event::{Draft, TEST_SUITE_FINISHED, reference};
use crate::cli::{Context, Failure, text};
use crate::domain::extension::TestDetail;
use crate::domain::{EnvironmentName, Extension, ServiceName};

/// Arguments of `record test`.
#[derive(Debug, clap::Args)]
pub struct Test {
    /// Service that was tested [env: SHIPSLOG_SERVICE]
    #[arg(long, value_name = "NAME")]
    service: Option<ServiceName>,
    /// Environment that it was tested in [env: SHIPSLOG_ENVIRONMENT]
    #[arg(long, value_name = "NAME")]
    environment: Option<EnvironmentName>,
    /// Name of the suite
    #[arg(long, value_name = "NAME", value_parser = text)]
    suite: String,
    /// How it ended
    #[arg(long, value_enum)]
    outcome: Outcome,
    /// unit, integration, e2e, performance, security, …
    #[arg(long, value_name = "KIND", value_parser = text)]
    kind: Option<String>,
    /// Artifact that was tested: a package URL or algorithm:hex
    #[arg(long, value_name = "PURL", value_parser = text)]
    artifact: Option<String>,
    /// Commit that was tested [default: from the CI system]
    #[arg(long, value_name = "COMMIT", value_parser = text)]
    commit: Option<String>,
    /// Version that was tested
    #[arg(long, value_name = "VERSION", value_parser = text)]
    version: Option<String>,
    /// Tests that passed
    #[arg(long, value_name = "COUNT")]
    passed: Option<u64>,
    /// Tests that failed
    #[arg(long, value_name = "COUNT")]
    failed: Option<u64>,
    /// Tests that were skipped
    #[arg(long, value_name = "COUNT")]
    skipped: Option<u64>,
    /// Page of the results
    #[arg(long, value_name = "URL", value_parser = text)]
    report_url: Option<String>,
    #[command(flatten)]
    common: Common,
}

impl Test {
    /// Records it.
    pub fn run(self, context: &Context, claims: &Claims) -> Result<(), Failure> {
        let service = service(self.service.clone(), context)?;
        let environment = environment(self.environment.clone(), context, claims)?;
        let commit = commit(self.commit.as_deref(), claims, Path::new("."), context)?;
        if self.artifact.is_none() && commit.is_none() {
            return Err(Failure::unclear("what was tested? Give --artifact or --commit"));
        }
        let draft = Draft {
            event_type: TEST_SUITE_FINISHED,
            source: self.common.source(claims),
            subject: Uuid::now_v7().to_string(),
            content: json!({
                "environment": reference(Some(environment.as_str())),
                "outcome": self.outcome.as_str(),
                "testSuite": { "id": self.suite, "name": self.suite },
                "reason": self.common.reason,
            }),
            extension: Extension {
                service: Some(service),
                artifact: self.artifact.clone(),
                commit,
                version: self.version.clone(),
                actor: self.common.actor(claims),
                tickets: self.common.tickets.clone(),
                run_url: self.common.run_url(claims),
                test: Some(TestDetail {
                    kind: self.kind.clone(),
                    passed: self.passed,
                    failed: self.failed,
                    skipped: self.skipped,
                    url: self.report_url.clone(),
                }),
                ..Extension::default()
            },
        };
        self.common.send(&draft, context)
    }
}
