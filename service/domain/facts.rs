//! Everything that checks and documents read, folded from the events of one reading of the ledger.

use std::collections::BTreeMap;

use super::deployment::{self, Deployment};
use super::event::{Body, Recorded};
use super::evidence::{self, Evidence};
use super::extension::Tier;
use super::id::EnvironmentName;
use super::incident::{self, Incident};

/// Folded events.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// Deployments, by first index.
    pub deployments: Vec<Deployment>,
    /// Approvals, test results and reviews, in ledger order.
    pub evidence: Evidence,
    /// Incidents, by first index.
    pub incidents: Vec<Incident>,
    /// Tiers that environments were recorded with.
    pub tiers: BTreeMap<EnvironmentName, Tier>,
}

impl Facts {
    /// From events, ascending by index and of any mixture.
    pub fn fold(records: &[Recorded]) -> Self {
        Self {
            deployments: deployment::fold(records),
            evidence: evidence::fold(records),
            incidents: incident::fold(records),
            tiers: tiers(records),
        }
    }

    /// How close an environment is to users: as recorded, else by the names that are common for it.
    pub fn tier(&self, environment: &EnvironmentName) -> Option<Tier> {
        self.tiers
            .get(environment)
            .copied()
            .or_else(|| by_name(environment.as_str()))
    }
}

fn tiers(records: &[Recorded]) -> BTreeMap<EnvironmentName, Tier> {
    let mut tiers = BTreeMap::new();
    for record in records {
        let event = &record.event;
        if let (Body::Environment { name, .. }, Some(tier)) = (&event.body, event.extension.tier) {
            let names = [
                event.environment.as_ref().map(ToString::to_string),
                name.clone(),
                Some(event.subject_id.clone()),
            ];
            for name in names.into_iter().flatten() {
                if let Ok(name) = name.parse() {
                    tiers.insert(name, tier);
                }
            }
        }
    }
    tiers
}

fn by_name(name: &str) -> Option<Tier> {
    let words = || {
        name.split(|c: char| !c.is_ascii_alphanumeric())
            .map(str::to_ascii_lowercase)
    };
    let any = |names: &[&str]| words().any(|word| names.contains(&word.as_str()));
    if any(&["staging", "stage", "preprod", "preproduction", "uat", "acceptance"]) {
        Some(Tier::Staging)
    } else if any(&["test", "testing", "qa", "ci", "integration"]) {
        Some(Tier::Testing)
    } else if any(&["dev", "development", "sandbox", "local"]) {
        Some(Tier::Development)
    } else {
        any(&["production", "prod", "live"]).then_some(Tier::Production)
    }
}
