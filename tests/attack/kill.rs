//! Kills, also while it recovers from the one before, and standing still.

use std::time::Duration;

use super::{Random, Site, Tally};

const SENDERS: usize = 6;

/// `kill -9` at a random moment under load, again and again; every other time also while it starts.
pub fn kill_loop(mut site: Site, cycles: u64, random: &mut Random) -> Tally {
    for cycle in 0..cycles {
        if !site.up() {
            break;
        }
        let load = site.load(SENDERS);
        if !load.wait_for(random.between(10..120)) {
            site.find("B: it takes nothing in".to_owned());
        }
        // Often at once, while the answer is still on its way to others: what was promised too early is lost then.
        if cycle % 2 == 1 {
            std::thread::sleep(Duration::from_micros(random.between(0..20_000)));
        }
        site.kill();
        load.stop();
        if cycle % 4 >= 2 {
            site.die_starting(Duration::from_millis(random.between(5..150)));
        }
        if !site.check() {
            break;
        }
    }
    site.close()
}

/// Stopped and continued under load, as a machine that swaps or a debugger does.
pub fn stand_still(mut site: Site, times: u64, pause: Duration) -> Tally {
    if site.up() {
        let load = site.load(SENDERS);
        for _ in 0..times {
            if !load.wait_for(30) {
                site.find("B: it does not go on".to_owned());
                break;
            }
            site.service().signal("STOP");
            std::thread::sleep(pause);
            site.service().signal("CONT");
        }
        load.wait_for(1);
        load.stop();
    }
    site.close()
}
