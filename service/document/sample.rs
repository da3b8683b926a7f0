//! A sample of deployments for an auditor to test by hand, and a working paper for each.
//!
//! Pure, and no choice of this program's: items are ranked by HMAC-SHA256 of the hash of their first leaf under the auditor's seed, and
//! the first of each stratum are drawn. Whoever has the seed and the log draws the same sample again.

use std::borrow::Borrow;
use std::collections::BTreeMap;

use hmac::{Hmac, KeyInit as _, Mac as _};
use ledger::Hash;
use serde::Serialize;
use sha2::Sha256;

use super::assurance::Assurance;
use super::rows::{DeploymentRow, IncidentRow, StatementRow, statements};
use super::{DocumentError, Generated, Links, Request, open_period};
use crate::check::Parameters;
use crate::domain::deployment::Deployment;
use crate::domain::extension::DeploymentKind;
use crate::domain::facts::Facts;
use crate::domain::issued::IssuedSample;
use crate::domain::lineage::follows_from_history;
use crate::domain::parse::MAX_ITEMS;
use crate::domain::words::count;
use crate::domain::{EnvironmentName, Instant, Period, ServiceName};

/// Name of the built-in template.
pub const TEMPLATE: &str = "sample.md";
/// Most items of a sample.
pub const MOST: usize = 1000;
/// Longest seed, in bytes.
pub const MAX_SEED_BYTES: usize = 256;

/// How a sample is drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The auditor's seed.
    pub seed: String,
    /// How many are drawn of those that are not drawn in full.
    pub size: usize,
    /// Kinds of deployments that are drawn in full.
    pub full: Vec<DeploymentKind>,
}

impl Plan {
    /// Whether what ran before the deployments decides which of them are drawn.
    pub fn asks_for_history(&self) -> bool {
        self.full.iter().any(|kind| follows_from_history(*kind))
    }
}

/// An item that was drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drawn {
    /// The first index of the deployment.
    pub index: u64,
    /// What it was ranked by.
    pub rank: Rank,
    /// Whether its kind is drawn in full.
    pub in_full: bool,
}

/// HMAC-SHA256 of the hash of the first leaf of a deployment, under the seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank([u8; 32]);

/// Draws a sample: all of the kinds that are drawn in full, and of the others the first by rank.
pub fn draw(
    population: &[impl Borrow<Deployment>],
    leaves: &BTreeMap<u64, Hash>,
    plan: &Plan,
) -> Result<Vec<Drawn>, DocumentError> {
    let seeded = seeded(&plan.seed)?;
    let drawn = |deployment: &Deployment| {
        let index = deployment.index;
        let leaf = leaves
            .get(&index)
            .ok_or(DocumentError::SampleGap { index, what: "leaf" })?;
        Ok(Drawn {
            index,
            rank: rank(seeded.clone(), leaf),
            in_full: plan.full.contains(&deployment.kind.kind),
        })
    };
    let mut ranked: Vec<Drawn> = population
        .iter()
        .map(Borrow::borrow)
        .map(drawn)
        .collect::<Result<_, DocumentError>>()?;
    ranked.sort_unstable_by_key(|drawn| (!drawn.in_full, drawn.rank));
    let whole = ranked.iter().filter(|drawn| drawn.in_full).count();
    ranked.truncate(whole + plan.size);
    Ok(ranked)
}

fn seeded(seed: &str) -> Result<Hmac<Sha256>, DocumentError> {
    Hmac::new_from_slice(seed.as_bytes()).map_err(|error| DocumentError::Seed(error.to_string()))
}

fn rank(mut mac: Hmac<Sha256>, leaf: &Hash) -> Rank {
    mac.update(leaf.as_bytes());
    Rank(mac.finalize().into_bytes().into())
}

