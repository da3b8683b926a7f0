use super::*;
use crate::correlate::LinkState;
use crate::domain::deployment::Deployment;
use crate::domain::event::{IncidentStep, Outcome};
use crate::domain::evidence;
use crate::domain::extension::{Commit, DeploymentKind, Extension};
use crate::domain::fixture::{Ledger, at, commit};
use crate::domain::incident;

const HOUR: i64 = 60;
const DAY: i64 = 24 * HOUR;
const WEEK: i64 = 7 * DAY;

fn query(from: &str, to: &str, zone: &str) -> Query {
    Query {
        services: BTreeSet::new(),
        team: None,
        environment: None,
        period: Period::parse(from, to, zone).unwrap(),
        bucket: Bucket::Day,
        maturity_hours: MATURITY_HOURS,
        by_service: false,
        bands: None,
    }
}

/// March 2026, in which the fixture's time begins (on Monday 2nd at nine).
fn march() -> Query {
    query("2026-03-01", "2026-04-01", "UTC")
}

/// Measures a ledger that was last written to at that minute.
fn measure_at(minutes: i64, ledger: &Ledger, links: &[Link], query: &Query) -> Report {
    let deployments = ledger.deployments();
    let incidents = incident::fold(&ledger.records);
    let tiers = BTreeMap::from([("production".parse().unwrap(), Tier::Production)]);
    let input = Input {
        tree_size: ledger.records.len() as u64,
        recorded_until: Some(at(minutes)),
        deployments: &deployments,
        incidents: &incidents,
        evidence: &evidence::fold(&ledger.records),
        aliases: &Aliases::fold(&ledger.records),
        tiers: &tiers,
        owners: &Services::default(),
        links,
        no_deployment: &BTreeSet::new(),
    };
    measure(query, &input).unwrap()
}

fn link(incident: u64, deployment: u64, state: LinkState) -> Link {
    Link {
        incident,
        deployment,
        state,
        score: 0.8,
        share: 0.9,
    }
}

fn of(kind: DeploymentKind) -> Extension {
    Extension {
        kind: Some(kind),
        ..Extension::default()
    }
}

fn committed(message: &str, minutes: i64) -> Commit {
    Commit {
        committed_at: Some(at(minutes)),
        ..commit(message, "ada")
    }
}

fn bringing(commits: &[Commit]) -> Extension {
    Extension {
        commits: commits.to_vec(),
        ..Extension::default()
    }
}

fn set<const N: usize>(indexes: [u64; N]) -> BTreeSet<u64> {
    indexes.into()
}

fn indexes(deployments: &[Deployment], ids: &[&str]) -> BTreeSet<u64> {
    let of = |id: &&str| deployments.iter().find(|d| d.id.as_str() == *id).unwrap().index;
    ids.iter().map(of).collect()
}

mod approvals;
mod calendar;
mod failures;
mod flow;
mod simulation;
