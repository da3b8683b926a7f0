//! Checks of the record itself: in time, under a signature, with a name.

use super::verdict::{fail, not_evaluable, pass};
use super::{Check, Rule, Scope, Severity, Subject, Verdict};
use crate::domain::deployment::Statement;
use crate::domain::extension::ActorKind;
use crate::domain::words::{span, when};

pub(super) const TIMELY: Check = Check {
    id: "DL-POP-4",
    version: 2,
    title: "The deployment was recorded when it happened",
    severity: Severity::Medium,
    scope: Scope::All,
    definition: "The start and the end of the deployment were each recorded at most 15 minutes after they are said to have \
                 happened, and not more than 5 minutes before.",
    limits: "Not evaluable while no end is recorded, unless its start fails already. Of a deployment that is known only by its \
             end, only that is judged.",
    rule: Rule::Deployment(timely),
};

pub(super) const AUTHENTIC: Check = Check {
    id: "DL-SIG-1",
    version: 1,
    title: "Every record of the deployment is signed by its producer",
    severity: Severity::High,
    scope: Scope::All,
    definition: "All entries about the deployment carry the signature of a registered producer whose key was valid and \
                 in scope when they were recorded; the service refuses others. A record that reached the service over \
                 a shared secret (a webhook) was signed by the service and not by its producer, and fails.",
    limits: "Always evaluable.",
    rule: Rule::Deployment(authentic),
};

pub(super) const ACTOR: Check = Check {
    id: "DL-SIG-2",
    version: 1,
    title: "The deployment can be traced to one person or workload",
    severity: Severity::High,
    scope: Scope::All,
    definition: "The record names who or what deployed, says whether that is a person or a pipeline, and the name is \
                 not one that several share (admin, root, deploy, jenkins, unknown, …).",
    limits: "Not evaluable when no actor is recorded, or when it is not said whether it is a person or a pipeline. \
             Whether a name belongs to one person alone is outside the ledger.",
    rule: Rule::Deployment(actor),
};

/// Names behind which nobody in particular stands.
const SHARED_NAMES: [&str; 16] = [
    "admin",
    "administrator",
    "anonymous",
    "build",
    "ci",
    "deploy",
    "deployer",
    "jenkins",
    "nobody",
    "operator",
    "ops",
    "root",
    "shared",
    "system",
    "unknown",
    "user",
];

fn timely(subject: &Subject<'_>) -> Verdict {
    let expected = format!(
        "start and end recorded within {}",
        span(subject.parameters.late_after_ms)
    );
    let (start, end) = (subject.deployment.started(), subject.deployment.end());
    let both = [("began", start), ("ended", end)];
    for (what, said) in both.into_iter().filter_map(|(what, said)| Some((what, said?))) {
        if let Some(flaw) = untimely(subject, said) {
            return fail(expected, format!("{}: {flaw}", times(what, said)), vec![said.index]);
        }
    }
    match end {
        None => not_evaluable(expected, "no end is recorded", subject.deployment.indexes()),
        Some(end) => {
            let evidence = start.into_iter().chain([end]).map(|said| said.index);
            pass(expected, times("ended", end), evidence.collect())
        }
    }
}

fn times(what: &str, said: &Statement) -> String {
    format!("{what} {}, recorded {}", when(said.occurred_at), when(said.recorded_at))
}

/// Why something was not recorded when it is said to have happened.
fn untimely(subject: &Subject<'_>, said: &Statement) -> Option<String> {
    let parameters = subject.parameters;
    let delay = said.recorded_at.millis_since(said.occurred_at);
    if delay > parameters.backfilled_after_ms {
        Some(format!("filled in {} later", span(delay)))
    } else if delay > parameters.late_after_ms {
        Some(format!("{} late", span(delay)))
    } else if delay < -parameters.skew_ms {
        Some(format!("claims a time {} after it was recorded", span(-delay)))
    } else {
        None
    }
}

fn authentic(subject: &Subject<'_>) -> Verdict {
    let expected = "every record signed by a registered producer";
    let statements = &subject.deployment.statements;
    let unsigned: Vec<u64> = statements
        .iter()
        .filter(|s| s.over_shared_secret)
        .map(|s| s.index)
        .collect();
    if unsigned.is_empty() {
        let mut names: Vec<&str> = statements.iter().map(|s| s.producer.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        return pass(
            expected,
            format!("signed by {}", names.join(", ")),
            subject.deployment.indexes(),
        );
    }
    let found = format!(
        "{} of {} came over a shared secret, so its producer cannot be proved",
        unsigned.len(),
        if statements.len() == 1 {
            "1 record".to_owned()
        } else {
            format!("{} records", statements.len())
        },
    );
    fail(expected, found, unsigned)
}

fn actor(subject: &Subject<'_>) -> Verdict {
    let expected = "one named person or workload identity";
    let Some(said) = &subject.deployment.actor else {
        return not_evaluable(expected, "no actor is recorded", subject.deployment.indexes());
    };
    let actor = &said.value;
    let evidence = vec![said.index];
    let name = super::person::short_name(&actor.id);
    if SHARED_NAMES.contains(&name.as_str()) {
        return fail(
            expected,
            format!("{} is a name that several may share", actor.id),
            evidence,
        );
    }
    match actor.kind {
        Some(ActorKind::Human) => pass(expected, format!("{}, a person", actor.id), evidence),
        Some(ActorKind::Pipeline) => pass(expected, format!("{}, a pipeline", actor.id), evidence),
        None => not_evaluable(
            expected,
            format!("{}; person or pipeline is not recorded", actor.id),
            evidence,
        ),
    }
}
