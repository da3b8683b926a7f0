//! Shipslog: a deployment audit ledger and documentation service.
//!
//! `service/README.md` is the map: what each module is for and which may use which.

pub mod check;
pub mod correlate;
pub mod document;
pub mod domain;
pub mod render;
