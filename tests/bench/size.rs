//! A large log beside an empty one: taking events in, proofs, memory, and how long the service takes to start.
//!
//! The large log is filled through the service itself, which takes minutes and some gigabytes; `--data` keeps it for the next run.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use tokio::net::TcpStream;

use crate::events::{self, Form, Producer};
use crate::fill::fill;
use crate::load::{self, HEAD, Load, Measured, median, percentile_ms};
use crate::server::{Server, Storage};

/// Of the rate on an empty log.
const AIM: f64 = 0.90;
/// Milliseconds of server time for a proof.
const AIM_PROOF: f64 = 1.0;
/// MiB resident while events are taken in.
const AIM_MEMORY: u64 = 150;
/// Seconds from the start of the process until it is ready.
const AIM_START: f64 = 2.0;

#[derive(clap::Args)]
pub struct Options {
    /// Entries of the large log
    #[arg(long, default_value_t = 1_000_000)]
    entries: usize,
    /// Data directory of the large log, kept for the next run; filled up if it has fewer entries
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Seconds of load in each round
    #[arg(long, default_value_t = 4.0)]
    seconds: f64,
    /// Keep-alive connections, each with one request at a time
    #[arg(long, default_value_t = 128)]
    connections: usize,
    /// Rounds; in each the empty and the large log take their turn
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Proofs of each kind that are asked for
    #[arg(long, default_value_t = 2000)]
    proofs: usize,
    /// Producers that sign the events
    #[arg(long, default_value_t = 8)]
    producers: usize,
    /// Most requests a second that are prepared for; a round that runs out of events ends early
    #[arg(long, default_value_t = 30_000)]
    ceiling: usize,
}

pub fn run(options: &Options) {
    let producers = events::producers(options.producers);
    let temporary = tempfile::tempdir().unwrap();
    let directory = options.data.clone().unwrap_or(temporary.path().join("large"));
    let begun = fill_up(&directory, &producers, options.entries);
    let database = std::fs::metadata(directory.join("shipslog.db")).unwrap();

    let begin = Instant::now();
    let large = Server::service_in(&directory);
    let started = begin.elapsed().as_secs_f64();
    let size = large.tree_size();
    println!("{size} entries, {} MiB of database\n", database.len() >> 20);
    println!("ready after {started:.2} s, aim {AIM_START} s at a million entries\n");
    prove(&large, size, options.proofs);

    let storage = Storage::sqlite();
    let empty = Server::service(&storage, &producers);
    println!("log      {HEAD}");
    let count = (options.seconds * options.ceiling as f64) as usize;
    let mut rates: [Vec<f64>; 2] = [Vec::new(), Vec::new()];
    for round in 0..options.rounds {
        let first = begun + round * count;
        let requests = events::singles(&events::envelopes(&producers, first..first + count, Form::Full));
        // Whoever goes second may profit from a warm machine: take turns.
        for turn in 0..2 {
            let which = (round + turn) % 2;
            let (name, server) = [("empty", &empty), ("large", &large)][which];
            let load = Load {
                connections: options.connections,
                seconds: options.seconds,
                rate: None,
                repeat: false,
            };
            let measured: Measured = load::run(server, &requests, load);
            server.verify_receipts(&measured, &requests);
            println!("{name:<8} {measured}");
            rates[which].push(measured.rate());
        }
    }
    let [empty_rate, large_rate] = rates.map(|rates| median(rates.into_iter()));
    println!("\nratio    {:>7.2}  aim {AIM:.2}", large_rate / empty_rate);
    println!(
        "memory   {:>7} MiB, {} MiB on the empty log, aim under {AIM_MEMORY} MiB",
        large.peak_mib(),
        empty.peak_mib()
    );
}

/// Fills the log up to this size; the number of the first event that is not in it.
fn fill_up(directory: &std::path::Path, producers: &[Producer], entries: usize) -> usize {
    let is_new = !directory.join("admin.token").exists();
    let server = Server::service_in(directory);
    if is_new {
        server.register(producers);
    }
    // What an earlier run brought in counts too; ids of events are random, so that none is there twice.
    let size = server.tree_size() as usize;
    if size < entries {
        fill(&server, producers, size..entries, Form::Short);
    }
    size.max(entries)
}

/// Asks for proofs of entries all over the log, one after the other, and for what costs nothing but the exchange.
fn prove(server: &Server, size: u64, count: usize) {
    let index = |number: usize| (number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) % size;
    let alive = latencies(server, count, |_| "/healthz".to_owned());
    println!("one after the other                 p50 ms  p99 ms  less /healthz p50 ms  (aim {AIM_PROOF})");
    let [alive_p50, alive_p99] = [50, 99].map(|percent| percentile_ms(&alive, percent));
    println!("{:<34}  {alive_p50:>6.2}  {alive_p99:>6.2}", "/healthz");
    let proof = |number: usize| format!("/v1/log/entries/{}/proof", index(number));
    let inclusion = |number: usize| format!("/v1/log/proof/inclusion?index={}&tree_size={size}", index(number));
    for (name, proofs) in [
        ("/v1/log/entries/{index}/proof", latencies(server, count, proof)),
        ("/v1/log/proof/inclusion", latencies(server, count, inclusion)),
    ] {
        let [p50, p99] = [50, 99].map(|percent| percentile_ms(&proofs, percent));
        println!("{name:<34}  {p50:>6.2}  {p99:>6.2}  {:>20.2}", p50 - alive_p50);
    }
    println!();
}

/// How long each request takes on one connection, sorted.
fn latencies(server: &Server, count: usize, path: impl Fn(usize) -> String) -> Vec<u32> {
    let token = server.token();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let mut all = runtime.block_on(async {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let mut buffer = Vec::new();
        let mut all = Vec::with_capacity(count);
        for number in 0..count {
            let request = format!(
                "GET {} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {token}\r\n\r\n",
                path(number)
            );
            let begin = Instant::now();
            let (status, _) = load::exchange(&mut stream, request.as_bytes(), &mut buffer)
                .await
                .unwrap();
            all.push(micros(begin.elapsed()));
            assert_eq!(status, 200, "{request}");
        }
        all
    });
    all.sort_unstable();
    all
}

fn micros(time: Duration) -> u32 {
    u32::try_from(time.as_micros()).unwrap_or(u32::MAX)
}
