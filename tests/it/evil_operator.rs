//! An operator changes the database at random places: every way is noticed, by whom the table in
//! `tests/attack/manipulations.rs` says, and by nobody when nothing was changed.

use rstest::rstest;

use crate::attack::Random;
use crate::attack::evil::every_manipulation;
use crate::support::Backend;
use crate::support::database::TestDatabase;

#[rstest]
fn every_manipulation_is_noticed(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(database) = TestDatabase::new(backend) else {
        return;
    };
    let noticed =
        every_manipulation(backend, database, &mut Random::printed()).unwrap_or_else(|wrong| panic!("{wrong:#?}"));
    println!("{backend:?}: {noticed} manipulations noticed");
    assert!(noticed >= 20);
}
