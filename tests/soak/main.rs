//! The long attack: everything that `tests/it/crash.rs` and `tests/it/evil_operator.rs` do, for as long as it is told to,
//! on both databases; then the same attacks on a service with planted bugs, each of which they must find.
//!
//! `cargo test --test soak -- --help` lists the options. It exits 0 if nothing was lost, every manipulation was noticed, and
//! every bug was found. Only loopback is used, and only what it started is killed.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that cannot go on should stop loudly"
)]

#[path = "../attack/mod.rs"]
mod attack;
mod nursery;
mod options;
mod rounds;
#[path = "../it/support/mod.rs"]
#[allow(dead_code, unused_imports, reason = "shared with the integration tests")]
mod support;
mod teeth;

use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::{Duration, Instant};

use attack::Random;
use attack::cluster::Cluster;
use attack::power::Machine;
use options::{HELP, Options, Unread};
use rounds::Table;

fn main() -> std::process::ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(Unread::Help) => {
            println!("{HELP}");
            return std::process::ExitCode::SUCCESS;
        }
        Err(Unread::Wrong(message)) => {
            eprintln!("{message}\n\n{HELP}");
            return std::process::ExitCode::from(2);
        }
    };
    apart();
    let mut random = Random::printed();
    // One PostgreSQL for all, of this run alone; the rounds find it where the integration tests do.
    let mut cluster = Cluster::new();
    let machine = Machine::new();
    let (mut table, begin) = (Table::default(), Instant::now());
    let end = begin + Duration::from_secs(options.minutes * 60);
    while table.sound() && Instant::now() < end {
        rounds::round(&mut table, cluster.as_mut(), machine.as_ref(), &mut random);
    }
    let teeth = options
        .bugs
        .then(|| teeth::bite(cluster.as_ref(), machine.as_ref(), &mut random));
    println!("{table}");
    println!("after {} s", begin.elapsed().as_secs());
    let caught = teeth.is_none_or(|teeth| {
        println!("{teeth}");
        teeth.all_found()
    });
    if table.sound() && caught {
        std::process::ExitCode::SUCCESS
    } else {
        std::process::ExitCode::FAILURE
    }
}

/// Goes on in namespaces of its own, where that is allowed: however the soak ends, what it started and mounted ends with it.
fn apart() {
    const DONE: &str = "SHIPSLOG_SOAK_APART";
    let unshare = || {
        let mut command = Command::new("unshare");
        command.args(["--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]);
        command
    };
    let allowed = || {
        unshare()
            .arg("true")
            .output()
            .is_ok_and(|output| output.status.success())
    };
    if std::env::var_os(DONE).is_none() && allowed() {
        let program = std::env::current_exe().unwrap();
        let error = unshare()
            .arg(program)
            .args(std::env::args_os().skip(1))
            .env(DONE, "1")
            .exec();
        println!("cannot go on apart: {error}");
    }
}
