//! Scopes: which services and environments a framework concerns, and when. An organisation says so; where it says nothing, a framework
//! concerns everything.

use serde::Serialize;

use crate::domain::deployment::Deployment;
use crate::domain::{EnvironmentName, Instant, ServiceName};

/// A part of the world that a framework concerns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Scope {
    /// Id of the framework.
    pub framework: String,
    /// The services; all where none is named.
    pub services: Vec<ServiceName>,
    /// The environments; all where none is named.
    pub environments: Vec<EnvironmentName>,
    /// The first instant at which it concerns them; always before the end if absent.
    pub from: Option<Instant>,
    /// The first instant at which it does not any more; open if absent.
    pub to: Option<Instant>,
}

impl Scope {
    /// Whether a deployment lies in it, by its claimed start.
    pub fn covers(&self, deployment: &Deployment) -> bool {
        self.covers_at(&deployment.service, &deployment.environment, deployment.start_at())
    }

    /// Whether what is of a place at a time lies in it.
    pub fn covers_at(&self, service: &ServiceName, environment: &EnvironmentName, at: Instant) -> bool {
        named(&self.services, service)
            && named(&self.environments, environment)
            && self.from.is_none_or(|from| from <= at)
            && self.to.is_none_or(|to| at < to)
    }

    /// Whether something could lie in both.
    pub(super) fn overlaps(&self, other: &Self) -> bool {
        let before =
            |end: Option<Instant>, start: Option<Instant>| end.zip(start).is_some_and(|(end, start)| end <= start);
        self.framework == other.framework
            && meet(&self.services, &other.services)
            && meet(&self.environments, &other.environments)
            && !before(self.to, other.from)
            && !before(other.to, self.from)
    }
}

fn named<T: PartialEq>(names: &[T], name: &T) -> bool {
    names.is_empty() || names.contains(name)
}

fn meet<T: PartialEq>(one: &[T], other: &[T]) -> bool {
    one.is_empty() || other.is_empty() || one.iter().any(|name| other.contains(name))
}
