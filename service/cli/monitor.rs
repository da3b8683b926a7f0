//! `monitor`: follows a log from outside, and remembers what it promised.
//!
//! What was believed once must be continued by whatever the log shows later. Everything new is derived again from its
//! entries; nothing is fetched twice. Memory does not grow with the log.

mod commitments;
mod conflict;
mod follow;
mod state;

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use super::client::{Client, block_on};
use super::tiles::ServedLog;
use super::trust::TrustArguments;
use super::{Context, Failure, output};
use crate::clock::Clock;
use crate::config::ClientSettings;
use follow::{Follower, Halt, Seen};

/// Arguments of `monitor`.
#[derive(Debug, clap::Args)]
pub struct Monitor {
    /// Where the log is: the address of a service, or what stands before /checkpoint and /tile
    #[arg(value_parser = clap::builder::NonEmptyStringValueParser::new())]
    url: String,
    #[command(flatten)]
    trust: TrustArguments,
    /// Directory that remembers what each log showed; evidence of a fork is written there, too
    #[arg(long, value_name = "DIR")]
    state: PathBuf,
    /// Look once and end; else look again and again until something is wrong
    #[arg(long)]
    once: bool,
    /// Seconds between two looks
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    interval: u64,
    /// Form of the result; JSON is one object a line
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// File with a reader's token: then the signed records are fetched, and compared with what the entries commit to
    /// [env: SHIPSLOG_TOKEN_FILE, or the token itself in SHIPSLOG_TOKEN]
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

/// Form of the result.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people.
    #[default]
    Text,
    /// For machines.
    Json,
}

impl Monitor {
    /// Looks once, or until something is wrong.
    pub fn run(self, context: &Context) -> Result<(), Failure> {
        let trust = self.trust.read()?;
        let settings = ClientSettings {
            url: Some(ServedLog::address(&self.url).to_owned()),
            token_file: self.token_file.clone(),
            key: None,
        };
        let client = Client::new(settings, context)?;
        let follower = Follower {
            client: &client,
            trust: &trust,
            state: &self.state,
        };
        let clock = Clock::system();
        block_on(async {
            loop {
                let outcome = follower.follow().await;
                let seen = self.show(clock.now().to_string(), &outcome);
                // The verdict decides about the exit code, and that it could not be shown is no verdict.
                seen.map_err(|failure| Failure::unclear(failure.to_string()))?;
                match outcome {
                    Err(Halt::Wrong { message, evidence }) => {
                        let place = evidence.map_or(String::new(), |place| {
                            format!("\nThe evidence is in {}", place.display())
                        });
                        return Err(Failure::refused(format!("NOT VERIFIED: {message}{place}")));
                    }
                    Err(Halt::Unclear(message)) if self.once => {
                        return Err(Failure::unclear(format!("CANNOT TELL: {message}")));
                    }
                    Ok(seen) if self.once => {
                        return match seen.opened.shortfall {
                            None => Ok(()),
                            Some(shortfall) => Err(Failure::unclear(format!("CANNOT TELL: {shortfall}"))),
                        };
                    }
                    Ok(_) | Err(Halt::Unclear(_)) => tokio::time::sleep(Duration::from_secs(self.interval)).await,
                }
            }
        })
    }

    fn show(&self, at: String, outcome: &Result<Seen, Halt>) -> Result<(), Failure> {
        match (self.format, outcome) {
            (Format::Json, _) => output::print(&json_line(&at, outcome).to_string()),
            (Format::Text, Ok(seen)) => output::print(&text_line(&at, seen)),
            // With --once, and when something is wrong, the message of the failure says it.
            (Format::Text, Err(Halt::Unclear(message))) if !self.once => {
                output::note(&format!("{at} CANNOT TELL: {message}"));
                Ok(())
            }
            (Format::Text, Err(_)) => Ok(()),
        }
    }
}

fn text_line(at: &str, seen: &Seen) -> String {
    let checkpoint = &seen.opened.checkpoint;
    let mut parts = vec![format!(
        "{at} {}: {} entries of {}, root {}, {} new",
        if seen.opened.shortfall.is_none() {
            "verified"
        } else {
            "CANNOT TELL"
        },
        checkpoint.size,
        output::clean(&checkpoint.origin),
        checkpoint.root.to_base64(),
        seen.new_entries
    )];
    parts.push(match &seen.commitments {
        Some(found) => format!("{} commitments checked, {} erased", found.checked, found.erased),
        None => "commitments not checked (they need a reader's token)".to_owned(),
    });
    if !seen.opened.cosigned_by.is_empty() {
        let names = output::clean(&seen.opened.cosigned_by.join(", "));
        parts.push(format!("cosigned by {names}"));
    }
    parts.extend(seen.opened.shortfall.clone());
    parts.extend(seen.remark.clone());
    parts.join("; ")
}

fn json_line(at: &str, outcome: &Result<Seen, Halt>) -> Value {
    match outcome {
        Ok(seen) => {
            let checkpoint = &seen.opened.checkpoint;
            let commitments = seen.commitments.as_ref();
            json!({
                "at": at,
                "verdict": if seen.opened.shortfall.is_none() { "verified" } else { "unclear" },
                "origin": checkpoint.origin,
                "tree_size": checkpoint.size,
                "root": checkpoint.root.to_base64(),
                "new_entries": seen.new_entries,
                "commitments": commitments.map(|found| json!({ "checked": found.checked, "erased": found.erased })),
                "cosigned_by": seen.opened.cosigned_by,
                "message": seen.opened.shortfall.as_ref().or(seen.remark.as_ref()),
                "evidence": null,
            })
        }
        Err(Halt::Wrong { message, evidence }) => json!({
            "at": at,
            "verdict": "tampered",
            "message": message,
            "evidence": evidence.as_ref().map(|place| place.display().to_string()),
        }),
        Err(Halt::Unclear(message)) => json!({ "at": at, "verdict": "unclear", "message": message, "evidence": null }),
    }
}
