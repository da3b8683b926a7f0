//! One alert of a notification, as an event about an incident.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::super::record::{self, Record};
use super::super::{AdapterError, missing, refused};
use super::{Texts, structure};
use crate::domain::extension::{Extension, Received};
use crate::domain::id::{EnvironmentName, NameError, ServiceName};
use crate::domain::instant::Instant;
use crate::domain::parse::{MAX_SHORT_BYTES, MAX_TEXT_BYTES};
use crate::domain::pointer;

/// Labels that name the service, the first that is there: by convention, by custom, and the one that Prometheus gives every target.
const SERVICE_LABELS: [&str; 3] = ["service", "app", "job"];
/// Labels that name the environment.
const ENVIRONMENT_LABELS: [&str; 2] = ["environment", "env"];
/// How Go writes a time that is not set.
const NO_TIME: &str = "0001-01-01T00:00:00Z";

/// The payload of the event that an alert becomes. Errors name a member of the notification.
pub(super) fn event(
    index: usize,
    alert: Value,
    source: &str,
    environment: Option<&EnvironmentName>,
) -> Result<Vec<u8>, AdapterError> {
    structure::<Alert>(alert)
        .and_then(|alert| alert.event(source, environment))
        .map_err(|error| match error {
            AdapterError::Body { pointer, message } => AdapterError::Body {
                pointer: format!("/alerts/{index}{pointer}"),
                message,
            },
            other @ (AdapterError::Delivery | AdapterError::Json(_) | AdapterError::Write(_)) => other,
        })
}

/// An alert as sent. What is not here, nobody reads and nothing keeps: it may differ from one notification to the next.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Alert {
    status: Option<Status>,
    labels: Option<Texts>,
    annotations: Option<Texts>,
    starts_at: Option<String>,
    ends_at: Option<String>,
    #[serde(rename = "generatorURL")]
    generator_url: Option<String>,
    fingerprint: Option<String>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    Firing,
    Resolved,
}

/// What is kept of an alert, beside what is read of it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Kept<'a> {
    status: &'static str,
    labels: &'a Texts,
    #[serde(skip_serializing_if = "Option::is_none")]
    annotations: Option<&'a Texts>,
    starts_at: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    ends_at: Option<&'a str>,
    #[serde(rename = "generatorURL", skip_serializing_if = "Option::is_none")]
    generator_url: Option<&'a str>,
    fingerprint: &'a str,
}

impl Alert {
    fn event(self, source: &str, environment: Option<&EnvironmentName>) -> Result<Vec<u8>, AdapterError> {
        self.is_bounded()?;
        let labels = self.labels.as_ref().filter(|labels| !labels.is_empty());
        let labels = labels.ok_or_else(|| missing("/labels"))?;
        let starts_at = self.starts_at.as_deref().ok_or_else(|| missing("/startsAt"))?;
        let began_at = Instant::parse(starts_at).map_err(|error| refused("/startsAt", error))?;
        let ends_at = self.ends_at.as_deref().filter(|time| !matches!(*time, "" | NO_TIME));
        // Some senders leave the status out; then an end that is set says it, as it does inside Alertmanager.
        let status = self.status.unwrap_or(match ends_at {
            Some(_) => Status::Resolved,
            None => Status::Firing,
        });
        // Until an alert is over, its end is at most a guess, which moves.
        let (at, ends_at) = match status {
            Status::Firing => (began_at, None),
            Status::Resolved => {
                let ends_at = ends_at.ok_or_else(|| refused("/endsAt", "is required of an alert that is resolved"))?;
                let over_at = Instant::parse(ends_at).map_err(|error| refused("/endsAt", error))?;
                (over_at, Some(ends_at))
            }
        };
        let environment = named::<EnvironmentName>(labels, &ENVIRONMENT_LABELS)?.or_else(|| environment.cloned());
        let service = named::<ServiceName>(labels, &SERVICE_LABELS)?;
        let fingerprint = match self.fingerprint.as_deref().filter(|text| !text.is_empty()) {
            Some(given) if is_fingerprint(given) => given.to_owned(),
            Some(_) => return Err(refused("/fingerprint", "must be at most 64 hexadecimal digits")),
            None => fingerprint(labels),
        };
        let subject = format!("{fingerprint}@{began_at}");
        let received = Received {
            from: "alertmanager".to_owned(),
            event: status.as_str().to_owned(),
            delivery: subject.clone(),
            body: None,
            body_not_kept: None,
        };
        let kept = Kept {
            status: status.as_str(),
            labels,
            annotations: self.annotations.as_ref(),
            starts_at,
            ends_at,
            generator_url: self.generator_url.as_deref(),
            fingerprint: &fingerprint,
        };
        let reference = |name: &str| json!({ "id": name, "source": source });
        let mut content = json!({ "description": self.description() });
        if let Some(service) = &service {
            content["service"] = reference(service.as_str());
        }
        if let Some(environment) = &environment {
            content["environment"] = reference(environment.as_str());
        }
        let record = Record {
            event_type: event_type(status, environment.is_some()),
            at,
            subject,
            content,
            extension: Extension {
                severity: label(labels, "severity").map(ToOwned::to_owned),
                ..Extension::default()
            },
        };
        let mut event = record.event("", source, received);
        event["customData"]["alertmanager"] = json!(kept);
        let digest = ledger::sha256(&record::bytes(&event)?);
        event["context"]["id"] = json!(digest.to_string());
        record::bytes(&event)
    }

