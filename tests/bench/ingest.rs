//! Single signed `POST /v1/events` over keep-alive connections, durable and with a receipt, as a ratio to the same kind of
//! server doing nothing but the verification of the signature.

use crate::events::{self, Form};
use crate::load::{self, HEAD, Load, Measured, median};
use crate::server::{Server, Storage};

/// Of the bare rate, on SQLite and on PostgreSQL.
const AIM: [f64; 2] = [0.65, 0.30];
/// At so many connections, so many milliseconds.
const AIM_P99: (usize, f64) = (64, 25.0);

#[derive(clap::Args)]
pub struct Options {
    /// Seconds of load in each round
    #[arg(long, default_value_t = 2.5)]
    seconds: f64,
    /// Keep-alive connections, each with one request at a time: the best of these counts, for either server
    #[arg(long, value_delimiter = ',', default_value = "64,128,256")]
    connections: Vec<usize>,
    /// Rounds; in each the bare server and the service take their turn
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    #[command(flatten)]
    storage: Storage,
    /// Producers that sign the events
    #[arg(long, default_value_t = 8)]
    producers: usize,
    /// Most requests a second that are prepared for; a round of the service that runs out of events ends early
    #[arg(long, default_value_t = 30_000)]
    ceiling: usize,
}

/// What the rounds of both servers showed at one number of connections.
struct Point {
    connections: usize,
    bare: Vec<Measured>,
    service: Vec<Measured>,
}

pub fn run(options: &Options) {
    let producers = events::producers(options.producers);
    let bare = Server::bare(&producers, crate::cores().max(2));
    let service = Server::service(&options.storage, &producers);
    println!(
        "{:.1} s a round, {} B an envelope, {} cores with the load generator on them\n",
        options.seconds,
        events::envelopes(&producers, 0..1, Form::Full)[0].len(),
        crate::cores(),
    );
    println!("connections  server  {HEAD}");
    let count = (options.seconds * options.ceiling as f64) as usize;
    let point = |connections: &usize| Point {
        connections: *connections,
        bare: Vec::new(),
        service: Vec::new(),
    };
    let mut points: Vec<Point> = options.connections.iter().map(point).collect();
    let mut first = 0;
    for round in 0..options.rounds {
        for point in &mut points {
            let requests = events::singles(&events::envelopes(&producers, first..first + count, Form::Full));
            first += count;
            // Whoever goes second may profit from a warm machine: take turns.
            for turn in 0..2 {
                let is_bare = (round + turn) % 2 == 0;
                let server = if is_bare { &bare } else { &service };
                let load = Load {
                    connections: point.connections,
                    seconds: options.seconds,
                    rate: None,
                    repeat: is_bare,
                };
                let measured = load::run(server, &requests, load);
                println!("{:>11}  {:<8}{measured}", point.connections, server.name);
                if is_bare {
                    point.bare.push(measured);
                } else {
                    service.verify_receipts(&measured, &requests);
                    point.service.push(measured);
                }
            }
        }
    }
    let best = |of: fn(&Point) -> &Vec<Measured>| {
        let rates = points.iter().map(|point| (rate(of(point)), point.connections));
        rates.max_by(|one, other| one.0.total_cmp(&other.0)).unwrap()
    };
    let (bare_best, service_best) = (best(|point| &point.bare), best(|point| &point.service));
    for (server, (rate, connections)) in [(&bare, bare_best), (&service, service_best)] {
        println!(
            "\n{:<8} {rate:>7.0}/s at {connections} connections, resident at most {} MiB",
            server.name,
            server.peak_mib()
        );
    }
    let aim = AIM[usize::from(options.storage.is_postgres())];
    println!("\nratio    {:>7.2}  aim {aim:.2}", service_best.0 / bare_best.0);
    let (connections, aim) = AIM_P99;
    if let Some(point) = points.iter().find(|point| point.connections == connections) {
        let p99 = median(point.service.iter().map(|measured| measured.accepted_ms(99)));
        println!("p99      {p99:>7.2} ms at {connections} connections, aim under {aim} ms");
    }
}

fn rate(rounds: &[Measured]) -> f64 {
    median(rounds.iter().map(Measured::rate))
}
