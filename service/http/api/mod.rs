//! The JSON API, one noun a file.

pub mod asked;
pub mod completeness;
pub mod controls;
pub mod deployments;
pub mod documents;
pub mod erasure;
pub mod events;
pub mod gate;
pub mod health;
pub mod hooks;
pub mod incidents;
pub mod links;
pub mod log;
pub mod metrics;
pub mod producers;
pub mod proofs;
pub(super) mod query;
pub mod search;
pub mod tokens;
