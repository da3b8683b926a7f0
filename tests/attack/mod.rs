//! The attack harness: tries to make the service lose, change or invent what it acknowledged, and would notice.
//!
//! A [`Site`] is one log under attack. [`Load`] sends events to it and writes down in a [`Journal`] what was promised; the
//! fault happens; [`Site::check`] compares what is there with what was promised. `tests/it` runs the quick part, `tests/soak`
//! the long one. It never trusts the service about itself: what is compared is read and hashed here, without the `ledger` crate.

#![allow(dead_code, reason = "each of the two uses its part")]

pub mod backup;
pub mod bugs;
mod check;
pub mod cluster;
pub mod commit;
pub mod crash;
pub mod disk;
pub mod evil;
mod journal;
pub mod kill;
mod load;
pub mod manipulations;
pub mod operator;
pub mod power;
mod random;
mod replica;
mod site;
pub mod steps;
pub mod strace;

use crate::support::port;

pub use random::Random;
pub use site::{Site, Tally};
