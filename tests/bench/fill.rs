//! Fills a log quickly, through the service itself: large batches, signed while the ones before are recorded.

use std::ops::Range;

use crate::events::{self, Form, Producer};
use crate::load::{self, Load};
use crate::server::Server;

/// Events of a batch: as many as the service commits at once.
const BATCH: usize = 500;
const CONNECTIONS: usize = 4;
/// Events that are held in memory.
const CHUNK: usize = 50_000;

/// Records the events of these numbers.
pub fn fill(server: &Server, producers: &[Producer], numbers: Range<usize>, form: Form) {
    let total = numbers.len();
    let chunks: Vec<Range<usize>> = numbers
        .clone()
        .step_by(CHUNK)
        .map(|begin| begin..(begin + CHUNK).min(numbers.end))
        .collect();
    let prepare = |chunk: Range<usize>| events::batches(&events::envelopes(producers, chunk, form), BATCH);
    let begin = std::time::Instant::now();
    let mut prepared = chunks.first().cloned().map(prepare);
    let mut done = 0;
    for (place, chunk) in chunks.iter().enumerate() {
        let requests = prepared.take().unwrap();
        std::thread::scope(|scope| {
            let next = chunks.get(place + 1).cloned();
            let preparing = scope.spawn(|| next.map(prepare));
            let load = Load {
                connections: CONNECTIONS,
                seconds: 600.0,
                rate: None,
                repeat: false,
            };
            let measured = load::run(server, &requests, load);
            assert_eq!(measured.events, chunk.len(), "every event is recorded");
            prepared = preparing.join().unwrap();
        });
        let before = done;
        done += chunk.len();
        if done / 1_000_000 > before / 1_000_000 {
            eprintln!("{done} of {total} entries after {:.0} s", begin.elapsed().as_secs_f64());
        }
    }
}
