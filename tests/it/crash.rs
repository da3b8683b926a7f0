//! The quick part of the attacks on durability: whatever was acknowledged is there afterwards, as it was acknowledged.
//! `tests/soak` does the same for long.

use std::time::Duration;

use rstest::rstest;

use crate::attack::cluster::Cluster;
use crate::attack::crash::crash_loop;
use crate::attack::disk::disk_full;
use crate::attack::power::{Machine, power_cuts};
use crate::attack::{Random, Site, backup, bugs, commit, kill, steps, strace};
use crate::support::Backend;
use crate::support::database::TestDatabase;
use crate::support::proxy::Proxy;

#[rstest]
fn nothing_is_lost_when_it_is_killed(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(site) = Site::new(backend) else { return };
    let tally = kill::kill_loop(site, 6, &mut Random::printed());
    println!("{backend:?}: {tally}");
    tally.assert_kept(60);
}

#[rstest]
fn a_service_that_stood_still_goes_on_where_it_was(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(site) = Site::new(backend) else { return };
    let tally = kill::stand_still(site, 3, Duration::from_millis(300));
    println!("{backend:?}: {tally}");
    tally.assert_kept(80);
}

#[rstest]
fn steps_that_fail_one_after_the_other_lose_nothing(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(site) = Site::new(backend) else { return };
    let tally = steps::failing_steps(site, backend, 8, &mut Random::printed());
    println!("{backend:?}: {tally}");
    tally.assert_kept(60);
}

#[test]
fn a_commit_that_is_cut_off_at_any_byte_is_never_answered_wrongly() {
    let Some(database) = TestDatabase::new(Backend::Postgres) else {
        return;
    };
    let proxy = Proxy::new(&database.url);
    let tally = commit::cut_commits(commit::behind(&proxy, database), &proxy, commit::places());
    println!("{} cuts: {tally}", proxy.fired());
    tally.assert_kept(100);
    assert_eq!(proxy.fired(), commit::places().count());
}

#[test]
fn system_calls_that_fail_lose_nothing() {
    let Some(site) = Site::new(Backend::Sqlite).filter(|_| strace::available()) else {
        return;
    };
    let tally = strace::failing_calls(site, 6, &mut Random::printed());
    println!("{tally}");
    tally.assert_kept(20);
}

#[test]
fn nothing_is_acknowledged_before_it_is_durable() {
    let Some(site) = Site::new(Backend::Sqlite).filter(|_| strace::available()) else {
        return;
    };
    let tally = strace::durable_before_answered(site, 30);
    println!("{tally}");
    tally.assert_kept(20);
}

#[rstest]
fn a_backup_that_was_put_back_is_not_built_upon(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(site) = Site::new(backend) else { return };
    let tally = backup::restored_backup(site, backend);
    println!("{backend:?}: {tally}");
    tally.assert_kept(60);
}

#[test]
fn every_planted_bug_still_fits_the_source() {
    for bug in bugs::BUGS {
        bug.applies(std::path::Path::new(env!("CARGO_MANIFEST_DIR")))
            .unwrap_or_else(|error| panic!("{}: {error}", bug.name));
    }
}

#[test]
fn a_database_that_is_killed_under_load_loses_nothing() {
    let Some(mut cluster) = Cluster::new() else { return };
    let tally = crash_loop(&mut cluster, 2, &mut Random::printed());
    println!("{tally}");
    tally.assert_kept(20);
}

#[test]
fn a_full_disk_loses_nothing_and_needs_no_restart() {
    let Some(tally) = disk_full(2) else { return };
    println!("{tally}");
    tally.assert_kept(50);
}

#[test]
fn a_power_cut_loses_nothing_that_was_acknowledged() {
    let Some(machine) = Machine::new() else { return };
    let tally = power_cuts(&machine, machine.site(), 3, &mut Random::printed());
    println!("{tally}");
    tally.assert_kept(15);
}
