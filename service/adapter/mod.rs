//! Deliveries of other systems, turned into CDEvents that the service signs and records on their behalf.
//!
//! Pure: bytes in, payloads out. An adapter authenticates and translates; it never decides what is recorded, never fetches
//! anything, and never guesses what a delivery does not say. Everything it makes is read back by [`crate::domain::parse`].

pub mod alertmanager;
pub mod github;
mod record;

pub(crate) use record::MOST_KEPT;

/// Why a delivery is not turned into events.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AdapterError {
    /// The sender's id of the delivery is missing or unusable.
    #[error("the delivery id must be 1 to 128 visible ASCII characters")]
    Delivery,
    /// The body is not JSON that everybody would read alike.
    #[error(transparent)]
    Json(#[from] ledger::json::JsonError),
    /// The body is not what the sender's documentation says.
    #[error("{pointer}: {message}")]
    Body {
        /// JSON pointer into the body; empty for the whole of it.
        pointer: String,
        /// What is wrong.
        message: String,
    },
    /// The event could not be written. This does not happen with text from a JSON document.
    #[error("the event cannot be written: {0}")]
    Write(String),
}

fn missing(pointer: &str) -> AdapterError {
    refused(pointer, "is required")
}

fn refused(pointer: &str, message: impl ToString) -> AdapterError {
    AdapterError::Body {
        pointer: pointer.to_owned(),
        message: message.to_string(),
    }
}

/// Why a sender that shows a secret is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BearerError {
    /// There is no such header, or it is of another form.
    #[error("the header must be: Bearer SECRET")]
    Form,
    /// It is another secret.
    #[error("this is not the secret that is shared with the sender")]
    Mismatch,
}

/// Why a signed delivery is not authentic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// The header is not of the form that the sender documents.
    #[error("the signature header must be sha256= and 64 hexadecimal digits")]
    Form,
    /// The body was not authenticated with this secret.
    #[error("the signature does not belong to this body and secret")]
    Mismatch,
}
