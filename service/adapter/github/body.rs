//! The parts of GitHub's payloads that are read. What is not here is kept in the raw body and read by nobody.

use serde::Deserialize;

use crate::domain::extension::{Actor, ActorKind};
use crate::domain::instant::Instant;

/// What every delivery about a repository has.
#[derive(Debug, Deserialize)]
pub(super) struct Common {
    pub(super) repository: Repository,
    pub(super) sender: User,
}

#[derive(Debug, Deserialize)]
pub(super) struct Repository {
    pub(super) name: String,
    pub(super) full_name: String,
    pub(super) html_url: String,
    /// Seconds in a push, text elsewhere.
    pub(super) pushed_at: Option<PushedAt>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum PushedAt {
    Seconds(i64),
    Text(String),
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct User {
    pub(super) login: String,
    #[serde(rename = "type")]
    pub(super) kind: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct DeploymentDelivery {
    pub(super) action: Option<String>,
    pub(super) deployment: Deployment,
    pub(super) deployment_status: Option<DeploymentStatus>,
    pub(super) workflow_run: Option<RunPage>,
    #[serde(flatten)]
    pub(super) common: Common,
}

#[derive(Debug, Deserialize)]
pub(super) struct Deployment {
    pub(super) id: u64,
    pub(super) sha: String,
    #[serde(rename = "ref")]
    pub(super) git_ref: String,
    pub(super) environment: String,
    pub(super) description: Option<String>,
    /// An object as a rule, text in old deliveries; whatever the deployer put there.
    pub(super) payload: Option<serde_json::Value>,
    pub(super) creator: Option<User>,
    pub(super) created_at: Instant,
}

#[derive(Debug, Deserialize)]
pub(super) struct DeploymentStatus {
    pub(super) state: String,
    pub(super) creator: Option<User>,
    pub(super) description: Option<String>,
    pub(super) log_url: Option<String>,
    pub(super) target_url: Option<String>,
    pub(super) created_at: Instant,
}

#[derive(Debug, Deserialize)]
pub(super) struct RunPage {
    pub(super) html_url: Option<String>,
}

/// As GitHub's schema has it: an answer lists the jobs that it lets go on, a request has one.
#[derive(Debug, Deserialize)]
pub(super) struct DeploymentReview {
    pub(super) action: String,
    pub(super) workflow_run: Option<WorkflowRun>,
    pub(super) workflow_job_run: Option<JobRun>,
    pub(super) workflow_job_runs: Option<Vec<JobRun>>,
    pub(super) environment: Option<String>,
    pub(super) since: Instant,
    pub(super) requestor: Option<User>,
    pub(super) approver: Option<User>,
    pub(super) comment: Option<String>,
    #[serde(flatten)]
    pub(super) common: Common,
}

/// A job that waits.
#[derive(Debug, Deserialize)]
pub(super) struct JobRun {
    pub(super) environment: Option<String>,
    pub(super) updated_at: Option<Instant>,
}

#[derive(Debug, Deserialize)]
pub(super) struct ReleaseDelivery {
    pub(super) action: String,
    pub(super) release: Release,
    #[serde(flatten)]
    pub(super) common: Common,
}

#[derive(Debug, Deserialize)]
pub(super) struct Release {
    pub(super) tag_name: String,
    pub(super) target_commitish: String,
    pub(super) body: Option<String>,
    pub(super) author: Option<User>,
    pub(super) published_at: Option<Instant>,
}

#[derive(Debug, Deserialize)]
pub(super) struct PullRequestDelivery {
    pub(super) action: String,
    pub(super) pull_request: PullRequest,
    pub(super) review: Option<Review>,
    #[serde(flatten)]
    pub(super) common: Common,
}

#[derive(Debug, Deserialize)]
pub(super) struct PullRequest {
    pub(super) number: u64,
    pub(super) title: String,
    pub(super) html_url: String,
    pub(super) user: Option<User>,
    pub(super) merged: Option<bool>,
    pub(super) merged_by: Option<User>,
    pub(super) merge_commit_sha: Option<String>,
    pub(super) head: Head,
    pub(super) created_at: Instant,
    pub(super) updated_at: Instant,
    pub(super) closed_at: Option<Instant>,
    pub(super) merged_at: Option<Instant>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Head {
    pub(super) sha: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Review {
    pub(super) state: String,
    pub(super) user: Option<User>,
    pub(super) commit_id: Option<String>,
    pub(super) submitted_at: Option<Instant>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Push {
    #[serde(rename = "ref")]
    pub(super) git_ref: String,
    pub(super) before: String,
    pub(super) after: String,
    pub(super) created: bool,
    pub(super) deleted: bool,
    pub(super) forced: bool,
    pub(super) compare: Option<String>,
    pub(super) commits: Vec<PushedCommit>,
    pub(super) head_commit: Option<PushedCommit>,
    #[serde(flatten)]
    pub(super) common: Common,
}

#[derive(Debug, Deserialize)]
pub(super) struct PushedCommit {
    pub(super) id: String,
    pub(super) message: String,
    /// Git takes any time that a committer's clock shows, so this is text that may or may not be one.
    pub(super) timestamp: Option<String>,
    pub(super) author: Option<Author>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Author {
    pub(super) name: Option<String>,
    pub(super) username: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct WorkflowRunDelivery {
    pub(super) action: String,
    pub(super) workflow_run: WorkflowRun,
    pub(super) workflow: Option<Workflow>,
    #[serde(flatten)]
    pub(super) common: Common,
}

#[derive(Debug, Deserialize)]
pub(super) struct WorkflowRun {
    pub(super) id: u64,
    pub(super) run_attempt: Option<u64>,
    /// Counts the runs of a workflow.
    pub(super) run_number: Option<u64>,
    /// Stays when the workflow is renamed.
    pub(super) workflow_id: Option<u64>,
    pub(super) name: Option<String>,
    pub(super) path: Option<String>,
    pub(super) html_url: String,
    pub(super) head_sha: String,
    pub(super) conclusion: Option<String>,
    pub(super) actor: Option<User>,
    pub(super) triggering_actor: Option<User>,
    pub(super) created_at: Instant,
    pub(super) run_started_at: Option<Instant>,
    pub(super) updated_at: Instant,
}

#[derive(Debug, Deserialize)]
pub(super) struct Workflow {
    pub(super) name: Option<String>,
}

impl User {
    pub(super) fn actor(&self) -> Actor {
        Actor {
            id: self.login.clone(),
            kind: match self.kind.as_deref() {
                Some("User") => Some(ActorKind::Human),
                Some("Bot") => Some(ActorKind::Pipeline),
                _ => None,
            },
            name: None,
        }
    }
}

impl PushedAt {
    pub(super) fn instant(&self) -> Option<Instant> {
        match self {
            Self::Seconds(seconds) => {
                Instant::parse(&Instant::from_millis(seconds.checked_mul(1000)?).to_string()).ok()
            }
            Self::Text(text) => Instant::parse(text).ok(),
        }
    }
}

/// GitHub says nothing by empty text as often as by none.
pub(super) fn filled(text: Option<&String>) -> Option<String> {
    text.filter(|text| !text.trim().is_empty()).cloned()
}
