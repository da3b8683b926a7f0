//! What evidence speaks of, and how that ties it to a deployment.

use std::collections::{BTreeSet, HashMap};

use serde::Serialize;

use crate::domain::artifact::Artifact;
use crate::domain::deployment::Deployment;
use crate::domain::id::{DeploymentId, EnvironmentName, ServiceName};

/// What a piece of evidence speaks of.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize)]
pub struct Binding {
    /// The service, where it names one.
    pub service: Option<ServiceName>,
    /// The environment, where it names one.
    pub environment: Option<EnvironmentName>,
    /// The deployment.
    pub deployment_id: Option<DeploymentId>,
    /// The artifact as it was named: a purl or a digest.
    pub artifact: Option<String>,
    /// The commit.
    pub commit: Option<String>,
    /// Changes: ticket keys, pull request ids and URLs.
    pub changes: Vec<String>,
}

/// The strongest reference that ties a piece of evidence to a deployment; the first is the strongest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Bond {
    /// The same artifact.
    Artifact,
    /// The same commit, and no other artifact.
    Commit,
    /// The same name of an artifact, without a digest that would say what it stood for.
    Name,
    /// The deployment by its id, with nothing that says what content was meant.
    Deployment,
    /// A change that the deployment is about.
    Change,
}

impl Bond {
    /// Whether it is by the content that was deployed.
    pub const fn is_content(self) -> bool {
        matches!(self, Self::Artifact | Self::Commit)
    }
}

impl Binding {
    /// How this is tied to a deployment, if it is. What names another service, environment or deployment is not.
    pub fn bond(&self, deployment: &Deployment) -> Option<Bond> {
        let named = self.deployment_id.as_ref().map(|id| *id == deployment.id);
        let elsewhere = self.environment.as_ref().is_some_and(|e| *e != deployment.environment);
        if elsewhere || named == Some(false) || self.other_service(deployment) {
            return None;
        }
        let by_id = || (named == Some(true)).then_some(Bond::Deployment);
        let by_change = || self.shares_change(deployment).then_some(Bond::Change);
        match self.content_bond(deployment) {
            Some(Bond::Change) => by_id().or(Some(Bond::Change)),
            Some(bond) => Some(bond),
            None => by_id().or_else(by_change),
        }
    }

    /// How this is tied to the content of a deployment, wherever that was: a different artifact never by more than its change.
    pub fn content_bond(&self, deployment: &Deployment) -> Option<Bond> {
        if self.other_service(deployment) {
            return None;
        }
        let commit = self.same_commit(deployment) == Some(true);
        match self.same_artifact(deployment) {
            Some(true) if deployment.digest().is_some() => Some(Bond::Artifact),
            // Another artifact of the same commit is about the same change, and says nothing of this artifact.
            Some(false) => commit.then_some(Bond::Change),
            Some(true) if !commit => Some(Bond::Name),
            Some(true) | None => commit.then_some(Bond::Commit),
        }
    }

    /// The bond of evidence that counts wherever it came about: by content, else as any other.
    pub fn wide_bond(&self, deployment: &Deployment) -> Option<Bond> {
        self.content_bond(deployment).or_else(|| self.bond(deployment))
    }

    /// Whether it names content, or a deployment.
    pub(super) fn names_content(&self) -> bool {
        self.artifact.is_some() || self.commit.is_some() || self.deployment_id.is_some()
    }

    /// Whether it names the service of another, and no other environment.
    pub(super) fn is_of_place(&self, other: &Self) -> bool {
        let environments = self.environment.as_ref().zip(other.environment.as_ref());
        self.service.is_some() && self.service == other.service && environments.is_none_or(|(one, other)| one == other)
    }

    fn other_service(&self, deployment: &Deployment) -> bool {
        self.service
            .as_ref()
            .is_some_and(|service| *service != deployment.service)
    }

    /// Whether it names the deployed artifact, another, or none that can be compared.
    pub fn same_artifact(&self, deployment: &Deployment) -> Option<bool> {
        let artifact = &deployment.artifact.as_ref()?.value;
        let named = self.artifact.as_deref()?;
        match (Artifact::parse(named).digest.as_deref(), artifact.digest.as_deref()) {
            (Some(named), Some(deployed)) => Some(named == deployed),
            // A name without digest and one with cannot be told to differ.
            (None, Some(_)) | (Some(_), None) => (named == artifact.id).then_some(true),
            (None, None) => Some(named == artifact.id),
        }
    }

