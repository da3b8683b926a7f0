//! What an auditor brings: keys of the log, a policy, a remembered checkpoint, a list of producers.
//!
//! Everything comes from files of the caller. Nothing that is verified, and no service, has a say in it.

mod files;

use std::path::{Path, PathBuf};

use ledger::{Checkpoint, Hash, NoteKey, NoteSignature, Policy, Quorum, SignedNote};

pub use files::{LogKey, Producers};

use super::output::clean;
use super::{Failure, keys};
use crate::audit::Roll;

/// Whom to believe about a log.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "What you trust")]
pub struct TrustArguments {
    /// Public keys of the log, from a source that you trust: a vkey a line, for a key that was replaced with
    /// from=SIZE and to=SIZE behind it, the first and last tree size that it may have signed; may be repeated
    #[arg(long = "log-key", value_name = "FILE.vkey", required_unless_present = "policy")]
    log_keys: Vec<PathBuf>,
    /// C2SP tlog-policy: which witnesses must have cosigned the checkpoint; its logs count where no --log-key is given
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// A checkpoint that you kept: what is verified must continue it
    #[arg(long = "checkpoint", value_name = "FILE")]
    held: Option<PathBuf>,
}

/// Whom to believe about a history: about the log, and whose signatures count in it.
#[derive(Debug, clap::Args)]
pub struct HistoryArguments {
    #[command(flatten)]
    log: TrustArguments,
    /// Your own list of producers, NAME KEY a line, the key as in its PEM file; entries by others do not verify
    #[arg(long, value_name = "FILE", help_heading = "What you trust")]
    producers: Option<PathBuf>,
}

/// What the arguments say, read.
#[derive(Debug, Clone)]
pub struct Trust {
    keys: Vec<LogKey>,
    policy: Option<Policy>,
    held: Option<(Checkpoint, SignedNote)>,
}

/// A checkpoint that the log signed.
#[derive(Debug, Clone)]
pub struct Opened {
    /// What was signed.
    pub checkpoint: Checkpoint,
    /// A key that signed it.
    pub key: NoteKey,
    /// Names of the witnesses that cosigned, in the order of the policy.
    pub cosigned_by: Vec<String>,
    /// What the caller wants and the checkpoint does not have. The checkpoint is the log's all the same.
    pub shortfall: Option<String>,
    /// Signatures by keys that nobody brought. They prove nothing.
    pub unknown: usize,
}

impl TrustArguments {
    /// Reads all files. Whatever is wrong with one of them, nothing can be told.
    pub fn read(&self) -> Result<Trust, Failure> {
        let mut keys = Vec::new();
        for path in &self.log_keys {
            keys.extend(log_keys(path)?);
        }
        let policy = self.policy.as_deref().map(policy).transpose()?;
        if self.log_keys.is_empty() {
            let logs = policy.iter().flat_map(Policy::logs);
            keys.extend(logs.map(|log| LogKey::unlimited(log.key.clone())));
        }
        if keys.is_empty() {
            return Err(Failure::unclear("the policy names no log; give its key with --log-key"));
        }
        let mut trust = Trust {
            keys,
            policy,
            held: None,
        };
        if let Some(path) = &self.held {
            let text = keys::read(path)?;
            let unclear = |error: String| Failure::unclear(format!("{}: {error}", path.display()));
            let held = trust.open(&text).map_err(unclear)?.checkpoint;
            let note = SignedNote::parse(&text).map_err(|error| unclear(error.to_string()))?;
            trust.held = Some((held, note));
        }
        Ok(trust)
    }
}

impl HistoryArguments {
    /// Reads all files. Without a list of producers, the registrations in the log count.
    pub fn read(&self) -> Result<(Trust, Option<Roll>), Failure> {
        let trust = self.log.read()?;
        let producers = self.producers.as_deref().map(producers).transpose()?;
        Ok((trust, producers.map(|producers| producers.roll())))
    }
}

impl Trust {
    /// One key of a log, whatever tree it signed, and nothing else.
    pub fn of(key: NoteKey) -> Self {
        Self {
            keys: vec![LogKey::unlimited(key)],
            policy: None,
            held: None,
        }
    }

    /// Whether this is one of the keys, as a vkey.
    pub fn names(&self, vkey: &str) -> bool {
        self.keys.iter().any(|key| key.key.to_string() == vkey)
    }

    /// The checkpoint that the caller remembers of the log of another one.
    pub fn held_of(&self, found: &Checkpoint) -> Option<&Checkpoint> {
        self.held_note_of(found).map(|(held, _)| held)
    }

    /// The same with what the log signed, to show it.
    pub fn held_note_of(&self, found: &Checkpoint) -> Option<(&Checkpoint, &SignedNote)> {
        let held = self.held.as_ref().filter(|(held, _)| held.origin == found.origin);
        held.map(|(held, note)| (held, note))
    }

    /// Whether the caller remembers a checkpoint.
    pub fn remembers(&self) -> bool {
        self.held.is_some()
    }

    /// Whether the witnesses are known.
    pub fn has_policy(&self) -> bool {
        self.policy.is_some()
    }

