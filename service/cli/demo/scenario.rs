//! The story of the demonstration: six months of five services, with what goes right and what goes wrong.
//!
//! Pure: the end of the story and a seed come in, recordings come out, always the same ones.

use std::collections::BTreeMap;

use chrono::{Datelike, Weekday};

use super::cast::{ENVIRONMENTS, MANAGERS, SERVICES, Service};
use super::facts::{Attempt, Recording, Release};
use super::scribe::Scribe;
use super::work::Work;
use crate::domain::Instant;
use crate::domain::extension::{Commit, DeploymentKind, PullRequest, TicketRef, Tier};
use crate::domain::highlight::HighlightKind;
use crate::domain::service::{Declaration, TicketLink};

/// How many days the story covers.
pub const DAYS: i64 = 182;

pub(super) const MINUTE: i64 = 60_000;
pub(super) const DAY: i64 = 24 * 60 * MINUTE;

/// The day of the deployment that is recorded late.
pub(super) const LATE: i64 = 77;
/// The day on which the auditor draws a sample.
const AUDIT: i64 = 165;
/// Number of the runtime snapshot that was lost.
const LOST: u64 = 19;

/// Where tickets live.
const TICKETS: &str = "https://tickets.northwind.example/browse/";

/// The story, in the order in which it is recorded. It ends before the day of `end`.
pub fn story(end: Instant, seed: u64) -> Vec<Recording> {
    let start = beginning(end);
    let mut story = Story {
        start,
        scribe: Scribe::new(seed),
        lines: BTreeMap::new(),
    };
    story.environments();
    for manager in MANAGERS {
        story.scribe.known_as(story.exactly(0, 8, 20), manager);
    }
    for service in &SERVICES {
        story.declare(service, 0, service.team.name);
        story.first_release(service);
    }
    for day in 1..DAYS {
        for (number, service) in SERVICES.iter().enumerate() {
            // Services do not release on the same days.
            if (day + 2 * number as i64) % service.cadence == 0 && !story.quiet(service, day) {
                story.release(service, day);
            }
        }
        story.plot(day);
    }
    story.snapshots();
    // What a weekend has moved into the last day is still to come.
    let midnight = start.plus_millis((DAYS + 1) * DAY);
    let mut recordings = story.scribe.finish();
    recordings.retain(|recording| recording.recorded_at < midnight);
    recordings
}

/// The beginning of the story for the clock of the service: nothing is recorded before it.
pub fn beginning(end: Instant) -> Instant {
    Instant::from_millis(end.as_millis() - end.as_millis().rem_euclid(DAY) - (DAYS + 1) * DAY)
}

/// When the auditor draws a sample of all that was deployed before that day.
pub fn audit(end: Instant) -> Instant {
    beginning(end).plus_millis(AUDIT * DAY + 10 * 60 * MINUTE)
}

/// The story while it is told.
pub(super) struct Story {
    start: Instant,
    pub(super) scribe: Scribe,
    lines: BTreeMap<&'static str, Line>,
}

/// Where the development of a service stands.
#[derive(Default)]
pub(super) struct Line {
    pub(super) version: [u32; 3],
    work_done: usize,
    pull: u64,
    ticket: u64,
    bumps: u64,
    /// What runs in production, newest last.
    pub(super) production: Vec<Release>,
    releases: u64,
}

impl Story {
    /// The working day that a day is, or that comes next.
    pub(super) fn workday(&self, day: i64) -> i64 {
        day + to_workday(self.start.plus_millis(day * DAY))
    }

    /// A time of a day of the story; what falls on a weekend happens on Monday.
    pub(super) fn at(&self, day: i64, hour: i64, minute: i64) -> Instant {
        self.exactly(self.workday(day), hour, minute)
    }

    /// A time of exactly this day, weekend or not: trouble keeps no office hours.
    pub(super) fn exactly(&self, day: i64, hour: i64, minute: i64) -> Instant {
        self.start.plus_millis(day * DAY + (hour * 60 + minute) * MINUTE)
    }

    pub(super) fn line(&mut self, service: &'static Service) -> &mut Line {
        self.lines.entry(service.name).or_insert_with(|| Line {
            version: service.version,
            pull: 100 + service.name.len() as u64 * 37,
            ticket: 1_000 + service.name.len() as u64 * 11,
            ..Line::default()
        })
    }

    fn environments(&mut self) {
        for (number, (name, tier)) in ENVIRONMENTS.into_iter().enumerate() {
            let tier = match tier {
                "production" => Tier::Production,
                "staging" => Tier::Staging,
                _ => Tier::Development,
            };
            let at = self.exactly(0, 8, number as i64);
            self.scribe.environment(at, name, tier);
        }
    }

