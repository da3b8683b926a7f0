//! Changes that were merged, as their own records tell it: what waits until a deployment brings it.

use super::deployment::Deployment;
use super::event::{Body, ChangeStep, Recorded};
use super::id::ServiceName;
use super::instant::Instant;

/// A change that was merged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MergedChange {
    /// Index of its entry.
    pub index: u64,
    /// The service that it changes.
    pub service: ServiceName,
    /// Its id in the forge.
    pub id: String,
    /// Its title, where one was given.
    pub title: Option<String>,
    /// Its page.
    pub url: Option<String>,
    /// The commit that it became.
    pub commit: Option<String>,
    /// When, as claimed.
    pub merged_at: Instant,
}

impl MergedChange {
    /// Whether a deployment says that it brought it: by its commit, its page or its id.
    pub fn is_in(&self, deployment: &Deployment) -> bool {
        let is_ours = |commit: &str| {
            self.commit
                .as_ref()
                .is_some_and(|ours| ours.eq_ignore_ascii_case(commit))
        };
        let mut commits = deployment.commits.iter().map(|said| said.value.id.as_str());
        let commit = deployment.commit.as_ref().map(|said| said.value.as_str());
        let mut requests = deployment.pull_requests.iter().map(|said| &said.value);
        commits.any(is_ours)
            || commit.is_some_and(is_ours)
            || requests.any(|request| request.id == self.id || (self.url.is_some() && request.url == self.url))
    }
}

/// The merged changes among events, ascending by index and of any mixture: those that name a service, each as last told.
pub fn fold(records: &[Recorded]) -> Vec<MergedChange> {
    let mut merged: Vec<MergedChange> = Vec::new();
    for record in records {
        let event = &record.event;
        let Body::Change {
            step: ChangeStep::Merged,
            description,
            ..
        } = &event.body
        else {
            continue;
        };
        let extension = &event.extension;
        let Some(service) = event.service.as_ref().or(extension.service.as_ref()) else {
            continue;
        };
        let id = &event.subject_id;
        let request = extension.pull_requests.iter().find(|request| request.id == *id);
        let told = MergedChange {
            index: record.index,
            service: service.clone(),
            id: id.clone(),
            title: request
                .and_then(|request| request.title.clone())
                .or_else(|| description.clone()),
            url: request.and_then(|request| request.url.clone()),
            commit: request
                .and_then(|request| request.merge_commit.clone())
                .or_else(|| extension.commit.clone()),
            merged_at: event.occurred_at,
        };
        merged.retain(|known| (&known.service, &known.id) != (service, id));
        merged.push(told);
    }
    merged
}
