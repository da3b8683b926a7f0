//! The commits and pull requests of deployments whose own records hold none, as GitHub's deliveries tell of them: those of the pushes
//! that lead from the commit that ran before, by ledger order, to the one that was deployed.
//!
//! A pure function of the facts below a tree size, which looks at nothing but what is known of a few commits. It never guesses: where
//! the pushes do not lead from one commit to the other, it says what is missing.

mod walk;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::Serialize;

use self::walk::Walk;
use super::deployment::{Deployment, Effect, Role, Said};
use super::event::{Body, ChangeStep, Recorded};
use super::extension::{Commit, Extension, PullRequest};

/// GitHub lists no more commits of a push than this, and does not say how many there were ("Webhook events and payloads", `push`).
const LISTED: usize = 2048;

/// How the commits of a deployment are known that are those of pushes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChangeSet {
    /// The commit that ran before.
    pub since: Option<String>,
    /// Why they are not all there, or not known to be.
    pub gap: Option<Gap>,
}

/// Why the commits between two deployments are not all known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Gap {
    /// No record tells which commit ran before.
    Start,
    /// The recorded pushes do not lead there from this commit, which ran before.
    Hole(String),
    /// The push of this entry rewrote history.
    Forced(u64),
    /// The push of this entry brought more commits than it lists.
    Cut(u64),
    /// One of the two commits is in the midst of the push of this entry, and what of that it holds is not recorded.
    Within(u64),
}

impl Gap {
    /// The reason in words, to stand after a colon.
    pub fn words(&self) -> String {
        match self {
            Self::Start => "no record tells which commit ran before".to_owned(),
            Self::Hole(since) => {
                let since: String = since.chars().take(12).collect();
                format!("the recorded pushes do not lead there from {since}, which ran before")
            }
            Self::Forced(index) => format!("the push of entry #{index} rewrote history"),
            Self::Cut(index) => format!("the push of entry #{index} brought more commits than it lists"),
            Self::Within(index) => {
                format!("it begins or ends in the midst of the push of entry #{index}, whose order tells no more")
            }
        }
    }
}

/// Pushes and merged pull requests, by commit.
#[derive(Debug, Default)]
pub struct Pushes {
    pushes: BTreeMap<u64, Push>,
    /// Entries of the pushes that name a commit.
    by_commit: HashMap<String, BTreeSet<u64>>,
    /// The pull requests that became a commit, with the repository.
    merged: HashMap<String, Vec<(String, Said<PullRequest>)>>,
}

/// A push to a branch or tag that is still there.
#[derive(Debug)]
struct Push {
    index: u64,
    repository: String,
    before: Option<String>,
    after: String,
    forced: bool,
    cut: bool,
    commits: Vec<Commit>,
}

/// A deployment whose commits are looked for.
struct Sought<'d> {
    repository: String,
    /// The deployment that ran before, and its commit.
    since: Option<(u64, String)>,
    commit: &'d str,
}

impl Pushes {
    /// Takes in what these events tell, of any kind. Only what the service itself received from GitHub counts: nobody else can sign that.
    pub fn add(&mut self, records: &[Recorded]) {
        for record in records {
            let extension = &record.event.extension;
            let from_github = extension.received.as_ref().is_some_and(|told| told.from == "github");
            let Some(repository) = extension.repository.as_deref().filter(|_| from_github).map(name) else {
                continue;
            };
            match &record.event.body {
                Body::Push(_) => self.add_push(record, repository),
                Body::Change {
                    step: ChangeStep::Merged,
                    ..
                } => self.add_merged(record.index, &record.event.subject_id, extension, &repository),
                _ => {}
            }
        }
    }

    /// What is to be known about these commits first, so that [`Self::complete`] tells of the deployment what all records would.
    pub fn sought(&self, deployment: &Deployment, all: &[Deployment]) -> BTreeSet<String> {
        let Some(sought) = Sought::of(deployment, all) else {
            return BTreeSet::new();
        };
        let walk = Walk::of(self, &sought);
        let listed = walk.commits.iter().map(|said| said.value.id.to_ascii_lowercase());
        listed.chain(walk.asked).collect()
    }

    /// Fills in [`Deployment::commits`], [`Deployment::pull_requests`] and [`Deployment::change_set`] of those that have no commits of
    /// their own. Needs [`Deployment::lineage`].
    pub fn complete(&self, deployments: &mut [Deployment]) {
        if self.pushes.is_empty() {
            return;
        }
        for at in 0..deployments.len() {
            self.complete_one(deployments, at);
        }
    }

