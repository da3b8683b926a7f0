//! GitHub's deliveries: checked against the shared secret, mapped to events, signed by the service, recorded.

use super::{Accepted, App, RecordError};
use crate::adapter::{AdapterError, SignatureError, github};
use crate::domain::parse::CDEVENT_JSON;

/// Why a delivery was not taken.
#[derive(Debug, thiserror::Error)]
pub enum HookError {
    /// No secret is configured: nobody could be believed.
    #[error("this service takes no deliveries of GitHub: it was started without a secret for them")]
    NotConfigured,
    /// The delivery is not authentic.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// The delivery is not what GitHub sends.
    #[error(transparent)]
    Adapter(#[from] AdapterError),
    /// An event of it was not recorded.
    #[error(transparent)]
    Record(#[from] RecordError),
}

impl App {
    /// Takes a delivery in. The records of those events that were recorded stand even if a later one fails; GitHub's
    /// redelivery makes the same events again, which are then known.
    pub async fn github(
        &self,
        event: &str,
        delivery: &str,
        signature: &str,
        body: &[u8],
    ) -> Result<Vec<Accepted>, HookError> {
        let secret = self.github_secret.as_ref().ok_or(HookError::NotConfigured)?;
        github::verify_signature(secret.as_bytes(), body, signature)?;
        let mut accepted = Vec::new();
        for payload in github::events(event, delivery, body)? {
            accepted.push(self.assert(CDEVENT_JSON, payload).await?);
        }
        Ok(accepted)
    }
}
