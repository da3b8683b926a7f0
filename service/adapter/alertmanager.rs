//! Prometheus Alertmanager: notifications of its webhook receiver, version 4. Each alert of one becomes an incident that begins or ends.
//!
//! An incident is an alert that began to fire at one time: `fingerprint@startsAt`. What a label says, the rules below read; what
//! no label says is not guessed. The id of an event is a digest of what it says, so that a notification that comes again, or by
//! several receivers, is the same events, and a change is another. Source: Prometheus, "Alerting", "Configuration",
//! `webhook_config`; `notify/webhook` and `template.Data` of <https://github.com/prometheus/alertmanager>.

mod alert;

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::{AdapterError, BearerError, missing, refused};
use crate::domain::id::{EnvironmentName, is_hidden};
use crate::domain::parse::{MAX_ITEMS, MAX_SHORT_BYTES};
use crate::domain::pointer;

/// Source of events whose Alertmanager does not say where it is.
const SOMEWHERE: &str = "alertmanager";
/// The one version that is read.
const VERSION: &str = "4";

/// What a notification says.
#[derive(Debug)]
pub struct Notification {
    /// The payload of a CDEvent for each alert, in order, or why there is none.
    pub events: Vec<Result<Vec<u8>, AdapterError>>,
    /// How many alerts Alertmanager left out, because the receiver has a `max_alerts`.
    pub truncated: u64,
    /// Alertmanager's key of the group of alerts.
    pub group: String,
}

/// Checks `Authorization: Bearer` against the shared secret, in constant time.
pub fn verify_bearer(secret: &[u8], header: Option<&str>) -> Result<(), BearerError> {
    let (scheme, given) = header.and_then(|text| text.split_once(' ')).ok_or(BearerError::Form)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(BearerError::Form);
    }
    // Digests have one length, so that not even the secret's is told. Alertmanager trims what it reads from its file.
    let (given, secret) = (Sha256::digest(given.trim()), Sha256::digest(secret.trim_ascii()));
    match bool::from(given.as_slice().ct_eq(secret.as_slice())) {
        true => Ok(()),
        false => Err(BearerError::Mismatch),
    }
}

/// Reads a notification. `environment` is where alerts are that no label places. Check the secret first.
///
/// An alert that cannot be read does not keep the others from being read; its error names it.
pub fn read(environment: Option<&EnvironmentName>, body: &[u8]) -> Result<Notification, AdapterError> {
    let members: Members = structure(ledger::json::parse(body)?)?;
    match members.version.as_deref() {
        Some(VERSION) => {}
        Some(_) => return Err(refused("/version", "must be \"4\"")),
        None => return Err(missing("/version")),
    }
    let alerts = members.alerts.unwrap_or_default();
    if alerts.is_empty() {
        return Err(refused("/alerts", "must hold at least one alert"));
    }
    if alerts.len() > MAX_ITEMS {
        return Err(refused("/alerts", format!("must not have more than {MAX_ITEMS} items")));
    }
    let source = source(members.external_url)?;
    let events = alerts.into_iter().enumerate();
    Ok(Notification {
        events: events
            .map(|(index, alert)| alert::event(index, alert, &source, environment))
            .collect(),
        truncated: members.truncated_alerts.unwrap_or(0),
        group: members.group_key.unwrap_or_default(),
    })
}

/// What is read of a notification. What is common to its alerts stands in each of them, and where it was sent is no part of what
/// happened.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Members {
    version: Option<String>,
    group_key: Option<String>,
    #[serde(rename = "externalURL")]
    external_url: Option<String>,
    truncated_alerts: Option<u64>,
    alerts: Option<Vec<Value>>,
}

/// Reads an object; serde would take its members as an array too.
fn structure<T: DeserializeOwned>(value: Value) -> Result<T, AdapterError> {
    if !value.is_object() {
        return Err(refused("", "must be an object"));
    }
    serde_path_to_error::deserialize(value).map_err(|error| {
        // The message quotes what was found.
        let message = error.inner().to_string();
        refused(&pointer::of(error.path()), pointer::excerpt(&message))
    })
}

/// Labels or annotations.
type Texts = BTreeMap<String, String>;

/// Where the Alertmanager is, as it calls itself.
fn source(external_url: Option<String>) -> Result<String, AdapterError> {
    let url = external_url.filter(|url| !url.is_empty());
    let url = url.unwrap_or_else(|| SOMEWHERE.to_owned());
    if url.len() > MAX_SHORT_BYTES || url.chars().any(is_hidden) {
        return Err(refused("/externalURL", "is not the address of an Alertmanager"));
    }
    Ok(url)
}
