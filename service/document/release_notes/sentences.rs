//! The sentences of release notes: the main things first, for readers who read no further.

use std::collections::BTreeSet;

use super::{IncidentRow, Previous, ReleaseNotes, Selection, is_late};
use crate::domain::Outcome;
use crate::domain::deployment::{Deployment, Effect, Role, Status};
use crate::domain::exposure::Downtime;
use crate::domain::extension::DeploymentKind;
use crate::domain::pushed::ChangeSet;
use crate::domain::words::{count, list, span};

pub(super) fn title(notes: &ReleaseNotes) -> String {
    let (service, environment, label) = (&notes.service, &notes.environment, &notes.deployment.label);
    if notes.range {
        let from = notes
            .previous
            .as_ref()
            .map_or("the beginning", |previous| previous.label.as_str());
        return format!("{service} in {environment}: from {from} to {label}");
    }
    let row = &notes.deployment;
    match (row.outcome, row.removes) {
        (Some("success"), true) => format!("{service} removed from {environment}"),
        (Some("success"), false) if row.kind == "rollback" => {
            format!("{service} rolled back to {label} in {environment}")
        }
        (Some("success"), false) => format!("{service} {label} in {environment}"),
        (Some(_), _) => format!("{service} {label}: deployment to {environment} {}", row.ended),
        (None, _) => format!("{service} {label}: deployment to {environment}, {}", row.ended),
    }
}

pub(super) fn summary(notes: &ReleaseNotes, target: &Deployment) -> Vec<String> {
    let mut sentences = vec![if notes.range {
        range_sentence(notes)
    } else {
        first_sentence(notes, target)
    }];
    sentences.extend(changes_sentence(notes, target));
    if !notes.withdrawn.is_empty() && !notes.range && target.succeeded() {
        let labels: Vec<String> = notes.withdrawn.iter().map(|w| w.label.clone()).collect();
        sentences.push(format!("The changes of {} are withdrawn.", list(&labels)));
    }
    if !notes.came_and_went.is_empty() {
        let labels: Vec<String> = notes.came_and_went.iter().map(|row| row.label.clone()).collect();
        sentences.push(format!("What {} brought came and went within it.", list(&labels)));
    }
    let replaced = notes.replaced_by.as_ref().filter(|_| !notes.range);
    let zone = notes.generated.time_zone;
    sentences.extend(replaced.and_then(|next| next.sentence(notes.environment.as_str(), zone)));
    if !notes.range {
        sentences.extend(notes.deployment.exposure.downtime.and_then(downtime_sentence));
    }
    sentences.extend(incident_sentence(notes));
    if let ([assurance], true) = (notes.assurance.as_slice(), target.status() == Status::Finished) {
        sentences.push(match assurance.failed.len() {
            0 => format!(
                "All {} that could be evaluated passed.",
                count(assurance.tested, "check")
            ),
            failed => format!(
                "{failed} of {} failed (see Assurance).",
                count(assurance.tested, "check")
            ),
        });
    }
    sentences
}

fn downtime_sentence(downtime: Downtime) -> Option<String> {
    let minutes = |minutes: u32| match minutes {
        0 => "none".to_owned(),
        minutes => span(i64::from(minutes) * 60_000),
    };
    match (downtime.planned_minutes, downtime.actual_minutes) {
        (None, None) => None,
        (Some(planned), None) => Some(format!("Downtime: {} planned.", minutes(planned))),
        (None, Some(actual)) => Some(format!(
            "Downtime: {}; what was planned is not recorded.",
            minutes(actual)
        )),
        (Some(planned), Some(actual)) => Some(format!(
            "Downtime: {} planned, {} in the end.",
            minutes(planned),
            minutes(actual)
        )),
    }
}

fn incident_sentence(notes: &ReleaseNotes) -> Option<String> {
    let established = |row: &&IncidentRow| row.link.as_ref().is_some_and(|link| link.state.is_established());
    let rows = || notes.incidents.linked.iter();
    // In a range, one incident may have several of its deployments as candidates.
    let linked: BTreeSet<&str> = rows().filter(established).map(|row| row.id.as_str()).collect();
    let all: BTreeSet<&str> = rows().map(|row| row.id.as_str()).collect();
    let open: BTreeSet<&str> = rows()
        .filter(|row| row.resolved_at.is_none())
        .map(|row| row.id.as_str())
        .collect();
    let still = match open.len() {
        0 => String::new(),
        open => format!(" ({open} open)"),
    };
    let suggested = all.len() - linked.len();
    let verb = if linked.len() == 1 { "is" } else { "are" };
    let (some, more) = (count(linked.len(), "incident"), count(suggested, "incident"));
    match (linked.len(), suggested) {
        (0, 0) => None,
        (0, _) => Some(format!(
            "{more} may be connected with it{still}; nobody has confirmed that."
        )),
        (_, 0) => Some(format!("{some} {verb} linked to it{still}.")),
        _ => Some(format!(
            "{some} {verb} linked to it, and {suggested} more may be connected{still}."
        )),
    }
}

