//! The CDEvent that an adapter makes: specification 0.5.1, with the delivery it came from.

use base64ct::{Base64, Encoding as _};
use ledger::sha256;
use serde_json::{Value, json};

use super::AdapterError;
use crate::domain::extension::{BodyNotKept, Extension, Received};
use crate::domain::instant::Instant;

/// Most bytes of a body that is kept. A larger one would make an envelope that many readers of the log have no room for: base64 in
/// base64 is nearly twice as long.
pub(crate) const MOST_KEPT: usize = 512 << 10;
/// Most bytes of an event whose body is not kept; of a push that lists more, the oldest commits are counted and left out.
const MOST_TOLD: usize = 1 << 20;

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
    /// Their ids follow from the body, which alone is authenticated: under whatever name it comes, it is recorded once.
    pub(super) fn write(&self, records: Vec<Record>) -> Result<Vec<Vec<u8>>, AdapterError> {
        records
            .into_iter()
            .enumerate()
            .map(|(ordinal, record)| self.payload(ordinal, record))
            .collect()
    }

    fn payload(&self, ordinal: usize, mut record: Record) -> Result<Vec<u8>, AdapterError> {
        let digest = sha256(self.body).to_hex();
        let id = match ordinal {
            0 => digest.clone(),
            ordinal => format!("{digest}.{ordinal}"),
        };
        let (first, kept) = (ordinal == 0, self.body.len() <= MOST_KEPT);
        let received = Received {
            from: self.from.to_owned(),
            event: self.event.to_owned(),
            delivery: self.id.to_owned(),
            body: (first && kept).then(|| Base64::encode_string(self.body)),
            body_not_kept: (first && !kept).then_some(BodyNotKept {
                sha256: digest,
                bytes: self.body.len() as u64,
            }),
        };
        if !kept {
            leave_out_oldest(&mut record.extension)?;
        }
        bytes(&record.event(&id, self.source, received))
    }
}

/// Leaves out, and counts, the oldest commits of a list that is too long for one record.
fn leave_out_oldest(extension: &mut Extension) -> Result<(), AdapterError> {
    let (mut room, mut kept) = (MOST_TOLD, 0);
    for commit in extension.commits.iter().rev() {
        let length = serde_json::to_vec(commit).map_err(unwritten)?.len();
        match room.checked_sub(length) {
            Some(rest) => room = rest,
            None => break,
        }
        kept += 1;
    }
    let left_out = extension.commits.len() - kept;
    extension.commits.drain(..left_out);
    extension.commits_left_out = u32::try_from(left_out).ok().filter(|left_out| *left_out > 0);
    Ok(())
}

impl Record {
    /// The whole event, with what it was made from.
    pub(super) fn event(self, id: &str, source: &str, received: Received) -> Value {
        let extension = Extension {
            received: Some(received),
            ..self.extension
        };
        json!({
            "context": {
                "specversion": "0.5.1",
                "id": id,
                "source": source,
                "type": self.event_type,
                "timestamp": self.at,
            },
            "subject": { "id": self.subject, "source": source, "content": self.content },
            "customData": { "shipslog": extension },
        })
    }
}

/// The payload of an event.
pub(super) fn bytes(event: &Value) -> Result<Vec<u8>, AdapterError> {
    serde_json::to_vec(event).map_err(unwritten)
}

fn unwritten(error: serde_json::Error) -> AdapterError {
    AdapterError::Write(error.to_string())
}
