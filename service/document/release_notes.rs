//! Release notes: what a deployment, or everything between two points, changed in a (service, environment).
//!
//! Compared with what really ran there before, by ledger order: after a rollback the notes say what no longer runs, and
//! what comes back later is new again. A deployment that failed or never ended says so first.

use std::collections::BTreeSet;

use serde::Serialize;

use super::assurance::Assurance;
use super::changes::Changes;
use super::rows::{DeploymentRow, IncidentRow, StatementRow, statements};
use super::{DocumentError, Generated, Links, Request, parse_instant};
use crate::check::Parameters;
use crate::domain::deployment::{Deployment, Effect, Status};
use crate::domain::extension::DeploymentKind;
use crate::domain::facts::Facts;
use crate::domain::history::Timeline;
use crate::domain::words::{count, list, span, to_the_minute};
use crate::domain::{DeploymentId, EnvironmentName, Instant, Outcome, ServiceName};

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
    /// The newest deployment, by ledger order.
    Latest,
    /// One deployment.
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
}

impl Point {
    /// Reads `2026-03-01`, `2026-03-01T09:00:00Z`, `#12`, a deployment id or a version.
    pub fn parse(text: &str) -> Result<Self, DocumentError> {
        let point = || DocumentError::Point(text.to_owned());
        if text.trim().is_empty() {
            return Err(point());
        }
        if let Some(index) = text.strip_prefix('#') {
            return index.parse().map(Self::Index).map_err(|_| point());
        }
        Ok(parse_instant(text).map_or_else(|| Self::Named(text.to_owned()), Self::At))
    }
}

/// The context of release notes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReleaseNotes {
    /// See [`super::CONTEXT_VERSION`].
    pub context_version: u32,
    /// `release_notes`.
    pub document: &'static str,
    /// What they were made from.
    pub generated: Generated,
    /// One line.
    pub title: String,
    /// The service.
    pub service: ServiceName,
    /// The environment.
    pub environment: EnvironmentName,
    /// Whether they speak of several deployments.
    pub range: bool,
    /// Sentences that say the main things.
    pub summary: Vec<String>,
    /// What people wrote to stand at the top.
    pub highlights: Vec<Highlight>,
    /// The deployment, or the last one of the range.
    pub deployment: DeploymentRow,
    /// All deployments that they speak of, in ledger order, attempts that failed included.
    pub deployments: Vec<DeploymentRow>,
    /// What ran there before.
    pub previous: Option<Previous>,
    /// What was brought in.
    pub changes: Changes,
    /// Changes of before that run again, by the deployment that first brought them.
    pub reintroduced: Vec<Withdrawn>,
    /// Changes that no longer run, by the deployment that brought them.
    pub withdrawn: Vec<Withdrawn>,
    /// Deployments within the range whose changes came and went.
    pub came_and_went: Vec<DeploymentRow>,
    /// Incidents.
    pub incidents: Incidents,
    /// How each of the deployments was controlled.
    pub assurance: Vec<Assurance>,
    /// What was said about the deployment.
    pub statements: Vec<StatementRow>,
    /// What the reader should know about the data.
    pub data_notes: Vec<String>,
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

/// Composes release notes.
pub fn compose(input: &ReleaseNotesInput<'_>) -> Result<ReleaseNotes, DocumentError> {
    let generated = input.request.generated()?;
    let (service, environment) = (input.service, input.environment);
    let mut here: Vec<&Deployment> = input
        .facts
        .deployments
        .iter()
        .filter(|d| d.service == *service && d.environment == *environment)
        .collect();
    here.sort_by_key(|d| d.order());
    let selection = select(input, &here)?;
    let target = selection.target;
    let net = net_effect(&selection.deployments, &here);
    let except: BTreeSet<&str> = net
        .withdrawn
        .iter()
        .flat_map(|d| d.commits.iter().map(|c| c.value.id.as_str()))
        .collect();
    let changes = Changes::of(&net.brought, &except);
    let links = Links::of(input.facts);
    let incidents = incidents(&selection.deployments, &links);
    let assurance: Vec<Assurance> = selection
        .deployments
        .iter()
        .map(|d| Assurance::of(d, input.facts, &links, input.parameters))
        .collect();
    let previous = selection.previous.map(|previous| Previous {
        id: previous.id.to_string(),
        index: previous.index,
        label: previous.label(),
        digest: previous.digest().map(str::to_owned),
        finished_at: previous.finished_at(),
        ran_for_ms: ran_for(previous, input),
    });
    let mut notes = ReleaseNotes {
        context_version: super::CONTEXT_VERSION,
        document: "release_notes",
        generated,
        title: String::new(),
        service: service.clone(),
        environment: environment.clone(),
        range: selection.range,
        summary: Vec::new(),
        highlights: selection
            .deployments
            .iter()
            .filter_map(|d| d.highlights.as_ref())
            .map(|h| Highlight {
                text: h.value.clone(),
                index: h.index,
            })
            .collect(),
        deployment: DeploymentRow::of(target),
        deployments: selection.deployments.iter().map(|d| DeploymentRow::of(d)).collect(),
        previous,
        changes,
        reintroduced: net.reintroduced.iter().map(|d| Withdrawn::of(d)).collect(),
        withdrawn: net.withdrawn.iter().map(|d| Withdrawn::of(d)).collect(),
        came_and_went: net.came_and_went.iter().map(|d| DeploymentRow::of(d)).collect(),
        incidents,
        assurance,
        statements: statements(target),
        data_notes: data_notes(&selection.deployments),
    };
    notes.title = title(&notes);
    notes.summary = summary(&notes, target);
    Ok(notes)
}

