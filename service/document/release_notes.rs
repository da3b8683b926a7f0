//! Release notes: what a deployment, or everything between two points, changed in a (service, environment).
//!
//! Compared with what really ran there before, by ledger order: after a rollback the notes say what no longer runs, and
//! what comes back later is new again. A deployment that failed or never ended says so first.

mod also;
mod customer;
mod highlights;
mod manager;
mod outlook;
mod redact;
mod release;
mod replaced;
mod scrub;
mod select;
mod sentences;
mod variant;

use std::collections::BTreeSet;

use serde::Serialize;

use self::also::Companions;
pub use self::also::{AlsoDeployed, SAME_RUN_MS};
pub(super) use self::highlights::texts;
pub use self::outlook::{LOOKED_AT, Outlook};
pub use self::release::{RELEASE_TEMPLATE, Release, ReleaseInput, compose_release};
pub use self::replaced::ReplacedBy;
pub use self::select::{Selection, Wanted, selected};
pub use self::variant::{Variant, compose_for, template};
use super::assurance::Assurance;
use super::audience::Audience;
use super::changes::Changes;
use super::rows::{DeploymentRow, IncidentRow, StatementRow, shared_ids, statements};
use super::{DocumentError, Generated, Links, Request};
use crate::check::Parameters;
use crate::domain::deployment::Deployment;
use crate::domain::facts::Facts;
use crate::domain::history::Timeline;
use crate::domain::service::TicketLink;
use crate::domain::{DeploymentId, EnvironmentName, Instant, ServiceName, Zone};

/// Name of the built-in template.
pub const TEMPLATE: &str = "release-notes.md";

/// What release notes are composed from.
#[derive(Debug, Clone, Copy)]
pub struct ReleaseNotesInput<'a> {
    /// What was asked, of which state of the ledger.
    pub request: Request<'a>,
    /// The service.
    pub service: &'a ServiceName,
    /// The environment.
    pub environment: &'a EnvironmentName,
    /// Which deployments of it.
    pub scope: &'a Scope,
    /// Facts: of the service in all environments, the evidence that speaks of it, the incidents of the environment.
    pub facts: &'a Facts,
    /// Numbers of the checks.
    pub parameters: &'a Parameters,
}

/// Which deployments release notes speak of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// The newest deployment that succeeded, by ledger order; where none did, the newest.
    Latest,
    /// One deployment, by its id or by an entry of it such as `#12`.
    Deployment(DeploymentId),
    /// All after what ran at `from`, up to what ran at `to`.
    Range { from: Point, to: Point },
}

/// A point in the history of a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Point {
    /// What ran at an instant.
    At(Instant),
    /// The deployment that an entry speaks of.
    Index(u64),
    /// A deployment by id, else the last one with that version or label.
    Named(String),
    /// What runs now, as far as the ledger knows.
    Now,
}

impl Point {
    /// Reads `2026-03-01`, which is the beginning of that day in the zone, `2026-03-01T09:00:00Z`, `#12`, a deployment id or a
    /// version.
    pub fn parse(text: &str, zone: Zone) -> Result<Self, DocumentError> {
        let point = || DocumentError::Point(text.to_owned());
        if text.trim().is_empty() {
            return Err(point());
        }
        if let Some(index) = text.strip_prefix('#') {
            return index.parse().map(Self::Index).map_err(|_| point());
        }
        Ok(zone.read(text).map_or_else(|| Self::Named(text.to_owned()), Self::At))
    }
}

