//! Who may send which events, and how the service writes its own decisions about that into the log.
//!
//! Pure: ids and times come from the caller. What is permitted when is decided by [`super::keyring`].

use std::borrow::Cow;

use ledger::{Hash, PublicKey};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::attestation::ATTESTATION_SUBJECT;
use super::erasure::ErasureReason;
use super::event::{Body, Event};
use super::extension::{Actor, Extension};
use super::id::{EnvironmentName, ProducerName, ServiceName};
use super::instant::Instant;
use super::reach::Reach;

/// Name under which the service signs its own records.
pub const SERVICE_PRODUCER: &str = "shipslog";

/// A registered public key.
#[derive(Debug, Clone, PartialEq)]
pub struct Producer {
    /// What people call it.
    pub name: ProducerName,
    /// The key.
    pub key: PublicKey,
    /// What it may speak about.
    pub scope: Scope,
    /// Events recorded before this are not its own.
    pub valid_from: Option<Instant>,
    /// Events recorded at or after this are not its own.
    pub valid_until: Option<Instant>,
    /// When it was registered, by the time of that entry.
    pub registered_at: Instant,
    /// Index of the entry that registered it.
    pub registered_at_index: u64,
    /// Index of the entry that revoked it.
    pub revoked_at_index: Option<u64>,
}

/// What a producer may speak about. An empty list means anything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Scope {
    /// Services. An event that names no service is then out of scope.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>)]
    pub services: Vec<ServiceName>,
    /// Environments. An event about what runs somewhere, or may run, is then out of scope when it names no environment.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>)]
    pub environments: Vec<EnvironmentName>,
    /// Event types: a subject (`deployment`), a subject and predicate (`deployment.finished`), or a whole type. The prefix
    /// `dev.cdevents.` and an ending `.*` say nothing more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub event_types: Vec<String>,
}

/// Why an event is outside a scope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScopeError {
    /// Of a type that the producer may not send.
    #[error("this key may not send events of type {0}")]
    EventType(String),
    /// About a service that the producer may not speak about.
    #[error("this key may not speak about the service {name}")]
    Service {
        /// The service.
        name: ServiceName,
        /// Where the event names it.
        pointer: &'static str,
    },
    /// About no service.
    #[error("this key is limited to some services and the event names none; customData.shipslog.service can")]
    NoService,
    /// About an environment that the producer may not speak about.
    #[error("this key may not speak about the environment {name}")]
    Environment {
        /// The environment.
        name: EnvironmentName,
        /// Where the event names it.
        pointer: &'static str,
    },
    /// About no environment.
    #[error("this key is limited to some environments and the event names none; customData.shipslog.environment can")]
    NoEnvironment,
}

impl ScopeError {
    /// JSON pointer to the member of the event that is out of scope, or is missing.
    pub const fn pointer(&self) -> &'static str {
        match self {
            Self::EventType(_) => "/context/type",
            Self::Service { pointer, .. } | Self::Environment { pointer, .. } => pointer,
            Self::NoService => OWN_SERVICE,
            Self::NoEnvironment => OWN_ENVIRONMENT,
        }
    }
}

const OWN_SERVICE: &str = "/customData/shipslog/service";
const OWN_ENVIRONMENT: &str = "/customData/shipslog/environment";

/// Where an event that names a service names it.
fn service_pointer(event: &Event) -> &'static str {
    match &event.body {
        _ if event.extension.service.is_some() => OWN_SERVICE,
        Body::Service { .. } => "/subject/id",
        Body::Deployment { .. } => "/subject/content/artifactId",
        _ => "/subject/content/service/id",
    }
}

/// Where an event that names an environment names it.
fn environment_pointer(event: &Event) -> &'static str {
    match &event.body {
        _ if event.extension.environment.is_some() => OWN_ENVIRONMENT,
        Body::Environment { .. } => "/subject/id",
        _ => "/subject/content/environment/id",
    }
}

