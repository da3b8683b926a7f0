//! `record deployment`: one attempt to change what runs in a (service, environment), and what it brings in.

use std::path::PathBuf;

use serde_json::json;
use uuid::Uuid;

use super::changes::{Changes, checkout};
use super::commit::commit;
use super::rollout::Strategy;
use super::{Common, environment, service};
use crate::cli::ci::{Claims, without_credentials};
use crate::cli::client::encode;
use crate::cli::event::{DEPLOYMENT_FINISHED, DEPLOYMENT_QUEUED, DEPLOYMENT_STARTED, Draft, reference};
use crate::cli::git::Checkout;
use crate::cli::{Context, Failure, output, text};
use crate::domain::exposure::{Downtime, Risk, RiskLevel};
use crate::domain::extension::{DependencyChange, DeploymentKind, RollbackPlan};
use crate::domain::{DeploymentId, EnvironmentName, Extension, ServiceName};

/// Arguments of `record deployment`.
#[derive(Debug, clap::Args)]
pub struct Deployment {
    /// Service that is deployed [env: SHIPSLOG_SERVICE]
    #[arg(long, value_name = "NAME")]
    service: Option<ServiceName>,
    /// Environment it is deployed to [env: SHIPSLOG_ENVIRONMENT] [default: from the CI system]
    #[arg(long, value_name = "NAME")]
    environment: Option<EnvironmentName>,
    /// Version that people know it by
    #[arg(long, value_name = "VERSION", value_parser = text)]
    version: Option<String>,
    /// Artifact as a package URL, best with its digest [default: made from the service and its version or commit]
    #[arg(long, value_name = "PURL", value_parser = text)]
    artifact: Option<String>,
    /// How far it is
    #[arg(long, value_enum, default_value_t = Phase::Finished)]
    phase: Phase,
    /// How it ended [default: success]
    #[arg(long, value_enum)]
    outcome: Option<Outcome>,
    /// Id that the records of one deployment share [default: one for each CI run, service, environment and version]
    #[arg(long, value_name = "ID")]
    deployment_id: Option<DeploymentId>,
    /// What kind of deployment it is
    #[arg(long, value_enum)]
    kind: Option<Kind>,
    /// Commit that is deployed [default: from the CI system, else what is checked out]
    #[arg(long, value_name = "COMMIT", value_parser = text)]
    commit: Option<String>,
    /// Expected effect on users, as assessed before
    #[arg(long, value_name = "TEXT", value_parser = text)]
    impact: Option<String>,
    /// Minutes that users are to do without the service, as planned before; 0 for none
    #[arg(long, value_name = "MINUTES")]
    planned_downtime: Option<u32>,
    /// Minutes that they did without it
    #[arg(long, value_name = "MINUTES")]
    actual_downtime: Option<u32>,
    /// How risky it is, as assessed before
    #[arg(long, value_enum)]
    risk: Option<Level>,
    /// What may go wrong, and what is done about it
    #[arg(long, value_name = "TEXT", value_parser = text, requires = "risk")]
    risk_text: Option<String>,
    /// Percent of users that it reaches from then on; `record rollout` tells when that changes
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(..=100))]
    share: Option<u8>,
    #[command(flatten)]
    strategy: Strategy,
    /// Where the way back is written down
    #[arg(long, value_name = "URL", value_parser = text)]
    rollback_plan: Option<String>,
    /// Version to go back to if need be
    #[arg(long, value_name = "VERSION", value_parser = text)]
    rollback_to: Option<String>,
    /// Deployment or incident that this repairs
    #[arg(long, value_name = "ID", value_parser = text)]
    remediates: Option<String>,
    /// Text for the top of the release notes
    #[arg(long, value_name = "TEXT", value_parser = text)]
    highlights: Option<String>,
    /// Dependency that changed, as NAME=FROM..TO; without FROM it is new, without TO it is gone; may be repeated
    #[arg(long = "dependency", value_name = "NAME=[FROM]..[TO]", value_parser = dependency)]
    dependencies: Vec<DependencyChange>,
    /// Say that it was not planned
    #[arg(long)]
    unplanned: bool,
    /// Checkout to read commits from
    #[arg(long, value_name = "DIR", default_value = ".")]
    checkout: PathBuf,
    /// Do not collect commits
    #[arg(long)]
    no_commits: bool,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Phase {
    Queued,
    Started,
    Finished,
}