    /// The cluster tells once a week, and on the last day, what runs in production; and once in the night before records that came
    /// late. One of its reports was lost.
    fn snapshots(&mut self) {
        let (late, last) = (self.workday(LATE), DAYS - 1);
        let by_hand = self.exactly(last, 19, 12);
        self.scribe.patched_by_hand(by_hand, "catalogue");
        let mut days: Vec<i64> = (3..last).step_by(7).chain([late, last]).collect();
        days.sort_unstable();
        days.dedup();
        for (day, number) in days.into_iter().zip(1..) {
            if number != LOST {
                self.scribe.snapshot(self.exactly(day, 23, 30), number);
            }
        }
    }

    /// Who owns a service from this day on, and where its tickets live.
    pub(super) fn declare(&mut self, service: &'static Service, day: i64, team: &str) {
        let declaration = Declaration {
            team: Some(team.to_owned()),
            ticket_links: vec![TicketLink {
                prefix: format!("{}-", service.tickets),
                url: format!("{TICKETS}{{id}}"),
            }],
            half_life_minutes: None,
        };
        let at = self.exactly(day, 8, 30);
        self.scribe.declared(at, service, declaration);
    }

    /// What already ran when the log began, recorded once as the baseline.
    fn first_release(&mut self, service: &'static Service) {
        let [major, minor, patch] = service.version;
        let version = format!("{major}.{minor}.{patch}");
        let commit = self.scribe.hex(40);
        let release = Release {
            service,
            artifact: self.artifact(service),
            previous: version.clone(),
            version,
            commit,
            commits: Vec::new(),
            pull_requests: Vec::new(),
            tickets: Vec::new(),
        };
        let reason = Some("What ran when recording began".to_owned());
        for (number, (environment, _)) in ENVIRONMENTS.into_iter().enumerate() {
            let at = self.exactly(0, 9, number as i64 * 10);
            let attempt = Attempt {
                kind: DeploymentKind::Baseline,
                reason: reason.clone(),
                ..Attempt::to(environment)
            };
            self.scribe.deployed(at, 1, &release, &attempt);
        }
        self.line(service).production.push(release);
    }

    /// Days on which a service does not release: before trouble that no deployment is to blame for, and around the plot.
    fn quiet(&self, service: &Service, day: i64) -> bool {
        match service.name {
            "accounts" => (88..=108).contains(&day),
            "payments" => (60..=68).contains(&day) || (118..=124).contains(&day),
            "notifications" => (138..=146).contains(&day),
            "storefront" => (45..=50).contains(&day),
            "catalogue" => (150..=156).contains(&day),
            _ => false,
        }
    }

    pub(super) fn artifact(&mut self, service: &Service) -> String {
        let digest = self.scribe.hex(64);
        format!(
            "pkg:oci/{}@sha256%3A{digest}?repository_url=registry.northwind.example/{}",
            service.name, service.name
        )
    }

