//! What is declared about a service itself: the team that owns it, where the tickets live that its changes name, and how soon
//! faults of its deployments show.
//!
//! What a service declared last, as claimed, holds until it declares again; a declaration replaces the whole one before.

use std::collections::{BTreeMap, BTreeSet};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::deployment::Said;
use super::event::Recorded;
use super::id::ServiceName;
use super::incident::Incident;
use super::instant::Instant;

/// Type of the events that declare something about a service.
pub const SERVICE_DECLARED: &str = "dev.cdeventsx.shipslog-service.declared.0.1.0";

/// Where the id of a ticket goes in the address of its page.
const ID: &str = "{id}";
/// What an id keeps as it is in an address: the unreserved characters of RFC 3986 §2.3.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// All that is declared about a service, from the time of the event on: `customData.shipslog.declaration` of an event of the
/// type `dev.cdeventsx.shipslog-service.declared.0.1.0`. It replaces what was declared before as a whole.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Declaration {
    /// The team that owns the service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
    /// Where the tickets live that its changes name, for those that come without an address.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ticket_links: Vec<TicketLink>,
    /// How soon faults of its deployments show, in minutes: an incident that began this much later points to a deployment half as
    /// much. 240 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 10080)]
    pub half_life_minutes: Option<u32>,
}

/// The longest half-life that can be declared: deployments are looked at no longer than for a week.
pub const MAX_HALF_LIFE_MINUTES: u32 = 7 * 24 * 60;

/// Where tickets live whose ids begin alike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TicketLink {
    /// What their ids begin with, such as `PAY-`.
    pub prefix: String,
    /// An `http` or `https` address with `{id}` where the id of the ticket goes, after the host: `https://tickets.example/{id}`.
    pub url: String,
}

/// What services declared about themselves.
#[derive(Debug, Clone, Default)]
pub struct Services {
    /// Of each service, from when on and what, in order of the claimed time.
    declared: BTreeMap<ServiceName, Vec<(Instant, Said<Declaration>)>>,
}

impl TicketLink {
    /// Why the address is none that a link can be made from.
    pub fn check_url(&self) -> Result<(), &'static str> {
        let scheme = self
            .url
            .split_once("://")
            .map(|(scheme, _)| scheme.to_ascii_lowercase());
        let Some("http" | "https") = scheme.as_deref() else {
            return Err("must be an http or https address, such as https://tickets.example/{id}");
        };
        if self.url.contains(|c: char| c.is_whitespace() || c == '\\') {
            return Err("must not contain white space or a backslash");
        }
        let after = &self.url[self.url.find("://").unwrap_or_default() + 3..];
        let host = &after[..after.find(['/', '?', '#']).unwrap_or(after.len())];
        if host.is_empty() || host.contains(['{', '}', '@']) {
            return Err("must name a host, without a user, and {id} only after it");
        }
        match self.url.matches(ID).count() {
            1 => Ok(()),
            _ => Err("must contain {id} once, where the id of the ticket goes"),
        }
    }

    /// The page of a ticket; none if its id does not begin like these.
    fn page(&self, ticket: &str) -> Option<String> {
        let rest = ticket.strip_prefix(self.prefix.as_str())?;
        let id = utf8_percent_encode(ticket, UNRESERVED).to_string();
        (!rest.is_empty() && self.check_url().is_ok()).then(|| self.url.replace(ID, &id))
    }
}

impl Services {
    /// From events, ascending by index and of any mixture. Of two declarations for the same moment the later entry counts.
    pub fn fold(records: &[Recorded]) -> Self {
        let mut all = Self::default();
        for record in records {
            let event = &record.event;
            if let (Some(service), Some(declaration)) = (&event.service, &event.extension.declaration) {
                let said = Said {
                    value: Declaration::clone(declaration),
                    index: record.index,
                };
                let declarations = all.declared.entry(service.clone()).or_default();
                declarations.push((event.occurred_at, said));
            }
        }
        for declarations in all.declared.values_mut() {
            // Stable: the order of the log stays among equals.
            declarations.sort_by_key(|(from, _)| *from);
        }
        all
    }

