//! Takes out of free text what customers are not to read: names of people, tickets and pull requests, commits, internal addresses.
//!
//! It knows them from the records themselves: who wrote, reviewed, approved and deployed, which tickets are named, on which
//! hosts pipelines, tickets and repositories live. What nobody recorded it cannot know; e-mail addresses and mentions
//! (`@name`) go in any case.

use std::collections::{BTreeSet, HashMap};

use crate::domain::deployment::Deployment;
use crate::domain::extension::{Actor, ActorKind};
use crate::domain::service::TicketLink;

/// What stands in place of a name.
const NAME: &str = "(name withheld)";
/// What stands in place of an address.
const ADDRESS: &str = "(address withheld)";
/// Marks the place of what went without anything in its stead.
const GONE: char = '\u{0}';
/// Shorter names would be found in every other word.
const SHORTEST_NAME: usize = 3;

/// What is to be taken out of texts, and how much of it was.
#[derive(Debug, Default)]
pub(super) struct Scrubber {
    /// By their first word, in lower case.
    needles: HashMap<String, Vec<Needle>>,
    prefixes: Vec<String>,
    commits: BTreeSet<String>,
    hosts: BTreeSet<String>,
    /// Names that were taken out.
    pub(super) names: usize,
    /// Tickets, pull requests and commits that were taken out.
    pub(super) references: usize,
    /// Addresses that were taken out.
    pub(super) addresses: usize,
}

#[derive(Debug)]
struct Needle {
    text: String,
    person: bool,
}

impl Scrubber {
    pub(super) fn new(links: &[TicketLink]) -> Self {
        let mut scrubber = Self {
            prefixes: links.iter().map(|link| link.prefix.clone()).collect(),
            ..Self::default()
        };
        for link in links {
            scrubber.address(&link.url);
        }
        scrubber
    }

    /// Learns what the records of a deployment name.
    pub(super) fn learn(&mut self, deployment: &Deployment) {
        deployment.actor.iter().for_each(|said| self.actor(&said.value));
        for commit in deployment.commits.iter().map(|said| &said.value) {
            self.commits.insert(commit.id.to_ascii_lowercase());
            commit.author.iter().for_each(|name| self.person(name));
        }
        self.commits
            .extend(deployment.commit.iter().map(|said| said.value.to_ascii_lowercase()));
        for request in deployment.pull_requests.iter().map(|said| &said.value) {
            let people = request
                .author
                .iter()
                .chain(&request.approved_by)
                .chain(&request.merged_by);
            people.for_each(|name| self.person(name));
            request.url.iter().for_each(|url| self.address(url));
            self.commits
                .extend(request.merge_commit.iter().map(|id| id.to_ascii_lowercase()));
        }
        for ticket in deployment.tickets.iter().map(|said| &said.value) {
            self.ticket(&ticket.id);
            ticket.url.iter().for_each(|url| self.address(url));
        }
        let plan = deployment
            .rollback_plan
            .iter()
            .filter_map(|said| said.value.reference.as_ref());
        let urls = [&deployment.run_url, &deployment.repository];
        let urls = urls.into_iter().flatten().map(|said| &said.value);
        plan.chain(urls).for_each(|url| self.address(url));
    }

    /// Learns who acted, unless that is a pipeline.
    pub(super) fn actor(&mut self, actor: &Actor) {
        if actor.kind != Some(ActorKind::Pipeline) {
            self.person(&actor.id);
            actor.name.iter().for_each(|name| self.person(name));
        }
    }

    /// Learns a name: `ann`, `mailto:ann@example.com`, `Ann Other <ann@example.com>`.
    pub(super) fn person(&mut self, name: &str) {
        let name = name.strip_prefix("mailto:").unwrap_or(name);
        self.needle(name, true);
        for part in name.split(['<', '>', '\n', '\r']) {
            self.needle(part, true);
        }
    }

    /// Learns that addresses of this host are internal.
    pub(super) fn address(&mut self, url: &str) {
        self.hosts.extend(host(url));
    }

    /// Learns the id of a ticket. One that is a number after `#` goes in any case, and the number stays elsewhere.
    pub(super) fn ticket(&mut self, id: &str) {
        if !id.starts_with('#') {
            self.needle(id, false);
        }
    }

