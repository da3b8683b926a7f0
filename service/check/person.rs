//! Whether two names are one person: as the same name, as aliases declare it, or as far as spellings suggest it.
//!
//! A guess never decides: names that look alike and are not declared leave the question open.

use std::collections::BTreeSet;

use unicode_normalization::UnicodeNormalization as _;
use unicode_security::skeleton;

use crate::domain::Instant;
use crate::domain::alias::{Aliases, Declared, Owner, is_same_name};

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
    compare_below(aliases, one, other, at, u64::MAX)
}

/// Compares two names for something that began at a time and entry. What was declared to be one person and is told apart only by an entry
/// after that contradicts itself.
pub(super) fn compare_since(aliases: &Aliases, one: &str, other: &str, at: Instant, entry: u64) -> Likeness {
    let now = compare(aliases, one, other, at);
    if !matches!(now, Likeness::Different(_)) {
        return now;
    }
    let mut later: Vec<u64> = aliases
        .told_from(one, entry)
        .chain(aliases.told_from(other, entry))
        .collect();
    later.sort_unstable();
    let was = later
        .iter()
        .find_map(|told| match compare_below(aliases, one, other, at, *told) {
            Likeness::Same(mut entries) => {
                entries.push(*told);
                Some(Likeness::Contradicted(entries))
            }
            Likeness::Different(_) | Likeness::Alike | Likeness::Contradicted(_) => None,
        });
    was.unwrap_or(now)
}

fn compare_below(aliases: &Aliases, one: &str, other: &str, at: Instant, below: u64) -> Likeness {
    if is_same_name(one, other) {
        return Likeness::Same(Vec::new());
    }
    let owner = |name| aliases.owner_below(name, at, below);
    match (owner(one), owner(other)) {
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
/// `urn:github:user:alice` and `Alice Example <alice@example.com>`; or one is what people make of the other, as `asmith`, `a.smith` and
/// `alicesmith` of `alice.smith`. Numbers at the end of a word, and letters that only look different, make no difference.
fn alike(one: &str, other: &str) -> bool {
    let (one, other) = (Spelling::of(one), Spelling::of(other));
    let (all, others) = (one.words(), other.words());
    let known = !all.is_empty() && !others.is_empty();
    known && (all.is_subset(&others) || others.is_subset(&all) || one.shortens(&other) || other.shortens(&one))
}

/// The words of an id: those of a display name, and those of an account name.
struct Spelling([Vec<String>; 2]);

impl Spelling {
    fn of(id: &str) -> Self {
        let display = id.split_once('<').map_or("", |(display, _)| display).to_lowercase();
        let split = |text: &str| {
            let text: String = text.nfkc().collect();
            let words = text.split(|c: char| !c.is_alphanumeric()).map(|word| {
                let word = word.trim_end_matches(char::is_numeric);
                skeleton(word).collect::<String>().to_lowercase()
            });
            words.filter(|word| !word.is_empty()).collect()
        };
        Self([split(&display), split(&short_name(id))])
    }

    fn words(&self) -> BTreeSet<&str> {
        self.0.iter().flatten().map(String::as_str).collect()
    }

    /// Whether it is made of the words of another one: in one, or with the first or the last alone in full.
    fn shortens(&self, other: &Self) -> bool {
        let initial = |word: &String| word.chars().next();
        let made = other.0.iter().filter(|words| words.len() > 1).flat_map(|words| {
            let (last, rest) = (&words[words.len() - 1], &words[..words.len() - 1]);
            let leading: String = rest.iter().filter_map(initial).collect();
            let trailing: String = words[1..].iter().filter_map(initial).collect();
            [
                words.concat(),
                format!("{leading}{last}"),
                format!("{}{trailing}", words[0]),
            ]
        });
        let own: BTreeSet<String> = self
            .0
            .iter()
            .filter(|words| !words.is_empty())
            .map(|words| words.concat())
            .collect();
        made.into_iter().any(|made| own.contains(&made))
    }
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

    #[test]
    fn other_spellings_of_a_name_are_it_or_raise_the_question() {
        let none = Aliases::default();
        let likeness = |one, other| compare(&none, one, other, at(0));
        // Composed in another way, and in wide letters.
        assert_eq!(likeness("jos\u{e9}", "jose\u{301}"), Likeness::Same(vec![]));
        assert_eq!(likeness("\u{ff41}lice", "Alice"), Likeness::Same(vec![]));
        for other in [
            "\u{430}lice.smith@corp",
            "asmith@corp",
            "a.smith@corp",
            "alices",
            "alicesmith",
            "alice.smith2@corp",
            "Alice Smith <as@corp>",
        ] {
            assert_eq!(likeness("alice.smith@corp", other), Likeness::Alike, "{other}");
            assert_eq!(likeness(other, "alice.smith@corp"), Likeness::Alike, "{other}");
        }
        for other in ["bsmith@corp", "b.smith@corp", "carol.smithers", "alison"] {
            assert_eq!(
                likeness("alice.smith@corp", other),
                Likeness::Different(vec![]),
                "{other}"
            );
        }
    }

    #[test]
    fn what_is_told_apart_only_afterwards_contradicts_itself() {
        let mut ledger = Ledger::default();
        let said = |names: &[&str]| AliasDeclaration {
            person: "alice".to_owned(),
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            ..AliasDeclaration::default()
        };
        ledger.alias(0, said(&["svc"]));
        let mut apart = said(&["other"]);
        apart.valid_from = Some(at(5));
        ledger.alias(60, apart);
        let aliases = Aliases::fold(&ledger.records);
        let since = |minutes, entry| compare_since(&aliases, "svc", "alice", at(minutes), entry);
        assert_eq!(since(4, 1), Likeness::Same(vec![0]), "not yet apart then");
        assert_eq!(since(10, 1), Likeness::Contradicted(vec![0, 1]), "told after it began");
        assert_eq!(since(70, 2), Likeness::Different(vec![]), "told before it began");
    }
}
