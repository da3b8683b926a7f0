//! Which dependencies changed, each on one line however often it moved: from the first version to the last.

use std::collections::BTreeMap;

use serde::Serialize;

use super::bump::bumps;
use super::items::Item;
use crate::domain::Instant;
use crate::domain::deployment::Deployment;

/// A dependency that changed its version, came in or went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DependencyRow {
    /// Its name.
    pub name: String,
    /// The version before; none where it is new, or where nobody said it.
    pub from: Option<String>,
    /// The version after; none where it is gone.
    pub to: Option<String>,
    /// Indexes of the entries that say so.
    pub indexes: Vec<u64>,
}

/// One statement that a dependency moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Move {
    name: String,
    from: Option<String>,
    to: Option<String>,
    index: u64,
    at: Option<Instant>,
}

/// What the deployments say themselves.
pub(super) fn said(deployments: &[&Deployment]) -> Vec<Move> {
    let all = deployments.iter().flat_map(|d| d.dependency_changes.iter());
    all.map(|said| Move {
        name: said.value.name.clone(),
        from: said.value.from.clone(),
        to: said.value.to.clone(),
        index: said.index,
        at: None,
    })
    .collect()
}

/// What a commit or pull request moves.
pub(super) fn moved(item: &Item<'_>) -> Vec<Move> {
    let author = item.commit.and_then(|commit| commit.author.as_deref());
    let author = author.or_else(|| item.requests.iter().find_map(|request| request.author.as_deref()));
    let found = bumps(item.message, author).into_iter();
    found
        .map(|bump| Move {
            name: bump.name.to_owned(),
            from: bump.from.map(str::to_owned),
            to: Some(bump.to.to_owned()),
            index: item.index,
            at: item.commit.and_then(|commit| commit.committed_at),
        })
        .collect()
}

/// One row for each dependency, by name; several where it moved in places that have nothing to do with each other. What went
/// forth and back again is none.
pub(super) fn rows(moves: Vec<Move>) -> Vec<DependencyRow> {
    let mut by_name: BTreeMap<String, Vec<Move>> = BTreeMap::new();
    for step in moves {
        by_name.entry(step.name.clone()).or_default().push(step);
    }
    by_name
        .into_values()
        .flat_map(chains)
        .map(row)
        .filter(|row| !same(row.from.as_ref(), row.to.as_ref()))
        .collect()
}

/// Steps that share a version belong together; those that name none belong to any.
fn chains(mut steps: Vec<Move>) -> Vec<Vec<Move>> {
    steps.sort_by_key(|step| (step.index, step.at));
    let mut chains: Vec<Vec<Move>> = Vec::new();
    for step in steps {
        let (joined, mut apart): (Vec<_>, Vec<_>) = chains
            .into_iter()
            .partition(|chain| chain.iter().any(|known| joins(known, &step)));
        let mut chain: Vec<Move> = joined.into_iter().flatten().collect();
        chain.push(step);
        apart.push(chain);
        chains = apart;
    }
    chains
}

fn joins(a: &Move, b: &Move) -> bool {
    let ends = |step: &Move| [step.from.clone(), step.to.clone()];
    let (a, b) = (ends(a), ends(b));
    let open = a.iter().chain(&b).any(Option::is_none);
    open || a
        .iter()
        .any(|one| b.iter().any(|other| same(one.as_ref(), other.as_ref())))
}

/// Commits come in any order, so the ends of the chain are those that nothing leads to and nothing leads on from. Where that
/// is not one version, the order of recording and committing decides.
fn row(mut steps: Vec<Move>) -> DependencyRow {
    steps.sort_by_key(|step| (step.index, step.at));
    let begins = |step: &&Move| !steps.iter().any(|other| same(other.to.as_ref(), step.from.as_ref()));
    let ends = |step: &&Move| !steps.iter().any(|other| same(other.from.as_ref(), step.to.as_ref()));
    let from = steps.iter().find(begins).or(steps.first());
    let to = steps.iter().rfind(ends).or(steps.last());
    let mut indexes: Vec<u64> = steps.iter().map(|step| step.index).collect();
    indexes.dedup();
    DependencyRow {
        name: steps.first().map(|step| step.name.clone()).unwrap_or_default(),
        from: from.and_then(|step| step.from.clone()),
        to: to.and_then(|step| step.to.clone()),
        indexes,
    }
}

/// Whether two texts name one version: some tools write a `v` before it and some do not.
fn same(a: Option<&String>, b: Option<&String>) -> bool {
    let plain = |version: Option<&String>| version.map(|text| text.trim_start_matches('v').to_owned());
    plain(a) == plain(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(from: Option<&str>, to: Option<&str>, index: u64) -> Move {
        Move {
            name: "serde".to_owned(),
            from: from.map(str::to_owned),
            to: to.map(str::to_owned),
            index,
            at: None,
        }
    }

    fn folded(steps: &[Move]) -> Vec<(Option<String>, Option<String>, Vec<u64>)> {
        let rows = rows(steps.to_vec()).into_iter();
        rows.map(|row| (row.from, row.to, row.indexes)).collect()
    }

    fn one(from: Option<&str>, to: Option<&str>, indexes: &[u64]) -> Vec<(Option<String>, Option<String>, Vec<u64>)> {
        vec![(from.map(str::to_owned), to.map(str::to_owned), indexes.to_vec())]
    }

    #[test]
    fn several_steps_are_one_from_the_first_to_the_last_in_any_order() {
        let steps = [
            step(Some("1"), Some("2"), 4),
            step(Some("2"), Some("3"), 4),
            step(Some("v3"), Some("v4"), 7),
        ];
        let expected = one(Some("1"), Some("v4"), &[4, 7]);
        assert_eq!(folded(&steps), expected);
        let turned: Vec<Move> = steps.iter().rev().cloned().collect();
        assert_eq!(folded(&turned), expected);
    }

    #[test]
    fn what_is_said_twice_is_one_row() {
        let steps = [
            step(Some("1"), Some("3"), 4),
            step(Some("1"), Some("2"), 4),
            step(Some("2"), Some("3"), 4),
        ];
        assert_eq!(folded(&steps), one(Some("1"), Some("3"), &[4]));
        assert_eq!(
            folded(&[steps[0].clone(), steps[0].clone()]),
            one(Some("1"), Some("3"), &[4])
        );
    }

    #[test]
    fn new_ones_gone_ones_and_unsaid_versions_stay_what_they_are() {
        assert_eq!(folded(&[step(None, Some("1"), 4)]), one(None, Some("1"), &[4]));
        assert_eq!(folded(&[step(Some("1"), None, 4)]), one(Some("1"), None, &[4]));
        let unsaid = [step(None, Some("1.1"), 4), step(None, Some("1.2"), 7)];
        assert_eq!(folded(&unsaid), one(None, Some("1.2"), &[4, 7]));
    }

    #[test]
    fn versions_that_nothing_joins_are_rows_of_their_own() {
        let steps = [
            step(Some("1.0.1"), Some("1.0.2"), 4),
            step(Some("2.0.0"), Some("2.1.0"), 4),
            step(Some("1.0.2"), Some("1.0.3"), 7),
        ];
        let mut expected = one(Some("2.0.0"), Some("2.1.0"), &[4]);
        expected.extend(one(Some("1.0.1"), Some("1.0.3"), &[4, 7]));
        assert_eq!(folded(&steps), expected);
    }

    #[test]
    fn forth_and_back_is_nothing() {
        assert_eq!(
            folded(&[step(Some("1"), Some("2"), 4), step(Some("2"), Some("1"), 7)]),
            []
        );
    }
}