impl Scope {
    /// Whether a producer with this scope may send this event.
    pub fn permits(&self, event: &Event) -> Result<(), ScopeError> {
        if !self.event_types.is_empty() && !self.event_types.iter().any(|pattern| matches_type(pattern, event)) {
            return Err(ScopeError::EventType(event.event_type.text.clone()));
        }
        if !self.services.is_empty() {
            match &event.service {
                Some(service) if self.services.contains(service) => {}
                Some(service) => {
                    let (name, pointer) = (service.clone(), service_pointer(event));
                    return Err(ScopeError::Service { name, pointer });
                }
                None => return Err(ScopeError::NoService),
            }
        }
        if !self.environments.is_empty() {
            match &event.environment {
                Some(environment) if self.environments.contains(environment) => {}
                Some(environment) => {
                    let (name, pointer) = (environment.clone(), environment_pointer(event));
                    return Err(ScopeError::Environment { name, pointer });
                }
                None if needs_environment(event) => return Err(ScopeError::NoEnvironment),
                None => {}
            }
        }
        Ok(())
    }
}

fn matches_type(pattern: &str, event: &Event) -> bool {
    let of = &event.event_type;
    if pattern == of.text {
        return true;
    }
    let pattern = pattern
        .strip_prefix("dev.cdevents.")
        .or_else(|| pattern.strip_prefix("dev.cdeventsx."))
        .unwrap_or(pattern);
    let pattern = pattern.strip_suffix(".*").unwrap_or(pattern);
    match pattern.strip_prefix(of.subject.as_str()) {
        Some("") => true,
        Some(rest) => rest
            .strip_prefix('.')
            .is_some_and(|predicate| predicate == of.predicate),
        None => false,
    }
}

/// Whether an event of this kind says something about what runs somewhere, may run there, or is attested of it.
fn needs_environment(event: &Event) -> bool {
    match &event.body {
        Body::Deployment { .. }
        | Body::Service { .. }
        | Body::TestRun(_)
        | Body::Approval(_)
        | Body::Incident { .. }
        | Body::Environment { .. } => true,
        Body::Change { .. }
        | Body::Artifact { .. }
        | Body::Build { .. }
        | Body::PipelineRun { .. }
        | Body::Ticket(_)
        | Body::Push(_) => false,
        Body::Other => event.event_type.subject == ATTESTATION_SUBJECT,
    }
}

/// A bearer token that was issued; its secret is known to its holder alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Its id, which is not the token.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// What its holder may do.
    pub role: Role,
    /// How far it reaches.
    pub reach: Reach,
    /// SHA-256 of its secret.
    pub secret_sha256: Hash,
    /// It opens nothing from this time on.
    pub valid_until: Option<Instant>,
    /// Index of the entry that issued it.
    pub issued_at_index: u64,
    /// Index of the entry that revoked it.
    pub revoked_at_index: Option<u64>,
}

impl Token {
    /// Whether it opens anything at this time: it was not revoked, and has not run out.
    pub fn is_valid(&self, now: Instant) -> bool {
        self.revoked_at_index.is_none() && self.valid_until.is_none_or(|until| now < until)
    }

    /// Whoever holds it, as the one who acts.
    pub fn actor(&self) -> Actor {
        Actor {
            id: format!("token:{}", self.id),
            kind: None,
            name: Some(self.name.clone()),
        }
    }
}

/// What the holder of a token may do. Each role may do all that the one before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Reads what its token reaches; what it asks documents for is recorded.
    Auditor,
    /// Managers: reads everything.
    Reader,
    /// Also decides about links between incidents and deployments.
    Reviewer,
    /// Also registers producers and issues tokens.
    Admin,
}

impl Role {
    /// The word used in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auditor => "auditor",
            Self::Reader => "reader",
            Self::Reviewer => "reviewer",
            Self::Admin => "admin",
        }
    }
}

