//! Documents that were issued: an entry that says what a document was made from and what its bytes hash to. Whoever
//! renders it again from the same tree size gets the same bytes, or knows that they are not what was issued.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::id::{EnvironmentName, ServiceName};
use super::instant::Instant;

/// Type of the events that record it.
pub const DOCUMENT_ISSUED: &str = "dev.cdeventsx.shipslog-document.issued.0.1.0";

/// A document that was issued: `customData.shipslog.document` of an event of the type
/// `dev.cdeventsx.shipslog-document.issued.0.1.0`, which the service alone signs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IssuedDocument {
    /// What it is: `release_notes`, `compliance_report`, `service_report` or `sample`.
    pub kind: String,
    /// Its title.
    pub title: String,
    /// The question, as a command that gives the same document again.
    pub query: String,
    /// Only entries below this index entered it.
    pub tree_size: u64,
    /// Root hash at that size, in base64.
    pub root: String,
    /// The zone of its dates.
    pub time_zone: String,
    /// Name of the template that rendered it.
    pub template: String,
    /// SHA-256 of the template, in hex.
    pub template_sha256: String,
    /// Version of the program that made it.
    pub tool_version: String,
    /// SHA-256 of the Markdown form, in hex.
    pub markdown_sha256: String,
    /// SHA-256 of the HTML form, in hex.
    pub html_sha256: String,
    /// SHA-256 of the JSON form, in hex.
    pub json_sha256: String,
    /// What was drawn, of a sample.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sample: Option<IssuedSample>,
}

/// What was drawn from where, so that auditors can say what they conclude of each item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IssuedSample {
    /// The environment.
    #[schema(value_type = String)]
    pub environment: EnvironmentName,
    /// The service, where it is of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub service: Option<ServiceName>,
    /// Start of the period.
    #[schema(value_type = String, format = DateTime)]
    pub from: Instant,
    /// End of the period, not included.
    #[schema(value_type = String, format = DateTime)]
    pub to: Instant,
    /// First entries of the deployments that were drawn, in the order of the sample.
    pub items: Vec<u64>,
}
