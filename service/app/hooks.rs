//! Deliveries of other systems: checked against the shared secret, mapped to events, signed by the service, recorded.

use ledger::Envelope;

use super::{Accepted, App, RecordError};
use crate::adapter::alertmanager::{self, Notification};
use crate::adapter::{AdapterError, BearerError, SignatureError, github};
use crate::domain::EnvironmentName;
use crate::domain::parse::CDEVENT_JSON;
use crate::sequencer::SubmitError;

/// Why a delivery, or a part of one, was not taken.
#[derive(Debug, thiserror::Error)]
pub enum HookError {
    /// No secret is configured: nobody could be believed.
    #[error("this service takes no deliveries of {0}: it was started without a secret for them")]
    NotConfigured(&'static str),
    /// The delivery is not authentic.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// The sender is not who it should be.
    #[error(transparent)]
    Bearer(#[from] BearerError),
    /// The delivery is not what its sender documents.
    #[error(transparent)]
    Adapter(#[from] AdapterError),
    /// An event of it was not recorded.
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// What became of a notification of Alertmanager.
#[derive(Debug)]
pub struct Notified {
    /// One for each alert, in order.
    pub alerts: Vec<Result<Accepted, HookError>>,
    /// How many alerts Alertmanager left out of it.
    pub truncated: u64,
}

/// A sender that knows the secret shared with Alertmanager.
pub struct Alertmanager<'a>(&'a App);

impl App {
    /// Takes a delivery in. The records of those events that were recorded stand even if a later one fails; GitHub's
    /// redelivery makes the same events again, which are then known.
    pub async fn github(
        &self,
        event: &str,
        delivery: &str,
        signature: &str,
        body: Vec<u8>,
    ) -> Result<Vec<Accepted>, HookError> {
        let secret = self.secrets.github.clone().ok_or(HookError::NotConfigured("GitHub"))?;
        let [event, delivery, signature] = [event, delivery, signature].map(str::to_owned);
        // Reading a large one takes long; others on this thread must not wait for it.
        let reading = tokio::task::spawn_blocking(move || {
            github::verify_signature(secret.as_bytes(), &body, &signature)?;
            Ok::<_, HookError>(github::events(&event, &delivery, &body)?)
        });
        let payloads = reading.await.map_err(|_| RecordError::from(SubmitError::Stopped))??;
        let mut accepted = Vec::new();
        for payload in payloads {
            accepted.push(self.assert(CDEVENT_JSON, payload).await?);
        }
        Ok(accepted)
    }

    /// Who says this in `Authorization`, if it is Alertmanager. Its notifications are not signed, so this comes before them.
    pub fn alertmanager(&self, authorization: Option<&str>) -> Result<Alertmanager<'_>, HookError> {
        let secret = self.secrets.alertmanager.as_ref();
        let secret = secret.ok_or(HookError::NotConfigured("Alertmanager"))?;
        alertmanager::verify_bearer(secret.as_bytes(), authorization)?;
        Ok(Alertmanager(self))
    }
}

impl Alertmanager<'_> {
    /// Takes a notification in, each alert for itself. `environment` is where those are that name none.
    pub async fn notify(&self, environment: Option<EnvironmentName>, body: Vec<u8>) -> Result<Notified, HookError> {
        let key = self.0.service.key.clone();
        // Reading and signing thousands takes long; others on this thread must not wait for it.
        let signing = tokio::task::spawn_blocking(move || {
            let notification = alertmanager::read(environment.as_ref(), &body)?;
            let sign = |payload: Vec<u8>| Envelope::sign(CDEVENT_JSON, &payload, &[&key]).to_json().into_bytes();
            let Notification {
                events,
                truncated,
                group,
            } = notification;
            let envelopes = events.into_iter().map(|event| event.map(sign)).collect();
            Ok::<_, AdapterError>((envelopes, truncated, group))
        });
        let signed: (Vec<Result<Vec<u8>, AdapterError>>, u64, String) =
            signing.await.map_err(|_| RecordError::from(SubmitError::Stopped))??;
        let (envelopes, truncated, group) = signed;
        let fit: Vec<&[u8]> = envelopes.iter().flatten().map(Vec::as_slice).collect();
        let recorded = self.0.record_all(&fit).await.map_err(RecordError::from)?;
        let mut recorded = recorded.into_iter();
        let mut alerts = Vec::with_capacity(envelopes.len());
        for envelope in envelopes {
            alerts.push(match envelope {
                Ok(_) => recorded
                    .next()
                    .unwrap_or(Err(SubmitError::Stopped.into()))
                    .map_err(HookError::Record),
                Err(error) => Err(HookError::Adapter(error)),
            });
        }
        // Alertmanager shows its operator little of an answer, and what it leaves out it sends nowhere else.
        if truncated > 0 {
            tracing::warn!(
                truncated,
                ?group,
                "Alertmanager left alerts out of a notification; they are not in the ledger: raise max_alerts of its receiver"
            );
        }
        let refused = alerts.iter().filter(|alert| alert.is_err()).count();
        if let Some(error) = alerts.iter().find_map(|alert| alert.as_ref().err()) {
            tracing::warn!(refused, of = alerts.len(), ?group, %error, "alerts were not recorded");
        }
        Ok(Notified { alerts, truncated })
    }
}
