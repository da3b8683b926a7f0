//! Release notes for managers: what went live, who approved it, what went wrong since. Commits, digests, statements and the
//! tables of tests and checks are one click away, in the whole document.

use serde::Serialize;

use super::{AlsoDeployed, Highlight, Incidents, Outlook, Previous, ReleaseNotes, ReplacedBy, Team, Withdrawn};
use crate::document::Generated;
use crate::document::assurance::{ApprovalRow, Assurance, RollbackRow, TestRow};
use crate::document::audience::{Audience, Tally, Withheld};
use crate::document::changes::Changes;
use crate::document::rows::{ActorRow, DeploymentRow};
use crate::domain::exposure::ExposureView;
use crate::domain::{EnvironmentName, Instant, ServiceName};

/// The context of release notes for managers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ManagerNotes {
    context_version: u32,
    document: &'static str,
    audience: Audience,
    generated: Generated,
    title: String,
    service: ServiceName,
    environment: EnvironmentName,
    team: Option<Team>,
    range: bool,
    summary: Vec<String>,
    highlights: Vec<Highlight>,
    actions_required: Vec<Highlight>,
    known_issues: Vec<Highlight>,
    deployment: ManagerDeployment,
    deployments: Vec<ManagerDeployment>,
    previous: Option<Previous>,
    replaced_by: Option<ReplacedBy>,
    changes: Changes,
    reintroduced: Vec<Withdrawn>,
    withdrawn: Vec<Withdrawn>,
    came_and_went: Vec<ManagerDeployment>,
    also_deployed: Vec<AlsoDeployed>,
    also_deployed_more: usize,
    incidents: Incidents,
    outlook: Outlook,
    assurance: Vec<ManagerAssurance>,
    data_notes: Vec<String>,
    withheld: Vec<Withheld>,
}

/// A deployment without what identifies its content.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct ManagerDeployment {
    id: String,
    index: u64,
    indexes: Vec<u64>,
    label: String,
    version: Option<String>,
    outcome: Option<&'static str>,
    ended: &'static str,
    kind: &'static str,
    kind_said: bool,
    planned: Option<bool>,
    started_at: Instant,
    finished_at: Option<Instant>,
    duration_ms: Option<i64>,
    actor: Option<ActorRow>,
    reason: Option<String>,
    impact: Option<String>,
    #[serde(flatten)]
    exposure: ExposureView,
}

/// Who approved, and what tests and checks came to.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct ManagerAssurance {
    label: String,
    index: u64,
    approvals: Vec<ApprovalRow>,
    tests: Tests,
    passed: usize,
    tested: usize,
    failed: Vec<&'static str>,
    rollback_plan: Option<RollbackRow>,
}

/// What test runs came to, together.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
struct Tests {
    /// Runs of suites and cases.
    runs: usize,
    /// Those that succeeded.
    succeeded: usize,
    /// Tests in them that passed, failed and were skipped, as far as that is recorded.
    passed: u64,
    failed: u64,
    skipped: u64,
    /// Indexes of the entries.
    indexes: Vec<u64>,
}

