//! Shipslog's own types, for what producers cannot say with a published type of CDEvents: `dev.cdeventsx.<subject>.<predicate>`,
//! read like the type of CDEvents that they are the twin of.

use super::{Kind, Member, REFERENCE, Shape, kind, kind_of, may, must};

/// Deployments, which are an open proposal, under a name that may be used today.
pub const DEPLOYMENT: &str = "shipslog-deployment";
/// Incidents of which it is not known where: those of CDEvents must name an environment.
pub const INCIDENT: &str = "shipslog-incident";

/// The kind that a type with this subject and predicate is read as, if it is a twin.
pub fn twin(subject: &str, predicate: &str) -> Option<&'static Kind> {
    match subject {
        DEPLOYMENT => kind("deployment", predicate),
        INCIDENT => INCIDENTS.iter().find(|kind| kind.predicate == predicate),
        _ => None,
    }
}

const INCIDENT_ANYWHERE: &[Member] = &[
    may("description", Shape::Text),
    may("environment", REFERENCE),
    may("service", REFERENCE),
    may("artifactId", Shape::Id),
];
const REPORTED_ANYWHERE: &[Member] = &[
    may("description", Shape::Text),
    may("environment", REFERENCE),
    must("ticketURI", Shape::Uri),
    may("service", REFERENCE),
    may("artifactId", Shape::Id),
];

const INCIDENTS: &[Kind] = &[
    kind_of("incident", "detected", [0, 1, 0], INCIDENT_ANYWHERE),
    kind_of("incident", "reported", [0, 1, 0], REPORTED_ANYWHERE),
    kind_of("incident", "resolved", [0, 1, 0], INCIDENT_ANYWHERE),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_incident_without_a_place_is_otherwise_the_same() {
        for predicate in ["detected", "reported", "resolved"] {
            let (theirs, ours) = (kind("incident", predicate).unwrap(), twin(INCIDENT, predicate).unwrap());
            let members = |kind: &Kind| {
                let members = kind.content.iter();
                let members = members.map(|m| (m.name, m.required && m.name != "environment"));
                members.collect::<Vec<_>>()
            };
            assert_eq!(members(ours), members(theirs), "{predicate}");
            assert_eq!((ours.subject, ours.predicate), (theirs.subject, theirs.predicate));
        }
        assert!(twin(INCIDENT, "paused").is_none() && twin("incident", "detected").is_none());
    }
}
