//! The command line: one tree of commands, and what each exit code means.
//!
//! Standard output carries the result and nothing else; diagnostics go to standard error. Commands that verify read
//! files and never touch the network.

mod bundle;
mod catalogue;
mod ci;
mod client;
mod completeness;
mod consistency;
mod demo;
mod document;
mod erase;
mod event;
mod export;
mod fsck;
mod gate;
mod git;
mod guard;
mod keys;
mod link;
mod metrics;
mod monitor;
mod openapi;
mod output;
mod package;
mod producer;
mod progress;
mod receipt;
mod record;
mod send;
mod serve;
mod snapshot;
mod state;
mod static_tree;
mod template;
mod tiles;
mod token;
mod trust;
mod verify;
mod witness;

/// Read from files that others wrote, so it is fuzzed from outside this crate.
pub use bundle::{Kept, Line as BundleLine};

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::{ConfigError, Environment, File, ServeSettings};

const AFTER_HELP: &str = "\
Exit codes, the same for every command:
  0  done; for `verify`, `monitor` and `fsck`: verified
  1  refused or failed; for `verify`, `monitor` and `fsck`: tampered
  2  wrong usage, or it cannot be told (a file cannot be read, no trust root)

Configuration: flag, then environment variable, then the file given by --config or SHIPSLOG_CONFIG.
A variable that is set but empty counts as unset.";

/// A deployment audit ledger: signed deployment events in, verifiable history and documents out.
#[derive(Debug, Parser)]
#[command(name = "shipslog", version, after_help = AFTER_HELP, arg_required_else_help = true, max_term_width = 100)]
struct Cli {
    /// Configuration file, TOML [env: SHIPSLOG_CONFIG]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start the service; an empty or new data directory is set up
    Serve(ServeSettings),
    /// Start the service on a temporary directory with six months of signed history to look at
    Demo(demo::Demo),
    /// Make a key pair for a producer: PKCS#8 PEM, as openssl writes it
    Keygen(keys::Keygen),
    /// Register, list and revoke the keys whose records are accepted
    #[command(subcommand)]
    Producer(producer::Command),
    /// Issue, list and revoke tokens for people who read or administer
    #[command(subcommand)]
    Token(token::Command),
    /// Ask whether a deployment would pass the checks that its environment demands
    Gate(Box<gate::Gate>),
    /// Build an event, sign it, post it and print the receipt
    #[command(subcommand)]
    Record(record::Command),
    /// Record what runs, signed, so that it can be held against what was deployed
    #[command(subcommand)]
    Snapshot(snapshot::Command),
    /// Prove a receipt under a later checkpoint
    #[command(subcommand)]
    Receipt(receipt::Command),
    /// Post an envelope, or a file of them (one a line), and print the receipts
    Send(send::Send),
    /// Release notes of what runs in an environment, or of what changed between two times
    Notes(document::Notes),
    /// Reports over a period
    #[command(subcommand)]
    Report(document::Report),
    /// Draw deployments for an auditor to test, by a seed of hers, with a working paper for each
    Sample(document::Sample),
    /// Try an organisation's own templates, without a service
    #[command(subcommand)]
    Template(template::Command),
    /// Frameworks, and which checks support their requirements: look at them, and check files of your own
    #[command(subcommand)]
    Catalogue(catalogue::Command),
    /// Which deployments caused which incidents: what the rules suggest, what people decide
    #[command(subcommand)]
    Link(link::Command),
    /// How often, how fast and how safely software is delivered, over a period
    Metrics(metrics::Metrics),
    /// What is not in the ledger although it should be: undocumented deployments, drift, gaps, silent sources
    Completeness(completeness::CompletenessArguments),
    /// What runs where, now or at a time
    State(state::State),
    /// Find records by commit, digest, version or the beginning of an id
    Search(state::Search),
    /// Destroy what an event says, on the record; its entry and every proof stay
    Erase(erase::Erase),
    /// Download the whole history as a bundle that can be verified offline, or the log as plain files
    Export(export::Export),
    /// Verify a receipt, a bundle or a served log, with your own copy of the log's key
    #[command(subcommand)]
    Verify(verify::Command),
    /// Check a database: every entry, signature, tile, checkpoint and read model, and whether they belong together
    Fsck(fsck::Fsck),
    /// Follow a log from outside, and keep the evidence if it contradicts what it signed before
    Monitor(monitor::Monitor),
    /// Cosign the checkpoints of other logs, each only if it continues the one before
    Witness(witness::WitnessArguments),
    /// Show what was published last, and go on where the guard that keeps it was lost
    #[command(subcommand)]
    Guard(guard::Command),
    /// Print the OpenAPI document of the HTTP interface
    Openapi,
}

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub struct Failure {
    code: u8,
    message: String,
}

