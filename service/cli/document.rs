//! `notes` and `report`: documents, printed as the service renders them.

use std::path::{Path, PathBuf};

use clap::{Parser as _, Subcommand};
use serde_json::{Map, Value, json};

use super::client::{Client, block_on, query};
use super::output::{Audience, DocumentFormat, ReportFormat, note, print};
use super::progress::waiting;
use super::{Cli, Command, Context, Failure, text};
use crate::app::DocumentQuery;
use crate::config::ClientSettings;
use crate::domain::{DeploymentId, EnvironmentName, ServiceName};
use crate::http::api::asked::{ComplianceParameters, NotesParameters, SampleParameters, ServiceReportParameters};

/// Where a kind of document is read, and what it is called where it is issued.
struct Kind {
    path: &'static str,
    name: &'static str,
}

const NOTES: Kind = Kind {
    path: "/v1/release-notes",
    name: "release_notes",
};
const COMPLIANCE: Kind = Kind {
    path: "/v1/reports/compliance",
    name: "compliance_report",
};

const SERVICE: Kind = Kind {
    path: "/v1/reports/service",
    name: "service_report",
};

/// The forms of which the digest is recorded when a document is issued, and the member that holds it.
const ISSUED_FORMS: [(&str, &str); 3] = [
    ("md", "markdown_sha256"),
    ("html", "html_sha256"),
    ("json", "json_sha256"),
];

const SAMPLE: Kind = Kind {
    path: "/v1/samples",
    name: "sample",
};

/// A parameter of a query, if it is given.
type Parameter = (&'static str, Option<String>);

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
    /// Notes of this deployment [default: the latest that succeeded]
    #[arg(long, value_name = "ID", conflicts_with_all = ["from", "to"])]
    deployment: Option<DeploymentId>,
    /// Everything since what ran at this date or time, entry (#12), deployment or version
    #[arg(long, value_name = "TIME", value_parser = text)]
    from: Option<String>,
    /// Everything up to what ran at this date or time, entry, deployment or version [default: what runs now]
    #[arg(long, value_name = "TIME", value_parser = text)]
    to: Option<String>,
    /// Who they are for [default: auditor, who reads all]
    #[arg(long, value_enum)]
    audience: Option<Audience>,
    /// Form of the document
    #[arg(long, value_enum, default_value_t)]
    format: DocumentFormat,
    #[command(flatten)]
    document: Document,
}

/// Reports.
#[derive(Debug, Subcommand)]
pub enum Report {
    /// Every deployment of a period against the checks, with the exceptions in full
    Compliance(Compliance),
    /// What was delivered in a period, how well, and what waits for a decision
    Service(ServiceReport),
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
    /// Framework whose requirements are reported on, or all; may be given several times [default: checks alone]
    #[arg(long, value_name = "ID", value_parser = text)]
    framework: Vec<String>,
    #[command(flatten)]
    period: Period,
    /// Form of the document
    #[arg(long, value_enum, default_value_t)]
    format: ReportFormat,
    #[command(flatten)]
    document: Document,
}

/// Arguments of `report service`.
#[derive(Debug, clap::Args)]
pub struct ServiceReport {
    /// Environment
    #[arg(long, value_name = "NAME")]
    environment: EnvironmentName,
    /// Only this service; may be given several times [default: all]
    #[arg(long, value_name = "NAME")]
    service: Vec<ServiceName>,
    /// Only what this team owned when it happened [default: all]
    #[arg(long, value_name = "NAME", value_parser = text)]
    team: Option<String>,
    #[command(flatten)]
    period: Period,
    /// Form of the document
    #[arg(long, value_enum, default_value_t)]
    format: DocumentFormat,
    #[command(flatten)]
    document: Document,
}

/// Arguments of `sample`.
#[derive(Debug, clap::Args)]
pub struct Sample {
    /// Environment
    #[arg(long, value_name = "NAME")]
    environment: EnvironmentName,
    /// Only this service
    #[arg(long, value_name = "NAME")]
    service: Option<ServiceName>,
    /// How many are drawn beside those that are drawn in full
    #[arg(long, value_name = "N")]
    size: usize,
    /// The auditor's seed, which decides what is drawn
    #[arg(long, value_name = "TEXT", value_parser = text)]
    seed: String,
    /// Kind of deployments that is drawn in full, or none; may be given several times [default: emergency]
    #[arg(long, value_name = "KIND", value_parser = text)]
    full: Vec<String>,
    #[command(flatten)]
    period: Period,
    /// Form of the document
    #[arg(long, value_enum, default_value_t)]
    format: DocumentFormat,
    #[command(flatten)]
    document: Document,
}

impl Sample {
    /// Prints it.
    pub fn run(self, context: &Context) -> Result<(), Failure> {
        let parameters = self.parameters();
        self.document.run(&SAMPLE, parameters, self.format.as_str(), context)
    }

