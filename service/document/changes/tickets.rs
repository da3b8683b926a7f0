//! The tickets of a change set: those that its deployments name, and those that only the text of a commit or pull request names.
//!
//! In a text, a ticket is what begins as the service declared that its tickets do and goes on with a number, or what a trailer
//! such as `Fixes: PAY-12` or `Closes #7` says to be one. Nothing else that has the form of a ticket is taken for one:
//! `UTF-8`, `SHA-256` and `CVE-2026-1` have it too.

use std::collections::BTreeSet;

use super::items::Item;
use super::text::{first_line, is_alone, mentions, number_of};
use super::{Reference, TicketLink, TicketRef};
use crate::domain::deployment::Deployment;
use crate::domain::service::ticket_page;

/// Trailers that name tickets, in lower case.
const TRAILERS: [&str; 12] = [
    "fixes",
    "fixed",
    "closes",
    "closed",
    "resolves",
    "resolved",
    "refs",
    "references",
    "relates",
    "relates-to",
    "issue",
    "ticket",
];
/// What forges take for the end of a ticket when its number follows, in lower case.
const CLOSING: [&str; 9] = [
    "close", "closes", "closed", "fix", "fixes", "fixed", "resolve", "resolves", "resolved",
];

/// Tickets, each once, with the entry that names it first.
pub(super) struct Tickets {
    known: Vec<(TicketRef, u64)>,
}

impl Tickets {
    /// Those that deployments name.
    pub(super) fn named(deployments: &[&Deployment], links: &[TicketLink]) -> Self {
        let mut tickets = Self { known: Vec::new() };
        for said in deployments.iter().flat_map(|d| d.tickets.iter()) {
            tickets.add(said.value.clone(), said.index, links);
        }
        tickets
    }

    /// Adds those that the text of these changes names, and pull requests do not have the number of.
    pub(super) fn read(&mut self, items: &[Item<'_>], links: &[TicketLink]) {
        let requests = items.iter().flat_map(|item| &item.requests);
        let requests = requests.map(|request| request.id.trim_start_matches('#'));
        let squashed = items.iter().filter_map(|item| number_of(first_line(item.message)));
        let requests: BTreeSet<&str> = requests.chain(squashed).collect();
        for item in items {
            for id in item.texts().flat_map(|text| ids(text, links)) {
                let number = id.strip_prefix('#');
                if number.is_none_or(|number| !requests.contains(number)) {
                    let ticket = TicketRef {
                        id: id.to_owned(),
                        title: None,
                        url: None,
                    };
                    self.add(ticket, item.index, links);
                }
            }
        }
    }

    /// All of them, each with the entry that names it first.
    pub(super) fn all(&self) -> &[(TicketRef, u64)] {
        &self.known
    }

    /// Those that a change names.
    pub(super) fn of(&self, item: &Item<'_>) -> Vec<Reference> {
        let named = self.known.iter().map(|(ticket, _)| ticket);
        let named = named.filter(|ticket| item.texts().any(|text| mentions(text, &ticket.id)));
        named.map(Reference::ticket).collect()
    }

    fn add(&mut self, mut ticket: TicketRef, index: u64, links: &[TicketLink]) {
        if !self.known.iter().any(|(known, _)| known.id == ticket.id) {
            ticket.url = ticket.url.or_else(|| ticket_page(links, &ticket.id));
            self.known.push((ticket, index));
        }
    }
}

/// What a text names as a ticket, perhaps several times.
fn ids<'t>(text: &'t str, links: &[TicketLink]) -> Vec<&'t str> {
    let mut found: Vec<(usize, &str)> = Vec::new();
    for prefix in links
        .iter()
        .map(|link| link.prefix.as_str())
        .filter(|prefix| !prefix.is_empty())
    {
        for (at, _) in text.match_indices(prefix) {
            let rest = &text[at + prefix.len()..];
            let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            let end = at + prefix.len() + digits;
            if digits > 0 && is_alone(text, at, end) {
                found.push((at, &text[at..end]));
            }
        }
    }
    // In the order of the text.
    found.sort_unstable();
    let found = found.into_iter().map(|(_, id)| id);
    found.chain(text.lines().flat_map(|line| said(line.trim()))).collect()
}

