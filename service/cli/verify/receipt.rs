//! `verify receipt`: one record, offline.

use std::path::{Path, PathBuf};

use ledger::{PublicKey, Receipt};
use serde_json::{Value, json};

use super::super::consistency::Consistency;
use super::super::output::{Format, clean, print, print_json};
use super::super::trust::{self, Opened, Producers, Trust, TrustArguments, forked};
use super::super::{Failure, keys, output};
use super::Coverage;
use crate::domain::Instant;

/// Arguments of `verify receipt`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The receipt, as the service sent it
    receipt: PathBuf,
    /// The envelope, as it was posted
    #[arg(long, value_name = "ENVELOPE.json")]
    envelope: PathBuf,
    #[command(flatten)]
    trust: TrustArguments,
    /// With --checkpoint: the proof that one of the two checkpoints continues the other, as /v1/log/proof/consistency
    /// gives it
    #[arg(long, value_name = "FILE", requires = "held", help_heading = "What you trust")]
    consistency: Option<PathBuf>,
    /// Your own list of producers, NAME KEY a line, the key as in its PEM file; all signers must be in it
    #[arg(long, value_name = "FILE", help_heading = "What you trust")]
    producers: Option<PathBuf>,
    /// Require a signature by this producer
    #[arg(long, value_name = "FILE.pem", help_heading = "What you trust")]
    producer_key: Option<PathBuf>,
    /// Form of the result
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Whose signatures are asked for.
#[derive(Default)]
struct Signers {
    required: Option<PublicKey>,
    list: Option<Producers>,
}

/// What a receipt that holds says.
struct Shown {
    value: Value,
    opened: Opened,
    coverage: Coverage,
    /// Why it cannot be told nevertheless.
    doubt: Option<String>,
}

impl Arguments {
    /// Verifies it.
    pub fn run(self) -> Result<(), Failure> {
        let trust = self.trust.read()?;
        let signers = Signers {
            required: self.producer_key.as_deref().map(producer_key).transpose()?,
            list: self.producers.as_deref().map(trust::producers).transpose()?,
        };
        let consistency = self.consistency.as_deref().map(consistency).transpose()?;
        let receipt = bytes(&self.receipt)?;
        let envelope = bytes(&self.envelope)?;
        let checked = check(&receipt, &envelope, &trust, &signers)
            .and_then(|shown| continuation(shown, &trust, consistency.as_ref()));
        let mut shown = match checked {
            Ok(shown) => shown,
            Err(message) => {
                if self.format == Format::Json {
                    print_json(&json!({ "verified": false, "error": message }))?;
                }
                return Err(Failure::refused(format!("NOT VERIFIED: {message}")));
            }
        };
        shown.doubt = shown.doubt.or(shown.opened.shortfall);
        match self.format {
            Format::Json => {
                shown.value["verified"] = shown.doubt.is_none().into();
                shown.value["doubt"] = json!(shown.doubt);
                shown.coverage.add_to(&mut shown.value);
                print_json(&shown.value)?;
            }
            Format::Table => {
                let verdict = if shown.doubt.is_none() {
                    "Verified"
                } else {
                    "NOT VERIFIED"
                };
                let mut lines = vec![format!(
                    "{verdict}: entry {} of {}, recorded {}, in the tree of {} entries with root {}.",
                    shown.value["index"],
                    output::cell(&shown.value, "origin"),
                    output::cell(&shown.value, "recorded_at"),
                    shown.value["tree_size"],
                    output::cell(&shown.value, "root"),
                )];
                lines.extend(shown.coverage.lines());
                print(&lines.join("\n"))?;
            }
        }
        match shown.doubt {
            None => Ok(()),
            Some(doubt) => Err(Failure::unclear(format!("CANNOT TELL: {doubt}"))),
        }
    }
}

