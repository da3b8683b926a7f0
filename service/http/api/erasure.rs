//! `/v1/events/{index}/erasure`: destroying the content of an event, on the record.

use actix_web::http::header::LOCATION;
use actix_web::web::{Data, Path, Payload, ReqData};
use actix_web::{HttpRequest, HttpResponse, post};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::body;
use super::super::problem::Problem;
use crate::app::{App, Remains, Tombstone};
use crate::domain::ErasureReason;
use crate::domain::producer::Token;

/// Why content is to be destroyed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ErasureRequest {
    /// From a closed list, so that reports can count by it.
    reason: ErasureReason,
    /// In words. It stays in the log for ever: it must not repeat what is erased.
    text: String,
}

/// Content that was destroyed.
#[derive(Debug, Serialize, ToSchema)]
pub struct ErasureBody {
    /// What stands in its place.
    erased: Tombstone,
    /// Where the old bytes still are in the files of the database: `nothing`, the `write-ahead-log` until its readers have
    /// ended, or where only the `operator` of PostgreSQL reaches. Copies of the database are nobody's to know.
    remains: Remains,
}

/// Destroys the envelope and the salt of an event, and everything that was read from them. That, who did it and why is a
/// signed entry of the log; the erased entry and all proofs stay. The event is not taken in again.
#[utoipa::path(
    tag = "events",
    params(("index" = u64, Path, description = "Index of its entry")),
    request_body = ErasureRequest,
    responses(
        (status = 201, description = "Destroyed", body = ErasureBody),
        (status = 200, description = "It was destroyed before; the first erasure", body = ErasureBody),
        (status = 404, description = "There is no such event", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The entry says who may do what, and stays", body = Problem, content_type = "application/problem+json"),
        (status = "4XX", description = "Refused", body = Problem, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
#[post("/v1/events/{index}/erasure")]
pub async fn erase_event(
    app: Data<App>,
    request: HttpRequest,
    index: Path<u64>,
    caller: ReqData<Token>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let ErasureRequest { reason, text } = body::read_json(&request, payload).await?;
    let done = app.erase(*index, reason, &text, &caller).await?;
    let mut response = if done.fresh {
        HttpResponse::Created()
    } else {
        HttpResponse::Ok()
    };
    Ok(response
        .insert_header((LOCATION, format!("/v1/events/{}", done.tombstone.erased_by)))
        .json(ErasureBody {
            erased: done.tombstone,
            remains: done.remains,
        }))
}
