//! `producer`: the keys whose records are accepted.

use std::path::PathBuf;

use clap::Subcommand;
use serde_json::{Value, json};

use super::client::{Client, block_on, encode};
use super::output::{Format, cell, print, print_json, table};
use super::{Context, Failure, keys, text};
use crate::config::ClientSettings;
use crate::domain::{EnvironmentName, Instant, ProducerName, ServiceName};

/// What can be done with producers.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Register a public key under a name; without scopes it may record everything
    Add(Add),
    /// List the producers, revoked ones included
    List(List),
    /// Revoke a producer: what it signs from now on is refused, what it signed before stays valid
    Revoke(Revoke),
}

/// Arguments of `producer add`.
#[derive(Debug, clap::Args)]
pub struct Add {
    /// Name of the producer
    name: ProducerName,
    /// Its public key: SPKI PEM, as openssl writes it
    #[arg(long, value_name = "FILE.pem")]
    public_key: PathBuf,
    /// Service it may record for; may be repeated [default: all]
    #[arg(long = "service", value_name = "NAME")]
    services: Vec<ServiceName>,
    /// Environment it may record for; may be repeated [default: all]
    #[arg(long = "environment", value_name = "NAME")]
    environments: Vec<EnvironmentName>,
    /// Event type it may record, such as "deployment" or "incident"; may be repeated [default: all]
    #[arg(long = "event-type", value_name = "TYPE", value_parser = text)]
    event_types: Vec<String>,
    /// Valid from, RFC 3339 [default: now]
    #[arg(long, value_name = "TIME", value_parser = Instant::parse)]
    valid_from: Option<Instant>,
    /// Valid until, RFC 3339 [default: until it is revoked]
    #[arg(long, value_name = "TIME", value_parser = Instant::parse)]
    valid_until: Option<Instant>,
    /// Form of the result
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    client: ClientSettings,
}

/// Arguments of `producer list`.
#[derive(Debug, clap::Args)]
pub struct List {
    /// Form of the result
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    client: ClientSettings,
}

/// Arguments of `producer revoke`.
#[derive(Debug, clap::Args)]
pub struct Revoke {
    /// Name of the producer
    name: ProducerName,
    /// Why
    #[arg(long, value_name = "TEXT", value_parser = text)]
    reason: String,
    /// Form of the result
    #[arg(long, value_enum, default_value_t)]
    format: Format,
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
        let pem = keys::read(&self.public_key)?;
        if pem.contains("PRIVATE KEY") {
            return Err(Failure::unclear(format!(
                "{} holds a private key, which never leaves its owner; give the public half (openssl pkey -in KEY -pubout)",
                self.public_key.display()
            )));
        }
        ledger::key::PublicKey::from_pem(&pem).map_err(|error| {
            Failure::unclear(format!(
                "{} is not an Ed25519 public key: {error}",
                self.public_key.display()
            ))
        })?;
        let mut body = json!({
            "name": self.name,
            "public_key": pem,
            "services": self.services,
            "environments": self.environments,
            "event_types": self.event_types,
        });
        for (member, time) in [("valid_from", self.valid_from), ("valid_until", self.valid_until)] {
            if let Some(time) = time {
                body[member] = json!(time);
            }
        }
        let client = Client::new(self.client, context)?;
        let answer = block_on(client.post("/v1/producers", &body))?;
        match self.format {
            Format::Json => print_json(&answer),
            Format::Table => print(&format!(
                "Producer {} is registered (entry {}).",
                self.name, answer["receipt"]["index"]
            )),
        }
    }
}

impl List {
    fn run(self, context: &Context) -> Result<(), Failure> {
        let client = Client::new(self.client, context)?;
        let answer = block_on(client.get("/v1/producers"))?;
        if self.format == Format::Json {
            return print_json(&answer);
        }
        let mut rows = table([
            "name",
            "key",
            "services",
            "environments",
            "event types",
            "valid from",
            "valid until",
            "revoked by entry",
        ]);
        for item in items(&answer) {
            let all = |member| {
                Some(cell(item, member))
                    .filter(|text| !text.is_empty())
                    .unwrap_or_else(|| "all".into())
            };
            let key = cell(item, "key_id");
            rows.add_row([
                cell(item, "name"),
                key.get(..16).unwrap_or(&key).to_owned(),
                all("services"),
                all("environments"),
                all("event_types"),
                cell(item, "valid_from"),
                cell(item, "valid_until"),
                cell(item, "revoked_index"),
            ]);
        }
        print(&rows.to_string())
    }
}

impl Revoke {
    fn run(self, context: &Context) -> Result<(), Failure> {
        let client = Client::new(self.client, context)?;
        let path = format!("/v1/producers/{}/revocation", encode(self.name.as_str()));
        let answer = block_on(client.post(&path, &json!({ "reason": self.reason })))?;
        match self.format {
            Format::Json => print_json(&answer),
            Format::Table => print(&format!(
                "Producer {} is revoked (entry {}).",
                self.name, answer["receipt"]["index"]
            )),
        }
    }
}

/// The items of a list, whether it is bare or in an object with its tree size.
pub fn items(answer: &Value) -> &[Value] {
    answer
        .as_array()
        .or_else(|| answer["items"].as_array())
        .map(Vec::as_slice)
        .unwrap_or_default()
}
