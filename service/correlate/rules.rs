//! The rules by which a deployment becomes a candidate, tier by tier.

use std::collections::BTreeMap;

use super::{
    Correlator, DEPENDENCY_WINDOW_MS, FAIL_RATE, HALF_LIFE_MINUTES, HOUR_MS, HalfLife, LARGE_CHANGE_SET, MIN_SCORE,
    MINUTE_MS, RECOVERY_MS, Reason, SKEW_MS, WINDOW_MS,
};
use crate::domain::Outcome;
use crate::domain::ServiceName;
use crate::domain::deployment::{Deployment, Effect};
use crate::domain::evidence::{TestResult, last_runs};
use crate::domain::extension::{CauseClass, DeploymentKind};
use crate::domain::history::Timeline;
use crate::domain::incident::Incident;
use crate::domain::instant::Instant;
use crate::domain::reference::entry_named;

const EXPLICIT: f64 = 0.99;
const ARTIFACT_MATCH: f64 = 0.95;
const VERSION_MATCH: f64 = 0.90;
const SAME_SERVICE: f64 = 0.80;
const PREVIOUS_ON_SERVICE: f64 = 0.40;
/// For each step to the service that was deployed.
const DEPENDENCY_STEP: f64 = 0.35;
/// What an emergency, or a test that had failed, multiplies the odds by.
const RISKY: f64 = 1.5;
/// However much circumstances add, a suggestion stays below an explicit reference.
const MAX_SUGGESTED: f64 = 0.95;

/// One incident, and what its candidates have in common.
pub(super) struct Case<'c, 'a> {
    all: &'c Correlator<'a>,
    pub(super) incident: &'c Incident,
    /// When it is taken to have begun.
    pub(super) began_at: Instant,
    /// Deployments that say they repair it.
    pub(super) fixes: Vec<&'a Deployment>,
    /// The success just before the newest one that was live on its place.
    previous: Option<u64>,
    /// Steps to each service that the hurt one needed.
    pub(super) needed: BTreeMap<ServiceName, u32>,
    /// Whether another incident was open on its service already.
    other_open: bool,
    /// The deployment that had brought the change that it names as its cause.
    brought_cause: Option<u64>,
}

/// What speaks for one deployment.
pub(super) struct Clue<'a> {
    pub(super) deployment: &'a Deployment,
    /// Whether an event names it.
    pub(super) explicit: bool,
    pub(super) score: f64,
    pub(super) reasons: Vec<Reason>,
    /// What its score fades by; none if it does not.
    pub(super) half_life: Option<HalfLife>,
    /// How often such a deployment causes such an incident, for each hour: to be compared with other explanations.
    pub(super) weight: f64,
}

impl<'c, 'a> Case<'c, 'a> {
    pub(super) fn new(all: &'c Correlator<'a>, incident: &'c Incident) -> Self {
        let (began_at, _) = incident.began();
        let needed = incident
            .service
            .as_ref()
            .map(|service| all.facts.dependencies.of(service, began_at));
        let place = incident.service.as_ref().zip(incident.environment.as_ref());
        let timeline = place.and_then(|place| all.timelines.get(&place));
        let open_before = |other: &Incident| {
            let over = other.resolved().map(|end| end.occurred_at);
            other.id != incident.id && other.began().0 < began_at && over.is_none_or(|end| end > began_at)
        };
        let mut case = Self {
            all,
            incident,
            began_at,
            brought_cause: None,
            fixes: all.repairs.of_incident(incident),
            previous: timeline.and_then(|timeline| previous(timeline, began_at)),
            needed: needed.unwrap_or_default(),
            other_open: all.reach.beside(incident).iter().any(|other| open_before(other)),
        };
        case.brought_cause = case.brought_cause();
        case
    }