impl ManagerNotes {
    pub(super) fn of(notes: ReleaseNotes) -> Self {
        let mut tally = Tally::default();
        tally.add("statements", ("statement", "statements"), notes.statements.len());
        let mut deployments = |rows: Vec<DeploymentRow>| -> Vec<ManagerDeployment> {
            rows.into_iter()
                .map(|row| ManagerDeployment::of(row, &mut tally))
                .collect()
        };
        // The one is among the many; what it holds back is counted there.
        let all = deployments(notes.deployments);
        let came_and_went = deployments(notes.came_and_went);
        let deployment = ManagerDeployment::of(notes.deployment, &mut Tally::default());
        let mut changes = notes.changes;
        without_commits(&mut changes, &mut tally);
        let (mut reintroduced, mut withdrawn) = (notes.reintroduced, notes.withdrawn);
        for old in reintroduced.iter_mut().chain(&mut withdrawn) {
            without_commits(&mut old.changes, &mut tally);
        }
        let mut outlook = notes.outlook;
        for row in &mut outlook.elsewhere {
            without_commits(&mut row.changes, &mut tally);
        }
        let digests = notes
            .previous
            .iter()
            .filter(|previous| previous.digest.is_some())
            .count();
        tally.add(
            "previous.digest",
            ("digest of what ran before", "digests of what ran before"),
            digests,
        );
        let previous = notes.previous.map(|previous| Previous {
            digest: None,
            ..previous
        });
        let assurance = notes.assurance.into_iter();
        let assurance = assurance.map(|row| ManagerAssurance::of(row, &mut tally)).collect();
        Self {
            context_version: notes.context_version,
            document: notes.document,
            audience: Audience::Manager,
            generated: notes.generated,
            title: notes.title,
            service: notes.service,
            environment: notes.environment,
            team: notes.team,
            range: notes.range,
            summary: notes.summary,
            highlights: notes.highlights,
            actions_required: notes.actions_required,
            known_issues: notes.known_issues,
            deployment,
            deployments: all,
            previous,
            replaced_by: notes.replaced_by,
            changes,
            reintroduced,
            withdrawn,
            came_and_went,
            also_deployed: notes.also_deployed,
            also_deployed_more: notes.also_deployed_more,
            incidents: notes.incidents,
            outlook,
            assurance,
            data_notes: notes.data_notes,
            withheld: tally.withheld(),
        }
    }

    /// What kind of document it is, its title, and what it was made from.
    pub(super) fn head(&self) -> (&'static str, &str, &Generated) {
        (self.document, &self.title, &self.generated)
    }

    pub(super) fn withheld(&self) -> &[Withheld] {
        &self.withheld
    }
}

fn without_commits(changes: &mut Changes, tally: &mut Tally) {
    for change in changes.groups.iter_mut().flat_map(|group| &mut group.entries) {
        let commits = std::mem::take(&mut change.commits);
        tally.add("changes.groups.entries.commits", ("commit", "commits"), commits.len());
    }
}

impl ManagerDeployment {
    fn of(row: DeploymentRow, tally: &mut Tally) -> Self {
        let content = [&row.artifact, &row.digest, &row.commit].into_iter().flatten().count();
        let words = ("identification of content", "identifications of content");
        tally.add("deployments.artifact, digest, commit", words, content);
        let runs = row.run_url.iter().count();
        tally.add(
            "deployments.run_url",
            ("page of a pipeline run", "pages of pipeline runs"),
            runs,
        );
        let producers = row.producers.len();
        tally.add(
            "deployments.producers",
            ("producer of records", "producers of records"),
            producers,
        );
        Self {
            id: row.id,
            index: row.index,
            indexes: row.indexes,
            label: row.label,
            version: row.version,
            outcome: row.outcome,
            ended: row.ended,
            kind: row.kind,
            kind_said: row.kind_said,
            planned: row.planned,
            started_at: row.started_at,
            finished_at: row.finished_at,
            duration_ms: row.duration_ms,
            actor: row.actor,
            reason: row.reason,
            impact: row.impact,
            exposure: row.exposure,
        }
    }
}

impl ManagerAssurance {
    fn of(row: Assurance, tally: &mut Tally) -> Self {
        tally.add(
            "assurance.tests",
            ("row about a test run", "rows about test runs"),
            row.tests.len(),
        );
        tally.add("assurance.reviews", ("review", "reviews"), row.reviews.len());
        tally.add(
            "assurance.checks",
            ("row about a check", "rows about checks"),
            row.checks.len(),
        );
        Self {
            label: row.label,
            index: row.index,
            approvals: row.approvals,
            tests: Tests::of(&row.tests),
            passed: row.passed,
            tested: row.tested,
            failed: row.failed,
            rollback_plan: row.rollback_plan,
        }
    }
}

impl Tests {
    fn of(rows: &[TestRow]) -> Self {
        let sum = |of: fn(&TestRow) -> Option<u64>| rows.iter().filter_map(of).fold(0, u64::saturating_add);
        Self {
            runs: rows.len(),
            succeeded: rows.iter().filter(|row| row.outcome == Some("success")).count(),
            passed: sum(|row| row.passed),
            failed: sum(|row| row.failed),
            skipped: sum(|row| row.skipped),
            indexes: rows.iter().map(|row| row.index).collect(),
        }
    }
}
