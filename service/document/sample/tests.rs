use super::*;
use crate::domain::extension::Extension;
use crate::domain::fixture::Ledger;

fn population(count: u64) -> (Vec<Deployment>, BTreeMap<u64, Hash>) {
    let mut ledger = Ledger::default();
    for number in 0..count {
        let kind = (number % 10 == 3).then_some(DeploymentKind::Emergency);
        let extension = Extension {
            kind,
            ..Extension::default()
        };
        ledger.deploy(
            number as i64 * 60,
            &format!("run-{number}"),
            &format!("1.{number}.0"),
            extension,
        );
    }
    let deployments = Facts::fold(&ledger.records).deployments;
    let leaves = deployments
        .iter()
        .map(|d| (d.index, ledger::sha256(d.id.as_str().as_bytes())));
    let leaves = leaves.collect();
    (deployments, leaves)
}

fn plan(seed: &str, size: usize) -> Plan {
    Plan {
        seed: seed.to_owned(),
        size,
        full: vec![DeploymentKind::Emergency],
    }
}

#[test]
fn the_seed_alone_decides_and_emergencies_are_there_in_full() {
    let (population, leaves) = population(40);
    let drawn = draw(&population, &leaves, &plan("2026-Q3, Smith", 5)).unwrap();
    assert_eq!(drawn.iter().filter(|drawn| drawn.in_full).count(), 4);
    assert_eq!(drawn.len(), 9);
    assert_eq!(drawn, draw(&population, &leaves, &plan("2026-Q3, Smith", 5)).unwrap());
    assert_ne!(drawn, draw(&population, &leaves, &plan("2026-Q3, Jones", 5)).unwrap());
    // A larger sample begins with the smaller one.
    let larger = draw(&population, &leaves, &plan("2026-Q3, Smith", 12)).unwrap();
    assert_eq!(larger[..9], drawn[..]);
    // The order in which the population is read is nothing to it.
    let mut reversed = population.clone();
    reversed.reverse();
    assert_eq!(drawn, draw(&reversed, &leaves, &plan("2026-Q3, Smith", 5)).unwrap());
}

/// A deployment whose leaf is not there would be missing from the population without a word.
#[test]
fn nothing_is_left_out_in_silence() {
    let (population, mut leaves) = population(4);
    leaves.remove(&population[1].index);
    let gap = DocumentError::SampleGap {
        index: population[1].index,
        what: "leaf",
    };
    assert_eq!(draw(&population, &leaves, &plan("seed", 1)), Err(gap));
}

/// printf 'leaf' | sha256sum, its bytes under `openssl dgst -sha256 -hmac seed`.
#[test]
fn the_rank_is_hmac_sha256() {
    let rank = rank(seeded("seed").unwrap(), &ledger::sha256(b"leaf"));
    let hex: String = rank.0.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, "6e321d44c196db0e63c9eb5050e25e382a8a294929d93d11c39f036dd073adaa");
}

/// Of 25 without an exception, the rule of auditors' tables: 11.3 % at 95 %.
#[test]
fn a_clean_sample_proves_what_it_proves() {
    assert!(reach(25, 400).contains("at most 11.3 %"), "{}", reach(25, 400));
    assert!(reach(60, 400).contains("at most 4.9 %"), "{}", reach(60, 400));
    assert!(reach(7, 7).contains("is the population"));
}
