//! How many records may be under way at once: asked before the work on a record, so that under too much load what is refused
//! costs next to nothing, and what is taken in does not wait for long.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Records that may be under way at once, each the only one of its request: some tens of milliseconds of work.
const MOST: usize = 512;

/// Lets in only so many.
#[derive(Clone, Default)]
pub(super) struct Gate(Arc<AtomicUsize>);

/// One of the records under way, until it is dropped.
pub struct UnderWay(Arc<AtomicUsize>);

impl Gate {
    /// Lets one more in, if there is room.
    pub(super) fn enter(&self) -> Option<UnderWay> {
        let under_way = UnderWay(self.0.clone());
        (self.0.fetch_add(1, Ordering::Relaxed) < MOST).then_some(under_way)
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_refused_takes_no_room_and_who_leaves_makes_room() {
        let gate = Gate::default();
        let mut inside: Vec<UnderWay> = (0..MOST).map(|_| gate.enter().unwrap()).collect();
        for _ in 0..3 {
            assert!(gate.enter().is_none());
        }
        inside.pop();
        let one = gate.clone().enter().unwrap();
        assert!(gate.enter().is_none());
        drop((one, inside));
        assert_eq!(
            (0..MOST + 1).map_while(|_| gate.enter()).collect::<Vec<_>>().len(),
            MOST
        );
    }
}
