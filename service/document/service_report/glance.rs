//! The main numbers in words, each beside that of the period before. A number of too few is told as a fraction, one of
//! nothing as "no data".

use std::cmp::Ordering;

use serde::Serialize;

use crate::domain::words::{count, span};
use crate::metrics::{ChangeFailRate, Distribution, Performance, Ratio};

/// What stands where there is nothing to count.
const NO_DATA: &str = "no data";

/// One number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Glance {
    /// The metric, by the name that DORA gives it where it is one of theirs.
    pub metric: &'static str,
    /// Its value.
    pub value: String,
    /// What it was counted over.
    pub n: String,
    /// Its value in the period before.
    pub previous: String,
    /// What has changed, in words.
    pub change: &'static str,
    /// What the reader should know about it.
    pub quality: Option<String>,
    /// The deployments or incidents behind it, by their first entries.
    pub indexes: Vec<u64>,
}

/// The main numbers of a period beside those of the period before.
pub fn at_a_glance(now: &Performance, before: &Performance) -> Vec<Glance> {
    let frequency = &now.deployment_frequency;
    let (lead, fail) = (&now.change_lead_time, &now.change_fail_rate);
    let recovery = &now.failed_deployment_recovery_time;
    let approval = &now.approval_lead_time;
    vec![
        Glance {
            metric: "Deployment frequency",
            value: count(frequency.count, "deployment"),
            n: format!("{} of {} with one", frequency.active_days, count(frequency.days, "day")),
            previous: count(before.deployment_frequency.count, "deployment"),
            change: direction(Some(frequency.count), Some(before.deployment_frequency.count)),
            quality: of_number(
                frequency.redeploys.len(),
                "redeploy is not counted",
                "redeploys are not counted",
            ),
            indexes: frequency.deployments.iter().copied().collect(),
        },
        Glance {
            metric: "Change lead time",
            value: times(&lead.commits),
            n: count(lead.commits.n, "commit"),
            previous: times(&before.change_lead_time.commits),
            change: direction_of(&lead.commits, &before.change_lead_time.commits),
            quality: of_number(lead.without_time, "commit has no time", "commits have no time").or_else(|| {
                let one = "commit claims to be younger than its deployment";
                of_number(lead.negative, one, "commits claim to be younger than their deployment")
            }),
            indexes: lead.commits.deployments.iter().copied().collect(),
        },
        Glance {
            metric: "Change fail rate",
            value: range(fail),
            n: count(fail.n, "deployment"),
            previous: range(&before.change_fail_rate),
            change: direction(part(&fail.lower), part(&before.change_fail_rate.lower)),
            quality: of_number(fail.immature.n, "is too young to tell", "are too young to tell"),
            indexes: fail.upper.deployments.iter().copied().collect(),
        },
        Glance {
            metric: "Failed deployment recovery time",
            value: times(&recovery.recovered),
            n: count(recovery.recovered.n, "failure"),
            previous: times(&before.failed_deployment_recovery_time.recovered),
            change: direction_of(&recovery.recovered, &before.failed_deployment_recovery_time.recovered),
            quality: of_number(
                recovery.open.len(),
                "failure is open and not in it",
                "failures are open and not in it",
            ),
            indexes: recovery.recovered.deployments.iter().copied().collect(),
        },
        ratio(
            "Deployment rework rate",
            &now.deployment_rework_rate,
            &before.deployment_rework_rate,
        ),
        ratio(
            "Deployment success rate",
            &now.success_rate.succeeded,
            &before.success_rate.succeeded,
        ),
        ratio("Emergency changes", &now.emergency_ratio, &before.emergency_ratio),
        Glance {
            metric: "Approval lead time",
            value: times(&approval.approvals),
            n: count(approval.approvals.n, "approval"),
            previous: times(&before.approval_lead_time.approvals),
            change: direction_of(&approval.approvals, &before.approval_lead_time.approvals),
            quality: of_number(
                approval.without_request.len(),
                "without a recorded request",
                "without a recorded request",
            )
            .or_else(|| {
                let one = "claims to be older than its request";
                of_number(approval.negative.len(), one, "claim to be older than their request")
            }),
            indexes: approval.approvals.deployments.iter().copied().collect(),
        },
    ]
}

fn ratio(metric: &'static str, now: &Ratio, before: &Ratio) -> Glance {
    Glance {
        metric,
        value: share(now),
        n: count(now.n, "deployment"),
        previous: share(before),
        change: direction(part(now), part(before)),
        quality: None,
        indexes: now.deployments.iter().copied().collect(),
    }
}

/// How a value compares; it does not say whether that is better.
fn direction<T: PartialOrd>(now: Option<T>, before: Option<T>) -> &'static str {
    match (now, before) {
        (Some(now), Some(before)) => match now.partial_cmp(&before) {
            Some(Ordering::Less) => "less",
            Some(Ordering::Greater) => "more",
            Some(Ordering::Equal) | None => "the same",
        },
        (Some(_), None) => "no data before",
        (None, Some(_)) => "no data now",
        (None, None) => NO_DATA,
    }
}

/// The same of medians, as they are printed: what reads the same is the same.
fn direction_of(now: &Distribution, before: &Distribution) -> &'static str {
    match (now.median_ms, before.median_ms) {
        (Some(now), Some(before)) if span(now) == span(before) => "the same",
        (now, before) => direction(now, before),
    }
}

/// In thousandths, as a percentage is printed.
fn part(ratio: &Ratio) -> Option<f64> {
    (ratio.n > 0).then(|| (ratio.count as f64 / ratio.n as f64 * 1000.0).round())
}

/// A number with the words for one or for several; none for 0.
pub(super) fn of_number(n: usize, one: &str, many: &str) -> Option<String> {
    match n {
        0 => None,
        1 => Some(format!("1 {one}")),
        n => Some(format!("{n} {many}")),
    }
}

pub(super) fn share(ratio: &Ratio) -> String {
    match (ratio.n, ratio.rate) {
        (0, _) => NO_DATA.to_owned(),
        (n, None) => format!("{} of {n}", ratio.count),
        (_, Some(rate)) => percent(rate),
    }
}

fn percent(rate: f64) -> String {
    format!("{:.1} %", rate * 100.0)
}

pub(super) fn range(fail: &ChangeFailRate) -> String {
    let (lower, upper) = (&fail.lower, &fail.upper);
    match (fail.n, lower.rate, upper.rate) {
        (0, _, _) => NO_DATA.to_owned(),
        _ if lower.count == upper.count => share(lower),
        (_, Some(low), Some(high)) => format!("{} to {}", percent(low), percent(high)),
        (n, _, _) => format!("{} to {} of {n}", lower.count, upper.count),
    }
}

pub(super) fn times(times: &Distribution) -> String {
    match (times.median_ms, times.p75_ms, times.p90_ms) {
        (Some(median), Some(p75), Some(p90)) if times.n > 1 => {
            format!("median {} (p75 {}, p90 {})", span(median), span(p75), span(p90))
        }
        (Some(only), _, _) => span(only),
        (None, _, _) => NO_DATA.to_owned(),
    }
}
