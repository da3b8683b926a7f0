//! Measures how fast the service is, each figure as a ratio to something else in the same run on the same machine.
//!
//! Servers are processes of their own and get their load from this one, over loopback. `cargo bench --bench speed` lists what is
//! measured, `cargo bench --bench speed -- NAME --help` the options of each.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a measurement that cannot go on should stop loudly"
)]

mod bare;
mod batch;
#[path = "../attack/cluster.rs"]
#[allow(dead_code, reason = "nobody kills it here")]
mod cluster;
mod events;
mod fill;
mod floor;
mod history;
mod ingest;
mod load;
mod offline;
mod overload;
#[path = "../it/support/port.rs"]
mod port;
mod processor;
mod reads;
mod report;
mod rows;
mod server;
mod size;
mod verification;

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{CommandFactory, Parser, Subcommand};

// The same allocator as the service, so that a ratio compares what both do.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measures how fast the service is, as ratios within one run
#[derive(Parser)]
#[command(name = "speed")]
struct Options {
    #[command(subcommand)]
    what: Option<What>,
    /// Given by `cargo bench`
    #[arg(long, hide = true, global = true)]
    bench: bool,
}

#[derive(Subcommand)]
enum What {
    /// Signed single POSTs, durable and with receipt, to the same server verifying signatures alone
    Ingest(ingest::Options),
    /// Batches of signed events, durable and with receipts, to verifying the same signatures in process
    Batch(batch::Options),
    /// The writer's processor time for group commit, to inserting the same rows with prepared statements
    Floor(floor::Options),
    /// Three times as many single POSTs as the service can take, to its peak
    Overload(overload::Options),
    /// `shipslog verify bundle` to verifying the same signatures in process
    Verify(offline::Options),
    /// `shipslog verify report` of a quarter to `shipslog verify bundle`
    Report(report::Options),
    /// A log of a million entries, or more, to an empty one
    Size(size::Options),
    /// What managers read of a million deployments
    Reads(reads::Options),
    /// Be the bare server
    #[command(hide = true)]
    Bare { keys: PathBuf, workers: usize },
}

fn main() {
    match Options::parse().what {
        Some(What::Ingest(options)) => ingest::run(&options),
        Some(What::Batch(options)) => batch::run(&options),
        Some(What::Floor(options)) => floor::run(&options),
        Some(What::Overload(options)) => overload::run(&options),
        Some(What::Verify(options)) => offline::run(&options),
        Some(What::Report(options)) => report::run(&options),
        Some(What::Size(options)) => size::run(&options),
        Some(What::Reads(options)) => reads::run(&options),
        Some(What::Bare { keys, workers }) => bare::serve(&keys, workers),
        None => Options::command().print_help().unwrap(),
    }
}

/// Processors of this machine.
fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, NonZeroUsize::get)
}
