//! `witness`: a small server that cosigns the checkpoints of other people's logs.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Mutex;

use clap::builder::NonEmptyStringValueParser;
use ledger::NoteKey;

use super::{Context, Failure, output, serve, trust};
use crate::clock::Clock;
use crate::config::ServeSettings;
use crate::data::WitnessDirectory;
use crate::entropy::Entropy;
use crate::store::WitnessDatabase;
use crate::telemetry;
use crate::witness::Witness;

/// Arguments of `witness`.
#[derive(Debug, clap::Args)]
pub struct WitnessArguments {
    /// Directory for the witness's key and state; a new one is set up
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Address and port to listen on
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:8081")]
    listen: SocketAddr,
    /// Policy whose log lines say which logs are witnessed
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Key of a log to witness, as a vkey; may be given several times
    #[arg(long, value_name = "VKEY", value_parser = NonEmptyStringValueParser::new())]
    log: Vec<String>,
    /// Name of the witness, set once at the first start; best an address without its scheme [default: a random one]
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    name: Option<String>,
}

impl WitnessArguments {
    /// Serves until SIGINT or SIGTERM. Prints the witness's public key, which those who rely on it need.
    pub fn run(self, context: &Context) -> Result<(), Failure> {
        let settings = ServeSettings::of_environment(&context.environment)?;
        telemetry::init(
            settings.log.as_deref().unwrap_or("info"),
            settings.log_format.unwrap_or_default(),
        )
        .map_err(|error| Failure::unclear(error.to_string()))?;
        let logs = self.logs()?;
        let refused = |error: &dyn std::fmt::Display| Failure::refused(error.to_string());
        let directory = WitnessDirectory::open(&self.data, self.name.as_deref(), &Entropy::system())
            .map_err(|error| refused(&error))?;
        let witness = Witness {
            cosigner: directory.cosigner(),
            logs,
            database: WitnessDatabase::open(&directory.database_path()).map_err(|error| refused(&error))?,
            clock: Clock::system(),
            evidence: Mutex::new(directory.evidence_path()),
        };
        let listener = TcpListener::bind(self.listen)
            .map_err(|error| Failure::refused(format!("cannot listen on {}: {error}", self.listen)))?;
        output::print(&witness.cosigner.key().to_string())?;
        for log in &witness.logs {
            tracing::info!(%log, "witnessing");
        }
        serve::block_on(serve::serve_witness(witness, listener))
    }

    fn logs(&self) -> Result<Vec<NoteKey>, Failure> {
        let mut logs = Vec::new();
        if let Some(path) = &self.policy {
            logs.extend(trust::policy(path)?.logs().iter().map(|log| log.key.clone()));
        }
        for text in &self.log {
            let key = NoteKey::parse(text);
            logs.push(key.map_err(|error| Failure::unclear(format!("--log {}: {error}", output::clean(text))))?);
        }
        if logs.is_empty() {
            return Err(Failure::unclear(
                "no log to witness: give --log VKEY, or --policy FILE with log lines",
            ));
        }
        Ok(logs)
    }
}