/// The context of release notes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReleaseNotes {
    /// See [`super::CONTEXT_VERSION`].
    pub context_version: u32,
    /// `release_notes`.
    pub document: &'static str,
    /// `auditor`: nothing is withheld.
    pub audience: Audience,
    /// What they were made from.
    pub generated: Generated,
    /// One line.
    pub title: String,
    /// The service.
    pub service: ServiceName,
    /// The environment.
    pub environment: EnvironmentName,
    /// The team that owned the service when it was deployed, the last time.
    pub team: Option<Team>,
    /// Whether they speak of several deployments.
    pub range: bool,
    /// Sentences that say the main things.
    pub summary: Vec<String>,
    /// What people wrote to stand at the top.
    pub highlights: Vec<Highlight>,
    /// What people wrote that somebody must do.
    pub actions_required: Vec<Highlight>,
    /// What people wrote that is known not to work.
    pub known_issues: Vec<Highlight>,
    /// The deployment, or the last one of the range.
    pub deployment: DeploymentRow,
    /// All deployments that they speak of, in ledger order, attempts that failed included.
    pub deployments: Vec<DeploymentRow>,
    /// What ran there before.
    pub previous: Option<Previous>,
    /// What took its place since; none while it runs.
    pub replaced_by: Option<ReplacedBy>,
    /// What was brought in.
    pub changes: Changes,
    /// Changes of before that run again, by the deployment that first brought them.
    pub reintroduced: Vec<Withdrawn>,
    /// Changes that no longer run, by the deployment that brought them.
    pub withdrawn: Vec<Withdrawn>,
    /// Deployments within the range whose changes came and went.
    pub came_and_went: Vec<DeploymentRow>,
    /// Deployments of other services that seem to belong with these, the most closely related first.
    pub also_deployed: Vec<AlsoDeployed>,
    /// How many more there are.
    pub also_deployed_more: usize,
    /// Incidents.
    pub incidents: Incidents,
    /// For when it was planned, what is not in it, and what comes next.
    pub outlook: Outlook,
    /// How each of the deployments was controlled.
    pub assurance: Vec<Assurance>,
    /// What was said about the deployment.
    pub statements: Vec<StatementRow>,
    /// What the reader should know about the data.
    pub data_notes: Vec<String>,
}

/// The team that owns a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Team {
    /// Its name.
    pub name: String,
    /// Index of the entry that says so.
    pub index: u64,
}

/// Human text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Highlight {
    /// The text.
    pub text: String,
    /// Index of the entry.
    pub index: u64,
}

/// What ran before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Previous {
    /// The deployment that put it there.
    pub id: String,
    /// Its index.
    pub index: u64,
    /// What to call it.
    pub label: String,
    /// Its digest.
    pub digest: Option<String>,
    /// When it was there.
    pub finished_at: Option<Instant>,
    /// How long it ran before it was replaced.
    pub ran_for_ms: Option<i64>,
}

/// The changes of one deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Withdrawn {
    /// The deployment's label.
    pub label: String,
    /// Its index.
    pub index: u64,
    /// When it had ended.
    pub finished_at: Option<Instant>,
    /// Its changes.
    pub changes: Changes,
}

/// The incidents of a document.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Incidents {
    /// Those that the deployments say they repair.
    pub fixed: Vec<IncidentRow>,
    /// Those that may have been caused by the deployments, with the reasons.
    pub linked: Vec<IncidentRow>,
}

/// Composes the whole release notes, for auditors.
pub fn compose(input: &ReleaseNotesInput<'_>) -> Result<ReleaseNotes, DocumentError> {
    compose_selected(input).map(|(notes, _)| notes)
}