    /// The origins of the logs that are believed.
    pub fn origins(&self) -> String {
        let mut names: Vec<&str> = self.keys.iter().map(|key| key.key.name()).collect();
        names.sort_unstable();
        names.dedup();
        names.join(", ")
    }

    /// Takes a checkpoint out of a note that a believed key signed, as one of its own log and within its sizes. A
    /// signature of a known key that does not verify condemns the note; one of an unknown key counts for nothing, as
    /// the specification of notes asks.
    pub fn open(&self, text: &str) -> Result<Opened, String> {
        let note = SignedNote::parse(text).map_err(|error| error.to_string())?;
        let checkpoint = Checkpoint::parse(note.text()).map_err(|error| error.to_string())?;
        let mut known: Vec<(&str, [u8; 4])> = Vec::new();
        let (mut signed, mut outside) = (None, None);
        let ours = self.keys.iter().filter(|key| key.key.name() == checkpoint.origin);
        for LogKey { key, sizes } in ours {
            known.push((key.name(), key.id()));
            if !has_line(&note, key.name(), key.id()) {
                continue;
            }
            note.verify(key).map_err(|error| error.to_string())?;
            if sizes.contains(&checkpoint.size) {
                signed = Some(key);
            } else {
                outside = Some(sizes);
            }
        }
        if let (None, Some(sizes)) = (signed, outside) {
            return Err(format!(
                "it is of {} entries, but the key that signed it counts from {} to {}",
                checkpoint.size,
                sizes.start(),
                sizes.end()
            ));
        }
        let Some(key) = signed.cloned() else {
            let (origin, believed) = (clean(&checkpoint.origin), self.origins());
            return Err(format!(
                "no key that you trust ({believed}) signed this checkpoint of {origin}"
            ));
        };
        let mut cosigned_by = Vec::new();
        let mut shortfall = None;
        if let Some(policy) = &self.policy {
            let cosigned = policy.cosigned(&note).map_err(|error| error.to_string())?;
            cosigned_by.extend(cosigned.present.iter().map(|(witness, _)| witness.name.clone()));
            known.extend(
                policy
                    .witnesses()
                    .iter()
                    .map(|witness| (witness.key.name(), witness.key.id())),
            );
            if cosigned.quorum == Quorum::Missing {
                shortfall = Some(format!(
                    "{} of {} witnesses of the policy cosigned the checkpoint, and that is not its quorum",
                    cosigned.present.len(),
                    policy.witnesses().len()
                ));
            }
        }
        if let Some((other, _)) = self.held.as_ref().filter(|(held, _)| held.origin != checkpoint.origin) {
            let origin = clean(&other.origin);
            shortfall.get_or_insert(format!("the checkpoint that you kept is of another log, {origin}"));
        }
        refuse_repeated(note.signatures())?;
        let is_known = |line: &&NoteSignature| known.contains(&(line.name.as_str(), line.key_id));
        Ok(Opened {
            checkpoint,
            key,
            cosigned_by,
            shortfall,
            unknown: note.signatures().iter().filter(|line| !is_known(line)).count(),
        })
    }
}

/// A log that was larger when the caller last looked.
pub fn shorter(held: &Checkpoint, found: &Checkpoint) -> String {
    format!(
        "the log had {} entries with root {} when you kept its checkpoint; now it has {} with root {}",
        held.size,
        held.root.to_base64(),
        found.size,
        found.root.to_base64()
    )
}

/// A log that had other entries when the caller last looked.
pub fn forked(held: &Checkpoint, root: &Hash) -> String {
    format!(
        "the first {} entries have root {}; the checkpoint that you kept says {}",
        held.size,
        root.to_base64(),
        held.root.to_base64()
    )
}

fn has_line(note: &SignedNote, name: &str, id: [u8; 4]) -> bool {
    note.signatures()
        .iter()
        .any(|line| line.name == name && line.key_id == id)
}

/// A second line of a key would be another spelling of the same note.
fn refuse_repeated(lines: &[NoteSignature]) -> Result<(), String> {
    let repeated = lines.iter().enumerate().find(|(at, line)| {
        let same = |other: &NoteSignature| other.name == line.name && other.key_id == line.key_id;
        lines[..*at].iter().any(same)
    });
    match repeated {
        Some((_, line)) => Err(format!("{} signed it twice", clean(&line.name))),
        None => Ok(()),
    }
}

/// Reads a file of log keys.
pub fn log_keys(path: &Path) -> Result<Vec<LogKey>, Failure> {
    let text = keys::read(path)?;
    LogKey::parse_file(&text).map_err(|error| Failure::unclear(format!("{}: {error}", path.display())))
}

/// Reads a list of producers.
pub fn producers(path: &Path) -> Result<Producers, Failure> {
    let text = keys::read(path)?;
    Producers::parse_file(&text).map_err(|error| Failure::unclear(format!("{}: {error}", path.display())))
}

/// Reads a policy.
pub fn policy(path: &Path) -> Result<Policy, Failure> {
    let bytes =
        std::fs::read(path).map_err(|error| Failure::unclear(format!("cannot read {}: {error}", path.display())))?;
    Policy::parse(&bytes).map_err(|error| Failure::unclear(format!("{}: {error}", path.display())))
}

#[cfg(test)]
mod tests;
