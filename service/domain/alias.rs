//! Which names are one person, from when until when, and in which roles the person stands: each declaration a signed entry.
//!
//! What was declared last about a person, as claimed, holds until it is declared again; a declaration replaces the whole one
//! before. Nothing here guesses: names that only look alike are told apart by whoever reads (`check`). A name that is two
//! persons' at one time is nobody's, and the entries that say so are named.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization as _;
use utoipa::ToSchema;

use super::event::Recorded;
use super::extension::Actor;
use super::id::{ProducerName, ServiceName};
use super::instant::Instant;

/// Type of the events that declare a person's names and roles.
pub const ALIAS_DECLARED: &str = "dev.cdeventsx.shipslog-alias.declared.0.1.0";

/// What is declared about a person: `customData.shipslog.alias` of an event of the type
/// `dev.cdeventsx.shipslog-alias.declared.0.1.0`. It replaces what was declared about the person before as a whole, from
/// `valid_from` on; without names and roles it ends it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AliasDeclaration {
    /// The name that the person goes by here.
    pub person: String,
    /// All other names of the person: logins, mail addresses, keys.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    /// Names that look like one of these and are other people's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not: Vec<String>,
    /// The person's roles.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<RoleHeld>,
    /// From when on; the time of the event if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub valid_from: Option<Instant>,
    /// Until when; until the next declaration if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub valid_until: Option<Instant>,
}

/// A role of a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RoleHeld {
    /// The role, such as `release manager`.
    pub role: String,
    /// For these services; for all if empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>)]
    pub services: Vec<ServiceName>,
}

/// A declaration with its place in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Declared {
    /// Index of its entry.
    pub index: u64,
    /// From when on it holds.
    #[schema(value_type = String, format = DateTime)]
    pub from: Instant,
    /// When it was recorded.
    #[schema(value_type = String, format = DateTime)]
    pub recorded_at: Instant,
    /// Who signed it.
    #[schema(value_type = String)]
    pub producer: ProducerName,
    /// Who declares it, where the event tells.
    pub by: Option<Actor>,
    /// What is declared.
    #[serde(flatten)]
    pub said: AliasDeclaration,
}

/// Whose a name is at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owner<'a> {
    /// Nothing is declared about it.
    Undeclared,
    /// This person's.
    One(&'a Declared),
    /// Several persons', by these entries: nobody can tell.
    Contradicted(Vec<u64>),
}

/// What is declared about people.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Aliases {
    /// Of each person, in order of the time from which it holds.
    persons: BTreeMap<String, Vec<Declared>>,
    /// The persons whose a name ever is.
    owners: BTreeMap<String, BTreeSet<String>>,
}

impl AliasDeclaration {
    /// What is wrong with it in itself: the member, and why.
    pub fn fault(&self) -> Option<(&'static str, String)> {
        let mut seen = BTreeSet::from([key(&self.person)]);
        if self.person.trim().is_empty() {
            return Some(("person", "must not be empty".to_owned()));
        }
        for name in &self.names {
            if name.trim().is_empty() {
                return Some(("names", "must not be empty".to_owned()));
            }
            if !seen.insert(key(name)) {
                return Some(("names", format!("{name} is there twice")));
            }
        }
        if let Some(name) = self.not.iter().find(|name| seen.contains(&key(name))) {
            return Some(("not", format!("{name} cannot be the person and somebody else")));
        }
        if self.roles.iter().any(|held| held.role.trim().is_empty()) {
            return Some(("roles", "a role must not be empty".to_owned()));
        }
        let (from, until) = self.valid_from.zip(self.valid_until)?;
        (until <= from).then(|| ("valid_until", "must be later than valid_from".to_owned()))
    }

    /// Whether it declares nothing more about the person.
    pub fn is_end(&self) -> bool {
        self.names.is_empty() && self.roles.is_empty() && self.not.is_empty()
    }
}

impl Declared {
    /// All names of the person.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.said.person.as_str()).chain(self.said.names.iter().map(String::as_str))
    }

    /// Until when it holds, where the next declaration about the person is this one.
    fn ends(&self, next: Option<&Self>) -> Option<Instant> {
        let next = next.map(|next| next.from);
        [next, self.said.valid_until].into_iter().flatten().min()
    }

    /// Whether it says that a name is somebody else's.
    pub fn excludes(&self, name: &str) -> bool {
        self.said.not.iter().any(|other| key(other) == key(name))
    }

    /// Whether the person stands in one of these roles for a service; in any where none are asked for.
    pub fn holds(&self, roles: &[String], service: &ServiceName) -> bool {
        self.said.roles.iter().any(|held| {
            let named = roles.is_empty() || roles.iter().any(|role| role.eq_ignore_ascii_case(&held.role));
            named && held.covers(service)
        })
    }
}

