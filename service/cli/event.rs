//! The CDEvents 0.5.1 that this program writes. Pure: the id and the time come from the caller.
//!
//! Deployments use the Shipslog twins of the draft deployment events of CDEvents, approvals its unreleased 0.6 form;
//! what CDEvents has no place for goes into `customData.shipslog`.

use ledger::envelope::Envelope;
use ledger::key::PrivateKey;
use serde_json::{Map, Value, json};

use crate::domain::{Extension, Instant};

/// Payload type of a bare CDEvent in an envelope.
pub const PAYLOAD_TYPE: &str = "application/vnd.cdevents+json";

/// Deployment accepted, not begun.
pub const DEPLOYMENT_QUEUED: &str = "dev.cdeventsx.shipslog-deployment.queued.0.1.0";
/// Deployment begun.
pub const DEPLOYMENT_STARTED: &str = "dev.cdeventsx.shipslog-deployment.started.0.1.0";
/// Deployment over.
pub const DEPLOYMENT_FINISHED: &str = "dev.cdeventsx.shipslog-deployment.finished.0.1.0";
/// Approval asked for.
pub const APPROVAL_CREATED: &str = "dev.cdevents.approval.created.0.1.0";
/// Approval answered in part.
pub const APPROVAL_UPDATED: &str = "dev.cdevents.approval.updated.0.1.0";
/// Approval decided.
pub const APPROVAL_CLOSED: &str = "dev.cdevents.approval.closed.0.1.0";
/// Incident noticed.
pub const INCIDENT_DETECTED: &str = "dev.cdevents.incident.detected.0.3.0";
/// Incident noticed, and a ticket exists.
pub const INCIDENT_REPORTED: &str = "dev.cdevents.incident.reported.0.3.0";
/// Incident over.
pub const INCIDENT_RESOLVED: &str = "dev.cdevents.incident.resolved.0.3.0";
/// A service can be reached, by a share of its users.
pub const SERVICE_PUBLISHED: &str = "dev.cdevents.service.published.0.3.0";
/// Test suite run over.
pub const TEST_SUITE_FINISHED: &str = "dev.cdevents.testsuiterun.finished.0.3.0";

/// An event before it has an id and a time.
#[derive(Debug, Clone)]
pub struct Draft {
    /// `context.type`.
    pub event_type: &'static str,
    /// `context.source`, a URI reference to what sends it.
    pub source: String,
    /// `subject.id`.
    pub subject: String,
    /// `subject.content`; members that are null are left out.
    pub content: Value,
    /// `customData.shipslog`.
    pub extension: Extension,
}

impl Draft {
    /// The payload: the event as JSON.
    pub fn payload(&self, id: &str, at: Instant) -> Result<Vec<u8>, serde_json::Error> {
        let mut event = json!({
            "context": {
                "specversion": "0.5.1",
                "id": id,
                "source": self.source,
                "type": self.event_type,
                "timestamp": at,
            },
            "subject": { "id": self.subject, "content": without_nulls(self.content.clone()) },
        });
        if self.extension != Extension::default() {
            event["customData"] = json!({ "shipslog": serde_json::to_value(&self.extension)? });
        }
        serde_json::to_vec(&event)
    }

    /// The payload in a signed envelope.
    pub fn sign(&self, id: &str, at: Instant, key: &PrivateKey) -> Result<Envelope, serde_json::Error> {
        Ok(Envelope::sign(PAYLOAD_TYPE, &self.payload(id, at)?, &[key]))
    }
}

/// `{"id": …}`, as CDEvents refers to things.
pub fn reference(id: Option<&str>) -> Value {
    id.map_or(Value::Null, |id| json!({ "id": id }))
}

/// A person as the URI that CDEvents wants for who asks and who answers.
pub fn person(name: &str) -> String {
    if name.contains(':') {
        name.to_owned()
    } else if name.contains('@') {
        format!("mailto:{name}")
    } else {
        format!("urn:user:{}", super::client::encode(name))
    }
}

fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(members) => Value::Object(
            members
                .into_iter()
                .filter(|(_, member)| !member.is_null())
                .map(|(name, member)| (name, without_nulls(member)))
                .collect::<Map<_, _>>(),
        ),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_payload_has_the_form_of_cdevents() {
        let draft = Draft {
            event_type: DEPLOYMENT_QUEUED,
            source: "/ci".into(),
            subject: "d-1".into(),
            content: json!({"artifactId": "pkg:oci/shop@1", "environment": reference(Some("production")), "outcome": null}),
            extension: Extension {
                version: Some("1".into()),
                ..Extension::default()
            },
        };
        let payload = draft.payload("e-1", Instant::from_millis(0)).unwrap();
        let expected = json!({
            "context": {"specversion": "0.5.1", "id": "e-1", "source": "/ci", "type": DEPLOYMENT_QUEUED,
                        "timestamp": "1970-01-01T00:00:00.000Z"},
            "subject": {"id": "d-1", "content": {"artifactId": "pkg:oci/shop@1", "environment": {"id": "production"}}},
            "customData": {"shipslog": {"version": "1"}},
        });
        assert_eq!(serde_json::from_slice::<Value>(&payload).unwrap(), expected);
    }

    #[test]
    fn people_are_uris() {
        assert_eq!(person("alice@example.org"), "mailto:alice@example.org");
        assert_eq!(person("alice b"), "urn:user:alice%20b");
        assert_eq!(person("urn:github:user:alice"), "urn:github:user:alice");
    }
}
