//! The process dies at any moment, or stands still: whatever was acknowledged is there afterwards, as it was acknowledged.

use std::time::Duration;

use rstest::rstest;

use crate::attack::Site;
use crate::support::Backend;

const SENDERS: usize = 6;

#[rstest]
fn no_acknowledged_event_is_lost_when_it_is_killed(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    const ROUNDS: u64 = 6;
    let Some(mut site) = Site::new(backend) else { return };
    for round in 0..ROUNDS {
        site.start().unwrap();
        let load = site.load(SENDERS);
        load.wait_for(20 + 17 * round);
        site.kill();
        load.stop();
        site.start().unwrap();
        assert!(site.check().is_empty(), "{:#?}", site.check());
    }
    let tally = site.close();
    println!("{backend:?}: {tally}");
    tally.assert_kept(20 * ROUNDS);
}

#[rstest]
fn a_service_that_stands_still_goes_on_where_it_was(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let Some(mut site) = Site::new(backend) else { return };
    site.start().unwrap();
    let load = site.load(SENDERS);
    for _ in 0..3 {
        load.wait_for(30);
        site.service().signal("STOP");
        std::thread::sleep(Duration::from_millis(300));
        site.service().signal("CONT");
    }
    load.wait_for(1);
    load.stop();
    let tally = site.close();
    println!("{backend:?}: {tally}");
    tally.assert_kept(80);
}
