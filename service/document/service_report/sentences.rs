//! The sentences of a service report.

use super::glance::{of_number, range, times};
use super::stability::without_incidents;
use super::{Backlog, Control, Decision, ServiceReportInput, Stability, is_here};
use crate::document::open_period;
use crate::document::rows::{DeploymentRow, IncidentRow};
use crate::domain::deployment::Deployment;
use crate::domain::words::{count, list, span};
use crate::metrics::Performance;

/// Most services that a sentence names.
const NAMED: usize = 10;

pub(super) fn title(input: &ServiceReportInput<'_>) -> String {
    let services: Vec<String> = input.services.iter().map(ToString::to_string).collect();
    let subject = match services.len() {
        0 => "all services".to_owned(),
        1..=3 => list(&services),
        n => format!("{n} services"),
    };
    let subject = match input.team {
        Some(team) => format!("{subject} of team {team}"),
        None => subject,
    };
    let (first, after) = (
        input.period.day(input.period.from),
        input.period.day(input.period.to.plus_millis(-1)),
    );
    format!("Service report: {subject} in {}, {first} to {after}", input.environment)
}

pub(super) fn summary(
    input: &ServiceReportInput<'_>,
    (now, before): (&Performance, &Performance),
    stability: &Stability,
    ended: &[&Deployment],
) -> Vec<String> {
    let frequency = &now.deployment_frequency;
    if ended.is_empty() {
        let incidents = match now.incidents.count {
            0 => "no incident began".to_owned(),
            n => format!("{} began", count(n, "incident")),
        };
        let mut sentences = vec![format!("Nothing was deployed in this period, and {incidents}.")];
        sentences.extend(open_period(&input.period, input.recorded_until));
        sentences.extend(still_open(stability));
        return sentences;
    }
    let against = match before.deployment_frequency.count {
        0 => "were none".to_owned(),
        1 => "was 1".to_owned(),
        n => format!("were {n}"),
    };
    // Fewer before may mean that nobody kept a record yet; what was recorded later counts by its claim.
    let claimed = input.facts.deployments.iter().filter(|d| is_here(input, d));
    let begins = claimed.map(Deployment::start_at).chain(input.recorded_from).min();
    let begins = begins.filter(|at| *at > input.period.previous().from);
    let begins = begins.map(|at| {
        format!(
            ", of which the ledger holds only what came since {},",
            input.period.day(at)
        )
    });
    let mut sentences = vec![format!(
        "{} reached users on {}; in the period before{} there {against}.",
        count(frequency.count, "deployment"),
        count(frequency.active_days, "day"),
        begins.unwrap_or_default(),
    )];
    if now.change_lead_time.commits.n > 0 {
        sentences.push(format!(
            "From commit to users: {}.",
            times(&now.change_lead_time.commits)
        ));
    }
    let fail = &now.change_fail_rate;
    if fail.n > 0 {
        let suspected = fail.upper.count - fail.lower.count;
        let suspected = match suspected {
            0 => String::new(),
            n => format!("; {n} of them only suspected"),
        };
        // A fraction tells of how many itself.
        let of = match (fail.lower.rate, fail.n) {
            (Some(_), n) => format!("of {} that are", count(n, "deployment")),
            (None, 1) => "deployment that is".to_owned(),
            (None, _) => "deployments that are".to_owned(),
        };
        sentences.push(format!(
            "Change fail rate: {} {of} old enough to tell{suspected}.",
            range(fail)
        ));
    }
    let open = stability
        .failed
        .iter()
        .filter(|failed| failed.open_for_ms.is_some())
        .count();
    if open > 0 {
        sentences.push(format!("{} not known to be over.", are(open, "failure")));
    }
    sentences.extend(still_open(stability));
    if !stability.unattributed.is_empty() {
        sentences.push(format!(
            "{} without an explanation.",
            are(stability.unattributed.len(), "incident")
        ));
    }
    sentences
}

/// Sentences on what goes on although no deployment of the period is blamed for it.
fn still_open(stability: &Stability) -> Vec<String> {
    let mut sentences = Vec::new();
    let failures = stability.still_failing.iter();
    let failures = failures.filter(|failed| failed.open_for_ms.is_some()).count();
    if failures > 0 {
        sentences.push(format!(
            "{} of deployments before the period {} not known to be over.",
            count(failures, "failure"),
            verb(failures)
        ));
    }
    let mut open = |rows: &[&[IncidentRow]], but: &str| {
        let rows = rows.iter().copied().flatten();
        let open = rows.filter(|row| row.resolved_at.is_none()).count();
        if open > 0 {
            sentences.push(format!("{} open that {but}.", are(open, "incident")));
        }
    };
    let of_period = [stability.other_incidents.as_slice(), &stability.unattributed];
    open(&of_period, "no deployment of the period is linked to");
    open(&[&stability.earlier_incidents], "began before the period");
    sentences
}