/// Everything about a receipt that can be checked without a network.
fn check(receipt: &[u8], envelope: &[u8], trust: &Trust, signers: &Signers) -> Result<Shown, String> {
    let receipt = parse(receipt)?;
    let opened = trust.open(&receipt.proof.checkpoint.to_string())?;
    let verified = receipt
        .verify(&opened.key, envelope)
        .map_err(|error| error.to_string())?;
    let mut coverage = Coverage::of(&opened, trust);
    coverage.checks("the entry is in the tree that the log signed, and commits to this very envelope");
    if let Some(producer) = &signers.required {
        let by_producer = verified.envelope.clone().verify(|_| vec![*producer]);
        by_producer.map_err(|error| format!("the producer's signature: {error}"))?;
        coverage.checks("it is signed with the producer's key");
    }
    let entry = &verified.entry;
    let mut names = None;
    if let Some(list) = &signers.list {
        let name = |signer: &ledger::Signer| {
            let name = list.name(&signer.key);
            name.ok_or_else(|| format!("the key {} that signed it is not in your list of producers", signer.key))
        };
        let listed = entry.signers().iter().map(name).collect::<Result<Vec<_>, _>>()?;
        let candidates = |keyid: Option<&str>| match keyid.and_then(|keyid| keyid.parse().ok()) {
            Some(id) => list.key(&id).into_iter().collect(),
            None => entry
                .signers()
                .iter()
                .filter_map(|signer| list.key(&signer.key))
                .collect(),
        };
        let signed = verified.authenticate(candidates);
        signed.map_err(|error| format!("the signatures: {error}"))?;
        coverage.checks("all its signatures verify, by keys in your list of producers");
        names = Some(listed);
    } else if signers.required.is_none() {
        coverage.omits("the signatures of the record: the log's word stands for them (--producers, --producer-key)");
    }
    let value = json!({
        "index": receipt.proof.index,
        "recorded_at": Instant::from_millis(i64::try_from(entry.time()).unwrap_or(i64::MAX)),
        "payload_type": clean(entry.payload_type()),
        "signers": entry.signers().iter().map(|signer| signer.key.to_string()).collect::<Vec<_>>(),
        "producers": names,
        "origin": opened.checkpoint.origin,
        "tree_size": opened.checkpoint.size,
        "root": opened.checkpoint.root.to_base64(),
        "cosigned_by": opened.cosigned_by,
    });
    Ok(Shown {
        value,
        opened,
        coverage,
        doubt: None,
    })
}

/// Reads a receipt in the exact form in which the service sends it. One that was printed has a newline after it.
pub fn parse(bytes: &[u8]) -> Result<Receipt, String> {
    let text = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let receipt = Receipt::parse(text).map_err(|error| format!("the receipt: {error}"))?;
    if receipt.to_json().as_bytes() != text {
        return Err("the receipt is not in the exact form in which the service sends it".to_owned());
    }
    Ok(receipt)
}

/// How the receipt's checkpoint stands to the one that the caller remembers.
fn continuation(mut shown: Shown, trust: &Trust, proof: Option<&Consistency>) -> Result<Shown, String> {
    let found = &shown.opened.checkpoint;
    let Some(held) = trust.held_of(found) else {
        shown.coverage.forgets(trust);
        return Ok(shown);
    };
    let (old, new) = if held.size <= found.size {
        (held, found)
    } else {
        (found, held)
    };
    match proof {
        _ if old.size == new.size && old.root != new.root => return Err(forked(held, &found.root)),
        _ if old.size == new.size || old.size == 0 => {}
        Some(proof) => proof.verify(old, new)?,
        None => {
            shown.doubt = Some(format!(
                "that the log continues the checkpoint you kept takes a proof from {} to {} entries: give it with --consistency",
                old.size, new.size
            ));
            return Ok(shown);
        }
    }
    let size = held.size;
    shown.coverage.checks(format!(
        "the log is that of the checkpoint of {size} entries that you kept"
    ));
    Ok(shown)
}

fn consistency(path: &Path) -> Result<Consistency, Failure> {
    serde_json::from_slice(&bytes(path)?)
        .map_err(|error| Failure::unclear(format!("{} is not a consistency proof: {error}", path.display())))
}

fn producer_key(path: &Path) -> Result<PublicKey, Failure> {
    let pem = keys::read(path)?;
    PublicKey::from_pem(&pem)
        .map_err(|error| Failure::unclear(format!("{} is not an Ed25519 public key: {error}", path.display())))
}

fn bytes(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|error| Failure::unclear(format!("cannot read {}: {error}", path.display())))
}