    fn parameters(&self) -> Vec<Parameter> {
        let full = self.full.iter().map(|kind| ("full", Some(kind.clone())));
        let parameters = [
            ("environment", Some(self.environment.to_string())),
            ("service", self.service.as_ref().map(ToString::to_string)),
            ("size", Some(self.size.to_string())),
            ("seed", Some(self.seed.clone())),
        ];
        full.chain(parameters).chain(self.period.parameters()).collect()
    }
}

/// The period of a report.
#[derive(Debug, clap::Args)]
struct Period {
    /// Period of the calendar: a year, a quarter, a month or a week, such as 2026, 2026-Q1, 2026-03 or 2026-W13
    #[arg(long, value_name = "PERIOD", value_parser = text, required_unless_present = "from", conflicts_with = "from")]
    period: Option<String>,
    /// Instead of it: first day, or the exact time, that is covered
    #[arg(long, value_name = "DATE", value_parser = text, requires = "to")]
    from: Option<String>,
    /// Day, or exact time, before which the period ends
    #[arg(long, value_name = "DATE", value_parser = text, requires = "from")]
    to: Option<String>,
}

impl Period {
    fn parameters(&self) -> [Parameter; 3] {
        [
            ("period", self.period.clone()),
            ("from", self.from.clone()),
            ("to", self.to.clone()),
        ]
    }
}

/// What every document can be told.
#[derive(Debug, clap::Args)]
struct Document {
    /// The context that the document is made from, for `template render --from-context`; the same as --format json
    #[arg(long, conflicts_with = "format")]
    context: bool,
    /// Time zone of days and times, such as Europe/London [default: UTC]
    #[arg(long, value_name = "ZONE", value_parser = text)]
    time_zone: Option<String>,
    /// As of this tree size, so that the same document comes out again [default: now]
    #[arg(long, value_name = "SIZE")]
    tree_size: Option<u64>,
    /// Write to this file instead of standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Issue it: record in the ledger what it says, and write the receipt to this file, with the signed envelope beside it
    /// (FILE.envelope.json)
    #[arg(long, value_name = "FILE")]
    issue: Option<PathBuf>,
    #[command(flatten)]
    client: ClientSettings,
}

impl Notes {
    /// Prints them.
    pub fn run(self, context: &Context) -> Result<(), Failure> {
        let parameters = self.parameters();
        self.document.run(&NOTES, parameters, self.format.as_str(), context)
    }

    fn parameters(&self) -> Vec<Parameter> {
        let services = self
            .services
            .iter()
            .map(|service| ("service", Some(service.to_string())));
        let others = [
            ("environment", Some(self.environment.as_str().to_owned())),
            ("deployment", self.deployment.as_ref().map(ToString::to_string)),
            ("from", self.from.clone()),
            ("to", self.to.clone()),
            ("audience", self.audience.map(|audience| audience.as_str().to_owned())),
        ];
        services.chain(others).collect()
    }
}

impl Report {
    /// Prints it.
    pub fn run(self, context: &Context) -> Result<(), Failure> {
        let (kind, parameters) = self.parameters();
        match self {
            Self::Compliance(report) => report.document.run(kind, parameters, report.format.as_str(), context),
            Self::Service(report) => report.document.run(kind, parameters, report.format.as_str(), context),
        }
    }

    fn parameters(&self) -> (&'static Kind, Vec<Parameter>) {
        match self {
            Self::Compliance(report) => {
                let frameworks = report.framework.iter().map(|id| ("framework", Some(id.clone())));
                let parameters = [
                    ("environment", Some(report.environment.to_string())),
                    ("service", report.service.as_ref().map(ToString::to_string)),
                ];
                let parameters = frameworks.chain(parameters).chain(report.period.parameters());
                (&COMPLIANCE, parameters.collect())
            }
            Self::Service(report) => {
                let services = report.service.iter().map(|name| ("service", Some(name.to_string())));
                let parameters = [
                    ("environment", Some(report.environment.to_string())),
                    ("team", report.team.clone()),
                ];
                let parameters = services.chain(parameters).chain(report.period.parameters());
                (&SERVICE, parameters.collect())
            }
        }
    }

    const fn document(&self) -> &Document {
        match self {
            Self::Compliance(report) => &report.document,
            Self::Service(report) => &report.document,
        }
    }
}

