//! `verify`: receipts, bundles and served logs. Trust roots come from the caller alone.
//!
//! Exit code 0: verified. 1: something is not as it was recorded. 2: it cannot be told, for want of a file, a key or
//! a witness. What is wrong with the thing that is verified is always 1, however it is broken.

mod bundle;
mod export;
mod log;
mod receipt;
mod report;

pub use export::check as check_package;
pub use receipt::parse as parse_receipt;

use std::path::Path;

use clap::Subcommand;
use ledger::NoteKey;
use serde_json::{Value, json};

use super::Failure;
use super::output::clean;
use super::trust::{Opened, Trust, log_keys};
use crate::audit::Report;

/// What can be verified.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// A receipt against the envelope that it is for
    Receipt(receipt::Arguments),
    /// A whole history, as `shipslog export` wrote it
    Bundle(bundle::Arguments),
    /// A package for an offline audit, as `shipslog export --scope` wrote it
    Export(export::Arguments),
    /// A document, by rendering it again from a bundle
    Report(report::Arguments),
    /// A log that is served as C2SP tlog-tiles, over HTTP and without a token
    Log(log::Arguments),
}

impl Command {
    /// Verifies it.
    pub fn run(self) -> Result<(), Failure> {
        match self {
            Self::Receipt(arguments) => arguments.run(),
            Self::Bundle(arguments) => arguments.run(),
            Self::Export(arguments) => arguments.run(),
            Self::Report(arguments) => arguments.run(),
            Self::Log(arguments) => arguments.run(),
        }
    }
}

/// What a verdict rests on, and what it does not speak about: the reader must not have to guess.
#[derive(Debug, Default)]
struct Coverage {
    checked: Vec<String>,
    not_checked: Vec<String>,
}

impl Coverage {
    /// What is known of a checkpoint.
    fn of(opened: &Opened, trust: &Trust) -> Self {
        let mut coverage = Self::default();
        coverage.checks("the checkpoint is signed by the log's key");
        match (trust.has_policy(), opened.cosigned_by.as_slice()) {
            (false, _) => coverage.omits("witnesses: without --policy, the log may have shown others another history"),
            (true, []) => coverage.omits("witnesses: none of the policy has cosigned the checkpoint"),
            (true, names) => coverage.checks(format!("it is cosigned by {}", clean(&names.join(", ")))),
        }
        if opened.unknown > 0 {
            coverage.omits(format!(
                "{} more signatures of the checkpoint, by keys that you did not name",
                opened.unknown
            ));
        }
        coverage
    }

    fn checks(&mut self, what: impl Into<String>) {
        self.checked.push(what.into());
    }

    fn omits(&mut self, what: impl Into<String>) {
        self.not_checked.push(what.into());
    }

    /// What the whole history behind a checkpoint shows of the remembered one.
    fn continuation(&mut self, opened: &Opened, trust: &Trust) {
        match trust.held_of(&opened.checkpoint) {
            Some(held) => self.checks(format!(
                "the log continues the checkpoint of {} entries that you kept",
                held.size
            )),
            None => self.forgets(trust),
        }
    }

    /// Nothing is known of what the log said before.
    fn forgets(&mut self, trust: &Trust) {
        self.omits(match trust.remembers() {
            true => "what the log said before: the checkpoint that you kept is of another log",
            false => "what the log said before: without --checkpoint, an earlier history may have been replaced",
        });
    }

    fn add_to(&self, shown: &mut Value) {
        shown["checked"] = json!(self.checked);
        shown["not_checked"] = json!(self.not_checked);
    }

    fn lines(&self) -> Vec<String> {
        let line = |title: &str, what: &String| format!("  {title}  {what}");
        let checked = self.checked.iter().map(|what| line("checked    ", what));
        let omitted = self.not_checked.iter().map(|what| line("not checked", what));
        checked.chain(omitted).collect()
    }
}

/// The first line of a verdict: whether, and of what.
fn headline(verified: bool, size: u64, origin: &str, root: &ledger::Hash) -> String {
    let verdict = if verified { "Verified" } else { "NOT VERIFIED" };
    format!(
        "{verdict}: {size} entries of {}, root {}",
        clean(origin),
        root.to_base64()
    )
}

/// The result of an audit, for people.
pub fn summary(verified: bool, origin: &str, report: &Report) -> String {
    let mut lines = vec![headline(verified, report.size, origin, &report.root)];
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
    if !report.withheld.is_none() {
        lines.push(format!(
            "  withheld    {} (proven to be there; what they say and who signed them is not)",
            report.withheld.entries
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

/// Reads a log's only public key from a file.
pub fn log_key(path: &Path) -> Result<NoteKey, Failure> {
    match log_keys(path)?.as_slice() {
        [only] => Ok(only.key.clone()),
        _ => Err(Failure::unclear(format!("{} holds more than one key", path.display()))),
    }
}
