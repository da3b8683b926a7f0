//! The changes that a set of deployments brought in, grouped for readers.
//!
//! Grouped by conventional commit type; breaking changes first. Merges are dropped, maintenance is counted, one change
//! that arrives several times is shown once, and a change and its revert in the same set cancel. What cannot be
//! understood stays visible under "Other changes"; nothing is dropped silently.

mod bump;
mod dependencies;
mod items;
mod reading;
mod text;
mod tickets;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

pub use self::dependencies::DependencyRow;
use self::items::{Item, is_merge, items};
use self::reading::{Place, read};
pub(super) use self::text::first_line;
use self::text::{trailer, without_number};
use self::tickets::Tickets;
use crate::domain::deployment::Deployment;
use crate::domain::extension::{PullRequest, TicketRef};
use crate::domain::service::TicketLink;

/// Changes, grouped.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Changes {
    /// Commits, pull requests and tickets that were looked at, each once, merges excluded.
    pub total: usize,
    /// Entries in the groups.
    pub shown: usize,
    /// The groups that have entries, in the order to show them.
    pub groups: Vec<Group>,
    /// Maintenance that is counted and not listed, by kind.
    pub maintenance: Vec<Count>,
    /// How much of it there is.
    pub maintenance_total: usize,
    /// Changes that cancel with their revert; both are counted.
    pub cancelled: usize,
    /// Cherry-picks and other repetitions of a change in the same set.
    pub duplicates: usize,
    /// Dependencies that changed, by name. The commits that say nothing else are in no group and not counted as maintenance.
    pub dependencies: Vec<DependencyRow>,
    /// Whether more may have come in than is recorded; absent where that is not known.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub incomplete: bool,
    /// Tickets that the deployments name, and those that only the text of a change names, each once.
    pub tickets: Vec<Reference>,
}

/// Changes of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Group {
    /// breaking, security, feature, fix, performance, revert, other.
    pub key: &'static str,
    /// Heading.
    pub title: &'static str,
    /// The changes, in the order in which they were recorded.
    pub entries: Vec<Change>,
}

/// One change.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Change {
    /// What changed, in its author's words.
    pub title: String,
    /// The part that it is about.
    pub scope: Option<String>,
    /// Whether users must act.
    pub breaking: bool,
    /// What they must know.
    pub breaking_note: Option<String>,
    /// Ids of its commits.
    pub commits: Vec<String>,
    /// Its pull requests.
    pub pull_requests: Vec<Reference>,
    /// Tickets that its text names.
    pub tickets: Vec<Reference>,
    /// Who wrote it.
    pub authors: Vec<String>,
    /// Indexes of the entries that record it.
    pub indexes: Vec<u64>,
}

/// What a change is known by wherever it is deployed, so that what several services bring is counted once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Identity {
    /// Its commits and pull requests; none for what only a ticket tells.
    pub(super) ids: Vec<String>,
    /// Whether users must act.
    pub(super) breaking: bool,
}

/// A ticket or pull request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reference {
    /// Its key or number.
    pub id: String,
    /// Its title.
    pub title: Option<String>,
    /// Its page.
    pub url: Option<String>,
}

/// So many of a kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Count {
    /// The kind.
    pub key: &'static str,
    /// The kind in words, in the number that fits.
    pub words: &'static str,
    /// How many.
    pub count: usize,
}

/// The groups, in the order to show them.
const GROUPS: [(&str, &str); 7] = [
    ("breaking", "Breaking changes"),
    ("security", "Security"),
    ("feature", "New"),
    ("fix", "Fixed"),
    ("performance", "Performance"),
    ("revert", "Taken back"),
    ("other", "Other changes"),
];

impl Count {
    fn of(key: &'static str, count: usize) -> Self {
        let (one, many) = match key {
            "dependencies" => ("dependency update", "dependency updates"),
            "build" => ("change of build or pipeline", "changes of build or pipeline"),
            "docs" => ("change of documentation", "changes of documentation"),
            "test" => ("change of tests", "changes of tests"),
            "refactor" => ("change of code without effect", "changes of code without effect"),
            _ => ("chore", "chores"),
        };
        Self {
            key,
            words: if count == 1 { one } else { many },
            count,
        }
    }
}