/// What a document asks, from the command that it states; and of which tree size.
pub(super) fn question(words: &str) -> Result<(DocumentQuery, u64), String> {
    let words = shlex::split(words).ok_or("its quotes do not end")?;
    let cli = Cli::try_parse_from(words).map_err(|error| error.kind().to_string())?;
    let (path, mut parameters, document) = match &cli.command {
        Command::Notes(notes) => (NOTES.path, notes.parameters(), &notes.document),
        Command::Report(report) => {
            let (kind, parameters) = report.parameters();
            (kind.path, parameters, report.document())
        }
        Command::Sample(sample) => (SAMPLE.path, sample.parameters(), &sample.document),
        _ => return Err("it is no command that makes a document".to_owned()),
    };
    parameters.push(("time_zone", document.time_zone.clone()));
    let tree_size = document.tree_size.ok_or("it has no --tree-size")?;
    let asked = query(&parameters);
    let asked = asked.trim_start_matches('?');
    let query = if path == NOTES.path {
        NotesParameters::read(asked).and_then(|asked| asked.query())
    } else if path == COMPLIANCE.path {
        ComplianceParameters::read(asked).and_then(|asked| asked.query())
    } else if path == SAMPLE.path {
        SampleParameters::read(asked).and_then(|asked| asked.query())
    } else {
        ServiceReportParameters::read(asked).and_then(|asked| asked.query())
    };
    Ok((query.map_err(|problem| problem.detail)?, tree_size))
}

impl Document {
    fn run(
        self,
        kind: &Kind,
        mut parameters: Vec<Parameter>,
        format: &'static str,
        context: &Context,
    ) -> Result<(), Failure> {
        let format = if self.context { "json" } else { format };
        if self.issue.is_some() && !ISSUED_FORMS.iter().any(|(form, _)| *form == format) {
            return Err(Failure::unclear("--issue needs --format md, html or json".to_owned()));
        }
        let client = Client::new(self.client, context)?;
        parameters.push(("time_zone", self.time_zone));
        parameters.push(("tree_size", self.tree_size.map(|size| size.to_string())));
        let issued = match &self.issue {
            Some(_) => Some(block_on(waiting(
                "the service issues the document",
                issue(&client, kind, &parameters),
            ))?),
            None => None,
        };
        if let Some(issued) = &issued {
            // The entry came after what the document speaks of.
            parameters.retain(|(name, _)| *name != "tree_size");
            parameters.push(("tree_size", Some(issued["document"]["tree_size"].to_string())));
        }
        parameters.push(("format", Some(format.to_owned())));
        let path = format!("{}{}", kind.path, query(&parameters));
        let text = block_on(waiting("the service makes the document", client.get_text(&path)))?;
        if let (Some(file), Some(issued)) = (&self.issue, &issued) {
            keep(&client, file, issued, format, &text)?;
        }
        deliver(self.out.as_deref(), &text)
    }
}

/// Writes a document to a file, or prints it.
pub(super) fn deliver(file: Option<&Path>, text: &str) -> Result<(), Failure> {
    match file {
        Some(file) => write(file, text),
        None => print(text),
    }
}

async fn issue(client: &Client, kind: &Kind, parameters: &[(&str, Option<String>)]) -> Result<Value, Failure> {
    let given = parameters
        .iter()
        .filter_map(|(name, value)| Some((*name, value.as_ref()?)));
    let mut parameters = Map::new();
    for (name, value) in given {
        match (name, parameters.get_mut(name), value.parse::<u64>()) {
            ("tree_size" | "size", _, Ok(size)) => _ = parameters.insert(name.to_owned(), json!(size)),
            (_, Some(Value::Array(values)), _) => values.push(json!(value)),
            // A report may be about several services or frameworks.
            ("service", None, _) if kind.name == SERVICE.name => {
                _ = parameters.insert(name.to_owned(), json!([value]));
            }
            _ => _ = parameters.insert(name.to_owned(), json!(value)),
        }
    }
    client
        .post("/v1/documents", &json!({ "kind": kind.name, "parameters": parameters }))
        .await
}

/// Writes down the proof that a document was issued, if it is the one that was.
fn keep(client: &Client, file: &Path, issued: &Value, format: &str, text: &str) -> Result<(), Failure> {
    let digest = ISSUED_FORMS.iter().find(|(form, _)| *form == format);
    let digest = digest.map(|(_, member)| &issued["document"][member]);
    let index = &issued["index"];
    if digest.and_then(Value::as_str) != Some(ledger::sha256(text.as_bytes()).to_string().as_str()) {
        return Err(Failure::refused(format!(
            "the service sent another document than it issued in entry {index}"
        )));
    }
    let envelope = block_on(client.get_text(&format!("/v1/events/{index}/envelope")))?;
    // Its bytes count, and reading JSON does not keep them.
    let receipt = block_on(client.get_text(&format!("/v1/events/{index}/receipt")))?;
    write(file, &receipt)?;
    let mut beside = file.as_os_str().to_owned();
    beside.push(".envelope.json");
    write(Path::new(&beside), &envelope)?;
    note(&format!(
        "Issued as entry {index}; its receipt is in {}.",
        file.display()
    ));
    Ok(())
}

fn write(file: &Path, text: &str) -> Result<(), Failure> {
    std::fs::write(file, text).map_err(|error| Failure::refused(format!("cannot write {}: {error}", file.display())))
}