impl RoleHeld {
    /// Whether it is a role for that service.
    pub fn covers(&self, service: &ServiceName) -> bool {
        self.services.is_empty() || self.services.contains(service)
    }
}

impl Aliases {
    /// From events, ascending by index and of any mixture. Of two declarations for the same moment the later entry counts.
    pub fn fold(records: &[Recorded]) -> Self {
        let mut all = Self::default();
        for record in records {
            if let Some(said) = &record.event.extension.alias {
                all.add(Declared {
                    index: record.index,
                    from: said.valid_from.unwrap_or(record.event.occurred_at),
                    recorded_at: record.recorded_at,
                    producer: record.producer.clone(),
                    by: record.event.extension.actor.clone(),
                    said: AliasDeclaration::clone(said),
                });
            }
        }
        for declarations in all.persons.values_mut() {
            // Stable: the order of the log stays among equals.
            declarations.sort_by_key(|declared| declared.from);
        }
        all
    }

    fn add(&mut self, declared: Declared) {
        let person = key(&declared.said.person);
        for name in declared.names() {
            self.owners.entry(key(name)).or_default().insert(person.clone());
        }
        self.persons.entry(person).or_default().push(declared);
    }

    /// Everything that was declared, by person and in order of the time from which it holds.
    pub fn all(&self) -> impl Iterator<Item = &Declared> {
        self.persons.values().flatten()
    }

    /// What holds at any time from one up to another, with when that ends, if it does: of the people whose name any of these ever is.
    pub fn holding_between<'a>(
        &self,
        names: impl Iterator<Item = &'a str>,
        from: Instant,
        to: Instant,
    ) -> Vec<(&Declared, Option<Instant>)> {
        let persons = names.filter_map(|name| self.owners.get(&key(name))).flatten();
        let persons: BTreeSet<&String> = persons.collect();
        let declarations = persons.into_iter().filter_map(|person| self.persons.get(person));
        let each = declarations.flat_map(|all| {
            all.iter()
                .enumerate()
                .map(|(at, declared)| (declared, declared.ends(all.get(at + 1))))
        });
        each.filter(|(declared, ends)| declared.from < to && ends.is_none_or(|end| declared.from < end && from < end))
            .collect()
    }

    /// Whose a name is at a time.
    pub fn owner(&self, name: &str, at: Instant) -> Owner<'_> {
        self.owner_below(name, at, u64::MAX)
    }

    /// Whose a name is at a time, by the entries below an index.
    pub fn owner_below(&self, name: &str, at: Instant, below: u64) -> Owner<'_> {
        let name = key(name);
        let persons = self.owners.get(&name).into_iter().flatten();
        let holding = persons.filter_map(|person| self.holding(person, at, below));
        let mut holding = holding.filter(|declared| declared.names().any(|known| key(known) == name));
        match (holding.next(), holding.next()) {
            (None, _) => Owner::Undeclared,
            (Some(one), None) => Owner::One(one),
            (Some(one), Some(other)) => {
                let mut entries: Vec<u64> = [one.index, other.index]
                    .into_iter()
                    .chain(holding.map(|declared| declared.index))
                    .collect();
                entries.sort_unstable();
                Owner::Contradicted(entries)
            }
        }
    }

    /// The entries from an index on that declare anything about a person whose this name ever is.
    pub fn told_from<'a>(&'a self, name: &str, index: u64) -> impl Iterator<Item = u64> + 'a {
        let persons = self.owners.get(&key(name)).into_iter().flatten();
        let declarations = persons.filter_map(|person| self.persons.get(person)).flatten();
        declarations
            .map(|declared| declared.index)
            .filter(move |told| *told >= index)
    }

    /// What to call whose name this is at a time, so that all names of a person come to the same; a name of which nothing is declared,
    /// or too much, stands for itself.
    pub fn person(&self, name: &str, at: Instant) -> String {
        match self.owner(name, at) {
            Owner::One(declared) => key(&declared.said.person),
            Owner::Undeclared | Owner::Contradicted(_) => key(name),
        }
    }

    /// The entries that one more declaration would contradict: those that say that one of its names is another person's while it
    /// holds.
    pub fn contradicted_by(&self, said: &AliasDeclaration, from: Instant) -> BTreeMap<String, u64> {
        let person = key(&said.person);
        let own = self.persons.get(&person).into_iter().flatten();
        let next = own.map(|declared| declared.from).find(|next| *next > from);
        let ends = [next, said.valid_until].into_iter().flatten().min();
        let until = ends.unwrap_or(Instant::from_millis(i64::MAX));
        let mut found = BTreeMap::new();
        if said.is_end() {
            return found;
        }
        for name in std::iter::once(&said.person).chain(&said.names) {
            for other in self
                .owners
                .get(&key(name))
                .into_iter()
                .flatten()
                .filter(|other| **other != person)
            {
                let declarations = self.persons.get(other).map(Vec::as_slice).unwrap_or_default();
                let clash = declarations.iter().enumerate().find(|(at, declared)| {
                    let ends = declared.ends(declarations.get(at + 1));
                    let overlaps = declared.from < until && ends.is_none_or(|end| end > from);
                    let names = || declared.names().any(|known| key(known) == key(name));
                    overlaps && !declared.said.is_end() && names()
                });
                if let Some((_, declared)) = clash {
                    found.insert(name.clone(), declared.index);
                }
            }
        }
        found
    }

    /// Everything that tells a person's roles for a service, at any time.
    pub fn role_history(&self, service: &ServiceName) -> impl Iterator<Item = &Declared> {
        self.all()
            .filter(move |declared| declared.said.roles.iter().any(|held| held.covers(service)))
    }

    fn holding(&self, person: &str, at: Instant, below: u64) -> Option<&Declared> {
        let declarations = self.persons.get(person)?;
        let mut newest = declarations.iter().rev();
        let newest = newest.find(|declared| declared.from <= at && declared.index < below)?;
        let ended = newest.said.valid_until.is_some_and(|until| at >= until);
        (!ended && !newest.said.is_end()).then_some(newest)
    }
}

