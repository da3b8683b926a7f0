//! Steps of a batch that fail in the database, alone and while the writer recovers from another.

use std::time::Duration;

use super::{Random, Site, Tally};
use crate::support::Backend;

const SENDERS: usize = 4;
/// How long each fault lasts: a batch fails, and the writer tries again, several times.
const LASTS: Duration = Duration::from_millis(150);

/// Everything that a batch writes, step by step.
pub const STEPS: [(&str, &str); 6] = [
    ("INSERT", "entry"),
    ("INSERT", "envelope"),
    ("INSERT", "event"),
    ("INSERT", "reference"),
    ("INSERT", "checkpoint"),
    ("UPDATE", "head"),
];
/// What is written a moment later.
const PUBLICATION: (&str, &str) = ("INSERT", "publication");
/// What the writer reads when it loads the log again. While one of them has another name, it cannot.
const READ: [&str; 5] = ["head", "entry", "checkpoint", "publication", "event"];

/// SQL that makes a step fail from now on.
pub fn break_step(backend: Backend, verb: &str, table: &str) -> String {
    match backend {
        Backend::Sqlite => {
            format!(
                "CREATE TRIGGER fault BEFORE {verb} ON {table} BEGIN SELECT RAISE(ABORT, 'a fault of the test'); END"
            )
        }
        Backend::Postgres => format!(
            "CREATE TRIGGER fault BEFORE {verb} ON {table} FOR EACH ROW EXECUTE FUNCTION refuse_change('a fault of the test')"
        ),
    }
}

/// SQL that mends it.
pub fn mend_step(backend: Backend, table: &str) -> String {
    match backend {
        Backend::Sqlite => "DROP TRIGGER fault".into(),
        Backend::Postgres => format!("DROP TRIGGER fault ON {table}"),
    }
}

/// Under load: every step fails for a while; then, so many times, a random one and with it what recovery reads, or
/// another step right after.
pub fn failing_steps(mut site: Site, backend: Backend, pairs: u64, random: &mut Random) -> Tally {
    if !site.up() {
        return site.close();
    }
    let load = site.load(SENDERS);
    let steps = [&STEPS[..], &[PUBLICATION]].concat();
    let count = steps.len() as u64;
    let step = |number: u64| steps[(number % count) as usize];
    for number in 0..count + pairs {
        if !load.wait_for(5) {
            site.find(format!("B: it does not recover from fault {number}"));
            break;
        }
        let (verb, table) = step(if number < STEPS.len() as u64 {
            number
        } else {
            random.next()
        });
        run(&site, &break_step(backend, verb, table));
        std::thread::sleep(LASTS);
        if number >= count {
            if random.next().is_multiple_of(2) {
                let read = READ[random.between(0..READ.len() as u64) as usize];
                run(&site, &format!("ALTER TABLE {read} RENAME TO away"));
                std::thread::sleep(LASTS);
                run(&site, &format!("ALTER TABLE away RENAME TO {read}"));
            } else {
                run(&site, &mend_step(backend, table));
                let (verb, other) = step(random.next());
                run(&site, &break_step(backend, verb, other));
                std::thread::sleep(LASTS);
                run(&site, &mend_step(backend, other));
                continue;
            }
        }
        run(&site, &mend_step(backend, table));
    }
    load.wait_for(5);
    load.stop();
    site.close()
}

/// An operator's statement; the service may hold a lock just now.
fn run(site: &Site, sql: &str) {
    let mut last = String::new();
    for _ in 0..20 {
        match site.database.execute(sql) {
            Ok(()) => return,
            Err(error) => last = error,
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("{sql}: {last}");
}