/// What a sample is composed from.
#[derive(Debug, Clone, Copy)]
pub struct SampleInput<'a> {
    /// What was asked, of which state of the ledger.
    pub request: Request<'a>,
    /// The environment.
    pub environment: &'a EnvironmentName,
    /// Only this service.
    pub service: Option<&'a ServiceName>,
    /// The period.
    pub period: Period,
    /// When the newest entry below the tree size was recorded; none in an empty log.
    pub recorded_until: Option<Instant>,
    /// How it was drawn.
    pub plan: &'a Plan,
    /// First indexes of the attempts that meet the period and count in another.
    pub counted_elsewhere: &'a [u64],
    /// First indexes of the population, each with the hash of its leaf.
    pub leaves: &'a BTreeMap<u64, Hash>,
    /// What was drawn.
    pub drawn: &'a [Drawn],
    /// Facts about what was drawn.
    pub facts: &'a Facts,
    /// Inclusion proofs of entries, by index: leaf hash and hashes.
    pub proofs: &'a BTreeMap<u64, (Hash, Vec<Hash>)>,
    /// Numbers of checks.
    pub parameters: &'a Parameters,
}

/// The context of a sample.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Sample {
    /// See [`super::CONTEXT_VERSION`].
    pub context_version: u32,
    /// `sample`.
    pub document: &'static str,
    /// What it was made from.
    pub generated: Generated,
    /// One line.
    pub title: String,
    /// The environment.
    pub environment: EnvironmentName,
    /// The service, where it speaks of one.
    pub service: Option<ServiceName>,
    /// The period.
    pub period: Period,
    /// That the period is not over in the ledger, or has not begun, in words: then others may be drawn later.
    pub period_note: Option<String>,
    /// The seed.
    pub seed: String,
    /// Kinds that were drawn in full.
    pub full: Vec<&'static str>,
    /// How many were asked for beside them.
    pub size: usize,
    /// How many there are to draw from.
    pub population: usize,
    /// First indexes of the attempts that are not among these, since they claim to have begun at another time, although something about
    /// them was recorded in the period or claims to have happened in it.
    pub counted_elsewhere: Vec<u64>,
    /// What a clean sample of that size proves, in words.
    pub reach: String,
    /// The items, those drawn in full first, then by rank.
    pub items: Vec<Item>,
}

/// The working paper of an item.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Item {
    /// Its place in the sample, from 1.
    pub number: usize,
    /// `full` or `drawn`.
    pub stratum: &'static str,
    /// What it was ranked by, in hex.
    pub rank: String,
    /// The hash of its first leaf, in base64.
    pub leaf: String,
    /// The deployment.
    pub deployment: DeploymentRow,
    /// What was said about it, in ledger order.
    pub statements: Vec<StatementRow>,
    /// Approvals, tests, reviews and checks.
    pub assurance: Assurance,
    /// Incidents that are linked to it.
    pub incidents: Vec<IncidentRow>,
    /// Proofs that its entries and those of its evidence are in the log.
    pub proofs: Vec<ProofRow>,
}

/// Proof that an entry is in the tree that the document speaks of (RFC 9162 §2.1.3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProofRow {
    /// Index of the entry.
    pub index: u64,
    /// Hash of its leaf, in base64.
    pub leaf: String,
    /// The proof, leaf's sibling first, in base64.
    pub hashes: Vec<String>,
}

/// The entries that the working papers of these deployments rest on.
pub fn entries<'a>(deployments: impl Iterator<Item = &'a Deployment>, facts: &Facts) -> Vec<u64> {
    let mut indexes: Vec<u64> = deployments
        .flat_map(|deployment| entries_of(deployment, facts))
        .collect();
    indexes.sort_unstable();
    indexes.dedup();
    indexes
}

fn entries_of(deployment: &Deployment, facts: &Facts) -> Vec<u64> {
    let evidence = &facts.evidence;
    let approvals = evidence
        .approvals_of(deployment)
        .into_iter()
        .map(|(approval, _)| approval.origin.index);
    let tests = evidence
        .tests_of(deployment)
        .into_iter()
        .map(|(test, _)| test.origin.index);
    let reviews = evidence
        .reviews_of(deployment)
        .into_iter()
        .map(|(review, _)| review.origin.index);
    let mut indexes: Vec<u64> = deployment
        .indexes()
        .into_iter()
        .chain(approvals)
        .chain(tests)
        .chain(reviews)
        .collect();
    indexes.sort_unstable();
    indexes.dedup();
    indexes
}

