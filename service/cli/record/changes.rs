//! What a deployment brings in: the commits since what the service says runs there.

use std::path::Path;

use serde_json::Value;

use super::Common;
use crate::cli::client::{Client, block_on, encode};
use crate::cli::git::{Checkout, Range, cut};
use crate::cli::{Context, Failure, output};
use crate::domain::extension::{Commit, PullRequest};
use crate::domain::{EnvironmentName, ServiceName};

/// The longest title kept of a pull request, in bytes.
const MAX_TITLE: usize = 1_000;

/// The checkout to read commits from, if there is one. One that git does not read, as in a container that runs as another user, is
/// told: nothing of it is recorded.
pub fn checkout(folder: &Path, context: &Context) -> Option<Checkout> {
    Checkout::find(folder, &context.environment).unwrap_or_else(|error| {
        output::note(&format!(
            "The checkout is not read, so no commits are collected: {error}."
        ));
        None
    })
}

/// What a deployment brings in, or that it goes back.
#[derive(Default)]
pub struct Changes {
    /// Commits, newest first.
    pub commits: Vec<Commit>,
    /// How many older ones there are that an event has no room for, if any.
    pub left_out: Option<u32>,
    /// Pull requests that the commits name.
    pub pull_requests: Vec<PullRequest>,
    /// Whether commits that run there go out, and none come in.
    pub rollback: bool,
}

impl Changes {
    /// The commits since what the service says runs there. Whatever stands in the way is told, and none are taken.
    pub fn collect(
        common: &Common,
        checkout: &Checkout,
        commit: &str,
        service: &ServiceName,
        environment: &EnvironmentName,
        context: &Context,
    ) -> Result<Self, Failure> {
        let none = |why: String| {
            output::note(&format!("No commits were collected: {why}"));
            Ok(Self::default())
        };
        let client = Client::new(common.client.clone(), context)?;
        if common.dry_run && !client.has_token() {
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
                Ok(Self {
                    rollback: true,
                    ..Self::default()
                })
            }
            Ok(Range::Forward(commits, left_out)) => {
                output::note(&format!("{} commits since {old} are recorded.", commits.len()));
                if left_out > 0 {
                    output::note(&format!(
                        "{left_out} older ones are left out, and counted: an event holds a limited number."
                    ));
                }
                Ok(Self {
                    pull_requests: pull_requests(&commits),
                    commits,
                    left_out: u32::try_from(left_out).ok().filter(|left_out| *left_out > 0),
                    rollback: false,
                })
            }
            Ok(Range::Unknown(missing)) => none(format!(
                "the checkout does not hold {missing}. In CI, check out the whole history (GitHub: fetch-depth: 0; GitLab: GIT_DEPTH: 0)."
            )),
            Err(error) => none(format!("{error}.")),
        }
    }
}

/// The commit of what runs, as the service knows it: from the state, else from the record the state rests on.
async fn running_commit(
    client: &Client,
    service: &ServiceName,
    environment: &EnvironmentName,
) -> Result<Option<String>, Failure> {
    // An environment that was never deployed to is not known.
    let path = format!("/v1/environments/{}/state", encode(environment.as_str()));
    let Some(state) = client.find(&path).await? else {
        return Ok(None);
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
                title: Some(cut(title.trim(), MAX_TITLE)).filter(|title| !title.is_empty()),
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
            commit(&format!("Merge pull request #14 from acme/x\n\n{}", "x".repeat(1_100))),
        ]);
        let told = found
            .iter()
            .map(|pull| (pull.id.as_str(), pull.title.as_deref()))
            .collect::<Vec<_>>();
        let long = format!("{}…", "x".repeat(MAX_TITLE));
        assert_eq!(
            told,
            [
                ("12", Some("Retry payments")),
                ("13", Some("fix: rounding")),
                ("14", Some(long.as_str()))
            ]
        );
    }
}
