//! `/v1/completeness` and `/v1/snapshots`: what is not in the ledger although it should be, and what shows that.

use actix_web::http::header::{CONTENT_TYPE, LOCATION};
use actix_web::web::{Data, Json, Payload};
use actix_web::{HttpRequest, HttpResponse, get, post};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::super::problem::Problem;
use super::super::{blocking, body};
use super::events::{ENVELOPE_TYPE, EnvelopeBody, ReceiptBody};
use super::query::{Query, name, optional_name};
use crate::app::App;
use crate::domain::Instant;
use crate::reconcile::{self, Completeness, Finding};

/// Of what.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct CompletenessParameters {
    /// The environment.
    pub environment: String,
    /// Only findings about this service.
    pub service: Option<String>,
    /// Only findings that were open at this time or later, RFC 3339.
    #[param(value_type = Option<String>, format = DateTime)]
    pub from: Option<Instant>,
    /// Only findings that were opened before this time, RFC 3339.
    #[param(value_type = Option<String>, format = DateTime)]
    pub to: Option<Instant>,
    /// As of this tree size; the newest if absent.
    pub tree_size: Option<u64>,
}

/// What became of a runtime snapshot.
#[derive(ToSchema)]
#[allow(dead_code)] // written by hand around the receipt, which is text already; this is its description
pub struct SnapshotAnswer {
    /// Proves that it is recorded.
    receipt: ReceiptBody,
    /// Findings that it is the first to show.
    opened: Vec<Finding>,
    /// Findings that it puts an end to.
    closed: Vec<Finding>,
}

/// What is not in the ledger although it should be: what ran and was not recorded, numbers that sources left out, sources that
/// fell silent; and what cannot be told. Whether what is in the ledger was altered is another question, which verification answers.
#[utoipa::path(
    tag = "completeness",
    params(CompletenessParameters),
    responses(
        (status = 200, description = "What is missing", body = Completeness),
        (status = 404, description = "There is no such environment", body = Problem, content_type = "application/problem+json"),
        (status = "4XX", description = "A parameter is wrong", body = Problem, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
#[get("/v1/completeness")]
pub async fn completeness(app: Data<App>, query: Query<CompletenessParameters>) -> Result<Json<Completeness>, Problem> {
    let asked = query.into_inner();
    let query = reconcile::Query {
        environment: name("environment", &asked.environment)?,
        service: optional_name("service", asked.service.as_deref())?,
        from: asked.from,
        to: asked.to,
    };
    Ok(Json(blocking(move || app.completeness(&query, asked.tree_size)).await?))
}

/// Records one signed runtime snapshot, as `/v1/events` would, and answers with what it changes.
#[utoipa::path(
    tag = "completeness",
    request_body(content((EnvelopeBody = "application/vnd.dsse.envelope.v1+json"), (EnvelopeBody = "application/json"))),
    responses(
        (status = 201, description = "Durably recorded; the receipt proves it", body = SnapshotAnswer),
        (status = 200, description = "It was recorded before; the original receipt", body = SnapshotAnswer),
        (status = "4XX", description = "Refused, nothing was recorded", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Busy, unavailable or unconfirmed: send it again. Or read-only, because the database is not the newest copy of the log", body = Problem, content_type = "application/problem+json"),
        (status = 507, description = "The disk is nearly full; nothing was recorded", body = Problem, content_type = "application/problem+json"),
    ),
    security(())
)]
#[post("/v1/snapshots")]
pub async fn create_snapshot(app: Data<App>, request: HttpRequest, payload: Payload) -> Result<HttpResponse, Problem> {
    body::require_type(&request, &[ENVELOPE_TYPE, "application/json"])?;
    let envelope = body::read(&request, payload, body::MAX_ENVELOPE).await?;
    let (accepted, effect) = app.record_snapshot(envelope).await?;
    let mut response = if accepted.fresh {
        HttpResponse::Created()
    } else {
        HttpResponse::Ok()
    };
    let findings = |found: &[Finding]| serde_json::to_string(found).map_err(|error| Problem::internal(&error));
    let answer = format!(
        "{{\"receipt\":{},\"opened\":{},\"closed\":{}}}",
        accepted.receipt.to_json(),
        findings(&effect.opened)?,
        findings(&effect.closed)?
    );
    Ok(response
        .insert_header((CONTENT_TYPE, "application/json"))
        .insert_header((LOCATION, format!("/v1/events/{}", accepted.index)))
        .body(answer))
}
