//! The database killed under load.

use std::time::Duration;

use super::cluster::Cluster;
use super::{Random, Site, Tally};
use crate::support::database::TestDatabase;

const SENDERS: usize = 4;

/// `kill -9` of the database under load, again and again. The service is never restarted.
pub fn crash_loop(cluster: &mut Cluster, cycles: u64, random: &mut Random) -> Tally {
    let mut site = Site::on(TestDatabase::within(&cluster.url()));
    for _ in 0..cycles {
        if !site.up() {
            break;
        }
        let load = site.load(SENDERS);
        if !load.wait_for(random.between(10..80)) {
            site.find("B: it takes nothing in".to_owned());
        }
        std::thread::sleep(Duration::from_micros(random.between(0..20_000)));
        cluster.kill();
        std::thread::sleep(Duration::from_millis(random.between(0..300)));
        cluster.start();
        if !load.wait_for(5) {
            site.find("B: it does not recover from a crash of the database".to_owned());
        }
        load.stop();
        if !site.check() {
            break;
        }
    }
    site.close()
}
