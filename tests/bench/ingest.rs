//! Measures taking events in: single signed `POST /v1/events` over keep-alive connections, durable and with a receipt,
//! as a ratio to the same kind of server doing nothing but the verification of the signature.
//!
//! Both servers are processes of their own, get the same load from this process, in turns, so that the ratio comes from
//! one run on one machine. `cargo bench --bench ingest -- --help` lists the options. Loopback only.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a measurement that cannot go on should stop loudly"
)]

mod bare;
mod events;
mod load;
mod server;

use std::num::NonZeroUsize;

use clap::Parser;

use load::Measured;
use server::Server;

// The same allocator as the service, so that the ratio compares what the servers do.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Parser)]
#[command(about = "Measures signed single POSTs against the bare rate of signature verification")]
struct Options {
    /// Seconds of load in each round.
    #[arg(long, default_value_t = 8.0)]
    seconds: f64,
    /// Keep-alive connections, each with one request at a time.
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Rounds; in each the bare server and the service take their turn.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Database of the service; without it SQLite in a temporary directory. PostgreSQL must be empty.
    #[arg(long)]
    database: Option<String>,
    /// Producers that sign the events.
    #[arg(long, default_value_t = 8)]
    producers: usize,
    /// Most requests a second that are prepared for; a round that runs out of prepared events ends early.
    #[arg(long, default_value_t = 40_000)]
    ceiling: usize,
    /// Threads of the bare server; without it as many as the service has.
    #[arg(long)]
    workers: Option<usize>,
    /// Given by `cargo bench`.
    #[arg(long, hide = true)]
    bench: bool,
    /// Be the bare server instead, with the public keys of this file.
    #[arg(long, hide = true)]
    bare: Option<std::path::PathBuf>,
}

fn main() {
    let options = Options::parse();
    let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let workers = options.workers.unwrap_or(cores.max(2));
    if let Some(keys) = &options.bare {
        return bare::serve(keys, workers);
    }
    let producers = events::producers(options.producers);
    let bare = Server::bare(&producers, workers);
    let service = Server::service(options.database.as_deref());
    service.register(&producers);
    println!(
        "{} connections, {:.0} s a round, {} B an envelope, {cores} cores with the load generator on them\n",
        options.connections,
        options.seconds,
        events::prepare(&producers, 0, 1, 0)[0].len(),
    );
    println!("round  server   requests   rate/s  CPU µs  p50 ms  p90 ms  p99 ms  max ms  not 201");

    let count = (options.seconds * options.ceiling as f64) as usize;
    let mut results: [Vec<Measured>; 2] = [Vec::new(), Vec::new()];
    for round in 0..options.rounds {
        let requests = events::prepare(&producers, round * count, count, cores);
        // Whoever goes second may profit from a warm machine: take turns.
        for turn in 0..2 {
            let which = (round + turn) % 2;
            let server = [&bare, &service][which];
            let measured = load::run(server, &requests, options.connections, options.seconds);
            println!("{:>5}  {:<8} {measured}", round + 1, server.name);
            results[which].push(measured);
        }
        service.verify_receipts(&results[1][round]);
    }
    let [bare_all, service_all] = results.map(|rounds| load::median_rate(&rounds));
    println!(
        "\nbare     {bare_all:>8.0}/s  resident at most {:>4} MiB",
        bare.peak_mib()
    );
    println!(
        "service  {service_all:>8.0}/s  resident at most {:>4} MiB",
        service.peak_mib()
    );
    println!("ratio    {:>8.2}", service_all / bare_all);
}
