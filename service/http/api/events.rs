//! `/v1/events`: taking signed events in, and showing them.

use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION};
use actix_web::web::{Data, Json, Path, Payload};
use actix_web::{HttpRequest, HttpResponse, get, post};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::super::problem::{Kind, Problem};
use super::super::{blocking, body};
use super::query::{Query, invalid, paging};
use crate::app::{Accepted, App, At, EventSummary, EventView, Page, ProofsError};
use crate::domain::Instant;
use crate::store::EventFilter;

/// Media type of a DSSE envelope.
pub(super) const ENVELOPE_TYPE: &str = "application/vnd.dsse.envelope.v1+json";

/// A DSSE v1.0.2 envelope around a CDEvent.
#[derive(ToSchema)]
#[allow(dead_code)] // read by hand, for speed and strictness; this is its description
pub struct EnvelopeBody {
    /// `application/vnd.cdevents+json`, or `application/cloudevents+json` for a structured CloudEvent around a CDEvent;
    /// `application/vnd.shipslog.administration+json` for what the service itself decided, which nobody else may sign.
    #[schema(rename = "payloadType", example = "application/vnd.cdevents+json")]
    payload_type: String,
    /// The event, in base64.
    payload: String,
    /// Signatures over the pre-authentication encoding; at least one by a registered producer.
    signatures: Vec<SignatureBody>,
}

/// One signature of an envelope.
#[derive(ToSchema)]
#[allow(dead_code)]
pub struct SignatureBody {
    /// Hint to the key: SHA-256 of the DER SubjectPublicKeyInfo, in hex.
    keyid: Option<String>,
    /// Ed25519 signature, in base64.
    sig: String,
}

/// Proof that an event is in the log. Keep it: it verifies offline, with the log's public key alone.
#[derive(ToSchema)]
#[allow(dead_code)]
pub struct ReceiptBody {
    /// Index of the entry.
    index: u64,
    /// Bytes of the leaf, in base64.
    entry: String,
    /// 32 bytes that blind the commitment, in base64.
    salt: String,
    /// C2SP `tlog-proof` text: inclusion proof and signed checkpoint.
    proof: String,
    /// SHA-256 of the envelope as received, in hex.
    envelope_sha256: String,
}

/// Records one signed event.
#[utoipa::path(
    tag = "events",
    request_body(content((EnvelopeBody = "application/vnd.dsse.envelope.v1+json"), (EnvelopeBody = "application/json"))),
    responses(
        (status = 201, description = "Durably recorded; the receipt proves it", body = ReceiptBody),
        (status = 200, description = "It was recorded before; the original receipt", body = ReceiptBody),
        (status = "4XX", description = "Refused, nothing was recorded", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Busy, unavailable or unconfirmed: send it again. Or read-only, because the database is not the newest copy of the log", body = Problem, content_type = "application/problem+json"),
        (status = 507, description = "The disk is nearly full; nothing was recorded", body = Problem, content_type = "application/problem+json"),
    ),
    security(())
)]
#[post("/v1/events")]
pub async fn create_event(app: Data<App>, request: HttpRequest, payload: Payload) -> Result<HttpResponse, Problem> {
    body::require_type(&request, &[ENVELOPE_TYPE, "application/json"])?;
    let envelope = body::read(&request, payload, body::MAX_ENVELOPE).await?;
    let accepted = app.record(envelope).await?;
    let mut response = if accepted.fresh {
        HttpResponse::Created()
    } else {
        HttpResponse::Ok()
    };
    Ok(response
        .insert_header((CONTENT_TYPE, "application/json"))
        .insert_header((LOCATION, format!("/v1/events/{}", accepted.index)))
        .body(accepted.receipt.to_json()))
}

/// Records many signed events: one envelope a line, one answer a line, in the same order. Each line stands for itself.
///
/// At most 10,000 lines and 16 MiB. More are refused with 413, and none of them is recorded.
#[utoipa::path(
    tag = "events",
    request_body(content = String, content_type = "application/x-ndjson", description = "One envelope a line"),
    responses(
        (status = 200, description = "One answer a line: `{\"status\":201,\"receipt\":{…}}` or `{\"status\":422,\"problem\":{…}}`", body = String, content_type = "application/x-ndjson"),
        (status = 413, description = "Too many lines or bytes; nothing was recorded", body = Problem, content_type = "application/problem+json"),
        (status = "4XX", description = "Nothing was read", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Busy, nothing was recorded: send it again. What befalls a line later is in its own answer", body = Problem, content_type = "application/problem+json"),
    ),
    security(())
)]
#[post("/v1/events/batch")]
pub async fn create_events(app: Data<App>, request: HttpRequest, payload: Payload) -> Result<HttpResponse, Problem> {
    body::require_type(&request, &["application/x-ndjson", "application/jsonl"])?;
    let batch = body::read(&request, payload, body::MAX_BATCH).await?;
    let lines: Vec<&[u8]> = batch
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.trim_ascii().is_empty())
        .take(body::MAX_BATCH_LINES + 1)
        .collect();
    if lines.len() > body::MAX_BATCH_LINES {
        let detail = format!("a batch must not have more than {} lines", body::MAX_BATCH_LINES);
        return Err(Problem::new(Kind::TooLarge, detail));
    }
    let small: Vec<&[u8]> = lines
        .iter()
        .copied()
        .filter(|line| line.len() <= body::MAX_ENVELOPE)
        .collect();
    let mut recorded = app.record_all(&small).await?.into_iter();
    let mut answers = String::new();
    for line in lines {
        let result = if line.len() > body::MAX_ENVELOPE {
            None
        } else {
            recorded.next()
        };
        answers.push_str(&match result {
            Some(Ok(accepted)) => line_of(&accepted),
            Some(Err(error)) => problem_line(&error.into()),
            None => problem_line(&body::too_large(body::MAX_ENVELOPE)),
        });
        answers.push('\n');
    }
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "application/x-ndjson"))
        .body(answers))
}

