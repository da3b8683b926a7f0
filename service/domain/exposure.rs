//! How much a deployment asks of users: how long they do without the service, how risky it was judged to be, and what share of them it
//! reaches.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::deployment::{Deployment, Said, said_first, said_last};
use super::extension::Extension;
use super::instant::Instant;

/// How long users do without the service because of a deployment. At least one member is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Downtime {
    /// As planned before, in minutes; 0 if none is expected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub planned_minutes: Option<u32>,
    /// As it came, in minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actual_minutes: Option<u32>,
}

/// How risky a deployment is, as assessed before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Risk {
    /// How much.
    pub level: RiskLevel,
    /// What may go wrong, and what is done about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// How much risk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum RiskLevel {
    /// Little.
    Low,
    /// Some.
    Medium,
    /// Much.
    High,
}

/// What share of users a deployment reaches from the time of the event on, where it is brought to them step by step or stands behind a
/// flag.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Rollout {
    /// In percent, from 0 (switched off) to 100.
    #[schema(maximum = 100)]
    pub share_percent: u8,
    /// How it is done, such as `canary`, `blue-green` or `flag`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strategy: Option<String>,
}

/// What is said of it about a deployment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Exposure {
    /// Minutes of downtime that were planned, as first said.
    pub planned_minutes: Option<Said<u32>>,
    /// Minutes of downtime that there were, as last said.
    pub actual_minutes: Option<Said<u32>>,
    /// The risk, as first said.
    pub risk: Option<Said<Risk>>,
    /// Every share that it reached, in ledger order.
    pub rollout: Vec<Said<Rollout>>,
}

/// The same for a reader.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ExposureView {
    /// How long users do without the service.
    pub downtime: Option<Downtime>,
    /// How risky it was judged to be.
    pub risk: Option<Risk>,
    /// The shares of users that it reached, in ledger order.
    pub rollout: Vec<Stage>,
}

/// A share of users that a deployment reached from a time on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Stage {
    /// From when on, as claimed.
    #[schema(value_type = String, format = DateTime)]
    pub at: Instant,
    /// Index of the entry that says so.
    pub index: u64,
    /// The share.
    #[serde(flatten)]
    pub rollout: Rollout,
}

impl Exposure {
    /// Adds what an entry about the deployment says.
    pub(super) fn add(&mut self, index: u64, said: &Extension) {
        if let Some(downtime) = &said.downtime {
            said_first(&mut self.planned_minutes, index, downtime.planned_minutes.as_ref());
            said_last(&mut self.actual_minutes, index, downtime.actual_minutes.as_ref());
        }
        said_first(&mut self.risk, index, said.risk.as_ref());
        let rollout = said.rollout.iter().cloned();
        self.rollout.extend(rollout.map(|value| Said { value, index }));
    }
}

impl ExposureView {
    /// Of a deployment.
    pub fn of(deployment: &Deployment) -> Self {
        let said = &deployment.exposure;
        let minutes = |said: &Option<Said<u32>>| said.as_ref().map(|said| said.value);
        Self {
            downtime: Downtime::of(minutes(&said.planned_minutes), minutes(&said.actual_minutes)),
            risk: said.risk.as_ref().map(|said| said.value.clone()),
            rollout: stages(deployment).collect(),
        }
    }
}

impl Deployment {
    /// The share of users that it reached at a time, by claim; none where nothing was said of that until then.
    pub fn share_at(&self, at: Instant) -> Option<u8> {
        let until_then = stages(self).filter(|stage| stage.at <= at);
        let last = until_then.max_by_key(|stage| (stage.at, stage.index));
        last.map(|stage| stage.rollout.share_percent)
    }
}

fn stages(deployment: &Deployment) -> impl Iterator<Item = Stage> {
    let of = |index: u64| deployment.statements.iter().find(move |said| said.index == index);
    deployment.exposure.rollout.iter().filter_map(move |said| {
        Some(Stage {
            at: of(said.index)?.occurred_at,
            index: said.index,
            rollout: said.value.clone(),
        })
    })
}

impl Downtime {
    /// Of these minutes; none where neither is known.
    pub fn of(planned_minutes: Option<u32>, actual_minutes: Option<u32>) -> Option<Self> {
        let downtime = Self {
            planned_minutes,
            actual_minutes,
        };
        downtime.fault().is_none().then_some(downtime)
    }

    /// What is wrong with it.
    pub fn fault(&self) -> Option<&'static str> {
        let told = self.planned_minutes.or(self.actual_minutes).is_some();
        (!told).then_some("must hold planned_minutes or actual_minutes")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::ServiceStep;
    use crate::domain::fixture::{Ledger, at, human};

    fn downtime(planned_minutes: Option<u32>, actual_minutes: Option<u32>) -> Option<Downtime> {
        Some(Downtime {
            planned_minutes,
            actual_minutes,
        })
    }

    fn rollout(share_percent: u8) -> Extension {
        Extension {
            rollout: Some(Rollout {
                share_percent,
                strategy: Some("canary".to_owned()),
            }),
            ..Extension::default()
        }
    }

    #[test]
    fn a_plan_is_taken_as_first_said_and_what_came_as_last_said() {
        let mut ledger = Ledger::default();
        let begun = Extension {
            downtime: downtime(Some(5), None),
            ..Extension::default()
        };
        ledger.start(0, "d", "1", begun);
        let end = &mut ledger.finish(9, "d", "1", crate::domain::Outcome::Success).event;
        end.extension.downtime = downtime(Some(60), Some(7));
        let view = ExposureView::of(&ledger.deployment("d"));
        assert_eq!(view.downtime, downtime(Some(5), Some(7)));
        assert_eq!((view.risk, view.rollout), (None, vec![]));
    }

    #[test]
    fn the_share_is_the_last_one_claimed_until_then() {
        let mut ledger = Ledger::default();
        ledger.start(0, "d", "1", rollout(10));
        ledger.finish(9, "d", "1", crate::domain::Outcome::Success);
        // Told late: it was wider for a while.
        for (minutes, share) in [(60, 0), (30, 50)] {
            let told = &mut ledger.service(minutes, ServiceStep::Published, Some("2")).event;
            told.extension = Extension {
                deployment_id: Some("d".parse().unwrap()),
                version: Some("2".to_owned()),
                actor: Some(human("eve")),
                ..rollout(share)
            };
        }
        let deployment = ledger.deployment("d");
        let shares = [-1, 0, 29, 30, 59, 60, 600].map(|minutes| deployment.share_at(at(minutes)));
        assert_eq!(shares, [None, Some(10), Some(10), Some(50), Some(50), Some(0), Some(0)]);
        assert_eq!(ExposureView::of(&deployment).rollout.len(), 3);
        assert_eq!(
            (deployment.finished_at(), deployment.label(), &deployment.actor),
            (Some(at(9)), "1".to_owned(), &None),
            "a later stage says nothing else"
        );
    }
}
