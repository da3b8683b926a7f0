//! Accepted deviations: that a deployment may fail a check, for a reason, for some time, on somebody else's word. Each is a signed
//! entry, and so is its revocation. Whether one applies to a deployment is judged by `check`, as of the deployment's start.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::deployment::Deployment;
use super::event::Recorded;
use super::extension::Actor;
use super::id::{DeploymentId, EnvironmentName, ProducerName, ServiceName, is_hidden};
use super::instant::Instant;

/// Type of the events that grant an exception.
pub const EXCEPTION_GRANTED: &str = "dev.cdeventsx.shipslog-exception.granted.0.1.0";
/// Type of the events that take one back.
pub const EXCEPTION_REVOKED: &str = "dev.cdeventsx.shipslog-exception.revoked.0.1.0";

/// An exception: `customData.shipslog.exception` of an event of the type `dev.cdeventsx.shipslog-exception.granted.0.1.0`, whose
/// `reason` says why and whose subject is the id of the exception.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ExceptionGrant {
    /// Ids of the checks that may be failed, such as `DL-TST-2`.
    pub checks: Vec<String>,
    /// What it is for. At least one member is given, and a deployment must fit all that are.
    pub scope: ExceptionScope,
    /// Who asked for it.
    pub requested_by: String,
    /// Who approved it: somebody else.
    pub approved_by: String,
    /// What is done instead.
    pub compensating_control: String,
    /// From when on; the time of the event if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub valid_from: Option<Instant>,
    /// Until when.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Instant,
}

/// What an exception is for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ExceptionScope {
    /// These services.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>)]
    pub services: Vec<ServiceName>,
    /// These environments.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>)]
    pub environments: Vec<EnvironmentName>,
    /// Deployments with these ids.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>)]
    pub deployments: Vec<DeploymentId>,
    /// Artifacts with these digests, as `algorithm:hex`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub artifacts: Vec<String>,
}

/// An exception with its place in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Exception {
    /// Its id.
    pub id: String,
    /// Index of its entry.
    pub index: u64,
    /// When it was granted, as claimed.
    #[schema(value_type = String, format = DateTime)]
    pub granted_at: Instant,
    /// When it was recorded.
    #[schema(value_type = String, format = DateTime)]
    pub recorded_at: Instant,
    /// Who signed it.
    #[schema(value_type = String)]
    pub producer: ProducerName,
    /// Who recorded it, where the event tells.
    pub by: Option<Actor>,
    /// Why.
    pub reason: Option<String>,
    /// What was granted.
    #[serde(flatten)]
    pub grant: ExceptionGrant,
    /// Its revocation.
    pub revoked: Option<Revocation>,
    /// That its id was granted again: from when that begins, it holds no longer.
    pub replaced: Option<Revocation>,
}

/// That something holds no longer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Revocation {
    /// Index of its entry.
    pub index: u64,
    /// When, as claimed.
    #[schema(value_type = String, format = DateTime)]
    pub at: Instant,
    /// Why.
    pub reason: Option<String>,
}

impl Revocation {
    /// What a record that takes something back says of that.
    pub fn of(record: &Recorded) -> Self {
        Self {
            index: record.index,
            at: record.event.occurred_at,
            reason: record.event.extension.reason.clone(),
        }
    }
}

impl ExceptionGrant {
    /// What is wrong with it in itself, granted at that time: the member, and why.
    pub fn fault(&self, granted_at: Instant) -> Option<(&'static str, String)> {
        if self.checks.is_empty() {
            return Some(("checks", "must name at least one check".to_owned()));
        }
        let mut seen = BTreeSet::new();
        if let Some(twice) = self.checks.iter().find(|id| !seen.insert(*id)) {
            return Some(("checks", format!("{twice} is there twice")));
        }
        if self.scope == ExceptionScope::default() {
            return Some((
                "scope",
                "must name services, environments, deployments or artifacts".to_owned(),
            ));
        }
        let texts = [
            ("requested_by", &self.requested_by),
            ("approved_by", &self.approved_by),
            ("compensating_control", &self.compensating_control),
        ];
        if let Some((member, _)) = texts.iter().find(|(_, text)| text.trim().is_empty()) {
            return Some((member, "must not be empty".to_owned()));
        }
        // Names are compared: one that only looks like another must not pass for somebody else.
        if self.approved_by.chars().any(is_hidden) {
            return Some((
                "approved_by",
                "must not contain control, invisible or text-direction characters".to_owned(),
            ));
        }
        if self.approved_by.trim().eq_ignore_ascii_case(self.requested_by.trim()) {
            return Some(("approved_by", "must be somebody else than who asked".to_owned()));
        }
        let from = self.valid_from.unwrap_or(granted_at);
        (self.expires_at <= from).then(|| ("expires_at", format!("must be later than it begins ({from})")))
    }
}

impl ExceptionScope {
    /// Whether a deployment fits all that it names.
    pub fn covers(&self, deployment: &Deployment) -> bool {
        let fits = |named: bool, fits: bool| !named || fits;
        let digest = |named: &String| {
            deployment
                .digest()
                .is_some_and(|digest| digest.eq_ignore_ascii_case(named))
        };
        fits(!self.services.is_empty(), self.services.contains(&deployment.service))
            && fits(
                !self.environments.is_empty(),
                self.environments.contains(&deployment.environment),
            )
            && fits(!self.deployments.is_empty(), self.deployments.contains(&deployment.id))
            && fits(!self.artifacts.is_empty(), self.artifacts.iter().any(digest))
    }
}

impl Exception {
    /// From when on it was meant to hold.
    pub fn valid_from(&self) -> Instant {
        self.grant.valid_from.unwrap_or(self.granted_at)
    }

