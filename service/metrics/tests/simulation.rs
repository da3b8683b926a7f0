//! Simulated teams whose true change fail rate is known: what the rules make of it, beside the usual "the deployment before the
//! incident". The assumptions are written down below, as constants.

use super::*;
use crate::correlate::Correlator;
use crate::domain::facts::Facts;
use crate::domain::fixture::human;

const SERVICES: usize = 8;
const DAYS: i64 = 90;
/// One deployment of a service a week.
const EVERY: i64 = WEEK;
const RUNS: u64 = 30;
/// Of deployments, those that fail.
const TRUE_RATE: f64 = 0.08;
/// Incidents of a service a day that no deployment causes.
const BACKGROUND: f64 = 0.05;
/// Failures that show on a service that needs the one that was deployed.
const ELSEWHERE: f64 = 0.25;
/// Incidents whose cause is named.
const NAMED: f64 = 0.35;
/// Incidents that tell the version that ran.
const VERSIONED: f64 = 0.30;

/// Numbers that look random and are the same in every run. Source: Steele, Lea and Flood, "Fast Splittable Pseudorandom Number
/// Generators" (SplitMix64).
struct Numbers(u64);

impl Numbers {
    /// From 0 to below 1.
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn chance(&mut self, rate: f64) -> bool {
        self.unit() < rate
    }

    /// Minutes until a failure is noticed: lognormal, with a median of an hour (Box and Muller's method).
    fn delay(&mut self) -> i64 {
        let normal = (-2.0 * (1.0 - self.unit()).ln()).sqrt() * (std::f64::consts::TAU * self.unit()).cos();
        (60.0 * normal.exp()) as i64
    }
}

/// What happens in one team, in order of time.
enum Happening {
    Deployment {
        service: usize,
        id: String,
    },
    Incident {
        service: usize,
        cause: Option<String>,
        version: Option<String>,
    },
}

struct Estimates {
    truth: f64,
    rules: f64,
    before: f64,
}

fn name(service: usize) -> crate::domain::ServiceName {
    format!("service-{service}").parse().unwrap()
}

fn history(numbers: &mut Numbers) -> (Vec<(i64, Happening)>, usize) {
    let mut all = Vec::new();
    let mut failures = 0;
    for service in 0..SERVICES {
        // Not all at the same hour.
        let mut time = (numbers.unit() * EVERY as f64) as i64;
        while time < DAYS * DAY {
            let id = format!("{service}-{time}");
            all.push((
                time,
                Happening::Deployment {
                    service,
                    id: id.clone(),
                },
            ));
            if numbers.chance(TRUE_RATE) {
                failures += 1;
                let elsewhere = numbers.chance(ELSEWHERE);
                let hurt = if elsewhere { (service + 1) % SERVICES } else { service };
                let incident = Happening::Incident {
                    service: hurt,
                    cause: numbers.chance(NAMED).then(|| id.clone()),
                    version: (numbers.chance(VERSIONED) && !elsewhere).then(|| id.clone()),
                };
                all.push((time + 3 + numbers.delay(), incident));
            }
            time += EVERY;
        }
        for day in 0..DAYS {
            if numbers.chance(BACKGROUND) {
                let time = day * DAY + (numbers.unit() * DAY as f64) as i64;
                let (cause, version) = (None, None);
                all.push((
                    time,
                    Happening::Incident {
                        service,
                        cause,
                        version,
                    },
                ));
            }
        }
    }
    all.sort_by_key(|(time, _)| *time);
    (all, failures)
}

fn simulate(seed: u64) -> Estimates {
    let mut numbers = Numbers(seed);
    let (happenings, failures) = history(&mut numbers);
    let mut ledger = Ledger::default();
    for service in 0..SERVICES {
        let record = ledger.add(-DAY, "shipslog-dependencies.declared", "x", crate::domain::Body::Other);
        record.event.service = Some(name((service + 1) % SERVICES));
        record.event.extension.depends_on = Some(vec![name(service)]);
    }
    let mut deployed = 0;
    let mut last: Option<String> = None;
    let mut blamed = BTreeSet::new();
    for (number, (time, happening)) in happenings.into_iter().enumerate() {
        let from = ledger.records.len();
        let service = match happening {
            Happening::Deployment { service, id } => {
                deployed += 1;
                let actor = Some(human("ann"));
                ledger.deploy(
                    time,
                    &id,
                    &id,
                    Extension {
                        actor,
                        ..Extension::default()
                    },
                );
                last = Some(id);
                service
            }
            Happening::Incident {
                service,
                cause,
                version,
            } => {
                blamed.extend(last.clone());
                let record = ledger.incident(time, &format!("I-{number}"), IncidentStep::Detected);
                record.event.extension.caused_by = cause;
                record.event.extension.version = version;
                service
            }
        };
        for record in &mut ledger.records[from..] {
            record.event.service = Some(name(service));
        }
    }
    let facts = Facts::fold(&ledger.records);
    let correlator = Correlator::new(&facts);
    let mut links = Vec::new();
    for incident in &facts.incidents {
        let candidates = correlator.candidates(incident).candidates;
        links.extend(candidates.iter().map(|candidate| Link::of(incident, candidate)));
    }
    let period = query("2026-03-01", "2026-06-15", "UTC");
    let report = measure_at((DAYS + 10) * DAY, &ledger, &links, &period);
    let part = |count: usize| count as f64 / deployed as f64;
    Estimates {
        truth: part(failures),
        rules: part(report.whole.change_fail_rate.upper.count),
        before: part(blamed.len()),
    }
}

#[test]
fn at_one_deployment_a_week_the_rules_are_near_the_truth_and_the_deployment_before_is_not() {
    let runs: Vec<Estimates> = (1..=RUNS).map(simulate).collect();
    let mean = |of: fn(&Estimates) -> f64| runs.iter().map(of).sum::<f64>() / runs.len() as f64;
    let (truth, rules, before) = (mean(|run| run.truth), mean(|run| run.rules), mean(|run| run.before));
    assert!((truth - TRUE_RATE).abs() < 0.01, "{truth}");
    assert!((rules - truth).abs() < 0.03, "true {truth:.3}, by the rules {rules:.3}");
    assert!(
        before - truth > 0.2,
        "true {truth:.3}, by the deployment before {before:.3}"
    );
}
