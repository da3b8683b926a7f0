//! Looks up the pushes and merged pull requests that tell what deployments brought whose records hold no commits: those of the commits
//! on the way from one deployment to the next, and never more of the log than that.

use std::collections::BTreeSet;
use std::rc::Rc;

use super::Deployed;
use crate::domain::deployment::{self, Deployment};
use crate::domain::event::GITHUB_PUSH;
use crate::domain::pushed::{self, Pushes};
use crate::domain::reference::ReferenceKind;
use crate::store::{EventRow, StoreError};

/// What is known of commits so far.
#[derive(Default)]
pub(super) struct LookedUp {
    pushes: Pushes,
    commits: BTreeSet<String>,
    entries: BTreeSet<i64>,
    /// First indexes of the deployments whose commits were looked for.
    deployments: BTreeSet<u64>,
}

impl Deployed<'_, '_> {
    /// Fills in what was brought by those deployments of which it is known what they replaced.
    pub(in crate::app) fn add_change_sets(&mut self) -> Result<(), StoreError> {
        let all = Rc::clone(&self.deployments);
        let open = |at: &usize| {
            let found = &all[*at];
            pushed::is_open(found)
                && !self.looked_up.deployments.contains(&found.index)
                && super::tells(&self.known, found)
        };
        let open: Vec<usize> = (0..all.len()).filter(open).collect();
        let indexes = open.iter().map(|at| all[*at].index);
        self.looked_up.deployments.extend(indexes);
        let found = self.follow(&all, open)?;
        drop(all);
        if !found.is_empty() {
            let deployments = Rc::make_mut(&mut self.deployments);
            for at in found {
                self.looked_up.pushes.complete_one(deployments, at);
            }
        }
        Ok(())
    }

    /// An attempt that is not there itself, with what it would bring. Needs what ran before it.
    pub(in crate::app) fn attempted(&mut self, attempt: Deployment) -> Result<Deployment, StoreError> {
        let mut all = self.deployments.to_vec();
        let at = all.partition_point(|found| found.index < attempt.index);
        all.insert(at, attempt);
        deployment::derive(&mut all);
        for at in self.follow(&all, vec![at])? {
            self.looked_up.pushes.complete_one(&mut all, at);
        }
        Ok(all.swap_remove(at))
    }

    /// The entries of the pushes and merged pull requests that were read.
    pub(in crate::app) const fn pushes(&self) -> &BTreeSet<i64> {
        &self.looked_up.entries
    }

    /// Looks up all that tells what these brought, by position; those that anything may tell of.
    fn follow(&mut self, all: &[Deployment], mut asking: Vec<usize>) -> Result<BTreeSet<usize>, StoreError> {
        let mut found = BTreeSet::new();
        // Each round follows the pushes of all of them one step further back.
        while !asking.is_empty() {
            let mut missing = BTreeSet::new();
            asking.retain(|at| {
                let mut sought = self.looked_up.pushes.sought(&all[*at], all);
                if !sought.is_empty() {
                    found.insert(*at);
                }
                sought.retain(|commit| !self.looked_up.commits.contains(commit));
                let more = !sought.is_empty();
                missing.extend(sought);
                more
            });
            self.look_up(missing)?;
        }
        Ok(found)
    }

    fn look_up(&mut self, commits: BTreeSet<String>) -> Result<(), StoreError> {
        if commits.is_empty() {
            return Ok(());
        }
        let indexes = self.referring_to(&[(&commits, &[ReferenceKind::Commit.as_str()])])?;
        let mut rows = self.tx.events_of(&indexes)?;
        rows.retain(tells_of_commits);
        let records = self.tx.recorded_rows(&rows)?;
        self.looked_up.pushes.add(&records);
        self.looked_up.entries.extend(rows.iter().map(|row| row.idx));
        self.looked_up.commits.extend(commits);
        Ok(())
    }
}

fn tells_of_commits(row: &EventRow) -> bool {
    row.event_type == GITHUB_PUSH || (row.subject == "change" && row.predicate == "merged")
}