    /// The same of one, by its position.
    pub fn complete_one(&self, deployments: &mut [Deployment], at: usize) {
        let Some(sought) = Sought::of(&deployments[at], deployments) else {
            return;
        };
        let Walk {
            mut commits,
            gap,
            reached,
            ..
        } = Walk::of(self, &sought);
        if !reached {
            return;
        }
        let mut requests: Vec<Said<PullRequest>> = Vec::new();
        for said in &mut commits {
            let merged = self.merged.get(&said.value.id.to_ascii_lowercase());
            let ours = merged.into_iter().flatten();
            for (_, request) in ours.filter(|(repository, _)| *repository == sought.repository) {
                if self.is_merge_of(said, &request.value) {
                    said.value.merge = Some(true);
                }
                requests.push(request.clone());
            }
        }
        let since = sought.since.map(|(_, commit)| commit);
        let deployment = &mut deployments[at];
        deployment.change_set = Some(ChangeSet { since, gap });
        deployment.commits = commits;
        for said in requests {
            let same = |known: &Said<PullRequest>| known.value.id == said.value.id && known.value.url == said.value.url;
            if !deployment.pull_requests.iter().any(same) {
                deployment.pull_requests.push(said);
            }
        }
    }

    fn add_push(&mut self, record: &Recorded, repository: String) {
        let Body::Push(told) = &record.event.body else { return };
        // Nothing is at a branch or tag that is gone.
        let Some(after) = &told.after else { return };
        let extension = &record.event.extension;
        let index = record.index;
        let commits = extension.commits.iter().map(|commit| commit.id.to_ascii_lowercase());
        for commit in commits.chain([after.clone()]) {
            self.by_commit.entry(commit).or_default().insert(index);
        }
        let push = Push {
            index,
            repository,
            before: told.before.clone(),
            after: after.clone(),
            forced: told.forced,
            cut: extension.commits_left_out.is_some() || extension.commits.len() >= LISTED,
            commits: extension.commits.clone(),
        };
        self.pushes.insert(index, push);
    }

    fn add_merged(&mut self, index: u64, id: &str, extension: &Extension, repository: &str) {
        for request in extension.pull_requests.iter().filter(|request| request.id == id) {
            if let Some(commit) = &request.merge_commit {
                let known = self.merged.entry(commit.to_ascii_lowercase()).or_default();
                if !known.iter().any(|(_, said)| said.index == index) {
                    let value = request.clone();
                    known.push((repository.to_owned(), Said { value, index }));
                    known.sort_by_key(|(_, said)| said.index);
                }
            }
        }
    }

    /// Whether a commit only brings a pull request in: it ends a push that holds the request's own commits too, under the title that
    /// GitHub gives. A push does not say which commits have several parents, and a squashed request comes alone.
    fn is_merge_of(&self, said: &Said<Commit>, request: &PullRequest) -> bool {
        let Some(push) = self.pushes.get(&said.index) else {
            return false;
        };
        let title = format!("Merge pull request #{} ", request.id);
        push.commits.len() > 1
            && push.after.eq_ignore_ascii_case(&said.value.id)
            && said.value.message.starts_with(&title)
    }

    /// The pushes of a repository that name a commit, in ledger order.
    fn naming<'p>(&'p self, repository: &'p str, commit: &str) -> impl Iterator<Item = &'p Push> {
        let entries = self.by_commit.get(commit).into_iter().flatten();
        let pushes = entries.filter_map(|index| self.pushes.get(index));
        pushes.filter(move |push| push.repository == repository)
    }
}

impl<'d> Sought<'d> {
    /// None where the records of the deployment hold its commits, and where it brought nothing new that is known to be: the first of its
    /// place, a way back, the same again.
    fn of(deployment: &'d Deployment, all: &[Deployment]) -> Option<Self> {
        let new = deployment.lineage.role == Role::Forward && deployment.effect == Effect::Runs;
        if !new || !is_open(deployment) {
            return None;
        }
        let replaced = deployment.lineage.replaces.and_then(|index| {
            let at = all.binary_search_by_key(&index, |found| found.index).ok()?;
            let commit = all[at].commit.as_ref()?;
            Some((index, commit.value.to_ascii_lowercase()))
        });
        Some(Self {
            repository: name(&deployment.repository.as_ref()?.value),
            since: replaced,
            commit: &deployment.commit.as_ref()?.value,
        })
    }
}

/// Whether a deployment brought a commit of a repository, and no record of it holds any list.
pub fn is_open(deployment: &Deployment) -> bool {
    let silent = deployment.commits.is_empty() && deployment.commits_left_out.is_none();
    silent && deployment.change_set.is_none() && deployment.commit.is_some() && deployment.repository.is_some()
}

/// A repository as everybody means it: its page, or the address to clone it from.
fn name(url: &str) -> String {
    let url = url.trim_end_matches('/');
    url.strip_suffix(".git").unwrap_or(url).to_ascii_lowercase()
}

#[cfg(test)]
mod tests;