    fn needle(&mut self, text: &str, person: bool) {
        let text = text.trim_matches(|c: char| !c.is_alphanumeric());
        let first = first_word(text).to_lowercase();
        if first.is_empty() || (person && text.chars().count() < SHORTEST_NAME) {
            return;
        }
        let known = self.needles.entry(first).or_default();
        if !known.iter().any(|needle| needle.text == text) {
            known.push(Needle {
                text: text.to_owned(),
                person,
            });
            // The longest first: a whole name before its beginning.
            known.sort_by_key(|needle| std::cmp::Reverse(needle.text.len()));
        }
    }

    /// A text without what is not to be read, on one line.
    pub(super) fn text(&mut self, text: &str) -> String {
        let text = self.without_needles(&as_read(text));
        let words: Vec<String> = text.split_whitespace().filter_map(|word| self.words(word)).collect();
        words.join(" ")
    }

    /// What has no space in it: words with commas between them, such as addresses.
    fn words(&mut self, text: &str) -> Option<String> {
        let parts = text.split_inclusive([',', ';']);
        let left: Vec<String> = parts.filter_map(|part| self.word(part)).collect();
        let left = left.concat();
        (!left.is_empty()).then_some(left)
    }

    fn without_needles(&mut self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        let mut before = None;
        while let Some(c) = rest.chars().next() {
            let starts = c.is_alphanumeric() && !before.is_some_and(char::is_alphanumeric);
            let found = starts
                .then(|| self.found(rest, before).or_else(|| self.ticket_at(rest)))
                .flatten();
            let (written, length) = match found {
                Some((true, length)) => (NAME, length),
                Some((false, length)) => ("\u{0}", length),
                None => (&rest[..c.len_utf8()], c.len_utf8()),
            };
            match found {
                Some((true, _)) => self.names += 1,
                Some((false, _)) => self.references += 1,
                None => {}
            }
            out.push_str(written);
            before = rest[..length].chars().next_back();
            rest = &rest[length..];
        }
        out
    }

    /// What is known and stands at the beginning of a text as words of its own: whether it is a person, and its length in bytes.
    fn found(&self, rest: &str, before: Option<char>) -> Option<(bool, usize)> {
        let known = self.needles.get(&first_word(rest).to_lowercase())?;
        let joins = |c: char| c == '-' || c == '_';
        known.iter().find_map(|needle| {
            let length = begins_like(rest, &needle.text)?;
            let after = rest[length..].chars().next();
            // A ticket is not a part of a longer one; a name is one wherever it stands.
            let inside = after.is_some_and(|c| c.is_alphanumeric() || (!needle.person && joins(c)))
                || (!needle.person && before.is_some_and(joins));
            (!inside).then_some((needle.person, length))
        })
    }

    /// The length of a ticket with a declared prefix, or of `GH-88`, at the beginning of a text.
    fn ticket_at(&self, rest: &str) -> Option<(bool, usize)> {
        let prefixes = self.prefixes.iter().map(String::as_str).chain(["GH-"]);
        let number = prefixes.filter_map(|prefix| {
            let start = begins_like(rest, prefix).filter(|length| *length > 0)?;
            rest[start..].starts_with(|c: char| c.is_ascii_digit()).then_some(start)
        });
        let start = number.max()?;
        let joins = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
        let end = rest[start..]
            .find(|c| !joins(c))
            .map_or(rest.len(), |length| start + length);
        Some((false, end))
    }

    /// A text without addresses of known hosts, whether or not they say how to get there.
    fn without_hosts(&mut self, word: &str) -> Option<String> {
        let lower = word.to_ascii_lowercase();
        let known = self.hosts.iter().filter(|host| host.contains('.'));
        let (from, to) = known.filter_map(|host| named(&lower, host)).min()?;
        let part = |c: char| {
            !matches!(
                c,
                '(' | ')' | '[' | ']' | '<' | '>' | '{' | '}' | '"' | '\'' | '`' | '|'
            )
        };
        let from = word[..from].rfind(|c| !part(c)).map_or(0, |at| at + 1);
        let end = word[to..].find(|c| !part(c)).map_or(word.len(), |length| to + length);
        let end = from + word[from..end].trim_end_matches(['.', ',', ';', ':', '!']).len();
        self.addresses += 1;
        let rest = &word[end..];
        let rest = self.without_hosts(rest).unwrap_or_else(|| rest.to_owned());
        Some(format!("{}{ADDRESS}{rest}", &word[..from]))
    }