fn compose_selected<'a>(input: &ReleaseNotesInput<'a>) -> Result<(ReleaseNotes, Selection<'a>), DocumentError> {
    let (service, environment) = (input.service, input.environment);
    let wanted = Wanted {
        service,
        environment,
        scope: input.scope,
    };
    let here = select::here(&wanted, &input.facts.deployments);
    let selection = selected(&wanted, &input.facts.deployments)?;
    let target = selection.target;
    let net = net_effect(&selection.deployments, &here);
    let tickets = input.facts.services.ticket_links(service);
    // A change is told once: what ran before or runs again is not new, what a later deployment brings again is not withdrawn.
    let again = commits(net.reintroduced.iter().copied());
    let except: BTreeSet<&str> = commits(net.withdrawn.iter().copied()).union(&again).copied().collect();
    let changes = Changes::of(&net.brought, &except, tickets);
    let withdrawn = net.withdrawn.iter().filter_map(|old| {
        let again = net.brought_after(old, &selection.deployments);
        let all = !old.commits.is_empty() && old.commits.iter().all(|c| again.contains(c.value.id.as_str()));
        (!all).then(|| Withdrawn::of(old, &again, tickets))
    });
    let withdrawn: Vec<Withdrawn> = withdrawn.collect();
    let links = Links::of(input.facts);
    let incidents = incidents(&selection.deployments, &links);
    let assurance: Vec<Assurance> = selection
        .deployments
        .iter()
        .map(|d| Assurance::of(d, input.facts, &links, input.parameters))
        .collect();
    let mut companions = Companions::default();
    companions.add(&selection, &input.facts.deployments, &[service]);
    let (also_deployed, also_deployed_more) = companions.shown();
    let written = texts(&selection.deployments, input.facts);
    let sources = shared_ids(incidents.fixed.iter().chain(&incidents.linked));
    let previous = selection.previous.map(|previous| Previous {
        id: previous.id.to_string(),
        index: previous.index,
        label: previous.label(),
        digest: previous.digest().map(str::to_owned),
        finished_at: previous.finished_at(),
        ran_for_ms: ran_for(previous, is_late(target, previous) && !selection.range, input),
    });
    let mut notes = ReleaseNotes {
        context_version: super::CONTEXT_VERSION,
        document: "release_notes",
        audience: Audience::Auditor,
        generated: input.request.generated(),
        title: String::new(),
        service: service.clone(),
        environment: environment.clone(),
        team: team(target, input.facts),
        range: selection.range,
        summary: Vec::new(),
        highlights: written.highlights,
        actions_required: written.actions_required,
        known_issues: written.known_issues,
        deployment: DeploymentRow::of(target),
        deployments: selection.deployments.iter().map(|d| DeploymentRow::of(d)).collect(),
        previous,
        replaced_by: ReplacedBy::of(target, &input.facts.deployments),
        changes,
        reintroduced: net
            .reintroduced
            .iter()
            .map(|d| Withdrawn::of(d, &BTreeSet::new(), tickets))
            .collect(),
        withdrawn,
        came_and_went: net.came_and_went.iter().map(|d| DeploymentRow::of(d)).collect(),
        also_deployed,
        also_deployed_more,
        incidents,
        outlook: Outlook::of(&selection, &here, (input.facts, &assurance), tickets),
        assurance,
        statements: statements(target),
        data_notes: [
            sentences::data_notes(&selection.deployments),
            sentences::late_notes(&selection, &here),
            sources,
            input.request.ledger.erased_notes(),
        ]
        .concat(),
    };
    notes.title = sentences::title(&notes);
    notes.summary = sentences::summary(&notes, target);
    Ok((notes, selection))
}

impl std::fmt::Display for Point {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::At(at) => at.fmt(f),
            Self::Index(index) => write!(f, "#{index}"),
            Self::Named(name) => f.write_str(name),
            Self::Now => f.write_str("now"),
        }
    }
}

/// What a run of deployments brought in and took out, together.
#[derive(Default)]
struct Net<'a> {
    brought: Vec<&'a Deployment>,
    reintroduced: Vec<&'a Deployment>,
    withdrawn: Vec<&'a Deployment>,
    came_and_went: Vec<&'a Deployment>,
}

