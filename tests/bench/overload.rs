//! Far more requests than the service can take: what it still records, and how soon it refuses the rest.
//!
//! The load is open: requests are sent when they are due, whatever became of those before, over more connections than the service
//! lets wait. The generator runs on the same processors, and costs the more the more it sends, so the processor time that it left
//! to the service is shown for both loads.

use crate::events::{self, Form};
use crate::load::{self, HEAD, Load, Measured, percentile_ms};
use crate::server::{Server, Storage};

/// Of the peak.
const AIM: f64 = 0.80;
/// Milliseconds until a refusal.
const AIM_REFUSAL: f64 = 50.0;

#[derive(clap::Args)]
pub struct Options {
    /// Times the peak that is offered
    #[arg(long, default_value_t = 3.0)]
    times: f64,
    /// Seconds of load in each round
    #[arg(long, default_value_t = 4.0)]
    seconds: f64,
    /// Connections by which the peak is found, each sending its next request as soon as it has an answer
    #[arg(long, default_value_t = 256)]
    peak_connections: usize,
    /// Connections of the overload
    #[arg(long, default_value_t = 4096)]
    connections: usize,
    /// Rounds; in each the peak and then the overload
    #[arg(long, default_value_t = 2)]
    rounds: usize,
    #[command(flatten)]
    storage: Storage,
    /// Producers that sign the events
    #[arg(long, default_value_t = 8)]
    producers: usize,
    /// Most requests a second that are prepared for at the peak
    #[arg(long, default_value_t = 30_000)]
    ceiling: usize,
}

pub fn run(options: &Options) {
    let producers = events::producers(options.producers);
    let service = Server::service(&options.storage, &producers);
    let mut first = 0;
    let mut measure = |connections: usize, rate: Option<f64>| {
        let count = (options.seconds * rate.unwrap_or(options.ceiling as f64)).ceil() as usize;
        let requests = events::singles(&events::envelopes(&producers, first..first + count, Form::Full));
        first += count;
        let load = Load {
            connections,
            seconds: options.seconds,
            rate,
            repeat: false,
        };
        let measured = load::run(&service, &requests, load);
        service.verify_receipts(&measured, &requests);
        measured
    };
    println!(
        "peak over {} connections, then {} times as much over {}, {:.1} s each\n",
        options.peak_connections, options.times, options.connections, options.seconds
    );
    println!("load      {HEAD}");
    for _ in 0..options.rounds {
        let peak = measure(options.peak_connections, None);
        println!("peak      {peak}");
        let overload = measure(options.connections, Some(peak.rate() * options.times));
        println!("overload  {overload}");
        tell(&peak, &overload, options);
    }
    println!("resident at most {} MiB", service.peak_mib());
}

fn tell(peak: &Measured, overload: &Measured, options: &Options) {
    let Options {
        times,
        seconds,
        connections,
        ..
    } = options;
    let [accepted, refused, other] = [
        overload.rate(),
        overload.refused_us.len() as f64 / seconds,
        (overload.others + overload.broken) as f64 / seconds,
    ];
    println!(
        "\n  due {:.0}/s ({times} times the peak), sent {:.0}/s ({:.1} times), recorded {accepted:.0}/s, refused {refused:.0}/s with 503 or 429, \
         other or no answer {other:.0}/s",
        peak.rate() * times,
        overload.offered(),
        overload.offered() / peak.rate(),
    );
    // A request that is due waits for a connection only when all of them wait for answers.
    println!(
        "  sent late by {:.1} ms p50, {:.1} ms p99: more than a few mean that all {connections} connections waited for answers",
        percentile_ms(&overload.late_us, 50),
        percentile_ms(&overload.late_us, 99)
    );
    if overload.refused_us.is_empty() {
        println!("  refusals      none: whatever was not recorded waited");
    } else {
        let [p50, p99] = [50, 99].map(|percent| percentile_ms(&overload.refused_us, percent));
        println!("  refusals      {p50:>6.1} ms p50, {p99:.1} ms p99, aim under {AIM_REFUSAL} ms");
    }
    let [p50, p99] = [50, 99].map(|percent| overload.accepted_ms(percent));
    println!("  records       {p50:>6.1} ms p50, {p99:.1} ms p99");
    println!(
        "  goodput       {:>6.2} of the peak, aim {AIM:.2}",
        accepted / peak.rate()
    );
    let (peak_left, overload_left) = (peak.left(), overload.left());
    println!(
        "  the same      {:>6.2} for the same processor time: the generator left {:.0} % of it at the peak, {:.0} % now\n",
        accepted / overload_left / (peak.rate() / peak_left),
        peak_left * 100.0,
        overload_left * 100.0
    );
}
