//! Changing who may do what. Every change is an entry of the log, signed by the service, and nothing else.

use std::sync::Arc;

use ledger::PublicKey;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{Accepted, App, RecordError, log};
use crate::domain::extension::Actor;
use crate::domain::keyring::Keyring;
use crate::domain::parse::ADMINISTRATION_JSON;
use crate::domain::producer::{Administration, Producer, Scope, Token};
use crate::domain::{EnvironmentName, Instant, Predecessor, ProducerName, ServiceName};
use crate::entropy::EntropyError;
use crate::sequencer::SubmitError;
use crate::store::StoreError;

/// A producer to register.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewProducer {
    /// What people will call it.
    #[schema(value_type = String)]
    pub name: ProducerName,
    /// Ed25519 public key, as PEM of its SubjectPublicKeyInfo (`openssl pkey -pubout`).
    pub public_key: String,
    /// Services it may sign for; all if empty.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    pub services: Vec<ServiceName>,
    /// Environments it may sign for; all if empty.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    pub environments: Vec<EnvironmentName>,
    /// Event types it may sign, such as `deployment` or `approval.closed`; all if empty.
    #[serde(default)]
    pub event_types: Vec<String>,
    /// Not before this time.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub valid_from: Option<Instant>,
    /// Not from this time on.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub valid_until: Option<Instant>,
}

/// Why a change was not made.
#[derive(Debug, thiserror::Error)]
pub enum AdministrationError {
    /// There is none of that name.
    #[error("there is no {what} {name}")]
    NotFound {
        /// What was looked for.
        what: &'static str,
        /// Which one.
        name: String,
    },
    /// Nobody could administer the service any more once the other tokens have run out.
    #[error("this is the last admin token without an end; issue another one first")]
    LastAdmin,
    /// A member must say something.
    #[error("must not be empty")]
    Empty {
        /// JSON pointer to it.
        pointer: &'static str,
    },
    /// A time that has passed already.
    #[error("must be later than now")]
    Past {
        /// JSON pointer to it.
        pointer: &'static str,
    },
    /// A member says too much.
    #[error("must not be longer than {most} characters")]
    TooLong {
        /// JSON pointer to it.
        pointer: &'static str,
        /// How long it may be.
        most: usize,
    },
    /// The log must not be filled by those who read it.
    #[error(
        "this token has asked for {} documents today; go on tomorrow",
        super::questions::MOST_A_DAY
    )]
    TooMany,
    /// What stands there could not be read back.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The key is none that can be registered.
    #[error(transparent)]
    Key(#[from] ledger::KeyError),
    /// The change was not recorded.
    #[error(transparent)]
    Record(#[from] RecordError),
}

impl App {
    /// Who may do what, as of the newest entry.
    pub fn keyring(&self) -> Arc<Keyring> {
        self.sequencer.keys().current()
    }

    /// Registers a producer. Nobody is named where it is the service itself that does it.
    pub async fn register_producer(
        &self,
        new: NewProducer,
        by: Option<&Token>,
    ) -> Result<(Producer, Accepted), AdministrationError> {
        let key = PublicKey::from_pem(&new.public_key)?;
        let scope = Scope {
            services: new.services,
            environments: new.environments,
            event_types: new.event_types,
        };
        let accepted = self
            .administer(
                Administration::ProducerRegistered {
                    name: new.name.clone(),
                    public_key: key.to_pem(),
                    scope,
                    valid_from: new.valid_from,
                    valid_until: new.valid_until,
                },
                by.map(Token::actor).as_ref(),
            )
            .await?;
        let producer = self.keyring().producer(&key.id()).cloned();
        let producer = producer.ok_or_else(|| not_found("producer", new.name.as_str()))?;
        Ok((producer, accepted))
    }

    /// Revokes a producer.
    pub async fn revoke_producer(
        &self,
        name: &str,
        reason: String,
        by: &Token,
    ) -> Result<(Producer, Accepted), AdministrationError> {
        let producer = self
            .keyring()
            .named(name)
            .cloned()
            .ok_or_else(|| not_found("producer", name))?;
        if reason.trim().is_empty() {
            return Err(AdministrationError::Empty { pointer: "/reason" });
        }
        let accepted = self
            .administer(
                Administration::ProducerRevoked {
                    name: producer.name,
                    reason,
                },
                Some(&by.actor()),
            )
            .await?;
        let producer = self
            .keyring()
            .named(name)
            .cloned()
            .ok_or_else(|| not_found("producer", name))?;
        Ok((producer, accepted))
    }

    /// Records a change, signed by the service.
    pub(super) async fn administer(
        &self,
        administration: Administration,
        actor: Option<&Actor>,
    ) -> Result<Accepted, RecordError> {
        let now = self.clock.now();
        let id = self.new_id(now)?;
        let payload = administration.to_payload(&id, &self.source(), now, actor)?;
        self.assert(ADMINISTRATION_JSON, payload).await
    }

    /// Makes sure that the log has its first entry, which introduces the service's key.
    pub(super) async fn begin(&self) -> Result<(), AdministrationError> {
        if self.keyring().origin().is_none() {
            let administration = Administration::LogCreated {
                origin: self.service.origin.clone(),
                public_key: self.service.key.public().to_pem(),
            };
            self.administer(administration, None).await?;
        }
        Ok(())
    }

    /// Names the log that this one continues. Nothing happens if it was named before.
    pub async fn name_predecessor(&self, predecessor: &Predecessor) -> Result<(), AdministrationError> {
        if self.keyring().predecessor() == Some(predecessor) {
            return Ok(());
        }
        let administration = Administration::LogContinued {
            log_key: predecessor.log_key.clone(),
            checkpoint: predecessor.note.clone(),
        };
        self.administer(administration, None).await?;
        Ok(())
    }

    /// Records that the operator goes on without a guard, and from which checkpoint.
    pub async fn accept_missing_guard(&self, reason: String) -> Result<Accepted, AdministrationError> {
        if reason.trim().is_empty() {
            return Err(AdministrationError::Empty { pointer: "/reason" });
        }
        let database = self.database().clone();
        let published = tokio::task::spawn_blocking(move || database.read(log::published));
        let checkpoint = published
            .await
            .map_err(|_| SubmitError::Stopped)
            .map_err(RecordError::from)?
            .map_err(RecordError::from)?;
        let administration = Administration::GuardAccepted { reason, checkpoint };
        Ok(self.administer(administration, None).await?)
    }

    /// The source of events that the service itself asserts.
    pub(super) fn source(&self) -> String {
        format!("/shipslog/{}", self.service.origin)
    }

    /// A new event id: a UUIDv7, so that ids are in the order of time.
    pub(super) fn new_id(&self, now: Instant) -> Result<String, EntropyError> {
        let random = self.entropy.bytes()?;
        let mut tail = [0; 10];
        tail.copy_from_slice(&random[..10]);
        let millis = u64::try_from(now.as_millis()).unwrap_or(0);
        Ok(uuid::Builder::from_unix_timestamp_millis(millis, &tail)
            .into_uuid()
            .to_string())
    }
}

fn not_found(what: &'static str, name: &str) -> AdministrationError {
    AdministrationError::NotFound {
        what,
        name: name.to_owned(),
    }
}
