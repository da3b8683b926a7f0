//! The kinds of problem that a client can tell apart.

use actix_web::http::StatusCode;

/// The kinds of problem: slug, status, title.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The request is not what its form says.
    Malformed,
    /// A parameter is wrong.
    InvalidParameter,
    /// Nobody, or nobody we know.
    Unauthenticated,
    /// Known, but not for this.
    Forbidden,
    /// Not there.
    NotFound,
    /// That method is not for this path.
    MethodNotAllowed,
    /// Something else is there.
    Conflict,
    /// It was there and was destroyed.
    Erased,
    /// Too many bytes.
    TooLarge,
    /// No such media type or payload type.
    UnsupportedType,
    /// The event breaks its schema.
    InvalidEvent,
    /// The body did not arrive in time.
    Timeout,
    /// Enough was asked today.
    TooMany,
    /// Too much is waiting.
    Busy,
    /// The outcome is not known.
    Unconfirmed,
    /// The database is not there.
    Unavailable,
    /// The database is not the newest copy of the log.
    ReadOnlyGuard,
    /// The disk is nearly full.
    StorageLow,
    /// The service cannot do its work now.
    NotReady,
    /// A fault of ours.
    Internal,
}

impl Kind {
    pub(super) const fn entry(self) -> (&'static str, StatusCode, &'static str) {
        match self {
            Self::Malformed => ("malformed", StatusCode::BAD_REQUEST, "Malformed request"),
            Self::InvalidParameter => ("invalid-parameter", StatusCode::BAD_REQUEST, "Invalid parameter"),
            Self::Unauthenticated => ("unauthenticated", StatusCode::UNAUTHORIZED, "Not authenticated"),
            Self::Forbidden => ("forbidden", StatusCode::FORBIDDEN, "Not permitted"),
            Self::NotFound => ("not-found", StatusCode::NOT_FOUND, "Not found"),
            Self::MethodNotAllowed => (
                "method-not-allowed",
                StatusCode::METHOD_NOT_ALLOWED,
                "Method not allowed",
            ),
            Self::Conflict => ("conflict", StatusCode::CONFLICT, "Conflict"),
            Self::Erased => ("erased", StatusCode::GONE, "Erased"),
            Self::TooLarge => ("too-large", StatusCode::PAYLOAD_TOO_LARGE, "Too large"),
            Self::UnsupportedType => (
                "unsupported-type",
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "Unsupported type",
            ),
            Self::InvalidEvent => ("invalid-event", StatusCode::UNPROCESSABLE_ENTITY, "Invalid event"),
            Self::Timeout => ("timeout", StatusCode::REQUEST_TIMEOUT, "Request timed out"),
            Self::TooMany => ("too-many", StatusCode::TOO_MANY_REQUESTS, "Too many questions"),
            Self::Busy => ("busy", StatusCode::SERVICE_UNAVAILABLE, "Busy"),
            Self::Unconfirmed => ("unconfirmed", StatusCode::SERVICE_UNAVAILABLE, "Outcome not known"),
            Self::Unavailable => ("unavailable", StatusCode::SERVICE_UNAVAILABLE, "Unavailable"),
            Self::ReadOnlyGuard => ("read-only-guard", StatusCode::SERVICE_UNAVAILABLE, "Read-only"),
            Self::StorageLow => ("storage-low", StatusCode::INSUFFICIENT_STORAGE, "Storage is low"),
            Self::NotReady => ("not-ready", StatusCode::SERVICE_UNAVAILABLE, "Not ready"),
            Self::Internal => ("internal", StatusCode::INTERNAL_SERVER_ERROR, "Internal error"),
        }
    }
}
