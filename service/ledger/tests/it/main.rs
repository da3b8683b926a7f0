//! Tests of the ledger crate from outside: what is published about the formats, vectors of other projects, a naive
//! Merkle tree, and damage to every byte.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking, in its helpers too"
)]

mod cosigning;
mod damage;
mod hostile;
mod keys;
mod naive;
mod policies;
mod published;
mod records;
mod support;
mod texts;
mod trees;
mod vectors;
