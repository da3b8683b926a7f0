//! System calls that fail, or at which the process dies; and the calls themselves as a witness of what was durable when.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::{Random, Site, Tally};

const SENDERS: usize = 3;

/// What happens to a system call. A `write` that fails did not happen; an `fdatasync` that fails may have.
pub const FAULTS: [(&str, &str); 6] = [
    ("fdatasync", "error=EIO"),
    ("fdatasync", "signal=KILL"),
    ("pwrite64", "error=EIO"),
    ("pwrite64", "error=ENOSPC"),
    ("pwrite64", "signal=KILL"),
    ("ftruncate", "error=EIO"),
];

/// Whether strace is there and may trace; says so where it may not.
pub fn available() -> bool {
    let traced = Command::new("strace")
        .args(["-f", "-D", "-qq", "-o", "/dev/null", "true"])
        .output();
    let available = traced.is_ok_and(|output| output.status.success());
    if !available {
        println!("skipped: strace is not there or may not trace");
    }
    available
}

/// Under load, one kind of call fails from the n-th of each thread on, so many times in a row, beginning with those that
/// recover from a kill; then the process is killed, and starts again without faults. SQLite only: these are its calls.
pub fn failing_calls(mut site: Site, points: u64, random: &mut Random) -> Tally {
    let plain = site.program.clone();
    for _ in 0..points {
        if !site.up() {
            break;
        }
        let load = site.load(SENDERS);
        if !load.wait_for(10) {
            site.find("B: it takes nothing in".to_owned());
        }
        site.kill();
        load.stop();
        let (call, fault) = FAULTS[random.between(0..FAULTS.len() as u64) as usize];
        let (first, times) = (random.between(1..60), random.between(1..4));
        let injected = format!("inject={call}:{fault}:when={first}..{}", first + times - 1);
        let traced = [
            "strace",
            "-f",
            "-D",
            "-qq",
            "-o",
            "/dev/null",
            "-e",
            &format!("trace={call}"),
            "-e",
            &injected,
        ];
        site.program = traced
            .iter()
            .map(|word| (*word).to_owned())
            .chain(plain.clone())
            .collect();
        // It may well not start with that.
        if site.start().is_ok() {
            let load = site.load(SENDERS);
            load.wait_briefly(60);
            load.stop();
        }
        site.kill();
        site.program.clone_from(&plain);
        if !site.check() {
            site.find(format!("(after {injected})"));
            break;
        }
    }
    site.close()
}

/// One sender under a trace: between any two answers, the write-ahead log was written and then made durable. What
/// `synchronous=OFF` leaves out shows here, which no kill can show.
pub fn durable_before_answered(mut site: Site, answers: u64) -> Tally {
    let trace = tempfile::tempdir().unwrap();
    let file = trace.path().join("trace");
    let words = [
        "strace",
        "-f",
        "-D",
        "-qq",
        "-y",
        "-s",
        "16",
        "-e",
        "trace=pwrite64,fdatasync,fsync,sendto,write,writev",
        "-o",
    ];
    let plain = site.program.clone();
    site.program = words.iter().map(|word| (*word).to_owned()).collect();
    site.program.push(file.display().to_string());
    site.program.extend(plain);
    if site.up() {
        let load = site.load(1);
        if !load.wait_for(answers) {
            site.find("B: it takes nothing in".to_owned());
        }
        load.stop();
        let (answered, hasty) = hasty_answers(&file);
        // One in eight was sent before, and is answered from what is there.
        if answered < answers * 3 / 4 {
            site.find(format!("the trace shows only {answered} answers"));
        }
        if hasty > 0 {
            site.find(format!(
                "A: {hasty} of {answered} answers were sent before the write-ahead log was durable"
            ));
        }
    }
    site.close()
}

/// Answers with 201 in a trace, and those before which nothing was written and synchronised since the one before.
fn hasty_answers(trace: &Path) -> (u64, u64) {
    let (mut answered, mut hasty) = (0, 0);
    let (mut written, mut durable) = (false, false);
    for line in fs::read_to_string(trace).unwrap().lines() {
        // `<pid> fdatasync(9</path/to/db-wal>) = 0`; a call that takes long is cut in two, and the second half counts.
        let log = line.contains("-wal>");
        if log && line.contains("pwrite64(") {
            (written, durable) = (true, false);
        } else if (log && line.contains("sync(") && line.ends_with("= 0"))
            || (line.contains("sync resumed>") && line.ends_with("= 0"))
        {
            durable = written;
        } else if line.contains("HTTP/1.1 201") && line.contains("\"") && !line.contains("resumed>") {
            answered += 1;
            hasty += u64::from(!durable);
            (written, durable) = (false, false);
        }
    }
    (answered, hasty)
}