fn first_sentence(notes: &ReleaseNotes, target: &Deployment) -> String {
    let (service, environment, label) = (&notes.service, &notes.environment, &notes.deployment.label);
    let zone = notes.generated.time_zone;
    let at = zone.to_the_minute(target.finished_at().unwrap_or_else(|| target.start_at()));
    let had_run = |previous: &Previous| {
        let length = previous
            .ran_for_ms
            .map(|ms| format!(", which had run for {}", span(ms)));
        format!("{}{}", previous.label, length.unwrap_or_default())
    };
    let kept = notes.previous.as_ref().map_or_else(
        || "Nothing is known to have run there before.".to_owned(),
        |previous| format!("{} kept running.", previous.label),
    );
    let what = format!("The deployment of {service} {label} to {environment}");
    match target.outcome() {
        Some(Outcome::Success) => {}
        Some(Outcome::Failure) => return format!("{what} failed on {at}. {kept}"),
        Some(Outcome::Error) => return format!("{what} could not run on {at}. {kept}"),
        Some(Outcome::Cancel) => return format!("{what} was cancelled on {at}. {kept}"),
        None if target.started().is_some() => {
            return format!("{what} started on {at}; the ledger has no word of its end.");
        }
        None => return format!("{what} was queued on {at}; the ledger has no word of its start."),
    }
    let previous = notes.previous.as_ref().map(had_run);
    if target.effect == Effect::Removes {
        let before = previous.map(|p| format!(" It was {p}.")).unwrap_or_default();
        return format!("{service} was removed from {environment} on {at}.{before}");
    }
    let as_what = match target.kind.kind {
        DeploymentKind::Emergency => " as an emergency change",
        DeploymentKind::Hotfix => " as a hotfix",
        DeploymentKind::Standard
        | DeploymentKind::Normal
        | DeploymentKind::Rollback
        | DeploymentKind::Redeploy
        | DeploymentKind::Baseline => "",
    };
    match (target.lineage.role, previous) {
        (Role::Back, Some(previous)) => {
            format!("On {at} {environment} went back to {service} {label} from {previous}{as_what}.")
        }
        (Role::Again, _) => format!(
            "{service} {label} was deployed to {environment} again on {at}{as_what}. The content is the same as before."
        ),
        (Role::First | Role::Forward, Some(previous)) => {
            format!("{service} {label} went live in {environment} on {at}{as_what}. It replaced {previous}.")
        }
        (Role::First | Role::Forward | Role::Back, None) => {
            format!("{service} {label} went live in {environment} on {at}. Nothing is known to have run there before.")
        }
    }
}

fn range_sentence(notes: &ReleaseNotes) -> String {
    let from = notes
        .previous
        .as_ref()
        .map_or("nothing", |previous| previous.label.as_str());
    let succeeded = notes
        .deployments
        .iter()
        .filter(|d| d.outcome == Some("success"))
        .count();
    let other = notes.deployments.len() - succeeded;
    if notes.deployments.is_empty() {
        return format!(
            "Nothing was deployed: {} runs in {} throughout.",
            notes.deployment.label, notes.environment
        );
    }
    let rest = if other > 0 {
        format!("; {} did not succeed", count(other, "further attempt"))
    } else {
        String::new()
    };
    format!(
        "{} went from {from} to {} in {} with {}{rest}.",
        notes.service,
        notes.deployment.label,
        notes.environment,
        count(succeeded, "deployment"),
    )
}

