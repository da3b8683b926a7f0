//! Which deployments may have caused an incident: candidates with a score, a share and the reasons for them.
//!
//! Pure, over folded facts. A score says how strong the evidence is, a share how far it beats the other explanations, the one
//! that no deployment caused the incident among them. Only an explicit reference or a person's decision is more than a
//! suggestion, and nothing that is computed here ever overrules a person.
//!
//! Changes of configuration and infrastructure would count too; the ledger does not know them, so nothing is made of them.

mod content;
mod reach;
mod repairs;
mod rules;
mod state;

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;
use utoipa::ToSchema;

pub use self::content::Contents;
use self::reach::Reach;
use self::repairs::Repairs;
use self::rules::Case;
use self::state::Verdicts;
use crate::domain::deployment::Deployment;
use crate::domain::facts::Facts;
use crate::domain::history::Timeline;
use crate::domain::incident::{BeganBy, Incident};
use crate::domain::instant::Instant;
use crate::domain::link::Decided;
use crate::domain::words::span;
use crate::domain::{DeploymentId, EnvironmentName, IncidentId, ServiceName};

/// Names the rules below; any change to them changes it. Since `tiers-6` a change that an incident names blames one deployment, content
/// counts where the incident happened, and a record that claims to be older ends no deployment and takes no place; since `tiers-7` such
/// a record does not hide what ran just before either.
pub const ALGORITHM: &str = "tiers-7";
/// How far clocks may disagree: a deployment that started this much after the incident may still have caused it.
pub const SKEW_MS: i64 = 5 * MINUTE_MS;
/// How long after its start a deployment is still looked at.
pub const WINDOW_MS: i64 = 7 * 24 * HOUR_MS;
/// The same for a deployment of something that the service depends on.
pub const DEPENDENCY_WINDOW_MS: i64 = 72 * HOUR_MS;
/// Minutes after which closeness in time counts half, for a service that declares nothing else.
pub const HALF_LIFE_MINUTES: u32 = 4 * 60;
/// A rollback followed by the end of the incident within this time speaks for what was rolled back.
pub const RECOVERY_MS: i64 = 30 * MINUTE_MS;
/// Candidates below this score are not shown.
pub const MIN_SCORE: f64 = 0.10;
/// At most this many candidates are shown.
pub const MAX_CANDIDATES: usize = 5;
/// A change set of this many commits is large.
pub const LARGE_CHANGE_SET: usize = 50;

/// How many deployments are taken to fail, before anything is known: weighs candidates against each other and against none.
pub const FAIL_RATE: f64 = 0.08;
/// Incidents of a service that no deployment causes, for each hour, before anything is known.
pub const BACKGROUND_PER_HOUR: f64 = 0.05 / 24.0;

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;

/// What may have caused an incident.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Correlation {
    /// The rules that found the candidates.
    pub algorithm: &'static str,
    /// The time that the incident is taken to have begun at.
    pub began_at: Instant,
    /// What that time rests on.
    pub began_by: BeganBy,
    /// Candidates: those that somebody spoke of first, then the strongest first.
    pub candidates: Vec<Candidate>,
    /// Whether no deployment is a candidate.
    pub no_candidate: bool,
    /// The explanation that no deployment caused it.
    pub no_deployment: NoDeployment,
    /// Deployments that say they repair this incident, by [`Deployment::index`].
    pub remediated_by: Vec<u64>,
}

/// A deployment that may have caused an incident.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Candidate {
    /// The deployment.
    pub deployment: DeploymentId,
    /// [`Deployment::index`] of it.
    pub index: u64,
    /// The service that was deployed.
    pub service: ServiceName,
    /// Where.
    pub environment: EnvironmentName,
    /// What was deployed, in a word: its version, else what else it is called.
    pub label: String,
    /// How strong the evidence is, from 0 to 1, rounded to two places; 0 where the rules see none.
    pub score: f64,
    /// How far it beats the other explanations, from 0 to 1, rounded to two places; all of them together make 1.
    pub share: f64,
    /// What the score rests on.
    pub reasons: Vec<Reason>,
    /// What its closeness in time is measured by; none where the evidence does not fade.
    pub half_life: Option<HalfLife>,
    /// How the link is known.
    pub state: LinkState,
    /// The newest decision about it.
    pub decided: Option<Decided>,
}

/// After which time the evidence against a deployment counts half.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct HalfLife {
    /// In minutes.
    pub minutes: u32,
    /// Index of the entry in which the service declares it; none where it declares nothing.
    pub declared: Option<u64>,
}