    /// A word as it may be read; none if nothing of it is left.
    fn word(&mut self, word: &str) -> Option<String> {
        if word.contains(GONE) {
            let left = word.replace(GONE, "");
            return left.chars().any(char::is_alphanumeric).then_some(left);
        }
        let core = word.trim_matches(|c: char| !c.is_alphanumeric() && !matches!(c, '#' | '@' | '/'));
        if host(core).is_some_and(|host| self.hosts.contains(&host)) {
            self.addresses += 1;
            return Some(word.replace(core, ADDRESS));
        }
        if let Some(left) = self.without_hosts(word) {
            return Some(left);
        }
        if is_request(word) {
            self.references += 1;
            return None;
        }
        if is_mention(core) {
            self.names += 1;
            return Some(word.replace(core, NAME));
        }
        if self.is_reference(core) {
            self.references += 1;
            return None;
        }
        Some(word.to_owned())
    }

    fn is_reference(&self, core: &str) -> bool {
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let numbered = core.strip_prefix('#').is_some_and(digits);
        // One whose prefix is no word is not found by words.
        let ticket = self.prefixes.iter().any(|prefix| {
            let rest = core.strip_prefix(prefix.as_str()).unwrap_or_default();
            rest.starts_with(|c: char| c.is_ascii_digit())
        });
        let hex = core.len() >= 7 && core.bytes().all(|b| b.is_ascii_hexdigit());
        let lower = core.to_ascii_lowercase();
        let next = || self.commits.range(lower.clone()..).next();
        numbered || ticket || (hex && next().is_some_and(|commit| commit.starts_with(&lower)))
    }
}

/// An e-mail address, or `@name`. A scoped package such as `@types/node` is none.
fn is_mention(core: &str) -> bool {
    let named = |text: &str| text.starts_with(|c: char| c.is_alphanumeric()) && !text.contains('/');
    match core.split_once('@') {
        Some(("", handle)) => named(handle),
        Some((user, domain)) => !user.contains("://") && named(domain) && domain.contains('.'),
        None => false,
    }
}

/// `!345`, `owner/repository#7`, `repository!7`: a pull request or ticket of a forge.
fn is_request(word: &str) -> bool {
    let core = word.trim_matches(|c: char| !c.is_alphanumeric() && !matches!(c, '#' | '!'));
    let core = core.trim_end_matches(['#', '!']);
    let Some((place, number)) = core.rsplit_once(['#', '!']) else {
        return false;
    };
    let path = |c: char| c.is_alphanumeric() || matches!(c, '/' | '-' | '_' | '.');
    // C#7 is a language.
    let place = place.chars().count() != 1 && place.chars().all(path);
    place && !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit())
}

/// Where a text names a host, or one below it.
fn named(text: &str, host: &str) -> Option<(usize, usize)> {
    let inside = |c: char| c.is_alphanumeric() || c == '-';
    let places = text.match_indices(host).map(|(at, _)| (at, at + host.len()));
    places.into_iter().find(|(from, to)| {
        let mut after = text[*to..].chars();
        let next = after.next();
        let longer = next.is_some_and(inside) || (next == Some('.') && after.next().is_some_and(inside));
        !longer && !text[..*from].chars().next_back().is_some_and(inside)
    })
}

/// A text as it is read: hyphens are hyphens, and what shows nothing is not there.
fn as_read(text: &str) -> String {
    let shown = text
        .chars()
        .filter(|c| !matches!(*c, '\u{ad}' | '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}' | GONE));
    shown
        .map(|c| {
            if matches!(c, '\u{2010}' | '\u{2011}' | '\u{2212}' | '\u{fe63}' | '\u{ff0d}') {
                '-'
            } else {
                c
            }
        })
        .collect()
}

/// The host of an address that has one, in lower case and without a port.
fn host(url: &str) -> Option<String> {
    let (_, rest) = url.split_once("://")?;
    let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
    let host = authority.rsplit('@').next().unwrap_or_default();
    let host = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        Some(_) | None => host,
    };
    (!host.is_empty()).then(|| host.to_ascii_lowercase())
}

