//! A short run of every fuzz target, on any toolchain and the same each time: seeded mutations of the examples. libFuzzer
//! (`README.md` in this folder) looks longer and deeper at the same properties.
//!
//! Arguments: names of targets, or none for all; `--seconds N` for each.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that cannot go on should stop loudly"
)]

#[path = "properties.rs"]
mod properties;
#[path = "../attack/random.rs"]
#[allow(dead_code, reason = "shared with the attacks")]
mod random;
#[path = "seeds.rs"]
mod seeds;

use std::path::Path;
use std::time::{Duration, Instant};

use properties::TARGETS;
use random::Random;

/// Address space that may be added by all targets together: nothing allocates by a length that it has not checked.
const MEMORY_KIB: u64 = 128 << 10;
/// What one input may take; far more than it does on a busy machine.
const INPUT: Duration = Duration::from_secs(2);
/// No input is longer, but for examples that are.
const LONGEST: usize = 1 << 16;

fn main() {
    let mut arguments = std::env::args().skip(1).filter(|argument| !argument.is_empty());
    let (mut names, mut seconds) = (Vec::new(), 1.0);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--seconds" => seconds = arguments.next().unwrap().parse().unwrap(),
            // What the test runner of Rust is told means nothing here.
            flag if flag.starts_with("--") => {}
            name => names.push(name.to_owned()),
        }
    }
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared");
    let before = address_space();
    for target in TARGETS
        .iter()
        .filter(|target| names.is_empty() || names.iter().any(|name| target.name.contains(name)))
    {
        let examples = seeds::of(target.name, &shared);
        if examples.is_empty() {
            println!("{}: skipped, no examples beside the checkout", target.name);
            continue;
        }
        let mut random = Random::new(1).named(target.name);
        let valid = examples.iter().filter(|example| (target.check)(example)).count();
        // Deliveries and drafts of others need not all be accepted; what was made for the target must.
        let needed = if examples.len() > 10 {
            examples.len() / 3
        } else {
            examples.len()
        };
        assert!(
            valid >= needed,
            "{}: only {valid} of {} examples are accepted",
            target.name,
            examples.len()
        );
        let (begin, mut runs, mut accepted) = (Instant::now(), 0_u64, 0_u64);
        while begin.elapsed().as_secs_f64() < seconds {
            let input = mutated(&examples, &mut random);
            let mut took_too_long = || {
                let one = Instant::now();
                accepted += u64::from((target.check)(&input));
                one.elapsed() > INPUT
            };
            // Once may be because others had the processor.
            assert!(
                !took_too_long() || !took_too_long(),
                "{}: {} took too long",
                target.name,
                input.escape_ascii()
            );
            runs += 1;
        }
        println!(
            "{}: {runs} inputs from {} examples, {accepted} accepted",
            target.name,
            examples.len()
        );
    }
    let added = address_space().saturating_sub(before);
    assert!(added < MEMORY_KIB, "{added} KiB were allocated");
}

/// Pieces that formats are made of, and those that break them.
const PIECES: &[&[u8]] = &[
    b"\n",
    b"\n\n",
    b"\r\n",
    b" ",
    b"0",
    b"00",
    b"-1",
    b"18446744073709551616",
    b"9223372036854775808",
    b"1e400",
    b"=",
    b"+",
    b"/",
    b"\"",
    b"\\u0000",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"null",
    b"\xe2\x80\x94 ",
    b"\xff",
    b"\0",
    b"\xc2\xa0",
    b"x001/",
    b".p/",
    b"AAAA",
];

/// An example with some random changes, or parts of two.
fn mutated(examples: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let example = |random: &mut Random| &examples[random.between(0..examples.len() as u64) as usize];
    let mut bytes = example(random).clone();
    for _ in 0..random.between(1..6) {
        let at = random.between(0..bytes.len() as u64 + 1) as usize;
        let end = (at + random.between(0..24) as usize).min(bytes.len());
        match random.between(0..8) {
            0 | 1 if at < bytes.len() => bytes[at] ^= 1 << random.between(0..8),
            2 if at < bytes.len() => bytes[at] = random.next() as u8,
            3 => drop(bytes.drain(at..end)),
            4 => drop(bytes.splice(
                at..at,
                PIECES[random.between(0..PIECES.len() as u64) as usize].iter().copied(),
            )),
            5 => {
                let part = bytes[at..end].to_vec();
                for _ in 0..random.between(1..40) {
                    bytes.splice(at..at, part.iter().copied());
                }
            }
            6 => bytes.truncate(at),
            _ => {
                let other = example(random);
                let from = random.between(0..other.len() as u64 + 1) as usize;
                bytes.truncate(at);
                bytes.extend_from_slice(&other[from..]);
            }
        }
        bytes.truncate(LONGEST.max(examples[0].len()));
    }
    bytes
}

/// The most this process ever had, in KiB; 0 where the system does not say.
fn address_space() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmPeak:"));
    peak.and_then(|peak| peak.trim().trim_end_matches(" kB").parse().ok())
        .unwrap_or(0)
}
