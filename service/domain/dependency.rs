//! Which services need which others, and since when: what a service declared last, as claimed, holds until it declares again.

use std::collections::{BTreeMap, VecDeque};

use super::event::Recorded;
use super::id::ServiceName;
use super::instant::Instant;

/// Type of the events that declare what a service needs.
pub const DEPENDENCIES_DECLARED: &str = "dev.cdeventsx.shipslog-dependencies.declared.0.1.0";
/// Subject part of that type.
pub const DEPENDENCY_SUBJECT: &str = "shipslog-dependencies";

/// How far away a dependency may be and still be looked at.
pub const MAX_DISTANCE: u32 = 2;

/// What services declared to need.
#[derive(Debug, Clone, Default)]
pub struct Dependencies {
    /// Of each service, from when on and what, in order of the claimed time.
    declared: BTreeMap<ServiceName, Vec<(Instant, Vec<ServiceName>)>>,
}

impl Dependencies {
    /// From events, ascending by index and of any mixture. Of two declarations for the same moment the later entry counts.
    pub fn fold(records: &[Recorded]) -> Self {
        let mut all = Self::default();
        for record in records {
            let event = &record.event;
            if let (Some(service), Some(needs)) = (&event.service, &event.extension.depends_on) {
                let declarations = all.declared.entry(service.clone()).or_default();
                declarations.push((event.occurred_at, needs.clone()));
            }
        }
        for declarations in all.declared.values_mut() {
            // Stable: the order of the log stays among equals.
            declarations.sort_by_key(|(from, _)| *from);
        }
        all
    }

    /// What a service needed at an instant, itself and through others, with the number of steps to it, at most
    /// [`MAX_DISTANCE`].
    pub fn of(&self, service: &ServiceName, at: Instant) -> BTreeMap<ServiceName, u32> {
        let mut found = BTreeMap::new();
        let mut next = VecDeque::from([(service, 0)]);
        while let Some((from, distance)) = next.pop_front() {
            if distance == MAX_DISTANCE {
                continue;
            }
            for needed in self.direct(from, at) {
                if needed != service && !found.contains_key(needed) {
                    found.insert(needed.clone(), distance + 1);
                    next.push_back((needed, distance + 1));
                }
            }
        }
        found
    }

    fn direct(&self, service: &ServiceName, at: Instant) -> &[ServiceName] {
        let declarations = self.declared.get(service).map_or(&[][..], Vec::as_slice);
        let holding = declarations.iter().rfind(|(from, _)| *from <= at);
        holding.map_or(&[], |(_, needs)| needs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::Body;
    use crate::domain::fixture::{Ledger, at};

    fn name(text: &str) -> ServiceName {
        text.parse().unwrap()
    }

    fn declare(ledger: &mut Ledger, minutes: i64, service: &str, needs: &[&str]) {
        let record = ledger.add(minutes, "shipslog-dependencies.declared", service, Body::Other);
        record.event.service = Some(name(service));
        record.event.extension.depends_on = Some(needs.iter().map(|text| name(text)).collect());
    }

    #[test]
    fn what_was_declared_last_holds_from_then_on() {
        let mut ledger = Ledger::default();
        declare(&mut ledger, 60, "shop", &["search"]);
        // Recorded later, but about the time before.
        declare(&mut ledger, 0, "shop", &["payments"]);
        declare(&mut ledger, 90, "shop", &[]);
        let all = Dependencies::fold(&ledger.records);
        let of = |minutes| all.of(&name("shop"), at(minutes)).into_keys().collect::<Vec<_>>();
        assert_eq!(of(-1), []);
        assert_eq!(of(0), [name("payments")]);
        assert_eq!(of(89), [name("search")]);
        assert_eq!(of(90), []);
    }

    #[test]
    fn two_steps_are_followed_circles_end_and_the_shorter_way_counts() {
        let mut ledger = Ledger::default();
        declare(&mut ledger, 0, "shop", &["payments", "bank"]);
        declare(&mut ledger, 0, "payments", &["bank", "shop", "ledger"]);
        declare(&mut ledger, 0, "ledger", &["disk"]);
        let found = Dependencies::fold(&ledger.records).of(&name("shop"), at(1));
        let expected = [("bank", 1), ("ledger", 2), ("payments", 1)].map(|(text, distance)| (name(text), distance));
        assert_eq!(found.into_iter().collect::<Vec<_>>(), expected);
    }
}
