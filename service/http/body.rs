//! Reading request bodies: bounded in bytes and in time, since actix-web bounds neither for a body read by hand.

use std::time::Duration;

use actix_web::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use actix_web::{HttpRequest, web};
use futures_util::StreamExt;
use serde::de::DeserializeOwned;

use super::problem::{Kind, Problem};

/// Most bytes of one envelope.
pub const MAX_ENVELOPE: usize = 1 << 20;
/// Most bytes of a batch.
pub const MAX_BATCH: usize = 16 << 20;
/// Most lines of a batch.
pub const MAX_BATCH_LINES: usize = 10_000;
/// Most bytes of a notification of alerts.
pub const MAX_NOTIFICATION: usize = 4 << 20;
/// Most bytes of a delivery of GitHub, which sends no larger one ("Webhook events and payloads").
pub const MAX_DELIVERY: usize = 25 << 20;
/// A body must have arrived within this time.
const DEADLINE: Duration = Duration::from_secs(10);

/// Reads a body of at most `limit` bytes.
pub async fn read(request: &HttpRequest, mut payload: web::Payload, limit: usize) -> Result<Vec<u8>, Problem> {
    let declared = request
        .headers()
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if declared.is_some_and(|length| length > limit) {
        return Err(too_large(limit));
    }
    let mut body = Vec::with_capacity(declared.unwrap_or(0));
    let reading = async {
        while let Some(chunk) = payload.next().await {
            let chunk = chunk.map_err(|error| Problem::new(Kind::Malformed, format!("the body broke off: {error}")))?;
            if body.len() + chunk.len() > limit {
                return Err(too_large(limit));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(())
    };
    match tokio::time::timeout(DEADLINE, reading).await {
        Ok(result) => result.map(|()| body),
        Err(_) => Err(Problem::new(
            Kind::Timeout,
            format!("the body did not arrive within {} s", DEADLINE.as_secs()),
        )),
    }
}

/// Reads a JSON body into a type, naming the member at fault.
pub async fn read_json<T: DeserializeOwned>(request: &HttpRequest, payload: web::Payload) -> Result<T, Problem> {
    require_type(request, &["application/json"])?;
    let body = read(request, payload, MAX_ENVELOPE).await?;
    let value = ledger::json::parse(&body)
        .map_err(|error| Problem::new(Kind::Malformed, error.to_string()).at(error.pointer.clone()))?;
    serde_path_to_error::deserialize(value).map_err(|error| {
        let pointer = pointer(error.path());
        Problem::new(Kind::InvalidEvent, error.into_inner().to_string()).at(pointer)
    })
}

/// Refuses a body that does not say it is one of these media types.
pub fn require_type(request: &HttpRequest, allowed: &[&str]) -> Result<(), Problem> {
    let given = request
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("");
    let essence = given.split(';').next().unwrap_or("").trim();
    if allowed.iter().any(|allowed| allowed.eq_ignore_ascii_case(essence)) {
        Ok(())
    } else {
        Err(Problem::new(
            Kind::UnsupportedType,
            format!("the body must be {}", allowed.join(" or ")),
        )
        .at("Content-Type"))
    }
}

fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    path.iter()
        .map(|segment| match segment {
            Segment::Seq { index } => format!("/{index}"),
            Segment::Map { key } | Segment::Enum { variant: key } => {
                format!("/{}", key.replace('~', "~0").replace('/', "~1"))
            }
            Segment::Unknown => "/?".into(),
        })
        .collect()
}

pub fn too_large(limit: usize) -> Problem {
    Problem::new(
        Kind::TooLarge,
        format!("the body must not be larger than {limit} bytes"),
    )
}
