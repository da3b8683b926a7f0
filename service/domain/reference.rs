//! What an event can be found by and joined on.
//!
//! The store indexes these, and the event's own id beside them. Each one costs a write at a random place of that index, so
//! there are no more than somebody asks for. Nothing is cut: the parser bounds every value, and what it lets through is indexed whole.

use std::collections::BTreeSet;

use super::artifact::{Artifact, is_whole_commit};
use super::event::{Body, Event};

/// What a reference points at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ReferenceKind {
    /// A deployment's id.
    Deployment,
    /// An incident's id.
    Incident,
    /// A change's id.
    Change,
    /// A ticket's id or page.
    Ticket,
    /// A pull request's id.
    PullRequest,
    /// A commit, in lower case.
    Commit,
    /// `algorithm:hex`, in lower case.
    Digest,
    /// A version.
    Version,
    /// The whole id of an artifact that carries no digest.
    Artifact,
    /// The id or page of a run of a pipeline, build or test.
    Run,
    /// An approval's id.
    Approval,
    /// `context.chainId`.
    Chain,
    /// A service that declares what it needs.
    Dependent,
    /// A service that something else is declared about.
    Declared,
    /// A number that a source gave its record; see [`super::sequence`].
    Sequence,
}

impl ReferenceKind {
    /// Every kind there is.
    pub const ALL: [Self; 15] = [
        Self::Deployment,
        Self::Incident,
        Self::Change,
        Self::Ticket,
        Self::PullRequest,
        Self::Commit,
        Self::Digest,
        Self::Version,
        Self::Artifact,
        Self::Run,
        Self::Approval,
        Self::Chain,
        Self::Dependent,
        Self::Declared,
        Self::Sequence,
    ];

    /// The word used in the database and in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Deployment => "deployment",
            Self::Incident => "incident",
            Self::Change => "change",
            Self::Ticket => "ticket",
            Self::PullRequest => "pull_request",
            Self::Commit => "commit",
            Self::Digest => "digest",
            Self::Version => "version",
            Self::Artifact => "artifact",
            Self::Run => "run",
            Self::Approval => "approval",
            Self::Chain => "chain",
            Self::Dependent => "dependent",
            Self::Declared => "declared",
            Self::Sequence => "sequence",
        }
    }
}

impl Event {
    /// What this event can be found by, each once, in a fixed order.
    pub fn references(&self) -> Vec<(ReferenceKind, String)> {
        let mut found = References(BTreeSet::new());
        found.add_some(ReferenceKind::Chain, self.chain_id.as_deref());
        self.body_references(&mut found);
        self.extension_references(&mut found);
        found.0.into_iter().collect()
    }

    fn body_references(&self, found: &mut References) {
        match &self.body {
            Body::Deployment { artifact, .. } => {
                found.add(ReferenceKind::Deployment, &self.subject_id);
                found.add_artifact(artifact);
            }
            Body::Service { artifact, .. } => found.add_artifacts(artifact.as_ref()),
            Body::Change { .. } => found.add(ReferenceKind::Change, &self.subject_id),
            Body::Artifact { artifact, change, .. } => {
                found.add_artifact(artifact);
                found.add_some(ReferenceKind::Change, change.as_deref());
            }
            Body::Build { artifact, .. } => {
                found.add(ReferenceKind::Run, &self.subject_id);
                found.add_artifacts(artifact.as_ref());
            }
            Body::PipelineRun { uri, .. } => {
                found.add(ReferenceKind::Run, &self.subject_id);
                found.add_some(ReferenceKind::Run, uri.as_deref());
            }
            Body::TestRun(_) => found.add(ReferenceKind::Run, &self.subject_id),
            Body::Approval(_) => found.add(ReferenceKind::Approval, &self.subject_id),
            Body::Incident { ticket, artifact, .. } => {
                found.add(ReferenceKind::Incident, &self.subject_id);
                found.add_some(ReferenceKind::Ticket, ticket.as_deref());
                found.add_artifacts(artifact.as_ref());
            }
            Body::Ticket(ticket) => {
                found.add(ReferenceKind::Ticket, &self.subject_id);
                found.add_some(ReferenceKind::Ticket, ticket.uri.as_deref());
            }
            Body::Environment { .. } | Body::Push(_) | Body::Other => {}
        }
    }

    fn extension_references(&self, found: &mut References) {
        let extension = &self.extension;
        found.add_some(ReferenceKind::Version, extension.version.as_deref());
        found.add_some(
            ReferenceKind::Deployment,
            extension.deployment_id.as_ref().map(|id| id.as_str()),
        );
        found.add_some(ReferenceKind::Commit, extension.commit.as_deref());
        if let Some(artifact) = &extension.artifact {
            found.add_artifact(&Artifact::parse(artifact.as_str()));
        }
        // A cause is told as a deployment, by its id or as `#index`, which is a place in the log and no id.
        found.add_some(
            ReferenceKind::Deployment,
            extension.caused_by.as_deref().filter(|cause| !cause.starts_with('#')),
        );
        // A repair is of a deployment or of an incident, and the event does not say which.
        found.add_some(ReferenceKind::Deployment, extension.remediates.as_deref());
        found.add_some(ReferenceKind::Incident, extension.remediates.as_deref());
        if let Some(decision) = &extension.link {
            found.add(ReferenceKind::Incident, decision.incident.as_str());
        }
        if let (Some(service), Some(_)) = (&self.service, &extension.depends_on) {
            found.add(ReferenceKind::Dependent, service.as_str());
        }
        if let (Some(service), Some(_)) = (&self.service, &extension.declaration) {
            found.add(ReferenceKind::Declared, service.as_str());
        }
        if let Some(sequence) = &extension.sequence {
            found.add(ReferenceKind::Sequence, &sequence.value(&self.source));
        }
        for commit in &extension.commits {
            found.add(ReferenceKind::Commit, &commit.id);
        }
        for request in &extension.pull_requests {
            found.add(ReferenceKind::PullRequest, &request.id);
            found.add_some(ReferenceKind::Commit, request.merge_commit.as_deref());
        }
        for ticket in &extension.tickets {
            found.add(ReferenceKind::Ticket, &ticket.id);
        }
    }
}

/// `#123` names an entry, where a deployment or an incident is asked for.
pub fn entry_named(name: &str) -> Option<u64> {
    name.strip_prefix('#')?.parse().ok()
}

/// References found so far, each once.
struct References(BTreeSet<(ReferenceKind, String)>);

impl References {
    fn add(&mut self, kind: ReferenceKind, value: &str) {
        let value = match kind {
            ReferenceKind::Commit => value.to_ascii_lowercase(),
            _ => value.to_owned(),
        };
        self.0.insert((kind, value));
    }

    fn add_some(&mut self, kind: ReferenceKind, value: Option<&str>) {
        if let Some(value) = value {
            self.add(kind, value);
        }
    }

    fn add_artifacts(&mut self, artifact: Option<&Artifact>) {
        if let Some(artifact) = artifact {
            self.add_artifact(artifact);
        }
    }

    fn add_artifact(&mut self, artifact: &Artifact) {
        // A digest says more than the id that carries it.
        match &artifact.digest {
            Some(digest) => self.add(ReferenceKind::Digest, digest),
            None => self.add(ReferenceKind::Artifact, &artifact.id),
        }
        match &artifact.version {
            Some(commit) if is_whole_commit(commit) => self.add(ReferenceKind::Commit, commit),
            Some(version) => self.add(ReferenceKind::Version, version),
            None => {}
        }
    }
}

#[cfg(test)]
mod tests;
