//! The attacks on a service with planted bugs: what finds nothing there proves nothing elsewhere.

use std::fmt;
use std::path::Path;

use crate::attack::bugs::{BUGS, Bug, FoundBy};
use crate::attack::cluster::Cluster;
use crate::attack::power::{Machine, power_cuts};
use crate::attack::{Random, Site, Tally, backup, commit, kill, strace};
use crate::nursery::Nursery;
use crate::support::Backend;
use crate::support::database::TestDatabase;
use crate::support::proxy::Proxy;

/// Most kill loops that look for one bug.
const LOOPS: usize = 5;

/// Which bug was looked for by which attack, and the first thing that it found.
pub struct Teeth(Vec<(&'static str, FoundBy, Outcome)>);

enum Outcome {
    Found(String),
    Missed,
    /// This machine does not allow the attack.
    Skipped,
}

impl Teeth {
    /// Every bug was found by every attack that could be made.
    pub fn all_found(&self) -> bool {
        self.0.iter().all(|(.., outcome)| !matches!(outcome, Outcome::Missed))
    }
}

impl fmt::Display for Teeth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = |bug: &Bug| {
            let mut of = self.0.iter().filter(|(name, ..)| *name == bug.name);
            of.any(|(.., outcome)| matches!(outcome, Outcome::Found(_)))
        };
        let count = BUGS.iter().filter(|bug| found(bug)).count();
        writeln!(f, "planted bugs found: {count} of {}", BUGS.len())?;
        for (bug, attack, outcome) in &self.0 {
            match outcome {
                Outcome::Found(finding) => {
                    let short: String = finding.chars().take(100).collect();
                    writeln!(f, "  {bug}: {attack:?}: {}", short.replace('\n', " "))?;
                }
                Outcome::Missed => writeln!(f, "  {bug}: NOT FOUND by {attack:?}")?,
                Outcome::Skipped => writeln!(f, "  {bug}: {attack:?} cannot be made on this machine")?,
            }
        }
        Ok(())
    }
}

/// Plants each bug and attacks it. The clean service has had the same attacks in every round.
pub fn bite(cluster: Option<&Cluster>, machine: Option<&Machine>, random: &mut Random) -> Teeth {
    let nursery = Nursery::new().unwrap();
    let mut results = Vec::new();
    for bug in BUGS {
        println!("planting: {}", bug.name);
        let program = nursery
            .build(bug)
            .unwrap_or_else(|error| panic!("{}: {error}", bug.name));
        for attack in bug.found_by {
            let outcome = match attacked(*attack, &program, cluster, machine, random) {
                Some(tally) => tally
                    .findings
                    .into_iter()
                    .next()
                    .map_or(Outcome::Missed, Outcome::Found),
                None => Outcome::Skipped,
            };
            results.push((bug.name, *attack, outcome));
        }
    }
    Teeth(results)
}

/// One attack on a program; none where it cannot be made.
fn attacked(
    attack: FoundBy,
    program: &Path,
    cluster: Option<&Cluster>,
    machine: Option<&Machine>,
    random: &mut Random,
) -> Option<Tally> {
    let planted = |mut site: Site| {
        site.program = vec![program.display().to_string()];
        site
    };
    let sqlite = || planted(Site::new(Backend::Sqlite).expect("SQLite is always there"));
    match attack {
        // A kill has to come at the right moment: one loop may miss it, several hardly.
        FoundBy::KillLoop => {
            let mut tally = Tally::default();
            for _ in 0..LOOPS {
                tally.add(kill::kill_loop(sqlite(), 30, random));
                if !tally.findings.is_empty() {
                    break;
                }
            }
            Some(tally)
        }
        FoundBy::Trace => strace::available().then(|| strace::durable_before_answered(sqlite(), 40)),
        FoundBy::PowerCut => machine.map(|machine| power_cuts(machine, planted(machine.site()), 30, random)),
        FoundBy::CutCommits => cluster.map(|cluster| {
            let database = TestDatabase::within(&cluster.url());
            let proxy = Proxy::new(&database.url);
            let site = planted(commit::behind(&proxy, database));
            commit::cut_commits(site, &proxy, commit::places())
        }),
        FoundBy::RestoredBackup => Some(backup::restored_backup(sqlite(), Backend::Sqlite)),
    }
}
