//! What the business says: events, producers, deployments, incidents, evidence.
//!
//! Pure: no IO, no clock, no database, no HTTP. Everything here is made by parsing verified bytes or by folding
//! facts that were, and says so in its type.

pub mod administered;
pub mod alias;
pub mod artifact;
pub mod attestation;
pub mod catalogue;
pub mod change;
pub mod conclusion;
pub mod dependency;
pub mod deployment;
pub mod erasure;
pub mod event;
pub mod evidence;
pub mod exception;
pub mod exposure;
pub mod extension;
pub mod facts;
#[cfg(test)]
pub mod fixture;
pub mod gate;
pub mod highlight;
pub mod history;
pub mod id;
pub mod incident;
pub mod instant;
pub mod issued;
pub mod keyring;
pub mod lineage;
pub mod link;
pub mod parse;
pub mod period;
pub mod pointer;
pub mod predecessor;
pub mod producer;
pub mod provenance;
pub mod pushed;
pub mod question;
pub mod reach;
pub mod reference;
pub mod sequence;
pub mod service;
pub mod snapshot;
pub mod words;
pub mod zone;

pub use erasure::{Erasure, ErasureReason};
pub use event::{Body, Event, EventType, Outcome, Recorded};
pub use extension::Extension;
pub use id::{DeploymentId, EnvironmentName, IncidentId, ProducerName, ServiceName};
pub use instant::Instant;
pub use period::{Period, PeriodError};
pub use predecessor::Predecessor;
pub use reach::Reach;
pub use zone::Zone;
