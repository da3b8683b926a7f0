//! Every error an HTTP client can see, in one table, as RFC 9457 problem details.

mod documents;
mod kind;

use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, ResponseError};
use ledger::EnvelopeError;
use serde::Serialize;
use utoipa::ToSchema;

use super::api::hooks::AlertAnswer;
use crate::adapter::AdapterError;
use crate::app::{
    AdministrationError, CompletenessError, DecisionError, HookError, IssueError, LogError, PerformanceError,
    ProofsError, ReadError, RecordError, Tombstone, Unknown,
};
use crate::domain::PeriodError;
use crate::domain::erasure::ErasureError;
use crate::domain::keyring::{KeyringError, PermissionError};
use crate::domain::parse::{EventError, EventErrorKind};
use crate::domain::reach::ReachError;
use crate::domain::zone::ZoneError;
use crate::metrics::MetricsError;
use crate::sequencer::SubmitError;
use crate::store::StoreError;

pub use kind::Kind;

/// What went wrong, as RFC 9457 problem details.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Problem {
    /// Stable name of the kind of problem, as a URN.
    #[serde(rename = "type")]
    #[schema(example = "urn:shipslog:problem:invalid-event")]
    pub kind: String,
    /// The kind of problem in words.
    pub title: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// What is wrong with this request, in words.
    pub detail: String,
    /// JSON pointer (RFC 6901) to the member at fault, or the name of the parameter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// What stands in the place of content that was erased.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub erased: Option<Box<Tombstone>>,
    /// What became of each alert of a notification of which not all were recorded, in order.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<AlertAnswer>>, no_recursion)]
    pub alerts: Option<Box<[AlertAnswer]>>,
}

impl Problem {
    /// A problem of a kind.
    pub fn new(kind: Kind, detail: impl Into<String>) -> Self {
        let (slug, status, title) = kind.entry();
        Self {
            kind: format!("urn:shipslog:problem:{slug}"),
            title,
            status: status.as_u16(),
            detail: detail.into(),
            pointer: None,
            erased: None,
            alerts: None,
        }
    }

    /// The same, naming the member or parameter at fault.
    #[must_use]
    pub fn at(mut self, pointer: impl Into<String>) -> Self {
        self.pointer = Some(pointer.into());
        self
    }

    /// Content that is gone, with what stands in its place.
    fn erased(detail: String, tombstone: Box<Tombstone>) -> Self {
        Self {
            erased: Some(tombstone),
            ..Self::new(Kind::Erased, detail)
        }
    }

    fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// A fault of ours: logged in full, told in general.
    pub fn internal(error: &dyn std::fmt::Display) -> Self {
        tracing::error!(%error, "a request failed");
        Self::new(Kind::Internal, "the service could not do this; its log says why")
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.title, self.detail)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.status()
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status());
        response.insert_header((CONTENT_TYPE, "application/problem+json"));
        response.insert_header((
            HeaderName::from_static("cache-control"),
            HeaderValue::from_static("no-store"),
        ));
        match self.status {
            401 => response.insert_header((WWW_AUTHENTICATE, "Bearer")),
            503 => response.insert_header((RETRY_AFTER, "1")),
            _ => &mut response,
        };
        // Serialising strings and a number cannot fail; an empty body would still carry the status.
        response.body(serde_json::to_vec(self).unwrap_or_default())
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Busy(_) => Self::new(Kind::Busy, "no database connection became free; try again"),
            StoreError::Full(_) => Self::new(Kind::StorageLow, error.to_string()),
            StoreError::Open(_) | StoreError::Lost(_) | StoreError::Unconfirmed(_) | StoreError::HeadMoved => {
                tracing::error!(%error, "the database failed");
                Self::new(Kind::Unavailable, "the database cannot be reached; try again")
            }
            StoreError::Url(_)
            | StoreError::InUse(_)
            | StoreError::Unsafe { .. }
            | StoreError::HoldsLog(_)
            | StoreError::Migrate(_)
            | StoreError::Query(_)
            | StoreError::Damaged(_) => Self::internal(&error),
        }
    }
}

