//! The attack harness: tries to make the service lose, change or invent what it acknowledged, and would notice.
//!
//! A [`Site`] is one log under attack. [`Load`] sends events to it and writes down in a [`Journal`] what was promised; the
//! fault happens; [`Site::check`] compares what is there with what was promised. `tests/it` runs the quick part, `tests/soak`
//! the long one. It never trusts the service about itself: what is compared is read and hashed here, without the `ledger` crate.

mod check;
mod journal;
mod load;
pub mod manipulations;
pub mod operator;
mod random;
mod replica;
mod site;

pub use random::Random;
pub use replica::Replica;
pub use site::Site;