/// What a line says to be a ticket: `Fixes: PAY-12, PAY-13`, `Closes #7`.
fn said(line: &str) -> Vec<&str> {
    if let Some((key, list)) = line.split_once(':')
        && TRAILERS.contains(&key.to_ascii_lowercase().as_str())
    {
        let parts: Vec<&str> = list.split([',', ' ']).filter(|part| !part.is_empty()).collect();
        // One that says more than tickets is a sentence, or names a commit.
        if parts.iter().all(|part| is_id(part)) {
            return parts;
        }
    }
    let words: Vec<&str> = line.split_whitespace().collect();
    let closed = words.windows(2).filter_map(|pair| {
        let id = pair[1].trim_end_matches(['.', ',', ';', ')']);
        let word = pair[0].trim_start_matches('(').to_ascii_lowercase();
        (CLOSING.contains(&word.as_str()) && id.starts_with('#') && is_id(id)).then_some(id)
    });
    closed.collect()
}

/// `#12`, `PAY-12`.
fn is_id(text: &str) -> bool {
    let number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    match text.strip_prefix('#') {
        Some(rest) => number(rest),
        None => text.split_once('-').is_some_and(|(key, rest)| {
            let upper = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
            key.len() > 1 && key.starts_with(|c: char| c.is_ascii_uppercase()) && key.bytes().all(upper) && number(rest)
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links(prefixes: &[&str]) -> Vec<TicketLink> {
        let link = |prefix: &&str| TicketLink {
            prefix: (*prefix).to_owned(),
            url: "https://t.example/{id}".to_owned(),
        };
        prefixes.iter().map(link).collect()
    }

    #[test]
    fn what_begins_as_declared_is_a_ticket() {
        let links = links(&["PAY-", "PAY-SEC-", "#", "INC"]);
        for (text, expected) in [
            ("feat: refunds (PAY-12)", &["PAY-12"][..]),
            ("PAY-SEC-3 and PAY-4: both", &["PAY-SEC-3", "PAY-4"]),
            ("See https://t.example/browse/PAY-5, please.", &["PAY-5"]),
            ("INC0012 is over, #7 too", &["INC0012", "#7"]),
            ("XPAY-1 PAY-1x PAY-1-2 PAY- PAY-x pay-1 acme/shop#7 PAY_PAY-1", &[]),
        ] {
            assert_eq!(ids(text, &links), expected, "{text}");
        }
    }

    #[test]
    fn what_a_trailer_names_is_a_ticket() {
        for (text, expected) in [
            (
                "fix: x\n\nFixes: PAY-12, PAY-13\nRefs: #4",
                &["PAY-12", "PAY-13", "#4"][..],
            ),
            ("fix: x (closes #12)", &["#12"]),
            ("fix: x\n\nThis fixes #3. It also closes #4, mostly.", &["#3", "#4"]),
            ("relates-to: OPS_2-7", &["OPS_2-7"]),
        ] {
            assert_eq!(ids(text, &[]), expected, "{text}");
        }
    }

    #[test]
    fn what_only_looks_like_a_ticket_is_none() {
        for text in [
            "fix: UTF-8, SHA-256 and ISO-8601 (CVE-2026-1)",
            "PAY-12: nobody declared where these live",
            "Fix UTF-8 in names",
            "Fixes: UTF-8 in names",
            "Fixes: 54a4f0239f2e (\"KVM: the first try\")",
            "Fixes: CVE-2026-1",
            "Fixes:",
            "the fix #no, a fix # 3",
            "note: PAY-12",
            "X-1: a",
        ] {
            assert_eq!(ids(text, &[]), [""; 0], "{text}");
        }
    }
}