    /// How soon faults of a deployment of the service show that started at an instant, in minutes, with the entry that says so.
    pub fn half_life_minutes(&self, service: &ServiceName, at: Instant) -> Option<Said<u32>> {
        let holding = self.holding(service, at)?;
        holding.value.half_life_minutes.map(|minutes| Said {
            value: minutes,
            index: holding.index,
        })
    }

    /// The team that owned a service at an instant, with the entry that says so.
    pub fn team(&self, service: &ServiceName, at: Instant) -> Option<Said<&str>> {
        let holding = self.holding(service, at)?;
        holding.value.team.as_deref().map(|team| Said {
            value: team,
            index: holding.index,
        })
    }

    /// Every team that ever owned a service, by name.
    pub fn teams(&self) -> Vec<String> {
        let declarations = self.declared.values().flatten();
        let teams: BTreeSet<&String> = declarations.filter_map(|(_, said)| said.value.team.as_ref()).collect();
        teams.into_iter().cloned().collect()
    }

    /// Whether any service was ever owned by a team of this name.
    pub fn has_team(&self, team: &str) -> bool {
        let mut declarations = self.declared.values().flatten();
        declarations.any(|(_, said)| said.value.team.as_deref() == Some(team))
    }

    /// Whether a service was owned by a team at an instant; by any, where no team is asked for.
    pub fn is_of(&self, team: Option<&str>, service: &ServiceName, at: Instant) -> bool {
        team.is_none_or(|team| self.team(service, at).is_some_and(|owner| owner.value == team))
    }

    /// Whether an incident hurt one of these services, any where none is named, and one that the team owned when it began; one that names
    /// no service is of the whole alone.
    pub fn are_hurt(&self, named: &BTreeSet<ServiceName>, team: Option<&str>, incident: &Incident) -> bool {
        match &incident.service {
            Some(service) => {
                (named.is_empty() || named.contains(service)) && self.is_of(team, service, incident.began().0)
            }
            None => named.is_empty() && team.is_none(),
        }
    }

    /// Whether a service of this name was ever owned by a team; by any, where no team is asked for.
    pub fn was_of(&self, team: Option<&str>, service: &str) -> bool {
        let mut declared = self.declared.iter().filter(|(name, _)| name.as_str() == service);
        team.is_none_or(|team| {
            declared.any(|(_, all)| all.iter().any(|(_, said)| said.value.team.as_deref() == Some(team)))
        })
    }

    /// Where the tickets of a service live. It is the newest declaration that counts, for old deployments too: an address is
    /// for going there now.
    pub fn ticket_links(&self, service: &ServiceName) -> &[TicketLink] {
        let newest = self.declared.get(service).and_then(|declarations| declarations.last());
        newest.map_or(&[], |(_, said)| &said.value.ticket_links)
    }

    /// What was declared about a service and held at an instant.
    fn holding(&self, service: &ServiceName, at: Instant) -> Option<&Said<Declaration>> {
        let declarations = self.declared.get(service)?;
        let (_, holding) = declarations.iter().rfind(|(from, _)| *from <= at)?;
        Some(holding)
    }
}