fn changes_sentence(notes: &ReleaseNotes, target: &Deployment) -> Option<String> {
    if target.effect == Effect::Removes && !notes.range {
        return None;
    }
    let changes = &notes.changes;
    let back: usize = notes.reintroduced.iter().map(|w| w.changes.shown).sum();
    let kinds = [
        ("breaking", "breaking"),
        ("security", "security"),
        ("feature", "new"),
        ("fix", "fixed"),
        ("performance", "performance"),
        ("revert", "taken back"),
        ("other", "other"),
    ];
    let named = kinds
        .iter()
        .map(|(key, word)| (changes.in_group(key), word))
        .filter(|(n, _)| *n > 0);
    let parts: Vec<String> = named.map(|(n, word)| format!("{n} {word}")).collect();
    let maintenance = match changes.maintenance_total {
        0 => String::new(),
        n => format!(
            " {} counted and not listed.",
            if n == 1 {
                "1 maintenance change is".to_owned()
            } else {
                format!("{n} maintenance changes are")
            }
        ),
    };
    let maintenance = match changes.dependencies.len() {
        0 => maintenance,
        1 => format!("{maintenance} 1 dependency changes."),
        n => format!("{maintenance} {n} dependencies change."),
    };
    let again = match back {
        0 => String::new(),
        n => format!(
            " {} that had been withdrawn {} again.",
            count(n, "change"),
            if n == 1 { "runs" } else { "run" }
        ),
    };
    let more = match changes.incomplete {
        true => " More may have come in than is recorded.",
        false => "",
    };
    let verb = if target.succeeded() || notes.range {
        "It brings"
    } else {
        "It would have brought"
    };
    Some(match (changes.shown, target.lineage.role) {
        (0, Role::Back) if !notes.range => return None,
        (0, Role::Again) => "No functional changes (the same content was deployed again).".to_owned(),
        (0, _) if again.is_empty() => format!("No functional changes are recorded for it.{maintenance}{more}"),
        (0, _) => format!("{}{maintenance}{more}", again.trim_start()),
        // Of changes that say nothing of their kind, there is no more to tell.
        (n, _) if changes.in_group("other") == n => format!("{verb} {}.{again}{maintenance}{more}", count(n, "change")),
        (n, _) => format!(
            "{verb} {}: {}.{again}{maintenance}{more}",
            count(n, "change"),
            list(&parts)
        ),
    })
}

pub(super) fn data_notes(deployments: &[&Deployment]) -> Vec<String> {
    let mut notes = Vec::new();
    for deployment in deployments {
        let label = deployment.label();
        if deployment.over_shared_secret() {
            notes.push(format!(
                "Records of {label} came over a shared secret (a webhook): who sent them cannot be proved afterwards."
            ));
        }
        if deployment.contested() {
            notes.push(format!(
                "Records of {label} contradict each other about how it ended; the last one counts."
            ));
        }
        if deployment.succeeded()
            && deployment.kind.kind == DeploymentKind::Rollback
            && deployment.lineage.returns_to.is_none()
        {
            notes.push(format!(
                "{label} is said to be a rollback, but the ledger has not seen that content run here before."
            ));
        }
        let silent = deployment.commits.is_empty() && deployment.pull_requests.is_empty();
        match &deployment.change_set {
            None if silent && deployment.lineage.role == Role::Forward => {
                notes.push(format!("No commits or pull requests were recorded with {label}."));
            }
            None => {}
            Some(set) => notes.extend(pushed_note(&label, silent, set)),
        }
        if let Some(left_out) = deployment.left_out() {
            let commits = count(left_out.value as usize, "more commit");
            notes.push(format!(
                "{label} brought {commits} than its record holds; these notes do not tell of them."
            ));
        }
    }
    notes.dedup();
    notes
}

/// Where commits come from that no record of the deployment holds, and whether those are all.
fn pushed_note(label: &str, silent: bool, set: &ChangeSet) -> Option<String> {
    match (&set.gap, &set.since) {
        (Some(gap), _) if silent => {
            let why = gap.words();
            Some(format!(
                "No commits or pull requests were recorded with {label}: {why}."
            ))
        }
        (Some(gap), _) => Some(format!(
            "The commits of {label} are those of recorded pushes, and there may be more; these notes do not tell of them: {}.",
            gap.words()
        )),
        (None, Some(since)) if !silent => {
            let since: String = since.chars().take(12).collect();
            Some(format!(
                "The commits of {label} are those of the recorded pushes since {since}."
            ))
        }
        (None, _) => None,
    }
}

/// What replaced what is told in the order of the log, also where a record came late.
pub(super) fn late_notes(selection: &Selection<'_>, here: &[&Deployment]) -> Vec<String> {
    let target = selection.target;
    let label = target.label();
    let mut notes = Vec::new();
    if let Some(previous) = selection
        .previous
        .filter(|previous| !selection.range && is_late(target, previous))
    {
        let previous = previous.label();
        notes.push(format!(
            "The record of {label} came late: it claims to be older than {previous}. That it replaced {previous} is the order of the \
             ledger, and how long {previous} had run is not told."
        ));
    }
    let next = here.iter().find(|d| d.succeeded() && d.order() > target.order());
    if let Some(next) = next.filter(|next| target.succeeded() && is_late(next, target)) {
        let next = next.label();
        notes.push(format!(
            "The record of {next} came late: it claims to be older than {label}. That it took the place of {label} is the order of the \
             ledger, and how long {label} ran is not told."
        ));
    }
    notes
}