    /// Whether it holds at a time: begun, not run out, not taken back or replaced.
    pub fn in_force(&self, at: Instant) -> bool {
        let ended = self.ends().any(|end| end.at <= at);
        self.valid_from() <= at && at < self.grant.expires_at && !ended
    }

    /// What ends it before its time.
    pub fn ends(&self) -> impl Iterator<Item = &Revocation> {
        self.revoked.iter().chain(&self.replaced)
    }
}

/// The exceptions among events, ascending by index and of any mixture. One that is granted again under its id ends the one before as
/// soon as it begins, and a revocation is of all that have its id by then.
pub fn fold(records: &[Recorded]) -> Vec<Exception> {
    let mut found: Vec<Exception> = Vec::new();
    for record in records {
        let (event, extension) = (&record.event, &record.event.extension);
        let same = |known: &&mut Exception| known.id == event.subject_id;
        if let Some(grant) = &extension.exception {
            for before in found.iter_mut().filter(same) {
                before.replaced.get_or_insert_with(|| Revocation {
                    at: grant.valid_from.unwrap_or(event.occurred_at),
                    ..Revocation::of(record)
                });
            }
            found.push(Exception {
                id: event.subject_id.clone(),
                index: record.index,
                granted_at: event.occurred_at,
                recorded_at: record.recorded_at,
                producer: record.producer.clone(),
                by: extension.actor.clone(),
                reason: extension.reason.clone(),
                grant: ExceptionGrant::clone(grant),
                revoked: None,
                replaced: None,
            });
        } else if event.event_type.text == EXCEPTION_REVOKED {
            for granted in found.iter_mut().filter(same) {
                granted.revoked.get_or_insert_with(|| Revocation::of(record));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::extension::Extension;
    use crate::domain::fixture::{Ledger, at, digest, grant};

    #[test]
    fn it_covers_what_fits_all_that_it_names() {
        let mut ledger = Ledger::default();
        ledger.deploy(0, "d1", "1", Extension::default());
        let deployment = ledger.deployment("d1");
        let covers = |change: fn(&mut ExceptionScope)| {
            let mut scope = grant(&["DL-TST-1"]).scope;
            change(&mut scope);
            scope.covers(&deployment)
        };
        assert!(covers(|_| {}));
        assert!(covers(
            |scope| scope.artifacts = vec!["sha256:0".to_owned(), digest("1").to_uppercase()]
        ));
        assert!(covers(|scope| scope.deployments = vec!["d1".parse().unwrap()]));
        assert!(!covers(|scope| scope.deployments = vec!["d2".parse().unwrap()]));
        assert!(!covers(|scope| scope.environments = vec!["staging".parse().unwrap()]));
        assert!(!covers(|scope| scope.services = vec!["search".parse().unwrap()]));
        assert!(!covers(|scope| scope.artifacts = vec![digest("2")]));
    }

    #[test]
    fn it_holds_from_its_beginning_until_it_runs_out_or_is_taken_back() {
        let mut ledger = Ledger::default();
        ledger.except(0, "EX-1", grant(&["DL-TST-1"]));
        ledger.except(5, "EX-2", grant(&["DL-TST-1"]));
        ledger.revoke_exception(30, "EX-2");
        ledger.revoke_exception(40, "EX-2");
        ledger.revoke_exception(40, "EX-9");
        let found = fold(&ledger.records);
        let force = |which: usize, minutes| found[which].in_force(at(minutes));
        assert!(!force(0, -1) && force(0, 0) && force(0, 59) && !force(0, 60));
        assert!(force(1, 29) && !force(1, 30));
        assert_eq!(
            found[1].revoked.as_ref().map(|revoked| revoked.index),
            Some(2),
            "the first one counts"
        );
    }

    #[test]
    fn a_revocation_ends_all_of_its_id_and_another_grant_the_one_before() {
        let mut ledger = Ledger::default();
        ledger.except(0, "EX-1", grant(&["DL-TST-1"]));
        let mut renewed = grant(&["DL-TST-2"]);
        renewed.valid_from = Some(at(20));
        ledger.except(10, "EX-1", renewed);
        let found = fold(&ledger.records);
        assert!(
            found[0].in_force(at(19)) && !found[0].in_force(at(20)),
            "until the new one begins"
        );
        assert!(found[1].in_force(at(20)));
        ledger.revoke_exception(15, "EX-1");
        let found = fold(&ledger.records);
        assert!(found[0].in_force(at(14)));
        assert!(
            found
                .iter()
                .all(|exception| !exception.in_force(at(15)) && !exception.in_force(at(30)))
        );
        ledger.except(40, "EX-1", grant(&["DL-TST-1"]));
        assert!(fold(&ledger.records)[2].in_force(at(40)), "it can be granted anew");
    }

    #[test]
    fn what_makes_no_sense_in_itself_is_named() {
        type Change = fn(&mut ExceptionGrant);
        let faults: [(Change, &str); 7] = [
            (|g| g.checks.clear(), "checks"),
            (|g| g.checks.push("DL-TST-1".to_owned()), "checks"),
            (|g| g.scope = ExceptionScope::default(), "scope"),
            (|g| g.approved_by = " DEV ".to_owned(), "approved_by"),
            (|g| g.compensating_control.clear(), "compensating_control"),
            (|g| g.expires_at = at(0), "expires_at"),
            (|g| g.valid_from = Some(at(60)), "expires_at"),
        ];
        for (change, member) in faults {
            let mut grant = grant(&["DL-TST-1"]);
            change(&mut grant);
            assert_eq!(grant.fault(at(0)).map(|(member, _)| member), Some(member));
        }
        assert_eq!(grant(&["DL-TST-1"]).fault(at(0)), None);
    }
}