/// Composes the working papers of a sample. Nothing is left out: an item or a proof that is missing is an error.
pub fn compose(input: &SampleInput<'_>) -> Result<Sample, DocumentError> {
    let links = Links::of(input.facts);
    let items = input.drawn.iter().zip(1..);
    let items: Vec<Item> = items
        .map(|(drawn, number)| Item::of(number, drawn, input, &links))
        .collect::<Result<_, _>>()?;
    let in_full = input.drawn.iter().filter(|drawn| drawn.in_full).count();
    let subject = input
        .service
        .map_or_else(|| "all services".to_owned(), ToString::to_string);
    Ok(Sample {
        context_version: super::CONTEXT_VERSION,
        document: "sample",
        generated: input.request.generated(),
        title: format!("Sample of deployments: {subject} in {}", input.environment),
        environment: input.environment.clone(),
        service: input.service.cloned(),
        period: input.period,
        period_note: open_period(&input.period, input.recorded_until),
        seed: input.plan.seed.clone(),
        full: input.plan.full.iter().map(|kind| kind.as_str()).collect(),
        size: input.plan.size,
        population: input.leaves.len(),
        counted_elsewhere: input.counted_elsewhere.to_vec(),
        reach: reach(input.drawn.len() - in_full, input.leaves.len() - in_full),
        items,
    })
}

impl Item {
    fn of(number: usize, drawn: &Drawn, input: &SampleInput<'_>, links: &Links<'_>) -> Result<Self, DocumentError> {
        let gap = |index, what| DocumentError::SampleGap { index, what };
        let index = drawn.index;
        let deployment = input.facts.deployment(index).ok_or(gap(index, "deployment"))?;
        let leaf = input.leaves.get(&index).ok_or(gap(index, "leaf"))?;
        let proof = |index: u64| {
            let (leaf, hashes) = input.proofs.get(&index).ok_or(gap(index, "proof"))?;
            Ok(ProofRow {
                index,
                leaf: leaf.to_base64(),
                hashes: hashes.iter().map(Hash::to_base64).collect(),
            })
        };
        let proofs = entries_of(deployment, input.facts).into_iter().map(proof);
        let incidents = links
            .of_deployment(index)
            .map(|(incident, candidate)| IncidentRow::of(incident, Some((deployment, candidate))));
        Ok(Self {
            number,
            stratum: if drawn.in_full { "full" } else { "drawn" },
            rank: drawn.rank.0.iter().map(|byte| format!("{byte:02x}")).collect(),
            leaf: leaf.to_base64(),
            statements: statements(deployment),
            assurance: Assurance::of(deployment, input.facts, links, input.parameters),
            incidents: incidents.collect(),
            proofs: proofs.collect::<Result<_, _>>()?,
            deployment: DeploymentRow::of(deployment),
        })
    }
}

impl Sample {
    /// What the entry that issues it says was drawn, so that auditors can speak of each item.
    pub fn issued(&self) -> Result<IssuedSample, DocumentError> {
        let items: Vec<u64> = self.items.iter().map(|item| item.deployment.index).collect();
        match items.len() {
            ..=MAX_ITEMS => Ok(IssuedSample {
                environment: self.environment.clone(),
                service: self.service.clone(),
                from: self.period.from,
                to: self.period.to,
                items,
            }),
            items => Err(DocumentError::SampleTooLarge { items }),
        }
    }
}

/// What a sample without an exception says of those that were not drawn: the rate of exceptions that it excludes with a confidence of
/// 95 %, by the binomial distribution.
fn reach(drawn: usize, of: usize) -> String {
    if drawn == 0 {
        return "Nothing was drawn beside those in full.".to_owned();
    }
    if drawn == of {
        return format!(
            "All {} were drawn: the sample is the population.",
            count(of, "other deployment")
        );
    }
    let rate = 1.0 - 0.05_f64.powf(1.0 / drawn as f64);
    format!(
        "{} drawn of {of}. If none of them shows an exception, at most {:.1} % of all may have one, with a confidence of 95 %.",
        count(drawn, "deployment"),
        rate * 100.0
    )
}

#[cfg(test)]
mod tests;
