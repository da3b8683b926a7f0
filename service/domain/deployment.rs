//! A deployment: one attempt to change what runs in a (service, environment), folded from the events that speak of it.
//!
//! Every fact keeps the index of the entry that said it. Nothing here is stored: the same events give the same
//! deployments, so a reader can fold them again as of any tree size. What a deployment did to its predecessors is
//! worked out by ledger order and content, and stands in [`Lineage`].

use serde::Serialize;

use super::event::{Artifact, Outcome};
use super::exposure::Exposure;
use super::extension::{
    Actor, ActorKind, Commit, DependencyChange, DeploymentKind, PullRequest, RollbackPlan, TicketRef,
};
use super::id::{DeploymentId, EnvironmentName, ProducerName, ServiceName};
use super::instant::Instant;
use super::period::Period;
use super::pushed::{ChangeSet, Gap};
use super::words::count;

mod fold;

pub use super::lineage::derive;
pub use fold::{Fold, fold};
pub(in crate::domain) use fold::{said_first, said_last};

/// A deployment as the ledger tells it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Deployment {
    /// Index of the first entry that speaks of it. Two deployments never share it, even where producers reuse ids.
    pub index: u64,
    /// The producer's id of it, or the event's id where the producer gave none.
    pub id: DeploymentId,
    /// What was deployed.
    pub service: ServiceName,
    /// Where to.
    pub environment: EnvironmentName,
    /// Everything that was said about it, in ledger order.
    pub statements: Vec<Statement>,
    /// Whether it puts something in place or takes it away.
    pub effect: Effect,
    /// The artifact, as last said.
    pub artifact: Option<Said<Artifact>>,
    /// The version, as last said.
    pub version: Option<Said<String>>,
    /// The commit, as last said.
    pub commit: Option<Said<String>>,
    /// What kind of deployment it is, and how that is known.
    pub kind: Kind,
    /// Whether it was planned, as first said; so are all the fields below.
    pub planned: Option<Said<bool>>,
    /// Who or what deployed.
    pub actor: Option<Said<Actor>>,
    /// Who or what queued it.
    pub queued_by: Option<Said<Actor>>,
    /// Why.
    pub reason: Option<Said<String>>,
    /// Expected effect on users.
    pub impact: Option<Said<String>>,
    /// How much it asks of users, each as its own rule says.
    pub exposure: Exposure,
    /// How to go back.
    pub rollback_plan: Option<Said<RollbackPlan>>,
    /// Page of the pipeline run.
    pub run_url: Option<Said<String>>,
    /// The repository of the commits.
    pub repository: Option<Said<String>>,
    /// The deployment or incident that it repairs.
    pub remediates: Option<Said<String>>,
    /// Human text for the top of the release notes.
    pub highlights: Option<Said<String>>,
    /// Ids of the exceptions that it says it relies on, each once.
    pub exceptions: Vec<Said<String>>,
    /// Commits that it brought in, each once.
    pub commits: Vec<Said<Commit>>,
    /// How many more it brought in than its records hold, as last said.
    pub commits_left_out: Option<Said<u32>>,
    /// How its commits are known, where no record of it holds any and pushes tell of them; see [`super::pushed`].
    pub change_set: Option<ChangeSet>,
    /// Pull requests that it brought in, each once.
    pub pull_requests: Vec<Said<PullRequest>>,
    /// Dependencies that it changed, as it says itself, each once.
    pub dependency_changes: Vec<Said<DependencyChange>>,
    /// Tickets that it is about, each once.
    pub tickets: Vec<Said<TicketRef>>,
    /// What it did to what ran there before.
    pub lineage: Lineage,
}

/// A fact with the index of the entry that said it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Said<T> {
    /// What was said.
    pub value: T,
    /// Index of the entry.
    pub index: u64,
}

/// One event about a deployment.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Statement {
    /// Index of the entry.
    pub index: u64,
    /// What it says.
    pub says: Says,
    /// When the producer says that it happened.
    pub occurred_at: Instant,
    /// When the ledger recorded it.
    pub recorded_at: Instant,
    /// Who said it.
    pub producer: ProducerName,
    /// Whether the producer only shared a secret with the service, instead of signing.
    pub over_shared_secret: bool,
}

/// What a statement says about a deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Says {
    /// It was accepted.
    Queued,
    /// It began.
    Started,
    /// It ended, with this outcome.
    Finished(Outcome),
    /// A new instance of the service runs.
    Deployed,
    /// The service runs a new version.
    Upgraded,
    /// The service runs an earlier version again.
    RolledBack,
    /// The service no longer runs.
    Removed,
    /// The service can be reached.
    Published,
    /// It reaches another share of users.
    Reaches,
}

/// How far a deployment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Accepted, not begun.
    Queued,
    /// Begun, and not known to have ended.
    Started,
    /// Over; see the outcome.
    Finished,
}

impl Status {
    /// The word used in JSON, in the database and on pages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Started => "started",
            Self::Finished => "finished",
        }
    }
}

