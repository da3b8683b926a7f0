//! Change fail rate: which part of the changes needed somebody to step in. A range, because some links between
//! incidents and deployments are only suggested; and never of incidents over deployments.

use std::collections::BTreeSet;

use serde::Serialize;
use utoipa::ToSchema;

use super::population::{Ended, Population, indexes};
use super::ratio::Ratio;

const HOUR_MS: i64 = 3_600_000;

/// Which part of the successful deployments failed afterwards; rollbacks and redeploys are not among them.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ChangeFailRate {
    /// Deployments that are old enough to tell.
    pub n: usize,
    /// Those that failed for certain: an incident was linked to them by name or by a person, or they were rolled back or
    /// repaired.
    pub lower: Ratio,
    /// With those that the rules suspect strongly and that nobody has looked at.
    pub upper: Ratio,
    /// Deployments that are too young to tell.
    pub immature: Immature,
    /// Those whose link somebody objects to, counted in neither.
    pub disputed: BTreeSet<u64>,
    /// Failures that are none of these changes: attempts without success, rollbacks and redeploys that an incident is
    /// linked to.
    pub outside: BTreeSet<u64>,
    /// Those that are old enough to tell.
    pub deployments: BTreeSet<u64>,
}

/// Deployments within the maturity window: they may only look healthy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Immature {
    /// How many.
    pub n: usize,
    /// How many of them failed for certain.
    pub lower: usize,
    /// How many may have failed.
    pub upper: usize,
    /// Which.
    pub deployments: BTreeSet<u64>,
}

impl ChangeFailRate {
    pub(super) fn of(population: &Population<'_>) -> Self {
        let failures = population.scope.failures;
        let known = |ended: &Ended<'_>| failures.is_known(ended.deployment.index);
        let possible = |ended: &Ended<'_>| known(ended) || failures.is_suspected(ended.deployment.index);
        let (mature, young): (Vec<Ended<'_>>, Vec<Ended<'_>>) =
            population.changes().partition(|ended| is_mature(population, ended));
        let among = |ended: &[Ended<'_>], is: &dyn Fn(&Ended<'_>) -> bool| indexes(ended.iter().copied().filter(is));
        let changes = indexes(population.changes());
        let others = population.ended.iter().copied();
        let n = mature.len();
        Self {
            n,
            lower: Ratio::of(among(&mature, &known), n),
            upper: Ratio::of(among(&mature, &possible), n),
            immature: Immature {
                n: young.len(),
                lower: among(&young, &known).len(),
                upper: among(&young, &possible).len(),
                deployments: indexes(young.iter().copied()),
            },
            disputed: among(&mature, &|ended| failures.is_disputed(ended.deployment.index)),
            outside: indexes(others.filter(|ended| known(ended) && !changes.contains(&ended.deployment.index))),
            deployments: indexes(mature.into_iter()),
        }
    }
}

/// Whether the ledger goes on long enough after a deployment. Counted up to the newest entry and not to the end of the
/// period: else the last days of every period would be in no headline, ever.
fn is_mature(population: &Population<'_>, ended: &Ended<'_>) -> bool {
    let window = i64::from(population.scope.query.maturity_hours) * HOUR_MS;
    let until = population.scope.input.recorded_until;
    until.is_some_and(|until| until.millis_since(ended.at) >= window)
}