fn net_effect<'a>(selected: &[&'a Deployment], here: &[&'a Deployment]) -> Net<'a> {
    let mut net = Net::default();
    let find = |index: &u64| here.iter().copied().find(|d| d.index == *index);
    // A single attempt that did not succeed is shown with what it would have brought.
    let hypothetical = selected.len() == 1;
    for deployment in selected.iter().filter(|d| d.succeeded() || hypothetical) {
        for gone in deployment.lineage.withdraws.iter().filter_map(find) {
            if move_between(&mut net.brought, &mut net.came_and_went, gone)
                || move_between(&mut net.reintroduced, &mut net.came_and_went, gone)
            {
                continue;
            }
            net.withdrawn.push(gone);
        }
        for back in deployment.lineage.reintroduces.iter().filter_map(find) {
            let undone = remove(&mut net.withdrawn, back);
            if !undone && !move_between(&mut net.came_and_went, &mut net.brought, back) {
                net.reintroduced.push(back);
            }
        }
        net.brought.push(deployment);
    }
    net.withdrawn.sort_by_key(|d| d.order());
    net
}

impl<'a> Net<'a> {
    /// Commits that came, and stayed, after what took this deployment out. A way back may name those that it takes out.
    fn brought_after(&self, old: &Deployment, selected: &[&Deployment]) -> BTreeSet<&'a str> {
        let mut removers = selected.iter().filter(|d| d.lineage.withdraws.contains(&old.index));
        let removed = removers.next_back().map_or(u64::MAX, |remover| remover.order());
        let later = self.brought.iter().copied().filter(|d| d.order() > removed);
        commits(later)
    }
}

fn commits<'a>(deployments: impl IntoIterator<Item = &'a Deployment>) -> BTreeSet<&'a str> {
    let said = deployments.into_iter().flat_map(|d| &d.commits);
    said.map(|said| said.value.id.as_str()).collect()
}

fn remove(list: &mut Vec<&Deployment>, deployment: &Deployment) -> bool {
    let before = list.len();
    list.retain(|d| d.index != deployment.index);
    list.len() < before
}

fn move_between<'a>(from: &mut Vec<&'a Deployment>, to: &mut Vec<&'a Deployment>, deployment: &'a Deployment) -> bool {
    let found = remove(from, deployment);
    if found {
        to.push(deployment);
    }
    found
}

impl Withdrawn {
    /// Without what runs again.
    fn of(deployment: &Deployment, again: &BTreeSet<&str>, tickets: &[TicketLink]) -> Self {
        Self {
            label: deployment.label(),
            index: deployment.index,
            finished_at: deployment.finished_at(),
            changes: Changes::of(&[deployment], again, tickets),
        }
    }
}

fn team(target: &Deployment, facts: &Facts) -> Option<Team> {
    let at = target.finished_at().unwrap_or_else(|| target.start_at());
    facts.services.team(&target.service, at).map(|said| Team {
        name: said.value.to_owned(),
        index: said.index,
    })
}

/// Whether a record came late: it claims that its deployment was over before one that it follows in the log.
fn is_late(deployment: &Deployment, before: &Deployment) -> bool {
    let ends = deployment.finished_at().zip(before.finished_at());
    deployment.succeeded() && ends.is_some_and(|(end, before)| end < before)
}

fn ran_for(previous: &Deployment, late: bool, input: &ReleaseNotesInput<'_>) -> Option<i64> {
    let timeline = Timeline::of(&input.facts.deployments, input.service, input.environment);
    let run = timeline.run(previous.index).filter(|_| !late)?;
    Some(run.until?.millis_since(previous.finished_at()?)).filter(|millis| *millis >= 0)
}

fn incidents(deployments: &[&Deployment], links: &Links<'_>) -> Incidents {
    let mut incidents = Incidents::default();
    for deployment in deployments {
        incidents.fixed.extend(
            links
                .fixed_by(deployment.index)
                .map(|incident| IncidentRow::of(incident, None)),
        );
        incidents.linked.extend(
            links
                .of_deployment(deployment.index)
                .filter(|(_, candidate)| !candidate.state.is_dismissed())
                .map(|(incident, candidate)| IncidentRow::of(incident, Some((deployment, candidate)))),
        );
    }
    incidents
}
