//! The same work on many things, spread over the cores. What comes out is what a loop would give, in its order; it must not be
//! used where the work is not the same whoever does it.

use std::num::NonZero;
use std::thread;

/// Fewer are done faster than threads are started.
const FEW: usize = 256;

/// Maps a list.
pub fn map<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let share = items.len().div_ceil(cores);
    if items.len() < FEW || cores < 2 {
        return items.iter().map(work).collect();
    }
    let (first, others) = items.split_at(share);
    let work = &work;
    thread::scope(|scope| {
        let others = others.chunks(share);
        let others: Vec<_> = others
            .map(|some| scope.spawn(move || some.iter().map(work).collect::<Vec<R>>()))
            .collect();
        let mut done: Vec<R> = first.iter().map(work).collect();
        for other in others {
            match other.join() {
                Ok(part) => done.extend(part),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        done
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_loop() {
        for length in [0, 1, FEW - 1, FEW, FEW + 1, 10 * FEW + 7] {
            let list: Vec<usize> = (0..length).collect();
            let twice: Vec<usize> = list.iter().map(|n| n * 2).collect();
            assert_eq!(map(&list, |n| n * 2), twice);
        }
    }
}
