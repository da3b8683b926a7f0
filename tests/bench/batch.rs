//! `POST /v1/events/batch`, durable and with receipts, as a ratio to verifying the same signatures in process on every core.

use crate::events::{self, Form};
use crate::load::{self, HEAD, Load, Measured, median};
use crate::server::{Server, Storage};
use crate::verification::{self, Verification};

/// Of pure verification.
const AIM: f64 = 0.80;

#[derive(clap::Args)]
pub struct Options {
    /// Seconds of load in each round
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// Events of a batch
    #[arg(long, default_value_t = 100)]
    size: usize,
    /// Keep-alive connections, each with one batch at a time
    #[arg(long, default_value_t = 8)]
    connections: usize,
    /// Rounds; in each the service and pure verification take their turn
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    #[command(flatten)]
    storage: Storage,
    /// Producers that sign the events
    #[arg(long, default_value_t = 8)]
    producers: usize,
    /// Most events a second that are prepared for; a round that runs out of them ends early
    #[arg(long, default_value_t = 40_000)]
    ceiling: usize,
}

pub fn run(options: &Options) {
    let producers = events::producers(options.producers);
    let service = Server::service(&options.storage, &producers);
    println!(
        "batches of {}, {} connections, {:.1} s a round, {} cores with the load generator on them\n",
        options.size,
        options.connections,
        options.seconds,
        crate::cores(),
    );
    println!("round  service {HEAD}   pure/s  CPU µs");
    let count = (options.seconds * options.ceiling as f64) as usize;
    let mut rounds: Vec<(Measured, Verification)> = Vec::new();
    for round in 0..options.rounds {
        let envelopes = events::envelopes(&producers, round * count..(round + 1) * count, Form::Full);
        let requests = events::batches(&envelopes, options.size);
        let measure = || {
            let load = Load {
                connections: options.connections,
                seconds: options.seconds,
                rate: None,
                repeat: false,
            };
            load::run(&service, &requests, load)
        };
        let pure = || verification::of_envelopes(&envelopes, &producers);
        // Whoever goes second may profit from a warm machine: take turns.
        let (measured, pure) = if round % 2 == 0 {
            let measured = measure();
            (measured, pure())
        } else {
            let pure = pure();
            (measure(), pure)
        };
        service.verify_receipts(&measured, &requests);
        println!(
            "{:>5}          {measured}  {:>7.0}  {:>6.1}",
            round + 1,
            pure.rate(),
            pure.each_us()
        );
        rounds.push((measured, pure));
    }
    println!("\nresident at most {} MiB", service.peak_mib());
    let rate = median(rounds.iter().map(|(measured, _)| measured.rate()));
    let pure = median(rounds.iter().map(|(_, pure)| pure.rate()));
    println!("ratio    {:>7.2}  aim {AIM:.2}", rate / pure);
}