/// Whether two names are the same, however they are written.
pub fn is_same_name(one: &str, other: &str) -> bool {
    key(one) == key(other)
}

/// Names are the same whatever the case of their letters, and however these are composed.
fn key(name: &str) -> String {
    let composed: String = name.trim().nfkc().collect();
    composed.to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::fixture::{Ledger, at};

    fn said(person: &str, names: &[&str]) -> AliasDeclaration {
        AliasDeclaration {
            person: person.to_owned(),
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            ..AliasDeclaration::default()
        }
    }

    fn person(aliases: &Aliases, name: &str, minutes: i64) -> Option<String> {
        match aliases.owner(name, at(minutes)) {
            Owner::One(declared) => Some(declared.said.person.clone()),
            Owner::Undeclared => None,
            Owner::Contradicted(entries) => Some(format!("contradicted by {entries:?}")),
        }
    }

    #[test]
    fn names_are_a_persons_from_a_declaration_until_the_next_or_its_end() {
        let mut ledger = Ledger::default();
        ledger.alias(10, said("Alice", &["alice@corp", "al"]));
        ledger.alias(20, said("alice", &["alice@corp"]));
        let ending = AliasDeclaration {
            valid_from: Some(at(5)),
            valid_until: Some(at(40)),
            ..said("bob", &["rob"])
        };
        ledger.alias(30, ending);
        ledger.alias(60, said("alice", &[]));
        let aliases = Aliases::fold(&ledger.records);
        let alice = Some("Alice".to_owned());
        assert_eq!(person(&aliases, "AL", 9), None);
        assert_eq!(
            (person(&aliases, "AL", 10), person(&aliases, "ALICE", 10)),
            (alice.clone(), alice)
        );
        assert_eq!(person(&aliases, "al", 20), None, "the second one names it no longer");
        assert_eq!(person(&aliases, "alice@corp", 59), Some("alice".to_owned()));
        assert_eq!(person(&aliases, "alice@corp", 60), None, "the last one ends it");
        assert_eq!(person(&aliases, "rob", 5), Some("bob".to_owned()));
        assert_eq!(person(&aliases, "rob", 40), None);
    }

    #[test]
    fn what_holds_in_a_period_ends_with_the_next_declaration() {
        let mut ledger = Ledger::default();
        ledger.alias(10, said("alice", &["al"]));
        ledger.alias(20, said("alice", &["ally"]));
        ledger.alias(0, said("bob", &["rob"]));
        let back = AliasDeclaration {
            valid_from: Some(at(20)),
            ..said("alice", &["lice"])
        };
        ledger.alias(60, back);
        let aliases = Aliases::fold(&ledger.records);
        let holding = |from, to| {
            let found = aliases.holding_between(["AL"].into_iter(), at(from), at(to));
            let found = found.into_iter().map(|(declared, ends)| (declared.index, ends));
            found.collect::<Vec<_>>()
        };
        assert_eq!(holding(0, 10), []);
        assert_eq!(holding(0, 11), [(0, Some(at(20)))]);
        assert_eq!(
            holding(15, 30),
            [(0, Some(at(20))), (3, None)],
            "the last one for the same moment"
        );
        assert_eq!(holding(20, 30), [(3, None)]);
    }

    #[test]
    fn a_name_of_two_persons_is_nobodys_and_circles_are_the_same() {
        let mut ledger = Ledger::default();
        ledger.alias(0, said("alice", &["shared"]));
        ledger.alias(10, said("bob", &["shared"]));
        ledger.alias(20, said("carol", &["dave"]));
        ledger.alias(20, said("dave", &["carol"]));
        let aliases = Aliases::fold(&ledger.records);
        assert_eq!(person(&aliases, "shared", 9), Some("alice".to_owned()));
        assert_eq!(aliases.owner("shared", at(10)), Owner::Contradicted(vec![0, 1]));
        assert_eq!(aliases.owner("alice", at(10)), aliases.owner("alice", at(9)));
        assert_eq!(aliases.owner("carol", at(20)), Owner::Contradicted(vec![2, 3]));
    }

    #[test]
    fn what_would_contradict_is_known_before_it_is_recorded() {
        let mut ledger = Ledger::default();
        let ended = AliasDeclaration {
            valid_until: Some(at(30)),
            ..said("alice", &["al"])
        };
        ledger.alias(0, ended);
        let aliases = Aliases::fold(&ledger.records);
        let clash = |said: &AliasDeclaration, minutes| aliases.contradicted_by(said, at(minutes));
        assert_eq!(clash(&said("bob", &["AL"]), 10), BTreeMap::from([("AL".to_owned(), 0)]));
        assert_eq!(clash(&said("al", &["alice"]), 10).len(), 2);
        assert!(clash(&said("bob", &["al"]), 30).is_empty(), "it ended");
        assert!(clash(&said("alice", &["al", "ally"]), 10).is_empty(), "the same person");
        let before = AliasDeclaration {
            valid_until: Some(at(0)),
            ..said("bob", &["al"])
        };
        assert!(clash(&before, -10).is_empty());
    }

    #[test]
    fn what_makes_no_sense_in_itself_is_named() {
        let not = AliasDeclaration {
            not: vec!["AL".to_owned()],
            ..said("alice", &["al"])
        };
        let backwards = AliasDeclaration {
            valid_from: Some(at(1)),
            valid_until: Some(at(1)),
            ..said("alice", &["al"])
        };
        for (said, member) in [
            (said(" ", &[]), "person"),
            (said("alice", &[""]), "names"),
            (said("alice", &["Alice"]), "names"),
            (not, "not"),
            (backwards, "valid_until"),
        ] {
            assert_eq!(said.fault().map(|(member, _)| member), Some(member));
        }
        assert_eq!(said("alice", &["al"]).fault(), None);
    }

    #[test]
    fn a_role_is_for_some_services_or_for_all() {
        let mut ledger = Ledger::default();
        let held = RoleHeld {
            role: "Release Manager".to_owned(),
            services: vec!["payments".parse().unwrap()],
        };
        let declaration = AliasDeclaration {
            roles: vec![held],
            ..said("bob", &[])
        };
        ledger.alias(0, declaration);
        let aliases = Aliases::fold(&ledger.records);
        let Owner::One(bob) = aliases.owner("bob", at(0)) else {
            panic!("bob is declared")
        };
        let (payments, search) = ("payments".parse().unwrap(), "search".parse().unwrap());
        assert!(bob.holds(&[], &payments) && bob.holds(&["release manager".to_owned()], &payments));
        assert!(!bob.holds(&["auditor".to_owned()], &payments) && !bob.holds(&[], &search));
        assert_eq!(aliases.role_history(&search).count(), 0);
    }
}
