//! What the changes of deployments are read from: commits, and pull requests without a commit.

use std::collections::BTreeSet;

use super::text::{first_line, number_of};
use crate::domain::deployment::Deployment;
use crate::domain::extension::{Commit, PullRequest};

/// A commit, or a pull request that none of the commits belongs to.
pub(super) struct Item<'a> {
    pub(super) commit: Option<&'a Commit>,
    pub(super) requests: Vec<&'a PullRequest>,
    pub(super) message: &'a str,
    pub(super) index: u64,
}

impl<'a> Item<'a> {
    /// All that is written about it.
    pub(super) fn texts(&self) -> impl Iterator<Item = &'a str> {
        let titles = self.requests.iter().filter_map(|request| request.title.as_deref());
        std::iter::once(self.message).chain(titles)
    }
}

/// Every commit once, and the pull requests that no commit belongs to.
pub(super) fn items<'a>(deployments: &[&'a Deployment], except: &BTreeSet<&str>) -> Vec<Item<'a>> {
    let mut items: Vec<Item<'a>> = Vec::new();
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    for deployment in deployments {
        for said in &deployment.commits {
            let commit = &said.value;
            if seen.insert(&commit.id) && !except.contains(commit.id.as_str()) {
                items.push(Item {
                    commit: Some(commit),
                    requests: vec![],
                    message: &commit.message,
                    index: said.index,
                });
            }
        }
    }
    let mut requests: BTreeSet<(&str, Option<&str>)> = BTreeSet::new();
    for deployment in deployments {
        for said in &deployment.pull_requests {
            let request = &said.value;
            if !requests.insert((&request.id, request.url.as_deref())) {
                continue;
            }
            let merged = request.merge_commit.as_deref();
            let number = request.id.trim_start_matches('#');
            let owner = items.iter_mut().find(|item| {
                let same = item.commit.is_some_and(|c| Some(c.id.as_str()) == merged);
                let squashed = number_of(first_line(item.message)) == Some(number);
                item.commit.is_some_and(|c| !is_merge(c)) && (same || squashed)
            });
            let taken_out = merged.is_some_and(|id| except.contains(id));
            match (owner, &request.title) {
                (Some(item), _) => item.requests.push(request),
                (None, Some(title)) if !taken_out => {
                    items.push(Item {
                        commit: None,
                        requests: vec![request],
                        message: title,
                        index: said.index,
                    });
                }
                (None, _) => {}
            }
        }
    }
    items
}

/// Whether a commit only brings branches together.
pub(super) fn is_merge(commit: &Commit) -> bool {
    commit.merge == Some(true)
        || [
            "Merge pull request #",
            "Merge branch '",
            "Merge remote-tracking branch '",
            "Merge tag '",
        ]
        .iter()
        .any(|start| commit.message.starts_with(start))
}