impl Changes {
    /// Of these deployments together, without the commits in `except`; tickets without an address get one from `links`.
    pub(super) fn of(deployments: &[&Deployment], except: &BTreeSet<&str>, links: &[TicketLink]) -> Self {
        let mut changes = Self {
            incomplete: deployments.iter().any(|d| !d.tells_all_commits()),
            ..Self::default()
        };
        let mut tickets = Tickets::named(deployments, links);
        let mut items = items(deployments, except);
        items.retain(|item| item.commit.is_none_or(|commit| !is_merge(commit)));
        changes.total = items.len();
        changes.drop_repetitions(&mut items);
        changes.cancel_reverts(&mut items);
        tickets.read(&items, links);

        let mut groups: BTreeMap<&'static str, Vec<Change>> = BTreeMap::new();
        let mut maintenance: BTreeMap<&'static str, usize> = BTreeMap::new();
        let mut moves = dependencies::said(deployments);
        for item in &items {
            let (place, change) = read(item, &tickets);
            let moved = dependencies::moved(item);
            let only_moves = !moved.is_empty() && !change.breaking;
            moves.extend(moved);
            match place {
                _ if only_moves => {}
                Place::Maintenance(kind) => *maintenance.entry(kind).or_default() += 1,
                Place::Group(key) => join(groups.entry(key).or_default(), change, &mut changes.duplicates),
            }
        }
        changes.dependencies = dependencies::rows(moves);
        let taken_out = deployments
            .iter()
            .flat_map(|d| &d.commits)
            .any(|said| except.contains(said.value.id.as_str()));
        if items.is_empty() && !taken_out {
            let named = tickets.all().iter().map(|(ticket, index)| Change {
                title: ticket.title.clone().unwrap_or_else(|| ticket.id.clone()),
                tickets: vec![Reference::ticket(ticket)],
                indexes: vec![*index],
                ..Change::default()
            });
            groups.insert("other", named.collect());
            changes.total = tickets.all().len();
        }
        let take = |(key, title)| {
            Some(Group {
                key,
                title,
                entries: groups.remove(key).filter(|e| !e.is_empty())?,
            })
        };
        changes.groups = GROUPS.into_iter().filter_map(take).collect();
        // Others than which? Such is a history whose commits do not say their kind.
        if let [only] = changes.groups.as_mut_slice()
            && only.key == "other"
        {
            only.title = "Changes";
        }
        changes.shown = changes.groups.iter().map(|group| group.entries.len()).sum();
        changes.maintenance = maintenance
            .into_iter()
            .map(|(key, count)| Count::of(key, count))
            .collect();
        changes.maintenance_total = changes.maintenance.iter().map(|c| c.count).sum();
        changes.tickets = tickets
            .all()
            .iter()
            .map(|(ticket, _)| Reference::ticket(ticket))
            .collect();
        changes
    }

    /// What the entries of the groups are known by.
    pub(super) fn identities(&self) -> Vec<Identity> {
        let entries = self.groups.iter().flat_map(|group| &group.entries);
        let identity = |change: &Change| {
            let requests = change.pull_requests.iter();
            let requests = requests.map(|request| {
                request
                    .url
                    .clone()
                    .unwrap_or_else(|| format!("{} {}", request.id, change.title))
            });
            Identity {
                ids: change.commits.iter().cloned().chain(requests).collect(),
                breaking: change.breaking,
            }
        };
        entries.map(identity).collect()
    }

    /// How many entries a group has.
    pub(super) fn in_group(&self, key: &str) -> usize {
        self.groups
            .iter()
            .find(|group| group.key == key)
            .map_or(0, |group| group.entries.len())
    }

    fn drop_repetitions(&mut self, items: &mut Vec<Item<'_>>) {
        let ids: BTreeSet<&str> = items
            .iter()
            .filter_map(|item| item.commit)
            .map(|c| c.id.as_str())
            .collect();
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        let before = items.len();
        items.retain(|item| {
            let picked = trailer(item.message, "(cherry picked from commit ").map(|id| id.trim_end_matches(')'));
            let again = picked.is_some_and(|id| ids.contains(id) || !seen.insert(id));
            let change_id = trailer(item.message, "Change-Id: ");
            !again && change_id.is_none_or(|id| seen.insert(id))
        });
        self.duplicates += before - items.len();
    }

