//! `verify bundle`: a whole history, offline.

use std::path::PathBuf;

use serde_json::json;

use super::super::Failure;
use super::super::bundle::{self, Verdict};
use super::super::output::{Format, clean, print, print_json};
use super::super::trust::HistoryArguments;
use super::{Coverage, summary};

/// Arguments of `verify bundle`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The folder
    folder: PathBuf,
    #[command(flatten)]
    trust: HistoryArguments,
    /// Let a history pass of which records are withheld: nobody checked what those say and who signed them
    #[arg(long)]
    allow_withheld: bool,
    /// Form of the result
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Arguments {
    /// Verifies it.
    pub fn run(self) -> Result<(), Failure> {
        let (trust, roll) = self.trust.read()?;
        let listed = roll.is_some();
        let Verdict { opened, report } =
            bundle::verify(&self.folder, &trust, roll).map_err(|error| Failure::unclear(error.to_string()))?;
        let sound = report.findings.is_empty();
        let shortfall = opened.as_ref().and_then(|opened| opened.shortfall.clone());
        let withheld = report.withheld.entries;
        let kept_back = withheld > 0 && !self.allow_withheld;
        let verified = sound && opened.is_some() && shortfall.is_none() && !kept_back;
        let mut coverage = Coverage::default();
        if let Some(opened) = opened.as_ref().filter(|_| sound) {
            coverage = Coverage::of(opened, &trust);
            let every = if withheld > 0 {
                "every entry that is not withheld"
            } else {
                "every entry"
            };
            coverage.checks(format!(
                "{every}: its signatures, commitment, time, and the right of its key at its place"
            ));
            coverage.checks("the tree of all entries has the root that the log signed; nothing else is in the folder");
            match listed {
                true => coverage.checks("every signer is in your list of producers"),
                false => {
                    coverage.omits("who the producers are: without --producers, the registrations in the log count")
                }
            }
            if let Some(omission) = report.withheld.omission() {
                coverage.omits(omission);
            }
            coverage.continuation(opened, &trust);
        }
        match self.format {
            Format::Json => {
                let mut shown = json!({
                    "verified": verified,
                    "origin": opened.as_ref().map(|opened| &opened.checkpoint.origin),
                    "checkpoint_size": opened.as_ref().map(|opened| opened.checkpoint.size),
                    "cosigned_by": opened.as_ref().map(|opened| &opened.cosigned_by),
                    "shortfall": shortfall,
                    "report": report,
                });
                coverage.add_to(&mut shown);
                print_json(&shown)?;
            }
            Format::Table => {
                let origin = opened.as_ref().map(|opened| opened.checkpoint.origin.clone());
                let mut lines = vec![summary(verified, &origin.unwrap_or_else(|| trust.origins()), &report)];
                lines.extend(report.unlisted.iter().map(|key| {
                    let name = clean(key.name.as_str());
                    format!(
                        "  not in your list: the key {} that entry {} registered for {name}",
                        key.key, key.index
                    )
                }));
                lines.extend(coverage.lines());
                print(&lines.join("\n"))?;
            }
        }
        match shortfall {
            _ if verified => Ok(()),
            Some(shortfall) if sound => Err(Failure::unclear(format!("CANNOT TELL: {shortfall}"))),
            None if sound && opened.is_some() => Err(Failure::unclear(format!(
                "CANNOT TELL: {withheld} entries are withheld, so nobody checked what they say and who signed them; \
                 --allow-withheld lets such a history pass"
            ))),
            Some(_) | None => Err(Failure::refused(format!(
                "NOT VERIFIED: {} is not the history that the log signed",
                self.folder.display()
            ))),
        }
    }
}