/// How something ended, in the words of CDEvents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Outcome {
    /// It did what it should.
    Success,
    /// It ran and did not do what it should.
    Failure,
    /// Somebody stopped it.
    Cancel,
    /// It could not run.
    Error,
}

impl Outcome {
    /// The word of CDEvents.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Cancel => "cancel",
            Self::Error => "error",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    Standard,
    Normal,
    Emergency,
    Hotfix,
    Rollback,
    Redeploy,
    Baseline,
}

impl From<Kind> for DeploymentKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Standard => Self::Standard,
            Kind::Normal => Self::Normal,
            Kind::Emergency => Self::Emergency,
            Kind::Hotfix => Self::Hotfix,
            Kind::Rollback => Self::Rollback,
            Kind::Redeploy => Self::Redeploy,
            Kind::Baseline => Self::Baseline,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Level {
    Low,
    Medium,
    High,
}

impl From<Level> for RiskLevel {
    fn from(level: Level) -> Self {
        match level {
            Level::Low => Self::Low,
            Level::Medium => Self::Medium,
            Level::High => Self::High,
        }
    }
}

impl Deployment {
    /// Records it.
    pub fn run(self, context: &Context, claims: &Claims) -> Result<(), Failure> {
        if self.phase != Phase::Finished && self.outcome.is_some() {
            return Err(Failure::unclear(
                "--outcome says how a deployment ended; leave it out unless --phase is finished",
            ));
        }
        let service = service(self.service.clone(), context)?;
        let environment = environment(self.environment.clone(), context, claims)?;
        let checkout = checkout(&self.checkout, context);
        let commit = self.commit(claims, checkout.as_ref(), context)?;
        let changes = match (&checkout, &commit) {
            (Some(checkout), Some(commit)) if self.phase == Phase::Finished && !self.no_commits => {
                Changes::collect(&self.common, checkout, commit, &service, &environment, context)?
            }
            _ => Changes::default(),
        };
        let repository = claims.repository.clone().or_else(|| {
            checkout
                .as_ref()
                .and_then(Checkout::origin)
                .map(|url| without_credentials(&url))
        });
        let draft = self.draft(claims, service, environment, commit, repository, changes)?;
        self.common.send(&draft, context)
    }

    fn commit(
        &self,
        claims: &Claims,
        checkout: Option<&Checkout>,
        context: &Context,
    ) -> Result<Option<String>, Failure> {
        let Some(checkout) = checkout.filter(|_| self.commit.is_none() && claims.commit.is_none()) else {
            return commit(self.commit.as_deref(), claims, &self.checkout, context);
        };
        match checkout.head() {
            Ok(commit) => Ok(Some(commit)),
            Err(error) => {
                output::note(&format!("The commit is not recorded: {error}."));
                Ok(None)
            }
        }
    }

