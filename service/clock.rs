//! The time, passed in: the system's in service, a settable one where a history is replayed or a test needs the same bytes again.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::Utc;

use crate::domain::Instant;

/// Tells the time.
#[derive(Clone)]
pub struct Clock(Source);

#[derive(Clone)]
enum Source {
    System,
    Settable(Arc<AtomicI64>),
}

/// A hand on a settable clock. A time of `i64::MIN` means the system's.
#[derive(Clone)]
pub struct ClockHand(Arc<AtomicI64>);

impl Clock {
    /// The system's clock.
    pub const fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands at `start` until its hand moves it.
    pub fn settable(start: Instant) -> (Self, ClockHand) {
        let millis = Arc::new(AtomicI64::new(start.as_millis()));
        (Self(Source::Settable(millis.clone())), ClockHand(millis))
    }

    /// Now.
    pub fn now(&self) -> Instant {
        match &self.0 {
            Source::System => Utc::now().into(),
            Source::Settable(millis) => match millis.load(Ordering::SeqCst) {
                i64::MIN => Utc::now().into(),
                millis => Instant::from_millis(millis),
            },
        }
    }
}

impl ClockHand {
    /// Sets the clock.
    pub fn set(&self, now: Instant) {
        self.0.store(now.as_millis(), Ordering::SeqCst);
    }

    /// From now on the clock tells the system's time.
    pub fn release(&self) {
        self.0.store(i64::MIN, Ordering::SeqCst);
    }
}
