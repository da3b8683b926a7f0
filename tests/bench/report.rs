//! `shipslog verify report` offline: a quarterly compliance report made again from an export, as a ratio to `verify bundle` of the
//! same, which it begins with.

use std::path::Path;

use crate::history::{DAY, History};
use crate::load::median;
use crate::offline::{export, verify, verify_bundle};
use crate::reads::{ask, day};
use crate::server::Server;

const AIM_SECONDS: f64 = 15.0;

#[derive(clap::Args)]
pub struct Options {
    /// Deployments in the log: each makes about two and a half entries
    #[arg(long, default_value_t = 41_500)]
    deployments: usize,
    /// Services that were deployed
    #[arg(long, default_value_t = 200)]
    services: usize,
    /// Rounds; in each both commands take their turn
    #[arg(long, default_value_t = 3)]
    rounds: usize,
}

pub fn run(options: &Options) {
    let history = History::of(options.deployments, options.services);
    let folder = tempfile::tempdir().unwrap();
    let (data, bundle, report) = (
        folder.path().join("data"),
        folder.path().join("bundle"),
        folder.path().join("report.md"),
    );
    let database = format!("sqlite:{}", data.join("shipslog.db").display());
    let entries = history.record(&data, &database);
    let service = Server::over(&data, None);
    let quarter = history.end.plus_millis(-91 * DAY);
    let question = format!(
        "/v1/reports/compliance?environment=production&from={}&to={}",
        day(quarter),
        day(history.end)
    );
    std::fs::write(&report, ask(&service, &question, "").body).unwrap();
    export(&service, &bundle);
    let key = folder.path().join("log.vkey");
    std::fs::copy(service.data().join("log.vkey"), &key).unwrap();
    drop(service);

    println!("{entries} entries, {} cores\n", crate::cores());
    println!("verify     wall s  resident MiB");
    let row = |what: &str, seconds: f64, kib: u64| println!("{what:<9}  {seconds:>6.2}  {:>12}", kib / 1024);
    let mut rounds = Vec::new();
    for _ in 0..options.rounds {
        let whole = verify_bundle(&bundle, &key);
        row("bundle", whole.elapsed.as_secs_f64(), whole.peak_kib);
        let [name, of, with] = ["report", "--bundle", "--log-key"].map(Path::new);
        let again = verify(&[name, &report, of, &bundle, with, &key]);
        row("report", again.elapsed.as_secs_f64(), again.peak_kib);
        rounds.push((again.elapsed.as_secs_f64(), whole.elapsed.as_secs_f64()));
    }
    let seconds = median(rounds.iter().map(|(again, _)| *again));
    let ratio = median(rounds.iter().map(|(again, whole)| again / whole));
    println!("\nreport     {seconds:>6.2} s, aim under {AIM_SECONDS} s");
    println!("ratio to verify bundle  {ratio:.2}");
}