/// A decision of the service about itself, in the log like everything else: `customData.shipslog.administration`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "action", rename_all = "snake_case", deny_unknown_fields)]
pub enum Administration {
    /// Entry 0 of every log.
    LogCreated {
        /// The log's origin, which never changes.
        origin: String,
        /// The service's own public key, PEM of a SubjectPublicKeyInfo.
        public_key: String,
    },
    /// Entry 1 of a log that continues another one, whose database was lost or went back.
    LogContinued {
        /// The other log's key, as a C2SP vkey.
        log_key: String,
        /// Its last signed checkpoint, as published.
        checkpoint: String,
    },
    /// The operator went on without the guard that kept the newest published checkpoint.
    GuardAccepted {
        /// Why the database was taken to be the newest copy all the same.
        reason: String,
        /// The newest published checkpoint in that database.
        checkpoint: String,
    },
    /// A public key may sign events from here on.
    ProducerRegistered {
        /// What people call it.
        #[schema(value_type = String)]
        name: ProducerName,
        /// PEM of a SubjectPublicKeyInfo.
        public_key: String,
        /// What it may speak about.
        #[serde(default)]
        scope: Scope,
        /// Not before this.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schema(value_type = Option<String>, format = DateTime)]
        valid_from: Option<Instant>,
        /// Before this.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schema(value_type = Option<String>, format = DateTime)]
        valid_until: Option<Instant>,
    },
    /// A public key may sign no further events.
    ProducerRevoked {
        /// Whose.
        #[schema(value_type = String)]
        name: ProducerName,
        /// Why.
        reason: String,
    },
    /// A bearer token was given out.
    TokenIssued {
        /// Its id, which is not the token.
        id: String,
        /// What people call it.
        name: String,
        /// What its holder may do.
        role: Role,
        /// How far it reaches.
        #[serde(default, skip_serializing_if = "Reach::is_everything")]
        reach: Reach,
        /// SHA-256 of its secret, in hex. The secret is 32 random bytes: nobody finds it from this.
        secret_sha256: String,
        /// It opens nothing from this time on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schema(value_type = Option<String>, format = DateTime)]
        valid_until: Option<Instant>,
    },
    /// A bearer token no longer opens anything.
    TokenRevoked {
        /// Its id.
        id: String,
        /// Why.
        reason: String,
    },
    /// The envelope and the salt of an entry were destroyed in the transaction that recorded this.
    EventErased {
        /// Index of that entry.
        index: u64,
        /// Why.
        reason: ErasureReason,
        /// Why, in words. It stays in the log for ever: it must not repeat what was erased.
        text: String,
        /// What its producer, source and id were turned into, so that the same event is recognised if it is sent again: a
        /// hash, in hex, under a key that only the service has.
        identity: String,
    },
}

impl Administration {
    /// The type of the event that carries it.
    pub const fn event_type(&self) -> &'static str {
        match self {
            Self::LogCreated { .. } => "dev.cdeventsx.shipslog-log.created.0.1.0",
            Self::LogContinued { .. } => "dev.cdeventsx.shipslog-log.continued.0.1.0",
            Self::GuardAccepted { .. } => "dev.cdeventsx.shipslog-guard.accepted.0.1.0",
            Self::ProducerRegistered { .. } => "dev.cdeventsx.shipslog-producer.registered.0.1.0",
            Self::ProducerRevoked { .. } => "dev.cdeventsx.shipslog-producer.revoked.0.1.0",
            Self::TokenIssued { .. } => "dev.cdeventsx.shipslog-token.issued.0.1.0",
            Self::TokenRevoked { .. } => "dev.cdeventsx.shipslog-token.revoked.0.1.0",
            Self::EventErased { .. } => "dev.cdeventsx.shipslog-event.erased.0.1.0",
        }
    }

    /// What it is about.
    pub fn subject(&self) -> Cow<'_, str> {
        match self {
            Self::LogCreated { origin, .. } => origin.into(),
            Self::LogContinued { log_key, .. } => log_key.split('+').next().unwrap_or(log_key).into(),
            Self::GuardAccepted { .. } => "guard".into(),
            Self::ProducerRegistered { name, .. } | Self::ProducerRevoked { name, .. } => name.as_str().into(),
            Self::TokenIssued { id, .. } | Self::TokenRevoked { id, .. } => id.into(),
            Self::EventErased { index, .. } => index.to_string().into(),
        }
    }

    /// The payload of the event that carries it: a CDEvent, to be signed by the service's key.
    pub fn to_payload(
        &self,
        id: &str,
        source: &str,
        at: Instant,
        actor: Option<&Actor>,
    ) -> Result<Vec<u8>, serde_json::Error> {
        let extension = Extension {
            actor: actor.cloned(),
            administration: Some(Box::new(self.clone())),
            ..Extension::default()
        };
        own_payload(self.event_type(), &self.subject(), id, source, at, &extension)
    }
}

/// The payload of an event of a type of our own, all of which is in the extension: a CDEvent, to be signed by the service's key.
pub fn own_payload(
    event_type: &str,
    subject: &str,
    id: &str,
    source: &str,
    at: Instant,
    extension: &Extension,
) -> Result<Vec<u8>, serde_json::Error> {
    serde_json::to_vec(&json!({
        "context": {
            "specversion": "0.5.1",
            "id": id,
            "source": source,
            "type": event_type,
            "timestamp": at,
        },
        "subject": { "id": subject, "source": source, "content": {} },
        "customData": { "shipslog": extension },
    }))
}

#[cfg(test)]
mod tests;
