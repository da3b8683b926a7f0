//! The whole release notes with what customers are not to read taken out of every text that they do read, and counted.

use super::scrub::Scrubber;
use super::select::Selection;
use super::sentences;
use super::{Highlight, ReleaseNotes};
use crate::document::audience::{Tally, Withheld};
use crate::document::changes::Changes;
use crate::document::rows::IncidentRow;
use crate::domain::deployment::Deployment;
use crate::domain::facts::Facts;

/// What is called neither by a version nor by a name that customers may read.
const UNNAMED: &str = "(version withheld)";

/// Release notes without what is internal. Members that customers do not get at all may still be whole: [`super::customer`]
/// takes only the others.
pub(super) struct Redacted {
    pub(super) notes: ReleaseNotes,
    pub(super) withheld: Vec<Withheld>,
}

impl Redacted {
    pub(super) fn of(mut notes: ReleaseNotes, selection: &Selection<'_>, facts: &Facts) -> Self {
        let mut scrubber = scrubber(&notes, selection, facts);
        let mut tally = Tally::default();
        count(&notes, &mut tally);

        let mut labels = Labels {
            facts,
            scrubber: &mut scrubber,
        };
        labels.put(notes.deployment.index, &mut notes.deployment.label);
        for row in &mut notes.deployments {
            labels.put(row.index, &mut row.label);
        }
        for old in notes.reintroduced.iter_mut().chain(&mut notes.withdrawn) {
            labels.put(old.index, &mut old.label);
        }
        if let Some(previous) = &mut notes.previous {
            labels.put(previous.index, &mut previous.label);
        }
        if let Some(next) = &mut notes.replaced_by {
            labels.put(next.index, &mut next.label);
        }

        let changes = notes.reintroduced.iter_mut().chain(&mut notes.withdrawn);
        for changes in changes.map(|old| &mut old.changes).chain([&mut notes.changes]) {
            redact(changes, &mut scrubber, &mut tally);
        }
        for list in [
            &mut notes.highlights,
            &mut notes.actions_required,
            &mut notes.known_issues,
        ] {
            texts(list, &mut scrubber);
        }
        let known = |row: &IncidentRow| row.link.as_ref().is_some_and(|link| link.state.is_established());
        let before = notes.incidents.linked.len();
        notes.incidents.linked.retain(known);
        let unconfirmed = before - notes.incidents.linked.len();
        tally.add(
            "incidents.linked",
            ("unconfirmed link to an incident", "unconfirmed links to incidents"),
            unconfirmed,
        );

        // The sentences are made again, of what is left.
        notes.assurance.clear();
        notes.came_and_went.clear();
        notes.title = sentences::title(&notes);
        notes.summary = sentences::summary(&notes, selection.target);

        tally.add(
            "texts.names",
            ("name of a person within a text", "names of people within texts"),
            scrubber.names,
        );
        let references = ("reference within a text", "references within texts");
        tally.add("texts.references", references, scrubber.references);
        let addresses = ("internal address within a text", "internal addresses within texts");
        tally.add("texts.addresses", addresses, scrubber.addresses);
        Self {
            notes,
            withheld: tally.withheld(),
        }
    }
}

/// Knows everybody and everything that the records behind these notes name.
fn scrubber(notes: &ReleaseNotes, selection: &Selection<'_>, facts: &Facts) -> Scrubber {
    let mut scrubber = Scrubber::new(facts.services.ticket_links(&notes.service));
    let old = notes.reintroduced.iter().chain(&notes.withdrawn).map(|old| old.index);
    let old = old.filter_map(|index| deployment(facts, index));
    for deployment in selection
        .deployments
        .iter()
        .copied()
        .chain([selection.target])
        .chain(old)
    {
        scrubber.learn(deployment);
    }
    for highlight in &facts.highlights {
        if selection
            .deployments
            .iter()
            .any(|deployment| highlight.is_about(deployment))
        {
            highlight.by.iter().for_each(|actor| scrubber.actor(actor));
        }
    }
    for row in &notes.assurance {
        let people = row.approvals.iter().filter_map(|approval| approval.person.as_deref());
        let reviewers = row.reviews.iter().filter_map(|review| review.person.as_deref());
        people.chain(reviewers).for_each(|name| scrubber.person(name));
        row.tests
            .iter()
            .filter_map(|test| test.url.as_deref())
            .for_each(|url| scrubber.address(url));
    }
    let old = notes
        .reintroduced
        .iter()
        .chain(&notes.withdrawn)
        .map(|old| &old.changes);
    for ticket in old.chain([&notes.changes]).flat_map(|changes| &changes.tickets) {
        scrubber.ticket(&ticket.id);
    }
    let incidents = notes.incidents.fixed.iter().chain(&notes.incidents.linked);
    incidents
        .filter_map(|incident| incident.ticket.as_deref())
        .for_each(|ticket| scrubber.address(ticket));
    scrubber
}

fn deployment(facts: &Facts, index: u64) -> Option<&Deployment> {
    facts.deployments.iter().find(|deployment| deployment.index == index)
}

/// What deployments are called: by a version that somebody gave, never by a commit or a digest.
struct Labels<'a> {
    facts: &'a Facts,
    scrubber: &'a mut Scrubber,
}