impl From<SubmitError> for Problem {
    fn from(error: SubmitError) -> Self {
        let detail = error.to_string();
        match error {
            SubmitError::Busy | SubmitError::Stopped => Self::new(Kind::Busy, detail),
            SubmitError::Unavailable(reason) => {
                tracing::error!(reason, "a record was not taken");
                Self::new(
                    Kind::Unavailable,
                    "the database failed and nothing was recorded; try again",
                )
            }
            SubmitError::Unconfirmed => Self::new(Kind::Unconfirmed, detail),
            SubmitError::ReadOnly(_) => Self::new(Kind::ReadOnlyGuard, detail),
            SubmitError::StorageLow(_) => Self::new(Kind::StorageLow, detail),
            SubmitError::Permission(error) => error.into(),
            SubmitError::Keyring(error) => error.into(),
            SubmitError::Entry(error) => Self::new(Kind::InvalidEvent, error.to_string()).at("/payloadType"),
        }
    }
}

impl From<PermissionError> for Problem {
    fn from(error: PermissionError) -> Self {
        let detail = error.to_string();
        match error {
            PermissionError::Unknown(_) | PermissionError::Unsigned => {
                Self::new(Kind::Unauthenticated, detail).at("/signatures")
            }
            PermissionError::Revoked(..) | PermissionError::NotYet(..) | PermissionError::Expired(..) => {
                Self::new(Kind::Forbidden, detail).at("/signatures")
            }
            PermissionError::Reserved(member) => {
                Self::new(Kind::Forbidden, detail).at(format!("/customData/shipslog/{member}"))
            }
            PermissionError::Scope(scope) => Self::new(Kind::Forbidden, detail).at(scope.pointer()),
        }
    }
}

impl From<KeyringError> for Problem {
    fn from(error: KeyringError) -> Self {
        let detail = error.to_string();
        match error {
            KeyringError::NameTaken(_) => Self::new(Kind::Conflict, detail).at("/name"),
            KeyringError::KeyTaken(_) => Self::new(Kind::Conflict, detail).at("/public_key"),
            KeyringError::Predecessor(_) => Self::new(Kind::InvalidEvent, detail).at("/checkpoint"),
            KeyringError::NotRegistered(_) | KeyringError::ServiceKey | KeyringError::Creation => {
                Self::new(Kind::Conflict, detail)
            }
            KeyringError::TokenTaken(_) | KeyringError::NoToken(_) => Self::new(Kind::Conflict, detail).at("/id"),
            KeyringError::Reach(ReachError::NoAuditor) => Self::new(Kind::InvalidEvent, detail).at("/role"),
            KeyringError::Reach(ReachError::Period) => Self::new(Kind::InvalidEvent, detail).at("/to"),
            KeyringError::TokenHash => Self::new(Kind::InvalidEvent, detail).at("/secret_sha256"),
            KeyringError::Key(_) => Self::new(Kind::InvalidEvent, detail).at("/public_key"),
            KeyringError::Erasure(error) => match error {
                ErasureError::NoEntry(_) => Self::new(Kind::NotFound, detail),
                ErasureError::Administrative(_) | ErasureError::Question(_) | ErasureError::Again { .. } => {
                    Self::new(Kind::Conflict, detail)
                }
                ErasureError::Identity => Self::internal(&error),
            },
            KeyringError::Period => Self::new(Kind::InvalidEvent, detail).at("/valid_until"),
            KeyringError::EventType(_) => Self::new(Kind::InvalidEvent, detail).at("/event_types"),
        }
    }
}