    fn draft(
        &self,
        claims: &Claims,
        service: ServiceName,
        environment: EnvironmentName,
        commit: Option<String>,
        repository: Option<String>,
        changes: Changes,
    ) -> Result<Draft, Failure> {
        let artifact = match (&self.artifact, self.version.as_ref().or(commit.as_ref())) {
            (Some(artifact), _) => artifact.clone(),
            (None, Some(version)) => format!("pkg:generic/{}@{}", encode(service.as_str()), encode(version)),
            (None, None) => {
                return Err(Failure::unclear(
                    "what is deployed? Give --version, --artifact or --commit, or run inside a git checkout",
                ));
            }
        };
        let id = self.deployment_id.as_ref().map_or_else(
            || default_id(claims, &service, &environment, &artifact),
            |id| id.as_str().to_owned(),
        );
        let (event_type, outcome) = match self.phase {
            Phase::Queued => (DEPLOYMENT_QUEUED, None),
            Phase::Started => (DEPLOYMENT_STARTED, None),
            Phase::Finished => (
                DEPLOYMENT_FINISHED,
                Some(self.outcome.unwrap_or(Outcome::Success).as_str()),
            ),
        };
        let kind = match (self.kind, changes.rollback) {
            (Some(kind), _) => Some(kind.into()),
            (None, true) => Some(DeploymentKind::Rollback),
            (None, false) => None,
        };
        let rollback_plan = (self.rollback_plan.is_some() || self.rollback_to.is_some()).then(|| RollbackPlan {
            reference: self.rollback_plan.clone(),
            target_version: self.rollback_to.clone(),
        });
        Ok(Draft {
            event_type,
            source: self.common.source(claims),
            subject: id,
            content: json!({
                "artifactId": artifact,
                "environment": reference(Some(environment.as_str())),
                "outcome": outcome,
            }),
            extension: Extension {
                version: self.version.clone(),
                service: Some(service),
                commit,
                repository,
                actor: self.common.actor(claims),
                commits: changes.commits,
                commits_left_out: changes.left_out,
                pull_requests: changes.pull_requests,
                dependency_changes: self.dependencies.clone(),
                tickets: self.common.tickets.clone(),
                reason: self.common.reason.clone(),
                kind,
                planned: self.unplanned.then_some(false),
                impact: self.impact.clone(),
                downtime: Downtime::of(self.planned_downtime, self.actual_downtime),
                risk: self.risk.map(|level| Risk {
                    level: level.into(),
                    text: self.risk_text.clone(),
                }),
                rollout: self.share.map(|share| self.strategy.rollout(share)),
                rollback_plan,
                run_url: self.common.run_url(claims),
                remediates: self.remediates.clone(),
                highlights: self.highlights.clone(),
                ..Extension::default()
            },
        })
    }
}

fn dependency(value: &str) -> Result<DependencyChange, &'static str> {
    let parts = value.rsplit_once('=').and_then(|(name, versions)| {
        let (from, to) = versions.split_once("..")?;
        Some((name.trim(), from.trim(), to.trim()))
    });
    let version = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    match parts {
        None | Some(("", _, _)) | Some((_, "", "")) => {
            Err("must be NAME=FROM..TO, such as openssl=3.0.14..3.4.0; FROM or TO may be left out")
        }
        Some((name, from, to)) => Ok(DependencyChange {
            name: name.to_owned(),
            from: version(from),
            to: version(to),
        }),
    }
}

/// In CI the started and the finished record of one run find each other; elsewhere each deployment is its own.
fn default_id(claims: &Claims, service: &ServiceName, environment: &EnvironmentName, artifact: &str) -> String {
    match &claims.run_url {
        Some(run) => {
            let name = [run, service.as_str(), environment.as_str(), artifact].join("\n");
            Uuid::new_v5(&Uuid::NAMESPACE_URL, name.as_bytes()).to_string()
        }
        None => {
            let id = Uuid::now_v7().to_string();
            output::note(&format!("Deployment id: {id}"));
            id
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dependency_has_a_name_and_a_version_before_or_after() {
        let read = |value| dependency(value).map(|change| (change.name, change.from, change.to));
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(
            read("serde=1.0.1..1.0.2").unwrap(),
            ("serde".to_owned(), some("1.0.1"), some("1.0.2"))
        );
        assert_eq!(read("a=b=1..2").unwrap(), ("a=b".to_owned(), some("1"), some("2")));
        assert_eq!(read("serde=..1").unwrap(), ("serde".to_owned(), None, some("1")));
        assert_eq!(read("serde=1..").unwrap(), ("serde".to_owned(), some("1"), None));
        for wrong in ["serde", "serde=1", "=1..2", "serde=.."] {
            assert!(dependency(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_records_of_one_run_share_their_id() {
        let claims = Claims {
            run_url: Some("https://ci/1".into()),
            ..Claims::default()
        };
        let (service, production) = ("shop".parse().unwrap(), "production".parse().unwrap());
        let id = default_id(&claims, &service, &production, "pkg:oci/shop@1");
        assert_eq!(id, default_id(&claims, &service, &production, "pkg:oci/shop@1"));
        assert_ne!(id, default_id(&claims, &service, &production, "pkg:oci/shop@2"));
        assert_ne!(
            id,
            default_id(&claims, &service, &"staging".parse().unwrap(), "pkg:oci/shop@1")
        );
    }
}
