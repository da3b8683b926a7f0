//! `record deployment`: one attempt to change what runs in a (service, environment), and what it brings in.

use std::path::PathBuf;

use serde_json::{Value, json};
use uuid::Uuid;

use super::{Common, environment, service};
use crate::cli::ci::{Claims, without_credentials};
use crate::cli::client::{Client, block_on, encode};
use crate::cli::event::{DEPLOYMENT_FINISHED, DEPLOYMENT_QUEUED, DEPLOYMENT_STARTED, Draft, reference};
use crate::cli::git::{Checkout, Range};
use crate::cli::{Context, Failure, output, text};
use crate::domain::extension::{Commit, DeploymentKind, PullRequest, RollbackPlan};
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
    /// Artifact as a package URL, best with its digest [default: pkg:generic/SERVICE@VERSION or @COMMIT]
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
        let checkout = Checkout::find(&self.checkout, &context.environment);
        let commit = self.commit(claims, checkout.as_ref())?;
        let changes = match (&checkout, &commit) {
            (Some(checkout), Some(commit)) if self.phase == Phase::Finished && !self.no_commits => {
                self.changes(checkout, commit, &service, &environment, context)?
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

    fn commit(&self, claims: &Claims, checkout: Option<&Checkout>) -> Result<Option<String>, Failure> {
        match (self.commit.clone().or_else(|| claims.commit.clone()), checkout) {
            (Some(commit), _) => Ok(Some(commit)),
            (None, Some(checkout)) => match checkout.head() {
                Ok(commit) => Ok(Some(commit)),
                Err(error) => {
                    output::note(&format!("The commit is not recorded: {error}."));
                    Ok(None)
                }
            },
            (None, None) => Ok(None),
        }
    }

    /// The commits since what the service says runs there. Whatever stands in the way is told, and none are taken.
    fn changes(
        &self,
        checkout: &Checkout,
        commit: &str,
        service: &ServiceName,
        environment: &EnvironmentName,
        context: &Context,
    ) -> Result<Changes, Failure> {
        let none = |why: String| {
            output::note(&format!("No commits were collected: {why}"));
            Ok(Changes::default())
        };
        let client = Client::new(self.common.client.clone(), context)?;
        if self.common.dry_run && !client.has_token() {
            return none("a dry run without a token asks the service nothing.".to_owned());
        }
        if !client.has_token() {
            return none("asking what runs there needs a reader token (SHIPSLOG_TOKEN or --token-file).".to_owned());
        }
        let old = match block_on(running_commit(&client, service, environment)) {
            Ok(Some(old)) => old,
            Ok(None) => {
                return none(format!(
                    "the service knows of no commit of {service} in {environment} yet."
                ));
            }
            Err(failure) => return none(format!("what runs there could not be asked: {failure}")),
        };
        match checkout.range(&old, commit) {
            Ok(Range::Same) => none(format!("{commit} already runs there.")),
            Ok(Range::Back(count)) => {
                output::note(&format!(
                    "This goes back: {count} commits that run there now go out, none come in."
                ));
                Ok(Changes {
                    rollback: true,
                    ..Changes::default()
                })
            }
            Ok(Range::Forward(commits, left_out)) => {
                output::note(&format!("{} commits since {old} are recorded.", commits.len()));
                if left_out > 0 {
                    output::note(&format!(
                        "{left_out} older ones are left out: an event holds a limited number."
                    ));
                }
                Ok(Changes {
                    pull_requests: pull_requests(&commits),
                    commits,
                    rollback: false,
                })
            }
            Ok(Range::Unknown(missing)) => none(format!(
                "the checkout does not hold {missing}. In CI, check out the whole history (GitHub: fetch-depth: 0; GitLab: GIT_DEPTH: 0)."
            )),
            Err(error) => none(format!("{error}.")),
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
                pull_requests: changes.pull_requests,
                tickets: self.common.tickets.clone(),
                reason: self.common.reason.clone(),
                kind,
                planned: self.unplanned.then_some(false),
                impact: self.impact.clone(),
                rollback_plan,
                run_url: self.common.run_url(claims),
                remediates: self.remediates.clone(),
                highlights: self.highlights.clone(),
                ..Extension::default()
            },
        })
    }
}

