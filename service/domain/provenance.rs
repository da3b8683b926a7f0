//! Where an artifact comes from, as somebody verified it: a fact about a digest, told with an event about the artifact.
//!
//! The statement itself (in-toto, SLSA) is not read here. What is recorded is which statement it was, which builder it names, and
//! how its verification ended.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Provenance of an artifact: `customData.shipslog.provenance` of an event about that artifact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Provenance {
    /// `predicateType` of the in-toto statement, such as `https://slsa.dev/provenance/v1` or
    /// `https://slsa.dev/verification_summary/v1`.
    pub predicate_type: String,
    /// Id of the builder that the statement names.
    pub builder: String,
    /// Whether the statement was verified for this digest, and held.
    pub verified: bool,
    /// Who or what verified it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verifier: Option<String>,
    /// SHA-256 of the statement's envelope, in hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statement_sha256: Option<String>,
    /// Where the statement is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
}