/// The explanation that no deployment caused an incident.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NoDeployment {
    /// As of a candidate.
    pub share: f64,
    /// The decision that says so.
    pub decided: Option<Decided>,
}

/// How a link between an incident and a deployment is known, and whether it counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkState {
    /// An event names it.
    Explicit,
    /// The rules suggest it, and nobody has looked at it yet.
    Suggested,
    /// A person says that it is so.
    Confirmed,
    /// A person says that it is not so.
    Rejected,
    /// An event names it, and a person doubts it.
    Disputed,
    /// The rules suggest it, but the cause of the incident is settled otherwise.
    Superseded,
}

impl LinkState {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Explicit,
        Self::Suggested,
        Self::Confirmed,
        Self::Rejected,
        Self::Disputed,
        Self::Superseded,
    ];

    /// The word used in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Explicit => "explicit",
            Self::Suggested => "suggested",
            Self::Confirmed => "confirmed",
            Self::Rejected => "rejected",
            Self::Disputed => "disputed",
            Self::Superseded => "superseded",
        }
    }

    /// Whether it is of no more interest: a person said no, or the cause is another one.
    pub const fn is_dismissed(self) -> bool {
        match self {
            Self::Rejected | Self::Superseded => true,
            Self::Explicit | Self::Suggested | Self::Confirmed | Self::Disputed => false,
        }
    }

    /// Whether somebody stands for it: only then it counts as a cause.
    pub const fn is_established(self) -> bool {
        match self {
            Self::Explicit | Self::Confirmed => true,
            Self::Suggested | Self::Rejected | Self::Disputed | Self::Superseded => false,
        }
    }
}

/// Why a deployment is a candidate, or why its score is what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The incident names the deployment, its index, or a change that it brought in.
    ExplicitIncidentRef,
    /// A later deployment that repairs the incident took this one out, or says that it repairs this one.
    ExplicitRemediation,
    /// The incident names the artifact or commit that this deployment put in place.
    ArtifactMatch,
    /// The incident names its version.
    VersionMatch,
    /// It was live on the same service and environment.
    SameServiceRecent,
    /// It ran on the same service and environment just before the live one.
    PreviousOnService,
    /// It was live on something that the service depends on.
    DependencyRecent,
    /// A reviewer named it; the rules see no evidence.
    NamedByReviewer,
    /// It was rolled back, and the incident ended soon after.
    RolledBackAfter,
    /// It was taken out by the same rollback as an earlier candidate.
    AlsoRemoved,
    /// It was an emergency change.
    EmergencyChange,
    /// The last run of a test of its artifact or commit had failed before it started.
    FailedChecks,
    /// It brought in many commits.
    LargeChangeSet,
    /// The incident is said to have an outside cause.
    ExternalCause,
    /// Its canary or flag reached no user when the incident began.
    CanaryOff,
    /// Another incident was open on the service already.
    OtherIncidentOpen,
}

impl Candidate {
    /// The reasons in plain words.
    pub fn words(&self) -> Vec<String> {
        let half_life = self
            .half_life
            .map(|half_life| span(i64::from(half_life.minutes) * MINUTE_MS));
        let words = self.reasons.iter().map(|reason| match &half_life {
            Some(half_life) if reason.fades() => format!("{} (half-life {half_life})", reason.words()),
            Some(_) | None => reason.words().to_owned(),
        });
        words.collect()
    }
}

