//! `shipslog verify bundle` offline, as a ratio to verifying the signatures of the same envelopes on every core; and its memory,
//! which must not grow with the bundle.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::events::{self, Form, Producer};
use crate::fill::fill;
use crate::load::median;
use crate::processor;
use crate::server::{Server, Storage};
use crate::verification;

/// Of the bound.
const AIM: f64 = 0.90;

#[derive(clap::Args)]
pub struct Options {
    /// Entries of the bundle; a quarter of it is verified too, to compare the memory
    #[arg(long, default_value_t = 100_000)]
    entries: usize,
    /// Rounds; in each the command and pure verification take their turn
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    #[command(flatten)]
    storage: Storage,
    /// Producers that sign the events
    #[arg(long, default_value_t = 8)]
    producers: usize,
}

/// What running the command took.
pub struct Ran {
    pub elapsed: Duration,
    processor_time: Duration,
    pub peak_kib: u64,
}

pub fn run(options: &Options) {
    let producers = events::producers(options.producers);
    let service = Server::service(&options.storage, &producers);
    let folder = tempfile::tempdir().unwrap();
    let (small, whole) = (folder.path().join("small"), folder.path().join("whole"));
    let quarter = options.entries / 4;
    fill(&service, &producers, 0..quarter, Form::Full);
    export(&service, &small);
    fill(&service, &producers, quarter..options.entries, Form::Full);
    export(&service, &whole);
    let key = folder.path().join("log.vkey");
    std::fs::copy(service.data().join("log.vkey"), &key).unwrap();
    drop(service);

    println!("{} entries, {} cores\n", options.entries, crate::cores());
    println!("                            wall s   CPU s  entries/s   CPU µs  resident KiB");
    let row = |what: &str, elapsed: Duration, time: Duration, count: usize, peak: Option<u64>| {
        let (elapsed, time) = (elapsed.as_secs_f64(), time.as_secs_f64());
        println!(
            "{what:<26}  {elapsed:>6.2}  {time:>6.2}  {:>9.0}  {:>7.1}  {:>12}",
            count as f64 / elapsed,
            time * 1e6 / count as f64,
            peak.map_or_else(String::new, |peak| peak.to_string())
        );
    };
    let quarter_ran = verify_bundle(&small, &key);
    row(
        "verify bundle, a quarter",
        quarter_ran.elapsed,
        quarter_ran.processor_time,
        quarter,
        Some(quarter_ran.peak_kib),
    );
    let envelopes = events::envelopes(&producers, 0..options.entries, Form::Full);
    let mut rounds = Vec::new();
    for _ in 0..options.rounds {
        let ran = verify_bundle(&whole, &key);
        row(
            "verify bundle",
            ran.elapsed,
            ran.processor_time,
            options.entries,
            Some(ran.peak_kib),
        );
        let pure = bound(&envelopes, &producers);
        for (what, pure) in ["parse and verify", "signatures alone"].into_iter().zip(&pure) {
            row(what, pure.elapsed, pure.processor_time, options.entries, None);
        }
        let [parsed, signatures] = pure.map(|pure| pure.elapsed.as_secs_f64());
        rounds.push((ran.elapsed.as_secs_f64(), parsed, signatures, ran.peak_kib));
    }
    let of_parsed = median(rounds.iter().map(|(ran, parsed, ..)| parsed / ran));
    let of_signatures = median(rounds.iter().map(|(ran, _, signatures, _)| signatures / ran));
    println!("\nratio to parse and verify  {of_parsed:>6.2}");
    println!("ratio to signatures alone  {of_signatures:>6.2}  aim {AIM:.2}");
    let memory = median(rounds.iter().map(|(.., peak)| *peak as f64)) / quarter_ran.peak_kib as f64;
    println!("memory to a quarter's      {memory:>6.2}");
}

fn bound(envelopes: &[String], producers: &[Producer]) -> [verification::Verification; 2] {
    [
        verification::of_envelopes(envelopes, producers),
        verification::of_signatures(envelopes, producers),
    ]
}

/// Exports the whole log.
pub fn export(service: &Server, folder: &Path) {
    let status = Command::new(env!("CARGO_BIN_EXE_shipslog"))
        .arg("export")
        .arg(folder)
        .args(["--url", &format!("http://{}", service.address)])
        .arg("--token-file")
        .arg(service.data().join("admin.token"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success(), "the export failed");
}

/// Runs `shipslog verify bundle`.
pub fn verify_bundle(folder: &Path, key: &Path) -> Ran {
    verify(&["bundle".as_ref(), folder, "--log-key".as_ref(), key])
}

/// Runs `shipslog verify`, which must accept what it is given.
pub fn verify(arguments: &[&Path]) -> Ran {
    let before = processor::of_ended_children();
    let begin = Instant::now();
    let mut child = Command::new(env!("CARGO_BIN_EXE_shipslog"))
        .arg("verify")
        .args(arguments)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut peak_kib = 0;
    let status = loop {
        // The greatest so far never falls: looking often is enough, and not too often costs nothing.
        peak_kib = processor::peak_kib(child.id()).unwrap_or(peak_kib);
        match child.try_wait().unwrap() {
            Some(status) => break status,
            None => std::thread::sleep(Duration::from_millis(10)),
        }
    };
    let elapsed = begin.elapsed();
    assert!(status.success(), "it does not verify");
    Ran {
        elapsed,
        processor_time: processor::of_ended_children() - before,
        peak_kib,
    }
}