/// The deployments to speak of.
struct Selection<'a> {
    deployments: Vec<&'a Deployment>,
    target: &'a Deployment,
    previous: Option<&'a Deployment>,
    range: bool,
}

fn select<'a>(input: &ReleaseNotesInput<'a>, here: &[&'a Deployment]) -> Result<Selection<'a>, DocumentError> {
    let (service, environment) = (input.service.clone(), input.environment.clone());
    let Some(newest) = here.last().copied() else {
        return Err(DocumentError::NoDeployments { service, environment });
    };
    let by_index = |index: Option<u64>| here.iter().copied().find(|d| Some(d.index) == index);
    let one = |target: &'a Deployment| Selection {
        deployments: vec![target],
        target,
        previous: by_index(target.lineage.replaces),
        range: false,
    };
    let unknown = |deployment: String| DocumentError::UnknownDeployment {
        deployment,
        service: input.service.clone(),
        environment: input.environment.clone(),
    };
    match input.scope {
        Scope::Latest => Ok(one(newest)),
        Scope::Deployment(id) => here
            .iter()
            .rev()
            .find(|d| d.id == *id)
            .map(|d| one(d))
            .ok_or_else(|| unknown(id.to_string())),
        Scope::Range { from, to } => {
            let timeline = Timeline::of(&input.facts.deployments, input.service, input.environment);
            let resolve = |point: &Point| resolve(point, here, &timeline).map_err(unknown);
            let (start, end) = (resolve(from)?, resolve(to)?);
            let Some(target) = end else {
                return Err(DocumentError::NoDeployments { service, environment });
            };
            if start.is_some_and(|start| start.order() > target.order()) || reversed(from, to) {
                return Err(DocumentError::Reversed {
                    from: from.to_string(),
                    to: to.to_string(),
                });
            }
            let after = start.map(Deployment::order);
            let within = |d: &&Deployment| after.is_none_or(|after| d.order() > after) && d.order() <= target.order();
            let deployments: Vec<&Deployment> = here.iter().copied().filter(within).collect();
            Ok(Selection {
                deployments,
                target,
                previous: start,
                range: true,
            })
        }
    }
}

fn reversed(from: &Point, to: &Point) -> bool {
    matches!((from, to), (Point::At(from), Point::At(to)) if from > to)
}

/// The deployment that a point names; none for a time before the first.
fn resolve<'a>(
    point: &Point,
    here: &[&'a Deployment],
    timeline: &Timeline<'a>,
) -> Result<Option<&'a Deployment>, String> {
    match point {
        Point::At(at) => Ok(timeline.running_at(Some(*at)).map(|run| run.deployment)),
        Point::Index(index) => {
            let found = here.iter().copied().find(|d| d.indexes().contains(index));
            found.map(Some).ok_or_else(|| format!("#{index}"))
        }
        Point::Named(name) => {
            let by_id = here.iter().rev().find(|d| d.id.as_str() == name);
            let ran = || here.iter().rev().find(|d| d.succeeded() && d.label() == *name);
            let found = by_id
                .or_else(ran)
                .or_else(|| here.iter().rev().find(|d| d.label() == *name));
            found.copied().map(Some).ok_or_else(|| name.clone())
        }
    }
}

impl std::fmt::Display for Point {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::At(at) => at.fmt(f),
            Self::Index(index) => write!(f, "#{index}"),
            Self::Named(name) => f.write_str(name),
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
    fn of(deployment: &Deployment) -> Self {
        Self {
            label: deployment.label(),
            index: deployment.index,
            finished_at: deployment.finished_at(),
            changes: Changes::of(&[deployment], &BTreeSet::new()),
        }
    }
}

