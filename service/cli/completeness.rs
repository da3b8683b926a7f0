//! `completeness`: what is not in the ledger although it should be, as the service tells it.

use serde_json::Value;

use super::client::{Client, block_on, query};
use super::output::{Format, cell, print, print_json, table};
use super::producer::items;
use super::snapshot::finding_in_words;
use super::{Context, Failure};
use crate::config::ClientSettings;
use crate::domain::words::{count, span};
use crate::domain::{EnvironmentName, Instant, ServiceName};

/// Arguments of `completeness`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
This says what is not in the ledger; whether what is in it was altered is what `shipslog verify` says.

Exit codes: 0 nothing is missing, as far as it is covered; 1 something is: an open finding, a number that a source left out, a silent
source; 2 it cannot be told: of a service there is no snapshot, or what runs could not be compared or told to be of a service.
Sources that do not number their records are listed as limits and change no exit code.")]
pub struct CompletenessArguments {
    /// Environment
    #[arg(long, value_name = "NAME")]
    environment: EnvironmentName,
    /// Only findings about this service [default: all]
    #[arg(long, value_name = "NAME")]
    service: Option<ServiceName>,
    /// Only findings that were open at this time or later, RFC 3339
    #[arg(long, value_name = "TIME", value_parser = Instant::parse)]
    from: Option<Instant>,
    /// Only findings that were opened before this time, RFC 3339
    #[arg(long, value_name = "TIME", value_parser = Instant::parse)]
    to: Option<Instant>,
    /// As of this tree size, so that the same answer comes out again [default: now]
    #[arg(long, value_name = "SIZE")]
    tree_size: Option<u64>,
    /// Form of the result
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    client: ClientSettings,
}

impl CompletenessArguments {
    /// Prints it.
    pub fn run(self, context: &Context) -> Result<(), Failure> {
        let client = Client::new(self.client, context)?;
        let parameters = [
            ("environment", Some(self.environment.to_string())),
            ("service", self.service.map(String::from)),
            ("from", self.from.map(|time| time.to_string())),
            ("to", self.to.map(|time| time.to_string())),
            ("tree_size", self.tree_size.map(|size| size.to_string())),
        ];
        let answer = block_on(client.get(&format!("/v1/completeness{}", query(&parameters))))?;
        match self.format {
            Format::Json => print_json(&answer)?,
            Format::Table => print(&text(&answer))?,
        }
        verdict(&answer)
    }
}

fn text(answer: &Value) -> String {
    let number = |member: &str, one: &str| {
        let number = answer[member].as_u64().and_then(|number| usize::try_from(number).ok());
        count(number.unwrap_or_default(), one)
    };
    let mut text = format!(
        "{}, tree size {}, {}: {}\n",
        cell(answer, "environment"),
        cell(answer, "tree_size"),
        number("snapshots", "runtime snapshot"),
        number("open", "open finding")
    );
    let mut add = |title: &str, rows: comfy_table::Table| {
        if !rows.is_empty() {
            text.push_str(&format!("\n{title}\n{rows}\n"));
        }
    };
    let moment = |value: &Value| format!("{} (#{})", cell(value, "at"), cell(value, "index"));
    let mut rows = table(["finding", "opened", "last seen", "closed"]);
    for finding in items(&answer["findings"]) {
        let closed = match &finding["closed"] {
            Value::Null => "open".to_owned(),
            closed => format!("{}: {}", moment(closed), cell(closed, "how").replace('_', " ")),
        };
        let (opened, seen) = (moment(&finding["opened"]), moment(&finding["last_seen"]));
        rows.add_row([finding_in_words(finding), opened, seen, closed]);
    }
    add("What ran and was not recorded", rows);
    let mut rows = table(["source", "series", "numbers", "missing"]);
    for series in items(&answer["sequences"]) {
        let gaps = items(&series["gaps"])
            .iter()
            .map(|gap| match (cell(gap, "from"), cell(gap, "to")) {
                (from, to) if from == to => from,
                (from, to) => format!("{from} to {to}"),
            });
        let gaps = gaps.collect::<Vec<_>>().join(", ");
        let numbers = format!("{} to {}", cell(series, "first"), cell(series, "last"));
        let missing = if gaps.is_empty() { "none".to_owned() } else { gaps };
        rows.add_row([cell(series, "source"), cell(series, "series"), numbers, missing]);
    }
    add("What sources left out", rows);
    let mut rows = table(["source", "last heard of", "silent for", "expected within"]);
    for silent in items(&answer["silent_sources"]) {
        let length = |member: &str| silent[member].as_i64().map_or_else(String::new, span);
        let within = format!("{}, {}", length("expected_within_ms"), cell(silent, "expectation"));
        rows.add_row([
            cell(silent, "source"),
            moment(&silent["last"]),
            length("silent_for_ms"),
            within,
        ]);
    }
    add("Silent sources", rows);
    let mut rows = table(["what", "why", "entries"]);
    for limit in items(&answer["not_covered"]) {
        let gone = match &limit["seen"]["gone"] {
            Value::Null => String::new(),
            gone => format!(", gone by {}", moment(gone)),
        };
        let why = format!("{}{gone}", cell(limit, "why").replace('_', " "));
        let indexes = items(&limit["indexes"]);
        let mut entries: Vec<String> = indexes.iter().take(5).map(|index| format!("#{index}")).collect();
        if indexes.len() > 5 {
            entries.push(format!("{} more", indexes.len() - 5));
        }
        rows.add_row([cell(limit, "what"), why, entries.join(", ")]);
    }
    add("What this does not cover", rows);
    text
}

/// The exit code, in words.
fn verdict(answer: &Value) -> Result<(), Failure> {
    let gaps = items(&answer["sequences"])
        .iter()
        .any(|series| !items(&series["gaps"]).is_empty());
    let open = answer["open"].as_u64() != Some(0);
    if open || gaps || !items(&answer["silent_sources"]).is_empty() {
        return Err(Failure::refused(
            "something is missing from the ledger; what is in it may be true all the same",
        ));
    }
    let untold = items(&answer["not_covered"])
        .iter()
        .any(|limit| limit["why"] != "no_sequence" && limit["seen"]["gone"].is_null());
    if untold {
        return Err(Failure::unclear(
            "whether the ledger is complete cannot be told of everything",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_cannot_be_told_is_neither_well_nor_wrong() {
        let code = |answer: Value| verdict(&answer).map_or_else(|failure| failure.code(), |()| 0);
        let limit = |why: &str| json!([{ "what": "shop", "why": why, "indexes": [] }]);
        assert_eq!(code(json!({ "open": 0, "not_covered": limit("no_sequence") })), 0);
        assert_eq!(code(json!({ "open": 0, "not_covered": limit("no_snapshot") })), 2);
        assert_eq!(code(json!({ "open": 0, "not_covered": limit("unnumbered") })), 2);
        let ran = |gone: Value| json!([{ "what": "pod x", "why": "unmapped", "seen": { "gone": gone } }]);
        assert_eq!(code(json!({ "open": 0, "not_covered": ran(Value::Null) })), 2);
        assert_eq!(code(json!({ "open": 0, "not_covered": ran(json!({ "index": 7 })) })), 0);
        assert_eq!(code(json!({ "open": 1, "not_covered": limit("no_snapshot") })), 1);
        assert_eq!(code(json!({ "open": 0, "sequences": [{ "gaps": [{}] }] })), 1);
        assert_eq!(code(json!({ "open": 0, "silent_sources": [{}] })), 1);
        assert_eq!(code(json!({})), 1);
    }
}