impl Labels<'_> {
    fn put(&mut self, index: u64, label: &mut String) {
        let version = deployment(self.facts, index).and_then(|deployment| {
            let said = deployment.version.as_ref().map(|said| said.value.as_str());
            let artifact = deployment
                .artifact
                .as_ref()
                .and_then(|said| said.value.version.as_deref());
            said.or(artifact)
        });
        let version = self.scrubber.text(version.unwrap_or_default());
        *label = if version.is_empty() {
            UNNAMED.to_owned()
        } else {
            version
        };
    }
}

fn texts(list: &mut Vec<Highlight>, scrubber: &mut Scrubber) {
    for highlight in &mut *list {
        highlight.text = scrubber.text(&highlight.text);
    }
    list.retain(|highlight| !highlight.text.is_empty());
}

fn redact(changes: &mut Changes, scrubber: &mut Scrubber, tally: &mut Tally) {
    let mut untitled = 0;
    for group in &mut changes.groups {
        for change in &mut group.entries {
            tally.add(
                "changes.groups.entries.commits",
                ("commit", "commits"),
                change.commits.len(),
            );
            let requests = change.pull_requests.len();
            tally.add(
                "changes.groups.entries.pull_requests",
                ("pull request", "pull requests"),
                requests,
            );
            let authors = change.authors.len();
            tally.add(
                "changes.groups.entries.authors",
                ("name of an author", "names of authors"),
                authors,
            );
            change.title = scrubber.text(&change.title);
            // What stands in place of a title where there is none.
            if change.title == "(no title)" {
                change.title.clear();
            }
            change.scope = change.scope.as_deref().map(|scope| scrubber.text(scope));
            change.scope.take_if(|scope| scope.is_empty());
            change.breaking_note = change.breaking_note.as_deref().map(|note| scrubber.text(note));
            change.breaking_note.take_if(|note| note.is_empty());
        }
        let before = group.entries.len();
        group.entries.retain(|change| !change.title.is_empty());
        untitled += before - group.entries.len();
    }
    changes.groups.retain(|group| !group.entries.is_empty());
    changes.shown -= untitled;
    tally.add(
        "changes.groups.entries",
        ("change without a title", "changes without a title"),
        untitled,
    );
    tally.add("changes.tickets", ("ticket", "tickets"), changes.tickets.len());
    changes.tickets.clear();
    let dependencies = ("dependency change", "dependency changes");
    tally.add("changes.dependencies", dependencies, changes.dependencies.len());
    changes.dependencies.clear();
}

/// Counts the members that customers do not get at all.
fn count(notes: &ReleaseNotes, tally: &mut Tally) {
    let some = |given: bool| usize::from(given);
    tally.add("team", ("team", "teams"), some(notes.team.is_some()));
    for row in &notes.deployments {
        let actor = ("name of who deployed", "names of who deployed");
        tally.add("deployments.actor", actor, row.actor.iter().count());
        tally.add("deployments.reason", ("reason", "reasons"), row.reason.iter().count());
        let impact = ("assessment of impact", "assessments of impact");
        tally.add("deployments.impact", impact, row.impact.iter().count());
        let risk = ("assessment of risk", "assessments of risk");
        tally.add("deployments.risk", risk, row.exposure.risk.iter().count());
        let stages = ("stage of a rollout", "stages of rollouts");
        tally.add("deployments.rollout", stages, row.exposure.rollout.len());
        let content = ("identification of content", "identifications of content");
        let known = [&row.artifact, &row.digest, &row.commit].into_iter().flatten().count();
        tally.add("deployments.artifact, digest, commit", content, known);
        let run = ("page of a pipeline run", "pages of pipeline runs");
        tally.add("deployments.run_url", run, row.run_url.iter().count());
        let producers = ("producer of records", "producers of records");
        tally.add("deployments.producers", producers, row.producers.len());
    }
    tally.add("statements", ("statement", "statements"), notes.statements.len());
    for row in &notes.assurance {
        tally.add("assurance.approvals", ("approval", "approvals"), row.approvals.len());
        tally.add("assurance.tests", ("test run", "test runs"), row.tests.len());
        tally.add("assurance.reviews", ("review", "reviews"), row.reviews.len());
        tally.add("assurance.checks", ("check", "checks"), row.checks.len());
        let plan = ("rollback plan", "rollback plans");
        tally.add("assurance.rollback_plan", plan, row.rollback_plan.iter().count());
    }
    for incident in notes.incidents.fixed.iter().chain(&notes.incidents.linked) {
        let told = [&incident.description, &incident.severity, &incident.ticket];
        let told = 1 + told.into_iter().flatten().count();
        let words = ("detail of an incident", "details of incidents");
        tally.add("incidents.id, description, severity, ticket", words, told);
    }
    let also = notes.also_deployed.len() + notes.also_deployed_more;
    tally.add(
        "also_deployed",
        ("deployment of another service", "deployments of other services"),
        also,
    );
    tally.add(
        "came_and_went",
        ("deployment that came and went", "deployments that came and went"),
        notes.came_and_went.len(),
    );
    let outlook = &notes.outlook;
    tally.add(
        "outlook.planned",
        ("announced time", "announced times"),
        some(outlook.planned.is_some()),
    );
    let elsewhere = outlook.elsewhere.iter().map(|row| row.changes.total);
    tally.add(
        "outlook.elsewhere, merged",
        ("change that waits", "changes that wait"),
        elsewhere.sum::<usize>() + outlook.merged.len(),
    );
    tally.add(
        "outlook.next",
        ("later deployment", "later deployments"),
        outlook.next.len(),
    );
    tally.add(
        "data_notes",
        ("note on the data", "notes on the data"),
        notes.data_notes.len(),
    );
}
