//! `guard`: what the guard of a log holds and whether the database continues it, and going on where it was lost.

use clap::Subcommand;

use super::output::print;
use super::serve::{self, block_on, database_url};
use super::verify::log_key;
use super::{Context, Failure, text};
use crate::clock::Clock;
use crate::config::{Serve, ServeSettings};
use crate::entropy::Entropy;
use crate::guard::Guard;
use crate::store::{Connect, Database};
use crate::telemetry;

/// What can be done about a guard.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show the newest published checkpoint, and whether the database continues it
    Show(Show),
    /// Go on without the guard of a published log; an entry records it and a new guard is made
    Accept(Accept),
}

/// Arguments of `guard show`.
#[derive(Debug, clap::Args)]
pub struct Show {
    #[command(flatten)]
    settings: ServeSettings,
    /// Print the checkpoint and nothing else, as it was published: for --predecessor
    #[arg(long)]
    note: bool,
}

/// Arguments of `guard accept`.
#[derive(Debug, clap::Args)]
pub struct Accept {
    #[command(flatten)]
    settings: ServeSettings,
    /// Why the database is known to be the newest copy
    #[arg(long, value_name = "TEXT", value_parser = text)]
    reason: String,
}

impl Command {
    /// Does it.
    pub fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Self::Show(show) => show.run(context),
            Self::Accept(accept) => accept.run(context),
        }
    }
}

impl Show {
    fn run(self, context: &Context) -> Result<(), Failure> {
        let settings = self.settings.resolve(&context.environment, &context.file)?;
        let unclear = |error: &dyn std::fmt::Display| Failure::unclear(error.to_string());
        let mut guard = open(&settings)?;
        let held = guard.read().map_err(|error| unclear(&error))?;
        let held = held.ok_or_else(|| Failure::refused(format!("{} is missing", guard.describe())))?;
        if self.note {
            return print(&held.note);
        }
        let url = database_url(&settings).map_err(|error| unclear(&error))?;
        let database = Connect::new(url, settings.database_ca)
            .and_then(Database::open)
            .map_err(|error| unclear(&error))?;
        let known = guard.known(&held);
        let compared = database.read(|tx| known.compare(tx)).map_err(|error| unclear(&error))?;
        print(&format!(
            "{} holds the checkpoint of {} entries of {}, root {}",
            known.whence,
            known.size,
            held.checkpoint.origin,
            known.root.to_base64()
        ))?;
        match compared {
            Ok(()) => print(&format!("{} continues it", database.describe())),
            Err(divergence) => Err(Failure::refused(divergence.to_string())),
        }
    }
}

impl Accept {
    fn run(self, context: &Context) -> Result<(), Failure> {
        let settings = self.settings.resolve(&context.environment, &context.file)?;
        telemetry::init(&settings.log, settings.log_format).map_err(|error| Failure::unclear(error.to_string()))?;
        let refused = |error: &dyn std::fmt::Display| Failure::refused(error.to_string());
        let mut guard = open(&settings)?;
        if guard.read().map_err(|error| refused(&error))?.is_some() {
            return Err(Failure::refused(format!(
                "{} is there: nothing has to be accepted",
                guard.describe()
            )));
        }
        let accepted = block_on(async {
            let service = serve::open_with(&settings, Clock::system(), Entropy::system(), true).await?;
            let accepted = service.app.accept_missing_guard(self.reason).await;
            let ended = tokio::task::spawn_blocking(|| service.end()).await;
            ended.map_err(|error| refused(&error))??;
            accepted.map_err(|error| refused(&error))
        })?;
        let held = guard.read().map_err(|error| refused(&error))?;
        let held = held.ok_or_else(|| Failure::refused(format!("{} could not be made", guard.describe())))?;
        print(&format!(
            "entry {} records it; {} holds the checkpoint of {} entries",
            accepted.index,
            guard.describe(),
            held.checkpoint.size
        ))
    }
}

/// The guard of the log whose key is in the data directory, which must exist.
fn open(settings: &Serve) -> Result<Guard, Failure> {
    let key = log_key(&settings.data.join("log.vkey"))?;
    serve::guard(settings, key)
}
