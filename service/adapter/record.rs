//! The CDEvent that an adapter makes: specification 0.5.1, with the delivery it came from.

use base64ct::{Base64, Encoding as _};
use serde_json::{Value, json};

use super::AdapterError;
use crate::domain::extension::{Extension, Received};
use crate::domain::instant::Instant;

/// The delivery that events are made from.
pub(super) struct Delivery<'a> {
    /// Who sent it: `github`.
    pub(super) from: &'static str,
    /// The sender's name for what happened.
    pub(super) event: &'a str,
    /// The sender's id of the delivery.
    pub(super) id: &'a str,
    /// As received.
    pub(super) body: &'a [u8],
    /// Where it happened, as a URI.
    pub(super) source: &'a str,
}

/// What an adapter says of one event; the rest follows from the delivery.
pub(super) struct Record {
    pub(super) event_type: &'static str,
    pub(super) at: Instant,
    pub(super) subject: String,
    pub(super) content: Value,
    pub(super) extension: Extension,
}

impl Delivery<'_> {
    /// Writes the events of this delivery. The same delivery gives the same bytes, so that a repeated one is the same record.
    pub(super) fn write(&self, records: Vec<Record>) -> Result<Vec<Vec<u8>>, AdapterError> {
        records
            .into_iter()
            .enumerate()
            .map(|(ordinal, record)| self.payload(ordinal, record))
            .collect()
    }

    fn payload(&self, ordinal: usize, record: Record) -> Result<Vec<u8>, AdapterError> {
        let id = match ordinal {
            0 => self.id.to_owned(),
            ordinal => format!("{}.{ordinal}", self.id),
        };
        let extension = Extension {
            received: Some(Received {
                from: self.from.to_owned(),
                event: self.event.to_owned(),
                delivery: self.id.to_owned(),
                body: (ordinal == 0).then(|| Base64::encode_string(self.body)),
            }),
            ..record.extension
        };
        serde_json::to_vec(&json!({
            "context": {
                "specversion": "0.5.1",
                "id": id,
                "source": self.source,
                "type": record.event_type,
                "timestamp": record.at,
            },
            "subject": { "id": record.subject, "source": self.source, "content": record.content },
            "customData": { "shipslog": extension },
        }))
        .map_err(|error| AdapterError::Write(error.to_string()))
    }
}
