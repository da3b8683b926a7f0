//! `/v1/hooks`: deliveries of other systems, authenticated by a shared secret and signed by the service.

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse, post};
use serde_json::json;
use utoipa::ToSchema;

use super::super::body;
use super::super::problem::{Kind, Problem};
use super::events::ReceiptBody;
use crate::app::App;

/// The receipts of the events that a delivery became.
#[derive(ToSchema)]
#[allow(dead_code)]
pub struct HookBody {
    /// One for each event, in order; empty for deliveries that say nothing about deployments.
    receipts: Vec<ReceiptBody>,
}

/// Takes a delivery of GitHub: `deployment`, `deployment_status`, `release`, `pull_request`, `push`, `workflow_run`.
#[utoipa::path(
    tag = "hooks",
    params(
        ("X-GitHub-Event" = String, Header, description = "What happened"),
        ("X-GitHub-Delivery" = String, Header, description = "Id of the delivery"),
        ("X-Hub-Signature-256" = String, Header, description = "`sha256=` and the HMAC-SHA256 of the body, in hex"),
    ),
    request_body(content = Object, description = "The body of the delivery"),
    responses(
        (status = 201, description = "Recorded as these events", body = HookBody),
        (status = 200, description = "Recorded before, or nothing to record", body = HookBody),
        (status = "4XX", description = "Refused, nothing was recorded", body = Problem, content_type = "application/problem+json"),
    ),
    security(())
)]
#[post("/v1/hooks/github")]
pub async fn github(app: Data<App>, request: HttpRequest, payload: Payload) -> Result<HttpResponse, Problem> {
    body::require_type(&request, &["application/json"])?;
    let header = |name: &'static str| {
        request
            .headers()
            .get(name)
            .and_then(|value| value.to_str().ok())
            .filter(|value| !value.is_empty())
            .ok_or_else(|| Problem::new(Kind::Malformed, "this header is missing").at(name))
    };
    let signature = request
        .headers()
        .get("X-Hub-Signature-256")
        .and_then(|value| value.to_str().ok())
        .unwrap_or("");
    let (event, delivery) = (header("X-GitHub-Event")?, header("X-GitHub-Delivery")?);
    let bytes = body::read(&request, payload, body::MAX_ENVELOPE / 2).await?;
    let accepted = app.github(event, delivery, signature, &bytes).await?;
    let receipts: Result<Vec<serde_json::Value>, _> = accepted
        .iter()
        .map(|accepted| serde_json::from_str(&accepted.receipt.to_json()))
        .collect();
    let receipts = receipts.map_err(|error| Problem::internal(&error))?;
    let fresh = accepted.iter().any(|accepted| accepted.fresh);
    let mut response = if fresh {
        HttpResponse::Created()
    } else {
        HttpResponse::Ok()
    };
    Ok(response.json(json!({ "receipts": receipts })))
}
