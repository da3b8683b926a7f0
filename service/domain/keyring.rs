//! Which producers there are and which of them may sign at a place in the log: a fold of administration events in ledger order.
//!
//! Order in the log decides what is registered and revoked; clocks decide nothing but `valid_from` and `valid_until`, which are
//! compared with the time an entry was recorded. Anyone with the log can fold it again and gets the same answer.

use std::collections::HashMap;

use ledger::{Hash, KeyError, KeyId, MAX_KEY_TRIES, PublicKey, Signer};

use super::erasure::{Erasure, ErasureError, Erasures};
use super::event::Event;
use super::id::ProducerName;
use super::instant::Instant;
use super::predecessor::Predecessor;
use super::producer::{Administration, Producer, SERVICE_PRODUCER, Scope, ScopeError, Token};
use super::reach::ReachError;

/// The producers as of some tree size.
#[derive(Debug, Clone, Default)]
pub struct Keyring {
    /// In the order of their registration, the service itself first.
    producers: Vec<Producer>,
    by_key: HashMap<KeyId, usize>,
    /// The newest of each name.
    by_name: HashMap<ProducerName, usize>,
    /// In the order of their issue.
    tokens: Vec<Token>,
    erasures: Erasures,
    origin: Option<String>,
    predecessor: Option<Predecessor>,
}