    /// What people read: the summary and the description, or else the name of the alert.
    fn description(&self) -> String {
        let annotation = |name| self.annotations.as_ref().and_then(|texts| label(texts, name));
        match (annotation("summary"), annotation("description")) {
            (Some(summary), Some(description)) => format!("{summary}: {description}"),
            (Some(text), None) | (None, Some(text)) => text.to_owned(),
            (None, None) => {
                let name = self.labels.as_ref().and_then(|labels| label(labels, "alertname"));
                name.unwrap_or("an alert without a name").to_owned()
            }
        }
    }

    /// Refuses what an event cannot hold, before anything is made of it.
    fn is_bounded(&self) -> Result<(), AdapterError> {
        let url = self.generator_url.as_deref().unwrap_or_default();
        let mut bytes = url.len();
        if url.contains('\0') {
            return Err(refused("/generatorURL", "must not contain U+0000"));
        }
        for (member, texts) in [("/labels", &self.labels), ("/annotations", &self.annotations)] {
            for (name, text) in texts.iter().flatten() {
                if name.contains('\0') || text.contains('\0') {
                    let mut at = member.to_owned();
                    pointer::push(&mut at, name);
                    return Err(refused(&at, "must not contain U+0000"));
                }
                bytes += name.len() + text.len();
            }
        }
        // The description repeats two annotations.
        if bytes > MAX_TEXT_BYTES - 2 {
            return Err(refused("", format!("must not hold more than {MAX_TEXT_BYTES} bytes")));
        }
        let severity = self.labels.as_ref().and_then(|labels| label(labels, "severity"));
        if severity.is_some_and(|text| text.len() > MAX_SHORT_BYTES) {
            let message = format!("must not be longer than {MAX_SHORT_BYTES} bytes");
            return Err(refused("/labels/severity", message));
        }
        Ok(())
    }
}

impl Status {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Firing => "firing",
            Self::Resolved => "resolved",
        }
    }
}

/// An incident of CDEvents has an environment; one that has none is of our own type.
const fn event_type(status: Status, placed: bool) -> &'static str {
    match (status, placed) {
        (Status::Firing, true) => "dev.cdevents.incident.detected.0.3.0",
        (Status::Firing, false) => "dev.cdeventsx.shipslog-incident.detected.0.1.0",
        (Status::Resolved, true) => "dev.cdevents.incident.resolved.0.3.0",
        (Status::Resolved, false) => "dev.cdeventsx.shipslog-incident.resolved.0.1.0",
    }
}

/// The first of these labels that says something.
fn named<N: TryFrom<String, Error = NameError>>(labels: &Texts, names: &[&str]) -> Result<Option<N>, AdapterError> {
    let found = names.iter().find_map(|name| Some((name, label(labels, name)?)));
    found
        .map(|(name, text)| N::try_from(text.to_owned()).map_err(|error| refused(&format!("/labels/{name}"), error)))
        .transpose()
}

/// A label that is empty is one that is not there, says Prometheus.
fn label<'t>(texts: &'t Texts, name: &str) -> Option<&'t str> {
    texts
        .get(name)
        .map(String::as_str)
        .filter(|text| !text.trim().is_empty())
}

fn is_fingerprint(text: &str) -> bool {
    text.len() <= 64 && text.bytes().all(|b| b.is_ascii_hexdigit())
}

/// What Alertmanager computes itself, for older ones that do not send it: FNV-1a with 64 bits over the labels in order, each name
/// and value ended by a byte that is in no text (`LabelSet.Fingerprint` of <https://github.com/prometheus/common>).
fn fingerprint(labels: &Texts) -> String {
    const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0100_0000_01b3;
    let texts = labels.iter().flat_map(|(name, text)| [name, text]);
    let bytes = texts.flat_map(|text| text.bytes().chain([0xff]));
    let hash = bytes.fold(BASIS, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME));
    format!("{hash:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Vectors of `model/signature_test.go` there.
    #[test]
    fn a_missing_fingerprint_is_the_one_that_alertmanager_would_send() {
        assert_eq!(
            fingerprint(&Texts::new()),
            format!("{:016x}", 14_695_981_039_346_656_037_u64)
        );
        let labels = [("name", "garland, briggs"), ("fear", "love is not enough")];
        let labels = labels.map(|(name, text)| (name.to_owned(), text.to_owned())).into();
        assert_eq!(fingerprint(&labels), format!("{:016x}", 5_799_056_148_416_392_346_u64));
    }
}