    /// The next pieces of work that are done to a service.
    pub(super) fn next_work(&mut self, service: &'static Service, count: usize) -> Vec<&'static Work> {
        let line = self.line(service);
        let done = line.work_done;
        line.work_done += count;
        service.work.iter().skip(done).take(count).collect()
    }

    /// A new version with this work, merged and built on this day.
    pub(super) fn build(&mut self, service: &'static Service, day: i64, work: &[&Work]) -> Release {
        let line = self.line(service);
        let previous = format_version(line.version);
        line.version = next_version(line.version, work);
        let version = format_version(line.version);
        let at = self.at(day, 9, 20);
        let (mut commits, mut pull_requests, mut tickets) = (Vec::new(), Vec::new(), Vec::new());
        for (number, work) in work.iter().enumerate() {
            let merged_at = at.plus_millis(number as i64 * 35 * MINUTE);
            let (commit, pull, ticket) = self.change(service, work, merged_at);
            self.scribe.merged(merged_at, service, &pull, ticket.as_ref());
            commits.push(commit);
            pull_requests.push(pull);
            tickets.extend(ticket);
        }
        // Newest first, as git lists them.
        commits.reverse();
        let commit = commits.first().map_or_else(String::new, |commit| commit.id.clone());
        let release = Release {
            service,
            artifact: self.artifact(service),
            previous,
            version,
            commit,
            commits,
            pull_requests,
            tickets,
        };
        let built = self.at(day, 11, 30);
        self.scribe.packaged(built, &release);
        release
    }

    /// A pull request with its one commit and its ticket.
    pub(super) fn change(
        &mut self,
        service: &'static Service,
        work: &Work,
        at: Instant,
    ) -> (Commit, PullRequest, Option<TicketRef>) {
        let people = service.team.people;
        let who = self.scribe.roll(3) as usize;
        let (author, reviewer) = (people[who], people[(who + 1) % 3]);
        let line = self.line(service);
        line.pull += 1;
        let number = line.pull;
        let ticket = work.ticket.map(|title| {
            line.ticket += 1;
            let id = format!("{}-{}", service.tickets, line.ticket);
            TicketRef {
                // The pipeline of this team knows keys only; where its tickets live is declared once.
                url: (service.name != "payments").then(|| format!("{TICKETS}{id}")),
                id,
                title: Some(title.to_owned()),
            }
        });
        let id = self.scribe.hex(40);
        let title = if work.scope == "deps" {
            let line = self.line(service);
            line.bumps += 1;
            let (from, to) = (line.bumps + 15, line.bumps + 16);
            format!("build(deps): bump {} from 0.23.{from} to 0.23.{to}", work.title)
        } else {
            format!("{}({}): {}", work.kind, work.scope, work.title)
        };
        let trailer = ticket
            .as_ref()
            .map_or_else(String::new, |ticket| format!("\n\nRefs: {}", ticket.id));
        let commit = Commit {
            id: id.clone(),
            message: format!("{title} (#{number}){trailer}"),
            author: Some(author.email.to_owned()),
            committed_at: Some(at),
            merge: Some(false),
        };
        let pull = PullRequest {
            id: number.to_string(),
            title: Some(title),
            url: Some(format!("{}/pull/{number}", super::scribe::repository(service))),
            author: Some(author.email.to_owned()),
            approved_by: vec![reviewer.email.to_owned()],
            merged_by: Some(author.email.to_owned()),
            merge_commit: Some(id),
        };
        (commit, pull, ticket)
    }

    /// Development and staging, with the tests that belong there.
    pub(super) fn rehearse(&mut self, day: i64, release: &Release) {
        let times = [
            self.at(day, 11, 40),
            self.at(day, 11, 55),
            self.at(day, 13, 10),
            self.at(day, 13, 50),
            self.at(day, 14, 20),
        ];
        self.scribe.tested(times[0], release, "development", "unit", 0);
        self.scribe.deployed(times[1], 2, release, &Attempt::to("development"));
        self.scribe.deployed(times[2], 3, release, &Attempt::to("staging"));
        self.scribe.tested(times[3], release, "staging", "integration", 0);
        self.scribe.tested(times[4], release, "staging", "security", 0);
    }

    /// The usual way of a version into production.
    fn release(&mut self, service: &'static Service, day: i64) {
        let count = 1 + self.scribe.roll(3) as usize;
        let work = self.next_work(service, count);
        let release = self.build(service, day, &work);
        self.rehearse(day, &release);
        let number = {
            let line = self.line(service);
            line.releases += 1;
            line.releases
        };
        if number % 11 == 5 {
            // It stays in staging: the end-to-end tests fail, and nobody approves it.
            let at = self.at(day, 15, 0);
            self.scribe.tested(at, &release, "staging", "e2e", 3);
            return;
        }
        let at = self.at(day, 15, 0);
        self.scribe.tested(at, &release, "staging", "e2e", 0);
        let manager = MANAGERS[self.scribe.roll(2) as usize];
        let asking = service.team.people[self.scribe.roll(3) as usize];
        let next = self.at(day, 0, 0).plus_millis(DAY);
        let minute = self.scribe.roll(40) as i64;
        let (asked, given, go) = (
            self.at(day, 15, 30),
            self.at(day, 16, 10),
            next.plus_millis((9 * 60 + 30 + minute) * MINUTE),
        );
        self.scribe.approved(asked, given, &release, manager, asking);
        let go = go.plus_millis(to_workday(go) * DAY);
        if number % 9 == 4 {
            // The first attempt fails half-way and changes nothing; the second one, an hour later, holds.
            let failed = Attempt {
                outcome: "failure",
                ..Attempt::to("production")
            };
            self.scribe.deployed(go, 7, &release, &failed);
        }
        let go = if number % 9 == 4 {
            go.plus_millis(70 * MINUTE)
        } else {
            go
        };
        let minutes = 4 + self.scribe.roll(7) as i64;
        let id = self.scribe.deployed(go, minutes, &release, &Attempt::to("production"));
        // The release manager tells what customers will notice.
        let new = release
            .commits
            .iter()
            .position(|commit| commit.message.starts_with("feat"));
        if let Some(title) = new.and_then(|at| release.pull_requests.iter().rev().nth(at)?.title.as_deref()) {
            let text = title.split_once(": ").map_or(title, |(_, what)| what);
            let told = go.plus_millis((minutes + 12) * MINUTE);
            let text = format!("New: {text}.");
            self.scribe
                .highlight(told, &release, &id, HighlightKind::Highlight, &text, manager);
        }
        self.line(service).production.push(release);
    }
}

/// Days from a time to a working day: none, unless it is on a weekend.
fn to_workday(at: Instant) -> i64 {
    match at.to_utc().weekday() {
        Weekday::Sat => 2,
        Weekday::Sun => 1,
        Weekday::Mon | Weekday::Tue | Weekday::Wed | Weekday::Thu | Weekday::Fri => 0,
    }
}

/// A feature makes a minor version, anything else a patch.
fn next_version([major, minor, patch]: [u32; 3], work: &[&Work]) -> [u32; 3] {
    if work.iter().any(|work| work.kind == "feat") {
        [major, minor + 1, 0]
    } else {
        [major, minor, patch + 1]
    }
}

/// `4.7.0`.
pub(super) fn format_version([major, minor, patch]: [u32; 3]) -> String {
    format!("{major}.{minor}.{patch}")
}

#[cfg(test)]
mod tests;
