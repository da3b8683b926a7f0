//! How far an auditor's token reaches: which environments, which services, which period. Other roles reach everything.
//!
//! Pure. Which question lies within it is decided where questions come in, `http/reach.rs`.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::id::{EnvironmentName, ServiceName};
use super::instant::Instant;
use super::producer::Role;

/// What an auditor's token is limited to. An empty list, and a period without limits, mean everything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Reach {
    /// Environments.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>)]
    pub environments: Vec<EnvironmentName>,
    /// Services.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>)]
    pub services: Vec<ServiceName>,
    /// What happened from this time on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub from: Option<Instant>,
    /// What happened before this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub to: Option<Instant>,
}

/// Why a token cannot reach that far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReachError {
    /// Everybody else reads everything.
    #[error("only the token of an auditor is limited to environments, services or a period")]
    NoAuditor,
    /// The period has no moment in it.
    #[error("must be later than from")]
    Period,
}

impl Reach {
    /// Whether nothing is beyond it.
    pub fn is_everything(&self) -> bool {
        self == &Self::default()
    }

    /// Whether a token of this role can have it.
    pub fn fits(&self, role: Role) -> Result<(), ReachError> {
        if role != Role::Auditor && !self.is_everything() {
            return Err(ReachError::NoAuditor);
        }
        match (self.from, self.to) {
            (Some(from), Some(to)) if from >= to => Err(ReachError::Period),
            (Some(_), Some(_)) | (Some(_), None) | (None, Some(_)) | (None, None) => Ok(()),
        }
    }

    /// Whether all of a period lies within it.
    pub fn covers(&self, from: Instant, to: Instant) -> bool {
        self.from.is_none_or(|first| first <= from) && self.to.is_none_or(|end| to <= end)
    }

    /// Whether something that happened at this place and time lies within it. What names no place lies only within a reach that is
    /// not limited to places.
    pub fn holds(&self, environment: Option<&str>, service: Option<&str>, at: Instant) -> bool {
        let environments = self.environments.iter().map(EnvironmentName::as_str);
        let services = self.services.iter().map(ServiceName::as_str);
        among(environments, environment)
            && among(services, service)
            && self.from.is_none_or(|first| first <= at)
            && self.to.is_none_or(|end| at < end)
    }

    /// Its period in words, where it has one.
    pub fn period(&self) -> Option<String> {
        match (self.from, self.to) {
            (None, None) => None,
            (Some(from), None) => Some(format!("from {from} on")),
            (None, Some(to)) => Some(format!("before {to}")),
            (Some(from), Some(to)) => Some(format!("from {from} to {to}")),
        }
    }
}

/// Whether a name is one of those allowed; none allowed means all.
fn among<'a>(mut allowed: impl ExactSizeIterator<Item = &'a str>, named: Option<&str>) -> bool {
    allowed.len() == 0 || named.is_some_and(|named| allowed.any(|name| name == named))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Instant {
        Instant::parse(text).unwrap()
    }

    #[test]
    fn a_period_is_covered_whole_or_not() {
        let (from, to) = (at("2026-01-01T00:00:00Z"), at("2026-04-01T00:00:00Z"));
        let reach = Reach {
            from: Some(from),
            to: Some(to),
            ..Reach::default()
        };
        assert!(reach.covers(from, to));
        assert!(!reach.covers(from.plus_millis(-1), to));
        assert!(!reach.covers(from, to.plus_millis(1)));
        assert!(Reach::default().covers(at("1970-01-01T00:00:00Z"), to));
    }

    #[test]
    fn a_thing_lies_within_by_its_place_and_time() {
        let reach = Reach {
            environments: vec!["production".parse().unwrap()],
            services: vec!["checkout".parse().unwrap(), "search".parse().unwrap()],
            from: Some(at("2026-01-01T00:00:00Z")),
            to: Some(at("2026-04-01T00:00:00Z")),
        };
        let february = at("2026-02-01T00:00:00Z");
        let (here, search) = (Some("production"), Some("search"));
        assert!(reach.holds(here, search, february));
        assert!(!reach.holds(Some("staging"), search, february));
        assert!(!reach.holds(here, Some("billing"), february));
        assert!(!reach.holds(None, search, february) && !reach.holds(here, None, february));
        assert!(reach.holds(here, search, at("2026-01-01T00:00:00Z")));
        assert!(!reach.holds(here, search, at("2026-04-01T00:00:00Z")));
        assert!(Reach::default().holds(None, None, february));
    }

    #[test]
    fn only_auditors_are_limited() {
        let reach = Reach {
            environments: vec!["production".parse().unwrap()],
            ..Reach::default()
        };
        assert_eq!(reach.fits(Role::Auditor), Ok(()));
        assert_eq!(reach.fits(Role::Reader), Err(ReachError::NoAuditor));
        assert_eq!(Reach::default().fits(Role::Admin), Ok(()));
        let empty = Reach {
            from: Some(at("2026-04-01T00:00:00Z")),
            to: Some(at("2026-04-01T00:00:00Z")),
            ..Reach::default()
        };
        assert_eq!(empty.fits(Role::Auditor), Err(ReachError::Period));
    }
}
