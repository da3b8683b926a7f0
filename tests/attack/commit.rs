//! The connection to PostgreSQL breaks at every byte of the exchange around COMMIT, in both directions.

use super::{Site, Tally};
use crate::support::database::TestDatabase;
use crate::support::proxy::{Fault, Proxy};

const SENDERS: usize = 4;
/// `Q`, the length, `COMMIT`, and a zero byte.
const MESSAGE: usize = 12;
/// `CommandComplete` with `COMMIT`, and `ReadyForQuery`.
const ANSWER: usize = 18;

/// Every place at which it can break.
pub fn places() -> impl Iterator<Item = Fault> {
    (0..MESSAGE).map(Fault::Commit).chain((0..=ANSWER).map(Fault::Answer))
}

/// A log whose service goes through the proxy.
pub fn behind(proxy: &Proxy, database: TestDatabase) -> Site {
    let mut site = Site::on(database);
    site.url = proxy.url(&site.database.url);
    site
}

/// Breaks it at each of these places under load. The service is never restarted.
pub fn cut_commits(mut site: Site, proxy: &Proxy, places: impl Iterator<Item = Fault>) -> Tally {
    if !site.up() {
        return site.close();
    }
    let load = site.load(SENDERS);
    for fault in places {
        let fired = proxy.fired();
        proxy.arm(fault);
        if !load.wait_for(8) || proxy.fired() == fired {
            site.find(format!("B: it does not go on after {fault:?}"));
            break;
        }
    }
    load.stop();
    site.close()
}
