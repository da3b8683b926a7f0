//! What a commit message or the title of a pull request says: the kind of the change, and its title as readers get it.

use super::items::Item;
use super::text::{first_line, without_number};
use super::tickets::Tickets;
use super::{Change, Reference};

/// Where a change belongs.
pub(super) enum Place {
    /// In the group of this key.
    Group(&'static str),
    /// Among what is only counted, by this key.
    Maintenance(&'static str),
}

/// Where an item belongs, and what is shown of it.
pub(super) fn read(item: &Item<'_>, tickets: &Tickets) -> (Place, Change) {
    let message = item.message.replace("\r\n", "\n");
    let line = first_line(&message);
    let mut change = Change {
        commits: item.commit.iter().map(|c| c.id.clone()).collect(),
        pull_requests: item.requests.iter().map(|p| Reference::pull_request(p)).collect(),
        authors: authors(item),
        tickets: tickets.of(item),
        indexes: vec![item.index],
        ..Change::default()
    };
    let place = match git_conventional::Commit::parse(message.trim_end()) {
        Ok(commit) => {
            change.breaking = commit.breaking();
            change.breaking_note = commit
                .breaking_description()
                .filter(|note| *note != commit.description())
                .map(|n| n.trim().to_owned());
            match place(&commit) {
                // A word before a colon that is no type: keep the line as it was written.
                Place::Group("other") if !change.breaking => {
                    line.clone_into(&mut change.title);
                    Place::Group("other")
                }
                place => {
                    describe(&mut change, &commit);
                    if change.breaking {
                        Place::Group("breaking")
                    } else {
                        place
                    }
                }
            }
        }
        Err(_) => match line.strip_prefix("Revert \"").and_then(|rest| rest.rsplit_once('"')) {
            Some((title, _)) => {
                taken_back(&mut change, title);
                Place::Group("revert")
            }
            None => {
                line.clone_into(&mut change.title);
                Place::Group("other")
            }
        },
    };
    if !change.pull_requests.is_empty() {
        change.title = without_number(&change.title).to_owned();
    }
    if change.title.is_empty() {
        change.title = item
            .commit
            .map_or_else(|| "(no title)".to_owned(), |c| format!("(no title) {}", c.id));
    }
    (place, change)
}

fn place(commit: &git_conventional::Commit<'_>) -> Place {
    let kind = commit.type_().as_str().to_ascii_lowercase();
    let scope = commit.scope().map(|scope| scope.as_str()).unwrap_or_default();
    let (dependencies, security) = (scope.starts_with("deps"), is_of_security(scope, commit.description()));
    match kind.as_str() {
        "feat" | "feature" => Place::Group("feature"),
        "chore" | "build" | "ci" | "fix" if dependencies => Place::Maintenance("dependencies"),
        "fix" | "bugfix" | "hotfix" if security => Place::Group("security"),
        "fix" | "bugfix" | "hotfix" => Place::Group("fix"),
        "perf" => Place::Group("performance"),
        "security" | "sec" => Place::Group("security"),
        "revert" => Place::Group("revert"),
        "chore" => Place::Maintenance("chore"),
        "build" | "ci" => Place::Maintenance("build"),
        "docs" | "doc" | "readme" => Place::Maintenance("docs"),
        "test" | "tests" => Place::Maintenance("test"),
        "style" | "refactor" => Place::Maintenance("refactor"),
        _ => Place::Group("other"),
    }
}

/// Whether what is fixed is a weakness: the scope says so, or an advisory is named.
fn is_of_security(scope: &str, description: &str) -> bool {
    let advisory = |start: &str| {
        let named = description.match_indices(start);
        named
            .map(|(at, _)| &description[at + start.len()..])
            .any(|rest| rest.starts_with(char::is_alphanumeric))
    };
    matches!(scope, "security" | "sec") || advisory("CVE-") || advisory("GHSA-")
}

/// The title of a conventional commit, and the part that it is about.
fn describe(change: &mut Change, commit: &git_conventional::Commit<'_>) {
    let description = commit.description().trim();
    change.scope = commit.scope().map(|scope| scope.as_str().to_owned());
    description.clone_into(&mut change.title);
    // `revert: feat: pay by card`
    if commit.type_() == git_conventional::Type::REVERT {
        taken_back(change, description);
    }
}

/// The title of what was taken back, without what its commit says of its kind.
fn taken_back(change: &mut Change, title: &str) {
    match git_conventional::Commit::parse(title) {
        Ok(commit) if !matches!(place(&commit), Place::Group("other")) => {
            change.scope = commit
                .scope()
                .map(|scope| scope.as_str().to_owned())
                .or(change.scope.take());
            commit.description().trim().clone_into(&mut change.title);
        }
        Ok(_) | Err(_) => title.clone_into(&mut change.title),
    }
}

fn authors(item: &Item<'_>) -> Vec<String> {
    match item.commit.and_then(|c| c.author.clone()) {
        Some(author) => vec![author],
        None => item.requests.iter().filter_map(|p| p.author.clone()).collect(),
    }
}