fn first_word(text: &str) -> &str {
    &text[..text.find(|c: char| !c.is_alphanumeric()).unwrap_or(text.len())]
}

/// How much of a text is this, whatever the case.
fn begins_like(text: &str, start: &str) -> Option<usize> {
    let mut chars = text.chars();
    let mut length = 0;
    for wanted in start.chars() {
        let c = chars.next()?;
        if !c.to_lowercase().eq(wanted.to_lowercase()) {
            return None;
        }
        length += c.len_utf8();
    }
    Some(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scrubber() -> Scrubber {
        let mut scrubber = Scrubber::new(&[TicketLink {
            prefix: "OPS-".to_owned(),
            url: "https://tickets.example/{id}".to_owned(),
        }]);
        for name in [
            "alice",
            "Grace Holm <grace@corp.example>",
            "mailto:bob@corp.example",
            "al",
            "Łukasz",
        ] {
            scrubber.person(name);
        }
        scrubber.needle("PAY-1", false);
        scrubber.address("https://CI.example:8443/runs/7");
        scrubber
            .commits
            .insert("f95f852bd8fca8fcc58a9a2d6c842781e32a215e".to_owned());
        scrubber
    }

    #[track_caller]
    fn becomes(text: &str, expected: &str) {
        assert_eq!(scrubber().text(text), expected, "{text}");
    }

    #[test]
    fn names_go_wherever_they_stand() {
        becomes("fix: Alice's rounding", "fix: (name withheld)'s rounding");
        becomes(
            "as GRACE HOLM asked, and grace@corp.example",
            "as (name withheld) asked, and (name withheld)",
        );
        becomes("ask bob@corp.example.", "ask (name withheld).");
        becomes("łukasz-mode", "(name withheld)-mode");
        becomes("malice and alices stay", "malice and alices stay");
        becomes(
            "thanks to @someone and who@else.example",
            "thanks to (name withheld) and (name withheld)",
        );
        becomes(
            "al is too short to tell, @types/node is a package",
            "al is too short to tell, @types/node is a package",
        );
    }

    #[test]
    fn references_go_with_what_holds_them() {
        becomes("PAY-1: round half to even (#420)", "round half to even");
        becomes("round (PAY-1, OPS-77) half", "round half");
        becomes("PAY-12 and PAY-1-2 are others", "PAY-12 and PAY-1-2 are others");
        becomes("after f95f852bd8 it works", "after it works");
        becomes("deadbeef1 is no commit of these", "deadbeef1 is no commit of these");
        becomes("PAY-1", "");
    }

    #[test]
    fn addresses_of_internal_hosts_go_and_others_stay() {
        becomes(
            "see https://ci.example:8443/runs/7, then https://docs.example/move",
            "see (address withheld), then https://docs.example/move",
        );
        becomes("https://tickets.example/X-1", "(address withheld)");
    }

    #[test]
    fn references_go_however_they_are_written() {
        becomes("see acme/secret-repo#77 for it (!345)", "see for it");
        becomes("after repo!12, GH-88 and gh-89 crash", "after and crash");
        becomes("Note: see:OPS-99, /OPS-100 and ops-101", "Note: see:, and");
        becomes("PAY\u{2011}1 and P\u{200b}AY-1", "and");
        becomes("C#7 runs, wow!", "C#7 runs, wow!");
        becomes("1,000 and a;b", "1,000 and a;b");
    }

    #[test]
    fn internal_hosts_go_without_a_scheme_and_beside_others() {
        becomes(
            "log at ci.example/runs/12 shows it",
            "log at (address withheld) shows it",
        );
        becomes(
            "(CI.example), www.tickets.example/PAY",
            "((address withheld)), (address withheld)",
        );
        becomes(
            "https://ok.example,https://ci.example/x",
            "https://ok.example,(address withheld)",
        );
        becomes(
            "ci.example.org and my-ci.example stay",
            "ci.example.org and my-ci.example stay",
        );
    }

    #[test]
    fn it_counts() {
        let mut scrubber = scrubber();
        scrubber.text("alice and alice: PAY-1 at https://tickets.example/");
        assert_eq!((scrubber.names, scrubber.references, scrubber.addresses), (2, 1, 1));
    }
}
