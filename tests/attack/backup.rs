//! A backup is put back: what was promised since is not in it, and a service that went on from it would fork the log.

use super::{Site, Tally};
use crate::support::Backend;
use crate::support::database::TestDatabase;

const SENDERS: usize = 4;

/// Takes a copy, records more, puts the copy in place: nothing may be signed on top of it. With the newest state back,
/// everything is as it was promised, and it goes on.
pub fn restored_backup(mut site: Site, backend: Backend) -> Tally {
    let mut copy: Option<TestDatabase> = None;
    for _ in 0..2 {
        if !site.up() {
            return site.close();
        }
        let load = site.load(SENDERS);
        load.wait_for(30);
        load.stop();
        // Published too, so that others know of it.
        site.check();
        site.end();
        copy.get_or_insert_with(|| site.database.copy());
    }
    let backup = copy.expect("one was taken");
    let before = super::operator::contents(&backup, backend);
    let url = std::mem::replace(&mut site.url, backup.url.clone());
    match site.start() {
        // It may refuse to serve at all; what it must not do is go on.
        Err(_) => {}
        Ok(_) => {
            let refused = site.refuses();
            if !refused {
                site.find("E: it goes on from a state that is behind what it signed".to_owned());
            }
        }
    }
    site.end();
    let after = super::operator::contents(&backup, backend);
    for table in ["entry", "checkpoint", "head"] {
        if before[table] != after[table] {
            site.find(format!(
                "E: {table} went on from a state that is behind what was signed"
            ));
        }
    }
    site.url = url;
    site.check();
    let load = site.load(SENDERS);
    if !load.wait_for(10) {
        site.find("B: it does not go on with its newest state".to_owned());
    }
    load.stop();
    site.close()
}
