//! `token`: bearer tokens for people who read or administer. Producers need none.

use clap::Subcommand;
use serde_json::json;

use super::client::{Client, block_on, encode};
use super::output::{Format, cell, note, print, print_json, table};
use super::producer::items;
use super::{Context, Failure, text};
use crate::config::ClientSettings;
use crate::domain::{EnvironmentName, Instant, ServiceName};

/// What can be done with tokens.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Issue a token; it is shown once, on standard output
    Add(Add),
    /// List the tokens, without their secrets
    List(List),
    /// Revoke a token at once
    Revoke(Revoke),
}

/// Arguments of `token add`.
#[derive(Debug, clap::Args)]
pub struct Add {
    /// Who or what it is for
    #[arg(value_parser = text)]
    name: String,
    /// What it may do
    #[arg(long, value_enum, default_value_t = Role::Reader)]
    role: Role,
    /// Environment that an auditor reads about; may be given several times [default: all]
    #[arg(long, value_name = "NAME")]
    environment: Vec<EnvironmentName>,
    /// Service that an auditor reads about; may be given several times [default: all]
    #[arg(long, value_name = "NAME")]
    service: Vec<ServiceName>,
    /// First day, or the exact time, that an auditor reads about
    #[arg(long, value_name = "DATE", value_parser = text, requires = "to")]
    from: Option<String>,
    /// Day, or exact time, before which that period ends
    #[arg(long, value_name = "DATE", value_parser = text, requires = "from")]
    to: Option<String>,
    /// Time zone of those days, such as Europe/London [default: UTC]
    #[arg(long, value_name = "ZONE", value_parser = text, requires = "from")]
    time_zone: Option<String>,
    /// Time from which it opens nothing any more [default: until it is revoked]
    #[arg(long, value_name = "TIME", value_parser = Instant::parse)]
    valid_until: Option<Instant>,
    /// Form of the result
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    client: ClientSettings,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Role {
    /// Reads what --environment, --service, --from and --to leave to it; what it asks documents for is recorded
    Auditor,
    /// Reads everything: managers
    Reader,
    /// Reads everything, and decides about links between incidents and deployments
    Reviewer,
    /// Reads everything, registers producers and issues tokens
    Admin,
}

/// Arguments of `token list`.
#[derive(Debug, clap::Args)]
pub struct List {
    /// Form of the result
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    client: ClientSettings,
}

/// Arguments of `token revoke`.
#[derive(Debug, clap::Args)]
pub struct Revoke {
    /// Id of the token, as listed
    #[arg(value_parser = text)]
    id: String,
    /// Why
    #[arg(long, value_name = "TEXT", value_parser = text)]
    reason: String,
    #[command(flatten)]
    client: ClientSettings,
}

impl Command {
    /// Does it.
    pub fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Self::Add(add) => add.run(context),
            Self::List(list) => list.run(context),
            Self::Revoke(revoke) => revoke.run(context),
        }
    }
}

impl Add {
    fn run(self, context: &Context) -> Result<(), Failure> {
        let client = Client::new(self.client, context)?;
        let role = match self.role {
            Role::Auditor => "auditor",
            Role::Reader => "reader",
            Role::Reviewer => "reviewer",
            Role::Admin => "admin",
        };
        let body = json!({
            "name": self.name,
            "role": role,
            "environments": self.environment,
            "services": self.service,
            "from": self.from,
            "to": self.to,
            "time_zone": self.time_zone,
            "valid_until": self.valid_until,
        });
        let answer = block_on(client.post("/v1/tokens", &body))?;
        match self.format {
            Format::Json => print_json(&answer),
            Format::Table => {
                note(&format!(
                    "Token {} ({role}) for {}; it is not shown again.",
                    cell(&answer, "id"),
                    self.name
                ));
                print(&cell(&answer, "token"))
            }
        }
    }
}

impl List {
    fn run(self, context: &Context) -> Result<(), Failure> {
        let client = Client::new(self.client, context)?;
        let answer = block_on(client.get("/v1/tokens"))?;
        if self.format == Format::Json {
            return print_json(&answer);
        }
        let mut rows = table([
            "id",
            "name",
            "role",
            "environments",
            "services",
            "from",
            "to",
            "valid until",
            "issued by entry",
            "revoked by entry",
        ]);
        for item in items(&answer) {
            let members = [
                "id",
                "name",
                "role",
                "environments",
                "services",
                "from",
                "to",
                "valid_until",
                "issued_index",
                "revoked_index",
            ];
            rows.add_row(members.map(|member| cell(item, member)));
        }
        print(&rows.to_string())
    }
}

impl Revoke {
    fn run(self, context: &Context) -> Result<(), Failure> {
        let client = Client::new(self.client, context)?;
        let path = format!("/v1/tokens/{}/revocation", encode(&self.id));
        block_on(client.post(&path, &json!({ "reason": self.reason })))?;
        print(&format!("Token {} is revoked.", self.id))
    }
}
