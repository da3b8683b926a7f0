//! `verify log`: a log as anyone can read it, from its tiles.
//!
//! Asks without a token, and shows nobody which checkpoint the caller remembers.

use std::pin::pin;

use futures_util::StreamExt;
use ledger::TilePath;
use serde_json::json;

use super::super::Failure;
use super::super::bundle::Part;
use super::super::client::{Client, block_on};
use super::super::output::{Format, print, print_json};
use super::super::tiles::{Rebuilt, ServedLog, full_path};
use super::super::trust::{Opened, Trust, TrustArguments, forked, shorter};
use super::{Coverage, headline};

/// Arguments of `verify log`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Where the log is: the address of a service, or what stands before /checkpoint and /tile
    #[arg(value_parser = clap::builder::NonEmptyStringValueParser::new())]
    url: String,
    #[command(flatten)]
    trust: TrustArguments,
    /// Form of the result
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Why verification ended early.
enum Halt {
    /// Something is not as the log signed it.
    Wrong(String),
    /// It could not be seen.
    Unseen(Failure),
}

impl From<Failure> for Halt {
    fn from(failure: Failure) -> Self {
        Self::Unseen(Failure::unclear(format!("CANNOT TELL: {failure}")))
    }
}

impl Arguments {
    /// Verifies it.
    pub fn run(self) -> Result<(), Failure> {
        let trust = self.trust.read()?;
        let client = Client::anonymous(ServedLog::address(&self.url))?;
        let mut outcome = None;
        block_on(async {
            outcome = Some(verify(&client, &trust).await);
            Ok(())
        })?;
        let opened = match outcome {
            Some(Ok(opened)) => opened,
            Some(Err(Halt::Wrong(message))) => {
                if self.format == Format::Json {
                    print_json(&json!({ "verified": false, "error": message }))?;
                }
                return Err(Failure::refused(format!("NOT VERIFIED: {message}")));
            }
            Some(Err(Halt::Unseen(failure))) => return Err(failure),
            None => return Err(Failure::unclear("verification did not end")),
        };
        let checkpoint = &opened.checkpoint;
        let mut coverage = Coverage::of(&opened, &trust);
        coverage.checks("every entry is well formed, in order of time, and in the tree that the log signed");
        coverage.checks("every tile is what the entries give");
        coverage.continuation(&opened, &trust);
        coverage.omits("the signed records themselves: they are not public (verify bundle)");
        let verified = opened.shortfall.is_none();
        match self.format {
            Format::Json => {
                let mut shown = json!({
                    "verified": verified,
                    "origin": checkpoint.origin,
                    "tree_size": checkpoint.size,
                    "root": checkpoint.root.to_base64(),
                    "cosigned_by": opened.cosigned_by,
                    "doubt": opened.shortfall,
                });
                coverage.add_to(&mut shown);
                print_json(&shown)?;
            }
            Format::Table => {
                let mut lines = vec![headline(
                    verified,
                    checkpoint.size,
                    &checkpoint.origin,
                    &checkpoint.root,
                )];
                lines.extend(coverage.lines());
                print(&lines.join("\n"))?;
            }
        }
        match opened.shortfall {
            None => Ok(()),
            Some(shortfall) => Err(Failure::unclear(format!("CANNOT TELL: {shortfall}"))),
        }
    }
}

async fn verify(client: &Client, trust: &Trust) -> Result<Opened, Halt> {
    let wrong = |message: String| Halt::Wrong(message);
    let Some((log, note)) = ServedLog::find(client).await? else {
        return Err(Failure::unclear("there is no log here: no checkpoint, nor one under /log").into());
    };
    let log = &log;
    let note = String::from_utf8(note).map_err(|_| wrong("the checkpoint is not UTF-8".to_owned()))?;
    let opened = trust
        .open(&note)
        .map_err(|error| wrong(format!("the checkpoint: {error}")))?;
    let checkpoint = &opened.checkpoint;
    let held = trust.held_of(checkpoint);
    if let Some(held) = held.filter(|held| held.size > checkpoint.size) {
        return Err(wrong(shorter(held, checkpoint)));
    }
    let mut tree = Rebuilt::default();
    let mut bundles = pin!(log.bundles(Part::all(checkpoint.size)));
    while let Some((part, bytes)) = bundles.next().await {
        let bytes = implied(part.path(), bytes?)?;
        let full = tree
            .add(part, &bytes, |size, root| match held {
                Some(held) if held.size == size && held.root != root() => Err(forked(held, &root())),
                Some(_) | None => Ok(()),
            })
            .map_err(wrong)?;
        for tile in full {
            compare(log, full_path(&tile), tile.bytes()).await?;
        }
    }
    for (path, bytes) in tree.partial_tiles() {
        compare(log, path, bytes).await?;
    }
    if tree.root() != checkpoint.root {
        return Err(wrong(format!(
            "the entries have root {}; the checkpoint of {} entries says {}",
            tree.root().to_base64(),
            checkpoint.size,
            checkpoint.root.to_base64()
        )));
    }
    Ok(opened)
}

/// What a signed checkpoint implies has to be there.
fn implied(path: TilePath, found: Option<Vec<u8>>) -> Result<Vec<u8>, Halt> {
    found.ok_or_else(|| Halt::Wrong(format!("tile/{path} is missing, which the checkpoint implies")))
}

async fn compare(log: &ServedLog, path: TilePath, expected: &[u8]) -> Result<(), Halt> {
    if implied(path, log.tile(path).await?)? == expected {
        Ok(())
    } else {
        Err(Halt::Wrong(format!("tile/{path} is not what the entries give")))
    }
}