/// Why an administration event does not fit what came before it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyringError {
    /// The log does not begin with its creation, or is created twice.
    #[error("a log is created once, by its entry 0")]
    Creation,
    /// Another log is continued by entry 1, or never, and not by itself.
    #[error("the predecessor cannot be named: {0}")]
    Predecessor(String),
    /// Somebody else's name.
    #[error(
        "the producer name {0} is taken: a producer has one key; register the next one under another name, then revoke this one"
    )]
    NameTaken(ProducerName),
    /// Somebody else's key, or one that was revoked.
    #[error("this key was registered before, by {0}")]
    KeyTaken(ProducerName),
    /// Not a usable key.
    #[error("the public key is refused: {0}")]
    Key(#[from] KeyError),
    /// The period has no moment in it.
    #[error("valid_until must be later than valid_from")]
    Period,
    /// An event type that could match nothing.
    #[error("{0:?} is not an event type")]
    EventType(String),
    /// There is no such producer, or it is revoked already.
    #[error("there is no producer {0} to revoke")]
    NotRegistered(ProducerName),
    /// There is another token with this id.
    #[error("the token id {0} is taken")]
    TokenTaken(String),
    /// Not the hash of a secret.
    #[error("secret_sha256 must be 64 hexadecimal digits")]
    TokenHash,
    /// The token cannot reach that far.
    #[error(transparent)]
    Reach(#[from] ReachError),
    /// There is no such token, or it is revoked already.
    #[error("there is no token {0} to revoke")]
    NoToken(String),
    /// The service could then record nothing, this included.
    #[error("the service's own key cannot be revoked")]
    ServiceKey,
    /// Its content must stay, or is gone already.
    #[error(transparent)]
    Erasure(#[from] ErasureError),
}

/// Why a key may not sign an event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PermissionError {
    /// Never registered.
    #[error("no registered producer has the key {0}")]
    Unknown(KeyId),
    /// By nobody.
    #[error("the event has no signer")]
    Unsigned,
    /// Revoked earlier in the log.
    #[error("the key of producer {0} was revoked at index {1}")]
    Revoked(ProducerName, u64),
    /// Not yet.
    #[error("the key of producer {0} is valid from {1}")]
    NotYet(ProducerName, Instant),
    /// No longer.
    #[error("the key of producer {0} was valid until {1}")]
    Expired(ProducerName, Instant),
    /// Out of scope.
    #[error(transparent)]
    Scope(#[from] ScopeError),
    /// `received`, `gate`, `document` and `administration` are the service's alone.
    #[error("only the service itself may set customData.shipslog.{0}")]
    Reserved(&'static str),
}

impl Keyring {
    /// Takes in what the administration event at `index` decided.
    pub fn apply(
        &mut self,
        index: u64,
        recorded_at: Instant,
        administration: &Administration,
    ) -> Result<(), KeyringError> {
        self.decide(index, recorded_at, administration)?;
        self.erasures.keep(index);
        Ok(())
    }

    fn decide(
        &mut self,
        index: u64,
        recorded_at: Instant,
        administration: &Administration,
    ) -> Result<(), KeyringError> {
        match administration {
            Administration::LogCreated { origin, public_key } => {
                if index != 0 || self.origin.is_some() {
                    return Err(KeyringError::Creation);
                }
                let name = service_name()?;
                self.add(Producer {
                    name,
                    key: PublicKey::from_pem(public_key)?,
                    scope: Scope::default(),
                    valid_from: None,
                    valid_until: None,
                    registered_at: recorded_at,
                    registered_at_index: index,
                    revoked_at_index: None,
                })?;
                self.origin = Some(origin.clone());
                Ok(())
            }
            _ if self.origin.is_none() => Err(KeyringError::Creation),
            Administration::LogContinued { log_key, checkpoint } => {
                if index != 1 {
                    return Err(KeyringError::Predecessor(format!(
                        "entry 1 names it or none does, and this is entry {index}"
                    )));
                }
                let predecessor = Predecessor::open(log_key, checkpoint).map_err(KeyringError::Predecessor)?;
                if self.origin.as_deref() == Some(&predecessor.checkpoint.origin) {
                    return Err(KeyringError::Predecessor("it has the same origin".to_owned()));
                }
                self.predecessor = Some(predecessor);
                Ok(())
            }
            // For those who read the log: it changes nothing about who may do what.
            Administration::GuardAccepted { .. } => Ok(()),
            Administration::ProducerRegistered {
                name,
                public_key,
                scope,
                valid_from,
                valid_until,
            } => {
                if let (Some(from), Some(until)) = (valid_from, valid_until)
                    && from >= until
                {
                    return Err(KeyringError::Period);
                }
                if let Some(pattern) = scope.event_types.iter().find(|pattern| !is_event_type(pattern)) {
                    return Err(KeyringError::EventType(pattern.clone()));
                }
                self.add(Producer {
                    name: name.clone(),
                    key: PublicKey::from_pem(public_key)?,
                    scope: scope.clone(),
                    valid_from: *valid_from,
                    valid_until: *valid_until,
                    registered_at: recorded_at,
                    registered_at_index: index,
                    revoked_at_index: None,
                })
            }
            Administration::ProducerRevoked { name, .. } => {
                let producer = self.by_name.get(name).and_then(|at| self.producers.get_mut(*at));
                match producer {
                    Some(producer) if producer.registered_at_index == 0 => Err(KeyringError::ServiceKey),
                    Some(producer) if producer.revoked_at_index.is_none() => {
                        producer.revoked_at_index = Some(index);
                        Ok(())
                    }
                    _ => Err(KeyringError::NotRegistered(name.clone())),
                }
            }
            Administration::TokenIssued {
                id,
                name,
                role,
                reach,
                secret_sha256,
                valid_until,
            } => {
                reach.fits(*role)?;
                let secret_sha256 = Hash::from_hex(secret_sha256).ok_or(KeyringError::TokenHash)?;
                if self.token(id).is_some() {
                    return Err(KeyringError::TokenTaken(id.clone()));
                }
                self.tokens.push(Token {
                    id: id.clone(),
                    name: name.clone(),
                    role: *role,
                    reach: reach.clone(),
                    secret_sha256,
                    valid_until: *valid_until,
                    issued_at_index: index,
                    revoked_at_index: None,
                });
                Ok(())
            }
            Administration::TokenRevoked { id, .. } => {
                let token = self
                    .tokens
                    .iter_mut()
                    .find(|token| token.id == *id && token.revoked_at_index.is_none());
                token.ok_or_else(|| KeyringError::NoToken(id.clone()))?.revoked_at_index = Some(index);
                Ok(())
            }
            Administration::EventErased {
                index: erased,
                reason,
                identity,
                ..
            } => {
                let erasure = Erasure {
                    index: *erased,
                    by: index,
                    at: recorded_at,
                    reason: *reason,
                };
                Ok(self.erasures.add(erasure, identity)?)
            }
        }
    }

    /// The keys that may have made a signature with this key id, which nobody vouches for: for [`ledger::Envelope::verify`].
    /// Our own form of key id and a producer's name say which; any other word is somebody else's and all keys are tried.
    /// A key that was named and is revoked is among them, so that the answer can be "revoked" instead of "unknown".
    pub fn candidates(&self, keyid: Option<&str>) -> Vec<PublicKey> {
        let hinted = keyid.and_then(|keyid| match keyid.parse::<KeyId>() {
            Ok(key) => Some(self.producer(&key)),
            Err(_) => self.named(keyid).map(Some),
        });
        if let Some(producer) = hinted {
            return producer.map(|producer| producer.key).into_iter().collect();
        }
        self.producers
            .iter()
            .filter(|producer| producer.revoked_at_index.is_none())
            .map(|producer| producer.key)
            // One more than can be tried, which says that there are more.
            .take(MAX_KEY_TRIES + 1)
            .collect()
    }

    /// The producer with this key, revoked or not.
    pub fn producer(&self, key: &KeyId) -> Option<&Producer> {
        self.by_key.get(key).and_then(|at| self.producers.get(*at))
    }

    /// The newest producer of this name, revoked or not.
    pub fn named(&self, name: &str) -> Option<&Producer> {
        self.by_name.get(name).and_then(|at| self.producers.get(*at))
    }

    /// All producers that ever were, in the order of their registration, the service itself first.
    pub fn producers(&self) -> &[Producer] {
        &self.producers
    }

    /// All tokens that ever were, in the order of their issue.
    pub fn tokens(&self) -> &[Token] {
        &self.tokens
    }

    /// The token with this id, revoked or not.
    pub fn token(&self, id: &str) -> Option<&Token> {
        self.tokens.iter().find(|token| token.id == id)
    }

    /// Which content was destroyed.
    pub fn erasures(&self) -> &Erasures {
        &self.erasures
    }

    /// The service itself.
    pub fn service(&self) -> Option<&Producer> {
        self.producers.first()
    }

    /// The log that this one continues.
    pub fn predecessor(&self) -> Option<&Predecessor> {
        self.predecessor.as_ref()
    }

    /// The origin of the log.
    pub fn origin(&self) -> Option<&str> {
        self.origin.as_deref()
    }

    /// The producer of an event: the first of its signers that may have it recorded at this time. None of them may have been
    /// revoked, or be outside its period.
    pub fn admit(&self, signers: &[Signer], event: &Event, recorded_at: Instant) -> Result<&Producer, PermissionError> {
        let mut producer = None;
        let mut refusal = None;
        for signer in signers {
            match self.permit(&signer.key, event, recorded_at) {
                Ok(permitted) => producer = producer.or(Some(permitted)),
                Err(error @ (PermissionError::Scope(_) | PermissionError::Reserved(_))) => {
                    refusal.get_or_insert(error);
                }
                Err(error) => return Err(error),
            }
        }
        producer.ok_or_else(|| refusal.unwrap_or(PermissionError::Unsigned))
    }

    /// The producer that signed an event with this key, if it may have it recorded at this time.
    pub fn permit(&self, key: &KeyId, event: &Event, recorded_at: Instant) -> Result<&Producer, PermissionError> {
        let producer = self.valid(key, recorded_at)?;
        producer.scope.permits(event)?;
        if producer.registered_at_index != 0 {
            if event.extension.received.is_some() {
                return Err(PermissionError::Reserved("received"));
            }
            if event.extension.gate.is_some() {
                return Err(PermissionError::Reserved("gate"));
            }
            if event.extension.document.is_some() {
                return Err(PermissionError::Reserved("document"));
            }
            if event.extension.question.is_some() {
                return Err(PermissionError::Reserved("question"));
            }
            if event.extension.administration.is_some() {
                return Err(PermissionError::Reserved("administration"));
            }
        }
        Ok(producer)
    }

    /// The producer with this key, if it may have anything recorded at this time: all that can be asked of an event whose
    /// content is gone.
    pub fn valid(&self, key: &KeyId, recorded_at: Instant) -> Result<&Producer, PermissionError> {
        let producer = self.producer(key).ok_or(PermissionError::Unknown(*key))?;
        let name = || producer.name.clone();
        if let Some(index) = producer.revoked_at_index {
            return Err(PermissionError::Revoked(name(), index));
        }
        if let Some(from) = producer.valid_from
            && recorded_at < from
        {
            return Err(PermissionError::NotYet(name(), from));
        }
        if let Some(until) = producer.valid_until
            && recorded_at >= until
        {
            return Err(PermissionError::Expired(name(), until));
        }
        Ok(producer)
    }

    fn add(&mut self, producer: Producer) -> Result<(), KeyringError> {
        if let Some(other) = self.producer(&producer.key.id()) {
            return Err(KeyringError::KeyTaken(other.name.clone()));
        }
        // A name can be given again after its key was revoked: that is how a producer changes its key.
        if self
            .named(producer.name.as_str())
            .is_some_and(|other| other.revoked_at_index.is_none())
        {
            return Err(KeyringError::NameTaken(producer.name));
        }
        let at = self.producers.len();
        self.by_key.insert(producer.key.id(), at);
        self.by_name.insert(producer.name.clone(), at);
        self.producers.push(producer);
        Ok(())
    }
}

fn service_name() -> Result<ProducerName, KeyringError> {
    SERVICE_PRODUCER.parse().map_err(|_| KeyringError::Creation)
}

fn is_event_type(pattern: &str) -> bool {
    (1..=256).contains(&pattern.len()) && pattern.bytes().all(|b| b.is_ascii_graphic())
}

#[cfg(test)]
mod tests;