fn are(n: usize, what: &str) -> String {
    format!("{} {}", count(n, what), verb(n))
}

const fn verb(n: usize) -> &'static str {
    if n == 1 { "is" } else { "are" }
}

pub(super) fn decisions(
    stability: &Stability,
    control: &Control,
    backlog: &Backlog,
    next: &[DeploymentRow],
) -> Vec<Decision> {
    let mut decisions = Vec::new();
    for failed in stability.failed.iter().chain(&stability.still_failing) {
        if let Some(age) = failed.open_for_ms {
            decisions.push(Decision {
                text: format!(
                    "{} {} failed and is not known to be repaired, {} after it went live.",
                    failed.deployment.service,
                    failed.deployment.label,
                    span(age)
                ),
                indexes: failed.deployment.indexes.clone(),
            });
        }
    }
    let mut open = |rows: &[IncidentRow], when: &str| {
        let rows = rows.iter().filter(|row| row.resolved_at.is_none());
        decisions.extend(rows.map(|row| Decision {
            text: format!(
                "Incident {} began {when} the period and is not known to be over.",
                row.id
            ),
            indexes: row.indexes.clone(),
        }));
    };
    open(&stability.other_incidents, "in");
    open(&stability.unattributed, "in");
    open(&stability.earlier_incidents, "before");
    if backlog.suggestions > 0 {
        let earlier = of_number(
            backlog.earlier,
            "of them about an incident of before the period",
            "of them about incidents of before the period",
        );
        decisions.push(Decision {
            text: format!(
                "{} between incidents and deployments {} for a review{}; until then the change fail rate is a range.{}",
                count(backlog.suggestions, "suggested link"),
                if backlog.suggestions == 1 { "waits" } else { "wait" },
                earlier.map(|earlier| format!(", {earlier}")).unwrap_or_default(),
                if backlog.more {
                    " Still older incidents were not looked at."
                } else {
                    ""
                },
            ),
            indexes: backlog.incidents.iter().copied().collect(),
        });
    }
    if !stability.unattributed.is_empty() {
        decisions.push(Decision {
            text: format!(
                "{} linked to no deployment. Say what caused them, or that no deployment did.",
                are(stability.unattributed.len(), "incident")
            ),
            indexes: stability
                .unattributed
                .iter()
                .flat_map(|row| row.indexes.clone())
                .collect(),
        });
    }
    for row in control.results.iter().filter(|row| !row.failed.is_empty()) {
        decisions.push(Decision {
            text: format!(
                "No evidence for {} ({}): {}.",
                count(row.failed.len(), "attempt"),
                row.id,
                row.title
            ),
            indexes: row.failed.clone(),
        });
    }
    for row in next.iter().filter(|row| row.status == "started") {
        decisions.push(Decision {
            text: format!("{} {} was started and no end is recorded.", row.service, row.label),
            indexes: row.indexes.clone(),
        });
    }
    decisions
}

pub(super) fn data_notes(input: &ServiceReportInput<'_>, performance: &Performance) -> Vec<String> {
    let mut notes: Vec<String> = open_period(&input.period, input.recorded_until).into_iter().collect();
    let (frequency, lead) = (&performance.deployment_frequency, &performance.change_lead_time);
    let fail = &performance.change_fail_rate;
    let mut note = |n: usize, one: &str, many: &str| notes.extend(of_number(n, one, many));
    note(
        frequency.series.iter().filter(|bucket| bucket.partial).count(),
        "of the days, weeks or months shown is cut by the period, or not over; it is marked with *.",
        "of the days, weeks or months shown are cut by the period, or not over; they are marked with *.",
    );
    note(
        frequency.baselines.len(),
        "deployment is the first known of its service; what it brought has no lead time.",
        "deployments are the first known of their service; what they brought has no lead time.",
    );
    note(
        lead.without_time,
        "commit has no time, and is in no lead time.",
        "commits have no time, and are in no lead time.",
    );
    note(
        lead.negative,
        "commit claims to be younger than the deployment that brought it, and is in no lead time.",
        "commits claim to be younger than the deployment that brought them, and are in no lead time.",
    );
    note(
        fail.immature.n,
        "deployment is younger than three days: a failure of it may not have been found yet, and it is not in the change fail rate.",
        "deployments are younger than three days: failures of theirs may not have been found yet, and they are not in the change fail rate.",
    );
    note(
        fail.disputed.len(),
        "deployment has a disputed link, and counts neither as failed nor as suspected.",
        "deployments have a disputed link, and count neither as failed nor as suspected.",
    );
    let silent = without_incidents(input);
    if !silent.is_empty() {
        let more = silent.len().saturating_sub(NAMED);
        let mut named: Vec<String> = silent.into_iter().take(NAMED).collect();
        if more > 0 {
            named.push(format!("{more} more"));
        }
        notes.push(format!(
            "The ledger has no incident of {}: nothing failed, or nobody reports it there.",
            list(&named)
        ));
    }
    notes
}