fn ran_for(previous: &Deployment, input: &ReleaseNotesInput<'_>) -> Option<i64> {
    let timeline = Timeline::of(&input.facts.deployments, input.service, input.environment);
    let run = timeline.run(previous.index)?;
    Some(run.until?.millis_since(previous.finished_at()?))
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
                .map(|(incident, candidate)| IncidentRow::of(incident, Some((deployment, candidate)))),
        );
    }
    incidents
}

fn title(notes: &ReleaseNotes) -> String {
    let (service, environment, label) = (&notes.service, &notes.environment, &notes.deployment.label);
    if notes.range {
        let from = notes
            .previous
            .as_ref()
            .map_or("the beginning", |previous| previous.label.as_str());
        return format!("{service} in {environment}: from {from} to {label}");
    }
    let row = &notes.deployment;
    match (row.outcome, row.removes) {
        (Some("success"), true) => format!("{service} removed from {environment}"),
        (Some("success"), false) if row.kind == "rollback" => {
            format!("{service} rolled back to {label} in {environment}")
        }
        (Some("success"), false) => format!("{service} {label} in {environment}"),
        (Some(_), _) => format!("{service} {label}: deployment to {environment} {}", row.ended),
        (None, _) => format!("{service} {label}: deployment to {environment}, {}", row.ended),
    }
}

fn summary(notes: &ReleaseNotes, target: &Deployment) -> Vec<String> {
    let mut sentences = vec![if notes.range {
        range_sentence(notes)
    } else {
        first_sentence(notes, target)
    }];
    sentences.extend(changes_sentence(notes, target));
    if !notes.withdrawn.is_empty() && !notes.range && target.succeeded() {
        let labels: Vec<String> = notes.withdrawn.iter().map(|w| w.label.clone()).collect();
        let verb = if labels.len() == 1 { "is" } else { "are" };
        sentences.push(format!("What {} had brought {verb} withdrawn.", list(&labels)));
    }
    let open = notes
        .incidents
        .linked
        .iter()
        .filter(|i| i.resolved_at.is_none())
        .count();
    if !notes.incidents.linked.is_empty() {
        let linked = notes.incidents.linked.len();
        let still = if open > 0 {
            format!(", {open} of them open")
        } else {
            String::new()
        };
        sentences.push(format!(
            "{} may be connected with it{still}.",
            count(linked, "incident")
        ));
    }
    if let ([assurance], true) = (notes.assurance.as_slice(), target.status() == Status::Finished) {
        sentences.push(match assurance.failed.len() {
            0 => format!(
                "All {} that could be evaluated passed.",
                count(assurance.tested, "check")
            ),
            failed => format!(
                "{failed} of {} failed (see Assurance).",
                count(assurance.tested, "check")
            ),
        });
    }
    sentences
}

fn first_sentence(notes: &ReleaseNotes, target: &Deployment) -> String {
    let (service, environment, label) = (&notes.service, &notes.environment, &notes.deployment.label);
    let at = to_the_minute(target.finished_at().unwrap_or_else(|| target.start_at()));
    let had_run = |previous: &Previous| {
        let length = previous
            .ran_for_ms
            .map(|ms| format!(", which had run for {}", span(ms)));
        format!("{}{}", previous.label, length.unwrap_or_default())
    };
    let kept = notes.previous.as_ref().map_or_else(
        || "Nothing is known to have run there before.".to_owned(),
        |previous| format!("{} kept running.", previous.label),
    );
    let what = format!("The deployment of {service} {label} to {environment}");
    match target.outcome() {
        Some(Outcome::Success) => {}
        Some(Outcome::Failure) => return format!("{what} failed on {at}. {kept}"),
        Some(Outcome::Error) => return format!("{what} could not run on {at}. {kept}"),
        Some(Outcome::Cancel) => return format!("{what} was cancelled on {at}. {kept}"),
        None if target.started().is_some() => {
            return format!("{what} started on {at}; the ledger has no word of its end.");
        }
        None => return format!("{what} was queued on {at}; the ledger has no word of its start."),
    }
    let previous = notes.previous.as_ref().map(had_run);
    if target.effect == Effect::Removes {
        let before = previous.map(|p| format!(" It was {p}.")).unwrap_or_default();
        return format!("{service} was removed from {environment} on {at}.{before}");
    }
    match (target.kind.kind, previous) {
        (DeploymentKind::Rollback, Some(previous)) => {
            format!("On {at} {environment} went back to {service} {label} from {previous}.")
        }
        (DeploymentKind::Redeploy, _) => {
            format!("{service} {label} was deployed to {environment} again on {at}. The content is the same as before.")
        }
        (DeploymentKind::Emergency, Some(previous)) => {
            format!(
                "{service} {label} went live in {environment} on {at} as an emergency change. It replaced {previous}."
            )
        }
        (DeploymentKind::Hotfix, Some(previous)) => {
            format!("{service} {label} went live in {environment} on {at} as a hotfix. It replaced {previous}.")
        }
        (_, Some(previous)) => format!("{service} {label} went live in {environment} on {at}. It replaced {previous}."),
        (_, None) => {
            format!("{service} {label} went live in {environment} on {at}. Nothing is known to have run there before.")
        }
    }
}

