//! Whether two names are one person: as the same name, as aliases declare it, or as far as spellings suggest it.
//!
//! A guess never decides: names that look alike and are not declared leave the question open.

use std::collections::BTreeSet;

use crate::domain::Instant;
use crate::domain::alias::{Aliases, Declared, Owner};

/// What is known of two names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Likeness {
    /// One person, by these entries; by none where the names are the same.
    Same(Vec<u64>),
    /// Two people, by these entries; by none where nothing suggests that they are one.
    Different(Vec<u64>),
    /// They look alike, and nothing is declared.
    Alike,
    /// These entries contradict each other.
    Contradicted(Vec<u64>),
}

/// Compares two names, as of a time.
pub(super) fn compare(aliases: &Aliases, one: &str, other: &str, at: Instant) -> Likeness {
    if one.trim().eq_ignore_ascii_case(other.trim()) {
        return Likeness::Same(Vec::new());
    }
    let (first, second) = (aliases.owner(one, at), aliases.owner(other, at));
    match (first, second) {
        (Owner::Contradicted(entries), _) | (_, Owner::Contradicted(entries)) => Likeness::Contradicted(entries),
        (Owner::One(first), Owner::One(second)) if first.index == second.index => Likeness::Same(vec![first.index]),
        (Owner::One(first), Owner::One(second)) => Likeness::Different(vec![first.index, second.index]),
        (Owner::One(person), Owner::Undeclared) => beside(person, other),
        (Owner::Undeclared, Owner::One(person)) => beside(person, one),
        (Owner::Undeclared, Owner::Undeclared) if alike(one, other) => Likeness::Alike,
        (Owner::Undeclared, Owner::Undeclared) => Likeness::Different(Vec::new()),
    }
}

/// Compares a declared person with a name of which nothing is declared.
fn beside(person: &Declared, name: &str) -> Likeness {
    if person.excludes(name) {
        Likeness::Different(vec![person.index])
    } else if person.names().any(|known| alike(known, name)) {
        Likeness::Alike
    } else {
        Likeness::Different(Vec::new())
    }
}

/// The account name in an id: without a scheme such as `urn:github:user:`, a mail domain, or a display name's address.
pub(super) fn short_name(id: &str) -> String {
    let address = id
        .rsplit_once('<')
        .map_or(id, |(_, address)| address.trim_end_matches('>'));
    let local = address.split_once('@').map_or(address, |(local, _)| local);
    let name = local.rsplit([':', '/', '\\']).next().unwrap_or(local);
    name.trim().to_lowercase()
}

/// Whether two ids may be one person in different spellings: all words of one are in the other, as in `alice`,
/// `urn:github:user:alice` and `Alice Example <alice@example.com>`.
fn alike(one: &str, other: &str) -> bool {
    fn words(id: &str) -> BTreeSet<String> {
        let display = id.split_once('<').map_or("", |(display, _)| display).to_lowercase();
        let all = format!("{display} {}", short_name(id));
        all.split(|c: char| !c.is_alphanumeric())
            .filter(|word| !word.is_empty())
            .map(str::to_owned)
            .collect()
    }
    let (one, other) = (words(one), words(other));
    !one.is_empty() && !other.is_empty() && (one.is_subset(&other) || other.is_subset(&one))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::alias::AliasDeclaration;
    use crate::domain::fixture::{Ledger, at};

    #[test]
    fn what_is_declared_decides_and_spellings_only_raise_the_question() {
        let mut ledger = Ledger::default();
        let alice = AliasDeclaration {
            person: "alice".to_owned(),
            names: vec!["a.example".to_owned()],
            not: vec!["alice@other.example".to_owned()],
            ..AliasDeclaration::default()
        };
        ledger.alias(0, alice);
        let bob = AliasDeclaration {
            person: "bob".to_owned(),
            names: vec!["urn:ldap:alice".to_owned()],
            ..AliasDeclaration::default()
        };
        ledger.alias(0, bob);
        let aliases = Aliases::fold(&ledger.records);
        let likeness = |one, other, minutes| compare(&aliases, one, other, at(minutes));
        assert_eq!(likeness("Carol", "carol", 0), Likeness::Same(vec![]));
        assert_eq!(likeness("A.Example", "alice", 0), Likeness::Same(vec![0]));
        assert_eq!(likeness("a.example", "alice", -1), Likeness::Different(vec![]));
        assert_eq!(likeness("alice", "urn:github:user:alice", 0), Likeness::Alike);
        assert_eq!(
            likeness("urn:x:a.example", "alice", 0),
            Likeness::Alike,
            "through another name of hers"
        );
        assert_eq!(
            likeness("alice@other.example", "alice", 0),
            Likeness::Different(vec![0])
        );
        assert_eq!(likeness("alice", "urn:ldap:alice", 0), Likeness::Different(vec![0, 1]));
        assert_eq!(likeness("carol", "alice", 0), Likeness::Different(vec![]));
    }
}
