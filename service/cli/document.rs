//! `notes` and `report`: documents, printed as the service renders them.

use std::path::PathBuf;

use clap::Subcommand;

use super::client::{Client, block_on, query};
use super::output::{DocumentFormat, print};
use super::{Context, Failure, text};
use crate::config::ClientSettings;
use crate::domain::{DeploymentId, EnvironmentName, ServiceName};

/// Arguments of `notes`.
#[derive(Debug, clap::Args)]
pub struct Notes {
    /// Service
    service: ServiceName,
    /// Environment
    environment: EnvironmentName,
    /// Notes of this deployment [default: the latest]
    #[arg(long, value_name = "ID", conflicts_with_all = ["from", "to"])]
    deployment: Option<DeploymentId>,
    /// Everything since what ran at this date or time, entry (#12), deployment or version
    #[arg(long, value_name = "TIME", value_parser = text)]
    from: Option<String>,
    /// Everything up to what ran at this date or time, entry, deployment or version
    #[arg(long, value_name = "TIME", value_parser = text)]
    to: Option<String>,
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
    /// Day, or exact time, before which the period ends
    #[arg(long, value_name = "DATE", value_parser = text)]
    to: String,
    #[command(flatten)]
    document: Document,
}

/// What every document can be told.
#[derive(Debug, clap::Args)]
struct Document {
    /// Form of the document
    #[arg(long, value_enum, default_value_t)]
    format: DocumentFormat,
    /// Time zone of days and times, such as Europe/London [default: UTC]
    #[arg(long, value_name = "ZONE", value_parser = text)]
    time_zone: Option<String>,
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
        let parameters = [
            ("service", Some(self.service.as_str().to_owned())),
            ("environment", Some(self.environment.as_str().to_owned())),
            ("deployment", self.deployment.map(String::from)),
            ("from", self.from),
            ("to", self.to),
        ];
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
            ("time_zone", self.time_zone),
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