    /// Whether it names the deployed commit, another, or none that can be compared.
    pub fn same_commit(&self, deployment: &Deployment) -> Option<bool> {
        let deployed = &deployment.commit.as_ref()?.value;
        self.commit.as_ref().map(|commit| commit.eq_ignore_ascii_case(deployed))
    }

    fn shares_change(&self, deployment: &Deployment) -> bool {
        let tickets = deployment.tickets.iter().map(|t| t.value.id.as_str());
        let urls = deployment.pull_requests.iter().filter_map(|p| p.value.url.as_deref());
        // A bare number such as `420` names a pull request only together with its service.
        let numbers = deployment.pull_requests.iter().map(|p| p.value.id.as_str());
        let numbers = numbers.filter(|id| self.service.is_some() || !id.bytes().all(|b| b.is_ascii_digit()));
        tickets
            .chain(urls)
            .chain(numbers)
            .any(|change| self.changes.iter().any(|c| c == change))
    }
}

impl Binding {
    /// This binding, completed from an earlier one. Content is taken over as a whole or not at all, so that an answer
    /// about another artifact never inherits the commit of the request.
    pub(super) fn or(mut self, earlier: &Self) -> Self {
        self.service = self.service.or_else(|| earlier.service.clone());
        self.environment = self.environment.or_else(|| earlier.environment.clone());
        self.deployment_id = self.deployment_id.or_else(|| earlier.deployment_id.clone());
        if self.artifact.is_none() && self.commit.is_none() {
            self.artifact.clone_from(&earlier.artifact);
            self.commit.clone_from(&earlier.commit);
        }
        if self.changes.is_empty() {
            self.changes.clone_from(&earlier.changes);
        }
        self
    }
}

impl Binding {
    /// This binding, of the content and deployment of an earlier one.
    pub(super) fn about(self, earlier: &Self) -> Self {
        Self {
            artifact: earlier.artifact.clone(),
            commit: earlier.commit.clone(),
            deployment_id: earlier.deployment_id.clone(),
            ..self.or(earlier)
        }
    }
}

/// Positions of bindings in a list, by everything that could tie them to a deployment.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Places(HashMap<String, Vec<usize>>);

impl Places {
    /// Of a list of bindings.
    pub(super) fn of<'a>(bindings: impl Iterator<Item = &'a Binding>) -> Self {
        let mut places: HashMap<String, Vec<usize>> = HashMap::new();
        for (at, binding) in bindings.enumerate() {
            for key in binding.keys() {
                places.entry(key).or_default().push(at);
            }
        }
        Self(places)
    }

    /// Positions of those that may belong to a deployment, ascending.
    pub(super) fn find(&self, deployment: &Deployment) -> BTreeSet<usize> {
        let artifact = deployment.artifact.iter().map(|a| &a.value);
        let contents = artifact.flat_map(|a| [Some(by_artifact(&a.id)), a.digest.as_deref().map(by_artifact)]);
        let commit = deployment.commit.iter().map(|c| by_commit(&c.value));
        let tickets = deployment.tickets.iter().map(|t| by_change(&t.value.id));
        let requests = deployment.pull_requests.iter().map(|p| &p.value);
        let requests = requests.flat_map(|p| [Some(by_change(&p.id)), p.url.as_deref().map(by_change)]);
        let id = std::iter::once(by_deployment(deployment.id.as_str()));
        let keys = id
            .chain(contents.flatten())
            .chain(commit)
            .chain(tickets)
            .chain(requests.flatten());
        keys.filter_map(|key| self.0.get(&key)).flatten().copied().collect()
    }
}

impl Binding {
    fn keys(&self) -> BTreeSet<String> {
        let artifact = self.artifact.iter();
        let contents = artifact.flat_map(|a| {
            [
                Some(by_artifact(a)),
                Artifact::parse(a.as_str()).digest.map(|d| by_artifact(&d)),
            ]
        });
        let id = self.deployment_id.iter().map(|id| by_deployment(id.as_str()));
        let commit = self.commit.iter().map(|c| by_commit(c));
        let changes = self.changes.iter().map(|c| by_change(c));
        id.chain(contents.flatten()).chain(commit).chain(changes).collect()
    }
}

fn by_deployment(id: &str) -> String {
    format!("deployment {id}")
}

fn by_artifact(id: &str) -> String {
    format!("artifact {id}")
}

fn by_commit(id: &str) -> String {
    format!("commit {}", id.to_ascii_lowercase())
}

fn by_change(id: &str) -> String {
    format!("change {id}")
}
