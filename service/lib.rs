//! Shipslog: a deployment audit ledger and documentation service.
//!
//! `service/README.md` is the map: what each module is for and which may use which.

pub mod adapter;
pub mod app;
pub mod audit;
pub mod catalogue;
pub mod check;
pub mod cli;
pub mod clock;
pub mod config;
pub mod correlate;
pub mod data;
pub mod disk;
pub mod document;
pub mod domain;
pub mod entropy;
pub mod fork;
pub mod guard;
pub mod http;
pub mod metrics;
pub mod outbound;
pub mod parallel;
pub mod reconcile;
pub mod render;
pub mod sequencer;
pub mod store;
pub mod telemetry;
pub mod witness;
pub mod witnesses;