impl Failure {
    /// Exit code 1: refused, failed or tampered.
    pub fn refused(message: impl Into<String>) -> Self {
        Self {
            code: 1,
            message: message.into(),
        }
    }

    /// Exit code 2: wrong usage, or it cannot be told.
    pub fn unclear(message: impl Into<String>) -> Self {
        Self {
            code: 2,
            message: message.into(),
        }
    }

    /// The same, with a sentence more.
    #[must_use]
    pub fn and(self, more: &str) -> Self {
        Self {
            message: self.message + more,
            ..self
        }
    }

    /// The same, saying of what.
    #[must_use]
    pub fn of(self, what: &str) -> Self {
        Self {
            message: format!("{what}: {}", self.message),
            ..self
        }
    }

    /// The code that the process ends with.
    pub fn code(&self) -> u8 {
        self.code
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::unclear(error.to_string())
    }
}

/// What every command is given beside its own arguments.
pub struct Context {
    /// The environment variables.
    pub environment: Environment,
    /// The configuration file.
    pub file: File,
}

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    // Usage errors, --help and --version end the process here, with clap's exit codes 2 and 0.
    let cli = Cli::parse();
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output::note(&format!("shipslog: {failure}"));
            ExitCode::from(failure.code())
        }
    }
}

fn run(cli: Cli) -> Result<(), Failure> {
    let environment = Environment::of_process();
    let file = File::find(cli.config.as_deref(), &environment)?;
    let context = Context { environment, file };
    match cli.command {
        Command::Serve(settings) => serve::run(settings, &context),
        Command::Demo(demo) => demo.run(),
        Command::Keygen(keygen) => keygen.run(),
        Command::Producer(command) => command.run(&context),
        Command::Token(command) => command.run(&context),
        Command::Gate(gate) => gate.run(&context),
        Command::Record(command) => command.run(&context),
        Command::Snapshot(command) => command.run(&context),
        Command::Receipt(command) => command.run(&context),
        Command::Send(send) => send.run(&context),
        Command::Notes(notes) => notes.run(&context),
        Command::Report(report) => report.run(&context),
        Command::Sample(sample) => sample.run(&context),
        Command::Template(command) => command.run(),
        Command::Catalogue(command) => command.run(),
        Command::Link(command) => command.run(&context),
        Command::Metrics(metrics) => metrics.run(&context),
        Command::Completeness(completeness) => completeness.run(&context),
        Command::State(state) => state.run(&context),
        Command::Search(search) => search.run(&context),
        Command::Erase(erase) => erase.run(&context),
        Command::Export(export) => export.run(&context),
        Command::Verify(command) => command.run(),
        Command::Fsck(fsck) => fsck.run(&context),
        Command::Monitor(monitor) => monitor.run(&context),
        Command::Witness(witness) => witness.run(&context),
        Command::Guard(command) => command.run(&context),
        Command::Openapi => openapi::run(),
    }
}

/// The value of a flag that takes free text: something, not white space.
fn text(value: &str) -> Result<String, &'static str> {
    if value.trim().is_empty() {
        Err("must not be empty")
    } else {
        Ok(value.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::*;

    #[test]
    fn the_tree_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn exit_codes_are_in_the_help() {
        let help = Cli::command().render_long_help().to_string();
        assert!(help.contains("Exit codes") && help.contains("tampered"), "{help}");
    }

    /// Walks every command and gives each of its options an empty value: the answer must name the option.
    #[test]
    fn an_empty_flag_value_is_an_error_that_names_the_flag() {
        fn leaves(command: &clap::Command, path: &mut Vec<String>, found: &mut Vec<(Vec<String>, String)>) {
            for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
                path.push(sub.get_name().to_owned());
                leaves(sub, path, found);
                path.pop();
            }
            for option in command.get_arguments().filter(|arg| arg.get_action().takes_values()) {
                if let Some(long) = option.get_long() {
                    found.push((path.clone(), long.to_owned()));
                }
            }
        }
        let mut found = Vec::new();
        leaves(&Cli::command(), &mut vec!["shipslog".to_owned()], &mut found);
        assert!(found.len() > 40, "only {} options found", found.len());
        for (path, long) in found {
            let flag = format!("--{long}");
            let line = path.iter().cloned().chain([format!("{flag}=")]);
            let error = Cli::try_parse_from(line).expect_err(&format!("{path:?} {flag}= was accepted"));
            assert!(error.to_string().contains(&flag), "{path:?} {flag}=: {error}");
            assert_eq!(error.exit_code(), 2);
        }
    }
}