#[derive(Default)]
struct Changes {
    commits: Vec<Commit>,
    pull_requests: Vec<PullRequest>,
    rollback: bool,
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

/// The commit of what runs, as the service knows it: from the state, else from the record the state rests on.
async fn running_commit(
    client: &Client,
    service: &ServiceName,
    environment: &EnvironmentName,
) -> Result<Option<String>, Failure> {
    let state = match client
        .get(&format!("/v1/environments/{}/state", encode(environment.as_str())))
        .await
    {
        Ok(state) => state,
        // An environment that was never deployed to.
        Err(failure) if failure.to_string().starts_with("404:") => return Ok(None),
        Err(failure) => return Err(failure),
    };
    let items = state["items"].as_array().map(Vec::as_slice).unwrap_or_default();
    let Some(item) = items.iter().find(|item| item["service"] == service.as_str()) else {
        return Ok(None);
    };
    if let Some(commit) = item["commit"].as_str() {
        return Ok(Some(commit.to_owned()));
    }
    let Some(index) = item["index"].as_u64() else {
        return Ok(None);
    };
    let envelope = client.get_text(&format!("/v1/events/{index}/envelope")).await?;
    let payload = ledger::envelope::Envelope::parse(envelope.as_bytes())
        .map_err(|error| Failure::refused(format!("the envelope of record {index} is not readable: {error}")))?
        .payload;
    let event = serde_json::from_slice::<Value>(&payload).unwrap_or(Value::Null);
    Ok(event["customData"]["shipslog"]["commit"].as_str().map(str::to_owned))
}

/// Pull requests that the commits name the way forges write them: `Merge pull request #12 …` and `… (#12)`.
fn pull_requests(commits: &[Commit]) -> Vec<PullRequest> {
    let mut found: Vec<PullRequest> = Vec::new();
    for commit in commits {
        let mut lines = commit.message.lines();
        let title = lines.next().unwrap_or_default();
        let (id, title) = if let Some(rest) = title.strip_prefix("Merge pull request #") {
            (
                rest.split(' ').next().unwrap_or_default(),
                lines.find(|line| !line.trim().is_empty()).unwrap_or_default(),
            )
        } else if let Some((title, rest)) = title.trim_end().rsplit_once(" (#") {
            (rest.strip_suffix(')').unwrap_or_default(), title)
        } else {
            continue;
        };
        let number = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit());
        if number && found.iter().all(|known| known.id != id) {
            found.push(PullRequest {
                id: id.to_owned(),
                title: Some(title.trim().to_owned()).filter(|title| !title.is_empty()),
                url: None,
                author: None,
                approved_by: Vec::new(),
                merged_by: None,
                merge_commit: Some(commit.id.clone()),
            });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commit(message: &str) -> Commit {
        Commit {
            id: "c".into(),
            message: message.into(),
            author: None,
            committed_at: None,
            merge: None,
        }
    }

    #[test]
    fn pull_requests_are_read_from_the_titles_of_forges() {
        let found = pull_requests(&[
            commit("Merge pull request #12 from acme/retry\n\nRetry payments"),
            commit("fix: rounding (#13)"),
            commit("fix: rounding (#13)"),
            commit("feat: say (#no)"),
            commit("plain"),
            commit(""),
        ]);
        let told = found
            .iter()
            .map(|pull| (pull.id.as_str(), pull.title.as_deref()))
            .collect::<Vec<_>>();
        assert_eq!(told, [("12", Some("Retry payments")), ("13", Some("fix: rounding"))]);
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
