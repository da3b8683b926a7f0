//! One round: every attack once, and a line of the table for each.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use crate::attack::cluster::Cluster;
use crate::attack::crash::crash_loop;
use crate::attack::disk::disk_full;
use crate::attack::evil::every_manipulation;
use crate::attack::power::{Machine, power_cuts};
use crate::attack::{Random, Site, Tally, backup, commit, kill, steps, strace};
use crate::support::Backend;
use crate::support::database::TestDatabase;
use crate::support::proxy::Proxy;

/// What all rounds showed.
#[derive(Default)]
pub struct Table {
    pub rounds: u64,
    attacks: BTreeMap<String, (u64, Tally)>,
    /// Manipulations of the database that were noticed as they should be.
    noticed: u64,
    wrong: BTreeSet<String>,
}

impl Table {
    /// Nothing was lost, and everything was noticed.
    pub fn sound(&self) -> bool {
        self.wrong.is_empty() && self.attacks.values().all(|(_, tally)| tally.findings.is_empty())
    }

    fn add(&mut self, name: String, cycles: u64, tally: Tally) {
        println!("{name}: {tally}");
        for finding in &tally.findings {
            println!("  {finding}");
        }
        let (sum, all) = self.attacks.entry(name).or_default();
        *sum += cycles;
        all.add(tally);
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "| attack | cycles | acknowledged, checked | without an answer at first | lost or wrong |"
        )?;
        writeln!(f, "|---|--:|--:|--:|--:|")?;
        let mut sum = (0, Tally::default());
        let line = |f: &mut fmt::Formatter<'_>, name: &str, cycles: u64, tally: &Tally| {
            let (acknowledged, ambiguous, findings) = (tally.acknowledged, tally.ambiguous, tally.findings.len());
            writeln!(f, "| {name} | {cycles} | {acknowledged} | {ambiguous} | {findings} |")
        };
        for (name, (cycles, tally)) in &self.attacks {
            line(f, name, *cycles, tally)?;
            sum.0 += cycles;
            sum.1.acknowledged += tally.acknowledged;
            sum.1.ambiguous += tally.ambiguous;
            sum.1.findings.extend(tally.findings.iter().cloned());
        }
        line(f, "all", sum.0, &sum.1)?;
        writeln!(
            f,
            "\nmanipulated databases noticed: {} of {}",
            self.noticed,
            self.noticed + self.wrong.len() as u64
        )?;
        self.wrong.iter().try_for_each(|wrong| writeln!(f, "  {wrong}"))
    }
}

/// Every attack once, where this machine allows it.
pub fn round(table: &mut Table, mut cluster: Option<&mut Cluster>, machine: Option<&Machine>, random: &mut Random) {
    table.rounds += 1;
    let postgres = cluster.as_ref().map(|cluster| cluster.url());
    let database = |backend| match backend {
        Backend::Sqlite => TestDatabase::new(backend),
        Backend::Postgres => postgres.as_deref().map(TestDatabase::within),
    };
    for backend in [Backend::Sqlite, Backend::Postgres] {
        let Some(first) = database(backend) else { continue };
        let site = || database(backend).map(Site::on).expect("there was one a moment ago");
        table.add(
            format!("kill -9, {backend:?}"),
            30,
            kill::kill_loop(Site::on(first), 30, random),
        );
        table.add(
            format!("stopped and continued, {backend:?}"),
            4,
            kill::stand_still(site(), 4, Duration::from_millis(1500)),
        );
        table.add(
            format!("failing steps, {backend:?}"),
            27,
            steps::failing_steps(site(), backend, 20, random),
        );
        table.add(
            format!("old backup restored, {backend:?}"),
            1,
            backup::restored_backup(site(), backend),
        );
        let honest = database(backend).expect("there was one a moment ago");
        match every_manipulation(backend, honest, random) {
            Ok(noticed) => table.noticed += noticed,
            Err(wrong) => table.wrong.extend(wrong),
        }
    }
    if strace::available() {
        let site = || Site::new(Backend::Sqlite).expect("SQLite is always there");
        table.add(
            "failing system calls, Sqlite".to_owned(),
            20,
            strace::failing_calls(site(), 20, random),
        );
        table.add(
            "traced, Sqlite".to_owned(),
            1,
            strace::durable_before_answered(site(), 100),
        );
    }
    if let Some(tally) = disk_full(3) {
        table.add("disk full, Sqlite".to_owned(), 3, tally);
    }
    if let Some(machine) = machine {
        table.add(
            "power cut, Sqlite".to_owned(),
            15,
            power_cuts(machine, machine.site(), 15, random),
        );
    }
    if let Some(cluster) = cluster.as_mut() {
        let database = TestDatabase::within(&cluster.url());
        let proxy = Proxy::new(&database.url);
        let cuts = commit::places().count() as u64;
        let tally = commit::cut_commits(commit::behind(&proxy, database), &proxy, commit::places());
        table.add("COMMIT cut off, Postgres".to_owned(), cuts, tally);
        table.add(
            "database killed, Postgres".to_owned(),
            6,
            crash_loop(cluster, 6, random),
        );
    }
}
