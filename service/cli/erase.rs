//! `erase`: destroys the content of an event, on the record.

use serde_json::json;

use super::client::{Client, block_on};
use super::output::{Format, cell, note, print, print_json};
use super::{Context, Failure, text};
use crate::config::ClientSettings;

/// Why content is destroyed: the words of the HTTP interface.
const REASONS: [&str; 5] = {
    use crate::domain::ErasureReason as Reason;
    [
        Reason::ALL[0].as_str(),
        Reason::ALL[1].as_str(),
        Reason::ALL[2].as_str(),
        Reason::ALL[3].as_str(),
        Reason::ALL[4].as_str(),
    ]
};

/// Arguments of `erase`.
#[derive(Debug, clap::Args)]
pub struct Erase {
    /// Index of the entry
    index: u64,
    /// Why
    #[arg(long, value_parser = REASONS)]
    reason: String,
    /// Why, in words; it stays in the log for ever and must not repeat what is erased
    #[arg(long, value_name = "TEXT", value_parser = text)]
    text: String,
    /// Form of the result
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    client: ClientSettings,
}

impl Erase {
    /// Destroys it.
    pub fn run(self, context: &Context) -> Result<(), Failure> {
        let client = Client::new(self.client, context)?;
        let path = format!("/v1/events/{}/erasure", self.index);
        let answer = block_on(client.post(&path, &json!({ "reason": self.reason, "text": self.text })))?;
        match cell(&answer, "remains").as_str() {
            "nothing" => {}
            "write-ahead-log" => note(
                "Somebody still reads the database as it was: the old bytes leave its write-ahead log as soon as they have ended. \
                 The same command again says whether they have.",
            ),
            _ => note(
                "PostgreSQL no longer finds the old bytes, but has not overwritten all of them: see \"Erase\" in the README for what is \
                 left to do (VACUUM FULL, write-ahead log, replicas, backups).",
            ),
        }
        match self.format {
            Format::Json => print_json(&answer),
            Format::Table => print(&format!(
                "Entry {} is erased (by entry {}, {}).",
                self.index,
                answer["erased"]["erased_by"],
                cell(&answer["erased"], "reason")
            )),
        }
    }
}