impl From<EnvelopeError> for Problem {
    fn from(error: EnvelopeError) -> Self {
        let (kind, pointer) = match &error {
            EnvelopeError::Json(_) => (Kind::Malformed, error.pointer()),
            EnvelopeError::UnknownKey
            | EnvelopeError::Signature(_)
            | EnvelopeError::NoSignature
            | EnvelopeError::Tries(_) => (Kind::Unauthenticated, error.pointer()),
            EnvelopeError::Entry(_) => (Kind::InvalidEvent, error.pointer()),
        };
        Self::new(kind, error.to_string()).at(pointer)
    }
}

impl From<EventError> for Problem {
    fn from(error: EventError) -> Self {
        let kind = match error.kind {
            EventErrorKind::Malformed => Kind::Malformed,
            EventErrorKind::UnknownPayloadType => Kind::UnsupportedType,
            EventErrorKind::Invalid => Kind::InvalidEvent,
        };
        // The type of the payload is outside of it, in the envelope.
        let pointer = if error.kind == EventErrorKind::UnknownPayloadType {
            "/payloadType".into()
        } else {
            error.pointer
        };
        Self::new(kind, error.message).at(pointer)
    }
}

impl From<RecordError> for Problem {
    fn from(error: RecordError) -> Self {
        let detail = error.to_string();
        match error {
            RecordError::Envelope(error) => error.into(),
            RecordError::Event(error) => error.into(),
            RecordError::NoSnapshot => Self::new(Kind::InvalidEvent, detail).at("/context/type"),
            RecordError::UnknownEnvironment(_) => {
                Self::new(Kind::InvalidEvent, detail).at("/customData/shipslog/environment")
            }
            RecordError::Permission(error) => error.into(),
            RecordError::Conflict { .. } => Self::new(Kind::Conflict, detail).at("/context/id"),
            RecordError::Erased(tombstone) => Self::erased(detail, tombstone),
            RecordError::Submit(error) => error.into(),
            RecordError::Store(error) => error.into(),
            RecordError::Log(error) => error.into(),
            RecordError::Proof(error) => Self::internal(&error),
            RecordError::Entropy(error) => Self::internal(&error),
            RecordError::Payload(error) => Self::internal(&error),
        }
    }
}

impl From<LogError> for Problem {
    fn from(error: LogError) -> Self {
        let detail = error.to_string();
        match error {
            LogError::NoEntry { .. } | LogError::NoTree { .. } | LogError::NoResource => {
                Self::new(Kind::NotFound, detail)
            }
            LogError::Erased(tombstone) => Self::erased(detail, tombstone),
            LogError::Store(error) => error.into(),
        }
    }
}

impl From<ProofsError> for Problem {
    fn from(error: ProofsError) -> Self {
        let detail = error.to_string();
        match error {
            ProofsError::Index { .. } => Self::new(Kind::InvalidParameter, detail).at("index"),
            ProofsError::Size { parameter, .. } => Self::new(Kind::InvalidParameter, detail).at(parameter),
            ProofsError::Sizes { .. } => Self::new(Kind::InvalidParameter, detail).at("old"),
            ProofsError::NoCheckpoint { .. } => Self::new(Kind::NotFound, detail).at("tree_size"),
            ProofsError::NotPublished { .. } => Self::new(Kind::NotFound, detail),
            ProofsError::Log(error) => error.into(),
            ProofsError::Store(error) => error.into(),
        }
    }
}

impl From<ReadError> for Problem {
    fn from(error: ReadError) -> Self {
        let detail = error.to_string();
        match error {
            ReadError::NotFound { .. } => Self::new(Kind::NotFound, detail),
            ReadError::Ambiguous { .. } => Self::new(Kind::Conflict, detail).at("service"),
            ReadError::TreeSize { .. } => Self::new(Kind::InvalidParameter, detail).at("tree_size"),
            ReadError::Erased(tombstone) => Self::erased(detail, tombstone),
            ReadError::Store(error) => error.into(),
        }
    }
}

