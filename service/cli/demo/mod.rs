//! `demo`: the service on a temporary directory, with a realistic signed history.

mod cast;
pub mod scenario;
mod scribe;
