//! `verify`: receipts and bundles, offline. Files in, a verdict out; trust roots come from the caller alone.
//!
//! Exit code 0: verified. 1: something is not as it was recorded. 2: it cannot be told, for want of a file or a key.
//! What is wrong with the thing that is verified is always 1, however it is broken.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use ledger::{NoteKey, PublicKey, Receipt};
use serde_json::{Value, json};

use super::bundle::{self, Verdict};
use super::output::{Format, clean, print, print_json};
use super::{Failure, keys};
use crate::audit::Report;
use crate::domain::Instant;

/// What can be verified.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// A receipt against the envelope that it is for
    Receipt(ReceiptArguments),
    /// A whole history, as `shipslog export` wrote it
    Bundle(BundleArguments),
}

/// Arguments of `verify receipt`.
#[derive(Debug, clap::Args)]
pub struct ReceiptArguments {
    /// The receipt, as the service sent it
    receipt: PathBuf,
    /// The envelope, as it was posted
    #[arg(long, value_name = "ENVELOPE.json")]
    envelope: PathBuf,
    /// Public key of the log, from a source that you trust
    #[arg(long, value_name = "FILE.vkey")]
    log_key: PathBuf,
    /// Also require a signature by this producer
    #[arg(long, value_name = "FILE.pem")]
    producer_key: Option<PathBuf>,
    /// Form of the result
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Arguments of `verify bundle`.
#[derive(Debug, clap::Args)]
pub struct BundleArguments {
    /// The folder
    folder: PathBuf,
    /// Public key of the log, from a source that you trust
    #[arg(long, value_name = "FILE.vkey")]
    log_key: PathBuf,
    /// Form of the result
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Command {
    /// Verifies it.
    pub fn run(self) -> Result<(), Failure> {
        match self {
            Self::Receipt(arguments) => arguments.run(),
            Self::Bundle(arguments) => arguments.run(),
        }
    }
}

impl ReceiptArguments {
    fn run(self) -> Result<(), Failure> {
        let log = log_key(&self.log_key)?;
        let producer = self.producer_key.as_deref().map(producer_key).transpose()?;
        let receipt = bytes(&self.receipt)?;
        let envelope = bytes(&self.envelope)?;
        match check(&receipt, &envelope, &log, producer.as_ref()) {
            Ok(shown) => match self.format {
                Format::Json => print_json(&shown),
                Format::Table => print(&format!(
                    "Verified: entry {} of {}, recorded {}, in the tree of {} entries with root {}.",
                    shown["index"],
                    super::output::cell(&shown, "origin"),
                    super::output::cell(&shown, "recorded_at"),
                    shown["tree_size"],
                    super::output::cell(&shown, "root"),
                )),
            },
            Err(message) => {
                if self.format == Format::Json {
                    print_json(&json!({ "verified": false, "error": message }))?;
                }
                Err(Failure::refused(format!("NOT VERIFIED: {message}")))
            }
        }
    }
}

/// Everything about a receipt that can be checked without a network.
fn check(receipt: &[u8], envelope: &[u8], log: &NoteKey, producer: Option<&PublicKey>) -> Result<Value, String> {
    // A receipt that was printed has a newline after it.
    let receipt_text = receipt.strip_suffix(b"\n").unwrap_or(receipt);
    let receipt = Receipt::parse(receipt_text).map_err(|error| format!("the receipt: {error}"))?;
    if receipt.to_json().as_bytes() != receipt_text {
        return Err("the receipt is not in the exact form in which the service sends it".to_owned());
    }
    let verified = receipt.verify(log, envelope).map_err(|error| error.to_string())?;
    // A signature beside the log's own would be covered by nothing.
    let checkpoint = bundle::open_checkpoint(&receipt.proof.checkpoint.to_string(), log)?;
    if let Some(producer) = producer {
        let by_producer = verified.envelope.clone().verify(|_| vec![*producer]);
        by_producer.map_err(|error| format!("the producer's signature: {error}"))?;
    }
    let entry = verified.entry;
    Ok(json!({
        "verified": true,
        "index": receipt.proof.index,
        "recorded_at": Instant::from_millis(i64::try_from(entry.time()).unwrap_or(i64::MAX)),
        "payload_type": clean(entry.payload_type()),
        "signers": entry.signers().iter().map(|signer| signer.key.to_string()).collect::<Vec<_>>(),
        "origin": checkpoint.origin,
        "tree_size": checkpoint.size,
        "root": checkpoint.root.to_base64(),
    }))
}

impl BundleArguments {
    fn run(self) -> Result<(), Failure> {
        let log = log_key(&self.log_key)?;
        let Verdict { checkpoint, report } =
            bundle::verify(&self.folder, &log).map_err(|error| Failure::unclear(error.to_string()))?;
        let verified = report.findings.is_empty() && checkpoint.is_some();
        match self.format {
            Format::Json => print_json(&json!({
                "verified": verified,
                "origin": checkpoint.as_ref().map(|checkpoint| &checkpoint.origin),
                "checkpoint_size": checkpoint.as_ref().map(|checkpoint| checkpoint.size),
                "report": report,
            }))?,
            Format::Table => print(&summary(verified, log.name(), &report))?,
        }
        if verified {
            Ok(())
        } else {
            Err(Failure::refused(format!(
                "NOT VERIFIED: {} is not the history that the log signed",
                self.folder.display()
            )))
        }
    }
}

/// The result of an audit, for people.
pub fn summary(verified: bool, origin: &str, report: &Report) -> String {
    let mut lines = vec![format!(
        "{}: {} entries of {origin}, root {}",
        if verified { "Verified" } else { "NOT VERIFIED" },
        report.size,
        report.root.to_base64()
    )];
    if let (Some(from), Some(to)) = (report.from, report.to) {
        lines.push(format!("  recorded    {from} to {to}"));
    }
    if let Some(predecessor) = &report.predecessor {
        let mut text = predecessor.lines();
        let (origin, size) = (text.next().unwrap_or(""), text.next().unwrap_or(""));
        lines.push(format!(
            "  continues   {}, which ended with {size} entries",
            clean(origin)
        ));
    }
    for (title, counts) in [
        (
            "producers ",
            list(report.producers.iter().map(|(name, count)| (name.as_str(), count))),
        ),
        (
            "records of",
            list(report.subjects.iter().map(|(name, count)| (name.as_str(), count))),
        ),
    ] {
        if !counts.is_empty() {
            lines.push(format!("  {title}  {counts}"));
        }
    }
    if !report.erased.is_empty() {
        lines.push(format!(
            "  erased      {} (the log says by which entry and why)",
            report.erased.len()
        ));
    }
    for finding in &report.findings {
        let place = finding
            .index
            .map_or(String::new(), |index| format!(" at entry {index}"));
        let more = if finding.count > 1 {
            format!(" (and {} more)", finding.count - 1)
        } else {
            String::new()
        };
        lines.push(format!(
            "  wrong: {}{place}: {}{more}",
            finding.kind.as_str(),
            clean(&finding.message)
        ));
    }
    lines.join("\n")
}

fn list<'a>(counts: impl Iterator<Item = (&'a str, &'a u64)>) -> String {
    counts
        .map(|(name, count)| format!("{} {count}", clean(name)))
        .collect::<Vec<_>>()
        .join(", ")
}

/// Reads a log's public key from a file.
pub fn log_key(path: &Path) -> Result<NoteKey, Failure> {
    let text = keys::read(path)?;
    NoteKey::parse(text.trim_end()).map_err(|error| {
        Failure::unclear(format!(
            "{} is not a log key (name+hash+base64): {error}",
            path.display()
        ))
    })
}

fn producer_key(path: &Path) -> Result<PublicKey, Failure> {
    let pem = keys::read(path)?;
    PublicKey::from_pem(&pem)
        .map_err(|error| Failure::unclear(format!("{} is not an Ed25519 public key: {error}", path.display())))
}

fn bytes(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|error| Failure::unclear(format!("cannot read {}: {error}", path.display())))
}
