//! Whether one thing lies within the reach of an auditor's token: exactly what a list within that reach would show.
//!
//! What cannot be placed lies beyond: an event that names no environment where the reach does, and an erased one. What is beyond
//! and what is not there must look the same to whoever asks.

use super::App;
use super::incidents::found;
use super::read::{ReadError, tree_size};
use crate::domain::{Instant, Reach};
use crate::store::StoreError;

impl App {
    /// Whether an event lies within it, as the event itself says where and when.
    pub fn event_lies_within(&self, index: u64, reach: &Reach) -> Result<bool, StoreError> {
        let row = self.database.read(|tx| tx.event_range(index, 1))?.pop();
        Ok(row.is_some_and(|row| {
            let (environment, service) = (row.environment.as_deref(), row.service.as_deref());
            !row.is_erased() && reach.holds(environment, service, Instant::from_millis(row.occurred_ms))
        }))
    }

    /// Whether an incident lies within it, as far as all that is known of it now tells: where it hurt, and when it began.
    pub fn incident_lies_within(&self, id: &str, reach: &Reach) -> Result<bool, ReadError> {
        let incident = self.database.read(|tx| {
            let size = tree_size(tx, None)?;
            found(tx, id, size)
        });
        match incident {
            Ok(incident) => Ok(reach.holds(
                incident.environment.as_ref().map(|name| name.as_str()),
                incident.service.as_ref().map(|name| name.as_str()),
                incident.began().0,
            )),
            Err(ReadError::NotFound { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }
}