    /// Of the deployments that brought the change which the incident names, the newest on its place from before it. A later one, which may carry the repair too, and one to another environment did not cause it.
    fn brought_cause(&self) -> Option<u64> {
        let cause = &self.incident.caused_by.as_ref()?.value;
        let brought = self.all.reach.with_change(cause).iter().filter(|deployment| {
            self.could_be_ours(deployment) && deployment.start_at() <= self.began_at.plus_millis(SKEW_MS)
        });
        let newest = brought.max_by_key(|deployment| (deployment.start_at(), deployment.index));
        newest.map(|deployment| deployment.index)
    }

    /// What speaks for a deployment, if anything does or somebody has decided about it.
    pub(super) fn clue(&self, deployment: &'a Deployment, decided: bool) -> Option<Clue<'a>> {
        let without_weight = |explicit, score, reason| Clue {
            deployment,
            explicit,
            score,
            reasons: vec![reason],
            half_life: None,
            weight: 0.0,
        };
        if let Some(reason) = self.explicit_reason(deployment) {
            return Some(without_weight(true, EXPLICIT, reason));
        }
        let named = || decided.then(|| without_weight(false, 0.0, Reason::NamedByReviewer));
        self.suggestion(deployment).or_else(named)
    }

    /// Tier 1: somebody said so.
    fn explicit_reason(&self, deployment: &Deployment) -> Option<Reason> {
        let incident = self.incident;
        let by_id = incident
            .deployment_id
            .as_ref()
            .is_some_and(|id| id.value == deployment.id);
        let cause = incident.caused_by.as_ref().map(|said| said.value.as_str());
        let by_cause = cause.is_some_and(|cause| is_called(cause, deployment));
        let named = (by_id || by_cause) && (self.could_be_ours(deployment) || !self.shares_its_id(deployment));
        if named || self.brought_cause == Some(deployment.index) {
            return Some(Reason::ExplicitIncidentRef);
        }
        // Of what a repairing rollback took out, the first that came in is the one that broke it.
        let first_out =
            |fix: &&&Deployment| fix.succeeded() && fix.lineage.withdraws.first() == Some(&deployment.index);
        if self.fixes.iter().any(|fix| first_out(&fix)) {
            return Some(Reason::ExplicitRemediation);
        }
        let repaired_later = || {
            let mut repairs = self.all.repairs.of_deployment(deployment).into_iter();
            repairs.any(|d| d.start_at() > self.began_at)
        };
        let here = self.on_place(deployment) && self.in_window(deployment);
        (here && repaired_later() && self.live(deployment)).then_some(Reason::ExplicitRemediation)
    }

    /// Tiers 2 to 4, and what changes their score.
    fn suggestion(&self, deployment: &'a Deployment) -> Option<Clue<'a>> {
        if !self.in_window(deployment) || deployment.effect == Effect::Removes {
            return None;
        }
        let here = self.on_place(deployment);
        let content =
            names_content(self.incident, deployment) && (self.in_environment(deployment) || !self.content_here());
        let steps = self.steps_to(deployment);
        if !here && !content && steps.is_none() {
            return None;
        }
        let live = self.live(deployment);
        let half_life = self.half_life(deployment);
        let half_life_ms = f64::from(half_life.minutes) * MINUTE_MS as f64;
        let decay = self.decay(deployment, half_life_ms);
        let (base, decay, reason) = if live && content {
            (ARTIFACT_MATCH, 1.0, Reason::ArtifactMatch)
        } else if live && here && names_version(self.incident, deployment) {
            (VERSION_MATCH, 1.0, Reason::VersionMatch)
        } else if live && here {
            (SAME_SERVICE, decay, Reason::SameServiceRecent)
        } else if here && self.previous == Some(deployment.index) {
            (PREVIOUS_ON_SERVICE, decay, Reason::PreviousOnService)
        } else if let (true, Some(steps)) = (live, steps) {
            let base = SAME_SERVICE * DEPENDENCY_STEP.powi(steps.cast_signed());
            (base, decay, Reason::DependencyRecent)
        } else {
            return None;
        };
        let mut score = base * decay;
        // Relative to a fresh deployment of the same service, at the rate at which those show their faults.
        let peak = FAIL_RATE * std::f64::consts::LN_2 * HOUR_MS as f64 / half_life_ms;
        let mut weight = odds(base) / odds(SAME_SERVICE) * peak * decay;
        let mut reasons = vec![reason];
        let half_life = reason.fades().then_some(half_life);
        let external = self
            .incident
            .cause_class
            .as_ref()
            .is_some_and(|c| c.value == CauseClass::External);
        let modifiers = [
            (self.rolled_back_before_end(deployment), 4.0, Reason::RolledBackAfter),
            (
                deployment.kind.kind == DeploymentKind::Emergency,
                RISKY,
                Reason::EmergencyChange,
            ),
            (self.failed_checks(deployment), RISKY, Reason::FailedChecks),
            (
                deployment.commits.len() >= LARGE_CHANGE_SET,
                1.2,
                Reason::LargeChangeSet,
            ),
            (external, 0.1, Reason::ExternalCause),
            (self.other_open, 0.5, Reason::OtherIncidentOpen),
            (deployment.share_at(self.began_at) == Some(0), 0.2, Reason::CanaryOff),
        ];
        for (applies, factor, reason) in modifiers {
            if applies {
                score = with_odds(score, factor);
                weight *= factor;
                reasons.push(reason);
            }
        }
        let also_removed = |fix: &&Deployment| fix.lineage.withdraws.iter().skip(1).any(|i| *i == deployment.index);
        if self.fixes.iter().any(also_removed) {
            reasons.push(Reason::AlsoRemoved);
        }
        Some(Clue {
            deployment,
            explicit: false,
            score: score.min(MAX_SUGGESTED),
            reasons,
            half_life,
            weight,
        })
    }

    /// Whether a deployment would be among the candidates, were there a test of it that had failed.
    pub(super) fn could_be_shown(&self, deployment: &'a Deployment) -> bool {
        let suggested = self.suggestion(deployment);
        suggested.is_some_and(|clue| with_odds(clue.score, RISKY) >= MIN_SCORE)
    }

    /// Whether it was deployed although a test of what it put in place had failed, and was not passed since.
    fn failed_checks(&self, deployment: &Deployment) -> bool {
        let tests = self.all.facts.evidence.tests_of(deployment).into_iter();
        let of_content = tests.filter(|(_, bond)| bond.is_content());
        let before = |test: &&TestResult| deployment.starts_after(test.origin.index, test.origin.occurred_at);
        let early: Vec<&TestResult> = of_content.map(|(test, _)| test).filter(before).collect();
        let failed = |test: &&TestResult| matches!(test.outcome, Some(Outcome::Failure | Outcome::Error));
        last_runs(&early).iter().any(failed)
    }

    fn live(&self, deployment: &Deployment) -> bool {
        let timeline = self.all.timelines.get(&(&deployment.service, &deployment.environment));
        timeline.is_some_and(|timeline| timeline.live_at(deployment, self.began_at, SKEW_MS))
    }

    fn on_place(&self, deployment: &Deployment) -> bool {
        self.incident.service.as_ref() == Some(&deployment.service)
            && self.incident.environment.as_ref() == Some(&deployment.environment)
    }

    fn in_environment(&self, deployment: &Deployment) -> bool {
        self.incident.environment.as_ref() == Some(&deployment.environment)
    }

    /// Whether what the incident names was live where it happened: the same content elsewhere did no harm there.
    fn content_here(&self) -> bool {
        let here = |d: &&Deployment| self.in_environment(d) && names_content(self.incident, d);
        let mut same = self.all.reach.contents.of(self.incident);
        same.any(|d| here(&d) && self.in_window(d) && d.effect == Effect::Runs && self.live(d))
    }

    /// Steps to what was deployed, if it is something that the hurt service needed, and recent enough for that.
    fn steps_to(&self, deployment: &Deployment) -> Option<u32> {
        let recent = self.began_at.millis_since(deployment.start_at()) <= DEPENDENCY_WINDOW_MS;
        let same = self.incident.environment.as_ref() == Some(&deployment.environment);
        self.needed.get(&deployment.service).copied().filter(|_| recent && same)
    }

    fn could_be_ours(&self, deployment: &Deployment) -> bool {
        self.incident.service.as_ref().is_none_or(|s| *s == deployment.service)
            && self
                .incident
                .environment
                .as_ref()
                .is_none_or(|e| *e == deployment.environment)
    }

    /// An id that two deployments share names the one of the incident's own place.
    fn shares_its_id(&self, deployment: &Deployment) -> bool {
        let mut same = self.all.reach.with_id(&deployment.id).iter();
        same.any(|d| d.index != deployment.index && self.could_be_ours(d))
    }

    fn in_window(&self, deployment: &Deployment) -> bool {
        (-SKEW_MS..=WINDOW_MS).contains(&self.began_at.millis_since(deployment.start_at()))
    }

    fn decay(&self, deployment: &Deployment, half_life_ms: f64) -> f64 {
        let age = self.began_at.millis_since(deployment.start_at()).max(0);
        (-(age as f64) / half_life_ms).exp2()
    }

    /// How soon the faults of a deployment show: as its service declared when it started, else as most do.
    fn half_life(&self, deployment: &Deployment) -> HalfLife {
        let services = &self.all.facts.services;
        let declared = services.half_life_minutes(&deployment.service, deployment.start_at());
        HalfLife {
            minutes: declared.as_ref().map_or(HALF_LIFE_MINUTES, |said| said.value),
            declared: declared.map(|said| said.index),
        }
    }

    fn rolled_back_before_end(&self, deployment: &Deployment) -> bool {
        let Some(end) = self.incident.resolved() else {
            return false;
        };
        let in_time = |rollback: &Deployment| {
            rollback.finished_at().is_some_and(|at| {
                at >= self.began_at
                    && at.millis_since(deployment.start_at()) <= WINDOW_MS
                    && (-SKEW_MS..=RECOVERY_MS).contains(&end.occurred_at.millis_since(at))
            })
        };
        self.all.reach.withdrawing(deployment).iter().any(|d| in_time(d))
    }
}

fn previous(timeline: &Timeline<'_>, began_at: Instant) -> Option<u64> {
    let runs = timeline.runs();
    let live = runs
        .iter()
        .enumerate()
        .filter(|(_, run)| run.live_at(began_at, SKEW_MS));
    // What came late and claims to be older ended nothing, and stands before nothing.
    let (live, _) = live.max_by_key(|(at, run)| (run.from, *at))?;
    Some(runs.get(live.checked_sub(1)?)?.deployment.index)
}

/// Whether a name is that of the deployment itself, or of one of its entries.
fn is_called(name: &str, deployment: &Deployment) -> bool {
    name == deployment.id.as_str() || entry_named(name).is_some_and(|index| deployment.indexes().contains(&index))
}

/// Whether an incident names what a deployment put in place, by digest or commit.
fn names_content(incident: &Incident, deployment: &Deployment) -> bool {
    let digest = incident.artifact.as_ref().and_then(|a| a.value.digest.as_deref());
    let commit = incident.commit.as_ref().map(|c| &c.value);
    digest.is_some_and(|digest| deployment.digest() == Some(digest))
        || commit.is_some_and(|commit| deployment.commit.as_ref().is_some_and(|c| c.value == *commit))
}

fn names_version(incident: &Incident, deployment: &Deployment) -> bool {
    let named = incident.version.as_ref().map(|v| v.value.as_str());
    let named = named.or_else(|| incident.artifact.as_ref().and_then(|a| a.value.version.as_deref()));
    named.is_some_and(|named| {
        deployment.version.as_ref().is_some_and(|v| v.value == named)
            || deployment
                .artifact
                .as_ref()
                .is_some_and(|a| a.value.version.as_deref() == Some(named))
    })
}

fn with_odds(score: f64, factor: f64) -> f64 {
    let odds = odds(score) * factor;
    odds / (1.0 + odds)
}

fn odds(score: f64) -> f64 {
    score / (1.0 - score)
}