/// What a deployment does to its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// The service runs, in the version it names.
    Runs,
    /// The service no longer runs.
    Removes,
}

/// The kind of a deployment, and whether the producer said it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Kind {
    /// The kind.
    pub kind: DeploymentKind,
    /// Index of the entry that said it; none when it was derived from what ran there before.
    pub said_at: Option<u64>,
}

/// What a deployment was to what ran in its place before, whatever it is called: a kind may only tell how it was approved.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The first that is known of its place.
    First,
    /// It brought something else than what ran.
    #[default]
    Forward,
    /// It went back to what ran earlier.
    Back,
    /// It put in place what ran already.
    Again,
}

/// What a deployment did to what ran there before, by ledger order. Deployments are named by [`Deployment::index`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Lineage {
    /// What it was to that.
    pub role: Role,
    /// The deployment that ran there when this one ended (or was last heard of).
    pub replaces: Option<u64>,
    /// On going back: the earlier deployment that ran the same content, where the ledger has it.
    pub returns_to: Option<u64>,
    /// On going back: the deployments whose changes no longer run, oldest first.
    pub withdraws: Vec<u64>,
    /// Deployments that were withdrawn earlier and whose changes run again, oldest first.
    pub reintroduces: Vec<u64>,
}

impl Deployment {
    /// How far it is.
    pub fn status(&self) -> Status {
        let mut status = Status::Queued;
        for statement in &self.statements {
            match statement.says {
                Says::Queued | Says::Reaches => {}
                Says::Started => {
                    status = if status == Status::Queued {
                        Status::Started
                    } else {
                        status
                    }
                }
                Says::Finished(_)
                | Says::Deployed
                | Says::Upgraded
                | Says::RolledBack
                | Says::Removed
                | Says::Published => status = Status::Finished,
            }
        }
        status
    }

    /// The statement that it ended: the last `finished`, else the last word about the service.
    pub fn end(&self) -> Option<&Statement> {
        let finished = |s: &&Statement| matches!(s.says, Says::Finished(_));
        let service = |s: &&Statement| s.says.outcome().is_some();
        self.statements
            .iter()
            .rfind(finished)
            .or_else(|| self.statements.iter().rfind(service))
    }

    /// The result, once it is known.
    pub fn outcome(&self) -> Option<Outcome> {
        self.end().and_then(|s| s.says.outcome())
    }

    /// Whether it changed what runs.
    pub fn succeeded(&self) -> bool {
        self.outcome() == Some(Outcome::Success)
    }

    /// The statement that it was queued, if any.
    pub fn queued(&self) -> Option<&Statement> {
        self.statements.iter().find(|s| s.says == Says::Queued)
    }

    /// The first statement that it began, if any.
    pub fn started(&self) -> Option<&Statement> {
        self.statements.iter().find(|s| s.says == Says::Started)
    }

    /// When it began, by claim; a deployment known only by its end began then, as far as the ledger knows.
    pub fn start_at(&self) -> Instant {
        self.started()
            .or_else(|| self.end())
            .map_or(self.first().occurred_at, |s| s.occurred_at)
    }

    /// When that it began was recorded: its start, or the first word about it.
    pub fn start_recorded_at(&self) -> Instant {
        self.started().unwrap_or(self.first()).recorded_at
    }

    /// When it ended, by claim.
    pub fn finished_at(&self) -> Option<Instant> {
        self.end().map(|s| s.occurred_at)
    }

    /// Index from which it is effective in the ledger's order: of its end, else of the last that was heard of it.
    pub fn order(&self) -> u64 {
        self.end().or(self.statements.last()).map_or(self.index, |s| s.index)
    }

    /// Index that evidence must come before to have been there in time: of the start, or of the first word about it.
    pub fn start_index(&self) -> u64 {
        self.started().map_or(self.index, |s| s.index)
    }

    /// Whether something happened before its start, by claim and in the order of the ledger.
    pub fn starts_after(&self, index: u64, occurred_at: Instant) -> bool {
        occurred_at < self.start_at() && index < self.start_index()
    }

    /// Whether it meets a period and counts in another: something about it was recorded in that period or claims to have happened in
    /// it, but by claim it began at another time.
    pub fn counts_elsewhere(&self, period: &Period) -> bool {
        let mut said = self.statements.iter();
        !period.contains(self.start_at())
            && said.any(|said| period.contains(said.recorded_at) || period.contains(said.occurred_at))
    }

    /// Who wrote its commits and proposed its changes, by the names that were recorded; a name may come more than once.
    pub fn authors(&self) -> impl Iterator<Item = &str> {
        let wrote = self.commits.iter().filter_map(|commit| commit.value.author.as_deref());
        let proposed = self.pull_requests.iter();
        wrote.chain(proposed.filter_map(|request| request.value.author.as_deref()))
    }