    /// A revert that is itself reverted leaves the change in place.
    fn cancel_reverts(&mut self, items: &mut Vec<Item<'_>>) {
        let target: Vec<Option<usize>> = items.iter().map(|revert| reverted(revert, items)).collect();
        let mut gone: BTreeSet<usize> = BTreeSet::new();
        // From the outermost reverts inwards; each takes out what it names, and goes with it.
        let mut order: Vec<usize> = (0..items.len()).filter(|at| target[*at].is_some()).collect();
        order.sort_by_key(|at| depth(*at, &target, items.len()));
        for revert in order.into_iter().rev() {
            let Some(original) = target[revert] else { continue };
            if !gone.contains(&revert) && gone.insert(original) {
                gone.insert(revert);
            }
        }
        let mut at = 0;
        items.retain(|_| {
            at += 1;
            !gone.contains(&(at - 1))
        });
        self.cancelled = gone.len();
    }
}

/// How many reverts of reverts lie between an item and the change at the bottom.
fn depth(at: usize, target: &[Option<usize>], limit: usize) -> usize {
    let mut depth = 0;
    let mut next = target[at];
    while let Some(original) = next.filter(|_| depth < limit) {
        depth += 1;
        next = target[original];
    }
    depth
}

/// Position of the item that an item takes back.
fn reverted(revert: &Item<'_>, items: &[Item<'_>]) -> Option<usize> {
    let by_id = trailer(revert.message, "This reverts commit ").map(|id| id.trim_end_matches('.'));
    let by_id = by_id.or_else(|| {
        revert
            .message
            .starts_with("revert")
            .then(|| trailer(revert.message, "Refs: "))?
    });
    let found = by_id.filter(|id| id.len() >= 7).and_then(|id| {
        items
            .iter()
            .position(|item| item.commit.is_some_and(|c| c.id.starts_with(id)))
    });
    let title = first_line(revert.message)
        .strip_prefix("Revert \"")
        .and_then(|rest| rest.rsplit_once('"'));
    let by_title = || {
        let (title, _) = title?;
        let same = |item: &Item<'_>| without_number(first_line(item.message)) == without_number(title);
        items.iter().position(|item| !std::ptr::eq(item, revert) && same(item))
    };
    found.or_else(by_title)
}

/// Adds a change to a group, or to the entry that says the same.
fn join(entries: &mut Vec<Change>, change: Change, duplicates: &mut usize) {
    let same = |known: &&mut Change| known.title == change.title && known.scope == change.scope;
    match entries.iter_mut().find(same) {
        None => entries.push(change),
        Some(known) => {
            *duplicates += 1;
            known.commits.extend(change.commits);
            known.pull_requests.extend(change.pull_requests);
            known.breaking |= change.breaking;
            known.breaking_note = known.breaking_note.take().or(change.breaking_note);
            extend_once(&mut known.tickets, change.tickets);
            extend_once(&mut known.authors, change.authors);
            extend_once(&mut known.indexes, change.indexes);
        }
    }
}

fn extend_once<T: PartialEq>(list: &mut Vec<T>, more: Vec<T>) {
    for item in more {
        if !list.contains(&item) {
            list.push(item);
        }
    }
}

impl Reference {
    fn ticket(ticket: &TicketRef) -> Self {
        Self {
            id: ticket.id.clone(),
            title: ticket.title.clone(),
            url: ticket.url.clone(),
        }
    }

    fn pull_request(request: &PullRequest) -> Self {
        let id = request.id.trim_start_matches('#');
        let id = if id.bytes().all(|b| b.is_ascii_digit()) {
            format!("#{id}")
        } else {
            id.to_owned()
        };
        Self {
            id,
            title: request.title.clone(),
            url: request.url.clone(),
        }
    }
}

#[cfg(test)]
mod tests;
