//! When the last connection is closed: with it SQLite moves its write-ahead log into the database file and removes it.
//!
//! Whoever has a connection also holds on to what it was opened with, and lets that go after it.

use std::sync::Weak;
use std::time::{Duration, Instant};

use super::connection::Connect;

/// How long the end of a service waits for those who still have one.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often it looks.
pub(super) const PAUSE: Duration = Duration::from_millis(5);

/// All connections to a database, of whatever thread.
pub struct Connections(pub(super) Weak<Connect>);

impl Connections {
    /// Waits until none is open; false if somebody keeps one for too long. What was committed is durable either way.
    pub fn closed(&self) -> bool {
        let deadline = Instant::now() + PATIENCE;
        while self.0.strong_count() > 0 {
            if Instant::now() > deadline {
                return false;
            }
            std::thread::sleep(PAUSE);
        }
        true
    }
}
