//! `notes` and `report`: documents, printed as the service renders them.

use std::path::PathBuf;

use clap::Subcommand;

use super::client::{Client, block_on, query};
use super::output::{Audience, DocumentFormat, print};
use super::{Context, Failure, text};
use crate::config::ClientSettings;
use crate::domain::{DeploymentId, EnvironmentName, ServiceName};

/// Arguments of `notes`.
#[derive(Debug, clap::Args)]
pub struct Notes {
    /// Service, or several with commas between them and a range
    #[arg(
        value_name = "SERVICE[,SERVICE…]",
        value_delimiter = ',',
        num_args = 1,
        required = true
    )]
    services: Vec<ServiceName>,
    /// Environment
    environment: EnvironmentName,
    /// Notes of this deployment [default: the latest]
    #[arg(long, value_name = "ID", conflicts_with_all = ["from", "to"])]
    deployment: Option<DeploymentId>,
    /// Everything since what ran at this date or time
    #[arg(long, value_name = "TIME", value_parser = text)]
    from: Option<String>,
    /// Everything up to what ran at this date or time
    #[arg(long, value_name = "TIME", value_parser = text)]
    to: Option<String>,
    /// Who they are for [default: auditor, who reads all]
    #[arg(long, value_enum)]
    audience: Option<Audience>,
    #[command(flatten)]
    document: Document,
}

/// Reports.
#[derive(Debug, Subcommand)]
pub enum Report {
    /// Every deployment of a period against the checks, with the exceptions in full
    Compliance(Compliance),
}

/// Arguments of `report compliance`.
#[derive(Debug, clap::Args)]
pub struct Compliance {
    /// Environment
    #[arg(long, value_name = "NAME")]
    environment: EnvironmentName,
    /// Only this service
    #[arg(long, value_name = "NAME")]
    service: Option<ServiceName>,
    /// First day, or the exact time, that is covered
    #[arg(long, value_name = "DATE", value_parser = text)]
    from: String,
    /// Last day, or the exact time, that is covered
    #[arg(long, value_name = "DATE", value_parser = text)]
    to: String,
    /// Time zone that days are counted in, such as Europe/London [default: UTC]
    #[arg(long, value_name = "ZONE", value_parser = text)]
    time_zone: Option<String>,
    #[command(flatten)]
    document: Document,
}

/// What every document can be told.
#[derive(Debug, clap::Args)]
struct Document {
    /// Form of the document
    #[arg(long, value_enum, default_value_t)]
    format: DocumentFormat,
    /// As of this tree size, so that the same document comes out again [default: now]
    #[arg(long, value_name = "SIZE")]
    tree_size: Option<u64>,
    /// Write to this file instead of standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    client: ClientSettings,
}

impl Notes {
    /// Prints them.
    pub fn run(self, context: &Context) -> Result<(), Failure> {
        let services = self
            .services
            .iter()
            .map(|service| ("service", Some(service.to_string())));
        let others = [
            ("environment", Some(self.environment.as_str().to_owned())),
            ("deployment", self.deployment.map(String::from)),
            ("from", self.from),
            ("to", self.to),
            ("audience", self.audience.map(|audience| audience.as_str().to_owned())),
        ];
        let parameters: Vec<_> = services.chain(others).collect();
        self.document.fetch("/v1/release-notes", &parameters, context)
    }
}

impl Report {
    /// Prints it.
    pub fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Self::Compliance(report) => {
                let parameters = [
                    ("environment", Some(String::from(report.environment))),
                    ("service", report.service.map(String::from)),
                    ("from", Some(report.from)),
                    ("to", Some(report.to)),
                    ("time_zone", report.time_zone),
                ];
                report.document.fetch("/v1/reports/compliance", &parameters, context)
            }
        }
    }
}

impl Document {
    fn fetch(self, path: &str, parameters: &[(&str, Option<String>)], context: &Context) -> Result<(), Failure> {
        let client = Client::new(self.client, context)?;
        let more = [
            ("format", Some(self.format.as_str().to_owned())),
            ("tree_size", self.tree_size.map(|size| size.to_string())),
        ];
        let query = query(&[parameters, &more].concat());
        let text = block_on(client.get_text(&format!("{path}{query}")))?;
        match self.out {
            Some(file) => std::fs::write(&file, text)
                .map_err(|error| Failure::refused(format!("cannot write {}: {error}", file.display()))),
            None => print(&text),
        }
    }
}
