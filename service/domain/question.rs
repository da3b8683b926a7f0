//! What an auditor asked the service for: an event of its own kind, about the place that it asks about, so that whoever may not read of
//! that place is not told what others ask there.
//!
//! Its payload type is its own too ([`super::parse::QUESTION_JSON`]): a leaf says that it is a question, so that those whose content is
//! withheld can be counted. Nothing follows from a question for who may do what.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Type of the events that record it.
pub const DOCUMENT_ASKED: &str = "dev.cdeventsx.shipslog-document.asked.0.1.0";
/// Their subject and predicate, which are all that a leaf tells of a question.
pub const DOCUMENT_ASKED_PARTS: [&str; 2] = ["shipslog-document", "asked"];

/// That an auditor asked for a document, or for the history itself: `customData.shipslog.question` of an event of the type
/// `dev.cdeventsx.shipslog-document.asked.0.1.0`, which the service alone signs. Its `environment` and `service` are those that it asks
/// about, where that is one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// Id of the auditor's token.
    pub token: String,
    /// The question, as a command that gives the same answer again.
    pub query: String,
    /// Only entries below this index entered the answer.
    pub tree_size: u64,
    /// SHA-256 of the answer, in hex, where it was one document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}
