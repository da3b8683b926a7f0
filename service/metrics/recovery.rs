//! Failed deployment recovery time: how long users had to wait. A failure that goes on must never be dropped, nor
//! count as 0; it is listed with its age.

use std::collections::BTreeSet;

use serde::Serialize;
use utoipa::ToSchema;

use super::failure::Recovery;
use super::population::Population;
use super::quantile::Distribution;
use crate::domain::Instant;

/// How failed deployments were recovered from, those within the maturity window too: that they failed is known.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct RecoveryTime {
    /// Deployments that failed for certain.
    pub failed: usize,
    /// From the end of the deployment to its repair, or to the end of all that it caused, whichever came first; also
    /// where that was after the period.
    pub recovered: Distribution,
    /// The same from when harm was first felt or noticed, of those with an incident.
    pub from_harm: Distribution,
    /// Each failure that is over, in the order of the deployments' ends.
    pub recoveries: Vec<RecoveredFailure>,
    /// Failures that are not known to be over, the oldest first.
    pub open: Vec<OpenFailure>,
    /// Age of the oldest of them.
    pub oldest_open_ms: Option<i64>,
    /// Failures left out because all that ended them claims to have been before the deployment was done: a defect of
    /// the data.
    pub over_before_end: BTreeSet<u64>,
}

/// A failure that is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct RecoveredFailure {
    /// The deployment.
    pub deployment: u64,
    /// The incidents that it caused.
    pub incidents: BTreeSet<u64>,
    /// When it was over.
    #[schema(value_type = String, format = DateTime)]
    pub recovered_at: Instant,
    /// From the end of the deployment until then.
    pub recovery_ms: i64,
}

/// A failure that is not known to be over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct OpenFailure {
    /// The deployment.
    pub deployment: u64,
    /// The incidents that it caused.
    pub incidents: BTreeSet<u64>,
    /// When it was done, as claimed.
    #[schema(value_type = String, format = DateTime)]
    pub finished_at: Instant,
    /// How long it has gone on, as of the time of the report.
    pub age_ms: i64,
}

impl RecoveryTime {
    pub(super) fn of(population: &Population<'_>) -> Self {
        let failures = population.scope.failures;
        let mut found = Self::default();
        let (mut recovered, mut from_harm) = (Vec::new(), Vec::new());
        for ended in population.changes() {
            let index = ended.deployment.index;
            if !failures.is_known(index) {
                continue;
            }
            found.failed += 1;
            match failures.recovery(index, ended.at) {
                Recovery::Recovered(at) => {
                    let recovery_ms = at.millis_since(ended.at);
                    recovered.push((index, recovery_ms));
                    found.recoveries.push(RecoveredFailure {
                        deployment: index,
                        incidents: failures.incidents(index),
                        recovered_at: at,
                        recovery_ms,
                    });
                    let harm = failures.harm_began(index).map(|began| at.millis_since(began));
                    from_harm.extend(harm.filter(|millis| *millis >= 0).map(|millis| (index, millis)));
                }
                Recovery::Open => {
                    let as_of = population.scope.as_of.unwrap_or(ended.at);
                    found.open.push(OpenFailure {
                        deployment: index,
                        incidents: failures.incidents(index),
                        finished_at: ended.at,
                        // A producer's clock may be ahead of the ledger's.
                        age_ms: as_of.millis_since(ended.at).max(0),
                    });
                }
                Recovery::BeforeItsEnd => {
                    found.over_before_end.insert(index);
                }
            }
        }
        found.recovered = Distribution::of(&recovered);
        found.from_harm = Distribution::of(&from_harm);
        // They are in the order of their ends.
        found.oldest_open_ms = found.open.first().map(|open| open.age_ms);
        found
    }
}
