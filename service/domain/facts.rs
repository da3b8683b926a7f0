//! Everything that checks and documents read, folded from the events of one reading of the ledger.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::alias::Aliases;
use super::attestation::{self, Attestation};
use super::change::{self, MergedChange};
use super::conclusion::Conclusions;
use super::dependency::Dependencies;
use super::deployment::{self, Deployment};
use super::event::{Body, Recorded};
use super::evidence::{self, Evidence};
use super::exception::{self, Exception};
use super::extension::Tier;
use super::gate;
use super::highlight::{self, Highlight};
use super::id::{EnvironmentName, ServiceName};
use super::incident::{self, Incident};
use super::instant::Instant;
use super::link::{self, Decided};
use super::service::Services;

/// Folded events.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// Deployments, by first index.
    pub deployments: Vec<Deployment>,
    /// Approvals, test results and reviews, in ledger order.
    pub evidence: Evidence,
    /// Incidents, by first index.
    pub incidents: Vec<Incident>,
    /// What people decided about their causes, in ledger order.
    pub decisions: Vec<Decided>,
    /// What people wrote for the top of release notes, in ledger order.
    pub highlights: Vec<Highlight>,
    /// Changes that were merged, in ledger order.
    pub merged: Vec<MergedChange>,
    /// What services need.
    pub dependencies: Dependencies,
    /// What services declare about themselves.
    pub services: Services,
    /// Which names are one person, and in which roles people stand.
    pub aliases: Aliases,
    /// Accepted deviations, in ledger order.
    pub exceptions: Vec<Exception>,
    /// What people attest, in ledger order.
    pub attestations: Vec<Attestation>,
    /// Samples that were issued, and what auditors concluded of them.
    pub conclusions: Conclusions,
    /// What the gate answered, in ledger order.
    pub gates: Vec<gate::Decided>,
    /// When the newest entry of the reading was recorded: how far the ledger can tell.
    pub recorded_until: Option<Instant>,
    /// How close environments are to users: as recorded, else by the names that are common for it.
    pub tiers: BTreeMap<EnvironmentName, Tier>,
    /// Services with any approval in the ledger, so that the absence of one means something.
    pub approved: BTreeSet<ServiceName>,
    /// Services with any test result.
    pub tested: BTreeSet<ServiceName>,
    /// Places where any deployment was verified.
    pub verified: BTreeSet<(ServiceName, EnvironmentName)>,
    /// Positions of the deployments of each service.
    of_services: HashMap<ServiceName, Vec<usize>>,
}

impl Facts {
    /// From events, ascending by index and of any mixture.
    pub fn fold(records: &[Recorded]) -> Self {
        Self::about(deployment::fold(records), records)
    }

    /// From deployments, by first index, and events about everything else, ascending by index.
    pub fn about(deployments: Vec<Deployment>, records: &[Recorded]) -> Self {
        let mut facts = Self {
            deployments,
            evidence: evidence::fold(records),
            incidents: incident::fold(records),
            decisions: link::fold(records),
            highlights: highlight::fold(records),
            merged: change::fold(records),
            dependencies: Dependencies::fold(records),
            services: Services::fold(records),
            aliases: Aliases::fold(records),
            exceptions: exception::fold(records),
            attestations: attestation::fold(records),
            conclusions: Conclusions::fold(records),
            gates: gate::fold(records),
            recorded_until: records.last().map(|record| record.recorded_at),
            tiers: tiers(records),
            ..Self::default()
        };
        let evidence = &facts.evidence;
        facts.approved = evidence
            .approvals
            .iter()
            .filter_map(|a| a.binding.service.clone())
            .collect();
        facts.tested = evidence
            .tests
            .iter()
            .filter_map(|t| t.binding.service.clone())
            .collect();
        for (at, deployment) in facts.deployments.iter().enumerate() {
            facts
                .of_services
                .entry(deployment.service.clone())
                .or_default()
                .push(at);
            // Of each service, and each place, the first is enough.
            let service = &deployment.service;
            if !facts.approved.contains(service) && !evidence.approvals_of(deployment).is_empty() {
                facts.approved.insert(service.clone());
            }
            if !facts.tested.contains(service) && !evidence.tests_of(deployment).is_empty() {
                facts.tested.insert(service.clone());
            }
            let place = (service.clone(), deployment.environment.clone());
            if !facts.verified.contains(&place) && !evidence.verifications_of(deployment).is_empty() {
                facts.verified.insert(place);
            }
            if !facts.tiers.contains_key(&deployment.environment)
                && let Some(tier) = usual_tier(deployment.environment.as_str())
            {
                facts.tiers.insert(deployment.environment.clone(), tier);
            }
        }
        facts
    }

    /// The deployment with this [`Deployment::index`].
    pub fn deployment(&self, index: u64) -> Option<&Deployment> {
        let at = self.deployments.binary_search_by_key(&index, |found| found.index);
        at.ok().map(|at| &self.deployments[at])
    }

    /// The deployments of a service, by first index.
    pub fn of_service(&self, service: &ServiceName) -> impl Iterator<Item = &Deployment> {
        let positions = self.of_services.get(service).into_iter().flatten();
        positions.map(|at| &self.deployments[*at])
    }

    /// How close an environment is to users, where that is known.
    pub fn tier(&self, environment: &EnvironmentName) -> Option<Tier> {
        self.tiers.get(environment).copied()
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

/// How close to users an environment of this name usually is: of several words, the one that asks for most counts.
pub fn usual_tier(name: &str) -> Option<Tier> {
    let words = || {
        name.split(|c: char| !c.is_ascii_alphanumeric())
            .map(str::to_ascii_lowercase)
    };
    let any = |names: &[&str]| words().any(|word| names.contains(&word.as_str()));
    if any(&["production", "prod", "live"]) {
        Some(Tier::Production)
    } else if any(&["staging", "stage", "preprod", "preproduction", "uat", "acceptance"]) {
        Some(Tier::Staging)
    } else if any(&["test", "testing", "qa", "ci", "integration"]) {
        Some(Tier::Testing)
    } else {
        any(&["dev", "development", "sandbox", "local"]).then_some(Tier::Development)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_several_words_the_one_that_asks_for_most_counts() {
        for name in ["prod-ci", "live-test", "qa-prod", "production/integration", "PROD"] {
            assert_eq!(usual_tier(name), Some(Tier::Production), "{name}");
        }
        for (name, tier) in [
            ("staging-dev", Tier::Staging),
            ("ci-local", Tier::Testing),
            ("dev", Tier::Development),
        ] {
            assert_eq!(usual_tier(name), Some(tier), "{name}");
        }
        assert_eq!(usual_tier("product-ci-x1"), Some(Tier::Testing));
        assert_eq!(usual_tier("reproduction"), None);
    }
}
