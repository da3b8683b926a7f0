//! `receipt refresh`: the same entry, proved under a later checkpoint of the same log.
//!
//! The service is asked and not believed: the file is written over only when the new receipt verifies with the
//! caller's keys and the log under it is shown to continue the log under the old one.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Subcommand;
use ledger::{Checkpoint, Receipt, leaf_hash};
use serde_json::json;

use super::client::{Client, block_on};
use super::consistency::Consistency;
use super::output::{Format, print, print_json};
use super::trust::{Opened, Trust, TrustArguments, forked, shorter};
use super::verify::parse_receipt;
use super::{Context, Failure};
use crate::config::ClientSettings;

/// How long to wait for a checkpoint that covers the entry: one is published each second.
const PUBLICATION: Duration = Duration::from_secs(3);

/// What can be done with a receipt.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Ask the service for the same receipt under a later checkpoint, verify it and write it over the old one
    Refresh(Refresh),
}

/// Arguments of `receipt refresh`.
#[derive(Debug, clap::Args)]
pub struct Refresh {
    /// The receipt; it is replaced
    file: PathBuf,
    /// Size of the tree to prove it in, one that the log signed [default: the published one, with its cosignatures]
    #[arg(long, value_name = "SIZE")]
    tree_size: Option<u64>,
    #[command(flatten)]
    trust: TrustArguments,
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
            Self::Refresh(refresh) => refresh.run(context),
        }
    }
}

impl Refresh {
    fn run(self, context: &Context) -> Result<(), Failure> {
        let trust = self.trust.read()?;
        let bytes = fs::read(&self.file)
            .map_err(|error| Failure::unclear(format!("cannot read {}: {error}", self.file.display())))?;
        let old = parse_receipt(&bytes).map_err(|error| wrong(&self.file, &error))?;
        let before = open(&old, &trust).map_err(|error| wrong(&self.file, &error))?;
        if let Some(size) = self.tree_size.filter(|size| *size < before.checkpoint.size) {
            return Err(Failure::unclear(format!(
                "{} is proved in a tree of {} entries already; {size} is not later (--tree-size)",
                self.file.display(),
                before.checkpoint.size
            )));
        }
        let client = Client::new(self.client, context)?;
        let fetched = block_on(fetch(&client, &old, self.tree_size))?;
        let text = fetched.strip_suffix('\n').unwrap_or(&fetched);
        let refused = |error: String| {
            let kept = keep_refused(&self.file, text);
            Failure::refused(format!(
                "NOT VERIFIED, {} stands as it was: {error}{kept}",
                self.file.display()
            ))
        };
        let new = parse_receipt(text.as_bytes()).map_err(refused)?;
        let after = open(&new, &trust).map_err(refused)?;
        same_entry(&old, &new).map_err(refused)?;
        let (from, to) = (&before.checkpoint, &after.checkpoint);
        // A remembered checkpoint may be older or newer than the new one; the receipt's own must be older.
        let held = trust.held_of(to).filter(|held| held.size > 0);
        let pairs = held.map(|held| if held.size <= to.size { (held, to) } else { (to, held) });
        for (old, new) in [(from, to)].into_iter().chain(pairs) {
            match continuation(&client, old, new) {
                Ok(()) => {}
                Err(Break::Unanswered(failure)) => return Err(failure),
                Err(Break::Wrong(error)) => return Err(refused(error)),
            }
        }
        if let Some(shortfall) = &after.shortfall {
            return Err(Failure::unclear(format!(
                "CANNOT TELL, {} stands as it was: {shortfall}",
                self.file.display()
            )));
        }
        replace(&self.file, text)?;
        let cosigned_by = &after.cosigned_by;
        match self.format {
            Format::Json => print_json(&json!({
                "index": new.proof.index,
                "old_tree_size": from.size,
                "tree_size": to.size,
                "root": to.root.to_base64(),
                "cosigned_by": cosigned_by,
            })),
            Format::Table => {
                let witnesses = match cosigned_by.as_slice() {
                    [] => String::new(),
                    names => format!(", cosigned by {}", names.join(", ")),
                };
                print(&format!(
                    "{}: entry {} is now proved in the tree of {} entries (it was {}), which continues the earlier one{witnesses}.",
                    self.file.display(),
                    new.proof.index,
                    to.size,
                    from.size
                ))
            }
        }
    }
}