fn line_of(accepted: &Accepted) -> String {
    let status = if accepted.fresh { 201 } else { 200 };
    format!("{{\"status\":{status},\"receipt\":{}}}", accepted.receipt.to_json())
}

fn problem_line(problem: &Problem) -> String {
    serde_json::json!({ "status": problem.status, "problem": problem }).to_string()
}

/// Which events to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct EventsQuery {
    /// The service they are about.
    pub service: Option<String>,
    /// The environment they are about.
    pub environment: Option<String>,
    /// Their whole type.
    #[serde(rename = "type")]
    #[param(rename = "type")]
    pub event_type: Option<String>,
    /// Who signed them.
    pub producer: Option<String>,
    /// Claimed not before this time, RFC 3339.
    #[param(value_type = Option<String>, format = DateTime)]
    pub from: Option<Instant>,
    /// Claimed before this time, RFC 3339.
    #[param(value_type = Option<String>, format = DateTime)]
    pub to: Option<Instant>,
    /// As of this tree size; the newest if absent.
    pub tree_size: Option<u64>,
    /// Goes on where a page ended.
    pub cursor: Option<String>,
    /// At most this many items; 100 if absent, 500 at most.
    pub limit: Option<u16>,
}

/// Events, newest first.
#[utoipa::path(
    tag = "events",
    params(EventsQuery),
    responses(
        (status = 200, description = "A page of events", body = Page<EventSummary>),
        (status = "4XX", description = "A parameter is wrong", body = Problem, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
#[get("/v1/events")]
pub async fn list_events(app: Data<App>, query: Query<EventsQuery>) -> Result<Json<Page<EventSummary>>, Problem> {
    let query = query.into_inner();
    let paging = paging(query.tree_size, query.cursor.as_deref(), query.limit)?;
    let filter = EventFilter {
        service: query.service,
        environment: query.environment,
        event_type: query.event_type,
        producer: query.producer,
        from_ms: query.from.map(Instant::as_millis),
        to_ms: query.to.map(Instant::as_millis),
    };
    Ok(Json(blocking(move || app.events(&filter, paging)).await?))
}

/// One event in full.
#[utoipa::path(
    tag = "events",
    params(("index" = u64, Path, description = "Index of its entry")),
    responses(
        (status = 200, description = "The event", body = EventView),
        (status = 404, description = "There is no such event, or it lies beyond the reach of the token", body = Problem, content_type = "application/problem+json"),
        (status = 410, description = "It was erased; `erased` says by which entry, and proves both", body = Problem, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
#[get("/v1/events/{index}")]
pub async fn show_event(app: Data<App>, index: Path<u64>) -> Result<Json<EventView>, Problem> {
    Ok(Json(blocking(move || app.event(*index)).await?))
}

/// The envelope of an event, byte for byte as received.
#[utoipa::path(
    tag = "events",
    params(("index" = u64, Path, description = "Index of its entry")),
    responses(
        (status = 200, description = "The envelope", body = EnvelopeBody, content_type = "application/vnd.dsse.envelope.v1+json"),
        (status = 404, description = "There is no such event, or it lies beyond the reach of the token", body = Problem, content_type = "application/problem+json"),
        (status = 410, description = "It was erased; `erased` says by which entry, and proves both", body = Problem, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
#[get("/v1/events/{index}/envelope")]
pub async fn show_envelope(app: Data<App>, index: Path<u64>) -> Result<HttpResponse, Problem> {
    let envelope = blocking(move || app.envelope(*index)).await?;
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, ENVELOPE_TYPE))
        .body(envelope))
}

/// Under which checkpoint a receipt is wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ReceiptQuery {
    /// A size that the log has signed a checkpoint of, or `latest`: the published one, with its cosignatures. The
    /// checkpoint of the event's own commit if absent.
    pub tree_size: Option<String>,
}

/// The receipt that was given when an event was recorded, or the same proved under a later checkpoint.
#[utoipa::path(
    tag = "events",
    params(("index" = u64, Path, description = "Index of its entry"), ReceiptQuery),
    responses(
        (status = 200, description = "The receipt", body = ReceiptBody),
        (status = 400, description = "The log is not that large, or that tree does not hold the event", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such event, or no checkpoint of that size; or it lies beyond the reach of the token", body = Problem, content_type = "application/problem+json"),
        (status = 410, description = "It was erased; `erased` says by which entry, and proves both", body = Problem, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
#[get("/v1/events/{index}/receipt")]
pub async fn show_receipt(
    app: Data<App>,
    index: Path<u64>,
    query: Query<ReceiptQuery>,
) -> Result<HttpResponse, Problem> {
    let at = query.tree_size.as_deref().map(checkpoint_at).transpose()?;
    let receipt = blocking(move || match at {
        Some(at) => app.receipt_at(*index, at),
        None => app.receipt(*index).map_err(ProofsError::Log),
    });
    let receipt = receipt.await?;
    Ok(HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((CONTENT_TYPE, "application/json"))
        .body(receipt.to_json()))
}

fn checkpoint_at(text: &str) -> Result<At, Problem> {
    match text {
        "latest" => Ok(At::Latest),
        size => size
            .parse()
            .map(At::Size)
            .map_err(|_| invalid("tree_size", &"must be a number or \"latest\"")),
    }
}
