//! How many records may be under way at once: asked before the work on a record, so that under too much load what is refused
//! costs next to nothing, and what is taken in does not wait for long.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Records that may be under way at once: some tens of milliseconds of work.
const MOST: usize = 512;

/// Lets in only so many.
#[derive(Clone, Default)]
pub(super) struct Gate(Arc<AtomicUsize>);

/// Records under way, until this is dropped.
pub struct UnderWay {
    gate: Arc<AtomicUsize>,
    records: usize,
}

impl Gate {
    /// Lets in as many more, if there is room for one. Those of a batch come and go together.
    pub(super) fn enter(&self, records: usize) -> Option<UnderWay> {
        let under_way = UnderWay {
            gate: self.0.clone(),
            records,
        };
        (self.0.fetch_add(records, Ordering::Relaxed) < MOST).then_some(under_way)
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.gate.fetch_sub(self.records, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_refused_takes_no_room_and_who_leaves_makes_room() {
        let gate = Gate::default();
        let mut inside: Vec<UnderWay> = (0..MOST).map(|_| gate.enter(1).unwrap()).collect();
        for _ in 0..3 {
            assert!(gate.enter(1).is_none());
        }
        inside.pop();
        let one = gate.clone().enter(1).unwrap();
        assert!(gate.enter(1).is_none());
        drop((one, inside));
        assert_eq!(
            (0..MOST + 1).map_while(|_| gate.enter(1)).collect::<Vec<_>>().len(),
            MOST
        );
    }

    #[test]
    fn a_batch_takes_the_room_of_its_records_until_it_leaves() {
        let gate = Gate::default();
        let batches: Vec<UnderWay> = (0..4).map(|_| gate.enter(MOST / 4).unwrap()).collect();
        assert!(gate.enter(1).is_none());
        assert!(gate.enter(MOST / 4).is_none());
        drop(batches);
        assert!(gate.enter(1).is_some());
    }
}