    /// Whether nothing says that it brought more commits than are told.
    pub fn tells_all_commits(&self) -> bool {
        self.why_more_commits().is_none()
    }

    /// Why it may have brought more commits than are told, to stand after a colon.
    pub fn why_more_commits(&self) -> Option<String> {
        let left_out = self.left_out().map(|said| {
            let commits = count(said.value as usize, "more commit");
            format!("the record of entry #{} has no room for {commits}", said.index)
        });
        self.gap().map(Gap::words).or(left_out)
    }

    /// How many commits its records had no room for, where they had none for some.
    pub fn left_out(&self) -> Option<&Said<u32>> {
        self.commits_left_out.as_ref().filter(|said| said.value > 0)
    }

    /// The changes that it brought in, by name: tickets, pull requests by their pages, and commits.
    pub fn changes(&self) -> impl Iterator<Item = &str> {
        let tickets = self.tickets.iter().map(|said| said.value.id.as_str());
        let requests = self.pull_requests.iter();
        let requests = requests.filter_map(|said| said.value.url.as_deref());
        let commits = self.commits.iter().map(|said| said.value.id.as_str());
        tickets.chain(requests).chain(commits)
    }

    /// Why what it brought is not all told, where its commits are those of pushes.
    pub fn gap(&self) -> Option<&Gap> {
        self.change_set.as_ref()?.gap.as_ref()
    }

    /// Who deployed it by hand, or may have: the actor, where it is not told to be a pipeline.
    pub fn deployed_by_hand(&self) -> Option<&str> {
        person(self.actor.as_ref())
    }

    /// Who queued it, or may have: whoever is named there and not told to be a pipeline.
    pub fn queued_by_hand(&self) -> Option<&str> {
        person(self.queued_by.as_ref())
    }

    /// Indexes of all its entries, ascending.
    pub fn indexes(&self) -> Vec<u64> {
        self.statements.iter().map(|s| s.index).collect()
    }

    /// Whether anything that was said about it came over a shared secret instead of under a signature.
    pub fn over_shared_secret(&self) -> bool {
        self.statements.iter().any(|s| s.over_shared_secret)
    }

    /// Whether its ends contradict each other (a retry under the same id, or two producers that disagree).
    pub fn contested(&self) -> bool {
        let mut outcomes = self.statements.iter().filter_map(|s| s.says.outcome());
        let first = outcomes.next();
        outcomes.any(|outcome| Some(outcome) != first)
    }

    /// The artifact's digest, as `algorithm:hex`.
    pub fn digest(&self) -> Option<&str> {
        self.artifact.as_ref().and_then(|a| a.value.digest.as_deref())
    }

    /// What to call the content in one word: the version, the artifact's version, a short commit or digest.
    pub fn label(&self) -> String {
        let artifact = self.artifact.as_ref().map(|a| &a.value);
        if let Some(version) = &self.version {
            version.value.clone()
        } else if let Some(version) = artifact.and_then(|a| a.version.clone()) {
            version
        } else if let Some(commit) = &self.commit {
            commit.value.chars().take(12).collect()
        } else if let Some(digest) = artifact.and_then(|a| a.digest.as_deref()) {
            let hex = digest.split_once(':').map_or(digest, |(_, hex)| hex);
            hex.chars().take(12).collect()
        } else {
            artifact.map_or_else(|| self.id.to_string(), |a| a.id.clone())
        }
    }

    /// Whether both put the same thing in place: by the strongest identity that both have.
    pub fn same_content(&self, other: &Self) -> bool {
        fn value<T>(said: &Option<Said<T>>) -> Option<&T> {
            said.as_ref().map(|s| &s.value)
        }
        fn both<'a, T: PartialEq + ?Sized>(a: Option<&'a T>, b: Option<&'a T>) -> Option<bool> {
            a.zip(b).map(|(a, b)| a == b)
        }
        both(self.digest(), other.digest())
            .or_else(|| both(value(&self.version), value(&other.version)))
            .or_else(|| both(value(&self.commit), value(&other.commit)))
            .or_else(|| both(value(&self.artifact), value(&other.artifact)))
            .unwrap_or(false)
    }

    fn first(&self) -> &Statement {
        &self.statements[0]
    }
}

impl Says {
    /// The outcome that it tells.
    pub const fn outcome(self) -> Option<Outcome> {
        match self {
            Self::Queued | Self::Started | Self::Reaches => None,
            Self::Finished(outcome) => Some(outcome),
            Self::Deployed | Self::Upgraded | Self::RolledBack | Self::Removed | Self::Published => {
                Some(Outcome::Success)
            }
        }
    }
}

/// An actor who is a person, or may be: who is not told to be a pipeline.
fn person(actor: Option<&Said<Actor>>) -> Option<&str> {
    let actor = actor.map(|actor| &actor.value);
    let person = actor.filter(|actor| actor.kind != Some(ActorKind::Pipeline));
    person.map(|actor| actor.id.as_str())
}

#[cfg(test)]
mod tests;
