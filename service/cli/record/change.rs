//! `record change`: a pull or merge request on its way.

use std::path::Path;

use serde_json::json;

use super::commit::commit;
use super::{Common, human};
use crate::cli::ci::Claims;
use crate::cli::event::{Draft, reference};
use crate::cli::{Context, Failure, text};
use crate::domain::extension::{PullRequest, ReviewVerdict};
use crate::domain::{Extension, ServiceName};

/// Arguments of `record change`.
#[derive(Debug, clap::Args)]
pub struct Change {
    /// Number or id of the change in its forge
    #[arg(long, value_name = "ID", value_parser = text)]
    id: String,
    /// How far it is
    #[arg(long, value_enum, default_value_t = Phase::Merged)]
    phase: Phase,
    /// Repository, as a URL [default: from the CI system]
    #[arg(long, value_name = "URL", value_parser = text)]
    repository: Option<String>,
    /// Service that it changes
    #[arg(long, value_name = "NAME")]
    service: Option<ServiceName>,
    /// Title
    #[arg(long, value_name = "TEXT", value_parser = text)]
    title: Option<String>,
    /// Page of the change
    #[arg(long, value_name = "URL", value_parser = text)]
    page: Option<String>,
    /// Who proposed it
    #[arg(long, value_name = "ID", value_parser = text)]
    author: Option<String>,
    /// Who merged it
    #[arg(long, value_name = "ID", value_parser = text)]
    merged_by: Option<String>,
    /// Commit that it became, or that was reviewed [default: from the CI system]
    #[arg(long, value_name = "COMMIT", value_parser = text)]
    commit: Option<String>,
    /// Who reviewed it; needed with --phase reviewed
    #[arg(long, value_name = "ID", value_parser = text)]
    reviewer: Option<String>,
    /// Verdict of the review; needed with --phase reviewed
    #[arg(long, value_enum)]
    verdict: Option<Verdict>,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Phase {
    Created,
    Updated,
    Reviewed,
    Merged,
    Abandoned,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Verdict {
    Approved,
    ChangesRequested,
    Commented,
}

impl From<Verdict> for ReviewVerdict {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Approved => Self::Approved,
            Verdict::ChangesRequested => Self::ChangesRequested,
            Verdict::Commented => Self::Commented,
        }
    }
}

impl Change {
    /// Records it.
    pub fn run(self, context: &Context, claims: &Claims) -> Result<(), Failure> {
        let reviewed = self.phase == Phase::Reviewed;
        if reviewed != self.verdict.is_some() || reviewed != self.reviewer.is_some() {
            return Err(Failure::unclear(
                "--reviewer and --verdict belong to --phase reviewed, which needs both",
            ));
        }
        let repository = self.repository.clone().or_else(|| claims.repository.clone());
        let commit = commit(self.commit.as_deref(), claims, Path::new("."), context)?;
        let merged = self.phase == Phase::Merged;
        let approved = self.verdict == Some(Verdict::Approved);
        let draft = Draft {
            event_type: match self.phase {
                Phase::Created => "dev.cdevents.change.created.0.4.0",
                Phase::Updated => "dev.cdevents.change.updated.0.3.0",
                Phase::Reviewed => "dev.cdevents.change.reviewed.0.3.0",
                Phase::Merged => "dev.cdevents.change.merged.0.3.0",
                Phase::Abandoned => "dev.cdevents.change.abandoned.0.3.0",
            },
            source: self.common.source(claims),
            subject: self.id.clone(),
            content: json!({
                "repository": reference(repository.as_deref()),
                "description": self.title.as_ref().filter(|_| self.phase == Phase::Created),
            }),
            extension: Extension {
                service: self.service.clone(),
                actor: self
                    .reviewer
                    .as_deref()
                    .map(human)
                    .or_else(|| self.common.actor(claims)),
                repository,
                pull_requests: vec![PullRequest {
                    id: self.id.clone(),
                    title: self.title.clone(),
                    url: self.page.clone(),
                    author: self.author.clone(),
                    approved_by: self.reviewer.clone().into_iter().filter(|_| approved).collect(),
                    merged_by: self.merged_by.clone(),
                    merge_commit: commit.clone().filter(|_| merged),
                }],
                commit,
                tickets: self.common.tickets.clone(),
                reason: self.common.reason.clone(),
                run_url: self.common.run_url(claims),
                review: self.verdict.map(ReviewVerdict::from),
                ..Extension::default()
            },
        };
        self.common.send(&draft, context)
    }
}