/// The page of a ticket that came without an address, by the longest prefix that fits.
pub fn ticket_page(links: &[TicketLink], ticket: &str) -> Option<String> {
    let mut fitting: Vec<&TicketLink> = links.iter().filter(|link| ticket.starts_with(&link.prefix)).collect();
    fitting.sort_by_key(|link| std::cmp::Reverse(link.prefix.len()));
    fitting.iter().find_map(|link| link.page(ticket))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::Body;
    use crate::domain::fixture::{Ledger, at};

    fn name(text: &str) -> ServiceName {
        text.parse().unwrap()
    }

    fn link(prefix: &str, url: &str) -> TicketLink {
        TicketLink {
            prefix: prefix.to_owned(),
            url: url.to_owned(),
        }
    }

    fn declare(ledger: &mut Ledger, minutes: i64, team: Option<&str>, ticket_links: Vec<TicketLink>) {
        let record = ledger.add(minutes, "shipslog-service.declared", "shop", Body::Other);
        record.event.service = Some(name("shop"));
        record.event.extension.declaration = Some(Box::new(Declaration {
            team: team.map(str::to_owned),
            ticket_links,
            half_life_minutes: None,
        }));
    }

    #[test]
    fn a_team_owns_a_service_from_its_declaration_until_the_next() {
        let mut ledger = Ledger::default();
        declare(&mut ledger, 60, Some("growth"), vec![]);
        // Recorded later, but about the time before.
        declare(&mut ledger, 0, Some("web"), vec![]);
        declare(&mut ledger, 90, None, vec![]);
        let services = Services::fold(&ledger.records);
        let team = |minutes| {
            services
                .team(&name("shop"), at(minutes))
                .map(|said| (said.value, said.index))
        };
        assert_eq!(team(-1), None);
        assert_eq!(team(0), Some(("web", 1)));
        assert_eq!(team(59), Some(("web", 1)));
        assert_eq!(team(60), Some(("growth", 0)));
        assert_eq!(team(90), None, "the last declaration names no team");
        assert_eq!(services.team(&name("search"), at(60)), None);
    }

    #[test]
    fn the_newest_declaration_says_where_tickets_live() {
        let mut ledger = Ledger::default();
        declare(&mut ledger, 60, None, vec![link("PAY-", "https://new.example/{id}")]);
        declare(&mut ledger, 0, None, vec![link("PAY-", "https://old.example/{id}")]);
        let services = Services::fold(&ledger.records);
        let page = ticket_page(services.ticket_links(&name("shop")), "PAY-12");
        assert_eq!(page.as_deref(), Some("https://new.example/PAY-12"));
        assert!(services.ticket_links(&name("search")).is_empty());
    }

    #[test]
    fn the_longest_prefix_counts_and_the_id_stays_one_part_of_the_address() {
        let links = [
            link("PAY-", "https://t.example/{id}?from=log"),
            link("PAY-SEC-", "https://secure.example/x/{id}"),
            link("#", "https://git.example/issues/{id}"),
        ];
        let page = |ticket| ticket_page(&links, ticket);
        assert_eq!(page("PAY-12").as_deref(), Some("https://t.example/PAY-12?from=log"));
        assert_eq!(page("PAY-SEC-1").as_deref(), Some("https://secure.example/x/PAY-SEC-1"));
        assert_eq!(
            page("PAY-../a?b#c d").as_deref(),
            Some("https://t.example/PAY-..%2Fa%3Fb%23c%20d?from=log")
        );
        assert_eq!(page("#7").as_deref(), Some("https://git.example/issues/%237"));
        assert_eq!((page("PAY-"), page("pay-1"), page("XPAY-1")), (None, None, None));
    }

    #[test]
    fn addresses_that_lead_elsewhere_are_refused() {
        let check = |url| link("X-", url).check_url();
        assert_eq!(check("https://t.example/browse/{id}"), Ok(()));
        assert_eq!(check("HTTP://t.example:8080?ticket={id}"), Ok(()));
        for (url, word) in [
            ("javascript:alert({id})", "http or https"),
            ("//t.example/{id}", "http or https"),
            ("ftp://t.example/{id}", "http or https"),
            ("https://t.example/{id} x", "white space"),
            ("https://t.example\\{id}", "backslash"),
            ("https:///{id}", "host"),
            ("https://{id}/x", "host"),
            ("https://me@t.example/{id}", "host"),
            ("https://t.example/", "{id} once"),
            ("https://t.example/{id}/{id}", "{id} once"),
        ] {
            let error = check(url).unwrap_err();
            assert!(error.contains(word), "{url}: {error}");
        }
    }
}