fn range_sentence(notes: &ReleaseNotes) -> String {
    let from = notes
        .previous
        .as_ref()
        .map_or("nothing", |previous| previous.label.as_str());
    let succeeded = notes
        .deployments
        .iter()
        .filter(|d| d.outcome == Some("success"))
        .count();
    let other = notes.deployments.len() - succeeded;
    if notes.deployments.is_empty() {
        return format!(
            "Nothing was deployed: {} runs in {} throughout.",
            notes.deployment.label, notes.environment
        );
    }
    let rest = if other > 0 {
        format!("; {} did not succeed", count(other, "further attempt"))
    } else {
        String::new()
    };
    format!(
        "{} went from {from} to {} in {} with {}{rest}.",
        notes.service,
        notes.deployment.label,
        notes.environment,
        count(succeeded, "deployment"),
    )
}

fn changes_sentence(notes: &ReleaseNotes, target: &Deployment) -> Option<String> {
    if target.effect == Effect::Removes && !notes.range {
        return None;
    }
    let changes = &notes.changes;
    let back: usize = notes.reintroduced.iter().map(|w| w.changes.shown).sum();
    let kinds = [
        ("breaking", "breaking"),
        ("security", "security"),
        ("feature", "new"),
        ("fix", "fixed"),
        ("performance", "performance"),
        ("revert", "taken back"),
        ("other", "other"),
    ];
    let named = kinds
        .iter()
        .map(|(key, word)| (changes.in_group(key), word))
        .filter(|(n, _)| *n > 0);
    let parts: Vec<String> = named.map(|(n, word)| format!("{n} {word}")).collect();
    let maintenance = match changes.maintenance_total {
        0 => String::new(),
        n => format!(
            " {} counted and not listed.",
            if n == 1 {
                "1 maintenance change is".to_owned()
            } else {
                format!("{n} maintenance changes are")
            }
        ),
    };
    let again = match back {
        0 => String::new(),
        n => format!(
            " {} that had been withdrawn {} again.",
            count(n, "change"),
            if n == 1 { "runs" } else { "run" }
        ),
    };
    let verb = if target.succeeded() || notes.range {
        "It brings"
    } else {
        "It would have brought"
    };
    Some(match (changes.shown, target.kind.kind) {
        (0, DeploymentKind::Rollback) if !notes.range => return None,
        (0, DeploymentKind::Redeploy) => "No functional changes (the same content was deployed again).".to_owned(),
        (0, _) if again.is_empty() => format!("No functional changes are recorded for it.{maintenance}"),
        (0, _) => format!("{}{maintenance}", again.trim_start()),
        (n, _) => format!("{verb} {}: {}.{again}{maintenance}", count(n, "change"), list(&parts)),
    })
}

fn data_notes(deployments: &[&Deployment]) -> Vec<String> {
    let mut notes = Vec::new();
    for deployment in deployments {
        let label = deployment.label();
        if deployment.over_shared_secret() {
            notes.push(format!(
                "Records of {label} came over a shared secret (a webhook): who sent them cannot be proved afterwards."
            ));
        }
        if deployment.contested() {
            notes.push(format!(
                "Records of {label} contradict each other about how it ended; the last one counts."
            ));
        }
        if deployment.succeeded()
            && deployment.kind.kind == DeploymentKind::Rollback
            && deployment.lineage.returns_to.is_none()
        {
            notes.push(format!(
                "{label} is said to be a rollback, but the ledger has not seen that content run here before."
            ));
        }
        if deployment.commits.is_empty()
            && deployment.pull_requests.is_empty()
            && deployment.kind.kind == DeploymentKind::Normal
        {
            notes.push(format!("No commits or pull requests were recorded with {label}."));
        }
    }
    notes.dedup();
    notes
}