/// The checkpoint of a receipt, and that its tree holds the entry.
fn open(receipt: &Receipt, trust: &Trust) -> Result<Opened, String> {
    let opened = trust.open(&receipt.proof.checkpoint.to_string())?;
    let proved = receipt.proof.verify(&opened.key, &leaf_hash(&receipt.entry));
    proved.map_err(|error| error.to_string())?;
    Ok(opened)
}

fn same_entry(old: &Receipt, new: &Receipt) -> Result<(), String> {
    let what = |receipt: &Receipt| {
        (
            receipt.proof.index,
            receipt.entry.clone(),
            receipt.salt,
            receipt.envelope_sha256,
        )
    };
    if what(old) == what(new) {
        Ok(())
    } else {
        Err("the service gave the receipt of another entry".to_owned())
    }
}

/// The receipt as the service has it now, as soon as there is a checkpoint that covers it.
async fn fetch(client: &Client, old: &Receipt, size: Option<u64>) -> Result<String, Failure> {
    let at = size.map_or_else(|| "latest".to_owned(), |size| size.to_string());
    let path = format!("/v1/events/{}/receipt?tree_size={at}", old.proof.index);
    let mut waited = Duration::ZERO;
    loop {
        match client.get_text(&path).await {
            Err(_) if size.is_none() && waited < PUBLICATION => {}
            answer => return answer,
        }
        let pause = Duration::from_millis(200);
        tokio::time::sleep(pause).await;
        waited += pause;
    }
}

/// Why it is not known that one log continues another.
enum Break {
    /// It does not, or the service does not show that it does.
    Wrong(String),
    /// The service does not answer.
    Unanswered(Failure),
}

/// Demands that the newer log continues the older one.
fn continuation(client: &Client, old: &Checkpoint, new: &Checkpoint) -> Result<(), Break> {
    if new.size < old.size {
        return Err(Break::Wrong(shorter(old, new)));
    }
    if new.size == old.size {
        return match new.root == old.root {
            true => Ok(()),
            false => Err(Break::Wrong(forked(old, &new.root))),
        };
    }
    let path = format!("/v1/log/proof/consistency?old={}&new={}", old.size, new.size);
    let proof = block_on(client.get(&path)).map_err(Break::Unanswered)?;
    let proof: Consistency = serde_json::from_value(proof)
        .map_err(|error| Break::Wrong(format!("what the service gives is not a consistency proof: {error}")))?;
    proof.verify(old, new).map_err(Break::Wrong)
}

/// Two checkpoints that contradict each other convict the log, so what was refused is kept beside the file.
fn keep_refused(file: &Path, text: &str) -> String {
    let mut name = file.as_os_str().to_owned();
    name.push(".refused");
    match fs::write(&name, text) {
        Ok(()) => format!("; what the service gave is kept in {}", Path::new(&name).display()),
        Err(error) => format!("; what the service gave could not be kept: {error}"),
    }
}

/// The new receipt in the place of the old one, whole or not at all.
fn replace(file: &Path, text: &str) -> Result<(), Failure> {
    let mut partial = file.as_os_str().to_owned();
    partial.push(".partial");
    let write = || {
        let mut new = fs::File::create(&partial)?;
        new.write_all(text.as_bytes())?;
        new.sync_all()?;
        fs::rename(&partial, file)
    };
    write().map_err(|error| Failure::refused(format!("cannot write {}: {error}", file.display())))
}

fn wrong(file: &Path, error: &str) -> Failure {
    Failure::refused(format!("NOT VERIFIED: {}: {error}", file.display()))
}
