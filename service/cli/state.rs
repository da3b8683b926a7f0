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
        let at = Some(cell(&answer, "at")).filter(|at| !at.is_empty());
        print(&format!(
            "{} {}, tree size {}\n{rows}",
            self.environment,
            at.map_or("now".to_owned(), |at| format!("at {at}")),
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
        let mut rows = table([
            "found",
            "entry",
            "time",
            "event",
            "service",
            "environment",
            "outcome",
            "producer",
        ]);
        for item in found {
            let value = format!("{} {}", cell(item, "kind"), cell(item, "value"));
            for event in items(&item["events"]) {
                rows.add_row([
                    value.clone(),
                    cell(event, "index"),
                    cell(event, "occurred_at"),
                    short(&cell(event, "type")).to_owned(),
                    cell(event, "service"),
                    cell(event, "environment"),
                    cell(event, "outcome"),
                    cell(event, "producer"),
                ]);
            }
        }
        print(&rows.to_string())
    }
}

/// `deployment.finished` from `dev.cdeventsx.shipslog-deployment.finished.0.1.0`.
fn short(event_type: &str) -> &str {
    let known = ["dev.cdevents.", "dev.cdeventsx.shipslog-"];
    let Some(rest) = known.iter().find_map(|prefix| event_type.strip_prefix(prefix)) else {
        return event_type;
    };
    rest.match_indices('.').nth(1).map_or(rest, |(end, _)| &rest[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn event_types_are_shown_without_what_they_all_share() {
        assert_eq!(
            short("dev.cdeventsx.shipslog-deployment.finished.0.1.0"),
            "deployment.finished"
        );
        assert_eq!(short("dev.cdevents.incident.detected.0.3.0"), "incident.detected");
        assert_eq!(short("com.example.thing"), "com.example.thing");
    }
}
