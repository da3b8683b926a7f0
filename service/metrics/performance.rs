//! All numbers over one population, side by side: no single one of them says how well software is delivered.

use std::collections::BTreeSet;

use serde::Serialize;
use utoipa::ToSchema;

use super::approval::ApprovalLeadTime;
use super::change_fail::ChangeFailRate;
use super::frequency::Frequency;
use super::incidents::IncidentCounts;
use super::lead_time::LeadTime;
use super::population::{Population, indexes};
use super::ratio::Ratio;
use super::recovery::RecoveryTime;
use crate::domain::deployment::{Deployment, Role};
use crate::domain::extension::DeploymentKind;
use crate::domain::{Outcome, ServiceName};

/// The numbers. Deployments are named by the index of their first entry, and so are incidents.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Performance {
    /// How often.
    pub deployment_frequency: Frequency,
    /// How fast.
    pub change_lead_time: LeadTime,
    /// How often somebody had to step in afterwards.
    pub change_fail_rate: ChangeFailRate,
    /// How long that took.
    pub failed_deployment_recovery_time: RecoveryTime,
    /// Which part of the successes, redeploys among them, was unplanned work on what had gone wrong.
    pub deployment_rework_rate: Ratio,
    /// Which part of the attempts succeeded.
    pub success_rate: SuccessRate,
    /// Which part of the successes, redeploys among them, could not wait for the usual approval.
    pub emergency_ratio: Ratio,
    /// How long changes waited for approvals, and for their deployment after that.
    pub approval_lead_time: ApprovalLeadTime,
    /// Incidents that began in the period.
    pub incidents: IncidentCounts,
}

/// The numbers of one service.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ServicePerformance {
    /// The service.
    #[schema(value_type = String)]
    pub service: ServiceName,
    /// Its numbers.
    pub performance: Performance,
}

/// How attempts ended. An attempt that did not succeed is not a change that failed: users need not have noticed.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct SuccessRate {
    /// Those that succeeded, out of those that succeeded or failed.
    pub succeeded: Ratio,
    /// Those that failed or could not run.
    pub failed: BTreeSet<u64>,
    /// Those that were cancelled, counted in neither.
    pub cancelled: BTreeSet<u64>,
}

impl Performance {
    pub(super) fn of(population: &Population<'_>) -> Self {
        let n = population.succeeded().count();
        let rework = population.succeeded().filter(|ended| is_rework(ended.deployment));
        let emergency = |deployment: &Deployment| deployment.kind.kind == DeploymentKind::Emergency;
        let emergencies = population.succeeded().filter(|ended| emergency(ended.deployment));
        Self {
            deployment_frequency: Frequency::of(population),
            change_lead_time: LeadTime::of(population),
            change_fail_rate: ChangeFailRate::of(population),
            failed_deployment_recovery_time: RecoveryTime::of(population),
            deployment_rework_rate: Ratio::of(indexes(rework), n),
            success_rate: SuccessRate::of(population),
            emergency_ratio: Ratio::of(indexes(emergencies), n),
            approval_lead_time: ApprovalLeadTime::of(population),
            incidents: IncidentCounts::of(population),
        }
    }
}

impl SuccessRate {
    fn of(population: &Population<'_>) -> Self {
        let (mut succeeded, mut failed, mut cancelled) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for ended in &population.ended {
            let among = match ended.deployment.outcome() {
                Some(Outcome::Success) => &mut succeeded,
                Some(Outcome::Failure | Outcome::Error) => &mut failed,
                Some(Outcome::Cancel) => &mut cancelled,
                None => continue,
            };
            among.insert(ended.deployment.index);
        }
        let n = succeeded.len() + failed.len();
        Self {
            succeeded: Ratio::of(succeeded, n),
            failed,
            cancelled,
        }
    }
}

/// Whether a deployment was work that something gone wrong had made necessary. A reason is prose; only one that is
/// nothing but `bug` or `incident` is taken for a class.
fn is_rework(deployment: &Deployment) -> bool {
    let unplanned = deployment.planned.as_ref().is_some_and(|planned| !planned.value);
    let by_reason = deployment.reason.as_ref().is_some_and(|reason| {
        let reason = reason.value.trim();
        reason.eq_ignore_ascii_case("bug") || reason.eq_ignore_ascii_case("incident")
    });
    let by_kind = deployment.kind.kind == DeploymentKind::Hotfix || deployment.lineage.role == Role::Back;
    (unplanned && by_reason) || by_kind || deployment.remediates.is_some()
}
