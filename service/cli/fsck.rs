//! `fsck`: checks a database, beside a live service if need be.

use std::io::{IsTerminal, Write};

use super::output::{Format, print, print_json};
use super::serve::database_url;
use super::verify::{log_key, summary};
use super::{Context, Failure};
use crate::app;
use crate::config::ServeSettings;
use crate::store::{Connect, Database};

/// Checks every entry, signature, tile, checkpoint and read model of a database, and whether they belong together.
#[derive(Debug, clap::Args)]
pub struct Fsck {
    #[command(flatten)]
    settings: ServeSettings,
    /// Public key of the log [default: log.vkey in the data directory]
    #[arg(long, value_name = "FILE.vkey")]
    log_key: Option<std::path::PathBuf>,
    /// Form of the result
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Fsck {
    /// Checks it.
    pub fn run(self, context: &Context) -> Result<(), Failure> {
        let settings = self.settings.resolve(&context.environment, &context.file)?;
        let key = log_key(&self.log_key.unwrap_or_else(|| settings.data.join("log.vkey")))?;
        let unclear = |error: &dyn std::fmt::Display| Failure::unclear(error.to_string());
        let url = database_url(&settings).map_err(|error| unclear(&error))?;
        let database = Connect::new(url, settings.database_ca)
            .and_then(Database::open)
            .map_err(|error| unclear(&error))?;
        let report =
            app::fsck(&database, &key, progress(std::io::stderr().is_terminal())).map_err(|error| unclear(&error))?;
        let verified = report.findings.is_empty();
        match self.format {
            Format::Json => print_json(&serde_json::json!({ "verified": verified, "report": report }))?,
            Format::Table => print(&summary(verified, key.name(), &report))?,
        }
        if verified {
            Ok(())
        } else {
            Err(Failure::refused("the database is not what was recorded"))
        }
    }
}

/// Shows how far it is, on a terminal.
fn progress(terminal: bool) -> impl FnMut(u64, u64) {
    move |done, of| {
        if terminal {
            let mut err = std::io::stderr().lock();
            let end = if done == of { "\n" } else { "" };
            // A terminal that cannot be written to shows nothing; the result does not depend on it.
            drop(write!(err, "\r{done} of {of} entries{end}"));
        }
    }
}
