//! `gate`: would a deployment of this artifact pass the checks that its environment demands?
//!
//! The question is signed like a record and says what the record of the deployment would say.

use std::path::PathBuf;

use serde_json::{Value, json};
use uuid::Uuid;

use super::ci::Claims;
use super::client::{Asked, ENVELOPE, block_on};
use super::event::Draft;
use super::output::{Format, cell, note, print, print_json, table};
use super::producer::items;
use super::record::{Changes, Common, checkout, commit, environment, service};
use super::{Context, Failure, text};
use crate::domain::artifact::{Artifact, NO_DIGEST};
use crate::domain::extension::DeploymentKind;
use crate::domain::gate::{GATE_ASKED, GateQuestion};
use crate::domain::{DeploymentId, EnvironmentName, Extension, ServiceName};

/// Arguments of `gate`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit codes: 0 allowed, or overridden; 1 denied; 2 the ledger cannot tell, or wrong usage. When the service is \
                  away, nothing is blocked: exit code 0 and a warning, unless --require is given."
)]
pub struct Gate {
    /// Service that would be deployed [env: SHIPSLOG_SERVICE]
    #[arg(long, value_name = "NAME")]
    service: Option<ServiceName>,
    /// Environment it would be deployed to [env: SHIPSLOG_ENVIRONMENT] [default: from the CI system]
    #[arg(long, value_name = "NAME")]
    environment: Option<EnvironmentName>,
    /// Artifact: its digest, or a package URL with one
    #[arg(long, value_name = "DIGEST", value_parser = content)]
    artifact: String,
    /// Version that people know it by
    #[arg(long, value_name = "VERSION", value_parser = text)]
    version: Option<String>,
    /// Id that the records of the deployment will have
    #[arg(long, value_name = "ID")]
    deployment_id: Option<DeploymentId>,
    /// Say that it is an emergency
    #[arg(long)]
    emergency: bool,
    /// Commit that would be deployed [default: from the CI system]
    #[arg(long, value_name = "COMMIT", value_parser = text)]
    commit: Option<String>,
    /// Exception that the deployment relies on; may be repeated
    #[arg(long = "exception", value_name = "ID", value_parser = text)]
    exceptions: Vec<String>,
    /// Checkout to read commits from
    #[arg(long, value_name = "DIR", default_value = ".")]
    checkout: PathBuf,
    /// Go ahead whatever the answer is, for this reason; the answer and the reason are recorded
    #[arg(long = "override", value_name = "REASON", value_parser = text)]
    override_reason: Option<String>,
    /// Do not go ahead without an answer
    #[arg(long)]
    require: bool,
    /// Form of the answer
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    common: Common,
}

impl Gate {
    /// Asks.
    pub fn run(self, context: &Context) -> Result<(), Failure> {
        // Whatever goes wrong before there is an answer is no denial.
        self.ask(context).map_err(|failure| match failure {
            Stop::Denied(message) => Failure::refused(message),
            Stop::NoAnswer(message) => Failure::unclear(message),
        })
    }

    fn ask(self, context: &Context) -> Result<(), Stop> {
        let claims = Claims::of(&context.environment);
        let draft = self.draft(&claims, context)?;
        let envelope = self.common.envelope(&draft, context)?;
        if self.common.is_dry_run() {
            return Ok(print(&envelope)?);
        }
        let client = self.common.client(context)?;
        let answer = match block_on(client.ask("/v1/gate", ENVELOPE, envelope.into_bytes()))? {
            Asked::Answered(answer) => answer,
            Asked::Away(failure) if self.require => return Err(failure.into()),
            Asked::Away(failure) => {
                note(&format!("The gate gave no answer, and nothing is blocked: {failure}"));
                return Ok(());
            }
        };
        match self.format {
            Format::Json => print_json(&answer)?,
            Format::Table => print(&report(&answer))?,
        }
        let (decision, index) = (cell(&answer, "decision"), cell(&answer, "index"));
        match decision.as_str() {
            "allow" => Ok(()),
            other if self.override_reason.is_some() => {
                note(&format!(
                    "Overridden: the answer was {other}, as entry {index} records with the reason."
                ));
                Ok(())
            }
            "deny" => Err(Stop::Denied(format!("denied, as entry {index} records"))),
            _ => Err(Stop::NoAnswer(format!(
                "the ledger cannot tell, as entry {index} records"
            ))),
        }
    }

    fn draft(&self, claims: &Claims, context: &Context) -> Result<Draft, Failure> {
        let service = service(self.service.clone(), context)?;
        let environment = environment(self.environment.clone(), context, claims)?;
        let commit = commit(self.commit.as_deref(), claims, &self.checkout, context)?;
        let checkout = checkout(&self.checkout, context);
        let changes = match (&checkout, &commit) {
            (Some(checkout), Some(commit)) => {
                Changes::collect(&self.common, checkout, commit, &service, &environment, context)?
            }
            _ => Changes::default(),
        };
        let id = self.deployment_id.as_ref();
        let subject = id.map_or_else(|| Uuid::now_v7().to_string(), |id| id.as_str().to_owned());
        Ok(Draft {
            event_type: GATE_ASKED,
            source: self.common.source(claims),
            subject,
            content: json!({}),
            extension: Extension {
                service: Some(service),
                environment: Some(environment),
                artifact: Some(self.artifact.clone()),
                version: self.version.clone(),
                commit,
                kind: self.emergency.then_some(DeploymentKind::Emergency),
                commits: changes.commits,
                commits_left_out: changes.left_out,
                pull_requests: changes.pull_requests,
                exceptions: self.exceptions.clone(),
                gate_question: Some(Box::new(GateQuestion {
                    override_reason: self.override_reason.clone(),
                })),
                ..self.common.extension(claims)
            },
        })
    }
}

/// An artifact by its content.
fn content(argument: &str) -> Result<String, String> {
    let argument = text(argument)?;
    match Artifact::parse(argument.as_str()).digest {
        Some(_) => Ok(argument),
        None => Err(NO_DIGEST.to_owned()),
    }
}

/// Why the deployment is not to go ahead.
enum Stop {
    Denied(String),
    NoAnswer(String),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::NoAnswer(failure.to_string())
    }
}

fn report(answer: &Value) -> String {
    let mut rows = table(["CHECK", "RESULT", "FOUND"]);
    for check in items(&answer["checks"]) {
        rows.add_row(["id", "result", "text"].map(|member| cell(check, member)));
    }
    let words = cell(answer, "decision").replace('_', " ");
    let place = format!("{} in {}", cell(answer, "service"), cell(answer, "environment"));
    let index = cell(answer, "index");
    format!(
        "{rows}\n\n{words}: {place}, {}; recorded as entry {index}",
        cell(answer, "artifact")
    )
}