impl Reason {
    /// The code used in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ExplicitIncidentRef => "explicit_incident_ref",
            Self::ExplicitRemediation => "explicit_remediation",
            Self::ArtifactMatch => "artifact_match",
            Self::VersionMatch => "version_match",
            Self::SameServiceRecent => "same_service_recent",
            Self::PreviousOnService => "previous_on_service",
            Self::DependencyRecent => "dependency_recent",
            Self::NamedByReviewer => "named_by_reviewer",
            Self::RolledBackAfter => "rolled_back_after",
            Self::AlsoRemoved => "also_removed",
            Self::EmergencyChange => "emergency_change",
            Self::FailedChecks => "failed_checks",
            Self::LargeChangeSet => "large_change_set",
            Self::ExternalCause => "external_cause",
            Self::CanaryOff => "canary_off",
            Self::OtherIncidentOpen => "other_incident_open",
        }
    }

    /// Whether an event names the deployment as the cause.
    pub const fn is_explicit(self) -> bool {
        matches!(self, Self::ExplicitIncidentRef | Self::ExplicitRemediation)
    }

    /// Whether it counts the less the longer ago the deployment was.
    pub const fn fades(self) -> bool {
        matches!(
            self,
            Self::SameServiceRecent | Self::PreviousOnService | Self::DependencyRecent
        )
    }

    /// The reason in plain words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::ExplicitIncidentRef => "named by the incident",
            Self::ExplicitRemediation => "taken out or repaired by the deployment that fixed the incident",
            Self::ArtifactMatch => "the incident names this artifact or commit",
            Self::VersionMatch => "the incident names this version",
            Self::SameServiceRecent => "live on the same service and environment",
            Self::PreviousOnService => "ran on the same service just before",
            Self::DependencyRecent => "live on something that the service depends on",
            Self::NamedByReviewer => "named by a reviewer",
            Self::RolledBackAfter => "rolled back shortly before the incident ended",
            Self::AlsoRemoved => "taken out by the same rollback",
            Self::EmergencyChange => "an emergency change",
            Self::FailedChecks => "a test of it had failed before it started",
            Self::LargeChangeSet => "a large change set",
            Self::ExternalCause => "the incident is said to have an outside cause",
            Self::CanaryOff => "switched off for all users when the incident began",
            Self::OtherIncidentOpen => "another incident was open on the service already",
        }
    }
}

/// Finds candidates for many incidents among the same facts.
pub struct Correlator<'a> {
    facts: &'a Facts,
    reach: Reach<'a>,
    timelines: HashMap<(&'a ServiceName, &'a EnvironmentName), Timeline<'a>>,
    repairs: Repairs<'a>,
    verdicts: HashMap<&'a IncidentId, Verdicts<'a>>,
}

impl<'a> Correlator<'a> {
    /// Among deployments and incidents of any services and environments.
    pub fn new(facts: &'a Facts) -> Self {
        let deployments = &facts.deployments;
        let mut verdicts: HashMap<_, Verdicts<'_>> = HashMap::new();
        for decided in &facts.decisions {
            verdicts.entry(&decided.incident).or_default().add(decided);
        }
        Self {
            facts,
            reach: Reach::of(facts),
            timelines: Timeline::by_place(deployments),
            repairs: Repairs::among(deployments),
            verdicts,
        }
    }

    /// The deployments that could be shown as candidates if a test of them had failed, and those that somebody decided about: of the
    /// others it need not be known.
    pub fn suspects(&self) -> Vec<&'a Deployment> {
        let mut suspects: BTreeMap<u64, &Deployment> = BTreeMap::new();
        let none = Verdicts::default();
        for incident in &self.facts.incidents {
            let verdicts = self.verdicts.get(&incident.id).unwrap_or(&none);
            let case = Case::new(self, incident);
            let deployments = self.reach.within(&case, verdicts).into_iter();
            let suspected = deployments.filter(|d| verdicts.on(d.index).is_some() || case.could_be_shown(d));
            suspects.extend(suspected.map(|d| (d.index, d)));
        }
        suspects.into_values().collect()
    }

    /// The candidates for an incident, which is one of those among the facts.
    pub fn candidates(&self, incident: &Incident) -> Correlation {
        let none = Verdicts::default();
        let verdicts = self.verdicts.get(&incident.id).unwrap_or(&none);
        let case = Case::new(self, incident);
        let mut found: Vec<_> = self
            .reach
            .within(&case, verdicts)
            .into_iter()
            .filter_map(|d| case.clue(d, verdicts.on(d.index).is_some()))
            .collect();
        found.sort_by(|a, b| {
            b.score
                .total_cmp(&a.score)
                .then(b.deployment.index.cmp(&a.deployment.index))
        });
        // What somebody spoke of is always shown; the rules may add to it.
        let mut room = MAX_CANDIDATES;
        found.retain(|clue| {
            let spoken = clue.explicit || verdicts.on(clue.deployment.index).is_some();
            let shown = spoken || (clue.score >= MIN_SCORE && room > 0);
            room -= usize::from(shown && room > 0);
            shown
        });
        let (candidates, no_deployment) = verdicts.judge(found);
        let (began_at, began_by) = incident.began();
        Correlation {
            algorithm: ALGORITHM,
            began_at,
            began_by,
            no_candidate: candidates.is_empty(),
            candidates,
            no_deployment,
            remediated_by: case.fixes.iter().map(|d| d.index).collect(),
        }
    }
}

#[cfg(test)]
mod tests;
