//! `state` and `search`: what runs where, and what a commit, digest, version or id is known for.

use super::client::{Client, block_on, encode, query};
use super::output::{Format, cell, print, print_json, table};
use super::producer::items;
use super::{Context, Failure, text};
use crate::config::ClientSettings;
use crate::domain::{EnvironmentName, Instant};

/// Arguments of `state`.
#[derive(Debug, clap::Args)]
pub struct State {
    /// Environment
    environment: EnvironmentName,
    /// At this time, RFC 3339 [default: now]
    #[arg(long, value_name = "TIME", value_parser = Instant::parse)]
    at: Option<Instant>,
    /// As of this tree size [default: now]
    #[arg(long, value_name = "SIZE")]
    tree_size: Option<u64>,
    /// Form of the result
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    client: ClientSettings,
}

/// Arguments of `search`.
#[derive(Debug, clap::Args)]
pub struct Search {
    /// Commit, digest, version, or the beginning of an id
    #[arg(value_name = "TEXT", value_parser = text)]
    what: String,
    /// Form of the result
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    client: ClientSettings,
}

impl State {
    /// Prints it.
    pub fn run(self, context: &Context) -> Result<(), Failure> {
        let client = Client::new(self.client, context)?;
        let query = query(&[
            ("at", self.at.map(String::from)),
            ("tree_size", self.tree_size.map(|size| size.to_string())),
        ]);
        let path = format!("/v1/environments/{}/state{query}", encode(self.environment.as_str()));
        let answer = block_on(client.get(&path))?;
        if self.format == Format::Json {
            return print_json(&answer);
        }
        let mut rows = table(["service", "version", "since", "deployment", "entry"]);
        for item in items(&answer) {
            let commit = cell(item, "commit");
            let version = Some(cell(item, "version"))
                .filter(|version| !version.is_empty())
                .unwrap_or_else(|| commit.get(..12).unwrap_or(&commit).to_owned());
            rows.add_row([
                cell(item, "service"),
                version,
                cell(item, "since"),
                cell(item, "deployment_id"),
                cell(item, "index"),
            ]);
        }
        print(&format!(
            "{} at {}, tree size {}\n{rows}",
            self.environment,
            cell(&answer, "at"),
            cell(&answer, "tree_size")
        ))
    }
}

impl Search {
    /// Prints what is found.
    pub fn run(self, context: &Context) -> Result<(), Failure> {
        let client = Client::new(self.client, context)?;
        let answer = block_on(client.get(&format!("/v1/search{}", query(&[("q", Some(self.what.clone()))]))))?;
        if self.format == Format::Json {
            return print_json(&answer);
        }
        let found = items(&answer);
        if found.is_empty() {
            return Err(Failure::refused(format!("nothing is known of \"{}\"", self.what)));
        }
        let mut rows = table(["entry", "time", "kind", "id", "service", "environment", "version"]);
        for item in found {
            let first = |members: &[&str]| {
                members
                    .iter()
                    .map(|member| cell(item, member))
                    .find(|text| !text.is_empty())
                    .unwrap_or_default()
            };
            rows.add_row([
                first(&["index"]),
                first(&["occurred_at", "recorded_at", "at", "since"]),
                first(&["kind", "event_type", "type"]),
                first(&["deployment_id", "incident_id", "id", "subject_id", "subject"]),
                first(&["service"]),
                first(&["environment"]),
                first(&["version"]),
            ]);
        }
        print(&rows.to_string())
    }
}