impl From<DecisionError> for Problem {
    fn from(error: DecisionError) -> Self {
        match error {
            DecisionError::Read(error) => error.into(),
            DecisionError::Unfit { pointer, message } => Self::new(Kind::InvalidEvent, message).at(pointer),
            DecisionError::Record(error) => error.into(),
            DecisionError::Store(error) => error.into(),
        }
    }
}

impl From<AdministrationError> for Problem {
    fn from(error: AdministrationError) -> Self {
        let detail = error.to_string();
        match error {
            AdministrationError::NotFound { .. } => Self::new(Kind::NotFound, detail),
            AdministrationError::Empty { pointer }
            | AdministrationError::Past { pointer }
            | AdministrationError::TooLong { pointer, .. } => Self::new(Kind::InvalidEvent, detail).at(pointer),
            AdministrationError::LastAdmin => Self::new(Kind::Conflict, detail),
            AdministrationError::TooMany => Self::new(Kind::TooMany, detail),
            AdministrationError::Store(error) => error.into(),
            AdministrationError::Key(_) => Self::new(Kind::InvalidEvent, detail).at("/public_key"),
            AdministrationError::Record(error) => error.into(),
        }
    }
}

impl From<HookError> for Problem {
    fn from(error: HookError) -> Self {
        let detail = error.to_string();
        match error {
            HookError::NotConfigured(_) => Self::new(Kind::NotFound, detail),
            HookError::Signature(_) => Self::new(Kind::Unauthenticated, detail).at("X-Hub-Signature-256"),
            HookError::Bearer(_) => Self::new(Kind::Unauthenticated, detail).at("Authorization"),
            HookError::Adapter(error) => error.into(),
            HookError::Record(error) => error.into(),
        }
    }
}

impl From<AdapterError> for Problem {
    fn from(error: AdapterError) -> Self {
        let detail = error.to_string();
        match error {
            AdapterError::Delivery => Self::new(Kind::Malformed, detail).at("X-GitHub-Delivery"),
            AdapterError::Json(error) => Self::new(Kind::Malformed, detail).at(error.pointer),
            AdapterError::Body { pointer, message } => Self::new(Kind::InvalidEvent, message).at(pointer),
            AdapterError::Write(_) => Self::internal(&error),
        }
    }
}

impl From<IssueError> for Problem {
    fn from(error: IssueError) -> Self {
        match error {
            IssueError::Document(error) => error.into(),
            IssueError::Record(error) => error.into(),
        }
    }
}

impl From<Unknown> for Problem {
    fn from(unknown: Unknown) -> Self {
        Self::new(Kind::NotFound, unknown.to_string()).at(unknown.parameter())
    }
}

impl From<PerformanceError> for Problem {
    fn from(error: PerformanceError) -> Self {
        match error {
            PerformanceError::Read(error) => error.into(),
            PerformanceError::Metrics(error) => error.into(),
            PerformanceError::Unknown(unknown) => unknown.into(),
            PerformanceError::Store(error) => error.into(),
        }
    }
}

impl From<CompletenessError> for Problem {
    fn from(error: CompletenessError) -> Self {
        let detail = error.to_string();
        match error {
            CompletenessError::Read(error) => error.into(),
            CompletenessError::Environment(_) => Self::new(Kind::NotFound, detail).at("environment"),
            CompletenessError::Store(error) => error.into(),
        }
    }
}

impl From<MetricsError> for Problem {
    fn from(error: MetricsError) -> Self {
        let parameter = match &error {
            MetricsError::Period(error) => error.parameter(),
            MetricsError::Buckets { .. } => "bucket",
            MetricsError::Edition(_) => "bands",
            MetricsError::Maturity => "maturity_hours",
        };
        Self::new(Kind::InvalidParameter, error.to_string()).at(parameter)
    }
}

impl From<PeriodError> for Problem {
    fn from(error: PeriodError) -> Self {
        Self::new(Kind::InvalidParameter, error.to_string()).at(error.parameter())
    }
}

impl From<ZoneError> for Problem {
    fn from(error: ZoneError) -> Self {
        PeriodError::from(error).into()
    }
}
